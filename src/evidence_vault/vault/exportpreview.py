"""``export --dry-run``: what would leave, to whom, on what terms, and what stays.

Commits nothing and writes nothing. The sizes of receipts, reports and pages show only once their
event is committed, so the total is said to be about.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from evidence_vault.core import age
from evidence_vault.core.event import FIELDS
from evidence_vault.errors import UsageError
from evidence_vault.vault.exportchoice import Ready, prepare
from evidence_vault.vault.exporting import estimated_size, shell_of
from evidence_vault.vault.exportrequest import ExportRequest, check_terms
from evidence_vault.vault.handling import NO_CONSENT, handling_of
from evidence_vault.vault.opening import Vault, demand_desk


def preview(vault: Vault, request: ExportRequest) -> dict[str, Any]:
    """The same choice and the same checks as :func:`exporting.export` makes, and no more."""
    demand_desk(vault, "export")
    check_terms(request)
    ways = (bool(request.recipients), request.passphrase is not None, request.clear)
    if sum(ways) > 1:
        raise UsageError("a bundle leaves in one way: --to, a passphrase, or --clear")
    for text in request.recipients:
        age.parse_recipient(text)
    ready = prepare(vault, request)
    items = [_item(ready, item) for item in ready.chosen]
    files = [{"path": row["file"], "size": row["size"]} for row in items if row["file"]]
    return {
        "agreement": request.agreement,
        "conditions": sorted(set(request.conditions)),
        "encrypted": _encrypted(request),
        "estimated_size": estimated_size(ready, sealed=not request.clear),
        "exit": 0,
        "fields": _fields(ready),
        "files": files,
        "held_back": ready.payloads.held_back,
        "items": items,
        "notices": ready.notices,
        "payload_size": ready.size,
        "profile": request.profile,
        "recipient": request.recipient_name,
        "recipients": list(request.recipients),
        "reveals_recipient": request.has_terms,
        "sensitive": ready.sensitive,
        "withheld": [{"id": r["id"], "reason": r["withheld"]} for r in items if r["withheld"]],
    }


def _item(ready: Ready, item: str) -> dict[str, Any]:
    payload = ready.payloads.chosen.get(item)
    why = ready.payloads.why.get(item)
    shell = shell_of(ready.maker, item, payload, why)
    handling = handling_of(ready.maker.history(item))
    return {
        "caveats": list(handling.caveats),
        "classification": handling.classification,
        "consent": NO_CONSENT,
        "copy": item in ready.copies,
        "file": shell.payload_path,
        "id": item,
        "size": None if payload is None else payload.size,
        "warnings": handling.warnings(),
        "withheld": why,
    }


def _encrypted(request: ExportRequest) -> str:
    if request.recipients:
        return "to keys"
    if request.passphrase is not None:
        return "with a passphrase"
    return "no" if request.clear else "not said"


def _fields(ready: Ready) -> dict[str, list[dict[str, Any]]]:
    """By field name, in how many events it is revealed and in how many withheld."""
    shown: Counter[str] = Counter()
    hidden: Counter[str] = Counter()
    for _, events in ready.maker.histories():
        for event in events:
            revealed = {d.name for d in ready.maker.reveals(event)}
            for name, disclosure in event.disclosures.items():
                if disclosure.value is not None and name in FIELDS[event.event.type]:
                    (shown if name in revealed else hidden)[name] += 1
    return {
        "revealed": [{"events": n, "field": name} for name, n in sorted(shown.items())],
        "withheld": [{"events": n, "field": name} for name, n in sorted(hidden.items())],
    }
