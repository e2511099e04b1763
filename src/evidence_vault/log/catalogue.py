"""The catalogue: a cache of the two roots that answers questions quickly.

Its tables stand in tables.py. Everything in it can be rebuilt from the store.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Engine, Integer, and_, func, select
from sqlmodel import col

from evidence_vault.core.merkle import HASH_SIZE, Frontier
from evidence_vault.core.placement import Placed
from evidence_vault.log.applying import Applying, EntryRow, IndexRows
from evidence_vault.log.database import Place, damaged, open_engine, translated
from evidence_vault.log.differing import Differing
from evidence_vault.log.holdindex import HoldIndex
from evidence_vault.log.layout import demand_layout, looked_through, make_tables
from evidence_vault.log.places import fresh_place, make_room, put_in_place
from evidence_vault.log.postgres import SCHEMA
from evidence_vault.log.proofs import ProofIndex
from evidence_vault.log.remembered import Remembered
from evidence_vault.log.replicaindex import ReplicaIndex
from evidence_vault.log.search import MANY, SearchIndex
from evidence_vault.log.tables import (
    SCHEMA_VERSION,
    LogEntry,
    LogHistory,
    LogItem,
    LogObject,
    LogState,
)

__all__ = ["Catalogue", "EntryRow", "Head", "IndexRows"]


@dataclass(frozen=True)
class Head:
    """The newest event of an item in one log."""

    id: str
    home: str
    seq: int
    idx: int
    leaf: bytes


class Catalogue(Applying, SearchIndex, ProofIndex, HoldIndex, ReplicaIndex, Remembered, Differing):
    """SQLite or PostgreSQL through SQLModel. One process may write at a time (the writer lock)."""

    def __init__(self, place: Place, log: int, schema: str = SCHEMA) -> None:
        self.place = place
        self.schema = schema
        self.log = log
        self.made: int | None = None  # the schema that was made for it on a server (places.py)
        self._engine = open_engine(place, schema)

    @staticmethod
    def create(place: Place, log: int, index: bool = True, schema: str = SCHEMA) -> Catalogue:
        """A new, empty catalogue; a file must not exist. ``index``: with searchable tables.

        Raises UsageError (E-EXISTS) for a database that holds a vault's catalogue.
        """
        room = make_room(place, schema)
        catalogue = Catalogue(place, log, schema)
        catalogue.made = room
        with translated(), catalogue._engine.begin() as connection:
            make_tables(connection, index)
        catalogue.add_log(log)
        return catalogue

    @staticmethod
    def fresh(place: Place, index: bool = True) -> Catalogue:
        """An empty catalogue beside that of a vault, for :meth:`take_place`; an earlier one goes.

        ``place``: of the vault's catalogue. It begins with log 0.
        """
        where, schema = fresh_place(place)
        return Catalogue.create(where, 0, index, schema)

    def take_place(self, place: Place) -> None:
        """Close this one made by :meth:`fresh`, and put it in the place of the vault's catalogue.

        At once, or not at all. Rows of ``log_signed`` are kept: they are no cache.
        """
        self.close()
        put_in_place(self.place, place)

    def add_log(self, log: int) -> None:
        """Begin a log that follows the one known so far; one that is known is gone on with."""
        with self._session() as session:
            if session.get(LogState, log) is None:
                session.add(LogState(log=log, schema_version=SCHEMA_VERSION, size=0, frontier=b""))
                session.commit()
        self.log = log

    @property
    def engine(self) -> Engine:
        """The database, for the other modules of this room."""
        return self._engine

    def close(self) -> None:
        self._engine.dispose()

    def demand_layout(self) -> None:
        """Raises StoreError (E-CATALOGUE-OLD) or KeyProblem (E-NEWER) for another version's layout.

        Cost: one row.
        """
        with translated(), self._engine.connect() as connection:
            demand_layout(connection)

    def check(self) -> None:
        """Raises StoreError unless the catalogue is of this version and sound: all is read."""
        with translated(), self._engine.connect() as connection:
            demand_layout(connection)
            wrong = looked_through(connection)
        if wrong is not None:
            raise damaged(wrong)
        self.frontier()

    # -- the log -------------------------------------------------------------------------------

    def frontier(self, log: int | None = None) -> Frontier:
        """Size and right edge of the log as far as this catalogue knows it."""
        with self._session() as session:
            state = session.get(LogState, self.log if log is None else log)
        if state is None:
            raise damaged("it does not know this log")
        hashes = [
            state.frontier[i : i + HASH_SIZE] for i in range(0, len(state.frontier), HASH_SIZE)
        ]
        return Frontier(state.size, hashes)

    def placed(self, digests: Sequence[str]) -> dict[str, Placed]:
        """What the object store answered for these objects, of those it answered for."""
        found: dict[str, Placed] = {}
        with self._session() as session:
            for start in range(0, len(digests), MANY):
                rows = session.execute(
                    select(LogObject).where(
                        col(LogObject.sha256).in_(list(digests[start : start + MANY]))
                    )
                ).scalars()
                for row in rows:
                    found[row.sha256] = Placed(
                        row.sha256, row.size, row.version, row.mode, row.until, row.etag
                    )
        return found

    def entry(self, idx: int, log: int | None = None) -> LogEntry:
        """Where entry ``idx`` lies; raises StoreError when the catalogue does not know it."""
        with self._session() as session:
            row = session.get(LogEntry, (self.log if log is None else log, idx))
        if row is None:
            raise damaged(f"it lacks entry {idx}")
        return row

    def head(self, item: str, log: int | None = None) -> Head | None:
        """The newest event of an item in a log, or None when it has none there."""
        number = self.log if log is None else log
        with self._session() as session:
            row = session.get(LogItem, (item, number))
            if row is None:
                return None
            entry = session.get(LogEntry, (number, row.last_idx))
        if entry is None:
            raise damaged(f"it lacks entry {row.last_idx}")
        return Head(row.id, row.home, row.last_seq, row.last_idx, entry.leaf)

    def heads(self, items: Sequence[str]) -> dict[str, Head]:
        """The newest events of many items in this log; those without one are absent."""
        found: dict[str, Head] = {}
        with self._session() as session:
            for start in range(0, len(items), MANY):
                query = (
                    select(
                        col(LogItem.id),
                        col(LogItem.home),
                        col(LogItem.last_seq),
                        col(LogItem.last_idx),
                        col(LogEntry.leaf),
                    )
                    .join(
                        LogEntry,
                        (col(LogEntry.log) == col(LogItem.log))
                        & (col(LogEntry.idx) == col(LogItem.last_idx)),
                    )
                    .where(
                        col(LogItem.log) == self.log,
                        col(LogItem.id).in_(list(items[start : start + MANY])),
                    )
                )
                found.update((row[0], Head(*row)) for row in session.execute(query))
        return found

    def homes(self, items: Sequence[str] | None = None) -> dict[str, str]:
        """Home origin of every item, or of those of ``items`` that are known."""
        query = select(col(LogItem.id), col(LogItem.home)).distinct()
        with self._session() as session:
            if items is None:
                return {row[0]: row[1] for row in session.execute(query)}
            found: dict[str, str] = {}
            for start in range(0, len(items), MANY):
                some = list(items[start : start + MANY])
                rows = session.execute(query.where(col(LogItem.id).in_(some)))
                found.update((row[0], row[1]) for row in rows)
        return found

    def commit_starts(self, log: int) -> list[tuple[int, int]]:
        """(first entry, end) of every commit of a log, in order."""
        with self._session() as session:
            rows = session.execute(
                select(col(LogEntry.commit_start), func.max(col(LogEntry.idx)))
                .where(col(LogEntry.log) == log)
                .group_by(col(LogEntry.commit_start))
                .order_by(col(LogEntry.commit_start))
            )
            return [(row[0], row[1] + 1) for row in rows]

    def home(self, item: str) -> tuple[str, int, int] | None:
        """(home origin, log number, index) of the entry that took an item in, or None."""
        with self._session() as session:
            row = session.execute(
                select(col(LogItem.home), col(LogItem.first_log), col(LogItem.first_idx))
                .where(col(LogItem.id) == item)
                .order_by(col(LogItem.log))
                .limit(1)
            ).first()
        return None if row is None else (row[0], row[1], row[2])

    def history(self, item: str, log: int | None = None) -> list[int]:
        """Entry indexes of an item's events in one log, oldest first."""
        number = self.log if log is None else log
        with self._session() as session:
            rows = session.execute(
                select(col(LogHistory.idx))
                .where(col(LogHistory.id) == item, col(LogHistory.log) == number)
                .order_by(col(LogHistory.seq))
            )
            return [row[0] for row in rows]

    def touched(self, after: int) -> list[tuple[int, str]]:
        """(entry, item) of every event about an item beyond an entry of this log, in order."""
        with self._session() as session:
            rows = session.execute(
                select(col(LogHistory.idx), col(LogHistory.id))
                .where(col(LogHistory.log) == self.log, col(LogHistory.idx) > after)
                .order_by(col(LogHistory.idx), col(LogHistory.id))
            )
            return [(row[0], row[1]) for row in rows]

    def places(self, items: Sequence[str], log: int) -> list[int]:
        """Entry indexes of the events of many items in one log, in order, each once."""
        found: set[int] = set()
        with self._session() as session:
            for start in range(0, len(items), MANY):
                rows = session.execute(
                    select(col(LogHistory.idx)).where(
                        col(LogHistory.id).in_(list(items[start : start + MANY])),
                        col(LogHistory.log) == log,
                    )
                )
                found.update(row[0] for row in rows)
        return sorted(found)

    def last_number(self, prefix: str) -> int:
        """The highest item number given out under a prefix, 0 when none."""
        # A range of the key ("." follows "-"): items of other vaults behind ours are not read.
        ours = and_(col(LogItem.id) > f"{prefix}-", col(LogItem.id) < f"{prefix}.")
        with self._session() as session:
            newest = session.execute(select(func.max(col(LogItem.id))).where(ours)).scalar()
            if newest is not None and str(newest)[len(prefix) + 1 :].startswith("9999999"):
                # Identifiers of eight digits and more sort among those of seven: by number then.
                number = func.substr(col(LogItem.id), len(prefix) + 2).cast(Integer)
                return int(session.execute(select(func.max(number)).where(ours)).scalar_one())
        return 0 if newest is None else int(str(newest).rsplit("-", 1)[1])

    def count_type(self, kind: str) -> int:
        """How many entries of a type all logs of this vault hold."""
        with self._session() as session:
            count = session.execute(
                select(func.count()).select_from(LogEntry).where(col(LogEntry.type) == kind)
            ).scalar()
        return int(count or 0)

    def item_ids(self) -> list[str]:
        """Every item, in order of identifiers."""
        return self.page_of_items()

    def indexes_of(self, kinds: Sequence[str], log: int | None = None) -> list[int]:
        """Entries of these types in one log, in order. Cost: those entries, not the log."""
        number = self.log if log is None else log
        found: list[int] = []
        with self._session() as session:
            for kind in kinds:  # several at once, in order, would be looked for in every entry
                rows = session.execute(
                    select(col(LogEntry.idx))
                    .where(col(LogEntry.type) == kind, col(LogEntry.log) == number)
                    .order_by(col(LogEntry.idx))
                )
                found += [row[0] for row in rows]
        return sorted(found)

    def newest_of(self, kind: str, before: int) -> int | None:
        """The last entry of a type below an index, or None."""
        with self._session() as session:
            newest = session.execute(
                select(func.max(col(LogEntry.idx))).where(
                    col(LogEntry.log) == self.log,
                    col(LogEntry.type) == kind,
                    col(LogEntry.idx) < before,
                )
            ).scalar()
        return newest

    def newest_time(self) -> str | None:
        """``recorded_at`` of the newest entry of this log, or None when it is empty."""
        with self._session() as session:
            row = session.execute(
                select(col(LogEntry.recorded_at))
                .where(col(LogEntry.log) == self.log)
                .order_by(col(LogEntry.idx).desc())
                .limit(1)
            ).first()
        return None if row is None else str(row[0])

    def count_items(self) -> int:
        """Items of all logs, each once."""
        return self.count_blocks()
