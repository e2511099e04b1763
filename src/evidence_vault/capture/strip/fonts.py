"""Embedded fonts without what their makers and owners wrote into them; every outline stays.

TrueType and OpenType fonts are put together anew from the tables that draw (ISO/IEC 14496-22);
in CFF and Type 1 fonts, notices are overwritten by spaces, because offsets depend on their length.
"""

from __future__ import annotations

import re
import struct
from itertools import pairwise

from evidence_vault.capture.strip.model import NotChecked

_DRAWING = frozenset(
    b"cmap cvt_ fpgm glyf head hhea hmtx loca maxp prep OS/2 post vhea vmtx GSUB GPOS GDEF BASE "
    b"kern gasp CFF_ VORG hdmx VDMX LTSH".replace(b"_", b" ").split(b" ")
) | {b"cvt ", b"CFF "}
_CFF_STANDARD_STRINGS = 391
_CFF_TEXTS = frozenset({0, 1, 12 << 8 | 0, 12 << 8 | 21})  # version, Notice, Copyright, PostScript
_CFF_FONT_DICTS = 12 << 8 | 36
_NOTICE = re.compile(rb"/(?:Notice|Copyright|version)\s*\(")
_COMMENT = re.compile(rb"%[^\r\n]*")


def clean_font(data: bytes) -> bytes:
    """A font program of any kind that PDF embeds; raises NotChecked if it is none of them."""
    if data[:4] in (b"\0\1\0\0", b"true", b"OTTO"):
        return clean_sfnt(data)
    if data[:1] == b"\1" and len(data) > 4 and 4 <= data[2] <= 32:
        return clean_cff(data)
    if data[:2] == b"%!":
        return clean_type1(data)
    raise NotChecked("an embedded font is of a kind that is not understood")


def clean_sfnt(data: bytes) -> bytes:
    """TrueType or OpenType with the tables that draw alone, and no dates in ``head``."""
    try:
        count = struct.unpack_from(">H", data, 4)[0]
        entries = [struct.unpack_from(">4sIII", data, 12 + 16 * at) for at in range(count)]
    except struct.error as error:
        raise NotChecked("an embedded font can't be read") from error
    tables: dict[bytes, bytes] = {}
    for tag, _, start, length in entries:
        if tag in _DRAWING and tag not in tables:
            tables[tag] = _table(tag, data[start : start + length])
    return _sfnt(data[:4], tables)


def _table(tag: bytes, data: bytes) -> bytes:
    if tag == b"head" and len(data) >= 36:
        return data[:8] + bytes(4) + data[12:20] + bytes(16) + data[36:54]
    return clean_cff(data) if tag == b"CFF " else data


def _sfnt(version: bytes, tables: dict[bytes, bytes]) -> bytes:
    """A font file of these tables (14496-22, 4.3), padded to four bytes each."""
    power = max(1, len(tables)).bit_length() - 1
    head = version + struct.pack(
        ">HHHH", len(tables), 16 << power, power, max(0, 16 * len(tables) - (16 << power))
    )
    start = 12 + 16 * len(tables)
    body = b""
    for tag in sorted(tables):
        data = tables[tag]
        padded = data + bytes(-len(data) % 4)
        words = struct.unpack(f">{len(padded) // 4}I", padded)
        head += struct.pack(">4sIII", tag, sum(words) & 0xFFFFFFFF, start + len(body), len(data))
        body += padded
    return head + body


# -- CFF (Adobe Technical Note 5176) -------------------------------------------------------------


def clean_cff(data: bytes) -> bytes:
    """A CFF font whose version, notice, copyright and PostScript texts are spaces."""
    try:
        names = _Index(data, data[2])
        tops = _Index(data, names.end)
        strings = _Index(data, tops.end)
        dicts = [_cff_dict(data[start:end]) for start, end in tops.spans]
        for each in list(dicts):
            for offset in each.get(_CFF_FONT_DICTS, [])[-1:]:
                inner = _Index(data, offset)
                dicts += [_cff_dict(data[start:end]) for start, end in inner.spans]
        blank = bytearray(data)
        for each in dicts:
            for operator in _CFF_TEXTS & each.keys():
                for sid in each[operator]:
                    if 0 <= sid - _CFF_STANDARD_STRINGS < len(strings.spans):
                        start, end = strings.spans[sid - _CFF_STANDARD_STRINGS]
                        blank[start:end] = b" " * (end - start)
    except (IndexError, ValueError) as error:
        raise NotChecked("an embedded CFF font can't be read") from error
    return bytes(blank)


class _Index:
    """``spans``: (start, end) of each object of an INDEX; ``end``: the byte after it."""

    def __init__(self, data: bytes, at: int) -> None:
        count = int.from_bytes(data[at : at + 2], "big")
        self.spans: list[tuple[int, int]] = []
        self.end = at + 2
        if count == 0:
            return
        size = data[at + 2]
        first = at + 3
        if not 1 <= size <= 4 or first + (count + 1) * size > len(data):
            raise ValueError("INDEX out of bounds")
        marks = [
            int.from_bytes(data[first + each * size : first + (each + 1) * size], "big")
            for each in range(count + 1)
        ]
        base = first + (count + 1) * size - 1
        if marks != sorted(marks) or base + marks[-1] > len(data):
            raise ValueError("INDEX out of bounds")
        self.spans = [(base + a, base + b) for a, b in pairwise(marks)]
        self.end = base + marks[-1]


def _cff_dict(data: bytes) -> dict[int, list[int]]:
    """Operator → integer operands (reals are passed over) of a DICT."""
    found: dict[int, list[int]] = {}
    operands: list[int] = []
    at = 0
    while at < len(data):
        first = data[at]
        at += 1
        if first <= 21:
            if first == 12:
                first = 12 << 8 | data[at]
                at += 1
            found[first] = operands
            operands = []
        elif first == 28:
            operands.append(int.from_bytes(data[at : at + 2], "big", signed=True))
            at += 2
        elif first == 29:
            operands.append(int.from_bytes(data[at : at + 4], "big", signed=True))
            at += 4
        elif first == 30:
            while data[at] & 0xF != 0xF and data[at] >> 4 != 0xF:
                at += 1
            at += 1
        elif first <= 246:
            operands.append(first - 139)
        elif first <= 250:
            operands.append((first - 247) * 256 + data[at] + 108)
            at += 1
        elif first <= 254:
            operands.append(-(first - 251) * 256 - data[at] - 108)
            at += 1
    return found


# -- Type 1 ------------------------------------------------------------------------------------


def clean_type1(data: bytes) -> bytes:
    """A Type 1 font with its comments and notices as spaces; of the same length."""
    at = data.find(b"eexec")
    if at < 0:
        raise NotChecked("an embedded Type 1 font can't be read")
    clear = data[:at]
    # A comment begins with %.
    start = len(_COMMENT.match(clear).group()) if clear.startswith(b"%") else 0  # type: ignore[union-attr]
    text = bytearray(clear)
    for found in _NOTICE.finditer(clear):
        end = _closing(clear, found.end())
        text[found.end() : end] = b" " * (end - found.end())
    for found in _COMMENT.finditer(bytes(text), start):
        text[found.start() : found.end()] = b" " * len(found.group())
    return bytes(text) + data[at:]


def _closing(text: bytes, at: int) -> int:
    """Where the parenthesis that was opened before ``at`` closes."""
    depth = 1
    while at < len(text):
        byte = text[at : at + 1]
        if byte == b"\\":
            at += 1
        elif byte == b"(":
            depth += 1
        elif byte == b")":
            depth -= 1
            if depth == 0:
                return at
        at += 1
    raise NotChecked("an embedded Type 1 font can't be read")
