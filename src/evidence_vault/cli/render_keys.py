"""Text forms of key."""

from __future__ import annotations

from typing import Any

from evidence_vault.cli.render_setup import wrapped_words
from evidence_vault.cli.words import block, notices, number, shown, table

_SHOWN_ITEMS = 20


def passphrase(result: dict[str, Any]) -> str:
    return (
        "The passphrase is changed.\n"
        f"  keyring:           {shown(result['keyring'])}\n"
        f"  previous keyring:  {shown(result['previous'])} (opens with the old passphrase; "
        "destroy it if that is known to others)"
    )


def keys(result: dict[str, Any]) -> str:
    """Every key, one a line: what for, where in the log it counts, who holds it."""
    rows = [("SIGNS", "COUNTS FOR ENTRIES", "HELD BY", "KEY")]
    rows += [
        (each["role"], _interval(each), each["where"], each["keyid"]) for each in result["keys"]
    ]
    lines = [f"Log {shown(result['origin'])}, {number(result['size'], 'entry', 'entries')}", ""]
    lines += table(rows)
    lines += ["", *block("Keys of the log itself:", [short(k) for k in result["log_keys"]])]
    readers = [
        f"{shown(each['name'] or each['kind'])}: {short(each['recipient'])}"
        for each in result["readers"]
    ]
    lines += block("Readers of what comes in now:", readers)
    own = result["countersigner"]
    if own is not None:
        lines += block(
            f"As a countersigner, {shown(own['name'])}:", [short(k) for k in own["keys"]]
        )
    lines += block(
        "Countersigners:",
        [
            f"{shown(p['org'])} ({shown(p['origin'])}): {', '.join(short(k) for k in p['keys'])}"
            for p in result["peers"]
        ],
    )
    named = [f"{shown(a['name'])}: {shown(a['url'])}" for a in result["authorities"]]
    return "\n".join([*lines, *block("Time-stamping authorities:", named)])


def short(key: str) -> str:
    """A long public key as its beginning and end; ``--json`` has all of it."""
    return shown(key if len(key) <= 100 else f"{key[:48]}…{key[-12:]}")


def _interval(key: dict[str, Any]) -> str:
    if key["from"] is None:
        return "none yet"
    if key["until"] is None:
        return f"{key['from']} and on"
    if key["until"] <= key["from"]:
        return "none, revoked"
    return f"{key['from']} to {key['until'] - 1}"


def enrolled(result: dict[str, Any]) -> str:
    return "\n".join(
        [
            f"Enrolled {result['keyid']} for {shown(result['role'])}.",
            f"It counts from entry {result['from']} of the log on.",
            *notices(result["notices"]),
        ]
    )


def rotated(result: dict[str, Any]) -> str:
    lines = [f"The new {shown(result['role'])} key is {result['keyid']}."]
    if result["retired"] is not None:
        lines.append(f"Retired {result['retired']}: what it signed stays good.")
    return "\n".join([*lines, *notices(result["notices"])])


def revocation(plan: dict[str, Any]) -> str:
    """What a revocation would make void, before it is done."""
    what = "entry that it signed" if plan["role"] == "events" else "export with its statement"
    many = "entries that it signed" if plan["role"] == "events" else "exports, if it signed them,"
    lines = [
        f"Key {plan['keyid']} for {shown(plan['role'])}; last good entry: {plan['last_good']}.",
        f"Void: {number(plan['void_entries'], what, many)} after it, in the history of "
        f"{number(len(plan['items']), 'item')}. Receipts and bundles that hold one of them will "
        "not verify any more.",
    ]
    named = plan["items"][:_SHOWN_ITEMS]
    if len(plan["items"]) > len(named):
        named.append(f"and {len(plan['items']) - len(named)} more (--json lists all)")
    return "\n".join([*lines, *(f"  {shown(each)}" for each in named)])


def revoked(result: dict[str, Any]) -> str:
    return "\n".join(
        [
            f"Revoked {result['keyid']} ({shown(result['reason'])}) by entry {result['event']}.",
            f"What it signed up to entry {result['last_good']} stays good; "
            f"{number(result['void_entries'], 'entry', 'entries')} after it "
            f"{'is' if result['void_entries'] == 1 else 'are'} void.",
            *notices(result["notices"]),
        ]
    )


def split(result: dict[str, Any]) -> str:
    lines = [
        f"Wrote {result['shares']} shares, of which any {result['threshold']} put the recovery "
        "file together; each was tried.",
        *(f"  {shown(each)}" for each in result["files"]),
    ]
    return "\n".join([*lines, *notices(result["notices"])])


def joined(result: dict[str, Any]) -> str:
    return "\n".join(
        [
            f"Wrote the recovery file {shown(result['file'])}.",
            f"  recipient: {short(result['recipient'])}",
            *notices(result["notices"]),
        ]
    )


def granted(result: dict[str, Any]) -> str:
    return "\n".join(
        [
            f"{shown(result['name'])} is a reader now (entry {result['event']}).",
            *notices(result["notices"]),
        ]
    )


def withdrawn(result: dict[str, Any]) -> str:
    return "\n".join(
        [
            f"{shown(result['name'])} is no longer a reader (entry {result['event']}).",
            *notices(result["notices"]),
        ]
    )


def card(result: dict[str, Any]) -> str:
    """A card that was written: the words to read aloud, and what to do with it."""
    readers = result["readers"]
    lines = [
        f"Wrote the card {shown(result['file'])} of {shown(result['org'])} "
        f"(log {shown(result['origin'])}).",
        f"  readers:      {number(readers['count'], 'reader')}, called (doctor on a field vault):",
        *wrapped_words(readers["fingerprint_words"]),
        f"  fingerprint:  {result['fingerprint']}",
        *wrapped_words(result["fingerprint_words"]),
        *notices(result["notices"]),
        "Next, on the field machine, with these words as you read them aloud:",
        "  evidence-vault init DIR --station CARD",
    ]
    return "\n".join(lines)
