"""Fixity: what is stored, looked at again and compared with what the log says (docs/fixity.md)."""

from __future__ import annotations

import contextlib
import functools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from evidence_vault.errors import (
    FormatError,
    LogInconsistent,
    NotFound,
    StoreError,
    UsageError,
    VaultError,
)
from evidence_vault.log.logstore import LogStore
from evidence_vault.log.sequencer import Sequencer
from evidence_vault.prove import damage as codes
from evidence_vault.prove.damage import DAMAGED, Damage
from evidence_vault.prove.objects import SliceFound, check_slice
from evidence_vault.store.naming import object_key
from evidence_vault.vault.copyahead import GoodCopies, demand_not_ahead
from evidence_vault.vault.digesting import digest_committed
from evidence_vault.vault.handovers import removed_items, set_event
from evidence_vault.vault.heldcheck import check_held_copies
from evidence_vault.vault.holding import cover
from evidence_vault.vault.mending import finish_note, mend
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.slicing import Range, demand_there, every_slice, settle
from evidence_vault.vault.spreading import spread
from evidence_vault.vault.unreferenced import Named
from evidence_vault.vault.wholelog import check_published
from evidence_vault.vault.writer import writing

Progress = Callable[[int, int], None]

CHECKED = "fixity-checked"
_STRETCH = 1 << 16  # entries after which a run over everything is recorded
_READ = "SHA-256 of stored objects, records and headers against the entries"
_LOCKS = "versions and locks of stored objects against the log; bytes were not read"


@dataclass(frozen=True)
class Wanted:
    """What to look at. One of ``all``, ``sample`` and ``items``.

    ``part``: (I, N), the I-th of N equal parts of the log, from 1. ``since``: leave out what was
    looked at on that day (UTC, ``YYYY-MM-DD``) or later, and found right. ``locks``: versions and
    locks alone. ``repair``, ``copies``: mend what can be mended from here, or from other copies.
    """

    all: bool = False
    sample: int | None = None
    items: list[str] | None = None
    part: tuple[int, int] | None = None
    since: str | None = None
    locks: bool = False
    repair: bool = False
    copies: GoodCopies | None = None


@dataclass
class _Total:
    """What a run has found so far; findings and counts only, whatever the size of the vault."""

    objects: int = 0
    bytes: int = 0
    checked: int = 0
    found: list[Damage] = field(default_factory=list)
    events: list[int] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    incomplete: bool = False
    inconsistent: bool = False
    unreferenced: dict[str, int] | None = None
    waiting: list[_Stretch] | None = None


@dataclass
class _Stretch:
    """What is recorded with the next event."""

    entries: int = 0
    objects: int = 0
    bytes: int = 0
    items: dict[str, str] = field(default_factory=dict)
    found: list[Damage] = field(default_factory=list)
    ranges: list[Range] = field(default_factory=list)

    def add(self, found: SliceFound) -> None:
        self.objects += found.objects
        self.bytes += found.bytes
        self.items.update(found.items)
        self.found += found.damaged
        for start, end in found.commits:
            self.entries += end - start
            if not found.damaged:
                self._extend(found.log, start, end)

    def _extend(self, log: int, start: int, end: int) -> None:
        if self.ranges and self.ranges[-1][0] == log and self.ranges[-1][2] == start:
            start = self.ranges.pop()[1]
        self.ranges.append((log, start, end))


def fixity(
    vault: Vault,
    *,
    all: bool = False,
    sample: int | None = None,
    items: list[str] | None = None,
    by: str | None = None,
    progress: Progress | None = None,
    **more: Any,
) -> dict[str, Any]:
    """Look at stored objects, records, headers and the published log again.

    ``more``: the other fields of :class:`Wanted`. Goes through the log in order, on all cores, with
    flat memory. Events ``fixity-checked`` about the items looked at are committed: one, or one for
    each stretch of a long run, which goes on with ``since`` where it was interrupted. Exit 10 when
    anything is damaged, 3 when something could not be looked at or the check not be recorded.
    """
    return run(vault, Wanted(all, sample, items, **more), by, progress)


def run(
    vault: Vault, wanted: Wanted, by: str | None = None, progress: Progress | None = None
) -> dict[str, Any]:
    """As :func:`fixity`."""
    chosen = _choose(vault, wanted)
    demand_there(vault)
    total = _Total()
    total.found += _catch_up(vault, total)
    if wanted.copies is not None:  # before anything is committed or signed
        demand_not_ahead(vault, wanted.copies)
    with contextlib.suppress(VaultError):  # recording the check says why nothing can be written
        cover(vault)
    if wanted.repair or wanted.copies:
        total.waiting = []
        total.notices += finish_note(vault, by)
    done = list(_recorded(vault, wanted)) if wanted.since else []
    named = Named(vault) if _is_whole(wanted) else None
    stretch = _Stretch()
    try:
        if wanted.all and (wanted.part is None or wanted.part[0] == 1):
            stretch.found += [d for n in _logs(vault) for d in check_published(vault, n)]
            stretch.found += check_held_copies(vault)
            total.found += stretch.found
        for found in _look(vault, wanted, chosen, done):
            # A wrong passphrase is told now, not after hours; other processes go on meanwhile.
            _ = vault.keyring
            found.damaged = settle(vault, found.damaged)
            stretch.add(found)
            total.objects += found.objects
            total.bytes += found.bytes
            total.checked += found.arrived
            total.found += found.damaged
            if named is not None:
                named.add(found.digests)
            if progress is not None:
                progress(total.objects, total.bytes)
            if stretch.entries >= _STRETCH and wanted.all:
                _record(vault, wanted, stretch, by, total, total.waiting)
                stretch = _Stretch()
        _record(vault, wanted, stretch, by, total, total.waiting)
        if named is not None:
            total.unreferenced = named.others(total.notices)
    finally:
        if named is not None:
            named.close()
    return _answer(vault, wanted, _once(total.found), total, chosen, by)


def _answer(
    vault: Vault,
    wanted: Wanted,
    found: list[Damage],
    total: _Total,
    chosen: list[str] | None,
    by: str | None,
) -> dict[str, Any]:
    repaired: list[dict[str, Any]] = []
    if (wanted.repair or wanted.copies) and found:
        done = mend(vault, found, wanted.copies, by)
        repaired, found = done.repaired, done.left
        total.notices += done.notices
        total.events += done.events
        if done.refused is not None:
            total.incomplete = True
            total.inconsistent |= isinstance(done.refused, LogInconsistent)
    for stretch in total.waiting or ():
        _record(vault, wanted, stretch, by, total)
    damaged = [each.to_json() for each in found if each.severity == DAMAGED]
    unchecked = [each.to_json() for each in found if each.severity != DAMAGED]
    if wanted.locks:
        total.notices.append("versions and locks were looked at; stored bytes were NOT read")
    part = wanted.part
    return {
        "bytes": total.bytes,
        "checked": total.checked if chosen is None else len(chosen),
        "damaged": damaged,
        "event": total.events[-1] if total.events else None,
        "events": total.events,
        "exit": _exit(total, damaged, unchecked),
        "notices": total.notices,
        "objects": total.objects,
        "read": not wanted.locks,
        "repaired": repaired,
        "slice": None if part is None else f"{part[0]}/{part[1]}",
        "unchecked": unchecked,
        "unreferenced": total.unreferenced,
    }


def _exit(total: _Total, damaged: list[Any], unchecked: list[Any]) -> int:
    if total.inconsistent:
        return 11
    return 10 if damaged else 3 if unchecked or total.incomplete else 0


def _is_whole(wanted: Wanted) -> bool:
    """Only a run over everything knows which objects nobody named."""
    return wanted.all and not (wanted.part or wanted.since or wanted.locks)


def _once(found: list[Damage]) -> list[Damage]:
    """One finding for each thing that is wrong with a file, whoever met it."""
    return list({(d.code, d.object, d.item if d.index >= 0 else ""): d for d in found}.values())


def _logs(vault: Vault) -> range:
    return range(vault.config.log + 1)


def _look(
    vault: Vault, wanted: Wanted, chosen: list[str] | None, done: list[Range]
) -> Iterator[SliceFound]:
    """Look at every slice, or at those that hold entries about the items chosen."""
    slices = every_slice(vault, chosen, wanted.part, done, read=not wanted.locks)
    check = functools.partial(check_slice, object_key)
    return spread(check, slices, (check_slice.__module__, LogStore.__module__))


def _choose(vault: Vault, wanted: Wanted) -> list[str] | None:
    """The items to look at, None for all. Raises UsageError."""
    _demand_sense(vault, wanted)
    if wanted.all:
        return None
    known = vault.catalogue.item_ids()
    removed = removed_items(vault)
    if wanted.items:
        if removed & set(wanted.items):
            raise UsageError(
                f"{min(removed & set(wanted.items))} was removed here after another vault "
                "acknowledged it",
                code="E-REMOVED",
            )
        missing = sorted(set(wanted.items) - set(known))
        if missing:
            raise UsageError(f"there is no item {missing[0]} in this vault", code="E-NO-ITEM")
        return sorted(set(wanted.items))
    known = [item for item in known if item not in removed]
    return sorted(random.SystemRandom().sample(known, min(wanted.sample or 0, len(known))))


def _demand_sense(vault: Vault, wanted: Wanted) -> None:
    if not (wanted.all or wanted.items or wanted.sample is not None):
        raise UsageError("say what to check: --all, --sample N or items")
    if not wanted.all and (wanted.part or wanted.since):
        raise UsageError("--slice and --since go with --all")
    if wanted.part and not 1 <= wanted.part[0] <= wanted.part[1]:
        raise UsageError("--slice I/N: I is a number from 1 to N")
    if wanted.locks and not vault.archive.locks:
        raise UsageError(
            "this vault's archive keeps no versions and locks: there is nothing to look at",
            code="E-NO-LOCKS",
            hint="leave out --locks: the bytes are read then",
        )


def _catch_up(vault: Vault, total: _Total) -> list[Damage]:
    """Bring the catalogue up to date: what it does not know would not be looked at."""
    known, log = vault.catalogue.frontier(), vault.log
    key = log.commit_key(known.size)
    try:
        log.commit(known.size)
    except NotFound:
        return []
    except FormatError as error:
        where = f"entries from {known.size} on"
        return [Damage(codes.COMMIT_CHANGED, where, key, error.message, log.number, known.size)]
    try:
        _ = vault.keyring
        with vault.locked():
            Sequencer(log, vault.catalogue).catch_up(lambda *a: digest_committed(vault, *a))
    except VaultError as error:
        total.incomplete = True
        total.notices.append(f"what is newer than the catalogue was not checked: {error.message}")
    return []


def _record(
    vault: Vault,
    wanted: Wanted,
    stretch: _Stretch,
    by: str | None,
    total: _Total,
    waiting: list[_Stretch] | None = None,
) -> None:
    """One event about all items that were looked at since the last one.

    ``waiting``: where to keep what can't be recorded before the log is mended.
    """
    if not stretch.items:
        return
    counts: dict[str, Any] = {
        "bytes": str(stretch.bytes),
        "damaged": sum(each.severity == DAMAGED for each in stretch.found),
        "items": len(stretch.items),
        "objects": str(stretch.objects),
        "unchecked": sum(each.severity != DAMAGED for each in stretch.found),
    }
    if wanted.all and not wanted.locks:
        counts["ranges"] = [[log, str(start), str(end)] for log, start, end in stretch.ranges]
    values = {
        "actor": by,
        "counts": counts,
        "findings": [each.to_log() for each in _once(stretch.found)],
        "method": _LOCKS if wanted.locks else _READ,
    }
    try:
        with writing(vault) as writer:
            writer.set_event(CHECKED, sorted(stretch.items.items()), values)
            total.events.append(writer.commit())
            writer.checkpoint()
    except VaultError as error:
        if not (total.found or isinstance(error, StoreError)):
            raise
        if waiting is not None:  # what keeps it from being recorded may be mended first
            waiting.append(stretch)
            return
        total.incomplete = True
        total.inconsistent |= isinstance(error, LogInconsistent)
        total.notices.append(f"this check could not be recorded in the log: {error.message}")


def _recorded(vault: Vault, wanted: Wanted) -> Iterator[Range]:
    """Ranges of entries that events since a day say were looked at and found right."""
    for number in _logs(vault):
        for index in vault.catalogue.indexes_of((CHECKED,), number):
            if vault.catalogue.entry(index, number).recorded_at < (wanted.since or ""):
                continue
            _, _, values, _ = set_event(vault, index, number)
            for log, start, end in (values.get("counts") or {}).get("ranges") or ():
                yield log, int(start), int(end)
