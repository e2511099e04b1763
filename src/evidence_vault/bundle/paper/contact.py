"""The contact sheet: on one page, in both languages, what two people compare on the telephone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evidence_vault.bundle.custody import clock
from evidence_vault.bundle.paper.chains import Words
from evidence_vault.bundle.paper.custodyreport import date_parts
from evidence_vault.bundle.paper.pdf import make_pdf
from evidence_vault.core.messages import LANGUAGES, is_reviewed

_TEMPLATE = "contact.typ"
_LONGEST = 120  # characters of a name
_STEPS = ("CS-1", "CS-2", "CS-3", "CS-4")
_GROUP = 4  # hex digits read as one


@dataclass(frozen=True)
class ContactSheet:
    """Digests in hex; words in the order in which they are read; ``verifiers``: (name, SHA-256)."""

    org: str
    origin: str
    size: int
    made_at: str
    trust_fingerprint: str
    trust_words: Sequence[str]
    fingerprint: str
    words: Sequence[str]
    verifiers: Sequence[tuple[str, str]]


def contact_sheet(sheet: ContactSheet, fonts: Path) -> bytes:
    """The page as PDF/A."""
    every = [Words(fonts, lang) for lang in LANGUAGES]
    plain = every[0].plain

    def both(code: str, **fields: str | int) -> list[str]:
        return [words(code, **fields) for words in every]

    values: dict[str, Any] = {
        "date": date_parts(sheet.made_at),
        "fingerprints": [
            {"title": both("CS-TRUST"), **_spelled(sheet.trust_fingerprint, sheet.trust_words)},
            {"title": both("CS-ARCHIVE"), **_spelled(sheet.fingerprint, sheet.words)},
        ],
        "how": both("CS-HOW"),
        "lang": "en",
        "rows": [
            [both("CS-ORG"), [plain(sheet.org, _LONGEST)]],
            [both("CS-LOG"), [plain(sheet.origin, _LONGEST)]],
            [
                both("CS-STATE"),
                both("CS-STATE-VALUE", size=sheet.size, made_at=clock(sheet.made_at)),
            ],
            [both("CS-CALL"), [""]],
        ],
        "steps": [[words(code) for code in _STEPS] for words in every],
        "title": every[0]("CS-TITLE"),
        "titles": both("CS-TITLE"),
        "unreviewed": ["" if is_reviewed(words.lang) else words("H-UNREVIEWED") for words in every],
        "verifiers": [[plain(name), digest] for name, digest in sheet.verifiers],
        "verifiers_title": both("CS-VERIFIERS"),
        "what": both("CS-WHAT"),
    }
    return make_pdf(_TEMPLATE, values, sheet.made_at, fonts)


def _spelled(digest: str, words: Sequence[str] | str) -> dict[str, list[str]]:
    """A fingerprint as words, numbered by their place, and as hex in groups."""
    each = words.split() if isinstance(words, str) else list(words)
    return {
        "hex": [digest[at : at + _GROUP] for at in range(0, len(digest), _GROUP)],
        "words": each,
    }
