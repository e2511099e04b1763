"""Two catalogues compared row by row: what an audit says of a cache that was edited or rotted.

The other one is a file that was just made from the log. Rows of both are read side by side in the
order of their keys, so memory does not grow with them. What is named of a row is its key and its
columns, never a value: the audit's output may be shown to others.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Connection, Select, Table, select, text, type_coerce
from sqlalchemy.types import NullType
from sqlmodel import Session, SQLModel

from evidence_vault.core.event import is_item_id
from evidence_vault.log.database import Place, open_engine, translated
from evidence_vault.log.postingcheck import wrong_blocks, wrong_postings
from evidence_vault.log.proofs import RENEWAL, TIMESTAMP

_TABLES = SQLModel.metadata.tables
_AT_ONCE = 5_000
_EXTRA = "a row that the log does not give"
_LACKING = "lacks a row that the log gives"

BY_LOG = ("log_entry", "log_item", "log_history")
"""Tables whose rows each belong to one log, and follow from its entries and the members of sets."""

RECORDED = ("log_object", "log_hold", "log_held_copy", "log_retention", "log_replica")
"""What records say of things that are not searched."""

SEARCHED = ("index_item", "index_case", "index_relation")

PROOFS = ("log_proof",)

# Only the one who takes a file in sees them; nothing that is shown is read from there.
_NOT_IN_THE_LOG = ("device_time", "has_location")
# An entry names what it anchors; the mark only saves naming it twice.
_NOT_COMPARED = {"index_item": _NOT_IN_THE_LOG, "log_proof": ("anchored",)}
# Parts of keys that can be read.
_READABLE = ("case", "path_key", "other", "relation")

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Scope:
    """What can be compared.

    ``logs``: those that could be replayed. ``records``: their records could be read, all of them.
    ``index``: and the searchable values in them. ``without``: items some of whose records are gone.
    ``proofs``: (kind, name) of those whose countersignatures and time stamps can be checked.
    """

    logs: Sequence[int]
    records: bool
    index: bool
    without: Collection[str] = ()
    proofs: Collection[tuple[str, str]] = ()


class _HasSession(Protocol):
    place: Place

    def _session(self) -> AbstractContextManager[Session]: ...


class Differing:
    """The part of the catalogue that compares itself with another one, in a file."""

    @contextmanager
    def at_rest(self: _HasSession) -> Iterator[Connection]:
        """A view of the catalogue in which nothing changes, whoever writes meanwhile."""
        with self._session() as session:
            connection = session.connection()
            if isinstance(self.place, Path):
                connection.exec_driver_sql("BEGIN")
            else:
                connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
            yield connection


def differing(
    connection: Connection, fresh: Path, scope: Scope, limit: int
) -> list[tuple[str, str]]:
    """(table, sentence) of rows that are not alike, at most ``limit`` a table.

    ``connection``: to the catalogue that is looked at (:meth:`Differing.at_rest`); ``fresh``: a
    catalogue made from the log, without postings.
    """
    found: list[tuple[str, str]] = []
    tables = [*BY_LOG, *PROOFS]
    tables += RECORDED if scope.records else ()
    tables += SEARCHED if scope.index else ()
    engine = open_engine(fresh)
    try:
        with translated(), engine.connect() as other:
            for name in tables:
                rows = _differing_rows(connection, other, name, scope, limit)
                found += [(name, sentence) for sentence in rows]
            if scope.index:
                rows = _differing_arrivals(connection, other, scope, limit)
                found += [("index_arrival", sentence) for sentence in rows]
    finally:
        engine.dispose()
    with translated():
        found += [("log_block", what) for what in wrong_blocks(connection, "log", limit)]
        if scope.index:
            found += [("index_block", what) for what in wrong_blocks(connection, "index", limit)]
            found += [("index_posting", what) for what in wrong_postings(connection, limit)]
        found += [("the file", what) for what in _unsound(connection)]
    return found


def sizes(connection: Connection) -> dict[int, int]:
    """How many entries of each log a catalogue has taken in."""
    table = _TABLES["log_state"]
    return {row[0]: row[1] for row in connection.execute(select(table.c.log, table.c.size))}


def _unsound(connection: Connection) -> list[str]:
    """SQLite's own look at the file, its indexes beside their tables; what it says names no value.

    A server looks at its pages when it reads them.
    """
    if connection.dialect.name != "sqlite":
        return []
    said = connection.exec_driver_sql("PRAGMA main.integrity_check(1)").scalar()
    return [] if said == "ok" else [str(said).splitlines()[0]]


def _differing_rows(
    ours: Connection, theirs: Connection, name: str, scope: Scope, limit: int
) -> Iterator[str]:
    table = _TABLES[name]
    keys = [column.name for column in table.primary_key.columns]
    rest = [
        column.name
        for column in table.columns
        if not column.primary_key and column.name not in _NOT_COMPARED.get(name, ())
    ]
    query = _query(table, [*keys, *rest], keys, scope)
    said = 0
    for one, two in beside(_rows(ours, query), _rows(theirs, query), len(keys)):
        row = one or two or ()
        if _is_left_out(name, dict(zip(keys, row, strict=False)), scope):
            continue
        which = _named(name, dict(zip(keys, row, strict=False)))
        if two is None:
            yield f"{which}: {_EXTRA}"
        elif one is None:
            yield f"{which}: {_LACKING}"
        else:
            pairs = zip(rest, one[len(keys) :], two[len(keys) :], strict=True)
            columns = ", ".join(column for column, a, b in pairs if a != b)
            yield f"{which}: {columns} not as the log gives"
        said += 1
        if said == limit:
            return


def _is_left_out(table: str, key: dict[str, Any], scope: Scope) -> bool:
    """Whether nobody can say what this row should be."""
    if table in SEARCHED:
        return key["id"] in scope.without
    if table in PROOFS:
        kind, name = key["kind"], key["name"]
        if kind == RENEWAL:
            kind, name = TIMESTAMP, str(name).partition(".")[2]
        return (kind, name) not in scope.proofs
    return False


def _query(table: Table, columns: Sequence[str], order: Sequence[str], scope: Scope) -> Select[Any]:
    """Values as they lie there: in a damaged file a text may be anything."""
    raw: list[Any] = [type_coerce(table.c[name], NullType()).label(name) for name in columns]
    query: Any = select(*raw)
    if "log" in table.primary_key.columns:
        query = query.where(table.c.log.in_(list(scope.logs)))
    ordered: Select[Any] = query.order_by(*[table.c[name] for name in order])
    return ordered


def _named(table: str, key: dict[str, Any]) -> str:
    """The key of a row as it is shown; nothing that can be read."""
    parts = []
    for name, value in key.items():
        if name in _READABLE:
            continue
        if name == "id" and table.startswith("index_") and not is_item_id(str(value)):
            parts.append("what is no identifier")
        elif name in ("id", "sha256", "kind", "name"):
            parts.append(str(value))
        else:
            parts.append(f"{'entry' if name == 'idx' else name} {value}")
    return ", ".join(parts)


def _differing_arrivals(
    ours: Connection, theirs: Connection, scope: Scope, limit: int
) -> Iterator[str]:
    """By a relative path a row must be the log's; by an absolute one, which only the machine knew
    that took the file in, bytes and item must be."""
    table, said = _TABLES["index_arrival"], 0
    columns = ["sha256", "id", "path_key"]

    def pairs(connection: Connection) -> Iterator[Row]:
        query = _query(table, columns[:2], columns[:2], scope).distinct()
        return _rows(connection, query)

    def relative(connection: Connection) -> Iterator[Row]:
        query = _query(table, columns, columns, scope)
        return _rows(connection, query.where(table.c.path_key.like("rel:%")))

    for one, two in beside(pairs(ours), pairs(theirs), 2):
        row = one or two or ()
        if row[1] in scope.without:
            continue
        yield f"{_named('index_arrival', {'id': row[1]})}: {_EXTRA if two is None else _LACKING}"
        said += 1
        if said == limit:
            return
    for one, two in beside(relative(ours), relative(theirs), 3):
        # What the log gives beyond is there by its absolute path.
        if two is None and one is not None and one[1] not in scope.without:
            yield f"{_named('index_arrival', {'id': one[1]})}: {_EXTRA}"
            said += 1
        if said >= limit:
            return


def _rows(connection: Connection, query: Select[Any]) -> Iterator[Row]:
    """Fetched piece by piece."""
    result = connection.execute(query, execution_options={"yield_per": _AT_ONCE})
    return (tuple(row) for row in result)


def beside(
    ours: Iterator[Row], theirs: Iterator[Row], width: int
) -> Iterator[tuple[Row | None, Row | None]]:
    """Pairs of rows of two streams that are not alike; both are ordered by ``width`` columns."""
    one, two = next(ours, None), next(theirs, None)
    while one is not None or two is not None:
        if one == two:
            one, two = next(ours, None), next(theirs, None)
            continue
        first = None if one is None else _order(one[:width])
        second = None if two is None else _order(two[:width])
        if second is None or (first is not None and first < second):
            yield one, None
            one = next(ours, None)
        elif first is None or second < first:
            yield None, two
            two = next(theirs, None)
        else:
            yield one, two
            one, two = next(ours, None), next(theirs, None)


def _order(key: Row) -> tuple[tuple[int, Any], ...]:
    """As both databases order: texts by code point, which is the order of their bytes, too."""
    return tuple(
        (0, 0)
        if value is None
        else (2, value)
        if isinstance(value, str)
        else (3, value)
        if isinstance(value, bytes)
        else (1, value)
        for value in key
    )
