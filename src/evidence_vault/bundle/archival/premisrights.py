"""PREMIS 3 rights of a bundle: handling, holds, retention and terms of deposit, as far as revealed.

None of them is a licence: they say what the archive binds itself to, on the basis ``other``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from evidence_vault.bundle.archival import premiswords as words
from evidence_vault.bundle.archival.xmltext import leaf, node
from evidence_vault.bundle.custody import CustodyEvent
from evidence_vault.bundle.facts import AccessionFacts, ItemFacts

_OPEN = "OPEN"  # EDTF: an interval without an end
Statement = tuple[str, str]
"""(identifier, the element)."""


def item_rights(facts: ItemFacts) -> Iterator[Statement]:
    """The statements about one item: its classification, each hold, each term of retention."""
    name = words.named(facts.item)
    handling = _handling(facts)
    if handling:
        key = f"{name}/handling"
        rules = node(
            "rightsGranted",
            leaf("act", "disseminate"),
            *(leaf("restriction", each) for each in handling),
        )
        basis = "classification of the archive, on the ladder of the ICC Registry"
        yield key, _statement(key, basis, [], rules, [(words.ITEM, name)])
    released = _released(facts.events)
    for event in facts.events:
        key = f"{name}/{event.position}"
        if event.type == "hold-placed":
            hold = event.revealed.get("hold_id")
            end = released.get(str(hold), _OPEN) if hold is not None else None
            yield key, _hold(key, event, end, name)
        elif event.type == "retention-set":
            yield key, _retention(key, event, name)


def deposit_rights(accessions: Iterable[AccessionFacts]) -> Iterator[Statement]:
    """The terms on which an accession was received, where they are revealed."""
    for each in accessions:
        terms = None if each.opened is None else each.opened.revealed.get("terms")
        if terms is not None:
            key = f"{each.id}/terms"
            linked = [(words.ITEM, f"{home}/{item}") for home, item in each.items]
            yield key, _statement(key, "terms of deposit", [str(terms)], "", linked)


def _handling(facts: ItemFacts) -> list[str]:
    caveats = facts.described.get("caveats")
    found = [facts.described.get("classification"), *(caveats if isinstance(caveats, list) else [])]
    return [str(each) for each in found if each is not None]


def _released(events: Sequence[CustodyEvent]) -> dict[str, str]:
    """When each hold that names itself was released, by our clock."""
    return {
        str(event.revealed["hold_id"]): event.recorded_at
        for event in events
        if event.type == "hold-released" and "hold_id" in event.revealed
    }


def _hold(key: str, event: CustodyEvent, end: str | None, item: str) -> str:
    """``end`` None: the hold does not name itself here, so its end can't be told."""
    notes = [f"hold {event.revealed.get('hold_id', '(its identifier is withheld here)')}"]
    if end is None:
        notes.append("whether it was released can't be told from what is revealed")
    dates = [leaf("startDate", event.recorded_at)]
    if end is not None:
        dates.append(leaf("endDate", end))
    rules = node(
        "rightsGranted",
        leaf("act", "delete"),
        leaf("restriction", "not while the hold stands"),
        node("termOfRestriction", *dates),
    )
    if isinstance(event.revealed.get("purpose"), str):
        notes.append(event.revealed["purpose"])
    return _statement(key, "legal hold", notes, rules, [(words.ITEM, item)])


def _retention(key: str, event: CustodyEvent, item: str) -> str:
    until = event.revealed.get("until")
    notes = [] if until is not None else ["until when is withheld here"]
    dates = [leaf("startDate", event.recorded_at)]
    if until is not None:
        dates.append(leaf("endDate", str(until)))
    rules = node(
        "rightsGranted",
        leaf("act", "delete"),
        leaf("restriction", "not before the end of the term"),
        node("termOfRestriction", *dates),
    )
    return _statement(key, "retention", notes, rules, [(words.ITEM, item)])


def _statement(
    key: str, basis: str, notes: Sequence[str], rules: str, linked: Sequence[tuple[str, str]]
) -> str:
    return node(
        "rights",
        node(
            "rightsStatement",
            words.identifier("rightsStatementIdentifier", words.RIGHTS, key),
            words.term("rightsBasis", "rightsBasis", "other", "oth"),
            node(
                "otherRightsInformation",
                leaf("otherRightsBasis", basis),
                *(leaf("otherRightsNote", note) for note in notes),
            ),
            rules,
            *(words.linking("Object", kind, value) for kind, value in linked),
        ),
    )
