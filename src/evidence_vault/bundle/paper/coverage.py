"""Which characters the fonts of the reports have: read from their ``cmap`` tables.

A PDF/A file must not hold a sign that its fonts do not have, so it has to be known before. Only
subtables of format 4 and 12 for Unicode are read (OpenType 1.9, "cmap"); the fonts that come with
the program have both.
"""

from __future__ import annotations

import struct
from functools import cache
from pathlib import Path

from evidence_vault.errors import FormatError

# In the order in which the typesetter tries them.
FAMILIES = (("Noto Sans", "NotoSans"), ("Noto Sans Myanmar", "NotoSansMyanmar"))
_WEIGHTS = ("Regular", "Bold")


@cache
def covered(fonts: Path) -> tuple[frozenset[int], ...]:
    """For each family in order, the code points that it has in both weights."""
    return tuple(
        frozenset.intersection(
            *(code_points((fonts / f"{stem}-{w}.ttf").read_bytes()) for w in _WEIGHTS)
        )
        for _, stem in FAMILIES
    )


def code_points(font: bytes) -> frozenset[int]:
    """The code points that a TrueType font has a glyph for. Raises FormatError."""
    try:
        return frozenset(_read(font))
    except (struct.error, IndexError) as error:
        raise FormatError(f"a font can't be read: {error}", code="E-FONT") from error


def _read(font: bytes) -> set[int]:
    (tables,) = struct.unpack_from(">H", font, 4)
    for number in range(tables):
        tag, _, offset, _ = struct.unpack_from(">4sLLL", font, 12 + 16 * number)
        if tag == b"cmap":
            return _cmap(font, offset)
    raise FormatError("a font has no cmap table", code="E-FONT")


def _cmap(font: bytes, start: int) -> set[int]:
    found: set[int] = set()
    (count,) = struct.unpack_from(">H", font, start + 2)
    for number in range(count):
        platform, encoding, offset = struct.unpack_from(">HHL", font, start + 4 + 8 * number)
        if platform == 0 or (platform == 3 and encoding in (1, 10)):
            at = start + offset
            (kind,) = struct.unpack_from(">H", font, at)
            if kind == 4:
                found |= _format_4(font, at)
            elif kind == 12:
                found |= _format_12(font, at)
    return found


def _format_4(font: bytes, at: int) -> set[int]:
    (doubled,) = struct.unpack_from(">H", font, at + 6)
    count = doubled // 2
    ends = struct.unpack_from(f">{count}H", font, at + 14)
    starts = struct.unpack_from(f">{count}H", font, at + 16 + doubled)
    deltas = struct.unpack_from(f">{count}H", font, at + 16 + 2 * doubled)
    offsets_at = at + 16 + 3 * doubled
    offsets = struct.unpack_from(f">{count}H", font, offsets_at)
    found: set[int] = set()
    for n, (first, last) in enumerate(zip(starts, ends, strict=True)):
        for code in range(first, min(last, 0xFFFE) + 1):
            glyph = code
            if offsets[n]:
                where = offsets_at + 2 * n + offsets[n] + 2 * (code - first)
                (glyph,) = struct.unpack_from(">H", font, where)
                if glyph == 0:
                    continue
            if (glyph + deltas[n]) & 0xFFFF:
                found.add(code)
    return found


def _format_12(font: bytes, at: int) -> set[int]:
    (groups,) = struct.unpack_from(">L", font, at + 12)
    found: set[int] = set()
    for n in range(groups):
        first, last, glyph = struct.unpack_from(">LLL", font, at + 16 + 12 * n)
        found.update(range(first + (glyph == 0), last + 1))
    return found
