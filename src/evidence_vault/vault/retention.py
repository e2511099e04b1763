"""``retention set|list``: until when items are kept; where the archive locks, by the store itself.

A lock is only ever made longer. Some items at a time: what is set is in the log, and the same
command run again goes on with the rest.

1 locks   each object of the slice locked until the date, read back
2 set     the event committed, with what the store answered. A crash before it leaves longer locks
          than the log says; the same command records them
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from evidence_vault.core.event import parse_entry
from evidence_vault.core.placement import COMPLIANCE, LAST_DATE, MODES, Placed, is_time
from evidence_vault.errors import PolicyRefused, StoreError, UsageError, VaultError
from evidence_vault.log.holdindex import RETENTION, HoldChange
from evidence_vault.store.naming import object_key
from evidence_vault.vault.faults import step
from evidence_vault.vault.handovers import removed_items
from evidence_vault.vault.holding import demand_reason, refusals
from evidence_vault.vault.holdkeeping import Refusals, members_of, slices
from evidence_vault.vault.holds import choose_items, kept_of
from evidence_vault.vault.locks import (
    as_it_stands,
    each_or_error,
    later,
    lock_of,
    locking,
    recorded,
)
from evidence_vault.vault.opening import Vault, demand_desk
from evidence_vault.vault.writer import Writer, writing

Progress = Callable[[int, int], None]
ONLY_HERE = (
    "the archive is a folder: nothing but this program keeps the date; whoever may write to the "
    "folder can still delete it (docs/holds.md)"
)
SOON_DAYS = 90
_E_SHORTER = "E-RETENTION-SHORTER"


@dataclass(frozen=True)
class RetentionRequest:
    """``until``: a date or UTC time; ``mode``: COMPLIANCE or GOVERNANCE, None for the one that
    stands, else COMPLIANCE."""

    until: str
    reason: str
    items: Sequence[str] = ()
    case: Sequence[str] = ()
    everything: bool = False
    mode: str | None = None
    by: str | None = None


def set_retention(
    vault: Vault, request: RetentionRequest, progress: Progress | None = None
) -> dict[str, Any]:
    """Keep items until a date. Named items that are kept longer already are refused (14); those of
    a case or of all are left as they are.

    Exit 3 when the store did not do it for some items: they are named and not recorded.
    """
    demand_desk(vault, "set retention")
    demand_reason(request.reason)
    until = _date(vault, request.until)
    chosen = choose_items(vault, request.items, request.case, everything=request.everything)
    gone = removed_items(vault)
    if request.items and gone & set(chosen):
        raise UsageError(f"{min(gone & set(chosen))} was removed here", code="E-REMOVED")
    chosen = [item for item in chosen if item not in gone]
    todo, already, longer = _sorted(vault, chosen, until, request.mode)
    if request.items and longer:
        raise _shorter(longer[0][0], longer[0][1], until)
    if request.items:
        _demand_longer(vault, todo, until)
    weaker = _weaker(vault, already, until)
    already = [item for item in already if item not in weaker]
    todo = sorted([*todo, *weaker])
    result = _Told()
    for some in slices(todo):
        with writing(vault) as writer:
            _set_slice(vault, writer, some, until, request, result)
        if progress is not None:
            progress(len(result.done), 0)
    if result.events:
        with writing(vault) as writer:
            writer.checkpoint()
    return {
        "already": already,
        "events": result.events,
        "exit": 3 if result.refused else 0,
        "items": result.done,
        "locked_objects": result.objects,
        "longer": [{"id": item, "until": stands} for item, stands in longer],
        "longer_objects": result.longer,
        "notices": [] if vault.archive.locks else [ONLY_HERE],
        "refused": refusals(result.refused),
        "until": until,
    }


class _Told:
    def __init__(self) -> None:
        self.done: list[str] = []
        self.refused: Refusals = {}
        self.events: list[int] = []
        self.objects = 0
        self.longer = 0


def _sorted(
    vault: Vault, items: Sequence[str], until: str, mode: str | None
) -> tuple[list[str], list[str], list[tuple[str, str]]]:
    """(to set, set so already, (item, date) of those that are kept longer)."""
    stands = vault.catalogue.retentions(items)
    todo: list[str] = []
    already: list[str] = []
    longer: list[tuple[str, str]] = []
    for item in items:
        row = stands.get(item)
        if row is None or row.until < until:
            todo.append(item)
        elif row.until > until:
            longer.append((item, row.until))
        elif row.mode != COMPLIANCE and mode == COMPLIANCE:
            todo.append(item)
        else:
            already.append(item)
    return todo, already, longer


def _weaker(vault: Vault, items: Sequence[str], until: str) -> set[str]:
    """Those of items set so already some object of which the store does not lock like that, or
    can't be asked about: what came later, what was moved, what somebody changed."""
    if not vault.archive.locks:
        return set()
    found: set[str] = set()
    stands = vault.catalogue.retentions(items)
    for item in items:
        try:
            placed = list(recorded(vault, kept_of(vault, item).objects()).values())
        except VaultError:
            found.add(item)
            continue
        strict = stands[item].mode == COMPLIANCE
        for lock in each_or_error(lambda one: lock_of(vault, one), placed):
            if isinstance(lock, VaultError) or lock.until is None or lock.until < until:
                found.add(item)
                break
            if strict and lock.mode != COMPLIANCE:
                found.add(item)
    return found


def _demand_longer(vault: Vault, items: Sequence[str], until: str) -> None:
    """Raises PolicyRefused where an object's recorded lock ends later than what is asked for."""
    if not vault.archive.locks:
        return
    for item in items:
        for each in vault.catalogue.placed(kept_of(vault, item).objects()).values():
            if each.until is not None and each.until > until:
                raise _shorter(item, each.until, until)


def _shorter(item: str, stands: str, until: str) -> PolicyRefused:
    return PolicyRefused(
        f"{item} is kept until {stands} already: {until} would be shorter",
        code=_E_SHORTER,
        hint="a lock is only ever made longer",
    )


def _set_slice(
    vault: Vault,
    writer: Writer,
    items: Sequence[str],
    until: str,
    request: RetentionRequest,
    told: _Told,
) -> None:
    locked, refused = _extend(vault, items, until, request.mode, told)  # 1.
    told.refused.update(refused)
    step("retention-locked")
    done = [item for item in items if item not in refused]
    if not done:
        return
    members = members_of(vault, done)
    objects = list({p.digest: p for item, _ in members for p in locked.get(item, ())}.values())
    modes = {p.mode for p in objects if p.mode} or {request.mode or COMPLIANCE}
    mode = COMPLIANCE if modes == {COMPLIANCE} else min(modes, key=MODES.index)
    values = {
        "actor": request.by,
        "case": sorted(set(request.case)) or None,
        "mode": mode,
        "objects": [each.to_json() for each in objects],
        "purpose": request.reason,
        "until": until,
    }
    writer.set_event(RETENTION, members, values)
    index = writer.frontier.size + writer.pending - 1
    names = tuple(item for item, _ in members)
    writer.index.holds.append(HoldChange(RETENTION, index, names, mode=mode, until=until))
    writer.index.objects += objects
    writer.commit()  # 2.
    step("retention-set")
    told.done += done
    told.events.append(index)
    told.objects += len(objects)


def _extend(
    vault: Vault, items: Sequence[str], until: str, mode: str | None, told: _Told
) -> tuple[dict[str, list[Placed]], Refusals]:
    """Lock every object of the items; by item, what stands then. None in a folder."""
    found: dict[str, list[Placed]] = {item: [] for item in items}
    refused: Refusals = {}
    if not vault.archive.locks:
        return found, refused
    works: list[tuple[str, Placed]] = []
    strict = {i for i, row in vault.catalogue.retentions(items).items() if row.mode == COMPLIANCE}
    for item in items:
        try:
            digests = kept_of(vault, item).objects()
            placed = recorded(vault, digests)
            works += [(item, placed[digest]) for digest in digests]
        except VaultError as error:
            refused[item] = error

    def lock(work: tuple[str, Placed]) -> Placed:
        return _lock_one(vault, work[1], until, COMPLIANCE if work[0] in strict else mode)

    results = each_or_error(lock, works)
    for (item, _), one in zip(works, results, strict=True):
        if isinstance(one, VaultError):
            refused.setdefault(item, one)
        else:
            found[item].append(one)
            told.longer += one.until is not None and one.until > until
    return found, refused


def _lock_one(vault: Vault, placed: Placed, until: str, mode: str | None) -> Placed:
    """An object locked at least until the date, as the store tells it; never a weaker mode."""
    assert placed.version is not None
    stands = lock_of(vault, placed)
    wanted = COMPLIANCE if stands.mode == COMPLIANCE else mode or stands.mode or COMPLIANCE
    if stands.until is not None and stands.until >= until and stands.mode == wanted:
        return as_it_stands(placed, stands)
    date = max(until, stands.until or until)
    lock = locking(vault).extend(object_key(placed.digest), placed.version, wanted, date)
    if lock.mode != wanted or lock.until is None or lock.until < until:
        raise StoreError(
            f"the store took the lock of {placed.digest} and shows another: {lock.mode} until "
            f"{lock.until}",
            code="E-LOCK-NOT-KEPT",
            hint="ask whoever runs the object store",
        )
    return as_it_stands(placed, lock)


def _date(vault: Vault, text: str) -> str:
    """A date means its last second. Raises UsageError for one that is past or can't be kept."""
    until = f"{text}T23:59:59Z" if len(text) == 10 else text
    try:
        good = is_time(until) and later(until, seconds=0) == until
    except ValueError:
        good = False
    if not good:
        raise UsageError(
            f"{text!r} is no date", code="E-DATE", hint="write 2036-12-31 or 2036-12-31T12:00:00Z"
        )
    if until <= vault.clock.now():
        raise UsageError(f"{until} is past", code="E-DATE")
    if until > LAST_DATE:
        raise UsageError(
            f"{until} is later than {LAST_DATE}: some stores would count around and lock nothing",
            code="E-DATE",
        )
    return until


# -- what ends -------------------------------------------------------------------------------------


def list_retention(vault: Vault, ending: int | None = None) -> dict[str, Any]:
    """What was decided, and what is locked, by item; with ``ending`` what ends within so many
    days, past ends of locks among it. Cost: the log, where locks are concerned."""
    before = LAST_DATE if ending is None else later(vault.clock.now(), days=ending)
    rows = vault.catalogue.retentions_ending(before)
    decided = [{"id": row.id, "mode": row.mode, "until": row.until} for row in rows]
    ends = vault.catalogue.locks_ending(before) if vault.archive.locks else {}
    locks: dict[str, dict[str, Any]] = {}
    for item, digest in _owners(vault) if ends else ():
        if digest not in ends:
            continue
        row_ = locks.setdefault(item, {"id": item, "objects": 0, "until": ends[digest]})
        row_["objects"] += 1
        row_["until"] = min(row_["until"], ends[digest])
    return {
        "before": before,
        "locks": sorted(locks.values(), key=lambda row: (row["until"], row["id"])),
        "retention": decided,
    }


def _owners(vault: Vault) -> Iterator[tuple[str, str]]:
    """(item, digest) of every stored object; one walk through the log."""
    gone = removed_items(vault)
    for number in range(vault.config.log + 1):
        log = vault.log_number(number)
        for start, _ in vault.catalogue.commit_starts(number):
            for committed in log.contents(log.commit(start)):
                event = parse_entry(committed.entry).event
                item = event.subject.get("id")
                if event.subject["kind"] != "item" or item in gone:
                    continue
                for unit in event.units:
                    if unit.kind != "record":
                        yield from ((str(item), digest) for digest in unit.objects)
