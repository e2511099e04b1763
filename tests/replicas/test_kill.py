"""Killed (SIGKILL) at every step of a sync and a restore; run again, it is finished."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from evidence_vault.vault.verifying_copies import verify

from .worlds import World

ROOT = Path(__file__).resolve().parent.parent.parent
ADD = ["replica-marked", "4-committed", "8-pinned"]
FIRST = [
    *("replica-adopted", "replica-payloads", "replica-group", "replica-commit"),
    *("replica-commit:2", "replica-position", "replica-position:2", "replica-tiles"),
    *("replica-beside", "replica-beside:2", "replica-checkpoint", "4-committed"),
    *("replica-recorded", "replica-checkpoint:2"),
]
SECOND = ["replica-adopted", "replica-group", "replica-emptied", "replica-position:2"]
DESTROY = ["replica-headers-gone", "replica-object-gone"]
RESTORE = ["restore-learned", "restore-slice", "replica-adopted", "replica-commit:2"]


def some(steps: list[str], *kept: str) -> list[object]:
    """The steps; all but those kept only in the slow share of the tests."""
    return [s if s in kept else pytest.param(s, marks=pytest.mark.slow) for s in steps]


def die(world: World, command: str, step: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "replicas.driver", str(world.base), command],
        cwd=ROOT / "tests",
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "EVIDENCE_VAULT_FAULT": step},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == -signal.SIGKILL, f"{step} was never passed: {done.stderr}"


def test_every_step_in_the_code_is_killed_at() -> None:
    named = set()
    for path in (ROOT / "src" / "evidence_vault" / "vault").glob("*.py"):
        named |= set(re.findall(r'step\("((?:replica|restore)-[a-z0-9-]+)"\)', path.read_text()))
    tested = {step.partition(":")[0] for step in (*ADD, *FIRST, *SECOND, *DESTROY, *RESTORE)}
    assert named == {step for step in tested if step.startswith("re")}


def assert_whole(world: World) -> None:
    assert world.sync()["exit"] == 0
    with world.open() as vault:
        result = verify(vault, "usb-1")
    assert (result["damaged"], result["exit"]) == ([], 0)
    assert world.status()["state"] == "current"
    world.assert_sound()


@pytest.mark.sweep
@pytest.mark.parametrize("step", some(ADD, "replica-marked"))
def test_add_killed(world: World, step: str) -> None:
    die(world, "add", step)
    if step == "replica-marked":
        world.add()
    assert_whole(world)


@pytest.mark.sweep
@pytest.mark.parametrize("step", some(FIRST, "replica-group", "replica-beside", "4-committed"))
def test_first_sync_killed(world: World, step: str) -> None:
    world.take_in(many=300)
    place = world.add()
    die(world, "sync", step)
    if (place / "control/commits/0").exists():  # what is there already is a prefix that opens
        world.restore(place, world.base / "half")
        assert len(world.items(world.base / "half")) <= 303
    assert_whole(world)


@pytest.mark.sweep
@pytest.mark.parametrize("step", some(SECOND, "replica-emptied"))
def test_later_sync_killed(world: World, step: str) -> None:
    place = world.add()
    world.synced()
    world.take_in(many=300)
    die(world, "sync", step)
    world.restore(place, world.base / "half")
    assert len(world.items(world.base / "half")) >= 3
    assert_whole(world)


@pytest.mark.sweep
@pytest.mark.parametrize("step", some(RESTORE, "restore-slice"))
def test_restore_killed(world: World, step: str) -> None:
    world.take_in(many=300)
    place = world.add()
    world.synced()
    die(world, "restore", step)
    assert world.restore(place)["exit"] == 0
    assert world.items(world.base / "again") == world.items()
