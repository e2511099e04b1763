"""The second look at copies of PNG files."""

from __future__ import annotations

import zlib
from pathlib import Path

from evidence_vault.capture.strip import looks
from evidence_vault.capture.strip.model import Scan
from evidence_vault.capture.strip.pictures import Decoder

_INFO = frozenset(
    [
        "gamma",
        "chromaticity",
        "srgb",
        "icc_profile",
        "exif",
        "transparency",
        "dpi",
        "aspect",
        "duration",
        "loop",
        "disposal",
        "blend",
        "bbox",
        "default_image",
        "interlace",
        "background",
    ]
)
_MAY = frozenset(
    b"IHDR PLTE IDAT IEND tRNS gAMA cHRM sRGB cICP mDCV cLLI sBIT bKGD acTL fcTL fdAT".split()
)


def look(target: Path, decoder: Decoder) -> Scan:
    """exifread, Pillow and a walk from chunk to chunk."""
    data = target.read_bytes()
    residues = png_residues(data)
    residues += looks.exifread_residues(data)
    residues += looks.pillow_residues(target, decoder, _INFO)
    with decoder.open(target) as picture:
        picture.load()
        residues += ["text that Pillow finds"] if getattr(picture, "text", None) else []
    return looks.scanned("PNG chunks", residues)


def png_residues(data: bytes) -> list[str]:
    """Names of what has no place in a copy."""
    residues: list[str] = []
    rest = memoryview(data)[8:]
    while len(rest) >= 12:
        size = int.from_bytes(rest[:4], "big")
        kind, body = bytes(rest[4:8]), bytes(rest[8 : 8 + size])
        rest = rest[12 + size :]
        if kind == b"iCCP":
            residues += _profile(body)
        elif kind == b"eXIf":
            residues += looks.exif_residues(body)
        elif kind == b"pHYs":
            residues += [] if body[8] == 0 else ["resolution"]
        elif kind not in _MAY:
            residues.append("chunk that decoding does not need")
        if kind == b"IEND":
            break
    if len(rest):
        residues.append("bytes behind the picture")
    return residues


def _profile(body: bytes) -> list[str]:
    if not body.startswith(b"Profile\0\0"):
        return ["name of a colour profile"]
    reader = zlib.decompressobj()
    residues = looks.profile_residues(reader.decompress(body[9:]))
    return residues + (["bytes behind a colour profile"] if reader.unused_data else [])
