"""Many writers at one vault on S3 and PostgreSQL; some die, are stopped, or lose their lock."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest
from tests.servers.fixtures import PgServer

from evidence_vault.errors import VaultBusy

from .conftest import Shared, ended

GROUP = {"EVIDENCE_TEST_GROUP": "2"}
WRITERS = 10
_SECONDS = 20.0  # how long others may be kept waiting by a writer that is dead


def failed(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those that did not end well, with what they said."""
    return [each for each in results if each["status"]]


@pytest.mark.parametrize("writers", [3, pytest.param(WRITERS, marks=pytest.mark.slow)])
def test_machines_take_in_at_once_and_nothing_is_lost_or_numbered_twice(
    shared: Shared, writers: int
) -> None:
    machines = [shared.first, *(shared.machine() for _ in range(writers - 1))]
    folders = [shared.files(f"in-{number}", 4) for number in range(writers)]
    running = [m.start(f, **GROUP) for m, f in zip(machines, folders, strict=True)]
    results = [ended(process) for process in running]
    assert failed(results) == []
    assert all(len(each["taken_in"]) == 4 for each in results)
    numbers = [row["id"] for each in results for row in each["taken_in"]]
    assert len(set(numbers)) == len(numbers) == 4 * writers
    shared.assert_sound()


@pytest.mark.slow
def test_ten_processes_of_one_machine_take_in_at_once(shared: Shared) -> None:
    folders = [shared.files(f"in-{number}", 4) for number in range(WRITERS)]
    running = [shared.first.start(folder, **GROUP) for folder in folders]
    results = [ended(process) for process in running]
    assert failed(results) == []
    shared.assert_sound()


@pytest.mark.slow
def test_ten_machines_that_take_in_the_same_files_make_each_item_once(shared: Shared) -> None:
    machines = [shared.first, *(shared.machine() for _ in range(WRITERS - 1))]
    folder = shared.files("same", 6)
    results = [ended(p) for p in [machine.start(folder, **GROUP) for machine in machines]]
    assert failed(results) == []
    assert sum(len(each["taken_in"]) for each in results) == 6
    shared.assert_sound()


def test_a_writer_that_is_killed_while_it_holds_the_lock_keeps_nobody_waiting(
    shared: Shared,
) -> None:
    other = shared.machine()
    doomed = shared.files("doomed", 3)
    process = shared.first.start(doomed, EVIDENCE_VAULT_FAULT="3-built")
    process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL
    with other.open() as vault, vault.locked(wait_seconds=_SECONDS):
        pass
    assert other.ingest(shared.files("after", 2))["exit"] == 0
    assert shared.first.ingest(doomed)["exit"] == 0
    shared.assert_sound()


@pytest.mark.slow
def test_a_stopped_writer_is_named_and_its_death_frees_the_lock(shared: Shared) -> None:
    other = shared.machine()
    stopped = shared.files("stopped", 3)
    process = shared.first.start(stopped, EVIDENCE_TEST_STOP="3-built")
    assert process.stderr is not None
    assert process.stderr.readline() == "stopped\n"
    with (
        other.open() as vault,
        pytest.raises(VaultBusy) as caught,
        vault.locked(wait_seconds=1.0),
    ):
        raise AssertionError("two hold the lock")
    assert f"process {process.pid} since 20" in caught.value.message
    process.kill()
    process.communicate(timeout=60)
    with other.open() as vault, vault.locked(wait_seconds=_SECONDS):
        pass
    assert other.ingest(shared.files("after", 2))["exit"] == 0
    assert shared.first.ingest(stopped)["exit"] == 0
    shared.assert_sound()


@pytest.mark.parametrize(
    "step",
    [
        "3-built",
        *(pytest.param(step, marks=pytest.mark.slow) for step in ("8-pinned", "8-evidence")),
    ],
)
def test_a_writer_that_lost_its_connection_overwrites_nothing_that_is_newer(
    shared: Shared, pg_server: PgServer, step: str
) -> None:
    """Stopped while it held the lock, its sessions ended by the server, then it goes on."""
    other = shared.machine()
    late = shared.files("late", 3)
    process = shared.first.start(late, EVIDENCE_TEST_STOP=step)
    assert process.stderr is not None
    assert process.stderr.readline() == "stopped\n"
    database = shared.database.rpartition("/")[2]
    pg_server.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = "
        f"'{database}' AND pid <> pg_backend_pid()"
    )
    assert other.ingest(shared.files("newer", 3))["exit"] == 0
    with other.open() as vault:
        newest = vault.log.checkpoint()
        size = vault.catalogue.frontier().size
    os.kill(process.pid, signal.SIGCONT)
    result = ended(process)
    assert result["status"] in (11, 12), result
    with other.open() as vault:
        assert vault.log.checkpoint() == newest
        assert vault.catalogue.frontier().size == size
        vault.catalogue.check()
    # Whoever was told that it failed runs it again; nothing was lost, and nothing is there twice.
    again = shared.first.ingest(late)
    assert again["exit"] == 0
    assert again["already_in"] + len(again["taken_in"]) == 3
    shared.assert_sound()
