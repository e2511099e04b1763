"""TIFF 6.0 and BigTIFF as files: directories read with every bound checked, and written anew."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from evidence_vault.capture.strip.model import NotChecked

#: Field types (TIFF 6.0, section 2; BigTIFF) → letter of ``struct`` and how many of them a value.
KINDS = {
    1: ("B", 1),
    2: ("B", 1),
    3: ("H", 1),
    4: ("I", 1),
    5: ("I", 2),
    6: ("b", 1),
    7: ("B", 1),
    8: ("h", 1),
    9: ("i", 1),
    10: ("i", 2),
    11: ("f", 1),
    12: ("d", 1),
    13: ("I", 1),
    16: ("Q", 1),
    17: ("q", 1),
    18: ("Q", 1),
}
MAX_PAGES = 2_000
_MAX_TAGS = 4_096


@dataclass(frozen=True, slots=True)
class Field:
    """A tag of a directory, its value as the file's bytes."""

    tag: int
    kind: int
    count: int
    data: bytes


Directory = dict[int, Field]


@dataclass(frozen=True, slots=True)
class Layout:
    """A file's bytes, byte order (``<`` or ``>``) and whether offsets have 64 bits."""

    data: bytes
    order: str
    big: bool

    def at(self, offset: int, size: int) -> bytes:
        """Bytes of the file; raises NotChecked beyond its end."""
        if offset + size > len(self.data):
            raise NotChecked("a part lies beyond the end of the file")
        return self.data[offset : offset + size]

    def unpack(self, form: str, offset: int) -> tuple[int, ...]:
        size = struct.calcsize(self.order + form)
        return struct.unpack(self.order + form, self.at(offset, size))

    def pack(self, form: str, *values: int) -> bytes:
        return struct.pack(self.order + form, *values)

    def integers(self, field: Field) -> tuple[int, ...]:
        """A field's whole numbers, at least one."""
        letter, each = KINDS[field.kind]
        if letter in "fd" or each != 1 or not field.count:
            raise NotChecked("a tag holds something else than it must")
        return struct.unpack(f"{self.order}{field.count}{letter}", field.data)

    def fraction(self, field: Field) -> tuple[int, int]:
        """Numerator and denominator; (0, 0) for what is none."""
        if field.kind != 5 or field.count != 1:
            return 0, 0
        numerator, denominator = struct.unpack(f"{self.order}2I", field.data)
        return numerator, denominator


def pages_of(data: bytes) -> tuple[Layout, list[Directory]]:
    """The main chain of directories; raises NotChecked for loops and what lies outside."""
    order = {b"II": "<", b"MM": ">"}.get(data[:2], "")
    if not order or len(data) < 8:
        raise NotChecked("the picture does not begin as a TIFF does")
    (version,) = struct.unpack_from(f"{order}H", data, 2)
    if version not in (42, 43):
        raise NotChecked("the picture does not begin as a TIFF does")
    layout = Layout(data, order, version == 43)
    if layout.big and layout.unpack("HH", 4) != (8, 0):
        raise NotChecked("offsets of an unknown size")
    (offset,) = layout.unpack("Q", 8) if layout.big else layout.unpack("I", 4)
    seen: set[int] = set()
    found: list[Directory] = []
    while offset:
        if offset in seen or len(found) >= MAX_PAGES:
            raise NotChecked("the pages have no end")
        seen.add(offset)
        directory, offset = _directory(layout, offset)
        found.append(directory)
    if not found:
        raise NotChecked("there is no page in it")
    return layout, found


def _directory(layout: Layout, offset: int) -> tuple[Directory, int]:
    head, entry, inline, pointer = ("Q", 20, 8, "Q") if layout.big else ("H", 12, 4, "I")
    (count,) = layout.unpack(head, offset)
    if count > _MAX_TAGS:
        raise NotChecked("a directory has too many tags")
    start = offset + struct.calcsize("=" + head)
    found: Directory = {}
    for at in range(start, start + entry * count, entry):
        tag, kind = layout.unpack("HH", at)
        (values,) = layout.unpack(pointer, at + 4)
        place = at + 4 + inline
        if kind not in KINDS:
            continue  # a reader must skip types that it does not know
        letter, each = KINDS[kind]
        size = struct.calcsize("=" + letter) * each * values
        if size > inline:
            (place,) = layout.unpack(pointer, place)
        found.setdefault(tag, Field(tag, kind, values, layout.at(place, size)))
    (following,) = layout.unpack(pointer, start + entry * count)
    return found, following


def write(layout: Layout, pages: Sequence[tuple[list[Field], list[bytes]]]) -> bytes:
    """A file of these pages: header, then each page's directory, values and coded parts."""
    out = bytearray(b"II" if layout.order == "<" else b"MM")
    out += layout.pack("HHHQ", 43, 8, 0, 16) if layout.big else layout.pack("HI", 42, 8)
    for index, (fields, parts) in enumerate(pages):
        out += _page(layout, fields, parts, len(out), index + 1 < len(pages))
    return bytes(out)


def _page(layout: Layout, fields: list[Field], parts: list[bytes], start: int, more: bool) -> bytes:
    tiled = any(field.tag == 322 for field in fields)
    offsets, counts = (324, 325) if tiled else (273, 279)
    kind, letter = (16, "Q") if layout.big else (4, "I")
    sizes = [len(part) for part in parts]

    def with_places(first: int) -> list[Field]:
        places, at = [], first
        for size in sizes:
            places.append(at)
            at += size + size % 2
        many = f"{len(parts)}{letter}"
        added = [
            Field(offsets, kind, len(parts), layout.pack(many, *places)),
            Field(counts, kind, len(parts), layout.pack(many, *sizes)),
        ]
        return sorted([*fields, *added], key=lambda field: field.tag)

    length = len(_described(layout, with_places(0), start, 0))
    body = b"".join(part + bytes(len(part) % 2) for part in parts)
    end = start + length + len(body)
    end += -end % 8
    if not layout.big and end >= 2**32:
        raise NotChecked("the copy would be too large for its format")
    head = _described(layout, with_places(start + length), start, end if more else 0)
    return head + body + bytes(end - start - length - len(body) if more else 0)


def _described(layout: Layout, fields: list[Field], start: int, following: int) -> bytes:
    head, inline, pointer = ("Q", 8, "Q") if layout.big else ("H", 4, "I")
    table = layout.pack(head, len(fields))
    size = len(table) + len(fields) * (4 + struct.calcsize("=" + pointer) + inline)
    size += struct.calcsize("=" + pointer)
    values = b""
    for field in fields:
        table += layout.pack("HH" + pointer, field.tag, field.kind, field.count)
        if len(field.data) <= inline:
            table += field.data.ljust(inline, b"\0")
        else:
            table += layout.pack(pointer, start + size + len(values))
            values += field.data + bytes(-len(field.data) % 8)
    whole = table + layout.pack(pointer, following) + values
    return whole + bytes(-len(whole) % 8)
