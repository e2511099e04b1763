"""Text forms of get, receipt, export and open."""

from __future__ import annotations

import shlex
from collections import Counter
from typing import Any

from evidence_vault.cli.words import block, notices, number, shown, size

_LISTED = 20


def get(result: dict[str, Any]) -> str:
    return (
        f"Wrote {shown(result['file'])}: {shown(result['id'])}, {size(result['size'])}.\n"
        f"  SHA-256 {result['sha256']}, the same as when it {result['was']}\n"
        f"  recorded as event {result['event']}"
    )


def receipt(result: dict[str, Any]) -> str:
    """Which receipts, and how their reader verifies one."""
    made = result["receipts"]
    rows = [f"{shown(each['id'])}  {shown(each['file'])}" for each in made[:_LISTED]]
    if len(made) > _LISTED:
        rows.append(f"… and {len(made) - _LISTED} more")
    first = shown(shlex.quote(made[0]["file"])) if made else "RECEIPT"
    return "\n".join(
        [
            *block(f"Wrote {number(len(made), 'receipt')}:", rows),
            f"  as of {number(result['checkpoint']['size'], 'entry', 'entries')} of the log; "
            f"recorded as event {result['event']}",
            f"  {_proofs(result['proofs'])}",
            *_for_copies(result["copies"]),
            f"To verify: evidence-vault verify --trust TRUST-FILE {first} [FILE]",
        ]
    )


def _for_copies(copies: list[str]) -> list[str]:
    if not copies:
        return []
    return [
        f"  of {number(len(copies), 'item')} for the share copy: the digests of the original are "
        "withheld (--disclose content_sha256,content_sha512 shows them)"
    ]


def _proofs(proofs: dict[str, Any]) -> str:
    """What others put to the log and goes along; what is pending is not there yet."""
    return (
        f"countersignatures {shown(proofs['cosignatures'])}, "
        f"time stamps {shown(proofs['timestamps'])}"
    )


def export(result: dict[str, Any]) -> str:
    """What could point to people first; then what leaves."""
    told = sensitive(result["sensitive"])
    return "\n".join([told, export_announced(result)]) if told else export_announced(result)


def export_announced(result: dict[str, Any]) -> str:
    """What leaves, what does not, and how to send it; the rest was told before it was written."""
    counts = result["counts"]
    file = shown(result["file"])
    lines = [
        f"Wrote {file}{'' if result['sealed'] else ', NOT encrypted'}.",
        f"  bundle:     {shown(result['bundle_id'])}",
        f"  items:      {counts['chosen']} chosen, {counts['exported'] - result['copies']} with "
        f"their original, {result['copies']} with their share copy, "
        f"{counts['withheld']} with their receipt only",
        f"  fields:     {counts['fields_shown']} revealed, {counts['fields_withheld']} withheld",
        f"  log:        {number(result['checkpoint']['size'], 'entry', 'entries')}; "
        f"recorded as event {result['event']}",
        f"  proofs:     {_proofs(result['proofs'])}",
    ]
    if result["sha256"]:
        lines.append(f"  SHA-256:    {result['sha256']}")
    if result["digest_file"]:
        lines.append(f"              also in {shown(result['digest_file'])}")
    if result["held_back"]:
        lines.append(
            f"  originals of {number(len(result['held_back']), 'item')} did NOT leave: they have a "
            "share copy, so their originals must be asked for by ITEM"
        )
    reasons = Counter(shown(each["reason"]) for each in result["withheld"])
    lines += block("Withheld:", [f"{n} × {reason}" for reason, n in sorted(reasons.items())])
    lines += [*notices(result["notices"]), "", "Next:", f"  send {file}"]
    if result["sealed"]:
        lines.append("  whoever gets it: evidence-vault open FILE -o BUNDLE.zip, then verify")
    lines += [
        f"  tell them the bundle's number by another channel (verify --expect "
        f"{shown(result['bundle_id'])})",
        "  and a trust file that is newer than this bundle (trust export -o FILE)",
    ]
    return "\n".join(lines)


def sensitive(found: list[dict[str, Any]]) -> str:
    """By what was found, in that order, with the items that hold it; empty when nothing was."""
    by_what: dict[str, list[str]] = {}
    for each in found:
        by_what.setdefault(shown(each["what"]), []).append(shown(each["id"]))
    rows = []
    for what, ids in by_what.items():
        more = f" and {len(ids) - 5} more" if len(ids) > 5 else ""
        rows.append(f"{what}: {', '.join(ids[:5])}{more}")
    return "\n".join(block("What could point to people LEAVES with this bundle:", rows))


def opened(result: dict[str, Any]) -> str:
    """Decrypted is not verified: say what comes next."""
    file = shown(result["file"])
    return (
        f"Wrote {file}, {size(result['size'])}, decrypted. Nothing in it is verified yet.\n"
        f"Next: evidence-vault verify --trust TRUST-FILE {shown(shlex.quote(result['file']))}"
    )
