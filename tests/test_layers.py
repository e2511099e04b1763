"""The rooms keep apart: the contracts of pyproject.toml hold, and would notice if they did not."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).resolve().parent.parent

# What a stranger's verifier may load beyond the standard library.
VERIFY_MAY_USE = {"cryptography", "rfc8785", "rfc3161_client", "asn1crypto"}
NOT_FOR_VERIFY = ["sqlmodel", "sqlalchemy", "boto3", "exiftool", "click", "openpyxl"]


def lint_imports(project: Path) -> subprocess.CompletedProcess[str]:
    """Checks the contracts of one tree, whatever is installed elsewhere."""
    program = "import sys; from importlinter.cli import lint_imports_command as run; run()"
    return subprocess.run(
        [sys.executable, "-c", program, "--no-cache", "--no-logo", "--config", "pyproject.toml"],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(project / "src"), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_every_import_contract_is_kept() -> None:
    result = lint_imports(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr
    assert " 0 broken" in result.stdout


@pytest.mark.parametrize(
    ("room", "line", "contract"),
    [
        ("verify", "import boto3", "verify, the stranger's room"),
        ("verify", "import evidence_vault.vault", "cli, vault, rooms"),
        ("verify", "import evidence_vault.ports", "verify, the stranger's room"),
        ("seal", "import evidence_vault.store", "cli, vault, rooms"),
        ("core", "import evidence_vault.ports", "cli, vault, rooms"),
        ("core", "import socket", "core is pure"),
        ("bundle", "import sqlalchemy", "only log knows the database"),
        ("store", "import exiftool", "only capture knows ExifTool"),
        ("log", "import botocore", "only store knows S3"),
        ("capture", "import click", "only cli knows the command line"),
        ("store", "import fcntl", "only osfiles and osconfine make calls"),
    ],
)
def test_a_planted_import_breaks_its_contract(
    tmp_path: Path, room: str, line: str, contract: str
) -> None:
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "src" / "evidence_vault" / room / "planted.py").write_text(line + "\n")
    result = lint_imports(tmp_path)
    broken = [text for text in result.stdout.splitlines() if "BROKEN" in text]
    assert result.returncode == 1
    assert any(text.startswith(contract) for text in broken), result.stdout


def test_a_module_outside_every_layer_is_noticed(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "src" / "evidence_vault" / "attic.py").write_text("")
    result = lint_imports(tmp_path)
    assert result.returncode == 1
    assert "evidence_vault.attic" in result.stdout + result.stderr


def test_verify_reaches_only_core_errors_and_its_few_libraries() -> None:
    graph = grimp.build_graph("evidence_vault", include_external_packages=True, cache_dir=None)
    room = {"evidence_vault.verify"} | graph.find_descendants("evidence_vault.verify")
    assert len(room) > 1, "the verify room is empty"
    reached = {up for module in room for up in graph.find_upstream_modules(module)}
    ours = {name for name in reached if name.split(".")[0] == "evidence_vault"}
    allowed = ("evidence_vault.verify", "evidence_vault.core", "evidence_vault.errors")
    strays = {name for name in ours if not name.startswith(allowed) and name != "evidence_vault"}
    assert strays == set()
    outside = {name.split(".")[0] for name in reached - ours}
    assert outside - set(sys.stdlib_module_names) <= VERIFY_MAY_USE


def test_importing_verify_loads_no_database_s3_exiftool_or_click() -> None:
    program = (
        "import importlib, json, pkgutil, sys, evidence_vault.verify as room\n"
        "for found in pkgutil.walk_packages(room.__path__, room.__name__ + '.'):\n"
        "    importlib.import_module(found.name)\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    loaded = set(json.loads(result.stdout))
    assert "evidence_vault.verify" in loaded
    assert sorted(loaded.intersection(NOT_FOR_VERIFY)) == []


def test_importing_the_package_loads_nothing_else() -> None:
    program = (
        "import sys, evidence_vault; print([n for n in sys.modules if 'evidence_vault.' in n])"
    )
    result = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert result.stdout.strip() == "[]"
