"""A hunt for leaks in the copies of the whole corpus, independent of what made them.

    python -m tests.strip.corpus [--jobs N] [--rows FILE] [NAME …]

Of capture/strip only CopyMaker is used. Each original and its copy are read by ExifTool and a
second parser, every secret of the original is searched for in all bytes of the copy, both are
decoded once more, and a copy of the copy must be the same bytes. ``--rows`` gets a JSON line for
each file, from which tests/strip/table.py makes the table in docs/strip-table.md.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.strip.hunt import bytesearch, decoded, exiftool, second
from tests.strip.hunt.secrets import gather

from evidence_vault.capture.formats import HEAD_SIZE, TAIL_SIZE, identify
from evidence_vault.capture.strip.maker import CopyMaker

NOT_UNDERSTOOD = "not understood"


@dataclass
class Row:
    """What was measured of one file. ``secrets``: how many values and places the original tells.

    Only a row with outcome ``clean`` has more than the first four members.
    """

    file: str
    mime: str
    outcome: str
    reasons: list[str]
    secrets: int = 0
    places: int = 0
    by_exiftool: list[str] = field(default_factory=list)
    second: str = ""
    by_second: list[str] = field(default_factory=list)
    by_search: list[str] = field(default_factory=list)
    visible: list[str] = field(default_factory=list)
    decoder: str = ""
    decoded: str = ""
    again: str = ""

    @property
    def leaks(self) -> list[str]:
        return [*self.by_exiftool, *self.by_second, *self.by_search]


def corpus_folder() -> Path:
    """Where the corpus lies: EVIDENCE_VAULT_SHARED or ``../shared``."""
    named = os.environ.get("EVIDENCE_VAULT_SHARED")
    shared = Path(named) if named else Path(__file__).parents[2].parent / "shared"
    return shared / "corpus"


def corpus_files() -> list[Path]:
    """Every file that somebody else's device or program made; no lists about them."""
    corpus = corpus_folder()
    found = (path for path in corpus.rglob("*") if path.is_file() and path.parent != corpus)
    return sorted(path for path in found if "expected" not in path.parts)


def mime_of(path: Path) -> str:
    """What a file is by its content."""
    data = path.read_bytes()
    return identify(data[:HEAD_SIZE], data[-TAIL_SIZE:], len(data)).mime


def hunt(path: Path, name: str, maker: CopyMaker) -> Row:
    """Make the copy and look for leaks in it."""
    mime = mime_of(path)
    made = maker.make(path)
    outcome, reasons = made.report["outcome"], made.report["reasons"]
    if any(each.startswith(f"files of type {mime} are not understood") for each in reasons):
        outcome = NOT_UNDERSTOOD
    row = Row(name, mime, outcome, reasons)
    if made.path is None:
        return row
    tags, left = exiftool.read(path, made.path)
    found = gather(path, mime, tags)
    row.secrets, row.places = len(found.texts) + len(found.raw), len(found.positions)
    row.by_exiftool = exiftool.left(left, mime)
    row.second, row.by_second = second.look(made.path, mime)
    row.by_search, row.visible = bytesearch.hunt(found, made.path, mime)
    row.decoder, row.decoded = decoded.compare(path, made.path, mime)
    again = maker.make(made.path)
    if again.path is None:
        row.again = str(again.report["outcome"])
    else:
        row.again = "same" if again.path.read_bytes() == made.path.read_bytes() else "different"
    maker.forget(again)
    maker.forget(made)
    return row


_MAKERS: list[CopyMaker] = []


def _start() -> None:
    _MAKERS.append(CopyMaker())


def _one(name: str) -> Row:
    return hunt(corpus_folder() / name, name, _MAKERS[0])


def rows(names: list[str], jobs: int) -> Iterator[Row]:
    """A row for each of these files of the corpus."""
    with ProcessPoolExecutor(jobs, initializer=_start) as pool:
        yield from pool.map(_one, names)


def all_names() -> list[str]:
    """The files of the corpus as rows name them."""
    return [path.relative_to(corpus_folder()).as_posix() for path in corpus_files()]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--rows", type=Path)
    chosen = parser.parse_args(arguments)
    tally: Counter[tuple[str, str]] = Counter()
    leaks = 0
    lines = []
    for row in rows(chosen.names or all_names(), chosen.jobs):
        tally[row.mime, row.outcome] += 1
        leaks += bool(row.leaks)
        lines.append(json.dumps(asdict(row), ensure_ascii=True, sort_keys=True))
        told = {
            "LEAK": row.leaks,
            "ANOTHER DECODER": [row.decoder] if row.decoded == decoded.DIFFERENT else [],
            "COPY OF THE COPY": [row.again] if row.again not in ("", "same") else [],
            "NOT CLEAN": row.reasons if row.outcome == "not-clean" else [],
        }
        for word, what in told.items():
            if what:
                print(f"{word} {row.file}: {'; '.join(what)[:600]}", flush=True)
    if chosen.rows:
        chosen.rows.write_text("\n".join(lines) + "\n", encoding="utf-8")
    for (mime, outcome), count in sorted(tally.items()):
        print(f"{mime:60} {outcome:16} {count}")
    return int(leaks > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
