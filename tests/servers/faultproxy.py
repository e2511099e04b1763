"""A way to an HTTP server that goes wrong on demand, between a client and a real server.

Requests go on as they came, the Host header too (signatures of S3 cover it). For each request the
``plan`` is asked: a function of (method, path with query, number of such a request from 1) that
returns the name of a fault, or None. HTTP/1.1 with Content-Length or chunks; no TLS.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BufferedIOBase
from socketserver import StreamRequestHandler, ThreadingTCPServer
from urllib.parse import urlsplit

Plan = Callable[[str, str, int], str | None]

_ERROR = (
    '<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>a test</Message>'
    "</Error>"
)
ANSWERS = {  # the request never reaches the server
    "500": (500, "InternalError"),
    "503": (503, "SlowDown"),
    "expired": (403, "ExpiredToken"),
}
FAULTS = (
    *ANSWERS,
    "silence",  # read, passed on to nobody, never answered
    "reset-upload",  # reset when half of the body has come
    "reset-download",  # the answer's body reset in the middle
    "truncated",  # the answer's body ends early, the connection is closed in order
    "corrupt-answer",  # one bit of the answer's body is another
    "corrupt-upload",  # one bit of the request's body is another
    "done-reset",  # the server does it; then the connection is reset without an answer
    "done-500",  # the server does it; then the client is told of a failure
)


@dataclass
class Message:
    first: bytes
    head: list[bytes]
    body: bytes

    def value(self, name: bytes) -> bytes:
        for line in self.head:
            key, _, value = line.partition(b":")
            if key.strip().lower() == name:
                return value.strip()
        return b""

    def bytes(self) -> bytes:
        return b"".join([self.first, *self.head, b"\r\n", self.body])


def _message(stream: BufferedIOBase, has_body: Callable[[Message], bool]) -> Message | None:
    first = stream.readline(65536)
    if not first.strip():
        return None
    head: list[bytes] = []
    while (line := stream.readline(65536)) not in (b"\r\n", b"\n", b""):
        head.append(line)
    message = Message(first, head, b"")
    if not has_body(message):
        return message
    if message.value(b"transfer-encoding").lower() == b"chunked":
        message.body = _chunks(stream)
    else:
        message.body = stream.read(int(message.value(b"content-length") or 0))
    return message


def _chunks(stream: BufferedIOBase) -> bytes:
    """As they came, to be passed on so."""
    pieces: list[bytes] = []
    while True:
        line = stream.readline(65536)
        pieces.append(line)
        size = int(line.split(b";")[0] or b"0", 16)
        pieces.append(stream.read(size) if size else b"")
        pieces.append(stream.readline(65536))
        if not size:
            return b"".join(pieces)


@dataclass
class Log:
    """What went by: (method, path, fault or None)."""

    seen: list[tuple[str, str, str | None]] = field(default_factory=list)


class FaultProxy:
    """Listens on a free port of 127.0.0.1; ``with`` starts and stops it."""

    def __init__(self, upstream: str) -> None:
        parts = urlsplit(upstream)
        self._target = (str(parts.hostname), int(parts.port or 80))
        self.plan: Plan = lambda *_: None
        self.log = Log()
        self._counts: dict[str, int] = {}
        self._lock = threading.Lock()
        proxy = self

        class Handler(StreamRequestHandler):
            def handle(self) -> None:
                with contextlib.suppress(OSError):
                    while proxy._serve(self.rfile, self.connection):
                        pass

        class Listener(ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True
            request_queue_size = 64

        self._listener = Listener(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self._listener.server_address[1]}"
        self._thread = threading.Thread(target=self._listener.serve_forever, daemon=True)

    def __enter__(self) -> FaultProxy:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown()
        self._listener.server_close()

    def restart_plan(self, plan: Plan) -> None:
        """Use another plan, and count and note from the beginning."""
        with self._lock:
            self.plan, self._counts, self.log = plan, {}, Log()

    def count(self, method: str) -> int:
        return self._counts.get(method, 0)

    # -- inside --------------------------------------------------------------------------------

    def _serve(self, stream: BufferedIOBase, client: socket.socket) -> bool:
        """One request; False when the connection is over."""
        # A client that sends "Expect: 100-continue" waits for leave before it sends the body.
        first = stream.readline(65536)
        if not first.strip():
            return False
        head: list[bytes] = []
        while (line := stream.readline(65536)) not in (b"\r\n", b"\n", b""):
            head.append(line)
        request = Message(first, head, b"")
        method, path = first.split()[0].decode(), first.split()[1].decode()
        with self._lock:
            number = self._counts[method] = self._counts.get(method, 0) + 1
            fault = self.plan(method, path, number)
            self.log.seen.append((method, path, fault))
        if request.value(b"expect").lower() == b"100-continue":
            client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.head = [h for h in head if not h.lower().startswith(b"expect:")]
        size = int(request.value(b"content-length") or 0)
        if fault == "reset-upload":
            stream.read(size // 2)
            return _reset(client)
        if request.value(b"transfer-encoding").lower() == b"chunked":
            request.body = _chunks(stream)
        else:
            request.body = stream.read(size)
        if fault in ANSWERS:
            return self._answer(client, *ANSWERS[fault])
        if fault == "silence":
            time.sleep(60)
            return _reset(client)
        if fault == "corrupt-upload" and request.body:
            request.body = _flipped(request.body)
        answer = self._ask(request, method)
        if fault == "done-reset":
            return _reset(client)
        if fault == "done-500":
            return self._answer(client, 500, "InternalError")
        return _give(client, answer, fault)

    def _ask(self, request: Message, method: str) -> Message:
        with socket.create_connection(self._target, timeout=60) as server:
            server.sendall(request.bytes())
            stream = server.makefile("rb")
            while True:
                answer = _message(
                    stream,
                    lambda m: (
                        method != "HEAD" and m.first.split()[1] not in (b"100", b"204", b"304")
                    ),
                )
                if answer is None:
                    raise OSError("the server closed the connection")
                if answer.first.split()[1] != b"100":
                    return answer

    @staticmethod
    def _answer(client: socket.socket, status: int, code: str) -> bool:
        body = _ERROR.format(code=code).encode()
        client.sendall(
            f"HTTP/1.1 {status} Test\r\nContent-Type: application/xml\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        return True


def _give(client: socket.socket, answer: Message, fault: str | None) -> bool:
    body, half = answer.body, len(answer.body) // 2
    if fault == "corrupt-answer" and body:
        answer.body = _flipped(body)
    if fault in ("reset-download", "truncated"):
        answer.body = body[:half]
        client.sendall(answer.bytes())
        if fault == "reset-download":
            return _reset(client)
        client.shutdown(socket.SHUT_RDWR)
        return False
    client.sendall(answer.bytes())
    return True


def _flipped(body: bytes) -> bytes:
    changed = bytearray(body)
    changed[len(changed) // 2] ^= 0x10
    return bytes(changed)


def _reset(client: socket.socket) -> bool:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(client.detach())  # at once, though files on it are still open
    return False
