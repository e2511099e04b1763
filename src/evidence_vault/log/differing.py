"""Two catalogues compared row by row: what an audit says of a cache that was edited.

The other one is a file that was just made from the log. Two files are compared by SQLite itself; of
a database on a server the rows are read beside those of the file, in one order.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Connection, select
from sqlmodel import Session, SQLModel

from evidence_vault.log.database import Place, open_engine

# In the order of the tables' keys within a log, which both databases give alike.
_COLUMNS = {
    "log_entry": "idx, leaf, commit_start, type, recorded_at",
    "log_item": "id, home, last_seq, last_idx, first_log, first_idx",
    "log_history": "id, seq, idx",
}
_KEYS = {"log_entry": 1, "log_item": 1, "log_history": 2}
_AT_ONCE = 10_000
_EXTRA = "holds a row that the log does not give"
_LACKING = "lacks a row that the log gives"

_STRANGERS = "SELECT id FROM index_item WHERE id NOT IN (SELECT id FROM log_item) LIMIT "


class _HasSession(Protocol):
    place: Place

    def _session(self) -> AbstractContextManager[Session]: ...

    def has_index(self) -> bool: ...


class Differing:
    """The part of the catalogue that compares itself with another one, in a file."""

    def differing(self: _HasSession, fresh: Path, log: int, limit: int) -> list[tuple[str, str]]:
        """(table, sentence) of rows that only one of the two has, at most ``limit`` a table."""
        with self._session() as session:
            if isinstance(self.place, Path):
                found = _compared_there(session, fresh, log, limit)
            else:
                found = _compared_here(session.connection(), fresh, log, limit)
        if self.has_index():
            with self._session() as session:
                rows = session.connection().exec_driver_sql(f"{_STRANGERS}{limit:d}")
                found += [("index_item", f"describes no item of the log: {row[0]}") for row in rows]
        return found


def _compared_there(session: Session, fresh: Path, log: int, limit: int) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    connection = session.connection()
    connection.exec_driver_sql("ATTACH DATABASE ? AS fresh", (str(fresh),))
    try:
        for table, columns in _COLUMNS.items():
            for first, second, words in (("main", "fresh", _EXTRA), ("fresh", "main", _LACKING)):
                rows = connection.exec_driver_sql(
                    f"SELECT {columns} FROM {first}.{table} WHERE log = ? "
                    f"EXCEPT SELECT {columns} FROM {second}.{table} WHERE log = ? LIMIT ?",
                    (log, log, limit),
                ).fetchall()
                found += [(table, f"{words}: {_shown(row)}") for row in rows]
    finally:
        session.rollback()
        session.connection().exec_driver_sql("DETACH DATABASE fresh")
    return found


def _compared_here(
    connection: Connection, fresh: Path, log: int, limit: int
) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    engine = open_engine(fresh)
    try:
        with engine.connect() as other:
            for table in _COLUMNS:
                extra, lacking = _apart(
                    _rows(connection, table, log), _rows(other, table, log), _KEYS[table], limit
                )
                found += [(table, f"{_EXTRA}: {_shown(row)}") for row in extra]
                found += [(table, f"{_LACKING}: {_shown(row)}") for row in lacking]
    finally:
        engine.dispose()
    return found


def _rows(connection: Connection, name: str, log: int) -> Iterator[tuple[Any, ...]]:
    """The rows of one log in the order of their key, fetched piece by piece."""
    table = SQLModel.metadata.tables[name]
    columns = [table.c[column] for column in _COLUMNS[name].split(", ")]
    query = select(*columns).where(table.c.log == log).order_by(*columns[: _KEYS[name]])
    result = connection.execution_options(yield_per=_AT_ONCE).execute(query)
    return (tuple(row) for row in result)


def _apart(
    ours: Iterator[tuple[Any, ...]], theirs: Iterator[tuple[Any, ...]], width: int, limit: int
) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """Rows that only one of two streams has, at most ``limit`` each; ordered by ``width`` columns.

    (Texts are compared by code point: that is the order of their bytes, too.)
    """
    extra: list[tuple[Any, ...]] = []
    lacking: list[tuple[Any, ...]] = []
    one, two = next(ours, None), next(theirs, None)
    while (one, two) != (None, None) and len(extra) < limit and len(lacking) < limit:
        if one == two:
            one, two = next(ours, None), next(theirs, None)
            continue
        ahead = two is None or (one is not None and one[:width] <= two[:width])
        behind = one is None or (two is not None and two[:width] <= one[:width])
        if ahead and one is not None:
            extra.append(one)
            one = next(ours, None)
        if behind and two is not None:
            lacking.append(two)
            two = next(theirs, None)
    return extra, lacking


def _shown(row: Any) -> str:
    return ", ".join(v.hex() if isinstance(v, bytes) else str(v) for v in row)
