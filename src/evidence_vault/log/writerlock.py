"""The writer lock of a vault whose catalogue is on a server: machines wait for each other.

A session-level advisory lock on a connection of its own. Such locks are kept apart by database, and
a database holds one vault: the key is the same for all. It ends with the session, so a process that
dies leaves nothing behind; of a machine that is gone the server learns by its keepalives within a
quarter of a minute. Waiting is in order of coming. It is no fence: who loses the lock unnoticed
meets create-only commits (DESIGN §4).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, TextClause, text
from sqlalchemy.exc import DBAPIError

from evidence_vault.errors import StoreError, VaultBusy
from evidence_vault.log.database import translated
from evidence_vault.log.postgres import LASTING, LOCK_TIMEOUT, open_server, replica

# "evv1" and "wrtr" as numbers; two 32-bit keys show in pg_locks as classid and objid.
_KEY = {"one": 0x65767631, "two": 0x77727472}
_PUT = text(
    "INSERT INTO log_signed (origin, data) VALUES (:origin, :data) "
    "ON CONFLICT (origin) DO UPDATE SET data = excluded.data"
)
_HOLDER = text(
    "SELECT a.application_name, host(a.client_addr) FROM pg_locks l "
    "JOIN pg_stat_activity a ON a.pid = l.pid "
    "WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2 "
    "AND CAST(l.classid AS bigint) = :one AND CAST(l.objid AS bigint) = :two "
    "AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


class HeldLock:
    """The lock while it is held, as far as the server says."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lost = False  # for good: another session would not have the lock

    def demand_held(self) -> None:
        """Raises StoreError (E-LOCK-LOST) unless the session that has the lock still lives.

        Cost: one short question to the server.
        """
        self._run(text("SELECT 1"), {})

    def set_signed(self, origin: str, data: bytes) -> None:
        """As ``Catalogue.set_signed``, by the session that has the lock.

        So a holder that has lost it can't lay an older state over a newer one: E-LOCK-LOST.
        """
        self._run(_PUT, {"origin": origin, "data": data})

    def _run(self, statement: TextClause, values: dict[str, Any]) -> None:
        if self._lost:
            raise _lost("it was gone before")
        try:
            with translated():
                self._connection.execute(statement, values)
        except StoreError as error:
            if error.code != "E-PG-LOST":
                raise
            self._lost = True
            raise _lost(error.message) from error


def _lost(why: str) -> StoreError:
    return StoreError(
        f"the session that kept other writers out has ended: {why}",
        code="E-LOCK-LOST",
        hint="what was acknowledged is safe; run the same command again",
    )


@contextmanager
def server_lock(place: str, told: str, wait_seconds: float) -> Iterator[HeldLock]:
    """Hold the lock of the vault at ``place``; raises VaultBusy naming who held it all the time.

    ``told``: what others are told of this process, at most 63 bytes. Raises StoreError when the
    server can't be reached or follows another one.
    """
    engine = open_server(place, pooled=False)
    try:
        with translated():
            connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        try:
            with translated():
                _take(connection, told, wait_seconds)
            yield HeldLock(connection)
        finally:
            connection.invalidate()  # the session ends, and the lock with it
            connection.close()
    finally:
        engine.dispose()


def _take(connection: Connection, told: str, wait_seconds: float) -> None:
    if connection.execute(text("SELECT pg_is_in_recovery()")).scalar():
        raise replica()
    _set(connection, "application_name", "evidence-vault, waiting to write")
    _set(connection, "lock_timeout", f"{max(1, int(wait_seconds * 1000))}ms")
    holder = _holder(connection)
    while not _taken(connection):
        before, holder = holder, _holder(connection)
        if holder == before:  # else others take turns, and so will this one
            raise VaultBusy(
                f"another process is writing into this vault ({holder})",
                hint="wait until it has finished, or end it, and run this again",
            )
    _set(connection, "application_name", told[:63])
    connection.execute(text(LASTING.format(local="false")))


def _taken(connection: Connection) -> bool:
    """False when the time set for waiting has passed."""
    try:
        connection.execute(text("SELECT pg_advisory_lock(:one, :two)"), _KEY)
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != LOCK_TIMEOUT:
            raise
        return False
    return True


def _set(connection: Connection, name: str, value: str) -> None:
    connection.execute(
        text("SELECT set_config(:name, :value, false)"), {"name": name, "value": value}
    )


def _holder(connection: Connection) -> str:
    """What the holder told of itself, and where it comes from."""
    row = connection.execute(_HOLDER, _KEY).first()
    if row is None:
        return "unknown"
    return f"{row[0]}, from {row[1]}" if row[1] else str(row[0])
