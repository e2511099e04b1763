"""Text forms of trust files."""

from __future__ import annotations

from typing import Any

from evidence_vault.cli import render_networking
from evidence_vault.cli.words import block, heading, number, shown


def exported(result: dict[str, Any]) -> str:
    return (
        f"Wrote {shown(result['file'])}.\n"
        + "".join(
            f"Wrote {shown(each['file'])}, SHA-256 {each['sha256']}\n"
            for each in result["verifier"]
        )
        + (
            ""
            if result["contact_sheet"] is None
            else f"Wrote {shown(result['contact_sheet'])}, to be printed.\n"
        )
        + trust(result)
        + "\nNext: hand it to your partners by another channel than bundles, and read the words "
        "of its fingerprint to them by telephone or in person."
    )


def trust(result: dict[str, Any]) -> str:
    """The fingerprint of the file, then each log with its keys."""
    lines = [
        f"Trust file, fingerprint {result['fingerprint']}",
        *_words(result["words"]),
    ]
    if result.get("made_at"):
        lines.append(f"  made at {shown(result['made_at'])}, {_age(result['age_days'])}")
    lines.append(f"  time authorities: {number(result['time_authorities'], 'root certificate')}")
    for origin in result["origins"]:
        state = origin["as_of"]
        lines += ["", f"Log {shown(origin['origin'])}"]
        if origin.get("org"):
            lines.append(f"  organisation:  {shown(origin['org'])}")
        lines += [
            f"  as of:         {state['size']} entries, root {state['root']}",
            f"  fingerprint:   {origin['fingerprint']}",
            *_words(origin["words"]),
            f"  countersign:   {_countersigners(origin['countersigners'])}",
            f"  in network:    {'yes' if origin['in_network'] else 'no'}",
        ]
        if origin["retired"] is not None:
            lines.append(f"  OVER:          nothing counts after entry {origin['retired'] - 1}")
        if origin["witness"]:
            name = origin["witness"][0].partition("+")[0]
            lines.append(f"  countersigns:  other logs, as {shown(name)}")
        for key in origin.get("keys", []):
            until = "" if key["until"] is None else f" to {key['until']}"
            lines.append(
                f"  key:           {shown(key['role'])} {shown(key['keyid'])}, entries from "
                f"{key['from']}{until}"
            )
    if result["network"] is None:
        lines += ["", "No trust document of a network: keys were pinned by hand."]
    else:
        lines += ["", render_networking.document(result["network"])]
    return "\n".join(lines)


def updated(result: dict[str, Any]) -> str:
    """What was taken over and what was not, then the new file."""
    lines = [f"Wrote {shown(result['file'])}."]
    for title, rows in (
        ("Taken over:", result["taken"]),
        ("Kept as it was:", result["kept"]),
        ("NOT taken over, because nobody vouches for it:", result["left"]),
    ):
        lines += block(title, map(shown, rows))
    if not result["taken"]:
        lines.append("Nothing is new.")
    return "\n".join([*lines, "", trust(result)])


def _age(days: int) -> str:
    if days < 0:
        return "which is in the FUTURE by this clock"
    return "today" if days == 0 else f"{number(days, 'day')} ago"


def _countersigners(policy: dict[str, Any]) -> str:
    if not policy["needed"]:
        return "none demanded"
    return f"{policy['needed']} of {len(policy['names'])}: {', '.join(map(shown, policy['names']))}"


def _words(words: list[str] | str) -> list[str]:
    each = heading(words).split()
    return ["    " + " ".join(each[i : i + 8]) for i in range(0, len(each), 8)]
