"""How samples are coded (``stsd``): the fields and parts that decoders need, and no others.

ISO/IEC 14496-12 §8.5.2 and §12, 14496-14 §5.6, 14496-15; QuickTime File Format, "Media data".
"""

from __future__ import annotations

import struct

from evidence_vault.capture.strip.boxes import Box, box, boxes
from evidence_vault.capture.strip.isosamples import parameter_set, without_user_data
from evidence_vault.capture.strip.isotables import Tables
from evidence_vault.capture.strip.model import NotChecked

_VIDEO, _SOUND = 78, 28
#: Parts of fixed, coded fields, and the most bytes they can have.
_FIXED = {
    **{b"av1C": 512, b"vpcC": 32, b"colr": 32, b"pasp": 8, b"clap": 32, b"fiel": 2, b"gama": 4},
    **{b"mdcv": 24, b"clli": 4, b"SmDm": 28, b"CoLL": 8, b"btrt": 12, b"dvcC": 24, b"dvvC": 24},
    **{b"enda": 2, b"dac3": 3, b"dec3": 64, b"pcmC": 6, b"srat": 8, b"st3d": 5, b"chan": 512},
    **{b"frma": 4, b"alac": 36, b"chnl": 64, b"bitr": 8},
}
#: Parts that only this program's fixed fields fill, whether ExifTool knows them or not.
WRITTEN = {
    *_FIXED,
    *(b"avcC", b"hvcC", b"esds", b"wave", b"dfLa", b"dOps", b"damr", b"d263", b"mp4a", b"sv3d"),
    *(b"edts", b"elst", b"tapt", b"elng", b"cslg", b"sdtp", b"sgpd", b"sbgp", b"stps", b"co64"),
}
_SHORT_CONFIG = 64
_ALS = 36


def clean_description(entry: Box, handler: bytes) -> bytes:
    """The entry again; raises NotChecked when it can't be understood."""
    if entry.kind in (b"encv", b"enca", b"drms", b"drmi"):
        raise NotChecked("it is encrypted")
    body = entry.body
    if handler == b"vide":
        if len(body) < _VIDEO:
            raise NotChecked("a description of samples is too short")
        if body[76:78] not in (b"\xff\xff", b"\0\0") or body[74:76] in (b"\0\1", b"\0\2", b"\0\4"):
            raise NotChecked("the picture has a palette, which is not understood")
        # Version, revision, vendor and the name of the compressor are blank.
        head = bytes(6) + body[6:8] + bytes(16) + body[24:42] + bytes(32) + body[74:78]
        start = _VIDEO
    else:
        head, start = _sound_head(entry.kind, body)
    parts = b"".join(_part(each, entry.kind) for each in entry.children(start))
    return box(entry.kind, head, parts)


def _sound_head(kind: bytes, body: bytes) -> tuple[bytes, int]:
    if len(body) < _SOUND:
        raise NotChecked("a description of samples is too short")
    version = int.from_bytes(body[8:10], "big")
    more = {0: 0, 1: 16, 2: 36}.get(version)
    if more is None or len(body) < _SOUND + more:
        raise NotChecked("a description of samples is of an unknown version")
    head = bytes(6) + body[6:8] + body[8:10] + bytes(6) + body[16 : _SOUND + more]
    return head, _SOUND + more


def _part(part: Box, codec: bytes) -> bytes:
    kind, size = part.kind, part.end - part.start
    if kind == b"avcC":
        return box(kind, _avc(part.body))
    if kind == b"hvcC":
        return box(kind, _hevc(part.body))
    if kind == b"esds":
        return box(kind, bytes(4), _descriptor(part.body[4:]))
    if kind == b"wave":
        inner = b"".join(_part(each, codec) for each in part.children())
        return box(kind, inner, box(b"\0\0\0\0"))
    if kind == b"dfLa" and size >= 42 and part.body[4] & 0x7F == 0:
        return box(kind, bytes(4), b"\x80", part.body[5:42])
    if kind == b"dOps" and 11 <= size <= 11 + 2 + 255:
        return box(kind, part.body)
    if kind in (b"damr", b"d263") and size >= 7:
        return box(kind, bytes(5), part.body[5:9])  # without vendor and version
    if kind == b"mp4a" and size == 4:
        return box(kind, bytes(4))
    if kind == b"glbl":
        raise NotChecked("a decoder's configuration is not understood")
    if kind == b"sv3d":
        inner = b"".join(
            box(b"proj", each.body) if each.kind == b"proj" and each.end - each.start < 256
            else box(b"svhd", bytes(5)) if each.kind == b"svhd" else b""
            for each in part.children()
        )  # fmt: skip
        return box(kind, inner)
    if kind == b"colr" and part.body[:4] in (b"prof", b"rICC"):
        return b""  # colour profiles carry names; nclx and nclc stay
    limit = _FIXED.get(kind)
    return box(kind, part.body) if limit is not None and size <= limit else b""


def _avc(body: bytes) -> bytes:
    """ISO/IEC 14496-15 §5.3.3.1: parameter sets, and four bytes of high profiles."""
    if len(body) < 7:
        raise NotChecked("a decoder's configuration is too short")
    out, at = body[:5], 5
    for mask in (0x1F, 0xFF):
        units, count, at = b"", 0, at + 1
        for _ in range(body[at - 1] & mask):
            unit, at = _sized(body, at)
            kept = parameter_set(unit, hevc=False)
            count += bool(kept)
            units += len(kept).to_bytes(2, "big") + kept if kept else b""
        out += bytes([count | (0xFF & ~mask)]) + units
        if at >= len(body) and mask == 0x1F:
            return out
    # Chroma format and depths of high profiles, then extensions of parameter sets: none.
    high = body[1] in (100, 110, 122, 144) and at + 4 <= len(body)
    return out + (body[at : at + 3] + b"\0" if high else b"")


def _hevc(body: bytes) -> bytes:
    """ISO/IEC 14496-15 §8.3.3.1: arrays of parameter sets; those of SEI messages go."""
    if len(body) < 23:
        raise NotChecked("a decoder's configuration is too short")
    out, arrays, at = b"", 0, 23
    for _ in range(body[22]):
        head, count = body[at : at + 1], int.from_bytes(body[at + 1 : at + 3], "big")
        at += 3
        units = []
        for _ in range(count):
            unit, at = _sized(body, at)
            if kept := parameter_set(unit, hevc=True):
                units.append(len(kept).to_bytes(2, "big") + kept)
        if units:
            arrays += 1
            out += head + len(units).to_bytes(2, "big") + b"".join(units)
    return body[:22] + bytes([arrays]) + out


def _sized(body: bytes, at: int) -> tuple[bytes, int]:
    size = int.from_bytes(body[at : at + 2], "big")
    if not size or at + 2 + size > len(body):
        raise NotChecked("a decoder's configuration does not hold together")
    return body[at + 2 : at + 2 + size], at + 2 + size


# -- MPEG-4 descriptors (ISO/IEC 14496-1 §7.2.6) -------------------------------------------------


def _descriptor(data: bytes) -> bytes:
    tag, body, _ = _one(data, 0)
    if tag != 3 or len(body) < 3:
        raise NotChecked("a decoder's configuration does not hold together")
    flags, at = body[2], 3
    at += 2 if flags & 0x80 else 0
    at += 1 + (body[at] if at < len(body) else 0) if flags & 0x40 else 0
    at += 2 if flags & 0x20 else 0
    while at < len(body):
        inner, content, at = _one(body, at)
        if inner == 4:
            config = _decoder(content)
            return _tagged(3, bytes(3) + config + _tagged(6, b"\x02"))
    raise NotChecked("a decoder's configuration is missing")


def _decoder(content: bytes) -> bytes:
    if len(content) < 13:
        raise NotChecked("a decoder's configuration is too short")
    video = content[1] >> 2 == 4
    specific, at = b"", 13
    while at < len(content):
        tag, inner, at = _one(content, at)
        if tag != 5:
            continue
        if video:
            specific = _tagged(5, without_user_data(inner))
        else:
            if len(inner) > _SHORT_CONFIG or _object_type(inner) == _ALS:
                raise NotChecked("a decoder's configuration says more than is understood")
            specific = _tagged(5, inner)
        break
    return _tagged(4, content[:13] + specific)


def _object_type(config: bytes) -> int:
    value = int.from_bytes(config[:2].ljust(2, b"\0"), "big")
    return 32 + (value >> 5 & 63) if value >> 11 == 31 else value >> 11


def _one(data: bytes, at: int) -> tuple[int, bytes, int]:
    if at >= len(data):
        raise NotChecked("a decoder's configuration does not hold together")
    tag, size = data[at], 0
    at += 1
    for _ in range(4):
        byte = data[at] if at < len(data) else 0
        at += 1
        size = size << 7 | byte & 127
        if not byte & 128:
            break
    if at + size > len(data):
        raise NotChecked("a decoder's configuration does not hold together")
    return tag, data[at : at + size], at + size


def _tagged(tag: int, body: bytes) -> bytes:
    size = len(body)
    head = [size >> shift & 127 | 128 for shift in (21, 14, 7)] + [size & 127]
    return bytes([tag, *head]) + body


def length_size(entry: Box) -> int:
    """Bytes of the length before each unit of H.264 and H.265; 4 for others."""
    if entry.kind not in (b"avc1", b"avc3", b"hvc1", b"hev1"):
        return 4
    for part in entry.children(_VIDEO):
        if part.kind == b"avcC" and part.end - part.start > 4:
            return (part.body[4] & 3) + 1
        if part.kind == b"hvcC" and part.end - part.start > 21:
            return (part.body[21] & 3) + 1
    return 4


_PLAIN_BITS = {b"twos": 0, b"sowt": 0, b"raw ": 0, b"in24": 24, b"in32": 32, b"fl32": 32}
_PLAIN_BITS |= {b"fl64": 64, b"ulaw": 8, b"alaw": 8, b"lpcm": 0, b"NONE": 0}


def packets_of(entry: Box, tables: Tables, steps: list[tuple[int, int]]) -> tuple[int, int] | None:
    """(samples, bytes) of a packet where QuickTime counts sound by samples, else None."""
    if tables.sizes or any(step != 1 for _, step in steps):
        return None
    body = entry.body
    channels, bits = struct.unpack_from(">HH", body, 16)
    version = int.from_bytes(body[8:10], "big")
    if version == 1:
        samples, _, size = struct.unpack_from(">III", body, 28)
        if samples and size:
            return samples, size
    if version == 2 and len(body) >= 64:
        size, samples = struct.unpack_from(">II", body, 56)
        return (samples, size) if samples and size else None
    depth = _PLAIN_BITS.get(entry.kind)
    if depth is None:
        return None
    return 1, channels * ((depth or bits) // 8)


def entries(stsd: Box) -> list[Box]:
    """The descriptions in ``stsd``."""
    return list(boxes(stsd.data, stsd.start + 8, stsd.end, inner=True))
