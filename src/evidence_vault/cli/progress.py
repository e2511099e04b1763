"""Progress on standard error: a bar on a terminal, a line now and then in a pipe."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TextIO

from evidence_vault.cli.words import duration, size

_BAR_EVERY = 0.2  # seconds between two drawings on a terminal
_LINE_EVERY = 5.0  # seconds between two lines in a pipe
_WIDTH = 24  # characters of the bar


class Progress:
    """Told how far the work is; says it at most every few moments. A context manager.

    ``with_totals`` takes what an ingest reports, ``counted`` what the others do.
    """

    def __init__(self, doing: str, stream: TextIO | None) -> None:
        """``stream`` None: stay silent."""
        self._doing = doing
        self._stream = stream
        self._terminal = stream is not None and stream.isatty()
        self._started = time.monotonic()
        self._last = self._started
        self._drawn = 0

    def with_totals(self, files: int, done: int, files_total: int, total: int) -> None:
        """``files`` of ``files_total`` files and ``done`` of ``total`` bytes are done."""
        if self._due(files == files_total):
            elapsed = time.monotonic() - self._started
            self._show(totals_text(files, done, files_total, total, elapsed, self._terminal))

    def counted(self, count: int, done: int) -> None:
        """``count`` things and ``done`` bytes are done; 0 for what is not counted."""
        if self._due(False):
            self._show(counted_text(count, done, time.monotonic() - self._started))

    def about(self, done: int, total: int) -> None:
        """``done`` bytes of about ``total`` are done."""
        if self._due(False):
            elapsed = time.monotonic() - self._started
            self._show(about_text(done, total, elapsed, self._terminal))

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._drawn and self._terminal:
            self._write("\r" + " " * self._drawn + "\r")

    def _due(self, last: bool) -> bool:
        if self._stream is None:
            return False
        now = time.monotonic()
        every = _BAR_EVERY if self._terminal else _LINE_EVERY
        if now - self._last < every and not (last and self._terminal and self._drawn):
            return False
        self._last = now
        return True

    def _show(self, text: str) -> None:
        line = f"{self._doing}: {text}"
        if not self._terminal:
            self._write(line + "\n")
            return
        self._write("\r" + line.ljust(self._drawn))
        self._drawn = len(line)

    def _write(self, text: str) -> None:
        if self._stream is None:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except BrokenPipeError:
            self._stream = None


def totals_text(
    files: int, done: int, files_total: int, total: int, elapsed: float, bar: bool
) -> str:
    """Files, bytes, rate per second and time left (seconds ``elapsed`` so far)."""
    share = done / total if total else files / max(1, files_total)
    text = f"{files} of {files_total} files, {size(done)} of {size(total)}"
    return _with_rate(text, share, done, elapsed, bar)


def about_text(done: int, total: int, elapsed: float, bar: bool) -> str:
    """Bytes of about so many, rate per second and time left."""
    share = done / total if total else 0
    return _with_rate(f"{size(done)} of about {size(total)}", share, done, elapsed, bar)


def _with_rate(text: str, share: float, done: int, elapsed: float, bar: bool) -> str:
    if elapsed > 0 and done:
        text += f", {size(int(done / elapsed))}/s"
    if 0 < share < 1:
        text += f", about {duration(elapsed * (1 - share) / share)} left"
    if bar:
        full = int(_WIDTH * min(1.0, share))
        text = f"[{'#' * full}{'.' * (_WIDTH - full)}] {text}"
    return text


def counted_text(count: int, done: int, elapsed: float) -> str:
    """How many, how many bytes, and the rate per second."""
    parts = [str(count)] if count else []
    if done:
        parts.append(size(done))
        if elapsed > 0:
            parts.append(f"{size(int(done / elapsed))}/s")
    return ", ".join(parts) or "working"
