"""Legal holds put on and taken off, and the copies of headers that they keep; under the lock.

Placing, some items at a time; the log decides what a crash left:

1 begun     control/holding names items and copies; a crash from here to 4 is rolled back when the
            vault is next opened for writing: the log does not say that they are held
2 copies    headers of all units of each item, under a legal hold of their own, read back
3 locks     legal hold on every stored object by its recorded version, read back
4 placed    the event committed, naming what the store answered; held from here
5 finished  the page emptied; a crash before it: opening sees 4 in the log and empties it

Releasing: the event comes first, so that nothing can be destroyed that the log says is held.

1 begun     as above; a crash here leaves everything held, and opening forgets it
2 released  committed and covered by a checkpoint
3 let go    legal holds off where no other hold stays, copies destroyed. A crash, or a store that
            refuses, leaves more locked than the log says: opening goes on, ``doctor`` names it
4 finished  as above
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from evidence_vault.core.packs import format_held_pack
from evidence_vault.core.placement import Placed
from evidence_vault.errors import (
    AlreadyExists,
    EvidenceError,
    FormatError,
    Locked,
    NotFound,
    StoreError,
    VaultError,
)
from evidence_vault.log.holdindex import PLACED, RELEASED, HoldChange
from evidence_vault.seal.units import UnitKey
from evidence_vault.store.naming import object_key
from evidence_vault.vault.faults import step
from evidence_vault.vault.holdpage import (
    PLACE,
    RELEASE,
    Begun,
    Page,
    read_page,
    write_page,
)
from evidence_vault.vault.holds import Kept, copy_key, holds, kept_of
from evidence_vault.vault.locks import (
    as_it_stands,
    each_or_error,
    hold_object,
    later,
    lock_of,
    locking,
    recorded,
    versions_of,
)
from evidence_vault.vault.opening import Vault

if TYPE_CHECKING:
    from evidence_vault.vault.writer import Writer

SLICE = 64  # items of one event: the writer lock is held for so many
COPY_SECONDS = 60  # the shortest lock of a copy: without one the bucket gives its own, of years
LATER = "came while the hold was on"

Refusals = dict[str, VaultError]


@dataclass
class Slice:
    """What became of some items: those in the event, those that were refused and why; ``lacking``:
    those some of whose headers are gone, so that the hold keeps less than the whole; ``lost``:
    objects whose held version the store does not have any more."""

    done: list[str] = field(default_factory=list)
    refused: Refusals = field(default_factory=dict)
    index: int = -1
    objects: int = 0
    lacking: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)


def slices(items: Sequence[str], size: int = SLICE) -> Iterator[list[str]]:
    for start in range(0, len(items), size):
        yield list(items[start : start + size])


# -- placing ---------------------------------------------------------------------------------------


def place_slice(
    vault: Vault, writer: Writer, hold: str, items: Sequence[str], values: Mapping[str, Any]
) -> Slice:
    """Put some items under a hold, or what came to them since; what fails is refused by name."""
    told = Slice()
    kept = {item: kept_of(vault, item) for item in items}
    for item, each in kept.items():
        if not vault.config.plaintext and not each.headers():
            told.refused[item] = NotFound(
                "its headers are gone: there is nothing left to keep", code="E-NOTHING-LEFT"
            )
    page = read_page(vault)
    if page.begun is not None:
        raise unfinished()
    numbers = {} if vault.config.plaintext else _numbers(vault, hold, items)
    unclear = {key for key, version in page.doomed if version is None}
    for item, number in numbers.items():
        if copy_key(hold, item, number) in unclear:
            told.refused.setdefault(item, StoreError("a copy of its headers is being destroyed"))
    wanted = [item for item in items if item not in told.refused]
    numbers = {item: number for item, number in numbers.items() if item in wanted}
    if not wanted:
        return told
    page.begun = Begun(PLACE, hold, tuple(wanted), tuple(sorted(numbers.items())))
    locked = {digest for item in wanted for digest in kept[item].objects()}
    page.off = [each for each in page.off if each[0] not in locked]  # noted by a release before
    write_page(vault, page)  # 1.
    step("hold-begun")
    record = writer.record_key()
    copies = _copy(vault, hold, numbers, kept, record, told.refused)  # 2.
    step("hold-copied")
    objects = _lock(vault, wanted, kept, told.refused)  # 3.
    step("hold-locked")
    told.done = [item for item in wanted if item not in told.refused]
    told.lacking = [item for item in told.done if kept[item].lacking]
    if told.done:
        _demand_ours(vault, page)
        told.objects = sum(len(objects[item]) for item in told.done)
        _record_placed(vault, writer, hold, told, values, objects, copies, record)  # 4.
        step("hold-placed")
        _demand_ours(vault, page)
    failed = [item for item in wanted if item in told.refused]
    _let_go(vault, page, failed)
    page.doomed += [
        (copy_key(hold, item, numbers[item]), None) for item in failed if item in numbers
    ]
    page.begun = None
    _destroy(vault, page)
    write_page(vault, page)  # 5.
    return told


def _demand_ours(vault: Vault, page: Page) -> None:
    """Raises StoreError (E-HOLD-INTERRUPTED) when another writer finished what this one began: it
    lost the writer lock meanwhile, and its locks may have been taken back."""
    if read_page(vault).begun != page.begun:
        raise StoreError(
            "another process took the writer lock while a hold was being placed",
            code="E-HOLD-INTERRUPTED",
            hint="run `evidence-vault doctor`, and place the hold again",
        )


def _numbers(vault: Vault, hold: str, items: Sequence[str]) -> dict[str, int]:
    numbers = dict.fromkeys(items, 1)
    for row in vault.catalogue.held_copies(hold, items):
        numbers[row.id] = max(numbers[row.id], row.number + 1)
    return numbers


def _copy(
    vault: Vault,
    hold: str,
    numbers: Mapping[str, int],
    kept: Mapping[str, Kept],
    record: UnitKey,
    refused: Refusals,
) -> dict[str, Placed]:
    """The copies by item. Each has the header of the event to come, too."""
    until = later(vault.clock.now(), seconds=COPY_SECONDS)

    def write(item: str) -> Placed:
        data = format_held_pack(hold, item, {**kept[item].headers(), **record.headers()})
        key = copy_key(hold, item, numbers[item])
        if vault.archive.locks:
            return locking(vault).create_held(key, data, until)
        with contextlib.suppress(AlreadyExists):
            vault.archive.create(key, data)
        with vault.archive.open(key) as stream:
            found = hashlib.sha256(stream.read()).hexdigest()
        if found != hashlib.sha256(data).hexdigest():
            raise StoreError(f"{key} does not read back as it was written", code="E-HELD-COPY")
        return Placed(found, len(data))

    items = list(numbers)
    copies: dict[str, Placed] = {}
    for item, made in zip(items, each_or_error(write, items), strict=True):
        if isinstance(made, VaultError):
            refused[item] = made
        else:
            copies[item] = made
    return copies


def _lock(
    vault: Vault, items: Sequence[str], kept: Mapping[str, Kept], refused: Refusals
) -> dict[str, list[Placed]]:
    """By item, its objects as they stand with the legal hold on; none in a folder."""
    found: dict[str, list[Placed]] = {item: [] for item in items}
    if not vault.archive.locks:
        return found
    works: list[tuple[str, Placed]] = []
    for item in items:
        if item in refused:
            continue
        try:
            digests = kept[item].objects()
            placed = recorded(vault, digests)
            works += [(item, placed[digest]) for digest in digests]
        except VaultError as error:
            refused[item] = error
    results = each_or_error(lambda work: hold_object(vault, work[1], on=True), works)
    for (item, _), locked in zip(works, results, strict=True):
        if isinstance(locked, VaultError):
            refused.setdefault(item, locked)
        else:
            found[item].append(locked)
    return found


def _record_placed(
    vault: Vault,
    writer: Writer,
    hold: str,
    told: Slice,
    values: Mapping[str, Any],
    objects: Mapping[str, Sequence[Placed]],
    copies: Mapping[str, Placed],
    record: UnitKey,
) -> None:
    """Members of a set stand in order of (home, item), and the copies in the order of members."""
    members = members_of(vault, told.done)
    payloads = list({p.digest: p for item, _ in members for p in objects[item]}.values())
    kept = tuple((item, copies[item]) for item, _ in members if item in copies)
    listed = [each.to_json() for each in (*payloads, *(copy for _, copy in kept))]
    writer.set_event(PLACED, members, {**values, "hold_id": hold, "objects": listed}, record)
    told.index = writer.frontier.size + writer.pending - 1
    items = tuple(item for item, _ in members)
    writer.index.holds.append(HoldChange(PLACED, told.index, items, hold, kept))
    writer.index.objects += payloads
    writer.commit()


def members_of(vault: Vault, items: Sequence[str]) -> list[tuple[str, str]]:
    """(item, home), in the order in which a set has its members."""
    homes = ((item, vault.catalogue.home(item)) for item in items)
    found = [(item, home[0]) for item, home in homes if home is not None]
    return sorted(found, key=lambda pair: (pair[1], pair[0]))


def extend_holds(vault: Vault, writer: Writer, items: Sequence[str] | None = None) -> int:
    """Put what came to held items under their holds; returns how many items it concerned.

    ``items``: those that something came to; None looks for all, at the cost of all held items'
    histories. A store that refuses now is no failure of what was recorded before: the next look
    finds it again, and ``doctor`` names it.
    """
    if not vault.catalogue.any_hold() or items == []:
        return 0
    due: dict[str, list[str]] = {}
    for hold, item in vault.catalogue.not_covered(ADDING, items):
        due.setdefault(hold, []).append(item)
    done = 0
    try:
        for hold, waiting in due.items():
            values = {"case": holds(vault, hold=hold)[0].case or None, "purpose": LATER}
            for some in slices(waiting):
                done += len(place_slice(vault, writer, hold, some, values).done)
        if done:
            writer.checkpoint()
    except (StoreError, EvidenceError, FormatError):
        return done
    return done


#: Events about one item that bring it new units.
ADDING = (
    *("ingested", "transfer-accepted", "received-again", "described"),
    *("derived", "derivation-refused"),
)


# -- releasing -------------------------------------------------------------------------------------


def release_slice(
    vault: Vault, writer: Writer, hold: str, items: Sequence[str], values: Mapping[str, Any]
) -> Slice:
    """End a hold for some items. Everything else that holds them stays."""
    told = Slice(done=list(items))
    page = read_page(vault)
    if page.begun is not None:
        raise unfinished()
    page.begun = Begun(RELEASE, hold, tuple(items))
    write_page(vault, page)  # 1.
    step("release-begun")
    objects = _standing(vault, items)
    told.objects = len(objects)
    members = members_of(vault, items)
    listed = [each.to_json() for each in objects]
    writer.set_event(RELEASED, members, {**values, "hold_id": hold, "objects": listed})
    told.index = writer.frontier.size + writer.pending - 1
    change = HoldChange(RELEASED, told.index, tuple(item for item, _ in members), hold)
    writer.index.holds.append(change)
    writer.commit()  # 2.
    step("release-committed")
    writer.checkpoint()
    step("release-signed")
    told.lost = sorted(finish_holds(vault).lost)  # 3. and 4.
    return told


def _standing(vault: Vault, items: Sequence[str]) -> list[Placed]:
    """The items' objects with the lock that the store tells of; those it tells nothing of are
    left out."""
    if not vault.archive.locks:
        return []
    digests = list(dict.fromkeys(d for item in items for d in kept_of(vault, item).objects()))
    placed = [each for each in vault.catalogue.placed(digests).values() if each.version]
    told = each_or_error(lambda one: as_it_stands(one, lock_of(vault, one)), placed)
    return [each for each in told if isinstance(each, Placed)]


# -- whatever was left -----------------------------------------------------------------------------


def finish_holds(vault: Vault) -> Page:
    """Do what is left of holds that were begun; under the writer lock. Cost without any: one look.

    Returns what can't be done yet. What can't be settled, since entries can't be read, stays as it
    is, locked; ``doctor`` names it.
    """
    page = read_page(vault)
    if page.empty:
        return page
    with contextlib.suppress(StoreError, EvidenceError, FormatError):
        _settle(vault, page)
        step("release-let-go")
        write_page(vault, page)
    _destroy(vault, page)
    step("release-destroyed")
    write_page(vault, page)
    return page


def _settle(vault: Vault, page: Page) -> None:
    """What was begun becomes what is to be taken off and destroyed, as the log decides."""
    begun = page.begun
    if begun is not None and begun.kind == PLACE:
        copies = vault.catalogue.held_copies(begun.hold, begun.items)
        made = {(row.id, row.number) for row in copies}
        _let_go(vault, page, begun.items)
        page.doomed += [(copy_key(begun.hold, *c), None) for c in begun.copies if c not in made]
    if begun is not None and begun.kind == RELEASE:
        rows = vault.catalogue.hold_rows(hold=begun.hold, items=begun.items)
        gone = [row.id for row in rows if row.released is not None]
        _let_go(vault, page, gone)
        page.doomed += [
            (copy_key(row.hold, row.id, row.number), row.version)
            for row in vault.catalogue.held_copies(begun.hold, gone)
        ]
    page.begun = None


def unfinished() -> StoreError:
    """The error where an earlier hold can't be finished, so that no other is begun."""
    return StoreError(
        "an earlier hold was begun and can't be finished yet",
        code="E-HOLD-UNFINISHED",
        hint="`evidence-vault doctor` says what is in the way",
    )


def _let_go(vault: Vault, page: Page, items: Sequence[str]) -> None:
    """Note the objects of items that no hold covers any more: their legal hold goes off."""
    if not vault.archive.locks or not items:
        return
    rows = vault.catalogue.hold_rows(items=list(items))
    held = {row.id for row in rows if row.released is None}
    digests = [d for item in items if item not in held for d in kept_of(vault, item).objects()]
    placed = vault.catalogue.placed(list(dict.fromkeys(digests)))
    known = set(page.off)
    recorded_ones = [each for each in placed.values() if each.version is not None]
    listed = each_or_error(lambda one: versions_of(vault, object_key(one.digest)), recorded_ones)
    for each, found in zip(recorded_ones, listed, strict=True):
        versions = {str(each.version)}
        if not isinstance(found, VaultError):  # what a repair laid over another is held as well
            versions |= {version.version for version in found}
        page.off += [(each.digest, v) for v in sorted(versions) if (each.digest, v) not in known]


def _destroy(vault: Vault, page: Page) -> None:
    """Take holds off, destroy copies; what the store refuses or does not answer stays noted."""

    def off(each: tuple[str, str]) -> None:
        try:
            hold_object(vault, Placed(each[0], 0, each[1]), on=False)
        except NotFound:
            page.lost.append(each[0])

    results = each_or_error(off, page.off)
    page.off = [
        e for e, done in zip(page.off, results, strict=True) if isinstance(done, VaultError)
    ]
    page.doomed = [(key, version or _version(vault, key)) for key, version in page.doomed]
    gone = each_or_error(lambda each: _drop(vault, *each), page.doomed)
    page.doomed = [
        e for e, done in zip(page.doomed, gone, strict=True) if isinstance(done, VaultError)
    ]


def _version(vault: Vault, key: str) -> str | None:
    """Which version a copy is that was written and not recorded, before another one may lie over
    it; None where that can't be told now."""
    if not vault.archive.locks:
        return None
    try:
        return locking(vault).newest_version(key)
    except VaultError:
        return None


def _drop(vault: Vault, key: str, version: str | None) -> None:
    """Destroy one copy; raises Locked while its minute is not over."""
    with contextlib.suppress(NotFound):
        if not vault.archive.locks:
            vault.archive.delete(key)
            return
        store = locking(vault)
        known = version or store.newest_version(key)
        store.hold(key, known, False)
        store.delete_version(key, known)


__all__ = ["Locked", "Slice", "extend_holds", "finish_holds", "place_slice", "release_slice"]
