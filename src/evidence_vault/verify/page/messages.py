"""Prints what the verifier page says, in all languages, as JSON for ``build.mjs``.

python messages.py | node build.mjs OUT
"""

from __future__ import annotations

import json
import sys
from importlib import import_module

from evidence_vault import __version__
from evidence_vault.core.messages import LANGUAGES, is_reviewed

# The parts of the catalogue that the page shows: the sentences of verification, and its own.
PARTS = ("", "page_")


def page_messages() -> dict[str, object]:
    """The program's version; by language, its sentences and whether somebody reviewed them."""
    languages = {}
    for lang in LANGUAGES:
        sentences: dict[str, str] = {}
        for part in PARTS:
            sentences |= import_module(f"evidence_vault.core.messages.{part}{lang}").MESSAGES
        languages[lang] = {"reviewed": is_reviewed(lang), "sentences": sentences}
    return {"languages": languages, "version": __version__}


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    json.dump(page_messages(), sys.stdout, ensure_ascii=False, indent=1, sort_keys=True)
