"""Text forms of hold and retention."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evidence_vault.cli.words import block, notices, number, shown, table


def placed(result: dict[str, Any]) -> str:
    items = result["items"]
    lines = [f"Under hold {result['hold']}: {number(len(items), 'item')}."] if items else []
    lines += [f"  {shown(item)}" for item in items]
    if result["locked_objects"]:
        lines.append(f"  legal hold in the store:  {number(result['locked_objects'], 'object')}")
    return "\n".join([*lines, *_refused(result), *notices(result["notices"])])


def released(result: dict[str, Any]) -> str:
    lines = [f"Hold {result['hold']} released for {number(len(result['items']), 'item')}."]
    lines += [f"  {shown(item)}" for item in result["items"]]
    return "\n".join([*lines, *notices(result["notices"])])


def listed(result: dict[str, Any]) -> str:
    lines: list[str] = []
    for each in result["holds"]:
        state = number(len(each["items"]), "item") if each["items"] else "ended"
        lines.append(f"{each['hold']}  {state}, placed {each['placed_at']}")
        lines += ["  " + line for line in table(_about(each))]
    return "\n".join([*lines, f"{number(result['items'], 'item')} under hold."])


def _about(each: Mapping[str, Any]) -> list[tuple[str, str]]:
    rows = [
        ("case", shown(each["case"])),
        ("why", shown(each["purpose"])),
        ("by", shown(each["by"])),
    ]
    if each["items"]:
        rows.append(("items", shown(each["items"])))
    if each["released"]:
        rows.append(("released", f"{shown(each['released'])} ({each['released_at']})"))
    return rows


def retained(result: dict[str, Any]) -> str:
    lines = [f"To be kept until {result['until']}: {number(len(result['items']), 'item')}."]
    lines += [f"  {shown(item)}" for item in result["items"]]
    if result["locked_objects"]:
        lines.append(f"  locked in the store:  {number(result['locked_objects'], 'object')}")
    if result["longer_objects"]:
        lines.append(f"  of these longer already:  {result['longer_objects']}")
    if result["already"]:
        lines.append(f"Set so already: {number(len(result['already']), 'item')}.")
    lines += block(
        "Kept longer already:",
        [f"{shown(each['id'])}  until {each['until']}" for each in result["longer"]],
    )
    return "\n".join([*lines, *_refused(result), *notices(result["notices"])])


def retention(result: dict[str, Any]) -> str:
    lines = block(
        "Kept by decision:",
        [f"{shown(each['id'])}  until {each['until']}" for each in result["retention"]],
    )
    lines += block(
        "Locked by the store:",
        [
            f"{shown(each['id'])}  until {each['until']} ({number(each['objects'], 'object')})"
            for each in result["locks"]
        ],
    )
    return "\n".join(lines or [f"Nothing ends before {result['before']}."])


def standing(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Rows of ``show`` about holds, retention and locks."""
    rows = [
        (
            "UNDER HOLD",
            f"{each['hold'][:8]} since {each['placed_at']}, case {shown(each['case'])}: "
            f"{shown(each['purpose'])}",
        )
        for each in result["holds"]
    ]
    if result["retention"] is not None:
        rows.append(("to be kept until", shown(result["retention"]["until"])))
    locks = result["locks"]
    if locks:
        ends = min(each["until"] or "" for each in locks) or "no date"
        modes = ", ".join(sorted({each["mode"] or "no lock" for each in locks}))
        held = ", legal hold" if locks[0]["hold"] else ""
        count = number(len(locks), "object")
        rows.append(("locked in the store", f"{count} until {ends} ({modes}{held}), as recorded"))
    return rows


def _refused(result: dict[str, Any]) -> list[str]:
    return block(
        "NOT done:",
        [f"{shown(r['id'])}: {shown(r['reason'])} ({r['code']})" for r in result["refused"]],
    )
