"""Text forms of trust network."""

from __future__ import annotations

from typing import Any

from evidence_vault.cli.render_setup import wrapped_words
from evidence_vault.cli.words import block, notices, number, shown


def entry(result: dict[str, Any]) -> str:
    """Where the files are, and the words that its holder compares with the draft."""
    lines = [
        f"Wrote {shown(result['file'])}: the entry of {shown(result['name'])}.",
        f"  log:            {shown(result['origin'])}",
        f"  root key:       {result['root']}",
        f"  countersigner:  {_or_none(result['countersigner'])}",
        "  fingerprint of the entry, to compare with the draft:",
        *wrapped_words(result["words"], "    "),
    ]
    if result["next"]:
        lines += [
            "",
            f"The next root key is in {shown(result['next'])}. Keep it on separate media, apart "
            "from the recovery file: it replaces the root key one day, and nothing else can.",
        ]
    return "\n".join(lines)


def draft(result: dict[str, Any]) -> str:
    return (
        f"Wrote the draft {shown(result['file'])}.\n{document(result)}\n\n"
        "Next: each holder compares these words and runs\n"
        "  evidence-vault trust network sign DRAFT --recovery FILE -o SIGNED"
    )


def signed(result: dict[str, Any]) -> str:
    """Whose signatures there are, and whether they are enough."""
    lines = [f"Wrote {shown(result['file'])}."]
    if result.get("signed_as"):
        lines.append(f"  signed as:    {shown(result['signed_as'])}")
    lines += [
        f"  version:      {result['version']}",
        *_signatures(result),
        "  fingerprint:",
        *wrapped_words(result["words"], "    "),
    ]
    return "\n".join(lines)


def _signatures(result: dict[str, Any]) -> list[str]:
    state = "enough" if result["complete"] else "NOT enough yet"
    lines = [
        f"  signatures:   {result['signatures']} of {result['threshold']} needed, {state}",
    ]
    if result["signed_by_previous"] is not None:
        lines.append(f"  by holders of the version before: {result['signed_by_previous']}")
    lines += [f"    {shown(name)}" for name in result["signed_by"]]
    return lines


def shown_document(result: dict[str, Any]) -> str:
    return "\n".join([document(result), "", *_signatures(result)])


def document(result: dict[str, Any]) -> str:
    """All of a document: words first, then each organisation."""
    lines = [
        f"Trust document, version {result['version']}, SHA-256 {result['sha256']}",
        *wrapped_words(result["words"], "    "),
        f"  made at:      {shown(result['made_at'])}",
        f"  root keys:    {result['threshold']} of {len(result['organisations'])} must sign "
        "the next version",
        f"  countersign:  {number(result['quorum'], 'organisation')} besides a log's own",
        "  time:         "
        + (", ".join(shown(a["name"]) for a in result["authorities"]) or "no time authority"),
    ]
    for org in result["organisations"]:
        lines += ["", f"{shown(org['name'])}", *wrapped_words(org["words"], "    ")]
        lines.append(f"  root key:       {org['root']}")
        lines.append(f"  countersigner:  {_or_none(org['countersigner'])}")
        for log in org["origins"]:
            lines.append(
                f"  log:            {shown(log['origin'])}, items {shown(log['prefix'])}-…"
            )
            lines.append(f"  fingerprint:    {log['fingerprint']}")
    for over in result["retired"]:
        lines += ["", f"Log over: {shown(over['origin'])} of {shown(over['org'])}, good up to "]
        lines[-1] += number(over["size"], "entry", "entries")
    if result["changes"] is not None:
        lines += ["", *block("Changes:", [shown(each) for each in result["changes"] or ["none"]])]
    return "\n".join(lines)


def _or_none(name: str | None) -> str:
    return shown(name) if name else "none"


def accepted(result: dict[str, Any]) -> str:
    """What is followed now, and where it stands in the log."""
    if not result["recorded"]:
        first = f"Trust document {result['version']} is followed already; nothing is new."
    else:
        rows = ", ".join(
            f"version {each['version']} as event {each['event']}" for each in result["recorded"]
        )
        first = f"Accepted and recorded: {rows}."
    return "\n".join([first, *notices(result["notices"]), "", document(result)])
