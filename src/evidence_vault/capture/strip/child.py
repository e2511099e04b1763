"""The process in which parsers meet one hostile file: a job on standard input, a report out.

A job is a JSON object with ``source``, ``target``, ``folder`` and ``names`` (paths). The limits
around this process are the parent's (:mod:`evidence_vault.capture.confine`).
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from evidence_vault.capture.strip.bench import Bench
from evidence_vault.capture.strip.engine import strip


def main() -> None:
    """Do the one job."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    job = json.loads(sys.stdin.buffer.read())
    folder = Path(job["folder"])
    folder.mkdir(parents=True, exist_ok=True)
    bench = Bench(folder, strip, names=Path(job["names"]))
    report = strip(Path(job["source"]), Path(job["target"]), bench)
    with answers:
        answers.write(json.dumps(report).encode())


if __name__ == "__main__":
    main()
