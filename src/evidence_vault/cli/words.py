"""Numbers and lists in plain words, for every text form."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from evidence_vault.core.text import escape_for_display

NOT_ENCRYPTED = "This vault is NOT encrypted: whoever has the disk reads everything."
UNKNOWN = "unknown"


def size(count: int) -> str:
    """Bytes in decimal units: 512 bytes, 3.4 MB."""
    if count < 1000:
        return "1 byte" if count == 1 else f"{count} bytes"
    value = float(count)
    for unit in ("kB", "MB", "GB", "TB"):
        value /= 1000
        if value < 999.95 or unit == "TB":
            break
    return f"{value:.1f} {unit}"


def duration(seconds: float) -> str:
    """Seconds in words: 40 s, 5 min, 2 h 10 min."""
    whole = max(0, round(seconds))
    if whole < 90:
        return f"{whole} s"
    minutes = round(whole / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def number(count: int, one: str, many: str | None = None) -> str:
    """``1 file``, ``3 files``."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def shown(value: Any) -> str:
    """A value from evidence or from a person, safe for a terminal; None is ``unknown``."""
    if value is None or value == [] or value == "":
        return UNKNOWN
    if isinstance(value, list):
        return "; ".join(shown(each) for each in value)
    if isinstance(value, dict):
        if "value" in value and "precision" in value:
            basis = value.get("basis")
            return shown(value["value"]) + (f" ({shown(basis)})" if basis else "")
        return ", ".join(f"{shown(str(k))} {shown(v)}" for k, v in value.items())
    return escape_for_display(str(value))


def heading(words: Sequence[str] | str) -> str:
    """Fingerprint words as they are read aloud."""
    return words if isinstance(words, str) else " ".join(words)


def block(title: str, lines: Iterable[str]) -> list[str]:
    """A title and its lines, indented; nothing at all when there are no lines."""
    inner = [f"  {line}" for line in lines]
    return [title, *inner] if inner else []


def notices(given: Iterable[str]) -> list[str]:
    """What must not be overlooked, one a line."""
    return [f"Note: {shown(each)}" for each in given]


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns parted by two spaces, the last one unpadded."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row[:-1], widths[:-1], strict=True)]
        lines.append("  ".join([*cells, row[-1]]).rstrip())
    return lines


def typed_program() -> str:
    """What to type to run this program again: its name, or its path where that isn't found."""
    found = shutil.which("evidence-vault")
    used = Path(sys.argv[0])
    if found is not None and Path(found).resolve() == used.resolve():
        return "evidence-vault"
    if used.name == "evidence-vault":
        return shlex.quote(str(used.absolute()))
    return f"{shlex.quote(sys.executable)} -m evidence_vault"
