"""Vaults made fast, with countersigner keys, and pins in ``tmp_path``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from evidence_vault.seal import keyring

from .desks import Desk, make_desk

MakeDesk = Callable[[str], Desk]


@pytest.fixture(autouse=True, scope="session")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keyring, "LOG_N", 10)
        patch.setenv("EVIDENCE_VAULT_STATE", str(tmp_path_factory.mktemp("state")))
        patch.setenv("EVIDENCE_VAULT_EXIFTOOL", "off")
        for name in ("EVIDENCE_VAULT", "EVIDENCE_VAULT_BY", "EVIDENCE_VAULT_PASSPHRASE_FILE"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture
def new_desk(tmp_path: Path) -> MakeDesk:
    """A factory of vaults with countersigner keys, by organisation name."""
    return lambda name: make_desk(tmp_path, name)
