"""What the catalogue keeps that is no answer to a search: of itself, and what was signed last."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from sqlalchemy import select, text
from sqlmodel import Session, col

from evidence_vault.log.applying import put
from evidence_vault.log.postgres import LASTING
from evidence_vault.log.tables import LogMeta, LogSigned

_UNREAD = "unread_log"
_UNINDEXED = "without_index"


class _HasSession(Protocol):
    def _session(self) -> AbstractContextManager[Session]: ...


class Remembered:
    """The part of the catalogue with the tables ``log_meta`` and ``log_signed``."""

    def mark_unread(self: _HasSession, log: int) -> None:
        """Remember that members of some set of a log could not be read: its heads are not known."""
        with self._session() as session:
            put(session, "log_meta", [{"name": _UNREAD, "value": str(log)}])
            session.commit()

    def unread_log(self: _HasSession) -> int | None:
        """The newest log some of whose sets could not be read when this catalogue was made."""
        with self._session() as session:
            row = session.get(LogMeta, _UNREAD)
        return None if row is None else int(row.value)

    def mark_unindexed(self: _HasSession) -> None:
        """Remember that searchable values were left out when this catalogue was made."""
        with self._session() as session:
            put(session, "log_meta", [{"name": _UNINDEXED, "value": "1"}])
            session.commit()

    def is_unindexed(self: _HasSession) -> bool:
        with self._session() as session:
            return session.get(LogMeta, _UNINDEXED) is not None

    def signed(self: _HasSession, origin: str) -> bytes | None:
        """What was remembered last with :meth:`set_signed` for a log, or None."""
        with self._session() as session:
            row = session.get(LogSigned, origin)
        return None if row is None else bytes(row.data)

    def set_signed(self: _HasSession, origin: str, data: bytes) -> None:
        """Remember what a shared vault signs; durable on return, whatever the server's default.

        Raises StoreError (E-PG-LOST) when the server went in the middle of it: the row is then the
        old or the new one.
        """
        with self._session() as session:
            if session.get_bind().dialect.name == "postgresql":
                session.execute(text(LASTING.format(local="true")))
            put(session, "log_signed", [{"origin": origin, "data": data}])
            session.commit()

    def signed_origins(self: _HasSession) -> set[str]:
        """The logs for which something was remembered: whose catalogue this is."""
        with self._session() as session:
            return {row[0] for row in session.execute(select(col(LogSigned.origin)))}
