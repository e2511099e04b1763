"""Text forms of transfer."""

from __future__ import annotations

from typing import Any

from evidence_vault.cli.words import block, heading, notices, number, shown, size, table


def pinned(result: dict[str, Any]) -> str:
    lines = []
    for each in result["added"]:
        lines += [
            f"Pinned {shown(each['org'])}, log {shown(each['origin'])}.",
            f"  words:  {heading(each['words'])}",
        ]
    return "\n".join([*lines, *notices(result["notices"])])


def offered(result: dict[str, Any]) -> str:
    receiver = result["receiver"]
    lines = [
        f"Offered {number(len(result['items']), 'item')} to {shown(receiver['name'])} "
        f"(log {shown(receiver['origin'])}).",
        f"  file:   {shown(result['file'])} ({size(result['bytes'])})",
        f"  event:  {result['event']}",
    ]
    return "\n".join([*lines, *_refused(result), *notices(result["notices"])])


def accepted(result: dict[str, Any]) -> str:
    lines = [f"Took over {number(len(result['taken_over']), 'item')}, each opened and compared:"]
    for each in result["taken_over"]:
        same = f", the same bytes as {shown(each['same_bytes'])}" if each["same_bytes"] else ""
        lines.append(f"  {shown(each['id'])}  {size(each['size'])}, event {each['event']}{same}")
    if result["copies"]:
        lines.append("Copies of them, or why there is none:")
        for each in result["copies"]:
            lines.append(f"  {shown(each['id'])}  {each['outcome']}, event {each['event']}")
    lines += block("In already:", map(shown, result["already_in"]))
    answer = result["acknowledgement"]
    if answer is not None:
        count = number(len(result["acknowledged"]), "item")
        lines.append(f"Acknowledgement of {count}, for the sender: {shown(answer['file'])}")
    return "\n".join([*lines, *_refused(result), *notices(result["notices"])])


def acknowledged(result: dict[str, Any]) -> str:
    who = shown(result["receiver"]["name"])
    lines = [f"{who} acknowledges {number(len(result['acknowledged']), 'item')}."]
    lines += [f"  {shown(item)}" for item in result["acknowledged"]]
    lines += block("Acknowledged before:", map(shown, result["already"]))
    return "\n".join([*lines, *_refused(result), *notices(result["notices"])])


def removed(result: dict[str, Any]) -> str:
    lines = [f"Removed the stored bytes of {number(len(result['removed']), 'item')}."]
    lines += [f"  {shown(item)}" for item in result["removed"]]
    lines += [
        f"  stored objects destroyed:  {result['objects']} ({size(result['bytes_freed'])})",
        f"  age headers destroyed:     {result['headers']}",
        f"  free space now:            {size(result['space_free'])}",
    ]
    return "\n".join([*lines, *_refused(result), *notices(result["notices"])])


def listed(result: dict[str, Any]) -> str:
    lines = []
    if result["items"]:
        rows: list[tuple[str, ...]] = [("ITEM", "STATE", "OFFERED", "AGE", "TO")]
        rows += [_row(each) for each in result["items"]]
        lines += [*table(rows), ""]
    lines += block(
        "Taken over:",
        [
            f"{shown(each['id'])}  {each['accepted_at']}, from log {shown(each['from'])}"
            for each in result["accepted"]
        ],
    )
    counts = result["counts"]
    lines.append(
        f"{counts['open']} open, {counts['acknowledged']} acknowledged, "
        f"{counts['removed']} removed."
    )
    return "\n".join([*lines, *notices(result["notices"])])


def _row(each: dict[str, Any]) -> tuple[str, ...]:
    age = "" if each["age_days"] is None else number(each["age_days"], "day")
    state = "open gap" if each["state"] == "open" else each["state"]
    return (
        shown(each["id"]),
        state,
        shown(each["offered_at"]),
        age,
        shown(each["receiver"]["name"]),
    )


def _refused(result: dict[str, Any]) -> list[str]:
    return block(
        "Left out:",
        [f"{shown(r['id'])}: {shown(r['reason'])} ({r['code']})" for r in result["refused"]],
    )
