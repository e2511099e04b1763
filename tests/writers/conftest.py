"""One vault on S3 and PostgreSQL, and machines that share it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.servers.fixtures import PgServer, S3Server, fresh_database

from evidence_vault.seal import keyring
from evidence_vault.vault.checking import log_audit, log_checkpoint
from evidence_vault.vault.creation import create_vault
from evidence_vault.vault.ingest import IngestRequest, ingest
from evidence_vault.vault.opening import Vault, open_vault
from evidence_vault.vault.records import ingested_event, open_content

ROOT = Path(__file__).resolve().parent.parent.parent
DRIVER = Path(__file__).with_name("driver.py")
PASSPHRASE = "correct horse battery"


@dataclass
class Machine:
    """A folder with the settings and the keyring of a vault, and a state folder of its own."""

    folder: Path
    state: Path

    def open(self) -> Vault:
        os.environ["EVIDENCE_VAULT_STATE"] = str(self.state)
        return open_vault(self.folder, lambda: PASSPHRASE)

    def ingest(self, folder: Path) -> dict[str, Any]:
        with self.open() as vault:
            return ingest(vault, IngestRequest([os.fsencode(folder)], by="clerk-1", workers=1))

    def start(self, folder: Path, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, str(DRIVER), str(self.folder), str(folder)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                "EVIDENCE_VAULT_STATE": str(self.state),
                "PYTHONPATH": str(ROOT / "src"),
                **environment,
            },
        )


@dataclass
class Shared:
    """A vault on servers. ``taken``: every file given to it, by SHA-256."""

    first: Machine
    base: Path
    database: str
    taken: dict[str, Path] = field(default_factory=dict)
    machines: int = 0

    def machine(self) -> Machine:
        """Another one, which learns from the first how far the log is."""
        self.machines += 1
        folder = self.base / f"machine-{self.machines}"
        folder.mkdir()
        for name in ("vault.toml", "keyring.age"):
            shutil.copy2(self.first.folder / name, folder / name)
        other = Machine(folder, self.base / f"state-{self.machines}")
        note = self.base / f"note-{self.machines}"
        with self.first.open() as vault:
            note.write_bytes(vault.log.checkpoint() or b"")
        with other.open() as vault:
            log_checkpoint(vault, note)
        return other

    def files(self, name: str, count: int) -> Path:
        folder = self.base / name
        folder.mkdir()
        for number in range(count):
            path = folder / f"{name}-{number}.bin"
            path.write_bytes(f"{name} {number} ".encode() * (50 + number))
            self.taken[hashlib.sha256(path.read_bytes()).hexdigest()] = path
        return folder

    def assert_sound(self, refused: set[str] | None = None) -> None:
        """One log without a gap; each file once, byte for byte; numbers without gap or repeat."""
        with self.first.open() as vault:
            report = log_audit(vault)
            assert (report["exit"], report["findings"]) == (0, [])
            ids = vault.catalogue.item_ids()
            prefix = vault.keyring.prefix
            assert ids == [f"{prefix}-{n:07d}" for n in range(1, len(ids) + 1)]
            rows = {row["id"]: row for row in vault.catalogue.find()}
            assert sorted(rows) == ids
            wanted = set(self.taken) - (refused or set())
            assert {row["sha256"] for row in rows.values()} == wanted
            assert len(ids) == len(wanted), "a file became two items"
            accessions = [row["accession"] for row in rows.values()]
            opened = vault.catalogue.count_type("accession-opened")
            assert len(set(accessions)) == opened, "two accessions share a number"
            for item, row in rows.items():
                with open_content(vault, ingested_event(vault, item)) as stream:
                    assert stream.read() == self.taken[row["sha256"]].read_bytes()


def ended(process: subprocess.Popen[str]) -> dict[str, Any]:
    """The result of a writer, with its exit ``status``."""
    out, err = process.communicate(timeout=300)
    assert out, f"status {process.returncode}: {err}"
    return {**json.loads(out), "status": process.returncode}


@pytest.fixture
def shared(
    tmp_path: Path,
    s3_server: S3Server,
    s3_profiles: dict[str, str],
    pg_server: PgServer,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Shared]:
    monkeypatch.setattr(keyring, "LOG_N", 10)
    monkeypatch.setenv("EVIDENCE_VAULT_EXIFTOOL", "off")
    monkeypatch.setenv("EVIDENCE_VAULT_STATE", str(tmp_path / "state-0"))
    monkeypatch.setenv("PGPASSWORD", pg_server.password)
    with fresh_database(pg_server) as database:
        created = create_vault(
            tmp_path / "machine-0",
            org="Test House",
            passphrase=PASSPHRASE,
            no_recovery=True,
            store=s3_server.place("archive", "writers", control_profile="control"),
            database=database,
        )
        first = Machine(Path(created["vault"]), tmp_path / "state-0")
        yield Shared(first, tmp_path, database)
