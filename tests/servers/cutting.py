"""A proxy before the object gateway that does to one request what a bad network does."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

#: ``pass``; ``lose`` the request; ``cut`` the answer off after it was done; ``halve`` the body of
#: the answer; or the status and error code that the store is made to answer with.
Plan = Callable[[str, str, int], str | tuple[int, str]]
"""From method, path and the number of the request, counted from 0, to what happens to it."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Proxy

    def do_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        action = self.server.next_action(self.command, self.path)
        if action == "lose":
            self.close_connection = True
            return
        if isinstance(action, tuple):
            self._say(*action)
            return
        upstream = http.client.HTTPConnection(*self.server.target, timeout=30)
        upstream.request(self.command, self.path, body, dict(self.headers.items()))
        answer = upstream.getresponse()
        data = answer.read()
        upstream.close()
        if action == "cut":
            self.close_connection = True
            return
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                self.send_header(name, value)
        length = answer.getheader("Content-Length") or str(len(data))
        self.send_header("Content-Length", length)
        self.end_headers()
        if action == "halve":
            data = data[: len(data) // 2]
            self.close_connection = True
        self.wfile.write(data)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = do_any

    def _say(self, status: int, code: str) -> None:
        known = f"<Error><Code>{code}</Code><Message>told by a test</Message></Error>"
        text = known.encode() if code else b""
        self.send_response_only(status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on the terminal."""


class Proxy(ThreadingHTTPServer):
    """Between a test and the gateway; counts what passes."""

    daemon_threads = True

    def __init__(self, endpoint: str) -> None:
        parts = urlsplit(endpoint)
        self.target = str(parts.hostname), int(parts.port or 80)
        self.plan: Plan = lambda *_: "pass"
        self.seen: list[tuple[str, str]] = []
        self._lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def next_action(self, method: str, path: str) -> str | tuple[int, str]:
        with self._lock:
            self.seen.append((method, path))
            return self.plan(method, path, len(self.seen) - 1)

    def begin(self, plan: Plan) -> None:
        """Count from 0 again, and follow another plan."""
        with self._lock:
            self.seen.clear()
            self.plan = plan


@contextmanager
def cutting_proxy(endpoint: str) -> Iterator[Proxy]:
    """A proxy for as long as the block lasts."""
    proxy = Proxy(endpoint)
    thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield proxy
    finally:
        proxy.shutdown()
        thread.join()
        proxy.server_close()
