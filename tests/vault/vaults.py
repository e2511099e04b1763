"""Vaults for the tests of this folder: made fast, opened through the public doors."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evidence_vault.core.event import parse_entry
from evidence_vault.ports import Clock
from evidence_vault.vault.checking import log_audit
from evidence_vault.vault.ingest import IngestRequest, ingest
from evidence_vault.vault.opening import Vault, open_vault

ROOT = Path(__file__).resolve().parent.parent.parent
DRIVER = Path(__file__).with_name("driver.py")
PASSPHRASE = "correct horse battery"


@dataclass
class Made:
    """A vault on disk. ``state``: the folder of the pin outside it."""

    folder: Path
    recovery: Path
    state: Path

    def open(self, passphrase: str = PASSPHRASE, clock: Clock | None = None) -> Vault:
        return open_vault(self.folder, lambda: passphrase, clock)

    def ingest(self, *paths: Path | bytes, **request: Any) -> dict[str, Any]:
        with self.open() as vault:
            return ingest(vault, IngestRequest([os.fsencode(p) for p in paths], **request))

    def audit(self) -> dict[str, Any]:
        with self.open() as vault:
            return log_audit(vault)

    def assert_sound(self) -> int:
        """The audit is clean, numbers run without gap, nothing is staged; returns the items."""
        report = self.audit()
        assert report["findings"] == []
        assert report["exit"] == 0
        with self.open() as vault:
            ids = vault.catalogue.item_ids()
            prefix = vault.keyring.prefix
            digests = [row["sha256"] for row in vault.catalogue.find()]
        assert ids == [f"{prefix}-{n:07d}" for n in range(1, len(ids) + 1)]
        assert len(set(digests)) == len(ids), "the same bytes became two items"
        assert self.staged() == []
        return len(ids)

    def staged(self) -> list[Path]:
        """Leftovers of writing: none once a vault was opened to write and closed."""
        return [
            path
            for root in ("archive", "control")
            for path in (self.folder / root / ".staging").glob("**/*")
        ]

    def entries(self) -> list[Any]:
        """Every event of the current log, in order."""
        with self.open() as vault:
            return [
                parse_entry(committed.entry).event
                for commit in vault.log.commits(0)
                for committed in vault.log.contents(commit)
            ]

    def copy_to(self, target: Path) -> Made:
        """A copy of the whole folder, as a backup would make it."""
        shutil.copytree(self.folder, target)
        return Made(target, self.recovery, self.state)


def put_back(saved: Path, target: Path) -> None:
    """Replace a file or folder by an older copy of it."""
    if target.is_dir():
        shutil.rmtree(target)
    else:
        target.unlink(missing_ok=True)
    if saved.is_dir():
        shutil.copytree(saved, target)
    else:
        shutil.copy2(saved, target)


def start(
    command: str, *arguments: str | Path, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    """A process of its own that calls the public doors (driver.py)."""
    return subprocess.Popen(
        [sys.executable, str(DRIVER), command, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), **(environment or {})},
    )


def run(
    command: str, *arguments: str | Path, environment: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The result of a driver process that must end by itself, with ``status`` added."""
    process = start(command, *arguments, environment=environment)
    out, err = process.communicate(timeout=300)
    assert out, f"status {process.returncode}: {err}"
    result: dict[str, Any] = json.loads(out)
    return {**result, "status": process.returncode}


def write_files(folder: Path, count: int, size: int = 700) -> list[Path]:
    """Files that all differ."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for number in range(count):
        path = folder / f"file-{number:04d}.bin"
        path.write_bytes((b"%s %06d " % (folder.name.encode(), number)) * (size // 16 + 1))
        made.append(path)
    return made
