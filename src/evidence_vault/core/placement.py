"""What a store says of bytes that were put into it: where they lie and how they are locked.

An S3 archive answers with a version, and locks it (Object Lock); a folder answers with neither.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from evidence_vault.core.canonical import is_hex
from evidence_vault.core.shapes import is_count
from evidence_vault.errors import FormatError

GOVERNANCE, COMPLIANCE = "GOVERNANCE", "COMPLIANCE"
MODES = (GOVERNANCE, COMPLIANCE)
#: Beyond this a lock wraps around in some stores (2^32 seconds after 1970) and protects nothing.
LAST_DATE = "2106-02-06T00:00:00Z"

_TIME = re.compile(r"[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]Z\Z")
_MEMBERS = {"etag", "mode", "request", "sha256", "size", "until", "version"}


@dataclass(frozen=True, slots=True)
class Lock:
    """The lock of one version as the store tells it.

    ``mode``: GOVERNANCE or COMPLIANCE, None without retention; ``until``: UTC,
    ``YYYY-MM-DDTHH:MM:SSZ``; ``hold``: whether a legal hold is on.
    """

    mode: str | None = None
    until: str | None = None
    hold: bool = False


@dataclass(frozen=True, slots=True)
class Placed:
    """One stored object and the store's answer, read back.

    ``digest``: SHA-256 (hex) of its bytes, ``size`` in bytes. ``version``: the store's id of
    these bytes, None where it keeps none. ``mode``, ``until``: as in :class:`Lock`. ``etag`` and
    ``request``: what the store answered, for the record only.
    """

    digest: str
    size: int
    version: str | None = None
    mode: str | None = None
    until: str | None = None
    etag: str | None = None
    request: str | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "etag": self.etag,
            "mode": self.mode,
            "request": self.request,
            "sha256": self.digest,
            "size": str(self.size),
            "until": self.until,
            "version": self.version,
        }

    @staticmethod
    def from_json(value: Any) -> Placed:
        """Raises FormatError for anything that :meth:`to_json` does not give."""
        good = (
            isinstance(value, dict)
            and set(value) == _MEMBERS
            and is_hex(value["sha256"], 64)
            and isinstance(value["size"], str)
            and value["size"].isdecimal()
            and is_count(int(value["size"]))
            and value["mode"] in (None, *MODES)
            and (value["until"] is None or is_time(value["until"]))
            and all(
                value[name] is None or isinstance(value[name], str)
                for name in ("etag", "request", "version")
            )
        )
        if not good:
            raise FormatError("a stored object is not told as docs/format-entry.md says")
        return Placed(
            value["sha256"],
            int(value["size"]),
            value["version"],
            value["mode"],
            value["until"],
            value["etag"],
            value["request"],
        )


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """One version of a key in a store that keeps them, as it lists them.

    ``deleted``: a delete marker, which hides what lies below it and holds no bytes. ``size`` in
    bytes; ``modified``: UTC, ``YYYY-MM-DDTHH:MM:SSZ``.
    """

    key: str
    version: str
    deleted: bool
    latest: bool
    size: int
    etag: str
    modified: str


def is_time(value: Any) -> bool:
    """A UTC time as this program writes it."""
    return isinstance(value, str) and _TIME.match(value) is not None
