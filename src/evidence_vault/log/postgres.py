"""PostgreSQL under the catalogue: how a database is opened, and its errors in our words.

The tables lie in a schema of their own, and a database holds one vault's. What a session needs is
set when it begins: the schema, UTF-8, no waiting without end, and keepalives on both sides, so that
a machine that is gone is noticed within seconds.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, create_engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import NullPool

from evidence_vault.errors import StoreError, UsageError, VaultBusy

SCHEMA = "evidence_vault"
FRESH = "evidence_vault_fresh"
LOCK_TIMEOUT = "55P03"
IDLE_TOO_LONG = "25P03"  # the server ended the session

# Commits wait for the disk, whatever the server's default is, and never less than it asks for.
LASTING = (
    "SELECT set_config('synchronous_commit', 'on', {local}) "
    "WHERE current_setting('synchronous_commit') IN ('off', 'local')"
)

_SCHEME = "postgresql://"
_OPTIONS = frozenset(["sslmode", "sslrootcert"])
_SESSION = {
    "lock_timeout": "60s",
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "11s",
    "idle_in_transaction_session_timeout": "10min",
}
_CONNECT: dict[str, Any] = {
    "application_name": "evidence-vault",
    "client_encoding": "UTF8",
    "connect_timeout": 10,
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
_EXAMPLE = "write it as postgresql://USER@HOST:PORT/DATABASE"
_AGAIN = "run the same command again: the catalogue is a cache and catches up with the store"


def is_server(place: object) -> bool:
    """Whether a catalogue's place names a database on a server."""
    return isinstance(place, str) and place.startswith(_SCHEME)


def check_place(place: str) -> None:
    """Raises UsageError (E-PLACE) unless this is ``postgresql://USER@HOST:PORT/DB``.

    A password in it would stand in vault.toml and in the list of processes: it is refused, and
    libpq's PGPASSWORD, PGPASSFILE or ~/.pgpass are used. ``sslmode`` and ``sslrootcert`` may follow
    a question mark.
    """
    try:
        url = make_url(place)
    except (ArgumentError, ValueError):
        raise UsageError(
            "the place of the database can't be read", code="E-PLACE", hint=_EXAMPLE
        ) from None
    if url.password is not None or "password" in url.query:
        raise UsageError(
            "the place of the database holds a password",
            code="E-PLACE",
            hint="leave it out; put it into ~/.pgpass or the environment (PGPASSFILE, PGPASSWORD)",
        )
    unknown = sorted(set(url.query) - _OPTIONS)
    if unknown:
        raise UsageError(
            f"the place of the database has an option that is not known: {unknown[0]}",
            code="E-PLACE",
            hint=f"known are {' and '.join(sorted(_OPTIONS))}",
        )
    if url.drivername != "postgresql" or not url.host or not url.database:
        raise UsageError(
            "the place of the database lacks its host or its name", code="E-PLACE", hint=_EXAMPLE
        )


def open_server(place: str, schema: str = SCHEMA, pooled: bool = True) -> Engine:
    """The database at ``place``; nothing is asked of it yet. Raises UsageError (E-PLACE)."""
    check_place(place)
    session = {"search_path": schema, **_SESSION}
    options = " ".join(f"-c {name}={value}" for name, value in session.items())
    # A pooled connection that the server has ended since is replaced, not met.
    pool: dict[str, Any] = {"pool_pre_ping": True} if pooled else {"poolclass": NullPool}
    return create_engine(
        make_url(place).set(drivername="postgresql+psycopg"),
        connect_args={**_CONNECT, "options": options},
        **pool,
    )


def is_passing(error: DBAPIError) -> bool:
    """Whether the same transaction may well succeed at once: a deadlock, or another was quicker."""
    return _state(error) in ("40001", "40P01")


def in_our_words(error: DBAPIError) -> StoreError | None:
    """What went wrong around the database, or None: then it is what the catalogue holds."""
    state, text = _state(error), str(error.orig).strip().split("\n")[0]
    if not state:
        return _connecting(error, text)
    if state == LOCK_TIMEOUT or is_passing(error):
        return VaultBusy("the catalogue is locked by another process", hint=_AGAIN)
    if state == "23505":
        return VaultBusy("another process has written the same into the catalogue", hint=_AGAIN)
    if state.startswith("28"):
        return _refused(text)
    if state == "3D000":
        return _no_database(text)
    if state in ("25006", "25P02"):
        return _read_only()
    if state == "53100":
        return StoreError(
            "the disk of the database server is full",
            code="E-DISK-FULL",
            hint="have space made there and run the same command again",
        )
    if state.startswith("53"):
        return StoreError(
            f"the database server takes no more work: {text}",
            code="E-PG-LIMIT",
            hint="wait until others have finished and run the same command again",
        )
    if state.startswith(("08", "57")) or state == IDLE_TOO_LONG:
        return _lost(text)
    if state == "42501":
        return StoreError(
            f"the database does not allow it: {text}",
            code="E-NOT-WRITABLE",
            hint="the user of the place must own the database, or its schema evidence_vault",
        )
    return None


def replica() -> StoreError:
    """The error for a server that only follows another one."""
    return _read_only()


def _state(error: DBAPIError) -> str:
    return str(getattr(error.orig, "sqlstate", None) or "")


def _connecting(error: DBAPIError, text: str) -> StoreError:
    """Without a code of PostgreSQL: a connection that was not made, or that broke."""
    if "password" in text or "authentication" in text or "pg_hba" in text:
        return _refused(text)
    if "database" in text and "does not exist" in text:
        return _no_database(text)
    if error.connection_invalidated or error.statement is not None:
        return _lost(text)
    return StoreError(
        f"the database can't be reached: {text}",
        code="E-PG-UNREACHABLE",
        hint="check that the server runs and that this machine may reach it, then run it again",
    )


def _lost(text: str) -> StoreError:
    return StoreError(
        f"the database server ended the connection: {text}; whether the catalogue has the last "
        "change is not known",
        code="E-PG-LOST",
        hint=_AGAIN,
    )


def _refused(text: str) -> StoreError:
    return StoreError(
        f"the database server does not let this user in: {text}",
        code="E-PG-AUTH",
        hint="put the password into ~/.pgpass or the environment (PGPASSFILE, PGPASSWORD)",
    )


def _no_database(text: str) -> StoreError:
    return StoreError(
        f"the database is not there: {text}",
        code="E-PG-NO-DATABASE",
        hint="have it made (createdb), then run `evidence-vault rebuild` for a vault that had one",
    )


def _read_only() -> StoreError:
    return StoreError(
        "the database can only be read: the server follows another one, or was set so",
        code="E-PG-READ-ONLY",
        hint="name the server that is written to in vault.toml",
    )
