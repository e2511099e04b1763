"""Small pictures of files: each file goes to a confined process of its own, and pixels come back.

That process may read the one file and the system's programs, and write into a private folder. What
it gives back is checked to be a JPEG with nothing in it but a picture: it may have been taken over.
"""

from __future__ import annotations

import json
import shutil
import struct
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Literal, Self

from evidence_vault.capture.confine import (
    Crashed,
    Limits,
    TimedOut,
    TooLarge,
    own_folders,
    python_folders,
    run,
)
from evidence_vault.capture.formats import HEAD_SIZE, TAIL_SIZE, identify
from evidence_vault.capture.privatefolder import PrivateFolder
from evidence_vault.capture.strip.jpeglook import jpeg_residues
from evidence_vault.capture.thumbkinds import DEMUXERS, KINDS, NO_PICTURE, NO_TOOL

SIDE = 320
"""Pixels of the long side, at most."""

QUALITY = 80
MOST_JPEG = 128 * 1024
MOST_FILE = 128 * 1024 * 1024
"""Bytes of a picture or document that is looked at."""

VIDEO_HEAD, VIDEO_TAIL = 48 * 1024 * 1024, 16 * 1024 * 1024
"""Of a longer video only its first and last bytes are read: the first frames and the index."""

Why = Literal["", "kind", "large", "undecoded", "tool"]
_LIMITS = Limits(
    memory=2 << 30,
    cpu_seconds=60,
    wall_seconds=60.0,
    file_bytes=64 << 20,
    output_bytes=MOST_JPEG,
    processes=8,
)
_ALONE = replace(_LIMITS, processes=1)  # only a video needs another program
_BLOCK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A JPEG, or None and why: no picture can be made of its ``kind``, it is too ``large``, it
    could not be decoded (``undecoded``), the ``tool`` for it is not installed."""

    jpeg: bytes | None
    why: Why = ""


class ThumbnailMaker:
    """Makes thumbnails one by one; close it or use ``with``. The same file gives the same bytes
    with the same versions of the tools."""

    def __init__(self) -> None:
        self._private = PrivateFolder()

    def make(self, stream: BinaryIO, size: int) -> Thumbnail:
        """A thumbnail of a seekable stream of ``size`` bytes.

        Never raises for the content's sake; what the stream raises passes.
        """
        mime = _mime(stream, size)
        if mime not in KINDS:
            return Thumbnail(None, "kind")
        if mime not in DEMUXERS and size > MOST_FILE:
            return Thumbnail(None, "large")
        job = Path(self._private.path, "job")
        source, folder = job / "original", job / "scratch"
        folder.mkdir(parents=True)
        try:
            _copy(stream, size, source)
            return _ask(source, folder, _LIMITS if mime in DEMUXERS else _ALONE)
        finally:
            shutil.rmtree(job, ignore_errors=True)

    def close(self) -> None:
        """Remove what is left."""
        self._private.remove()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _mime(stream: BinaryIO, size: int) -> str:
    """What it is by its content. The process that decodes asks again and trusts nobody."""
    head = stream.read(HEAD_SIZE)
    stream.seek(max(0, size - TAIL_SIZE))
    return identify(head, stream.read(TAIL_SIZE), size).mime


def _copy(stream: BinaryIO, size: int, target: Path) -> None:
    """The file, or of a long one its beginning and its end with a hole between them."""
    whole = size <= VIDEO_HEAD + VIDEO_TAIL
    parts = [(0, size)] if whole else [(0, VIDEO_HEAD), (size - VIDEO_TAIL, VIDEO_TAIL)]
    with target.open("xb") as out:
        for start, length in parts:
            stream.seek(start)
            out.seek(start)
            while length and (block := stream.read(min(_BLOCK, length))):
                out.write(block)
                length -= len(block)


def _ask(source: Path, folder: Path, limits: Limits) -> Thumbnail:
    job = {"folder": str(folder), "quality": QUALITY, "side": SIDE, "source": str(source)}
    readable = [source, *python_folders(), *own_folders("ffmpeg")]
    child = [sys.executable, "-I", "-m", "evidence_vault.capture.thumbworker"]
    try:
        done = run(
            child, limits, readable=readable, writable=[folder], stdin=json.dumps(job).encode()
        )
    except (TimedOut, TooLarge, Crashed):
        return Thumbnail(None, "undecoded")
    if done.status == 0 and _is_bare(done.out):
        return Thumbnail(done.out)
    known: dict[int, Why] = {NO_PICTURE: "kind", NO_TOOL: "tool"}
    return Thumbnail(None, known.get(done.status, "undecoded"))


def _is_bare(jpeg: bytes) -> bool:
    try:
        return len(jpeg) <= MOST_JPEG and not jpeg_residues(jpeg)
    except (IndexError, struct.error, ValueError):
        return False
