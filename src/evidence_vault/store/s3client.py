"""One S3 endpoint and bucket: the client, made late, once for each process; patience with it.

What the settings below rely on was observed on Ceph 16 and is told in docs/decisions/0019.
"""

from __future__ import annotations

import os
import random
import socket
import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from evidence_vault.core.placement import Lock
from evidence_vault.errors import AlreadyExists, StoreError
from evidence_vault.store.s3errors import (
    UNKNOWN,
    code_of,
    is_passing,
    may_have_happened,
    status_of,
    store_error,
)
from evidence_vault.store.s3pace import MOST, PIECES_FROM, SEND_BUFFER, Pace
from evidence_vault.store.s3place import Place

THREADS = MOST
#: Until there is a connection, and the longest that a piece of a body may wait to be sent on it.
CONNECT_SECONDS = 15
READ_SECONDS = 20  # without a byte
#: No new try begins later than this after the first, or after bytes of any upload last moved: with
#: one that hangs, under a minute in all.
PATIENCE_SECONDS = 24.0
_TRIES = 12  # without anything that was done, however bytes move
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 3.0

Answer = dict[str, Any]
T = TypeVar("T")


class Patience:
    """How long a request is tried again. Pauses double, each of a random length."""

    def __init__(self, pace: Pace | None = None) -> None:
        self._pace = pace or Pace()
        self._since = time.monotonic()
        self._pause = _FIRST_PAUSE
        self._done, self._tries = self._pace.done, 0

    def wait(self) -> bool:
        """Sleep before the next try; False when it is time to give up."""
        if self._pace.done != self._done:
            self._done, self._tries = self._pace.done, 0
        self._tries += 1
        pause = random.uniform(self._pause / 2, self._pause)
        end = max(self._since, self._pace.moved) + PATIENCE_SECONDS
        if time.monotonic() + pause > end or self._tries >= _TRIES:
            return False
        time.sleep(pause)
        self._pause = min(self._pause * 2, _LONGEST_PAUSE)
        return True


class S3Client:
    """Requests about one bucket. Safe for any thread, and after a fork."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._lock = threading.Lock()
        self._made: tuple[int, Any] | None = None
        self.pace = Pace()
        self.tried: set[str] = set()  # digests of payloads whose sending has not ended well yet

    def key(self, key: str) -> str:
        """The key in the bucket of a key of the root."""
        return f"{self.place.prefix}/{key}" if self.place.prefix else key

    @property
    def raw(self) -> Any:
        """The boto3 client of this process."""
        with self._lock:
            if self._made is None or self._made[0] != os.getpid():
                self._made = os.getpid(), _make(self.place)
                self.pace = Pace()
            return self._made[1]

    def access_key(self) -> str | None:
        """The id (not the secret) of the credentials in use, to tell two users apart."""
        credentials = self.raw._request_signer._credentials
        return getattr(credentials, "access_key", None)

    def call(self, operation: str, about: str, **parameters: Any) -> Answer:
        """One request that may be repeated without harm. Raises StoreError, NotFound."""
        return self.patiently(lambda: self.once(operation, **parameters), about)

    def once(self, operation: str, **parameters: Any) -> Answer:
        """One request, tried once; raises what boto3 raises. A long body waits for its turn."""
        act = getattr(self.raw, operation)
        body = parameters.get("Body")
        if not isinstance(body, bytes) or len(body) < PIECES_FROM:
            answer: Answer = act(Bucket=self.place.bucket, **parameters)
            return answer
        with self.pace.turn():
            answer = act(Bucket=self.place.bucket, **{**parameters, "Body": self.pace.body(body)})
        return answer

    def patiently(self, act: Callable[[], T], about: str, patience: Patience | None = None) -> T:
        """``act``, again while it fails in a way that may pass. Translates its errors."""
        waiting = patience or Patience(self.pace)
        while True:
            try:
                return act()
            except Exception as error:  # boto's errors have no common base; others pass
                if not _is_boto(error):
                    raise
                if not is_passing(error) or not waiting.wait():
                    raise store_error(error, about) from error

    def write(
        self,
        act: Callable[[], Answer],
        look: Callable[[Patience], Answer | None],
        about: str,
    ) -> Answer:
        """A write that must not be done twice.

        ``look``: what is there when the write was done after all, None where nothing is; raises
        AlreadyExists where something else is. Raises AlreadyExists, and StoreError (E-S3-UNKNOWN)
        when nobody can say whether it was done.
        """
        waiting, doubt = Patience(self.pace), False
        while True:
            try:
                return act()
            except Exception as error:  # boto's errors have no common base; others pass
                if not _is_boto(error):
                    raise
                refused = status_of(error) == 412
                if refused and not doubt:
                    raise AlreadyExists(f"{about} is already in the store") from error
                if not is_passing(error) and not refused:
                    raise _unknown(about, error) if doubt else store_error(error, about) from error
                doubt = doubt or may_have_happened(error)
                if not waiting.wait():
                    raise _unknown(about, error) if doubt else store_error(error, about) from error
                found = self._look(look, waiting, about) if doubt else None
                if found is not None:
                    return found

    def _look(
        self, look: Callable[[Patience], Answer | None], waiting: Patience, about: str
    ) -> Answer | None:
        try:
            return look(waiting)
        except AlreadyExists:
            raise
        except StoreError as error:
            raise _unknown(about, error.__cause__ or error) from error

    def head(self, key: str, version: str | None = None) -> Answer:
        """Size, ETag, version and lock. Raises NotFound; a missing bucket is not absence."""
        which = {"VersionId": version} if version else {}
        where = self.key(key)
        try:
            return self.patiently(lambda: self.once("head_object", Key=where, **which), key)
        except StoreError as error:
            if error.__cause__ is None or status_of(error.__cause__) != 404:
                raise
        # An answer to HEAD has no body and so no reason: the same question asked with GET has one.
        answer = self.call("get_object", key, Key=where, Range="bytes=0-0", **which)
        answer["Body"].close()
        return self.call("head_object", key, Key=where, **which)

    def glance(self, key: str) -> Answer | None:
        """As :meth:`head`, None where there is nothing, or no bucket: for a look before a write,
        which then says so."""
        try:
            return self.call("head_object", key, Key=self.key(key))
        except StoreError as error:
            if error.__cause__ is None or status_of(error.__cause__) != 404:
                raise
            return None

    def read(
        self, key: str, version: str | None = None, patience: Patience | None = None
    ) -> tuple[bytes, Answer]:
        """All bytes of a small object, and the answer. A body that was cut short is asked again."""
        which = {"VersionId": version} if version else {}

        def whole() -> tuple[bytes, Answer]:
            answer = self.once("get_object", Key=self.key(key), **which)
            return read_body(answer), answer

        return self.patiently(whole, key, patience)


def read_body(answer: Answer) -> bytes:
    """The whole body; raises what counts as a cut connection where bytes are missing."""
    data: bytes = answer["Body"].read()
    if len(data) != answer["ContentLength"]:
        raise IncompleteReadError
    return data


class IncompleteReadError(Exception):
    """Fewer bytes came than were announced; known to s3errors by this name."""


def lock_in(answer: Answer) -> Lock:
    """The lock that a HEAD or GET tells of."""
    until = answer.get("ObjectLockRetainUntilDate")
    return Lock(
        answer.get("ObjectLockMode") or None,
        format_time(until) if until else None,
        answer.get("ObjectLockLegalHoldStatus") == "ON",
    )


def format_time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def etag_in(answer: Answer) -> str:
    return str(answer.get("ETag", "")).strip('"')


def request_in(answer: Answer) -> str | None:
    """The store's id of the request, by which its operator finds it."""
    found = answer.get("ResponseMetadata", {}).get("RequestId")
    return str(found) if found else None


def is_absent(error: BaseException) -> bool:
    return code_of(error) in ("NoSuchKey", "NoSuchVersion", "NoSuchUpload", "404")


def _unknown(about: str, error: BaseException) -> StoreError:
    reason = store_error(error, about) if _is_boto(error) else error
    return StoreError(
        f"store: it is not known whether {about} was written. Last answer: {reason}",
        code=UNKNOWN,
        hint="when the store answers again, run the same command again: it looks first",
    )


def _is_boto(error: BaseException) -> bool:
    home = type(error).__module__.partition(".")[0]
    return home in ("botocore", "boto3", "urllib3") or isinstance(error, IncompleteReadError)


def _make(place: Place) -> Any:
    import boto3.session
    from botocore.config import Config
    from botocore.handlers import add_expect_header

    config = Config(
        # Otherwise, over https, bodies are sent in chunks with a trailer, which is not understood
        # everywhere; what is sent with them is checked by nobody there.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        signature_version="s3v4",
        s3={"addressing_style": "path", "payload_signing_enabled": True},
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"total_max_attempts": 1, "mode": "standard"},  # patience is ours
        max_pool_connections=THREADS + 2,
        user_agent="evidence-vault",
    )
    try:
        session = boto3.session.Session(profile_name=place.profile)
        client = session.client(
            "s3",
            endpoint_url=place.endpoint,
            region_name=place.region or session.region_name or "us-east-1",
            config=config,
        )
    except Exception as error:  # boto's errors have no common base; others pass
        if not _is_boto(error):
            raise
        raise store_error(error, "credentials") from error
    # It would cost a second wherever a proxy does not know it.
    client.meta.events.unregister("before-call.s3", add_expect_header)
    _limit_buffer(client)
    return client


def _limit_buffer(client: Any) -> None:
    """botocore has no setting for it: that of the session it sends with, before the first use."""
    session = client._endpoint.http_session
    options = [
        (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),  # the default, which others replace
        (socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER),
    ]
    session._socket_options = options
    session._manager.connection_pool_kw["socket_options"] = options
