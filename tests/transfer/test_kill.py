"""Killed (SIGKILL) at every step of a hand-over; the same command, run again, finishes it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from evidence_vault.core.commit import Committed, format_commit
from evidence_vault.errors import StoreError
from evidence_vault.vault import removing
from evidence_vault.vault.fixity import fixity
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.removing import finish_removals, unfinished_removals
from evidence_vault.vault.writer import writing

from .worlds import World, make_world, opened

ROOT = Path(__file__).resolve().parent.parent.parent
OFFER = ["3-built", "4-committed", "transfer-offered", "8-pinned", "transfer-offer-signed"]
ACCEPT = [
    *("transfer-log-kept", "transfer-log-signed", "transfer-adopted", "transfer-durable"),
    *("3-built", "4-committed", "4-committed:2", "5-catalogue", "7-published", "8-pinned"),
    "transfer-signed",
]
ANSWER = ["transfer-answer-kept", "3-built", "4-committed", "transfer-acknowledged", "8-pinned"]
REMOVE = [
    *("3-built", "4-committed", "transfer-removed", "8-pinned", "transfer-removed-signed"),
    *("transfer-commit-anew", "transfer-headers-gone", "transfer-object-gone"),
    *("transfer-object-gone:2", "transfer-removed-done"),
]


def die(world: World, command: str, step: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "transfer.driver", str(world.base), command],
        cwd=ROOT / "tests",
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "EVIDENCE_VAULT_FAULT": step},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == -signal.SIGKILL, f"{step} was never passed: {done.stderr}"


def test_every_step_in_the_code_is_killed_at() -> None:
    named = set()
    for path in (ROOT / "src" / "evidence_vault").rglob("*.py"):
        named |= set(re.findall(r'step\("(transfer-[a-z0-9-]+)"\)', path.read_text()))
    tested = {step.partition(":")[0] for step in (*OFFER, *ACCEPT, *ANSWER, *REMOVE)}
    assert named == {step for step in tested if step.startswith("transfer-")} | {
        "transfer-pack-anew"  # test_many.py, where a group of 256 entries is complete
    }


@pytest.mark.sweep
@pytest.mark.parametrize("step", OFFER)
def test_offer_killed(world: World, step: str) -> None:
    die(world, "offer", step)
    assert not world.file.exists()
    world.handed_over()
    world.assert_sound()


@pytest.mark.sweep
@pytest.mark.parametrize("step", ACCEPT)
def test_accept_killed(world: World, step: str) -> None:
    world.offer()
    die(world, "accept", step)
    assert not world.answer.exists()
    result = world.accept(out=world.answer)
    assert result["acknowledged"] == world.items()
    assert result["refused"] == []
    assert world.acknowledge()["acknowledged"] == world.items()
    with opened(world.desk) as vault:
        assert fixity(vault, all=True)["damaged"] == []
        assert len(vault.catalogue.history(world.items()[0])) == 2
    world.assert_sound()


@pytest.mark.sweep
@pytest.mark.parametrize("step", ANSWER)
def test_acknowledge_killed(world: World, step: str) -> None:
    world.offer()
    world.accept(out=world.answer)
    die(world, "acknowledge", step)
    result = world.acknowledge()
    assert sorted([*result["acknowledged"], *result["already"]]) == world.items()
    assert set(world.states().values()) == {"acknowledged"}
    world.assert_sound()


@pytest.mark.sweep
@pytest.mark.parametrize("step", REMOVE)
def test_remove_killed_is_finished_when_the_vault_is_opened_for_writing(
    world: World, step: str
) -> None:
    world.handed_over()
    die(world, "remove", step)
    with opened(world.field) as vault:
        write_nothing(vault)
    left = [p for p in (world.field / "archive" / "objects").rglob("*") if p.is_file()]
    assert bool(left) == (step == "3-built"), "an event and its bytes never part for long"
    world.remove()
    assert set(world.states().values()) == {"removed"}
    assert not [p for p in (world.field / "archive" / "objects").rglob("*") if p.is_file()]
    world.assert_sound()


def write_nothing(vault: Vault) -> None:
    with writing(vault):
        pass


def test_a_remover_that_lost_its_lock_brings_no_header_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it writes a commit anew another one, who has the lock, destroyed a header of it."""
    world.handed_over()
    newer: list[bytes] = []

    def overtaken(start: int, root: bytes, entries: tuple[Committed, ...]) -> bytes:
        if not newer:
            with opened(world.field) as vault:
                key = vault.log.commit_key(start)
                bare = tuple(Committed(each.entry, each.record, {}) for each in entries)
                newer.append(format_commit(start, root, bare))
                vault.control.replace(key, newer[0])
        return format_commit(start, root, entries)

    with monkeypatch.context() as patch:
        patch.setattr(removing, "format_commit", overtaken)
        with pytest.raises(StoreError) as raised:
            world.remove()
    assert raised.value.code == "E-CHANGED-MEANWHILE"
    commits = [
        path.read_bytes()
        for path in (world.field / "control" / "commits").rglob("*")
        if path.is_file()
    ]
    assert newer[0] in commits
    world.remove()
    assert set(world.states().values()) == {"removed"}


def test_a_removal_that_an_earlier_log_left_unfinished_is_finished_under_the_next(
    tmp_path: Path,
) -> None:
    """And what a later log destroyed under the same index does not count for it."""
    world = make_world(tmp_path)
    world.handed_over()
    kept = tmp_path / "kept"
    shutil.copytree(world.field / "archive/objects", kept)
    world.remove()
    (page,) = (world.field / "control/removed").iterdir()
    page.unlink()
    shutil.copytree(kept, world.field / "archive/objects", dirs_exist_ok=True)
    with opened(world.field) as vault, vault.locked():
        vault.config = replace(vault.config, log=1)
        assert unfinished_removals(vault) == [(0, int(page.name))]
        later = world.field / "control/log-1/removed"
        later.mkdir(parents=True)
        (later / page.name).write_bytes(b'{"headers":0,"log":1,"objects":0}\n')
        assert finish_removals(vault).objects > 0
        assert unfinished_removals(vault) == []
    assert page.exists()
    assert not [p for p in (world.field / "archive/objects").rglob("*") if p.is_file()]
