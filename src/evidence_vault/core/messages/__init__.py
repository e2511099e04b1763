"""The message catalogue: one sentence per code and language, with named fields.

Codes and fields are stable; wording is not. A language that nobody has reviewed says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module

from evidence_vault.errors import InternalError

LANGUAGES = ("en", "my")
DEFAULT = "en"
# Further parts of the catalogue: `<part>_<language>.py` each, no code in two of them.
PARTS: tuple[str, ...] = ("page", "words", "report", "gallery", "bags", "differences")


def catalogue(lang: str) -> Mapping[str, str]:
    """All templates of a language; English for one that is not known."""
    return _merged(lang if lang in LANGUAGES else DEFAULT)


@cache
def _merged(name: str) -> Mapping[str, str]:
    modules = [name, *(f"{part}_{name}" for part in PARTS)]
    found: dict[str, str] = {}
    for module in modules:
        messages: Mapping[str, str] = import_module(f"{__name__}.{module}").MESSAGES
        if twice := found.keys() & messages.keys():
            raise InternalError(f"two messages {min(twice)} in {name}")
        found |= messages
    return found


def is_reviewed(lang: str) -> bool:
    """False when the translation was not yet read by a second speaker."""
    module = import_module(f"{__name__}.{lang if lang in LANGUAGES else DEFAULT}")
    return bool(module.REVIEWED)


def message(lang: str, code: str, fields: Mapping[str, str | int] | None = None) -> str:
    """The sentence for a code; values must already be safe to show.

    Raises InternalError for a code or field the catalogue doesn't have: a bug, found by tests.
    """
    try:
        return catalogue(lang)[code].format_map(dict(fields or {}))
    except KeyError as error:
        raise InternalError(f"message {code} in {lang}: {error} is missing") from error
