"""Receipts: the text file that proves the custody entries of one item (docs/format-receipt.md).

``format_receipt`` and ``parse_receipt`` undo each other. Parsing checks form only: what the
entries, paths and signatures are worth is decided in ``verify/``.
"""

from __future__ import annotations

import binascii
import re
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
MAX_STATES = 1_000
MAX_PEERS = 1_000
MAX_TOKEN = 1_000_000
MAX_TOKENS = 64
MAX_RENEWALS = 64

VAULT_SUBJECT = ("vault",)

_AUTHORITY = re.compile(r"[a-z0-9-]{1,40}\Z")


@dataclass(frozen=True, slots=True)
class ReceiptEvent:
    """One entry of the log, its inclusion path, and what is revealed of it.

    ``index`` is the position in the log, ``leaf`` the entry's bytes, ``path`` 32-byte hashes
    with the leaf's sibling first. ``opening`` stands exactly when the subject is a set.
    ``reveals`` are in order of field name. ``seen``: the consistency proof from the head of this
    log that the entry had seen to the receipt's checkpoint; None when it is not shown.
    """

    index: int
    leaf: bytes
    path: tuple[bytes, ...]
    opening: Opening | None = None
    reveals: tuple[Disclosure, ...] = ()
    seen: tuple[bytes, ...] | None = None


Tokens = tuple[tuple[str, bytes], ...]
"""(name of the authority as the vault calls it, RFC 3161 reply in DER)."""


@dataclass(frozen=True, slots=True)
class Renewal:
    """A list of digests (text of ``sha512sum``) that was stamped later, and those stamps."""

    manifest: bytes
    tokens: Tokens


@dataclass(frozen=True, slots=True)
class ReceiptState:
    """A countersigned or time-stamped checkpoint of the same log.

    ``note``: the signed note at ``size`` with cosignatures; ``consistency``: the proof from it to
    the receipt's checkpoint, empty when the sizes are equal. ``tokens`` are over the note with
    the log's own signature lines alone.
    """

    size: int
    note: bytes
    consistency: tuple[bytes, ...]
    tokens: Tokens = ()
    renewals: tuple[Renewal, ...] = ()


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt; ``subject`` is ("item", home, id) or ("vault",), ``note`` the checkpoint.

    ``states`` in ascending order of size; ``peers`` are checkpoints of other logs that an
    ``anchored`` event names.
    """

    origin: str
    subject: tuple[str, ...]
    made: str
    events: tuple[ReceiptEvent, ...]
    note: bytes
    states: tuple[ReceiptState, ...] = ()
    peers: tuple[bytes, ...] = ()


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
        out.extend(b" " + _b64(p) for p in event.path)
        out.append(b"\n")
        if event.seen is not None:
            out.append(b"seen" + b"".join(b" " + _b64(p) for p in event.seen) + b"\n")
        if event.opening is not None:
            out.append(b"member " + format_opening(event.opening) + b"\n")
        out.extend(b"reveal " + d.raw + b"\n" for d in event.reveals)
        out.append(b"\n")
    for state in receipt.states:
        out.append(_state_text(state))
    out.extend(b"peer " + _b64(note) + b"\n\n" for note in receipt.peers)
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
    states: list[ReceiptState] = []
    peers: list[bytes] = []
    while (line := lines.take()) != b"checkpoint":
        if line.startswith(b"state "):
            if len(states) == MAX_STATES:
                raise lines.wrong("a receipt holds at most 1,000 states")
            states.append(_parse_state(lines, line))
        elif line.startswith(b"peer "):
            if len(peers) == MAX_PEERS:
                raise lines.wrong("a receipt holds at most 1,000 checkpoints of other logs")
            peers.append(lines.base64(line.removeprefix(b"peer "), "a checkpoint"))
            lines.blank()
        elif len(events) == MAX_EVENTS:
            raise lines.wrong("a receipt holds at most 100,000 events")
        else:
            events.append(_parse_event(lines, line))
    # Blocks out of order are another spelling, which the comparison below refuses.
    receipt = Receipt(
        origin, subject, made, tuple(events), lines.rest(), tuple(states), tuple(peers)
    )
    if format_receipt(receipt) != data:
        raise FormatError("a receipt is not in its one spelling (docs/format-receipt.md)")
    return receipt


def _parse_event(lines: _Lines, line: bytes) -> ReceiptEvent:
    """One event block; ``line`` is its first line, already taken."""
    number = line.removeprefix(b"event ").decode("ascii", "replace")
    if not line.startswith(b"event ") or not is_decimal(number):
        raise lines.wrong("expected 'event' and an index, or 'checkpoint'")
    leaf = lines.after(b"leaf ")
    path = lines.hashes(lines.take(), b"path")
    opening = seen = None
    reveals: list[Disclosure] = []
    line = lines.take()
    if line == b"seen" or line.startswith(b"seen "):
        seen = lines.hashes(line, b"seen")
        line = lines.take()
    if line.startswith(b"member "):
        opening = parse_opening(line.removeprefix(b"member "))
        line = lines.take()
    while line != b"":
        if not line.startswith(b"reveal "):
            raise lines.wrong("expected 'reveal' or an empty line")
        reveals.append(parse_disclosure(line.removeprefix(b"reveal ")))
        line = lines.take()
    return ReceiptEvent(int(number), leaf, path, opening, tuple(reveals), seen)


def _parse_state(lines: _Lines, line: bytes) -> ReceiptState:
    """One state block; ``line`` is its first line, already taken."""
    number = line.removeprefix(b"state ").decode("ascii", "replace")
    if not is_decimal(number):
        raise lines.wrong("expected 'state' and a size")
    note = lines.base64(lines.after(b"note "), "a checkpoint")
    proof = lines.hashes(lines.take(), b"consistency")
    line, tokens = _parse_tokens(lines)
    renewals: list[Renewal] = []
    while line != b"":
        if not line.startswith(b"renewal ") or len(renewals) == MAX_RENEWALS:
            raise lines.wrong("expected 'token', 'renewal' or an empty line")
        manifest = lines.base64(line.removeprefix(b"renewal "), "a renewal")
        line, stamps = _parse_tokens(lines)
        renewals.append(Renewal(manifest, stamps))
    return ReceiptState(int(number), note, proof, tokens, tuple(renewals))


def _parse_tokens(lines: _Lines) -> tuple[bytes, Tokens]:
    """(the first line that is no token, the tokens before it)."""
    tokens: list[tuple[str, bytes]] = []
    while (line := lines.take()).startswith(b"token "):
        words = line.split(b" ")
        if len(words) != 3 or len(tokens) == MAX_TOKENS:
            raise lines.wrong("expected 'token', a name and the reply, at most 64 of them")
        tokens.append((lines.text(words[1]), lines.base64(words[2], "a time stamp")))
    return line, tuple(tokens)


def _state_text(state: ReceiptState) -> bytes:
    out = [b"state %d\nnote %s\nconsistency" % (state.size, _b64(state.note))]
    out.extend(b" " + _b64(p) for p in state.consistency)
    out.append(b"\n")
    out.extend(_token_lines(state.tokens))
    for renewal in state.renewals:
        out.append(b"renewal " + _b64(renewal.manifest) + b"\n")
        out.extend(_token_lines(renewal.tokens))
    out.append(b"\n")
    return b"".join(out)


def _token_lines(tokens: Tokens) -> list[bytes]:
    return [b"token %s %s\n" % (name.encode("ascii"), _b64(reply)) for name, reply in tokens]


def _b64(data: bytes) -> bytes:
    return binascii.b2a_base64(data, newline=False)


def is_authority(name: str) -> bool:
    """True for the name of a time authority: 1 to 40 of a-z, 0-9 and ``-``."""
    return _AUTHORITY.match(name) is not None


def _check_states(receipt: Receipt) -> None:
    sizes = [state.size for state in receipt.states]
    _expect(sizes == sorted(set(sizes)), "states must stand in ascending order of size")
    for state in receipt.states:
        _expect(0 < state.size <= MAX_INDEX, "the size of a state is out of range")
        _expect(0 < len(state.note) <= MAX_NOTE, "a checkpoint is empty or over 1,000,000 bytes")
        _expect(
            len(state.consistency) <= MAX_PATH and all(len(p) == 32 for p in state.consistency),
            "a consistency proof has at most 63 hashes of 32 bytes",
        )
        stamps = [state.tokens, *(renewal.tokens for renewal in state.renewals)]
        _expect(
            all(is_authority(name) and 0 < len(t) <= MAX_TOKEN for s in stamps for name, t in s),
            "a time stamp has a name of a-z, 0-9 and '-', and at most 1,000,000 bytes",
        )
        _expect(
            all(0 < len(renewal.manifest) <= MAX_NOTE for renewal in state.renewals),
            "the list of a renewal is empty or over 1,000,000 bytes",
        )
    _expect(
        all(0 < len(note) <= MAX_NOTE for note in receipt.peers),
        "a checkpoint is empty or over 1,000,000 bytes",
    )


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
    _check_states(receipt)
    for event in receipt.events:
        _expect(0 <= event.index <= MAX_INDEX, "an index is out of range")
        _expect(0 < len(event.leaf) <= MAX_ENTRY, "an entry is empty or over 65,535 bytes")
        _expect(b"\n" not in event.leaf, "an entry is more than one line")
        _expect(
            all(
                len(proof) <= MAX_PATH and all(len(p) == 32 for p in proof)
                for proof in (event.path, event.seen or ())
            ),
            "a proof has at most 63 hashes of 32 bytes",
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

    def hashes(self, line: bytes, name: bytes) -> tuple[bytes, ...]:
        """The hashes of a line that begins with ``name``."""
        words = line.split(b" ")
        if words[0] != name or len(words) - 1 > MAX_PATH:
            raise self.wrong(f"expected '{name.decode()}' and at most 63 hashes")
        return tuple(self.base64(word, f"an element of {name.decode()}") for word in words[1:])

    def base64(self, word: bytes, what: str) -> bytes:
        """Only the alphabet is checked here; parse_receipt compares the whole spelling."""
        try:
            return binascii.a2b_base64(word, strict_mode=True)
        except binascii.Error:
            raise self.wrong(f"{what} is not base64") from None

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
