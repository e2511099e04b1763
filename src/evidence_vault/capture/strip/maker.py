"""Share copies from outside: hands each file to a confined process and takes its report.

The process may read the file and the system's programs, and write into a private folder in
memory, where the copy lies until whoever asked has sealed it.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from evidence_vault.capture.confine import (
    Crashed,
    Limits,
    TimedOut,
    TooLarge,
    own_folders,
    python_folders,
    run,
)
from evidence_vault.capture.privatefolder import PrivateFolder
from evidence_vault.capture.strip.model import refusal

TIME_LIMIT = 300.0
"""Seconds that one file may take, and one more for each :data:`BYTES_PER_SECOND`."""

BYTES_PER_SECOND = 2 * 1024 * 1024
MEMORY = 4 << 30
REPORT_LIMIT = 8 << 20
_PROGRAMS = ("exiftool", "ffmpeg", "ffprobe")
_PROCESSES = 16
_UNKNOWN = "application/octet-stream"


@dataclass(frozen=True)
class Copy:
    """What came of one file. ``path`` is the copy, None unless the report's outcome is clean.

    ``report``: docs/format-derivative.md, JSON without floats.
    """

    path: Path | None
    report: dict[str, Any]

    @property
    def is_clean(self) -> bool:
        return self.path is not None


class CopyMaker:
    """Makes copies one by one; close it or use ``with``."""

    def __init__(self, time_limit: float = TIME_LIMIT, memory: int = MEMORY) -> None:
        self._time_limit = time_limit
        self._memory = memory
        self._private = PrivateFolder()
        self._jobs = 0

    def make(self, source: Path) -> Copy:
        """The share copy of a file, or why there is none; never raises for the file's sake.
        Raises OSError when the source can't be looked at, or nothing be written.

        The source is told to no parser by its name. A copy is there until ``forget`` or ``close``.
        """
        self._jobs += 1
        folder = Path(self._private.path, str(self._jobs))
        folder.mkdir()
        link, target = folder / "original", folder / "copy"
        link.symlink_to(os.path.abspath(source))
        job = {
            "folder": str(folder / "scratch"),
            "names": str(self._names()),
            "source": str(link),
            "target": str(target),
        }
        report = self._ask(job, source, folder)
        _clear(folder / "scratch", link)
        clean = report["outcome"] == "clean"
        if clean and not _is_plain_file(target):
            clean, report = False, refusal(_UNKNOWN, "the parser left no copy")
        if not clean:
            _clear(folder)
        return Copy(target if clean else None, report)

    def _names(self) -> Path:
        """Where the names of all of ExifTool's tags stand; empty where there is no ExifTool."""
        path = Path(self._private.path, "names")
        if not path.exists():
            limits = Limits(processes=1, output_bytes=REPORT_LIMIT)
            try:
                listed = run(["exiftool", "-list"], limits).out
            except (TimedOut, TooLarge, Crashed):
                listed = b""
            path.write_bytes(listed)
        return path

    def forget(self, copy: Copy) -> None:
        """Delete a copy that was sealed."""
        if copy.path is not None:
            shutil.rmtree(copy.path.parent, ignore_errors=True)

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

    def _ask(self, job: dict[str, Any], source: Path, folder: Path) -> dict[str, Any]:
        size = source.stat().st_size
        seconds = self._time_limit + size / BYTES_PER_SECOND
        limits = Limits(
            memory=self._memory,
            cpu_seconds=int(seconds),
            wall_seconds=seconds,
            file_bytes=max(1 << 28, 8 * size),
            output_bytes=REPORT_LIMIT,
            processes=_PROCESSES,
        )
        programs = [place for name in _PROGRAMS for place in own_folders(name)]
        readable = [Path(os.path.abspath(source)), Path(job["names"]), *python_folders(), *programs]
        child = [sys.executable, "-I", "-m", "evidence_vault.capture.strip.child"]
        try:
            done = run(
                child,
                limits,
                readable=readable,
                writable=[folder],
                stdin=json.dumps(job).encode(),
            )
        except (TimedOut, TooLarge, Crashed) as why:
            return refusal(_UNKNOWN, f"the parser was stopped: {_plain(str(why), folder)}")
        return _parsed(done.out) or refusal(_UNKNOWN, "the parser died")


def _is_plain_file(path: Path) -> bool:
    """What lies there is the work of a process that may have been taken over."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def _clear(*paths: Path) -> None:
    """Remove files or folders, whatever a process that was taken over has made of them."""
    for path in paths:
        try:
            path.unlink()
        except OSError:
            shutil.rmtree(path, ignore_errors=True)


def _plain(reason: str, folder: Path) -> str:
    """A reason without what a dying parser printed: that may quote the file."""
    return reason.partition(": ")[0].replace(str(folder), "")


def _parsed(answer: bytes) -> dict[str, Any] | None:
    """A report, checked for its outline: it comes from a process that met hostile bytes."""
    try:
        report = json.loads(answer)
    except (ValueError, RecursionError):
        return None
    known = ("clean", "not-clean", "not-checked")
    return report if isinstance(report, dict) and report.get("outcome") in known else None
