"""Text forms of fixity and log."""

from __future__ import annotations

from typing import Any

from evidence_vault.cli.render_setup import state, wrapped_words
from evidence_vault.cli.words import block, notices, number, shown, size, table

DAMAGED_HINT = (
    "keep the damaged disk as it is; `fixity --repair-from REPLICA` fetches from a good copy"
)
FORK_HINT = "keep both files as they are and show them to every partner: they are the proof"
AUDIT_HINT = "keep this copy as it is, compare it with another one, and tell your partners"
CACHE_HINT = (
    "the catalogue is only a cache, and what is kept matches: `evidence-vault rebuild` makes it "
    "anew from the store"
)
_OF_THE_CACHE = frozenset(["E-CATALOGUE", "E-CATALOGUE-ROW"])


def fixity(result: dict[str, Any]) -> str:
    """How much was read, and each thing that is not as the log says."""
    part = "" if result["slice"] is None else f", part {shown(result['slice'])} of the log"
    lines = [
        f"Checked {number(result['checked'], 'item')}: {number(result['objects'], 'object')}, "
        f"{size(result['bytes'])}{part}.",
    ]
    mended = [
        f"{shown(each['id'])}  {shown(each['object'])}: {shown(each['finding'])}"
        for each in result["repaired"]
    ]
    lines += block(f"Mended: {number(len(mended), 'finding')}:", mended) if mended else []
    if result["damaged"]:
        lines += block(
            f"DOES NOT MATCH: {number(len(result['damaged']), 'finding')}:",
            [_found(each) for each in result["damaged"]],
        )
        lines.append(f"hint: {DAMAGED_HINT}")
    if result["unchecked"]:
        lines += block(
            f"COULD NOT BE CHECKED: {number(len(result['unchecked']), 'finding')}:",
            [_found(each) for each in result["unchecked"]],
        )
    if result["exit"] == 0:
        lines.append(
            "Everything matches the log."
            if result["read"]
            else "Versions and locks match the log; bytes were not read."
        )
    others = result["unreferenced"]
    if others is not None and others["count"]:
        lines.append(
            f"Besides: {number(others['count'], 'object')} ({size(others['bytes'])}) that no entry "
            f"names, {others['older_than_a_day']} of them older than a day; no damage."
        )
    if result["event"] is not None:
        lines.append(f"Recorded as event {result['event']}.")
    lines += notices(result["notices"])
    return "\n".join(lines)


def _found(each: dict[str, Any]) -> str:
    return (
        f"{shown(each['id'])}  {shown(each['object'])}: {shown(each['finding'])} "
        f"({each['code']}); {shown(each['command'])}"
    )


def checkpoint(result: dict[str, Any]) -> str:
    """The signed note itself, byte for byte, so that it can be piped to a file."""
    return str(result["checkpoint"])


def checkpoint_talk(result: dict[str, Any]) -> str:
    return (
        f"Signed {number(result['size'], 'entry', 'entries')} of the log "
        f"{shown(result['origin'])}. Send this checkpoint to your partners: with it they notice "
        "if the log is ever cut or rewritten."
    )


def status(result: dict[str, Any]) -> str:
    """Where the log stands."""
    signed = result["signed"]
    lines = [
        f"Log {shown(result['origin'])}",
        f"  committed:        {number(result['committed'], 'entry', 'entries')}",
        f"  published:        {number(result['published'], 'entry', 'entries')}",
        f"  last signed:      {shown(signed['inside'])} (record in the vault), "
        f"{shown(signed['outside'])} (record outside it)",
        f"  countersigned:    {_countersigned(result)}",
        *countersigners(result["countersigners"], "    "),
        f"  time stamps:      {shown(result['timestamps'])}",
        f"  other copies:     {result['copies']}",
        f"  fingerprint:      {result['fingerprint']}",
        *wrapped_words(result["fingerprint_words"], " " * 20),
        state(result["state"]),
        f"It may {'sign' if result['may_sign'] else 'NOT sign'}.",
        *notices(result["notices"]),
    ]
    return "\n".join(lines)


def anchored(result: dict[str, Any]) -> str:
    return (
        f"Recorded round {shown(result['round'])} of {shown(result['beacon'])} as event "
        f"{result['event']}. What is recorded from now on was signed after that value was "
        "published; keep the place where it was published."
    )


def _countersigned(result: dict[str, Any]) -> str:
    """The newest checkpoint, and how far the agreed number of countersigners has come."""
    said = shown(result["cosignatures"])
    if result["cosignatures"] != "pending":
        return said
    done = result["countersigned"]
    before = "nothing yet" if done is None else number(done, "entry", "entries")
    return f"{said}; by enough organisations: {before}"


def countersigners(given: list[dict[str, Any]], indent: str) -> list[str]:
    """Each countersigner by name: what it signed last, when, how far that is behind."""
    rows = []
    for each in given:
        if each["size"] is None:
            what = "not yet"
        else:
            what = f"{number(each['size'], 'entry', 'entries')}, {shown(each['at'])}"
            what += f", {each['behind']} behind" if each["behind"] else ""
        rows.append([shown(each["org"]), shown(each["origin"]), what])
    return [indent + line for line in table(rows)] if rows else []


_OUTCOMES = {
    "same": "MATCHES: both show the same state.",
    "consistent": "MATCHES: the smaller state is the beginning of the larger one.",
    "fork": "DOES NOT MATCH: the log showed two histories.",
    "could not be checked": "COULD NOT BE CHECKED whether they belong to one history.",
}


def compared(result: dict[str, Any]) -> str:
    """Each log that both files show, and what came of it."""
    lines: list[str] = []
    for log in result["logs"]:
        lines += [f"Log {shown(log['origin'])} (its keys are known from {log['keys_from']})"]
        for side in (log["a"], log["b"]):
            by = "; ".join(map(shown, side["countersigned_by"])) or "nobody known here"
            lines += [
                f"  {shown(side['file'])} ({side['kind']}): "
                f"{number(side['size'], 'entry', 'entries')}",
                f"    root {side['root']}",
                f"    countersigned by {by}",
            ]
        lines.append(_OUTCOMES[log["outcome"]])
        if log["how"]:
            lines.append(f"  {shown(log['how'])}")
        if log["fork"] is not None:
            low, high = log["fork"]["entries"]
            lines.append(f"  entries {low} to {high} differ; both states are signed by the log")
            both = log["fork"]["countersigned_both"]
            if both:
                lines.append(f"  countersigned both, which nobody honest does: {shown(both)}")
            lines.append(f"hint: {FORK_HINT}")
    others = [each for each in result["findings"] if each["code"] == "E-COSIGNATURE-CLOCK"]
    lines += block(
        "DOES NOT MATCH: countersignatures that contradict each other:",
        [f"{shown(each['where'])}: {shown(each['message'])}" for each in others],
    )
    return "\n".join(lines)


def proof(result: dict[str, Any]) -> str:
    """The proof itself, or where it was written."""
    if "proof" in result:
        return str(result["proof"])
    what = (
        f"entry {result['index']} is in"
        if result["kind"] == "inclusion"
        else f"the log of {result['index']} entries is the beginning of"
    )
    return f"Wrote {shown(result['file'])}: {what} the log of {result['size']} entries."


def audit(result: dict[str, Any]) -> str:
    """What was recomputed, and each thing that is not as it should be."""
    lines = [
        f"Read {number(result['entries'], 'entry', 'entries')} again and checked "
        f"{number(result['signatures_checked'], 'signature')}.",
        f"  root {result['root']}",
    ]
    lines += notices(result["notices"])
    if not result["findings"]:
        return "\n".join([*lines, "Everything matches."])
    rows = [
        f"{shown(each['where'])}: {shown(each['message'])} ({each['code']})"
        for each in result["findings"]
    ]
    lines += block(f"DOES NOT MATCH: {number(len(rows), 'finding')}:", rows)
    return "\n".join([*lines, f"hint: {audit_hint(result)}"])


def audit_hint(result: dict[str, Any]) -> str:
    """What to do: of a finding in the log itself another thing than of one in the cache of it."""
    of_cache = all(each["code"] in _OF_THE_CACHE for each in result["findings"])
    return CACHE_HINT if of_cache else AUDIT_HINT


def succeeded(result: dict[str, Any]) -> str:
    """The new log and the one it follows."""
    old = result["succeeds"]
    return "\n".join(
        [
            f"A new log begins: {shown(result['origin'])}",
            f"  it follows:   {shown(old['origin'])}, {number(old['size'], 'entry', 'entries')}, "
            f"root {old['root']}",
            f"  fingerprint:  {result['fingerprint']}",
            *wrapped_words(result["words"]),
            "Next: export a new trust file (evidence-vault trust export -o FILE) and read the "
            "words to your partners.",
        ]
    )
