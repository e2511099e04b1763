"""Coded data of HEIF items: units that hold picture stay byte for byte, messages to viewers go.

HEVC (ISO/IEC 23008-2): supplemental enhancement information may hold any text. AV1: metadata and
padding OBUs.
"""

from __future__ import annotations

from evidence_vault.capture.strip.model import NotChecked

_SETS = frozenset({32, 33, 34})
_PICTURE_OBUS = frozenset({1, 2, 3, 4, 6, 7})


def is_coded(kind: bytes) -> bool:
    """Whether items of that type can be copied."""
    return kind in (b"hvc1", b"av01", b"grid", b"iovl", b"iden", b"jpeg")


def clean_data(kind: bytes, data: bytes, length: int) -> bytes:
    """An item's data without messages; ``length``: bytes that a HEVC unit's size takes."""
    if kind == b"hvc1":
        return b"".join(_units(data, length))
    if kind == b"av01":
        return _obus(data)
    if kind == b"grid":
        return data[: 8 if not data[1:2] or not data[1] & 1 else 12]
    if kind == b"jpeg":
        raise NotChecked("an item is coded in a way that is not understood")
    if len(data) > 64 * 1024:
        raise NotChecked("an item holds more than it must")
    return data


def clean_config(kind: bytes, body: bytes) -> bytes:
    """Decoder configuration (hvcC, av1C) with parameter sets only."""
    if kind == b"av1C":
        return body[:4] + _obus(body[4:])
    if len(body) < 23:
        raise NotChecked("a decoder's configuration is cut off")
    arrays, at, kept = b"", 23, 0
    for _ in range(body[22]):
        if at + 3 > len(body):
            raise NotChecked("a decoder's configuration is cut off")
        head, count = body[at], int.from_bytes(body[at + 1 : at + 3], "big")
        start, at = at, at + 3
        for _ in range(count):
            size = int.from_bytes(body[at : at + 2], "big")
            at += 2 + size
            if at > len(body):
                raise NotChecked("a decoder's configuration is cut off")
        if head & 63 in _SETS:
            arrays += body[start:at]
            kept += 1
    return body[:22] + bytes([kept]) + arrays


def _units(data: bytes, length: int) -> list[bytes]:
    """HEVC units with their sizes; slices and parameter sets only."""
    found, at = [], 0
    while at < len(data):
        size = int.from_bytes(data[at : at + length], "big")
        end = at + length + size
        if end > len(data) or not size:
            raise NotChecked("a coded unit is cut off")
        kind = data[at + length] >> 1 & 63
        if kind < 32 or kind in _SETS:
            found.append(data[at:end])
        at = end
    return found


def _obus(data: bytes) -> bytes:
    """AV1 units (AV1 5.3) that decoding needs."""
    out, at = b"", 0
    while at < len(data):
        start, head = at, data[at]
        at += 2 if head & 4 else 1
        if head & 2:
            size, at = _leb128(data, at)
            at += size
        else:
            at = len(data)
        if at > len(data):
            raise NotChecked("a coded unit is cut off")
        if head >> 3 & 15 in _PICTURE_OBUS:
            out += data[start:at]
    return out


def _leb128(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 56, 7):
        if at >= len(data):
            break
        value |= (data[at] & 127) << shift
        at += 1
        if not data[at - 1] & 128:
            return value, at
    raise NotChecked("a coded unit is cut off")
