"""An older catalogue brought to the layout of this version by the scripts under migrations/.

Whole or not at all: one transaction. Tried on a copy first: a file is copied, on a server the
transaction is undone. Used under the writer lock.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event, inspect
from sqlalchemy.pool import NullPool

from evidence_vault.errors import KeyProblem
from evidence_vault.log.database import Place, damaged, translated
from evidence_vault.log.layout import demand_layout, layout_of, looked_through
from evidence_vault.log.places import demand_there
from evidence_vault.log.postgres import open_server
from evidence_vault.log.tables import SCHEMA_VERSION

_SCRIPTS = Path(__file__).with_name("migrations")


@dataclass(frozen=True)
class Migrated:
    """``found``: the layout that was there; ``steps``: one sentence for each script run."""

    found: int
    steps: tuple[str, ...]


def try_migration(place: Place) -> Migrated:
    """What :func:`migrate` would do, done on a copy (a file) or undone again (a server).

    Raises KeyProblem (E-NEWER) for a catalogue of a newer version, StoreError when it fails.
    """
    demand_there(place)
    if isinstance(place, str):
        with _changing(place) as connection:
            done = _upgrade(connection)
            connection.rollback()
        return done
    copy = place.with_name(place.name + ".trying")
    try:
        _copy(place, copy)
        with _changing(copy) as connection:
            return _upgrade(connection)
    finally:
        for name in (copy, copy.with_name(copy.name + "-journal")):
            name.unlink(missing_ok=True)


def migrate(place: Place) -> Migrated:
    """Bring the catalogue to this version's layout; one that has it is left alone.

    Raises as :func:`try_migration`. A process that is killed in it leaves the old layout.
    """
    demand_there(place)
    with _changing(place) as connection:
        done = _upgrade(connection)
        connection.commit()
    return done


def build(connection: Connection, version: int) -> None:
    """Empty tables of an earlier layout, by the same scripts: what tests begin with."""
    _run(connection, str(version))


def _upgrade(connection: Connection) -> Migrated:
    found = layout_of(connection)
    if found > SCHEMA_VERSION:
        demand_layout(connection)  # raises
        raise KeyProblem("the catalogue is newer", code="E-NEWER")
    if found == SCHEMA_VERSION:
        return Migrated(found, ())
    _stamp(connection, str(found))
    steps = _run(connection, str(SCHEMA_VERSION))
    demand_layout(connection)
    wrong = looked_through(connection)
    if wrong is not None:
        raise damaged(wrong)
    return Migrated(found, steps)


def _run(connection: Connection, target: str) -> tuple[str, ...]:
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    before = _stamped(connection)
    command.upgrade(config, target)
    scripts = ScriptDirectory.from_config(config)
    made = scripts.iterate_revisions(target, before or "base")
    return tuple(reversed([str(each.doc) for each in made if each.revision != before]))


def _stamp(connection: Connection, version: str) -> None:
    """Tell Alembic where to begin: ``log_state`` says what the layout is."""
    connection.exec_driver_sql("DROP TABLE IF EXISTS log_alembic")
    connection.exec_driver_sql("CREATE TABLE log_alembic (version_num VARCHAR(32) PRIMARY KEY)")
    connection.exec_driver_sql(f"INSERT INTO log_alembic VALUES ('{int(version)}')")


def _stamped(connection: Connection) -> str | None:
    if not inspect(connection).has_table("log_alembic"):
        return None
    return connection.exec_driver_sql("SELECT version_num FROM log_alembic").scalar()


@contextmanager
def _changing(place: Place) -> Iterator[Connection]:
    """A connection with one transaction, changes of tables included; undone unless committed."""
    engine = open_server(place, pooled=False) if isinstance(place, str) else _file(place)
    try:
        with translated(), engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def _file(path: Path) -> Engine:
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool, connect_args={"timeout": 30})

    @event.listens_for(engine, "connect")
    def _ours(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # transactions begin where we say so

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _copy(path: Path, copy: Path) -> None:
    """What a crash left in the write-ahead log is copied, too."""
    copy.unlink(missing_ok=True)
    with (
        closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as source,
        closing(sqlite3.connect(copy)) as target,
    ):
        source.backup(target)
