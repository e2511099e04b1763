"""The SQLite database under the catalogue: how it is opened, and its errors in our words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import DatabaseError, OperationalError

from evidence_vault.errors import StoreError, VaultBusy

_BUSY_SECONDS = 30


def open_engine(path: Path) -> Engine:
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": _BUSY_SECONDS})

    @event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _record: Any) -> None:
        # The catalogue is a cache of the store: a lost transaction is replayed from commits, so
        # a write-ahead log that is synced now and then is durable enough.
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.execute("PRAGMA cache_size=-16000")
        cursor.close()

    return engine


@contextmanager
def translated() -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        raise _operational(error) from error
    except DatabaseError as error:
        raise damaged(str(error.orig)) from error


def _operational(error: OperationalError) -> StoreError:
    """What went wrong around the database, by SQLite's name for it, or the database itself."""
    name = str(getattr(error.orig, "sqlite_errorname", ""))
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return VaultBusy("the catalogue is locked by another process")
    if name in ("SQLITE_FULL", "SQLITE_IOERR_SHMSIZE"):
        return StoreError(
            "the disk is full (catalogue)",
            code="E-DISK-FULL",
            hint="free some space and run the same command again",
        )
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return StoreError(
            f"the catalogue can't be written: {error.orig}",
            code="E-NOT-WRITABLE",
            hint="check who owns the vault's folder and whether the disk is read-only",
        )
    if name.startswith("SQLITE_IOERR"):
        return StoreError(
            f"the catalogue can't be read or written: {error.orig}",
            hint="check free space and the disk, then run `evidence-vault doctor`",
        )
    return damaged(str(error.orig))


def damaged(why: str) -> StoreError:
    return StoreError(
        f"the catalogue can't be used: {why}",
        code="E-CATALOGUE",
        hint="it is only a cache: `evidence-vault rebuild` makes it anew from the store",
    )
