"""Catalogues of every earlier layout are brought up to date, whole or not at all.

``layout-1-first.sql``, ``layout-1.sql`` and ``layout-2.sql`` were dumped from catalogues that the
programs of their time made (three items, one described; layout 1 grew tables without a new number).
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, MetaData, Table, inspect, text
from sqlmodel import SQLModel

from evidence_vault.core.searchkey import stored_keys
from evidence_vault.errors import StoreError, VaultError
from evidence_vault.log.catalogue import Catalogue
from evidence_vault.log.database import Place, open_engine
from evidence_vault.log.migrating import build, migrate, try_migration
from evidence_vault.log.places import make_room
from evidence_vault.log.postgres import SCHEMA
from evidence_vault.log.tables import SCHEMA_VERSION

HERE = Path(__file__).parent
LAYOUTS = {"layout-1-first": 1, "layout-1": 1, "layout-2": 2}


@pytest.fixture(params=LAYOUTS)
def old(request: pytest.FixtureRequest, place: Place, tmp_path: Path) -> str:
    """The name of an earlier layout; its catalogue is at ``place``."""
    file = place if isinstance(place, Path) else tmp_path / "read.db"
    with closing(sqlite3.connect(file)) as database:
        database.executescript((HERE / f"{request.param}.sql").read_text(encoding="utf-8"))
        database.execute("PRAGMA user_version=1")
    if isinstance(place, str):
        carry(file, place, LAYOUTS[request.param])
    return str(request.param)


def carry(file: Path, place: str, version: int) -> None:
    """The same rows in a schema that the scripts made."""
    make_room(place, SCHEMA)
    source, target = open_engine(file), open_engine(place)
    with source.connect() as one, target.begin() as two:
        build(two, version)
        two.exec_driver_sql("DROP TABLE log_alembic")
        for name in inspect(one).get_table_names():
            rows = [dict(row._mapping) for row in one.execute(text(f'SELECT * FROM "{name}"'))]
            if rows:
                table = Table(name, MetaData(), autoload_with=two)
                two.execute(table.insert(), [typed(table, row) for row in rows])
    source.dispose()
    target.dispose()


def typed(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    booleans = {c.name for c in table.columns if c.type.python_type is bool}
    return {k: bool(v) if k in booleans and v is not None else v for k, v in row.items()}


@contextmanager
def connected(place: Place) -> Iterator[Connection]:
    engine = open_engine(place)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def everything(place: Place) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table, as the tables are."""
    with connected(place) as connection:
        return {
            name: sorted(
                (dict(r._mapping) for r in connection.execute(text(f'SELECT * FROM "{name}"'))),
                key=repr,
            )
            for name in sorted(inspect(connection).get_table_names())
        }


def test_an_older_catalogue_is_refused_with_the_command_that_mends_it(
    place: Place, old: str
) -> None:
    catalogue = Catalogue(place, 0)
    with pytest.raises(StoreError) as raised:
        catalogue.demand_layout()
    assert raised.value.code == "E-CATALOGUE-OLD"
    assert "migrate --schema" in raised.value.hint
    catalogue.close()


def test_trying_changes_nothing_and_says_what_would_be_done(place: Place, old: str) -> None:
    before = everything(place)
    tried = try_migration(place)
    assert everything(place) == before
    assert tried.found == LAYOUTS[old]
    assert len(tried.steps) == SCHEMA_VERSION - LAYOUTS[old]
    assert tried.steps[-1].startswith(f"Layout {SCHEMA_VERSION}")
    if isinstance(place, Path):
        assert [p.name for p in place.parent.glob("catalogue.db*")] == ["catalogue.db"]


def test_every_row_is_kept_and_the_new_columns_are_filled(place: Place, old: str) -> None:
    before = everything(place)
    done = migrate(place)
    assert (done.found, len(done.steps)) == (LAYOUTS[old], SCHEMA_VERSION - LAYOUTS[old])
    assert (migrate(place).found, migrate(place).steps) == (SCHEMA_VERSION, ())
    after = everything(place)
    for name, rows in before.items():
        if name == "log_state":
            assert after[name] == [{**rows[0], "schema_version": SCHEMA_VERSION}]
            continue
        columns = list(rows[0]) if rows else []
        assert [{c: r[c] for c in columns} for r in after[name]] == rows
    for row in after["index_item"]:
        for column in ("name", "place", "title", "description"):
            assert row[f"key_{column}"] == stored_keys(row[column])
    assert any(row["key_name"] for row in after["index_item"])
    catalogue = Catalogue(place, 0)
    catalogue.check()
    assert catalogue.item_ids() == [f"OLDH-000000{n}" for n in (1, 2, 3)]
    assert catalogue.unread_log() == (0 if isinstance(place, Path) else None)
    # A missing item fails the test.
    assert catalogue.describe("OLDH-0000001")["case"] == ["C-1", "C-2"]  # type: ignore[index]
    catalogue.close()


def test_a_migrated_catalogue_has_the_tables_of_a_new_one(place: Place, old: str) -> None:
    migrate(place)
    with connected(place) as connection:
        options = {"version_table": "log_alembic"}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, SQLModel.metadata) == []


def test_a_newer_catalogue_is_not_opened_nor_changed(place: Place) -> None:
    catalogue = Catalogue.create(place, 0)
    with connected(place) as connection:
        connection.execute(text(f"UPDATE log_state SET schema_version = {SCHEMA_VERSION + 1}"))
        connection.commit()
    for doing in (
        catalogue.demand_layout,
        catalogue.check,
        lambda: try_migration(place),
        lambda: migrate(place),
    ):
        with pytest.raises(VaultError) as raised:
            doing()
        assert raised.value.code == "E-NEWER"
    catalogue.close()


DYING = """
import os, sys
from pathlib import Path
from sqlalchemy import Engine, event
from evidence_vault.log.migrating import migrate
@event.listens_for(Engine, "before_cursor_execute")
def die(connection, cursor, statement, *rest):
    if sys.argv[2] in statement:
        os.kill(os.getpid(), 9)
place = sys.argv[1]
migrate(place if "://" in place else Path(place))
"""


@pytest.mark.sweep
@pytest.mark.parametrize(
    "at", ["CREATE TABLE log_signed", f"schema_version = {SCHEMA_VERSION}", "ADD COLUMN key_title"]
)
def test_killed_half_way_the_old_one_is_still_there_and_can_be_migrated(
    place: Place, old: str, at: str
) -> None:
    before = everything(place)
    done = subprocess.run([sys.executable, "-c", DYING, str(place), at], check=False)
    dies = old != "layout-2" or at != "ADD COLUMN key_title"
    assert done.returncode == (-9 if dies else 0)
    if dies:
        assert everything(place) == before
    migrate(place)
    catalogue = Catalogue(place, 0)
    catalogue.check()
    catalogue.close()


def test_a_field_vault_of_layout_2_is_migrated_too(place: Place) -> None:
    if isinstance(place, str):
        make_room(place, SCHEMA)
    engine = open_engine(place)
    with engine.begin() as connection:
        build(connection, 2)
        for name in ("index_item", "index_case", "index_arrival"):
            connection.execute(text(f"DROP TABLE {name}"))
        connection.execute(text("INSERT INTO log_state VALUES (0, 1, 0, :none)"), {"none": b""})
        connection.execute(text("UPDATE log_state SET schema_version = 2"))
    engine.dispose()
    migrate(place)
    catalogue = Catalogue(place, 0)
    catalogue.check()
    assert not catalogue.has_index()
    catalogue.close()
