"""Text forms of migrate: results in, lines out."""

from __future__ import annotations

from typing import Any

from evidence_vault.cli.words import block, notices, number, shown


def moved(result: dict[str, Any]) -> str:
    """From where to where, how much, and what is lacking."""
    dry = result["dry_run"]
    changed = [
        (name, result["from"][name], result["to"][name])
        for name in ("archive", "control", "catalogue")
        if result["from"][name] != result["to"][name]
    ]
    lines = ["Would move:" if dry else "Moved:"]
    for name, before, after in changed:
        lines.append(f"  {name + ':':11}{shown(before)}")
        lines.append(f"  {'to':>10} {shown(after)}")
    lines.append(
        f"  {number(result['objects'], 'payload object')} and {number(result['files'], 'file')}, "
        f"{number(result['entries'], 'entry', 'entries')} of the log"
        + ("." if dry else ", each compared.")
    )
    if not dry:
        lines.append(f"Recorded as event {result['event']}.")
    lacking = [f"{shown(each['name'])}: {shown(each['why'])}" for each in result["missing"]]
    lines += block("NOT moved, because the old place does not have it:", lacking)
    return "\n".join([*lines, *notices(result["notices"])])


def schema(result: dict[str, Any]) -> str:
    """Layouts before and after, and each step."""
    if not result["steps"]:
        return f"The catalogue has the layout of this version ({result['layout']})."
    head = "Would bring" if result["dry_run"] else "Brought"
    lines = [f"{head} the catalogue from layout {result['found']} to {result['layout']}:"]
    return "\n".join([*lines, *(f"  {shown(step)}" for step in result["steps"])])
