"""Buckets of a test's own, made as ``init`` makes them, and emptied afterwards."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.servers.fixtures import S3Server

from evidence_vault.errors import StoreError
from evidence_vault.store.opening import open_store
from evidence_vault.store.s3 import S3Store
from evidence_vault.store.s3client import S3Client
from evidence_vault.store.s3place import Place, parse_place


@contextmanager
def s3_store(
    server: S3Server,
    folder: Path,
    profile: str,
    tls: bool = False,
    mode: str = "governance",
    days: int = 1,
) -> Iterator[S3Store]:
    """A store in a fresh bucket: ``archive`` with Object Lock, ``control`` without."""
    lock: dict[str, Any] = {"lock": mode, "days": days} if profile == "archive" else {}
    text = server.place(profile, tls=tls, **lock)
    client = S3Client(parse_place(text))
    make_bucket(client)
    store = open_store(text, folder, profile)
    assert isinstance(store, S3Store)
    try:
        yield store
    finally:
        store.end_session()
        wipe(client)


def make_bucket(client: S3Client) -> None:
    """With the default retention of its place; ``prepare_buckets`` does more, and takes seconds."""
    place: Place = client.place
    if place.mode is None:
        client.call("create_bucket", "bucket")
        return
    client.call("create_bucket", "bucket", ObjectLockEnabledForBucket=True)
    rule = {"DefaultRetention": {"Mode": place.mode, "Days": place.days}}
    client.call(
        "put_object_lock_configuration",
        "bucket",
        ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule},
    )


def wipe(client: S3Client) -> None:
    """Everything that may be deleted; what is under COMPLIANCE stays until its day."""
    with contextlib.suppress(StoreError):
        for upload in client.call("list_multipart_uploads", "bucket").get("Uploads", []):
            where = {"Key": upload["Key"], "UploadId": upload["UploadId"]}
            client.call("abort_multipart_upload", "bucket", **where)
        while True:
            page = client.call("list_object_versions", "bucket")
            found = page.get("Versions", []) + page.get("DeleteMarkers", [])
            if not found:
                break
            for entry in found:
                where = {"Key": entry["Key"], "VersionId": entry["VersionId"]}
                hold = client.place.mode is not None and "Size" in entry
                if hold:
                    client.call(
                        "put_object_legal_hold", "bucket", LegalHold={"Status": "OFF"}, **where
                    )
                bypass = {"BypassGovernanceRetention": True} if client.place.mode else {}
                client.call("delete_object", "bucket", **where, **bypass)
        client.call("delete_bucket", "bucket")
