"""How an item is to be handled, as far as that is on record: classification and caveats."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from evidence_vault.core.event import ARRIVALS
from evidence_vault.vault.profilerules import handling_of as standing
from evidence_vault.vault.records import ItemEvent

RESTRICTED = ("secret", "under-seal")
NO_CONSENT = "no consent on record: could not be checked"
"""Records of consent do not exist yet, so this holds for every item."""

_DESCRIBING = (*ARRIVALS, "described", "received-again")
_LEAD_ONLY = ("lead_only", "lead-only")


@dataclass(frozen=True)
class Handling:
    """``classification`` is None when none is on record."""

    classification: str | None
    caveats: tuple[str, ...]

    def warnings(self) -> list[str]:
        """What must be said before such an item leaves."""
        told = []
        if self.classification in RESTRICTED:
            told.append(f"classified {self.classification}")
        if any(caveat in _LEAD_ONLY for caveat in self.caveats):
            told.append("lead_only: received for leads alone, not to be used as evidence")
        return told


def handling_of(events: Iterable[ItemEvent]) -> Handling:
    """From the events of one item, oldest first: what stands, as the profiles judge it."""
    told = ((e.event.type, e.values) for e in events if e.event.type in _DESCRIBING)
    classification, caveats = standing(told)
    return Handling(classification, tuple(caveats))
