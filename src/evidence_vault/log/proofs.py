"""What others put to our checkpoints, and the newest checkpoints of others: caches of the store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Protocol

from sqlalchemy import select, update
from sqlmodel import Session

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
        query = select(LogProof).where(LogProof.log == number, LogProof.kind == kind)  # type: ignore[arg-type]
        if size is not None:
            query = query.where(LogProof.size == size)  # type: ignore[arg-type]
        with self._session() as session:
            rows = session.execute(query.order_by(LogProof.size, LogProof.at)).scalars().all()  # type: ignore[arg-type]
            session.expunge_all()
        return list(rows)

    def newest_proof(self: _HasSession, kind: str, name: str) -> LogProof | None:
        """The proof of that kind and name over the largest size, or None."""
        query = (
            select(LogProof)
            .where(LogProof.log == self.log, LogProof.kind == kind, LogProof.name == name)  # type: ignore[arg-type]
            .order_by(LogProof.size.desc())  # type: ignore[attr-defined]
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
            .where(LogProof.log == self.log, LogProof.kind == kind, LogProof.name == name)  # type: ignore[arg-type]
            .order_by(LogProof.size)  # type: ignore[arg-type]
        )
        with self._session() as session:
            rows = session.execute(query).scalars().all()
            session.expunge_all()
        return list(rows)

    def proven_sizes(self: _HasSession, kind: str, index: int, limit: int) -> list[int]:
        """The smallest sizes beyond an entry that have a proof of this kind."""
        query = (
            select(LogProof.size)  # type: ignore[call-overload]
            .where(LogProof.log == self.log, LogProof.kind == kind, LogProof.size > index)
            .distinct()
            .order_by(LogProof.size)
            .limit(limit)
        )
        with self._session() as session:
            return [row[0] for row in session.execute(query)]

    def newest_sizes(self: _HasSession, kind: str, limit: int) -> list[int]:
        """The largest sizes that have a proof of this kind, largest first."""
        query = (
            select(LogProof.size)  # type: ignore[call-overload]
            .where(LogProof.log == self.log, LogProof.kind == kind)
            .distinct()
            .order_by(LogProof.size.desc())  # type: ignore[attr-defined]
            .limit(limit)
        )
        with self._session() as session:
            return [row[0] for row in session.execute(query)]

    def unanchored_tokens(self: _HasSession, limit: int) -> list[LogProof]:
        """The newest time stamps that no entry names yet."""
        query = (
            select(LogProof)
            .where(
                LogProof.log == self.log,  # type: ignore[arg-type]
                LogProof.kind == TIMESTAMP,  # type: ignore[arg-type]
                LogProof.anchored == False,  # type: ignore[arg-type]  # noqa: E712
            )
            .order_by(LogProof.at.desc())  # type: ignore[attr-defined]
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
            LogPeer.learned_at.desc(),  # type: ignore[attr-defined]
            LogPeer.origin,
        )
        with self._session() as session:
            rows = session.execute(query).scalars().all()
            session.expunge_all()
        return list(rows)

    def mark_anchored(self: _HasSession, digests: Iterator[str] | list[str]) -> None:
        """An entry names these (SHA-256 of reply or note): they need no other."""
        with self._session() as session:
            for table in (LogProof, LogPeer):
                session.execute(
                    update(table).where(table.sha256.in_(list(digests))).values(anchored=True)  # type: ignore[attr-defined]
                )
            session.commit()
