"""Signed notes and verifier keys (C2SP signed-note v1.0.0).

    <text: one or more lines, each ending in LF>
    LF
    U+2014 SP <key name> SP <base64(4-byte key ID || signature)> LF      one to 100 lines

    key ID = SHA-256(key name || LF || type byte || public key)[:4]
    vkey   = <key name> "+" <8 lowercase hex of key ID> "+" <base64(type byte || public key)>

Parsers accept exactly one spelling: whatever parses formats back to the same bytes.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from hashlib import sha256
from typing import Protocol

from evidence_vault.core import keys
from evidence_vault.errors import FormatError, SignatureInvalid

MAX_NOTE_SIZE = 1_000_000
MAX_SIGNATURES = 100
MAX_DECIMAL = 2**63 - 1
KEY_ID_SIZE = 4

_DASH = "\u2014 "
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_VKEY = re.compile(r"([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)")
_MAX_VKEY_LENGTH = 4096


class KeyType(IntEnum):
    """The signature types that this vault knows; all others are refused in a vkey."""

    ED25519 = 0x01
    COSIGNATURE_ED25519 = 0x04
    MLDSA44 = 0x06


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A named public key. Made only through ``parse_vkey`` or with an acceptable key.

    Raises ``FormatError`` for a bad name or type, ``SignatureInvalid`` for a key that
    ``core.keys`` refuses.
    """

    name: str
    key_type: KeyType
    public_key: bytes

    def __post_init__(self) -> None:
        check_key_name(self.name)
        if self.key_type is KeyType.MLDSA44:
            keys.check_mldsa44_key(self.public_key)
        else:
            keys.check_ed25519_key(self.public_key)

    @property
    def key_id(self) -> bytes:
        """Four bytes; a hint for finding the key, no fingerprint."""
        return compute_key_id(self.name, self.key_type, self.public_key)


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line: ``signature`` is what follows the 4-byte ``key_id``, at least 1 byte."""

    name: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """The text, its final LF included, and the signature lines in order."""

    text: str
    signatures: tuple[NoteSignature, ...]


class Verifier(Protocol):
    """One known key. ``verify`` returns nothing and raises ``SignatureInvalid``."""

    @property
    def name(self) -> str: ...

    @property
    def key_id(self) -> bytes: ...

    def verify(self, text: str, signature: bytes) -> None: ...


def compute_key_id(name: str, key_type: int, public_key: bytes) -> bytes:
    """SHA-256(name || LF || type byte || public key)[:4]."""
    named = name.encode() + b"\n" + bytes([key_type]) + public_key
    return sha256(named).digest()[:KEY_ID_SIZE]


def check_key_name(name: str) -> None:
    """Raise ``FormatError`` for a name that is empty or has a space, ``+`` or control character."""
    if not name or "+" in name or any(c.isspace() or c < " " for c in name):
        raise FormatError(
            f"key name {name!r} is empty or contains a space, a plus or a control character",
            code="E-KEY-NAME",
        )
    _encode(name, "key name")


def format_vkey(key: VerifierKey) -> str:
    """The verifier key as one line without LF."""
    encoded = encode_base64(bytes([key.key_type]) + key.public_key)
    return f"{key.name}+{key.key_id.hex()}+{encoded}"


def parse_vkey(text: str) -> VerifierKey:
    """Read a verifier key and check its key ID.

    Raises ``FormatError``, or ``SignatureInvalid`` for an unacceptable public key.
    """
    match = _VKEY.fullmatch(text) if len(text) <= _MAX_VKEY_LENGTH else None
    if match is None:
        raise FormatError("a verifier key is written name+8 hex digits+base64", code="E-VKEY")
    name, key_id, encoded = match.groups()
    blob = decode_base64(encoded, "the public key of a verifier key")
    try:
        key_type = KeyType(blob[0])
    except ValueError:
        raise FormatError(
            f"verifier key of {name!r} has the unknown type 0x{blob[0]:02x}",
            code="E-VKEY-TYPE",
            hint="known types are 0x01 and 0x04 (Ed25519) and 0x06 (ML-DSA-44)",
        ) from None
    key = VerifierKey(name, key_type, blob[1:])
    if key.key_id.hex() != key_id:
        raise FormatError(
            f"verifier key of {name!r} states key ID {key_id}, its content gives "
            f"{key.key_id.hex()}",
            code="E-VKEY-ID",
            hint="part of the line was mistyped or cut",
        )
    return key


def format_note(note: Note) -> bytes:
    """The bytes of a note; raises ``FormatError`` for a note that could not be parsed back."""
    _check_text(note.text)
    if not 1 <= len(note.signatures) <= MAX_SIGNATURES:
        raise FormatError(
            f"a note has 1 to {MAX_SIGNATURES} signatures, this one has {len(note.signatures)}",
            code="E-NOTE",
        )
    lines = [note.text, "\n", *map(format_signature, note.signatures)]
    data = _encode("".join(lines), "note")
    _check_size(data)
    return data


def parse_note(data: bytes) -> Note:
    """Read a note of at most 1,000,000 bytes and 100 signatures; raises ``FormatError``."""
    _check_size(data)
    try:
        whole = data.decode()
    except UnicodeDecodeError:
        raise FormatError("a note is UTF-8 text", code="E-NOTE") from None
    end = whole.rfind("\n\n")
    if end < 0:
        raise FormatError("a note has a blank line before its signatures", code="E-NOTE")
    text, block = whole[: end + 1], whole[end + 2 :]
    _check_text(text)
    if not block.endswith("\n"):
        raise FormatError("a note ends in signature lines, each with a line feed", code="E-NOTE")
    lines = block[:-1].split("\n", MAX_SIGNATURES)
    if len(lines) > MAX_SIGNATURES:
        raise FormatError(f"a note has at most {MAX_SIGNATURES} signatures", code="E-NOTE")
    return Note(text, tuple(map(parse_signature, lines)))


def verify_note(note: Note, verifiers: Iterable[Verifier]) -> tuple[NoteSignature, ...]:
    """Check the signatures by known keys and return them, in the order of the note.

    Lines by unknown (name, key ID) pairs are ignored and not checked. Raises
    ``SignatureInvalid`` when a known key's signature does not verify, when a known key signed
    twice, and when no known key signed at all.
    """
    known: dict[tuple[str, bytes], Verifier] = {}
    for verifier in verifiers:
        pair = (verifier.name, verifier.key_id)
        if known.setdefault(pair, verifier) is not verifier:
            raise FormatError(
                f"two verifier keys are called {verifier.name!r} with key ID "
                f"{verifier.key_id.hex()}",
                code="E-VKEY-DUPLICATE",
            )
    verified: dict[tuple[str, bytes], NoteSignature] = {}
    for line in note.signatures:
        pair = (line.name, line.key_id)
        if pair not in known:
            continue
        if pair in verified:
            raise SignatureInvalid(
                f"key {line.name!r} ({line.key_id.hex()}) signed the note twice",
                code="E-NOTE-SIGNED-TWICE",
            )
        known[pair].verify(note.text, line.signature)
        verified[pair] = line
    if not verified:
        names = ", ".join(sorted({name for name, _ in known})) or "none"
        raise SignatureInvalid(
            f"no known key signed the note (known: {names})", code="E-NOTE-NO-KNOWN-KEY"
        )
    return tuple(verified.values())


def add_signatures(note: Note, added: Sequence[NoteSignature]) -> Note:
    """The note with further signature lines at its end; a repeated key replaces nothing.

    Raises ``FormatError`` if a (name, key ID) pair would stand there twice.
    """
    lines = (*note.signatures, *added)
    pairs = {(line.name, line.key_id) for line in lines}
    if len(pairs) != len(lines):
        raise FormatError("a key may sign a note only once", code="E-NOTE-SIGNED-TWICE")
    return Note(note.text, lines)


def encode_base64(data: bytes) -> str:
    """Standard base64 with padding, RFC 4648 §4."""
    return b64encode(data).decode("ascii")


def decode_base64(text: str, what: str) -> bytes:
    """Canonical, non-empty base64 only: decoding and encoding again must give ``text``.

    ``what`` names the field in the ``FormatError``.
    """
    try:
        data = b64decode(text, validate=True)
    except (Base64Error, ValueError):
        data = b""
    if not data or encode_base64(data) != text:
        raise FormatError(f"{what} is not canonical base64", code="E-BASE64")
    return data


def parse_decimal(text: str, what: str) -> int:
    """ASCII decimal without leading zeroes or sign, 0 to 2^63-1; raises ``FormatError``."""
    value = int(text) if _DECIMAL.fullmatch(text) else -1
    if not 0 <= value <= MAX_DECIMAL:
        raise FormatError(f"{what} is not a decimal number from 0 to 2^63-1", code="E-DECIMAL")
    return value


def format_signature(line: NoteSignature) -> str:
    check_key_name(line.name)
    if len(line.key_id) != KEY_ID_SIZE or not line.signature:
        raise FormatError("a signature line has a 4-byte key ID and a signature", code="E-NOTE")
    return f"{_DASH}{line.name} {encode_base64(line.key_id + line.signature)}\n"


def parse_signature(line: str) -> NoteSignature:
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not space:
        raise FormatError("a signature line is an em dash, a key name and base64", code="E-NOTE")
    check_key_name(name)
    blob = decode_base64(encoded, f"the signature of {name!r}")
    if len(blob) <= KEY_ID_SIZE:
        raise FormatError(f"the signature of {name!r} is empty", code="E-NOTE")
    return NoteSignature(name, blob[:KEY_ID_SIZE], blob[KEY_ID_SIZE:])


def _check_text(text: str) -> None:
    if not text.endswith("\n"):
        raise FormatError("the text of a note ends in a line feed", code="E-NOTE")
    if _CONTROL.search(text):
        raise FormatError("the text of a note contains a control character", code="E-NOTE")


def _check_size(data: bytes) -> None:
    if len(data) > MAX_NOTE_SIZE:
        raise FormatError(f"a note has at most {MAX_NOTE_SIZE} bytes", code="E-NOTE-SIZE")


def _encode(text: str, what: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise FormatError(f"the {what} is not valid Unicode text", code="E-NOTE") from None
