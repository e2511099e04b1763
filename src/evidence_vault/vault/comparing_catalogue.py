"""The catalogue against the log: every table of it beside one that is made anew for the audit.

What an edit or a bit that tipped over changed is named by table and row, never by its value; the
catalogue is only a cache, so ``rebuild`` mends it. What can't be compared is said.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evidence_vault.core.commit import Committed
from evidence_vault.core.event import Event, parse_entry
from evidence_vault.core.merkle import leaf_hash
from evidence_vault.errors import EvidenceError, FormatError, VaultError
from evidence_vault.log.catalogue import Catalogue, EntryRow, IndexRows
from evidence_vault.log.differing import Scope, differing, sizes
from evidence_vault.log.sequencer import Sequencer
from evidence_vault.prove.audit import AuditFinding, AuditReport
from evidence_vault.vault.comparing_proofs import known_proofs, retell_proofs, wrong_peers
from evidence_vault.vault.digesting import digest_read, members_of, place_committed
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.reading import read_commits
from evidence_vault.vault.setnotes import entry_values

CODE = "E-CATALOGUE-ROW"
MEND = "`evidence-vault rebuild` makes it anew from the store"
_MOST = 20  # differing rows of one table that are named


@dataclass
class Compared:
    """What is wrong with the catalogue, and what of it could not be checked."""

    findings: list[AuditFinding] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)


def compare_catalogue(vault: Vault, reports: Sequence[AuditReport]) -> Compared:
    """Every table of the catalogue that follows from the logs, row by row.

    ``reports``: of each log of the vault, in order. Needs the keyring, since records are encrypted;
    on a field vault, which reads none, only what entries and members of sets give is compared. Rows
    beyond what the catalogue has reached are not missing: the next command adds them. Memory: that
    of a block of ten thousand items, and a bit for each item.
    """
    told = Compared()
    logs = []
    for number, report in enumerate(reports):
        wrong = _beyond(vault, number, report)
        told.findings += wrong
        # A log that contradicts itself can't be replayed faithfully.
        if not wrong and not report.findings:
            logs.append(number)
    readable = _readable(vault, len(logs) == len(reports), told)
    if logs:
        told.findings += _compare(vault, reports, logs, readable, told)
    return told


def _beyond(vault: Vault, number: int, report: AuditReport) -> list[AuditFinding]:
    """A catalogue that has come further than its log, or somewhere else."""
    where = "catalogue" if number == vault.config.log else f"earlier log {number}, catalogue"
    known = vault.catalogue.frontier(number)
    if known.size > report.entries:
        message = f"the catalogue knows {known.size} entries, the store holds {report.entries}"
        return [AuditFinding("E-CATALOGUE-AHEAD", where, message)]
    if known.size and report.roots.get(known.size) not in (None, known.root()):
        return [AuditFinding("E-CATALOGUE-DIFFERS", where, "the catalogue's root is another")]
    return []


@dataclass(frozen=True)
class _Readable:
    records: bool
    index: bool


def _readable(vault: Vault, whole: bool, told: Compared) -> _Readable:
    """What of the catalogue can be compared here; the rest is told."""
    if not whole:
        told.notices.append(
            "searchable values, holds, retention and replicas in the catalogue could not be "
            "checked: the log has to be whole for that"
        )
        return _Readable(False, False)
    if vault.keyring.is_station:
        told.notices.append(
            "holds, retention, replicas and stored versions in the catalogue could not be checked: "
            "a field vault reads no records"
        )
        return _Readable(False, False)
    if not vault.catalogue.has_index() or vault.catalogue.is_unindexed():
        told.notices.append(
            "searchable values could not be checked: they were left out when the catalogue was "
            "made (`rebuild --no-index`)"
        )
        return _Readable(True, False)
    return _Readable(True, True)


def _compare(
    vault: Vault,
    reports: Sequence[AuditReport],
    logs: Sequence[int],
    readable: _Readable,
    told: Compared,
) -> list[AuditFinding]:
    with tempfile.TemporaryDirectory(prefix="audit-", dir=_scratch(vault)) as folder:
        place = Path(folder) / "fresh.db"
        replay = _Replay(vault, place, logs, readable)
        try:
            for number in logs:
                replay.take(number, reports[number].roots.sizes())
            with vault.catalogue.at_rest() as connection:
                replay.until(sizes(connection))  # what was added meanwhile
                replay.retell()
                rows = differing(connection, place, replay.scope(), _MOST)
            rows += [("log_peer", what) for what in wrong_peers(vault)]
        except VaultError as error:
            return [AuditFinding(error.code, "catalogue", f"{error.message}: {MEND}")]
        finally:
            replay.fresh.close()
    told.notices += replay.notices()
    return [AuditFinding(CODE, f"catalogue, {table}", f"{what}; {MEND}") for table, what in rows]


class _Replay:
    """A catalogue in a file, made from the logs, without what is made from its rows."""

    def __init__(self, vault: Vault, place: Path, logs: Sequence[int], readable: _Readable) -> None:
        self._vault, self._logs, self._readable = vault, logs, readable
        self._unread: set[str] = set()
        self._unrecorded = 0
        self.fresh = Catalogue.create(place, logs[0])
        self.fresh.bare = True

    def take(self, number: int, ends: Sequence[int]) -> None:
        """Take in what the catalogue knows of a log. ``ends``: of its commits."""
        self.fresh.add_log(number)
        known = self._vault.catalogue.frontier(number).size
        if not self._readable.records:
            self.until({number: known})
            return
        log = self._vault.log_number(number)
        frontier = self.fresh.frontier()
        for commit in read_commits(self._vault, log, (end for end in ends if end <= known)):
            rows, index = [], IndexRows()
            for place, entry in enumerate(commit.entries):
                frontier.append(entry.leaf)
                at = (commit.start + place, commit.start, entry.leaf)
                rows.append(self._digest_read(at, entry.event, entry.values, index))
            self.fresh.apply(rows, frontier, index)

    def until(self, reached: dict[int, int]) -> None:
        """Take in each log up to that many entries."""
        for number in reached:
            if number not in self._logs:
                continue
            self.fresh.add_log(number)
            sequencer = Sequencer(self._vault.log_number(number), self.fresh)
            sequencer.catch_up(self._digest, until=reached[number])

    def retell(self) -> None:
        for number in self._logs:
            self.fresh.log = number
            retell_proofs(self._vault, number, self.fresh)

    def scope(self) -> Scope:
        return Scope(
            self._logs,
            self._readable.records and not self._unrecorded,
            self._readable.index,
            self._unread,
            known_proofs(self._vault),
        )

    def notices(self) -> list[str]:
        said = []
        if self._unread:
            said.append(
                f"searchable values of {len(self._unread)} items could not be checked: their "
                "records can no longer be opened"
            )
        if self._unrecorded:
            said.append(
                "holds, retention, replicas and stored versions in the catalogue could not be "
                f"checked: {self._unrecorded} records can no longer be opened"
            )
        return said

    def _digest(self, at: int, start: int, committed: Committed, rows: IndexRows) -> EntryRow:
        if not self._readable.records:
            return place_committed(self._vault, at, start, committed, rows)
        event = parse_entry(committed.entry).event
        values: dict[str, Any] | None
        try:
            values = entry_values(self._vault, committed, event)
        except (EvidenceError, FormatError):
            values = None
        place = (at, start, leaf_hash(committed.entry))
        return self._digest_read(place, event, values, rows)

    def _digest_read(
        self,
        at: tuple[int, int, bytes],
        event: Event,
        values: dict[str, Any] | None,
        rows: IndexRows,
    ) -> EntryRow:
        if values is not None:
            searched = self._readable.index
            return digest_read(self._vault, at, event, values, rows, searched, self.fresh)
        if event.subject["kind"] == "set":  # whose events come next is not known then
            raise EvidenceError(f"the members of entry {at[0]} ({event.type}) can't be read")
        if event.subject["kind"] == "item":
            self._unread.add(event.subject["id"])
        else:
            self._unrecorded += 1
        index, start, leaf = at
        members = members_of(event, {})
        return EntryRow(index, leaf, start, event.type, event.recorded_at, members)


def _scratch(vault: Vault) -> Path | None:
    """Beside the catalogue, whose rows lie there in any case; elsewhere when that is read-only."""
    return vault.folder if os.access(vault.folder, os.W_OK) else None
