"""WAV, RF64 and AIFF: the chunks that say how the sound is coded, and the sound.

All other chunks go: LIST, bext, iXML, XMP, ID3, cart, cues with their labels, padding, and
whatever nobody has heard of. EBU Tech 3306 (RF64); AIFF-C draft of 1991.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, ClassVar

from evidence_vault.capture.strip.bench import Bench
from evidence_vault.capture.strip.media import FORMS_ONLY, OWN_WALK, Sound, opened, told
from evidence_vault.capture.strip.model import NotChecked, Work

_KNOWN = {
    *(b"LIST", b"bext", b"iXML", b"_PMX", b"id3 ", b"ID3 ", b"cart", b"cue ", b"smpl", b"inst"),
    *(b"JUNK", b"FLLR", b"PAD ", b"fact", b"PEAK", b"DISP", b"axml", b"chna", b"MD5 ", b"umid"),
    *(b"NAME", b"AUTH", b"ANNO", b"COMT", b"(c) ", b"MARK", b"INST", b"MIDI", b"APPL", b"AESD"),
    *(b"FVER", b"levl", b"afsp", b"minf", b"elm1", b"regn", b"UMID", b"C2PA", b"SAUR", b"CHAN"),
}
_CHUNK = 1024 * 1024
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_GUID_TAIL = bytes.fromhex("000000001000800000aa00389b71")
_UNKNOWN_SIZE = 0xFFFF_FFFF
Chunk = tuple[bytes, int, int]  # kind, where its bytes begin, how many


class Wav(Sound):
    name = "WAV"
    demuxer = "wav"
    groups = ("RIFF",)
    stays: ClassVar[dict[str, str]] = dict.fromkeys(
        (
            *("Encoding", "NumChannels", "SampleRate", "AvgBytesPerSec", "BitsPerSample"),
            *("BlockAlignment", "NumberOfSamples"),
        ),
        FORMS_ONLY,
    )

    def strip(self, source: Path, target: Path, bench: Bench) -> Work:
        with opened(source) as data, target.open("xb") as out:
            form = sound = fact = None
            gone = []
            for chunk in _wave_chunks(data):
                kind, at, size = chunk
                if kind == b"fmt " and form is None:
                    form = _wave_format(data[at : at + size])
                elif kind == b"data" and sound is None:
                    sound = chunk
                elif kind == b"fact" and fact is None and size >= 4:
                    fact = bytes(data[at : at + 4])
                else:
                    gone.append(_named(kind))
            if form is None or sound is None:
                raise NotChecked("the format or the sound itself is missing")
            parts = [(b"fmt ", form)]
            if fact is not None and form[:2] != struct.pack("<H", _PCM):
                parts.append((b"fact", fact))
            _write_wave(out, data, parts, sound)
        return Work(told(gone), tools=(OWN_WALK,))


def _wave_chunks(data: bytes) -> Iterator[Chunk]:
    """Every chunk; what lies behind the RIFF chunk comes as chunks of kind ``behind``."""
    kind = bytes(data[:4])
    if kind not in (b"RIFF", b"RF64", b"BW64") or data[8:12] != b"WAVE":
        raise NotChecked("not a WAV file of a kind that is understood")
    size = int.from_bytes(data[4:8], "little")
    whole = 8 + size if size not in (0, _UNKNOWN_SIZE) else len(data)
    large = None
    at = 12
    end = min(len(data), whole)
    while at + 8 <= end:
        name = bytes(data[at : at + 4])
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        if name == b"ds64" and large is None and length >= 24:
            large = struct.unpack("<QQ", data[at + 8 : at + 24])
            end = min(len(data), 8 + large[0])
            at += 8 + length + (length & 1)
            continue
        if name == b"data":
            if length == _UNKNOWN_SIZE and kind != b"RIFF" and large is not None:
                length = large[1]
            length = min(length, len(data) - at - 8)  # recorders that were cut off
            end = max(end, at + 8 + length)
        elif at + 8 + length > end:
            yield b"torn", at, end - at
            at = end
            break
        yield name, at + 8, length
        at += 8 + length + (length & 1)
    if at < len(data):
        yield b"behind", at, len(data) - at


def _wave_format(body: bytes) -> bytes:
    """A format chunk with no more in it than its kind says."""
    if len(body) < 16:
        raise NotChecked("the format chunk is too short")
    tag = struct.unpack_from("<H", body)[0]
    if tag in (_PCM, _FLOAT):
        return body[:16]
    if len(body) < 18:
        return body[:16] + b"\0\0"
    extra = struct.unpack_from("<H", body, 16)[0]
    if tag == _EXTENSIBLE:
        if extra < 22 or len(body) < 40 or body[26:40] != _GUID_TAIL:
            raise NotChecked("the sound is coded in a private way")
        return body[:16] + b"\x16\0" + body[18:40]
    if extra > 64 or len(body) < 18 + extra:
        raise NotChecked("the format chunk says more than is understood")
    return body[: 18 + extra]


def _write_wave(out: BinaryIO, data: bytes, parts: list[tuple[bytes, bytes]], sound: Chunk) -> None:
    _, at, size = sound
    head = b"".join(name + len(body).to_bytes(4, "little") + body for name, body in parts)
    whole = 4 + len(head) + 8 + size + (size & 1)
    if whole > 0xFFFF_FFF0:
        whole += 36
        out.write(b"RF64" + b"\xff" * 4 + b"WAVE")
        out.write(b"ds64" + struct.pack("<IQQQI", 28, whole, size, 0, 0))
        out.write(head + b"data" + b"\xff" * 4)
    else:
        out.write(b"RIFF" + whole.to_bytes(4, "little") + b"WAVE" + head)
        out.write(b"data" + size.to_bytes(4, "little"))
    _copy(out, data, at, size)


def _copy(out: BinaryIO, data: bytes, at: int, size: int) -> None:
    for start in range(at, at + size, _CHUNK):
        out.write(data[start : min(start + _CHUNK, at + size)])
    out.write(b"\0" * (size & 1))


def _named(kind: bytes) -> str:
    if kind == b"behind":
        return "bytes behind the end"
    if kind == b"torn":
        return "chunk that runs past the end"
    return f"{kind.decode().strip()} chunk" if kind in _KNOWN else "chunk of another kind"


class Aiff(Sound):
    name = "AIFF"
    demuxer = "aiff"
    groups = ("AIFF",)
    stays: ClassVar[dict[str, str]] = dict.fromkeys(
        (
            *("NumChannels", "NumSampleFrames", "SampleSize", "SampleRate", "CompressionType"),
            "FormatVersionTime",
        ),
        FORMS_ONLY,
    )

    def strip(self, source: Path, target: Path, bench: Bench) -> Work:
        with opened(source) as data, target.open("xb") as out:
            form, chunks = _aiff_chunks(data)
            common = sound = None
            gone = []
            for chunk in chunks:
                kind, at, size = chunk
                if kind == b"COMM" and common is None:
                    common = _common(data[at : at + size], form)
                elif kind == b"SSND" and sound is None and size >= 8:
                    sound = chunk
                elif kind != b"FVER":
                    gone.append(_named(kind))
            if common is None or sound is None:
                raise NotChecked("the format or the sound itself is missing")
            _write_aiff(out, data, form, common, sound)
        return Work(told(gone), tools=(OWN_WALK,))


def _aiff_chunks(data: bytes) -> tuple[bytes, Iterator[Chunk]]:
    form = bytes(data[8:12])
    if data[:4] != b"FORM" or form not in (b"AIFF", b"AIFC"):
        raise NotChecked("not an AIFF file")
    return form, _iff_chunks(data)


def _iff_chunks(data: bytes) -> Iterator[Chunk]:
    end = min(len(data), 8 + int.from_bytes(data[4:8], "big"))
    at = 12
    while at + 8 <= end:
        kind = bytes(data[at : at + 4])
        size = int.from_bytes(data[at + 4 : at + 8], "big")
        if kind == b"SSND":
            size = min(size, len(data) - at - 8)
        elif at + 8 + size > end:
            yield b"torn", at, end - at
            at = end
            break
        yield kind, at + 8, size
        at += 8 + size + (size & 1)
    if at < len(data):
        yield b"behind", at, len(data) - at


def _common(body: bytes, form: bytes) -> bytes:
    """The common chunk; the name of the coding, which is free text, is emptied."""
    if len(body) < (18 if form == b"AIFF" else 22):
        raise NotChecked("the common chunk is too short")
    return body[:18] if form == b"AIFF" else body[:22] + b"\0\0"


def _write_aiff(out: BinaryIO, data: bytes, form: bytes, common: bytes, sound: Chunk) -> None:
    _, at, size = sound
    offset = int.from_bytes(data[at : at + 4], "big")
    if offset > size - 8:
        raise NotChecked("the sound begins behind its own end")
    version = b"FVER" + struct.pack(">II", 4, 0xA2805140) if form == b"AIFC" else b""
    head = version + b"COMM" + len(common).to_bytes(4, "big") + common
    length = size - offset
    out.write(b"FORM" + (4 + len(head) + 8 + length + (length & 1)).to_bytes(4, "big") + form)
    out.write(head + b"SSND" + length.to_bytes(4, "big") + b"\0" * 4 + data[at + 4 : at + 8])
    _copy(out, data, at + 8 + offset, length - 8)
