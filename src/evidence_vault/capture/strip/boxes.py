"""Boxes of ISO base media and QuickTime files (ISO/IEC 14496-12 §4.2), read and written."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from evidence_vault.capture.strip.model import NotChecked

TABLE_LIMIT = 256 * 1024 * 1024
"""Bytes that the tables of one file may take in memory."""
MAX_BOXES = 20_000


@dataclass(frozen=True, slots=True)
class Box:
    """A box of ``kind`` whose content stands at ``start`` .. ``end`` of ``data``."""

    kind: bytes
    data: bytes
    start: int
    end: int

    @property
    def body(self) -> bytes:
        if self.end - self.start > TABLE_LIMIT:
            raise NotChecked("a table in it is too large")
        return bytes(self.data[self.start : self.end])

    def children(self, skip: int = 0) -> list[Box]:
        """The boxes inside, behind ``skip`` bytes; a zero word may end them (QuickTime)."""
        return list(boxes(self.data, self.start + skip, self.end, inner=True))

    def child(self, *path: bytes) -> Box:
        """The one box of that kind inside, and so on; raises NotChecked if it is missing."""
        found = self.find(*path)
        if found is None:
            raise NotChecked(f"the part {path[-1].decode('ascii')} is missing")
        return found

    def find(self, *path: bytes) -> Box | None:
        box = self
        for kind in path:
            inside = [each for each in box.children() if each.kind == kind]
            if len(inside) > 1:
                raise NotChecked(f"there are two parts {kind.decode('ascii')}")
            if not inside:
                return None
            box = inside[0]
        return box


def boxes(data: bytes, start: int, end: int, inner: bool = False) -> Iterator[Box]:
    """The boxes from ``start`` to ``end``; raises NotChecked where one runs past its parent."""
    at = start
    count = 0
    while at + 8 <= end:
        size, kind, head = int.from_bytes(data[at : at + 4], "big"), bytes(data[at + 4 : at + 8]), 8
        if inner and size == 0:
            return
        if size == 1:
            size, head = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        elif size == 0:
            size = end - at
        if size < head or at + size > end:
            if inner:
                raise NotChecked("a part of it runs past the part that it lies in")
            yield Box(b"\0tor", data, at, end)
            return
        count += 1
        if count > MAX_BOXES:
            raise NotChecked("it has more parts than anybody looks at")
        yield Box(kind, data, at + head, at + size)
        at += size
    if at < end and not inner:
        yield Box(b"\0tai", data, at, end)


def box(kind: bytes, *parts: bytes) -> bytes:
    """The bytes of a box."""
    size = 8 + sum(map(len, parts))
    if size > 0xFFFF_FFFF:
        raise NotChecked("a table in it is too large")
    return size.to_bytes(4, "big") + kind + b"".join(parts)


def unpacked_movie(moov: Box) -> Box:
    """The ``moov`` box, inflated where QuickTime compressed it (``cmov``)."""
    packed = moov.find(b"cmov")
    if packed is None:
        return moov
    content = packed.child(b"cmvd").body
    if packed.child(b"dcom").body[:4] != b"zlib" or len(content) < 4:
        raise NotChecked("its description is compressed in an unknown way")
    machine = zlib.decompressobj()
    try:
        plain = machine.decompress(content[4:], TABLE_LIMIT)
    except zlib.error as error:
        raise NotChecked("its description can't be inflated") from error
    if machine.unconsumed_tail:
        raise NotChecked("its description inflates to too much")
    inner = list(boxes(plain, 0, len(plain)))
    if len(inner) != 1 or inner[0].kind != b"moov":
        raise NotChecked("its compressed description is not one part")
    return inner[0]
