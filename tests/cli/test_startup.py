"""What a command imports: heavy libraries only where they are used."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .runner import ROOT

HEAVY = ["sqlmodel", "sqlalchemy", "pydantic", "cryptography", "boto3", "exiftool", "openpyxl"]
HEAVY += ["rfc3161_client", "asn1crypto", "typst"]
PROGRAM = """
import sys
from evidence_vault.cli.main import run
status = run(sys.argv[1:])
names = {name.split('.')[0] for name in sys.modules}
print(status, *sorted(names), file=sys.stderr)
"""


def imported_by(*arguments: str) -> tuple[int, set[str]]:
    """(exit status, top-level modules) of a command in a fresh interpreter."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    status, *names = done.stderr.splitlines()[-1].split()
    assert "evidence_vault" in names
    return int(status), set(names)


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["ingest", "--help"], ["timestamp", "stamp", "--help"]]
)
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    status, names = imported_by(*arguments)
    assert status == 0
    assert names.isdisjoint(HEAVY)


def test_verify_imports_neither_database_nor_storage_nor_exiftool(handed_over: Path) -> None:
    here = [str(handed_over / name) for name in ("trust.json", "receipt.txt", "note")]
    status, names = imported_by("verify", "--trust", *here)
    assert status == 0
    assert "cryptography" in names
    assert names.isdisjoint(set(HEAVY) - {"cryptography"})
