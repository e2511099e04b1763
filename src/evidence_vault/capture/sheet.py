"""A spreadsheet of evidence: one row a file, with what is known about it.

A bad row is reported and does not sink the others; a bad header, or a file that is no sheet,
sinks the whole, because then no row can be trusted. Nothing is repaired by guessing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evidence_vault.capture.sheetcells import Row, read_csv, read_xlsx, refused
from evidence_vault.core.fields import FIELDS, parse_fields
from evidence_vault.core.text import escape_for_display
from evidence_vault.errors import UsageError

#: The column that names the file; all others are fields.
FILE_COLUMN = "file"
CELL_LIMIT = 32_767

_COLUMNS = (FILE_COLUMN, *FIELDS)


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One row. ``number`` as the spreadsheet program shows it (the header is row 1).

    ``path``: the file, absolute or below the sheet's folder; ``None`` where the row names none.
    ``problems``: sentences; with any of them the row must not be taken in.
    """

    number: int
    path: bytes | None
    fields: dict[str, Any] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


def read_sheet(path: str | os.PathLike[str]) -> Iterator[SheetRow]:
    """The rows of a CSV or XLSX sheet; empty rows are passed over.

    Raises :class:`UsageError` at the first row asked for if it can't be read as a sheet
    (``E-SHEET``), or if its columns are not known ones.
    """
    path = Path(path)
    reader = _reader(path)
    try:
        rows = reader(path)
        columns = _columns(next(rows, None), path)
        folder = os.path.dirname(os.path.abspath(os.fsencode(path)))
        seen: dict[bytes, int] = {}
        for row in rows:
            if any(cell for cell in row.cells) or row.problems:
                yield _parse_row(row, columns, folder, seen)
    except OSError as error:
        raise refused(path, error.strerror or str(error)) from error


def write_template(path: str | os.PathLike[str]) -> None:
    """A sheet with the header and no rows, CSV or XLSX by the name; never over another file.

    The CSV starts with a byte order mark, so that Excel takes it for UTF-8. The XLSX has its
    columns formatted as text, so that Excel leaves dates and codes alone, and explains the
    fields on a second page. Raises :class:`UsageError`.
    """
    path = Path(path)
    _reader(path)
    try:
        with open(path, "xb") as out:
            if path.suffix.lower() == ".csv":
                out.write(("\ufeff" + ",".join(_COLUMNS) + "\r\n").encode("utf-8"))
            else:
                _write_xlsx(out)
    except FileExistsError as error:
        raise UsageError(f"{_shown(path)} exists already", hint="give another name") from error
    except OSError as error:
        raise UsageError(f"{_shown(path)}: {error.strerror or error}") from error


def _reader(path: Path) -> Any:
    readers = {".csv": read_csv, ".tsv": read_csv, ".xlsx": read_xlsx}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise UsageError(f"{_shown(path)}: a sheet is named .csv or .xlsx", hint="save it as XLSX")
    return reader


def _columns(header: Row | None, path: Path) -> tuple[str, ...]:
    """The names of the columns, "" for those without a header."""
    if header is None or header.problems:
        raise refused(path, header.problems[0] if header else "there is nothing in it")
    names = tuple(cell.strip() for cell in header.cells)
    known = "known columns: " + ", ".join(_COLUMNS)
    unknown = [escape_for_display(name) for name in names if name and name not in _COLUMNS]
    if unknown:
        raise UsageError(f"{_shown(path)}: unknown columns: {', '.join(unknown)}", hint=known)
    if FILE_COLUMN not in names:
        raise UsageError(f"{_shown(path)}: there is no column 'file'", hint=known)
    twice = {name for name in names if name and names.count(name) > 1}
    if twice:
        raise UsageError(f"{_shown(path)}: columns that come twice: {', '.join(sorted(twice))}")
    return names


def _parse_row(
    row: Row, columns: tuple[str, ...], folder: bytes, seen: dict[bytes, int]
) -> SheetRow:
    problems = list(row.problems)
    given: dict[str, str | list[str]] = {}
    path: bytes | None = None
    for at, cell in enumerate(row.cells):
        name = columns[at] if at < len(columns) else ""
        if not cell:
            continue
        if len(cell) > CELL_LIMIT:
            problems.append(f"column {name or at + 1}: longer than {CELL_LIMIT} characters")
        elif not name:
            problems.append(f"column {at + 1} holds something but has no name in row 1")
        elif name == FILE_COLUMN:
            path = _path(cell, folder, row.number, seen, problems)
        else:
            separator = FIELDS[name].separator
            given[name] = cell.split(separator) if separator else cell
    if path is None and not problems:
        problems.append("column file is empty")
    fields = _fields(given, problems)
    return SheetRow(row.number, path, fields, tuple(problems))


def _path(
    cell: str, folder: bytes, number: int, seen: dict[bytes, int], problems: list[str]
) -> bytes | None:
    if "\0" in cell or "\ufffd" in cell:
        problems.append("file: holds a character that no file name holds")
        return None
    path = os.path.normpath(os.path.join(folder, os.fsencode(cell)))
    if path in seen:
        problems.append(f"file: named already in row {seen[path]}")
    seen.setdefault(path, number)
    return path


def _fields(given: dict[str, str | list[str]], problems: list[str]) -> dict[str, Any]:
    """Parse field by field, so that every problem of a row is named at once."""
    good: dict[str, str | list[str]] = {}
    for name, value in given.items():
        if isinstance(value, list):
            value = [each.strip() if FIELDS[name].separator == ";" else each for each in value]
        beside = {"occurred_at": "2000"} if name == "occurred_basis" else {}
        try:
            parse_fields({**beside, name: value})
        except UsageError as error:
            problems.append(error.message)
        else:
            good[name] = value
    try:
        return parse_fields(good)
    except UsageError as error:
        problems.append(error.message)
        return {}


def _write_xlsx(out: Any) -> None:
    from openpyxl import Workbook
    from openpyxl.styles import Font

    book = Workbook()
    sheet = book.worksheets[0]
    sheet.title = "evidence"
    for number, name in enumerate(_COLUMNS, start=1):
        cell = sheet.cell(row=1, column=number, value=name)
        cell.font = Font(bold=True)
        dimension = sheet.column_dimensions[cell.column_letter]
        dimension.number_format = "@"
        dimension.width = 18
    sheet.freeze_panes = "A2"
    notes = book.create_sheet("how to fill it in")
    notes.append(["column", "what to write", "several values"])
    notes.append([FILE_COLUMN, "path of the file, relative to the folder of this sheet", ""])
    for each in FIELDS.values():
        several = {";": "parted by ;", "\n": "one a line"}.get(each.separator or "", "")
        notes.append([each.name, each.help, several])
    for letter, width in (("A", 18), ("B", 100), ("C", 18)):
        notes.column_dimensions[letter].width = width
    book.save(out)


def _shown(path: Path) -> str:
    return escape_for_display(os.fspath(path))
