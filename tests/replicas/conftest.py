"""A vault with a few items, and a partner who countersigns it: made once, copied for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from evidence_vault.seal import keyring

from .worlds import World, make_world


@pytest.fixture(autouse=True)
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring, "LOG_N", 10)
    monkeypatch.setenv("EVIDENCE_VAULT_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("EVIDENCE_VAULT_EXIFTOOL", "off")
    for name in ("EVIDENCE_VAULT", "EVIDENCE_VAULT_BY", "EVIDENCE_VAULT_PASSPHRASE_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    base = tmp_path_factory.mktemp("replicas")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keyring, "LOG_N", 10)
        patch.setenv("EVIDENCE_VAULT_STATE", str(base / "state"))
        patch.setenv("EVIDENCE_VAULT_EXIFTOOL", "off")
        yield make_world(base)


@pytest.fixture
def world(template: World, tmp_path: Path) -> World:
    """A copy of the template for one test alone."""
    return template.copy_to(tmp_path)
