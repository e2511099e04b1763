"""Fixity: what is stored, hashed again and compared with what the entries say."""

from __future__ import annotations

import contextlib
import functools
import random
from bisect import bisect_left
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from evidence_vault import osfiles
from evidence_vault.errors import StoreError, UsageError, VaultError
from evidence_vault.log.logstore import LogStore
from evidence_vault.prove.objects import Each, Slice, SliceFound, check_slice
from evidence_vault.store.naming import object_key
from evidence_vault.vault.handovers import removed_items
from evidence_vault.vault.holding import cover
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.removing import removed_entries
from evidence_vault.vault.spreading import spread
from evidence_vault.vault.writer import writing

Progress = Callable[[int, int], None]

_SLICE = 1024  # entries of a slice, at least
_METHOD = "SHA-256 of stored objects, records and headers against the entries"


def fixity(
    vault: Vault,
    *,
    all: bool = False,
    sample: int | None = None,
    items: list[str] | None = None,
    by: str | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Hash stored objects, records and headers again and compare them with the entries.

    Goes through the log in order, on all cores, with flat memory. One event ``fixity-checked``
    about all items looked at is committed afterwards. Exit 10 when anything is damaged, 3 when
    nothing is and the check could not be recorded (a disk that is read-only or full).
    """
    with contextlib.suppress(VaultError):  # recording the check says why nothing can be written
        cover(vault)
    chosen = _choose(vault, all, sample, items)
    found = _check(vault, None if all else chosen, progress)
    event, notices = None, []
    if chosen:
        try:
            event = _record(vault, chosen, found, by)
        except StoreError as error:
            notices.append(f"this check could not be recorded in the log: {error.message}")
    return {
        "bytes": found.bytes,
        "checked": len(chosen),
        "damaged": found.damaged,
        "event": event,
        "exit": 10 if found.damaged else 3 if notices else 0,
        "notices": notices,
        "objects": found.objects,
    }


def _record(vault: Vault, chosen: list[str], found: SliceFound, by: str | None) -> int:
    homes = vault.catalogue.homes(chosen)
    values = {
        "actor": by,
        "counts": {
            "bytes": str(found.bytes),
            "damaged": len(found.damaged),
            "items": len(chosen),
            "objects": str(found.objects),
        },
        "findings": found.damaged,
        "method": _METHOD,
    }
    with writing(vault) as writer:
        writer.set_event("fixity-checked", [(item, homes[item]) for item in chosen], values)
        event = writer.commit()
        writer.checkpoint()
    return event


def _choose(vault: Vault, all_: bool, sample: int | None, items: list[str] | None) -> list[str]:
    known = vault.catalogue.item_ids()
    removed = removed_items(vault)
    if items and removed & set(items):
        raise UsageError(
            f"{min(removed & set(items))} was removed here after another vault acknowledged it",
            code="E-REMOVED",
        )
    if items:
        missing = sorted(set(items) - set(known))
        if missing:
            raise UsageError(f"there is no item {missing[0]} in this vault", code="E-NO-ITEM")
        return sorted(set(items))
    known = [item for item in known if item not in removed]
    if sample is not None:
        return sorted(random.SystemRandom().sample(known, min(sample, len(known))))
    if not all_:
        raise UsageError("say what to check: --all, --sample N or items")
    return known


def _check(vault: Vault, items: list[str] | None, progress: Progress | None) -> SliceFound:
    """Look at every slice, or at those that hold entries about ``items``."""
    total = SliceFound()
    slices = list(_slices(vault, items))
    with ThreadPoolExecutor(osfiles.usable_cores()) as pool:
        # One slice is done here, its objects side by side; several are spread over processes.
        each: Each = pool.map if len(slices) == 1 else map
        check = functools.partial(check_slice, object_key, each=each)
        for found in spread(check, slices, (check_slice.__module__, LogStore.__module__)):
            # A wrong passphrase is told now, not after hours; other processes go on meanwhile.
            _ = vault.keyring
            total.objects += found.objects
            total.bytes += found.bytes
            total.damaged += found.damaged
            if progress is not None:
                progress(total.objects, total.bytes)
    return total


def _slices(vault: Vault, items: list[str] | None) -> Iterator[Slice]:
    """Every commit of every log, or those that hold entries about ``items``, some at a time."""
    for number in range(vault.config.log + 1):
        log = vault.log_number(number)
        removed = removed_entries(vault, number)
        places = None if items is None else vault.catalogue.places(items, number)
        commits: list[tuple[int, int]] = []
        wanted: list[int] = []
        size = 0
        for start, end in vault.catalogue.commit_starts(number):
            if places is not None:
                here = places[bisect_left(places, start) : bisect_left(places, end)]
                if not here:
                    continue
                wanted += here
            commits.append((start, end))
            size += end - start
            if size >= _SLICE:
                yield _slice(log, commits, wanted, removed)
                commits, wanted, size = [], [], 0
        if commits:
            yield _slice(log, commits, wanted, removed)


def _slice(
    log: LogStore, commits: list[tuple[int, int]], wanted: list[int], removed: frozenset[int]
) -> Slice:
    """``wanted`` is empty when every entry is looked at."""
    return Slice(log, tuple(commits), frozenset(wanted) or None, removed)
