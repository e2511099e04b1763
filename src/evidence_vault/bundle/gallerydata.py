"""What the gallery page is told: JSON made from the facts of a bundle, and from nothing else.

It stands inside a page, so no character in it can end the element around it or start another.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from evidence_vault.bundle.custody import KEY_DIGITS, CustodyEvent
from evidence_vault.bundle.facts import ItemFacts, item_facts
from evidence_vault.bundle.model import BundleItem, BundlePlan
from evidence_vault.bundle.places import log_fingerprint, told_counts
from evidence_vault.bundle.words import event_in_words, field_in_words, value_lines
from evidence_vault.core.event import FIELDS
from evidence_vault.core.keys import fingerprint_words
from evidence_vault.core.messages import LANGUAGES, catalogue, is_reviewed
from evidence_vault.core.searchkey import keys
from evidence_vault.core.text import escape_for_display

MOST_LINES, MOST_CHARACTERS = 60, 4_000
"""Of one revealed value; custody.txt has the rest."""

_UNSAFE = {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}
# By its events (who did it, in what act), or at its file.
_TOLD_ELSEWHERE = frozenset(
    [
        *("accession", "actor", "metadata", "occurred_at"),
        *("content_sha256", "content_sha512", "content_size", "format"),
    ]
)


def json_for_page(value: Any) -> str:
    """JSON that is the same value to a parser and has no meaning to one of HTML."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return text.translate(_UNSAFE)


def data_pieces(plan: BundlePlan, why_none: Mapping[str, str], papers: Any) -> Iterator[str]:
    """The whole of it, item by item. ``why_none``: by item, why it has no thumbnail, empty where
    it has one; ``papers``: paths of further files by what they are."""
    yield '{"bundle":' + json_for_page(_bundle(plan)) + ',"papers":' + json_for_page(papers)
    yield ',"words":' + json_for_page({lang: _words(lang) for lang in LANGUAGES})
    last = None
    lead = ',"items":['
    for facts in item_facts(plan):
        last = facts.events[-1]
        yield lead + json_for_page(_item(plan, facts, why_none.get(facts.item.id, "off")))
        lead = ",\n"
    yield "]" if last is not None else lead + "]"
    yield ',"exported":' + json_for_page(None if last is None else _event(last)) + "}"


def _bundle(plan: BundlePlan) -> dict[str, Any]:
    fingerprint = log_fingerprint(plan)
    return {
        "counts": told_counts(plan),
        "fingerprint": fingerprint.hex(),
        "id": plan.bundle_id,
        "made_at": plan.made_at,
        "origin": plan.origin,
        "spoken": " ".join(fingerprint_words(fingerprint)),
    }


def _words(lang: str) -> dict[str, Any]:
    """All that the page says in one language."""
    names = sorted({name for fields in FIELDS.values() for name in fields})
    fields = {name: field_in_words(name, "", lang) for name in names}
    copies = {name: field_in_words(name, "derived", lang) for name in names}
    return {
        "copies": {name: text for name, text in copies.items() if text != fields[name]},
        "events": {kind: event_in_words(kind, lang) for kind in sorted(FIELDS)},
        "fields": fields,
        "reviewed": is_reviewed(lang),
        "texts": {code: text for code, text in catalogue(lang).items() if code.startswith("G-")},
    }


def _item(plan: BundlePlan, facts: ItemFacts, why_none: str) -> dict[str, Any]:
    item, told = facts.item, facts.described
    shown = {name: told[name] for name in sorted(told) if name not in _TOLD_ELSEWHERE}
    fields = {name: value_lines(name, value) for name, value in shown.items()}
    own = facts.events[:-1]
    row: dict[str, Any] = {
        "case": _texts(told.get("case")),
        "cut": sorted(name for name, lines in fields.items() if cut(lines) != lines),
        "events": [_event(event) for event in own],
        "fields": {name: cut(lines) for name, lines in fields.items()},
        "gaps": gaps(facts),
        "happened": _happened(facts),
        "held": sorted(facts.withheld),
        "id": item.id,
        "key": _search_key(fields),
        "mime": escape_for_display(facts.media_type),
        "path": item.payload_path,
        "place": _texts(told.get("place")),
        "receipt": item.receipt_path,
        "recorded": facts.arrival.recorded_at,
        "seq": facts.events[-1].item_seq,
        "state": state(item),
        "statement": item.statement_path if item.statement is not None else None,
        "violation": _texts(told.get("violation")),
        "why": escape_for_display(item.withheld or ""),
        "why_none": why_none,
    }
    if item.home != plan.origin:
        row["home"] = escape_for_display(item.home)
    if item.payload is not None:
        payload = item.payload
        row |= {"sha256": payload.sha256, "sha512": payload.sha512, "size": payload.size}
    return {name: value for name, value in row.items() if value not in ("", [], {}, None)}


def state(item: BundleItem) -> str:
    """What of an item leaves: ``original``, ``copy`` or ``none``."""
    if item.payload is None:
        return "none"
    return "original" if item.statement is None else "copy"


def gaps(facts: ItemFacts) -> list[str]:
    """Where the custody of an item is not closed: ``custody``, ``handover``, ``void``.

    A hand-over is open until a later event of the same log confirms it.
    """
    found = {"void" for event in facts.events if event.void}
    found |= {"custody" for event in facts.events if event.type == "custody-gap"}
    offered = 0
    for event in facts.events:
        offered += event.type == "transfer-offered"
        offered -= event.type == "transfer-acknowledged"
    return sorted(found | ({"handover"} if offered > 0 else set()))


def _event(event: CustodyEvent) -> dict[str, Any]:
    row: dict[str, Any] = {
        "at": event.recorded_at,
        "by": list(event.bracket),
        "held": list(event.withheld),
        "key": event.signer[:KEY_DIGITS],
        "leaf": event.leaf,
        "n": event.item_seq,
        "p": event.position,
        "role": event.role,
        "shown": {
            name: ["—"] if value is None else cut(value_lines(name, value))
            for name, value in event.revealed.items()
            if name != "members"
        },
        "type": escape_for_display(event.type),
        "void": event.void,
    }
    return {name: value for name, value in row.items() if value not in ([], {}, False)} | {
        "n": event.item_seq,
        "p": event.position,
    }


def _happened(facts: ItemFacts) -> dict[str, str]:
    """What was claimed of when it happened; ``state`` says if it is told, withheld or unknown."""
    value = facts.described.get("occurred_at")
    if isinstance(value, Mapping):
        told = {name: value.get(name) for name in ("basis", "precision", "value")}
        return {"state": "told"} | {
            name: escape_for_display(str(part))[:200]
            for name, part in told.items()
            if part is not None
        }
    if value is not None:
        return {"state": "told", "value": escape_for_display(str(value))[:200]}
    return {"state": "withheld" if "occurred_at" in facts.withheld else "unknown"}


def _texts(value: Any) -> list[str]:
    """One value or several, to choose by."""
    values = value if isinstance(value, list) else [] if value is None else [value]
    return [escape_for_display(str(each))[:MOST_CHARACTERS] for each in values]


def cut(lines: list[str]) -> list[str]:
    """What the page shows of a value; ``…`` stands where something was left out."""
    short = [f"{x[:MOST_CHARACTERS]}…" if len(x) > MOST_CHARACTERS else x for x in lines]
    return [*short[:MOST_LINES], "…"] if len(short) > MOST_LINES else short


def _search_key(fields: Mapping[str, Iterable[str]]) -> str:
    """How text that is not plain ASCII is found; the page makes the keys of the rest itself."""
    text = "\n".join(line for lines in fields.values() for line in cut(list(lines)))
    return "" if text.isascii() else "\n".join(keys(text))
