"""Cells of the load file: what fits, what a spreadsheet would run, how the exact value survives.

A cell never starts a formula and holds nothing that acts on a screen, as in index.csv. Import
programs must not lose by that, so wherever a cell differs from the value, rows named
``<label> (exact)`` give the value as a JSON string: it begins with a quotation mark.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator

from evidence_vault.core.dates import parse_period
from evidence_vault.core.text import escape_for_display, spreadsheet_safe

TEXT_LIMIT = 255
MEMO_LIMIT = 64_000
_CUT_TEXT = "…"
_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T.*)?\Z")

#: theCategory, theLabel, theValue, memoValue
Row = tuple[str, str, str, str]


def csv_record(cells: Iterable[str]) -> bytes:
    """One record: UTF-8, RFC 4180 with CRLF; an empty cell is nothing at all between commas."""
    record = io.StringIO()
    csv.writer(record, lineterminator="\r\n").writerow(cells)
    return record.getvalue().encode("utf-8")


def width(text: str) -> int:
    """Characters as a database of the load file counts them: UTF-16 code units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def cut(text: str, limit: int) -> str:
    """The longest beginning of ``text`` that is no wider than ``limit``; no character is halved."""
    if width(text) <= limit:
        return text
    wide = 0
    for place, character in enumerate(text):
        wide += 2 if ord(character) > 0xFFFF else 1
        if wide > limit:
            return text[:place]
    return text


def cell(value: str) -> str:
    """A value as one line that is safe to open anywhere; what does not fit is cut."""
    safe = _safe(value)
    return safe if width(safe) <= TEXT_LIMIT else cut(safe, TEXT_LIMIT - 1) + _CUT_TEXT


def _safe(value: str) -> str:
    return spreadsheet_safe(escape_for_display(value))


def value_rows(category: str, label: str, value: str) -> Iterator[Row]:
    """A value under a label: TEXT, PICK … where it is short, MEMO where it is long, then exactly.

    An exact value that is wider than a memo goes on in rows ``<label> (exact, 2)``, ``…3``.
    """
    if category != "MEMO" and "\n" not in value and width(_safe(value)) <= TEXT_LIMIT:
        shown = cell(value)
        yield category, label, shown, ""
    else:
        shown = memo(value, f"[cut here: the whole value stands under '{label} (exact)']")
        yield "MEMO", label, "", shown
    if shown != value:
        yield from exact_rows(label, value)


def exact_rows(label: str, value: str) -> Iterator[Row]:
    """The value as one JSON string. Wider than a memo it is parted; later parts begin with …"""
    rest, number = json_string(value), 1
    while rest:
        lead = "" if number == 1 else _CUT_TEXT
        part = cut(rest, MEMO_LIMIT - len(lead))
        name = f"{label} (exact)" if number == 1 else f"{label} (exact, {number})"
        yield "MEMO", name, "", lead + part
        rest, number = rest[len(part) :], number + 1


def memo(text: str, note: str) -> str:
    """Several lines, each safe to show; beyond the limit whole lines go, and the note says so."""
    safe = spreadsheet_safe("\n".join(escape_for_display(line) for line in text.split("\n")))
    if width(safe) <= MEMO_LIMIT:
        return safe
    kept = cut(safe, MEMO_LIMIT - width(note) - 1)
    whole_lines, line_end, _ = kept.rpartition("\n")
    return f"{whole_lines if line_end else kept}\n{note}"


def json_string(value: str) -> str:
    """A JSON string of visible characters: what acts on a screen is written ``\\uXXXX``."""
    quoted = json.dumps(value, ensure_ascii=False)
    return "".join(c if escape_for_display(c) == c else json.dumps(c)[1:-1] for c in quoted)


def day(expression: str) -> str:
    """``DD-MMM-YYYY`` where a date names one day, else nothing; no day is invented.

    An interval names one day if it begins and ends on it.
    """
    try:
        parse_period(expression)
    except ValueError:
        return ""
    named = {_DAY.match(part) and part[:10] for part in expression.split("/")}
    found = named.pop()
    if named or found is None:
        return ""
    year, month, number = found.split("-")
    return f"{number}-{_MONTHS[int(month) - 1]}-{year}"
