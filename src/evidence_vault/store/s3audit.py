"""What an audit asks an S3 archive: the newest version with its lock, listings, delete markers."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import BinaryIO, NamedTuple

from evidence_vault.core.placement import COMPLIANCE, Lock
from evidence_vault.errors import StoreError
from evidence_vault.store.s3client import Answer, S3Client, lock_in
from evidence_vault.store.s3errors import code_of
from evidence_vault.store.s3reader import FIRST_BYTES, fetch, reader_of

Newest = tuple[str, Lock, int]
_MOST_SKEW = 60  # seconds; S3 refuses requests from about 900 on


def newest(client: S3Client, key: str) -> Newest:
    """Version, lock and size (bytes) of the newest version: one HEAD. Raises NotFound."""
    answer = client.head(key)
    return str(answer.get("VersionId") or ""), lock_in(answer), int(answer["ContentLength"])


def open_newest(client: S3Client, key: str) -> tuple[BinaryIO, str, Lock]:
    """A reader of the newest version, its id, its lock: one GET up to 1 MiB. Raises NotFound."""
    try:
        data, answer = fetch(client, key, 0, FIRST_BYTES, {})
    except StoreError as error:
        if error.__cause__ is None or code_of(error.__cause__) != "InvalidRange":
            raise
        data, answer = client.read(key)  # an empty object has no ranges
        return io.BytesIO(data), str(answer.get("VersionId") or ""), lock_in(answer)
    return reader_of(client, key, data, answer), str(answer.get("VersionId") or ""), lock_in(answer)


def details(client: S3Client, prefix: str) -> Iterator[tuple[str, int, int]]:
    """Full key, size in bytes and time of writing (POSIX seconds) below a folder."""
    more: dict[str, str] = {}
    inside = client.key(f"{prefix}/")
    while True:
        page = client.call("list_objects_v2", prefix, Prefix=inside, **more)
        for found in page.get("Contents", []):
            yield found["Key"], int(found["Size"]), int(found["LastModified"].timestamp())
        if not page.get("IsTruncated"):
            return
        more = {"ContinuationToken": page["NextContinuationToken"]}


# ---- what doctor asks ----------------------------------------------------------------------------


class Told(NamedTuple):
    """One thing about a bucket. ``good``: None when the store would not say."""

    name: str
    good: bool | None
    detail: str
    command: str = ""


def examine(client: S3Client, root: str) -> Iterator[Told]:
    """What can be wrong with a bucket and the way to it. ``root``: archive or control.

    Raises StoreError where the bucket can't be reached at all.
    """
    answer = client.call("head_bucket", "the bucket")
    yield _skew(answer, root)
    if client.place.mode is not None:
        yield from _asked(f"{root}: versions", lambda: _versions(client))
        yield from _asked(f"{root}: default lock", lambda: _default_lock(client))
    else:
        yield from _asked(f"{root}: versions", lambda: _no_versions(client))
    yield from _asked(f"{root}: uploads in parts", lambda: _uploads_open(client))


def same_user(one: S3Client, other: S3Client) -> bool:
    """Whether both use the same credentials."""
    return one.access_key() == other.access_key()


def _asked(name: str, ask: Callable[[], tuple[bool, str, str]]) -> Iterator[Told]:
    try:
        good, detail, command = ask()
    except StoreError as error:
        yield Told(name, None, error.message, error.hint)
        return
    yield Told(name, good, detail, "" if good else command)


def _skew(answer: Answer, root: str) -> Told:
    """The clock here against the one that the store states (±1 s, and the way there and back)."""
    name = f"{root}: clock"
    date = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    if not date:
        return Told(name, None, "the store does not say what time it is")
    seconds = round((datetime.now(UTC) - parsedate_to_datetime(date)).total_seconds())
    detail = f"this machine's clock and the store's differ by {abs(seconds)} s"
    good = abs(seconds) <= _MOST_SKEW
    return Told(name, good, detail, "" if good else "set this machine's clock right (NTP)")


def _versions(client: S3Client) -> tuple[bool, str, str]:
    status = client.call("get_bucket_versioning", "the bucket").get("Status")
    way = "have versioning of the bucket switched on again, then evidence-vault fixity --all"
    return status == "Enabled", f"versioning is {status or 'off'}", way


def _no_versions(client: S3Client) -> tuple[bool, str, str]:
    status = client.call("get_bucket_versioning", "the bucket").get("Status")
    way = "a header that is destroyed would stay: have old versions removed and versioning ended"
    return not status, f"versioning is {status or 'off'}, as it must be", way


def _default_lock(client: S3Client) -> tuple[bool, str, str]:
    """The bucket's own default against the place: it locks what is uploaded in parts."""
    answer = client.call("get_object_lock_configuration", "the bucket")
    rule = answer.get("ObjectLockConfiguration", {}).get("Rule", {}).get("DefaultRetention", {})
    days = int(rule.get("Days", 0)) + 365 * int(rule.get("Years", 0))
    place = client.place
    weaker = place.mode == COMPLIANCE and rule.get("Mode") != COMPLIANCE
    good = bool(rule) and not weaker and days >= place.days
    found = f"{rule.get('Mode')}, {days} days" if rule else "no default lock"
    way = f"have the bucket's default retention set to {place.mode}, {place.days} days"
    return good, f"{found}; vault.toml says {place.mode}, {place.days} days", way


def _uploads_open(client: S3Client) -> tuple[bool, str, str]:
    page = client.call("list_multipart_uploads", "objects/", Prefix=client.key("objects/"))
    begun = [upload["Initiated"] for upload in page.get("Uploads", [])]
    old = sum(1 for each in begun if datetime.now(UTC) - each > timedelta(days=1))
    way = "run `evidence-vault doctor` again: uploads older than a day are ended by it"
    return not old, f"{len(begun)} unfinished, {old} of them older than a day", way
