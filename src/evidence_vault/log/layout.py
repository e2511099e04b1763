"""The layout of the catalogue: its version, how it is made, and whether it is sound."""

from __future__ import annotations

from sqlalchemy import Connection, func, inspect, select
from sqlmodel import SQLModel

from evidence_vault.errors import KeyProblem, StoreError
from evidence_vault.log.tables import SCHEMA_VERSION, LogEntry

_STATE = SQLModel.metadata.tables["log_state"]


def make_tables(connection: Connection, index: bool) -> None:
    """Every table of this version. ``index``: with the searchable ones."""
    tables = [
        table
        for name, table in SQLModel.metadata.tables.items()
        if index or not name.startswith("index_")
    ]
    SQLModel.metadata.create_all(connection, tables)


def layout_of(connection: Connection) -> int:
    """The version of the tables that are there. Raises StoreError (E-CATALOGUE) for no catalogue.

    A migration changes all rows of ``log_state`` at once; of several the oldest counts.
    """
    if not inspect(connection).has_table("log_state"):
        raise missing()
    found = connection.execute(select(func.min(_STATE.c.schema_version))).scalar()
    return SCHEMA_VERSION if found is None else int(found)


def demand_layout(connection: Connection) -> None:
    """Raises StoreError (E-CATALOGUE-OLD) or KeyProblem (E-NEWER) for another version's layout."""
    found = layout_of(connection)
    if found > SCHEMA_VERSION:
        raise KeyProblem(
            f"the catalogue was made by a newer version (layout {found})",
            code="E-NEWER",
            hint="install the newest evidence-vault and run the command again",
        )
    if found < SCHEMA_VERSION:
        raise StoreError(
            f"the catalogue was made by an older version (layout {found})",
            code="E-CATALOGUE-OLD",
            hint="run `evidence-vault migrate --schema`; nothing in the store changes",
        )


def looked_through(connection: Connection) -> str | None:
    """What is wrong with the database itself, or None. All that the catalogue holds is read."""
    if connection.dialect.name == "sqlite":
        verdict = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
        return None if verdict == "ok" else str(verdict)
    missing_tables = [
        name
        for name in SQLModel.metadata.tables
        if not name.startswith("index_") and not inspect(connection).has_table(name)
    ]
    if missing_tables:
        return f"it lacks the table {missing_tables[0]}"
    # A page that does not match its checksum is an error when it is read.
    for name, table in SQLModel.metadata.tables.items():
        if inspect(connection).has_table(name):
            last = list(table.columns)[-1]
            connection.execute(select(func.count(last), func.count()).select_from(table)).one()
    # In one statement, so of one moment: others may be writing.
    rows = select(func.count()).select_from(LogEntry).where(_STATE.c.log == LogEntry.log)
    counts = select(_STATE.c.log, _STATE.c.size, rows.scalar_subquery())
    for log, size, count in connection.execute(counts).all():
        if count != size:
            return f"it knows {size} entries of log {log} and holds {count}"
    return None


def missing() -> StoreError:
    """The error where a catalogue should be and is not."""
    return StoreError(
        "the catalogue is missing",
        code="E-CATALOGUE",
        hint="it is only a cache: `evidence-vault rebuild` makes it anew",
    )
