"""Questions to the index: what a desk can search without opening anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import Engine, inspect, select
from sqlmodel import Session, SQLModel, col

from evidence_vault.log.blockset import count
from evidence_vault.log.database import translated
from evidence_vault.log.postings import Looked, blocks, page, skipped
from evidence_vault.log.tables import IndexArrival, IndexItem, IndexRelation
from evidence_vault.log.tokens import DIGITS, Clause, coded, dated, exact, holding, lowered

MANY = 500  # values in one IN (…)
_ITEM = SQLModel.metadata.tables["index_item"]
_CASE = SQLModel.metadata.tables["index_case"]
_TEXTS = ("name", "title", "description", "place")
_READ_FOR = {
    "digest": ("sha256", "sha512"),
    "name": ("name", "key_name"),
    "text": (*_TEXTS, *(f"key_{name}" for name in _TEXTS)),
    "date": ("occurred_at",),
    "source_code": ("source_code",),
    "accession": ("accession",),
    "place": ("place", "key_place"),
}


class SearchIndex:
    """The part of the catalogue that reads the tables ``index_*``."""

    _engine: Engine

    def has_index(self) -> bool:
        """False on a field vault: there are no searchable tables."""
        with translated():
            return inspect(self._engine).has_table("index_item")

    def by_digests(self, digests: Sequence[str]) -> dict[str, list[str]]:
        """Items by the SHA-256 (hex) of their originals, newest first, of those known."""
        found: dict[str, list[str]] = {}
        with self._session() as session:
            for start in range(0, len(digests), MANY):
                query = select(col(IndexItem.sha256), col(IndexItem.id)).where(
                    col(IndexItem.sha256).in_(list(digests[start : start + MANY]))
                )
                for digest, item in session.execute(query.order_by(col(IndexItem.id).desc())):
                    found.setdefault(digest, []).append(item)
        return found

    def arrivals(self, path_keys: Sequence[str]) -> dict[tuple[str, str], str]:
        """Item by (path key, SHA-256), of every known arrival by one of these paths."""
        found: dict[tuple[str, str], str] = {}
        with self._session() as session:
            for start in range(0, len(path_keys), MANY):
                query = select(
                    col(IndexArrival.path_key), col(IndexArrival.sha256), col(IndexArrival.id)
                ).where(col(IndexArrival.path_key).in_(list(path_keys[start : start + MANY])))
                found.update(((row[0], row[1]), row[2]) for row in session.execute(query))
        return found

    def named_by(self, item: str) -> list[str]:
        """Items that were last said to be something to this one, in order."""
        query = select(col(IndexRelation.id)).where(col(IndexRelation.other) == item)
        with self._session() as session:
            return sorted({row[0] for row in session.execute(query)})

    def describe(self, item: str) -> dict[str, Any] | None:
        """The searchable values of one item, with its cases, or None."""
        found = self.find([item])
        return found[0] if found else None

    def find(
        self,
        ids: Sequence[str] | None = None,
        *,
        after: str | None = None,
        limit: int | None = None,
        offset: int = 0,
    ) -> list[dict[str, Any]]:
        """Index rows with their cases, in order of identifiers; ``after``: those behind it.

        Cost: the page, wherever it lies.
        """
        with self._session() as session:
            if ids is not None:
                found = [row for some in _chunks(sorted(ids)) for row in _rows(session, some)]
                found = [row for row in found if after is None or row["id"] > after]
                return found[offset:] if limit is None else found[offset : offset + limit]
            query = select(_ITEM).order_by(_ITEM.c.id)
            if offset:
                first = skipped(blocks(session, "index_block", after), after, offset)
                if first is None:
                    return []
                query = query.where(_ITEM.c.id >= first)
            elif after is not None:
                query = query.where(_ITEM.c.id > after)
            if limit is not None:
                query = query.limit(limit)
            rows = [dict(row) for row in session.execute(query).mappings()]
            return [row for some in _chunks(rows) for row in _with_cases(session, some)]

    def search(
        self,
        *,
        digest: str | None = None,
        name: str | None = None,
        text: str | None = None,
        date: str | None = None,
        source_code: str | None = None,
        case: str | None = None,
        accession: str | None = None,
        place: str | None = None,
        pcodes: Sequence[str] = (),
        spellings: Mapping[str, Sequence[str]] | None = None,
        after: str | None = None,
        limit: int | None = None,
        offset: int = 0,
    ) -> list[dict[str, Any]]:
        """Items that meet every condition given, in order of identifiers.

        ``digest``: the beginning of a SHA-256 or SHA-512, hex; fewer than 8 digits are looked for
        in every item. ``spellings``: for ``name``, ``text`` and ``place`` the keys
        (core/searchkey.py) that do as well as the text itself; without them texts match as they
        were typed, but for A-Z and a-z. ``pcodes``: places that do as well as ``place``. ``after``:
        items behind this one. An ``offset`` costs the items passed over: for far pages give
        ``after``.
        """
        asked = Asked(
            digest, name, text, date, source_code, case, accession, place, pcodes, spellings or {}
        )
        found: list[str] = []
        with self._session() as session:
            wanted = None if limit is None else offset + limit
            ids = self._candidates(session, asked, after)
            while some := list(islice(ids, _so_many(wanted, len(found)))):
                found += asked.met(session, some)
                if wanted is not None and len(found) >= wanted:
                    break
            page_ids = found[offset:wanted]
            return [row for some in _chunks(page_ids) for row in _rows(session, some)]

    def _candidates(self, session: Session, asked: Asked, after: str | None) -> Iterator[str]:
        if asked.digest is None:
            return iter(Looked(session, asked.clauses(), after))
        low = asked.digest.lower()
        query = select(_ITEM.c.id).where(_ITEM.c.sha256 >= low, _ITEM.c.sha256 < low + "g")
        ids = {row[0] for row in session.execute(query)}
        begins = [] if len(low) < DIGITS else [exact("D", low[:DIGITS])]
        ids.update(Looked(session, begins, after))
        return (item for item in sorted(ids) if after is None or item > after)

    def count_blocks(self) -> int:
        """How many items the log knows. Cost: one row for ten thousand items."""
        with self._session() as session:
            return sum(count(data) for _, data in blocks(session, "log_block"))

    def page_of_items(
        self, after: str | None = None, limit: int | None = None, offset: int = 0
    ) -> list[str]:
        """Items of the log in order of identifiers, described or not."""
        with self._session() as session:
            known = blocks(session, "log_block", after)
        return page(known, after, limit, offset)

    @contextmanager
    def _session(self) -> Iterator[Session]:
        with translated(), Session(self._engine) as session:
            yield session


@dataclass(frozen=True)
class Asked:
    """The conditions of one search, each None when it was not given."""

    digest: str | None
    name: str | None
    text: str | None
    date: str | None
    source_code: str | None
    case: str | None
    accession: str | None
    place: str | None
    pcodes: Sequence[str]
    spellings: Mapping[str, Sequence[str]]

    def clauses(self) -> list[Clause]:
        """What every item that meets the conditions has; the converse is for :meth:`met_by`."""
        found: list[Clause | None] = []
        for condition, kinds, typed in (("name", "N", self.name), ("text", "NTP", self.text)):
            if typed is not None:
                found.append(holding(kinds, [typed, *self.spellings.get(condition, ())]))
        if self.place is not None:
            held = holding("P", [self.place, *self.spellings.get("place", ())])
            found.append(None if held is None else held + coded(self.pcodes))
        if self.date is not None:
            found.append(dated(self.date))
        for kind, value in (("S", self.source_code), ("A", self.accession), ("C", self.case)):
            if value is not None:
                found.append(exact(kind, value))
        return [clause for clause in found if clause is not None]

    def met(self, session: Session, ids: Sequence[str]) -> list[str]:
        """Those of these items, in order, that meet the conditions: only what tells is read."""
        columns = {"id"}
        for condition, names in _READ_FOR.items():
            if getattr(self, condition) is not None:
                columns.update(names)
        chosen = [_ITEM.c[name] for name in sorted(columns)]
        query = select(*chosen).where(_ITEM.c.id.in_(list(ids)))
        rows = [dict(row) for row in session.execute(query).mappings()]
        if self.case is not None:
            _with_cases(session, rows)
        return sorted(row["id"] for row in rows if self.met_by(row))

    def met_by(self, row: Mapping[str, Any]) -> bool:
        """``row``: the columns of index_item that the conditions go by, and its cases."""
        low = None if self.digest is None else self.digest.lower()
        return (
            (low is None or row["sha256"].startswith(low) or row["sha512"].startswith(low))
            and self._texts_met(row)
            and (self.date is None or _overlap(row["occurred_at"], self.date))
            and (self.source_code is None or row["source_code"] == self.source_code)
            and (self.accession is None or row["accession"] == self.accession)
            and (self.case is None or self.case in row["case"])
        )

    def _texts_met(self, row: Mapping[str, Any]) -> bool:
        if self.name is not None and not self._holds(row, ("name",), "name", self.name):
            return False
        if self.text is not None and not self._holds(row, _TEXTS, "text", self.text):
            return False
        return (
            self.place is None
            or row["place"] in self.pcodes
            or self._holds(row, ("place",), "place", self.place)
        )

    def _holds(
        self, row: Mapping[str, Any], columns: Sequence[str], condition: str, typed: str
    ) -> bool:
        """That one of these texts holds ``typed``, or it or its key one of the spellings."""
        texts = [lowered(row[name]) for name in columns if row[name] is not None]
        if any(lowered(typed) in text for text in texts):
            return True
        kept = [f"key_{name}" for name in columns]
        texts += [lowered(row[name]) for name in kept if row[name] is not None]
        keys = [lowered(key) for key in self.spellings.get(condition, ())]
        return any(key in text for key in keys for text in texts)


def _overlap(column: str | None, date: str) -> bool:
    """That a date or interval ``START/END`` has a moment in common with another.

    Dates are ISO 8601, of any precision: one lasts as long as its precision says. "2024-02" lies
    before "2024-03", and so does all that begins with it; a text that is the beginning of another
    holds it, so both comparisons are made over the length they share.
    """
    if column is None:
        return False
    start, slash, end = column.partition("/")
    end = end if slash else start
    first, _, last = date.partition("/")
    last = last or first
    return start[: len(last)] <= last[: len(start)] and end[: len(first)] >= first[: len(end)]


def _rows(session: Session, ids: Sequence[str]) -> list[dict[str, Any]]:
    query = select(_ITEM).where(_ITEM.c.id.in_(list(ids)))
    rows = sorted(session.execute(query).mappings(), key=lambda row: row["id"])
    return _with_cases(session, [dict(row) for row in rows])


def _with_cases(session: Session, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows, at most MANY of them, each with its cases in order."""
    cases: dict[str, list[str]] = {}
    query = select(_CASE.c.id, _CASE.c.case).where(_CASE.c.id.in_([row["id"] for row in rows]))
    for item, case in session.execute(query):
        cases.setdefault(item, []).append(case)
    for row in rows:
        row["case"] = sorted(cases.get(row["id"], []))
    return rows


def _so_many(wanted: int | None, found: int) -> int:
    """Candidates to look at next: mostly all of them are what is looked for."""
    return MANY if wanted is None else min(MANY, max(wanted - found, 32))


def _chunks(values: Sequence[Any]) -> Iterator[Any]:
    for start in range(0, len(values), MANY):
        yield values[start : start + MANY]
