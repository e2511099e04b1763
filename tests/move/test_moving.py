"""A vault moved between places: nothing lost, the log unchanged, the old place silent."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.servers.fixtures import S3Server
from tests.vault.conftest import MakeVault
from tests.vault.vaults import PASSPHRASE, ROOT, Made, write_files

from evidence_vault.config import Places, read_config
from evidence_vault.core.event import parse_entry
from evidence_vault.errors import LogInconsistent, StoreError, UsageError, VaultError
from evidence_vault.store.naming import object_key
from evidence_vault.vault.checking import log_checkpoint
from evidence_vault.vault.doctor import doctor
from evidence_vault.vault.exits import get_item
from evidence_vault.vault.fixity import fixity
from evidence_vault.vault.moving import migrate
from evidence_vault.vault.movingplan import MoveRequest
from evidence_vault.vault.rebuilding import rebuild
from evidence_vault.vault.setnotes import entry_values
from evidence_vault.vault.succession import succeed

DRIVER = Path(__file__).with_name("driver.py")

STEPS = [
    *("moving-begun", "moving-adopted", "moving-objects", "moving-adopted:2", "moving-objects:2"),
    *("moving-files", "moving-files:2", "moving-copied", "moving-catalogue", "moving-left"),
    *("moving-reserved", "moving-switched", "3-built", "4-committed", "5-catalogue"),
    *("moving-recorded", "7-published", "8-pinned-inside", "8-pinned", "8-evidence"),
    *("8-checkpoint", "moving-signed", "moving-old-told"),
]
# On servers the same steps, and the one that only an object store has: these differ there.
SERVER_STEPS = ["moving-adopted", "moving-catalogue", "moving-left", "moving-stored", "4-committed"]


def test_every_step_of_a_move_is_killed_at() -> None:
    named = set()
    for path in (ROOT / "src" / "evidence_vault" / "vault").glob("moving*.py"):
        named |= set(re.findall(r'step\("([a-z0-9-]+)"\)', path.read_text()))
    assert named == {s.partition(":")[0] for s in STEPS + SERVER_STEPS if s.startswith("moving-")}


@pytest.fixture
def filled(vault: Made, tmp_path: Path) -> Made:
    """A vault of a few items, one of which came twice."""
    vault.ingest(write_files(tmp_path / "in", 7)[0].parent)
    return vault


def move(made: Made, **where: Any) -> dict[str, Any]:
    return migrate(made.folder, lambda: PASSPHRASE, MoveRequest(**where, by="clerk-1"))


def move_elsewhere(
    made: Made, *where: str, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """In a process of its own."""
    return subprocess.run(
        [sys.executable, str(DRIVER), str(made.folder), *where],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), **(environment or {})},
    )


def log_of(made: Made, size: int | None = None) -> tuple[list[bytes], bytes | None]:
    """Entries and checkpoint, byte for byte."""
    with made.open() as opened:
        entries = [
            committed.entry
            for commit in opened.log.commits(0)
            for committed in opened.log.contents(commit)
        ]
        return entries[:size], opened.log.checkpoint()


def digests(folder: Path) -> dict[str, str]:
    """Every file of a store's two roots by its SHA-256."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for root in ("archive", "control")
        for path in sorted((folder / root).rglob("*"))
        if path.is_file() and ".staging" not in path.parts
    }


def assert_moved(made: Made, before: list[bytes], items: int, tmp_path: Path) -> dict[str, Any]:
    """The same log goes on, everything is readable and right; returns the last move's event."""
    entries, _ = log_of(made)
    assert entries[: len(before)] == before
    assert not list(made.folder.glob("moving*"))
    report = made.audit()
    assert (report["exit"], report["findings"]) == (0, [])
    with made.open() as opened:
        assert len(opened.catalogue.item_ids()) == items
        found = fixity(opened, all=True)
        assert (found["exit"], found["damaged"]) == (0, [])
        first = opened.catalogue.item_ids()[0]
        name = opened.catalogue.find()[0]["name"]
        out = tmp_path / f"out-{len(entries)}"
        get_item(opened, first, out)
        assert out.read_bytes() == (tmp_path / "in" / name).read_bytes()
        moves = opened.catalogue.indexes_of(["migrated"])
        assert moves
        start = opened.catalogue.entry(moves[-1]).commit_start
        committed = opened.log.contents(opened.log.commit(start))[moves[-1] - start]
        return entry_values(opened, committed, parse_entry(committed.entry).event)


def assert_silent(made: Made, places: Places) -> None:
    """With the old vault.toml in its place nothing is signed."""
    settings = made.folder / "vault.toml"
    kept = settings.read_bytes()
    config = read_config(made.folder)
    from evidence_vault.config import format_config

    settings.write_text(format_config(places.put_into(config)))
    try:
        with made.open() as opened, pytest.raises(LogInconsistent) as caught:
            log_checkpoint(opened)
        if "://" in places.catalogue + config.catalogue or places.catalogue == config.catalogue:
            assert (caught.value.code, "new vault.toml" in caught.value.hint) == ("E-MOVED", True)
        else:  # one machine, with one record of what it signed
            assert caught.value.code == "E-ROLLED-BACK"
    finally:
        settings.write_bytes(kept)


def test_a_folder_moves_to_another_disk_and_the_old_one_is_left_as_it_was(
    filled: Made, tmp_path: Path
) -> None:
    before, note = log_of(filled)
    old, places = digests(filled.folder), Places.of(read_config(filled.folder))
    target = tmp_path / "disk"
    target.mkdir()
    dry = move(filled, folder=target, dry_run=True)
    assert (dry["objects"], dry["dry_run"], list(target.iterdir())) == (7, True, [])
    done = move(filled, folder=target)
    assert (done["objects"], done["missing"], done["exit"]) == (7, [], 0)
    assert done["entries"] == len(before)
    assert digests(filled.folder) == old
    assert old.items() - {("archive/log/checkpoint", old["archive/log/checkpoint"])} <= (
        digests(target).items()
    )
    assert hashlib.sha256(note or b"").hexdigest() == old["archive/log/checkpoint"]
    told = assert_moved(filled, before, 7, tmp_path)
    assert told["actor"] == "clerk-1"
    assert told["moved_to"]["archive"] == str(target / "archive")
    assert told["counts"]["objects"] == "7"
    assert_silent(filled, places)


def test_what_comes_in_while_a_move_copies_is_moved_too(
    filled: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from evidence_vault.vault import movingcopy

    write_files(tmp_path / "late", 2)
    files = movingcopy.Copier.files
    called: list[int] = []

    def slow(self: movingcopy.Copier) -> None:
        files(self)
        if not called:
            called.append(1)
            filled.ingest(tmp_path / "late")

    monkeypatch.setattr(movingcopy.Copier, "files", slow)
    before, _ = log_of(filled)
    done = move(filled, folder=tmp_path / "vault2")
    assert done["objects"] == 9
    assert_moved(filled, before, 9, tmp_path)


QUICK = ("moving-objects", "moving-catalogue", "moving-switched", "4-committed", "moving-signed")


@pytest.mark.parametrize(
    "killed_at",
    [step if step in QUICK else pytest.param(step, marks=pytest.mark.slow) for step in STEPS],
)
def test_a_move_killed_at_a_step_is_ended_by_the_same_command(
    filled: Made, tmp_path: Path, killed_at: str
) -> None:
    before, _ = log_of(filled)
    places = Places.of(read_config(filled.folder))
    where = (f"folder={tmp_path / 'disk'}", "sqlite=yes")
    (tmp_path / "disk").mkdir()
    done = move_elsewhere(filled, *where, environment={"EVIDENCE_VAULT_FAULT": killed_at})
    assert done.returncode == -signal.SIGKILL, f"{killed_at}: {done.stdout}{done.stderr}"
    left = json.loads((filled.folder / "moving.json").read_text())["left"]
    if left:
        with filled.open() as opened, pytest.raises(StoreError) as caught:
            log_checkpoint(opened)
        assert caught.value.code == "E-MOVING"
    else:  # it goes on where it was, and what comes in now is moved, too
        filled.ingest(write_files(tmp_path / "late", 1)[0].parent)
    done = move_elsewhere(filled, *where)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["resumed"]
    assert_moved(filled, before, 7 if left else 8, tmp_path)
    assert_silent(filled, places)
    with filled.open() as opened:
        assert len(opened.catalogue.indexes_of(["migrated"])) == 1


def test_a_missing_and_a_changed_object_are_named_and_everything_else_is_moved(
    filled: Made, tmp_path: Path
) -> None:
    objects = sorted((filled.folder / "archive" / "objects").rglob("*"))
    first, second = [path for path in objects if path.is_file()][:2]
    first.unlink()
    second.chmod(0o600)
    second.write_bytes(b"rotten" + second.read_bytes()[6:])
    done = move(filled, folder=tmp_path / "disk2")
    assert done["exit"] == 10
    assert {each["name"]: each["why"] for each in done["missing"]} == {
        first.name: "it is not in the old place",
        second.name: "its bytes have changed in the old place",
    }
    assert done["objects"] == 5
    assert not (tmp_path / "disk2" / "archive" / object_key(second.name)).exists()


def test_a_rolled_back_vault_is_not_moved(old: Path, vault: Made, tmp_path: Path) -> None:
    for root in ("archive", "control"):
        shutil.rmtree(vault.folder / root)
        shutil.copytree(old / root, vault.folder / root)
    with pytest.raises(LogInconsistent):
        move(vault, folder=tmp_path / "disk3")
    assert read_config(vault.folder).archive == "archive"


def test_a_forged_record_of_a_move_does_not_make_an_old_copy_sign(
    old: Path, vault: Made, tmp_path: Path
) -> None:
    with vault.open() as opened:
        assert opened.catalogue.frontier().size
    shutil.copytree(old / "archive", tmp_path / "disk4" / "archive")
    shutil.copytree(old / "control", tmp_path / "disk4" / "control")
    shutil.copy2(old / "catalogue.db", vault.folder / "catalogue-2.db")
    target = {
        "archive": str(tmp_path / "disk4" / "archive"),
        "control": str(tmp_path / "disk4" / "control"),
        "catalogue": "catalogue-2.db",
    }
    source = {"archive": "archive", "control": "control", "catalogue": "catalogue.db"}
    saved = Made(old, vault.recovery, vault.state)
    with saved.open() as opened:
        frontier = opened.catalogue.frontier()
    forged = {"source": source, "target": target, "left": True, "size": frontier.size}
    forged["root"] = frontier.root().hex()
    (vault.folder / "moving.json").write_text(json.dumps(forged))
    with pytest.raises(LogInconsistent) as caught:
        move(vault, folder=tmp_path / "disk4", sqlite=True)
    assert caught.value.code == "E-ROLLED-BACK"
    assert read_config(vault.folder).archive == "archive"


def test_a_place_that_is_in_use_is_refused(filled: Made, make_vault: MakeVault) -> None:
    other = make_vault("other")
    for where in ({"folder": other.folder}, {"folder": filled.folder}, {}):
        with pytest.raises(UsageError) as caught:
            move(filled, **where)
        assert caught.value.code in ("E-EXISTS", "E-MOVE-NOTHING")


def test_a_move_that_was_begun_is_not_turned_elsewhere(filled: Made, tmp_path: Path) -> None:
    done = move_elsewhere(
        filled,
        f"folder={tmp_path / 'one-disk'}",
        environment={"EVIDENCE_VAULT_FAULT": "moving-files"},
    )
    assert done.returncode == -signal.SIGKILL
    with pytest.raises(UsageError) as caught:
        move(filled, folder=tmp_path / "other-disk")
    assert caught.value.code == "E-MOVE-OTHER"


# ---- on servers ----------------------------------------------------------------------------------


def store_url(server: S3Server, tls: bool = False) -> str:
    more = {"control_profile": "control", "lock": "governance", "days": 1}
    return server.place("archive", "move", tls, **more)


def test_there_and_back_folder_and_sqlite_to_s3_and_postgresql_over_https(
    filled: Made,
    tmp_path: Path,
    s3_server: S3Server,
    s3_profiles: dict[str, str],
    pg_database: str,
) -> None:
    before, _ = log_of(filled)
    local = Places.of(read_config(filled.folder))
    url = store_url(s3_server, tls=True)
    done = move(filled, store=url, database=pg_database)
    assert (done["objects"], done["missing"]) == (7, [])
    assert "profile" not in json.dumps([done["from"], done["to"]])
    served = Places.of(read_config(filled.folder))
    assert_moved(filled, before, 7, tmp_path)
    assert_silent(filled, local)
    with filled.open() as opened:  # each payload is read by the version that was recorded
        names = [p.name for p in (filled.folder / "archive" / "objects").rglob("*") if p.is_file()]
        placed = opened.catalogue.placed(names)
        assert set(placed) == set(names)
        assert {(p.mode, p.version is None) for p in placed.values()} == {("GOVERNANCE", False)}
    rebuild(filled.folder, lambda: PASSPHRASE)
    with filled.open() as opened:
        assert opened.catalogue.placed(names) == placed
    # Back: what was recorded in between is moved, too, and the servers' copy falls silent.
    filled.ingest(write_files(tmp_path / "later", 2)[0].parent)
    before, _ = log_of(filled)
    back = move(filled, folder=tmp_path / "home", sqlite=True)
    assert back["objects"] == 9
    assert read_config(filled.folder).catalogue == "catalogue-2.db"
    told = assert_moved(filled, before, 9, tmp_path)
    assert told["moved_from"]["catalogue"] == pg_database
    assert_silent(filled, served)


@pytest.mark.slow
@pytest.mark.parametrize("killed_at", SERVER_STEPS)
def test_a_move_to_servers_killed_at_a_step_is_ended_by_the_same_command(
    filled: Made,
    tmp_path: Path,
    s3_server: S3Server,
    s3_profiles: dict[str, str],
    pg_database: str,
    killed_at: str,
) -> None:
    before, _ = log_of(filled)
    places = Places.of(read_config(filled.folder))
    where = (f"store={store_url(s3_server)}", f"database={pg_database}")
    done = move_elsewhere(filled, *where, environment={"EVIDENCE_VAULT_FAULT": killed_at})
    assert done.returncode == -signal.SIGKILL, f"{killed_at}: {done.stdout}{done.stderr}"
    done = move_elsewhere(filled, *where)
    assert done.returncode == 0, done.stdout + done.stderr
    assert_moved(filled, before, 7, tmp_path)
    assert_silent(filled, places)


def test_another_machine_with_the_old_settings_does_not_sign_any_more(
    make_vault: MakeVault,
    tmp_path: Path,
    pg_database: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its own record of what was signed is older than the move: the database's says it."""
    shared = make_vault(database=pg_database)
    shared.ingest(write_files(tmp_path / "in", 2)[0].parent)
    other = tmp_path / "machine"
    other.mkdir()
    for name in ("vault.toml", "keyring.age"):
        shutil.copy2(shared.folder / name, other / name)
    for root in ("archive", "control"):
        (other / root).symlink_to(shared.folder / root)
    shutil.copytree(shared.state, tmp_path / "state-of-machine")
    move(shared, folder=tmp_path / "disk5", sqlite=True)
    monkeypatch.setenv("EVIDENCE_VAULT_STATE", str(tmp_path / "state-of-machine"))
    machine = Made(other, shared.recovery, tmp_path / "state-of-machine")
    with pytest.raises(VaultError) as caught:
        machine.ingest(tmp_path / "in")
    assert caught.value.code == "E-MOVED"
    checks = {each["name"]: each for each in doctor(other, lambda: PASSPHRASE)["checks"]}
    assert checks["may sign"]["outcome"] == "problem"
    assert "succeed" not in checks["may sign"]["command"]
    with pytest.raises(VaultError) as caught:
        succeed(other, lambda: PASSPHRASE, shared.recovery, "it does not sign")
    assert caught.value.code == "E-MOVED"


def test_a_machine_with_old_settings_and_the_same_database_is_told_of_the_move(
    make_vault: MakeVault, tmp_path: Path, pg_database: str
) -> None:
    shared = make_vault(database=pg_database)
    shared.ingest(write_files(tmp_path / "in", 2)[0].parent)
    places = Places.of(read_config(shared.folder))
    move(shared, folder=tmp_path / "disk7")
    assert_silent(shared, places)
    assert shared.audit()["findings"] == []


def test_a_store_on_another_disk_is_not_taken_in_as_evidence(filled: Made, tmp_path: Path) -> None:
    disk = tmp_path / "disk6"
    disk.mkdir()
    move(filled, folder=disk / "store")
    write_files(disk / "new", 1)
    assert len(filled.ingest(disk)["taken_in"]) == 1
