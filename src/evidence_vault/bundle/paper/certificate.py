"""The certificate of digests and custody: one item on one page, to be signed by hand, too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from evidence_vault.bundle.custody import CustodyEvent, clock
from evidence_vault.bundle.facts import ItemFacts, facts_of
from evidence_vault.bundle.paper import blocks
from evidence_vault.bundle.paper.blocks import Block, Line
from evidence_vault.bundle.paper.chains import Words, time_lines
from evidence_vault.bundle.paper.collect import (
    EXPORT,
    SEQUENCE,
    TRANSFER,
    VOID,
    ReportSubject,
    attention_of,
)
from evidence_vault.bundle.paper.custodyreport import date_parts
from evidence_vault.bundle.paper.pdf import make_pdf
from evidence_vault.core.entry0 import parse_entry0
from evidence_vault.core.event import parse_entry
from evidence_vault.core.findings import Outcome, Report
from evidence_vault.core.keys import keyid, public_pem
from evidence_vault.core.messages import is_reviewed
from evidence_vault.core.sshsig import DOCUMENT_NAMESPACE
from evidence_vault.errors import InternalError

_TEMPLATE = "certificate.typ"
_LONGEST = 120  # characters of a name or format
_NOTES = ("N-TRUTH", "N-AUTHOR", "N-TAIL", "RP-N-CODES")
_TAKEN_IN = {"ingested": "CE-P-INTAKE", "transfer-accepted": "CE-P-ACCEPTED"}


@dataclass(frozen=True)
class Certificate:
    """What is certified: the only item of ``subject``.

    ``copy``: its share copy, not its original. ``compared_at``: when the stored file was read again
    and matched; None when it is not kept. ``public``: the raw key that signs the file. ``org`` is
    printed if given. ``checked``: of its receipt.
    """

    subject: ReportSubject
    copy: bool
    compared_at: str | None
    public: bytes
    org: str | None
    checked: Report | None


def certificate(of: Certificate, lang: str, fonts: Path) -> bytes:
    """The page as PDF/A; a detached signature is to lie beside it."""
    words = Words(fonts, lang)
    made_at = of.subject.made_at
    values = {
        "blocks": list(_blocks(of, words)),
        "date": date_parts(made_at),
        "lang": lang,
        "running": f"{words.plain(of.subject.origin, _LONGEST)}   {clock(made_at)}",
        "title": words("CE-TITLE"),
        "unreviewed": "" if is_reviewed(lang) else words("H-UNREVIEWED"),
    }
    return make_pdf(_TEMPLATE, values, made_at, fonts)


def commands(origin: str) -> tuple[str, ...]:
    """What is printed for whoever checks the digests and the signature, one command each."""
    return (
        "sha256sum FILE; sha512sum FILE",
        "openssl pkeyutl -verify -pubin -inkey KEY.pem -rawin -in CERTIFICATE.pdf "
        "-sigfile CERTIFICATE.pdf.sig",
        f"ssh-keygen -Y verify -f allowed_signers -I {origin} -n {DOCUMENT_NAMESPACE} "
        "-s CERTIFICATE.pdf.sshsig < CERTIFICATE.pdf",
    )


def _blocks(of: Certificate, words: Words) -> Iterator[Block]:
    subject = of.subject
    (facts,) = facts_of(subject.items, subject.brackets)
    source = _source(facts, of.copy)
    yield blocks.text(words("CE-INTRO"))
    yield from _what(of, facts, source, words)
    yield blocks.heading(1, words("CE-PROCESS"))
    yield blocks.bullets(_process(of, facts, source, words))
    yield blocks.heading(1, words("CE-CUSTODY"))
    yield blocks.bullets(_custody(of, facts, words))
    yield blocks.text(words("CE-NOT", lines="; ".join(words(code) for code in _NOTES)))
    yield blocks.heading(1, words("CE-SIGNED"))
    origin = words.plain(subject.origin, _LONGEST)
    yield blocks.text(words("CE-S-KEY", keyid=keyid(of.public), origin=origin))
    yield blocks.code(public_pem(of.public).splitlines())
    yield blocks.text(words("CE-S-FILE"))
    yield blocks.code([words.plain(line) for line in commands(subject.origin)])
    yield blocks.heading(1, words("CE-PERSON"))
    yield blocks.text(words("CE-P-STATEMENT"))
    yield blocks.text(words("CE-P-I"))
    yield blocks.fill_in(
        words(code) for code in ("CE-P-NAME", "CE-P-ROLE", "CE-P-PLACE", "CE-P-SIGNATURE")
    )


def _source(facts: ItemFacts, copy: bool) -> CustodyEvent:
    """The entry that states the digests that are certified."""
    if not copy:
        return facts.arrival
    for event in reversed(facts.events):
        if event.type == "derived" and "content_sha256" in event.revealed:
            return event
    raise InternalError("a share copy without an entry that states its digests")


def _what(of: Certificate, facts: ItemFacts, source: CustodyEvent, words: Words) -> Iterator[Block]:
    zero = parse_entry0(facts.item.receipt.events[0].leaf)
    org = words("CE-ORG-BLANK") if of.org is None else words.plain(of.org, _LONGEST)
    form = source.revealed.get("format")
    media_type = str(form.get("mime", "")) if isinstance(form, dict) else ""
    item = f"{facts.item.id}   ({words.plain(facts.item.home, _LONGEST)})"
    yield blocks.pairs(
        [
            (words("CE-ITEM"), [item]),
            (words("CE-ORG"), [org]),
            (words("RP-L-FINGERPRINT"), blocks.hex_lines(zero.fingerprint.hex())),
            (words("CE-SIZE"), _size(source, words)),
            (words("CE-FORMAT"), [words.plain(media_type, _LONGEST)] if media_type else []),
        ]
    )
    yield blocks.heading(1, words("CE-DIGESTS-COPY" if of.copy else "CE-DIGESTS"))
    yield blocks.pairs(
        [
            ("SHA-256", words.lines("content_sha256", source.revealed["content_sha256"])),
            ("SHA-512", words.lines("content_sha512", source.revealed["content_sha512"])),
        ]
    )


def _size(source: CustodyEvent, words: Words) -> list[Line]:
    size = words.plain(str(source.revealed["content_size"]), _LONGEST)
    return [words("RP-I-BYTES", size=size)]


def _process(
    of: Certificate, facts: ItemFacts, source: CustodyEvent, words: Words
) -> Iterator[str]:
    tools = {e.index: parse_entry(e.leaf).event.tool for e in facts.item.receipt.events}

    def told(event: CustodyEvent) -> dict[str, str | int]:
        program = words.plain(tools[event.position], _LONGEST)
        return {"program": program, "index": event.position, "time": clock(event.recorded_at)}

    yield words(_TAKEN_IN[facts.arrival.type], **told(facts.arrival))
    if of.copy:
        yield words("CE-P-COPY", **told(source))
    yield words("CE-P-LOG")
    if of.compared_at is None:
        yield words("CE-P-NOT-COMPARED")
    else:
        yield words("CE-P-COMPARED", time=clock(of.compared_at))


def _custody(of: Certificate, facts: ItemFacts, words: Words) -> Iterator[str]:
    events = facts.events
    attention = Counter(attention_of(facts, of.subject))
    last = events[-1]
    yield words(
        "CE-C-GAPPED" if attention[SEQUENCE] else "CE-C-CHAIN",
        count=len(events),
        first=clock(events[0].recorded_at),
        last=clock(last.recorded_at),
        index=last.position,
        leaf=last.leaf,
    )
    yield words(
        "CE-C-COUNTS",
        exports=attention[EXPORT],
        open=attention[TRANSFER],
        fixity=sum(event.type == "fixity-checked" for event in events),
        void=attention[VOID],
    )
    checked = () if of.checked is None else of.checked.events
    edges = {edge["index"]: edge for edge in checked}.get(facts.arrival.position)
    proved = [line for line in time_lines(facts.arrival, edges, words) if isinstance(line, str)]
    yield words("CE-C-PROVED", lines="; ".join(proved))
    if of.checked is None:
        return
    steps = [step for step in of.checked.steps if step.code != "S-FILE"]
    by_outcome = [
        f"{words.outcome(outcome)}: {'; '.join(names)}"
        for outcome in (Outcome.DIFFERS, Outcome.UNCHECKED, Outcome.INFORMATION)
        if (names := [words(step.code) for step in steps if step.outcome is outcome])
    ]
    matched = sum(step.outcome is Outcome.MATCHES for step in steps)
    yield words(
        "CE-C-CHECKED",
        lines="; ".join([f"{words.outcome(Outcome.MATCHES)}: {matched}", *by_outcome]),
    )
