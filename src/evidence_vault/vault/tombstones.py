"""What logged events gave up: to be destroyed in every copy, and never to be copied again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from evidence_vault.core.tiles import TILE_WIDTH
from evidence_vault.vault.handovers import REMOVED
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.removing import Doomed, doomed_by


@dataclass(frozen=True)
class Tombstone:
    """``log``, ``index``: the event. ``units``: whose headers go; ``objects``: digests of what goes
    with them; ``starts``, ``groups``: commits and groups of 256 entries that name them."""

    log: int
    index: int
    units: frozenset[str]
    objects: frozenset[str]
    starts: tuple[int, ...]
    groups: tuple[int, ...]


# By type of event: what it dooms, given the vault, its index and its log.
DOOMING: dict[str, Callable[[Vault, int, int], Doomed]] = {REMOVED: doomed_by}


def tombstones(vault: Vault) -> list[Tombstone]:
    """Of all logs, in order. Cost: the events that gave something up, and what they are about."""
    found = []
    for log in range(vault.config.log + 1):
        for kind, dooming in DOOMING.items():
            for index in vault.catalogue.indexes_of((kind,), log):
                found.append(_tombstone(vault, log, index, dooming(vault, index, log)))
    return sorted(found, key=lambda each: (each.log, each.index))


def count_tombstones(vault: Vault, log: int, size: int) -> int:
    """How many there are at or beyond entry ``size`` of ``log``: what a copy so far lacks."""
    return sum(
        1
        for number in range(max(log, 0), vault.config.log + 1)
        for index in vault.catalogue.indexes_of(tuple(DOOMING), number)
        if number > log or index >= size
    )


def _tombstone(vault: Vault, log: int, index: int, doomed: Doomed) -> Tombstone:
    starts = {vault.catalogue.entry(i, log).commit_start for i in doomed.entries}
    groups = {i // TILE_WIDTH for i in doomed.entries}
    return Tombstone(
        log,
        index,
        frozenset(doomed.units),
        frozenset(doomed.objects),
        tuple(sorted(starts)),
        tuple(sorted(groups)),
    )
