"""A field machine was taken and is given back with one thing changed: it refuses to go on.

For each change: nothing is taken in, no commit is made, and the refusal names what was changed;
or the change is shown to have no effect on whom anything is encrypted to.
"""

from __future__ import annotations

import dataclasses
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.vault.vaults import PASSPHRASE, Made

from evidence_vault.config import read_config
from evidence_vault.core.age import PQIdentity, unwrap_file_key
from evidence_vault.errors import Exit, KeyProblem, LogInconsistent, PolicyRefused, VaultError
from evidence_vault.seal.keyring import Keyring, open_keyring, seal_keyring
from evidence_vault.seal.recovery import read_recovery
from evidence_vault.vault.creation import create_vault
from evidence_vault.vault.exits import get_item
from evidence_vault.vault.grants import grant
from evidence_vault.vault.rebuilding import rebuild
from evidence_vault.vault.succession import succeed

from .field import Field, make_field, plant

# One setting of vault.toml each, and the code of the refusal.
SETTINGS = {
    "format = 1": ("format = 2", "E-NEWER"),
    "format = 1 ": ("format = 0", "E-CONFIG"),
    "log = 0": ("log = 1", "E-CATALOGUE"),
    "plaintext = false": ("plaintext = true", "E-CONFIG-CHANGED"),
    'archive = "archive"': ('archive = "elsewhere"', "E-CONFIG-CHANGED"),
    'control = "control"': ('control = "elsewhere"', "E-CONFIG-CHANGED"),
    'catalogue = "catalogue.db"': ('catalogue = "other.db"', "E-CONFIG-CHANGED"),
    "station = true": ("station = false", "E-CONFIG-CHANGED"),
    "station = true ": ("", "E-CONFIG-CHANGED"),
    "station = true  ": ('station = true\nrecipients = ["age1pq1"]', "E-CONFIG"),
}


def test_every_setting_is_among_those_changed(field: Field) -> None:
    text = (field.station.folder / "vault.toml").read_text()
    named = {line.split(" =")[0] for line in text.splitlines() if not line.startswith("#")}
    assert named == {setting.split(" =")[0] for setting in SETTINGS}


@pytest.mark.parametrize("setting", SETTINGS)
def test_one_setting_changed(field: Field, setting: str) -> None:
    plant(field)
    path = field.station.folder / "vault.toml"
    text = path.read_text()
    assert setting.strip() in text
    changed, code = SETTINGS[setting]
    path.write_text(text.replace(setting.strip(), changed))
    for name in ("elsewhere", "other.db"):  # what was put there is what there was
        source = field.station.folder / ("archive" if name == "elsewhere" else "catalogue.db")
        copy = shutil.copytree if source.is_dir() else shutil.copy2
        copy(source, field.station.folder / name)
    assert refused(field, field.station).code == code
    path.write_text(text)
    assert field.take_in()["exit"] == 0


@pytest.mark.parametrize("name", ["archive", "control", "catalogue.db", "signed", "keyring.age"])
def test_one_part_swapped_for_that_of_another_field_vault(
    field: Field, tmp_path: Path, name: str
) -> None:
    """The other one has the same desk and the same passphrase."""
    plant(field)
    (tmp_path / "second").mkdir()
    (tmp_path / "second" / "home").mkdir()
    other = make_field(tmp_path / "second").station
    for each in (field.station, other):
        each.ingest(field.source / "Planted-Picture.jpg")
    replace(other.folder / name, field.station.folder / name)
    found = refused(field, field.station)
    assert found.exit_status in (Exit.LOG, Exit.EVIDENCE, Exit.KEY), found.message


def test_recipients_swapped_by_whoever_knows_the_passphrase(field: Field) -> None:
    """Then the keyring opens; it is not the one that was in use when this vault last signed."""
    plant(field)

    def other_readers(keyring: Keyring) -> Keyring:
        return dataclasses.replace(keyring, recipients=(str(PQIdentity.generate().to_recipient()),))

    reseal(field, other_readers, PASSPHRASE)
    found = refused(field, field.station)
    assert isinstance(found, LogInconsistent)
    assert found.code == "E-RESTORED"
    assert "keyring" in found.message


def test_a_keyring_under_another_passphrase(field: Field) -> None:
    plant(field)
    reseal(field, lambda keyring: keyring, "another passphrase")
    found = refused(field, field.station)
    assert isinstance(found, KeyProblem)
    assert found.code == "E-PASSPHRASE"


def test_a_desks_keyring_in_its_place(field: Field) -> None:
    """The machine would begin to keep an index and read what it takes in."""
    plant(field)
    create_vault(field.base / "stranger", org="Test House", passphrase=PASSPHRASE)
    replace(field.base / "stranger" / "keyring.age", field.station.folder / "keyring.age")
    assert refused(field, field.station).code == "E-CONFIG-CHANGED"
    settings = field.station.folder / "vault.toml"
    settings.write_text(settings.read_text().replace("station = true\n", ""))
    assert refused(field, field.station).code == "E-RESTORED"


def test_an_older_state_of_the_whole_folder(field: Field, tmp_path: Path) -> None:
    plant(field)
    shutil.copytree(field.station.folder, tmp_path / "older")
    field.take_in()
    shutil.rmtree(field.station.folder)
    shutil.copytree(tmp_path / "older", field.station.folder)
    assert refused(field, field.station).exit_status == Exit.LOG


def test_searchable_tables_put_back_into_the_catalogue_stay_empty(field: Field) -> None:
    """Provably harmless: what a field vault writes does not depend on the tables there are."""
    plant(field)
    with sqlite3.connect(field.desk.folder / "catalogue.db") as desk:
        made = [
            row[0]
            for row in desk.execute("SELECT sql FROM sqlite_master WHERE tbl_name LIKE 'index_%'")
            if row[0]
        ]
    with sqlite3.connect(field.station.folder / "catalogue.db") as database:
        for sql in made:
            database.execute(sql)
    field.take_in()
    with sqlite3.connect(field.station.folder / "catalogue.db") as database:
        for table in ("index_item", "index_case", "index_arrival"):
            assert database.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


def test_no_command_changes_whom_it_encrypts_to(field: Field) -> None:
    recipient = str(PQIdentity.generate().to_recipient())
    with field.station.open() as vault:
        with pytest.raises(PolicyRefused) as caught:
            grant(vault, recipient, "partner-1", lambda: PASSPHRASE)
        assert caught.value.code == "E-STATION"
        assert vault.keyring.recipients == desk_recipients(field)


def test_every_unit_is_encrypted_to_the_desk_and_to_nobody_else(field: Field) -> None:
    """Each header has one stanza for each recipient of the desk, and the desk's keys open it."""
    plant(field)
    field.take_in()
    identity = read_recovery(field.desk.recovery.read_bytes(), lambda: PASSPHRASE).identity
    assert identity is not None
    with field.desk.open() as desk, field.station.open() as vault:
        assert vault.keyring.identities() == []
        headers = [
            header
            for commit in vault.log.commits(0)
            for committed in vault.log.contents(commit)
            for header in committed.headers.values()
        ]
        assert len(headers) >= 4
        for header in headers:
            assert header.count(b"-> mlkem768x25519 ") == len(desk.keyring.recipients) == 2
            assert unwrap_file_key(header, desk.keyring.identities()) == unwrap_file_key(
                header, [identity]
            )


def test_the_recovery_file_of_a_field_vault_reads_nothing(field: Field) -> None:
    """It holds the root key, so that the log can be succeeded."""
    plant(field)
    field.take_in()
    found = read_recovery(field.station.recovery.read_bytes(), lambda: PASSPHRASE)
    assert found.identity is None
    with pytest.raises(KeyProblem) as caught:
        rebuild(field.station.folder, lambda: PASSPHRASE, recovery=field.station.recovery)
    assert caught.value.code == "E-STATION"
    recipients = desk_recipients(field)
    succeed(field.station.folder, lambda: PASSPHRASE, field.station.recovery, "it was lost")
    with field.station.open() as vault:
        assert vault.keyring.is_station
        assert vault.keyring.recipients == recipients
        with pytest.raises(PolicyRefused):
            get_item(vault, vault.catalogue.item_ids()[0], field.base / "out")
    assert field.take_in()["exit"] == 0
    assert field.station.audit()["exit"] == 0


# -- helpers ---------------------------------------------------------------------------------------


def refused(field: Field, station: Made) -> VaultError:
    """What stops an ingest; nothing was committed and nothing new is stored."""
    before = stored(station)
    with pytest.raises(VaultError) as caught:
        station.ingest(field.source)
    assert stored(station) == before
    assert caught.value.message
    return caught.value


def stored(station: Made) -> set[Path]:
    return {
        path
        for root in ("archive", "control", "elsewhere")
        for path in (station.folder / root).rglob("*")
        if path.is_file()
    }


def replace(source: Path, target: Path) -> None:
    if target.is_dir():
        shutil.rmtree(target)
        shutil.copytree(source, target)
        return
    for end in ("-wal", "-shm"):
        target.with_name(target.name + end).unlink(missing_ok=True)
    shutil.copy2(source, target)


def reseal(field: Field, change: Callable[[Keyring], Keyring], passphrase: str) -> None:
    path = field.station.folder / "keyring.age"
    keyring = open_keyring(path.read_bytes(), PASSPHRASE)
    path.write_bytes(seal_keyring(change(keyring), passphrase))


def desk_recipients(field: Field) -> tuple[str, ...]:
    assert read_config(field.station.folder).station
    with field.desk.open() as desk:
        return desk.keyring.recipients
