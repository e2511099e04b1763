"""Vaults made fast, and what two organisations hand each other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from evidence_vault.seal import keyring

from .houses import House, found

MakeHouse = Callable[..., House]


@pytest.fixture(autouse=True)
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring, "LOG_N", 10)
    monkeypatch.setenv("EVIDENCE_VAULT_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("EVIDENCE_VAULT_EXIFTOOL", "off")


@pytest.fixture
def make_house(tmp_path: Path) -> MakeHouse:
    """A factory of organisations under ``tmp_path``."""

    def make(name: str) -> House:
        return found(tmp_path / name)

    return make


@pytest.fixture
def log(make_house: MakeHouse) -> House:
    """Whose log is to be countersigned."""
    return make_house("log")


@pytest.fixture
def witness(make_house: MakeHouse, log: House) -> House:
    """A countersigner that has pinned ``log``, and is pinned by it."""
    house = make_house("witness")
    house.init_witness()
    log.pin(house)
    house.pin(log)
    return house
