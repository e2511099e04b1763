"""A vault that several machines share: catalogue, writer lock and inner pin in PostgreSQL.

The second machine is a second folder with the same vault.toml and keyring, and a state folder of
its own; both lead to the same archive and control.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import text
from tests.servers.fixtures import PgServer

from evidence_vault.errors import LogInconsistent, StoreError, UsageError, VaultBusy, VaultError
from evidence_vault.log.postgres import open_server
from evidence_vault.log.writerlock import server_lock
from evidence_vault.vault.checking import log_checkpoint
from evidence_vault.vault.creation import change_passphrase, create_vault
from evidence_vault.vault.doctor import doctor
from evidence_vault.vault.rebuilding import rebuild

from .conftest import MakeVault
from .vaults import PASSPHRASE, Made, run, start, write_files


@pytest.fixture
def shared(make_vault: MakeVault, pg_database: str) -> Made:
    """An empty vault with its catalogue in PostgreSQL."""
    return make_vault(database=pg_database)


@pytest.fixture
def second(shared: Made, tmp_path: Path) -> Made:
    """Another machine of the same vault, which has signed nothing yet."""
    folder = tmp_path / "second"
    folder.mkdir()
    for name in ("vault.toml", "keyring.age"):
        shutil.copy2(shared.folder / name, folder / name)
    for name in ("archive", "control"):
        (folder / name).symlink_to(shared.folder / name)
    return Made(folder, shared.recovery, tmp_path / "second-state")


def on(made: Made, monkeypatch: pytest.MonkeyPatch) -> Made:
    """The machine that works from now on."""
    monkeypatch.setenv("EVIDENCE_VAULT_STATE", str(made.state))
    return made


def join(made: Made, tmp_path: Path) -> None:
    """As a second machine joins: with a checkpoint that shows how far the log is."""
    note = tmp_path / "partner"
    note.write_bytes((made.folder / "archive" / "log" / "checkpoint").read_bytes())
    with made.open() as vault:
        log_checkpoint(vault, expect=note)


def refused(made: Made, *paths: Path) -> VaultError:
    with pytest.raises(VaultError) as raised:
        made.ingest(*paths)
    return raised.value


def test_a_vault_on_postgresql_is_sound_after_ingest_and_rebuild(
    shared: Made, sources: Path
) -> None:
    shared.ingest(sources / "one")
    assert shared.assert_sound() == 3
    made = rebuild(shared.folder, lambda: PASSPHRASE)
    assert (made["exit"], made["state"], made["items"]) == (0, "ok", 3)
    shared.ingest(sources / "two")
    assert shared.assert_sound() == 6
    checks = {c["name"]: c for c in doctor(shared.folder, lambda: PASSPHRASE)["checks"]}
    assert checks["may sign"]["outcome"] == checks["catalogue"]["outcome"] == "ok"
    assert "in the database" in checks["record of what was signed"]["detail"]
    assert not (shared.folder / "catalogue.db").exists()
    assert not (shared.folder / "signed").exists()


def test_machines_take_turns_once_the_second_was_shown_the_newest_checkpoint(
    shared: Made, second: Made, sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared.ingest(sources / "one")
    on(second, monkeypatch)
    assert refused(second, sources / "two").code == "E-RESTORED"
    join(second, tmp_path)
    second.ingest(sources / "two")
    # The first one's outer pin is older than the stored checkpoint now: that is no reason.
    on(shared, monkeypatch)
    shared.ingest(*write_files(tmp_path / "three", 2))
    on(second, monkeypatch)
    second.ingest(*write_files(tmp_path / "four", 2))
    assert second.assert_sound() == 10
    on(shared, monkeypatch)
    assert shared.assert_sound() == 10


def test_a_keyring_changed_on_one_machine_is_noticed_on_the_other(
    shared: Made, second: Made, sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared.ingest(sources / "one")
    on(second, monkeypatch)
    join(second, tmp_path)
    on(shared, monkeypatch)
    change_passphrase(shared.folder, lambda: PASSPHRASE, lambda: "another long one")
    on(second, monkeypatch)
    found = refused(second, sources / "two")
    assert (found.code, "keyring" in found.message) == ("E-RESTORED", True)


@pytest.mark.parametrize("machine", ["that signed last", "that signed before"])
def test_failover_to_an_older_copy_of_the_database_is_refused(
    pg_server: PgServer,
    pg_database: str,
    shared: Made,
    second: Made,
    sources: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    machine: str,
) -> None:
    shared.ingest(sources / "one")
    on(second, monkeypatch)
    join(second, tmp_path)
    saved = tmp_path / "saved.sql"
    dump(pg_server, pg_database, saved)
    second.ingest(sources / "two")
    restore(pg_server, pg_database, saved)
    found = refused(
        on(second if machine == "that signed last" else shared, monkeypatch), sources / "two"
    )
    assert (type(found), found.code) == (LogInconsistent, "E-RESTORED")
    # A partner who has seen the newest opens the way; nothing was lost: the store has it all.
    join(second, tmp_path)
    assert second.assert_sound() == 6


def test_a_database_that_lost_everything_is_rebuilt_and_counts_as_restored(
    pg_server: PgServer, pg_database: str, shared: Made, sources: Path, tmp_path: Path
) -> None:
    shared.ingest(sources / "one")
    pg_server.run("DROP SCHEMA evidence_vault CASCADE", pg_database.rsplit("/", 1)[1])
    found = refused(shared, sources / "two")
    assert (found.code, "rebuild" in found.hint) == ("E-CATALOGUE", True)
    made = rebuild(shared.folder, lambda: PASSPHRASE)
    assert (made["exit"], made["state"]) == (11, "restored")
    join(shared, tmp_path)
    shared.ingest(sources / "two")
    assert shared.assert_sound() == 6


def test_a_row_signed_by_somebody_else_is_refused(
    pg_database: str, shared: Made, sources: Path
) -> None:
    change(pg_database, "UPDATE log_signed SET data = decode('7b7d0a', 'hex')")
    assert refused(shared, sources / "one").code == "E-RESTORED"


def test_an_edited_catalogue_on_a_server_is_named_by_the_audit(
    pg_database: str, shared: Made, sources: Path
) -> None:
    shared.ingest(sources / "one")
    change(pg_database, "UPDATE log_entry SET type = 'erased' WHERE idx = 2")
    change(pg_database, "DELETE FROM log_history WHERE seq = 0 AND id LIKE '%1'")
    change(pg_database, "UPDATE index_item SET title = 'other' WHERE id LIKE '%2'")
    change(pg_database, "DELETE FROM index_posting WHERE token % 2 = 0")
    found = shared.audit()["findings"]
    where = [f["where"].removeprefix("catalogue, ") for f in found]
    assert where == ["log_entry", "log_history", "index_item", "index_posting"]
    said = [f["message"] for f in found]
    assert all("`evidence-vault rebuild`" in s for s in said)
    assert "log 0, entry 2: type not as the log gives" in said[0]
    assert "lacks a row" in said[1]
    assert "title not as the log gives" in said[2]
    assert "other" not in said[2]
    rebuild(shared.folder, lambda: PASSPHRASE)
    assert shared.assert_sound() == 3


def test_a_database_of_another_vault_is_refused(
    pg_database: str, shared: Made, make_vault: MakeVault, tmp_path: Path
) -> None:
    with pytest.raises(UsageError) as raised:
        create_vault(tmp_path / "other", org="O", passphrase=PASSPHRASE, database=pg_database)
    assert raised.value.code == "E-EXISTS"
    assert not (tmp_path / "other").exists()
    assert not (tmp_path / "other-recovery.txt").exists()
    # Nor does one whose settings were turned to it lay its catalogue over the other one's.
    mine = make_vault("mine")
    settings = mine.folder / "vault.toml"
    settings.write_text(settings.read_text().replace("catalogue.db", pg_database))
    with pytest.raises(VaultError) as refused_:
        rebuild(mine.folder, lambda: PASSPHRASE)
    assert refused_.value.code == "E-EXISTS"
    assert shared.assert_sound() == 0


# -- the writer lock -----------------------------------------------------------------------------


def test_the_holder_is_named_to_whoever_waits_on_another_machine(
    shared: Made, second: Made
) -> None:
    with shared.open() as one, second.open() as two, one.locked():
        with pytest.raises(VaultBusy) as raised, two.locked(wait_seconds=0.3):
            pass
        assert f"process {os.getpid()} since" in raised.value.message
        one.demand_held()
    with second.open() as two, two.locked(wait_seconds=0):
        pass


def test_a_writer_that_was_killed_blocks_nobody(pg_database: str, shared: Made) -> None:
    code = (
        "import sys, time; from evidence_vault.log.writerlock import server_lock\n"
        "with server_lock(sys.argv[1], 'process 1', 5): print('held', flush=True); time.sleep(600)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, pg_database],
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None and process.stdout.readline() == b"held\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    with server_lock(pg_database, "process 2", 10):
        pass


def test_a_lock_whose_session_ended_is_not_taken_for_held(
    pg_server: PgServer, pg_database: str, shared: Made, sources: Path
) -> None:
    shared.ingest(sources / "one")
    with shared.open() as vault, vault.locked():
        end_sessions(pg_server, pg_database)
        with pytest.raises(StoreError) as raised:
            vault.demand_held()
        assert raised.value.code == "E-LOCK-LOST"
        with pytest.raises(StoreError):  # nor is a new session taken for it
            vault.demand_held()
        with pytest.raises(StoreError) as raised:
            vault.set_signed(vault.keyring.origin, b"older")
        assert raised.value.code == "E-LOCK-LOST"
    assert shared.ingest(sources / "two")["exit"] == 0


def test_two_machines_that_ingest_at_once_lose_and_repeat_nothing(
    shared: Made, second: Made, sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on(second, monkeypatch)
    join(second, tmp_path)
    write_files(tmp_path / "a", 30)
    write_files(tmp_path / "b", 30)
    works = [
        start(
            "ingest",
            made.folder,
            tmp_path / part,
            environment={"EVIDENCE_VAULT_STATE": str(made.state), "EVIDENCE_VAULT_EXIFTOOL": "off"},
        )
        for made, part in ((shared, "a"), (second, "b"))
    ]
    for work in works:
        _, err = work.communicate(timeout=300)
        assert work.returncode == 0, err
    assert second.assert_sound() == 60


def test_sessions_ended_by_the_server_in_the_middle_lose_nothing(
    pg_server: PgServer, pg_database: str, shared: Made, tmp_path: Path
) -> None:
    write_files(tmp_path / "many", 60)
    work = start("ingest", shared.folder, tmp_path / "many")
    for _ in range(20):
        time.sleep(0.1)
        end_sessions(pg_server, pg_database)
        if work.poll() is not None:
            break
    work.communicate(timeout=300)
    again = run("ingest", shared.folder, tmp_path / "many")
    assert again["exit"] == 0
    assert shared.assert_sound() == 60


# -- helpers -------------------------------------------------------------------------------------


def change(place: str, statement: str) -> None:
    engine = open_server(place, pooled=False)
    with engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


def end_sessions(server: PgServer, place: str) -> None:
    name = place.rsplit("/", 1)[1]
    server.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        f"WHERE datname = '{name}' AND pid <> pg_backend_pid()"
    )


def dump(server: PgServer, place: str, path: Path) -> None:
    client(server, "pg_dump", "-f", str(path), place.rsplit("/", 1)[1])


def restore(server: PgServer, place: str, path: Path) -> None:
    name = place.rsplit("/", 1)[1]
    server.run("DROP SCHEMA evidence_vault CASCADE", name)
    client(server, "psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-f", str(path), name)


def client(server: PgServer, *command: str) -> None:
    where = ["-h", server.host, "-p", str(server.port), "-U", server.user]
    environment = {**os.environ, "PGPASSWORD": server.password}
    done = subprocess.run(
        [command[0], *where, *command[1:]], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
