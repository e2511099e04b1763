"""Where a root on S3 is: ``s3://BUCKET[/PREFIX]?endpoint=…&region=…&profile=…&lock=…&days=…``.

Exactly one spelling for each place, but for the order of the parameters. No escapes, and nothing
that is a secret: credentials come by the usual AWS chain, ``profile`` names one of its profiles.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from evidence_vault.core.placement import COMPLIANCE, GOVERNANCE, LAST_DATE
from evidence_vault.errors import UsageError

_SCHEME = "s3://"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\Z")
_PREFIX = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*\Z")
_ENDPOINT = re.compile(r"https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(:[1-9][0-9]{0,4})?\Z")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}\Z")
_DAYS = re.compile(r"[1-9][0-9]{0,4}\Z")
_LOCKS = {"compliance": COMPLIANCE, "governance": GOVERNANCE}
_LONGEST_PREFIX = 200
_PARAMETERS = ("endpoint", "region", "profile", "lock", "days")


@dataclass(frozen=True, slots=True)
class Place:
    """A bucket, and what is needed to speak to it.

    ``prefix``: without slashes at its ends, empty for the whole bucket. ``mode``: GOVERNANCE or
    COMPLIANCE, None without Object Lock; ``days``: how long each object is locked from its
    writing on, 0 without Object Lock.
    """

    bucket: str
    prefix: str = ""
    endpoint: str | None = None
    region: str | None = None
    profile: str | None = None
    mode: str | None = None
    days: int = 0


def is_url(place: str) -> bool:
    """Whether a place of ``vault.toml`` is a URL rather than a path."""
    return "://" in place


def format_place(place: Place) -> str:
    """The inverse of :func:`parse_place`."""
    lock = place.mode.lower() if place.mode else None
    days = str(place.days) if place.mode else None
    values = (place.endpoint, place.region, place.profile, lock, days)
    query = "&".join(f"{k}={v}" for k, v in zip(_PARAMETERS, values, strict=True) if v)
    path = f"/{place.prefix}" if place.prefix else ""
    return f"{_SCHEME}{place.bucket}{path}" + (f"?{query}" if query else "")


def parse_place(text: str) -> Place:
    """Raises UsageError (E-PLACE), never repeating what may be a secret."""
    if not text.startswith(_SCHEME):
        raise _bad("a place in object storage begins with s3://")
    rest, question, query = text.removeprefix(_SCHEME).partition("?")
    bucket, slash, prefix = rest.partition("/")
    if "@" in rest or ":" in rest:
        raise _bad("credentials don't belong into a place: name a profile", _CREDENTIALS)
    if not _BUCKET.match(bucket):
        raise _bad("the name of the bucket has 3 to 63 small letters, digits, dots and hyphens")
    if slash and (not _PREFIX.match(prefix) or len(prefix) > _LONGEST_PREFIX):
        raise _bad("what follows the bucket is not a plain path, without a slash at its end")
    return _with_parameters(bucket, prefix, _parameters(query) if question else {})


def retain_until(days: int, now: datetime | None = None) -> str:
    """The end of a lock of ``days`` from now, UTC. Raises UsageError beyond LAST_DATE."""
    moment = (now or datetime.now(UTC)) + timedelta(days=days, seconds=1)
    until = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    demand_date(until)
    return until


def demand_date(until: str) -> None:
    """Raises UsageError (E-LOCK-DATE) for a date that some stores would turn into one long past."""
    if until > LAST_DATE:
        raise UsageError(
            f"a lock until {until} may not be kept: some stores count no further than {LAST_DATE}",
            code="E-LOCK-DATE",
            hint="choose an earlier date; it can be moved on later",
        )


_CREDENTIALS = (
    "put them into the AWS credentials file under a profile, and write profile=NAME in the place"
)


def _with_parameters(bucket: str, prefix: str, given: dict[str, str]) -> Place:
    for name, pattern in (("endpoint", _ENDPOINT), ("region", _WORD), ("profile", _WORD)):
        if name in given and not pattern.match(given[name]):
            if "@" in given[name]:
                raise _bad("credentials don't belong into a place: name a profile", _CREDENTIALS)
            raise _bad(f"{name}= is not written as it must be", "endpoint=https://HOST[:PORT]")
    if ("lock" in given) != ("days" in given):
        raise _bad("lock= and days= go together")
    mode, days = None, 0
    if "lock" in given:
        mode = _LOCKS.get(given["lock"])
        if mode is None:
            raise _bad("lock= is compliance or governance")
        if not _DAYS.match(given["days"]):
            raise _bad("days= is a whole number from 1 on")
        days = int(given["days"])
        retain_until(days)
    return Place(
        bucket,
        prefix,
        given.get("endpoint"),
        given.get("region"),
        given.get("profile"),
        mode,
        days,
    )


def _parameters(query: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in query.split("&"):
        name, equals, value = pair.partition("=")
        if name not in _PARAMETERS or not equals or not value:
            what = f"{name}=" if re.fullmatch(r"[a-z_-]{1,20}", name) else "one"
            raise _bad(f"a parameter of the place is not known: {what}", _CREDENTIALS)
        if name in found:
            raise _bad(f"{name}= stands twice in the place")
        found[name] = value
    return found


def _bad(what: str, hint: str = "") -> UsageError:
    form = "s3://BUCKET[/PREFIX]?endpoint=URL&region=R&profile=P&lock=compliance|governance&days=N"
    return UsageError(what, code="E-PLACE", hint=hint or f"write {form}")
