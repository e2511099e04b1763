"""The two buckets of a new vault: made or examined, and tried before they are trusted."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from evidence_vault.core.placement import COMPLIANCE
from evidence_vault.errors import StoreError, UsageError
from evidence_vault.store.s3client import Answer, S3Client, format_time, lock_in
from evidence_vault.store.s3errors import code_of, status_of
from evidence_vault.store.s3place import Place, format_place

_LOCK_SECONDS = (4, 20)  # of the object that is tried to be deleted; the second on a slow store
_LOCAL = ("localhost", "127.0.0.1", "::1")
_YEAR_DAYS = 365


@dataclass
class Prepared:
    """What was found and tried. ``facts``: JSON-able, ``notices``: sentences for people."""

    facts: dict[str, Any] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)


def prepare_buckets(archive: Place | None, control: Place | None) -> Prepared:
    """Make the buckets that are missing, examine those that exist, and try both.

    None for a root that is a folder. Takes some seconds with Object Lock: an object is locked, its
    deletion is tried, and it is deleted when its lock has ended, so that nothing stays.
    Raises UsageError (E-PLACE, E-NOT-EMPTY, E-S3-NO-LOCK, E-NO-CREATE-ONLY, E-S3-VERSIONED) where
    a bucket is not fit, StoreError where it can't be asked.
    """
    done = Prepared()
    if archive is not None and control is not None:
        _demand_apart(archive, control)
    if control is not None and control.mode is not None:
        raise UsageError("control/ must be deletable: lock= belongs to the archive", code="E-PLACE")
    if control is not None:
        client = S3Client(control)
        done.facts["control"] = _prepare_plain(client)
    if archive is not None:
        client = S3Client(archive)
        done.facts["archive"] = _prepare_locked(client) if archive.mode else _prepare_plain(client)
    _notice(done, [place for place in (archive, control) if place is not None])
    if archive is not None and control is not None:
        if S3Client(archive).access_key() == S3Client(control).access_key():
            done.facts["same_credentials"] = True
            done.notices.append(
                "Both roots use the same credentials: whoever has them can delete control/, and "
                "with it the keys to the whole archive. Give each its own user (profile=)."
            )
        else:
            done.facts["same_credentials"] = False
    return done


# ---- a plain bucket ------------------------------------------------------------------------------


def _prepare_plain(client: S3Client) -> dict[str, Any]:
    made = _make_bucket(client)
    if not made:
        _demand_unversioned(client)
        _demand_empty(client)
    _try_create_only(client)
    return {"bucket": client.place.bucket, "made": made, "versions": False, "create_only": True}


def demand_unversioned(place: Place) -> None:
    """For a bucket from which things must be destroyed. Raises UsageError (E-S3-VERSIONED)."""
    _demand_unversioned(S3Client(place))


def _demand_unversioned(client: S3Client) -> None:
    status = client.call("get_bucket_versioning", "the bucket").get("Status")
    if status:
        raise UsageError(
            f"the bucket keeps versions ({status}): what is deleted there would stay",
            code="E-S3-VERSIONED",
            hint="name a bucket that never had versioning, or one that is not there yet",
        )


def _try_create_only(client: S3Client) -> None:
    """Two writers of a log are kept apart by this alone."""
    key = f"probe-{secrets.token_hex(8)}"
    parameters = {"Key": client.key(key), "IfNoneMatch": "*"}
    client.call("put_object", key, Body=b"1", **parameters)
    try:
        client.call("put_object", key, Body=b"2", **parameters)
    except StoreError as error:
        if error.__cause__ is None or status_of(error.__cause__) != 412:
            raise
    else:
        raise UsageError(
            "the store overwrites an object although it was told to create only (If-None-Match)",
            code="E-NO-CREATE-ONLY",
            hint="two writers would overwrite each other there: choose another store",
        )
    finally:
        client.call("delete_object", key, Key=client.key(key))


# ---- a bucket with Object Lock -------------------------------------------------------------------


def _prepare_locked(client: S3Client) -> dict[str, Any]:
    made = _make_bucket(client, ObjectLockEnabledForBucket=True)
    if made:
        client.call(
            "put_object_lock_configuration",
            "the bucket",
            ObjectLockConfiguration={
                "ObjectLockEnabled": "Enabled",
                "Rule": {
                    "DefaultRetention": {"Mode": client.place.mode, "Days": client.place.days}
                },
            },
        )
    mode, days = _demand_lock(client)
    if not made:
        _demand_empty(client, versions=True)
    _try_lock(client)
    return {
        "bucket": client.place.bucket,
        "made": made,
        "versions": True,
        "lock": mode,
        "days": days,
        "deletion_refused": True,
    }


def _demand_lock(client: S3Client) -> tuple[str, int]:
    """The bucket's default retention (mode, days), at least as strong and long as asked for."""
    place = client.place
    try:
        found = client.call("get_object_lock_configuration", "the bucket")
    except StoreError as error:
        if error.__cause__ is None or status_of(error.__cause__) != 404:
            raise
        if code_of(error.__cause__) == "NoSuchBucket":
            raise
        raise _no_lock("the bucket has no Object Lock, and it can't be turned on later") from error
    rule = found["ObjectLockConfiguration"].get("Rule", {}).get("DefaultRetention", {})
    mode = rule.get("Mode", "")
    days = int(rule.get("Days") or 0) + _YEAR_DAYS * int(rule.get("Years") or 0)
    if mode not in (place.mode, COMPLIANCE) or days < place.days:
        kept = f"{mode}, {days} days" if mode else "none"
        raise _no_lock(f"the bucket's default retention is {kept}; asked for is {_asked(place)}")
    if client.call("get_bucket_versioning", "the bucket").get("Status") != "Enabled":
        raise _no_lock("the bucket keeps no versions")
    return mode, days


def _try_lock(client: S3Client) -> None:
    """An object under a lock of seconds: it must be refused to delete it before, not after."""
    key = f"probe-{secrets.token_hex(8)}"
    for seconds in _LOCK_SECONDS:
        now = _time_of(client.call("head_bucket", "the bucket"))
        end = (now + timedelta(seconds=seconds)).replace(microsecond=0)
        answer = client.call(
            "put_object",
            key,
            Key=client.key(key),
            Body=b"",
            ContentMD5="1B2M2Y8AsgTpgAmY7PhCfg==",
            ObjectLockMode=client.place.mode,
            ObjectLockRetainUntilDate=format_time(end),
        )
        version = answer.get("VersionId")
        if not version:
            raise _no_lock("the bucket keeps no versions")
        lock = lock_in(client.head(key, version))
        if (lock.mode, lock.until) != (client.place.mode, format_time(end)):
            raise _no_lock(f"an object was locked otherwise than asked: {lock.mode} {lock.until}")
        if _is_refused(client, key, version, end):
            _delete_after(client, key, version, end)
            return
    raise _no_lock("a locked object could be deleted")


def _is_refused(client: S3Client, key: str, version: str, end: datetime) -> bool:
    """Whether its deletion is. False when it is done, and the lock had ended by then."""
    try:
        answer = client.call("delete_object", key, Key=client.key(key), VersionId=version)
    except StoreError as error:
        if error.__cause__ is not None and status_of(error.__cause__) == 403:
            return True
        raise
    if _time_of(answer) < end - timedelta(seconds=1):
        raise _no_lock("a locked object could be deleted")
    return False


def _delete_after(client: S3Client, key: str, version: str, end: datetime) -> None:
    """Wait for the end of a lock of seconds by the store's own clock, and delete what it held."""
    for _ in range(10):
        left = (end - _time_of(client.call("head_bucket", "the bucket"))).total_seconds()
        time.sleep(max(left, 0) + 1)
        try:
            client.call("delete_object", key, Key=client.key(key), VersionId=version)
            return
        except StoreError as error:
            if error.__cause__ is None or status_of(error.__cause__) != 403:
                raise


# ---- both ----------------------------------------------------------------------------------------


def _make_bucket(client: S3Client, **parameters: Any) -> bool:
    """True when it was made; False when it was there."""
    try:
        client.call("head_bucket", "the bucket")
        return False
    except StoreError as error:
        if error.__cause__ is None or status_of(error.__cause__) != 404:
            raise
    region = client.place.region or client.raw.meta.region_name  # of the profile, or AWS_REGION
    if client.place.endpoint is None and region and region != "us-east-1":
        parameters["CreateBucketConfiguration"] = {"LocationConstraint": region}
    client.call("create_bucket", "the bucket", **parameters)
    return True


def _demand_empty(client: S3Client, versions: bool = False) -> None:
    prefix = client.key("")
    operation = "list_object_versions" if versions else "list_objects_v2"
    found = client.call(operation, "the bucket", Prefix=prefix, MaxKeys=1)
    if any(found.get(name) for name in ("Contents", "Versions", "DeleteMarkers")):
        raise UsageError(
            f"there is something in {client.place.bucket} already",
            code="E-NOT-EMPTY",
            hint="name another bucket, or a prefix in it: s3://BUCKET/PREFIX?…",
        )


def _demand_apart(archive: Place, control: Place) -> None:
    if (archive.bucket, archive.endpoint) == (control.bucket, control.endpoint):
        raise UsageError(
            "archive and control need a bucket each: one keeps versions, the other must not",
            code="E-PLACE",
            hint="name two buckets",
        )


def _notice(done: Prepared, places: Sequence[Place]) -> None:
    archive = next((place for place in places if place.mode), None)
    if archive is not None:
        done.notices.append(
            "The lock binds whoever uses the store. It does not bind who operates it: they can "
            "delete everything, locked or not. Keep a copy in other hands."
        )
    if archive is not None and archive.mode != COMPLIANCE:
        done.notices.append(
            "With lock=governance, a user with a special right can delete before the date."
        )
    for place in places:
        parts = urlsplit(place.endpoint or "")
        if parts.scheme == "http" and parts.hostname not in _LOCAL:
            done.notices.append(
                f"{place.bucket} is reached over http: whoever is on the way can read what passes."
            )
    done.facts["places"] = [format_place(place) for place in places]


def _asked(place: Place) -> str:
    return f"{place.mode}, {place.days} days"


def _no_lock(what: str) -> UsageError:
    return UsageError(
        what,
        code="E-S3-NO-LOCK",
        hint="name a bucket that is not there yet: it is made with Object Lock",
    )


def _time_of(answer: Answer) -> datetime:
    """The store's own clock, of which our idea may be minutes off."""
    found = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    return parsedate_to_datetime(found) if found else datetime.now(UTC)
