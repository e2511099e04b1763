"""Where a catalogue lies, where a new one is made beside it, and how that takes its place."""

from __future__ import annotations

import os
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from evidence_vault import osfiles
from evidence_vault.errors import UsageError
from evidence_vault.log.database import Place, translated
from evidence_vault.log.layout import missing
from evidence_vault.log.postgres import FRESH, SCHEMA, open_server, replica

_OLD = "evidence_vault_old"


def demand_room(place: Place) -> None:
    """Raises UsageError (E-EXISTS) when a catalogue is there, StoreError when nobody can tell.

    On a server also StoreError (E-PG-READ-ONLY) for one that follows another, and UsageError
    (E-PG-ENCODING) for a database that is not in UTF-8. Nothing is changed.
    """
    if isinstance(place, Path):
        if place.exists():
            raise UsageError(f"{place} exists already", code="E-EXISTS")
        return
    with _server(place) as engine, translated(), engine.connect() as connection:
        _demand_room(connection)


def make_room(place: Place, schema: str) -> int | None:
    """On a server, an empty schema for the tables; one that holds nothing is replaced.

    Returns the number that the server gave it: no other schema ever has the same.
    """
    if isinstance(place, Path):
        return None
    with _server(place) as engine, translated(), engine.begin() as connection:
        if schema == SCHEMA:
            _demand_room(connection)
        connection.execute(text(f"DROP SCHEMA IF EXISTS {schema} CASCADE"))
        connection.execute(text(f"CREATE SCHEMA {schema}"))
        return _number(connection) if schema == SCHEMA else None


def drop_catalogue(place: str, number: int) -> None:
    """On a server, remove what :func:`make_room` made and whatever is in it; no other schema."""
    with _server(place) as engine, translated(), engine.begin() as connection:
        if _number(connection) == number:
            connection.execute(text(f"DROP SCHEMA {SCHEMA} CASCADE"))


def _number(connection: Connection) -> int | None:
    found = connection.execute(
        text("SELECT CAST(oid AS bigint) FROM pg_namespace WHERE nspname = :name"),
        {"name": SCHEMA},
    ).scalar()
    return None if found is None else int(found)


def demand_there(place: Place) -> None:
    """Raises StoreError (E-CATALOGUE) when there is no catalogue; a server is asked later."""
    if isinstance(place, Path) and not place.is_file():
        raise missing()


def fresh_place(place: Place) -> tuple[Place, str]:
    """(place, schema) for a new catalogue beside this one."""
    if isinstance(place, Path):
        fresh = place.with_name(place.name + ".rebuilding")
        for leftover in (fresh, *_companions(fresh)):
            leftover.unlink(missing_ok=True)
        return fresh, SCHEMA
    return place, FRESH


def owners(place: Place) -> set[str]:
    """The logs that the catalogue at this place has signed for; none for a file.

    Raises StoreError when the server can't be asked.
    """
    if isinstance(place, Path):
        return set()
    with _server(place) as engine, translated(), engine.connect() as connection:
        if not inspect(connection).has_table("log_signed", SCHEMA):
            return set()
        return set(connection.execute(text(f"SELECT origin FROM {SCHEMA}.log_signed")).scalars())


def put_in_place(fresh: Place, place: Place) -> None:
    """The new catalogue takes the place of the old one; on a server in one transaction."""
    if isinstance(place, Path):
        for old in _companions(place):
            old.unlink(missing_ok=True)
        # In this order: an old write-ahead log beside the new database would be applied to it.
        osfiles.sync_folder(place.parent)
        os.replace(fresh, place)
        osfiles.sync_folder(place.parent)
        return
    with _server(place) as engine, translated(), engine.begin() as connection:
        connection.execute(text(f"DROP SCHEMA IF EXISTS {_OLD} CASCADE"))
        known = inspect(connection)
        if known.has_schema(SCHEMA):
            if known.has_table("log_signed", SCHEMA):
                connection.execute(
                    text(f"INSERT INTO {FRESH}.log_signed SELECT * FROM {SCHEMA}.log_signed")
                )
            connection.execute(text(f"ALTER SCHEMA {SCHEMA} RENAME TO {_OLD}"))
        connection.execute(text(f"ALTER SCHEMA {FRESH} RENAME TO {SCHEMA}"))
        connection.execute(text(f"DROP SCHEMA IF EXISTS {_OLD} CASCADE"))


class _server:
    """A connection for one piece of work, closed after it."""

    def __init__(self, place: str) -> None:
        self._engine = open_server(place, pooled=False)

    def __enter__(self) -> Engine:
        return self._engine

    def __exit__(self, *_: object) -> None:
        self._engine.dispose()


def _demand_room(connection: Connection) -> None:
    if connection.execute(text("SELECT pg_is_in_recovery()")).scalar():
        raise replica()
    encoding = connection.execute(text("SHOW server_encoding")).scalar()
    if encoding != "UTF8":
        raise UsageError(
            f"the database keeps text as {encoding}",
            code="E-PG-ENCODING",
            hint="have one made in UTF-8: createdb --encoding UTF8 --template template0 NAME",
        )
    # What a making that was cut off has left: its tables without a row, and logs without entries.
    known = inspect(connection)
    filled = [
        name
        for name in known.get_table_names(schema=SCHEMA)
        if connection.execute(
            text(
                f'SELECT 1 FROM {SCHEMA}."{name}"'
                + (" WHERE size > 0" if name == "log_state" else "")
                + " LIMIT 1"
            )
        ).first()
    ]
    if filled or known.get_view_names(schema=SCHEMA):
        raise UsageError(
            "the database holds the catalogue of another vault already",
            code="E-EXISTS",
            hint="have a database made for this vault alone",
        )


def _companions(path: Path) -> list[Path]:
    return [path.with_name(path.name + end) for end in ("-wal", "-shm", "-journal")]
