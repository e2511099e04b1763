"""``index.html`` and ``thumbs/``: a bundle to look through in a browser, offline, without a server.

The page is one file: its text, style and program lie beside this module, are put together here and
named by their digests in the page's own policy, which allows nothing else. Its data is JSON that no
program in it ever takes for markup. docs/format-gallery.md.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from html import escape
from importlib.resources import files
from itertools import islice
from typing import Protocol

from evidence_vault.bundle.facts import ItemFacts, item_facts
from evidence_vault.bundle.gallerydata import data_pieces, state
from evidence_vault.bundle.model import BundleItem, BundlePlan
from evidence_vault.bundle.places import places_of
from evidence_vault.core.messages import LANGUAGES, message
from evidence_vault.core.text import escape_for_display

INDEX = "index.html"
NO_SCRIPT_MOST = 500
"""Items listed for a browser without scripts."""

REPORTS = {lang: f"reports/custody-report-{lang}.pdf" for lang in LANGUAGES}


class Thumbnails(Protocol):
    """Small pictures of what leaves; the same item gives the same answer."""

    def __call__(self, item: BundleItem, /) -> bytes | None:
        """A JPEG, or None where there is none."""
        ...

    def why(self, item: BundleItem, /) -> str:
        """Why there is none: ``kind``, ``large``, ``undecoded``, ``tool``, ``off``, ``none``
        (the file does not leave). Empty where there is one."""
        ...


@dataclass(frozen=True)
class Gallery:
    """The gallery of a bundle: thumbnails, then the page."""

    thumbnails: Thumbnails
    places: tuple[str, ...] = field(default=(INDEX,), init=False)

    def files(self, plan: BundlePlan) -> Iterator[tuple[str, Iterable[bytes]]]:
        why: dict[str, str] = {}
        for item in plan.items if plan.thumbnails else ():
            jpeg = self.thumbnails(item)
            why[item.id] = "" if jpeg is not None else self.thumbnails.why(item)
            if jpeg is not None:
                yield thumb_path(item), [jpeg]
        yield INDEX, (piece.encode("utf-8") for piece in page(plan, why))


def thumb_path(item: BundleItem) -> str:
    """Where the thumbnail of an item lies."""
    return f"thumbs/{item.id}.jpg"


def page(plan: BundlePlan, why_none: dict[str, str]) -> Iterator[str]:
    """``index.html``; ``why_none``: by item, why it has no thumbnail, empty where it has one."""
    before, between, after = _frame()
    papers = REPORTS if "reports/" in places_of(plan) else {}
    yield before
    yield from _plain_list(plan)
    yield between
    yield from data_pieces(plan, why_none, papers)
    yield after


def source(name: str) -> str:
    """A part of a page as it lies beside this module."""
    return files("evidence_vault.bundle").joinpath(name).read_text("utf-8")


def digest_source(text: str) -> str:
    """How a content security policy names a style or script (CSP 3, 2.3.1)."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@cache
def _frame() -> tuple[str, str, str]:
    """The page around its plain list and its data."""
    style, script = source("gallery.css"), source("gallery.js")
    # 'self' is this folder in Chromium and Firefox; others need `file:` on a USB stick.
    media = "'self' file:"
    policy = (
        f"default-src 'none'; img-src {media}; media-src {media}; "
        f"style-src {digest_source(style)}; script-src {digest_source(script)}; "
        "base-uri 'none'; form-action 'none'"
    )
    text = source("gallery.html")
    for name, value in (("policy", policy), ("style", style), ("script", script)):
        text = text.replace(f"{{{{{name}}}}}", value)
    before, rest = text.split("{{list}}")
    between, after = rest.split("{{data}}")
    return before, between, after


def _plain_list(plan: BundlePlan) -> Iterator[str]:
    """For a browser without scripts: names and receipts, in the order of the bundle."""
    for lang in LANGUAGES:
        yield f'<p lang="{lang}">{escape(message(lang, "G-PROVES-NOTHING"))}</p>'
        yield f'<p lang="{lang}">{escape(message(lang, "G-NO-SCRIPT"))}</p>'
    yield "<ul>\n"
    for facts in islice(item_facts(plan), NO_SCRIPT_MOST):
        yield _plain_item(facts)
    yield "</ul>\n"
    more = len(plan.items) - NO_SCRIPT_MOST
    for lang in LANGUAGES if more > 0 else ():
        yield f'<p lang="{lang}">{message(lang, "G-NO-SCRIPT-MORE", {"count": more})}</p>\n'


def _plain_item(facts: ItemFacts) -> str:
    item, title = facts.item, facts.described.get("title")
    name = item.id if title is None else f"{item.id}: {escape_for_display(str(title))[:200]}"
    what = " / ".join(message(lang, f"G-S-{state(item)}") for lang in LANGUAGES)
    where = "" if item.payload_path is None else f" <code>{escape(item.payload_path)}</code>"
    link = f'<a href="{escape(item.receipt_path)}">{escape(name)}</a>'
    return f"<li>{link} ({escape(what)}){where}</li>\n"
