"""Text forms of trust files."""

from __future__ import annotations

from typing import Any

from evidence_vault.cli.words import heading, shown


def exported(result: dict[str, Any]) -> str:
    return (
        f"Wrote {shown(result['file'])}.\n"
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
        lines.append(f"  made at {shown(result['made_at'])}")
    for origin in result["origins"]:
        state = origin["as_of"]
        lines += ["", f"Log {shown(origin['origin'])}"]
        if origin.get("org"):
            lines.append(f"  organisation:  {shown(origin['org'])}")
        lines += [
            f"  as of:         {state['size']} entries, root {state['root']}",
            f"  fingerprint:   {origin['fingerprint']}",
            *_words(origin["words"]),
        ]
        quorum = origin["quorum"]
        lines.append(
            "  countersigned: "
            + (
                f"by at least {quorum['needed']} of {shown(quorum['of'])}"
                if quorum["of"]
                else "by nobody that was agreed on"
            )
        )
        if origin["witness"]:
            name = origin["witness"][0].partition("+")[0]
            lines.append(f"  countersigns:  other logs, as {shown(name)}")
        for key in origin.get("keys", []):
            until = "" if key["until"] is None else f" to {key['until']}"
            lines.append(
                f"  key:           {shown(key['role'])} {shown(key['keyid'])}, entries from "
                f"{key['from']}{until}"
            )
    return "\n".join(lines)


def _words(words: list[str] | str) -> list[str]:
    each = heading(words).split()
    return ["    " + " ".join(each[i : i + 8]) for i in range(0, len(each), 8)]
