"""``migrate --schema``: a vault whose catalogue an older program made."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import inspect

from evidence_vault.errors import KeyProblem, StoreError
from evidence_vault.log.database import open_engine
from evidence_vault.log.migrating import build
from evidence_vault.log.tables import SCHEMA_VERSION
from evidence_vault.vault.schemas import migrate_schema

from .vaults import Made


def make_older(made: Made) -> None:
    """The catalogue as a program of layout 2 would have made it."""
    path, older = made.folder / "catalogue.db", made.folder / "older.db"
    engine = open_engine(older)
    with engine.connect() as connection:
        build(connection, 2)
        connection.commit()
        connection.exec_driver_sql("ATTACH DATABASE ? AS newer", (str(path),))
        for name in inspect(connection).get_table_names():
            if name != "log_alembic":
                columns = ", ".join(f'"{c["name"]}"' for c in inspect(connection).get_columns(name))
                connection.exec_driver_sql(
                    f"INSERT INTO main.{name} ({columns}) SELECT {columns} FROM newer.{name}"
                )
        connection.exec_driver_sql("DROP TABLE log_alembic")
        connection.exec_driver_sql("UPDATE main.log_state SET schema_version = 2")
        connection.commit()
    engine.dispose()
    for end in ("-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)
    older.replace(path)


def test_an_older_catalogue_is_tried_first_and_then_migrated(vault: Made, sources: Path) -> None:
    vault.ingest(sources / "one")
    make_older(vault)
    with pytest.raises(StoreError) as raised:
        vault.ingest(sources / "two")
    assert raised.value.code == "E-CATALOGUE-OLD"
    with vault.open() as opened:
        tried = migrate_schema(opened, dry_run=True)
        assert (tried["changed"], tried["found"], len(tried["steps"])) == (
            False,
            2,
            SCHEMA_VERSION - 2,
        )
    with pytest.raises(StoreError):
        vault.ingest(sources / "two")
    with vault.open() as opened:
        done = migrate_schema(opened)
        assert done == {**tried, "changed": True, "dry_run": False}
        again = migrate_schema(opened)
        assert (again["changed"], again["steps"]) == (False, [])
    vault.ingest(sources / "two")
    assert vault.assert_sound() == 6


def test_a_catalogue_of_a_newer_program_is_refused_and_left_alone(
    vault: Made, sources: Path
) -> None:
    path = vault.folder / "catalogue.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("UPDATE log_state SET schema_version = 99")
        database.commit()
    before = path.read_bytes()
    with pytest.raises(KeyProblem) as raised:
        vault.ingest(sources / "one")
    assert raised.value.code == "E-NEWER"
    with vault.open() as opened, pytest.raises(KeyProblem):
        migrate_schema(opened)
    assert path.read_bytes() == before
