"""Vaults made fast: a low scrypt factor, no ExifTool unless a test asks, pins in ``tmp_path``."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.servers.fixtures import fresh_database

from evidence_vault.seal import keyring
from evidence_vault.vault.creation import create_vault

from .vaults import PASSPHRASE, Made, write_files

MakeVault = Callable[..., Made]


@pytest.fixture(autouse=True)
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring, "LOG_N", 10)
    monkeypatch.setenv("EVIDENCE_VAULT_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("EVIDENCE_VAULT_EXIFTOOL", "off")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests marked ``databases`` are run with catalogues on SQLite and on PostgreSQL."""
    marked = metafunc.definition.get_closest_marker("databases")
    if marked and "database" in metafunc.fixturenames:
        metafunc.parametrize("database", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def database(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], str | None]]:
    """Called for each vault: the place of a database of its own, or None for a file."""
    if getattr(request, "param", "sqlite") == "sqlite":
        yield lambda: None
        return
    server = request.getfixturevalue("pg_server")
    monkeypatch.setenv("PGPASSWORD", server.password)
    with ExitStack() as stack:
        yield lambda: stack.enter_context(fresh_database(server))


@pytest.fixture
def make_vault(tmp_path: Path, database: Callable[[], str | None]) -> MakeVault:
    """A factory of vaults under ``tmp_path``; keyword arguments go to ``create_vault``."""

    def make(name: str = "vault", folder: Path | None = None, **options: Any) -> Made:
        target = folder or tmp_path / name
        options.setdefault("database", database())
        created = create_vault(target, org="Test House", passphrase=PASSPHRASE, **options)
        recovery = Path(created["recovery_file"] or tmp_path / "none")
        return Made(target, recovery, tmp_path / "state")

    return make


@pytest.fixture
def vault(make_vault: MakeVault) -> Made:
    """An empty sealed vault."""
    return make_vault()


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    write_files(tmp_path / "one", 3)
    write_files(tmp_path / "two", 3)
    return tmp_path


@pytest.fixture
def old(vault: Made, sources: Path, tmp_path: Path) -> Path:
    """The whole vault as it was before three more items came in (and its outside pin)."""
    vault.ingest(sources / "one")
    saved = tmp_path / "saved"
    shutil.copytree(vault.folder, saved)
    shutil.copytree(vault.state, tmp_path / "saved-state")
    vault.ingest(sources / "two")
    return saved
