"""What others put to our checkpoints, and the newest checkpoints of others: caches of the store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Protocol

from sqlalchemy import select, update
from sqlmodel import Session, col

from evidence_vault.log.tables import LogPeer, LogProof

COSIGNATURE, TIMESTAMP = "cosignature", "timestamp"
RENEWAL = "renewal"


class _HasSession(Protocol):
    log: int

    def _session(self) -> AbstractContextManager[Session]: ...


class ProofIndex:
    """The part of the catalogue about countersignatures, time stamps and peers."""

    log: int

    def add_proof(self: _HasSession, size: int, kind: str, name: str, at: int, sha256: str) -> None:
        """Remember a proof that was checked and is stored; the same one twice is one."""
        with self._session() as session:
            row = session.get(LogProof, (self.log, size, kind, name))
            if row is None:
                session.add(
                    LogProof(log=self.log, size=size, kind=kind, name=name, at=at, sha256=sha256)
                )
            elif row.sha256 != sha256:
                row.at, row.sha256 = at, sha256
            session.commit()

    def proofs(
        self: _HasSession, kind: str, size: int | None = None, log: int | None = None
    ) -> list[LogProof]:
        """Proofs of a kind in order of size, then time; of one size if it is given."""
        number = self.log if log is None else log
        query = select(LogProof).where(col(LogProof.log) == number, col(LogProof.kind) == kind)
        if size is not None:
            query = query.where(col(LogProof.size) == size)
        with self._session() as session:
            rows = (
                session.execute(query.order_by(col(LogProof.size), col(LogProof.at)))
                .scalars()
                .all()
            )
            session.expunge_all()
        return list(rows)

    def newest_proof(self: _HasSession, kind: str, name: str) -> LogProof | None:
        """The proof of that kind and name over the largest size, or None."""
        query = (
            select(LogProof)
            .where(
                col(LogProof.log) == self.log,
                col(LogProof.kind) == kind,
                col(LogProof.name) == name,
            )
            .order_by(col(LogProof.size).desc())
            .limit(1)
        )
        with self._session() as session:
            found = session.execute(query).scalars().first()
            session.expunge_all()
        return found

    def proofs_by(self: _HasSession, kind: str, name: str) -> list[LogProof]:
        """Every proof of that kind and name, in order of size."""
        query = (
            select(LogProof)
            .where(
                col(LogProof.log) == self.log,
                col(LogProof.kind) == kind,
                col(LogProof.name) == name,
            )
            .order_by(col(LogProof.size))
        )
        with self._session() as session:
            rows = session.execute(query).scalars().all()
            session.expunge_all()
        return list(rows)

    def proven_sizes(self: _HasSession, kind: str, index: int, limit: int) -> list[int]:
        """The smallest sizes beyond an entry that have a proof of this kind."""
        query = (
            select(col(LogProof.size))
            .where(
                col(LogProof.log) == self.log,
                col(LogProof.kind) == kind,
                col(LogProof.size) > index,
            )
            .distinct()
            .order_by(col(LogProof.size))
            .limit(limit)
        )
        with self._session() as session:
            return [row[0] for row in session.execute(query)]

    def newest_sizes(self: _HasSession, kind: str, limit: int) -> list[int]:
        """The largest sizes that have a proof of this kind, largest first."""
        query = (
            select(col(LogProof.size))
            .where(col(LogProof.log) == self.log, col(LogProof.kind) == kind)
            .distinct()
            .order_by(col(LogProof.size).desc())
            .limit(limit)
        )
        with self._session() as session:
            return [row[0] for row in session.execute(query)]

    def unanchored_tokens(self: _HasSession, limit: int) -> list[LogProof]:
        """The newest time stamps that no entry names yet."""
        query = (
            select(LogProof)
            .where(
                col(LogProof.log) == self.log,
                col(LogProof.kind) == TIMESTAMP,
                col(LogProof.anchored).is_(False),
            )
            .order_by(col(LogProof.at).desc())
            .limit(limit)
        )
        with self._session() as session:
            rows = session.execute(query).scalars().all()
            session.expunge_all()
        return list(rows)

    def learn_peer(
        self: _HasSession, origin: str, size: int, root: str, sha256: str, learned_at: str
    ) -> None:
        """Remember another log's checkpoint unless a larger one is known."""
        with self._session() as session:
            row = session.get(LogPeer, origin)
            if row is None:
                session.add(
                    LogPeer(
                        origin=origin, size=size, root=root, sha256=sha256, learned_at=learned_at
                    )
                )
            elif (size, sha256) != (row.size, row.sha256) and size >= row.size:
                row.size, row.root, row.sha256 = size, root, sha256
                row.learned_at, row.anchored = learned_at, False
            session.commit()

    def peers(self: _HasSession) -> list[LogPeer]:
        """The newest known checkpoint of each other log, the one learned last first."""
        query = select(LogPeer).order_by(
            col(LogPeer.learned_at).desc(),
            col(LogPeer.origin),
        )
        with self._session() as session:
            rows = session.execute(query).scalars().all()
            session.expunge_all()
        return list(rows)

    def mark_anchored(self: _HasSession, digests: Iterator[str] | list[str]) -> None:
        """An entry names these (SHA-256 of reply or note): they need no other."""
        named = list(digests)
        with self._session() as session:
            for table in (LogProof, LogPeer):
                these = col(table.sha256).in_(named)
                session.execute(update(table).where(these).values(anchored=True))
            session.commit()
