"""Buckets made and tried (stand-in until the branch s3store brings its own)."""

from __future__ import annotations

import contextlib
import secrets

from evidence_vault.errors import AlreadyExists, NotFound, StoreError
from evidence_vault.store.s3client import S3Client
from evidence_vault.store.s3place import Place
from evidence_vault.store.s3write import put


def prepare_buckets(archive: Place, control: Place) -> list[str]:
    made = []
    for place in (archive, control):
        client = S3Client(place)
        try:
            client.call("head_bucket", "bucket")
        except StoreError as error:
            if not (
                isinstance(error, NotFound) or error.code == "E-S3-NO-BUCKET" or "404" in str(error)
            ):
                raise
            more = {"ObjectLockEnabledForBucket": True} if place.mode else {}
            client.call("create_bucket", "bucket", **more)
            made.append(place.bucket)
    client = S3Client(control)
    key = f"probe-{secrets.token_hex(8)}"
    put(client, key, b"probe")
    with contextlib.suppress(AlreadyExists):
        put(client, key, b"probe")
        raise StoreError("the control bucket has no create-only writes", code="E-S3-NO-CREATE")
    client.call("delete_object", key, Key=client.key(key))
    return made
