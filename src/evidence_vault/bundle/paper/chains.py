"""One item in a custody report: what it is, its digests, and each entry of its chain in words."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from evidence_vault.bundle.custody import KEY_DIGITS, CustodyEvent, clock
from evidence_vault.bundle.facts import ItemFacts
from evidence_vault.bundle.paper import blocks
from evidence_vault.bundle.paper.blocks import Block, Line
from evidence_vault.bundle.paper.collect import (
    ATTENTION,
    Chain,
    ReportSubject,
    leaving_of,
)
from evidence_vault.bundle.paper.printable import Printer
from evidence_vault.bundle.words import (
    CLAIMED,
    claim_in_words,
    event_in_words,
    field_in_words,
    value_lines,
)
from evidence_vault.core.event import ARRIVALS
from evidence_vault.core.findings import Finding, Outcome, Report
from evidence_vault.core.messages import catalogue, message

# The first and last entries of a long chain that are printed.
FIRST_ENTRIES, LAST_ENTRIES = 20, 40
MAX_LINES = 40  # lines of one value
MAX_THUMBNAIL = 64 * 1024  # bytes: a small picture, or it would not be one
# Start of frame, baseline and progressive (ITU-T T.81, table B.1): what small pictures are.
_FRAMES = (0xC0, 0xC1, 0xC2)

_DIGESTS = ("content_sha256", "content_sha512", "content_size")
_OUTCOMES = {
    Outcome.MATCHES: "O-MATCHES",
    Outcome.DIFFERS: "O-DIFFERS",
    Outcome.UNCHECKED: "O-UNCHECKED",
    Outcome.INFORMATION: "RP-C-NOTHING",
}
_BASES = {"token": "RP-B-TOKEN", "countersigner": "RP-B-COUNTERSIGNER"}
_LEAVING = {"original": "RP-LV-ORIGINAL", "copy": "RP-LV-COPY"}
_REASONS = ("RP-R-NOT-ASKED", "RP-R-NOT-KEPT")


class Words:
    """Sentences of the catalogue in one language, and foreign text made printable."""

    def __init__(self, fonts: Path, lang: str) -> None:
        self.lang = lang
        self.plain = Printer(fonts, lang)

    def __call__(self, code: str, **fields: str | int) -> str:
        return message(self.lang, code, fields)

    def outcome(self, outcome: Outcome) -> str:
        return self(_OUTCOMES[outcome])

    def finding(self, finding: Finding) -> str:
        """What a check found, printable."""
        details: dict[str, str | int] = {
            name: self.plain(value) if isinstance(value, str) else value
            for name, value in finding.details.items()
        }
        said = self(finding.code, **details)
        subject = self.plain(finding.subject)
        return f"{subject}: {said}" if subject else said

    def lines(self, name: str, value: Any) -> list[Line]:
        """A revealed value; None withdraws what was said before."""
        if value is None:
            return [self("RP-E-WITHDRAWN")]
        if name.endswith(("sha256", "sha512")) and isinstance(value, str):
            return (
                blocks.hex_lines(value)
                if value.isalnum() and value.isascii()
                else [self.plain(value)]
            )
        made: list[Line] = [self.plain(line) for line in value_lines(name, value)]
        if len(made) > MAX_LINES:
            made = [*made[:MAX_LINES], self("RP-MORE", count=len(made) - MAX_LINES)]
        return made

    def names(self, names: Sequence[str], event_type: str = "") -> str:
        return ", ".join(self.plain(field_in_words(n, event_type, self.lang)) for n in names)


def reason_words(reason: str, words: Words) -> str:
    """Why a file does not leave, translated where it is one of the reasons of this program."""
    english = catalogue("en")
    known = next((code for code in _REASONS if english[code] == reason), None)
    return words.plain(reason) if known is None else words(known)


def leaving_words(leaving: str, words: Words, alone: bool) -> str:
    """What leaves of an item; nothing but the report does when it is ``alone``."""
    if alone:
        return words("RP-LV-NONE")
    if leaving == "receipt":
        return words("RP-LV-ONLY")
    return words(_LEAVING[leaving])


def chain_blocks(chain: Chain, subject: ReportSubject, words: Words) -> Iterator[Block]:
    """Everything about one item."""
    facts = chain.facts
    item = facts.item
    yield blocks.heading(2, item.id)
    size = None if chain.thumbnail is None else jpeg_size(chain.thumbnail)
    if chain.thumbnail is not None and size is not None:
        jpeg = b64encode(chain.thumbnail).decode("ascii")
        yield blocks.picture(jpeg, size, words("RP-I-THUMB", item=item.id))
    described = [
        (words.names([name]), words.lines(name, value))
        for name, value in sorted(facts.described.items())
        if name not in (*_DIGESTS, "accession", "actor", "metadata")
    ]
    leaves = leaving_words(leaving_of(item), words, subject.bundle_id is None)
    if subject.bundle_id is not None and item.withheld is not None:
        leaves = words("RP-LV-RECEIPT", reason=reason_words(item.withheld, words))
    rows: list[tuple[str, Sequence[Line]]] = [
        (words("RP-I-HOME"), [words.plain(item.home)]),
        (words("RP-I-LEAVES"), [leaves]),
        *described,
        *_digests(facts, words),
    ]
    if facts.withheld:
        rows.append((words("RP-I-WITHHELD"), [words.names(sorted(facts.withheld))]))
    rows.append((words("RP-I-CHECKS"), _checks(chain.checked, words)))
    attention: list[Line] = [
        words(code, count=chain.attention[code]) for code in ATTENTION if code in chain.attention
    ]
    rows.append((words("RP-T-ATTENTION"), attention))
    yield blocks.pairs(rows)
    checked = () if chain.checked is None else chain.checked.events
    yield from _chain(facts.events, {edges["index"]: edges for edges in checked}, words)


def jpeg_size(data: bytes) -> tuple[int, int] | None:
    """(width, height) of a small JPEG as its frame header has them; None for anything else."""
    if data[:2] != b"\xff\xd8" or data[-2:] != b"\xff\xd9" or len(data) > MAX_THUMBNAIL:
        return None
    at = 2
    while at + 9 < len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if marker in _FRAMES:
            height, width = (int.from_bytes(data[at + n : at + n + 2], "big") for n in (5, 7))
            return (width, height) if width and height else None
        at += 2 + length
    return None


def _digests(facts: ItemFacts, words: Words) -> list[tuple[str, Sequence[Line]]]:
    content = facts.content
    original: list[Line] = []
    for name, label in (("content_sha256", "SHA-256"), ("content_sha512", "SHA-512")):
        if name in content:
            original += [label, *words.lines(name, content[name])]
    if "content_size" in content:
        original.insert(0, words("RP-I-BYTES", size=words.plain(str(content["content_size"]))))
    rows = [(words("RP-I-ORIGINAL"), original or [words("RP-I-HIDDEN")])]
    payload = facts.item.payload
    if facts.is_copy and payload is not None:
        copy: list[Line] = [
            words("RP-I-BYTES", size=payload.size),
            *("SHA-256", *blocks.hex_lines(payload.sha256)),
            *("SHA-512", *blocks.hex_lines(payload.sha512)),
        ]
        rows.append((words("RP-I-COPY"), copy))
    return [(label, lines) for label, lines in rows]


def _checks(report: Report | None, words: Words) -> list[Line]:
    """Each outcome with how many steps had it, and every finding that is not a match."""
    if report is None:
        return [words("RP-I-NOT-CHECKED")]
    steps = [step for step in report.steps if step.code != "S-FILE"]
    counts = [
        f"{words.outcome(outcome)}: {count}"
        for outcome in (Outcome.MATCHES, Outcome.DIFFERS, Outcome.UNCHECKED, Outcome.INFORMATION)
        if (count := sum(step.outcome is outcome for step in steps))
    ]
    made: list[Line] = ["; ".join(counts)]
    for step in steps:
        for finding in step.findings:
            if finding.outcome in (Outcome.DIFFERS, Outcome.UNCHECKED):
                made.append(f"{words.outcome(finding.outcome)}: {words.finding(finding)}")
    if len(made) > MAX_LINES:
        made = [*made[:MAX_LINES], words("RP-MORE", count=len(made) - MAX_LINES)]
    return made


def _chain(
    events: Sequence[CustodyEvent], times: Mapping[int, Mapping[str, Any]], words: Words
) -> Iterator[Block]:
    """``times``: time brackets by log position, as the check of the receipt found them."""
    fields = {"count": len(events), "first": events[0].item_seq, "last": events[-1].item_seq}
    yield blocks.heading(3, words("RP-I-CHAIN", **fields))
    cut = len(events) - FIRST_ENTRIES - LAST_ENTRIES
    for number, event in enumerate(events):
        if cut > 0 and number == FIRST_ENTRIES:
            limits = {"first": FIRST_ENTRIES, "last": LAST_ENTRIES, "left": cut}
            yield blocks.text(words("RP-EVENTS-CUT", count=len(events), **limits))
        if cut > 0 and FIRST_ENTRIES <= number < len(events) - LAST_ENTRIES:
            continue
        title = f"{event.item_seq}. {words.plain(event_in_words(event.type, words.lang))}"
        yield blocks.event(
            f"{title}  ({words.plain(event.type)})", _rows(event, times.get(event.position), words)
        )


def _rows(
    event: CustodyEvent, edges: Mapping[str, Any] | None, words: Words
) -> Iterator[tuple[str, Sequence[Line]]]:
    if event.void:
        yield words("RP-E-VOID"), [words("RP-E-VOID-WHY")]
    yield words("RP-E-RECORDED"), [words("RP-E-CLOCK", time=clock(event.recorded_at))]
    yield words("RP-E-PROVED"), time_lines(event, edges, words)
    for name in CLAIMED:
        yield (
            words("RP-E-CLAIMED", what=claim_in_words(name, words.lang)),
            _claim(event, name, words),
        )
    key = words("RP-E-KEY", role=event.role, key=event.signer[:KEY_DIGITS])
    yield words("RP-E-SIGNED"), [key]
    place = words("RP-E-ENTRY", index=event.position)
    yield words("RP-E-PLACE"), [place, *blocks.hex_lines(event.leaf)]
    for name, value in sorted(event.revealed.items()):
        if name not in CLAIMED:
            yield words.names([name], event.type), words.lines(name, value)
    if event.type == "exported":
        yield words("RP-E-ACK"), [words("RP-E-NO-ACK")]
    arrived = _arrival(event)
    absent = [name for name in event.unknown if not (arrived and name in CLAIMED)]
    label = "RP-E-UNCHANGED" if event.type == "described" else "RP-E-UNKNOWN"
    yield words(label), [words.names(absent, event.type)] if absent else []
    yield (
        words("RP-E-WITHHELD"),
        [words.names(event.withheld, event.type)] if event.withheld else [],
    )


def time_lines(event: CustodyEvent, edges: Mapping[str, Any] | None, words: Words) -> list[Line]:
    """The bracket of an entry as its receipt was checked; unchecked, as the archive has it."""
    if edges is None:
        return [words.plain(line) for line in event.bracket] or [words("RP-E-NO-TIME")]
    made: list[Line] = []
    for edge, code in (("not_before", "RP-E-NOT-BEFORE"), ("not_after", "RP-E-NOT-AFTER")):
        found = edges.get(edge)
        if found:
            basis = words(_BASES[found["basis"]])
            fields = {"time": clock(str(found["time"])), "by": words.plain(str(found["by"]))}
            made.append(words(code, basis=basis, **fields))
    return made or [words("RP-E-NO-TIME")]


def _claim(event: CustodyEvent, name: str, words: Words) -> list[Line]:
    if name in event.revealed:
        value = event.revealed[name]
        if value is None:
            return [words("RP-E-WITHDRAWN")]
        return [
            words("RP-E-NOT-CHECKED", value=line) if isinstance(line, str) else line
            for line in words.lines(name, value)
        ]
    if name in event.withheld:
        return [words("RP-E-IS-WITHHELD")]
    return [words("RP-E-NOT-KNOWN")] if name in event.unknown and _arrival(event) else []


def _arrival(event: CustodyEvent) -> bool:
    """An event that must say when something happened and came in, if only that nobody knows."""
    return event.type in (*ARRIVALS, "received-again")
