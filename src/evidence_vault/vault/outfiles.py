"""The file, or the volumes, that a bundle is written to; a write that was cut off goes on here.

    OUT.partial            while it is written; OUT once it is whole and durable
    OUT.001.partial, …     the same with volumes; all get their names at the end, in order

Volumes are plain pieces: ``cat OUT.001 OUT.002 …`` is the whole. What an earlier run left is read
and compared with what is made again, then continued; a file that differs is named, and redone from
the first byte that does.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO

from evidence_vault import osfiles
from evidence_vault.errors import StoreError, UsageError
from evidence_vault.vault.faults import step
from evidence_vault.vault.files import demand_absent, name_exclusively, new_file

MIN_VOLUME = 10_000  # bytes
PARTIAL = ".partial"
_BLOCK = 1024 * 1024


class PartChanged(Exception):
    """What an earlier run left is not what it wrote: a file's name, and the first byte."""

    def __init__(self, name: str, at: int) -> None:
        super().__init__(name, at)
        self.name, self.at = name, at


def volume_path(out: Path, number: int) -> Path:
    """OUT.001, OUT.002 …; more digits only beyond 999."""
    return out.with_name(f"{out.name}.{number:03d}")


def demand_free(out: Path, volume_size: int | None) -> None:
    """Raises UsageError when something has a name that will be needed."""
    demand_absent(out)
    _demand_no_rest(out.with_name(out.name + PARTIAL))
    if volume_size is None:
        return
    demand_absent(out.with_name(out.name + ".sha256"))
    pattern = re.compile(re.escape(out.name) + r"\.[0-9]{3,}(\.partial)?\Z")
    for name in sorted(os.listdir(out.absolute().parent)):
        if pattern.match(name):
            path = out.with_name(name)
            if name.endswith(PARTIAL):
                _demand_no_rest(path)
            demand_absent(path)


def _demand_no_rest(path: Path) -> None:
    if os.path.lexists(path):
        left = "it was left by an export that was cut off: "
        way = "delete it" if path.is_dir() else "go on with it (export --resume OUT)"
        raise UsageError(
            f"{path} exists already",
            code="E-EXISTS",
            hint=f"{left}{way}, or take another name with -o",
        )


class OutFiles:
    """Takes the bytes of a bundle in order. A context manager; leaves partial files when it fails.

    ``going_on``: files with partial names are an earlier run's; ``naming``: files with final names
    are so, too. ``strict``: raise PartChanged instead of redoing. ``written``: told the total.
    """

    def __init__(
        self,
        out: Path,
        volume_size: int | None = None,
        going_on: bool = False,
        naming: bool = False,
        strict: bool = False,
        written: Callable[[int], None] | None = None,
    ) -> None:
        self._out, self._volume_size = out, volume_size
        self._going_on, self._naming, self._strict = going_on, naming, strict
        self._told = written
        self._whole = hashlib.sha256()
        self._parts: list[tuple[Path, str, int]] = []  # final path, SHA-256, size
        self._stream: IO[bytes] | None = None
        self._part = hashlib.sha256()
        self._at = 0  # within the open part
        self._comparing = False
        self._failed: BaseException | None = None
        self.written = 0
        self.changed: list[tuple[str, int]] = []

    # -- writing -------------------------------------------------------------------------------

    def write(self, data: bytes | memoryview, /) -> int:
        """Takes all of it. Raises PartChanged, OSError, or UsageError for a name in the way.

        After an error it takes nothing more: whoever still tidies up must not write behind it.
        """
        if self._failed is not None:
            raise self._failed
        try:
            self._take_all(memoryview(data).cast("B"))
        except BaseException as error:  # Ctrl-C, too
            self._failed = error
            raise
        step("export-written")
        if self._told is not None:
            self._told(self.written)
        return len(data)

    def _take_all(self, view: memoryview) -> None:
        self._whole.update(view)
        start = 0
        while start < len(view):
            if self._stream is None:
                self._open()
            room = len(view) if self._volume_size is None else self._volume_size - self._at
            piece = view[start : start + room]
            self._take(piece)
            start += len(piece)
            if self._at == self._volume_size:
                self._close_part()
        self.written += len(view)

    def finish(self) -> None:
        """The last byte was given: what is there is made durable, and no more than that stays."""
        if self._stream is not None:
            self._close_part()
        if self._volume_size is None:
            return
        number = len(self._parts) + 1
        while os.path.lexists(rest := _partial(volume_path(self._out, number))):
            self.changed.append((rest.name, 0))
            rest.unlink()
            number += 1

    def give_names(self) -> list[dict[str, object]]:
        """Final names, durable; the volumes as {file, sha256, size}. May be done again."""
        for path, _, _ in self._parts:
            step("export-naming")
            partial = _partial(path)
            if not os.path.lexists(partial):
                continue  # named by the run that was cut off here
            if not (os.path.lexists(path) and os.path.samefile(partial, path)):
                name_exclusively(partial, path)
            partial.unlink(missing_ok=True)
        osfiles.sync_folder(self._out.absolute().parent)
        return [{"file": str(p), "sha256": digest, "size": n} for p, digest, n in self._parts]

    def write_digests(self) -> Path:
        """``OUT.sha256`` for ``sha256sum -c``; with volumes, the whole stands in a comment."""
        path = self._out.with_name(self._out.name + ".sha256")
        if not path.exists():
            lines = [f"{digest}  {part.name}\n" for part, digest, _ in self._parts]
            if self._volume_size is not None:
                lines.append(f"# joined in this order: {self.sha256}  {self._out.name}\n")
            with new_file(path) as stream:
                stream.write("".join(lines).encode())
        return path

    @property
    def sha256(self) -> str:
        """Of all bytes so far."""
        return self._whole.hexdigest()

    def discard(self) -> None:
        """Delete what was written under partial names."""
        self._abandon()
        discard_parts(self._out, self._volume_size)

    def __enter__(self) -> OutFiles:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._abandon()
        if isinstance(error, OSError):
            raise StoreError(
                f"{self._out} can't be written: {error.strerror}",
                code="E-NOT-WRITABLE",
                hint="check free space and who owns the folder",
            ) from error

    # -- one part ------------------------------------------------------------------------------

    def _final(self) -> Path:
        if self._volume_size is None:
            return self._out
        return volume_path(self._out, len(self._parts) + 1)

    def _open(self) -> None:
        path = self._final()
        left = [p for p, ours in ((_partial(path), self._going_on), (path, self._naming)) if ours]
        found = next((p for p in left if os.path.lexists(p)), None)
        self._part, self._at, self._comparing = hashlib.sha256(), 0, found is not None
        if found is not None:
            flags = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
            self._stream = os.fdopen(os.open(found, flags), "r+b")
            return
        try:
            self._stream = open(_partial(path), "xb")  # noqa: SIM115 - closed by _close_part
        except FileExistsError:
            _demand_no_rest(_partial(path))
            raise

    def _take(self, piece: memoryview) -> None:
        assert self._stream is not None
        self._part.update(piece)
        rest = self._compare(piece) if self._comparing else piece
        if rest:
            self._stream.write(rest)
        self._at += len(piece)

    def _compare(self, piece: memoryview) -> memoryview:
        """What of the piece is still to be written."""
        assert self._stream is not None
        found = self._stream.read(len(piece))
        if found == piece:
            return piece[:0]
        same = _common(found, piece)
        self._comparing = False
        if same < len(found):
            self._note_change(self._at + same)
            self._stream.truncate(self._at + same)
        self._stream.seek(self._at + same)
        return piece[same:]

    def _note_change(self, at: int) -> None:
        name = self._final().name
        self.changed.append((name, at))
        if self._strict:
            raise PartChanged(name, at)

    def _close_part(self) -> None:
        stream = self._stream
        assert stream is not None
        if self._comparing and stream.read(1):  # longer than it may be
            self.changed.append((self._final().name, self._at))
            stream.truncate(self._at)
        osfiles.sync_file(stream)
        stream.close()
        self._stream = None
        self._parts.append((self._final(), self._part.hexdigest(), self._at))
        self._at = 0

    def _abandon(self) -> None:
        if self._stream is not None:
            with suppress(OSError):  # what can't be written now is written when it goes on
                self._stream.close()
            self._stream = None


def discard_parts(out: Path, volume_size: int | None) -> list[str]:
    """Delete the partial files of an export; their names."""
    gone = []
    paths = [out] if volume_size is None else [volume_path(out, n) for n in _numbers(out)]
    for path in paths:
        if os.path.lexists(_partial(path)):
            _partial(path).unlink()
            gone.append(_partial(path).name)
    return gone


def _numbers(out: Path) -> list[int]:
    pattern = re.compile(re.escape(out.name) + r"\.([0-9]{3,})\.partial\Z")
    found = (pattern.match(name) for name in os.listdir(out.absolute().parent))
    return sorted(int(match[1]) for match in found if match)


def _partial(path: Path) -> Path:
    return path.with_name(path.name + PARTIAL)


def _common(one: bytes, other: memoryview) -> int:
    """How many bytes both begin with; halving, since most pieces agree nearly to their end."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
