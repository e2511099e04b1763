"""What in an export could point to people: listed before it leaves (DESIGN §4, exit defaults)."""

from __future__ import annotations

from typing import Any

from evidence_vault.vault.opening import Vault
from evidence_vault.vault.receipts import ReceiptMaker
from evidence_vault.vault.records import read_metadata

_PERSONAL_FIELDS = {
    "actor": "who acted",
    "collector_code": "who collected it",
    "custody_before": "earlier holders",
    "description": "free text",
    "place": "a place",
    "received_from": "who gave it",
    "source_code": "a source",
    "source_path": "the original file name",
    "title": "free text",
}
_TAGS = (
    ("a position", ("gpslatitude", "gpslongitude", "gpsposition", "gpscoordinates", "location")),
    ("a serial number", ("serialnumber", "uniqueid", "deviceid", "cameraid")),
    (
        "a name",
        ("artist", "author", "creator", "ownername", "lastmodifiedby", "by-line", "company"),
    ),
)


def sensitive_findings(
    vault: Vault, maker: ReceiptMaker, originals: bool, shown: frozenset[str] | None
) -> list[dict[str, str]]:
    """(item, what) of positions, serial numbers, names and revealed fields that would leave."""
    found: list[dict[str, str]] = []
    for item, events in maker.histories():
        revealed = {d.name for e in events for d in maker.reveals(e)}
        for name in sorted(revealed & set(_PERSONAL_FIELDS)):
            found.append({"id": item, "what": f"field {name}: {_PERSONAL_FIELDS[name]}"})
        if originals:
            tags = (read_metadata(vault, events[0]) or {}).get("tags", {})
            found += [{"id": item, "what": what} for what in _in_tags(tags)]
    return found


def _in_tags(tags: dict[str, Any]) -> list[str]:
    names = {name.rsplit(":", 1)[-1].lower() for name in tags}
    found = []
    for what, parts in _TAGS:
        hits = sorted(n for n in names if any(part in n for part in parts))
        if hits:
            found.append(f"the original holds {what} ({', '.join(hits[:4])})")
    return found
