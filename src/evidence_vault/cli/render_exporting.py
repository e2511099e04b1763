"""Text forms of export, exports, and of what an export would do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from evidence_vault.cli.render_leaving import proofs_line
from evidence_vault.cli.words import block, notices, number, shown, size, table

_LISTED = 20


def export(result: dict[str, Any]) -> str:
    """What could point to people first; then what leaves."""
    told = sensitive(result["sensitive"])
    return "\n".join([told, export_announced(result)]) if told else export_announced(result)


def export_announced(result: dict[str, Any]) -> str:
    """What leaves, what does not, and how to send it; the rest was told before it was written."""
    counts = result["counts"]
    file = shown(result["file"])
    lines = [
        f"Wrote {file}{'' if result['sealed'] else ', NOT encrypted'}"
        f"{', going on where it was cut off' if result['resumed'] else ''}.",
        f"  bundle:     {shown(result['bundle_id'])}",
        f"  items:      {counts['chosen']} chosen, {counts['exported'] - result['copies']} with "
        f"their original, {result['copies']} with their share copy, "
        f"{counts['withheld']} with their receipt only",
        f"  fields:     {counts['fields_shown']} revealed, {counts['fields_withheld']} withheld",
        f"  log:        {number(result['checkpoint']['size'], 'entry', 'entries')}; "
        f"recorded as event {result['event']}",
        f"  proofs:     {proofs_line(result['proofs'])}",
    ]
    if result["sha256"]:
        lines.append(f"  SHA-256:    {result['sha256']}")
    if result["digest_file"]:
        lines.append(f"              also in {shown(result['digest_file'])}")
    lines += _volumes(result["volumes"])
    for change in result["changed"]:
        lines.append(
            f"  CHANGED:    {shown(change['file'])} was not as it had been left, from byte "
            f"{change['at']} on: it was written again"
        )
    if result["held_back"]:
        lines.append(
            f"  originals of {number(len(result['held_back']), 'item')} did NOT leave: they have a "
            "share copy, so their originals must be asked for by ITEM"
        )
    reasons = Counter(shown(each["reason"]) for each in result["withheld"])
    lines += block("Withheld:", [f"{n} × {reason}" for reason, n in sorted(reasons.items())])
    several = number(len(result["volumes"]), "volume")
    lines += [
        *notices(result["notices"]),
        "",
        "Next:",
        f"  send {f'all {several}' if result['volumes'] else file}",
    ]
    if result["sealed"]:
        lines.append("  whoever gets it: evidence-vault open FILE -o BUNDLE.zip, then verify")
    lines += [
        f"  tell them the bundle's number by another channel (verify --expect "
        f"{shown(result['bundle_id'])})",
        "  and a trust file that is newer than this bundle (trust export -o FILE)",
    ]
    return "\n".join(lines)


def sensitive(found: list[dict[str, Any]]) -> str:
    """By what was found, in that order, with the items that hold it; empty when nothing was."""
    by_what: dict[str, list[str]] = {}
    for each in found:
        by_what.setdefault(shown(each["what"]), []).append(shown(each["id"]))
    rows = []
    for what, ids in by_what.items():
        more = f" and {len(ids) - 5} more" if len(ids) > 5 else ""
        rows.append(f"{what}: {', '.join(ids[:5])}{more}")
    return "\n".join(block("What could point to people LEAVES with this bundle:", rows))


def _volumes(volumes: list[dict[str, Any]]) -> list[str]:
    if not volumes:
        return []
    first, last = shown(volumes[0]["file"]), shown(volumes[-1]["file"])
    return [f"  volumes:    {len(volumes)}, {first} to {last}; `cat` joins them"]


def abandoned(result: dict[str, Any]) -> str:
    """What is gone, and that the record stays."""
    deleted = ", ".join(shown(name) for name in result["deleted"]) or "no file"
    event = result["event"]
    return f"Gave up the export to {shown(result['file'])}; deleted: {deleted}.\n" + (
        f"Event {event} stays in the log: it says that this was to leave."
        if event is not None
        else "Nothing of it had been recorded, and nothing had left."
    )


def dry_run(result: dict[str, Any]) -> str:
    """What would leave, to whom, on what terms, and what would not."""
    items = result["items"]
    whom = shown(result["recipient"]) if result["recipient"] else "not named"
    ways = {"no": "NOT encrypted", "not said": "not said yet: --to, a passphrase or --clear"}
    way = ways.get(result["encrypted"], f"encrypted {result['encrypted']}")
    lines = [
        "Nothing was written or recorded. This would leave:",
        f"  for:        {result['profile']}; to {whom}; {way}",
        *(f"              {shown(key)}" for key in result["recipients"]),
        f"  items:      {len(items)}, {len(result['files'])} of them with a file of "
        f"{size(result['payload_size'])} in all; about {size(result['estimated_size'])} with "
        "receipts and reports",
    ]
    if result["agreement"] or result["conditions"]:
        conditions = ", ".join(shown(code) for code in result["conditions"]) or "none"
        lines += [
            f"  terms:      agreement {shown(result['agreement'])}; conditions: {conditions}",
            "              recorded, and revealed in the bundle with the recipient's name and keys",
        ]
    lines += block(
        "Files:", _some(f"{shown(f['path'])}  {size(f['size'])}" for f in result["files"])
    )
    for which in ("revealed", "withheld"):
        names = [f"{each['field']} ({each['events']})" for each in result["fields"][which]]
        lines += block(f"Fields {which} (in so many events):", [", ".join(names)] if names else [])
    lines += block("Handling:", _handling(items))
    told = sensitive(result["sensitive"])
    if told:
        lines.append(told.replace("LEAVES", "would leave"))
    if result["held_back"]:
        lines.append(
            f"Originals of {number(len(result['held_back']), 'item')} would NOT leave: they have a "
            "share copy, so their originals must be asked for by ITEM"
        )
    reasons = Counter(shown(each["reason"]) for each in result["withheld"])
    lines += block("Withheld:", [f"{n} × {reason}" for reason, n in sorted(reasons.items())])
    lines += notices(result["notices"])
    return "\n".join(lines)


def _handling(items: list[dict[str, Any]]) -> list[str]:
    """By what is on record, how many items; then what must be looked at, item by item."""
    classified = Counter(shown(i["classification"] or "not classified") for i in items)
    rows = [f"{n} × {what}" for what, n in sorted(classified.items())]
    consent = Counter(shown(i["consent"]) for i in items)
    rows += [f"{n} × {what}" for what, n in sorted(consent.items())]
    caveats = Counter(shown(c) for i in items for c in i["caveats"])
    rows += [f"{n} × caveat {what}" for what, n in sorted(caveats.items())]
    warned = [f"WARNING {shown(i['id'])}: {shown(w)}" for i in items for w in i["warnings"]]
    return rows + warned


def _some(rows: Iterable[str]) -> list[str]:
    told = list(rows)
    more = len(told) - _LISTED
    return [*told[:_LISTED], f"… and {more} more (--json lists all)"] if more > 0 else told


def ledger(result: dict[str, Any]) -> str:
    """One line for each exit; terms and items below it."""
    exits = result["exits"]
    about = f" of {shown(result['item'])}" if result["item"] else ""
    if not exits:
        return f"Nothing{about} has left this vault."
    rows = [["event", "time", "what", "items", "by", "to", "for"]]
    for each in exits:
        rows.append(
            [
                str(each["event"]),
                each["time"],
                shown(each["kind"]),
                str(each["number"]),
                shown(each["actor"]),
                shown(each["recipient"]),
                shown(each["profile"] or each["purpose"]),
            ]
        )
    lines = table(rows)
    told = [f"{number(len(exits), 'exit')}{about}, as the log has them:", lines[0]]
    for each, line in zip(exits, lines[1:], strict=True):
        told.append(line)
        if each["agreement"] or each["conditions"]:
            conditions = ", ".join(shown(code) for code in each["conditions"]) or "none"
            told.append(f"    agreement {shown(each['agreement'])}; conditions: {conditions}")
        if each.get("items"):
            told.append("    " + ", ".join(shown(i) for i in each["items"]))
    return "\n".join(told)


_COLUMNS = (
    *("log", "event", "time", "kind", "actor", "recipient", "agreement", "conditions"),
    *("profile", "purpose", "bundle_id", "number", "items"),
)


def ledger_csv(result: dict[str, Any]) -> str:
    """RFC 4180 but ended by LF; each cell is text that no spreadsheet runs."""
    from evidence_vault.bundle.index import csv_line

    lines = [csv_line(_COLUMNS)]
    for each in result["exits"]:
        row = {**each, "items": each.get("items", [])}
        lines.append(csv_line(_cell(row[name]) for name in _COLUMNS))
    return b"".join(lines).decode()


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return "; ".join(str(each) for each in value)
    return "" if value is None else str(value)
