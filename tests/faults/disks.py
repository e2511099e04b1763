"""Disks that are full, read-only or bad: one call of the run fails, each in turn."""

from __future__ import annotations

import errno
import random
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.faults.journal import CUTS, MARK, read_journal
from tests.faults.power import Run
from tests.faults.registry import Try, fault
from tests.faults.world import Judge, Place, Server, acts, shim

_SHIM = "the library of `tests/faults/powercut.c` makes the n-th such call of the run fail"


def counted(server: Server, place: Place, call: str) -> int:
    """How many calls of a kind the run makes when none fails."""
    log = place.base / "journal"
    root = str(place.base / "disk")[1:]
    orders = [f"root/{root}", f"journal/{str(log)[1:]}", f"count/{call}"]
    server.run(place, acts("one", "two", place=place), shim=orders)
    told = [c.path for c in read_journal(log) if c.kind == MARK and c.path.startswith("count ")]
    return int(told[-1].split()[1])


def each_call(folder: Path, most: int, call: str, error: int, how: str = "once") -> Iterator[Try]:
    """``most`` of the calls, spread over the run; then the disk is well again."""
    model = Place.make(folder / "model")
    with Server(shim()) as server:
        total = counted(server, model.copy(folder / "counted"), call)
        picked = sorted({1 + n * (total - 1) // max(1, most - 1) for n in range(most)})
        for nth in picked[:most]:
            place = model.copy(folder / f"n{nth}")
            yield one_call(server, place, f"{call}:{nth}:{error}:{how}", total)


def one_call(server: Server, place: Place, armed: str, total: int) -> Try:
    verdict = Try(f"{armed} of {total}")
    judge = Judge(place, verdict)
    orders = [f"root/{str(place.base / 'disk')[1:]}", f"arm/{armed}"]
    ended = server.run(place, acts("one", "two", place=place), shim=orders)
    usual = {0, -signal.SIGKILL} if armed.endswith(":torn") else {0}
    if ended.status not in usual:
        verdict.unmended.append(f"the process ended with {ended.status}")
    judge.after(ended, 8)
    judge.all_is_well("one", "two")
    return verdict


@fault(
    "full disk (ENOSPC), for good from some call on",
    how=_SHIM + " with ENOSPC, and all that follow; then there is room again",
    sample=4,
    whole=24,
)
def disk_full(folder: Path, most: int) -> Iterator[Try]:
    yield from each_call(folder, most, "grow", errno.ENOSPC, "always")


@fault(
    "full disk (ENOSPC) at one call",
    how=_SHIM + " with ENOSPC",
    sample=3,
    whole=24,
)
def disk_full_once(folder: Path, most: int) -> Iterator[Try]:
    yield from each_call(folder, most, "grow", errno.ENOSPC)


@fault(
    "the disk turns read-only (EROFS)",
    how=_SHIM + " with EROFS, and all that follow; then it can be written again",
    sample=4,
    whole=24,
)
def disk_read_only(folder: Path, most: int) -> Iterator[Try]:
    yield from each_call(folder, most, "change", errno.EROFS, "always")


@fault("I/O error on read", how=_SHIM + " with EIO", sample=4, whole=24)
def error_on_read(folder: Path, most: int) -> Iterator[Try]:
    yield from each_call(folder, most, "read", errno.EIO)


@fault("I/O error on opening a file", how=_SHIM + " with EIO", sample=2, whole=24)
def error_on_open(folder: Path, most: int) -> Iterator[Try]:
    yield from each_call(folder, most, "open", errno.EIO)


@fault("I/O error on write", how=_SHIM + " with EIO", sample=4, whole=24)
def error_on_write(folder: Path, most: int) -> Iterator[Try]:
    yield from each_call(folder, most, "write", errno.EIO)


@fault(
    "I/O error on making, linking or renaming a file",
    how=_SHIM + " with EIO",
    sample=2,
    whole=24,
)
def error_on_name(folder: Path, most: int) -> Iterator[Try]:
    yield from each_call(folder, most, "name", errno.EIO)


@fault("short writes", how="the n-th write writes half and says so", sample=3, whole=24)
def short_write(folder: Path, most: int) -> Iterator[Try]:
    yield from each_call(folder, most, "write", errno.EIO, "short")


@fault(
    "torn writes",
    how="the n-th write writes half, then the process is killed",
    sample=3,
    whole=24,
)
def torn_write(folder: Path, most: int) -> Iterator[Try]:
    yield from each_call(folder, most, "write", errno.EIO, "torn")


def failed_syncs(folder: Path, most: int, options: Sequence[bool]) -> Iterator[Try]:
    """A failed sync, the same command again (its syncs succeed), then the power goes.

    What the failed sync should have written is gone for good, whatever a later sync says.
    """
    for plaintext in options:
        base = folder / f"p{plaintext}"
        model = Place.make(base / "model", plaintext=plaintext)
        with Server(shim()) as server:
            total = counted(server, model.copy(base / "counted"), "sync")
            count = max(2, most // len(options))
            picked = sorted({1 + n * (total - 1) // (count - 1) for n in range(count)})
            for nth in picked[:count]:
                place = model.copy(base / f"n{nth}")
                doing = acts("one", "two", place=place)
                armed = [f"arm/sync:{nth}:{errno.EIO}:once"]
                run = Run.record(server, place, doing, doing, armed)
                moment = len(run.disk.changes)
                left = run.cut(base / f"c{nth}", moment, CUTS[0], random.Random(nth))
                verdict = Try(f"sync {nth} of {total}{', plaintext' if plaintext else ''}")
                judge = Judge(left, verdict)
                judge.after(run.told_by(moment), None)
                judge.all_is_well("one", "two")
                yield verdict


@fault(
    "I/O error on fsync, then an fsync that succeeds, then a power cut",
    how=_SHIM + " with EIO and drops what it covered for good, as Linux does; `ingest` again "
    "without faults; then all that was not synced is dropped",
    sample=4,
    whole=24,
)
def error_on_sync(folder: Path, most: int) -> Iterator[Try]:
    yield from failed_syncs(folder, most, (False, True))
