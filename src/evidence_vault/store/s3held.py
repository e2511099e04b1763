"""Small objects under a legal hold that can be destroyed soon after it ends: copies of headers.

A bucket under Object Lock gives every version the lock of its default, for years. One that is sent
with a lock of its own gets that instead, so these are sent with the shortest that is of use, in one
request: locks given with an upload in parts are dropped by some stores.
"""

from __future__ import annotations

import base64
import hashlib

from evidence_vault.core.placement import GOVERNANCE, Lock, Placed
from evidence_vault.errors import NotFound, StoreError
from evidence_vault.store.s3client import (
    Answer,
    Patience,
    S3Client,
    etag_in,
    lock_in,
    request_in,
)
from evidence_vault.store.s3place import demand_date
from evidence_vault.store.s3write import demand_length


def put_held(client: S3Client, key: str, data: bytes, until: str) -> Placed:
    """Written once, under a legal hold and a GOVERNANCE lock until then; read back.

    Raises StoreError: E-S3-READ-BACK, E-S3-NO-LOCK, E-S3-UNKNOWN.
    """
    demand_length(client.key(key))
    demand_date(until)
    parameters = {
        "Key": client.key(key),
        "Body": data,
        "ContentMD5": base64.b64encode(_md5(data)).decode(),
        "ContentType": "application/octet-stream",
        "ObjectLockLegalHoldStatus": "ON",
        "ObjectLockMode": GOVERNANCE,
        "ObjectLockRetainUntilDate": until,
    }

    def look(patience: Patience) -> Answer | None:
        """What was sent before, if it lies on top; anything else is another version below ours."""
        try:
            found, answer = client.read(key, patience=patience)
        except NotFound:
            return None
        return answer if found == data else None

    sent = client.write(lambda: client.once("put_object", **parameters), look, key)
    version = sent.get("VersionId")
    found, answer = client.read(key, version)
    if found != data:
        raise StoreError(
            f"store: {key} was acknowledged, but what comes back is not what was sent",
            code="E-S3-READ-BACK",
            hint="the store or the way to it damages data: have it examined before going on",
        )
    if version is None or lock_in(answer) != Lock(GOVERNANCE, until, True):
        raise StoreError(
            f"store: {key} was written, but not held as it should be: {lock_in(answer)}",
            code="E-S3-NO-LOCK",
            hint="the bucket must have Object Lock; have its settings examined before going on",
        )
    digest = hashlib.sha256(data).hexdigest()
    return Placed(digest, len(data), version, GOVERNANCE, until, etag_in(answer), request_in(sent))


def _md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()
