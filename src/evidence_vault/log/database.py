"""The database under the catalogue, SQLite or PostgreSQL: how it is opened, its errors.

What is said of PostgreSQL stands in postgres.py.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import DatabaseError, DBAPIError, OperationalError

from evidence_vault.errors import StoreError, VaultBusy
from evidence_vault.log.postgres import SCHEMA, in_our_words, open_server

_BUSY_SECONDS = 30

Place = Path | str
"""A file of SQLite, or the URL of a PostgreSQL database (postgres.check_place)."""

# What SQLite says where the disk is full or read-only, or belongs to somebody else.
_NOT_WRITABLE = ("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_FULL", "SQLITE_IOERR")


def open_engine(place: Place, schema: str = SCHEMA) -> Engine:
    """The database at ``place``. A file is made if it is missing.

    Where a file can't be written it is opened to be read only; whoever then writes meets
    SQLITE_READONLY (see :func:`translated`). ``schema``: on PostgreSQL, where the tables are.
    Raises UsageError (E-PLACE) for a place that is none.
    """
    if isinstance(place, str):
        return open_server(place, schema)
    return create_engine(f"sqlite:///{place}", creator=lambda: _connect(place))


def _connect(path: Path) -> sqlite3.Connection:
    writable = os.access(path if path.exists() else path.parent, os.W_OK)
    if writable and os.access(path.parent, os.W_OK):
        connection = _open(path)
        try:
            # The catalogue is a cache of the store: a lost transaction is replayed from commits,
            # so a write-ahead log that is synced now and then is durable enough.
            connection.execute("PRAGMA journal_mode=WAL").close()
            connection.execute("PRAGMA synchronous=NORMAL").close()
            connection.execute("PRAGMA secure_delete=ON").close()  # what is deleted is zeroed
            connection.execute("PRAGMA cache_size=-16000").close()
            connection.execute("SELECT count(*) FROM sqlite_schema").close()
            return connection
        except sqlite3.OperationalError as error:
            connection.close()
            name = str(getattr(error, "sqlite_errorname", ""))
            if not path.exists() or not name.startswith(_NOT_WRITABLE):
                raise
    return _open_to_read(path)


def _open_to_read(path: Path) -> sqlite3.Connection:
    """What a crash left in the write-ahead log is read, too; without one no file is needed beside.

    (*immutable* would pass over that log, and *ro* needs files beside the database.)
    """
    log = path.with_name(path.name + "-wal")
    beside = log.exists() and log.stat().st_size > 0
    connection = _open(path, "mode=ro" if beside else "mode=ro&immutable=1")
    try:
        connection.execute("SELECT count(*) FROM sqlite_schema").close()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _open(path: Path, how: str = "mode=rwc") -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?{how}",
        uri=True,
        timeout=_BUSY_SECONDS,
        check_same_thread=False,  # the pool hands a connection to one thread at a time
    )


@contextmanager
def translated() -> Iterator[None]:
    """Errors of the database become StoreErrors of ours."""
    try:
        yield
    except UnicodeDecodeError as error:  # what SQLite says of a damaged file quotes it
        raise damaged("it holds a text that is none") from error
    except DBAPIError as error:
        if not isinstance(error.orig, sqlite3.Error):
            raise in_our_words(error) or damaged(str(error.orig).strip()) from error
        if isinstance(error, OperationalError):
            raise _operational(error) from error
        if isinstance(error, DatabaseError):
            raise damaged(str(error.orig)) from error
        raise


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
