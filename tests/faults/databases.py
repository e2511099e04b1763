"""A database server that fails: killed, cut off at a commit, replaced by an older copy; and writers
that stop or die while they hold the lock."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.faults.registry import Missing, Try, fault
from tests.faults.world import Child, Judge, Place, Server, acts, quick, secret
from tests.servers import fixtures
from tests.servers.pgproxy import AFTER, BEFORE, PgProxy

from evidence_vault.errors import VaultError
from evidence_vault.vault.checking import log_checkpoint
from evidence_vault.vault.opening import open_vault

LEVEL = "whole vault (folder, PostgreSQL)"
_TWO = ("one", "two")


@contextlib.contextmanager
def own_server() -> Iterator[tuple[fixtures.PgServer, Path]]:
    """A PostgreSQL that may be killed, and its folder; PGPASSWORD is set."""
    folder = Path(tempfile.mkdtemp(prefix="vault-faults."))
    folder.chmod(0o755)
    try:
        server = fixtures.pg_from(fixtures.start("pg", folder / "pg"))
        with password(server):
            yield server, folder / "pg"
    except fixtures.NotInstalled as absent:
        raise Missing(str(absent)) from None
    finally:
        fixtures.stop("pg", folder / "pg")


@contextlib.contextmanager
def any_server() -> Iterator[fixtures.PgServer]:
    """The server that EVIDENCE_VAULT_TEST_PG names, else one of our own."""
    named = os.environ.get("EVIDENCE_VAULT_TEST_PG")
    if not named:
        with own_server() as (server, _):
            yield server
        return
    server = fixtures.pg_from(Path(named))
    with password(server):
        yield server


@contextlib.contextmanager
def password(server: fixtures.PgServer) -> Iterator[None]:
    before = os.environ.get("PGPASSWORD")
    os.environ["PGPASSWORD"] = server.password
    try:
        yield
    finally:
        os.environ.pop("PGPASSWORD")
        if before is not None:
            os.environ["PGPASSWORD"] = before


@fault(
    "PostgreSQL killed in the middle of a run",
    how="all processes of a server of its own get SIGKILL at a random moment of the run, then it "
    "is started again",
    level=LEVEL,
    sample=0,
    whole=3,
)
def pg_killed(folder: Path, most: int) -> Iterator[Try]:
    with own_server() as (database, place_of), Server() as server:
        for number in range(most):
            name = database.create_database()
            place = Place.make(folder / f"k{number}", database=database.place(name))
            verdict = Try(f"moment {number}")
            judge = Judge(place, verdict)
            child = server.start(place, acts(*_TWO, place=place))
            time.sleep(random.random() * 3.0)
            kill_all(place_of)
            ended = child.wait()
            fixtures.start("pg", place_of)
            judge.after(ended, 8)
            judge.all_is_well(*_TWO)
            yield verdict


def kill_all(place_of: Path) -> None:
    """The postmaster and its children: those that this test started, by their numbers."""
    data = Path((place_of / "where").read_text().strip())
    master = int((data / "postmaster.pid").read_text().split()[0])
    children = [
        int(p.name) for p in Path("/proc").iterdir() if p.name.isdigit() and _parent(p) == master
    ]
    for number in (master, *children):
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)


def _parent(process: Path) -> int:
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, IndexError):
        return -1


@fault(
    "PostgreSQL: the outcome of a COMMIT is unknown",
    how="a proxy (`tests/servers/pgproxy.py`) before a real PostgreSQL resets all connections when "
    "the n-th COMMIT comes: in turn before it is passed on, and after the server has done it",
    level=LEVEL,
    sample=2,
    whole=8,
)
def pg_commit_unknown(folder: Path, most: int) -> Iterator[Try]:
    with any_server() as database, Server() as server:
        for number in range(most):
            with (
                PgProxy(database.host, database.port) as proxy,
                fixtures.fresh_database(database) as url,
            ):
                through = url.replace(f":{database.port}/", f":{proxy.port}/")
                place = Place.make(folder / f"u{number}", database=through)
                when = (BEFORE, AFTER)[number % 2]
                verdict = Try(f"COMMIT {1 + number // 2}, {when}")
                judge = Judge(place, verdict)
                proxy.arm(1 + number // 2, when)
                ended = server.run(place, acts(*_TWO, place=place))
                proxy.arm(0, "")
                judge.after(ended, 8)
                judge.all_is_well(*_TWO)
                yield verdict


@fault(
    "PostgreSQL: failover to an older copy of the database",
    how="a copy of the database made before eight more files came in takes its place; it must be "
    "refused as a rollback; a partner's checkpoint (`--expect`) then opens the way",
    level=LEVEL,
    sample=1,
    whole=2,
)
def pg_failover(folder: Path, most: int) -> Iterator[Try]:
    with any_server() as database:
        for number in range(most):
            name = database.create_database()
            place = Place.make(folder / f"f{number}", database=database.place(name))
            old = f"{name}_old"
            database.run(f'CREATE DATABASE "{old}" TEMPLATE "{name}" OWNER "{database.user}"')
            verdict = Try("older copy")
            with quick(place.state):
                for part in _TWO:
                    told = place.ingest(part)
                    place.acknowledge([[r["id"], r["name"], r["sha256"]] for r in told["taken_in"]])
                note = folder / f"note-{number}"
                with open_vault(place.vault, secret) as vault:
                    note.write_text(log_checkpoint(vault)["checkpoint"])
                database.drop_database(name)
                database.run(f'ALTER DATABASE "{old}" RENAME TO "{name}"')
                try:
                    place.ingest("one")
                    verdict.silent.append("an older database was taken for the newest")
                except VaultError as error:
                    verdict.saw.append(error.code)
                    verdict.mends.append("evidence-vault log checkpoint --expect FILE")
                with open_vault(place.vault, secret) as vault:
                    log_checkpoint(vault, expect=note)
            Judge(place, verdict).all_is_well(*_TWO)
            database.drop_database(name)
            yield verdict


# ---- writers that stop or die with the lock -------------------------------------------------


def held(server: Server, place: Place, step: str, ends: int, verdict: Try) -> None:
    """One writer stops at a step under the lock, another one meets it; then it ends or goes on."""
    judge = Judge(place, verdict)
    first = server.start(place, acts("one", place=place), stop_at=step)
    if not stopped(first):
        verdict.unmended.append(f"{step} was never passed")
    second = server.run(place, acts("two", place=place), wait_seconds=1.0)
    told = second.error
    if told is None or told["code"] != "E-BUSY":
        verdict.silent.append(f"a second writer was let in: {second.lines}")
    elif str(first.pid) not in told["message"]:
        verdict.unmended.append(f"the holder is not named: {told['message']}")
    judge.after(second, None)
    first.signal(ends)
    judge.after(first.wait(), None)
    judge.all_is_well(*_TWO)


def stopped(child: Child) -> bool:
    """Wait until a process has stopped itself, at most a minute."""
    until = time.monotonic() + 60
    stat = Path(f"/proc/{child.pid}/stat")
    while time.monotonic() < until:
        with contextlib.suppress(OSError):
            state = stat.read_text().rpartition(")")[2].split()[0]
            if state in "TZ":
                return state == "T"
        time.sleep(0.01)
    return False


_STEPS = ("3-built", "4-committed", "5-catalogue", "7-published", "8-pinned", "8-evidence")
_HELD = (
    "a writer gets SIGSTOP at a step under the lock; a second one must be told who holds it; then "
    "the first one gets SIGCONT or SIGKILL in turn"
)


@fault("a writer stops or dies while it holds the lock", how=_HELD, sample=2, whole=6)
def lock_held(folder: Path, most: int) -> Iterator[Try]:
    model = Place.make(folder / "model")
    with Server() as server:
        for number in range(most):
            place = model.copy(folder / f"h{number}")
            yield from _held(server, place, number)


@fault(
    "a writer stops or dies while it holds the lock of a shared vault",
    how=_HELD,
    level=LEVEL,
    sample=0,
    whole=4,
)
def lock_held_shared(folder: Path, most: int) -> Iterator[Try]:
    with any_server() as database, Server() as server:
        for number in range(most):
            with fixtures.fresh_database(database) as url:
                place = Place.make(folder / f"h{number}", database=url)
                yield from _held(server, place, number)


def _held(server: Server, place: Place, number: int) -> Iterator[Try]:
    step, ends = _STEPS[number // 2 % len(_STEPS)], (signal.SIGKILL, signal.SIGCONT)[number % 2]
    verdict = Try(f"{step}, {signal.Signals(ends).name}")
    held(server, place, step, ends, verdict)
    yield verdict
