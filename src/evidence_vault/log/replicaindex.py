"""What the log says of the vault's replicas: which there are, how far each was, when checked."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import func, select, tuple_
from sqlmodel import Session, col

from evidence_vault.log.tables import LogItem, LogReplica

ENROLLED, SYNCED, VERIFIED, SAMPLED, RETIRED = (
    *("enrolled", "synced", "verified", "sampled", "retired"),
)


@dataclass(frozen=True, slots=True)
class ReplicaChange:
    """One committed event about a replica.

    ``kind``: enrolled, synced, verified, sampled or retired. ``idx``: its entry; ``at``: when it
    was recorded. ``part``: of one that is enrolled. ``head``: (log, size) up to which it was
    synced or verified; ``damaged``: how much was found missing or changed. ``whole``: by a sync
    that compared everything; ``pending``: destructions that it could not carry out.
    """

    kind: str
    id: str
    idx: int
    at: str
    part: str = ""
    head: tuple[int, int] = (-1, 0)
    damaged: int = 0
    whole: bool = False
    pending: int = 0


class _HasSession(Protocol):
    log: int

    def _session(self) -> AbstractContextManager[Session]: ...


class ReplicaIndex:
    """The part of the catalogue about replicas."""

    log: int

    def replicas(self: _HasSession, retired: bool = False) -> list[LogReplica]:
        """In order of enrolment; with ``retired``, those that were retired, too."""
        query = select(LogReplica)
        if not retired:
            query = query.where(col(LogReplica.retired_at).is_(None))
        with self._session() as session:
            rows = (
                session.execute(query.order_by(col(LogReplica.log), col(LogReplica.idx)))
                .scalars()
                .all()
            )
            session.expunge_all()
        return list(rows)

    def items_within(self: _HasSession, log: int, size: int) -> int:
        """How many items came in before entry ``size`` of ``log``."""
        first = tuple_(col(LogItem.first_log), col(LogItem.first_idx)) < tuple_(log, size)
        query = select(func.count(func.distinct(col(LogItem.id)))).where(first)
        with self._session() as session:
            return int(session.execute(query).scalar() or 0)


def apply_replicas(session: Session, log: int, changes: Sequence[ReplicaChange]) -> None:
    """Take in what a batch says, in its order; of a replica that was never enrolled nothing."""
    for change in changes:
        row = session.get(LogReplica, change.id)
        if change.kind == ENROLLED:
            if row is None:
                session.add(
                    LogReplica(
                        id=change.id,
                        log=log,
                        idx=change.idx,
                        part=change.part,
                        enrolled_at=change.at,
                    )
                )
        elif row is None:
            continue
        elif change.kind == RETIRED:
            row.retired_at = change.at
        elif change.kind == SYNCED:
            row.synced_at = change.at
            row.synced_log, row.synced_size = change.head
            row.pending = change.pending
            row.damaged = change.damaged if change.whole else max(row.damaged, change.damaged)
        elif change.kind == SAMPLED:
            row.damaged = max(row.damaged, change.damaged)
        else:
            row.verified_at, row.damaged = change.at, change.damaged
            row.verified_log, row.verified_size = change.head
        session.flush()
