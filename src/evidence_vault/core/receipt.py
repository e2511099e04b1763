"""Receipts: the text file that proves the custody entries of one item (docs/format-receipt.md).

``format_receipt`` and ``parse_receipt`` undo each other. Parsing checks form only: what the
entries, paths and signatures are worth is decided in ``verify/``.
"""

from __future__ import annotations

import binascii
from dataclasses import dataclass

from evidence_vault.core.disclosure import Disclosure, parse_disclosure
from evidence_vault.core.event import MAX_ENTRY, is_item_id
from evidence_vault.core.members import Opening, format_opening, parse_opening
from evidence_vault.core.shapes import is_decimal, is_origin, is_time
from evidence_vault.errors import FormatError

MAGIC = b"evidence-vault/receipt/v1"
MAX_RECEIPT = 256 * 1024 * 1024
MAX_EVENTS = 100_000
MAX_PATH = 63
MAX_INDEX = 2**63 - 1
MAX_NOTE = 1_000_000

VAULT_SUBJECT = ("vault",)


@dataclass(frozen=True, slots=True)
class ReceiptEvent:
    """One entry of the log, its inclusion path, and what is revealed of it.

    ``index`` is the position in the log, ``leaf`` the entry's bytes, ``path`` 32-byte hashes
    with the leaf's sibling first. ``opening`` stands exactly when the subject is a set.
    ``reveals`` are in order of field name.
    """

    index: int
    leaf: bytes
    path: tuple[bytes, ...]
    opening: Opening | None = None
    reveals: tuple[Disclosure, ...] = ()


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt; ``subject`` is ("item", home, id) or ("vault",), ``note`` the checkpoint."""

    origin: str
    subject: tuple[str, ...]
    made: str
    events: tuple[ReceiptEvent, ...]
    note: bytes


def format_receipt(receipt: Receipt) -> bytes:
    """The bytes of a receipt; raises FormatError for values the format can't hold."""
    _check(receipt)
    out = [
        b"%s\norigin %s\n%s\nmade %s\n\n"
        % (
            MAGIC,
            receipt.origin.encode("utf-8"),
            " ".join(receipt.subject).encode("utf-8"),
            receipt.made.encode("ascii"),
        )
    ]
    for event in receipt.events:
        out.append(b"event %d\nleaf %s\npath" % (event.index, event.leaf))
        out.extend(b" " + binascii.b2a_base64(p, newline=False) for p in event.path)
        out.append(b"\n")
        if event.opening is not None:
            out.append(b"member " + format_opening(event.opening) + b"\n")
        out.extend(b"reveal " + d.raw + b"\n" for d in event.reveals)
        out.append(b"\n")
    out.append(b"checkpoint\n")
    out.append(receipt.note)
    data = b"".join(out)
    if len(data) > MAX_RECEIPT:
        raise FormatError("a receipt is larger than 256 MiB (docs/format-receipt.md)")
    return data


def parse_receipt(data: bytes) -> Receipt:
    """The inverse of :func:`format_receipt`; raises FormatError naming the line."""
    if len(data) > MAX_RECEIPT:
        raise FormatError("a receipt is larger than 256 MiB (docs/format-receipt.md)")
    lines = _Lines(data)
    if lines.take() != MAGIC:
        raise lines.wrong(f"a receipt begins with {MAGIC.decode()}")
    origin = lines.word(b"origin ")
    subject = tuple(lines.text(lines.take()).split(" "))
    made = lines.word(b"made ")
    lines.blank()
    events: list[ReceiptEvent] = []
    while (line := lines.take()) != b"checkpoint":
        if len(events) == MAX_EVENTS:
            raise lines.wrong("a receipt holds at most 100,000 events")
        events.append(_parse_event(lines, line))
    receipt = Receipt(origin, subject, made, tuple(events), lines.rest())
    if format_receipt(receipt) != data:
        raise FormatError("a receipt is not in its one spelling (docs/format-receipt.md)")
    return receipt


def _parse_event(lines: _Lines, line: bytes) -> ReceiptEvent:
    """One event block; ``line`` is its first line, already taken."""
    number = line.removeprefix(b"event ").decode("ascii", "replace")
    if not line.startswith(b"event ") or not is_decimal(number):
        raise lines.wrong("expected 'event' and an index, or 'checkpoint'")
    leaf = lines.after(b"leaf ")
    words = lines.take().split(b" ")
    if words[0] != b"path" or len(words) - 1 > MAX_PATH:
        raise lines.wrong("expected 'path' and at most 63 hashes")
    try:
        # Only the alphabet is checked here; parse_receipt compares the whole spelling.
        path = tuple(binascii.a2b_base64(word, strict_mode=True) for word in words[1:])
    except binascii.Error:
        raise lines.wrong("a path element is not base64") from None
    opening = None
    reveals: list[Disclosure] = []
    line = lines.take()
    if line.startswith(b"member "):
        opening = parse_opening(line.removeprefix(b"member "))
        line = lines.take()
    while line != b"":
        if not line.startswith(b"reveal "):
            raise lines.wrong("expected 'reveal' or an empty line")
        reveals.append(parse_disclosure(line.removeprefix(b"reveal ")))
        line = lines.take()
    return ReceiptEvent(int(number), leaf, path, opening, tuple(reveals))


def _check(receipt: Receipt) -> None:
    """The limits that hold in both directions; raises FormatError."""
    kind = receipt.subject[0] if receipt.subject else ""
    _expect(is_origin(receipt.origin), "the origin is not a log origin")
    _expect(
        receipt.subject == VAULT_SUBJECT
        or (
            kind == "item"
            and len(receipt.subject) == 3
            and is_origin(receipt.subject[1])
            and is_item_id(receipt.subject[2])
        ),
        "the subject must be 'item' with home and id, or 'vault'",
    )
    _expect(is_time(receipt.made), "'made' must be YYYY-MM-DDTHH:MM:SSZ")
    _expect(0 < len(receipt.events) <= MAX_EVENTS, "a receipt holds 1 to 100,000 events")
    _expect(0 < len(receipt.note) <= MAX_NOTE, "the checkpoint is empty or over 1,000,000 bytes")
    for event in receipt.events:
        _expect(0 <= event.index <= MAX_INDEX, "an index is out of range")
        _expect(0 < len(event.leaf) <= MAX_ENTRY, "an entry is empty or over 65,535 bytes")
        _expect(b"\n" not in event.leaf, "an entry is more than one line")
        _expect(
            len(event.path) <= MAX_PATH and all(len(p) == 32 for p in event.path),
            "a path has at most 63 hashes of 32 bytes",
        )
        names = [d.name for d in event.reveals]
        _expect(names == sorted(names), "revealed fields must stand in order of their names")


class _Lines:
    """Walks the lines of a receipt; every complaint carries the line number."""

    __slots__ = ("_at", "_data", "_number")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._number = 0

    def take(self) -> bytes:
        """The next line without its LF."""
        self._number += 1
        end = self._data.find(b"\n", self._at)
        if end < 0:
            raise self.wrong("the receipt ends too early")
        line = self._data[self._at : end]
        self._at = end + 1
        return line

    def after(self, start: bytes) -> bytes:
        """What follows ``start`` on the next line."""
        line = self.take()
        if not line.startswith(start):
            raise self.wrong(f"expected '{start.decode().strip()}'")
        return line.removeprefix(start)

    def word(self, start: bytes) -> str:
        return self.text(self.after(start))

    def text(self, line: bytes) -> str:
        try:
            return line.decode("utf-8")
        except UnicodeDecodeError:
            raise self.wrong("not UTF-8") from None

    def blank(self) -> None:
        if self.take() != b"":
            raise self.wrong("expected an empty line")

    def rest(self) -> bytes:
        return self._data[self._at :]

    def wrong(self, what: str) -> FormatError:
        return FormatError(f"receipt, line {self._number}: {what} (docs/format-receipt.md)")


def _expect(condition: bool, message: str) -> None:
    if not condition:
        raise FormatError(f"receipt: {message} (docs/format-receipt.md)")
