"""The cells of a CSV or XLSX file as text, bounded in every direction."""

from __future__ import annotations

import codecs
import csv
import os
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from evidence_vault.core.text import escape_for_display
from evidence_vault.errors import UsageError

ROW_LIMIT = 1_000_000
COLUMN_LIMIT = 200
#: Bytes of a CSV, and of all members of an XLSX unpacked.
FILE_LIMIT = 1 << 30
#: An XLSX that unpacks to more than this, and to more than 200 times its size, is a bomb.
_SMALL = 64 << 20
_RATIO = 200

#: What a damaged or hostile workbook makes openpyxl raise; it documents no list.
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    SyntaxError,
    EOFError,
    OverflowError,
    NotImplementedError,
)


@dataclass(frozen=True, slots=True)
class Row:
    """The cells of one row as text ("" for an empty one), and what is wrong with some."""

    number: int
    cells: list[str]
    problems: tuple[str, ...] = ()


# -- CSV ---------------------------------------------------------------------------------------


def read_csv(path: Path) -> Iterator[Row]:
    """Rows of a CSV in UTF-8 or, with a byte order mark, UTF-16; bytes beyond that are named.

    The separator (comma, semicolon, tab) is the one that finds a column ``file`` in row 1.
    """
    if os.path.getsize(path) > FILE_LIMIT:
        raise refused(path, f"larger than {FILE_LIMIT} bytes")
    with open(path, "rb") as raw:
        start = raw.read(65_536)
    encoding, errors = _encoding(start)
    separator = _separator(start, encoding)
    with open(path, encoding=encoding, errors=errors, newline="") as lines:
        rows = csv.reader(lines, delimiter=separator, strict=True)
        number = 0
        while True:
            number += 1
            if number > ROW_LIMIT + 1:
                yield Row(number, [], (f"more than {ROW_LIMIT} rows; the rest was not read",))
                return
            try:
                cells = next(rows)
            except StopIteration:
                return
            except csv.Error as error:
                yield Row(number, [], (f"not CSV: {error}",))
                if "limit" in str(error):  # a quote never closed: what follows is no row
                    return
                continue
            yield _csv_row(number, cells)


def _encoding(start: bytes) -> tuple[str, str]:
    """The encoding, and what marks bytes that don't fit it (lone surrogates, or U+FFFD)."""
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16", "replace"
    return "utf-8-sig", "surrogateescape"


def _separator(start: bytes, encoding: str) -> str:
    first = re.split(r"\r\n|\r|\n", start.decode(encoding, "replace"), maxsplit=1)[0]
    for separator in (",", ";", "\t"):
        names = next(csv.reader([first], delimiter=separator), [])
        if len(names) > 1 and "file" in (name.strip() for name in names):
            return separator
    return ","


def _csv_row(number: int, cells: list[str]) -> Row:
    if len(cells) > COLUMN_LIMIT:
        return Row(number, [], (f"more than {COLUMN_LIMIT} columns",))
    problems = [
        f"column {at}: not UTF-8 text; save the sheet as 'CSV UTF-8' or as XLSX"
        for at, cell in enumerate(cells, start=1)
        if re.search("[\ud800-\udfff]", cell)
    ]
    return Row(number, [] if problems else cells, tuple(problems))


# -- XLSX --------------------------------------------------------------------------------------


def read_xlsx(path: Path) -> Iterator[Row]:
    """Rows of the first page of an XLSX; formulas, errors and fractions are problems by cell."""
    from openpyxl import load_workbook

    _refuse_bombs(path)
    try:
        book = load_workbook(path, read_only=True, data_only=False, keep_links=False)
    except _DAMAGED as error:
        raise refused(path, f"not a workbook that can be read ({error})") from error
    with closing(book):
        try:
            sheet = book.worksheets[0]
            sheet.reset_dimensions()
            rows = sheet.iter_rows(max_row=ROW_LIMIT + 2, max_col=COLUMN_LIMIT + 1)
            for number, cells in enumerate(rows, start=1):
                if number > ROW_LIMIT + 1:
                    problem = f"more than {ROW_LIMIT} rows; the rest was not read"
                    yield Row(number, [], (problem,))
                    return
                yield _xlsx_row(number, cells)
        except _DAMAGED as error:
            raise refused(path, f"damaged workbook ({error})") from error


def _xlsx_row(number: int, cells: tuple[Any, ...]) -> Row:
    texts: list[str] = []
    problems: list[str] = []
    for cell in cells:
        try:
            texts.append(_cell_text(cell))
        except ValueError as error:
            texts.append("")
            problems.append(f"cell {cell.coordinate}: {error}")
    while texts and not texts[-1]:
        texts.pop()
    if len(texts) > COLUMN_LIMIT:
        problems.append(f"more than {COLUMN_LIMIT} columns")
    return Row(number, texts[:COLUMN_LIMIT], tuple(problems))


def _cell_text(cell: Any) -> str:
    """A cell as the text it was meant to be. Raises ``ValueError`` where that is a guess."""
    value = cell.value
    if value is None:
        return ""
    if cell.data_type == "f":
        raise ValueError("a formula; give its value instead")
    if cell.data_type == "e":
        raise ValueError(f"the error value {escape_for_display(str(value))}")
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        raise ValueError("true/false; format the cell as text")
    if isinstance(value, int):
        return _digits(value, cell.number_format)
    if isinstance(value, datetime | date):
        return _date_text(value, cell.number_format)
    raise ValueError("a number with a fraction, or a duration; format the cell as text")


def _digits(value: int, number_format: str) -> str:
    """The digits as shown; a format of zeros (``0000``) shows leading ones."""
    if abs(value) >= 10**15:
        raise ValueError("a number of more than 15 digits, which a spreadsheet rounds")
    width = len(number_format) if re.fullmatch("0+", number_format) else 0
    return str(value).zfill(width)


def _date_text(value: datetime | date, number_format: str) -> str:
    """ISO 8601, no more precise than the cell's format shows (``mmm yy`` is a month)."""
    shown = re.sub(r'"[^"]*"|\\.|\[[^\]]*\]', "", number_format).lower()
    if "h" in shown and isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S" if "s" in shown else "%Y-%m-%dT%H:%M")
    if "d" in shown:
        return value.strftime("%Y-%m-%d")
    return value.strftime("%Y-%m" if "m" in shown else "%Y")


def _refuse_bombs(path: Path) -> None:
    """Look at the declared sizes first; ``zipfile`` never unpacks more than was declared."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            total = sum(member.file_size for member in members)
            packed = os.path.getsize(path)
            if len(members) > 10_000 or total > FILE_LIMIT or total > max(_SMALL, packed * _RATIO):
                raise refused(path, f"unpacks to {total} bytes; too much for a sheet")
            for member in members:
                with archive.open(member) as stream:
                    if b"<!DOCTYPE" in stream.read(4096).replace(b"\0", b""):
                        raise refused(path, "its XML declares a document type, as attacks do")
    except (*_DAMAGED, RuntimeError) as error:
        raise refused(path, f"not an XLSX file ({error})") from error


def refused(path: Path, reason: str) -> UsageError:
    """Why a file is not taken for a sheet: which, what is wrong, what to do."""
    return UsageError(
        f"the sheet {escape_for_display(os.fspath(path))}: {reason}",
        code="E-SHEET",
        hint="correct its name, or save it anew as XLSX or 'CSV UTF-8'; "
        "`ingest --sheet-template FILE` writes an empty one",
    )
