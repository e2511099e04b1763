"""Text forms of init, rebuild, doctor and demo: results in, lines out."""

from __future__ import annotations

import shlex
from typing import Any

from evidence_vault.cli.words import block, heading, notices, number, shown, table


def init(made: dict[str, Any]) -> str:
    """A new vault: its fingerprint to read aloud, and what to do next."""
    vault = shlex.quote(made["vault"])
    lines = [
        f"Made the vault {shown(made['vault'])}.",
        f"  log:          {shown(made['origin'])}",
        f"  items:        {shown(made['prefix'])}-0000001 and on",
        f"  encrypted:    {'yes' if made['sealed'] else 'NO'}",
        *(f"  {name + ':':14}{shown(where)}" for name, where in _on_servers(made["places"])),
        f"  recovery:     {_recovery(made)}",
        f"  fingerprint:  {made['fingerprint']}",
        *wrapped_words(made["fingerprint_words"]),
        "",
        *notices(made["notices"]),
        "",
        "Next:",
        "  read the fingerprint words to your partners by telephone or in person",
        f"  export EVIDENCE_VAULT={shown(vault)}",
        "  evidence-vault ingest PATH…",
    ]
    return "\n".join(lines)


def _on_servers(places: dict[str, str]) -> list[tuple[str, str]]:
    return [(name, where) for name, where in places.items() if "://" in where]


def station(made: dict[str, Any]) -> str:
    """A new field vault: whom it encrypts to, its fingerprint, what to do next."""
    vault = shlex.quote(made["vault"])
    desk, readers = made["desk"], made["readers"]
    lines = [
        f"Made the field vault {shown(made['vault'])}.",
        f"  log:          {shown(made['origin'])}",
        f"  items:        {shown(made['prefix'])}-0000001 and on",
        f"  encrypts to:  {shown(desk['org'])} (log {shown(desk['origin'])}), "
        f"{number(readers['count'], 'reader')}; this vault itself reads NOTHING",
        f"  recovery:     {_recovery(made)}",
        f"  fingerprint:  {made['fingerprint']}",
        *wrapped_words(made["fingerprint_words"]),
        "",
        *notices(made["notices"]),
        "",
        "Next:",
        "  read the fingerprint words to the desk by telephone or in person",
        f"  export EVIDENCE_VAULT={shown(vault)}",
        "  evidence-vault ingest PATH…",
    ]
    return "\n".join(lines)


def card_to_compare(card: dict[str, Any]) -> str:
    """A card before it is trusted."""
    return "\n".join(
        [
            f"The card says that it is of {shown(card['org'])} (log {shown(card['origin'])}), "
            f"made {shown(card['issued_at'])}.",
            "Its fingerprint, which the desk must read to you by telephone or in person:",
            *wrapped_words(card["fingerprint_words"]),
        ]
    )


def _recovery(made: dict[str, Any]) -> str:
    if made["recovery_file"] is None:
        return "NONE"
    how = "opens with the passphrase" if made["recovery_sealed"] else "opens without a passphrase"
    return f"{shown(made['recovery_file'])} ({how})"


def wrapped_words(words: list[str] | str, indent: str = " " * 16) -> list[str]:
    """Fingerprint words, eight a line."""
    each = heading(words).split()
    return [indent + " ".join(each[i : i + 8]) for i in range(0, len(each), 8)]


def rebuild(result: dict[str, Any]) -> str:
    """What the store gave, and whether this copy may sign."""
    lines = [
        f"Made the catalogue anew: {number(result['items'], 'item')}, "
        f"{number(result['entries'], 'entry', 'entries')}.",
        state(result["state"]),
        *notices(result["notices"]),
    ]
    return "\n".join(lines)


def state(name: str) -> str:
    """What a state of the log means for whoever works with it."""
    meaning = {
        "ok": "The log stands where it was last signed.",
        "restored": "This vault may be an old copy: it can be read, it does not sign.",
        "no-key": "A signing key of this vault was revoked: it can be read, it does not sign.",
        "rolled-back": "This vault is BEHIND what it has signed: it can be read, it does not sign.",
    }
    return meaning.get(name, f"State of the log: {shown(name)}.")


_MARKS = {"ok": "ok", "problem": "PROBLEM", "could not be checked": "could not be checked"}


def doctor(result: dict[str, Any]) -> str:
    """One line a check; a command to type under each that is not in order."""
    rows = []
    for check in result["checks"]:
        mark = _MARKS.get(check["outcome"], shown(check["outcome"]))
        rows.append((mark, shown(check["name"]), shown(check["detail"] or "")))
    lines = table([(m, n, "" if d == "unknown" else d) for m, n, d in rows]) if rows else []
    todo = [
        f"{shown(check['name'])}: {shown(check['command'])}"
        for check in result["checks"]
        if check["outcome"] != "ok" and check.get("command")
    ]
    bad = sum(1 for check in result["checks"] if check["outcome"] == "problem")
    lines += ["", f"{number(bad, 'problem')}." if bad else "No problem found."]
    return "\n".join([*lines, *block("What to do:", todo), *notices(result["notices"])])


def demo(result: dict[str, Any]) -> str:
    """The end; each step was told while it ran."""
    wrong = [shown(step["name"]) for step in result["steps"] if not step["as_expected"]]
    end = "NOT as expected: " + "; ".join(wrong) if wrong else "Every step came out as it must."
    return f"{end}\nLook in {shown(result['folder'])}."
