"""Text forms of get, receipt and open."""

from __future__ import annotations

import shlex
from typing import Any

from evidence_vault.cli.words import block, number, shown, size

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
            f"  {proofs_line(result['proofs'])}",
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


def proofs_line(proofs: dict[str, Any]) -> str:
    """What others put to the log and goes along; what is pending is not there yet."""
    return (
        f"countersignatures {shown(proofs['cosignatures'])}, "
        f"time stamps {shown(proofs['timestamps'])}"
    )


def decrypted(result: dict[str, Any]) -> str:
    """What was written; what it is worth is said by the report that follows."""
    return f"Wrote {shown(result['file'])}, {size(result['size'])}, decrypted."


def opened(result: dict[str, Any]) -> str:
    """Decrypted is not verified: say what comes next."""
    file = shown(result["file"])
    return (
        f"Wrote {file}, {size(result['size'])}, decrypted. Nothing in it is verified yet.\n"
        f"Next: evidence-vault verify --trust TRUST-FILE {shown(shlex.quote(result['file']))}"
    )
