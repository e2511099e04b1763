"""``ro-crate-metadata.json``: what is in a bundle, for repositories that read RO-Crate.

The files that hold data are listed with their digests: originals, share copies, receipts, and the
statements on copies. The bundle's own signed list of all files is ``statement.json``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote

from evidence_vault.bundle.archival.jsongraph import Node, graph
from evidence_vault.bundle.archival.xmltext import legible
from evidence_vault.bundle.facts import ItemFacts, item_facts
from evidence_vault.bundle.model import BundlePlan
from evidence_vault.core.receipt import format_receipt

PATH = "ro-crate-metadata.json"
_VERSION = "https://w3id.org/ro/crate/1.2"
_TERMS = "#terms"
_ARCHIVE = "#archive"
_FIXED = (
    ("custody.txt", "Custody record of the items, for people", "text/plain"),
    ("custody.csv", "Custody record of the items, one line for each event", "text/csv"),
    ("index.csv", "Every chosen item, exported or kept back, and why", "text/csv"),
)


class CrateFile:
    """Maps to RO-Crate 1.2; names people by code, and only where the receipts do."""

    def files(self, plan: BundlePlan) -> Iterator[tuple[str, Iterable[bytes]]]:
        yield PATH, graph(f"{_VERSION}/context", _nodes(plan))


def _nodes(plan: BundlePlan) -> Iterator[Node]:
    yield {
        "@id": PATH,
        "@type": "CreativeWork",
        "about": {"@id": "./"},
        "conformsTo": {"@id": _VERSION},
    }
    yield _root(plan)
    yield {
        "@id": _ARCHIVE,
        "@type": "Organization",
        "name": legible(plan.origin),
        "description": "The archive, by the origin of its log. Its name is not told here.",
    }
    yield {
        "@id": _TERMS,
        "@type": "CreativeWork",
        "name": "No licence",
        "description": "No licence is given with these files. Ask the archive before any use that "
        "its agreement with you does not name.",
    }
    for path, name, media_type in _FIXED:
        yield {"@id": path, "@type": "File", "name": name, "encodingFormat": media_type}
    codes: set[str] = set()
    for facts in item_facts(plan):
        collector = facts.described.get("collector_code")
        if collector is not None:
            codes.add(str(collector))
        yield from _files(facts)
    for code in sorted(codes):
        yield {"@id": _person(code), "@type": "Person", "name": legible(code)}


def _root(plan: BundlePlan) -> Node:
    exported = sum(1 for item in plan.items if item.withheld is None)
    return {
        "@id": "./",
        "@type": "Dataset",
        "name": f"Evidence bundle {plan.bundle_id}",
        "description": f"{len(plan.items)} items of the archive {legible(plan.origin)}: "
        f"{exported} exported, {len(plan.items) - exported} kept back. HOW-TO-VERIFY.txt says how "
        "to check it; this file proves nothing by itself.",
        "identifier": plan.bundle_id,
        "datePublished": plan.made_at,
        "license": {"@id": _TERMS},
        "publisher": {"@id": _ARCHIVE},
        "hasPart": [{"@id": path} for path in _paths(plan)],
    }


def _paths(plan: BundlePlan) -> Iterator[str]:
    yield from (path for path, _, _ in _FIXED)
    for item in plan.items:
        if item.payload_path is not None:
            yield item.payload_path
        yield item.receipt_path
        if item.statement is not None:
            yield item.statement_path


def _files(facts: ItemFacts) -> Iterator[Node]:
    item = facts.item
    if item.payload is not None and item.payload_path is not None:
        yield _payload(facts)
    receipt = format_receipt(item.receipt)
    about = {"about": {"@id": item.payload_path}} if item.payload_path is not None else {}
    yield {
        **_file(item.receipt_path, f"Receipt of {item.id}", "text/plain", receipt),
        **about,
    }
    if item.statement is not None:
        name = f"How the share copy of {item.id} was made"
        yield {
            **_file(item.statement_path, name, "application/json", item.statement),
            **about,
        }


def _payload(facts: ItemFacts) -> Node:
    item, told = facts.item, facts.described
    assert item.payload is not None and item.payload_path is not None
    what = "share copy without metadata" if facts.is_copy else "original"
    node: dict[str, Any] = {
        "@id": item.payload_path,
        "@type": "File",
        "name": legible(str(told["title"])) if "title" in told else f"{item.id} ({what})",
        "identifier": f"{item.home}/{item.id}",
        "contentSize": str(item.payload.size),
        "sha256": item.payload.sha256,
    }
    if facts.media_type:
        node["encodingFormat"] = facts.media_type
    if "description" in told:
        node["description"] = legible(str(told["description"]))
    if "language" in told:
        node["inLanguage"] = str(told["language"])
    if "collector_code" in told:
        node["contributor"] = {"@id": _person(str(told["collector_code"]))}
    return node


def _file(path: str, name: str, media_type: str, content: bytes) -> dict[str, Any]:
    return {
        "@id": path,
        "@type": "File",
        "name": name,
        "encodingFormat": media_type,
        "contentSize": str(len(content)),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def _person(code: str) -> str:
    """An address for a code, whatever characters it has."""
    return f"#code-{quote(code, safe='')}"
