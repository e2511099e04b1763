"""Killed (SIGKILL) at every step of placing, extending and releasing; opening finishes it.

Two things must never be: something that can be destroyed and that the log says is held, and a hold
that stays on in silence after the log says that it was released.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from evidence_vault.errors import PolicyRefused
from evidence_vault.vault.holds import demand_not_held, kept_of

from .worlds import World, opened

ROOT = Path(__file__).resolve().parent.parent.parent
BEFORE = ["hold-begun", "hold-copied", "hold-locked", "3-built"]
AFTER = ["4-committed", "5-catalogue", "hold-placed"]
RELEASE_BEFORE = ["release-begun", "3-built"]
RELEASE_AFTER = [
    *("4-committed", "release-committed", "7-published", "8-pinned", "release-signed"),
    *("release-let-go", "release-destroyed"),
]
RETAIN = ["retention-locked", "4-committed", "retention-set"]


def die(world: World, doing: str, step: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "holds.driver", str(world.base), doing],
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
        named |= set(
            re.findall(r'step\("((?:hold|release|retention)-[a-z0-9-]+)"\)', path.read_text())
        )
    tested = {*BEFORE, *AFTER, *RELEASE_BEFORE, *RELEASE_AFTER, *RETAIN}
    assert named == {step for step in tested if re.match("hold-|release-|retention-", step)}


@pytest.mark.sweep
@pytest.mark.parametrize("step", [*BEFORE, *AFTER])
def test_place_killed(world: World, step: str) -> None:
    first, second, _ = world.items()
    die(world, "place", step)
    if step != "3-built":
        assert world.doctor("holds not finished"), "what was begun is named"
    world.write_nothing()
    placed = step in AFTER
    assert not world.unfinished()
    assert [h["items"] for h in world.holds()] == ([[first, second]] if placed else [])
    assert len(world.copies()) == (2 if placed else 0), "copies and the log agree"
    world.place(first, second)
    with opened(world.vault) as vault, pytest.raises(PolicyRefused):
        demand_not_held(vault, [first])
    assert len(world.copies()) == (4 if placed else 2)
    world.assert_sound()


@pytest.mark.sweep
@pytest.mark.parametrize("step", [*BEFORE[:3], *(f"{step}:2" for step in AFTER[:2]), AFTER[2]])
def test_extend_killed_after_the_description_is_in(world: World, step: str) -> None:
    first = world.items()[0]
    hold = world.place(first)["hold"]
    die(world, "extend", step)
    world.write_nothing()
    assert not world.unfinished()
    with opened(world.vault) as vault:
        from evidence_vault.vault.holding import cover

        cover(vault)  # what fixity does first
        assert kept_of(vault, first).lacking == 0
    assert world.copies() == [f"holds/{hold}/{first}/{n}" for n in (1, 2)]
    assert world.doctor("holds")[0]["outcome"] == "ok"
    world.assert_sound()


@pytest.mark.sweep
@pytest.mark.parametrize("step", [*RELEASE_BEFORE, *RELEASE_AFTER])
def test_release_killed(world: World, step: str) -> None:
    first, second, _ = world.items()
    hold = world.place(first, second)["hold"]
    die(world, "release", step)
    if step in RELEASE_BEFORE:
        with opened(world.vault) as vault, pytest.raises(PolicyRefused):
            demand_not_held(vault, [first])
        assert len(world.copies()) == 2, "nothing is gone that the log says is held"
    elif step != "release-destroyed":
        assert world.doctor("holds not finished")
    world.write_nothing()
    released = step in RELEASE_AFTER
    assert not world.unfinished()
    assert bool(world.holds()) != released
    assert len(world.copies()) == (0 if released else 2)
    if not released:
        world.release(hold)
    assert world.copies() == []
    world.assert_sound()


@pytest.mark.sweep
@pytest.mark.parametrize("step", RETAIN)
def test_retention_killed(world: World, step: str) -> None:
    first = world.items()[0]
    die(world, "retain", step)
    world.write_nothing()
    told = world.retain("2050-01-01", first)
    assert [*told["already"], *told["items"]] == [first]
    assert world.show(first)["retention"]["until"] == "2050-01-01T23:59:59Z"
    world.assert_sound()
