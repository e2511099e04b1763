"""A vault of one's own, ExifTool on, driven through the command line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.cli.runner import PASSPHRASE, Result, call

from evidence_vault.seal import keyring

Command = Callable[..., Result]


@pytest.fixture(autouse=True, scope="session")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cheap passphrase, and pins that are kept away from the home folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keyring, "LOG_N", 10)
        patch.setenv("EVIDENCE_VAULT_STATE", str(tmp_path_factory.mktemp("state")))
        for name in ("EVIDENCE_VAULT", "EVIDENCE_VAULT_BY", "EVIDENCE_VAULT_EXIFTOOL"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture
def vault(tmp_path: Path) -> Command:
    """A command on a new vault."""
    passphrase = tmp_path / "passphrase"
    passphrase.write_text(PASSPHRASE + "\n")
    head = ("--vault", tmp_path / "vault", "--passphrase-file", passphrase)
    made = call(*head, "init", tmp_path / "vault", "--org", "Test House", "--by", "desk-1")
    assert made.status == 0, made.err
    return lambda *arguments: call(*head, *arguments)
