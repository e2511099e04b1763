"""FLAC: the first metadata block and the table of seek points stay, then the frames.

RFC 9639. ID3 tags before and after, comments, pictures, cue sheets, padding and blocks of
applications go.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from evidence_vault.capture.strip.bench import Bench
from evidence_vault.capture.strip.id3 import end_of_audio, start_of_audio
from evidence_vault.capture.strip.media import FORMS_ONLY, OWN_WALK, Sound, opened, told
from evidence_vault.capture.strip.model import NotChecked, Work

STREAMINFO, SEEKTABLE = 0, 3
_BLOCKS = {1: "padding", 2: "application block", 4: "comments", 5: "cue sheet", 6: "picture"}
_STREAMINFO_SIZE, _SEEK_POINT = 34, 18
MAGIC = b"fLaC"
SEEKS = "players jump by it; it holds positions of samples"


class Flac(Sound):
    name = "FLAC"
    demuxer = "flac"
    groups = ("FLAC", "File")
    stays: ClassVar[dict[str, str]] = dict.fromkeys(
        (
            *("BlockSizeMin", "BlockSizeMax", "FrameSizeMin", "FrameSizeMax", "SampleRate"),
            *("Channels", "BitsPerSample", "TotalSamples", "MD5Signature"),
        ),
        FORMS_ONLY,
    ) | {"SeekTable": SEEKS}

    def strip(self, source: Path, target: Path, bench: Bench) -> Work:
        with opened(source) as data, target.open("xb") as out:
            at, gone = start_of_audio(data)
            if data[at : at + 4] != MAGIC:
                raise NotChecked("no FLAC stream where it should begin")
            blocks, at, dropped = _blocks(data, at + 4)
            end, after = end_of_audio(data, at)
            if data[at : at + 1] != b"\xff":
                raise NotChecked("no frame follows the metadata blocks")
            out.write(MAGIC + blocks)
            while at < end:
                out.write(data[at : min(end, at + 1024 * 1024)])
                at += 1024 * 1024
        return Work(told([*gone, *dropped, *after]), tools=(OWN_WALK,))


def _blocks(data: bytes, at: int) -> tuple[bytes, int, list[str]]:
    """(the blocks that stay, where the frames begin, names of those that go)."""
    stay: list[tuple[int, bytes]] = []
    dropped = []
    last = False
    while not last:
        head = data[at : at + 4]
        if len(head) < 4:
            raise NotChecked("the metadata blocks run past the end of the file")
        last, kind = bool(head[0] & 0x80), head[0] & 0x7F
        size = int.from_bytes(head[1:], "big")
        if at + 4 + size > len(data):
            raise NotChecked("the metadata blocks run past the end of the file")
        body = bytes(data[at + 4 : at + 4 + size]) if kind in (STREAMINFO, SEEKTABLE) else b""
        at += 4 + size
        if kind == STREAMINFO and not stay and size == _STREAMINFO_SIZE:
            stay.append((kind, body))
        elif kind == SEEKTABLE and len(stay) == 1 and size % _SEEK_POINT == 0:
            stay.append((kind, _seek_points(body)))
        else:
            dropped.append(_BLOCKS.get(kind, "block of another kind"))
    if not stay or stay[0][0] != STREAMINFO:
        raise NotChecked("the first metadata block is not the one it must be")
    return joined(stay), at, dropped


def _seek_points(body: bytes) -> bytes:
    """Seek points without what placeholders carry: their other fields are undefined."""
    points = []
    for at in range(0, len(body), _SEEK_POINT):
        point = body[at : at + _SEEK_POINT]
        points.append(point if point[:8] != b"\xff" * 8 else b"\xff" * 8 + b"\0" * 10)
    return b"".join(points)


def joined(blocks: list[tuple[int, bytes]]) -> bytes:
    """Metadata blocks with their heads; the last one says that it is the last."""
    out = b""
    for number, (kind, body) in enumerate(blocks):
        last = 0x80 if number == len(blocks) - 1 else 0
        out += bytes([kind | last]) + len(body).to_bytes(3, "big") + body
    return out
