"""The audit: everything about a log recomputed from the two roots alone.

Commits are read in order; every entry is parsed, its signature checked under the keys that
entry 0 names, item chains followed, roots compared; then tiles, bundles and the checkpoint are
compared with what the entries give. Findings are collected, not raised: an audit looks at
everything. Without the keyring the records stay sealed; their digests are compared all the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from evidence_vault.core.checkpoint import OpenedCheckpoint, open_checkpoint
from evidence_vault.core.commit import Commit, Committed
from evidence_vault.core.entry0 import EntryZero
from evidence_vault.core.event import Event, pae, parse_entry
from evidence_vault.core.keys import verify_ed25519
from evidence_vault.core.keystate import REVOKED, KeyState, parse_revoked, role_for
from evidence_vault.core.merkle import Frontier, leaf_hash
from evidence_vault.core.tile_reader import TileReader
from evidence_vault.core.tiles import TILE_WIDTH
from evidence_vault.errors import NotFound, VaultError


class LogFiles(Protocol):
    """The files of one log, as the audit reads them."""

    def commits(self, start: int) -> Iterator[Commit]: ...

    def contents(self, commit: Commit) -> list[Committed]: ...

    def checkpoint(self) -> bytes | None: ...

    def tile(self, path: str) -> bytes: ...


@dataclass(frozen=True)
class AuditFinding:
    """Something that is not as it must be: code, place, sentence."""

    code: str
    where: str
    message: str

    def to_json(self) -> dict[str, str]:
        return {"code": self.code, "message": self.message, "where": self.where}


@dataclass
class AuditReport:
    """What the audit saw. ``roots`` by size at the end of each commit.

    ``void``: (keyid, first, last) of entries that a revocation made void. That is a fact of the
    log and no damage.
    """

    entries: int = 0
    signatures: int = 0
    root: bytes = b""
    roots: dict[int, bytes] = field(default_factory=dict)
    findings: list[AuditFinding] = field(default_factory=list)
    void: list[tuple[str, int, int]] = field(default_factory=list)

    def add(self, code: str, where: str, message: str) -> None:
        self.findings.append(AuditFinding(code, where, message))


def audit_log(
    log: LogFiles,
    entry_zero: Callable[[], EntryZero],
    progress: Callable[[int, int], None] | None = None,
) -> AuditReport:
    """Audit a whole log. Raises only when entry 0 can't be read: without it nothing can be said."""
    report = AuditReport()
    zero = entry_zero()
    checker = _EntryChecker(zero, report)
    frontier = Frontier()
    try:
        for commit in log.commits(0):
            for offset, committed in enumerate(log.contents(commit)):
                frontier.append(leaf_hash(committed.entry))
                checker.check(commit.start + offset, committed)
            if frontier.root() != commit.root:
                report.add(
                    "E-COMMIT-ROOT",
                    f"commit {commit.start}",
                    "the commit states another root than its entries give",
                )
            report.roots[frontier.size] = frontier.root()
            if progress is not None:
                progress(frontier.size, 0)
    except VaultError as error:
        report.add(error.code, f"after entry {frontier.size}", error.message)
    report.entries, report.root = frontier.size, frontier.root()
    _check_published(log, zero, checker, report)
    return report


class _EntryChecker:
    """Signature, fixed fields, item chains and record digests, entry by entry."""

    def __init__(self, zero: EntryZero, report: AuditReport) -> None:
        self._zero = zero
        self._report = report
        self._keys = KeyState(zero)
        self._heads: dict[str, tuple[int, str]] = {}
        self._last_use: dict[str, int] = {}
        self.leaves: list[bytes] = []

    def check(self, index: int, committed: Committed) -> None:
        where = f"entry {index}"
        leaf = leaf_hash(committed.entry)
        self.leaves.append(leaf)
        try:
            opened = parse_entry(committed.entry)
            role = role_for(opened.event.type, index)
            public = self._keys.key_of(role, opened.keyid, index)
            verify_ed25519(public, opened.signature, pae(opened.payload))
            self._report.signatures += 1
            self._take_key_event(index, opened.event)
        except VaultError as error:
            self._report.add(error.code, where, error.message)
            return
        event = opened.event
        if event.origin != self._zero.origin:
            self._report.add("E-ORIGIN", where, f"belongs to another log: {event.origin}")
        self._check_seen(where, index, event)
        self._check_chain(where, event, leaf)
        self._check_record(where, event, committed)

    def _take_key_event(self, index: int, event: Event) -> None:
        """Keys enrolled and revoked. What a revocation makes void is noted."""
        self._last_use[event.signer] = index
        self._keys.apply(index, event)
        if event.type != REVOKED:
            return
        _, name, last_good = parse_revoked(event.clear)
        if self._last_use.get(name, 0) > last_good:
            self._report.void.append((name, last_good + 1, self._last_use[name]))

    def _check_seen(self, where: str, index: int, event: Event) -> None:
        for seen in event.seen:
            if seen["origin"] == self._zero.origin and seen["size"] > index:
                self._report.add("E-SEEN", where, "claims to have seen a later state of the log")
            known = self._report.roots.get(seen["size"])
            if seen["origin"] == self._zero.origin and known not in (
                None,
                bytes.fromhex(seen["root"]),
            ):
                self._report.add("E-SEEN", where, "has seen another log of the same origin")

    def _check_chain(self, where: str, event: Event, leaf: bytes) -> None:
        if event.subject["kind"] != "item":
            return
        item = event.subject["id"]
        known = self._heads.get(item)
        seq = event.item_seq or 0
        # Events about sets stand in an item's history too, but who is in a set is sealed: then
        # the chain skips numbers here, and only order and the first link can be checked.
        if known is None and seq == 0 and event.prev is None:
            self._heads[item] = (0, leaf.hex())
            return
        if known is None or seq <= known[0]:
            self._report.add("E-CHAIN", where, f"item {item}: event {seq} is out of order")
        elif seq == known[0] + 1 and event.prev != known[1]:
            self._report.add("E-CHAIN", where, f"item {item}: does not name the event before it")
        self._heads[item] = (seq, leaf.hex())

    def _check_record(self, where: str, event: Event, committed: Committed) -> None:
        for unit in event.units:
            if unit.kind == "record":
                digest = hashlib.sha256(committed.record).hexdigest()
                if digest != unit.objects[0]:
                    self._report.add("E-RECORD-CHANGED", where, "its sealed record was changed")
            header = committed.headers.get(unit.id)
            if unit.header is not None and header is None:
                self._report.add("E-HEADER-MISSING", where, f"the header of unit {unit.id} is gone")
            elif header is not None and hashlib.sha256(header).hexdigest() != unit.header:
                self._report.add("E-HEADER-CHANGED", where, f"header of unit {unit.id} changed")


def _check_published(
    log: LogFiles, zero: EntryZero, checker: _EntryChecker, report: AuditReport
) -> None:
    """Checkpoint signatures, every tile and every entry bundle against the entries."""
    try:
        note = log.checkpoint()
        if note is None:
            report.add("E-CHECKPOINT", "checkpoint", "there is no checkpoint")
            return
        opened = open_checkpoint(note, zero.log_keys())
        _check_checkpoint(opened, checker, report)
        size = opened.checkpoint.size
        if size > report.entries:
            return
        reader = TileReader(size, opened.checkpoint.root, log.tile)
        for group in range(-(-size // TILE_WIDTH)):
            entries = reader.entries(group)
            for place, entry in enumerate(entries):
                if leaf_hash(entry) != checker.leaves[group * TILE_WIDTH + place]:
                    where = f"entry {group * TILE_WIDTH + place}"
                    report.add("E-TILE", where, "is published with other bytes than committed")
    except NotFound as error:
        report.add("E-TILE", "published log", error.message)
    except VaultError as error:
        report.add(error.code, "published log", error.message)


def _check_checkpoint(
    opened: OpenedCheckpoint, checker: _EntryChecker, report: AuditReport
) -> None:
    point = opened.checkpoint
    if point.size > report.entries:
        report.add(
            "E-CHECKPOINT-AHEAD",
            "checkpoint",
            f"covers {point.size} entries, the commits hold {report.entries}",
        )
        return
    frontier = Frontier()
    frontier.extend(checker.leaves[: point.size])
    if frontier.root() != point.root:
        report.add("E-FORK", "checkpoint", "was signed over another log than the commits give")
