"""The contact sheet of ``trust export --print``: one page with what is read aloud."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from evidence_vault.bundle.paper.contact import ContactSheet, contact_sheet
from evidence_vault.seeds import fonts_folder
from evidence_vault.vault.handing import PAGE_VERIFIER, SHELL_VERIFIER
from evidence_vault.verify import page_verifier, shell_verifier


def contact_pdf(told: Mapping[str, Any], name: str) -> bytes:
    """The page for the log ``name`` of a trust file; ``told``: vault.trusting.describe_trust."""
    (origin,) = (each for each in told["origins"] if each["origin"] == name)
    sheet = ContactSheet(
        org=origin["org"],
        origin=name,
        size=origin["as_of"]["size"],
        made_at=told["made_at"],
        trust_fingerprint=told["fingerprint"],
        trust_words=told["words"],
        fingerprint=origin["fingerprint"],
        words=origin["words"],
        verifiers=tuple(
            (each, hashlib.sha256(data).hexdigest())
            for each, data in ((PAGE_VERIFIER, page_verifier()), (SHELL_VERIFIER, shell_verifier()))
        ),
    )
    return contact_sheet(sheet, fonts_folder())
