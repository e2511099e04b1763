"""A HEIC picture by hand: HEVC from ffmpeg, boxes of ISO/IEC 23008-12 around it."""

from __future__ import annotations

import struct
from pathlib import Path

from tests.strip.planted import PICTURES, made


def box(kind: bytes, *body: bytes) -> bytes:
    whole = b"".join(body)
    return struct.pack(">I4s", len(whole) + 8, kind) + whole


def full(kind: bytes, version: int, *body: bytes, flags: int = 0) -> bytes:
    return box(kind, struct.pack(">I", version << 24 | flags), *body)


def coded(folder: Path) -> tuple[bytes, bytes]:
    """(the decoder's configuration, one coded picture); x265 writes its settings into it."""
    coding = ("-c:v", "libx265", "-x265-params", "log-level=none", "-tag:v", "hvc1")
    one = ("-frames:v", "1", "-an", "-pix_fmt", "yuv420p")
    movie = made(folder / "one.mp4", *PICTURES, *one, *coding)
    parts = []
    for kind in (b"hvcC", b"mdat"):
        at = movie.index(kind)
        parts.append(movie[at + 4 : at - 4 + int.from_bytes(movie[at - 4 : at], "big")])
    return parts[0], parts[1]


def entry(number: int, kind: bytes, name: bytes = b"", more: bytes = b"", hidden: int = 0) -> bytes:
    return full(b"infe", 2, struct.pack(">HH4s", number, 0, kind), name, b"\0", more, flags=hidden)


def heic(folder: Path, exif: bytes, xmp: bytes, name: bytes = b"", extra: bytes = b"") -> bytes:
    """One picture with an Exif and an XMP item; ``extra`` boxes stand in the meta box."""
    config, picture = coded(folder)
    items = [picture, struct.pack(">I", 0) + exif, xmp]
    shape = box(
        b"iprp",
        box(b"ipco", box(b"hvcC", config), full(b"ispe", 0, struct.pack(">II", 64, 48))),
        full(b"ipma", 0, struct.pack(">IHBBB", 1, 1, 2, 0x81, 2)),
    )
    kinds = full(
        b"iinf",
        0,
        struct.pack(">H", 3),
        entry(1, b"hvc1", name),
        entry(2, b"Exif"),
        entry(3, b"mime", more=b"application/rdf+xml\0"),
    )
    about = [box(b"cdsc", struct.pack(">HHH", number, 1, 1)) for number in (2, 3)]
    start = 0
    for _ in range(2):  # the second time, with the place of the data known
        at, places = start, b""
        for number, item in enumerate(items, 1):
            places += struct.pack(">HHHII", number, 0, 1, at, len(item))
            at += len(item)
        meta = full(
            b"meta",
            0,
            full(b"hdlr", 0, struct.pack(">I4s", 0, b"pict"), bytes(13)),
            full(b"pitm", 0, struct.pack(">H", 1)),
            full(b"iloc", 0, b"\x44\x00", struct.pack(">H", 3), places),
            kinds,
            full(b"iref", 0, *about),
            shape,
            extra,
        )
        head = box(b"ftyp", b"heic", bytes(4), b"mif1heic") + meta
        start = len(head) + 8
    return head + box(b"mdat", *items)
