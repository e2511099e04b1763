"""Spreadsheets as lists of sources: one row, one file with its fields."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from evidence_vault.capture.sheet import read_sheet
from evidence_vault.capture.sources import Refusal, Source, walk

Refuse = Callable[[bytes, str, str, str], None]


def sheet_sources(
    sheet: Path, exclude: Sequence[Path], refuse: Refuse
) -> Iterator[tuple[Source | Refusal, dict[str, Any]]]:
    """Sources a sheet names, each with the parsed fields of its row.

    The relative path of a source is that of its row, so that two files of one name stay two. A
    row with problems, or whose file can't be taken, is refused by its number and path, and the
    others go on. Raises UsageError when the sheet itself can't be read.
    """
    folder = os.path.abspath(os.fsencode(sheet.parent))
    for row in read_sheet(sheet):
        label = os.fsencode(f"{sheet.name} row {row.number}")
        if row.problems:
            refuse(label, "E-SHEET-ROW", "; ".join(row.problems), "correct this row and run again")
            continue
        if not row.path:
            refuse(label, "E-SHEET-ROW", "the column file is empty", "name the row's file")
            continue
        path = os.path.join(folder, os.fsencode(row.path))
        relative = _relative(path, folder)
        if os.path.isdir(path) and not os.path.islink(path):
            reason = "the column file names a folder"
            refuse(label + b": " + relative, "E-SHEET-ROW", reason, "one row, one file")
            continue
        for found in walk([path], exclude=exclude):
            told = relative if isinstance(found, Source) else label + b": " + relative
            yield replace(found, relative=told), dict(row.fields)


def _relative(path: bytes, folder: bytes) -> bytes:
    """A row's path below the sheet's folder; of one outside it, what follows the common part."""
    try:
        relative = os.path.relpath(path, folder)
    except ValueError:  # another drive
        relative = os.path.splitdrive(path)[1].lstrip(os.fsencode(os.sep))
    above = os.fsencode(os.pardir + os.sep)
    while relative.startswith(above):
        relative = relative[len(above) :]
    return relative.replace(os.fsencode(os.sep), b"/")
