"""Publishing killed before every single write to the store; and two sequencers without a lock."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from evidence_vault.core.commit import Committed, format_commit
from evidence_vault.core.merkle import EMPTY_ROOT, Frontier, leaf_hash
from evidence_vault.core.packs import parse_header_pack
from evidence_vault.errors import LogInconsistent, StoreError
from evidence_vault.log.catalogue import Catalogue, IndexRows
from evidence_vault.log.logstore import LogStore
from evidence_vault.log.publisher import publish
from evidence_vault.log.sequencer import Prepared, Sequencer
from evidence_vault.store.filesystem import FilesystemStore
from evidence_vault.vault.checking import log_checkpoint

from .conftest import MakeVault
from .vaults import Made, start, write_files

FILES = 300  # a whole group of 256 entries is published, and a part of the next


@pytest.fixture(scope="module")
def unpublished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a vault with a full group of committed, unpublished entries is kept."""
    return tmp_path_factory.mktemp("unpublished")


@pytest.fixture
def waiting(make_vault: MakeVault, unpublished: Path, tmp_path: Path) -> Made:
    """A copy of that vault: ingest was killed right after its last commit."""
    if not (unpublished / "vault").exists():
        vault = make_vault()
        write_files(tmp_path / "in", FILES)
        process = start(
            "ingest", vault.folder, tmp_path / "in", environment={"EVIDENCE_VAULT_FAULT": "7-start"}
        )
        process.communicate(timeout=120)
        assert process.returncode == -signal.SIGKILL
        shutil.copytree(vault.folder, unpublished / "vault")
        shutil.copytree(vault.state, unpublished / "state")
        return vault
    shutil.copytree(unpublished / "vault", tmp_path / "vault")
    shutil.copytree(unpublished / "state", tmp_path / "state")
    return Made(tmp_path / "vault", tmp_path / "none", tmp_path / "state")


def published(vault: Made) -> dict[str, bytes]:
    """Every file of the log as published; checkpoints apart, whose signatures are randomised."""
    folder = vault.folder / "archive" / "log"
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "checkpoint"
    }


@pytest.mark.slow
def test_killed_before_every_write_of_publishing(waiting: Made, tmp_path: Path) -> None:
    whole = waiting.copy_to(tmp_path / "whole")
    shutil.copytree(waiting.state, tmp_path / "whole-state")
    with whole.open() as opened:
        size = log_checkpoint(opened)["size"]
    expected = published(whole)
    writes = 0
    while True:
        copy = tmp_path / f"at-{writes}"
        state = tmp_path / f"state-{writes}"
        shutil.copytree(waiting.folder, copy)
        shutil.copytree(tmp_path / "whole-state", state)
        process = start(
            "checkpoint",
            copy,
            environment={
                "EVIDENCE_TEST_WRITES": str(writes),
                "EVIDENCE_VAULT_STATE": str(state),
            },
        )
        process.communicate(timeout=120)
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL
        after = start("checkpoint", copy, environment={"EVIDENCE_VAULT_STATE": str(state)})
        assert after.wait(timeout=120) == 0
        vault = Made(copy, waiting.recovery, state)
        assert published(vault) == expected, f"killed before write {writes}"
        shutil.rmtree(copy)
        writes += 1
    assert writes >= 8  # tiles, bundles, packs, the kept checkpoint, the checkpoint, stubs
    assert size > 256


def entry(number: int) -> Prepared:
    data = b'{"made by":"hand","number":%d}' % number
    committed = Committed(data, b"record", {})
    return Prepared(committed, leaf_hash(data), "described", "2026-11-24T00:00:00Z", [])


def test_two_sequencers_at_once_one_wins_and_nothing_is_lost(tmp_path: Path) -> None:
    """Without the writer lock the create-only commit decides; the loser has committed nothing."""
    stores = FilesystemStore(tmp_path / "archive"), FilesystemStore(tmp_path / "control")
    log = LogStore(*stores, plaintext=True)
    first = Sequencer(log, Catalogue.create(tmp_path / "one.db", 0))
    second = Sequencer(log, Catalogue.create(tmp_path / "two.db", 0))
    first.append([entry(1), entry(2)], IndexRows())
    with pytest.raises(LogInconsistent) as raised:
        second.append([entry(3)], IndexRows())
    assert raised.value.code == "E-COMMIT-TAKEN"
    assert second.state().size == 0
    assert [len(commit.entries) for commit in log.commits(0)] == [2]


def publish_group(log: LogStore, demand_held: Callable[[], None] = lambda: None) -> None:
    frontier = Frontier()
    frontier.extend(leaf_hash(c.entry) for commit in log.commits(0) for c in commit.entries)
    publish(log, 0, EMPTY_ROOT, frontier.size, frontier.root(), 0, demand_held)


@pytest.mark.parametrize("late", [False, True])
def test_a_late_header_pack_brings_no_header_back_and_stops_nobody(
    tmp_path: Path, late: bool
) -> None:
    """A writer publishes from commits that it read before a header in them was destroyed."""
    stores = FilesystemStore(tmp_path / "archive"), FilesystemStore(tmp_path / "control")
    log, slow = LogStore(*stores), LogStore(*stores)
    made = [
        Prepared(
            Committed(entry(n).committed.entry, b"record", {f"{n:032x}": b"header"}),
            entry(n).leaf,
            "described",
            "2026-11-24T00:00:00Z",
            [],
        )
        for n in range(256)
    ]
    Sequencer(log, Catalogue.create(tmp_path / "one.db", 0)).append(made, IndexRows())
    commit = slow.commit(0)  # read, and kept
    bare = tuple(
        Committed(c.entry, c.record, {} if n == 7 else c.headers)
        for n, c in enumerate(commit.entries)
    )
    log.control.replace(log.commit_key(0), format_commit(0, commit.root, bare))
    log.forget()
    if late:  # the other has published: what it lays there stays
        publish_group(log)

        def lost() -> None:
            if len(asked) > 1:
                raise StoreError("lost", code="E-LOCK-LOST")
            asked.append(1)

        asked: list[int] = []
        with pytest.raises((StoreError, LogInconsistent)):
            publish_group(slow, lost)
    else:
        publish_group(slow)
        publish_group(log)
    pack = parse_header_pack(log.read(log.control, log.headers_key(0)), 0)
    assert len(pack) == 255 and f"{7:032x}" not in pack
    publish_group(log)
