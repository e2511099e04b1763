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

from evidence_vault.bundle.custody import CustodyEvent, custody_events
from evidence_vault.bundle.model import BundleItem, BundlePlan
from evidence_vault.core.event import ARRIVALS
from evidence_vault.core.fields import stricter
from evidence_vault.core.relations import Relation, standing

# Events that say something of the item itself; the later one counts, field by field.
_DESCRIBING = (*ARRIVALS, "described")
_NO_BRACKETS: Mapping[int, Sequence[str]] = MappingProxyType({})


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
        event = self.arrival
        if self.is_copy:
            event = next(e for e in reversed(self.events) if self._is_payload(e))
        form = event.revealed.get("format")
        return str(form.get("mime", "")) if isinstance(form, Mapping) else ""

    def _is_payload(self, event: CustodyEvent) -> bool:
        payload = self.item.payload
        return payload is not None and event.revealed.get("content_sha256") == payload.sha256


def item_facts(plan: BundlePlan) -> Iterator[ItemFacts]:
    """The facts of every chosen item, in the order of the bundle; one receipt at a time."""
    return facts_of(plan.items, plan.brackets)


def facts_of(
    items: Iterable[BundleItem], brackets: Mapping[int, Sequence[str]] = _NO_BRACKETS
) -> Iterator[ItemFacts]:
    """The same for items that leave without a bundle."""
    for number, item in enumerate(items, 1):
        yield ItemFacts(item, number, tuple(custody_events(item.receipt, brackets)))
