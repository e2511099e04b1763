"""What is said when the database server is not there, refuses, follows another, or goes."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.servers.fixtures import PgServer, pg_from, start, stop

from evidence_vault.core.merkle import leaf_hash
from evidence_vault.errors import Exit, StoreError
from evidence_vault.log.applying import EntryRow, IndexRows
from evidence_vault.log.catalogue import Catalogue
from evidence_vault.log.places import demand_room
from evidence_vault.log.writerlock import server_lock


def refused(place: str) -> StoreError:
    with pytest.raises(StoreError) as raised:
        demand_room(place)
    assert raised.value.exit_status is Exit.UNREACHABLE
    with pytest.raises(StoreError) as again, server_lock(place, "process 1", 1):
        pass
    assert again.value.code == raised.value.code
    return raised.value


def test_nobody_listens() -> None:
    assert refused("postgresql://me@127.0.0.1:1/db").code == "E-PG-UNREACHABLE"
    assert refused("postgresql://me@no-such-host.invalid/db").code == "E-PG-UNREACHABLE"


def test_a_wrong_password(pg_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", "wrong horse")
    found = refused(pg_database)
    assert (found.code, "horse" in found.message) == ("E-PG-AUTH", False)
    monkeypatch.delenv("PGPASSWORD")
    monkeypatch.setenv("PGPASSFILE", os.devnull)
    assert refused(pg_database).code == "E-PG-AUTH"


def test_no_such_database(pg_database: str) -> None:
    assert refused(pg_database + "x").code == "E-PG-NO-DATABASE"


def test_a_database_that_can_only_be_read(pg_server: PgServer, pg_database: str) -> None:
    Catalogue.create(pg_database, 0).close()
    name = pg_database.rsplit("/", 1)[1]
    pg_server.run(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    catalogue = Catalogue(pg_database, 0)
    assert catalogue.item_ids() == []
    with pytest.raises(StoreError) as raised:
        catalogue.mark_unread(0)
    assert raised.value.code == "E-PG-READ-ONLY"
    catalogue.close()


def test_a_user_who_may_not_make_tables(pg_server: PgServer, pg_database: str) -> None:
    name = pg_database.rsplit("/", 1)[1]
    pg_server.run(f"ALTER DATABASE {name} OWNER TO postgres")
    with pytest.raises(StoreError) as raised:
        Catalogue.create(pg_database, 0)
    assert raised.value.code == "E-NOT-WRITABLE"


def test_a_table_that_somebody_else_holds(
    pg_server: PgServer, pg_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from evidence_vault.log import postgres

    monkeypatch.setitem(postgres._SESSION, "lock_timeout", "200ms")
    Catalogue.create(pg_database, 0).close()
    one, two = Catalogue(pg_database, 0), Catalogue(pg_database, 0)
    with one._session() as session:
        session.connection().exec_driver_sql("LOCK TABLE log_meta IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(StoreError) as raised:
            two.mark_unread(0)
    assert raised.value.code == "E-BUSY"
    one.close()
    two.close()


def test_a_session_that_the_server_ended_is_no_damage(
    pg_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from evidence_vault.log import postgres

    monkeypatch.setitem(postgres._SESSION, "idle_in_transaction_session_timeout", "100ms")
    catalogue = Catalogue.create(pg_database, 0)
    with pytest.raises(StoreError) as raised, catalogue._session() as session:
        session.connection().exec_driver_sql("SELECT 1")
        time.sleep(0.5)
        session.connection().exec_driver_sql("SELECT 1")
    assert raised.value.code == "E-PG-LOST"
    catalogue.close()


# -- a server of its own, which is killed ----------------------------------------------------------


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of a server that acknowledges commits before they are durable."""
    monkeypatch.setenv("PG_OPTS", "-c synchronous_commit=off -c wal_writer_delay=10s")
    folder = tmp_path / "pg"
    monkeypatch.setenv("PGPASSWORD", pg_from(start("pg", folder)).password)
    yield folder
    stop("pg", folder)


def kill(folder: Path) -> None:
    """As in a crash: what the server had not handed to the system is gone."""
    data = Path((folder / "where").read_text().strip())
    postmaster = int((data / "postmaster.pid").read_text().split()[0])
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    for process in (postmaster, *map(int, children)):
        os.kill(process, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while Path(f"/proc/{postmaster}/cmdline").exists() and time.monotonic() < deadline:
        if not Path(f"/proc/{postmaster}/cmdline").read_bytes():
            break
        time.sleep(0.05)


def test_what_was_signed_outlives_a_crash_of_a_server_that_is_set_to_be_careless(
    own: Path,
) -> None:
    server = pg_from(own / "env")
    place = server.place(server.create_database())
    catalogue = Catalogue.create(place, 0)
    for number in range(5):
        catalogue.set_signed("o", b"pin %d" % number)
        kill(own)
        start("pg", own)
        assert catalogue.signed("o") == b"pin %d" % number
    catalogue.close()


def test_a_server_killed_in_the_middle_says_so_and_the_same_rows_can_be_put_in_again(
    own: Path,
) -> None:
    server = pg_from(own / "env")
    place = server.place(server.create_database())
    catalogue = Catalogue.create(place, 0)
    catalogue.set_signed("o", b"pin")
    frontier = catalogue.frontier()
    frontier.append(leaf_hash(b""))
    row = EntryRow(0, leaf_hash(b""), 0, "x", "2026")
    with pytest.raises(StoreError) as raised, catalogue._session() as session:
        session.connection().exec_driver_sql("SELECT 1")
        kill(own)
        session.connection().exec_driver_sql("SELECT 1")
    assert raised.value.code == "E-PG-LOST"
    with pytest.raises(StoreError) as raised:
        catalogue.apply([row], frontier, IndexRows())
    assert raised.value.code == "E-PG-UNREACHABLE"
    start("pg", own)
    if catalogue.frontier().size == 0:
        catalogue.apply([row], frontier, IndexRows())
    catalogue.check()
    assert catalogue.frontier().size == 1
    catalogue.close()
