"""Event types, field names and values in the words of a custody record.

The vocabulary follows the rule for what people read: nothing here says witness, seal or
disclosure, which mean other things to a court.
"""

from __future__ import annotations

from typing import Any

from evidence_vault.core.canonical import canonical
from evidence_vault.core.text import escape_for_display

_EVENTS = {
    "vault-created": "Archive opened",
    "accession-opened": "Delivery opened",
    "accession-closed": "Delivery closed",
    "ingested": "Taken into the archive",
    "received-again": "The same file received again",
    "described": "Description added or changed",
    "accessed": "Original opened by somebody",
    "exported": "Copy handed out",
    "fixity-checked": "Stored copy compared with its recorded digests",
    "derived": "A copy was made from the original",
    "derivation-refused": "A copy was asked for and not kept",
    "transfer-offered": "Hand-over to another archive begun",
    "transfer-accepted": "Taken over from another archive",
    "transfer-acknowledged": "Hand-over confirmed by the other archive",
    "removed": "Stored bytes removed here after the hand-over",
    "stored": "Stored bytes taken by the object store",
    "hold-placed": "Legal hold placed: not to be destroyed",
    "hold-released": "Legal hold released",
    "retention-set": "To be kept at least until a date",
    "replica-enrolled": "A further copy of the archive set up",
    "replica-synced": "A further copy of the archive brought up to date and compared",
    "replica-retired": "A further copy of the archive given up",
    "repaired": "Damaged stored bytes put back from a good copy",
    "migrated": "The archive moved to another place, compared byte for byte",
    "linked": "Said to belong to another item",
    "unlinked": "No longer said to belong to another item",
}

# What somebody stated about time, as against what the archive recorded.
CLAIMED_FIELDS = {
    "occurred_at": "happened",
    "received_at": "received",
    "source_times": "source file times",
}

_FIELDS = {
    "accession": "delivery",
    "actor": "acted (code name)",
    "bundle_id": "bundle",
    "case": "case",
    "collector_code": "collected by (code name)",
    "content_sha256": "SHA-256 of the original",
    "content_sha512": "SHA-512 of the original",
    "content_size": "size of the original (bytes)",
    "counts": "counted",
    "custody_before": "earlier custody (as stated)",
    "fields_shown": "fields revealed",
    "format": "format (from its content)",
    "members": "items in the same act",
    "metadata": "metadata in the file",
    "occurred_at": "when it happened",
    "other": "the other item",
    "payload_manifest": "SHA-256, list of originals",
    "received_at": "when it was received",
    "received_from": "received from (code name)",
    "received_via": "received by way of",
    "relation": "is to the other item",
    "source_code": "source (code name)",
    "source_path": "name at the source",
    "source_times": "source file times",
}


def event_in_words(event_type: str) -> str:
    """Plain words for an event type; an unknown type is shown as it is, never dropped."""
    return _EVENTS.get(event_type, f"Event of type {event_type}")


# What a derivative states of itself, which is never what its original is.
_FIELDS_OF_COPIES = {
    "content_sha256": "SHA-256 of the copy",
    "content_sha512": "SHA-512 of the copy",
    "content_size": "size of the copy (bytes)",
    "format": "format of the copy (from its content)",
    "kind": "kind of copy",
    "parent": "made from (by its commitment)",
    "statement": "statement on how it was made",
}


def field_in_words(name: str, event_type: str = "") -> str:
    """Plain words for a field of an event; names without an entry read well as they are."""
    if event_type in ("derived", "derivation-refused") and name in _FIELDS_OF_COPIES:
        return _FIELDS_OF_COPIES[name]
    return _FIELDS.get(name, name.replace("_", " "))


def value_lines(name: str, value: Any) -> list[str]:
    """A revealed value as lines that are safe to print."""
    if name == "members":
        count = len(value["items"]) if isinstance(value, dict) and "items" in value else 0
        return [f"{count}"]
    return [escape_for_display(line) for line in _flat("", value)] or ["(empty)"]


def _flat(path: str, value: Any) -> list[str]:
    """Objects as ``part / part: value`` lines, everything else on one line."""
    lead = f"{path}: " if path else ""
    if isinstance(value, dict):
        if set(value) == {"b64", "display"}:
            return [lead + str(value["display"])]
        parts = ((f"{path} / {key}" if path else key, value[key]) for key in sorted(value))
        return [line for part, inner in parts for line in _flat(part, inner)]
    if isinstance(value, list) and all(isinstance(v, str) for v in value):
        return [lead + "; ".join(value)] if value else []
    return [lead + (value if isinstance(value, str) else canonical(value).decode("utf-8"))]
