"""What the steps of copying share: the two sides, what was found, and small helpers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from evidence_vault.core.commit import Commit, Committed, format_commit, format_stub
from evidence_vault.core.event import peek
from evidence_vault.errors import FormatError, InternalError, LogInconsistent, NotFound, StoreError
from evidence_vault.log.logstore import LogStore
from evidence_vault.store.opening import Store
from evidence_vault.vault.tombstones import Tombstone


@dataclass(frozen=True)
class Head:
    """Where one log ends at the source: ``size`` entries, and the checkpoint stored over it."""

    size: int
    root: bytes
    published: int = 0
    published_root: bytes = b""


@dataclass(frozen=True)
class HeldCopy:
    """What the log says of a copy of headers that a hold keeps."""

    sha256: str
    version: str | None


def _nothing_tells(key: str, data: bytes) -> bool | None:
    return None


@dataclass(frozen=True)
class Source:
    """What is copied. ``known``: keys in archive/ that are known without a listing; ``held``:
    copies of headers for holds that are on; ``versions``: recorded versions are of this archive;
    ``check``: whether a file beside the logs is right, None where nothing can tell."""

    archive: Store
    control: Store
    plaintext: bool
    open_object: Callable[[str], BinaryIO]
    heads: Sequence[Head]
    tombstones: Sequence[Tombstone] = ()
    known: Sequence[str] = ()
    held: Mapping[str, HeldCopy] = field(default_factory=dict)
    versions: bool = False
    check: Callable[[str, bytes], bool | None] = _nothing_tells

    def log(self, number: int) -> LogStore:
        return LogStore(self.archive, self.control, number, self.plaintext)


@dataclass(frozen=True)
class Target:
    """Where it is copied to; None for a part that this copy does not hold."""

    archive: Store | None
    control: Store | None


@dataclass
class Mirrored:
    """What was done and found. ``findings``: {"code", "message", "where"}."""

    entries: int = 0
    objects: int = 0
    bytes: int = 0
    headers: int = 0
    destroyed: int = 0
    healed: int = 0
    pending: int = 0
    findings: list[dict[str, str]] = field(default_factory=list)

    def add(self, code: str, where: str, message: str) -> None:
        finding = {"code": code, "message": message, "where": where}
        if finding not in self.findings:
            self.findings.append(finding)

    def counts(self) -> dict[str, Any]:
        return {
            "bytes": str(self.bytes),
            "destroyed": self.destroyed,
            "entries": self.entries,
            "findings": len(self.findings),
            "headers": self.headers,
            "healed": self.healed,
            "objects": str(self.objects),
            "pending": self.pending,
        }


def logs_of(source: Source, target: Target) -> Callable[[int], LogStore]:
    """The target's logs; the part it does not hold is the source's, and is only read."""
    archive, control = target.archive or source.archive, target.control or source.control
    return lambda number: LogStore(archive, control, number, source.plaintext)


def payloads_of(own: Iterable[Committed]) -> list[str]:
    return [
        digest
        for each in own
        for unit in peek(each.entry)["units"]
        if unit["kind"] != "record"
        for digest in unit["objects"]
    ]


def good_headers(entries: Iterable[bytes], headers: Any) -> dict[str, bytes]:
    """Of some headers, those that entries name, with the digests they state."""
    stated = {unit["id"]: unit["header"] for each in entries for unit in peek(each)["units"]}
    return {unit: data for unit, data in headers.items() if hex_digest(data) == stated.get(unit)}


def without(committed: Committed, units: frozenset[str]) -> Committed:
    kept = {unit: header for unit, header in committed.headers.items() if unit not in units}
    return Committed(committed.entry, committed.record, kept)


def format_as(commit: Commit) -> bytes:
    if commit.is_stub:
        return format_stub(commit)
    return format_commit(commit.start, commit.root, commit.entries)


def peek_at(entry: bytes, index: int) -> dict[str, Any]:
    try:
        return peek(entry)
    except (ValueError, LookupError, TypeError) as error:
        raise FormatError(f"entry {index} can't be read", code="E-ENTRY") from error


def read_all(store: Store, key: str) -> bytes:
    with store.open(key) as stream:
        return stream.read()


def size_of(store: Any, key: str) -> int | None:
    try:
        with store.open(key) as stream:
            return int(stream.seek(0, 2))
    except NotFound:
        return None


def demand_back(store: Store, key: str, data: bytes) -> None:
    if read_all(store, key) != data:
        raise StoreError(f"{key} was not stored as written", code="E-READ-BACK")


def held_part(store: Store | None) -> Store:
    if store is None:
        raise InternalError("a part that this replica does not hold")
    return store


def hex_digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def forked(what: str) -> LogInconsistent:
    return LogInconsistent(
        f"the replica and this vault show two histories: {what}",
        code="E-FORK",
        hint="nothing was overwritten: keep both as evidence and tell your partners",
    )
