"""``archive/dublin-core.xml``: one record for each item, in Dublin Core and its refinements.

An element stands only where there is a value. What is withheld is named in ``accessRights``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from evidence_vault.bundle.archival.xmltext import DECLARATION, comment, leaf, node, opening
from evidence_vault.bundle.facts import ItemFacts, item_facts
from evidence_vault.bundle.model import BundlePlan

_NAMESPACES = {
    "xmlns:dc": "http://purl.org/dc/elements/1.1/",
    "xmlns:dcterms": "http://purl.org/dc/terms/",
}
_NOTE = (
    "Maps to the Dublin Core elements and terms. What people stated (coverage, description, "
    "provenance) was not checked. dateAccepted is the clock of the archive."
)
# Of the DCMI types only those that the kind of file settles.
_TYPES = {"audio": "Sound", "image": "StillImage", "text": "Text", "video": "MovingImage"}

# Descriptive field → element. Lists repeat the element.
_ELEMENTS = (
    ("title", "dc:title"),
    ("violation", "dc:subject"),
    ("description", "dcterms:abstract"),
    ("collector_code", "dc:contributor"),
    ("source_code", "dc:source"),
    ("language", "dc:language"),
    ("place", "dcterms:spatial"),
    ("case", "dcterms:isPartOf"),
    ("custody_before", "dcterms:provenance"),
    ("classification", "dcterms:accessRights"),
    ("caveats", "dcterms:accessRights"),
)


def dublin_core_xml(plan: BundlePlan) -> Iterator[bytes]:
    """The file, record by record."""
    yield (DECLARATION + comment(_NOTE)).encode("ascii")
    yield opening("records", _NAMESPACES).encode("ascii")
    for facts in item_facts(plan):
        yield node("record", *_record(facts)).encode("utf-8")
    yield b"</records>\n"


def _record(facts: ItemFacts) -> Iterator[str]:
    item = facts.item
    yield leaf("dc:identifier", f"{item.home}/{item.id}")
    for field, element in _ELEMENTS:
        for value in _values(facts.described.get(field)):
            yield leaf(element, value)
    occurred = facts.described.get("occurred_at")
    if isinstance(occurred, dict):
        yield leaf("dcterms:temporal", f"{occurred['value']} (claimed, not checked)")
    yield leaf("dcterms:dateAccepted", facts.arrival.recorded_at)
    kind = _TYPES.get(facts.media_type.partition("/")[0])
    if kind is not None:
        yield leaf("dc:type", kind)
    if facts.media_type:
        yield leaf("dc:format", facts.media_type)
    if item.payload is not None and item.payload_path is not None:
        yield leaf("dcterms:extent", f"{item.payload.size} bytes")
        yield leaf("dcterms:hasFormat" if facts.is_copy else "dcterms:hasPart", item.payload_path)
    for each in facts.relations:
        words = each.relation.replace("-", " ")
        yield leaf("dc:relation", f"{words} {each.home}/{each.id} (as stated)")
    yield leaf("dc:relation", item.receipt_path)
    if facts.withheld:
        yield leaf("dcterms:accessRights", f"withheld here: {', '.join(sorted(facts.withheld))}")
    if item.withheld is not None:
        yield leaf("dcterms:accessRights", f"kept back here: {item.withheld}")


def _values(value: Any) -> list[str]:
    if value is None:
        return []
    return [str(each) for each in value] if isinstance(value, list) else [str(value)]
