"""One item in the terms of the load file: which field goes into which slot (docs/profiles.md).

Everything comes from bundle/facts.py: a value that the receipts withhold has no row, and its name
stands under ``Withheld fields``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from evidence_vault.bundle.custody import render_history
from evidence_vault.bundle.facts import ItemFacts
from evidence_vault.bundle.loadtext import Row, cell, day, exact_rows, memo, value_rows
from evidence_vault.bundle.model import BundlePlan
from evidence_vault.core.relations import ATTACHMENT, REDACTED, TRANSCRIPT, TRANSLATION

#: Registration numbers, categories and codes that only who receives the material assigns.
EMPTY_SLOTS = (
    ("TEXT", "ERN range"),
    ("PICK", "Disclosure category"),
    ("PICK", "Related witness code"),
)

#: The archive's ladder in the words of the ICC Registry (regulation 14 of its regulations).
CONFIDENTIALITY = {
    "public": "Public",
    "confidential": "Confidential",
    "under-seal": "Under seal",
    "secret": "Secret",
}

#: Correspondence_Type of each field that holds a code name.
PARTIES = {
    "source_code": "Source",
    "collector_code": "Collector",
    "received_from": "Received from",
}

_TEXTS = (
    ("TEXT", "Received by way of", "received_via"),
    ("TEXT", "Place", "place"),
    ("PICK", "Language", "language"),
    ("TEXT", "Case", "case"),
    ("PICK", "Violation (as coded by the archive)", "violation"),
    ("PICK", "Handling caveats", "caveats"),
    ("TEXT", "Delivery", "accession"),
    ("MEMO", "Description", "description"),
    ("MEMO", "Earlier custody (as stated)", "custody_before"),
)

_KINDS = {"image": "Image", "video": "Video", "audio": "Audio recording", "text": "Document"}
_DOCUMENTS = ("pdf", "msword", "wordprocessing", "opendocument.text", "rtf", "epub")
_SHEETS = ("spreadsheet", "ms-excel")
_SLIDES = ("presentation", "ms-powerpoint")


def document_type(facts: ItemFacts) -> str:
    """The kind of document, from its relation or its content; not the type of the file."""
    said = {each.relation for each in facts.relations}
    if TRANSCRIPT in said:
        return "Transcript"
    if TRANSLATION in said:
        return "Translation"
    media = facts.media_type
    if media in ("message/rfc822", "application/vnd.ms-outlook", "application/mbox"):
        return "E-mail"
    if any(part in media for part in _SHEETS) or media == "text/csv":
        return "Spreadsheet"
    if any(part in media for part in _SLIDES):
        return "Presentation"
    if any(part in media for part in _DOCUMENTS):
        return "Document"
    return _KINDS.get(media.partition("/")[0], "Other")


def export_row(facts: ItemFacts, present: frozenset[tuple[str, str]]) -> tuple[str, ...]:
    """A record of ``export``; ``present``: (home, id) of every item of the bundle."""
    hosts = [r.id for r in facts.relations if r.relation == ATTACHMENT and _in(present, r)]
    date, estimated = _main_date(facts)
    title = facts.described.get("title")
    return (
        facts.item.id,
        hosts[-1] if hosts else "",
        date,
        estimated,
        document_type(facts),
        cell(title) if isinstance(title, str) else "",
        facts.item.id.partition("-")[0],
        *[""] * 9,
        "",
    )


def party_rows(facts: ItemFacts) -> Iterator[tuple[str, ...]]:
    """Records of ``parties``: code names, never names; whether of a person isn't recorded."""
    for field, kind in PARTIES.items():
        value = facts.described.get(field)
        if isinstance(value, str):
            yield facts.item.id, kind, cell(value), ""


def page_rows(facts: ItemFacts) -> Iterator[tuple[str, ...]]:
    """The record of ``pages`` of a file that leaves: one native file, page 1 of 1."""
    path = facts.item.payload_path
    if path is not None:
        yield facts.item.id, path.removeprefix("data/"), facts.item.id, "1", "1"


def extra_rows(
    facts: ItemFacts, plan: BundlePlan, present: frozenset[tuple[str, str]]
) -> Iterator[Row]:
    """Records of ``export_extras`` without their Document_ID."""
    for category, label in EMPTY_SLOTS:
        yield category, label, "", ""
    yield from _source(facts)
    yield "MEMO", "Chain of Custody", "", chain_of_custody(facts)
    yield from _dates(facts)
    yield from _relations(facts, present)
    yield "PICK", "Redaction version and status", _redaction(facts), ""
    yield from _confidentiality(facts)
    yield "DATE", "Provision date", day(plan.made_at[:10]), ""
    yield "TEXT", "Provision package", plan.bundle_id, ""
    yield from _file(facts)
    for category, label, field in _TEXTS:
        for value in _values(facts.described.get(field)):
            yield from value_rows(category, label, value)
    yield from _exact_titles(facts)
    yield "TEXT", "Archive (origin of its log)", cell(facts.item.home), ""
    yield "TEXT", "Receipt", facts.item.receipt_path, ""
    withheld = withheld_fields(facts)
    if withheld:
        yield from value_rows("TEXT", "Withheld fields", withheld)


def chain_of_custody(facts: ItemFacts) -> str:
    """The record of custody in words; beyond a memo it says where the rest is."""
    count = len(facts.events)
    note = (
        f"[cut here: {count} events in all; the whole record stands in custody.txt, "
        f"its proofs in {facts.item.receipt_path}]"
    )
    return memo(render_history(facts.events), note)


def withheld_fields(facts: ItemFacts) -> str:
    """``event type: field, field; …``: what the archive knows and keeps back, without values."""
    found: dict[str, set[str]] = {}
    for event in facts.events:
        if event.withheld:
            found.setdefault(event.type, set()).update(event.withheld)
    return "; ".join(f"{kind}: {', '.join(sorted(names))}" for kind, names in found.items())


def _in(present: frozenset[tuple[str, str]], relation: Any) -> bool:
    return (relation.home, relation.id) in present


def _values(value: Any) -> list[str]:
    """A field as its values: several stand in rows of their own under one label."""
    values = value if isinstance(value, list) else [value]
    return [each for each in values if isinstance(each, str) and each]


def _occurred(facts: ItemFacts) -> Mapping[str, Any]:
    value = facts.described.get("occurred_at")
    if isinstance(value, str):
        return {"value": value}
    return value if isinstance(value, Mapping) else {}


def _main_date(facts: ItemFacts) -> tuple[str, str]:
    """(Document_Date, Estimated): without a known day no date, and YES; without any, neither."""
    expression = _occurred(facts).get("value")
    if not isinstance(expression, str):
        return "", ""
    found = day(expression)
    return found, "NO" if found else "YES"


def _dates(facts: ItemFacts) -> Iterator[Row]:
    occurred = _occurred(facts)
    for name, label in (
        ("value", "Main date as recorded"),
        ("precision", "Main date precision"),
        ("basis", "Main date basis"),
    ):
        if isinstance(occurred.get(name), str):
            yield from value_rows("TEXT", label, occurred[name])
    received = facts.described.get("received_at")
    if isinstance(received, str):
        if day(received):
            yield "DATE", "Date received", day(received), ""
        yield from value_rows("TEXT", "Date received as recorded", received)
    taken_in = facts.arrival.recorded_at
    yield "DATE", "Date taken into the archive", day(taken_in[:10]), ""
    yield "TEXT", "Taken into the archive, by its clock", taken_in, ""


def _source(facts: ItemFacts) -> Iterator[Row]:
    source = facts.described.get("source_code")
    if isinstance(source, str):
        yield from value_rows("TEXT", "Source", source)
    for field, kind in PARTIES.items():
        value = facts.described.get(field)
        if field != "source_code" and isinstance(value, str) and cell(value) != value:
            yield from exact_rows(kind, value)


def _relations(facts: ItemFacts, present: frozenset[tuple[str, str]]) -> Iterator[Row]:
    for each in facts.relations:
        label = cell(each.relation.replace("-", " ").capitalize())
        if not _in(present, each):
            label = cell(f"{label} (not in this bundle)")
        yield from value_rows("TEXT", label, each.id)


def _redaction(facts: ItemFacts) -> str:
    redacted = any(each.relation == REDACTED for each in facts.relations)
    version = "Redacted version" if redacted else "No redaction stated"
    if facts.item.payload is None:
        return f"{version}; file withheld"
    return f"{version}; {'copy without metadata' if facts.is_copy else 'file as received'}"


def _confidentiality(facts: ItemFacts) -> Iterator[Row]:
    word = facts.described.get("classification")
    known = CONFIDENTIALITY.get(word, "") if isinstance(word, str) else ""
    yield "PICK", "Confidentiality level", known, ""
    if isinstance(word, str):
        yield from value_rows("TEXT", "Confidentiality in the archive's word", word)


def _file(facts: ItemFacts) -> Iterator[Row]:
    item, content = facts.item, facts.content
    if item.payload is not None:
        was = "share copy without metadata" if facts.is_copy else "original"
        digests = (item.payload.sha256, item.payload.sha512, str(item.payload.size))
    else:
        was = f"withheld: {item.withheld}"
        digests = (
            str(content.get("content_sha256", "")),
            str(content.get("content_sha512", "")),
            str(content.get("content_size", "")),
        )
    yield from value_rows("TEXT", "File", was)
    of = "" if item.payload is not None else " of the withheld original"
    for category, label, value in zip(
        ("TEXT", "TEXT", "NUMB"), ("SHA-256", "SHA-512", "Size in bytes"), digests, strict=True
    ):
        if value:
            yield category, label + of, cell(value), ""
    if item.payload_path is not None:
        yield "TEXT", "Path in the bundle", item.payload_path, ""
    if facts.media_type:
        yield from value_rows("TEXT", "Media type", facts.media_type)
    name = facts.described.get("source_path")
    if isinstance(name, Mapping):
        shown, raw = str(name.get("display", "")), str(name.get("b64", ""))
        yield from value_rows("TEXT", "Original file name", shown)
        yield from value_rows("TEXT", "Original file name (base64 of its bytes)", raw)


def _exact_titles(facts: ItemFacts) -> Iterator[Row]:
    title = facts.described.get("title")
    if isinstance(title, str) and cell(title) != title:
        yield from exact_rows("Title", title)
