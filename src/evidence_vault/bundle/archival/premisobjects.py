"""PREMIS 3 objects of a bundle: the evidence, its files here and in the archive, their proofs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from evidence_vault.bundle.archival import premiswords as words
from evidence_vault.bundle.archival.pronom import pronom_key
from evidence_vault.bundle.archival.xmltext import leaf, node
from evidence_vault.bundle.facts import ItemFacts
from evidence_vault.bundle.model import BundlePlan
from evidence_vault.core.checkpoint import parse_checkpoint
from evidence_vault.core.note import encode_base64, parse_note
from evidence_vault.core.receipt import Receipt, format_receipt
from evidence_vault.core.relations import ATTACHMENT, EXCERPT, REDACTED, TRANSCRIPT, TRANSLATION

# Ed25519 signatures have 64 bytes and ML-DSA-44 ones 2420; a cosignature states its time before.
_METHODS = {
    64: "Ed25519",
    72: "Ed25519, over a stated time and the text",
    2420: "ML-DSA-44",
    2428: "ML-DSA-44, over a stated time and the text",
}
# What kind of PREMIS relationship a stated one is; any other is *logical*.
_RELATIONS = {
    ATTACHMENT: "structural",
    "part-of": "structural",
    TRANSLATION: "derivation",
    TRANSCRIPT: "derivation",
    EXCERPT: "derivation",
    REDACTED: "derivation",
}
_RECEIPT_FORMAT = "evidence-vault/receipt/v1"


def bundle_object(plan: BundlePlan) -> str:
    """The bundle as a whole."""
    return _object(
        "intellectualEntity",
        words.identifier("objectIdentifier", words.BUNDLE, plan.bundle_id),
        words.linking("Event", words.BUNDLE, plan.bundle_id),
    )


def item_objects(plan: BundlePlan, facts: ItemFacts, rights: list[str]) -> Iterator[str]:
    """The evidence, its original, its share copy if that leaves, and its receipt.

    ``rights``: identifiers of the rights statements about it.
    """
    yield _evidence(plan, facts, rights)
    yield _original(plan, facts)
    if facts.is_copy:
        yield _copy(plan, facts)
    yield _receipt(plan, facts)


def _evidence(plan: BundlePlan, facts: ItemFacts, rights: list[str]) -> str:
    item = facts.item
    inside = [words.identifier("objectIdentifier", words.ITEM, words.named(item))]
    if item.withheld is not None:
        inside.append(_property("kept back here, because", item.withheld))
    if facts.withheld:
        inside.append(_property("fields withheld here", ", ".join(sorted(facts.withheld))))
    inside.append(
        words.relationship("structural", "is included in", (words.BUNDLE, plan.bundle_id))
    )
    original = (words.ORIGINAL, words.named(item))
    inside.append(words.relationship("structural", "is represented by", original))
    if facts.is_copy and item.payload_path is not None:
        copy = (words.IN_BAG, item.payload_path)
        inside.append(words.relationship("structural", "is represented by", copy))
    inside += [
        words.relationship(
            _RELATIONS.get(each.relation, "logical"),
            each.relation.replace("-", " "),
            (words.ITEM, f"{each.home}/{each.id}"),
        )
        for each in facts.relations
    ]
    inside += [
        words.linking("Event", words.ENTRY, f"{plan.origin}/{e.position}") for e in facts.events
    ]
    inside += [words.linking("RightsStatement", words.RIGHTS, each) for each in rights]
    return _object("intellectualEntity", *inside)


def _original(plan: BundlePlan, facts: ItemFacts) -> str:
    """The bytes as they came in, which are here or stay in the archive."""
    item = facts.item
    here = None if facts.is_copy else item.payload_path
    inside = [words.identifier("objectIdentifier", words.ORIGINAL, words.named(item))]
    if here is not None:
        inside.append(words.identifier("objectIdentifier", words.IN_BAG, here))
    inside.append(_characteristics(facts.content, plan.origin))
    name = facts.arrival.revealed.get("source_path")
    if isinstance(name, Mapping) and "display" in name:
        inside.append(leaf("originalName", str(name["display"])))
    inside.append(_storage(here))
    inside.append(_represents(facts))
    arrival = f"{plan.origin}/{facts.arrival.position}"
    inside.append(words.linking("Event", words.ENTRY, arrival))
    return _object("file", *inside)


def _copy(plan: BundlePlan, facts: ItemFacts) -> str:
    item, made = facts.item, facts.copy_event
    assert made is not None and item.payload_path is not None
    entry = f"{plan.origin}/{made.position}"
    original = (words.ORIGINAL, words.named(item))
    return _object(
        "file",
        words.identifier("objectIdentifier", words.IN_BAG, item.payload_path),
        _characteristics(made.revealed, plan.origin),
        _storage(item.payload_path),
        _represents(facts),
        words.relationship("derivation", "has source", original, entry),
        words.linking("Event", words.ENTRY, entry),
    )


def _receipt(plan: BundlePlan, facts: ItemFacts) -> str:
    """The file that proves the events: its checkpoint carries the signatures."""
    content = format_receipt(facts.item.receipt)
    point = (words.CHECKPOINT, f"{plan.origin}/{plan.checkpoint.size}")
    return _object(
        "file",
        words.identifier("objectIdentifier", words.IN_BAG, facts.item.receipt_path),
        node(
            "objectCharacteristics",
            words.fixity("SHA-256", hashlib.sha256(content).hexdigest(), plan.origin),
            words.fixity("SHA-512", hashlib.sha512(content).hexdigest(), plan.origin),
            leaf("size", str(len(content))),
            node("format", node("formatDesignation", leaf("formatName", _RECEIPT_FORMAT))),
        ),
        words.relationship("structural", "includes", point),
        words.relationship("structural", "is included in", (words.BUNDLE, plan.bundle_id)),
    )


def checkpoint_objects(notes: Mapping[int, tuple[str, bytes]]) -> Iterator[str]:
    """The signed states of the log that the receipts carry, each once, with their signatures.

    ``notes``: (origin, signed note) by size.
    """
    for size, (origin, raw) in sorted(notes.items()):
        note = parse_note(raw)
        signatures = (
            node(
                "signatureInformation",
                node(
                    "signature",
                    leaf("signatureEncoding", "base64"),
                    leaf("signer", each.name),
                    leaf("signatureMethod", _METHODS.get(len(each.signature), "not known here")),
                    leaf("signatureValue", encode_base64(each.signature)),
                    leaf("signatureValidationRules", "C2SP signed-note and tlog-cosignature"),
                    leaf("signatureProperties", f"ID of the key: {each.key_id.hex()}"),
                ),
            )
            for each in note.signatures
        )
        yield _object(
            "bitstream",
            words.identifier("objectIdentifier", words.CHECKPOINT, f"{origin}/{size}"),
            node(
                "objectCharacteristics",
                words.fixity("SHA-256", hashlib.sha256(raw).hexdigest(), origin),
                leaf("size", str(len(raw))),
                node(
                    "format",
                    node("formatDesignation", leaf("formatName", "C2SP tlog-checkpoint")),
                ),
            ),
            *signatures,
        )


def signed_states(receipt: Receipt) -> dict[int, tuple[str, bytes]]:
    """(origin, signed note) by size: the checkpoint of a receipt and its countersigned states."""
    found = {state.size: (receipt.origin, state.note) for state in receipt.states}
    point = parse_checkpoint(parse_note(receipt.note).text)
    return found | {point.size: (receipt.origin, receipt.note)}


def _characteristics(values: Mapping[str, Any], origin: str) -> str:
    """Digests and size as far as revealed; a format is always named, if only as unknown."""
    inside = [
        words.fixity(algorithm, str(values[name]), origin)
        for algorithm, name in (("SHA-256", "content_sha256"), ("SHA-512", "content_sha512"))
        if isinstance(values.get(name), str)
    ]
    if isinstance(values.get("content_size"), str):
        inside.append(leaf("size", values["content_size"]))
    inside.append(_format(values.get("format")))
    return node("objectCharacteristics", *inside)


def _format(form: Any) -> str:
    """A content type, told by the content; with the key of PRONOM where that settles it."""
    if not isinstance(form, Mapping) or "mime" not in form:
        return node(
            "format",
            node("formatDesignation", leaf("formatName", "not known here")),
        )
    media_type = str(form["mime"])
    inside = [node("formatDesignation", leaf("formatName", media_type))]
    key = pronom_key(media_type)
    if key is not None:
        inside.append(
            node(
                "formatRegistry",
                leaf("formatRegistryName", "PRONOM"),
                leaf("formatRegistryKey", key),
            )
        )
    note = f"{form.get('name', '')}; told by: {form.get('basis', 'unknown')}"
    return node("format", *inside, leaf("formatNote", note))


def _storage(path: str | None) -> str:
    if path is None:
        return node("storage", leaf("storageMedium", "kept by the archive, not in this bag"))
    return node(
        "storage",
        node(
            "contentLocation",
            leaf("contentLocationType", words.IN_BAG),
            leaf("contentLocationValue", path),
        ),
    )


def _represents(facts: ItemFacts) -> str:
    return words.relationship("structural", "represents", (words.ITEM, words.named(facts.item)))


def _property(kind: str, value: str) -> str:
    return node(
        "significantProperties",
        leaf("significantPropertiesType", kind),
        leaf("significantPropertiesValue", value),
    )


def _object(kind: str, *inside: str) -> str:
    return node("object", *inside, attributes={"xsi:type": kind})
