"""Commits: one create-only object per batch, the moment at which entries exist.

docs/format-store.md, "Commit":

    "evidence-vault/commit/v1" LF start LF end LF hex root LF LF
    per entry:  u32 length || entry
                u32 length || record payload (sealed disclosure set; plain with --plaintext)
                u16 count, then per unit: 16-byte unit id || u32 length || age header
    32 bytes:   SHA-256 of everything before

Once its entries are published in complete groups and covered by a stored checkpoint, a commit
is emptied to its *stub*: the same first four lines under ``evidence-vault/stub/v1``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evidence_vault.core.tiles import MAX_ENTRY_SIZE
from evidence_vault.errors import FormatError

_COMMIT = b"evidence-vault/commit/v1\n"
_STUB = b"evidence-vault/stub/v1\n"
_HEAD = re.compile(
    rb"evidence-vault/(commit|stub)/v1\n(0|[1-9][0-9]{0,17})\n([1-9][0-9]{0,17})\n([0-9a-f]{64})\n"
)
_MAX_HEAD = 150


@dataclass(frozen=True, slots=True)
class Committed:
    """One entry with what is kept beside it.

    ``record``: payload of the record unit. ``headers``: age header bytes by unit id (hex), those
    of its own units; read from a pack, those of all units of its group.
    """

    entry: bytes
    record: bytes
    headers: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Commit:
    """Entries ``start`` ≤ i < ``end``; ``root`` is that of the log at size ``end``.

    ``entries`` is empty in a stub.
    """

    start: int
    end: int
    root: bytes
    entries: tuple[Committed, ...]

    @property
    def is_stub(self) -> bool:
        return not self.entries


def commit_key(start: int) -> str:
    """Where a commit is stored in ``control/``."""
    return f"commits/{start}"


def format_commit(start: int, root: bytes, entries: Sequence[Committed]) -> bytes:
    """The bytes of a commit; the inverse of :func:`parse_commit`."""
    parts = [_COMMIT, _head(start, start + len(entries), root), b"\n"]
    for item in entries:
        parts += [_u32(len(item.entry)), item.entry, _u32(len(item.record)), item.record]
        parts.append(len(item.headers).to_bytes(2, "big"))
        for unit, header in sorted(item.headers.items()):
            parts += [bytes.fromhex(unit), _u32(len(header)), header]
    body = b"".join(parts)
    return body + hashlib.sha256(body).digest()


def format_stub(commit: Commit) -> bytes:
    """What is left of a commit once everything in it stands elsewhere."""
    return _STUB + _head(commit.start, commit.end, commit.root)


def parse_commit(data: bytes) -> Commit:
    """Read a commit or a stub; raises FormatError, also for a torn write."""
    head = _HEAD.match(data[:_MAX_HEAD])
    if head is None:
        raise FormatError("a commit does not begin as docs/format-store.md says", code="E-COMMIT")
    start, end, root = int(head[2]), int(head[3]), bytes.fromhex(head[4].decode())
    if end <= start:
        raise FormatError("a commit ends before it starts", code="E-COMMIT")
    if head[1] == b"stub":
        if head.end() != len(data):
            raise FormatError("a stub is followed by other bytes", code="E-COMMIT")
        return Commit(start, end, root, ())
    body = data[:-32]
    if hashlib.sha256(body).digest() != data[-32:]:
        raise FormatError(f"commit {start} is torn or changed", code="E-COMMIT")
    cursor = _Cursor(body, head.end())
    if cursor.take(1) != b"\n":
        raise FormatError("a commit lacks the blank line", code="E-COMMIT")
    entries = tuple(_parse_entry(cursor) for _ in range(end - start))
    if cursor.position != len(body):
        raise FormatError(f"commit {start} is longer than its entries", code="E-COMMIT")
    return Commit(start, end, root, entries)


def _parse_entry(cursor: _Cursor) -> Committed:
    entry = cursor.sized()
    if len(entry) > MAX_ENTRY_SIZE:
        raise FormatError("an entry in a commit is too large", code="E-COMMIT")
    record = cursor.sized()
    headers: dict[str, bytes] = {}
    for _ in range(int.from_bytes(cursor.take(2), "big")):
        unit = cursor.take(16).hex()
        headers[unit] = cursor.sized()
    return Committed(entry, record, headers)


class _Cursor:
    def __init__(self, data: bytes, position: int) -> None:
        self._data = data
        self.position = position

    def take(self, count: int) -> bytes:
        piece = self._data[self.position : self.position + count]
        if len(piece) != count:
            raise FormatError("a commit ends in the middle of an entry", code="E-COMMIT")
        self.position += count
        return piece

    def sized(self) -> bytes:
        return self.take(int.from_bytes(self.take(4), "big"))


def _head(start: int, end: int, root: bytes) -> bytes:
    return b"%d\n%d\n%s\n" % (start, end, root.hex().encode())


def _u32(value: int) -> bytes:
    return value.to_bytes(4, "big")
