"""``hold place`` and ``hold release``: people's decisions, with who, why and for which case."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from evidence_vault.errors import UsageError
from evidence_vault.vault.handovers import removed_items
from evidence_vault.vault.holdkeeping import (
    Refusals,
    extend_holds,
    place_slice,
    release_slice,
    slices,
)
from evidence_vault.vault.holdpage import Page, read_page
from evidence_vault.vault.holds import choose_items, find_hold
from evidence_vault.vault.opening import Vault, demand_desk
from evidence_vault.vault.writer import writing

Progress = Callable[[int, int], None]
ONLY_HERE = (
    "the archive is a folder: nothing but this program keeps the hold; whoever may write to the "
    "folder can still delete it (docs/holds.md)"
)


@dataclass(frozen=True)
class HoldRequest:
    """``items``: by name, or those of ``query``, or those of ``case``; ``case``: what it is for."""

    reason: str
    items: Sequence[str] = ()
    case: Sequence[str] = ()
    query: str | None = None
    by: str | None = None


def place(vault: Vault, request: HoldRequest, progress: Progress | None = None) -> dict[str, Any]:
    """Put items under a new hold, some at a time; each slice is in the log when it is done.

    Exit 3 when items could not be held: they are named, and nothing is claimed of them. Run again
    after a crash it begins a hold of its own; what the log does not have was rolled back.
    """
    demand_desk(vault, "place a hold")
    demand_reason(request.reason)
    chosen = choose_items(vault, request.items, request.case, request.query)
    gone = removed_items(vault) & set(chosen)
    if gone:
        raise UsageError(
            f"{min(gone)} was removed here after another vault acknowledged it", code="E-REMOVED"
        )
    hold = secrets.token_hex(16)
    values = {
        "actor": request.by,
        "case": sorted(set(request.case)) or None,
        "purpose": request.reason,
    }
    done: list[str] = []
    refused: Refusals = {}
    events: list[int] = []
    objects, notices = 0, [] if vault.archive.locks else [ONLY_HERE]
    for some in slices(chosen):
        with writing(vault) as writer:
            told = place_slice(vault, writer, hold, some, values)
        done += told.done
        refused.update(told.refused)
        objects += told.objects
        notices += [_lacking(item) for item in told.lacking]
        events += [told.index] if told.done else []
        if progress is not None:
            progress(len(done), 0)
    if events:
        with writing(vault) as writer:
            writer.checkpoint()
    return {
        "case": values["case"] or [],
        "events": events,
        "exit": 3 if refused else 0,
        "hold": hold if done else None,
        "items": done,
        "locked_objects": objects,
        "notices": notices,
        "refused": refusals(refused),
    }


def release(vault: Vault, name: str, reason: str, by: str | None = None) -> dict[str, Any]:
    """End a hold, or end it for one item; ``name``: a hold id or its beginning, or an item.

    ``pending``: what the store does not let go yet; every later writing tries again. ``missing``:
    objects whose held version the store does not have: nothing was released there (exit 3).
    """
    demand_desk(vault, "release a hold")
    demand_reason(reason)
    hold, items = find_hold(vault, name)
    values = {"actor": by, "purpose": reason}
    events: list[int] = []
    missing: list[str] = []
    objects = 0
    for some in slices(items):
        with writing(vault) as writer:
            rows = vault.catalogue.hold_rows(hold=hold, items=some)
            still = [row.id for row in rows if row.released is None]  # another may be faster
            if still:
                told = release_slice(vault, writer, hold, still, values)
                events.append(told.index)
                objects += told.objects
                missing += told.lost
    pending = read_page(vault)
    return {
        "events": events,
        "exit": 3 if missing else 0,
        "hold": hold,
        "items": items,
        "locked_objects": objects,
        "missing": missing,
        "notices": [*_still(pending), *_lost(missing)],
        "pending": {"copies": len(pending.doomed), "objects": len(pending.off)},
    }


def cover(vault: Vault) -> int:
    """Put everything that came to held items under their holds; returns how many items."""
    if not vault.catalogue.any_hold() or vault.keyring.is_station:
        return 0
    with writing(vault) as writer:
        return extend_holds(vault, writer)


def _lacking(item: str) -> str:
    return (
        f"{item}: some of its headers are gone from control/, so the hold keeps less than the "
        f"whole (`evidence-vault fixity {item}` names them)"
    )


def demand_reason(reason: str) -> None:
    """Raises UsageError for an empty reason."""
    if not reason.strip():
        raise UsageError("say why: --reason TEXT stands in the record")


def refusals(refused: Refusals) -> list[dict[str, str]]:
    return [
        {"code": error.code, "id": item, "reason": error.message}
        for item, error in sorted(refused.items())
    ]


def _lost(missing: Sequence[str]) -> list[str]:
    if not missing:
        return []
    return [
        f"the store does not have {len(missing)} of the objects in the version that was held: the "
        "hold is released in the log, nothing was taken off there; `evidence-vault fixity --all` "
        "says what is left of them"
    ]


def _still(page: Page) -> list[str]:
    if page.empty:
        return []
    return [
        f"{len(page.doomed)} copies of headers and {len(page.off)} legal holds are not gone yet: a "
        "copy is locked for a minute after it was made, or the store did not answer; the next "
        "command that writes tries again (`evidence-vault log checkpoint`)"
    ]
