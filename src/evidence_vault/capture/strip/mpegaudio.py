"""MP3 (and MPEG layers I and II): frame after frame, with nothing around or between.

ISO/IEC 11172-3 and 13818-3. Of a Xing or Info frame the counts, the table for jumping and the
lengths of the silence at both ends stay, for players cut by them; who encoded it goes. What
layer III leaves unused between its frames' data, where encoders write their names, is zeroed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from evidence_vault.capture.strip.bench import Bench
from evidence_vault.capture.strip.id3 import end_of_audio, start_of_audio
from evidence_vault.capture.strip.media import FORMS_ONLY, OWN_WALK, Sound, opened, told
from evidence_vault.capture.strip.model import Comparison, NotChecked, Secret, Work

_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
_KBPS = {
    (True, 3): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 1): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 3): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 1): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_LAME_SIZE = 36
_READS_SILENCE = (b"LAME", b"Lavf", b"Lavc")  # whose silence players believe
_CUT = "players cut the silence at both ends by it"


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame's header: ``size`` in bytes; ``side``: bytes of layer III's side information."""

    at: int
    size: int
    same: tuple[int, int, int]  # version, layer, sample rate: the same all through a file
    layer: int
    lsf: bool
    mono: bool
    start: int  # where side information begins, behind header and CRC
    side: int


def frame_at(data: bytes, at: int) -> Frame | None:
    """The frame whose header stands at this place, if one does."""
    head = data[at : at + 4]
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    rate, kbps, padding = head[2] >> 2 & 3, head[2] >> 4, head[2] >> 1 & 1
    if version == 1 or layer == 0 or rate == 3 or kbps in (0, 15):
        return None
    hertz = _RATES[version][rate]
    bits = _KBPS[version == 3, layer][kbps - 1] * 1000
    lsf = version != 3
    if layer == 3:
        size = (12 * bits // hertz + padding) * 4
    else:
        size = (72 if layer == 1 and lsf else 144) * bits // hertz + padding
    mono = head[3] >> 6 == 3
    side = ((9 if mono else 17) if lsf else (17 if mono else 32)) if layer == 1 else 0
    crc = 0 if head[1] & 1 else 2
    return Frame(at, size, (version, layer, rate), layer, lsf, mono, at + 4 + crc, side)


class MpegAudio(Sound):
    name = "MP3"
    demuxer = "mp3"
    groups = ("MPEG",)
    stays: ClassVar[dict[str, str]] = dict.fromkeys(
        (
            *("MPEGAudioVersion", "AudioLayer", "AudioBitrate", "SampleRate", "ChannelMode"),
            *("MSStereo", "IntensityStereo", "CopyrightFlag", "OriginalMedia", "Emphasis"),
            *("VBRFrames", "VBRBytes", "VBRScale", "ModeExtension"),
        ),
        FORMS_ONLY,
    ) | dict.fromkeys(
        (
            *("Encoder", "LameVBRQuality", "LameQuality", "LameMethod", "LameLowPassFilter"),
            *("LameBitrate", "LameStereoMode"),
        ),
        f"{_CUT}; all but the silence is blank",
    )

    def strip(self, source: Path, target: Path, bench: Bench) -> Work:
        with opened(source) as data, target.open("xb") as out:
            start, gone = start_of_audio(data)
            end, after = end_of_audio(data, start)
            junk: list[str] = []
            frames = _frames(data, start, end, junk)
            first = next(frames, None)
            if first is None:
                raise NotChecked("there is no frame of sound in it")
            secrets: tuple[Secret, ...] = ()
            info = _info_frame(data, first)
            cleaner = _Reservoir(data)
            if info is None:
                out.write(cleaner.push(first))
            else:
                written, encoder = info
                out.write(written)
                secrets = (Secret("MPEG:Encoder", encoder),) if encoder else ()
            for frame in frames:
                out.write(cleaner.push(frame))
            out.write(cleaner.flush())
        if cleaner.blanked:
            junk.append("bytes that no frame uses")
        return Work(told([*gone, *after, *dict.fromkeys(junk)]), secrets, tools=(OWN_WALK,))

    def compare(self, source: Path, target: Path, bench: Bench) -> Comparison:
        """ffmpeg takes some tags behind the sound for sound: then the original without them."""
        found = super().compare(source, target, bench)
        if found.identical != "no":
            return found
        bare = bench.scratch()
        with opened(source) as data, bare.open("xb") as out:
            start, _ = start_of_audio(data)
            end, _ = end_of_audio(data, start)
            for at in range(start, end, 1024 * 1024):
                out.write(data[at : min(end, at + 1024 * 1024)])
        found = super().compare(bare, target, bench)
        bare.unlink()
        method = f"{found.method}, of the original without the tags around the sound"
        return Comparison(found.identical, method, found.what)


def _frames(data: bytes, at: int, end: int, junk: list[str]) -> Iterator[Frame]:
    """Every whole frame; a frame counts if another or the end follows, and all are of a kind."""
    same = None
    while at < end:
        frame = frame_at(data, at)
        if frame is None or (same is not None and frame.same != same):
            junk.append("bytes between or behind the frames")
            at = _next_frame(data, at + 1, end, same)
            continue
        if frame.at + frame.size > end:
            if same is not None:  # decoders make sound of a part, too
                yield replace(frame, size=end - frame.at)
            return
        if same is None and not _is_followed(data, frame, end):
            junk.append("bytes between or behind the frames")
            at = _next_frame(data, at + 1, end, same)
            continue
        same = frame.same
        yield frame
        at += frame.size


def _is_followed(data: bytes, frame: Frame, end: int) -> bool:
    following = frame.at + frame.size
    after = frame_at(data, following)
    return following == end or (after is not None and after.same == frame.same)


def _next_frame(data: bytes, at: int, end: int, same: tuple[int, int, int] | None) -> int:
    while 0 <= (at := data.find(b"\xff", at, end)) < end:
        frame = frame_at(data, at)
        if frame and (same is None or frame.same == same) and _is_followed(data, frame, end):
            return at
        at += 1
    return end


def _info_frame(data: bytes, frame: Frame) -> tuple[bytes, bytes] | None:
    """(a Xing, Info or VBRI frame without who made it, the name of the encoder), if it is one."""
    if frame.layer != 1:
        return None
    body = bytes(data[frame.at : frame.at + frame.size])
    if body[36:40] == b"VBRI":
        return _vbri(body), b""
    # The tag stands behind side information of a frame without CRC, whatever the header says.
    at = 4 + frame.side
    if body[at : at + 4] not in (b"Xing", b"Info"):
        return None
    flags = int.from_bytes(body[at + 4 : at + 8], "big")
    if flags > 15:
        raise NotChecked("the frame of counts says more than is understood")
    size = 8 + 4 * (flags & 1) + 4 * (flags >> 1 & 1) + 100 * (flags >> 2 & 1)
    size += 4 * (flags >> 3)
    kept = body[at : at + size]
    lame = body[at + size : at + size + _LAME_SIZE]
    encoder = lame[:9].rstrip(b"\0 ")
    rest = b""
    if len(lame) == _LAME_SIZE and lame[:4] in _READS_SILENCE:
        rest = b"LAME" + bytes(17) + lame[21:24] + bytes(12)
    head = body[:4] + bytes(frame.side)
    return (head + kept + rest).ljust(frame.size, b"\0")[: frame.size], encoder


def _vbri(body: bytes) -> bytes:
    """VBRI: version, delay, quality, counts and the table, whose size the counts tell."""
    entries, width = int.from_bytes(body[54:56], "big"), int.from_bytes(body[58:60], "big")
    size = 36 + 26 + entries * width
    if size > len(body):
        raise NotChecked("the table of the VBRI frame runs past the frame")
    return (body[:4] + bytes(32) + body[36:size]).ljust(len(body), b"\0")


class _Reservoir:
    """Zeroes what no frame of layer III uses: the data of a frame may begin in earlier ones.

    Frames come out once all that refers to them was seen. In a frame's main data, bits behind
    the end of what its granules hold and before the next frame's beginning are ancillary.
    """

    def __init__(self, data: bytes) -> None:
        self.blanked = False
        self._data = data
        self._queue: list[tuple[bytes, bytearray]] = []  # header and side information, main data
        self._used = 0  # bits of the queued main data that are in use, counted from its start
        self._length = 0  # bytes of queued main data

    def push(self, frame: Frame) -> bytes:
        """Bytes that are settled now."""
        raw = bytes(self._data[frame.at : frame.at + frame.size])
        head = frame.start - frame.at + frame.side
        if frame.layer != 1 or head > frame.size:
            return self.flush() + raw
        back, bits = _side(raw[frame.start - frame.at : head], frame)
        begin = self._length - back
        if begin < 0:  # the beginning of the file was cut off: the data it needs are not there
            begin = self._length
            bits = 0 if back else bits
        if self._queue:
            self._blank(self._used, begin * 8)
        self._queue.append((raw[:head], bytearray(raw[head:])))
        self._length += frame.size - head
        self._used = max(min(begin * 8 + bits, self._length * 8), 0)
        return self._settled()

    def flush(self) -> bytes:
        self._blank(self._used, self._length * 8)
        out = b"".join(head + bytes(main) for head, main in self._queue)
        self._queue, self._used, self._length = [], 0, 0
        return out

    def _settled(self) -> bytes:
        """Frames whose main data lie more than 511 bytes back: nothing can refer to them."""
        out = b""
        while len(self._queue) > 1 and self._length - len(self._queue[0][1]) > 2 * 511:
            head, main = self._queue[0]
            if self._used < len(main) * 8:
                break
            out += head + bytes(main)
            del self._queue[0]
            self._length -= len(main)
            self._used -= len(main) * 8
        return out

    def _blank(self, start: int, end: int) -> None:
        """Zero the bits from ``start`` to ``end`` of the queued main data."""
        at = 0
        for _, main in self._queue:
            first, last = max(start - at * 8, 0), min(end - at * 8, len(main) * 8)
            if first < last:
                before = bytes(main)
                byte, bit = divmod(first, 8)
                if bit:
                    main[byte] &= 0xFF << (8 - bit) & 0xFF
                    byte += 1
                main[byte : last // 8] = bytes(max(0, last // 8 - byte))
                self.blanked |= before != bytes(main)
            at += len(main)


def _side(side: bytes, frame: Frame) -> tuple[int, int]:
    """(bytes that the main data begin before the frame's own, bits they are long)."""
    value = int.from_bytes(side, "big")
    length = len(side) * 8

    def bits(at: int, count: int) -> int:
        return value >> (length - at - count) & ((1 << count) - 1)

    channels = 1 if frame.mono else 2
    if frame.lsf:
        at, granules, each = 8 + (1 if frame.mono else 2), 1, 63
        back = bits(0, 8)
    else:
        at, granules, each = 9 + (5 if frame.mono else 3) + 4 * channels, 2, 59
        back = bits(0, 9)
    total = sum(bits(at + each * number, 12) for number in range(granules * channels))
    return back, total
