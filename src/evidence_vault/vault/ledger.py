"""The ledger of exits: every bundle, receipt, single file and hand-over, from the log itself.

There is no other list. Cost: the entries about exits, not the log.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from evidence_vault.core.event import Event, parse_entry
from evidence_vault.core.members import parse_members
from evidence_vault.errors import UsageError
from evidence_vault.vault.opening import Vault, demand_desk
from evidence_vault.vault.records import committed_at, open_record

EXITS = ("accessed", "exported", "transfer-offered")


def ledger(vault: Vault, item: str | None = None, with_items: bool = False) -> dict[str, Any]:
    """Every exit, oldest first; ``item``: only those in which it left. Needs the keyring."""
    demand_desk(vault, "read the ledger of exits")
    if item is not None and vault.catalogue.home(item) is None:
        raise UsageError(f"there is no item {item} in this vault", code="E-NO-ITEM")
    return {"exit": 0, "exits": list(_exits(vault, item, with_items)), "item": item}


def _exits(vault: Vault, item: str | None, with_items: bool) -> Iterator[dict[str, Any]]:
    for number in range(vault.config.log + 1):
        indexes = vault.catalogue.indexes_of(EXITS, number)
        if item is not None:
            about = set(vault.catalogue.history(item, number))
            indexes = [index for index in indexes if index in about]
        for index in indexes:
            committed = committed_at(vault, index, number)
            event = parse_entry(committed.entry).event
            values = {n: d.value for n, d in open_record(vault, committed, event).items()}
            row = {"event": index, "log": number, **_row(event, values)}
            if with_items:
                row["items"] = _items(event, values)
            yield row


def _row(event: Event, values: Mapping[str, Any]) -> dict[str, Any]:
    terms = _terms(values.get("recipient"))
    kind = {"accessed": "get", "transfer-offered": "transfer"}.get(event.type)
    counts = values.get("counts")
    receiver = values.get("receiver")
    if isinstance(receiver, Mapping):
        terms["recipient"] = str(receiver.get("name") or receiver.get("origin") or "") or None
    return {
        "actor": values.get("actor"),
        "bundle_id": values.get("bundle_id"),
        "counts": counts if isinstance(counts, Mapping) else None,
        "kind": kind or values.get("kind"),
        "number": len(_items(event, values)),
        "profile": values.get("profile"),
        "purpose": values.get("purpose"),
        "time": event.recorded_at,
        **terms,
    }


def _terms(value: Any) -> dict[str, Any]:
    """The field ``recipient``: text, or an object when the export was made on terms."""
    if isinstance(value, Mapping):
        return {
            "agreement": value.get("agreement"),
            "conditions": list(value.get("conditions") or []),
            "recipient": value.get("name") or (", ".join(value.get("ages") or []) or None),
        }
    return {"agreement": None, "conditions": [], "recipient": value}


def _items(event: Event, values: Mapping[str, Any]) -> list[str]:
    """Identifiers of what left in it."""
    if event.subject["kind"] == "item":
        return [str(event.subject["id"])]
    if "members" not in values:
        return []
    _, members = parse_members(values["members"])
    return sorted(member.id for member in members)
