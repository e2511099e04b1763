"""The catalogue: a cache of the two roots that answers questions quickly.

Its tables stand in tables.py. Everything in it can be rebuilt from the store.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Integer, bindparam, delete, func, insert, select, update
from sqlmodel import Session, SQLModel

from evidence_vault.core.fields import stricter
from evidence_vault.core.merkle import HASH_SIZE, Frontier
from evidence_vault.core.placement import Placed
from evidence_vault.log.database import damaged, open_engine, translated
from evidence_vault.log.differing import Differing
from evidence_vault.log.proofs import ProofIndex
from evidence_vault.log.search import MANY, SearchIndex
from evidence_vault.log.tables import (
    SCHEMA_VERSION,
    IndexCase,
    IndexItem,
    LogEntry,
    LogHistory,
    LogItem,
    LogObject,
    LogState,
)

# Bulk work goes past the object mapper, straight to the tables.
_TABLES = SQLModel.metadata.tables

_PATCHABLE = [
    "occurred_at",
    "place",
    "source_code",
    "collector_code",
    "language",
    "title",
    "description",
    "classification",
    "key_place",
    "key_title",
    "key_description",
]


@dataclass
class EntryRow:
    """What the catalogue learns from one entry.

    ``members``: (item id, home, item_seq) of each item the entry is about.
    """

    idx: int
    leaf: bytes
    commit_start: int
    type: str
    recorded_at: str
    members: Sequence[tuple[str, str, int]] = ()


@dataclass
class IndexRows:
    """Searchable values that a batch adds or changes.

    ``again``: (item, values, cases) of bytes that came again: they add, the stricter
    classification wins, and nothing that is known is replaced. ``objects``: what the object
    store answered; the newest answer counts.
    """

    items: list[dict[str, Any]] = field(default_factory=list)
    cases: list[tuple[str, str]] = field(default_factory=list)
    arrivals: list[dict[str, str]] = field(default_factory=list)
    patches: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    again: list[tuple[str, dict[str, Any], list[str]]] = field(default_factory=list)
    objects: list[Placed] = field(default_factory=list)


@dataclass(frozen=True)
class Head:
    """The newest event of an item in one log."""

    id: str
    home: str
    seq: int
    idx: int
    leaf: bytes


class Catalogue(SearchIndex, ProofIndex, Differing):
    """SQLite through SQLModel. One process may write at a time (the vault's writer lock)."""

    def __init__(self, path: Path, log: int) -> None:
        self._path = path
        self.log = log
        self._engine = open_engine(path)

    @staticmethod
    def create(path: Path, log: int, index: bool = True) -> Catalogue:
        """A new, empty catalogue; the file must not exist. ``index``: with searchable tables."""
        catalogue = Catalogue(path, log)
        tables = [t for n, t in _TABLES.items() if index or not n.startswith("index_")]
        with translated():
            SQLModel.metadata.create_all(catalogue._engine, tables)
        catalogue.add_log(log)
        return catalogue

    def add_log(self, log: int) -> None:
        """Begin a log that follows the one known so far; one that is known is gone on with."""
        with self._session() as session:
            if session.get(LogState, log) is None:
                session.add(LogState(log=log, schema_version=SCHEMA_VERSION, size=0, frontier=b""))
                session.commit()
        self.log = log

    def close(self) -> None:
        self._engine.dispose()

    def check(self) -> None:
        """Raises StoreError unless the file is a catalogue of this version and sound."""
        with self._session() as session:
            state = session.get(LogState, self.log)
            if state is None or state.schema_version != SCHEMA_VERSION:
                raise damaged("it has another layout")
            verdict = session.connection().exec_driver_sql("PRAGMA quick_check(1)").scalar()
            if verdict != "ok":
                raise damaged(str(verdict))

    def mark_unread(self, log: int) -> None:
        """Remember that members of some set of a log could not be read: its heads are not known."""
        with self._session() as session:
            session.connection().exec_driver_sql(f"PRAGMA user_version={log + 1:d}")
            session.commit()

    def unread_log(self) -> int | None:
        """The newest log some of whose sets could not be read when this catalogue was made."""
        with self._session() as session:
            number = session.connection().exec_driver_sql("PRAGMA user_version").scalar()
        return int(number) - 1 if number else None

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

    def apply(self, rows: Sequence[EntryRow], frontier: Frontier, index: IndexRows) -> None:
        """Record committed entries in one transaction; ``frontier`` is the state after them."""
        histories: list[dict[str, Any]] = []
        heads: dict[str, dict[str, Any]] = {}
        for row in rows:
            for item, home, seq in row.members:
                histories.append({"id": item, "log": self.log, "seq": seq, "idx": row.idx})
                first = heads.get(item, {}).get("first", (seq, row.idx))
                heads[item] = {"home": home, "seq": seq, "idx": row.idx, "first": first}
        with self._session() as session:
            session.execute(
                insert(_TABLES["log_entry"]),
                [
                    {
                        "log": self.log,
                        "idx": r.idx,
                        "leaf": r.leaf,
                        "commit_start": r.commit_start,
                        "type": r.type,
                        "recorded_at": r.recorded_at,
                    }
                    for r in rows
                ],
            )
            if histories:
                # A log that contradicts itself must still be readable: the audit names it.
                session.execute(insert(_TABLES["log_history"]).prefix_with("OR REPLACE"), histories)
            self._apply_heads(session, heads)
            self._apply_objects(session, index.objects)
            self._apply_index(session, index)
            session.execute(
                update(LogState)
                .where(LogState.log == self.log)  # type: ignore[arg-type]
                .values(size=frontier.size, frontier=b"".join(frontier.hashes))
            )
            session.commit()

    def _apply_heads(self, session: Session, heads: dict[str, dict[str, Any]]) -> None:
        new: list[dict[str, Any]] = []
        moved: list[dict[str, Any]] = []
        for item, head in heads.items():
            seq, idx = head["first"]
            if seq == 0:
                new.append(
                    {
                        "id": item,
                        "log": self.log,
                        "home": head["home"],
                        "last_seq": head["seq"],
                        "last_idx": head["idx"],
                        "first_log": self.log,
                        "first_idx": idx,
                    }
                )
            else:
                moved.append({"item": item, "seq": head["seq"], "idx": head["idx"]})
        if new:
            session.execute(insert(_TABLES["log_item"]).prefix_with("OR REPLACE"), new)
        if moved:
            table = _TABLES["log_item"]
            session.connection().execute(
                update(table)
                .where(table.c.id == bindparam("item"), table.c.log == self.log)
                .values(last_seq=bindparam("seq"), last_idx=bindparam("idx")),
                moved,
            )

    def _apply_objects(self, session: Session, objects: Sequence[Placed]) -> None:
        newest = {each.digest: each for each in objects if each.version is not None}
        if newest:
            session.execute(
                insert(_TABLES["log_object"]).prefix_with("OR REPLACE"),
                [
                    {
                        "sha256": each.digest,
                        "version": each.version,
                        "size": each.size,
                        "mode": each.mode,
                        "until": each.until,
                        "etag": each.etag,
                    }
                    for each in newest.values()
                ],
            )

    def placed(self, digests: Sequence[str]) -> dict[str, Placed]:
        """What the object store answered for these objects, of those it answered for."""
        found: dict[str, Placed] = {}
        with self._session() as session:
            for start in range(0, len(digests), MANY):
                rows = session.execute(
                    select(LogObject).where(
                        LogObject.sha256.in_(list(digests[start : start + MANY]))  # type: ignore[attr-defined]
                    )
                ).scalars()
                for row in rows:
                    found[row.sha256] = Placed(
                        row.sha256, row.size, row.version, row.mode, row.until, row.etag
                    )
        return found

    def _apply_index(self, session: Session, index: IndexRows) -> None:
        if index.items:
            session.execute(insert(_TABLES["index_item"]).prefix_with("OR REPLACE"), index.items)
        if index.arrivals:
            session.execute(
                insert(_TABLES["index_arrival"]).prefix_with("OR REPLACE"), index.arrivals
            )
        if index.cases:
            session.execute(
                insert(_TABLES["index_case"]).prefix_with("OR IGNORE"),
                [{"case": case, "id": item} for case, item in index.cases],
            )
        self._apply_patches(session, index.patches)
        for item, values, cases in index.again:
            self._apply_again(session, item, values, cases)

    def _apply_again(
        self, session: Session, item: str, values: dict[str, Any], cases: list[str]
    ) -> None:
        row = session.get(IndexItem, item)
        if row is None:  # the searchable tables were dropped
            return
        for name in _PATCHABLE:
            if getattr(row, name) is None:
                setattr(row, name, values.get(name))
        row.classification = stricter(row.classification, values.get("classification"))
        for case in cases:
            session.merge(IndexCase(case=case, id=item))

    def _apply_patches(
        self, session: Session, patches: Sequence[tuple[str, dict[str, Any]]]
    ) -> None:
        """Of several values for one column of one item the last counts."""
        merged: dict[str, dict[str, Any]] = {}
        for item, values in patches:
            merged.setdefault(item, {}).update(values)
        alike: dict[tuple[str, ...], list[dict[str, Any]]] = {}
        for item, values in merged.items():
            columns = {k: v for k, v in sorted(values.items()) if k in _PATCHABLE}
            if columns:
                alike.setdefault(tuple(columns), []).append({**columns, "item": item})
        table = _TABLES["index_item"]
        for names, rows in alike.items():
            session.connection().execute(
                update(table)
                .where(table.c.id == bindparam("item"))
                .values({name: bindparam(name) for name in names}),
                rows,
            )
        cases = {item: values["case"] for item, values in merged.items() if "case" in values}
        for item, named in cases.items():
            session.execute(delete(IndexCase).where(IndexCase.id == item))  # type: ignore[arg-type]
            for case in named or ():
                session.add(IndexCase(case=case, id=item))

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
                    select(  # type: ignore[call-overload]
                        LogItem.id, LogItem.home, LogItem.last_seq, LogItem.last_idx, LogEntry.leaf
                    )
                    .join(
                        LogEntry,
                        (LogEntry.log == LogItem.log) & (LogEntry.idx == LogItem.last_idx),
                    )
                    .where(
                        LogItem.log == self.log,
                        LogItem.id.in_(list(items[start : start + MANY])),  # type: ignore[attr-defined]
                    )
                )
                found.update((row[0], Head(*row)) for row in session.execute(query))
        return found

    def homes(self) -> dict[str, str]:
        """Home origin of every item."""
        with self._session() as session:
            return {
                row[0]: row[1]
                for row in session.execute(select(LogItem.id, LogItem.home).distinct())  # type: ignore[call-overload]
            }

    def commit_starts(self, log: int) -> list[tuple[int, int]]:
        """(first entry, end) of every commit of a log, in order."""
        with self._session() as session:
            rows = session.execute(
                select(LogEntry.commit_start, func.max(LogEntry.idx))  # type: ignore[call-overload]
                .where(LogEntry.log == log)
                .group_by(LogEntry.commit_start)
                .order_by(LogEntry.commit_start)
            )
            return [(row[0], row[1] + 1) for row in rows]

    def home(self, item: str) -> tuple[str, int, int] | None:
        """(home origin, log number, index) of the entry that took an item in, or None."""
        with self._session() as session:
            row = session.execute(
                select(LogItem.home, LogItem.first_log, LogItem.first_idx)  # type: ignore[call-overload]
                .where(LogItem.id == item)
                .order_by(LogItem.log)
                .limit(1)
            ).first()
        return None if row is None else (row[0], row[1], row[2])

    def history(self, item: str, log: int | None = None) -> list[int]:
        """Entry indexes of an item's events in one log, oldest first."""
        number = self.log if log is None else log
        with self._session() as session:
            rows = session.execute(
                select(LogHistory.idx)  # type: ignore[call-overload]
                .where(LogHistory.id == item, LogHistory.log == number)
                .order_by(LogHistory.seq)
            )
            return [row[0] for row in rows]

    def touched(self, after: int) -> list[tuple[int, str]]:
        """(entry, item) of every event about an item beyond an entry of this log, in order."""
        with self._session() as session:
            rows = session.execute(
                select(LogHistory.idx, LogHistory.id)  # type: ignore[call-overload]
                .where(LogHistory.log == self.log, LogHistory.idx > after)
                .order_by(LogHistory.idx, LogHistory.id)
            )
            return [(row[0], row[1]) for row in rows]

    def places(self, items: Sequence[str], log: int) -> list[int]:
        """Entry indexes of the events of many items in one log, in order, each once."""
        found: set[int] = set()
        with self._session() as session:
            for start in range(0, len(items), MANY):
                rows = session.execute(
                    select(LogHistory.idx).where(  # type: ignore[call-overload]
                        LogHistory.id.in_(list(items[start : start + MANY])),  # type: ignore[attr-defined]
                        LogHistory.log == log,
                    )
                )
                found.update(row[0] for row in rows)
        return sorted(found)

    def last_number(self, prefix: str) -> int:
        """The highest item number given out under a prefix, 0 when none."""
        ours = LogItem.id.like(f"{prefix}-%")  # type: ignore[attr-defined]
        with self._session() as session:
            newest = session.execute(select(func.max(LogItem.id)).where(ours)).scalar()
            if newest is not None and str(newest)[len(prefix) + 1 :].startswith("9999999"):
                # Identifiers of eight digits and more sort among those of seven: by number then.
                number = func.substr(LogItem.id, len(prefix) + 2).cast(Integer)
                return int(session.execute(select(func.max(number)).where(ours)).scalar_one())
        return 0 if newest is None else int(str(newest).rsplit("-", 1)[1])

    def count_type(self, kind: str) -> int:
        """How many entries of a type all logs of this vault hold."""
        with self._session() as session:
            count = session.execute(
                select(func.count()).select_from(LogEntry).where(LogEntry.type == kind)  # type: ignore[arg-type]
            ).scalar()
        return int(count or 0)

    def item_ids(self) -> list[str]:
        """Every item, in order of identifiers."""
        with self._session() as session:
            rows = session.execute(select(LogItem.id).distinct().order_by(LogItem.id))  # type: ignore[call-overload]
            return [row[0] for row in rows]

    def indexes_of(self, kinds: Sequence[str], log: int | None = None) -> list[int]:
        """Entries of these types in one log, in order. Cost: those entries, not the log."""
        number = self.log if log is None else log
        found: list[int] = []
        with self._session() as session:
            for kind in kinds:  # several at once, in order, would be looked for in every entry
                rows = session.execute(
                    select(LogEntry.idx)  # type: ignore[call-overload]
                    .where(LogEntry.type == kind, LogEntry.log == number)
                    .order_by(LogEntry.idx)
                )
                found += [row[0] for row in rows]
        return sorted(found)

    def newest_of(self, kind: str, before: int) -> int | None:
        """The last entry of a type below an index, or None."""
        with self._session() as session:
            newest = session.execute(
                select(func.max(LogEntry.idx)).where(
                    LogEntry.log == self.log,  # type: ignore[arg-type]
                    LogEntry.type == kind,  # type: ignore[arg-type]
                    LogEntry.idx < before,  # type: ignore[arg-type]
                )
            ).scalar()
        return newest

    def newest_time(self) -> str | None:
        """``recorded_at`` of the newest entry of this log, or None when it is empty."""
        with self._session() as session:
            row = session.execute(
                select(LogEntry.recorded_at)  # type: ignore[call-overload]
                .where(LogEntry.log == self.log)
                .order_by(LogEntry.idx.desc())  # type: ignore[attr-defined]
                .limit(1)
            ).first()
        return None if row is None else str(row[0])

    def count_items(self) -> int:
        with self._session() as session:
            return int(session.execute(select(func.count(func.distinct(LogItem.id)))).scalar() or 0)
