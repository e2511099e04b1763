"""``archive/isadg.csv``: a description after ISAD(G), from the general to the specific.

The archive (fonds), each accession (file), each item; an element stands at the level to which it
belongs and is not repeated below. The columns are those by which AtoM takes in descriptions, so
that an archivist need not type anything. What is unknown or withheld says so in its cell where
ISAD(G) asks for the element, and is empty elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from evidence_vault.bundle.facts import (
    UNKNOWN,
    WITHHELD,
    AccessionFacts,
    ItemFacts,
    accession_facts,
    item_facts,
)
from evidence_vault.bundle.index import csv_line
from evidence_vault.bundle.model import BundlePlan

# The heading of AtoM's template for ISAD(G), as far as there is something to put into it.
COLUMNS = (
    "legacyId",
    "parentId",
    "accessionNumber",
    "identifier",
    "title",
    "levelOfDescription",
    "extentAndMedium",
    "repository",
    "archivalHistory",
    "acquisition",
    "scopeAndContent",
    "accruals",
    "arrangement",
    "accessConditions",
    "reproductionConditions",
    "language",
    "physicalCharacteristics",
    "locationOfOriginals",
    "locationOfCopies",
    "relatedUnitsOfDescription",
    "generalNote",
    "subjectAccessPoints",
    "placeAccessPoints",
    "rules",
    "revisionHistory",
    "sources",
    "archivistNote",
    "eventDates",
    "eventTypes",
    "eventStartDates",
    "eventEndDates",
    "eventActors",
    "culture",
)
_RULES = "maps to ISAD(G), second edition"
NOT_KNOWN = "[not known to the archive]"
NOT_SHOWN = "[known to the archive, withheld here]"
_FONDS = "fonds"

Row = dict[str, str]


def isadg_csv(plan: BundlePlan) -> Iterator[bytes]:
    """The file, line by line; accessions before the items that name them."""
    yield csv_line(COLUMNS)
    accessions = accession_facts(plan)
    yield _line(_fonds(plan))
    for each in accessions:
        yield _line(_file(plan, each))
    for facts in item_facts(plan):
        yield _line(_item(plan, facts))


def _line(row: Mapping[str, str]) -> bytes:
    return csv_line(row.get(column, "") for column in COLUMNS)


def _fonds(plan: BundlePlan) -> Row:
    exported = sum(1 for item in plan.items if item.withheld is None)
    withheld = len(plan.items) - exported
    return {
        "legacyId": _FONDS,
        "identifier": plan.origin,
        "title": f"Evidence held by the archive {plan.origin}",
        "levelOfDescription": "Fonds",
        "extentAndMedium": (
            f"digital; {exported} items in this bundle, {withheld} kept back; the extent of the "
            "whole is not told"
        ),
        "repository": plan.origin,
        "archivalHistory": "custody.txt; archive/premis.xml",
        "acquisition": "archive/accession-register.csv",
        "arrangement": "by accession; items in the order in which they came in",
        "accruals": "[not told: the archive may go on taking in]",
        "rules": _RULES,
        "revisionHistory": f"made {plan.made_at} from entry {plan.exported_index} of the log",
        "sources": "the receipts of this bundle",
        "archivistNote": f"written by {plan.software}, not by a person",
        "eventDates": NOT_KNOWN,
        "eventTypes": "Creation",
        "eventActors": NOT_KNOWN,
        "culture": "en",
    }


def _file(plan: BundlePlan, accession: AccessionFacts) -> Row:
    return {
        "legacyId": accession.id,
        "parentId": _FONDS,
        "accessionNumber": accession.id,
        "identifier": accession.id,
        "title": f"Accession {accession.id}",
        "levelOfDescription": "File",
        "extentAndMedium": f"digital; {len(accession.items)} items in this bundle",
        "acquisition": _acquisition(accession),
        "accessConditions": _told(accession, "terms"),
        "rules": _RULES,
        "eventDates": NOT_KNOWN,
        "eventTypes": "Creation",
        "eventActors": NOT_KNOWN,
        "culture": "en",
    }


def _item(plan: BundlePlan, facts: ItemFacts) -> Row:
    item = facts.item
    first = facts.accessions[0] if facts.accessions else ""
    dates, start, end = _dates(facts)
    return {
        "legacyId": f"{item.home}/{item.id}",
        "parentId": first or _FONDS,
        "accessionNumber": first,
        "identifier": item.id,
        "title": _standing(facts, "title"),
        "levelOfDescription": "Item",
        "extentAndMedium": _extent(facts),
        "archivalHistory": _history(facts),
        "acquisition": "; ".join(
            f"{label} {_standing(facts, name)}"
            for label, name in (("from", "received_from"), ("by way of", "received_via"))
        ),
        "scopeAndContent": _standing(facts, "description"),
        "accessConditions": _conditions(facts),
        "language": _optional(facts, "language"),
        "physicalCharacteristics": facts.media_type,
        "locationOfOriginals": _originals(plan, facts),
        "locationOfCopies": _copies(facts),
        "relatedUnitsOfDescription": "; ".join(
            f"{r.relation.replace('-', ' ')} {r.home}/{r.id} (as stated)" for r in facts.relations
        ),
        "generalNote": _withheld(facts),
        "subjectAccessPoints": _optional(facts, "violation"),
        "placeAccessPoints": _optional(facts, "place"),
        "rules": _RULES,
        "sources": item.receipt_path,
        "eventDates": dates,
        "eventTypes": "Creation|Accumulation",
        "eventStartDates": start,
        "eventEndDates": end,
        "eventActors": f"{_standing(facts, 'collector_code')}|{plan.origin}",
        "culture": "en",
    }


def _standing(facts: ItemFacts, field: str) -> str:
    """The value of an element that ISAD(G) asks for, or that there is none, or none here."""
    standing = facts.standing(field)
    if standing == UNKNOWN:
        return NOT_KNOWN
    return NOT_SHOWN if standing == WITHHELD else _text(facts.described[field])


def _optional(facts: ItemFacts, field: str) -> str:
    return _text(facts.described[field]) if field in facts.described else ""


def _text(value: Any) -> str:
    """Several values are parted by ``|``, as the columns want it; within one it is ``¦``."""
    values = value if isinstance(value, list) else [value]
    return "|".join(str(each).replace("|", "¦") for each in values)


def _dates(facts: ItemFacts) -> tuple[str, str, str]:
    """(in words, first day, last day) of creation and of accumulation, parted by ``|``.

    When a file was made is not known to the archive: what people state is when the thing happened
    that it shows. The days are only as exact as that statement.
    """
    occurred = facts.described.get("occurred_at")
    came = facts.arrival.recorded_at
    if not isinstance(occurred, dict):
        return f"{_standing(facts, 'occurred_at')}|{came}", f"|{came[:10]}", f"|{came[:10]}"
    stated = str(occurred["value"])
    first, _, last = stated.partition("/")
    told = f"{stated} (when it happened, as claimed; not checked)"
    return (
        f"{told}|{came}",
        f"{_day(first)}|{came[:10]}",
        f"{_day(last or first)}|{came[:10]}",
    )


def _day(text: str) -> str:
    """``2026``, ``2026-03`` or ``2026-03-05`` with zeroes for what is not stated."""
    date = text[:10]
    for length, rest in ((4, "-00-00"), (7, "-00"), (10, "")):
        if len(date) == length:
            return date + rest
    return ""


def _extent(facts: ItemFacts) -> str:
    size = facts.content.get("content_size")
    if size is not None:
        return f"1 digital file, {size} bytes"
    return "1 digital file; its size is withheld here"


def _history(facts: ItemFacts) -> str:
    """Earlier custody as stated by others, then how many events of ours there are."""
    ours = f"{len(facts.events)} events in the archive: custody.txt, archive/premis.xml"
    return f"before the archive, as stated: {_standing(facts, 'custody_before')}; {ours}"


def _conditions(facts: ItemFacts) -> str:
    told = [_standing(facts, "classification"), _optional(facts, "caveats")]
    if facts.item.withheld is not None:
        told.append(f"kept back here: {facts.item.withheld}")
    return "; ".join(each for each in told if each)


def _originals(plan: BundlePlan, facts: ItemFacts) -> str:
    path = facts.item.payload_path
    if path is None or facts.is_copy:
        return f"in the archive {plan.origin}, not in this bundle"
    return f"in the archive {plan.origin}; the same bytes here: {path}"


def _copies(facts: ItemFacts) -> str:
    path = facts.item.payload_path
    return f"share copy without metadata: {path}" if facts.is_copy and path else ""


def _withheld(facts: ItemFacts) -> str:
    if not facts.withheld:
        return ""
    return f"withheld here: {', '.join(sorted(facts.withheld))}"


def _acquisition(accession: AccessionFacts) -> str:
    parts = (("received", "received_at"), ("from", "received_from"), ("by way of", "received_via"))
    return "; ".join(f"{label} {_told(accession, name)}" for label, name in parts)


def _told(accession: AccessionFacts, field: str) -> str:
    return told_of(accession, field, NOT_KNOWN, NOT_SHOWN)


def told_of(accession: AccessionFacts, field: str, unknown: str, withheld: str) -> str:
    """A field of the event that opened an accession."""
    opened = accession.opened
    if opened is None or field in opened.withheld:
        return withheld
    value = opened.revealed.get(field)
    return unknown if value is None else str(value)
