"""The second look at copies of JPEG files."""

from __future__ import annotations

import struct
from pathlib import Path

from evidence_vault.capture.strip import looks
from evidence_vault.capture.strip.model import Scan
from evidence_vault.capture.strip.pictures import Decoder

_INFO = frozenset(
    [
        "jfif",
        "jfif_version",
        "jfif_unit",
        "jfif_density",
        "dpi",
        "adobe",
        "adobe_transform",
        "icc_profile",
        "exif",
        "progressive",
        "progression",
    ]
)


def look(target: Path, decoder: Decoder) -> Scan:
    """exifread, Pillow and a walk from marker to marker."""
    data = target.read_bytes()
    residues = jpeg_residues(data)
    residues += looks.exifread_residues(data)
    residues += looks.pillow_residues(target, decoder, _INFO)
    return looks.scanned("JPEG markers", residues)


def jpeg_residues(data: bytes) -> list[str]:
    """Names of what has no place in a copy, by a walk that allows nothing between segments."""
    residues: list[str] = []
    profile: list[bytes] = []
    at = 2
    if data[:2] != b"\xff\xd8":
        return ["bytes before the picture"]
    while at + 2 <= len(data):
        if data[at] != 0xFF:
            return [*residues, "bytes between segments"]
        marker = data[at + 1]
        if marker == 0xD9:
            residues += ["bytes behind the picture"] if at + 2 != len(data) else []
            break
        size = int.from_bytes(data[at + 2 : at + 4], "big")
        body = data[at + 4 : at + 2 + size]
        residues += _segment(marker, body, profile)
        at += 2 + size
        if marker == 0xDA:
            at = _end_of_scan(data, at)
    else:
        residues.append("no end")
    if profile:
        residues += looks.profile_residues(b"".join(profile))
    return residues


def _end_of_scan(data: bytes, at: int) -> int:
    while True:
        at = data.find(b"\xff", at)
        if at < 0 or at + 1 >= len(data):
            return len(data)
        if data[at + 1] != 0 and not 0xD0 <= data[at + 1] <= 0xD7:
            return at
        at += 2


def _segment(marker: int, body: bytes, profile: list[bytes]) -> list[str]:
    if marker == 0xE0:
        known = body[:8] == b"JFIF\0\1\1\0" and len(body) == 14 and body[12:] == b"\0\0"
        return [] if known else ["APP0"]
    if marker == 0xE1:
        return looks.exif_residues(body[6:]) if body[:6] == b"Exif\0\0" else ["APP1"]
    if marker == 0xE2:
        if body[:12] != b"ICC_PROFILE\0":
            return ["APP2"]
        profile.append(body[14:])
        return []
    if marker == 0xEE:
        known = len(body) == 12 and body[:11] == b"Adobe\0d\0\0\0\0"
        return [] if known else ["APP14"]
    if marker in (0xC4, 0xCC, 0xDB, 0xDC, 0xDD, 0xDA) or 0xC0 <= marker <= 0xCB:
        return _table(marker, body)
    return [f"segment {marker:#x}"]


def _table(marker: int, body: bytes) -> list[str]:
    """Whether a table is exactly as long as it says."""
    rest = body
    while rest and marker in (0xC4, 0xDB):
        size = (
            65 + 64 * (rest[0] >> 4)
            if marker == 0xDB
            else 17 + sum(struct.unpack("16B", rest[1:17]))
        )
        if size > len(rest):
            return ["table that does not fit its segment"]
        rest = rest[size:]
    if marker == 0xDA and len(body) != 4 + 2 * body[0]:
        return ["bytes in a scan header"]
    if marker in (0xC0, 0xC1, 0xC2, 0xC3, 0xC9, 0xCA, 0xCB) and len(body) != 6 + 3 * body[5]:
        return ["bytes in a frame header"]
    return []
