"""Moments: the edges of a time bracket, and who says so."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Moment:
    """A time in POSIX seconds. ``basis``: ``token`` (a time authority) or ``countersigner``."""

    time: int
    basis: str
    who: str

    def to_json(self) -> dict[str, Any]:
        return {"basis": self.basis, "by": self.who, "time": utc(self.time)}


def utc(seconds: int) -> str:
    """``YYYY-MM-DDTHH:MM:SSZ`` of POSIX seconds; years beyond 9999 are cut to the last second."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        return "9999-12-31T23:59:59Z"


def gap_seconds(before: Moment | None, after: Moment | None) -> int | None:
    """How far the edges are apart; None when one is missing."""
    return None if before is None or after is None else after.time - before.time


def span(seconds: int) -> str:
    """A length of time in at most two units: ``3 d 4 h``, ``2 h 5 min``, ``40 s``."""
    left = abs(seconds)
    parts: list[str] = []
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        count, left = divmod(left, size)
        if count or (unit == "s" and not parts):
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2])
