"""What log and countersigner send each other (C2SP tlog-witness v1.0.0, docs/format-witness.md).

    request  "old " <decimal> LF, 0 to 63 lines of base64(hash) LF, LF, <signed checkpoint>
    answer   one or more signature lines: U+2014 SP <name> SP <base64(key ID || signature)> LF
    size     <decimal> LF                       what a countersigner answers to another ``old``

The same bytes travel over HTTP and as files. Parsers accept one spelling and bound every size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evidence_vault.core.checkpoint import MAX_NAME_SIZE
from evidence_vault.core.merkle import HASH_SIZE, MAX_PROOF_LENGTH
from evidence_vault.core.note import (
    MAX_NOTE_SIZE,
    Note,
    NoteSignature,
    decode_base64,
    encode_base64,
    format_note,
    parse_decimal,
    parse_note,
)
from evidence_vault.errors import FormatError

MAX_REQUEST = MAX_NOTE_SIZE + 4_096
"""Bytes of a request: 63 proof lines of 45 bytes, the first line, and a note."""

MAX_ANSWER = MAX_NOTE_SIZE
SIZE_TYPE = "text/x.tlog.size"

_OLD = "old "
_HEAD = "\n"  # the text of the note that carries an answer while it is parsed
_MAX_SIZE_TEXT = 20


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """A request to cosign; nothing in it is checked but its form.

    ``old``: size that the log believes this countersigner cosigned last. ``proof``: consistency
    from ``old`` to ``size``. ``origin``, ``size`` and ``root`` are what ``checkpoint`` states; an
    empty tree may state any root here, which is for the countersigner to refuse.
    """

    old: int
    proof: tuple[bytes, ...]
    checkpoint: bytes
    origin: str
    size: int
    root: bytes


def make_request(old: int, proof: Sequence[bytes], checkpoint: bytes) -> AddCheckpoint:
    """A request over a signed checkpoint; raises FormatError for what could not be sent."""
    origin, size, root = _read_text(parse_note(checkpoint).text)
    _expect(0 <= old <= size, f"old is {old}, the checkpoint covers {size} entries")
    _expect(
        len(proof) <= MAX_PROOF_LENGTH and all(len(h) == HASH_SIZE for h in proof),
        "a proof is at most 63 hashes of 32 bytes",
    )
    return AddCheckpoint(old, tuple(proof), checkpoint, origin, size, root)


def format_request(request: AddCheckpoint) -> bytes:
    """The body of ``POST /add-checkpoint``; the inverse of :func:`parse_request`."""
    lines = [f"{_OLD}{request.old}", *map(encode_base64, request.proof), ""]
    return "".join(f"{line}\n" for line in lines).encode("ascii") + request.checkpoint


def parse_request(data: bytes) -> AddCheckpoint:
    """Read a request of at most ``MAX_REQUEST`` bytes; raises FormatError (E-WITNESS-REQUEST …).

    ``old`` must not exceed the size of the checkpoint. No signature and no proof is checked.
    """
    _expect(len(data) <= MAX_REQUEST, f"it has more than {MAX_REQUEST} bytes")
    head, blank, checkpoint = data.partition(b"\n\n")
    _expect(bool(blank), "there is no blank line after the proof")
    try:
        lines = head.decode("ascii").split("\n", MAX_PROOF_LENGTH + 1)
    except UnicodeDecodeError:
        raise _wrong("its head is not ASCII text") from None
    _expect(lines[0].startswith(_OLD), "it does not begin with 'old' and a size")
    _expect(len(lines) - 1 <= MAX_PROOF_LENGTH, "its proof has more than 63 lines")
    old = parse_decimal(lines[0].removeprefix(_OLD), "the old size of a request")
    proof = tuple(decode_base64(line, "a hash of a request") for line in lines[1:])
    request = make_request(old, proof, checkpoint)
    # One spelling: what parsed must be what would be written, the note included.
    _expect(
        format_request(request) == data and format_note(parse_note(checkpoint)) == checkpoint,
        "it is not in its one spelling",
    )
    return request


def is_request(data: bytes) -> bool:
    """True for what claims to be a request."""
    return data.startswith(_OLD.encode())


def format_answer(lines: Sequence[NoteSignature]) -> bytes:
    """The signature lines that a countersigner gives back."""
    return format_note(Note(_HEAD, tuple(lines))).removeprefix(b"\n\n")


def parse_answer(data: bytes) -> tuple[NoteSignature, ...]:
    """1 to 100 signature lines; raises FormatError. Whose they are is not checked."""
    if len(data) > MAX_ANSWER or b"\n\n" in data:
        raise FormatError("an answer is 1 to 100 signature lines", code="E-WITNESS-ANSWER")
    note = parse_note(b"\n\n" + data)
    if note.text != _HEAD or format_answer(note.signatures) != data:
        raise FormatError("an answer is not in its one spelling", code="E-WITNESS-ANSWER")
    return note.signatures


def format_size(size: int) -> bytes:
    """The body of a 409: the size that was cosigned last."""
    return b"%d\n" % size


def parse_size(data: bytes) -> int | None:
    """The inverse of :func:`format_size`; None for anything else."""
    if not 1 < len(data) <= _MAX_SIZE_TEXT or not data.endswith(b"\n"):
        return None
    try:
        return parse_decimal(data[:-1].decode("ascii"), "a size")
    except (FormatError, UnicodeDecodeError):
        return None


def _read_text(text: str) -> tuple[str, int, bytes]:
    """(origin, size, root) of exactly three lines, the root of an empty tree not judged."""
    lines = text.split("\n", 4)
    _expect(len(lines) == 4 and not lines[3], "its checkpoint is not three lines")
    origin, size, root = lines[:3]
    _expect(0 < len(origin.encode()) <= MAX_NAME_SIZE, "its origin is empty or too long")
    hash_ = decode_base64(root, "the root hash")
    _expect(len(hash_) == HASH_SIZE, "its root hash does not have 32 bytes")
    return origin, parse_decimal(size, "the tree size"), hash_


def _expect(condition: bool, message: str) -> None:
    if not condition:
        raise _wrong(message)


def _wrong(message: str) -> FormatError:
    return FormatError(
        f"request to countersign: {message} (docs/format-witness.md)", code="E-WITNESS-REQUEST"
    )
