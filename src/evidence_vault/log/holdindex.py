"""Holds and retention by item: a cache of the entries about them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import func, or_, select
from sqlmodel import Session, col

from evidence_vault.core.placement import Placed
from evidence_vault.log.search import MANY
from evidence_vault.log.tables import (
    LogEntry,
    LogHeldCopy,
    LogHistory,
    LogHold,
    LogObject,
    LogRetention,
)

PLACED, RELEASED, RETENTION = "hold-placed", "hold-released", "retention-set"


@dataclass(frozen=True)
class HoldChange:
    """What one entry says of holds or retention. ``copies``: of a ``hold-placed``, what the store
    answered for the copy of each item's headers, by item; ``mode``, ``until``: of a
    ``retention-set``."""

    kind: str
    index: int
    items: tuple[str, ...]
    hold: str = ""
    copies: tuple[tuple[str, Placed], ...] = ()
    mode: str = ""
    until: str = ""


def apply_holds(session: Session, log: int, changes: Sequence[HoldChange]) -> None:
    """Take in what entries of a log say of holds and retention, in their order."""
    for change in changes:
        if change.kind == PLACED:
            _apply_placed(session, log, change)
        elif change.kind == RELEASED:
            for item in change.items:
                row = session.get(LogHold, (change.hold, item))
                if row is not None:
                    row.released_log, row.released = log, change.index
        else:
            for item in change.items:
                session.merge(
                    LogRetention(
                        id=item, mode=change.mode, until=change.until, log=log, idx=change.index
                    )
                )
        session.flush()


def _apply_placed(session: Session, log: int, change: HoldChange) -> None:
    here = {"covered_log": log, "covered": change.index}
    for item in change.items:
        row = session.get(LogHold, (change.hold, item))
        if row is None:
            session.add(
                LogHold(hold=change.hold, id=item, placed_log=log, placed=change.index, **here)
            )
        else:
            row.covered_log, row.covered = log, change.index
    for item, copy in change.copies:
        newest = select(func.max(col(LogHeldCopy.number))).where(
            col(LogHeldCopy.hold) == change.hold,
            col(LogHeldCopy.id) == item,
        )
        number = int(session.execute(newest).scalar() or 0) + 1
        session.add(
            LogHeldCopy(
                hold=change.hold,
                id=item,
                number=number,
                sha256=copy.digest,
                version=copy.version,
            )
        )


class _HasSession(Protocol):
    log: int

    def _session(self) -> AbstractContextManager[Session]: ...


class HoldIndex:
    """The part of the catalogue about holds and retention."""

    log: int

    def hold_rows(
        self: _HasSession, *, hold: str | None = None, items: Sequence[str] | None = None
    ) -> list[LogHold]:
        """Every row about a hold, or about some items, released ones too; in order of placing."""
        query = select(LogHold).order_by(
            col(LogHold.placed_log),
            col(LogHold.placed),
            col(LogHold.id),
        )
        if hold is not None:
            query = query.where(col(LogHold.hold) == hold)
        found: list[LogHold] = []
        with self._session() as session:
            if items is None:
                found += session.execute(query).scalars()
            else:
                for start in range(0, len(items), MANY):
                    some = list(items[start : start + MANY])
                    found += session.execute(query.where(col(LogHold.id).in_(some))).scalars()
            session.expunge_all()
        return found

    def any_hold(self: _HasSession) -> bool:
        """Whether any hold is on. Cost: one look."""
        query = select(col(LogHold.hold)).where(col(LogHold.released).is_(None)).limit(1)
        with self._session() as session:
            return session.execute(query).first() is not None

    def held_ids(self: _HasSession) -> list[str]:
        """Every item that is under a hold, in order."""
        query = (
            select(col(LogHold.id))
            .where(col(LogHold.released).is_(None))
            .distinct()
            .order_by(col(LogHold.id))
        )
        with self._session() as session:
            return [row[0] for row in session.execute(query)]

    def held_copies(self: _HasSession, hold: str, items: Sequence[str]) -> list[LogHeldCopy]:
        """Copies of headers that a hold keeps, in order of item and number."""
        query = select(LogHeldCopy).where(col(LogHeldCopy.hold) == hold)
        found: list[LogHeldCopy] = []
        with self._session() as session:
            for start in range(0, len(items), MANY):
                some = list(items[start : start + MANY])
                found += session.execute(query.where(col(LogHeldCopy.id).in_(some))).scalars()
            session.expunge_all()
        return sorted(found, key=lambda row: (row.id, row.number))

    def not_covered(
        self: _HasSession, kinds: Sequence[str], items: Sequence[str] | None = None
    ) -> list[tuple[str, str]]:
        """(hold, item) where an event of these types came after what the hold covers; of these
        items if given."""
        later = or_(
            col(LogHistory.log) > col(LogHold.covered_log),
            (col(LogHistory.log) == col(LogHold.covered_log))
            & (col(LogHistory.idx) > col(LogHold.covered)),
        )
        query = (
            select(col(LogHold.hold), col(LogHold.id))
            .join(LogHistory, col(LogHistory.id) == col(LogHold.id))
            .join(
                LogEntry,
                (col(LogEntry.log) == col(LogHistory.log))
                & (col(LogEntry.idx) == col(LogHistory.idx)),
            )
            .where(col(LogHold.released).is_(None), later, col(LogEntry.type).in_(list(kinds)))
            .distinct()
            .order_by(col(LogHold.hold), col(LogHold.id))
        )
        found: set[tuple[str, str]] = set()
        with self._session() as session:
            if items is None:
                found.update((row[0], row[1]) for row in session.execute(query))
            for start in range(0, len(items or ()), MANY):
                some = query.where(col(LogHold.id).in_(list(items or ())[start : start + MANY]))
                found.update((row[0], row[1]) for row in session.execute(some))
        return sorted(found)

    def retentions(self: _HasSession, items: Sequence[str]) -> dict[str, LogRetention]:
        """What was decided about these items, of those about which something was."""
        found: dict[str, LogRetention] = {}
        with self._session() as session:
            for start in range(0, len(items), MANY):
                some = list(items[start : start + MANY])
                query = select(LogRetention).where(col(LogRetention.id).in_(some))
                found.update((row.id, row) for row in session.execute(query).scalars())
            session.expunge_all()
        return found

    def retentions_ending(
        self: _HasSession, before: str, after: str | None = None, limit: int | None = None
    ) -> list[LogRetention]:
        """Decisions that end before a time (and not before ``after``), the earliest first."""
        query = select(LogRetention).where(col(LogRetention.until) < before)
        if after is not None:
            query = query.where(col(LogRetention.until) >= after)
        query = query.order_by(col(LogRetention.until), col(LogRetention.id)).limit(limit)
        with self._session() as session:
            rows = list(session.execute(query).scalars())
            session.expunge_all()
        return rows

    def locks_ending(self: _HasSession, before: str) -> dict[str, str]:
        """Objects whose recorded lock ends before a time, ended ones too: date by digest."""
        query = select(col(LogObject.sha256), col(LogObject.until)).where(
            col(LogObject.until) < before
        )
        with self._session() as session:
            return {row[0]: row[1] for row in session.execute(query)}
