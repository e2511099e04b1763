"""Which commits a run of fixity looks at, in slices that need nothing of each other."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from evidence_vault.core.checkpoint import Checkpoint, parse_checkpoint
from evidence_vault.core.merkle import HASH_SIZE
from evidence_vault.core.note import parse_note
from evidence_vault.core.placement import Lock, Placed
from evidence_vault.core.tiles import TILE_WIDTH, tile_path
from evidence_vault.errors import NotFound, StoreError, VaultError
from evidence_vault.log.logstore import LogStore
from evidence_vault.prove import damage as codes
from evidence_vault.prove.damage import Damage
from evidence_vault.prove.objects import Placements, Slice
from evidence_vault.vault.handovers import set_event
from evidence_vault.vault.opening import Vault, open_vault
from evidence_vault.vault.removing import removed_entries

Range = tuple[int, int, int]
"""Number of the log, first entry, end."""

_SLICE = 1024  # entries of a slice, at least
_THREADS = 8  # objects asked for side by side, for each process


class RecordedPlaces:
    """What an archive with locks answered, as the catalogue keeps it (prove.objects.Placements).

    Pickled: opened again in each process, without a passphrase.
    """

    def __init__(self, folder: Path, held: frozenset[str]) -> None:
        self._folder = folder
        self._held = held
        self._vault: Vault | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._folder, self._held)

    def placed(self, digests: Sequence[str]) -> Mapping[str, Placed]:
        return self._opened().catalogue.placed(digests)

    def retained(self, items: Sequence[str]) -> Mapping[str, tuple[int, int, Lock]]:
        rows = self._opened().catalogue.retentions(items)
        return {item: (row.log, row.idx, Lock(row.mode, row.until)) for item, row in rows.items()}

    def _opened(self) -> Vault:
        if self._vault is None:
            self._vault = open_vault(self._folder)
        return self._vault

    def held(self) -> frozenset[str]:
        return self._held


def places_of(vault: Vault) -> Placements | None:
    """None for an archive that keeps no versions."""
    return RecordedPlaces(vault.folder, held_objects(vault)) if vault.archive.locks else None


def held_objects(vault: Vault) -> frozenset[str]:
    """Digests of the objects that a logged hold is on: placed, and not released."""
    held: dict[str, set[str]] = {}
    for number in range(vault.config.log + 1):
        for index in vault.catalogue.indexes_of(("hold-placed", "hold-released"), number):
            kind, _, values, _ = set_event(vault, index, number)
            of_hold = held.setdefault(str(values.get("hold_id")), set())
            objects = {str(each["sha256"]) for each in values.get("objects") or ()}
            if kind == "hold-placed":
                of_hold |= objects
            else:
                of_hold -= objects
    return frozenset().union(*held.values())


def demand_there(vault: Vault) -> None:
    """Raises StoreError (E-STORE-ABSENT) where a folder is not there at all: a disk that is not
    connected is no damage."""
    for name, store in (("archive", vault.archive), ("control", vault.control)):
        root = getattr(store, "root", None)
        if isinstance(root, Path) and not root.is_dir():
            raise StoreError(
                f"the folder {name}/ of this vault is not there: nothing could be checked",
                code="E-STORE-ABSENT",
                hint="connect the disk it lies on, or put the folder back from a copy",
            )


def every_slice(
    vault: Vault,
    items: list[str] | None,
    part: tuple[int, int] | None = None,
    done: Iterable[Range] = (),
    read: bool = True,
) -> Iterator[Slice]:
    """Every commit of every log, or those that hold entries about ``items``, some at a time.

    ``part``: (I, N), the I-th of N equal parts. ``done``: ranges to leave out.
    """
    placements = places_of(vault)
    done = sorted(done)
    size = sum(vault.catalogue.frontier(n).size for n in range(vault.config.log + 1))
    first, last = (0, size) if part is None else (_share(size, part, 1), _share(size, part, 0))
    before = 0
    for number in range(vault.config.log + 1):
        log = vault.log_number(number)
        frame = Slice(
            log,
            (),
            removed=removed_entries(vault, number),
            published=_published(vault, log),
            placements=placements,
            read=read,
            threads=_THREADS if vault.archive.locks else 0,
        )
        places = None if items is None else vault.catalogue.places(items, number)
        starts = [
            (start, end)
            for start, end in vault.catalogue.commit_starts(number)
            if first <= before + start < last and not _inside(done, number, start, end)
        ]
        yield from _grouped(frame, starts, places)
        before += vault.catalogue.frontier(number).size


def _grouped(
    frame: Slice, starts: list[tuple[int, int]], places: list[int] | None
) -> Iterator[Slice]:
    commits: list[tuple[int, int]] = []
    wanted: list[int] = []
    size = 0
    for start, end in starts:
        if places is not None:
            here = places[bisect_left(places, start) : bisect_left(places, end)]
            if not here:
                continue
            wanted += here
        commits.append((start, end))
        size += end - start
        if size >= _SLICE:
            yield _slice(frame, commits, wanted)
            commits, wanted, size = [], [], 0
    if commits:
        yield _slice(frame, commits, wanted)


def _slice(frame: Slice, commits: list[tuple[int, int]], wanted: list[int]) -> Slice:
    """``wanted`` is empty when every entry is looked at."""
    return frame._replace(commits=tuple(commits), wanted=frozenset(wanted) or None)


def _share(size: int, part: tuple[int, int], back: int) -> int:
    return size * (part[0] - back) // part[1]


def _inside(done: Sequence[Range], log: int, start: int, end: int) -> bool:
    """Whether [start, end) is covered by ranges of this log, which are in order."""
    at = start
    for number, low, high in done:
        if number == log and low <= at < high:
            at = high
    return at >= end


def stored_point(vault: Vault, log: LogStore) -> Checkpoint | None:
    """The stored checkpoint; where entry 0 is lost, whose keys sign it, as it says of itself.

    Only to know which files there must be: what is in them is compared with leaf hashes. None
    where there is none, or none that can be read, which is said elsewhere.
    """
    try:
        opened = vault.checkpoint(log)
        return None if opened is None else opened.checkpoint
    except (VaultError, ValueError, LookupError):
        pass
    try:
        point = parse_checkpoint(parse_note(log.checkpoint() or b"").text)
    except VaultError:
        return None
    return point if point.size <= vault.catalogue.frontier(log.number).size else None


def _published(vault: Vault, log: LogStore) -> int:
    """How many entries the stored checkpoint covers."""
    point = stored_point(vault, log)
    return 0 if point is None else point.size


def settle(vault: Vault, found: list[Damage]) -> list[Damage]:
    """Where an entry and its published hash disagree, say which of them is damaged: the catalogue
    knows the hash, too."""
    return [_settled(vault, each) if each.code == codes.BUNDLE_CHANGED else each for each in found]


def _settled(vault: Vault, each: Damage) -> Damage:
    group, place = divmod(each.index, TILE_WIDTH)
    log = vault.log_number(each.log)
    path = tile_path(0, group)
    try:
        leaf = vault.catalogue.entry(each.index, each.log).leaf
        tile = log.tile(path)
    except (NotFound, VaultError):
        return each
    if tile[place * HASH_SIZE : (place + 1) * HASH_SIZE] == leaf:
        return each
    return replace(each, code=codes.TILE_CHANGED, object=log.tile_key(path))
