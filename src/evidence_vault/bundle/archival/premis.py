"""``archive/premis.xml``: a bundle in PREMIS 3, written piece by piece.

The schema wants objects, then events, then agents, then rights, so the items are gone through
twice. Memory: identifiers and rights, never the events of all items.
"""

from __future__ import annotations

from collections.abc import Iterator

from evidence_vault.bundle.archival import premisevents as events
from evidence_vault.bundle.archival import premisobjects as objects
from evidence_vault.bundle.archival.premisrights import deposit_rights, item_rights
from evidence_vault.bundle.archival.premiswords import NAMESPACE, named
from evidence_vault.bundle.archival.xmltext import DECLARATION, comment, opening
from evidence_vault.bundle.facts import accession_facts, item_facts
from evidence_vault.bundle.model import BundlePlan

_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_LOCATION = f"{NAMESPACE} https://www.loc.gov/standards/premis/premis.xsd"
_NOTE = (
    "Maps to PREMIS 3. Made from what the receipts of this bundle reveal and from nothing else: "
    "what is withheld is named and has no value. eventDateTime is the clock of the archive."
)


def premis_xml(plan: BundlePlan) -> Iterator[bytes]:
    """The file; every event stands once, with all items that share it."""
    return (piece.encode("utf-8") for piece in _pieces(plan))


def _pieces(plan: BundlePlan) -> Iterator[str]:
    yield DECLARATION + comment(_NOTE)
    attributes = {"xmlns": NAMESPACE, "xmlns:xsi": _XSI, "xsi:schemaLocation": _LOCATION}
    yield opening("premis", {**attributes, "version": "3.0"})
    accessions = accession_facts(plan)
    members: dict[int, list[str]] = {}
    notes: dict[int, tuple[str, bytes]] = {}
    rights: list[str] = []
    terms = dict(deposit_rights(accessions))
    yield objects.bundle_object(plan)
    for facts in item_facts(plan):
        name = named(facts.item)
        for event in facts.events:
            members.setdefault(event.position, []).append(name)
        notes |= objects.signed_states(facts.item.receipt)
        own = dict(item_rights(facts))
        rights += own.values()
        of_deposit = [f"{each}/terms" for each in facts.accessions if f"{each}/terms" in terms]
        yield from objects.item_objects(plan, facts, [*own, *of_deposit])
    yield from objects.checkpoint_objects(notes)
    agents = events.Agents()
    for facts in item_facts(plan):
        yield from events.item_events(plan, facts, members, agents)
    yield from events.accession_events(plan, accessions, agents)
    yield events.bundle_event(plan, agents)
    yield from events.agent_elements(plan, agents)
    yield from rights
    yield from terms.values()
    yield "</premis>\n"
