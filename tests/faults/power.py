"""The power goes: at any moment of a run, what was not synced is dropped, or only part of it."""

from __future__ import annotations

import random
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.faults import journal
from tests.faults.journal import CUTS, Disk, read_journal
from tests.faults.registry import Try, fault
from tests.faults.world import GROUP, Ended, Judge, Place, Server, acts, shim

_DROPPED = (
    "every write, rename and sync of the run is recorded (`tests/faults/powercut.c`), and "
    "the disk laid out as it would be at a random moment: "
)


class Run:
    """A recorded run: the disk at its start, what changed, and what was told when."""

    def __init__(self, place: Place, ended: Ended) -> None:
        self.place = place
        self.ended = ended
        self.disk = Disk(place.base / "disk", ())

    @staticmethod
    def record(
        server: Server,
        place: Place,
        doing: Sequence[Any],
        then: Sequence[Any] = (),
        shim_: Sequence[str] = (),
        **order: Any,
    ) -> Run:
        """``then``: what a second process does after the first one ended (or was killed)."""
        run = Run(place, Ended(0, []))
        log = place.base / "journal"
        told = [f"root/{str(place.base / 'disk')[1:]}", f"journal/{str(log)[1:]}"]
        lines = []
        ended = server.run(place, doing, shim=[*told, *shim_], **order)
        lines += ended.lines
        if then:
            ended = server.run(place, then, shim=told)
            lines += ended.lines
        run.ended = Ended(ended.status, lines)
        run.disk.changes = read_journal(log)
        assert len(run.disk.changes) > 20, "nothing was recorded"
        return run

    def told_by(self, moment: int) -> Ended:
        """What had been told when the power went: marks stand in the journal, in order."""
        marks = sum(
            c.kind == journal.MARK and c.path.startswith("line ")
            for c in self.disk.changes[:moment]
        )
        return Ended(-signal.SIGKILL, self.ended.lines[:marks])

    def cut(self, base: Path, moment: int, how: journal.Cut, rng: random.Random) -> Place:
        base.mkdir()
        self.disk.cut(moment, how, rng, base / "disk")
        return Place(base.resolve(), self.place.sources, dict(self.place.acknowledged))


def cut_all(
    run: Run, folder: Path, most: int, cuts: Sequence[journal.Cut], wanted: int | None = 8
) -> Iterator[Try]:
    """``most`` moments spread over the run, each with one of ``cuts``."""
    total = len(run.disk.changes)
    for number in range(most):
        how = cuts[number % len(cuts)]
        rng = random.Random(f"{how.title} {number}")
        moment = total if number == most - 1 else rng.randint(1, total)
        place = run.cut(folder / f"c{number}", moment, how, rng)
        verdict = Try(f"{how.title}, {moment} of {total} changes ({number})")
        judge = Judge(place, verdict)
        judge.after(run.told_by(moment), wanted)
        judge.all_is_well("one", "two")
        yield verdict


def _recorded(folder: Path, items: int = 3, **options: Any) -> Run:
    place = Place.make(folder / "model", items, **options)
    with Server(shim()) as server:
        return Run.record(server, place, acts("one", "two", place=place))


@fault(
    "power cut: nothing that was not synced survives",
    how=_DROPPED + "only what a sync had covered is there",
    sample=6,
    whole=60,
)
def power_cut_strict(folder: Path, most: int) -> Iterator[Try]:
    yield from cut_all(_recorded(folder), folder, most, CUTS[:1])


@fault(
    "power cut: new names survive, their bytes don't or in part, torn writes",
    how=_DROPPED + "of what no sync had covered, names without bytes, or any part of both",
    sample=10,
    whole=120,
)
def power_cut_in_part(folder: Path, most: int) -> Iterator[Try]:
    yield from cut_all(_recorded(folder), folder, most, CUTS[1:])


@fault(
    "power cut in a vault without encryption (`--plaintext`)",
    how="as above, both kinds",
    sample=6,
    whole=60,
)
def power_cut_plaintext(folder: Path, most: int) -> Iterator[Try]:
    run = _recorded(folder, plaintext=True)
    yield from cut_all(run, folder, most, CUTS)


@fault(
    "kill -9, then a power cut during `rebuild`",
    how="an `ingest` that was killed, then `rebuild`, recorded as one and cut at a random moment",
    sample=2,
    whole=24,
)
def power_cut_rebuild(folder: Path, most: int) -> Iterator[Try]:
    place = Place.make(folder / "model")
    with Server(shim()) as server:
        run = Run.record(
            server,
            place,
            acts("one", "two", place=place),
            [{"do": "rebuild"}],
            environment={"EVIDENCE_VAULT_FAULT": "8-evidence:2"},
        )
    yield from cut_all(run, folder, most, CUTS, None)


@fault(
    "power cut while a group of 256 entries is published and its commits are emptied",
    how="as above, both kinds, in a vault of 244 items",
    sample=0,
    whole=6,
)
def power_cut_publishing(folder: Path, most: int) -> Iterator[Try]:
    yield from cut_all(_recorded(folder, GROUP - 12), folder, most, CUTS)


@fault(
    "kill -9 at a step, `ingest` again, then a power cut",
    how="both runs are recorded as one, and cut at a random moment",
    sample=6,
    whole=60,
)
def killed_then_power_cut(folder: Path, most: int) -> Iterator[Try]:
    steps = ("2-adopted", "4-committed", "4-committed:4", "7-published", "8-pinned", "3-built:2")
    rounds = max(1, min(len(steps), most // 6))
    with Server(shim()) as server:
        for number in range(rounds):
            base = folder / f"r{number}"
            place = Place.make(base / "model", plaintext=number % 3 == 2)
            doing = acts("one", "two", place=place)
            run = Run.record(
                server, place, doing, doing, environment={"EVIDENCE_VAULT_FAULT": steps[number]}
            )
            yield from cut_all(run, base, most // rounds, CUTS, None)
