"""What may be told of an item: its receipt's revealed fields, gathered. Nothing else is known here.

Profiles, reports and pages are made from these facts and from nothing else, so that none of them
ever says more than the proofs beside it. What is withheld is named as withheld; it has no value.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

from evidence_vault.bundle.custody import (
    CustodyEvent,
    custody_event,
    custody_events,
    receipt_keys,
)
from evidence_vault.bundle.model import BundleItem, BundlePlan
from evidence_vault.core.event import ARRIVALS, parse_entry
from evidence_vault.core.fields import stricter
from evidence_vault.core.relations import Relation, standing

# Events that say something of the item itself; the later one counts, field by field.
_DESCRIBING = (*ARRIVALS, "described")
_BRINGING = (*ARRIVALS, "received-again")
_NO_BRACKETS: Mapping[int, Sequence[str]] = MappingProxyType({})

REVEALED, WITHHELD, UNKNOWN = "revealed", "withheld", "unknown"


@dataclass(frozen=True)
class ItemFacts:
    """One item of a bundle, as far as it may be told.

    ``number``: place in the bundle, from 1. ``events``: its history, oldest first, with brackets.
    """

    item: BundleItem
    number: int
    events: tuple[CustodyEvent, ...]

    @property
    def arrival(self) -> CustodyEvent:
        """The event by which the item came into the log."""
        return self.events[0]

    @cached_property
    def described(self) -> Mapping[str, Any]:
        """Revealed descriptive values by field; the newest counts, a withdrawn one is absent."""
        found: dict[str, Any] = {}
        for event in self._counting:
            if event.type in _DESCRIBING:
                found |= event.revealed
            elif event.type == "received-again" and "classification" in event.revealed:
                # Of bytes that came twice the stricter handling counts.
                again = event.revealed["classification"]
                found["classification"] = stricter(found.get("classification"), again)
        return {name: value for name, value in found.items() if value is not None}

    @cached_property
    def withheld(self) -> frozenset[str]:
        """Fields that the archive knows of this item and keeps back in this bundle."""
        known = {n for e in self._counting if e.type in _DESCRIBING for n in e.withheld}
        return frozenset(known - self.described.keys())

    @cached_property
    def relations(self) -> Sequence[Relation]:
        """What the item is to others and is told of, oldest first; the others leave, too."""
        return standing((event.type, event.revealed) for event in self._counting)

    @cached_property
    def _counting(self) -> Sequence[CustodyEvent]:
        """Events under a key that counted; the others prove nothing."""
        return [event for event in self.events if not event.void]

    def standing(self, name: str) -> str:
        """``revealed``, ``withheld`` (there is a value), or ``unknown`` (the archive has none)."""
        if name in self.described:
            return REVEALED
        return WITHHELD if name in self.withheld else UNKNOWN

    @property
    def accessions(self) -> tuple[str, ...]:
        """The accessions by which it came and came again, as far as they are revealed."""
        found = (e.revealed.get("accession") for e in self.events if e.type in _BRINGING)
        return tuple(dict.fromkeys(str(each) for each in found if each is not None))

    @property
    def content(self) -> Mapping[str, Any]:
        """``content_sha256``, ``content_sha512``, ``content_size`` and ``format`` of the original.

        As far as revealed: of an item whose share copy leaves, only the format is.
        """
        names = ("content_sha256", "content_sha512", "content_size", "format")
        return {
            name: self.arrival.revealed[name] for name in names if name in self.arrival.revealed
        }

    @property
    def is_copy(self) -> bool:
        """True when what leaves is a share copy."""
        return self.item.statement is not None

    @property
    def media_type(self) -> str:
        """Of the file that leaves, or of the original if none does; from its content."""
        event = self.copy_event or self.arrival
        form = event.revealed.get("format")
        return str(form.get("mime", "")) if isinstance(form, Mapping) else ""

    @property
    def copy_event(self) -> CustodyEvent | None:
        """The event by which the share copy that leaves was made; None when none leaves."""
        if not self.is_copy:
            return None
        return next(e for e in reversed(self.events) if self._is_payload(e))

    def _is_payload(self, event: CustodyEvent) -> bool:
        payload = self.item.payload
        return payload is not None and event.revealed.get("content_sha256") == payload.sha256


@dataclass(frozen=True)
class ExportTerms:
    """On what terms the bundle was given, as far as the logged export reveals them.

    ``conditions``: codes such as ``no-death-penalty``, ``fair-trial``, ``lead-only``,
    ``no-onward-sharing``. Everything is empty when the export was made without terms.
    """

    name: str = ""
    agreement: str = ""
    conditions: tuple[str, ...] = ()


def export_terms(plan: BundlePlan) -> ExportTerms:
    """The terms in the revealed ``recipient`` of the event by which this bundle left."""
    for item in plan.items:
        revealed = {d.name: d.value for d in item.receipt.events[-1].reveals}
        told = revealed.get("recipient")
        if isinstance(told, Mapping):
            return ExportTerms(
                str(told.get("name") or ""),
                str(told.get("agreement") or ""),
                tuple(str(code) for code in told.get("conditions", ())),
            )
        return ExportTerms(told if isinstance(told, str) else "")
    return ExportTerms()


def item_facts(plan: BundlePlan) -> Iterator[ItemFacts]:
    """The facts of every chosen item, in the order of the bundle; one receipt at a time."""
    return facts_of(plan.items, plan.brackets)


def facts_of(
    items: Iterable[BundleItem], brackets: Mapping[int, Sequence[str]] = _NO_BRACKETS
) -> Iterator[ItemFacts]:
    """The same for items that leave without a bundle."""
    for number, item in enumerate(items, 1):
        yield ItemFacts(item, number, tuple(custody_events(item.receipt, brackets)))


@dataclass(frozen=True)
class AccessionFacts:
    """One act of taking in, as far as it may be told.

    ``opened`` is None when the bundle names the accession and carries no event about it, ``closed``
    also when it was still open. ``items``: (home, id) of the items here that name it.
    """

    id: str
    opened: CustodyEvent | None
    closed: CustodyEvent | None
    items: tuple[tuple[str, str], ...]


def accession_facts(plan: BundlePlan) -> list[AccessionFacts]:
    """Every accession that the items name, in order. Memory: their identifiers."""
    members: dict[str, list[tuple[str, str]]] = {}
    for facts in item_facts(plan):
        for each in facts.accessions:
            members.setdefault(each, []).append((facts.item.home, facts.item.id))
    told = _accession_events(plan)
    return [
        AccessionFacts(
            name,
            told.get((name, "accession-opened")),
            told.get((name, "accession-closed")),
            tuple(items),
        )
        for name, items in sorted(members.items())
    ]


def _accession_events(plan: BundlePlan) -> dict[tuple[str, str], CustodyEvent]:
    found: dict[tuple[str, str], CustodyEvent] = {}
    receipt = plan.accessions
    if receipt is None:
        return found
    keys = receipt_keys(receipt)
    for shown in receipt.events:
        event = parse_entry(shown.leaf).event
        if event.subject["kind"] == "accession":
            revealed = {d.name: d.value for d in shown.reveals}
            told = custody_event(shown.index, shown.leaf, event, 0, revealed, keys)
            found[str(event.subject["id"]), event.type] = told
    return found
