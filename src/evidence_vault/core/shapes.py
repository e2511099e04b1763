"""Shapes of small values that several formats share: times, origins, numbers.

Each function answers a question about text; the caller raises, naming the line or member.
"""

from __future__ import annotations

import re
from typing import Any

from evidence_vault.core.canonical import MAX_INTEGER

MAX_NAME = 255

_TIME = re.compile(
    r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z"
)
_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}")


def is_time(text: Any) -> bool:
    """True for ``YYYY-MM-DDTHH:MM:SSZ`` (UTC, whole seconds)."""
    return isinstance(text, str) and _TIME.fullmatch(text) is not None


def is_origin(text: Any) -> bool:
    """True for a log origin, which is a signed-note key name: 1-255 bytes, no space, no ``+``.

    Stricter than C2SP: nothing unprintable either, so that an origin can stand on any line.
    """
    return (
        isinstance(text, str)
        and text.isprintable()
        and " " not in text
        and "+" not in text
        and 0 < len(text.encode("utf-8")) <= MAX_NAME
    )


def is_decimal(text: Any) -> bool:
    """True for a whole number from 0 to 19 digits, ASCII, without leading zeroes or sign."""
    return isinstance(text, str) and _NUMBER.fullmatch(text) is not None


def is_count(value: Any) -> bool:
    """True for an integer (not a boolean) from 0 to 2^53 - 1."""
    return type(value) is int and 0 <= value <= MAX_INTEGER
