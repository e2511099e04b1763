"""``case.jsonld``: a bundle in CASE/UCO, for forensic tools that exchange investigations.

ProvenanceRecord     one for each item; its exhibit number is archive/item
File                 the original, and the share copy that leaves
InvestigativeAction  one for each custody event, with all the items that share it
Tool, Organization, Identity   programs, the archive, people by code
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from evidence_vault.bundle.archival.details import LEAVING, event_details
from evidence_vault.bundle.archival.jsongraph import Node, graph, node_id
from evidence_vault.bundle.archival.premiswords import named
from evidence_vault.bundle.archival.xmltext import legible
from evidence_vault.bundle.custody import CustodyEvent
from evidence_vault.bundle.facts import ItemFacts, item_facts
from evidence_vault.bundle.model import BundlePlan
from evidence_vault.bundle.words import event_in_words

PATH = "case.jsonld"
_UCO = "https://ontology.unifiedcyberontology.org/uco/"
_CONTEXT = {
    "case-investigation": "https://ontology.caseontology.org/case/investigation/",
    "uco-action": f"{_UCO}action/",
    "uco-core": f"{_UCO}core/",
    "uco-identity": f"{_UCO}identity/",
    "uco-observable": f"{_UCO}observable/",
    "uco-tool": f"{_UCO}tool/",
    "uco-types": f"{_UCO}types/",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
_HASHES = (("SHA256", "content_sha256"), ("SHA512", "content_sha512"))
Ref = dict[str, str]


class CaseFile:
    """Maps to CASE 1 and UCO 1; made from what the receipts reveal."""

    def files(self, plan: BundlePlan) -> Iterator[tuple[str, Iterator[bytes]]]:
        yield PATH, graph(_CONTEXT, _nodes(plan))


def _nodes(plan: BundlePlan) -> Iterator[Node]:
    """Memory: identifiers of the items by event, and names."""
    yield _archive(plan.origin)
    members: dict[int, list[str]] = {}
    present: set[str] = set()
    stated: list[tuple[str, str, str]] = []
    for facts in item_facts(plan):
        for event in facts.events:
            members.setdefault(event.position, []).append(named(facts.item))
        present.add(named(facts.item))
        stated += [(named(facts.item), r.relation, f"{r.home}/{r.id}") for r in facts.relations]
        yield from _evidence(facts)
    yield from (_relation(*each) for each in stated if each[2] in present)
    tools: set[str] = set()
    codes: set[str] = set()
    for facts in item_facts(plan):
        for event in facts.events:
            items = members.pop(event.position, None)
            if items is not None:
                tools.add(event.tool)
                if event.revealed.get("actor") is not None:
                    codes.add(str(event.revealed["actor"]))
                yield _action(plan, facts, event, items)
    for tool in sorted(tools):
        name, _, version = tool.partition(" ")
        yield {
            "@id": node_id("tool", tool),
            "@type": "uco-tool:Tool",
            "uco-core:name": name,
            "uco-tool:version": version,
        }
    for code in sorted(codes):
        yield {
            "@id": node_id(plan.origin, "code", code),
            "@type": "uco-identity:Identity",
            "uco-core:name": legible(code),
            "uco-core:description": "a code; whether it stands for a person or a role is not said",
        }


def _archive(origin: str) -> Node:
    return {
        "@id": node_id(origin),
        "@type": "uco-identity:Organization",
        "uco-core:name": legible(origin),
        "uco-core:description": "the archive, by the origin of its log; its name is not told here",
    }


def _relation(item: str, relation: str, other: str) -> Node:
    """As somebody stated it, between two items that are both here."""
    return {
        "@id": node_id(item, relation, other),
        "@type": "uco-core:Relationship",
        "uco-core:source": _ref(item),
        "uco-core:target": _ref(other),
        "uco-core:isDirectional": True,
        "uco-core:kindOfRelationship": relation,
    }


def _evidence(facts: ItemFacts) -> Iterator[Node]:
    item = facts.item
    name = named(item)
    files = [_ref(name, "original")]
    here = None if facts.is_copy else item.payload_path
    yield from _file(name, "original", facts.content, here, facts.arrival.revealed)
    if facts.copy_event is not None:
        files.append(_ref(name, "share-copy"))
        yield from _file(name, "share-copy", facts.copy_event.revealed, item.payload_path, {})
        yield {
            "@id": node_id(name, "derived-from"),
            "@type": "uco-observable:ObservableRelationship",
            "uco-core:source": _ref(name, "share-copy"),
            "uco-core:target": _ref(name, "original"),
            "uco-core:isDirectional": True,
            "uco-core:kindOfRelationship": "Derived_From",
        }
    yield {
        "@id": node_id(name),
        "@type": "case-investigation:ProvenanceRecord",
        "case-investigation:exhibitNumber": name,
        **_description(facts),
        "uco-core:object": files,
    }


def _description(facts: ItemFacts) -> Node:
    """Title, description and codes as revealed; what is withheld or kept back, by name."""
    told: dict[str, Any] = {}
    if "title" in facts.described:
        told["uco-core:name"] = legible(str(facts.described["title"]))
    lines = [f"Proof: {facts.item.receipt_path}"]
    if "description" in facts.described:
        lines.insert(0, legible(str(facts.described["description"])))
    if facts.item.withheld is not None:
        lines.append(f"Kept back here: {facts.item.withheld}")
    if facts.withheld:
        lines.append(f"Withheld here: {', '.join(sorted(facts.withheld))}")
    told["uco-core:description"] = lines
    tags = [
        f"{field}: {legible(str(each))}"
        for field in ("case", "violation", "classification", "caveats")
        for each in _list(facts.described.get(field))
    ]
    if tags:
        told["uco-core:tag"] = tags
    return told


def _file(
    item: str, what: str, content: Mapping[str, Any], here: str | None, arrival: Mapping[str, Any]
) -> Iterator[Node]:
    """A file and its facets; ``here``: its path in the bag."""
    facets = [_ref(item, what, "content")]
    hashes = []
    for method, field in _HASHES:
        if isinstance(content.get(field), str):
            hashes.append(_ref(item, what, method))
            yield {
                "@id": node_id(item, what, method),
                "@type": "uco-types:Hash",
                "uco-types:hashMethod": method,
                "uco-types:hashValue": _typed("hexBinary", content[field]),
            }
    data: dict[str, Any] = {
        "@id": node_id(item, what, "content"),
        "@type": "uco-observable:ContentDataFacet",
    }
    form = content.get("format")
    if isinstance(form, Mapping) and "mime" in form:
        data["uco-observable:mimeType"] = str(form["mime"])
    if isinstance(content.get("content_size"), str):
        data["uco-observable:sizeInBytes"] = _typed("integer", content["content_size"])
    if hashes:
        data["uco-observable:hash"] = hashes
    yield data
    place: dict[str, Any] = {}
    if here is not None:
        place["uco-observable:filePath"] = here
    name = arrival.get("source_path")
    if isinstance(name, Mapping) and "display" in name:
        place["uco-observable:fileName"] = legible(str(name["display"]))
    if place:
        facets.append(_ref(item, what, "file"))
        kind = {"@id": node_id(item, what, "file"), "@type": "uco-observable:FileFacet"}
        yield {**kind, **place}
    yield {
        "@id": node_id(item, what),
        "@type": "uco-observable:File",
        "uco-core:description": what.replace("-", " ")
        + (" (in this bag)" if here is not None else " (kept by the archive, not in this bag)"),
        "uco-core:hasFacet": facets,
    }


def _action(plan: BundlePlan, facts: ItemFacts, event: CustodyEvent, items: list[str]) -> Node:
    actor = event.revealed.get("actor")
    when = "uco-action:startTime" if event.type in LEAVING else "uco-action:endTime"
    performer = _ref(plan.origin) if actor is None else _ref(plan.origin, "code", str(actor))
    results = [_ref(item) for item in items] if event is facts.arrival else []
    if facts.copy_event is not None and event.position == facts.copy_event.position:
        results.append(_ref(named(facts.item), "share-copy"))
    action: dict[str, Any] = {
        "@id": node_id(plan.origin, "entry", str(event.position)),
        "@type": "case-investigation:InvestigativeAction",
        "uco-core:name": event_in_words(event.type),
        "uco-core:description": [legible(line) for line in event_details(event)],
        "uco-core:objectCreatedTime": _typed("dateTime", event.recorded_at),
        when: _typed("dateTime", event.recorded_at),
        "uco-action:performer": performer,
        "uco-action:instrument": [{"@id": node_id("tool", event.tool)}],
        "uco-action:object": [_ref(item, "original") for item in items],
    }
    if results:
        action["uco-action:result"] = results
    return action


def _ref(*parts: str) -> Ref:
    return {"@id": node_id(*parts)}


def _typed(kind: str, value: str) -> Ref:
    return {"@type": f"xsd:{kind}", "@value": value}


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]
