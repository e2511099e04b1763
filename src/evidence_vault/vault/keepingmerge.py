"""A commit of an update and the one that is kept, made one: each header compared with its entry."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from evidence_vault.core.commit import Commit, Committed
from evidence_vault.core.event import Unit, parse_entry
from evidence_vault.errors import FormatError
from evidence_vault.vault.keeperfolder import KeeperFolder


@dataclass
class Found:
    """What was wrong with an update that holds, or with the folder that it mends."""

    findings: list[dict[str, str]] = field(default_factory=list)

    def add(self, code: str, where: str, message: str) -> None:
        self.findings.append({"code": code, "message": message, "where": where})


def merged(
    here: KeeperFolder,
    commit: Commit,
    old_size: int,
    doomed: Mapping[int, frozenset[str]],
    found: Found,
) -> Commit:
    """The commit with every good header of the update and of what is here already.

    ``doomed``: by entry, the units that a checked order gave up: not taken again.
    """
    old: Commit | None = None
    if commit.start < old_size:
        try:
            old = here.commit(commit.start)
        except FormatError as error:
            found.add("E-KEPT-MENDED", f"commit {commit.start}", error.message)
    entries = []
    for offset, new in enumerate(commit.entries):
        before = None if old is None else old.entries[offset]
        index = commit.start + offset
        entries.append(_entry(new, before, index, doomed.get(index, frozenset()), found))
    return replace(commit, entries=tuple(entries))


def _entry(
    new: Committed,
    before: Committed | None,
    index: int,
    doomed: frozenset[str],
    found: Found,
) -> Committed:
    headers: dict[str, bytes] = {}
    units = parse_entry(new.entry).event.units
    for unit in units:
        if unit.header is None:
            continue
        sent = new.headers.get(unit.id)
        there = _good(before, unit)
        if there is not None:
            headers[unit.id] = there
        if sent is not None and _hex(sent) == unit.header:
            if unit.id not in doomed:
                headers.setdefault(unit.id, sent)
        elif sent is not None:
            found.add(
                "E-HEADER-CHANGED",
                f"entry {index}",
                f"the header of unit {unit.id} is not the one that was signed; it was not taken",
            )
        elif unit.id not in doomed:
            stays = "; it stays here" if there is not None else ", and was never here"
            found.add(
                "E-HEADER-VANISHED",
                f"entry {index}",
                f"the header of unit {unit.id} is gone at the vault, and no order that holds says "
                f"why{stays}",
            )
    for name in sorted(set(new.headers) - {unit.id for unit in units}):
        found.add("E-HEADER-CHANGED", f"entry {index}", f"a header of no unit of it: {name}")
    return Committed(new.entry, _record(new, before, units, index, found), headers)


def _record(
    new: Committed,
    before: Committed | None,
    units: tuple[Unit, ...],
    index: int,
    found: Found,
) -> bytes:
    wanted = next((unit.objects[0] for unit in units if unit.kind == "record"), None)
    for each in (before, new):
        if each is not None and (_hex(each.record) == wanted or (not each.record and not wanted)):
            return each.record
    found.add("E-RECORD-CHANGED", f"entry {index}", "its record is not the one that was signed")
    return b""


def _good(before: Committed | None, unit: Unit) -> bytes | None:
    header = None if before is None else before.headers.get(unit.id)
    return header if header is not None and _hex(header) == unit.header else None


def _hex(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
