"""The client of RFC 3161 authorities: asks over HTTP, judges nothing (``verify/`` does).

Only the proxies, redirects and servers that are named here are used: the environment's proxy
settings are ignored, a request is never sent on elsewhere, and what a URL holds of a login is
never shown.
"""

from __future__ import annotations

import base64
import http.client
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from email.message import Message
from typing import IO, Any
from urllib.parse import SplitResult, quote, unquote, urlsplit

from evidence_vault.errors import StoreError, UsageError

TIMEOUT = 30.0
MAX_REPLY = 1_000_000
MAX_LIST = 32 * 1024 * 1024
_BLOCK = 64 * 1024
_QUERY, _REPLY = "application/timestamp-query", "application/timestamp-reply"


class Unreachable(StoreError):
    """The authority gave no reply: down, slow, behind a login page, or not one at all."""

    default_code = "E-AUTHORITY"


@dataclass(frozen=True)
class _Place:
    """Where to ask. ``login`` is a header value, never shown."""

    url: str
    login: str | None


def make_request(data: bytes) -> bytes:
    """A request (DER) over ``data``: SHA-512, certificates wanted, a 64-bit nonce."""
    from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

    builder = TimestampRequestBuilder().data(data).hash_algorithm(HashAlgorithm.SHA512)
    return builder.nonce(nonce=True).cert_request(cert_request=True).build().as_bytes()


def check_url(url: str, login: str | None = None) -> str:
    """The URL of an authority, with ``login`` (user:password) in it; raises UsageError.

    A login goes over https only.
    """
    parts = _split(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.fragment:
        raise UsageError(f"{shown_url(url)!r} is not an http or https address", code="E-URL")
    if not url.isascii() or any(c.isspace() for c in url):
        raise UsageError("an address is ASCII without spaces", code="E-URL")
    if "@" in parts.netloc:
        raise UsageError(
            "an address must not hold a login: it would stay in the history of your shell",
            code="E-URL",
            hint="give it in a file: --login-file FILE",
        )
    if login is None:
        return url
    if parts.scheme != "https":
        raise UsageError("a login is sent over https only", code="E-URL")
    name, colon, password = login.partition(":")
    if not colon or not name:
        raise UsageError("a login file holds one line: name:password", code="E-LOGIN")
    encoded = f"{quote(name, safe='')}:{quote(password, safe='')}"
    return parts._replace(netloc=f"{encoded}@{parts.netloc}").geturl()


def shown_url(url: str) -> str:
    """The URL without a login or a query, for people and reports."""
    parts = _split(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()


def ask(url: str, request: bytes, timeout: float = TIMEOUT) -> bytes:
    """The raw reply of an authority to a request (both DER).

    ``timeout`` in seconds is for the whole exchange. Raises Unreachable; what came back is not
    looked at, only its declared type and its size (at most 1,000,000 bytes).
    """
    place = _place(url)
    headers = {"Content-Type": _QUERY, "Accept": _REPLY}
    if place.login is not None:
        headers["Authorization"] = place.login
    asked = urllib.request.Request(place.url, data=request, headers=headers, method="POST")
    kind, body = _exchange(asked, timeout, MAX_REPLY)
    if kind != _REPLY:
        raise Unreachable(
            f"{shown_url(url)} answered with {kind!r}, not with a time stamp",
            hint="a login page of this network, or not the address of an authority",
        )
    return body


def fetch_list(url: str, timeout: float = TIMEOUT) -> bytes:
    """A revocation list (DER or PEM, at most 32 MiB) from where a certificate says that it is.

    Raises Unreachable, also for addresses that are not http or https.
    """
    return _exchange(urllib.request.Request(url), timeout, MAX_LIST)[1]


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer that is no reply: a request goes where it was meant to, or fails."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str,
        headers: Message[str, str], newurl: str,
    ) -> None:  # fmt: skip
        raise Unreachable(
            f"{shown_url(req.full_url)} sends elsewhere ({code}), which is not followed",
            hint=f"if {shown_url(newurl)} is right, add the authority again with that address",
        )


def _exchange(request: urllib.request.Request, timeout: float, limit: int) -> tuple[str, bytes]:
    """(content type, body) of a 200 answer."""
    where = shown_url(request.full_url)
    if request.type not in ("http", "https"):
        raise Unreachable(f"{where!r} is not an http or https address")
    deadline = time.monotonic() + timeout
    handlers: list[Any] = [urllib.request.ProxyHandler({}), _NoRedirect()]
    opener = urllib.request.build_opener(*handlers)
    try:
        with opener.open(request, timeout=timeout) as answer:
            if answer.status != 200:
                raise Unreachable(f"{where} answered {answer.status}")
            body = bytearray()
            while block := answer.read1(_BLOCK):
                body += block
                if len(body) > limit:
                    raise Unreachable(f"{where} answered with more than {limit} bytes")
                if time.monotonic() > deadline:
                    raise TimeoutError
            return answer.headers.get_content_type(), bytes(body)
    except urllib.error.HTTPError as error:
        error.close()
        raise Unreachable(f"{where} answered {error.code}") from None
    except TimeoutError:
        raise Unreachable(f"{where} did not answer within {timeout:g} seconds") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        if isinstance(reason, TimeoutError):
            raise Unreachable(f"{where} did not answer within {timeout:g} seconds") from None
        said = getattr(reason, "strerror", None) or type(reason).__name__
        raise Unreachable(f"{where} can't be reached: {said}") from None


def _place(url: str) -> _Place:
    parts = _split(url)
    if not parts.username:
        return _Place(url, None)
    if parts.scheme != "https":
        raise Unreachable("a login is sent over https only")
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    header = "Basic " + base64.b64encode(pair.encode()).decode("ascii")
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    return _Place(bare, header)


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise UsageError("this is not an address", code="E-URL") from None
    return parts
