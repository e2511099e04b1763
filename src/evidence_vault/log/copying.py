"""One catalogue copied into another, row by row, SQLite and PostgreSQL alike, and compared.

The vault does not depend on it: a catalogue can be made anew from the store, which takes longer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import Engine, Table, delete, func, insert, inspect, select
from sqlmodel import SQLModel

from evidence_vault.errors import StoreError
from evidence_vault.log.catalogue import Catalogue
from evidence_vault.log.database import translated
from evidence_vault.log.tables import LogState

_ROWS = 1000
_NOT_COPIED = "log_signed"  # no cache: what was signed last is written by whoever signs

Progress = Callable[[int, int], None]


def copy_catalogue(source: Catalogue, target: Catalogue, progress: Progress | None = None) -> int:
    """Every row of every table but that of the pins; returns how many.

    What ``target`` held of a table is replaced. Raises StoreError when what is read back there is
    not what was read here.
    """
    done = 0
    for table in _tables(source.engine, target.engine):
        given = _Sum()
        with translated(), target.engine.begin() as into:
            into.execute(delete(table))
            for rows in _rows(source.engine, table):
                given.add(rows)
                into.execute(insert(table), rows)
                done += len(rows)
                if progress is not None:
                    progress(done, 0)
        found = _Sum()
        for rows in _rows(target.engine, table):
            found.add(rows)
        if not found.matches(given):
            raise StoreError(
                f"the catalogue's table {table.name} was not stored as it was read: "
                f"{given.rows} rows read, {found.rows} found",
                code="E-READ-BACK",
                hint="run the same command again",
            )
    return done


def count_rows(source: Catalogue) -> int:
    """How many rows :func:`copy_catalogue` would copy."""
    with translated(), source.engine.connect() as connection:
        total = 0
        for table in _tables(source.engine, source.engine):
            total += int(connection.execute(select(func.count()).select_from(table)).scalar() or 0)
        return total


class _Sum:
    """A digest of rows that does not depend on their order, which differs by the database."""

    def __init__(self) -> None:
        self.rows = 0
        self._sum = 0

    def add(self, rows: list[dict[str, Any]]) -> None:
        for row in rows:
            told = repr(sorted((k, _plain(v)) for k, v in row.items()))
            digest = hashlib.sha256(told.encode("utf-8", "surrogatepass")).digest()
            self._sum = (self._sum + int.from_bytes(digest, "big")) % 2**256
        self.rows += len(rows)

    def matches(self, other: _Sum) -> bool:
        return (self.rows, self._sum) == (other.rows, other._sum)


def _plain(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview | bytearray) else value


def _tables(source: Engine, target: Engine) -> list[Table]:
    """Those that both have: a field vault has none to search in."""
    with translated():
        there = set(inspect(source).get_table_names()) & set(inspect(target).get_table_names())
    assert LogState.__tablename__ in there
    tables = SQLModel.metadata.tables
    return [t for n, t in sorted(tables.items()) if n in there and n != _NOT_COPIED]


def _rows(engine: Engine, table: Table) -> Iterator[list[dict[str, Any]]]:
    with translated(), engine.connect() as connection:
        result = connection.execution_options(yield_per=_ROWS).execute(select(table))
        for part in result.mappings().partitions():
            yield [dict(row) for row in part]
