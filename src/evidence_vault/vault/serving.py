"""The countersigner over HTTP (C2SP tlog-witness): two routes, small answers, hard limits.

    POST /add-checkpoint                     request → signature lines, or a refusal
    GET  /<hex SHA-256 of origin>/checkpoint newest cosigned checkpoint of that log, or 404

It speaks plain HTTP, on the loopback address unless told otherwise: put TLS or an onion service
in front. Nothing of a request is written to the log but its route and the status.
"""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from evidence_vault.core.exchange import MAX_REQUEST
from evidence_vault.errors import StoreError, VaultError
from evidence_vault.prove.witness import TEXT_TYPE, UNAVAILABLE
from evidence_vault.vault.countersigning import countersign, demand_ready, newest_note
from evidence_vault.vault.opening import Vault

WHOLE_SECONDS = 60.0
"""A connection lives no longer, however slowly it speaks."""

SILENT_SECONDS = 15.0
MAX_AT_ONCE = 16
_LOCK_SECONDS = 20.0
_READ_BYTES = 65_536

_CHECKPOINT = re.compile(r"/([0-9a-f]{64})/checkpoint")
_ADD = "/add-checkpoint"

Log = Callable[[str], None]


class WitnessServer(ThreadingHTTPServer):
    """Serves until ``shutdown``. Raises what ``demand_ready`` does before it listens."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, vault: Vault, host: str, port: int, log: Log) -> None:
        demand_ready(vault)
        self.vault = vault
        self.log = log
        self.places = threading.BoundedSemaphore(MAX_AT_ONCE)
        if ":" in host:
            self.address_family = socket.AF_INET6
        try:
            super().__init__((host, port), _Handler)
        except (OSError, OverflowError) as error:
            raise StoreError(
                f"can't listen on {host}, port {port}: {error}",
                code="E-LISTEN",
                hint="another program may hold the port; choose one with --port",
            ) from error

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that broke is no news, and its address nobody's business."""


class _Handler(BaseHTTPRequestHandler):
    """One connection, one request (HTTP/1.0)."""

    server: WitnessServer
    server_version = "evidence-vault"
    sys_version = ""
    timeout = SILENT_SECONDS

    def setup(self) -> None:
        super().setup()
        self._end = threading.Timer(WHOLE_SECONDS, self._cut)
        self._end.daemon = True
        self._end.start()

    def finish(self) -> None:
        self._end.cancel()
        super().finish()

    def do_POST(self) -> None:
        if self.path != _ADD:
            self._answer(404, b"not found\n")
            return
        length = self.headers.get("Content-Length", "")
        if not re.fullmatch(r"[0-9]{1,9}", length):
            self._answer(411, b"say how long the request is\n")
        elif int(length) > MAX_REQUEST:
            self._answer(413, b"too long\n")
        else:
            self._with_place(lambda: self._add(int(length)))

    def do_GET(self) -> None:
        found = _CHECKPOINT.fullmatch(self.path)
        if found is None:
            self._answer(404, b"not found\n")
        else:
            self._with_place(lambda: self._checkpoint(found[1]))

    def _add(self, length: int) -> None:
        body = b""
        while len(body) < length:
            piece = self.rfile.read(min(_READ_BYTES, length - len(body)))
            if not piece:
                return  # cut off
            body += piece
        verdict = countersign(self.server.vault, body, _LOCK_SECONDS).verdict
        self._answer(verdict.status, verdict.body, verdict.content_type)

    def _checkpoint(self, digest: str) -> None:
        note = newest_note(self.server.vault, digest)
        if note is None:
            self._answer(404, b"unknown log\n")
        else:
            self._answer(200, note)

    def _with_place(self, work: Callable[[], None]) -> None:
        """Do it unless too many are being served; what is wrong on our side is a 503."""
        if not self.server.places.acquire(blocking=False):
            self._answer(UNAVAILABLE, b"busy\n")
            return
        try:
            work()
        except VaultError as error:
            self.server.log(f"can't countersign: {error.message} ({error.code})")
            self._answer(UNAVAILABLE, b"not available\n")
        finally:
            self.server.places.release()

    def _answer(self, status: int, body: bytes, content_type: str = TEXT_TYPE) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: Any = "-", size: Any = "-") -> None:
        path = getattr(self, "path", "")  # not there when the first line could not be read
        route = "another address"
        if path == _ADD:
            route = "a request to countersign"
        elif _CHECKPOINT.fullmatch(path):
            route = "a checkpoint"
        self.server.log(f"{route}: {int(code)}")

    def log_message(self, format: str, *args: Any) -> None:
        """The library's own words quote what strangers sent: they are left out."""

    def _cut(self) -> None:
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            return


def serve(vault: Vault, host: str, port: int, log: Log, started: Callable[[int], None]) -> None:
    """Countersign over HTTP until interrupted; ``started`` is told the port."""
    server = WitnessServer(vault, host, port, log)
    with server:
        started(server.server_address[1])
        server.serve_forever()
