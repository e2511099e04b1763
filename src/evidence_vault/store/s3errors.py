"""What goes wrong with object storage, in the store's own errors.

Nothing of what the library says is repeated but the store's own error code and status: its texts
may hold addresses, headers and identities.
"""

from __future__ import annotations

from typing import Any

from evidence_vault.errors import NotFound, StoreError

UNREACHABLE = "E-S3-UNREACHABLE"
UNKNOWN = "E-S3-UNKNOWN"

_ABSENT = {"NoSuchKey", "NoSuchVersion"}
_DENIED = {
    *("AccessDenied", "AllAccessDisabled", "InvalidAccessKeyId", "SignatureDoesNotMatch"),
    *("AccountProblem", "InvalidSecurity", "403", "401"),
}
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "InvalidToken"}
_FULL = {"QuotaExceeded", "InsufficientStorage", "XMinioStorageFull", "StorageFull", "507"}
_PASSING = {
    *("SlowDown", "ServiceUnavailable", "InternalError", "RequestTimeout", "Throttling"),
    *("ThrottlingException", "TooManyRequests", "OperationAborted", "ConcurrentModification"),
    *("BadDigest", "XAmzContentSHA256Mismatch", "IncompleteBody", "ConditionalRequestConflict"),
}
#: botocore's own exceptions, by name: the library is not loaded before it is needed.
_NOT_SENT = {"EndpointConnectionError", "ConnectTimeoutError", "ProxyConnectionError"}
_CUT = {
    *("ReadTimeoutError", "ConnectionClosedError", "IncompleteReadError", "HTTPClientError"),
    *("ResponseStreamingError", "ConnectionError", "ProtocolError"),
}
_NO_CREDENTIALS = {
    *("NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError"),
    *("ProfileNotFound", "ConfigParseError", "ConfigNotFound", "NoAuthTokenError"),
}
_STALE = {"UnauthorizedSSOTokenError", "SSOTokenLoadError", "TokenRetrievalError"}


def code_of(error: BaseException) -> str:
    """The store's error code, such as ``NoSuchKey``; empty for anything but an answer of it."""
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code") or "") if isinstance(response, dict) else ""


def status_of(error: BaseException) -> int:
    """The HTTP status; 0 where there was no answer."""
    response: Any = getattr(error, "response", None)
    if not isinstance(response, dict):
        return 0
    return int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def is_passing(error: BaseException) -> bool:
    """Whether the same request may do better a moment later."""
    if status_of(error):
        code = code_of(error)
        server = status_of(error) >= 500 and code not in _FULL and status_of(error) != 501
        return code in _PASSING or server or status_of(error) == 429
    names = {kind.__name__ for kind in type(error).__mro__}
    return bool(names & (_NOT_SENT | _CUT)) and "SSLError" not in names


def may_have_happened(error: BaseException) -> bool:
    """Whether a write that ended so can have been done all the same."""
    return is_passing(error) and type(error).__name__ not in _NOT_SENT


def store_error(error: BaseException, key: str) -> StoreError:
    """``key``: what the request was about, for the message."""
    code, status = code_of(error), status_of(error)
    if code in _ABSENT:
        return NotFound(f"{key} is not in the store")
    if code == "NoSuchBucket":
        return _error("E-S3-NO-BUCKET", f"the bucket is not there ({key})", _CHECK_PLACE)
    if code in _EXPIRED or type(error).__name__ in _STALE:
        return _error("E-S3-EXPIRED", f"the credentials have expired ({key})", _RENEW)
    if code == "RequestTimeTooSkewed":
        return _error("E-S3-CLOCK", "the store refuses the time of this machine", _CLOCK)
    if code in _FULL or status == 507:
        return _error("E-S3-QUOTA", f"the object store is full or the quota used up ({key})", _ROOM)
    if type(error).__name__ in _NO_CREDENTIALS:
        return _error("E-S3-DENIED", "there are no credentials for the object store", _PROFILE)
    if code in _DENIED or status in (401, 403):
        said = f" ({code}, {key})" if code and not code.isdigit() else f" ({key})"
        return _error("E-S3-DENIED", f"the object store refuses these credentials{said}", _RIGHTS)
    if is_passing(error) or not status:
        return _unreachable(error, key, code, status)
    said = f"{code} {status}".strip()
    return _error("E-S3-ANSWER", f"the object store refused: {said} ({key})", _DOCTOR)


def _unreachable(error: BaseException, key: str, code: str, status: int) -> StoreError:
    if status:
        said = f"keeps answering {status} {code}".rstrip()
        return _error(UNREACHABLE, f"the object store {said} ({key})", _LATER)
    names = {kind.__name__ for kind in type(error).__mro__}
    if "SSLError" in names:
        what = f"the certificate of the object store is not accepted ({key})"
        return _error(UNREACHABLE, what, "name its CA bundle with AWS_CA_BUNDLE=FILE")
    return _error(UNREACHABLE, f"the object store does not answer ({key})", _LATER)


def _error(code: str, message: str, hint: str) -> StoreError:
    return StoreError(f"store: {message}", code=code, hint=hint)


_CHECK_PLACE = "check the name of the bucket and the endpoint in vault.toml"
_RENEW = "get new ones (for example `aws sso login`), then run the same command again"
_CLOCK = "set the clock of this machine right (NTP), then run the same command again"
_ROOM = "make room there or have the quota raised, then run the same command again"
_PROFILE = "check the profile in vault.toml and the AWS credentials file or AWS_… variables"
_RIGHTS = "check the profile in vault.toml, and what its user may do with this bucket"
_LATER = "check the network and the store; then run the same command again"
_DOCTOR = "run `evidence-vault doctor`"
