"""From the local spool to S3: many objects at once, large ones in parts, resumed after a death.

An upload that was cut off is found by the object's name, which is the digest of its bytes. Whoever
has the same bytes goes on where it stopped, after comparing each part's MD5 with what is there.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import UTC, datetime, timedelta

from evidence_vault.core.placement import Placed
from evidence_vault.errors import AlreadyExists, StoreError
from evidence_vault.store.diskerrors import translating
from evidence_vault.store.naming import object_key
from evidence_vault.store.s3client import (
    THREADS,
    Answer,
    Patience,
    S3Client,
    etag_in,
    lock_in,
    request_in,
)
from evidence_vault.store.s3errors import code_of
from evidence_vault.store.s3reader import open_object
from evidence_vault.store.s3write import (
    ONE_REQUEST_BYTES,
    demand_length,
    etag_is_md5,
    kept,
    put,
    wanted_until,
    with_lock,
)

#: The least that S3 allows: what a cut line loses is small. It never changes: whoever goes on with
#: an upload compares part by part.
PART_BYTES = 5 * 2**20
GRACE = timedelta(hours=24)  # what came later may be of a living process

Parts = dict[int, tuple[str, int]]
"""By number from 1: ETag and size of what the store has."""

Sum = tuple[bytes, str]
"""MD5 of a part, and its ETag: the same, unless the store encrypts with keys of its own."""


def adopt_all(
    client: S3Client, pool: ThreadPoolExecutor, parts: Sequence[tuple[str, str]]
) -> list[Placed]:
    """Upload spooled files, given as (path, SHA-256 in hex); answers in order.

    On an error everything that is under way is awaited, and no file is removed: the same call can
    be made again, and keeps what is there.
    """
    again = {digest for _, digest in parts} & client.tried
    client.tried.update(digest for _, digest in parts)
    small: dict[int, Future[Placed]] = {}
    placed: dict[int, Placed] = {}
    try:
        for number, (path, digest) in enumerate(parts):
            with translating(digest):
                size = os.path.getsize(path)
            if size <= ONE_REQUEST_BYTES:
                small[number] = pool.submit(_adopt_small, client, path, digest, digest not in again)
            else:
                placed[number] = _adopt_large(client, pool, path, digest, size)
        placed |= {number: future.result() for number, future in small.items()}
    finally:
        for future in small.values():
            future.cancel()
        wait(small.values())
    for path, digest in parts:
        client.tried.discard(digest)
        with translating(path):
            os.unlink(path)
    return [placed[number] for number in range(len(parts))]


def abort_orphans(client: S3Client, now: datetime | None = None) -> int:
    """End uploads in parts to which nothing came for a day; returns how many."""
    before = (now or datetime.now(UTC)) - GRACE
    old = [u for u in _uploads(client, "objects/") if u["Initiated"] < before]
    orphans = [upload for upload in old if _newest_part(client, upload) < before]
    for upload in orphans:
        _abort(client, upload["Key"], upload["UploadId"])
    return len(orphans)


# ---- one object ----------------------------------------------------------------------------------


def _adopt_small(client: S3Client, path: str, digest: str, new: bool) -> Placed:
    """``new``: nobody tried before; names are digests of bytes sealed just now."""
    with translating(digest), open(path, "rb") as stream:
        data = stream.read()
    if hashlib.sha256(data).hexdigest() != digest:
        raise _spool_damaged(digest)
    key = object_key(digest)
    try:
        return put(client, key, data, new=new)
    except AlreadyExists:
        there = kept(client, key, digest)
    if there is not None:
        return there
    if client.place.mode is None:
        raise _other_bytes(key)
    return put(client, key, data, create=False)  # a new version; the wrong one stays below it


def _adopt_large(
    client: S3Client, pool: ThreadPoolExecutor, path: str, digest: str, size: int
) -> Placed:
    key = object_key(digest)
    demand_length(client.key(key))
    until = wanted_until(client)
    there = client.glance(key)
    if there is not None and _bytes_are(client, key, there, digest, size):
        return with_lock(client, key, _placed(digest, size, there), until)
    if there is not None and client.place.mode is None:
        raise _other_bytes(key)
    sums, done = _upload(client, pool, path, (key, digest), size)
    version = done.get("VersionId")
    found = client.head(key, None if version in (None, "null") else version)
    if found["ContentLength"] != size or not _etag_fits(found, sums, client, key, digest):
        raise StoreError(
            f"store: {key} was acknowledged, but the store tells of other bytes",
            code="E-S3-READ-BACK",
            hint="the store or the way to it damages data: have it examined before going on",
        )
    placed = _placed(digest, size, {**found, "ResponseMetadata": done.get("ResponseMetadata", {})})
    return with_lock(client, key, placed, until)


def _upload(
    client: S3Client, pool: ThreadPoolExecutor, path: str, what: tuple[str, str], size: int
) -> tuple[list[Sum], Answer]:
    """All parts, put together. ``what``: key, digest. Begun anew, once, where somebody ended it."""
    key, digest = what
    for again in (True, False):
        try:
            upload, have = _begin(client, key)
            sums = _send_parts(client, pool, path, (key, upload, digest), have)
            return sums, _complete(client, key, upload, sums, size)
        except StoreError as error:
            if not again or error.__cause__ is None or code_of(error.__cause__) != "NoSuchUpload":
                raise
    raise AssertionError("not reached")


def _bytes_are(client: S3Client, key: str, there: Answer, digest: str, size: int) -> bool:
    """Reads all of it: rare, and a name alone proves nothing."""
    if there["ContentLength"] != size:
        return False
    found = hashlib.sha256()
    with open_object(client, key, _version(there)) as stream:
        while piece := stream.read(PART_BYTES):
            found.update(piece)
    return found.hexdigest() == digest


def _begin(client: S3Client, key: str) -> tuple[str, Parts]:
    """An upload to go on with and the parts that are there, or a new one and none."""
    open_ones = [u for u in _uploads(client, key) if u["Key"] == client.key(key)]
    for upload in sorted(open_ones, key=lambda u: u["Initiated"], reverse=True):
        return upload["UploadId"], _parts(client, key, upload["UploadId"])
    answer = client.call(
        "create_multipart_upload",
        key,
        Key=client.key(key),
        ContentType="application/octet-stream",
    )
    return answer["UploadId"], {}


def _send_parts(
    client: S3Client,
    pool: ThreadPoolExecutor,
    path: str,
    upload: tuple[str, str, str],
    have: Parts,
) -> list[Sum]:
    """Send what is missing. ``upload``: key, id, digest.

    The file is hashed on the way: nothing is completed that is not what its name says.
    """
    key, identifier, digest = upload
    running: set[Future[Sum]] = set()
    parts: list[Future[Sum]] = []
    whole = hashlib.sha256()
    try:
        with translating(key), open(path, "rb") as stream:
            while data := stream.read(PART_BYTES):
                if len(running) >= THREADS:
                    ended, running = wait(running, return_when=FIRST_COMPLETED)
                    for future in ended:
                        future.result()
                where = (identifier, len(parts) + 1)
                there = have.get(where[1])
                parts.append(pool.submit(_send_part, client, key, where, data, there))
                running.add(parts[-1])
                whole.update(data)
        sums = [future.result() for future in parts]
    finally:
        for future in running:
            future.cancel()
        wait(running)
    if whole.hexdigest() != digest:
        _abort(client, client.key(key), identifier)
        raise _spool_damaged(digest)
    return sums


def _send_part(
    client: S3Client, key: str, where: tuple[str, int], data: bytes, there: tuple[str, int] | None
) -> Sum:
    md5 = hashlib.md5(data, usedforsecurity=False).digest()
    if there == (md5.hex(), len(data)):
        return md5, there[0]
    answer = client.call(
        "upload_part",
        key,
        Key=client.key(key),
        UploadId=where[0],
        PartNumber=where[1],
        Body=data,
        ContentMD5=base64.b64encode(md5).decode(),
    )
    if etag_is_md5(answer) and etag_in(answer) != md5.hex():
        raise StoreError(
            f"store: part {where[1]} of {key} arrived as something else",
            code="E-S3-READ-BACK",
            hint="run the same command again: what arrived well is not sent again",
        )
    return md5, etag_in(answer)


def _complete(client: S3Client, key: str, upload: str, sums: list[Sum], size: int) -> Answer:
    """Repeated after an unknown outcome it answers the same, or the object is found done."""
    names = [
        {"PartNumber": number, "ETag": sums[number - 1][1]} for number in range(1, len(sums) + 1)
    ]

    def look(_: Patience | None = None) -> Answer | None:
        found = client.glance(key)
        if found is None or found["ContentLength"] != size:
            return None
        return found if etag_in(found) == _etag_of(sums) or not etag_is_md5(found) else None

    def act() -> Answer:
        try:
            return client.once(
                "complete_multipart_upload",
                Key=client.key(key),
                UploadId=upload,
                MultipartUpload={"Parts": names},
            )
        except Exception as error:  # whatever it was, the part may have arrived
            found = look() if code_of(error) == "NoSuchUpload" else None
            if found is None:
                raise
            return found

    return client.write(act, look, key)


def _etag_fits(found: Answer, sums: list[Sum], client: S3Client, key: str, digest: str) -> bool:
    if etag_is_md5(found):
        return etag_in(found) == _etag_of(sums)
    return _bytes_are(client, key, found, digest, found["ContentLength"])


def _etag_of(sums: list[Sum]) -> str:
    """ETag = MD5(MD5(part 1) ‖ … ‖ MD5(part n)) "-" n"""
    joined = b"".join(md5 for md5, _ in sums)
    return f"{hashlib.md5(joined, usedforsecurity=False).hexdigest()}-{len(sums)}"


def _placed(digest: str, size: int, answer: Answer) -> Placed:
    lock = lock_in(answer)
    version, etag = _version(answer), etag_in(answer)
    return Placed(digest, size, version, lock.mode, lock.until, etag, request_in(answer))


def _version(answer: Answer) -> str | None:
    version = answer.get("VersionId")
    return None if version in (None, "null") else str(version)


# ---- uploads in parts ----------------------------------------------------------------------------


def _uploads(client: S3Client, prefix: str) -> Iterator[Answer]:
    more: dict[str, str] = {}
    while True:
        page = client.call("list_multipart_uploads", prefix, Prefix=client.key(prefix), **more)
        yield from page.get("Uploads", [])
        if not page.get("IsTruncated"):
            return
        more = {
            "KeyMarker": page["NextKeyMarker"],
            "UploadIdMarker": page.get("NextUploadIdMarker", ""),
        }


def _parts(client: S3Client, key: str, upload: str) -> Parts:
    return {
        part["PartNumber"]: (etag_in(part), part["Size"])
        for part in _listed_parts(client, client.key(key), upload)
    }


def _newest_part(client: S3Client, upload: Answer) -> datetime:
    """When something came last to an upload; to one that is gone meanwhile, now."""
    began: datetime = upload["Initiated"]
    try:
        parts = _listed_parts(client, upload["Key"], upload["UploadId"])
        times: list[datetime] = [part["LastModified"] for part in parts]
        return max([began, *times])
    except StoreError as error:
        if error.__cause__ is None or code_of(error.__cause__) != "NoSuchUpload":
            raise
        return datetime.now(UTC)


def _listed_parts(client: S3Client, full_key: str, upload: str) -> Iterator[Answer]:
    marker = 0
    while True:
        page = client.call(
            "list_parts", full_key, Key=full_key, UploadId=upload, PartNumberMarker=marker
        )
        yield from page.get("Parts", [])
        if not page.get("IsTruncated"):
            return
        marker = page["NextPartNumberMarker"]


def _abort(client: S3Client, full_key: str, upload: str) -> None:
    try:
        client.call("abort_multipart_upload", full_key, Key=full_key, UploadId=upload)
    except StoreError as error:
        if error.__cause__ is None or code_of(error.__cause__) != "NoSuchUpload":
            raise


def _spool_damaged(digest: str) -> StoreError:
    return StoreError(
        f"the bytes on their way in changed on the local disk ({digest})",
        code="E-SPOOL-DAMAGED",
        hint="check the disk; then run the same command again",
    )


def _other_bytes(key: str) -> StoreError:
    return StoreError(
        f"store: {key} is there with other bytes than its name says",
        code="E-S3-DIFFERS",
        hint="run `evidence-vault fixity`",
    )
