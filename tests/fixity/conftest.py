"""A vault with one complete group of entries and one that is not, made once and copied."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.vault.vaults import PASSPHRASE, Made, write_files

from evidence_vault.seal import keyring
from evidence_vault.vault.creation import create_vault


def settings(patch: pytest.MonkeyPatch, state: Path) -> None:
    patch.setattr(keyring, "LOG_N", 10)
    patch.setenv("EVIDENCE_VAULT_STATE", str(state))
    patch.setenv("EVIDENCE_VAULT_EXIFTOOL", "off")


@pytest.fixture(autouse=True)
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings(monkeypatch, tmp_path / "state")


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    base = tmp_path_factory.mktemp("fixity")
    with pytest.MonkeyPatch.context() as patch:
        settings(patch, base / "state")
        for name, counts in (("small", (3, 2)), ("grown", (240, 40))):
            made = create_vault(base / name, org="Test House", passphrase=PASSPHRASE)
            vault = Made(base / name, Path(made["recovery_file"]), base / "state")
            for number, count in enumerate(counts):
                write_files(base / f"{name}-{number}", count)
                vault.ingest(base / f"{name}-{number}")
        yield base


def _copy(templates: Path, name: str, tmp_path: Path) -> Made:
    shutil.copytree(templates / name, tmp_path / "vault")
    shutil.copytree(templates / "state", tmp_path / "state")
    return Made(tmp_path / "vault", templates / f"{name}-recovery.txt", tmp_path / "state")


@pytest.fixture
def small(templates: Path, tmp_path: Path) -> Made:
    """Five items in two commits; no group of entries is complete."""
    return _copy(templates, "small", tmp_path)


@pytest.fixture
def grown(templates: Path, tmp_path: Path) -> Made:
    """280 items: one group of 256 entries is published whole, and its commits are emptied."""
    return _copy(templates, "grown", tmp_path)
