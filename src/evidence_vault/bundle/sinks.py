"""Where a bundle is written: a folder, or one ZIP on a stream that need not be seekable.

A sink is a context manager. Leaving it normally makes the bundle durable and, for a folder, gives
it its name; leaving it with an exception leaves nothing behind in the folder case. A ZIP's stream
belongs to the caller, who discards what was written when an exception comes out.
"""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Protocol, cast

from evidence_vault.core.age.padding import padme
from evidence_vault.core.bagtext import PADDING
from evidence_vault.errors import InternalError, StoreError, UsageError

_STAMP = (1980, 1, 1, 0, 0, 0)  # the earliest time a ZIP can state; real times are in the records
_UNIX = 3
_FILE_MODE = 0o100644
_FOLDER_MODE = 0o040755
_DOS_FOLDER = 0x10


class Writable(Protocol):
    """What a ZIP needs: a file, a socket or an encrypting writer."""

    def write(self, data: bytes, /) -> object: ...


class Sink(Protocol):
    """Receives the files of one bag. Paths are relative, with ``/``, each given once."""

    def __enter__(self) -> Sink: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def begin(self, top_folder: str) -> None:
        """Called once, before the first file."""

    def add_folder(self, path: str) -> None:
        """A folder that may stay empty."""

    def add(self, path: str, size: int | None, chunks: Iterable[bytes]) -> None:
        """One file; ``size`` in bytes, None if only the end of ``chunks`` shows it.

        What ``chunks`` raises passes through.
        """


class FolderSink:
    """Writes into ``<path>.partial`` and renames it to ``path`` at the end.

    Raises UsageError when ``path`` or the partial folder exists, StoreError when the disk fails.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._partial = path.with_name(path.name + ".partial")

    def __enter__(self) -> FolderSink:
        if os.path.lexists(self._path):
            raise UsageError(f"{self._path} exists", hint="name an output that does not exist yet")
        try:
            self._partial.mkdir()
        except FileExistsError:
            raise UsageError(
                f"{self._partial} exists",
                hint="it was left by an export that was cut off; delete it",
            ) from None
        except OSError as error:
            raise _unwritable(self._partial, error) from error
        return self

    def begin(self, top_folder: str) -> None:
        """The folder is the bag itself: ``top_folder`` is not used."""

    def add_folder(self, path: str) -> None:
        try:
            (self._partial / path).mkdir(exist_ok=True)
        except OSError as error:
            raise _unwritable(self._partial / path, error) from error

    def add(self, path: str, size: int | None, chunks: Iterable[bytes]) -> None:
        target = self._partial / path
        try:
            target.parent.mkdir(exist_ok=True)
            with target.open("xb") as out:
                for chunk in chunks:
                    out.write(chunk)
                out.flush()
                os.fsync(out.fileno())
        except OSError as error:
            raise _unwritable(target, error) from error

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            shutil.rmtree(self._partial, ignore_errors=True)
            return
        try:
            for folder in (*(p for p in self._partial.iterdir() if p.is_dir()), self._partial):
                _sync_folder(folder)
            if os.path.lexists(self._path):
                raise UsageError(f"{self._path} appeared while the bundle was being written")
            self._partial.rename(self._path)
            _sync_folder(self._path.parent)
        except BaseException as failure:  # Ctrl-C, too: no half bundle stays
            shutil.rmtree(self._partial, ignore_errors=True)
            if isinstance(failure, OSError):
                raise _unwritable(self._path, failure) from failure
            raise


class ZipSink:
    """Writes one ZIP, members stored, in the order given; the same bytes for the same plan.

    Sizes and CRCs stand behind each member (data descriptors) and in the central directory,
    because the stream can't go back. ZIP64 is used where a size or the number of members needs
    it. Making the stream durable and giving it its name is the caller's part. ``padded``: a last
    member of zeros makes the whole ZIP as long as Padmé says, for one that is encrypted: its
    length then tells little of what is in it.
    """

    def __init__(self, stream: Writable, padded: bool = False) -> None:
        self._out = _OneWay(stream)
        self._zip = zipfile.ZipFile(
            cast(IO[bytes], self._out), "w", zipfile.ZIP_STORED, allowZip64=True
        )
        self._padded = padded
        self._top = ""

    def __enter__(self) -> ZipSink:
        return self

    def begin(self, top_folder: str) -> None:
        self._top = top_folder

    def add_folder(self, path: str) -> None:
        info = self._info(f"{path}/", 0)
        info.external_attr = (_FOLDER_MODE << 16) | _DOS_FOLDER
        self._zip.writestr(info, b"")

    def add(self, path: str, size: int | None, chunks: Iterable[bytes]) -> None:
        info = self._info(path, size)
        with self._zip.open(info, "w", force_zip64=size is None) as member:
            for chunk in chunks:
                member.write(chunk)

    def _info(self, path: str, size: int | None) -> zipfile.ZipInfo:
        if not self._top:
            raise InternalError("begin() comes before the first file")
        info = zipfile.ZipInfo(f"{self._top}/{path}", _STAMP)
        info.create_system = _UNIX
        info.external_attr = _FILE_MODE << 16
        info.file_size = size or 0  # decides whether this member needs ZIP64
        return info

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            try:
                if self._padded:
                    self._pad()
                self._zip.close()
            except OSError as failure:
                raise StoreError(f"the ZIP can't be written: {failure}") from failure
            if self._padded and self._out.written != padme(self._out.written):
                raise InternalError("the padding of a ZIP came out wrong")
        else:
            # No central directory: what was written so far must not look like a whole ZIP.
            self._zip.fp = None

    def _pad(self) -> None:
        """The last member: as many zeros as bring the whole ZIP, its end included, to Padmé."""
        members = self._zip.infolist()
        name, offset = len(f"{self._top}/{PADDING}"), self._out.written
        others = sum(
            _central_size(len(m.filename.encode()), m.file_size, m.header_offset) for m in members
        )
        zeros = 0
        while True:
            start = offset + _LOCAL_SIZE + name + zeros  # of the central directory
            length = others + _central_size(name, zeros, offset)
            total = start + length + _end_size(len(members) + 1, start, length)
            if total == padme(total):
                break
            zeros += padme(total) - total
        self.add(PADDING, None, _zeros(zeros))


# What zipfile writes around a member of unknown size: its local header with a ZIP64 field, and the
# wide data descriptor behind it (APPNOTE 4.3.7, 4.3.9, 4.5.3), without name and data.
_LOCAL_SIZE = 30 + 20 + 24


def _central_size(name: int, size: int, offset: int) -> int:
    """Length of a member's central header with a name of ``name`` bytes (APPNOTE 4.3.12)."""
    wide = 2 * (size > zipfile.ZIP64_LIMIT) + (offset > zipfile.ZIP64_LIMIT)
    return 46 + name + (4 + 8 * wide if wide else 0)


def _end_size(members: int, start: int, length: int) -> int:
    """Length of the end of a ZIP with a central directory of ``length`` bytes at ``start``."""
    many = members > zipfile.ZIP_FILECOUNT_LIMIT
    return 22 + (56 + 20 if many or max(start, length) > zipfile.ZIP64_LIMIT else 0)


def _zeros(count: int) -> Iterator[bytes]:
    block = bytes(1 << 20)
    for _ in range(count // len(block)):
        yield block
    yield block[: count % len(block)]


class _OneWay:
    """Hides everything but ``write``, so that the bytes are the same on every kind of stream."""

    def __init__(self, stream: Writable) -> None:
        self._stream = stream
        self.written = 0

    def write(self, data: bytes) -> int:
        try:
            self._stream.write(data)
        except OSError as error:
            raise StoreError(f"the ZIP can't be written: {error.strerror or error}") from error
        self.written += len(data)
        return len(data)

    def flush(self) -> None:
        """Nothing is held back here."""


def _sync_folder(folder: Path) -> None:
    """Make the names in a folder durable, where the system has such a call."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _unwritable(path: Path, error: OSError) -> StoreError:
    return StoreError(f"{path} can't be written: {error.strerror or error}")
