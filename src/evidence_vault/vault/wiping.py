"""``transfer remove``: what the other vault acknowledged is removed here, with an event.

1 check      every item acknowledged with all that was derived from it, none removed yet
2 removed    committed and covered by a checkpoint
3 destroyed  as removing.py says; a crash here is finished when the vault is next opened for writing
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evidence_vault.errors import PolicyRefused, UsageError
from evidence_vault.osfiles import free_bytes
from evidence_vault.vault.faults import step
from evidence_vault.vault.handovers import (
    PROVED,
    REMOVED,
    Standing,
    derivations,
    not_answered,
    standings,
)
from evidence_vault.vault.holds import demand_not_held, kept_items
from evidence_vault.vault.offering import demand_sealed
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.removing import Destroyed, finish_removals
from evidence_vault.vault.writer import writing

HONEST = (
    "the age headers are gone, so from this copy nobody can read these items any more, the other "
    "vault's key included; flash and journalling disks may keep old blocks for a while: encrypt "
    "the whole disk, and destroy the medium where that must not be"
)


def removable(
    vault: Vault, items: Sequence[str] | None
) -> tuple[list[Standing], list[dict[str, str]]]:
    """Step 1: (what can go, what has to stay and why). What is held or retained stays.

    ``items``: None means all that is acknowledged and not removed yet. What was derived from an
    item after the offer that was acknowledged may be here only: then nothing of the item goes.
    Raises UsageError for an unknown item or when there is none, PolicyRefused (E-NOT-ACKNOWLEDGED)
    for one that nobody has acknowledged, (E-HELD, E-RETAINED) for a named one that must be kept.
    """
    demand_sealed(vault)
    known = standings(vault)
    chosen: list[Standing] = []
    kept: list[dict[str, str]] = []
    acknowledged = [item for item, each in known.items() if each.state == PROVED]
    wanted = sorted(set(acknowledged if items is None else items))
    if items is not None:
        demand_not_held(vault, wanted)
    held = kept_items(vault, wanted)
    for item in wanted:
        if vault.catalogue.home(item) is None:
            raise UsageError(f"there is no item {item} in this vault", code="E-NO-ITEM")
        stands = known.get(item)
        if stands is None or stands.state not in (PROVED, REMOVED):
            raise PolicyRefused(
                f"{item} is not acknowledged by another vault: it may be the only copy",
                code="E-NOT-ACKNOWLEDGED",
                hint="`evidence-vault transfer list` shows where each hand-over stands",
            )
        if stands.state == PROVED and (reason := _not_covered(vault, stands)):
            kept.append({"code": "E-COPY-NOT-ACKNOWLEDGED", "id": item, "reason": reason})
        elif stands.state == PROVED and item in held and items is None:
            kept.append({"code": held[item][0], "id": item, "reason": held[item][1]})
        elif stands.state == PROVED:
            chosen.append(stands)
    return chosen, kept


def _not_covered(vault: Vault, stands: Standing) -> str:
    """Why an acknowledged item has to stay; empty when all of it is acknowledged."""
    late = not_answered(vault, stands)
    if not late:
        return ""
    seqs = [str(event.item_seq) for index, event in derivations(vault, stands.id) if index in late]
    which = f"event {seqs[0]}" if len(seqs) == 1 else f"events {', '.join(seqs)}"
    return (
        f"a copy was made of it after the offer that was acknowledged ({which} of its "
        f"history) and may be here only: offer it again (`evidence-vault transfer offer "
        f"{stands.id}`)"
    )


def remove(
    vault: Vault,
    items: Sequence[str] | None,
    by: str | None = None,
    purpose: str | None = None,
) -> dict[str, Any]:
    """Steps 1 to 3. What was removed before is finished, and not recorded again.

    Exit 3 when items have to stay; they are named in ``refused``.
    """
    events: list[int] = []
    with writing(vault) as writer:  # opening finishes what a committed event began
        chosen, kept = removable(vault, items)  # 1.
        transfers = sorted({each.transfer_id for each in chosen})
        for transfer in transfers:
            values = {"actor": by, "purpose": purpose, "transfer_id": transfer}
            members = [(e.id, e.home) for e in chosen if e.transfer_id == transfer]
            writer.set_event(REMOVED, members, values)
        start = writer.commit()  # 2.
        events = [start + i for i in range(len(transfers))]
        step("transfer-removed")
        writer.checkpoint()
        step("transfer-removed-signed")
        done = finish_removals(vault)  # 3.
    return {
        "bytes_freed": done.bytes,
        "events": events,
        "exit": 3 if kept else 0,
        "headers": done.headers,
        "locked": {"objects": done.locked, "until": done.until},
        "notices": [*([HONEST] if chosen else []), *_locked(done)],
        "objects": done.objects,
        "refused": kept,
        "removed": [each.id for each in chosen],
        "space_free": free_bytes(vault.folder),
    }


def _locked(done: Destroyed) -> list[str]:
    if not done.locked:
        return []
    when = f"until {done.until}" if done.until else "by a legal hold"
    return [
        f"{done.locked} stored objects are locked by the store {when}: without their headers "
        "nobody can read them; they are deleted when the store allows it, by the next command that "
        "writes"
    ]
