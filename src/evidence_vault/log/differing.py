"""Two catalogues compared row by row: what an audit says of a cache that was edited."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from sqlmodel import Session

_COLUMNS = {
    "log_entry": "idx, leaf, commit_start, type, recorded_at",
    "log_item": "id, home, last_seq, last_idx, first_log, first_idx",
    "log_history": "id, seq, idx",
}


_STRANGERS = "SELECT id FROM main.index_item WHERE id NOT IN (SELECT id FROM main.log_item) LIMIT ?"


class _HasSession(Protocol):
    def _session(self) -> AbstractContextManager[Session]: ...

    def has_index(self) -> bool: ...


class Differing:
    """The part of the catalogue that compares itself with another file."""

    def differing(self: _HasSession, fresh: Path, log: int, limit: int) -> list[tuple[str, str]]:
        """(table, sentence) of rows that only one of the two has, at most ``limit`` a table."""
        found: list[tuple[str, str]] = []
        indexed = self.has_index()
        with self._session() as session:
            connection = session.connection()
            connection.exec_driver_sql("ATTACH DATABASE ? AS fresh", (str(fresh),))
            try:
                for table, columns in _COLUMNS.items():
                    for first, second, words in (
                        ("main", "fresh", "holds a row that the log does not give"),
                        ("fresh", "main", "lacks a row that the log gives"),
                    ):
                        rows = connection.exec_driver_sql(
                            f"SELECT {columns} FROM {first}.{table} WHERE log = ? "
                            f"EXCEPT SELECT {columns} FROM {second}.{table} WHERE log = ? LIMIT ?",
                            (log, log, limit),
                        ).fetchall()
                        found += [(table, f"{words}: {_shown(row)}") for row in rows]
                if indexed:
                    found += [
                        ("index_item", f"describes no item of the log: {row[0]}")
                        for row in connection.exec_driver_sql(_STRANGERS, (limit,))
                    ]
            finally:
                session.rollback()
                session.connection().exec_driver_sql("DETACH DATABASE fresh")
        return found


def _shown(row: Any) -> str:
    return ", ".join(v.hex() if isinstance(v, bytes) else str(v) for v in row)
