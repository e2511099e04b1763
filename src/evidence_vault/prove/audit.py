"""The audit: everything about a log recomputed from the two roots alone.

Commits are read in order; every entry is parsed, its signature checked under the keys that
entry 0 names, item chains followed, roots compared; tiles, bundles and the checkpoint are
compared with what the entries give, group by group as they pass. Findings are collected, not
raised: an audit looks at everything. Without the keyring the records stay sealed; their digests
are compared all the same.

What one entry shows by itself (``check_span``) may be looked at in other processes; what takes
the entries before it (roots, chains, what was seen) is followed here. Memory: 40 bytes for each
item and for each commit, nothing for an entry.
"""

from __future__ import annotations

import functools
import hashlib
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from evidence_vault.core.checkpoint import open_checkpoint
from evidence_vault.core.commit import Commit, Committed
from evidence_vault.core.entry0 import EntryZero
from evidence_vault.core.event import Entry, Unit, pae, parse_entry
from evidence_vault.core.keys import verify_ed25519
from evidence_vault.core.keystate import (
    KEY_EVENTS,
    REVOKED,
    KeyState,
    parse_revoked,
    role_for,
)
from evidence_vault.core.merkle import HASH_SIZE, Frontier, leaf_hash
from evidence_vault.core.tile_reader import TileReader
from evidence_vault.core.tiles import TILE_WIDTH
from evidence_vault.errors import NotFound, VaultError
from evidence_vault.prove.heads import Heads

_SPAN = 16 * TILE_WIDTH


class LogFiles(Protocol):
    """The files of one log, as the audit reads them. Pickled when spread over processes."""

    def commits(self, start: int) -> Iterator[Commit]: ...

    def contents(self, commit: Commit) -> list[Committed]: ...

    def checkpoint(self) -> bytes | None: ...

    def tile(self, path: str) -> bytes: ...


class Roots:
    """Root by size at the end of each commit, 40 bytes each; added in order of size."""

    def __init__(self) -> None:
        self._sizes = array("Q")
        self._hashes = bytearray()

    def add(self, size: int, root: bytes) -> None:
        self._sizes.append(size)
        self._hashes += root

    def sizes(self) -> Sequence[int]:
        """The end of each commit, ascending."""
        return self._sizes

    def get(self, size: int) -> bytes | None:
        """The root at ``size``, or None when no commit ends there."""
        place = bisect_left(self._sizes, size)
        if place == len(self._sizes) or self._sizes[place] != size:
            return None
        return bytes(self._hashes[place * HASH_SIZE : (place + 1) * HASH_SIZE])


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
    """What the audit saw.

    ``void``: (keyid, first, last) of entries that a revocation made void. That is a fact of the
    log and no damage.
    """

    entries: int = 0
    signatures: int = 0
    root: bytes = b""
    roots: Roots = field(default_factory=Roots)
    findings: list[AuditFinding] = field(default_factory=list)
    void: list[tuple[str, int, int]] = field(default_factory=list)

    def add(self, code: str, where: str, message: str) -> None:
        self.findings.append(AuditFinding(code, where, message))


Span = tuple[int, int]
"""Start of the first and end of the last of some consecutive commits."""


class Problem(NamedTuple):
    """Code and sentence of a finding whose place is known where it is used."""

    code: str
    message: str


class Facts(NamedTuple):
    """What one entry shows by itself.

    ``broken``: it can't be read, or its signature does not verify; nothing else counts then.
    ``entry``: the entry, when its key was not known where it was looked at, so that its signature
    is still to be checked, or when it enrols or revokes a key.
    ``item``, ``seq``, ``prev``: of an event about one item. ``seen``: (origin, size, root in
    hex) of each head. ``problems``: of its origin, record and headers.
    """

    broken: Problem | None
    keyid: str = ""
    type: str = ""
    entry: Entry | None = None
    item: str | None = None
    seq: int = 0
    prev: str | None = None
    seen: tuple[tuple[str, int, str], ...] = ()
    problems: tuple[Problem, ...] = ()


@dataclass
class SpanFound:
    """What ``check_span`` found: whole commits only, up to the first that can't be read.

    ``leaves``: leaf hashes, joined. ``commits``: (start, end, root) as each commit states them.
    """

    leaves: bytearray = field(default_factory=bytearray)
    facts: list[Facts] = field(default_factory=list)
    commits: list[tuple[int, int, bytes]] = field(default_factory=list)
    stopped: Problem | None = None


class Spread(Protocol):
    """As ``map``; it may work ahead in other processes."""

    def __call__(
        self, function: Callable[[Span], SpanFound], tasks: Iterable[Span], /
    ) -> Iterator[SpanFound]: ...


def audit_log(
    log: LogFiles,
    entry_zero: Callable[[], EntryZero],
    progress: Callable[[int, int], None] | None = None,
    spread: Spread = map,
    removed: frozenset[int] = frozenset(),
) -> AuditReport:
    """Audit a whole log. Raises only when entry 0 can't be read: without it nothing can be said.

    ``removed``: entries whose headers a logged event gave up; those may be gone.
    """
    report = AuditReport()
    zero = entry_zero()
    published = _Published(log, zero)
    chains = _Chains(zero, report)
    frontier = Frontier()
    walk = _Walk(log)
    stopped: Problem | None = None
    check = functools.partial(check_span, log, zero.origin, _signers(zero), removed=removed)
    for found in spread(check, walk.spans()):
        leaves = [found.leaves[i : i + HASH_SIZE] for i in range(0, len(found.leaves), HASH_SIZE)]
        place = 0
        for start, end, root in found.commits:
            for leaf in map(bytes, leaves[place : place + end - start]):
                chains.check(frontier.size, leaf, found.facts[place])
                frontier.append(leaf)
                published.see(frontier, leaf)
                place += 1
            report.roots.add(frontier.size, frontier.root())
            if frontier.root() != root:
                report.add(
                    "E-COMMIT-ROOT",
                    f"commit {start}",
                    "the commit states another root than its entries give",
                )
            if progress is not None:
                progress(frontier.size, 0)
        stopped = found.stopped
        if stopped is not None:
            break
    stopped = stopped or walk.stopped
    if stopped is not None:
        report.add(stopped.code, f"after entry {frontier.size}", stopped.message)
    report.entries, report.root = frontier.size, frontier.root()
    report.findings += published.findings(frontier.size)
    return report


def check_span(
    log: LogFiles,
    origin: str,
    keys: Mapping[str, bytes],
    span: Span,
    removed: frozenset[int] = frozenset(),
) -> SpanFound:
    """Look at every entry of some commits by itself. ``keys``: raw Ed25519 keys by keyid."""
    found = SpanFound()
    heads: dict[tuple[tuple[str, int, str], ...], tuple[tuple[str, int, str], ...]] = {}
    start, end = span
    try:
        for commit in log.commits(start):
            for index, committed in enumerate(log.contents(commit), commit.start):
                facts = _look_at(committed, origin, keys, index in removed)
                # One object for all that have seen the same: small to send, small to keep.
                found.facts.append(facts._replace(seen=heads.setdefault(facts.seen, facts.seen)))
                found.leaves += leaf_hash(committed.entry)
            found.commits.append((commit.start, commit.end, commit.root))
            if commit.end >= end:
                break
    except VaultError as error:
        found.stopped = Problem(error.code, error.message)
    return found


def _look_at(committed: Committed, origin: str, keys: Mapping[str, bytes], removed: bool) -> Facts:
    try:
        opened = parse_entry(committed.entry)
        public = keys.get(opened.keyid)
        if public is not None:
            verify_ed25519(public, opened.signature, pae(opened.payload))
    except VaultError as error:
        return Facts(Problem(error.code, error.message))
    event = opened.event
    problems = []
    if event.origin != origin:
        problems.append(Problem("E-ORIGIN", f"belongs to another log: {event.origin}"))
    for unit in event.units:
        problems += _check_unit(unit, committed, removed)
    is_item = event.subject["kind"] == "item"
    return Facts(
        broken=None,
        keyid=opened.keyid,
        type=event.type,
        entry=opened if public is None or event.type in KEY_EVENTS else None,
        item=event.subject["id"] if is_item else None,
        seq=event.item_seq or 0,
        prev=event.prev,
        seen=tuple((s["origin"], s["size"], s["root"]) for s in event.seen),
        problems=tuple(problems),
    )


def _check_unit(unit: Unit, committed: Committed, removed: bool) -> Iterator[Problem]:
    """Record and header of a unit against the digests that its entry states."""
    if unit.kind == "record" and _hex(committed.record) != unit.objects[0]:
        yield Problem("E-RECORD-CHANGED", "its sealed record was changed")
    header = committed.headers.get(unit.id)
    if unit.header is not None and header is None and not removed:
        yield Problem("E-HEADER-MISSING", f"the header of unit {unit.id} is gone")
    elif header is not None and _hex(header) != unit.header:
        yield Problem("E-HEADER-CHANGED", f"header of unit {unit.id} changed")


def _hex(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _signers(zero: EntryZero) -> dict[str, bytes]:
    """Every key that may have signed an entry; which one may sign which is ``_Chains``' matter."""
    return {**zero.with_role("root"), **zero.with_role("events")}


class _Walk:
    """The commits of a log as spans. ``stopped``: why the walk ended early, if it did."""

    def __init__(self, log: LogFiles) -> None:
        self._log = log
        self.stopped: Problem | None = None

    def spans(self) -> Iterator[Span]:
        start = end = 0
        try:
            for commit in self._log.commits(0):
                end = commit.end
                if end - start >= _SPAN:
                    yield start, end
                    start = end
        except VaultError as error:
            self.stopped = Problem(error.code, error.message)
        if end > start:
            yield start, end


class _Chains:
    """What takes the entries before: who may sign, what was seen, the chain of each item."""

    def __init__(self, zero: EntryZero, report: AuditReport) -> None:
        self._origin = zero.origin
        self._report = report
        self._keys = KeyState(zero)
        self._last_use: dict[str, int] = {}
        self._heads = Heads()

    def check(self, index: int, leaf: bytes, facts: Facts) -> None:
        """The next entry, after those before it were checked."""
        add, where = self._report.add, f"entry {index}"
        if facts.broken is not None:
            add(facts.broken.code, where, facts.broken.message)
            return
        try:
            self._check_signer(index, facts)
        except VaultError as error:
            add(error.code, where, error.message)
            return
        self._report.signatures += 1
        for problem in facts.problems:
            add(problem.code, where, problem.message)
        for origin, size, root in facts.seen:
            if origin == self._origin:
                self._check_seen(where, index, size, root)
        if facts.item is not None:
            self._check_chain(where, facts.item, facts.seq, facts.prev, leaf)

    def _check_signer(self, index: int, facts: Facts) -> None:
        """The key must have been in force here, as far as the entries before say."""
        role = role_for(facts.type, index)
        public = self._keys.key_of(role, facts.keyid, index)
        self._last_use[facts.keyid] = index
        if facts.entry is None:
            return
        entry = facts.entry
        verify_ed25519(public, entry.signature, pae(entry.payload))
        if facts.type in KEY_EVENTS:
            self._keys.apply(index, entry.event)
        if facts.type == REVOKED:
            _, name, last_good = parse_revoked(entry.event.clear)
            if self._last_use.get(name, 0) > last_good:
                self._report.void.append((name, last_good + 1, self._last_use[name]))

    def _check_seen(self, where: str, index: int, size: int, root: str) -> None:
        if size > index:
            self._report.add("E-SEEN", where, "claims to have seen a later state of the log")
        known = self._report.roots.get(size)
        if known is not None and known.hex() != root:
            self._report.add("E-SEEN", where, "has seen another log of the same origin")

    def _check_chain(self, where: str, item: str, seq: int, prev: str | None, leaf: bytes) -> None:
        known = self._heads.get(item)
        # Events about sets stand in an item's history too, but who is in a set is sealed: then
        # the chain skips numbers here, and only order and the first link can be checked.
        if known is None and seq == 0:
            pass
        elif known is None or seq <= known[0]:
            self._report.add("E-CHAIN", where, f"item {item}: event {seq} is out of order")
        elif seq == known[0] + 1 and prev != known[1].hex():
            self._report.add("E-CHAIN", where, f"item {item}: does not name the event before it")
        self._heads.put(item, seq, leaf)


class _Published:
    """The checkpoint's signatures, every tile and every entry bundle, as the entries pass."""

    def __init__(self, log: LogFiles, zero: EntryZero) -> None:
        self._findings: list[AuditFinding] = []
        self._reader: TileReader | None = None
        self._size = 0
        self._root = b""
        self._group = 0
        self._leaves = bytearray()
        try:
            note = log.checkpoint()
            if note is None:
                self._add("E-CHECKPOINT", "checkpoint", "there is no checkpoint")
                return
            point = open_checkpoint(note, zero.log_keys()).checkpoint
        except VaultError as error:
            self._add(error.code, "published log", error.message)
            return
        self._size, self._root = point.size, point.root
        self._reader = TileReader(point.size, point.root, log.tile)

    def see(self, frontier: Frontier, leaf: bytes) -> None:
        """``leaf`` was just added to ``frontier``."""
        if frontier.size > self._size:
            return
        self._leaves += leaf
        last = frontier.size == self._size
        if last and frontier.root() != self._root:
            message = "was signed over another log than the commits give"
            self._add("E-FORK", "checkpoint", message)
        if last or len(self._leaves) == TILE_WIDTH * HASH_SIZE:
            self._check_group(bytes(self._leaves))
            self._leaves.clear()
            self._group += 1

    def findings(self, entries: int) -> list[AuditFinding]:
        """All findings, when the commits have ended after ``entries``."""
        if self._size > entries:
            message = f"covers {self._size} entries, the commits hold {entries}"
            self._add("E-CHECKPOINT-AHEAD", "checkpoint", message)
        return self._findings

    def _check_group(self, leaves: bytes) -> None:
        """The tile and the bundle of a group of entries against their leaf hashes."""
        if self._reader is None:
            return
        try:
            self._reader.entries(self._group)  # each is compared with the tile
            tile = self._reader.tile(0, self._group)
        except NotFound as error:
            self._reader = None  # one that can't go on says why once
            self._add("E-TILE", "published log", error.message)
            return
        except VaultError as error:
            self._reader = None
            self._add(error.code, "published log", error.message)
            return
        for start in range(0, len(leaves), HASH_SIZE) if tile != leaves else ():
            if tile[start : start + HASH_SIZE] != leaves[start : start + HASH_SIZE]:
                where = f"entry {self._group * TILE_WIDTH + start // HASH_SIZE}"
                self._add("E-TILE", where, "is published with other bytes than committed")

    def _add(self, code: str, where: str, message: str) -> None:
        self._findings.append(AuditFinding(code, where, message))
