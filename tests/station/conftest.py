"""A desk and a field vault of it, in a home of their own so that all of it can be searched."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest

from evidence_vault.seal import keyring

from .field import Field, make_field


@pytest.fixture(autouse=True)
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    monkeypatch.setattr(keyring, "LOG_N", 10)
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    # Short: the name of a socket in it has at most 107 bytes.
    short = tempfile.mkdtemp(prefix="ev-")
    request.addfinalizer(lambda: shutil.rmtree(short, ignore_errors=True))
    (tmp_path / "tmp").symlink_to(short)
    monkeypatch.setenv("TMPDIR", short)
    monkeypatch.setenv("EVIDENCE_VAULT_STATE", str(tmp_path / "home" / "state"))
    monkeypatch.delenv("EVIDENCE_VAULT_EXIFTOOL", raising=False)  # the real one, if it is there


@pytest.fixture
def field(tmp_path: Path) -> Field:
    """A field vault in which nothing is yet."""
    return make_field(tmp_path)
