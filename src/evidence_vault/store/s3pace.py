"""How much is sent at once: little on a slow line, as much as goes on a fast one.

A timeout of the library is about one socket operation. Bytes given whole are one operation, so
a slow line can't send them in time however well it works: bodies are given in small pieces, and
what the system may keep of them before it is sent is limited. A timeout then means that nothing
moved, and patience counts from when something last did.
"""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

MOST = 10
PIECES_FROM = 2**16
"""Bytes; smaller bodies are sent whole."""
SEND_BUFFER = 2**17
"""Bytes that the system keeps of a connection's unsent bytes; Linux doubles it."""
#: The first of a body goes into buffers whether anybody takes it or not: it shows no progress.
_BUFFERED = 2**19
_FIRST = 2
_QUICK_SECONDS = 4.0
_SLOW_SECONDS = 20.0


class Pace:
    """Of one client: bodies under way, and when bytes last moved. Safe for any thread."""

    def __init__(self) -> None:
        self._turn = threading.Condition()
        self._running = 0
        self.limit = _FIRST
        self.moved = 0.0  # time.monotonic()
        self.done = 0

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait until fewer than the limit are under way. One more may be after a quick one, one
        less after a slow one, and one alone after a failure."""
        with self._turn:
            self._turn.wait_for(lambda: self._running < self.limit)
            self._running += 1
        began = time.monotonic()
        well = False
        try:
            yield
            well = True
        finally:
            with self._turn:
                self._running -= 1
                self.limit = self._next(time.monotonic() - began) if well else 1
                if well:
                    self.done += 1
                    self.moved = time.monotonic()
                self._turn.notify_all()

    def _next(self, seconds: float) -> int:
        if seconds < _QUICK_SECONDS:
            return min(self.limit + 1, MOST)
        return max(self.limit - 1, 1) if seconds > _SLOW_SECONDS else self.limit

    def body(self, data: bytes) -> io.BytesIO:
        """The bytes for one try, sent in pieces; that they move is noted."""
        return _Body(data, self)


class _Body(io.BytesIO):
    def __init__(self, data: bytes, pace: Pace) -> None:
        super().__init__(data)
        self._pace = pace

    def read(self, size: int | None = -1, /) -> bytes:
        # Signing reads it first, in pieces of 1 MiB: nothing moves then.
        if self.tell() > _BUFFERED and size is not None and 0 < size <= PIECES_FROM:
            self._pace.moved = time.monotonic()
        return super().read(size)
