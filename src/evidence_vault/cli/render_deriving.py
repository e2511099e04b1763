"""Text forms of derive: what was made, what was taken out, what could not be proved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evidence_vault.cli.words import block, number, shown

_LISTED = 12
OUTCOMES = {
    "clean": "clean",
    "not-clean": "NOT clean, no copy is offered",
    "not-checked": "could not be checked, no copy is offered",
    "made": "made",
}
_CHECKED = {
    "matches": "matches",
    "differs": "DOES NOT MATCH",
    "unchecked": "could not be checked",
}


def derived(result: dict[str, Any]) -> str:
    """One paragraph an item."""
    lines: list[str] = []
    for row in result["derived"]:
        lines += _one(row)
    made = sum(row["outcome"] == "clean" for row in result["derived"])
    lines.append(f"Share copies made: {made} of {number(len(result['derived']), 'item')}.")
    return "\n".join(lines)


def _one(row: Mapping[str, Any]) -> list[str]:
    lines = [f"{shown(row['id'])}: {OUTCOMES[row['outcome']]}"]
    for reason in row["reasons"]:
        lines.append(f"  {shown(reason)}")
    if row["outcome"] != "clean":
        return lines
    lines.append(f"  SHA-256 {row['sha256']}")
    lines.append("  shows and sounds the same as the original, proved by decoding both")
    removed = [f"{shown(each['name'])} ×{each['count']}" for each in row["removed"]]
    lines += _list("taken out", removed) + _list("parts taken out", row["structures"])
    lines += _list("kept, for a reason", row["kept"])
    if row["also_in_content"]:
        lines += _list("ALSO STANDS IN WHAT ONE SEES OR READS", row["also_in_content"])
    return lines


def _list(title: str, names: Sequence[str]) -> list[str]:
    if not names:
        return []
    told = ", ".join(shown(name) for name in names[:_LISTED])
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return [f"  {title}: {told}{more}"]


def searchable(result: dict[str, Any]) -> str:
    """One line an item: what the text was found to be, and what was done."""
    lines = []
    for row in result["derived"]:
        if row["outcome"] != "made":
            lines.append(f"{shown(row['id'])}: no search copy: {shown(row['reason'])}")
            continue
        text = row["text"]
        lines.append(
            f"{shown(row['id'])}: search copy made; the text is {shown(text['encoding_found'])}, "
            f"{number(text['lines_converted'], 'line')} converted from Zawgyi, "
            f"{text['lines_not_told_left_as_they_are']} left because they could not be told"
        )
    return "\n".join(lines)


def checked(result: dict[str, Any]) -> str:
    """One line an item."""
    return "\n".join(
        f"{shown(row['id'])}: {_CHECKED[row['outcome']]}: {shown(row['reason'])}"
        for row in result["checked"]
    )


def copies(result: Mapping[str, Any]) -> list[str]:
    """What an ingest says of the share copies it made."""
    lines = []
    if result["copies"]:
        told = ", ".join(f"{OUTCOMES[k]} {n}" for k, n in sorted(result["copies"].items()))
        lines.append(f"Share copies: {told}.")
    rows = [
        f"{shown(each['id'])} {shown(each['name'])}: {shown(each['reason'])}"
        for each in result["without_copy"][:_LISTED]
    ]
    if len(result["without_copy"]) > _LISTED:
        rows.append(f"… and {len(result['without_copy']) - _LISTED} more")
    return lines + block("Taken in WITHOUT a share copy:", rows)


def listed(derivatives: Sequence[Mapping[str, Any]]) -> list[str]:
    """What ``show`` says of an item's derivatives."""
    rows = []
    for each in derivatives:
        told = f"{shown(each['kind'])} of {shown(each['recorded_at'])}: {OUTCOMES[each['outcome']]}"
        if each["sha256"]:
            told += f", {number(each['removed'], 'value')} taken out, SHA-256 {each['sha256']}"
        elif each["reasons"]:
            told += f" ({shown('; '.join(each['reasons']))})"
        rows.append(told)
    return block("Copies:", rows)
