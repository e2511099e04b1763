"""Whether a JPEG stream holds its picture and nothing else (ITU-T T.81, JFIF, Adobe APP14)."""

from __future__ import annotations

_PICTURE = frozenset(
    [*range(0xC0, 0xD0), 0xDA, 0xDB, 0xDC, 0xDD, 0xDE, 0xDF, *range(0xD0, 0xD8)]
) - {0xC8}


def is_bare(data: bytes) -> bool:
    """True if only tables, frames and scans stand between SOI and EOI, and nothing behind.

    A JFIF header without thumbnail (18 bytes) and Adobe's colour mark (14 bytes) belong to the
    picture.
    """
    if data[:2] != b"\xff\xd8" or data[-2:] != b"\xff\xd9":
        return False
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            return False
        marker = data[at + 1]
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        segment = data[at + 4 : at + 2 + length]
        if not (marker in _PICTURE or _is_known_header(marker, segment)):
            return False
        at += 2 + length
        if marker == 0xDA:
            at = _after_scan(data, at)
            if at == len(data) - 2:
                return True
    return False


def _is_known_header(marker: int, segment: bytes) -> bool:
    if marker == 0xE0:
        return segment[:5] == b"JFIF\0" and len(segment) == 14 and segment[12:] == b"\0\0"
    return marker == 0xEE and segment[:5] == b"Adobe" and len(segment) == 12


def _after_scan(data: bytes, at: int) -> int:
    """Where the next marker stands that is neither stuffing nor a restart."""
    while True:
        at = data.find(b"\xff", at)
        if at < 0 or at + 1 >= len(data):
            return len(data)
        if data[at + 1] != 0 and not 0xD0 <= data[at + 1] <= 0xD7:
            return at
        at += 2
