"""Questions to the index: what a desk can search without opening anything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, case, func, inspect, or_, select
from sqlmodel import Session

from evidence_vault.log.database import translated
from evidence_vault.log.tables import IndexArrival, IndexCase, IndexItem

MANY = 500  # values in one IN (…)


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
                query = select(
                    IndexItem.sha256, IndexItem.id
                ).where(  # type: ignore[call-overload]
                    IndexItem.sha256.in_(list(digests[start : start + MANY]))  # type: ignore[attr-defined]
                )
                for digest, item in session.execute(query.order_by(IndexItem.id.desc())):  # type: ignore[attr-defined]
                    found.setdefault(digest, []).append(item)
        return found

    def arrivals(self, path_keys: Sequence[str]) -> dict[tuple[str, str], str]:
        """Item by (path key, SHA-256), of every known arrival by one of these paths."""
        found: dict[tuple[str, str], str] = {}
        with self._session() as session:
            for start in range(0, len(path_keys), MANY):
                query = select(
                    IndexArrival.path_key, IndexArrival.sha256, IndexArrival.id
                ).where(  # type: ignore[call-overload]
                    IndexArrival.path_key.in_(list(path_keys[start : start + MANY]))  # type: ignore[attr-defined]
                )
                found.update(((row[0], row[1]), row[2]) for row in session.execute(query))
        return found

    def describe(self, item: str) -> dict[str, Any] | None:
        """The searchable values of one item, with its cases, or None."""
        found = self.find([item])
        return found[0] if found else None

    def find(
        self,
        ids: Iterable[str] | None = None,
        *,
        where: Sequence[Any] = (),
        limit: int | None = None,
        offset: int = 0,
    ) -> list[dict[str, Any]]:
        """Index rows with their cases, in order of identifiers."""
        query = select(IndexItem).order_by(IndexItem.id)
        if ids is not None:
            query = query.where(IndexItem.id.in_(list(ids)))  # type: ignore[attr-defined]
        for condition in where:
            query = query.where(condition)
        if limit is not None:
            query = query.limit(limit)
        with self._session() as session:
            rows = [row.model_dump() for row in session.execute(query.offset(offset)).scalars()]
            cases: dict[str, list[str]] = {}
            for start in range(0, len(rows), 500):
                chunk = [r["id"] for r in rows[start : start + 500]]
                pairs = session.execute(
                    select(IndexCase.id, IndexCase.case)  # type: ignore[call-overload]
                    .where(IndexCase.id.in_(chunk))  # type: ignore[attr-defined]
                    .order_by(IndexCase.case)
                )
                for item, case in pairs:
                    cases.setdefault(item, []).append(case)
        for row in rows:
            row["case"] = cases.get(row["id"], [])
        return rows

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
        limit: int | None = None,
        offset: int = 0,
    ) -> list[dict[str, Any]]:
        """Items that meet every condition given. Digests match by prefix of at least 8 hex.

        ``spellings``: for ``name``, ``text`` and ``place`` the keys (core/searchkey.py) that do as
        well as the text itself; without them texts match as they were typed. ``pcodes``: places
        that
        do as well as ``place``.
        """
        keys = spellings or {}
        where: list[Any] = []
        if digest is not None:
            low = digest.lower()
            where.append(_starts(IndexItem.sha256, low) | _starts(IndexItem.sha512, low))
        if name is not None:
            where.append(_any_holds(("name",), name, keys.get("name", ())))
        if text is not None:
            columns = ("name", "title", "description", "place")
            where.append(_any_holds(columns, text, keys.get("text", ())))
        if place is not None:
            coded = IndexItem.place.in_(list(pcodes))  # type: ignore[union-attr]
            where.append(_any_holds(("place",), place, keys.get("place", ())) | coded)
        if date is not None:
            where.append(_overlaps(date))
        if source_code is not None:
            where.append(IndexItem.source_code == source_code)
        if accession is not None:
            where.append(IndexItem.accession == accession)
        if case is not None:
            members = select(IndexCase.id).where(IndexCase.case == case)  # type: ignore[call-overload]
            where.append(IndexItem.id.in_(members))  # type: ignore[attr-defined]
        return self.find(where=where, limit=limit, offset=offset)

    @contextmanager
    def _session(self) -> Iterator[Session]:
        with translated(), Session(self._engine) as session:
            yield session


def _any_holds(columns: Sequence[str], text: str, keys: Sequence[str]) -> Any:
    """That one of these texts holds ``text`` as it was typed, or it or its key one of ``keys``."""
    holding = [_contains(getattr(IndexItem, name), text) for name in columns]
    for key in keys:
        holding += [_contains(getattr(IndexItem, name), key) for name in columns]
        holding += [_contains(getattr(IndexItem, f"key_{name}"), key) for name in columns]
    return or_(*holding)


def _starts(column: Any, text: str) -> Any:
    return column.startswith(text, autoescape=True)


def _overlaps(date: str) -> Any:
    """Items whose date or interval ``START/END`` has a moment in common with a date or interval.

    Dates are ISO 8601, of any precision: one lasts as long as its precision says.
    """
    column = IndexItem.occurred_at
    slash = func.instr(column, "/")
    start = case((slash > 0, func.substr(column, 1, slash - 1)), else_=column)
    end = case((slash > 0, func.substr(column, slash + 1)), else_=column)
    first, _, last = date.partition("/")
    last = last or first
    # "2024-02" lies before "2024-03", and so does all that begins with it; a text that is the
    # beginning of another holds it, so both comparisons are made over the length they share.
    begins = func.substr(start, 1, len(last)) <= func.substr(last, 1, func.length(start))
    ends = func.substr(end, 1, len(first)) >= func.substr(first, 1, func.length(end))
    return begins & ends


def _contains(column: Any, text: str) -> Any:
    return column.contains(text, autoescape=True)
