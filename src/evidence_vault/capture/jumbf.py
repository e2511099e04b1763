"""Where a C2PA manifest store lies in a file, for the formats where that is simple.

C2PA specification, "Embedding manifests": JPEG (APP11 segments, ISO/IEC 19566-5 annex D), PNG
(``caBX``), RIFF (``C2PA``), ISO media (a ``uuid`` box), and a file that is the store alone.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import BinaryIO

BMFF_UUID = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_MOST = 64 << 20  # bytes of a store
_BOXES = 10_000  # of one file
ISO_MEDIA = frozenset(
    ("image/heic", "image/heif", "image/avif", "video/mp4", "video/quicktime", "audio/mp4")
)
RIFF = frozenset(("audio/wav", "image/webp", "video/avi"))


def manifest_store(stream: BinaryIO, mime: str) -> bytes | None:
    """The store's bytes, or None where there is none or its place is not known here.

    Raises ValueError on a structure that leads nowhere.
    """
    if mime == "application/c2pa":
        return stream.read(_MOST)
    if mime == "image/jpeg":
        return _of_jpeg(stream)
    if mime == "image/png":
        return _first(stream, _png_chunks(stream), b"caBX")
    if mime in RIFF:
        return _first(stream, riff_chunks(stream), b"C2PA")
    if mime in ISO_MEDIA:
        return _of_iso_media(stream)
    return None


def iso_boxes(stream: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """(type, start of content, length of content) of the outermost boxes."""
    end, at = _size(stream), 0
    for _ in range(_BOXES):
        stream.seek(at)
        head = stream.read(16)
        if len(head) < 8:
            return
        length, kind = struct.unpack(">I4s", head[:8])
        content = 8
        if length == 1 and len(head) == 16:
            length, content = struct.unpack(">Q", head[8:])[0], 16
        length = length or end - at
        if length < content:
            return
        yield kind, at + content, min(length, end - at) - content
        at += length


def riff_chunks(stream: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """(name, start of content, length of content) of the outermost chunks after ``RIFF``."""
    at = 12
    for _ in range(_BOXES):
        stream.seek(at)
        head = stream.read(8)
        if len(head) < 8:
            return
        name, length = struct.unpack("<4sI", head)
        yield name, at + 8, length
        at += 8 + length + length % 2


def _png_chunks(stream: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    at = 8
    for _ in range(_BOXES):
        stream.seek(at)
        head = stream.read(8)
        if len(head) < 8:
            return
        length, name = struct.unpack(">I4s", head)
        yield name, at + 8, length
        at += 12 + length


def _first(stream: BinaryIO, chunks: Iterator[tuple[bytes, int, int]], name: bytes) -> bytes | None:
    for found, start, length in chunks:
        if found == name:
            return _at(stream, start, length)
    return None


def _of_iso_media(stream: BinaryIO) -> bytes | None:
    """uuid ‖ version and flags ‖ purpose, ended by 0 ‖ u64 place of the Merkle box ‖ store."""
    for kind, start, length in iso_boxes(stream):
        if kind != b"uuid" or length < 30:
            continue
        content = _at(stream, start, length)
        if content.startswith(BMFF_UUID):
            end = content.index(b"\0", 20)
            if content[20:end] == b"manifest":
                return content[end + 9 :]
    return None


def _of_jpeg(stream: BinaryIO) -> bytes | None:
    """Of the JUMBF boxes, by their instance number, the one that is labelled c2pa."""
    boxes: dict[bytes, bytearray] = {}
    at = 2
    for _ in range(_BOXES):
        stream.seek(at)
        head = stream.read(4)
        if len(head) < 4 or head[0] != 0xFF or head[1] in (0xD9, 0xDA):
            break
        length = int.from_bytes(head[2:], "big")
        if head[1] == 0xEB:
            segment = stream.read(length - 2)
            if segment.startswith(b"JP") and len(segment) >= 16:
                box = boxes.setdefault(segment[2:4], bytearray())
                again = 16 if segment[8:12] == b"\0\0\0\1" else 8
                box += segment[8:] if not box else segment[8 + again :]
        at += 2 + length
    for box in boxes.values():
        if box[4:8] == b"jumb" and b"c2pa" in box[8:64]:
            return bytes(box[: int.from_bytes(box[:4], "big") or len(box)])
    return None


def _at(stream: BinaryIO, start: int, length: int) -> bytes:
    if length > _MOST:
        raise ValueError("larger than any manifest store that is read")
    stream.seek(start)
    content = stream.read(length)
    if len(content) != length:
        raise ValueError("the file ends too early")
    return content


def _size(stream: BinaryIO) -> int:
    return stream.seek(0, os.SEEK_END)
