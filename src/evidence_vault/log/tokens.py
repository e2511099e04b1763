"""What an item is looked for by: tokens of its searchable values, and of a question.

A token is a number of 31 bits made from a letter for the kind and a value. Every item that meets a
condition has the tokens of that condition; some that don't meet it have them, too (a hash that
two values share, letters in another order), so what is found by tokens is looked at again.

    N, T, P    one, two and three characters in a row of the name, of title and description, of the
               place, with what core/searchkey.py keeps of each; A-Z as a-z
    C, S, A    case, code of the source, accession
    D          the first eight digits of the SHA-512
    Z, X       the place as it stands; its first six characters (state or region of a P-code)
    Y, M       years and months that ``occurred_at`` touches; W where it touches too many
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from operator import add
from typing import Any
from zlib import crc32

#: Texts of each kind.
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "N": ("name", "key_name"),
    "T": ("title", "description", "key_title", "key_description"),
    "P": ("place", "key_place"),
}
READ = ("id", "sha512", *chain(*COLUMNS.values()), "occurred_at", "source_code", "accession")
MOST_GRAMS = 24  # of one text that is looked for; it is looked at again anyway
DIGITS = 8  # of a SHA-512
_MOST_CODES = 48
_MOST_MONTHS = 24
_MOST_YEARS = 60
_MONTH = re.compile(r"([0-9]{4})(?:-(0[1-9]|1[0-2])(?:[-T].*)?)?", re.DOTALL)

#: Of a question: each list is met by any of its sets, and a set by all of its tokens.
Clause = list[frozenset[int]]


def number(token: str) -> int:
    return crc32(token.encode("utf-8", "surrogatepass")) & 0x7FFFFFFF


def lowered(text: str) -> str:
    """A-Z as a-z and nothing else, as SQLite's LIKE compares."""
    if text.isascii():
        return text.lower()
    return text.encode("utf-8", "surrogatepass").lower().decode("utf-8", "surrogatepass")


class Numbers(dict[str, int]):
    """Numbers of the tokens of one kind, each reckoned once in a batch."""

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def __missing__(self, value: str) -> int:
        self[value] = found = number(self._kind + value)
        return found


class Tokens:
    """The tokens of many items."""

    def __init__(self) -> None:
        self._kinds = {kind: Numbers(kind) for kind in "NTPCSADZXYMW"}

    def of(self, row: Mapping[str, Any], cases: Iterable[str]) -> set[int]:
        """Every token of an item. ``row``: columns READ of index_item."""
        found = {self._kinds["C"][case] for case in cases}
        for kind, columns in COLUMNS.items():
            grams: set[str] = set()
            for column in columns:
                if value := row.get(column):
                    text = lowered(value)
                    pairs = list(map(add, text, text[1:]))
                    grams.update(text, pairs, map(add, pairs, text[2:]))
            found.update(map(self._kinds[kind].__getitem__, grams))
        found.add(self._kinds["D"][row["sha512"][:DIGITS]])
        if row.get("source_code") is not None:
            found.add(self._kinds["S"][row["source_code"]])
        if row.get("accession") is not None:
            found.add(self._kinds["A"][row["accession"]])
        if (place := row.get("place")) is not None:
            found |= {self._kinds["Z"][place], self._kinds["X"][place[:6]]}
        if row.get("occurred_at") is not None:
            found.update(self._kinds[t[0]][t[1:]] for t in _dates(row["occurred_at"]))
        return found


# -- questions -------------------------------------------------------------------------------------


def exact(kind: str, value: str) -> Clause:
    return [frozenset([number(kind + value)])]


def holding(kinds: str, texts: Sequence[str]) -> Clause | None:
    """One of ``texts`` in a text of one of these kinds; None: every item may have it."""
    clause: Clause = []
    for text in dict.fromkeys(map(lowered, texts)):
        grams = _grams(text)
        if not grams:
            return None
        clause += [frozenset(number(kind + gram) for gram in grams) for kind in kinds]
    return clause


def coded(codes: Sequence[str]) -> Clause:
    """One of these places, by code."""
    names = {f"Z{code}" for code in codes}
    if len(names) > _MOST_CODES:
        names = {f"X{code[:6]}" for code in codes}
    return [frozenset([number(name)]) for name in sorted(names)]


def dated(date: str) -> Clause | None:
    """A moment in common with a date or interval; None: every item may have one."""
    span = _span(date)
    if span is None:
        return None
    first, last = span
    if last - first < _MOST_MONTHS:
        names = [f"M{month}" for month in range(first, last + 1)]
    elif last // 12 - first // 12 < _MOST_YEARS:
        names = [f"Y{year}" for year in range(first // 12, last // 12 + 1)]
    else:
        return None
    return [frozenset([number(name)]) for name in ("W", *names)]


def _grams(text: str) -> list[str]:
    size = min(3, len(text))
    if not size:
        return []
    found = list(dict.fromkeys(text[i : i + size] for i in range(len(text) - size + 1)))
    step = -(-len(found) // MOST_GRAMS)
    return found[::step]


def _dates(date: str) -> set[str]:
    span = _span(date)
    if span is None or span[1] - span[0] >= _MOST_MONTHS:
        return {"W"}
    first, last = span
    years = {f"Y{year}" for year in range(first // 12, last // 12 + 1)}
    return years | {f"M{month}" for month in range(first, last + 1)}


def _span(date: str) -> tuple[int, int] | None:
    """First and last month of a date or interval, counted from year 0; None when it is no date.

    Of an interval that runs backwards the months between: what overlaps it covers them all.
    """
    start, slash, end = date.partition("/")
    bounds = [_MONTH.fullmatch(start), _MONTH.fullmatch(end if slash else start)]
    if bounds[0] is None or bounds[1] is None:
        return None
    ends = []
    for match, missing in zip(bounds, ("01", "12"), strict=True):
        assert match is not None
        ends.append(int(match[1]) * 12 + int(match[2] or missing) - 1)
    return min(ends), max(ends)
