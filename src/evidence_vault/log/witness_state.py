"""What a countersigner has cosigned: ``witness.db`` in the vault's folder, which is no cache.

It can't be rebuilt: with it, the countersigner never signs two histories; without it, it must not
sign. One row per log, and a row about itself with the number of cosignatures given and a seal
over all of it (``seal``: a MAC under a key of the keyring), so that rows changed by hand are
noticed. Losing or rolling back the whole file is noticed by the pins (vault/witness_pins.py).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    create_engine,
    event,
    insert,
    select,
    update,
)
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import NullPool

from evidence_vault.core.canonical import canonical
from evidence_vault.errors import LogInconsistent, VaultBusy

Seal = Callable[[bytes], bytes]

_BUSY_SECONDS = 30
_METADATA = MetaData()
_SELF = Table(
    "witness_self",
    _METADATA,
    Column("name", String, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("clock", Integer, nullable=False),
    Column("seal", LargeBinary, nullable=False),
)
_LOG = Table(
    "witness_log",
    _METADATA,
    Column("origin", String, primary_key=True),
    Column("size", Integer, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("cosigned_at", Integer, nullable=False),
    Column("note", LargeBinary, nullable=False),
)
# Counts of what was asked, outside the seal: nothing is decided by them.
_ASKED = Table(
    "witness_asked",
    _METADATA,
    Column("origin", String, primary_key=True),
    Column("status", Integer, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("at", Integer, nullable=False),
    Column("size", Integer, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Cosigned:
    """The newest checkpoint of a log that was cosigned, when (POSIX seconds), and its note."""

    origin: str
    size: int
    root: bytes
    at: int
    note: bytes


@dataclass(frozen=True, slots=True)
class Asked:
    """How often a log asked and got that HTTP status; ``at`` and ``size`` of the last time."""

    origin: str
    status: int
    count: int
    at: int
    size: int


class WitnessTransaction:
    """One look at the state, and at most one change, under the database's write lock."""

    def __init__(self, connection: Connection, seal: Seal) -> None:
        self._connection = connection
        self._seal = seal
        row = connection.execute(select(_SELF)).one_or_none()
        if row is None:
            raise _unusable("it says nothing about itself")
        self.name: str = row.name
        self.count: int = row._mapping["count"]
        self._clock: int = row.clock
        if not hmac.compare_digest(bytes(row.seal), self._sealed()):
            raise _unusable("it was changed by something else than this vault")

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the whole state."""
        return hashlib.sha256(self._body()).hexdigest()

    def clock(self) -> int:
        """POSIX seconds of the newest cosignature of any log, 0 before the first."""
        return self._clock

    def last(self, origin: str) -> Cosigned | None:
        """What was cosigned last for a log."""
        row = self._connection.execute(select(_LOG).where(_LOG.c.origin == origin)).one_or_none()
        return None if row is None else _cosigned(row)

    def all(self) -> list[Cosigned]:
        """The newest of every log, by origin."""
        rows = self._connection.execute(select(_LOG).order_by(_LOG.c.origin))
        return [_cosigned(row) for row in rows]

    def asked(self) -> list[Asked]:
        """What was asked so far, by origin and status."""
        rows = self._connection.execute(select(_ASKED).order_by(_ASKED.c.origin, _ASKED.c.status))
        return [Asked(**row._mapping) for row in rows]

    def put(self, origin: str, size: int, root: bytes, at: int, note: bytes) -> None:
        """Remember a cosignature. The size never falls and the clock never goes back.

        Raises LogInconsistent when either would: the caller has checked before.
        """
        known = self.last(origin)
        if at < self._clock or (known is not None and size < known.size):
            raise _unusable("a smaller size or an earlier time would be cosigned")
        if known is not None and size == known.size and root != known.root:
            raise _unusable("a second root of one size would be cosigned")
        values = {"size": size, "root": root, "cosigned_at": at, "note": note}
        if known is None:
            self._connection.execute(insert(_LOG).values(origin=origin, **values))
        else:
            self._connection.execute(update(_LOG).where(_LOG.c.origin == origin).values(**values))
        self.count, self._clock = self.count + 1, at
        self._connection.execute(
            update(_SELF).values(count=self.count, clock=at, seal=self._sealed())
        )

    def tally(self, origin: str, status: int, at: int, size: int) -> None:
        """Count a request of a known log."""
        known = (_ASKED.c.origin == origin) & (_ASKED.c.status == status)
        row = self._connection.execute(select(_ASKED.c.count).where(known)).one_or_none()
        if row is None:
            values = {"origin": origin, "status": status, "count": 1, "at": at, "size": size}
            self._connection.execute(insert(_ASKED).values(**values))
        else:
            values = {"count": row[0] + 1, "at": at, "size": size}
            self._connection.execute(update(_ASKED).where(known).values(**values))

    def _body(self) -> bytes:
        logs = [
            [c.origin, c.size, c.root.hex(), c.at, hashlib.sha256(c.note).hexdigest()]
            for c in self.all()
        ]
        return canonical(
            {"clock": self._clock, "count": self.count, "logs": logs, "name": self.name}
        )

    def _sealed(self) -> bytes:
        return self._seal(self._body())


class WitnessState:
    """The file; safe for several processes and threads."""

    def __init__(self, path: Path, seal: Seal) -> None:
        self._seal = seal
        self._engine = _open(path)

    @staticmethod
    def create(path: Path, name: str, seal: Seal) -> None:
        """An empty state of the countersigner ``name``; nothing is there before."""
        engine = _open(path)
        with _translated(), engine.begin() as connection:
            _METADATA.create_all(connection)
            connection.execute(insert(_SELF).values(name=name, count=0, clock=0, seal=b""))
            body = canonical({"clock": 0, "count": 0, "logs": [], "name": name})
            connection.execute(update(_SELF).values(seal=seal(body)))
        engine.dispose()

    @contextmanager
    def transaction(self) -> Iterator[WitnessTransaction]:
        """All or nothing: durable when the ``with`` ends, undone when it raises.

        Raises LogInconsistent (E-WITNESS-STATE) for a file that is damaged or was changed,
        VaultBusy when another process keeps it for half a minute.
        """
        with _translated(), self._engine.begin() as connection:
            yield WitnessTransaction(connection, self._seal)


def _open(path: Path) -> Engine:
    engine = create_engine(
        f"sqlite:///{path}", connect_args={"timeout": _BUSY_SECONDS}, poolclass=NullPool
    )

    @event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions begin where we say so
        cursor = connection.cursor()
        # One file, and a commit that survives a power cut: the journal is synced after it is cut.
        cursor.execute("PRAGMA journal_mode=TRUNCATE")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # The write lock before the first look: two requests can't both see the same size.
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _cosigned(row: Any) -> Cosigned:
    return Cosigned(row.origin, row.size, bytes(row.root), row.cosigned_at, bytes(row.note))


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except DatabaseError as error:
        name = str(getattr(error.orig, "sqlite_errorname", ""))
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            raise VaultBusy("the countersigner's state is locked by another process") from error
        raise _unusable(str(error.orig)) from error


def _unusable(why: str) -> LogInconsistent:
    return LogInconsistent(
        f"the countersigner's state (witness.db) can't be used: {why}",
        code="E-WITNESS-STATE",
        hint="it does not sign with it; `evidence-vault witness init` makes a new countersigner",
    )
