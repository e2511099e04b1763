"""Foreign text made fit for paper: every sign has a glyph, every line has a place to break.

For *display* only, like core/text.py. What the fonts do not have is written as its number,
``[U+1F600]``, so that nothing is left out unseen; a text that is too long says how long it is.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import Path

from evidence_vault.bundle.paper.coverage import covered
from evidence_vault.core.messages import message
from evidence_vault.core.text import escape_for_display

MAX_TEXT = 3_000  # characters of one value
MAX_MARKS = 6  # combining marks on one letter: more would run over the lines above
_RUN = 24  # characters after which a line may break although there is no space
_BREAK = "\u200b"
_JOINERS = "\u200c\u200d"
# Burmese: what can't begin a syllable, or binds the next or this letter to the one before.
_STACK, _KILLED = "\u1039", "\u103a"


class Printer:
    """Makes text printable in the fonts of one folder, for one language."""

    def __init__(self, fonts: Path, lang: str) -> None:
        self._families = covered(fonts)
        self._lang = lang

    def __call__(self, text: str, limit: int = MAX_TEXT) -> str:
        """``text`` safe to print, at most ``limit`` characters of it and then how many."""
        cut = ""
        if len(text) > limit:
            fields = {"shown": f"{limit:,}", "all": f"{len(text):,}"}
            cut, text = " " + message(self._lang, "RP-CLIPPED", fields), text[:limit]
        return "".join(_breakable("".join(self._known(escape_for_display(text))))) + cut

    def _known(self, text: str) -> Iterator[str]:
        """Each character, or its number; a mark must be in the font of the letter below it."""
        family: frozenset[int] | None = None
        marks = 0
        for char in text:
            code = ord(char)
            mark = unicodedata.category(char)[0] == "M" or char in _JOINERS
            if not mark:
                family = next((f for f in self._families if code in f), None)
                marks = 0
                yield char if family is not None else _number(code)
                continue
            marks += 1
            if family is not None and code in family and marks <= MAX_MARKS:
                yield char
            else:
                family = None
                yield _number(code)


def _number(code: int) -> str:
    return f"[U+{code:04X}]"


def _breakable(text: str) -> Iterator[str]:
    """``text`` with a place to break in each long run without a space, never inside a number."""
    run = 0
    number = False
    for at, char in enumerate(text):
        run = 0 if char in " -" else run + 1
        if run > _RUN and not number and _may_begin(text, at):
            yield _BREAK
            run = 1
        number = text.startswith("[U+", at) or (number and char != "]")
        yield char


def _may_begin(text: str, at: int) -> bool:
    """Whether a line may begin with this character: it starts a letter, and a syllable."""
    char = text[at]
    if unicodedata.category(char)[0] == "M" or char in _JOINERS:
        return False
    if not "\u1000" <= char <= "\u109f":
        return True
    following = text[at + 1 : at + 2]
    return text[at - 1] != _STACK and following not in (_STACK, _KILLED)
