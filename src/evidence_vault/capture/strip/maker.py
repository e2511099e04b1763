"""Share copies from outside: hands files to the process that strips and takes its reports.

The copy lies in a private folder in memory until whoever asked has sealed it.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from evidence_vault.capture.privatefolder import PrivateFolder
from evidence_vault.capture.strip.model import refusal

TIME_LIMIT = 300.0
"""Seconds that one file may take, and one more for each :data:`BYTES_PER_SECOND`."""

BYTES_PER_SECOND = 2 * 1024 * 1024


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
    """One stripping process, started when first needed; close it or use ``with``."""

    def __init__(self, time_limit: float = TIME_LIMIT) -> None:
        self._time_limit = time_limit
        self._private = PrivateFolder()
        self._process: subprocess.Popen[bytes] | None = None
        self._jobs = 0

    def make(self, source: Path) -> Copy:
        """The share copy of a file, or why there is none; never raises for the file's sake.

        The source is told to no parser by its name. A copy is there until ``forget`` or ``close``.
        """
        self._jobs += 1
        folder = Path(self._private.path, str(self._jobs))
        folder.mkdir()
        link, target = folder / "original", folder / "copy"
        link.symlink_to(os.path.abspath(source))
        job = {"folder": str(folder / "scratch"), "source": str(link), "target": str(target)}
        report = self._ask(job, source.stat().st_size)
        shutil.rmtree(folder / "scratch", ignore_errors=True)
        link.unlink(missing_ok=True)
        clean = report["outcome"] == "clean" and target.is_file()
        if not clean:
            target.unlink(missing_ok=True)
        return Copy(target if clean else None, report)

    def forget(self, copy: Copy) -> None:
        """Delete a copy that was sealed."""
        if copy.path is not None:
            shutil.rmtree(copy.path.parent, ignore_errors=True)

    def close(self) -> None:
        """End the process and remove what it left."""
        self._end()
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

    def _ask(self, job: dict[str, Any], size: int) -> dict[str, Any]:
        process = self._started()
        assert process.stdin is not None and process.stdout is not None
        limit = self._time_limit + size / BYTES_PER_SECOND
        late = threading.Event()

        def too_late() -> None:
            late.set()
            self._end()

        timer = threading.Timer(limit, too_late)
        timer.start()
        try:
            with contextlib.suppress(OSError):
                process.stdin.write(json.dumps(job).encode() + b"\n")
                process.stdin.flush()
            answer = process.stdout.readline()
        finally:
            timer.cancel()
        if late.is_set():
            return refusal("application/octet-stream", f"it took more than {limit:.0f} seconds")
        report = _parsed(answer)
        if report is None:
            self._end()
            return refusal("application/octet-stream", "the parser was stopped or died")
        return report

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-m", "evidence_vault.capture.strip.child"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    with contextlib.suppress(OSError):
                        stream.close()


def _parsed(answer: bytes) -> dict[str, Any] | None:
    """A report, checked for its outline: it comes from a process that met hostile bytes."""
    try:
        report = json.loads(answer)
    except ValueError:
        return None
    if not isinstance(report, dict) or report.get("outcome") not in (
        "clean",
        "not-clean",
        "not-checked",
    ):
        return None
    return report
