"""Organisations for these tests: a vault each, worked through the public doors, and cheats."""

from __future__ import annotations

import itertools
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evidence_vault.core.checkpoint import Checkpoint, sign_checkpoint
from evidence_vault.core.exchange import format_request, make_request, parse_request
from evidence_vault.core.merkle import MemoryTree, leaf_hash, prove_consistency, root_from_hashes
from evidence_vault.ports import Clock
from evidence_vault.vault.checking import log_checkpoint
from evidence_vault.vault.cosignatures import witness_import, witness_request
from evidence_vault.vault.creation import create_vault
from evidence_vault.vault.ingest import IngestRequest, ingest
from evidence_vault.vault.opening import Vault, open_vault
from evidence_vault.vault.trusting import export_trust
from evidence_vault.vault.witness_setup import witness_add, witness_init
from evidence_vault.vault.witnessing import witness_cosign, witness_status

PASSPHRASE = "correct horse battery"
_NUMBERS = itertools.count()


class SetClock:
    """A clock that says what it was told."""

    def __init__(self, time: str) -> None:
        self.time = time

    def now(self) -> str:
        return self.time


def secret() -> str:
    return PASSPHRASE


@dataclass
class House:
    """One organisation: its vault and a folder for what it sends and gets."""

    folder: Path
    clock: Clock | None = None
    made: dict[str, Any] = field(default_factory=dict)

    @property
    def vault(self) -> Path:
        return self.folder / "vault"

    @property
    def name(self) -> str:
        return self.folder.name

    def open(self) -> Vault:
        return open_vault(self.vault, secret, self.clock)

    def origin(self) -> str:
        with self.open() as vault:
            return vault.entry_zero().origin

    def file(self, what: str) -> Path:
        """A new path."""
        return self.folder / f"{next(_NUMBERS):04d}-{what}"

    def grow(self, files: int = 1) -> int:
        """Take files in (two entries about the accession and one for each) and sign; the size."""
        folder = self.file("in")
        folder.mkdir()
        for number in range(files):
            (folder / f"{number}.txt").write_text(f"{folder} {number}\n")
        with self.open() as vault:
            assert ingest(vault, IngestRequest([str(folder).encode()]))["exit"] == 0
            return int(log_checkpoint(vault)["size"])

    def init_witness(self, name: str | None = None) -> dict[str, Any]:
        with self.open() as vault:
            return witness_init(vault, secret, name)

    def trust(self) -> Path:
        path = self.file("trust.json")
        with self.open() as vault:
            export_trust(vault, path)
        return path

    def pin(self, other: House, **options: Any) -> dict[str, Any]:
        """Pin another organisation from its present trust file."""
        with self.open() as vault:
            return witness_add(vault, secret, other.trust(), **options)

    def request(self, other: House | None = None, old: int | None = None) -> Path:
        path = self.file("request.txt")
        with self.open() as vault:
            witness_request(vault, path, None if other is None else other.origin(), old)
        return path

    def cosign(self, request: Path) -> tuple[dict[str, Any], Path]:
        """(result, path of the answer); raises what the command would."""
        path = self.file("answer.txt")
        with self.open() as vault:
            return witness_cosign(vault, request, path), path

    def take(self, *answers: Path) -> dict[str, Any]:
        with self.open() as vault:
            return witness_import(vault, answers)

    def status(self) -> dict[str, Any]:
        with self.open() as vault:
            return witness_status(vault)

    def countersign_by(self, other: House) -> dict[str, Any]:
        """The whole exchange by file."""
        result, answer = other.cosign(self.request(other))
        assert result["exit"] == 0, result
        return self.take(answer)

    def checkpoint(self) -> bytes:
        with self.open() as vault:
            note = vault.log.checkpoint()
        assert note is not None
        return note

    def evil(self) -> Cheat:
        return Cheat(self)


class Cheat:
    """Whoever holds a vault's log keys and does not mind lying."""

    def __init__(self, house: House) -> None:
        self.house = house
        with house.open() as vault:
            self.origin = vault.keyring.origin
            self.signers = vault.keyring.log_signers()
            self.leaves = [
                leaf_hash(committed.entry)
                for commit in vault.log.commits(0)
                for committed in vault.log.contents(commit)
            ]

    def branch(self, common: int, size: int, name: str = "b") -> list[bytes]:
        """The leaves of a log that shares the first ``common`` entries and goes another way."""
        own = [leaf_hash(f"{name} {number}".encode()) for number in range(common, size)]
        return self.leaves[:common] + own

    def note(self, leaves: list[bytes]) -> bytes:
        point = Checkpoint(self.origin, len(leaves), root_from_hashes(leaves))
        return sign_checkpoint(point, self.signers, timestamp=0)

    def request(self, leaves: list[bytes], old: int, proof: list[bytes] | None = None) -> Path:
        """A signed request over a tree, with the proof that this tree gives for ``old``."""
        if proof is None:
            proof = prove_consistency(old, len(leaves), MemoryTree(leaves))
        path = self.house.file("request.txt")
        path.write_bytes(format_request(make_request(old, proof, self.note(leaves))))
        return path

    def save(self, note: bytes) -> Path:
        path = self.house.file("checkpoint.txt")
        path.write_bytes(note)
        return path


def found(folder: Path) -> House:
    """A new organisation with an empty vault."""
    folder.mkdir()
    house = House(folder)
    house.made = create_vault(
        house.vault, org=f"House {folder.name}", passphrase=PASSPHRASE, no_recovery=True
    )
    return house


def put_back(saved: Path, path: Path) -> None:
    """Replace a file by an older copy of it."""
    path.unlink(missing_ok=True)
    shutil.copy2(saved, path)


def size_of(request: Path) -> int:
    return parse_request(request.read_bytes()).size
