"""``START-HERE.html`` and ``START-HERE.txt``: what whoever opens a bundle reads first.

Both say the same in every language of the program, one after the other, and need nothing: no
script, no style from elsewhere, no other file. They stand first in the ZIP.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from html import escape

from evidence_vault.bundle.gallery import digest_source, source
from evidence_vault.bundle.howto import HOW_TO_VERIFY_NAMES
from evidence_vault.bundle.model import BundlePlan
from evidence_vault.bundle.places import log_fingerprint, places_of, told_counts, told_terms
from evidence_vault.core.keys import fingerprint_words
from evidence_vault.core.messages import LANGUAGES, catalogue, is_reviewed, message
from evidence_vault.core.text import escape_for_display

PAGE, TEXT = "START-HERE.html", "START-HERE.txt"
WIDTH = 96

# What pages lead to, in this order, where it is there: path and what is said of it.
_SAID = (
    ("index.html", "SH-W-index"),
    ("receipts/", "SH-W-receipts"),
    ("data/", "SH-W-data"),
    ("copies/", "SH-W-copies"),
    ("reports/", "SH-W-reports"),
    ("custody.txt", "SH-W-custody"),
    ("index.csv", "SH-W-indexcsv"),
    *((name, "SH-W-howto") for name in HOW_TO_VERIFY_NAMES),
    ("statement.json", "SH-W-statement"),
    ("loadfile/", "SH-W-loadfile"),
    ("archive/", "SH-W-archive"),
    ("case.jsonld", "SH-W-case"),
    ("ro-crate-metadata.json", "SH-W-crate"),
)
PLACES = tuple(path for path, _ in _SAID)
_NOT = ("SH-NOT-1", "SH-NOT-2", "SH-NOT-3", "SH-NOT-4")
_STEPS = ("SH-STEP-1", "SH-STEP-2", "SH-STEP-3")


@dataclass(frozen=True)
class Section:
    """A heading, paragraphs, then what is listed: numbered steps, points, or (name, value)."""

    heading: str
    paragraphs: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    points: tuple[str, ...] = ()
    rows: tuple[tuple[str, str], ...] = ()
    after: tuple[str, ...] = ()


@dataclass(frozen=True)
class StartHere:
    """The two files."""

    places: tuple[str, ...] = field(default=(PAGE, TEXT), init=False)

    def files(self, plan: BundlePlan) -> Iterator[tuple[str, Iterable[bytes]]]:
        told = [(lang, sections(plan, lang)) for lang in LANGUAGES]
        yield PAGE, [as_page(told).encode("utf-8")]
        yield TEXT, [as_text(told).encode("utf-8")]


def sections(plan: BundlePlan, lang: str) -> list[Section]:
    """All that is said, in one language."""
    say = partial(message, lang)
    called = escape_for_display(plan.contact)
    return [
        Section(say("SH-WHAT-H"), (say("SH-WHAT", dict(told_counts(plan))),)),
        Section(say("SH-WHO-H"), (say("SH-WHO"),), rows=tuple(_names(plan, lang))),
        Section(
            say("SH-CONTACT-H"),
            (called, say("SH-CONTACT-NOTE")) if called else (say("SH-CONTACT-BLANK"),),
        ),
        *_terms(plan, lang),
        Section(
            say("SH-CHECK-H"),
            steps=tuple(say(code) for code in _STEPS),
            after=(say("SH-OUTCOMES"),),
        ),
        Section(say("SH-NOT-H"), points=tuple(say(code) for code in _NOT)),
        Section(say("SH-CARE-H"), (say("SH-CARE"),)),
        Section(say("SH-WHERE-H"), rows=tuple((p, say(c)) for p, c in _present(plan))),
    ]


def _terms(plan: BundlePlan, lang: str) -> Iterator[Section]:
    """To whom it was given and what was agreed; codes that nobody here knows stand as they are."""
    terms, words = told_terms(plan), catalogue(lang)
    rows = [
        (words[f"SH-T-{name}"], terms[name]) for name in ("name", "agreement") if terms.get(name)
    ]
    conditions = [str(code) for code in terms.get("conditions") or ()]
    rows += [(words["SH-T-conditions"], words.get(f"SH-C-{c}", c)) for c in conditions]
    if rows:
        told = tuple((name, escape_for_display(str(value))) for name, value in rows)
        yield Section(words["SH-TERMS-H"], rows=told)


def _names(plan: BundlePlan, lang: str) -> Iterator[tuple[str, str]]:
    fingerprint = log_fingerprint(plan)
    digits = fingerprint.hex()
    yield message(lang, "G-ORIGIN"), escape_for_display(plan.origin)
    yield message(lang, "G-FINGERPRINT"), " ".join(textwrap.wrap(digits, 8))
    yield "", " ".join(fingerprint_words(fingerprint))
    yield message(lang, "G-BUNDLE"), plan.bundle_id
    yield message(lang, "G-MADE"), plan.made_at.replace("T", " ").replace("Z", " UTC")


def _present(plan: BundlePlan) -> Iterator[tuple[str, str]]:
    there = {"receipts/", "custody.txt", "index.csv", *HOW_TO_VERIFY_NAMES, "statement.json"}
    for item in plan.items:
        there |= {"data/"} if item.payload is not None else set()
        there |= {"copies/"} if item.statement is not None else set()
    there |= places_of(plan)
    return ((path, code) for path, code in _SAID if path in there)


# -- as text -------------------------------------------------------------------------------------


def as_text(told: Sequence[tuple[str, Sequence[Section]]]) -> str:
    """Plain text with a byte order mark and CR LF, for the plainest of editors."""
    lines: list[str] = []
    for lang, parts in told:
        lines += [message(lang, "SH-TITLE"), "=" * WIDTH]
        lines += [] if is_reviewed(lang) else [*_wrapped(message(lang, "G-UNREVIEWED")), ""]
        for part in parts:
            lines += ["", part.heading, "-" * WIDTH, *_lines_of(part)]
        lines += ["", "", ""]
    return "\ufeff" + "\r\n".join(lines).rstrip() + "\r\n"


def _lines_of(part: Section) -> Iterator[str]:
    for paragraph in part.paragraphs:
        yield from _wrapped(paragraph)
    for number, step in enumerate(part.steps, 1):
        yield from _wrapped(step, f"{number}. ")
    for point in part.points:
        yield from _wrapped(point, "-  ")
    for name, value in part.rows:
        yield from _wrapped(value, f"{name:<26}  ")
    for paragraph in part.after:
        yield ""
        yield from _wrapped(paragraph)


def _wrapped(text: str, lead: str = "") -> list[str]:
    """Broken at spaces only: Burmese has few, and no machine may break it elsewhere."""
    indent = " " * len(lead)
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=lead,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


# -- as a page -----------------------------------------------------------------------------------


def as_page(told: Sequence[tuple[str, Sequence[Section]]]) -> str:
    """A page without scripts; its policy allows its own style and nothing else."""
    style = source("starthere.css")
    policy = (
        f"default-src 'none'; style-src {digest_source(style)}; base-uri 'none'; form-action 'none'"
    )
    body = "\n".join(_in_language(lang, parts) for lang, parts in told)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>START HERE</title>\n<style>{style}</style>\n</head>\n<body>\n"
        f"<p>{_languages()}</p>\n{body}\n</body>\n</html>\n"
    )


_OWN_NAMES = {"en": "English", "my": "မြန်မာ"}


def _languages() -> str:
    links = (f'<a href="#{lang}" lang="{lang}">{_OWN_NAMES[lang]}</a>' for lang in LANGUAGES)
    return " · ".join(links)


def _in_language(lang: str, parts: Sequence[Section]) -> str:
    title = f"<h1>{escape(message(lang, 'SH-TITLE'))}</h1>"
    if not is_reviewed(lang):
        title += f'<p class="note">{escape(message(lang, "G-UNREVIEWED"))}</p>'
    return f'<section id="{lang}" lang="{lang}">{title}{"".join(map(_section, parts))}</section>'


def _section(part: Section) -> str:
    text = f"<h2>{escape(part.heading)}</h2>\n"
    text += "".join(f"<p>{escape(each)}</p>\n" for each in part.paragraphs)
    text += _listed("ol", part.steps) + _listed("ul", part.points)
    if part.rows:
        rows = (f"<dt>{_linked(name)}</dt><dd>{escape(value)}</dd>\n" for name, value in part.rows)
        text += f"<dl>\n{''.join(rows)}</dl>\n"
    return text + "".join(f"<p>{escape(each)}</p>\n" for each in part.after)


def _listed(tag: str, texts: Iterable[str]) -> str:
    items = "".join(f"<li>{escape(text)}</li>\n" for text in texts)
    return f"<{tag}>\n{items}</{tag}>\n" if items else ""


def _linked(name: str) -> str:
    """Pages and texts that are ours can be followed; nothing else."""
    ours = name in ("index.html", "custody.txt", *HOW_TO_VERIFY_NAMES)
    return f'<a href="{escape(name)}">{escape(name)}</a>' if ours else escape(name)
