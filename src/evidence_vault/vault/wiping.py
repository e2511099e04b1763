"""``transfer remove``: what the other vault acknowledged is removed here, with an event.

1 check      every item acknowledged, none removed yet
2 removed    committed and covered by a checkpoint
3 destroyed  as removing.py says; a crash here is finished when the vault is next opened for writing
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evidence_vault.errors import PolicyRefused, UsageError
from evidence_vault.osfiles import free_bytes
from evidence_vault.vault.faults import step
from evidence_vault.vault.handovers import PROVED, REMOVED, Standing, standings
from evidence_vault.vault.offering import demand_sealed
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.removing import finish_removals
from evidence_vault.vault.writer import writing

HONEST = (
    "the age headers are gone, so from this copy nobody can read these items any more, the other "
    "vault's key included; flash and journalling disks may keep old blocks for a while: encrypt "
    "the whole disk, and destroy the medium where that must not be"
)


def removable(vault: Vault, items: Sequence[str] | None) -> list[Standing]:
    """Step 1. ``items``: None means all that is acknowledged and not removed yet.

    Raises UsageError for an unknown item or when there is none, PolicyRefused (E-NOT-ACKNOWLEDGED)
    for one that nobody has acknowledged.
    """
    demand_sealed(vault)
    known = standings(vault)
    if items is None:
        return [each for _, each in sorted(known.items()) if each.state == PROVED]
    chosen = []
    for item in sorted(set(items)):
        if vault.catalogue.home(item) is None:
            raise UsageError(f"there is no item {item} in this vault", code="E-NO-ITEM")
        stands = known.get(item)
        if stands is None or stands.state not in (PROVED, REMOVED):
            raise PolicyRefused(
                f"{item} is not acknowledged by another vault: it may be the only copy",
                code="E-NOT-ACKNOWLEDGED",
                hint="`evidence-vault transfer list` shows where each hand-over stands",
            )
        if stands.state == PROVED:
            chosen.append(stands)
    return chosen


def remove(
    vault: Vault,
    items: Sequence[str] | None,
    by: str | None = None,
    purpose: str | None = None,
) -> dict[str, Any]:
    """Steps 1 to 3. What was removed before is finished, and not recorded again."""
    events: list[int] = []
    with writing(vault) as writer:  # opening finishes what a committed event began
        chosen = removable(vault, items)  # 1.
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
        "headers": done.headers,
        "notices": [HONEST] if chosen else [],
        "objects": done.objects,
        "removed": [each.id for each in chosen],
        "space_free": free_bytes(vault.folder),
    }
