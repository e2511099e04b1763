"""A way to PostgreSQL that is cut at a COMMIT: before the server gets it, or after it is done."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading

BEFORE, AFTER = "before", "after"


class PgProxy:
    """Listens on a free port of 127.0.0.1; ``with`` starts and stops it.

    ``arm(nth, when)``: the nth COMMIT from now on, of any connection, is cut: BEFORE it is passed
    on, or AFTER the server has answered it. Every connection is reset then, as when a switch fails.
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._left, self._when = 0, ""
        self.commits = 0
        self.cut = False
        self._open: list[socket.socket] = []

    def __enter__(self) -> PgProxy:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self._drop()

    def arm(self, nth: int, when: str) -> None:
        with self._lock:
            self._left, self._when, self.cut, self.commits = nth, when, False, 0

    # -- inside --------------------------------------------------------------------------------

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._target)
            except OSError:
                return
            self._open += [client, server]
            ends = threading.Event()
            threading.Thread(
                target=self._to_server, args=(client, server, ends), daemon=True
            ).start()
            threading.Thread(
                target=self._to_client, args=(server, client, ends), daemon=True
            ).start()

    def _to_server(
        self, client: socket.socket, server: socket.socket, ends: threading.Event
    ) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                when = self._asks(data)
                if when == BEFORE:
                    return self._drop()
                if when == AFTER:
                    ends.set()
                server.sendall(data)
        _close(server)

    def _to_client(
        self, server: socket.socket, client: socket.socket, ends: threading.Event
    ) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                if ends.is_set():  # the answer to the COMMIT: it was done
                    return self._drop()
                client.sendall(data)
        _close(client)

    def _asks(self, data: bytes) -> str:
        if b"COMMIT" not in data:
            return ""
        with self._lock:
            self.commits += 1
            if not self._left:
                return ""
            self._left -= 1
            if self._left:
                return ""
            self.cut = True
            return self._when

    def _drop(self) -> None:
        connections, self._open = self._open, []
        for each in connections:
            with contextlib.suppress(OSError):
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                each.shutdown(socket.SHUT_RDWR)  # wakes the thread that reads from it
                each.close()


def _close(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
        connection.close()
