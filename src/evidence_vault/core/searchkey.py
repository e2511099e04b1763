"""Search keys: what is left of a text once spelling that people can't see is taken away.

Two texts that look or sound the same to a reader of Burmese, and differ in how they were typed,
have
keys in common. A key is for finding only. It is never shown, and never taken for what was written.

    folded(text) = NFKC and case folded; without invisible characters; Burmese and Shan digits
                   as ASCII;
                   ဝ and ရ told from ၀ and ၇ by what stands beside them; marks of a syllable in
                   storage
                   order, each once; tall ါ as ာ, ဥ် as ဉ်; without tone marks း ့ and ေ typed first
                   put behind its consonant
    keys(text)   = folded(text), and folded(zawgyi_to_unicode(text)) if that differs

Names are too short to tell Zawgyi from Unicode, so both readings are kept and looked for: a name
in one is found by a query in the other. The price is a rare hit too many.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from evidence_vault.core.zawgyi import zawgyi_to_unicode

_DIGITS = {0x1040 + n: str(n) for n in range(10)} | {0x1090 + n: str(n) for n in range(10)}
_MYANMAR = re.compile("[\u1000-\u109f\ua9e0-\ua9ff\uaa60-\uaa7f]")
_LETTER = "\u1000-\u103f\u1050-\u108f"
_MARK = "\u102b-\u1032\u1036-\u1038\u103a-\u103e"
_BASE = (
    "\u1000-\u102a\u103f\u104e\u1050-\u1055\u105a-\u105d"
    "\u1061\u1065\u1066\u106e-\u1070\u1075-\u1081"
)
_ZERO = re.compile(
    f"(?<![0-9\u1040-\u1049])\u1040(?=[{_LETTER}])|(?<=[{_LETTER}])\u1040(?![0-9\u1040-\u1049])"
)
_SEVEN = re.compile(f"(?<![0-9\u1040-\u1049])\u1047(?=[{_MARK}])")
_WA = re.compile(f"(?<=[0-9\u1040-\u1049])\u101d+(?![{_LETTER}])")
_FIRST_E = re.compile(f"(?<![{_BASE}\u103a-\u103e\u1039])\u1031([{_BASE}](?:\u1039[{_BASE}])*)")
_NYA = re.compile("\u1025(?=[\u103a\u102c])")
_RUN = re.compile(f"[{_MARK}]{{2,}}")
_ORDER = {
    mark: rank
    for rank, mark in enumerate(
        "\u103b\u103c\u103d\u103e\u1031\u102d\u102e\u1032\u102f\u1030\u102b\u102c\u1036\u103a\u1037\u1038"
    )
}
_FOLDED = str.maketrans({"\u102b": "\u102c", "\u1037": None, "\u1038": None, **{"\u2010": "-"}})
_SPACE = re.compile(r"[\s_]+")


def folded(text: str) -> str:
    """The text without what can't be seen; idempotent, empty only for text without visible
    letters."""
    if text.isascii():
        return _SPACE.sub(" ", text.casefold()).strip()
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    text = "".join(c for c in text if not _invisible(c))
    if _MYANMAR.search(text):
        text = _folded_burmese(text)
    return _SPACE.sub(" ", unicodedata.normalize("NFC", text)).strip()


def keys(text: str) -> tuple[str, ...]:
    """The keys by which a text is found, one or two, none of them empty."""
    found = [folded(text)]
    if _MYANMAR.search(text):
        found.append(folded(zawgyi_to_unicode(text)))
    return tuple(key for key in dict.fromkeys(found) if key)


def stored_keys(text: str | None) -> str | None:
    """What an index keeps beside a text: its keys, one a line; None where the text does as it is.

    Text in plain ASCII without runs of spaces or underscores is its own key but for case.
    """
    if text is None or (text.isascii() and "_" not in text and text.split() == text.split(" ")):
        return None
    return "\n".join(key.replace("\n", " ") for key in keys(text))


def query_keys(words: Iterable[str]) -> tuple[str, ...]:
    """Every key that any of ``words`` (spellings of one thing) may be found by, in order."""
    return tuple(dict.fromkeys(key for word in words for key in keys(word)))


def in_storage_order(text: str) -> str:
    """Marks of each syllable in the storage order of Unicode, each once; then NFC.

    For comparing two spellings; both look the same.
    """
    return unicodedata.normalize("NFC", _RUN.sub(_sorted, text))


def _folded_burmese(text: str) -> str:
    text = _SEVEN.sub(
        "\u101b", _ZERO.sub("\u101d", _WA.sub(lambda run: "0" * len(run.group()), text))
    )
    text = text.translate(_DIGITS)
    text = _FIRST_E.sub("\\1\u1031", text)
    text = _RUN.sub(_sorted, text).translate(_FOLDED)
    return _NYA.sub("\u1009", text).replace("\u1025\u102e", "\u1026")


def _sorted(run: re.Match[str]) -> str:
    marks = dict.fromkeys(run.group())
    return "".join(sorted(marks, key=lambda mark: _ORDER.get(mark, len(_ORDER))))


def _invisible(character: str) -> bool:
    """Zero-width and directional characters, soft hyphens, variation selectors, controls."""
    if "\ufe00" <= character <= "\ufe0f":
        return True
    return unicodedata.category(character) in ("Cf", "Cc") and not character.isspace()
