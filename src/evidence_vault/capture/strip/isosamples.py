"""Coded frames without what programs write between the picture's data.

H.264 and H.265: SEI messages that are no part of decoding, filler and units of private kinds
(ITU-T H.264 annex D, H.265 annex D). MPEG-4 Visual: user data. AAC: leading fill. AV1: metadata
of private kinds and padding. PNG and JPEG frames: all but the picture. ProRes: the encoder's name.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable

from evidence_vault.capture.strip.model import NotChecked

Clean = Callable[[bytes], bytes]

_AVC_KEPT = {*range(1, 6), 7, 8, 9, 10, 11, 13, 14, 15, 19, 20}
_HEVC_KEPT = {*range(0, 10), *range(16, 22), *range(32, 38)}
_AVC_SEI = {0, 6, 45, 47, 137, 144, 147}
_HEVC_SEI = {0, 1, 6, 45, 47, 129, 130, 132, 137, 144, 147}
_DECODERS_READ = re.compile(rb"(XviD[0-9]{4}C?|DivX[0-9]+[Bb][0-9]+p?|Lavc[0-9]+\.[0-9]+\.[0-9]+)")


def cleaner(codec: bytes, length_size: int = 4) -> Clean:
    """What cleans the samples of a codec; raises NotChecked for a codec not looked into.

    ``length_size``: bytes of the length in front of each unit of H.264 and H.265.
    """
    if codec in (b"avc1", b"avc3"):
        return lambda sample: _units(sample, length_size, _avc_unit)
    if codec in (b"hvc1", b"hev1"):
        return lambda sample: _units(sample, length_size, _hevc_unit)
    found = _CLEANERS.get(codec)
    if found is None:
        raise NotChecked("picture or sound is coded in a way that this program doesn't look into")
    return found


# -- H.264, H.265 --------------------------------------------------------------------------------


def _units(sample: bytes, size: int, clean: Callable[[bytes], bytes]) -> bytes:
    out, at = [], 0
    while at < len(sample):
        length = int.from_bytes(sample[at : at + size], "big")
        unit = sample[at + size : at + size + length]
        if len(unit) < length or at + size > len(sample):
            raise NotChecked("a coded frame does not hold together")
        kept = clean(unit) if unit else b""
        if kept:
            out.append(len(kept).to_bytes(size, "big") + kept)
        at += size + length
    return b"".join(out)


def _avc_unit(unit: bytes) -> bytes:
    kind = unit[0] & 0x1F
    if kind == 6:
        return _sei(unit, 1, _AVC_SEI)
    return unit if kind in _AVC_KEPT else b""


def _hevc_unit(unit: bytes) -> bytes:
    kind = unit[0] >> 1 & 0x3F
    if kind in (39, 40):
        return _sei(unit, 2, _HEVC_SEI)
    return unit if kind in _HEVC_KEPT and kind != 38 else b""


def parameter_set(unit: bytes, hevc: bool) -> bytes:
    """A unit of a decoder's configuration, or nothing if it may not stand there."""
    kept = _hevc_unit(unit) if hevc else _avc_unit(unit)
    kind = (unit[0] >> 1 & 0x3F) if hevc else unit[0] & 0x1F
    return kept if kind in ((32, 33, 34) if hevc else (7, 8, 13)) else b""


def _sei(unit: bytes, head: int, allowed: set[int]) -> bytes:
    """An SEI unit with the messages that decoding may need; nothing if there are none."""
    raw = unit[head:].replace(b"\0\0\3", b"\0\0")
    kept, at, dropped = b"", 0, False
    while at < len(raw) and raw[at:].strip(b"\0") not in (b"\x80", b""):
        start = at
        kind, at = _sei_number(raw, at)
        size, at = _sei_number(raw, at)
        if at + size > len(raw):
            return b""
        at += size
        if kind in allowed:
            kept += raw[start:at]
        else:
            dropped = True
    if not dropped:
        return unit
    if not kept:
        return b""
    return unit[:head] + re.sub(rb"\0\0(?=[\0-\3])", b"\0\0\3", kept + b"\x80")


def _sei_number(raw: bytes, at: int) -> tuple[int, int]:
    value = 0
    while at < len(raw) and raw[at] == 0xFF:
        value += 255
        at += 1
    return value + (raw[at] if at < len(raw) else 0), at + 1


# -- others --------------------------------------------------------------------------------------


def without_user_data(sample: bytes) -> bytes:
    """MPEG-4 Visual (ISO/IEC 14496-2 §6.2.2.1): user data go, but for versions decoders act on."""
    out, at = b"", 0
    while (start := sample.find(b"\0\0\1\xb2", at)) >= 0:
        out += sample[at:start]
        end = sample.find(b"\0\0\1", start + 4)
        end = len(sample) if end < 0 else end
        version = _DECODERS_READ.match(sample[start + 4 : end])
        if version:
            out += b"\0\0\1\xb2" + version.group()
        at = end
    return out + sample[at:]


def _aac(sample: bytes) -> bytes:
    """Fill that stands first in a frame holds the encoder's name: ISO/IEC 14496-3 §4.4.2.7."""
    bits = int.from_bytes(sample, "big")
    length = len(sample) * 8
    if length < 16 or bits >> (length - 3) != 6:
        return sample
    count, at = bits >> (length - 7) & 15, 7
    if count == 15:
        count, at = 14 + (bits >> (length - 15) & 255), 15
    kind = bits >> (length - at - 4) & 15 if count else 15
    end = at + 8 * count
    if kind not in (0, 1, 2) or end > length:
        return sample
    # Fill of kind 0: the rest is four bits and bytes that nobody reads.
    mask = ((1 << (8 * count)) - 1) << (length - end)
    return (bits & ~mask).to_bytes(len(sample), "big")


def _av1(sample: bytes) -> bytes:
    """AV1 §5.3: padding and metadata of private kinds (ITU-T T.35) go."""
    out, at = b"", 0
    while at < len(sample):
        head = sample[at]
        kind, start = head >> 3 & 15, at + 1 + (head >> 2 & 1)
        if head & 2:
            size, body = _leb128(sample, start)
        else:
            size, body = len(sample) - start, start
        end = body + size
        if end > len(sample) or end <= at:
            raise NotChecked("a coded frame does not hold together")
        private = kind == 5 and _leb128(sample, body)[0] not in (1, 2, 3)
        if kind in (1, 2, 3, 4, 6, 7, 8) or (kind == 5 and not private):
            out += sample[at:end]
        at = end
    return out


def _leb128(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for place in range(8):
        if at >= len(data):
            raise NotChecked("a coded frame does not hold together")
        byte = data[at]
        value |= (byte & 127) << 7 * place
        at += 1
        if not byte & 128:
            break
    return value, at


def _prores(sample: bytes) -> bytes:
    return sample[:12] + bytes(4) + sample[16:] if sample[4:8] == b"icpf" else sample


_PNG_KEPT = {
    b"IHDR",
    b"PLTE",
    b"IDAT",
    b"IEND",
    b"tRNS",
    b"gAMA",
    b"cHRM",
    b"sRGB",
    b"sBIT",
    b"pHYs",
}


def _png(sample: bytes) -> bytes:
    out, at = sample[:8], 8
    while at + 12 <= len(sample):
        size = int.from_bytes(sample[at : at + 4], "big")
        kind = sample[at + 4 : at + 8]
        if kind in _PNG_KEPT:
            out += sample[at : at + 12 + size]
        at += 12 + size
        if kind == b"IEND":
            return out
    raise NotChecked("a coded frame does not hold together")


def _jpeg(sample: bytes) -> bytes:
    """A JPEG frame without comments and application segments but AVI1 and Adobe's colours."""
    out, at = sample[:2], 2
    while sample[at : at + 1] == b"\xff":
        kind = sample[at + 1]
        if kind == 0xFF:
            at += 1
            continue
        size = 2 + struct.unpack_from(">H", sample, at + 2)[0] if at + 4 <= len(sample) else 0
        part = sample[at : at + size]
        if kind == 0xDA:
            last = sample.rfind(b"\xff\xd9")
            return out + sample[at : last + 2 if last > at else None]
        if kind == 0xE0 and part[4:8] == b"AVI1":
            out += part
        elif kind == 0xEE and part[4:9] == b"Adobe":
            out += part[:16]
        elif not (0xE0 <= kind <= 0xEF or kind == 0xFE):
            out += part
        at += max(size, 2)
    raise NotChecked("a coded frame does not hold together")


def _as_it_is(sample: bytes) -> bytes:
    return sample


_PLAIN = (
    *(b"s263", b"h263", b"vp08", b"vp09", b"raw ", b"2vuy", b"yuv2", b"v210", b"rle "),
    *(b"twos", b"sowt", b"in24", b"in32", b"fl32", b"fl64", b"lpcm", b"ulaw", b"alaw", b"ipcm"),
    *(b"samr", b"sawb", b"alac", b"Opus", b"fLaC", b"ac-3", b"ec-3", b"ima4", b"NONE", b"fpcm"),
)
_CLEANERS: dict[bytes, Clean] = {
    **dict.fromkeys(_PLAIN, _as_it_is),
    **dict.fromkeys((b"apcn", b"apch", b"apcs", b"apco", b"ap4h", b"ap4x"), _prores),
    b"mp4v": without_user_data,
    b"mp4a": _aac,
    b"av01": _av1,
    b"png ": _png,
    b"jpeg": _jpeg,
}
