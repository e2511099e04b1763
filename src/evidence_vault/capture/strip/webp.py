"""WebP (RFC 9649): bitstreams, alpha and animation; EXIF, XMP and unknown chunks go."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from evidence_vault.capture.strip.bench import Bench
from evidence_vault.capture.strip.icc import neutral_profile, profile_texts
from evidence_vault.capture.strip.model import Kept, NotChecked, Scan, Secret, Work
from evidence_vault.capture.strip.pictures import (
    COLOURS,
    Decoder,
    PictureFormat,
    counted,
    exif_facts,
    fresh_exif,
    own_tool,
    read,
)
from evidence_vault.capture.strip.webplook import look

_PICTURE = frozenset({b"VP8 ", b"VP8L", b"ALPH"})
_KNOWN = {b"EXIF": "EXIF", b"XMP ": "XMP", b"ICCP": "colour profile"}
_HAS_PROFILE, _HAS_ALPHA, _HAS_EXIF, _HAS_ANIMATION = 0x20, 0x10, 0x08, 0x02


def chunks_of(data: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """(type, data, padding) of the chunks of a RIFF body; raises NotChecked when one is cut off."""
    at = 0
    while at < len(data):
        if at + 8 > len(data):
            raise NotChecked("a chunk is cut off")
        kind, size = struct.unpack_from("<4sI", data, at)
        if at + 8 + size > len(data):
            raise NotChecked("a chunk is longer than the file")
        padding = data[at + 8 + size : at + 8 + size + size % 2]
        yield kind, data[at + 8 : at + 8 + size], padding
        at += 8 + size + size % 2


def chunk(kind: bytes, body: bytes) -> bytes:
    """A chunk's bytes, padded to an even length."""
    return kind + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)


class _Writer:
    def __init__(self) -> None:
        self.gone: list[str] = []
        self.secrets: list[Secret] = []
        self.kept: list[Kept] = []
        self.body = b""
        self.head = b""
        self.profile = b""
        self.exif = b""
        self.alpha = False

    def put(self, kind: bytes, body: bytes, padding: bytes) -> None:
        if padding.strip(b"\0"):
            self.gone.append("padding that is not empty")
        if kind == b"VP8X":
            if len(body) < 10:
                raise NotChecked("a chunk is cut off")
            self.head = body[:10]
        elif kind == b"ICCP" and (profile := neutral_profile(body)):
            self.profile = profile
            self.kept.append(Kept("colour profile", COLOURS))
            self.secrets += [Secret(f"RIFF:{n}", v) for n, v in profile_texts(body)]
        elif kind in _PICTURE:
            self.body += chunk(kind, _exact(kind, body))
        elif kind == b"ANIM":
            self.body += chunk(kind, body[:6])
        elif kind == b"ANMF":
            self.body += chunk(kind, self._frame(body))
        else:
            self._drop(kind, body)

    def _frame(self, body: bytes) -> bytes:
        if len(body) < 16:
            raise NotChecked("a frame is cut off")
        inner = b""
        for kind, part, _ in chunks_of(body[16:]):
            if kind in _PICTURE:
                inner += chunk(kind, _exact(kind, part))
            else:
                self._drop(kind, part)
        return body[:15] + bytes([body[15] & 3]) + inner

    def _drop(self, kind: bytes, body: bytes) -> None:
        if kind == b"EXIF":
            block = body[6:] if body[:6] == b"Exif\0\0" else body
            self.exif = self.exif or fresh_exif(*exif_facts(block))
            if block == self.exif:
                return
        name = _KNOWN.get(kind, "chunk that decoding does not need")
        self.gone.append(name)
        self.secrets.append(Secret(f"RIFF:{name}", body))

    def finish(self) -> bytes:
        if not self.body:
            raise NotChecked("there is no picture in it")
        made = b""
        if self.head:
            flags = self.head[0] & (_HAS_ALPHA | _HAS_ANIMATION)
            flags |= _HAS_PROFILE if self.profile else 0
            flags |= _HAS_EXIF if self.exif else 0
            made = chunk(b"VP8X", bytes([flags, 0, 0, 0]) + self.head[4:])
            made += chunk(b"ICCP", self.profile) if self.profile else b""
        made += self.body
        if self.head and self.exif:
            made += chunk(b"EXIF", self.exif)
        return b"RIFF" + struct.pack("<I", len(made) + 4) + b"WEBP" + made


def _exact(kind: bytes, body: bytes) -> bytes:
    if (kind == b"VP8 " and len(body) < 10) or (kind == b"VP8L" and body[:1] != b"\x2f"):
        raise NotChecked("the picture is coded in a way that is not understood")
    return body


class Webp(PictureFormat):
    """WebP, still or moving."""

    name = "WebP"
    decoder = Decoder("WEBP")
    tags = frozenset(
        f"RIFF:{name}"
        for name in [
            "ImageWidth",
            "ImageHeight",
            "VP8Version",
            "HorizontalScale",
            "VerticalScale",
            "AlphaIsUsed",
            "WebP_Flags",
            "AlphaPreprocessing",
            "AlphaFiltering",
            "AlphaCompression",
            "BackgroundColor",
            "AnimationLoopCount",
            "FrameCount",
            "Duration",
        ]
    ) | {"File:ExifByteOrder"}

    def strip(self, source: Path, target: Path, bench: Bench) -> Work:
        data = read(source)
        if len(data) < 20 or data[:4] != b"RIFF" or data[8:12] != b"WEBP":
            raise NotChecked("the picture does not begin as a WebP does")
        end = 8 + struct.unpack_from("<I", data, 4)[0]
        if end > len(data) + 1:
            raise NotChecked("the picture has no end")
        writer = _Writer()
        for part in chunks_of(data[12:end]):
            writer.put(*part)
        if trailer := data[end:]:
            writer.gone.append(f"data behind the picture, {len(trailer)} bytes")
            writer.secrets.append(Secret("RIFF:trailer", trailer))
        target.write_bytes(writer.finish())
        return Work(
            structures=counted(writer.gone),
            secrets=tuple(writer.secrets),
            kept=tuple(writer.kept),
            tools=(own_tool(),),
        )

    def scan(self, target: Path, bench: Bench) -> Scan:
        return look(target, self.decoder)
