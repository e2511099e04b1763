"""Every file of the corpus of some types through the strip: what came of it, in a table.

    python -m tests.strip.walk image/jpeg [--verbose]

Types are MIME types or their first parts (``image``). The table by format of docs/strip-table.md
is made from the same rows.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evidence_vault.capture.formats import HEAD_SIZE, TAIL_SIZE, identify
from evidence_vault.capture.strip.maker import CopyMaker


def shared_folder() -> Path:
    """Where the corpus lies: EVIDENCE_VAULT_SHARED or ``../shared``."""
    named = os.environ.get("EVIDENCE_VAULT_SHARED")
    return Path(named) if named else Path(__file__).parents[2].parent / "shared"


def mime_of(path: Path) -> str:
    """What a file is by its content."""
    data = path.read_bytes()
    return identify(data[:HEAD_SIZE], data[-TAIL_SIZE:], len(data)).mime


def corpus_files(*types: str) -> list[tuple[Path, str]]:
    """(path, MIME type) of the corpus files of these types, sorted."""
    corpus = shared_folder() / "corpus"
    found = []
    for path in sorted(corpus.rglob("*")):
        if path.is_file() and path.parent != corpus:
            mime = mime_of(path)
            if any(mime == each or mime.startswith(each + "/") for each in types):
                found.append((path, mime))
    return found


def walk(files: list[tuple[Path, str]]) -> Iterator[tuple[Path, str, dict[str, Any]]]:
    """(path, MIME type, report) of each."""
    with CopyMaker() as maker:
        for path, mime in files:
            copy = maker.make(path)
            maker.forget(copy)
            yield path, mime, copy.report


def main(arguments: list[str]) -> None:
    verbose = "--verbose" in arguments
    types = [each for each in arguments if not each.startswith("-")]
    tally: Counter[tuple[str, str]] = Counter()
    for path, mime, report in walk(corpus_files(*types)):
        tally[mime, report["outcome"]] += 1
        if verbose or report["outcome"] != "clean":
            reasons = "; ".join(report["reasons"])[:300]
            print(f"{report['outcome']:12} {path.parent.name}/{path.name}: {reasons}", flush=True)
    for (mime, outcome), count in sorted(tally.items()):
        print(f"{mime:60} {outcome:12} {count}")


if __name__ == "__main__":
    main(sys.argv[1:])
