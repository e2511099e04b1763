"""What lies where in a bundle, for pages that lead to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from evidence_vault.bundle.model import BundlePlan
from evidence_vault.core.entry0 import parse_entry0


@runtime_checkable
class Placed(Protocol):
    """Further files that pages lead to: ``places`` are paths, folders with ``/`` at the end."""

    @property
    def places(self) -> Sequence[str]: ...


def places_of(plan: BundlePlan) -> frozenset[str]:
    """All that the makers of further files say of what they make."""
    placed = [extra for extra in (*plan.first, *plan.extras) if isinstance(extra, Placed)]
    return frozenset(place for extra in placed for place in extra.places)


def told_counts(plan: BundlePlan) -> dict[str, int]:
    """The ``counts`` of the bundle, as the logged export reveals them in every receipt."""
    revealed = {d.name: d.value for d in plan.items[0].receipt.events[-1].reveals}
    return dict(revealed["counts"])


def told_terms(plan: BundlePlan) -> Mapping[str, Any]:
    """``name``, ``agreement`` and ``conditions`` under which a bundle was given, as far as the
    logged export reveals them; empty without terms."""
    revealed = {d.name: d.value for d in plan.items[0].receipt.events[-1].reveals}
    recipient = revealed.get("recipient")
    return recipient if isinstance(recipient, Mapping) else {}


def log_fingerprint(plan: BundlePlan) -> bytes:
    """SHA-256 of the first entry of the log, from the first receipt."""
    return parse_entry0(plan.items[0].receipt.events[0].leaf).fingerprint
