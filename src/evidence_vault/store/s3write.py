"""Writing to S3 so that it can be believed: each object is asked for again before it counts.

Up to 8 MiB an object is sent with one request and read back whole: its SHA-256 is computed over
what came back. Reading its head alone would save little and prove less: what both cost is measured
in docs/decisions/0019. Larger ones are sent in parts, each of whose MD5 the store checks and
answers; of these the size, the ETag (MD5 of the parts' MD5s) and the lock are asked for again.
Whether their bytes are still right is what ``fixity`` reads.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from evidence_vault.core.placement import COMPLIANCE, Lock, Placed
from evidence_vault.errors import AlreadyExists, InternalError, NotFound, StoreError
from evidence_vault.store.naming import changed_meanwhile
from evidence_vault.store.s3client import (
    Answer,
    Patience,
    S3Client,
    etag_in,
    lock_in,
    request_in,
)
from evidence_vault.store.s3place import demand_date, retain_until
from evidence_vault.store.s3quick import quick_read

LONGEST_KEY = 900  # bytes; Ceph fails on multipart uploads to keys over 996
ONE_REQUEST_BYTES = 8 * 2**20
_TRIES = 3
_STILL_GOOD = timedelta(hours=1)  # a lock that ends so little earlier is not put again


@dataclass(frozen=True, slots=True)
class Sent:
    """Bytes that a store has acknowledged. ``version``: None on a bucket without versions."""

    version: str | None
    etag: str
    request: str | None


def put(client: S3Client, key: str, data: bytes, create: bool = True, new: bool = False) -> Placed:
    """Write an object and read it back. Raises AlreadyExists when ``create`` meets one.

    ``new``: named by bytes that were made at random just now, so nothing is there: that is looked
    at only after an unknown outcome.

    With ``create`` the write is done at most once: after an unknown outcome the store is looked at
    first. Raises StoreError: E-S3-READ-BACK when what comes back is not what was sent, E-S3-NO-LOCK
    when it is not locked as it should be, E-S3-UNKNOWN when nobody can say whether it was written.
    """
    demand_length(client.key(key))
    digest = hashlib.sha256(data).hexdigest()
    until = wanted_until(client)
    sent = send(client, key, data, until, create, new)
    for _ in range(_TRIES - 1):
        placed = _come_back(client, key, digest, sent, until)
        if placed is not None:
            return placed
        sent = send(client, key, data, until, create=False)  # ours, and wrong: once more
    placed = _come_back(client, key, digest, sent, until)
    if placed is None:
        raise StoreError(
            f"store: {key} was acknowledged, but what comes back is not what was sent",
            code="E-S3-READ-BACK",
            hint="the store or the way to it damages data: have it examined before going on",
        )
    return placed


def exchange(client: S3Client, key: str, data: bytes, expected: bytes) -> None:
    """Write over ``expected`` alone. Raises StoreError (E-CHANGED-MEANWHILE), NotFound.

    With If-Match where the store heeds it. Some want its ETag in quotes, Ceph wants it without
    them; where neither is heeded, whoever writes between our reading and writing is overwritten.
    """
    found, answer = client.read(key)
    etag = etag_in(answer)

    def look(patience: Patience) -> Answer | None:
        now, there = client.read(key, patience=patience)
        if now not in (data, expected):
            raise changed_meanwhile(key)
        return there if now == data else None

    for condition in ({"IfMatch": etag}, {"IfMatch": f'"{etag}"'}, {}):
        if found == data:
            return
        if found != expected:
            raise changed_meanwhile(key)
        parameters = {
            "Key": client.key(key),
            "Body": data,
            "ContentMD5": base64.b64encode(_md5(data)).decode(),
            "ContentType": "application/octet-stream",
            **condition,
        }
        with contextlib.suppress(AlreadyExists):  # 412: the look below tells why
            client.write(functools.partial(client.once, "put_object", **parameters), look, key)
        found, _ = client.read(key)
    if found != data:
        raise changed_meanwhile(key)


def send(
    client: S3Client,
    key: str,
    data: bytes,
    until: str | None,
    create: bool,
    new: bool = False,
) -> Sent:
    """One PUT, not read back. ``until``: as of wanted_until. Raises as :func:`put`."""
    parameters = {
        "Key": client.key(key),
        "Body": data,
        "ContentMD5": base64.b64encode(_md5(data)).decode(),
        "ContentType": "application/octet-stream",
        **_lock_headers(client, until),
    }
    if not create:
        return _sent(client.call("put_object", key, **parameters))

    def look(patience: Patience) -> Answer | None:
        try:
            found, answer = client.read(key, patience=patience)
        except NotFound:
            return None
        if found != data:
            raise AlreadyExists(f"{key} is already in the store")
        return answer

    if client.place.mode and not new and client.glance(key) is not None:
        # Ceph takes no notice of If-None-Match where there are versions.
        raise AlreadyExists(f"{key} is already in the store")
    # Named for the line below.
    act = lambda: client.once("put_object", IfNoneMatch="*", **parameters)  # noqa: E731
    return _sent(client.write(act, look, key))


def kept(client: S3Client, key: str, digest: str) -> Placed | None:
    """The object that is there already, if its bytes are those of ``digest``; locked anew where its
    lock would end earlier than a new one's. None where nothing, or something else, is there."""
    try:
        data, answer = client.read(key)
    except NotFound:
        return None
    if hashlib.sha256(data).hexdigest() != digest:
        return None
    placed = _placed(digest, len(data), _sent(answer), lock_in(answer))
    return with_lock(client, key, placed, wanted_until(client, _STILL_GOOD))


def wanted_until(client: S3Client, before: timedelta = timedelta(0)) -> str | None:
    """Until when the place has an object locked that is written now, or was ``before``."""
    if client.place.mode is None:
        return None
    return retain_until(client.place.days, datetime.now(UTC) - before)


def with_lock(client: S3Client, key: str, placed: Placed, until: str | None) -> Placed:
    """``placed``, once it is locked in the place's mode and until then at least.

    Raises StoreError (E-S3-NO-LOCK).
    """
    mode = client.place.mode
    if mode is None or until is None:
        return placed
    if is_locked(Lock(placed.mode, placed.until), mode, until):
        return placed
    if placed.version is None:
        raise no_lock(key, Lock(), mode)
    lock = set_retention(client, key, placed.version, mode, max(until, placed.until or ""))
    return replace(placed, mode=lock.mode, until=lock.until)


def set_retention(
    client: S3Client, key: str, version: str, mode: str, until: str, bypass: bool = False
) -> Lock:
    """Lock one version, and ask the store how it is locked then. Raises StoreError.

    ``bypass``: pass a lock in GOVERNANCE mode by, to replace it by a stronger one only.
    """
    demand_date(until)
    client.call(
        "put_object_retention",
        key,
        Key=client.key(key),
        VersionId=version,
        Retention={"Mode": mode, "RetainUntilDate": until},
        **({"BypassGovernanceRetention": True} if bypass else {}),
    )
    lock = lock_in(client.head(key, version))
    if not is_locked(lock, mode, until):
        raise no_lock(key, lock, mode)
    return lock


def is_locked(lock: Lock, mode: str, until: str) -> bool:
    """Whether a lock is at least as strong, and ends no earlier."""
    strong = lock.mode == COMPLIANCE or lock.mode == mode
    return strong and lock.until is not None and lock.until >= until


def no_lock(key: str, lock: Lock, mode: str) -> StoreError:
    found = f"{lock.mode} until {lock.until}" if lock.mode else "no lock"
    return StoreError(
        f"store: {key} was written, but it is not locked as it should be: {found}, not {mode}",
        code="E-S3-NO-LOCK",
        hint="the bucket must have Object Lock; have its settings examined before going on",
    )


def demand_length(key: str) -> None:
    """Raises InternalError: keys are made by this program alone, from short names."""
    if len(key.encode()) > LONGEST_KEY:
        raise InternalError(f"store key of {len(key)} characters")


def etag_is_md5(answer: Answer) -> bool:
    """False where the store encrypts with keys of its own: then an ETag says nothing of bytes."""
    kind = str(answer.get("ServerSideEncryption", ""))
    return not kind.startswith("aws:kms") and "SSECustomerAlgorithm" not in answer


def _come_back(
    client: S3Client, key: str, digest: str, sent: Sent, until: str | None
) -> Placed | None:
    """What the store gives back and how it is locked; None where it is not what was sent."""
    found = quick_read(client, key, sent.version)
    if found is None or hashlib.sha256(found[0]).hexdigest() != digest:
        try:
            found = client.read(key, sent.version)
        except NotFound:
            return None
        if hashlib.sha256(found[0]).hexdigest() != digest:
            return None
    data, answer = found
    return with_lock(client, key, _placed(digest, len(data), sent, lock_in(answer)), until)


def _placed(digest: str, size: int, sent: Sent, lock: Lock) -> Placed:
    return Placed(digest, size, sent.version, lock.mode, lock.until, sent.etag, sent.request)


def _sent(answer: Answer) -> Sent:
    version = answer.get("VersionId")
    return Sent(None if version in (None, "null") else version, etag_in(answer), request_in(answer))


def _lock_headers(client: S3Client, until: str | None) -> dict[str, str]:
    if client.place.mode is None or until is None:
        return {}
    return {"ObjectLockMode": client.place.mode, "ObjectLockRetainUntilDate": until}


def _md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()
