"""``index.csv``: one line for every chosen item, exported or withheld and why, and the totals.

    item,home,outcome,reason,original,receipt
    QVRM-0000042,copper-meadow-lantern-4417,exported,,data/QVRM-0000042.jpg,receipts/…
    QVRM-0000043,copper-meadow-lantern-4417,withheld,under hold,,receipts/…
    TOTAL,2,exported,1,withheld,1

The last line counts chosen, exported and withheld items.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator

from evidence_vault.bundle.model import BundleItem
from evidence_vault.core.text import escape_for_display, spreadsheet_safe

COLUMNS = ("item", "home", "outcome", "reason", "original", "receipt")


def index_csv(items: Iterable[BundleItem]) -> Iterator[bytes]:
    """The file, line by line: UTF-8, LF, cells that a spreadsheet takes for text."""
    exported = withheld = 0
    yield csv_line(COLUMNS)
    for item in items:
        if item.withheld is None:
            exported += 1
        else:
            withheld += 1
        yield csv_line(
            (
                item.id,
                item.home,
                "exported" if item.withheld is None else "withheld",
                item.withheld or _copy_note(item),
                "" if item.statement is not None else item.payload_path or "",
                item.receipt_path,
            )
        )
    total = str(exported + withheld)
    yield csv_line(("TOTAL", total, "exported", str(exported), "withheld", str(withheld)))


def _copy_note(item: BundleItem) -> str:
    return "" if item.statement is None else f"share copy without metadata: {item.payload_path}"


def csv_line(cells: Iterable[str]) -> bytes:
    """One line of CSV (RFC 4180, but ended by LF), each cell shown as text and never run."""
    line = io.StringIO()
    safe = [spreadsheet_safe(escape_for_display(cell)) for cell in cells]
    csv.writer(line, lineterminator="\n").writerow(safe)
    return line.getvalue().encode("utf-8")
