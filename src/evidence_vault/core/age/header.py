"""The header of an age v1 file: parse, format, and read from a stream.

::

    age-encryption.org/v1
    -> <type> <argument> …
    <base64 body, wrapped at 64 columns; the last line is shorter, possibly empty>
    --- <base64 HMAC>

Base64 is RFC 4648 without padding. ``format_header`` and ``parse_header`` undo each other: what
parses formats back to the same bytes, and everything else is refused.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Protocol

from evidence_vault.errors import FormatError

VERSION_LINE = b"age-encryption.org/v1\n"
MAX_HEADER = 1 << 20
"""Longest header that is read, in bytes: about 600 post-quantum recipients."""

_COLUMNS = 64
_MAC_SIZE = 32
_MAC_TAIL = len(" ") + 43 + len("\n")
_ARMOR_LINE = b"-----BEGIN AGE ENCRYPTED FILE-----"
_ARGUMENT = re.compile(r"[!-~]+")
"""One or more printable ASCII characters, no space (age v1, "Recipient stanza")."""


class LineSource(Protocol):
    """What a header is read from: any buffered binary file."""

    def readline(self, size: int = -1, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Stanza:
    """The file key wrapped for one recipient: a type, its arguments, and a body of raw bytes."""

    type: str
    args: tuple[str, ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class Header:
    """A parsed header. ``mac`` has 32 bytes and is not checked by parsing."""

    stanzas: tuple[Stanza, ...]
    mac: bytes


def format_header(header: Header) -> bytes:
    """The header's bytes, from the version line to the line feed after the HMAC."""
    mac = encode_b64(header.mac).encode("ascii")
    return format_header_start(header.stanzas) + b" " + mac + b"\n"


def format_header_start(stanzas: tuple[Stanza, ...]) -> bytes:
    """The part of a header that its HMAC covers: all of it up to and including ``---``."""
    return VERSION_LINE + b"".join(_format_stanza(stanza) for stanza in stanzas) + b"---"


def parse_header(data: bytes) -> Header:
    """The header that makes up exactly ``data``.

    Raises FormatError for anything but the one spelling of a header with one or more stanzas,
    or for more than MAX_HEADER bytes. The HMAC is not checked here: that takes the file key.
    """
    if len(data) > MAX_HEADER:
        raise bad_header(f"it is longer than {MAX_HEADER} bytes")
    if not data.startswith(VERSION_LINE):
        raise _wrong_version(data)
    try:
        lines = data[len(VERSION_LINE) :].decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise bad_header("it holds a byte outside ASCII") from None
    stanzas: list[Stanza] = []
    position = 0
    while lines[position].startswith("-> "):
        stanza, position = _parse_stanza(lines, position)
        stanzas.append(stanza)
    if lines[position + 1 :] != [""] or not lines[position].startswith("--- "):
        raise bad_header("after the stanzas stands something else than one '--- ' line")
    if not stanzas:
        raise bad_header("it has no recipient stanza")
    header = Header(tuple(stanzas), decode_b64(lines[position][4:], "the HMAC", _MAC_SIZE))
    if format_header(header) != data:
        raise bad_header("it is not in its one canonical spelling")
    return header


def covered_by_mac(header: bytes) -> bytes:
    """The bytes of a parsed header that its HMAC covers."""
    return header[:-_MAC_TAIL]


def read_header(source: LineSource) -> bytes:
    """Read the header off the front of a stream; the stream then stands at the payload.

    Reads at most MAX_HEADER bytes and checks only where the header ends: give the result to
    ``parse_header`` or ``unwrap_file_key``. Raises FormatError if there is no header, if it is
    cut, or if it is too long.
    """
    first = source.readline(len(VERSION_LINE))
    if first != VERSION_LINE:
        raise _wrong_version(first)
    lines = [first]
    room = MAX_HEADER - len(first)
    while not lines[-1].startswith(b"---"):
        line = source.readline(room)
        if not line.endswith(b"\n"):
            raise bad_header(f"it ends in the middle, or is longer than {MAX_HEADER} bytes")
        lines.append(line)
        room -= len(line)
    return b"".join(lines)


def encode_b64(data: bytes) -> str:
    """RFC 4648 base64 without padding."""
    return base64.b64encode(data).rstrip(b"=").decode("ascii")


def decode_b64(text: str, what: str, size: int | None = None) -> bytes:
    """Undo ``encode_b64``; ``size`` is the exact length demanded, in bytes.

    Raises FormatError on padding, foreign letters, left-over bits that are not zero, or another
    length; ``what`` names the field in the message.
    """
    try:
        data = binascii.a2b_base64(text + "=" * (-len(text) % 4))
    except ValueError:
        raise bad_header(f"{what} is not base64") from None
    if encode_b64(data) != text:
        raise bad_header(f"{what} is not canonical base64 without padding")
    if size is not None and len(data) != size:
        raise bad_header(f"{what} has {len(data)} bytes instead of {size}")
    return data


def bad_header(why: str) -> FormatError:
    """The one error of a malformed header (age v1 format, "Header")."""
    return FormatError(f"the age header is malformed: {why}", code="E-AGE-HEADER")


def _format_stanza(stanza: Stanza) -> bytes:
    """A body whose base64 fills its last line to 64 columns is followed by an empty line."""
    text = encode_b64(stanza.body)
    wrapped = [text[i : i + _COLUMNS] for i in range(0, len(text) + 1, _COLUMNS)]
    lines = [" ".join(("->", stanza.type, *stanza.args)), *wrapped]
    return "".join(line + "\n" for line in lines).encode("ascii")


def _parse_stanza(lines: list[str], position: int) -> tuple[Stanza, int]:
    """The stanza whose first line stands at ``position``, and the position after it."""
    kind, *args = lines[position][3:].split(" ")
    if not all(_ARGUMENT.fullmatch(word) for word in (kind, *args)):
        raise bad_header("a stanza holds an empty or unprintable argument")
    wrapped: list[str] = []
    while not wrapped or len(wrapped[-1]) == _COLUMNS:
        position += 1
        if position >= len(lines) - 1:
            raise bad_header("it ends inside a stanza")
        wrapped.append(lines[position])
    if len(wrapped[-1]) > _COLUMNS:
        raise bad_header(f"a body line is longer than {_COLUMNS} columns")
    return Stanza(kind, tuple(args), decode_b64("".join(wrapped), "a stanza body")), position + 1


def _wrong_version(start: bytes) -> FormatError:
    if _ARMOR_LINE.startswith(start[: len(_ARMOR_LINE)]) and start:
        return FormatError(
            "this is an age file in ASCII armor, which is not read here",
            code="E-AGE-HEADER",
            hint="turn the armor into the binary form first: drop its two marker lines and "
            "base64-decode what stands between them",
        )
    return bad_header("it does not start with the line 'age-encryption.org/v1'")
