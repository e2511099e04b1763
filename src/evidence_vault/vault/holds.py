"""What is under a legal hold, or to be kept until a date; who asks before anything is destroyed.

Read from the vault's own log: the events are the state, the catalogue only finds them again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from evidence_vault.core.commit import Committed
from evidence_vault.core.event import Event, Unit, parse_entry
from evidence_vault.core.packs import parse_held_pack
from evidence_vault.errors import (
    EvidenceError,
    FormatError,
    NotFound,
    PolicyRefused,
    UsageError,
    VaultError,
)
from evidence_vault.log.holdindex import PLACED, RELEASED, RETENTION
from evidence_vault.store.opening import as_locking
from evidence_vault.vault.handovers import set_event
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.records import committed_at

__all__ = ["PLACED", "RELEASED", "RETENTION"]

_LIST = "`evidence-vault hold list` shows all"
E_HELD, E_RETAINED = "E-HELD", "E-RETAINED"


@dataclass
class Hold:
    """One hold. ``case``: of which it is for, often none; ``on`` and ``released``: items;
    ``released_at``: of the newest release."""

    id: str
    placed_at: str
    by: str | None
    case: list[str]
    purpose: str | None
    on: list[str] = field(default_factory=list)
    released: list[str] = field(default_factory=list)
    released_at: str | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "by": self.by,
            "case": self.case,
            "hold": self.id,
            "items": self.on,
            "placed_at": self.placed_at,
            "purpose": self.purpose,
            "released": self.released,
            "released_at": self.released_at,
        }

    def words(self) -> str:
        """How it is named to whoever is refused because of it."""
        cases = f" for case {', '.join(self.case)}" if self.case else ""
        return f"the hold {self.id[:8]}{cases}, placed {self.placed_at}"


@dataclass(frozen=True)
class Kept:
    """What a hold of an item is about: (unit, header) of its entries; no header where it is gone
    or is not the one that the entry names."""

    units: tuple[tuple[Unit, bytes | None], ...]

    def headers(self) -> dict[str, bytes]:
        """Every header that is there, by unit id."""
        return {unit.id: header for unit, header in self.units if header is not None}

    @property
    def lacking(self) -> int:
        """How many headers are gone, or changed."""
        return sum(unit.header is not None and header is None for unit, header in self.units)

    def objects(self) -> list[str]:
        """Digests of the stored objects, each once."""
        found = (d for unit, _ in self.units if unit.kind != "record" for d in unit.objects)
        return list(dict.fromkeys(found))


def holds(vault: Vault, hold: str | None = None, items: Sequence[str] | None = None) -> list[Hold]:
    """Holds in order of placing, released ones too; one, or those of some items, if given.

    Cost: one entry read for each hold. Where its record can't be opened, who, why and for which
    case are unknown, and it holds all the same.
    """
    found: dict[str, Hold] = {}
    for row in vault.catalogue.hold_rows(hold=hold, items=items):
        each = found.get(row.hold)
        if each is None:
            at, values = _told_of(vault, row.placed, row.placed_log)
            each = found[row.hold] = Hold(
                row.hold,
                at,
                values.get("actor"),
                list(values.get("case") or ()),
                values.get("purpose"),
            )
        if row.released is None:
            each.on.append(row.id)
            continue
        each.released.append(row.id)
        at = vault.catalogue.entry(row.released, row.released_log).recorded_at
        each.released_at = max(each.released_at or at, at)
    return list(found.values())


def _told_of(vault: Vault, index: int, log: int) -> tuple[str, dict[str, Any]]:
    try:
        _, at, values, _ = set_event(vault, index, log)
    except (EvidenceError, FormatError):
        return vault.catalogue.entry(index, log).recorded_at, {}
    return at, values


def holds_of(vault: Vault, item: str) -> list[Hold]:
    """The holds that are on for an item."""
    return [each for each in holds(vault, items=[item]) if item in each.on]


def demand_not_held(vault: Vault, items: Sequence[str]) -> None:
    """Raises PolicyRefused (E-HELD, E-RETAINED) where an item may not be destroyed.

    The question of everybody who destroys: removal after a hand-over, erasure, replicas. Ask
    under the writer lock, and commit before it is let go. Names the hold and its case.
    """
    kept = kept_items(vault, items)
    if kept:
        item, (code, reason) = next(iter(kept.items()))
        more = f" (and {len(kept) - 1} more items)" if len(kept) > 1 else ""
        hint = "`evidence-vault hold release` ends a hold, with a reason, in the log"
        raise PolicyRefused(
            f"{item} {reason}{more}", code=code, hint=hint if code == E_HELD else ""
        )


def demand_held(vault: Vault, items: Sequence[str]) -> None:
    """Raises PolicyRefused (E-NOT-HELD) for an item that no hold covers."""
    rows = vault.catalogue.hold_rows(items=items)
    missing = sorted(set(items) - {row.id for row in rows if row.released is None})
    if missing:
        raise PolicyRefused(f"{missing[0]} is under no hold", code="E-NOT-HELD")


def kept_items(vault: Vault, items: Sequence[str]) -> dict[str, tuple[str, str]]:
    """(code, why) of each of these items that may not be destroyed."""
    if not items:
        return {}
    found: dict[str, tuple[str, str]] = {}
    for each in holds(vault, items=items):
        for item in each.on:
            found.setdefault(item, (E_HELD, f"may not be destroyed: {each.words()}"))
    now = vault.clock.now()
    for item, row in vault.catalogue.retentions(items).items():
        if row.until > now:
            found.setdefault(item, (E_RETAINED, f"is to be kept until {row.until}"))
    return dict(sorted(found.items()))


def find_hold(vault: Vault, name: str) -> tuple[str, list[str]]:
    """(hold id, items to release) for a hold id, its first 8 digits or more, or an item.

    Raises UsageError (E-NO-HOLD) for what is no hold that is on, or an item under several.
    """
    if vault.catalogue.home(name) is not None:
        on = [row.hold for row in vault.catalogue.hold_rows(items=[name]) if row.released is None]
        if len(on) == 1:
            return on[0], [name]
        raise UsageError(
            f"{name} is under {len(on)} holds" if on else f"{name} is under no hold",
            code="E-NO-HOLD",
            hint="name the hold: " + ", ".join(on) if on else _LIST,
        )
    rows = [
        row
        for row in vault.catalogue.hold_rows()
        if len(name) >= 8 and row.hold.startswith(name) and row.released is None
    ]
    ids = {row.hold for row in rows}
    if len(ids) != 1:
        raise UsageError(
            f"several holds begin with {name}" if ids else f"there is no hold {name} that is on",
            code="E-NO-HOLD",
            hint=_LIST,
        )
    return ids.pop(), [row.id for row in rows]


def kept_of(vault: Vault, item: str) -> Kept:
    """Units of every entry in an item's history, in every log, with their headers.

    Entries about several items are among them: without their records the history can't be read.
    """
    return Kept(
        tuple(
            (unit, _genuine(committed.headers.get(unit.id), unit))
            for committed, event in _entries(vault, item)
            for unit in event.units
        )
    )


def _genuine(header: bytes | None, unit: Unit) -> bytes | None:
    """A header that is there and is the one that the entry names."""
    if header is None or hashlib.sha256(header).hexdigest() != unit.header:
        return None
    return header


def _entries(vault: Vault, item: str) -> list[tuple[Committed, Event]]:
    found = []
    for number in range(vault.config.log + 1):
        for index in vault.catalogue.history(item, number):
            committed = committed_at(vault, index, number)
            found.append((committed, parse_entry(committed.entry).event))
    return found


def copy_key(hold: str, item: str, number: int) -> str:
    """Where the ``number``-th (from 1) copy of an item's headers lies in ``archive/``."""
    return f"holds/{hold}/{item}/{number}"


def header_copies(vault: Vault, item: str) -> dict[str, bytes]:
    """Headers of an item's units out of the copies that its holds keep, by unit id.

    Each is what an entry names by its digest; copies that are gone, damaged or laid over give
    nothing. Needs no key: the catalogue, or for want of it a listing, says where they lie.
    """
    wanted = {unit.id: unit.header for unit, _ in kept_of(vault, item).units}
    found: dict[str, bytes] = {}
    for hold, number, version in _copies(vault, item):
        try:
            pack = read_copy(vault, hold, item, number, version)
        except VaultError:
            continue
        for unit, header in pack.items():
            if hashlib.sha256(header).hexdigest() == wanted.get(unit):
                found[unit] = header
    return found


def _copies(vault: Vault, item: str) -> list[tuple[str, int, str | None]]:
    known = {row.hold for row in vault.catalogue.hold_rows(items=[item])}
    rows = [row for hold in sorted(known) for row in vault.catalogue.held_copies(hold, [item])]
    if rows:
        return [(row.hold, row.number, row.version) for row in rows]
    found: list[tuple[str, int, str | None]] = []
    for key in sorted(vault.archive.keys("holds/")):
        parts = key.split("/")
        if len(parts) == 4 and parts[2] == item and parts[3].isdecimal():
            found.append((parts[1], int(parts[3]), None))
    return found


def read_copy(
    vault: Vault,
    hold: str,
    item: str,
    number: int,
    version: str | None,
    sha256: str | None = None,
) -> dict[str, bytes]:
    """The headers in one copy. Raises NotFound, FormatError, EvidenceError for another digest."""
    key = copy_key(hold, item, number)
    if version is not None and vault.archive.locks:
        stream = as_locking(vault.archive).open_version(key, version)
    else:
        stream = vault.archive.open(key)
    with stream:
        data = stream.read()
    if sha256 is not None and hashlib.sha256(data).hexdigest() != sha256:
        raise EvidenceError(f"{key} was changed", code="E-HELD-COPY")
    return parse_held_pack(data, hold, item)


def list_holds(vault: Vault, item: str | None = None, every: bool = False) -> dict[str, Any]:
    """Holds that are on, or with ``every`` also those that ended; those of one item if given."""
    if item is not None and vault.catalogue.home(item) is None:
        raise UsageError(f"there is no item {item} in this vault", code="E-NO-ITEM")
    found = holds(vault, items=None if item is None else [item])
    shown = [each.to_json() for each in found if each.on or every]
    on = {item for each in found for item in each.on}
    return {"holds": shown, "items": len(on)}


def stands_of(vault: Vault, item: str) -> dict[str, Any]:
    """What ``show`` says of an item: holds, retention, and its objects' locks as recorded."""
    on = holds_of(vault, item)
    row = vault.catalogue.retentions([item]).get(item)
    digests = kept_of(vault, item).objects() if vault.archive.locks else []
    placed = vault.catalogue.placed(digests)
    return {
        "holds": [{k: v for k, v in each.to_json().items() if k in _SHOWN} for each in on],
        "locks": [
            {
                "hold": bool(on),
                "mode": placed[digest].mode,
                "sha256": digest,
                "until": placed[digest].until,
                "version": placed[digest].version,
            }
            for digest in digests
            if digest in placed
        ],
        "retention": None if row is None else {"mode": row.mode, "until": row.until},
    }


_SHOWN = ("by", "case", "hold", "placed_at", "purpose")


def choose_items(
    vault: Vault,
    items: Sequence[str],
    case: Sequence[str] = (),
    query: str | None = None,
    everything: bool = False,
) -> list[str]:
    """Items by name, else by what a search finds, else all, else those of the cases; in order.

    With items or a query a case only says what they are kept for. Raises UsageError.
    """
    if not (items or case or query or everything):
        raise UsageError("say which items: ITEM…, --case, --query or --all")
    if bool(items) + bool(query) + everything > 1:
        raise UsageError("items, --query and --all exclude each other")
    chosen = set(items)
    for item in items:
        if vault.catalogue.home(item) is None:
            raise UsageError(f"there is no item {item} in this vault", code="E-NO-ITEM")
    if case and not (items or query or everything):
        for each in case:
            chosen |= {row["id"] for row in vault.catalogue.search(case=each)}
    if query:
        from evidence_vault.vault.queries import search_items

        chosen |= {row["id"] for row in search_items(vault, text=query)["items"]}
    if everything:
        chosen |= set(vault.catalogue.item_ids())
    if not chosen:
        raise UsageError("there are no such items", code="E-NO-ITEM")
    return sorted(chosen)


def copies_problem(vault: Vault, hold: str, items: Sequence[str]) -> dict[str, str]:
    """By item, what is wrong with the copies of its headers that a hold keeps."""
    wrong: dict[str, str] = {}
    for row in vault.catalogue.held_copies(hold, items):
        try:
            read_copy(vault, hold, row.id, row.number, row.version, row.sha256)
        except NotFound:
            wrong[row.id] = "a copy of its headers is gone"
        except (EvidenceError, FormatError):
            wrong[row.id] = "a copy of its headers was changed"
        except VaultError as error:
            wrong[row.id] = f"could not be checked: {error.message}"
    return wrong
