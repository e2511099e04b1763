"""Event types, field names and values in the words of a custody record.

The vocabulary follows the rule for what people read: nothing here says witness, seal or
disclosure, which mean other things to a court.
"""

from __future__ import annotations

from typing import Any

from evidence_vault.core.canonical import canonical
from evidence_vault.core.messages import catalogue, message
from evidence_vault.core.text import escape_for_display

CLAIMED = ("occurred_at", "received_at", "source_times")
# What somebody stated about time, as against what the archive recorded.
CLAIMED_FIELDS = {name: catalogue("en")[f"CL-{name}"] for name in CLAIMED}

_OF_COPIES = ("derived", "derivation-refused")


def event_in_words(event_type: str, lang: str = "en") -> str:
    """Plain words for an event type; an unknown type is shown as it is, never dropped."""
    known = catalogue(lang).get(f"EV-{event_type}")
    return message(lang, "EV-UNKNOWN", {"type": event_type}) if known is None else known


def field_in_words(name: str, event_type: str = "", lang: str = "en") -> str:
    """Plain words for a field of an event; a derivative states of itself, not of its original.

    A name that the catalogue doesn't have is shown as it is.
    """
    words = catalogue(lang)
    if event_type in _OF_COPIES and f"FC-{name}" in words:
        return words[f"FC-{name}"]
    return words.get(f"FI-{name}", name.replace("_", " "))


def claim_in_words(name: str, lang: str = "en") -> str:
    """What was claimed of time: one of CLAIMED_FIELDS."""
    return catalogue(lang)[f"CL-{name}"]


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
