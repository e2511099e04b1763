"""Spreadsheets as lists of sources: one row, one file with its fields."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from evidence_vault.capture.sheet import read_sheet
from evidence_vault.capture.sources import Refusal, Source, walk

Refuse = Callable[[bytes, str, str, str], None]


def sheet_sources(
    sheet: Path, exclude: Sequence[Path], refuse: Refuse
) -> Iterator[tuple[Source | Refusal, dict[str, Any]]]:
    """Sources a sheet names, each with the parsed fields of its row.

    A row with problems is refused by its number, and the others go on. Raises FormatError when
    the sheet itself can't be read.
    """
    for row in read_sheet(sheet):
        label = os.fsencode(f"{sheet.name} row {row.number}")
        if row.problems:
            refuse(label, "E-SHEET-ROW", "; ".join(row.problems), "correct this row and run again")
            continue
        if not row.path:
            refuse(label, "E-SHEET-ROW", "the column file is empty", "name the row's file")
            continue
        path = os.path.join(os.fsencode(sheet.parent), os.fsencode(row.path))
        if os.path.isdir(path):
            refuse(label, "E-SHEET-ROW", "the column file names a folder", "one row, one file")
            continue
        for found in walk([path], exclude=exclude):
            yield found, dict(row.fields)
