"""Text forms of timestamp."""

from __future__ import annotations

from typing import Any

from evidence_vault.cli.words import block, notices, number, shown

STAMP_HINT = "run the same command again; without network: timestamp request, timestamp import"
VERIFY_HINT = "keep this copy as it is and fetch the file from another copy of the vault"

_SAID = {
    "present": "present: stamped",
    "not reachable": "NOT REACHABLE",
    "rejected": "REJECTED, it does not count",
    "not checked": "COULD NOT BE CHECKED, it does not count",
}


def added(result: dict[str, Any]) -> str:
    """The authority and the roots that are pinned."""
    roots = [f"{shown(each['subject'])}, until {shown(each['ends'])}" for each in result["roots"]]
    return "\n".join(
        [
            f"{shown(result['name'])} at {shown(result['url'])} is asked from now on.",
            *block("Pinned roots, which the authority should confirm by another channel:", roots),
            "Next: evidence-vault timestamp stamp",
        ]
    )


def removed(result: dict[str, Any]) -> str:
    kept = " Its roots are kept, to check what it stamped." if result["kept"] else ""
    return f"{shown(result['name'])} is not asked any more.{kept}"


def stamped(result: dict[str, Any]) -> str:
    """One line for each authority that was asked."""
    lines = [f"Checkpoint of {number(result['size'], 'entry', 'entries')}:"]
    return "\n".join([*lines, *(f"  {_line(each)}" for each in result["results"])])


def stamp_findings(result: dict[str, Any]) -> list[dict[str, str]]:
    """What did not go well, for scripts."""
    return [
        {
            "code": each["code"] or "E-AUTHORITY",
            "message": f"{each['state']}: {each['reason']}",
            "where": f"{each['authority']}, checkpoint of {each['size']} entries",
        }
        for each in result["results"]
        if each["state"] != "present"
    ]


def requested(result: dict[str, Any]) -> str:
    name = shown(result["authority"])
    return "\n".join(
        [
            f"Wrote {shown(result['file'])}: a request to {name} over the checkpoint of "
            f"{number(result['size'], 'entry', 'entries')}.",
            f"  SHA-512 that is sent: {result['sha512']}",
            "Send it as application/timestamp-query, then bring the reply back:",
            f"  evidence-vault timestamp import REPLY.tsr --authority {name}",
        ]
    )


def status(result: dict[str, Any]) -> str:
    """Each authority, and what is to be done."""
    size = number(result["size"], "entry", "entries")
    lines = [f"Newest checkpoint, {size}: time stamps {shown(result['state'])}"]
    for each in result["authorities"]:
        newest = each["newest"]
        last = (
            "nothing stamped yet"
            if newest is None
            else f"last stamped {shown(newest['time'])} (checkpoint of {newest['size']})"
        )
        address = shown(each["url"]) if each["active"] else "removed, it is not asked any more"
        lines += [
            f"  {shown(each['name'])}: {shown(each['state'])}; {last}",
            f"    address:     {address}",
            f"    chain ends:  {shown(each['chain_ends'])}",
        ]
    lines.append(f"Stamped checkpoints: {result['stamped']}")
    due = result["renewals_due"]
    rows = [f"checkpoint of {each['size']}: {shown(each['reason'])}" for each in due[:20]]
    lines += block(f"RENEWAL DUE: {number(len(due), 'checkpoint')}:", rows)
    if not due and result["renewal_next"] is not None:
        lines.append(f"Renewal due: {shown(result['renewal_next'])}")
    return "\n".join([*lines, *notices(result["notices"])])


def verified(result: dict[str, Any]) -> str:
    """What was checked again."""
    checks = result["checks"]
    good = [each for each in checks if each["outcome"] == "matches"]
    lines = [f"Checked {number(len(checks), 'time stamp or renewal', 'time stamps and renewals')}."]
    rows = [
        f"{shown(each['file'])}: {shown(each['outcome'])}: {shown(each['reason'])}"
        for each in checks
        if each["outcome"] != "matches"
    ]
    lines += block(f"{len(good)} match, {len(rows)} do not or could not be checked:", rows)
    if checks and not rows:
        lines.append("Everything matches.")
    return "\n".join(lines)


def renewed(result: dict[str, Any]) -> str:
    """One line for each list and authority."""
    if not result["sizes"]:
        return "No renewal is due."
    lines = [f"Renewing the stamps of {number(len(result['sizes']), 'checkpoint')}:"]
    lines += [f"  {each['size']}: {_line(each)}" for each in result["results"]]
    lines += [f"  {shown(each['where'])}: {shown(each['message'])}" for each in result["findings"]]
    return "\n".join(lines)


def _line(each: dict[str, Any]) -> str:
    said = f"{shown(each['authority'])}: {_SAID[each['state']]}"
    if each["time"] is not None:
        claimed = "" if each["state"] == "present" else "it claims "
        said += f", {claimed}{shown(each['time'])}"
    if each["reason"]:
        said += f" ({shown(each['reason'])})"
    return said if each["file"] is None else f"{said}  {shown(each['file'])}"
