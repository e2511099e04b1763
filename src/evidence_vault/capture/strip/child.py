"""The process in which parsers meet hostile files: one job on each line of standard input.

A job is a JSON object with ``source``, ``target`` and ``folder`` (paths); its answer is the
report, one line. Each job runs in a process of its own where the system can fork, so that what
one file does to a parser is gone with the next. The limits around it are the parent's.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from pathlib import Path
from typing import Any

from evidence_vault.capture.strip.bench import Bench
from evidence_vault.capture.strip.engine import strip


def main() -> None:
    """Work until standard input ends."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    for line in sys.stdin.buffer:
        job = json.loads(line)
        answers.write(_answer(job) + b"\n")
        answers.flush()


def _answer(job: dict[str, Any]) -> bytes:
    if not hasattr(os, "fork"):
        return _work(job)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        status = 1
        try:
            with os.fdopen(writing, "wb") as pipe:
                pipe.write(_work(job))
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    _, status = os.waitpid(child, 0)
    return answer if status == 0 and answer else b"null"


def _work(job: dict[str, Any]) -> bytes:
    folder = Path(job["folder"])
    with contextlib.suppress(FileExistsError):
        folder.mkdir(parents=True)
    bench = Bench(folder, strip)
    report = strip(Path(job["source"]), Path(job["target"]), bench)
    return json.dumps(report).encode()


if __name__ == "__main__":
    main()
