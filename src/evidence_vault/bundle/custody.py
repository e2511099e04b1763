"""The custody record, for a clerk to read (text) and to sort (CSV).

It is made only from what receipts reveal, so it never says more than the proofs beside it. The
vault feeds ``render_history`` with its own events for the command ``history``.

What was claimed (when something happened, when it was received) never stands on the line of what
the archive recorded by its own clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from evidence_vault.bundle.index import csv_line
from evidence_vault.bundle.words import (
    CLAIMED_FIELDS,
    event_in_words,
    field_in_words,
    value_lines,
)
from evidence_vault.core.canonical import canonical
from evidence_vault.core.entry0 import parse_entry0
from evidence_vault.core.event import Event, parse_entry, stands_beside
from evidence_vault.core.keystate import KeyState, read_key_events, role_for
from evidence_vault.core.merkle import leaf_hash
from evidence_vault.core.receipt import Receipt
from evidence_vault.core.text import escape_for_display
from evidence_vault.errors import SignatureInvalid

KEY_DIGITS = 16
WITHDRAWN = "withdrawn: now unknown"
_LABEL = 37
_NO_BRACKETS: Mapping[int, Sequence[str]] = MappingProxyType({})
_BOM = b"\xef\xbb\xbf"  # without it spreadsheets take UTF-8 for something else

CSV_COLUMNS = (
    "item",
    "event_no",
    "event",
    "event_in_words",
    "recorded_at",
    "claimed_occurred_at",
    "claimed_received_at",
    "signer_role",
    "signer_key",
    "log_position",
    "entry_hash",
    "fields_revealed",
    "fields_withheld",
    "fields_unknown",
    "acknowledged",
    "revealed",
)


@dataclass(frozen=True, slots=True)
class CustodyEvent:
    """One event in the history of one item, as far as its fields are revealed.

    ``position``: index in the log. ``leaf``: hex leaf hash. ``item_seq``: number in the item's
    history, from 0. ``signer``: keyid (hex); ``role``: what the log enrolled that key for.
    ``revealed``: values by field name; ``withheld`` and ``unknown``: field names. ``void``: the
    key did not count at that position, so the event proves nothing. ``tool``: program and version
    that made the entry.
    """

    position: int
    leaf: str
    type: str
    recorded_at: str
    item_seq: int
    signer: str
    role: str
    revealed: Mapping[str, Any]
    withheld: tuple[str, ...]
    unknown: tuple[str, ...]
    bracket: tuple[str, ...] = ()
    void: bool = False
    tool: str = ""


def custody_event(
    position: int,
    leaf: bytes,
    event: Event,
    item_seq: int,
    revealed: Mapping[str, Any],
    keys: KeyState,
    bracket: Sequence[str] = (),
) -> CustodyEvent:
    """Describe an entry whose revealed values were already checked; ``keys``: those of its log."""
    committed = event.commitments
    roles = {key.keyid: key.role for key in keys.intervals()}
    return CustodyEvent(
        position,
        leaf_hash(leaf).hex(),
        event.type,
        event.recorded_at,
        item_seq,
        event.signer,
        roles.get(event.signer, "unknown"),
        revealed,
        tuple(sorted(n for n, c in committed.items() if c is not None and n not in revealed)),
        tuple(sorted(n for n, c in committed.items() if c is None)),
        tuple(bracket),
        is_void(keys, event, position),
        event.tool,
    )


def is_void(keys: KeyState, event: Event, position: int) -> bool:
    """True when the key that signed an entry was not, or no longer, in force at its position."""
    try:
        keys.key_of(role_for(event.type, position), event.signer, position)
    except SignatureInvalid as error:
        return error.code == "E-KEY-INTERVAL"
    return False


def custody_events(
    receipt: Receipt, brackets: Mapping[int, Sequence[str]] = _NO_BRACKETS
) -> list[CustodyEvent]:
    """The events of a receipt's item in order; those about the archive are not among them."""
    keys = receipt_keys(receipt)
    events: list[CustodyEvent] = []
    for shown in receipt.events[1:]:
        event = parse_entry(shown.leaf).event
        if stands_beside(event.type, event.subject):
            continue
        number = shown.opening.member.item_seq if shown.opening else event.item_seq
        revealed = {d.name: d.value for d in shown.reveals}
        bracket = brackets.get(shown.index, ())
        events.append(
            custody_event(shown.index, shown.leaf, event, number or 0, revealed, keys, bracket)
        )
    return events


def receipt_keys(receipt: Receipt) -> KeyState:
    """Whose keys counted when, by the key events that a receipt of this vault carries."""
    zero = parse_entry0(receipt.events[0].leaf)
    return read_key_events(zero, ((e.index, parse_entry(e.leaf)) for e in receipt.events))


def render_history(events: Iterable[CustodyEvent]) -> str:
    """The events as numbered paragraphs; every foreign character that could act is escaped."""
    return "\n".join("\n".join(_paragraph(event)) + "\n" for event in events)


def custody_text(
    origin: str,
    size: int,
    root: bytes,
    made_at: str,
    receipts: Iterable[Receipt],
    brackets: Mapping[int, Sequence[str]] = _NO_BRACKETS,
) -> Iterator[bytes]:
    """``custody.txt``, piece by piece: head, then one section for each item."""
    yield _head(origin, size, root, made_at).encode("utf-8")
    for receipt in receipts:
        events = custody_events(receipt, brackets)
        title = f"ITEM {receipt.subject[2]}   (home archive: {receipt.subject[1]})"
        text = (
            f"\n{'=' * 78}\n{escape_for_display(title)}\n"
            f"{len(events)} events, number 0 to {len(events) - 1}, in the order of the log.\n\n"
        )
        yield (text + render_history(events)).encode("utf-8")


def custody_csv(receipts: Iterable[Receipt]) -> Iterator[bytes]:
    """``custody.csv``, one line for each event; UTF-8 with a byte order mark."""
    yield _BOM + csv_line(CSV_COLUMNS)
    for receipt in receipts:
        for event in custody_events(receipt):
            yield csv_line(_row(receipt.subject[2], event))


def _head(origin: str, size: int, root: bytes, made_at: str) -> str:
    return f"""CUSTODY RECORD

{"Archive (origin of its log)":<{_LABEL}}{escape_for_display(origin)}
{"State of the log":<{_LABEL}}{size} entries, root hash {root.hex()}
{"Written":<{_LABEL}}{clock(made_at)}

How to read it. "Recorded" is the clock of the archive when it signed the event. "Claimed" is what
somebody said; the archive did not check it. "Not known" means that the archive has no value.
"Withheld" means that it has one and does not show it here; the entry is committed to that value,
so it can't be exchanged for another one unnoticed. Numbers count from 0.

What it does not show: that nothing follows after the last event; that what was claimed is true.
The proof of each event is in receipts/, the way to check it in HOW-TO-VERIFY.txt.
"""


def _paragraph(event: CustodyEvent) -> list[str]:
    shown = {n: v for n, v in event.revealed.items() if n not in CLAIMED_FIELDS}
    lines = [f"{event.item_seq}. {event_in_words(event.type)}   ({event.type})"]
    if event.void:
        lines += _labelled("VOID", ["signed by a key that no longer counted"])
    lines += _labelled("Recorded", [f"{clock(event.recorded_at)}, by the archive's clock"])
    lines += _labelled("Proved by others", event.bracket)
    for name, label in CLAIMED_FIELDS.items():
        claimed = _claimed(event, name)
        if claimed is not None:
            lines += _labelled(f"Claimed: {label}", claimed)
    lines += _labelled(
        "Signed with", [f"{event.role} key {event.signer[:KEY_DIGITS]}… of the archive"]
    )
    lines += _labelled("Position in the log", [f"entry {event.position}, hash {event.leaf}"])
    for name in sorted(shown):
        withdrawn = shown[name] is None
        lines += _labelled(
            field_in_words(name, event.type),
            [WITHDRAWN] if withdrawn else value_lines(name, shown[name]),
        )
    if event.type == "exported":
        lines += _labelled("Acknowledged by the recipient", ["no acknowledgement is on record"])
    absent = [n for n in event.unknown if not (_arrival(event) and n in CLAIMED_FIELDS)]
    label = "Not changed by this event" if event.type == "described" else "Not known"
    lines += _labelled(label, [_names(absent, event.type)] if absent else [])
    count = f"{len(event.withheld)} of {len(event.withheld) + len(event.revealed)} fields"
    names = f": {_names(event.withheld, event.type)}" if event.withheld else ""
    lines += _labelled("Withheld", [count + names])
    return lines


def _arrival(event: CustodyEvent) -> bool:
    """An event that must say when something happened and came in, if only that nobody knows."""
    return event.type in ("ingested", "received-again")


def _claimed(event: CustodyEvent, name: str) -> list[str] | None:
    """What to say about a claimed field; None when the event says nothing about it."""
    if name in event.revealed:
        if event.revealed[name] is None:
            return [WITHDRAWN]
        return [f"{line} (not checked)" for line in value_lines(name, event.revealed[name])]
    if name in event.withheld:
        return ["withheld"]
    return ["not known"] if name in event.unknown and _arrival(event) else None


def _row(item: str, event: CustodyEvent) -> tuple[str, ...]:
    claimed = {name: "; ".join(_claimed(event, name) or []) for name in CLAIMED_FIELDS}
    revealed = {k: v for k, v in event.revealed.items() if k != "members"}
    return (
        item,
        str(event.item_seq),
        event.type,
        event_in_words(event.type),
        event.recorded_at,
        claimed["occurred_at"],
        claimed["received_at"],
        f"{event.role} (no longer counted: void)" if event.void else event.role,
        event.signer[:KEY_DIGITS],
        str(event.position),
        event.leaf,
        str(len(event.revealed)),
        str(len(event.withheld)),
        str(len(event.unknown)),
        "none on record" if event.type == "exported" else "",
        canonical(revealed).decode("utf-8"),
    )


def _labelled(label: str, values: Iterable[str]) -> list[str]:
    """Lines with the label in front of the first value."""
    lead = f"   {label + ' ':.<{_LABEL - 4}} "
    lines = []
    for value in values:
        lines.append(lead + value)
        lead = " " * _LABEL
    return lines


def _names(names: Iterable[str], event_type: str) -> str:
    return ", ".join(escape_for_display(field_in_words(name, event_type)) for name in names)


def clock(time: str) -> str:
    """``2026-11-23T10:00:00Z`` as ``2026-11-23 10:00:00 UTC``."""
    return time.replace("T", " ").replace("Z", " UTC")
