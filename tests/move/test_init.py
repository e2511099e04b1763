"""``init`` on servers: what is not fit is refused in plain words, and nothing is left behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import text
from tests.cli.runner import call
from tests.servers.fixtures import PgServer, S3Server
from tests.vault.conftest import MakeVault
from tests.vault.vaults import PASSPHRASE, Made, write_files

from evidence_vault.config import read_config
from evidence_vault.errors import PolicyRefused, StoreError, UsageError, VaultError
from evidence_vault.log.catalogue import Catalogue
from evidence_vault.log.places import demand_room
from evidence_vault.log.postgres import open_server
from evidence_vault.log.writerlock import server_lock
from evidence_vault.store.s3client import S3Client
from evidence_vault.store.s3place import parse_place
from evidence_vault.vault import creation
from evidence_vault.vault.creation import create_vault
from evidence_vault.vault.fixity import fixity
from evidence_vault.vault.newplaces import split_store


def refused(folder: Path, **options: Any) -> VaultError:
    """The error of an ``init`` that must leave nothing on this machine."""
    before = sorted(folder.parent.rglob("*"))
    with pytest.raises(VaultError) as caught:
        create_vault(folder, org="Test House", passphrase=PASSPHRASE, **options)
    assert sorted(folder.parent.rglob("*")) == before
    assert caught.value.message and caught.value.hint
    return caught.value


def here(tmp_path: Path) -> Path:
    (tmp_path / "here").mkdir()
    return tmp_path / "here" / "vault"


def url(server: S3Server, tls: bool = False, **more: object) -> str:
    return server.place("archive", "init", tls, control_profile="control", **more)


def test_a_store_url_gives_two_places() -> None:
    archive, control = split_store(
        "s3://house/a?endpoint=https://s3.example:7&region=r&profile=p&lock=compliance&days=9"
    )
    assert parse_place(archive).mode == "COMPLIANCE"
    assert control == "s3://house-control/a?endpoint=https://s3.example:7&region=r&profile=p"
    named = split_store("s3://house?control=other&control_profile=q&profile=p")[1]
    assert (parse_place(named).bucket, parse_place(named).profile) == ("other", "q")


@pytest.mark.parametrize(
    "bad",
    [
        "s3://house?control=house",
        "s3://house?control=",
        "s3://house?control=a&control=b",
        "s3://house?control=No_Bucket",
        "s3://key:hunter2@house",
        "s3://house?aws_secret_access_key=hunter2",
        "https://house",
    ],
)
def test_a_store_url_that_can_not_be_is_refused(bad: str) -> None:
    with pytest.raises(UsageError) as caught:
        split_store(bad)
    assert caught.value.code == "E-PLACE"
    assert "hunter2" not in caught.value.message + caught.value.hint


def test_without_credentials_nothing_is_made(
    tmp_path: Path, s3_server: S3Server, s3_profiles: dict[str, str]
) -> None:
    Path(s3_profiles["AWS_SHARED_CREDENTIALS_FILE"]).write_text("")
    assert refused(here(tmp_path), store=url(s3_server)).code == "E-S3-DENIED"


def test_a_store_whose_certificate_is_not_known_is_not_trusted(
    tmp_path: Path, s3_server: S3Server, s3_profiles: dict[str, str], monkeypatch: Any
) -> None:
    monkeypatch.delenv("AWS_CA_BUNDLE")
    error = refused(here(tmp_path), store=url(s3_server, tls=True))
    assert isinstance(error, StoreError)
    assert "certificate" in (error.message + error.hint).lower()


def test_a_bucket_without_object_lock_is_refused_when_a_lock_is_asked_for(
    tmp_path: Path, s3_server: S3Server, s3_profiles: dict[str, str]
) -> None:
    store = url(s3_server)
    S3Client(parse_place(split_store(store)[0])).call("create_bucket", "the bucket")
    error = refused(here(tmp_path), store=f"{store}&lock=compliance&days=1")
    assert error.code == "E-S3-NO-LOCK"


def test_a_control_bucket_that_keeps_versions_is_refused(
    tmp_path: Path, s3_server: S3Server, s3_profiles: dict[str, str]
) -> None:
    store = url(s3_server)
    client = S3Client(parse_place(split_store(store)[1]))
    client.call("create_bucket", "the bucket", ObjectLockEnabledForBucket=True)
    assert refused(here(tmp_path), store=store).code == "E-S3-VERSIONED"


def test_a_database_in_use_is_refused_before_a_bucket_is_made(
    tmp_path: Path,
    s3_server: S3Server,
    s3_profiles: dict[str, str],
    pg_database: str,
    make_vault: MakeVault,
) -> None:
    make_vault("first", database=pg_database)
    store = url(s3_server)
    assert refused(here(tmp_path), store=store, database=pg_database).code == "E-EXISTS"
    for place in split_store(store):
        with pytest.raises(StoreError):
            S3Client(parse_place(place)).call("list_objects_v2", "the bucket")


def test_a_database_that_is_not_there_is_said(tmp_path: Path, pg_server: PgServer) -> None:
    error = refused(here(tmp_path), database=pg_server.place("nobody-made-this"))
    assert error.code in ("E-PG-NO-DATABASE", "E-PG-AUTH")
    with_password = f"postgresql://u:hunter2@{urlsplit(pg_server.super_url).hostname}/d"
    error = refused(tmp_path / "here" / "vault", database=with_password)
    assert error.code == "E-PLACE"
    assert "hunter2" not in error.message + error.hint


def test_what_is_not_encrypted_is_not_locked(tmp_path: Path, s3_server: S3Server) -> None:
    store = url(s3_server, lock="compliance", days=1)
    assert isinstance(refused(here(tmp_path), store=store, plaintext=True), PolicyRefused)


def test_a_failure_in_the_middle_takes_everything_away_but_buckets_which_are_named(
    tmp_path: Path,
    s3_server: S3Server,
    s3_profiles: dict[str, str],
    pg_database: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(_: object) -> bytes:
        raise StoreError("the store went away", hint="look after it")

    monkeypatch.setattr(creation, "publish_and_sign", fails)
    monkeypatch.setenv("EVIDENCE_VAULT_STATE", str(tmp_path / "here" / "state"))
    store = url(s3_server)
    folder = here(tmp_path)
    (tmp_path / "here" / "state").mkdir()
    error = refused(folder, store=store, database=pg_database)
    for place in split_store(store):
        assert parse_place(place).bucket in error.hint
    assert S3Client(parse_place(split_store(store)[1])).call("list_objects_v2", "").get(
        "KeyCount"
    ) in (0, None)
    demand_room(pg_database)  # nothing in the way of the next try
    monkeypatch.undo()


def test_a_field_vault_lies_in_one_folder(tmp_path: Path) -> None:
    for option in (["--store", "s3://x"], ["--database", "postgresql://u@h/d"]):
        done = call("init", str(tmp_path / "v"), "--station", str(tmp_path / "card"), *option)
        assert done.status == 2
        assert "field vault" in done.err


def test_a_store_on_s3_with_a_catalogue_in_a_file_is_a_vault_of_one_machine(
    tmp_path: Path, s3_server: S3Server, s3_profiles: dict[str, str]
) -> None:
    made = create_vault(
        here(tmp_path),
        org="Test House",
        passphrase=PASSPHRASE,
        no_recovery=True,
        store=url(s3_server, tls=True),
    )
    assert any("one machine" in notice for notice in made["notices"])
    assert any("no Object Lock" in notice for notice in made["notices"])
    assert "profile" not in str(made["places"])
    vault = Made(Path(made["vault"]), tmp_path / "none", tmp_path / "state")
    assert read_config(vault.folder).catalogue == "catalogue.db"
    assert vault.ingest(write_files(tmp_path / "in", 3)[0].parent)["exit"] == 0
    with vault.open() as opened:
        assert fixity(opened, all=True)["damaged"] == []
    assert vault.audit()["findings"] == []


def overtaken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **options: Any
) -> tuple[VaultError, Made]:
    """An ``init`` that finds its places empty, and is overtaken by another one before it begins."""
    monkeypatch.setenv("EVIDENCE_VAULT_STATE", str(tmp_path / "state"))
    won = tmp_path / "won"
    from evidence_vault.vault.newplaces import prepare as looked

    def slow(places: Any) -> Any:
        done = looked(places)
        monkeypatch.setattr(creation, "prepare", looked)
        create_vault(
            options.get("first", won), org="One", passphrase=PASSPHRASE, no_recovery=True, **where
        )
        return done

    where = {name: value for name, value in options.items() if name != "first"}
    monkeypatch.setattr(creation, "prepare", slow)
    with pytest.raises(VaultError) as caught:
        create_vault(tmp_path / "lost", org="Two", passphrase=PASSPHRASE, no_recovery=True, **where)
    return caught.value, Made(options.get("first", won), tmp_path / "none", tmp_path / "state")


def assert_lives(made: Made, tmp_path: Path) -> None:
    assert made.ingest(write_files(tmp_path / "in", 3)[0].parent)["exit"] == 0
    assert made.audit()["findings"] == []
    assert not (tmp_path / "lost-recovery.txt").exists()


@pytest.mark.sweep
@pytest.mark.parametrize("lock", [{}, {"lock": "governance", "days": 1}])
def test_of_two_inits_with_one_store_the_loser_takes_nothing_from_the_winner(
    tmp_path: Path,
    s3_server: S3Server,
    s3_profiles: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    lock: dict[str, Any],
) -> None:
    error, won = overtaken(tmp_path, monkeypatch, store=url(s3_server, **lock))
    assert (error.code, type(error)) == ("E-NOT-EMPTY", UsageError)
    assert not (tmp_path / "lost").exists()
    assert_lives(won, tmp_path)


def test_of_two_inits_that_share_a_control_bucket_alone_the_create_only_commit_decides(
    tmp_path: Path,
    s3_server: S3Server,
    s3_profiles: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("evidence_vault.store.s3.S3Store.keys", lambda *_: iter(()))
    error, won = overtaken(tmp_path, monkeypatch, store=url(s3_server))
    assert error.code == "E-NOT-EMPTY"
    monkeypatch.undo()
    for name, value in s3_profiles.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("EVIDENCE_VAULT_STATE", str(tmp_path / "state"))
    assert_lives(won, tmp_path)


def test_of_two_inits_with_one_database_the_loser_takes_nothing_from_the_winner(
    tmp_path: Path, pg_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    error, won = overtaken(tmp_path, monkeypatch, database=pg_database)
    assert error.code == "E-EXISTS"
    assert_lives(won, tmp_path)


def test_an_init_waits_for_another_in_the_same_database(
    tmp_path: Path, pg_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(creation, "_WAIT_SECONDS", 0.3)
    with server_lock(pg_database, "another", 1.0):
        assert refused(here(tmp_path), database=pg_database).code == "E-BUSY"
    demand_room(pg_database)


def test_of_two_inits_in_one_folder_the_loser_takes_nothing_from_the_winner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error, won = overtaken(tmp_path, monkeypatch, first=tmp_path / "lost")
    assert error.code == "E-EXISTS"
    assert_lives(won, tmp_path)


def test_a_failed_init_leaves_the_record_of_another_vault_of_the_same_name(
    tmp_path: Path, make_vault: MakeVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = make_vault("first")
    with first.open() as opened:
        origin = opened.keyring.origin

    def fails(_: object) -> bytes:
        raise StoreError("the store went away", hint="look after it")

    monkeypatch.setattr(creation, "pin_beginning", fails)
    assert refused(here(tmp_path), origin=origin).code == "E-STORE"
    monkeypatch.undo()
    monkeypatch.setenv("EVIDENCE_VAULT_STATE", str(first.state))
    assert_lives(first, tmp_path)


def test_a_schema_that_holds_rows_is_never_taken_for_an_empty_one(
    pg_database: str,
) -> None:
    Catalogue.create(pg_database, 0).close()
    engine = open_server(pg_database)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO log_signed (origin, data) VALUES ('a', 'x')"))
        connection.execute(text("DROP TABLE log_state"))
    with pytest.raises(UsageError) as caught:
        Catalogue.create(pg_database, 0)
    assert caught.value.code == "E-EXISTS"
    with engine.begin() as connection:
        assert connection.execute(text("SELECT count(*) FROM log_signed")).scalar() == 1
    engine.dispose()
