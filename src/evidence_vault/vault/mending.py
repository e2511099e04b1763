"""Mending what fixity found: from what is here, or from a good copy whose bytes match the log.

1 tombstones   what a logged event gave up is finished first, and never brought back
2 note         ``control/repairs/pending``: what will be mended; its presence means resume
3 mend         each by itself: good bytes staged and compared, damaged ones set aside, replaced
4 look again   what was mended is read again; what is still damaged stays named
5 events       ``repaired``, and what an object store answered; then the note goes

A crash anywhere leaves at worst the damage that was there, and the note. Bytes of ``archive/``
that were damaged are kept beside (``.damaged/``; an archive with versions keeps the version). Of
``control/`` none are kept: they hold headers, and a header that is destroyed later must be gone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeGuard

from evidence_vault.core.canonical import is_hex
from evidence_vault.core.placement import Placed
from evidence_vault.core.tiles import TILE_WIDTH
from evidence_vault.errors import (
    EvidenceError,
    KeyProblem,
    NotFound,
    PolicyRefused,
    VaultError,
)
from evidence_vault.prove import damage as codes
from evidence_vault.prove.damage import DAMAGED, Damage
from evidence_vault.prove.objects import SliceFound, check_slice
from evidence_vault.store.naming import object_key
from evidence_vault.vault.copyahead import GoodCopies, demand_not_ahead
from evidence_vault.vault.faults import step
from evidence_vault.vault.heldcheck import check_held_copies
from evidence_vault.vault.holdrestore import restore_headers
from evidence_vault.vault.mendlocks import as_kept, mend_lock, put_again, wanted_lock
from evidence_vault.vault.mendlog import MendedLog
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.removing import finish_removals, removed_entries
from evidence_vault.vault.repairnote import NOTE, read_note, write_note
from evidence_vault.vault.slicing import every_slice, settle
from evidence_vault.vault.standing import committed, demand_may_sign
from evidence_vault.vault.wholelog import check_published
from evidence_vault.vault.writer import writing

_BLOCK = 1 << 20
_OF_OBJECTS = (codes.OBJECT_MISSING, codes.OBJECT_CHANGED)
_OF_VERSIONS = (
    codes.OBJECT_HIDDEN,
    codes.OBJECT_OVERLAID,
    codes.LOCK_WEAKER,
    codes.HOLD_OFF,
)
_OF_HEADERS = (
    codes.HEADER_MISSING,
    codes.HEADER_CHANGED,
    codes.HEADER_SWAPPED,
    codes.PACK_MISSING,
    codes.PACK_CHANGED,
)
_OF_PAYLOADS = (*_OF_OBJECTS, *_OF_VERSIONS)


@dataclass
class Mended:
    """What was mended and what is still damaged."""

    repaired: list[dict[str, Any]] = field(default_factory=list)
    left: list[Damage] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    events: list[int] = field(default_factory=list)
    refused: VaultError | None = None


def mend(
    vault: Vault, found: list[Damage], copies: GoodCopies | None, by: str | None = None
) -> Mended:
    """Mend what can be mended; never raises for what can't."""
    damaged = [each for each in found if each.severity == DAMAGED]
    others = [each for each in found if each.severity != DAMAGED]
    done = Mended()
    if not damaged:
        done.left = others
        return done
    with vault.locked():
        done.refused = _refusal(vault)
        if isinstance(done.refused, KeyProblem) or _is_restored(done.refused):
            said = f"nothing was repaired: {done.refused.message}"
            done.notices.append(f"{said}; {done.refused.hint}" if done.refused.hint else said)
            done.left = found
            return done
        finish_removals(vault)  # 1.
        if copies is not None:
            demand_not_ahead(vault, copies)  # again: others may have written since
        source = "this vault" if copies is None else copies.name
        write_note(vault, damaged, source)  # 2.
        step("repair-noted")
        mender = _Mender(vault, copies, done.notices)
        mender.mend(damaged)  # 3.
        done.refused = mender.refused
        vault.archive.flush()
        vault.control.flush()
        vault.log.forget()
        step("repair-mended")
    return _finish(vault, done, damaged, others, source, by, mender.placed)


def _refusal(vault: Vault) -> VaultError | None:
    """Why this vault may not sign now: then what is mended could not be recorded."""
    try:
        demand_may_sign(vault, committed(vault))
    except VaultError as error:
        return error
    return None


def _is_restored(error: VaultError | None) -> TypeGuard[VaultError]:
    """Whether it is for a reason that no repair of the log takes away."""
    return error is not None and error.code == "E-RESTORED"


def finish_note(vault: Vault, by: str | None) -> list[str]:
    """Record what an interrupted repair had mended; returns what is to be said of it."""
    note = read_note(vault)
    if note is None:
        return []
    done = _finish(vault, Mended(), note[0], [], note[1], by, [])
    return [
        f"a repair that was interrupted is finished: {len(done.repaired)} mended",
        *done.notices,
    ]


def _finish(
    vault: Vault,
    done: Mended,
    damaged: list[Damage],
    others: list[Damage],
    source: str,
    by: str | None,
    placed: list[Placed],
) -> Mended:
    if placed:
        try:
            _record_placed(vault, placed)  # the look again reads the versions that are recorded
        except VaultError as error:
            done.notices.append(f"what was stored again could not be recorded: {error.message}")
    left = look_again(vault, [*damaged, *others])  # 4.
    still = {_thing(each) for each in left}
    mended = [each for each in damaged if _thing(each) not in still]
    done.left = left
    for each in mended:
        done.repaired.append({**each.to_log(), "source": source})
    try:
        done.events += _record(vault, mended, source, by)  # 5.
    except VaultError as error:
        done.notices.append(
            f"what was mended could not be recorded yet: {error.message}; run this again"
        )
        return done
    step("repair-recorded")
    with suppress(NotFound):
        vault.control.delete(NOTE)
    return done


def _of_payload(each: Damage) -> bool:
    """Whether a finding is about a payload object, whose name is a digest."""
    return each.code in _OF_PAYLOADS or is_hex(each.object, 64)


def _thing(each: Damage) -> tuple[str, str, str]:
    """What is damaged, however: one that is missing now instead of changed is not mended."""
    return each.code.rpartition("-")[0], each.object, each.item


def look_again(vault: Vault, damaged: list[Damage]) -> list[Damage]:
    """The findings that are there now, where there were some before."""
    left: list[Damage] = []
    for number in range(vault.config.log + 1):
        mine = [each for each in damaged if each.log == number]
        objects = {each.index for each in mine if _of_payload(each)}
        rest = [each for each in mine if not _of_payload(each)]
        groups = {each.index // TILE_WIDTH for each in rest if each.index >= 0}
        for part in every_slice(vault, None, read=True):
            if part.log.number != number:
                continue
            look = part._replace(commits=_with(part.commits, objects), wanted=frozenset(objects))
            if look.commits:
                left += _checked(vault, look).damaged
            whole = part._replace(
                commits=_of_groups(part.commits, groups), read=False, placements=None
            )
            if whole.commits:
                left += _checked(vault, whole).damaged
        if any(each.index < 0 or "tile" in each.object for each in rest):
            left += check_published(vault, number)
    if any(each.object.startswith("holds/") for each in damaged):
        left += check_held_copies(vault)
    return list({(d.code, d.object, d.item): d for d in left}.values())


def _checked(vault: Vault, part: Any) -> SliceFound:
    found = check_slice(object_key, part)
    found.damaged = settle(vault, found.damaged)
    return found


def _with(commits: Iterable[tuple[int, int]], wanted: set[int]) -> tuple[tuple[int, int], ...]:
    return tuple((s, e) for s, e in commits if any(s <= index < e for index in wanted))


def _of_groups(commits: Iterable[tuple[int, int]], groups: set[int]) -> tuple[tuple[int, int], ...]:
    def touched(start: int, end: int) -> bool:
        first, last = start // TILE_WIDTH, (end - 1) // TILE_WIDTH
        return any(first <= group <= last for group in groups)

    return tuple((s, e) for s, e in commits if touched(s, e))


class _Mender:
    """Step 3. ``placed``: what an object store answered for what was put again."""

    def __init__(self, vault: Vault, copies: GoodCopies | None, notices: list[str]) -> None:
        self._vault = vault
        self._copies = copies
        self._notices = notices
        self._removed = {
            number: removed_entries(vault, number) for number in range(vault.config.log + 1)
        }
        self.placed: list[Placed] = []
        self.refused: VaultError | None = None

    def mend(self, damaged: list[Damage]) -> None:
        """The log first: what objects there are stands in it."""
        for number, removed in self._removed.items():
            mine = [d for d in damaged if d.log == number and d.code not in _OF_PAYLOADS]
            if mine:
                MendedLog(self._vault, number, self._copies, removed, self._notices).mend(mine)
        self._held_headers(damaged)
        if not any(each.code in _OF_PAYLOADS for each in damaged):
            return
        self._vault.log.forget()
        self.refused = _refusal(self._vault)
        if self.refused is not None:  # the log is not whole yet: nothing could be recorded
            self._notices.append(f"no object was repaired: {self.refused.message}")
            return
        for each in damaged:
            if each.code in _OF_OBJECTS:
                self._try(each, self._object)
            elif each.code in _OF_VERSIONS:
                self._try(each, self._version)

    def _held_headers(self, damaged: list[Damage]) -> None:
        """Headers of held items, from the copies that their holds keep."""
        if not any(each.code in _OF_HEADERS for each in damaged):
            return
        for item in self._vault.catalogue.held_ids():
            try:
                restore_headers(self._vault, [item])
            except VaultError as error:
                self._notices.append(f"{item}: copies of its headers: {error.message}")

    def _try(self, damage: Damage, how: Callable[[Damage], None]) -> None:
        try:
            how(damage)
        except (VaultError, OSError) as error:
            self._notices.append(f"{damage.object}: not mended: {error}")

    def _object(self, damage: Damage) -> None:
        """A payload object, from the copy, once its bytes hash to the name that the log gives."""
        if damage.index in self._removed[damage.log]:
            raise PolicyRefused("a logged event gave it up", code="E-REMOVED")
        if self._copies is None:
            raise NotFound("there is no other copy here: give one with --repair-from")
        with self._vault.archive.stage() as parts:
            with self._copies.archive.open(object_key(damage.object)) as stream:
                while block := stream.read(_BLOCK):
                    parts.write(block)
            names = parts.close()
            if names != (damage.object,):
                raise EvidenceError(f"the copy in {self._copies.name} is damaged, too")
        step("repair-staged")
        self._adopt(damage, parts.handle())

    def _adopt(self, damage: Damage, parts: tuple[tuple[str, str], ...]) -> None:
        archive = self._vault.archive
        if archive.locks:
            self.placed += as_kept(self._vault, damage, put_again(archive, parts))
            return
        archive.set_aside(object_key(damage.object))
        step("repair-aside")
        archive.adopt(parts)
        step("repair-adopted")

    def _version(self, damage: Damage) -> None:
        """What lies over the recorded version, or a lock that is weaker than recorded."""
        known = self._vault.catalogue.placed([damage.object])[damage.object]
        known = wanted_lock(self._vault, damage, known)
        placed = mend_lock(self._vault.archive, damage, known)
        self.placed += [] if placed is None else as_kept(self._vault, damage, [placed])


def _record_placed(vault: Vault, placed: list[Placed]) -> None:
    with writing(vault) as writer:
        writer.placed(placed)
        writer.commit()


def _record(vault: Vault, mended: list[Damage], source: str, by: str | None) -> list[int]:
    """``repaired``: about the items, and about the vault for what belongs to no item."""
    found = {d.item: vault.catalogue.home(d.item) for d in mended if d.index >= 0}
    homes = {item: home[0] for item, home in found.items() if home is not None}
    of_items = [d for d in mended if d.item in homes]
    of_log = [d for d in mended if d.item not in homes]
    if not mended:
        return []
    events: list[int] = []
    with writing(vault) as writer:
        for some in (of_items, of_log):
            if not some:
                continue
            values = {
                "actor": by,
                "objects": [each.to_log() for each in some],
                "purpose": "what fixity found was mended",
                "replica": {"name": source},
            }
            if some is of_items:
                items = {d.item: homes[d.item] for d in some}
                writer.set_event("repaired", sorted(items.items()), values)
            else:
                writer.vault_event("repaired", values)
            events.append(writer.commit())
        writer.checkpoint()
    return events
