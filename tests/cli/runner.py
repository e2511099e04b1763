"""Runs command lines in this process or in one of their own, and keeps what they put out."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import jsonschema

from evidence_vault.cli.main import run

ROOT = Path(__file__).resolve().parent.parent.parent
SCHEMAS = ROOT / "schemas" / "cli"
PASSPHRASE = "correct horse battery staple"


@dataclass(frozen=True)
class Result:
    """Exit status and both streams of one command."""

    status: int
    out: str
    err: str

    def json(self) -> dict[str, Any]:
        """The one document on standard output."""
        document: dict[str, Any] = json.loads(self.out)
        return document


def call(*arguments: object) -> Result:
    """One command line in this process; standard input is no terminal."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2))
    with (
        mock.patch("sys.stdout", out),
        mock.patch("sys.stderr", err),
        mock.patch("sys.stdin", io.StringIO()),
    ):
        status = run([_text(each) for each in arguments])
    return Result(status, _read(out), _read(err))


def spawn(
    *arguments: object, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> Result:
    """One command line as ``python -m evidence_vault``."""
    done = subprocess.run(
        [sys.executable, "-m", "evidence_vault", *map(_text, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), **(env or {})},
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
    )
    return Result(done.returncode, done.stdout.decode(), done.stderr.decode())


def check_schema(name: str, document: Mapping[str, Any]) -> None:
    """Raises jsonschema.ValidationError unless the document is what the schema says."""
    schema = json.loads((SCHEMAS / f"{name}.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(document)


def schema_name(command: Sequence[str]) -> str:
    """``("log", "status")`` → ``log-status``."""
    return "-".join(command)


def _text(argument: object) -> str:
    return os.fsdecode(argument) if isinstance(argument, bytes | os.PathLike) else str(argument)


def _read(stream: io.TextIOWrapper) -> str:
    stream.flush()
    raw = stream.buffer
    assert isinstance(raw, io.BytesIO)
    return raw.getvalue().decode("utf-8")
