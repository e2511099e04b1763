"""A slow line before a server: all connections share so many bytes a second, upwards."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

_PIECE = 4096


class SlowLine:
    """``rate``: bytes a second that go up, of all connections together; what comes down is free.
    ``dead``: connections are taken, and nothing goes either way."""

    def __init__(self, endpoint: str, rate: int) -> None:
        parts = urlsplit(endpoint)
        self._target = str(parts.hostname), int(parts.port or 80)
        self.rate = rate
        self.dead = threading.Event()
        self.connections = 0
        self._turn = threading.Lock()
        self._listener = socket.socket()
        # Before listening, so that the system keeps little of what has come: as a modem does.
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(64)
        self.endpoint = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def run(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.connections += 1
                server = socket.create_connection(self._target)
                for one, other, up in ((client, server, True), (server, client, False)):
                    threading.Thread(target=self._pass, args=(one, other, up), daemon=True).start()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _pass(self, one: socket.socket, other: socket.socket, up: bool) -> None:
        with suppress(OSError):
            while not self.dead.is_set() and (data := one.recv(_PIECE)):
                if up:
                    with self._turn:
                        time.sleep(len(data) / self.rate)
                other.sendall(data)
            if not self.dead.is_set():
                other.shutdown(socket.SHUT_WR)


@contextmanager
def slow_line(endpoint: str, rate: int) -> Iterator[SlowLine]:
    """A slow line for as long as the block lasts."""
    line = SlowLine(endpoint, rate)
    threading.Thread(target=line.run, daemon=True).start()
    try:
        yield line
    finally:
        line.close()
