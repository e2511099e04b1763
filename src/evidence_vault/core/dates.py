"""Dates as people know them: a year, a month, a day, a minute, or between two of these.

A small part of EDTF (ISO 8601-2) with one spelling. No day is ever invented: ``2026-03`` stays a
month. What two readers could take for two days (``03/04/2025``) is refused.
"""

from __future__ import annotations

import re
from datetime import datetime

PRECISIONS = ("year", "month", "day", "minute", "second")

_DATE = re.compile(
    r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2})"
    r"(?:T([0-9]{2}):([0-9]{2})(?::([0-9]{2}))?(Z|[+-][0-9]{2}:[0-9]{2})?)?)?)?"
)
_NUMBERS = re.compile(r"\s*([0-9]{1,4})\s*[-/. ]\s*([0-9]{1,2})\s*[-/. ]\s*([0-9]{1,4})\s*")
_EXPECTED = "write 2025, 2025-04, 2025-04-03, 2025-04-03T14:30 (optional :SS and Z or +06:30)"


def parse_date(text: str) -> str:
    """The precision of one date: ``year``, ``month``, ``day``, ``minute`` or ``second``.

    Raises ``ValueError`` with a sentence that says what to write instead.
    """
    match = _DATE.fullmatch(text)
    if match is None:
        raise ValueError(_why_not(text))
    year, month, day, hour, minute, second, zone = match.groups()
    try:
        datetime(
            int(year),
            int(month or 1),
            int(day or 1),
            int(hour or 0),
            int(minute or 0),
            int(second or 0),
        )
    except ValueError as error:
        raise ValueError(f"there is no such date or time ({error})") from error
    if zone not in (None, "Z") and (
        zone == "-00:00" or int(zone[1:3]) > 14 or int(zone[4:]) not in (0, 15, 30, 45)
    ):
        raise ValueError(f"{zone} is not a time zone; write Z or an offset such as +06:30")
    known = sum(part is not None for part in (month, day, minute, second))
    return PRECISIONS[known]


def parse_period(text: str) -> str:
    """The precision of a date or of an interval ``A/B`` (the coarser of its two ends).

    Raises ``ValueError`` as :func:`parse_date`, and where an interval ends before it starts.
    """
    if "/" not in text or _NUMBERS.fullmatch(text):
        return parse_date(text)
    start, _, end = text.partition("/")
    try:
        found = [PRECISIONS.index(parse_date(part)) for part in (start, end)]
    except ValueError as error:
        raise ValueError(f"in an interval START/END: {error}") from error
    common = min(len(_civil(start)), len(_civil(end)))
    if _civil(start)[:common] > _civil(end)[:common] and _zone(start) == _zone(end):
        raise ValueError("the interval ends before it starts")
    return PRECISIONS[min(found)]


def _civil(text: str) -> str:
    """The date without its zone: texts of this form sort as the times they name."""
    return re.sub(r"(Z|(?<=:[0-9]{2})[+-][0-9]{2}:[0-9]{2})$", "", text)


def _zone(text: str) -> str:
    return text[len(_civil(text)) :]


def _why_not(text: str) -> str:
    numbers = _NUMBERS.fullmatch(text)
    if numbers is None:
        return f"not a date in a known form; {_EXPECTED}"
    first, second, third = (int(each) for each in numbers.groups())
    if first > 99:
        year, pairs = first, [(second, third)]
    else:
        year = third if third > 99 else 2000 + third
        pairs = [(second, first), (first, second)]
    readings = [
        f"{year:04d}-{month:02d}-{day:02d}"
        for month, day in dict.fromkeys(pairs)
        if 1 <= month <= 12 and 1 <= day <= 31
    ]
    if not readings:
        return f"not a date in a known form; {_EXPECTED}"
    if len(readings) == 1:
        return f"write {readings[0]}, if that is the day meant"
    return f"ambiguous: write {readings[0]} or {readings[1]}, whichever day is meant"
