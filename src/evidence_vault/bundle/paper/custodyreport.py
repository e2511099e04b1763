"""The custody report in one language: what was collected, in words, as parts of pages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from evidence_vault.bundle.custody import clock
from evidence_vault.bundle.model import BundlePlan
from evidence_vault.bundle.paper import blocks
from evidence_vault.bundle.paper.blocks import Block, Line
from evidence_vault.bundle.paper.chains import Words, chain_blocks, leaving_words, reason_words
from evidence_vault.bundle.paper.collect import (
    ATTENTION,
    Check,
    Collected,
    ReportSubject,
    Tally,
    Thumbnail,
    collect,
    subject_of,
)
from evidence_vault.bundle.paper.pdf import make_pdf
from evidence_vault.bundle.words import field_in_words
from evidence_vault.core.findings import Outcome
from evidence_vault.core.messages import LANGUAGES, is_reviewed

_TEMPLATE = "report.typ"
_NOTES = ("N-TAIL", "N-TRUTH", "N-AUTHOR", "N-TIME", "RP-N-CODES", "RP-N-PAPER")
_PROOF_WORDS = {
    "present": "RP-P-PRESENT",
    "pending": "RP-P-PENDING",
    "not configured": "RP-P-NONE",
}
_OUTCOMES = (Outcome.MATCHES, Outcome.DIFFERS, Outcome.UNCHECKED, Outcome.INFORMATION)
_MAX_NAMES = 200


class CustodyReports:
    """``reports/custody-report-<lang>.pdf`` of a bundle (bundle.model.Extra).

    It must be written after the payloads: it says that they were read and compared.
    """

    places = ("reports/",)

    def __init__(
        self, fonts: Path, check: Check | None = None, thumbnail: Thumbnail | None = None
    ) -> None:
        self._fonts = fonts
        self._check = check
        self._thumbnail = thumbnail

    def files(self, plan: BundlePlan) -> Iterator[tuple[str, Iterable[bytes]]]:
        found = collect(subject_of(plan), self._check, self._thumbnail)
        for lang in LANGUAGES:
            yield f"reports/custody-report-{lang}.pdf", [report_pdf(found, lang, self._fonts)]


def custody_report(
    subject: ReportSubject,
    lang: str,
    fonts: Path,
    check: Check | None = None,
    thumbnail: Thumbnail | None = None,
) -> bytes:
    """The PDF of a report that leaves without a bundle."""
    return report_pdf(collect(subject, check, thumbnail), lang, fonts)


def report_pdf(found: Collected, lang: str, fonts: Path) -> bytes:
    subject = found.subject
    words = Words(fonts, lang)
    named = "" if subject.bundle_id is None else subject.bundle_id[:8]
    values = {
        "blocks": list(_blocks(found, words)),
        "date": date_parts(subject.made_at),
        "lang": lang,
        "origin": words.plain(subject.origin),
        "page": words("RP-PAGE"),
        "running": f"{named}   {clock(subject.made_at)}",
        "title": words("RP-TITLE"),
        "unreviewed": "" if is_reviewed(lang) else words("H-UNREVIEWED"),
    }
    return make_pdf(_TEMPLATE, values, subject.made_at, fonts)


def date_parts(moment: str) -> list[int]:
    """``2026-11-23T10:00:00Z`` as numbers, for the properties of the file."""
    return [int(part) for part in re.findall("[0-9]+", moment)]


def _blocks(found: Collected, words: Words) -> Iterator[Block]:
    yield from _what(found, words)
    yield from _attention(found, words)
    yield from _checked(found, words)
    yield from _keys(found, words)
    yield from _withheld(found, words)
    yield blocks.heading(1, words("RP-NOT-SHOWN"))
    yield blocks.bullets(words(code) for code in _NOTES)
    yield from _table(found, words)
    yield blocks.heading(1, words("RP-CHAINS"))
    left = found.chosen - len(found.chains)
    if left:
        fields = {"full": len(found.chains), "chosen": found.chosen, "left": left}
        yield blocks.text(words("RP-CHAINS-CUT", **fields))
    for chain in found.chains:
        yield from chain_blocks(chain, found.subject, words)


def _what(found: Collected, words: Words) -> Iterator[Block]:
    subject = found.subject
    alone = subject.bundle_id is None
    leaving = found.leaving
    items = {
        "chosen": found.chosen,
        "originals": leaving["original"],
        "copies": leaving["copy"],
        "receipts": leaving["receipt"],
    }
    said = words("RP-ITEMS-ALONE", chosen=found.chosen) if alone else words("RP-ITEMS", **items)
    point = subject.checkpoint
    yield blocks.heading(1, words("RP-WHAT"))
    yield blocks.text(words("RP-INTRO", count=found.chosen))
    yield blocks.text(words("RP-ALONE" if alone else "RP-IN-BUNDLE"))
    yield blocks.pairs(
        [
            (words("RP-L-ORIGIN"), [words.plain(subject.origin)]),
            (words("RP-L-FINGERPRINT"), blocks.hex_lines(found.fingerprint)),
            (
                words("RP-L-STATE"),
                [words("RP-STATE", size=point.size), *blocks.hex_lines(point.root.hex())],
            ),
            (words("RP-L-WRITTEN"), [clock(subject.made_at)]),
            (words("RP-L-BUNDLE"), [blocks.mono(subject.bundle_id)] if subject.bundle_id else []),
            (
                words("RP-L-EVENT"),
                [
                    words("RP-EVENT", index=subject.exported_index),
                    *blocks.hex_lines(subject.exported_leaf),
                ],
            ),
            (words("RP-L-PROGRAM"), [words.plain(subject.software)]),
            (words("RP-L-ITEMS"), [said]),
            (
                words("RP-L-FIELDS"),
                [words("RP-FIELDS", shown=found.revealed, withheld=found.withheld)],
            ),
        ]
    )
    yield blocks.heading(1, words("RP-READ"))
    yield blocks.bullets(
        words(f"RP-READ-{part}") for part in ("RECORDED", "CLAIMED", "WITHHELD", "TEXT")
    )


def _attention(found: Collected, words: Words) -> Iterator[Block]:
    yield blocks.heading(1, words("RP-ATTENTION"))
    said = [
        f"{words(code, count=tally.count)} ({_named(tally, words)})"
        for code in ATTENTION
        if (tally := found.attention.get(code)) is not None
    ]
    yield blocks.bullets(said) if said else blocks.text(words("RP-NONE"))


def _named(tally: Tally, words: Words) -> str:
    names = ", ".join(tally.names)
    if tally.items > len(tally.names):
        names += " " + words("RP-MORE", count=tally.items - len(tally.names))
    return words("RP-IN-ITEMS", items=tally.items, names=names)


def _checked(found: Collected, words: Words) -> Iterator[Block]:
    yield blocks.heading(1, words("RP-CHECKED"))
    if found.subject.bundle_id is None:
        yield blocks.text(words("RP-FILES-NOT"))
    else:
        leaving = found.chosen - found.leaving["receipt"]
        yield blocks.text(words("RP-FILES-COMPARED", count=leaving))
    if found.checked:
        fields = {"checked": found.checked, "chosen": found.chosen}
        yield blocks.text(words("RP-CHECKED-BY", **fields))
        head = [words("RP-C-STEP"), *map(words.outcome, _OUTCOMES)]
        rows = [
            [words(code), *(str(counts[outcome]) for outcome in _OUTCOMES)]
            for code, counts in found.steps.items()
        ]
        yield blocks.table(["1fr", "20", "24", "26", "24"], head, rows)
    if found.checked < found.chosen:
        yield blocks.text(words("RP-UNCHECKED-REST", count=found.chosen - found.checked))


def _keys(found: Collected, words: Words) -> Iterator[Block]:
    yield blocks.heading(1, words("RP-KEYS"))
    rows: list[Sequence[Line]] = []
    for key in found.keys:
        if key.until is None:
            span = words("RP-K-ON", start=key.start)
        elif key.until <= key.start:
            span = words("RP-K-NEVER")
        else:
            span = words("RP-K-UNTIL", start=key.start, end=key.until - 1)
        role = f"{key.role}: {words(f'RO-{key.role}')}"
        rows.append([role, blocks.mono(key.keyid), span])
    log = found.log_key.rsplit("+", 1)[0]
    rows.append([f"log: {words('RO-log')}", words.plain(log), words("RP-K-ON", start=0)])
    head = [words("RP-K-ROLE"), words("RP-K-KEY"), words("RP-K-COUNTS")]
    yield blocks.table(["44", "1fr", "30"], head, rows)
    proofs = found.subject.proofs
    for title, what, names, state in (
        ("RP-COSIGNERS", "RP-COSIGNERS-WHAT", found.cosigners, proofs["cosignatures"]),
        ("RP-AUTHORITIES", "RP-AUTHORITIES-WHAT", found.authorities, proofs["timestamps"]),
    ):
        said: list[Line] = [words(_PROOF_WORDS[state])]
        if names:
            said.append(f"{words(what)} {words.plain(', '.join(sorted(names)))}")
        yield blocks.pairs([(words(title), said)])


def _withheld(found: Collected, words: Words) -> Iterator[Block]:
    yield blocks.heading(1, words("RP-WITHHELD"))
    if found.reasons:
        yield blocks.text(words("RP-W-ITEMS"))
        yield blocks.bullets(
            f"{count} × {reason_words(reason, words)}"
            for reason, count in sorted(found.reasons.items())
        )
    elif found.subject.bundle_id is not None:
        yield blocks.text(words("RP-W-NO-ITEMS"))
    if not found.fields:
        yield blocks.text(words("RP-W-NO-FIELDS"))
        return
    yield blocks.text(words("RP-W-FIELDS"))
    said = (
        f"{words.plain(field_in_words(name, '', words.lang))} ({count})"
        for name, count in sorted(found.fields.items())
    )
    yield blocks.text("; ".join(said))


def _table(found: Collected, words: Words) -> Iterator[Block]:
    yield blocks.heading(1, words("RP-TABLE"))
    columns = ("ITEM", "KIND", "LEAVES", "ENTRIES", "TIME", "ATTENTION")
    rows = [
        [
            row.item,
            words.plain(row.media_type, _MAX_NAMES),
            leaving_words(row.leaving, words, found.subject.bundle_id is None),
            str(row.entries),
            f"{clock(row.first)} – {clock(row.last)}",
            str(row.attention + (row.item in found.unmatched)),
        ]
        for row in found.rows
    ]
    head = [words(f"RP-T-{column}") for column in columns]
    yield blocks.table(["28", "26", "1fr", "17", "44", "19"], head, rows)
    if found.chosen > len(found.rows):
        yield blocks.text(words("RP-T-CUT", left=found.chosen - len(found.rows)))
