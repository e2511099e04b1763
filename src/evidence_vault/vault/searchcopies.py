"""Search copies: a text in Unicode to search in, made from an original that may be in Zawgyi.

The original stays as it is; the copy is a derivative with a statement of its own
(docs/format-derivative.md). It never leaves in place of an original.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from evidence_vault.capture.burmese import SearchCopy, search_copy
from evidence_vault.core.derivation import (
    SEARCH_COPY,
    format_search_statement,
    parse_search_statement,
)
from evidence_vault.errors import FormatError
from evidence_vault.seal.units import UnitMaker
from evidence_vault.vault.checking import publish_and_sign
from evidence_vault.vault.copying import SealedCopy
from evidence_vault.vault.derivatives import (
    about_original,
    newest,
    parent_of,
    read_statement,
    record_statement,
)
from evidence_vault.vault.job import stage_sealed
from evidence_vault.vault.opening import Vault, demand_desk
from evidence_vault.vault.records import (
    ItemEvent,
    ingested_event,
    item_history,
    open_content,
    unit_of,
)
from evidence_vault.vault.writer import writing

LARGEST = 64 * 1024 * 1024
_FORMAT = {"basis": "made here", "extension": "txt", "mime": "text/plain", "name": "Plain text"}


def derive_search(
    vault: Vault, items: Sequence[str], by: str | None = None, purpose: str | None = None
) -> dict[str, Any]:
    """Make search copies of texts that are in. Exit status 3 when one is no text."""
    demand_desk(vault, "make copies of what it took in")
    rows = [_derive_one(vault, item, by, purpose) for item in sorted(set(items))]
    if any(row["event"] is not None for row in rows):
        publish_and_sign(vault)
    status = 0 if all(row["outcome"] == "made" for row in rows) else 3
    return {"derived": rows, "exit": status, "kind": SEARCH_COPY}


def _derive_one(vault: Vault, item: str, by: str | None, purpose: str | None) -> dict[str, Any]:
    arrival = ingested_event(vault, item)
    try:
        made = _made(vault, arrival)
    except FormatError as error:
        return {
            "event": None,
            "id": item,
            "outcome": "no-text",
            "reason": error.message,
            "text": {},
        }
    data = made.text.encode("utf-8")
    parent = parent_of(arrival.event)
    statement = format_search_statement(made.statement, _digests(data), parent)
    sealed = _seal(vault, data)
    with writing(vault) as writer:
        record_statement(writer, parent, SEARCH_COPY, "made", statement, sealed, by, purpose)
        event = writer.commit()
    return {"event": event, "id": item, "outcome": "made", "reason": "", "text": made.statement}


def check_search(vault: Vault, items: Sequence[str], by: str | None = None) -> dict[str, Any]:
    """Make the newest search copy of each item again and compare, as derivatives.check does."""
    demand_desk(vault, "make a copy again from the original")
    rows = [_check_one(vault, item, by) for item in sorted(set(items))]
    outcomes = {row["outcome"] for row in rows}
    status = 10 if "differs" in outcomes else 3 if "unchecked" in outcomes else 0
    return {"checked": rows, "exit": status}


def _check_one(vault: Vault, item: str, by: str | None) -> dict[str, Any]:
    events = list(item_history(vault, item))
    derived = newest(events, SEARCH_COPY)
    if derived is None:
        reason = "it has no search copy"
        return {"id": item, "outcome": "unchecked", "reason": reason, "tools": []}
    with writing(vault) as writer:
        values = {"actor": by, "purpose": "search copy made again"}
        writer.item_event("accessed", item, values, home=events[0].event.subject["home"])
        writer.commit()
    outcome, reason = _compare(vault, derived, events[0])
    return {"id": item, "outcome": outcome, "reason": reason, "tools": []}


def _compare(vault: Vault, derived: ItemEvent, arrival: ItemEvent) -> tuple[str, str]:
    stated, copy, parent = parse_search_statement(read_statement(vault, derived))
    outcome, reason = about_original(vault, arrival, parent)
    if outcome:
        return outcome, reason
    try:
        made = _made(vault, arrival)
    except FormatError as error:
        return "unchecked", error.message
    if made.statement == stated and _digests(made.text.encode("utf-8")) == copy:
        return "matches", "the same text"
    versions = ("judged_by", "normalisation", "rules")
    if any(made.statement.get(name) != stated.get(name) for name in versions):
        return "unchecked", "made with other versions of the rules"
    return "differs", "not the text that the statement says"


def _made(vault: Vault, arrival: ItemEvent) -> SearchCopy:
    """Raises FormatError for an original that is no text, too large, or not kept."""
    if unit_of(arrival.event, "content") is None:
        raise FormatError("the original was not kept (strip-only)")
    if int(arrival.values["content_size"]) > LARGEST:
        raise FormatError(f"a text of more than {LARGEST} bytes")
    with open_content(vault, arrival) as stream:
        return search_copy(stream.read(LARGEST + 1))


def _digests(data: bytes) -> Mapping[str, Any]:
    return {
        "sha256": hashlib.sha256(data).hexdigest(),
        "sha512": hashlib.sha512(data).hexdigest(),
        "size": len(data),
    }


def _seal(vault: Vault, data: bytes) -> SealedCopy:
    keyring = vault.keyring
    unit = UnitMaker(keyring.recipients, keyring.plaintext).new()
    objects, handle = stage_sealed(vault.archive.spool, unit, "media", data)
    found = _digests(data)
    return SealedCopy(
        found["sha256"],
        found["sha512"],
        len(data),
        dict(_FORMAT),
        unit,
        objects,
        handle,
    )
