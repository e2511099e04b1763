"""The table of leaks by format in docs/strip-table.md, from measured rows.

    python -m tests.strip.table [--jobs N] [--rows FILE [FILE …]] [--check]

Without ``--rows`` the whole corpus is measured first (an hour on one core); with it, rows that
``python -m tests.strip.corpus --rows FILE`` wrote are taken; of two rows on one file the later
counts. ``--check`` only says whether the page holds this table. The status is 1 when anything
leaks, or the page differs.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from tests.strip.corpus import NOT_UNDERSTOOD, Row, all_names, rows
from tests.strip.hunt.decoded import DIFFERENT, SAME

PAGE = Path(__file__).resolve().parents[2] / "docs" / "strip-table.md"
START, END = "<!-- measured: make strip-table -->", "<!-- end of what was measured -->"
FORMATS = {
    "image/jpeg": "JPEG",
    "image/png": "PNG",
    "image/gif": "GIF",
    "image/webp": "WebP",
    "image/tiff": "TIFF",
    "image/x-tiff-big": "BigTIFF",
    "image/heic": "HEIC, HEIF",
    "image/heif": "HEIC, HEIF",
    "image/avif": "AVIF",
    "image/svg+xml": "SVG",
    "video/mp4": "MP4, M4A",
    "audio/mp4": "MP4, M4A",
    "video/quicktime": "MOV",
    "video/3gpp": "3GP",
    "video/3gpp2": "3GP",
    "audio/mpeg": "MP3",
    "audio/flac": "FLAC",
    "audio/ogg": "Ogg",
    "audio/x-wav": "WAV",
    "audio/x-aiff": "AIFF",
    "application/pdf": "PDF",
    "wordprocessingml.document": "DOCX",
    "spreadsheetml.sheet": "XLSX",
    "presentationml.presentation": "PPTX",
    "oasis.opendocument": "OpenDocument",
    "message/rfc822": "EML",
    "application/zip": "ZIP",
    "application/json": "text, CSV, JSON",
    "text/": "text, CSV, JSON",
}
OTHER = "all other kinds"


def format_of(row: Row) -> str:
    """The line of the table that a row counts in."""
    if row.outcome == NOT_UNDERSTOOD:
        return OTHER
    return next((name for mime, name in FORMATS.items() if mime in row.mime), OTHER)


def table(found: Iterable[Row]) -> str:
    """The table in Markdown."""
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in found:
        groups[format_of(row)].append(row)
    lines = [
        "| format | files | clean | not clean | could not be checked | tell of people, places or "
        "devices | leaks by ExifTool | leaks by a second parser | leaks by byte search | decoded "
        "the same by another decoder | copy of the copy the same |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    names = [*dict.fromkeys(FORMATS.values()), OTHER]
    lines += [_line(name, groups[name]) for name in names if groups[name]]
    lines.append(_line("**all**", [row for group in groups.values() for row in group]))
    return "\n".join(lines) + "\n"


def _line(name: str, group: list[Row]) -> str:
    clean = [row for row in group if row.outcome == "clean"]
    unclean = sum(row.outcome == "not-clean" for row in group)
    same = sum(row.decoded == SAME for row in clean)
    compared = same + sum(row.decoded == DIFFERENT for row in clean)
    cells = [
        len(group),
        len(clean),
        unclean,
        len(group) - len(clean) - unclean,
        sum(bool(row.secrets or row.places) for row in clean),
        sum(bool(row.by_exiftool) for row in clean),
        sum(bool(row.by_second) for row in clean),
        sum(bool(row.by_search) for row in clean),
        f"{same} of {compared}" if compared else "–",
        f"{sum(row.again == 'same' for row in clean)} of {len(clean)}" if clean else "–",
    ]
    return f"| {name} | " + " | ".join(map(str, cells)) + " |"


def read(paths: list[Path]) -> list[Row]:
    """Rows of these files; a later row on a file takes the place of an earlier one."""
    found: dict[str, Row] = {}
    for path in paths:
        for line in path.read_text(encoding="utf-8").splitlines():
            row = Row(**json.loads(line))
            found[row.file] = row
    return list(found.values())


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--rows", type=Path, nargs="+")
    parser.add_argument("--check", action="store_true")
    chosen = parser.parse_args(arguments)
    found = read(chosen.rows) if chosen.rows else list(rows(all_names(), chosen.jobs))
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(START)
    _, _, after = rest.partition(END)
    new = f"{before}{START}\n\n{table(found)}\n{END}{after}"
    leaking = [row for row in found if row.leaks]
    for row in leaking:
        print(f"LEAK {row.file}: {'; '.join(row.leaks)[:400]}")
    if chosen.check:
        return int(bool(leaking) or new != page)
    PAGE.write_text(new, encoding="utf-8")
    return int(bool(leaking))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
