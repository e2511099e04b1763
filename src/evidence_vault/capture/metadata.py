"""Reading what cameras, phones and programs wrote into a file: ExifTool, kept on a short lead.

Evidence is hostile input, and so are its names. ExifTool is told only neutral names of our own
(links in a private folder), loads no user configuration, gets a time limit and a bound on what
it may print, and is killed and started anew when it hangs, dies or prints rubbish. A file it
can't read is still evidence: the outcome is a :class:`Metadata` that says so, never an exception.

The switches, and why:

- ``-ee``: embedded streams too (the place is often only in a video's telemetry track). ``-fast``
  is *not* safe: it stops at a JPEG's end mark and takes back what ``-ee`` finds behind it.
- ``-a -G3:1:4``: duplicates are kept, and each has a key of its own (document, group, copy);
  with ``-G1`` alone ExifTool drops every duplicate from its JSON without a word.
- ``-struct``: structures stay whole. ``-c``: coordinates in signed degrees, nine decimals.
- no ``-b``: binary values are only announced. No ``-u``: values nobody can name stay out.
"""

from __future__ import annotations

import os
import shutil
import stat
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Self

from evidence_vault.capture.confine import Crashed, TimedOut, TooLarge
from evidence_vault.capture.credentials import CredentialsReader
from evidence_vault.capture.privatefolder import PrivateFolder
from evidence_vault.capture.stayopen import StayOpen
from evidence_vault.capture.tags import Metadata, parse_output, summary
from evidence_vault.errors import ToolMissing, Unchecked

__all__ = [
    "Metadata",
    "MetadataPool",
    "MetadataReader",
    "find_exiftool",
    "summary",
    "without_reader",
]

#: Seconds a file may take, and how many bytes buy one second more.
TIME_LIMIT = 60.0
BYTES_PER_SECOND = 20 * 1024 * 1024
#: Bytes of JSON a file may produce.
OUTPUT_LIMIT = 64 * 1024 * 1024

_SWITCHES = (
    "-json",
    "-a",
    "-ee",
    "-G3:1:4",
    "-struct",
    "-charset",
    "filename=utf8",
    "-c",
    "%+.9f",
    "-api",
    "LargeFileSupport=1",
    "--System:all",
)

#: Files asked for in one go where several wait: what one costs beyond its reading is shared.
_TOGETHER = 8

_ANYWHERE = (Path(os.sep),)

_HOW_TO_GET_IT = (
    "Debian/Ubuntu: apt install libimage-exiftool-perl; macOS: brew install exiftool; "
    "Windows: get it from exiftool.org, rename it to exiftool.exe and put it on PATH"
)


class MetadataReader:
    """One ExifTool process, kept open. One thread at a time; close it or use ``with``.

    ``program``: path or name of ExifTool, default ``exiftool`` on PATH. ``time_limit`` in
    seconds, lengthened by one second for each 20 MiB of file. ``output_limit`` in bytes.
    ``readable``: folders that ExifTool may read beside the system's, default any.
    Raises :class:`ToolMissing` if there is no ExifTool.
    """

    def __init__(
        self,
        program: str | None = None,
        *,
        time_limit: float = TIME_LIMIT,
        output_limit: int = OUTPUT_LIMIT,
        readable: Sequence[Path] = _ANYWHERE,
    ) -> None:
        self._time_limit = time_limit
        found = find_exiftool(program)
        self._private = PrivateFolder()
        self._folder = self._private.path
        folders = [Path(self._folder), *readable]
        self._tool = StayOpen(found, _SWITCHES, output_limit, folders)
        self._closed = threading.Event()
        try:
            self._version = self._tool.start(time_limit)
        except BaseException:  # Ctrl-C, too: no ExifTool stays behind
            self.close()
            raise

    @property
    def version(self) -> str:
        """The version of ExifTool, such as ``12.57``."""
        return self._version

    def read(self, path: bytes) -> Metadata:
        """The metadata of the file at ``path``; every trouble with the file is in the result.

        Raises :class:`Unchecked` only if the reader was closed meanwhile.
        """
        try:
            (found,) = self._ask([path]).values()
        except (TimedOut, TooLarge, Crashed, OSError, ValueError) as error:
            self._raise_if_closed(error)
            return self._failure(error)
        return found

    def read_many(self, paths: Sequence[bytes]) -> list[Metadata]:
        """As :meth:`read` for each of ``paths``, faster for a handful of small files.

        Where anything goes wrong, the files concerned are read again one by one, so that one
        bad file costs the others nothing.
        """
        found: dict[int, Metadata] = {}
        if len(paths) > 1:
            try:
                found = self._ask(paths)
            except (TimedOut, TooLarge, Crashed, OSError, ValueError) as error:
                self._raise_if_closed(error)
        return [found.get(at) or self.read(path) for at, path in enumerate(paths)]

    def close(self) -> None:
        """End ExifTool, even in the middle of a file, and remove the private folder.

        Any thread may call this; a ``read`` in progress then raises :class:`Unchecked`.
        """
        self._closed.set()
        self._tool.stop()
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

    def _ask(self, paths: Sequence[bytes]) -> dict[int, Metadata]:
        """What ExifTool says of each file, by its position; a file may be missing."""
        aliases: list[str] = []
        limit = self._time_limit
        try:
            for at, path in enumerate(paths):
                about = os.stat(path)
                if not stat.S_ISREG(about.st_mode):
                    raise OSError("not a regular file")
                limit += about.st_size / BYTES_PER_SECOND
                aliases.append(self._alias(path, at))
            output = self._tool.ask([os.fsencode(alias) for alias in aliases], limit)
            found = parse_output(output, f"ExifTool {self._version}", self._folder + os.sep)
            positions = {alias.replace(os.sep, "/"): at for at, alias in enumerate(aliases)}
            if not found.keys() <= positions.keys():
                raise ValueError("ExifTool answered about another file")
        except ValueError:
            self._tool.terminate()  # whatever it is doing, it starts afresh with the next file
            raise
        finally:
            for alias in aliases:
                if os.path.islink(alias):
                    os.unlink(alias)
        return {positions[alias]: metadata for alias, metadata in found.items()}

    def _alias(self, path: bytes, at: int) -> str:
        """A neutral name for the file; only its extension, if plain, is kept (a hint of type)."""
        target = os.path.abspath(path)
        alias = os.path.join(self._folder, f"{at}{_plain_extension(target)}")
        try:
            os.symlink(target, os.fsencode(alias))
        except OSError:
            if os.name != "nt":
                raise
            return os.fsdecode(target)  # no links: a Windows path has no newline to inject
        return alias

    def _failure(self, error: Exception) -> Metadata:
        tool = f"ExifTool {self._version}"
        reason = str(error).replace(self._folder + os.sep, "")
        if isinstance(error, TimedOut):
            return Metadata("timed-out", reason, tool=tool)
        if isinstance(error, TooLarge):
            return Metadata("too-large", reason, tool=tool)
        if isinstance(error, OSError):
            return Metadata("unreadable", error.strerror or reason, tool=tool)
        return Metadata("crashed", reason, tool=tool)

    def _raise_if_closed(self, error: Exception) -> None:
        if self._closed.is_set():
            raise Unchecked("the metadata reader was closed while it was reading") from error


_Work = tuple[bytes, "Future[Metadata]"]


class MetadataPool:
    """Several readers at work at once, one thread each; close it or use ``with``.

    Leaving ``with`` (also by Ctrl-C) cancels what waits and kills every ExifTool: collect the
    results first. Raises :class:`ToolMissing` like :class:`MetadataReader`.
    """

    def __init__(
        self,
        readers: int,
        program: str | None = None,
        *,
        time_limit: float = TIME_LIMIT,
        output_limit: int = OUTPUT_LIMIT,
        readable: Sequence[Path] = _ANYWHERE,
    ) -> None:
        self._waiting: SimpleQueue[_Work | None] = SimpleQueue()
        self._closed = False
        self._credentials = CredentialsReader(readable)
        self._started: list[Future[MetadataReader]] = [Future() for _ in range(readers)]
        self._threads = [
            threading.Thread(
                target=self._run,
                args=(started, program, time_limit, output_limit, readable),
                name="metadata",
                daemon=True,
            )
            for started in self._started
        ]
        for thread in self._threads:
            thread.start()
        try:
            versions = [started.result().version for started in self._started]
        except BaseException:  # Ctrl-C, too: no ExifTool stays behind
            self.close()
            raise
        self._version = versions[0]

    @property
    def version(self) -> str:
        """The version of ExifTool."""
        return self._version

    def submit(self, path: bytes) -> Future[Metadata]:
        """Read ``path`` in the background; trouble with the file is in the result, not raised."""
        if self._closed:
            raise Unchecked("the metadata pool is closed")
        result: Future[Metadata] = Future()
        self._waiting.put((path, result))
        return result

    def close(self) -> None:
        """Cancel what waits, end every ExifTool, and wait for the threads."""
        self._closed = True
        for work in self._take_waiting(1 << 62):
            work[1].cancel()
        for _ in self._threads:
            self._waiting.put(None)
        for started in self._started:
            if started.exception() is None:
                started.result().close()
        self._credentials.close()
        for thread in self._threads:
            thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _run(
        self,
        started: Future[MetadataReader],
        program: str | None,
        time_limit: float,
        output_limit: int,
        readable: Sequence[Path],
    ) -> None:
        """One thread: its own reader, then work until told to end."""
        try:
            reader = MetadataReader(
                program, time_limit=time_limit, output_limit=output_limit, readable=readable
            )
        except BaseException as error:  # whatever it is belongs to whoever made the pool
            started.set_exception(error)
            return
        started.set_result(reader)
        while (first := self._waiting.get()) is not None:
            share = min(_TOGETHER - 1, self._waiting.qsize() // len(self._threads))
            self._do([first, *self._take_waiting(share)], reader)

    def _take_waiting(self, most: int) -> list[_Work]:
        taken: list[_Work] = []
        while len(taken) < most:
            try:
                work = self._waiting.get_nowait()
            except Empty:
                break
            if work is None:
                self._waiting.put(None)  # the sign to end is for the loop above
                break
            taken.append(work)
        return taken

    def _do(self, batch: list[_Work], reader: MetadataReader) -> None:
        work = [each for each in batch if each[1].set_running_or_notify_cancel()]
        try:
            found = reader.read_many([path for path, _ in work])
        except BaseException as error:  # closed, or a bug: whoever waits for it must hear of it
            for _, result in work:
                result.set_exception(error)
            return
        for (path, result), metadata in zip(work, found, strict=True):
            credentials = self._credentials.read(path, metadata.tags)
            result.set_result(replace(metadata, credentials=credentials))


def find_exiftool(program: str | None = None) -> str:
    """The full path of ExifTool. Raises :class:`ToolMissing`, with how to get it."""
    found = shutil.which(program or "exiftool")
    if found is None:
        where = f"at {program}" if program else "on PATH"
        raise ToolMissing(f"ExifTool was not found {where}", hint=_HOW_TO_GET_IT)
    return os.path.abspath(found)


def without_reader(reason: str) -> Metadata:
    """The outcome for a file where there was no ExifTool to ask."""
    return Metadata("no-reader", reason)


def _plain_extension(path: bytes) -> str:
    extension = os.path.splitext(path)[1][1:]
    plain = 0 < len(extension) <= 8 and extension.isalnum() and extension.isascii()
    return "." + extension.decode("ascii").lower() if plain else ""
