"""``archive/accession-register.csv``: who brought what, when, how and on which terms.

One line for each accession that the items name, from the events that opened and closed it. Their
proof is ``archive/accessions-receipt.txt``, which verifies alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from evidence_vault.bundle.archival.isadg import told_of
from evidence_vault.bundle.facts import AccessionFacts, accession_facts
from evidence_vault.bundle.index import csv_line
from evidence_vault.bundle.model import BundlePlan

COLUMNS = (
    "accession",
    "opened_at",
    "closed_at",
    "claimed_received_at",
    "received_from",
    "received_via",
    "terms_of_deposit",
    "taken_in_by",
    "items_in_this_bundle",
    "taken_in_as_closed",
    "outcome",
    "withheld_fields",
    "log_positions",
    "proof",
)
RECEIPT = "archive/accessions-receipt.txt"
_UNKNOWN, _WITHHELD = "not known", "withheld"
_OPENED = ("received_at", "received_from", "received_via", "terms", "actor")


def accession_register_csv(plan: BundlePlan) -> Iterator[bytes]:
    """The file, line by line; the last line says how many items name no accession here."""
    yield csv_line(COLUMNS)
    named: set[tuple[str, str]] = set()
    for each in accession_facts(plan):
        named.update(each.items)
        yield csv_line(_row(each))
    rest = len(plan.items) - len(named)
    yield csv_line(("TOTAL", *[""] * 7, str(len(plan.items)), "", f"{rest} without accession here"))


def _row(accession: AccessionFacts) -> tuple[str, ...]:
    opened, closed = accession.opened, accession.closed
    events = [event for event in (opened, closed) if event is not None]
    withheld = sorted({name for event in events for name in event.withheld})
    return (
        accession.id,
        opened.recorded_at if opened else _WITHHELD,
        closed.recorded_at if closed else ("still open" if opened else _WITHHELD),
        *(told_of(accession, name, _UNKNOWN, _WITHHELD) for name in _OPENED),
        str(len(accession.items)),
        _count(closed.revealed.get("taken_in")) if closed else "",
        str(closed.revealed.get("outcome", _WITHHELD)) if closed else "",
        ", ".join(withheld),
        ", ".join(str(event.position) for event in events),
        RECEIPT if events else "",
    )


def _count(taken: Any) -> str:
    """``{"new": 2, …}`` in words; it is a count, and names no item."""
    if not isinstance(taken, dict):
        return _WITHHELD
    return "; ".join(f"{name.replace('_', ' ')}: {taken[name]}" for name in sorted(taken))
