"""Text forms of ingest and describe: what is in, what is not and why, what to do next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evidence_vault.cli import render_deriving
from evidence_vault.cli.words import block, duration, notices, number, shown, size, table

_LISTED = 20  # items named in a text; all stand in the JSON form


def template(result: dict[str, Any]) -> str:
    return (
        f"Wrote {shown(result['file'])}: one row a file, its path in the column 'file'.\n"
        f"Fill it in, then: evidence-vault ingest --sheet {shown(result['file'])}"
    )


def ingest(result: dict[str, Any]) -> str:
    """The end of an ingest, or of a dry run."""
    lines = _dry(result) if result["dry_run"] else _done(result)
    lines += _foreign(result["foreign"])
    lines += refused(result["refused"])
    lines += render_deriving.copies(result)
    if result["metadata"]:
        told = ", ".join(f"{shown(k)} {v}" for k, v in sorted(result["metadata"].items()))
        lines.append(f"Metadata of cameras and documents: {told}.")
    lines += notices(result["notices"])
    if result["interrupted"]:
        lines.append(
            "Stopped before the end. What is named here is in; run the same command again to "
            "take in the rest."
        )
    elif result["refused"] and result["station"]:
        lines.append(
            "When that is put right, give those files alone: the others would be stored twice."
        )
    elif result["refused"]:
        lines.append("Run the same command again when that is put right: what is in is skipped.")
    return "\n".join(lines)


def _done(result: dict[str, Any]) -> list[str]:
    taken = result["taken_in"]
    if not taken and not result["received_again"]:
        lines = ["Nothing new was taken in."]
    else:
        under = f" as accession {shown(result['accession'])}" if result["accession"] else ""
        what = (
            f"{number(len(taken), 'new item')}, {size(result['bytes'])}" if taken else "nothing new"
        )
        lines = [f"Taken in: {what}, in {duration(float(result['seconds']))}{under}."]
    lines += _items(taken)
    if result["received_again"]:
        lines += ["Received again (the same bytes are in already; no second copy):"]
        lines += _items(result["received_again"])
    lines += _already(result)
    return lines


def _dry(result: dict[str, Any]) -> list[str]:
    """Space in bytes as stored; time by what was measured on samples."""
    lines = [
        "Dry run: nothing was taken in.",
        f"New: {number(len(result['taken_in']), 'file')}, {size(result['bytes'])}.",
        f"Space needed: {size(result['space_needed'])} of {size(result['space_free'])} free.",
    ]
    if result["estimated_seconds"] is not None:
        told = f"about {duration(result['estimated_seconds'])}"
        lines.append(f"Time: {told}, metadata and encryption included; a slow disk takes longer.")
    if result["received_again"]:
        again = number(len(result["received_again"]), "file")
        lines.append(f"The same bytes came from elsewhere: {again}; no second copy would be made.")
    return lines + _already(result)


def _foreign(foreign: Mapping[str, Any] | None) -> list[str]:
    """Of a bundle of another vault: whose, what a check gave, what was not in it."""
    if foreign is None:
        return []
    verified = foreign["verified"]
    told = "everything matches"
    if verified["unchecked"]:
        told = "could not be checked: " + ", ".join(verified["unchecked"])
    lines = [
        f"Out of bundle {shown(foreign['bundle_id'])} of log {shown(foreign['origin'])}: {told}."
    ]
    if foreign["proofs"]:
        lines.append(f"Its receipts and signatures are item {shown(foreign['proofs'])}.")
    lines += [
        f"  {shown(each['foreign'])} there: {each['outcome']}"
        + (f" as {shown(each['id'])}" if each["id"] else "")
        for each in foreign["items"][:_LISTED]
    ]
    if len(foreign["items"]) > _LISTED:
        lines.append(f"  and {len(foreign['items']) - _LISTED} more")
    if foreign["withheld"]:
        count = number(len(foreign["withheld"]), "item")
        lines.append(f"Not in the bundle, only their receipts: {count}.")
    return lines


def _already(result: dict[str, Any]) -> list[str]:
    if not result["already_in"]:
        return []
    return [f"In already, skipped: {number(result['already_in'], 'file')}."]


def _items(items: Sequence[Mapping[str, Any]]) -> list[str]:
    if not items:
        return []
    rows = [
        (
            shown(each["id"] or "-"),
            size(each["size"]) if "size" in each else "",
            shown(each["name"]),
        )
        for each in items[:_LISTED]
    ]
    lines = ["  " + line for line in table(rows)]
    more = len(items) - _LISTED
    return [*lines, f"  … and {more} more (`evidence-vault list`)"] if more > 0 else lines


def refused(given: Sequence[Mapping[str, Any]]) -> list[str]:
    """Every file that is not in: its name, the reason and what to do about it."""
    if not given:
        return []
    lines = [f"NOT taken in: {number(len(given), 'file')}:"]
    for each in given:
        lines.append(f"  {shown(each['name'])}")
        lines.append(f"    {shown(each['reason'])} ({each['code']})")
        if each.get("hint"):
            lines.append(f"    hint: {shown(each['hint'])}")
    return lines


def describe(result: dict[str, Any]) -> str:
    """Which items have something new in their record."""
    ids = [shown(each["id"]) for each in result["described"]]
    lines = [f"Described: {number(len(ids), 'item')}."]
    lines += [f"  {each}" for each in ids[:_LISTED]]
    if len(ids) > _LISTED:
        lines.append(f"  … and {len(ids) - _LISTED} more")
    rows = [
        f"{shown(each['name'])}: {shown(each['reason'])} ({each['code']})"
        for each in result["refused"]
    ]
    return "\n".join([*lines, *block("NOT described:", rows), *notices(result["notices"])])


def linked(result: dict[str, Any]) -> str:
    """What an item is now said to be of another."""
    return f"{shown(result['id'])} is {result['relation']} {shown(result['other']['id'])}."


def unlinked(result: dict[str, Any]) -> str:
    """What an item is no longer said to be of another."""
    other = shown(result["other"]["id"])
    return f"{shown(result['id'])} is no longer {result['relation']} {other}."
