"""A custody event in sentences, for the standards that have one element for everything else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from evidence_vault.bundle.custody import CustodyEvent
from evidence_vault.bundle.words import (
    CLAIMED_FIELDS,
    event_in_words,
    field_in_words,
    value_lines,
)

# Types that are committed before what they state is done.
LEAVING = ("accessed", "exported", "transfer-offered")


def event_details(event: CustodyEvent, of: str = "") -> Iterator[str]:
    """What is to be said of an event; claims are marked as claims."""
    yield f"{of + ': ' if of else ''}{event_in_words(event.type)} ({event.type})"
    yield f"Entry {event.position} of the log, hash {event.leaf}"
    yield f"Signed with the {event.role} key {event.signer}"
    for line in event.bracket:
        yield f"Time, proved by others: {line}"
    for name, value in sorted(event.revealed.items()):
        claim = " (claimed, not checked)" if name in CLAIMED_FIELDS else ""
        label = field_in_words(name, event.type)
        yield f"{label}{claim}: {_value(name, value)}"
    for label, names in (("Withheld", event.withheld), ("Not known", event.unknown)):
        if names and not (label == "Not known" and event.type == "described"):
            told = ", ".join(field_in_words(name, event.type) for name in names)
            yield f"{label}: {told}"


def _value(name: str, value: Any) -> str:
    if value is None:
        return "withdrawn: now unknown"
    return value if isinstance(value, str) else "\n".join(value_lines(name, value))
