"""Text forms of report and certificate."""

from __future__ import annotations

import shlex
from typing import Any

from evidence_vault.cli.words import number, shown


def report(result: dict[str, Any]) -> str:
    about = f"a report about {number(result['items'], 'item')}"
    return "\n".join([_wrote(result, about), *_ending(result)])


def certificate(result: dict[str, Any]) -> str:
    compared = "  the stored file was read again: it is the one recorded"
    if not result["compared"]:
        compared = "  the stored file could NOT be compared: it is not kept here"
    about = f"the certificate of {shown(result['id'])}"
    return "\n".join([_wrote(result, about), compared, *_ending(result)])


def _wrote(result: dict[str, Any], about: str) -> str:
    signatures = " and ".join(map(shown, result["signatures"]))
    return (
        f"Wrote {shown(result['file'])}, {about}.\n"
        f"  signed by key {result['key']}: {signatures}\n"
        f"  SHA-256 {result['sha256']}"
    )


def _ending(result: dict[str, Any]) -> list[str]:
    entries = number(result["checkpoint"]["size"], "entry", "entries")
    lines = [f"  as of {entries} of the log; recorded as event {result['event']}"]
    if result["copies"]:
        lines.append(
            f"  of {number(len(result['copies']), 'item')} for the share copy: the digests of the "
            "original are withheld"
        )
    file = shown(shlex.quote(result["file"]))
    lines.append(
        f"To verify, with both signatures beside it: evidence-vault verify --trust "
        f"TRUST-FILE {file}"
    )
    return lines
