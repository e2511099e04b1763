"""kill -9: at each numbered step of the write order, and at any moment."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from tests.faults.registry import Try, fault
from tests.faults.world import GROUP, Judge, Place, Server, acts, snapshot

STEPS = [
    *("2-adopted", "2-durable", "2-durable:2", "3-built", "3-built:2", "3-built:3"),
    *("4-committed", "4-committed:2", "4-committed:4", "5-catalogue", "5-catalogue:2"),
    *("7-start", "7-published", "8-pinned-inside", "8-pinned", "8-evidence", "8-checkpoint"),
    *("7-start:2", "7-published:2", "8-pinned-inside:2", "8-pinned:2", "8-evidence:2"),
    *("8-emptied", "8-emptied:2"),
]
NEAR_A_GROUP = GROUP - 12  # entries before: what follows completes the first published group


@fault(
    "the program is killed at a numbered step of the write order",
    how="SIGKILL to itself at the step (`vault/faults.py`), then the same `ingest` again",
    sample=4,
    whole=len(STEPS),
)
def killed_at_a_step(folder: Path, most: int) -> Iterator[Try]:
    small = Place.make(folder / "small")
    grown = None
    steps = STEPS if most >= len(STEPS) else random.Random(6).sample(STEPS[:-2], most)
    with Server() as server:
        for step in steps:
            if step.startswith("8-emptied") and grown is None:
                grown = Place.make(folder / "grown", items=NEAR_A_GROUP)
            model = grown if step.startswith("8-emptied") and grown else small
            yield one_step(server, model, folder / step.replace(":", "-"), step)


def one_step(server: Server, model: Place, base: Path, step: str) -> Try:
    place = model.copy(base)
    verdict = Try(step)
    before = snapshot(place.sources)
    judge = Judge(place, verdict)
    environment = {"EVIDENCE_VAULT_FAULT": step}
    ended = server.run(place, acts("one", "two", place=place), environment=environment)
    if ended.status != -signal.SIGKILL:
        verdict.unmended.append(f"{step} was never passed: {ended.lines}")
    judge.after(ended, 8)
    judge.all_is_well("one", "two")
    untouched(place, before, verdict)
    return verdict


def untouched(place: Place, before: dict[str, str], verdict: Try) -> None:
    if snapshot(place.sources) != before:
        verdict.lost.append("a source was changed")


@fault(
    "the program is killed at any moment",
    how="SIGKILL from outside after a random time while eight files are taken in by two runs, "
    "then `ingest` again",
    sample=16,
    whole=500,
)
def killed_at_any_moment(folder: Path, most: int) -> Iterator[Try]:
    model = Place.make(folder / "model")
    with Server() as server:
        begun = time.monotonic()
        server.run(model.copy(folder / "timed"), acts("one", "two", place=model))
        lasts = time.monotonic() - begun
        for number in range(most):
            place = model.copy(folder / f"k{number}")
            verdict = Try(f"moment {number}")
            judge = Judge(place, verdict)
            child = server.start(place, acts("one", "two", place=place))
            time.sleep((number + random.random()) * 1.1 * lasts / most)
            child.signal(signal.SIGKILL)
            judge.after(child.wait(), 8)
            judge.all_is_well("one", "two")
            yield verdict
