"""PNG (third edition) and APNG: the chunks that decoding needs; texts and private chunks go.

Whatever stands behind the picture data inside a stream, or behind the last chunk, goes, too
(cropped pictures may still hold what was cut off there).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from evidence_vault.capture.strip.bench import Bench
from evidence_vault.capture.strip.icc import neutral_profile, profile_texts
from evidence_vault.capture.strip.model import Kept, NotChecked, Scan, Secret, View, Work
from evidence_vault.capture.strip.pictures import (
    COLOURS,
    Decoder,
    PictureFormat,
    counted,
    exif_facts,
    fresh_exif,
    own_tool,
    ratio,
    read,
)
from evidence_vault.capture.strip.pnglook import look

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_MAX_INFLATED = 64 * 1024 * 1024
_MAX_PICTURE = 1024 * 1024 * 1024

#: Chunks that are copied, and how long they are (-1: see below).
_NEEDED = {
    b"IHDR": 13,
    b"PLTE": -1,
    b"tRNS": -1,
    b"gAMA": 4,
    b"cHRM": 32,
    b"sRGB": 1,
    b"cICP": 4,
    b"mDCV": 24,
    b"cLLI": 8,
    b"sBIT": -1,
    b"bKGD": -1,
    b"acTL": 8,
    b"fcTL": 26,
    b"IEND": 0,
}
#: Lengths by colour type: 0 grey, 2 RGB, 3 palette, 4 grey with alpha, 6 RGB with alpha.
_SIZES: dict[bytes, dict[int, int]] = {
    b"tRNS": {0: 2, 2: 6},
    b"sBIT": {0: 1, 2: 3, 3: 3, 4: 2, 6: 4},
    b"bKGD": {0: 2, 2: 6, 3: 1, 4: 2, 6: 6},
}
_KNOWN = {
    b"PLTE": "suggested colours",
    b"tEXt": "text",
    b"zTXt": "compressed text",
    b"iTXt": "international text or XMP",
    b"tIME": "time of the last change",
    b"eXIf": "EXIF",
    b"caBX": "content credentials",
    b"pHYs": "resolution",
    b"iCCP": "colour profile",
}
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2))


@dataclass
class _Stream:
    """Picture data that goes over several chunks: reads them to the end, cuts what follows."""

    size: int
    left: int = field(init=False)
    inflate: zlib._Decompress = field(default_factory=zlib.decompressobj)
    cut: bytes = b""

    def __post_init__(self) -> None:
        self.left = self.size

    def take(self, data: bytes) -> bytes:
        """The part of the data that belongs to the picture."""
        if self.inflate.eof:
            self.cut += data
            return b""
        pending = data
        while pending and not self.inflate.eof:
            self.left -= len(self.inflate.decompress(pending, 1024 * 1024))
            if self.left < 0:
                raise NotChecked("the picture data hold more than the picture")
            pending = self.inflate.unconsumed_tail
        rest = self.inflate.unused_data
        self.cut += rest
        return data[: len(data) - len(rest)]


def chunks_of(data: bytes) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """([(type, data)] up to IEND, what follows); raises NotChecked for a broken file."""
    if data[:8] != SIGNATURE:
        raise NotChecked("the picture does not begin as a PNG does")
    found = []
    at = 8
    while True:
        if at + 12 > len(data):
            raise NotChecked("the picture has no end")
        size, kind = struct.unpack_from(">I4s", data, at)
        if at + 12 + size > len(data):
            raise NotChecked("a chunk is longer than the file")
        body = data[at + 8 : at + 8 + size]
        if zlib.crc32(kind + body) != struct.unpack_from(">I", data, at + 8 + size)[0]:
            raise NotChecked("a chunk's checksum is wrong")
        found.append((kind, body))
        at += 12 + size
        if kind == b"IEND":
            return found, data[at:]


def chunk(kind: bytes, body: bytes) -> bytes:
    """A chunk's bytes."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


class _Writer:
    """Goes over the chunks once and collects the copy and what is left out."""

    def __init__(self) -> None:
        self.out = SIGNATURE
        self.gone: list[str] = []
        self.secrets: list[Secret] = []
        self.kept: list[Kept] = []
        self.header = b""
        self.stream: _Stream | None = None
        self.streams: list[_Stream] = []

    def put(self, kind: bytes, body: bytes) -> None:
        if kind == b"IHDR":
            self.header = body
        elif not self.header:
            raise NotChecked("the picture has no header in front")
        if kind in (b"IDAT", b"fdAT"):
            self._data(kind, body)
        elif kind in _NEEDED:
            self._needed(kind, body)
        elif kind == b"iCCP":
            self._profile(body)
        elif kind == b"eXIf":
            self._exif(body)
        elif kind == b"pHYs" and len(body) == 9:
            x, y = ratio(*struct.unpack_from(">II", body))
            if (x, y) != (1, 1):
                self.out += chunk(kind, struct.pack(">IIB", x, y, 0))
                self.kept.append(Kept("shape of a pixel", "the picture would be out of shape"))
            else:
                self.gone.append("resolution")
        else:
            self._drop(kind, body)

    def _data(self, kind: bytes, body: bytes) -> None:
        head = body[:4] if kind == b"fdAT" else b""
        if self.stream is None:
            self.stream = _Stream(_picture_size(self.header, self.header[:8]))
            self.streams.append(self.stream)
        part = self.stream.take(body[len(head) :])
        if part or not body[len(head) :]:
            self.out += chunk(kind, head + part)

    def _needed(self, kind: bytes, body: bytes) -> None:
        size = _NEEDED[kind]
        if (size >= 0 and len(body) != size) or (size < 0 and not self._fits(kind, len(body))):
            raise NotChecked("a chunk has a wrong length")
        if kind == b"PLTE" and self._colours != 3:  # only a suggestion: no pixel depends on it
            self._drop(kind, body)
            return
        self.out += chunk(kind, body)
        if kind == b"fcTL":
            self.stream = _Stream(_picture_size(self.header, body[4:12]))
            self.streams.append(self.stream)

    @property
    def _colours(self) -> int:
        return self.header[9] if len(self.header) == 13 else -1

    def _fits(self, kind: bytes, size: int) -> bool:
        """Whether a chunk has as many bytes as its kind of picture needs (PNG, 11.2.2, 11.3)."""
        if kind == b"PLTE":
            return self._colours in (2, 3, 6) and size % 3 == 0 and 3 <= size <= 768
        if kind == b"tRNS" and self._colours == 3:
            return 1 <= size <= 256
        return size == _SIZES[kind].get(self._colours)

    def _profile(self, body: bytes) -> None:
        profile = neutral_profile(profile_of(body))
        if profile is None:
            self._drop(b"iCCP", body)
            return
        self.out += chunk(b"iCCP", b"Profile\0\0" + zlib.compress(profile, 9))
        self.kept.append(Kept("colour profile", COLOURS))
        self.secrets += [Secret(f"PNG:{n}", v) for n, v in profile_texts(profile_of(body))]
        name = body[: body.find(b"\0")]
        if name != b"Profile":
            self.secrets.append(Secret("PNG:name of the colour profile", name))

    def _exif(self, body: bytes) -> None:
        orientation, adobe = exif_facts(body)
        block = fresh_exif(orientation, adobe)
        if block:
            self.out += chunk(b"eXIf", block)
        if block != body:
            self.gone.append("EXIF")
            self.secrets.append(Secret("PNG:EXIF", body))

    def _drop(self, kind: bytes, body: bytes) -> None:
        name = _KNOWN.get(kind, "chunk that decoding does not need")
        self.gone.append(name)
        self.secrets.append(Secret(f"PNG:{name}", body))
        inner = _text(kind, body)
        if inner != body:
            self.secrets.append(Secret(f"PNG:{name}", inner))

    def finish(self, trailer: bytes) -> bytes:
        for stream in self.streams:
            if not stream.inflate.eof or stream.left:
                raise NotChecked("the picture data are not whole")
            if stream.cut:
                self.gone.append(f"data behind the coded picture, {len(stream.cut)} bytes")
                self.secrets.append(Secret("PNG:data behind the coded picture", stream.cut))
        if trailer:
            self.gone.append(f"data behind the picture, {len(trailer)} bytes")
            self.secrets.append(Secret("PNG:trailer", trailer))
        return self.out


def _picture_size(header: bytes, size: bytes) -> int:
    """Bytes of a picture's filtered rows, all passes (PNG 7.2, 8)."""
    width, height = struct.unpack(">II", size)
    bits = header[8] * _CHANNELS.get(header[9], 4)
    if header[12] == 0:
        total = height * (1 + (width * bits + 7) // 8)
    else:
        total = 0
        for x, y, dx, dy in (*_PASSES, (0, 1, 1, 2)):
            columns, rows = (width - x + dx - 1) // dx, (height - y + dy - 1) // dy
            total += rows * (1 + (columns * bits + 7) // 8) if columns > 0 and rows > 0 else 0
    if total > _MAX_PICTURE:
        raise NotChecked(f"a picture of more than {_MAX_PICTURE} bytes is not decoded")
    return int(total)


def profile_of(body: bytes) -> bytes:
    """The profile in an iCCP chunk; empty if it can't be inflated."""
    return _inflated(body[body.find(b"\0") + 2 :])


def _inflated(data: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, _MAX_INFLATED)
    except zlib.error:
        return b""


def _text(kind: bytes, body: bytes) -> bytes:
    """The text of a text chunk as it is inside; the body itself for others."""
    _, _, rest = body.partition(b"\0")
    if kind == b"tEXt":
        return rest
    if kind == b"zTXt":
        return _inflated(rest[1:])
    if kind == b"iTXt" and len(rest) > 2:
        text = rest[2:].split(b"\0", 2)[-1]
        return _inflated(text) if rest[0] else text
    return body


class Png(PictureFormat):
    """PNG with one picture or an animation."""

    name = "PNG"
    decoder = Decoder("PNG")
    tags = frozenset(
        f"PNG:{name}"
        for name in [
            "ImageWidth",
            "ImageHeight",
            "BitDepth",
            "ColorType",
            "Compression",
            "Filter",
            "Interlace",
            "Palette",
            "Transparency",
            "Gamma",
            "WhitePointX",
            "WhitePointY",
            "RedX",
            "RedY",
            "GreenX",
            "GreenY",
            "BlueX",
            "BlueY",
            "SRGBRendering",
            "SignificantBits",
            "BackgroundColor",
            "AnimationFrames",
            "AnimationPlays",
            "ProfileName",
            "PixelsPerUnitX",
            "PixelsPerUnitY",
            "PixelUnits",
            "ColorPrimaries",
            "TransferCharacteristics",
            "MatrixCoefficients",
            "VideoFullRangeFlag",
        ]
    ) | {"File:ExifByteOrder"}

    def strip(self, source: Path, target: Path, bench: Bench) -> Work:
        chunks, trailer = chunks_of(read(source))
        writer = _Writer()
        for kind, body in chunks:
            writer.put(kind, body)
        target.write_bytes(writer.finish(trailer))
        return Work(
            structures=counted(writer.gone),
            secrets=tuple(writer.secrets),
            kept=tuple(writer.kept),
            tools=(own_tool(),),
        )

    def scan(self, target: Path, bench: Bench) -> Scan:
        return look(target, self.decoder)

    def views(self, path: Path, bench: Bench) -> Iterator[View]:
        for kind, body in chunks_of(read(path))[0]:
            if kind == b"iCCP":
                yield View("colour profile", profile_of(body))
