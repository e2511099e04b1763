"""Burmese text: is it Unicode or Zawgyi? Told with a stated confidence, or not told.

Zawgyi and Unicode share their code points, so no byte says which is meant. ``myanmartools`` (the
model of Google's myanmar-tools) gives the probability that a text is Zawgyi. What it says of a few
letters is worth little: :data:`LETTERS` and :data:`SURE` were chosen from the table in
docs/burmese.md, measured by tests/burmese. Below either the outcome is ``cannot-be-told``; it
is never
taken for Unicode.

Nothing here changes a byte of an original. A search copy is a new text, with a statement of
what was
done to it.
"""

from __future__ import annotations

import email
import email.policy
import html
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Literal

from evidence_vault.capture.formats import identify
from evidence_vault.core.zawgyi import RULES, zawgyi_to_unicode
from evidence_vault.errors import FormatError

if TYPE_CHECKING:
    from myanmartools import ZawgyiDetector

#: Fewest letters and marks of the Myanmar script that are judged at all.
LETTERS = 24
#: How probable one encoding must be.
SURE = 0.99
#: Letters judged together: a long text that holds both encodings must not pass for one of them.
PART = 200
#: Bytes of a file, and characters of a tag, that are looked at.
LOOK = 256 * 1024
TAGS = 50

Encoding = Literal["unicode", "zawgyi", "cannot-be-told"]

# Without digits and punctuation, which both encodings write alike.
_LETTER = re.compile(
    "[\u1000-\u103f\u104c-\u108f\u109a-\u109f\ua9e0-\ua9ef\ua9fa-\ua9fe\uaa60-\uaa7f]"
)
_ESCAPE = re.compile(r"\\u(1[0-9a-fA-F]{3}|[aA][9aA][0-9a-fA-F]{2})")
_MARKED = ("html", "xml", "svg", "xmp", "kml", "gpx")


@dataclass(frozen=True, slots=True)
class Judgement:
    """``confidence``: probability of ``encoding``, a decimal fraction rounded down; None if not
    told.

    ``letters``: how many letters and marks of the script there are.
    """

    encoding: Encoding
    confidence: str | None
    basis: str
    letters: int

    def to_json(self, of: str) -> dict[str, Any]:
        """The note in a metadata document; ``of``: what was judged."""
        return {
            "basis": self.basis,
            "confidence": self.confidence,
            "encoding": self.encoding,
            "of": of,
            "script": "Mymr",
        }


def judge(text: str) -> Judgement | None:
    """Unicode or Zawgyi, or None for a text without letters of the Myanmar script."""
    letters = len(_LETTER.findall(text))
    if letters == 0:
        return None
    if letters < LETTERS:
        return Judgement(
            "cannot-be-told", None, f"{letters} letters are too few, {LETTERS} are needed", letters
        )
    chances = [_zawgyi_probability(part) for part in _parts(text)]
    zawgyi = [p for p in chances if p >= SURE]
    unicode = [1 - p for p in chances if p <= 1 - SURE]
    if zawgyi and unicode:
        basis = f"{len(zawgyi)} parts read as Zawgyi, {len(unicode)} as Unicode"
        return Judgement("cannot-be-told", None, basis, letters)
    sure = zawgyi or unicode
    if 2 * len(sure) <= len(chances):
        basis = f"the model is not sure ({len(sure)} of {len(chances)} parts at {SURE} or more)"
        return Judgement("cannot-be-told", None, basis, letters)
    basis = f"{_model()}, {letters} letters"
    return Judgement("zawgyi" if zawgyi else "unicode", _rounded_down(min(sure)), basis, letters)


def text_notes(
    name: bytes, head: bytes, size: int, tags: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """What is told of a file's name, of its text if it is one, and of its tags.

    ``head``: the first bytes, at most :data:`LOOK` count. Only texts in the Myanmar script have
    a note.
    """
    found = [("name", judge(name.decode("utf-8", "ignore")))]
    text = text_of(head[:LOOK], size)
    if text is not None:
        found.append(("content", judge(text)))
    found += [(f"tag {tag}", judge(value)) for tag, value in _texts(tags)]
    return [judged.to_json(of) for of, judged in found if judged is not None]


def text_of(head: bytes, size: int) -> str | None:
    """The readable text of plain text, markup, JSON or mail; None for what is no text."""
    form = identify(head[: 64 * 1024], b"", size)
    if form.basis != "text":
        return None
    if form.extension == "eml":
        return "\n".join(_mail(head))
    text = _decoded(head)
    if text is None:
        return None
    if form.extension in _MARKED:
        return html.unescape(text)
    return _ESCAPE.sub(lambda found: chr(int(found.group(1), 16)), text)


# -- the search copy ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SearchCopy:
    """A text in Unicode NFC to search in, and what was done to get it (for the signed
    statement)."""

    text: str
    statement: dict[str, Any]


def search_copy(data: bytes) -> SearchCopy:
    """The search copy of a text file; the same bytes always give the same copy.

    Each line that reads as Zawgyi is converted; a line too short to be told goes with the whole
    text
    where that could be told, and stays as it is otherwise. ``statement``: digits as numbers, no
    floats. Raises FormatError for bytes that are no text in UTF-8 or UTF-16.
    """
    text = _decoded(data, strict=True)
    if text is None:
        raise FormatError("this is no text in UTF-8 or UTF-16: no search copy can be made")
    whole = judge(text)
    counts = {"cannot-be-told": 0, "unicode": 0, "without": 0, "zawgyi": 0}
    lines = []
    for line in text.split("\n"):
        told = judge(line)
        encoding: str = "without" if told is None else told.encoding
        if encoding == "cannot-be-told" and whole is not None and told is not None:
            encoding = whole.encoding if told.letters < LETTERS else encoding
        counts[encoding] += 1
        lines.append(zawgyi_to_unicode(line) if encoding == "zawgyi" else line)
    statement = {
        "confidence": None if whole is None else whole.confidence,
        "encoding_found": None if whole is None else whole.encoding,
        "judged_by": _model(),
        "lines_converted": counts["zawgyi"],
        "lines_in_unicode_already": counts["unicode"],
        "lines_not_told_left_as_they_are": counts["cannot-be-told"],
        "lines_without_burmese": counts["without"],
        "normalisation": f"NFC, Unicode {unicodedata.unidata_version}",
        "rules": RULES,
    }
    return SearchCopy(unicodedata.normalize("NFC", "\n".join(lines)), statement)


# -- inside ------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _detector() -> ZawgyiDetector:
    from myanmartools import ZawgyiDetector  # its model is read only where there is Burmese

    return ZawgyiDetector()


@lru_cache(maxsize=1)
def _model() -> str:
    return f"myanmartools {version('myanmartools')}"


def _zawgyi_probability(text: str) -> float:
    """From 0 to 1; of a text without Burmese letters the model says nothing, and this 0.5."""
    chance = float(_detector().get_zawgyi_probability(text))
    return chance if chance >= 0 else 0.5


def _parts(text: str) -> Iterator[str]:
    """The text in parts of about :data:`PART` letters; what is left over joins the last."""
    starts = [found.start() for found in _LETTER.finditer(text)][::PART]
    if len(starts) > 1 and len(_LETTER.findall(text, starts[-1])) < LETTERS:
        starts.pop()
    for at, start in enumerate(starts):
        yield text[start : starts[at + 1] if at + 1 < len(starts) else None]


def _rounded_down(chance: float) -> str:
    """Four digits; nothing is certain, so at most 0.9999."""
    return f"0.{min(int(chance * 10_000), 9_999):04d}"


def _decoded(data: bytes, strict: bool = False) -> str | None:
    """UTF-8 or UTF-16 with its mark. Not ``strict``: the data may be cut within a character."""
    codec = "utf-8-sig"
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        codec = "utf-16"
    try:
        return data.decode(codec, "strict" if strict else "ignore")
    except UnicodeDecodeError:
        return None


def _mail(data: bytes) -> Iterator[str]:
    """Subject and text parts of a message, as far as they can be read."""
    message = email.message_from_bytes(data, policy=email.policy.default)
    for part in (message, *message.walk()):
        try:
            if part is message:
                yield str(message.get("subject", ""))
            if part.get_content_maintype() == "text":
                yield html.unescape(str(part.get_content()))
        except (ValueError, LookupError, AttributeError, TypeError):
            continue  # a broken part: no text to judge


def _texts(tags: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Tags whose value has letters of the Myanmar script, at most :data:`TAGS` of them."""
    left = TAGS
    for tag, value in sorted(tags.items()):
        text = value if isinstance(value, str) else str(value) if isinstance(value, list) else ""
        if left and _LETTER.search(text):
            left -= 1
            yield tag, text[:LOOK]
