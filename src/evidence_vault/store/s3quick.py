"""Reading back with a quarter of the usual work: one GET, signed by the library, sent as it is.

Every payload that is written is read back, so this is half of what the program costs there. What
comes of it is judged by its bytes. Whatever is not plainly an answer is nobody's business here:
the caller then asks the long way, which knows what errors mean and tries again.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import quote

from evidence_vault.store.s3client import Answer, S3Client

_NAMES = {
    "ETag": "etag",
    "VersionId": "x-amz-version-id",
    "ObjectLockMode": "x-amz-object-lock-mode",
    "ObjectLockLegalHoldStatus": "x-amz-object-lock-legal-hold",
    "ServerSideEncryption": "x-amz-server-side-encryption",
    "SSECustomerAlgorithm": "x-amz-server-side-encryption-customer-algorithm",
}
_UNTIL = "x-amz-object-lock-retain-until-date"


def quick_read(client: S3Client, key: str, version: str | None) -> tuple[bytes, Answer] | None:
    """All bytes of a small object and an answer as boto3 would give it, of the members that tell
    of version and lock; None where anything is out of the ordinary."""
    from botocore.auth import S3SigV4Auth
    from botocore.awsrequest import AWSRequest

    raw = client.raw
    path = f"{client.place.bucket}/{client.key(key)}"
    url = f"{raw.meta.endpoint_url}/{quote(path, safe='/-_.~')}"
    if version is not None:
        url += f"?versionId={quote(version, safe='-_.~')}"
    try:
        request = AWSRequest(method="GET", url=url)
        credentials = raw._request_signer._credentials.get_frozen_credentials()
        S3SigV4Auth(credentials, "s3", raw.meta.region_name).add_auth(request)
        response = raw._endpoint.http_session.send(request.prepare())
        return None if response.status_code != 200 else (response.content, _answer(response))
    except Exception:  # a broken connection, an unknown date …: the long way says what it is
        return None


def _answer(response: Any) -> Answer:
    headers = response.headers
    answer = {name: headers[known] for name, known in _NAMES.items() if known in headers}
    if _UNTIL in headers:
        answer["ObjectLockRetainUntilDate"] = datetime.fromisoformat(headers[_UNTIL])
    if len(response.content) != int(headers["content-length"]):
        raise ValueError("fewer bytes than were announced")
    return answer
