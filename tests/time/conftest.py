"""Authorities that really answer, and a vault that may ask them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.time.authority import LocalAuthority
from tests.vault.vaults import PASSPHRASE, Made

from evidence_vault.seal import keyring
from evidence_vault.vault.authorities import add_authority
from evidence_vault.vault.creation import create_vault

MakeAuthority = Callable[..., LocalAuthority]


@pytest.fixture(autouse=True)
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring, "LOG_N", 10)
    monkeypatch.setenv("EVIDENCE_VAULT_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("EVIDENCE_VAULT_EXIFTOOL", "off")


@pytest.fixture(scope="session")
def resting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAuthority]:
    """An authority without a server, to make replies with."""
    made = LocalAuthority(tmp_path_factory.mktemp("authority") / "tsa")
    yield made
    made.stop()


@pytest.fixture
def make_authority(tmp_path: Path) -> Iterator[MakeAuthority]:
    """A factory of running authorities, all stopped at the end."""
    with ExitStack() as stack:

        def make(name: str = "tsa", **options: Any) -> LocalAuthority:
            return stack.enter_context(LocalAuthority(tmp_path / f"ca-{name}", name, **options))

        yield make


@pytest.fixture
def authority(make_authority: MakeAuthority) -> LocalAuthority:
    return make_authority()


@pytest.fixture
def bare(tmp_path: Path) -> Made:
    """A vault without authorities; its log has one signed entry."""
    created = create_vault(tmp_path / "vault", org="Test House", passphrase=PASSPHRASE)
    return Made(tmp_path / "vault", Path(created["recovery_file"]), tmp_path / "state")


@pytest.fixture
def vault(bare: Made, authority: LocalAuthority) -> Made:
    """A vault that asks ``authority``."""
    know(bare, authority)
    return bare


def know(made: Made, authority: LocalAuthority) -> None:
    """Let a vault ask an authority."""
    with made.open() as opened:
        add_authority(opened, authority.name, authority.url, [authority.root], lambda: PASSPHRASE)
