"""Boxes of ISO/IEC 14496-12 as HEIF uses them, every bound checked."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from evidence_vault.capture.strip.model import NotChecked

_MAX_BOXES = 100_000


@dataclass(frozen=True, slots=True)
class Box:
    """A box: type and what is in it."""

    kind: bytes
    body: bytes


@dataclass(frozen=True, slots=True)
class Item:
    """An item: ``method`` 0 means offsets into the file, 1 into the idat box."""

    number: int
    kind: bytes
    name: bytes
    hidden: bool
    method: int = 0
    extents: tuple[tuple[int, int], ...] = ()


@dataclass
class Meta:
    """A file's meta box, understood. ``others``: boxes that hold nothing of that."""

    data: bytes
    brands: list[bytes]
    primary: int = -1
    items: dict[int, Item] = field(default_factory=dict)
    references: list[tuple[bytes, int, tuple[int, ...]]] = field(default_factory=list)
    properties: list[Box] = field(default_factory=list)
    associations: dict[int, list[tuple[int, bool]]] = field(default_factory=dict)
    idat: bytes = b""
    others: list[Box] = field(default_factory=list)

    def targets(self, kind: bytes, source: int) -> list[int]:
        """Items that ``source`` refers to."""
        return [t for k, s, targets in self.references if (k, s) == (kind, source) for t in targets]

    def sources(self, kind: bytes, target: int) -> list[int]:
        """Items that refer to ``target``."""
        return [s for k, s, targets in self.references if k == kind and target in targets]

    def properties_of(self, number: int) -> list[tuple[Box, bool]]:
        """(property, whether decoding must understand it) of an item."""
        found = []
        for index, essential in self.associations.get(number, []):
            if index > len(self.properties):
                raise NotChecked("a property is not there")
            if index:
                found.append((self.properties[index - 1], essential))
        return found

    def data_of(self, item: Item) -> bytes:
        """The bytes of an item."""
        if item.method not in (0, 1):
            raise NotChecked("an item is made of other items' bytes")
        place = self.data if item.method == 0 else self.idat
        out = b""
        for offset, size in item.extents:
            size = size or len(place) - offset
            if offset < 0 or offset + size > len(place):
                raise NotChecked("an item lies beyond the end of the file")
            out += place[offset : offset + size]
            if len(out) > len(self.data):
                raise NotChecked("an item is larger than the file")
        return out


def box(kind: bytes, body: bytes) -> bytes:
    """A box's bytes."""
    if len(body) + 8 >= 2**32:
        raise NotChecked("the copy would be too large for its format")
    return struct.pack(">I4s", len(body) + 8, kind) + body


def full_box(kind: bytes, version: int, flags: int, body: bytes) -> bytes:
    """A box with version and flags."""
    return box(kind, struct.pack(">I", version << 24 | flags) + body)


def boxes_of(data: bytes) -> Iterator[Box]:
    """The boxes one after another; raises NotChecked when one is cut off."""
    at = count = 0
    while at < len(data):
        count += 1
        if at + 8 > len(data) or count > _MAX_BOXES:
            raise NotChecked("a box is cut off")
        size, kind = struct.unpack_from(">I4s", data, at)
        start = at + 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data.ljust(at + 16), at + 8)
            start = at + 16
        elif size == 0:
            size = len(data) - at
        if size < start - at or at + size > len(data):
            raise NotChecked("a box is longer than the file")
        yield Box(kind, data[start : at + size])
        at += size


class _Numbers:
    """Reads big-endian numbers of given sizes."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def get(self, size: int) -> int:
        part = self.data[self.at : self.at + size]
        if len(part) != size:
            raise NotChecked("a box is cut off")
        self.at += size
        return int.from_bytes(part, "big")


def meta_of(data: bytes) -> Meta:
    """What the file's meta box says; raises NotChecked for sequences and broken files."""
    top = list(boxes_of(data))
    if not top or top[0].kind != b"ftyp":
        raise NotChecked("the picture does not begin as a HEIF does")
    body = top[0].body
    meta = Meta(data, [body[at : at + 4] for at in range(8, len(body) - 3, 4)])
    if any(each.kind == b"moov" for each in top):
        raise NotChecked("sequences of pictures are not understood")
    found = [each for each in top if each.kind == b"meta"]
    if len(found) != 1:
        raise NotChecked("there is not one description of items")
    meta.others += [each for each in top[1:] if each.kind != b"meta"]
    for each in boxes_of(found[0].body[4:]):
        _PARTS.get(each.kind, _other)(meta, each)
    if meta.primary < 0:
        raise NotChecked("there is no main picture")
    return meta


def _other(meta: Meta, each: Box) -> None:
    if each.kind not in (b"hdlr", b"grpl"):
        meta.others.append(each)


def _primary(meta: Meta, each: Box) -> None:
    reader = _Numbers(each.body[4:])
    meta.primary = reader.get(2 if each.body[:1] == b"\0" else 4)


def _infos(meta: Meta, each: Box) -> None:
    start = 6 if each.body[:1] == b"\0" else 8
    for info in boxes_of(each.body[start:]):
        version = info.body[0] if info.body else 0
        if info.kind != b"infe" or version not in (2, 3):
            raise NotChecked("an item is described in a way that is not understood")
        reader = _Numbers(info.body[4:])
        number, protected = reader.get(2 if version == 2 else 4), reader.get(2)
        if protected:
            raise NotChecked("an item is encrypted")
        kind = reader.get(4).to_bytes(4, "big")
        old = meta.items.get(number)
        item = Item(number, kind, reader.data[reader.at :], bool(info.body[3] & 1))
        if old is not None:
            item = Item(number, kind, item.name, item.hidden, old.method, old.extents)
        meta.items[number] = item


def _locations(meta: Meta, each: Box) -> None:
    reader = _Numbers(each.body)
    version = reader.get(1)
    reader.get(3)
    sizes = reader.get(2)
    offset, length, base = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index = sizes & 15 if version else 0
    wide = 4 if version == 2 else 2
    for _ in range(reader.get(wide)):
        number = reader.get(wide)
        method = reader.get(2) & 15 if version else 0
        if reader.get(2):
            raise NotChecked("an item lies in another file")
        start = reader.get(base)
        extents = []
        for _ in range(reader.get(2)):
            reader.get(index)
            place = start + reader.get(offset)
            extents.append((place, reader.get(length)))
        known = meta.items.get(number, Item(number, b"", b"", False))
        meta.items[number] = Item(
            number, known.kind, known.name, known.hidden, method, tuple(extents)
        )


def _references(meta: Meta, each: Box) -> None:
    wide = 2 if each.body[:1] == b"\0" else 4
    for ref in boxes_of(each.body[4:]):
        reader = _Numbers(ref.body)
        source = reader.get(wide)
        targets = tuple(reader.get(wide) for _ in range(reader.get(2)))
        meta.references.append((ref.kind, source, targets))


def _all_properties(meta: Meta, each: Box) -> None:
    for part in boxes_of(each.body):
        if part.kind == b"ipco":
            meta.properties += boxes_of(part.body)
        elif part.kind == b"ipma":
            _associations(meta, part.body)


def _associations(meta: Meta, body: bytes) -> None:
    reader = _Numbers(body)
    version = reader.get(1)
    wide = reader.get(3) & 1
    for _ in range(reader.get(4)):
        number = reader.get(4 if version else 2)
        found = meta.associations.setdefault(number, [])
        for _ in range(reader.get(1)):
            mark = reader.get(2 if wide else 1)
            top = 0x8000 if wide else 0x80
            found.append((mark & ~top, bool(mark & top)))


def _idat(meta: Meta, each: Box) -> None:
    meta.idat += each.body


_PARTS = {
    b"pitm": _primary,
    b"iinf": _infos,
    b"iloc": _locations,
    b"iref": _references,
    b"iprp": _all_properties,
    b"idat": _idat,
}
