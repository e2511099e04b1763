"""Destroying what a committed ``removed`` event gave up; resumed until it is done.

1 headers    out of the commits and header packs that hold them: the bytes are unreadable from here
2 objects    the stored originals, metadata, derivatives and statements
3 done       ``control/removed/<index of the event>``, of a later log ``control/log-<n>/removed/…``:
             what was destroyed; its absence means resume.
             Objects that an archive with locks keeps are counted in it, until when; they are
             destroyed by the first writing after that date

Only entries before the offer that was acknowledged are touched: what was added to an item after
it is proved by nobody. Each step may be repeated. The log, its proofs and all receipts stay as
they are. On a field vault the records of the items' own entries go, too: nobody can read them
there, and their headers would let a stolen desk key read names.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from evidence_vault.core.canonical import canonical, parse_canonical
from evidence_vault.core.commit import Committed, format_commit
from evidence_vault.core.event import Event, parse_entry
from evidence_vault.core.packs import format_header_pack, parse_header_pack
from evidence_vault.core.tiles import TILE_WIDTH
from evidence_vault.errors import Locked, LogInconsistent, NotFound, VaultError
from evidence_vault.ports import ObjectStore
from evidence_vault.store.naming import object_key
from evidence_vault.vault.faults import step
from evidence_vault.vault.handovers import REMOVED, removed_items, set_event, standings
from evidence_vault.vault.locks import locking, versions_of
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.records import committed_at


@dataclass
class Destroyed:
    """What was there to destroy: stored objects, their bytes, age headers. ``locked``: objects that
    the store keeps for now, ``until`` when."""

    objects: int = 0
    bytes: int = 0
    headers: int = 0
    locked: int = 0
    until: str | None = None

    def keeps(self, error: Locked) -> None:
        """Count an object that the store does not let go; ``until``: the last of the dates."""
        self.locked += 1
        self.until = max(self.until or "", error.until or "") or None


@dataclass
class Doomed:
    """What a logged removal gives up: digests of stored objects, units whose headers go, and the
    entries that name them."""

    objects: set[str] = field(default_factory=set)
    units: set[str] = field(default_factory=set)
    entries: list[int] = field(default_factory=list)


def finish_removals(vault: Vault) -> Destroyed:
    """Do what is left of every committed ``removed``; under the writer lock.

    Cost when nothing is left: one look for each such event.
    """
    total = Destroyed()
    for number, index, page in _pages(vault):
        if page is not None and not _may_go_on(vault, page):
            continue
        try:
            _destroy(vault, number, index, total, first=page is None)
        except VaultError:
            if number == vault.config.log:
                raise
            continue  # an earlier log, which may have been lost: `doctor` names it
    return total


def waiting_removals(vault: Vault) -> Destroyed:
    """Objects of removed items that the store still keeps, and until when."""
    total = Destroyed()
    for _, _, page in _pages(vault):
        total.locked += (page or {}).get("locked", 0)
        total.until = max(total.until or "", (page or {}).get("until") or "") or None
    return total


def unfinished_removals(vault: Vault) -> list[tuple[int, int]]:
    """Log and index of each committed removal that is not finished."""
    return [(number, index) for number, index, page in _pages(vault) if page is None]


def _pages(vault: Vault) -> Iterator[tuple[int, int, dict[str, Any] | None]]:
    """Log and index of each committed ``removed``, and what was destroyed for it, if it was."""
    of_log = {
        number: vault.catalogue.indexes_of((REMOVED,), number)
        for number in range(vault.config.log + 1)
    }
    later = {index for number, found in of_log.items() if number for index in found}
    for number, found in of_log.items():
        for index in found:
            # The pages of all logs once had the names that those of log 0 have. What two may mean
            # counts for neither: destroying is done again.
            page = _done_page(vault, number, index)
            unclear = page is not None and "log" not in page and number == 0 and index in later
            yield number, index, None if unclear else page


def removed_entries(vault: Vault, log: int) -> frozenset[int]:
    """Entries of a log whose objects and headers may be gone: those about removed items alone.

    One that can't be read now counts as such: nothing of it is missed, nothing brought back.
    """
    items = sorted(removed_items(vault, log))
    places = vault.catalogue.places(items, log) if items else []
    answered = _answered(vault, log)
    last = max((answered[item] for item in items), default=-1)
    found = set()
    for i in places:
        try:
            event = _own_event(vault, i, log)
        except VaultError:
            if i < last:
                found.add(i)
            continue
        if event is not None and i < answered[event.subject["id"]]:
            found.add(i)
    return frozenset(found)


def doomed_by(vault: Vault, index: int, log: int) -> Doomed:
    """What a committed ``removed`` of a log gives up: here, and in every copy."""
    return _doomed(vault, [member.id for member in set_event(vault, index, log)[3]], log)


def _done_page(vault: Vault, number: int, index: int) -> dict[str, Any] | None:
    """What was destroyed for an event; None before that."""
    try:
        with vault.control.open(_done_key(vault, number, index)) as stream:
            value = parse_canonical(stream.read().removesuffix(b"\n"), "a page on a removal")
    except NotFound:
        return None
    return value if isinstance(value, dict) else None


def _may_go_on(vault: Vault, page: dict[str, Any]) -> bool:
    """Whether objects are left that the store may let go now. Those under a legal hold that nobody
    here placed have no date: they are tried each time."""
    return bool(page.get("locked")) and (page.get("until") or "") <= vault.clock.now()


def _destroy(vault: Vault, number: int, index: int, total: Destroyed, first: bool = True) -> None:
    doomed = doomed_by(vault, index, number)
    kept = Destroyed()
    if first:
        total.headers += _drop_headers(vault, doomed, number)  # 1.
    step("transfer-headers-gone")
    for digest in sorted(doomed.objects):  # 2.
        with contextlib.suppress(NotFound):
            try:
                total.bytes += _delete_object(vault, digest)
            except Locked as error:
                kept.keeps(error)
                total.keeps(error)
                continue
            total.objects += 1
            step("transfer-object-gone")
    page: dict[str, Any] = {
        "headers": len(doomed.units),
        "log": number,
        "objects": len(doomed.objects),
    }
    if kept.locked:
        page.update(locked=kept.locked, until=kept.until)
    vault.control.replace(_done_key(vault, number, index), canonical(page) + b"\n")  # 3.
    step("transfer-removed-done")


def _delete_object(vault: Vault, digest: str) -> int:
    """Destroy every version of an object; returns its bytes. Raises NotFound, and Locked where one
    stays: the others are gone then."""
    key = object_key(digest)
    if vault.archive.locks:
        stays: list[Locked] = []
        found = versions_of(vault, key)
        for version in found:
            try:
                locking(vault).delete_version(key, version.version)
            except Locked as error:
                stays.append(error)
        if stays:
            raise max(stays, key=lambda error: error.until or "")
        if not found:
            raise NotFound(f"{key} is not in the store")
        return max(version.size for version in found)
    with vault.archive.open(key) as stream:
        size = stream.seek(0, 2)
    vault.archive.delete(key)
    return size


def _doomed(vault: Vault, items: Iterable[str], log: int) -> Doomed:
    doomed, answered = Doomed(), _answered(vault, log)
    for index in vault.catalogue.places(sorted(items), log):
        event = _own_event(vault, index, log)
        if event is None or index > answered[event.subject["id"]]:
            continue
        doomed.entries.append(index)
        for unit in event.units:
            if unit.kind == "record" and not vault.keyring.is_station:
                continue
            doomed.units.add(unit.id)
            if unit.kind != "record":
                doomed.objects.update(unit.objects)
    return doomed


def _answered(vault: Vault, log: int | None = None) -> dict[str, int]:
    """By item, the index of the offer that was acknowledged."""
    return {item: each.answered for item, each in standings(vault, log).items()}


def _own_event(vault: Vault, index: int, log: int | None = None) -> Event | None:
    """The event at an index if it is about one item alone."""
    event = parse_entry(committed_at(vault, index, log).entry).event
    return event if event.subject["kind"] == "item" else None


def _drop_headers(vault: Vault, doomed: Doomed, number: int) -> int:
    """Write anew, without the doomed headers, every commit and header pack that holds one."""
    log, dropped = vault.log_number(number), 0
    starts = {vault.catalogue.entry(i, number).commit_start for i in doomed.entries}
    for start in sorted(starts):
        there = log.read(log.control, log.commit_key(start))
        log.forget()  # as it lies now, not as it was read before
        commit = log.commit(start)
        fresh = tuple(_without(committed, doomed.units) for committed in commit.entries)
        if fresh != commit.entries:
            dropped += _count(commit.entries) - _count(fresh)
            data = format_commit(start, commit.root, fresh)
            write_anew(vault, log.control, log.commit_key(start), data, there)
            step("transfer-commit-anew")
    for group in sorted({i // TILE_WIDTH for i in doomed.entries}):
        key = log.headers_key(group)
        try:
            there = log.read(log.control, key)
        except NotFound:
            continue
        headers = parse_header_pack(there, group)
        kept = {unit: header for unit, header in headers.items() if unit not in doomed.units}
        if kept != headers:
            dropped += len(headers) - len(kept)
            write_anew(vault, log.control, key, format_header_pack(group, kept), there)
            step("transfer-pack-anew")
    log.forget()
    vault.log.forget()
    return dropped


def write_anew(vault: Vault, store: ObjectStore, key: str, data: bytes, expected: bytes) -> None:
    """Replace what was read under the writer lock. Whoever has lost it lays nothing over what is
    newer: raises StoreError (E-LOCK-LOST, E-CHANGED-MEANWHILE)."""
    vault.demand_held()
    store.exchange(key, data, expected)
    vault.demand_held()
    with store.open(key) as stream:
        if stream.read() != data:
            raise LogInconsistent(f"{key} was not stored as written", code="E-READ-BACK")


def _without(committed: Committed, units: set[str]) -> Committed:
    if not any(unit in units for unit in committed.headers):
        return committed
    kept = {unit: header for unit, header in committed.headers.items() if unit not in units}
    return Committed(committed.entry, committed.record, kept)


def _count(entries: Iterable[Committed]) -> int:
    return sum(len(committed.headers) for committed in entries)


def _done_key(vault: Vault, number: int, index: int) -> str:
    return f"{vault.log_number(number).control_prefix}removed/{index}"
