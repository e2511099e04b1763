"""What a power cut may leave that a kill does not: torn files under good names, an old catalogue.

tests/faults/ finds such states by replaying cuts; here they are made by hand, one by one.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import pytest

from evidence_vault.errors import LogInconsistent
from evidence_vault.vault.checking import log_checkpoint, log_status
from evidence_vault.vault.doctor import doctor
from evidence_vault.vault.exits import get_item
from evidence_vault.vault.fixity import fixity

from .conftest import MakeVault
from .vaults import PASSPHRASE, Made, run, start, write_files


@pytest.mark.parametrize("left", [b"", b"\0" * 700, b"half of it"])
def test_a_torn_object_under_its_good_name_is_not_taken_for_the_original(
    make_vault: MakeVault, tmp_path: Path, left: bytes
) -> None:
    """Without encryption an object's name is the digest of the original, so a re-run meets it."""
    vault = make_vault(plaintext=True)
    (path,) = write_files(tmp_path / "in", 1)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    torn = vault.folder / "archive" / "objects" / digest[:2] / digest
    torn.parent.mkdir(parents=True)
    torn.write_bytes(left)
    (taken,) = vault.ingest(path)["taken_in"]
    with vault.open() as opened:
        assert fixity(opened, all=True)["damaged"] == []
        get_item(opened, taken["id"], tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == path.read_bytes()


def _killed_before_signing(vault: Made, sources: Path) -> list[Path]:
    """A run that published and was killed before it signed; returns what it published."""
    folder = vault.folder / "archive" / "log" / "tile"
    before = set(folder.rglob("*"))
    process = start(
        "ingest", vault.folder, sources, environment={"EVIDENCE_VAULT_FAULT": "7-published"}
    )
    process.communicate(timeout=60)
    return sorted(p for p in set(folder.rglob("*")) - before if p.is_file())


@pytest.mark.parametrize("keep", [0, 100, 512])
def test_a_torn_tile_that_nothing_signed_covers_is_published_again(
    vault: Made, tmp_path: Path, keep: int
) -> None:
    vault.ingest(*write_files(tmp_path / "old", 2))
    write_files(tmp_path / "in", 2)
    for path in _killed_before_signing(vault, tmp_path / "in"):
        data = path.read_bytes()
        path.write_bytes(data[:keep] + bytes(max(0, min(len(data) - keep, 300))))
    assert run("checkpoint", vault.folder)["status"] == 0
    assert vault.assert_sound() == 4


def test_a_tile_of_another_history_is_not_written_over(vault: Made, tmp_path: Path) -> None:
    vault.ingest(*write_files(tmp_path / "old", 2))
    write_files(tmp_path / "in", 2)
    path = _killed_before_signing(vault, tmp_path / "in")[0]
    path.write_bytes(os.urandom(path.stat().st_size))
    with vault.open() as opened, pytest.raises(LogInconsistent) as raised:
        log_checkpoint(opened)
    assert raised.value.code == "E-TILE-DIFFERS"


def test_a_catalogue_behind_a_signed_checkpoint_is_not_called_a_rollback(
    vault: Made, sources: Path, tmp_path: Path
) -> None:
    """SQLite may forget its newest transactions when the power goes; the commits do not."""
    vault.ingest(sources / "one")
    shutil.copy2(vault.folder / "catalogue.db", tmp_path / "catalogue.db")
    vault.ingest(sources / "two")
    shutil.copy2(tmp_path / "catalogue.db", vault.folder / "catalogue.db")
    with vault.open() as opened:
        status = log_status(opened)
    assert (status["may_sign"], status["state"]) == (True, "ok")
    assert "not in the catalogue yet" in str(status["notices"])
    assert vault.audit()["exit"] == 0
    told = {c["name"]: c for c in doctor(vault.folder, lambda: PASSPHRASE)["checks"]}
    assert told["may sign"]["outcome"] == "ok"
    with vault.open() as opened:  # doctor brought it up to date
        assert opened.catalogue.count_items() == 6


def test_temporary_bytes_whose_lock_is_lost_are_cleared_away(vault: Made, tmp_path: Path) -> None:
    left = vault.folder / "archive" / ".staging" / "0123456789abcdef"
    left.mkdir(parents=True)
    (left / "fedcba9876543210").write_bytes(b"bytes of a run that ended")
    vault.ingest(*write_files(tmp_path / "in", 1))
    assert vault.staged() == []


def test_a_bundle_of_entries_that_rots_is_not_carried_into_the_next(
    vault: Made, tmp_path: Path
) -> None:
    """Else it would reach the full bundle, for which the commits are emptied: entries lost."""
    vault.ingest(*write_files(tmp_path / "old", 2))
    bundles = vault.folder / "archive" / "log" / "tile" / "entries" / "000.p"
    path = max(bundles.iterdir(), key=lambda p: int(p.name))
    whole = path.read_bytes()
    path.write_bytes(whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:])
    vault.ingest(*write_files(tmp_path / "in", 2))
    path.write_bytes(whole)
    assert vault.assert_sound() == 4
