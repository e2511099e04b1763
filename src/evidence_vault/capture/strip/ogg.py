"""Ogg with Vorbis, Opus, FLAC, Speex: the pages are kept, the comments in them are emptied.

RFC 3533; Vorbis I §5; RFC 7845 §5.2; RFC 9639 §10.1. Only files with one stream after another
(chained) or a single stream of sound are understood.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, ClassVar

from evidence_vault.capture.strip.bench import Bench
from evidence_vault.capture.strip.flac import SEEKTABLE, STREAMINFO
from evidence_vault.capture.strip.id3 import start_of_audio
from evidence_vault.capture.strip.media import FORMS_ONLY, OWN_WALK, Sound, opened, told
from evidence_vault.capture.strip.model import NotChecked, Secret, Work

_HEAD = 27
_CONTINUED, _FIRST, _LAST = 1, 2, 4
_NO_VENDOR = b"\0" * 8  # no vendor string, no comments


class Ogg(Sound):
    name = "Ogg"
    demuxer = "ogg"
    timed = True
    groups = ("Vorbis", "Opus", "FLAC", "Ogg")
    stays: ClassVar[dict[str, str]] = dict.fromkeys(
        (
            *("VorbisVersion", "AudioChannels", "SampleRate", "MaximumBitrate"),
            *("NominalBitrate", "MinimumBitrate", "OpusVersion", "OutputGain", "Channels"),
            *("BlockSizeMin", "BlockSizeMax", "FrameSizeMin", "FrameSizeMax", "BitsPerSample"),
            *("TotalSamples", "MD5Signature", "PreSkip", "SeekTable"),
        ),
        FORMS_ONLY,
    ) | {"Vendor": "the format asks for the field; it is empty"}

    def strip(self, source: Path, target: Path, bench: Bench) -> Work:
        with opened(source) as data, target.open("xb") as out:
            at, gone = start_of_audio(data)
            vendors: list[bytes] = []
            writer: _Writer | None = None
            for page in _pages(data, at, gone):
                if page.flags & _FIRST:
                    if writer is not None and not writer.ended:
                        raise NotChecked("several streams lie side by side")
                    if writer is not None:
                        writer.close()
                    writer = _Writer(out, page.serial, vendors)
                if writer is None or writer.serial_before != page.serial:
                    raise NotChecked("a page belongs to no stream that was begun")
                writer.take(page)
            if writer is None:
                raise NotChecked("there is no page in it")
            writer.close()
        secrets = (Secret("Vorbis:Vendor", value) for value in vendors if value)
        return Work(told(gone), tuple(secrets), tools=(OWN_WALK,))


@dataclass(frozen=True, slots=True)
class _Page:
    flags: int
    granule: bytes
    serial: bytes
    lacing: bytes
    body: bytes

    def packets(self) -> list[tuple[bytes, bool]]:
        """(bytes, does it end on this page) of every packet or part of one."""
        found, at, size = [], 0, 0
        for lace in self.lacing:
            size += lace
            if lace < 255:
                found.append((self.body[at : at + size], True))
                at, size = at + size, 0
        if self.lacing and self.lacing[-1] == 255:
            found.append((self.body[at:], False))
        return found


def _pages(data: bytes, at: int, gone: list[str]) -> Iterator[_Page]:
    while at < len(data):
        head = data[at : at + _HEAD]
        if head[:5] != b"OggS\0" or len(head) < _HEAD:
            # Data is a mmap or bytes.
            following = data.find(b"OggS\0", at + 1)  # type: ignore[attr-defined,unused-ignore]
            gone.append("bytes between or behind the pages")
            if following < 0:
                return
            at = following
            continue
        lacing = bytes(data[at + _HEAD : at + _HEAD + head[26]])
        start = at + _HEAD + head[26]
        end = start + sum(lacing)
        if len(lacing) < head[26] or end > len(data):
            gone.append("page that was cut off")
            return
        yield _Page(head[5], head[6:14], head[14:18], lacing, bytes(data[start:end]))
        at = end


class _Writer:
    """Writes one logical stream again: the headers by new pages, the sound by the old ones."""

    def __init__(self, out: BinaryIO, serial: bytes, vendors: list[bytes]) -> None:
        self.serial_before = serial
        self.ended = False
        self._vendors = vendors
        self._serial = (len(vendors) + 1).to_bytes(4, "little")
        self._out = out
        self._page = 0
        self._headers: list[bytes] = []
        self._open = b""
        self._wanted = 0
        self._in_sound = False

    def take(self, page: _Page) -> None:
        self.ended = bool(page.flags & _LAST)
        if self._in_sound:
            self._put(page.flags & ~_FIRST, page.granule, page.lacing, page.body)
            return
        packets = page.packets()
        for place, (part, ends) in enumerate(packets):
            self._open += part
            if not ends:
                continue
            self._headers.append(self._open)
            self._open = b""
            if len(self._headers) == 1:
                self._wanted = _headers_of(self._headers[0])
            if len(self._headers) == self._wanted:
                if place + 1 != len(packets):
                    raise NotChecked("sound begins on a page of headers")
                self._write_headers()
                self._in_sound = True
        if len(self._open) > 64 * 1024 * 1024:
            raise NotChecked("a header is too long")

    def close(self) -> None:
        if not self._in_sound:
            raise NotChecked("the headers end too early")

    def _write_headers(self) -> None:
        self._vendors.append(_vendor(self._headers))
        first, *rest = _clean_headers(self._headers)
        self._put(_FIRST, bytes(8), _lacing(first), first)
        lacing, body, flags = b"", b"".join(rest), 0
        for packet in rest:
            lacing += _lacing(packet)
        at = 0
        while lacing:
            now, lacing = lacing[:255], lacing[255:]
            size = sum(now)
            ends = any(lace < 255 for lace in now)
            granule = bytes(8) if ends else b"\xff" * 8
            self._put(flags, granule, now, body[at : at + size])
            at += size
            flags = _CONTINUED if now[-1] == 255 else 0

    def _put(self, flags: int, granule: bytes, lacing: bytes, body: bytes) -> None:
        head = b"OggS\0" + bytes([flags & 7]) + granule + self._serial
        head += self._page.to_bytes(4, "little")
        rest = bytes([len(lacing)]) + lacing + body
        crc = _crc(head + bytes(4) + rest).to_bytes(4, "little")
        self._out.write(head + crc + rest)
        self._page += 1


def _lacing(packet: bytes) -> bytes:
    return b"\xff" * (len(packet) // 255) + bytes([len(packet) % 255])


def _headers_of(first: bytes) -> int:
    """How many header packets a stream has that begins with this one."""
    if first.startswith(b"\x01vorbis") and len(first) == 30:
        return 3
    if first.startswith(b"OpusHead") and 19 <= len(first) <= 21 + 255:
        return 2
    if first.startswith(b"\x7fFLAC\x01") and len(first) == 51:
        return 1 + max(1, int.from_bytes(first[7:9], "big"))
    if first.startswith(b"Speex   ") and len(first) == 80:
        return 2 + int.from_bytes(first[68:72], "little") % 8
    raise NotChecked("the stream in it is of a kind that is not understood")


def _vendor(headers: list[bytes]) -> bytes:
    """The name of the program that made the stream, as it stands before the comments."""
    start = {b"\x01": 7, b"O": 8, b"\x7f": 4, b"S": 0}[headers[0][:1]]
    size = int.from_bytes(headers[1][start : start + 4], "little")
    return headers[1][start + 4 : start + 4 + min(size, 4096)]


def _clean_headers(headers: list[bytes]) -> list[bytes]:
    first = headers[0]
    if first.startswith(b"\x01vorbis"):
        if headers[1][:7] != b"\x03vorbis" or headers[2][:7] != b"\x05vorbis":
            raise NotChecked("the headers are not in their order")
        return [first, b"\x03vorbis" + _NO_VENDOR + b"\x01", headers[2]]
    if first.startswith(b"OpusHead"):
        if headers[1][:8] != b"OpusTags":
            raise NotChecked("the headers are not in their order")
        size = 19 if first[18] == 0 else 21 + first[9]
        return [first[:size], b"OpusTags" + _NO_VENDOR]
    if first.startswith(b"\x7fFLAC"):
        return _clean_flac(first, headers[1:])
    # Speex: the version of the library is text; decoders read only its number behind it.
    neutral = first[:8] + b"1.2".ljust(20, b"\0") + first[28:]
    return [neutral, _NO_VENDOR]


def _clean_flac(first: bytes, blocks: list[bytes]) -> list[bytes]:
    if first[9:13] != b"fLaC" or first[13] & 0x7F != STREAMINFO:
        raise NotChecked("the headers are not in their order")
    kept = [block for block in blocks if block and block[0] & 0x7F == SEEKTABLE][:1]
    # A comment block must come first; it is an empty one. The last block says that it is the last.
    comment = b"\x04" + (8).to_bytes(3, "big") + _NO_VENDOR
    rest = [comment, *(bytes([SEEKTABLE]) + block[1:] for block in kept)]
    rest[-1] = bytes([rest[-1][0] | 0x80]) + rest[-1][1:]
    return [first[:7] + len(rest).to_bytes(2, "big") + first[9:], *rest]


def _table() -> list[int]:
    table = []
    for value in range(256):
        crc = value << 24
        for _ in range(8):
            crc = (crc << 1) ^ 0x04C11DB7 if crc & 0x8000_0000 else crc << 1
        table.append(crc & 0xFFFF_FFFF)
    return table


_TABLE = _table()


def _crc(data: bytes) -> int:
    """RFC 3533 §6: polynomial 0x04c11db7, not reflected, starting at 0."""
    crc = 0
    table = _TABLE
    for byte in data:
        crc = ((crc << 8) & 0xFFFF_FFFF) ^ table[(crc >> 24) ^ byte]
    return crc
