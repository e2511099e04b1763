"""Old copies, cut stores, swapped keyrings and lost pins: noticed, named, and not signed over."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from evidence_vault.errors import (
    Exit,
    KeyProblem,
    LogInconsistent,
    StoreError,
    VaultError,
)
from evidence_vault.vault.checking import log_checkpoint, log_status
from evidence_vault.vault.creation import change_passphrase
from evidence_vault.vault.doctor import doctor
from evidence_vault.vault.rebuilding import rebuild
from evidence_vault.vault.succession import succeed

from .refusing import assert_refuses_to_sign, partner_note, secret, tree
from .vaults import PASSPHRASE, Made, put_back, write_files

# -- what mends itself -------------------------------------------------------------------------


def test_old_catalogue_is_brought_up_to_date_by_replay(
    vault: Made, old: Path, sources: Path
) -> None:
    put_back(old / "catalogue.db", vault.folder / "catalogue.db")
    result = vault.ingest(sources / "two")
    assert result["already_in"] == 3
    assert vault.assert_sound() == 6
    assert vault.ingest(write_files(sources / "three", 2)[0].parent)["taken_in"][0]["id"].endswith(
        "7"
    )
    assert vault.assert_sound() == 8


def test_old_catalogue_under_its_newer_write_ahead_log(
    vault: Made, old: Path, sources: Path
) -> None:
    with vault.open() as held:
        held.catalogue.frontier()  # an open reader: the write-ahead log stays on disk
        vault.ingest(write_files(sources / "three", 2)[0].parent)
        companions = {
            p.name: p.read_bytes() for p in vault.folder.glob("catalogue.db-*") if p.stat().st_size
        }
    assert companions
    put_back(old / "catalogue.db", vault.folder / "catalogue.db")
    for name, data in companions.items():
        (vault.folder / name).write_bytes(data)
    try:
        vault.ingest(write_files(sources / "four", 1)[0].parent)
    except VaultError as error:
        assert error.code in ("E-CATALOGUE", "E-ROLLED-BACK", "E-COMMIT-ROOT")
        assert rebuild(vault.folder, secret)["state"] == "ok"
        vault.ingest(sources / "four")
    assert vault.assert_sound() == 9


@pytest.mark.parametrize("damage", ["deleted", "cut", "overwritten", "another file", "empty"])
def test_damaged_catalogue_is_refused_with_the_way_to_mend_it(
    vault: Made, sources: Path, damage: str
) -> None:
    vault.ingest(sources / "one")
    path = vault.folder / "catalogue.db"
    data = path.read_bytes()
    if damage == "deleted":
        path.unlink()
    else:
        path.write_bytes(
            {
                "cut": data[: len(data) // 2],
                "overwritten": data[:4096] + b"\xff" * (len(data) - 4096),
                "another file": b"this is not a database\n" * 400,
                "empty": b"",
            }[damage]
        )
    with pytest.raises(StoreError) as caught:
        vault.ingest(sources / "two")
    assert caught.value.code == "E-CATALOGUE"
    assert caught.value.exit_status == Exit.UNREACHABLE
    assert "rebuild" in caught.value.hint
    told = doctor(vault.folder, secret)
    assert any(c["command"] == "evidence-vault rebuild" for c in told["checks"])
    done = rebuild(vault.folder, secret)
    assert (done["state"], done["items"], done["exit"]) == ("ok", 3, 0)
    assert vault.ingest(sources / "two")["exit"] == 0
    assert vault.assert_sound() == 6


# -- what is refused ---------------------------------------------------------------------------


def test_old_control_folder(vault: Made, old: Path, sources: Path) -> None:
    put_back(old / "control", vault.folder / "control")
    assert_refuses_to_sign(vault, sources, "E-ROLLED-BACK", "control/")
    assert rebuild(vault.folder, secret)["exit"] == 11
    assert_refuses_to_sign(vault, sources, "E-ROLLED-BACK", "control/")


def test_old_control_folder_and_old_catalogue(vault: Made, old: Path, sources: Path) -> None:
    put_back(old / "control", vault.folder / "control")
    put_back(old / "catalogue.db", vault.folder / "catalogue.db")
    assert_refuses_to_sign(vault, sources, "E-ROLLED-BACK", "control/")


def test_old_archive_folder(vault: Made, old: Path, sources: Path) -> None:
    put_back(old / "archive", vault.folder / "archive")
    assert_refuses_to_sign(vault, sources, "E-ROLLED-BACK", "archive/")


def test_old_archive_and_control_folders(vault: Made, old: Path, sources: Path) -> None:
    put_back(old / "archive", vault.folder / "archive")
    put_back(old / "control", vault.folder / "control")
    assert_refuses_to_sign(vault, sources, "E-ROLLED-BACK", "entries")


def test_last_commit_replaced_by_another_of_the_same_length(
    vault: Made, old: Path, sources: Path, tmp_path: Path
) -> None:
    """The old copy went on elsewhere, signing another history; its control/ is put here."""
    fork = Made(old, vault.recovery, vault.state)
    put_back(tmp_path / "saved-state", vault.state)
    fork.ingest(write_files(tmp_path / "other", 3)[0].parent)
    put_back(old / "control", vault.folder / "control")
    with pytest.raises(LogInconsistent):
        vault.ingest(sources / "one")


def test_old_keyring(vault: Made, sources: Path, tmp_path: Path) -> None:
    vault.ingest(sources / "one")
    shutil.copy2(vault.folder / "keyring.age", tmp_path / "old.age")
    change_passphrase(vault.folder, secret, lambda: "a new passphrase")
    with vault.open("a new passphrase") as opened:
        assert log_status(opened)["may_sign"]
    put_back(tmp_path / "old.age", vault.folder / "keyring.age")
    assert_refuses_to_sign(vault, sources, "E-RESTORED", "keyring")
    # Changing its passphrase does not make an old keyring the right one.
    change_passphrase(vault.folder, secret, lambda: PASSPHRASE + "!")
    change_passphrase(vault.folder, lambda: PASSPHRASE + "!", secret)
    assert_refuses_to_sign(vault, sources, "E-RESTORED", "keyring")


def test_foreign_keyring(vault: Made, sources: Path, make_vault: Callable[..., Made]) -> None:
    vault.ingest(sources / "one")
    other = make_vault("other")
    put_back(other.folder / "keyring.age", vault.folder / "keyring.age")
    with pytest.raises(VaultError) as caught:
        vault.ingest(sources / "two")
    assert caught.value.exit_status in (Exit.LOG, Exit.KEY)


def test_missing_keyring(vault: Made, sources: Path) -> None:
    (vault.folder / "keyring.age").unlink()
    with pytest.raises(KeyProblem) as caught:
        vault.ingest(sources / "one")
    assert caught.value.code == "E-KEYRING-MISSING"


def test_pin_inside_deleted(vault: Made, old: Path, sources: Path) -> None:
    (vault.folder / "signed").unlink()
    assert_refuses_to_sign(vault, sources, "E-RESTORED", "inside")


def test_pin_outside_deleted(vault: Made, old: Path, sources: Path) -> None:
    shutil.rmtree(vault.state)
    assert_refuses_to_sign(vault, sources, "E-RESTORED", "outside")


def test_old_pin_inside(vault: Made, old: Path, sources: Path) -> None:
    put_back(old / "signed", vault.folder / "signed")
    assert_refuses_to_sign(vault, sources, "E-RESTORED", "inside")


@pytest.mark.parametrize("place", ["inside", "outside"])
def test_edited_pin(vault: Made, old: Path, sources: Path, place: str) -> None:
    path = vault.folder / "signed" if place == "inside" else next(vault.state.iterdir())
    data = path.read_bytes()
    for position in range(0, len(data), 7):
        path.write_bytes(data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :])
        with pytest.raises(LogInconsistent) as caught:
            vault.ingest(sources / "two")
        assert caught.value.exit_status == Exit.LOG
    path.write_bytes(data)
    vault.ingest(sources / "two")


def test_whole_old_vault_under_a_newer_pin_outside(vault: Made, old: Path, sources: Path) -> None:
    put_back(old, vault.folder)
    assert_refuses_to_sign(vault, sources, "E-ROLLED-BACK", "once signed")


def test_whole_old_vault_with_its_old_pin_is_not_noticed_without_a_partner(
    vault: Made, old: Path, sources: Path, tmp_path: Path
) -> None:
    """The known limit (DESIGN §4): nothing on this machine remembers the newer state."""
    with vault.open() as opened:
        partner = partner_note(opened, tmp_path / "partner")
    put_back(old, vault.folder)
    put_back(tmp_path / "saved-state", vault.state)
    with vault.open() as opened:
        assert log_status(opened)["may_sign"]
        with pytest.raises(LogInconsistent) as caught:
            log_checkpoint(opened, expect=partner)
    assert caught.value.code == "E-ROLLED-BACK"
    assert "the partner has seen" in caught.value.message


@pytest.mark.parametrize(
    ("old_text", "new_text"),
    [
        ("plaintext = false", "plaintext = true"),
        ('control = "control"', 'control = "archive"'),
        ('archive = "archive"', 'archive = "control"'),
    ],
)
def test_one_changed_setting_never_leads_to_a_signature(
    vault: Made, sources: Path, old_text: str, new_text: str
) -> None:
    vault.ingest(sources / "one")
    path = vault.folder / "vault.toml"
    text = path.read_text()
    assert old_text in text
    path.write_text(text.replace(old_text, new_text))
    before = tree(vault.folder / "control")
    with pytest.raises(VaultError):
        vault.ingest(sources / "two")
    assert tree(vault.folder / "control") == before
    path.write_text(text)
    assert vault.ingest(sources / "two")["exit"] == 0
    assert vault.assert_sound() == 6


def test_setting_of_the_log_turned_back_to_the_succeeded_one(vault: Made, sources: Path) -> None:
    vault.ingest(sources / "one")
    succeed(vault.folder, secret, vault.recovery, "a reason")
    path = vault.folder / "vault.toml"
    path.write_text(path.read_text().replace("log = 1", "log = 0"))
    with pytest.raises(LogInconsistent):
        vault.ingest(sources / "two")
