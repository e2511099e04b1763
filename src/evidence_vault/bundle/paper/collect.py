"""What a custody report tells, gathered once and in no language: counts, keys, chosen chains.

Two passes over the receipts, one at a time: the first counts over all items, the second keeps
those whose chains are printed. So a report of any number of items needs bounded memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from evidence_vault.bundle.custody import receipt_keys
from evidence_vault.bundle.facts import ItemFacts, facts_of
from evidence_vault.bundle.model import BundleItem, BundlePlan, count_fields
from evidence_vault.core.checkpoint import Checkpoint
from evidence_vault.core.entry0 import parse_entry0
from evidence_vault.core.findings import Outcome, Report
from evidence_vault.core.keystate import KeyInterval
from evidence_vault.core.note import parse_note
from evidence_vault.core.receipt import Receipt

MAX_CHAINS = 200  # items whose chain is printed: some 400 pages, 250 MB of memory, 2 seconds
MAX_ENTRIES = 2_000  # entries printed over all of them
MAX_ROWS = 2_000  # items in the table
MAX_NAMED = 12  # items named beside a number

Check = Callable[[Receipt], Report]
"""Verifies a receipt as the archive can: without its file, with the archive's own keys."""
Thumbnail = Callable[[BundleItem], bytes | None]
"""A small JPEG of what leaves of an item; None where there is none."""

VOID, TRANSFER, EXPORT, SEQUENCE = "RP-A-VOID", "RP-A-TRANSFER", "RP-A-EXPORT", "RP-A-SEQUENCE"
BEFORE, TIME, FIXITY, CHECK = "RP-A-BEFORE", "RP-A-TIME", "RP-A-FIXITY", "RP-A-CHECK"
ATTENTION = (VOID, TRANSFER, SEQUENCE, CHECK, EXPORT, BEFORE, FIXITY, TIME)
# What makes a chain one that has to be read.
_URGENT = (VOID, TRANSFER, SEQUENCE)


@dataclass(frozen=True)
class ReportSubject:
    """What the report is about. ``bundle_id`` is None for one that leaves without a bundle.

    ``brackets``: as of BundlePlan. ``proofs``: JSON form of a core.proofclaim.ProofClaim.
    """

    origin: str
    made_at: str
    checkpoint: Checkpoint
    exported_index: int
    exported_leaf: str
    software: str
    items: Sequence[BundleItem]
    brackets: Mapping[int, Sequence[str]]
    proofs: Mapping[str, Any]
    bundle_id: str | None = None


def subject_of(plan: BundlePlan) -> ReportSubject:
    return ReportSubject(
        plan.origin,
        plan.made_at,
        plan.checkpoint,
        plan.exported_index,
        plan.exported_leaf,
        plan.software,
        plan.items,
        plan.brackets,
        plan.proofs,
        plan.bundle_id,
    )


@dataclass
class Tally:
    """How often something was found, in how many items, and the first of these."""

    count: int = 0
    items: int = 0
    names: list[str] = field(default_factory=list)

    def add(self, item: str, count: int) -> None:
        self.count += count
        self.items += 1
        if len(self.names) < MAX_NAMED:
            self.names.append(item)


@dataclass(frozen=True)
class Row:
    """One line of the table of items; ``leaving`` as of :func:`leaving_of`."""

    item: str
    media_type: str
    leaving: str
    entries: int
    first: str
    last: str
    attention: int


def _row(facts: ItemFacts, attention: Mapping[str, int]) -> Row:
    events = facts.events
    return Row(
        facts.item.id,
        facts.media_type,
        leaving_of(facts.item),
        len(events),
        events[0].recorded_at,
        events[-1].recorded_at,
        len(attention),
    )


@dataclass(frozen=True)
class Chain:
    """An item whose chain is printed. ``checked`` is None when its receipt was not checked."""

    facts: ItemFacts
    attention: Mapping[str, int]
    checked: Report | None
    thumbnail: bytes | None


@dataclass
class Collected:
    """All that a report says, in no language.

    ``unmatched``: items of which a check does not match or could not be made.
    """

    subject: ReportSubject
    chosen: int = 0
    leaving: Counter[str] = field(default_factory=Counter)
    revealed: int = 0
    withheld: int = 0
    entries: int = 0
    attention: dict[str, Tally] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)
    fields: Counter[str] = field(default_factory=Counter)
    cosigners: set[str] = field(default_factory=set)
    authorities: set[str] = field(default_factory=set)
    keys: tuple[KeyInterval, ...] = ()
    log_key: str = ""
    fingerprint: str = ""
    chains: list[Chain] = field(default_factory=list)
    steps: dict[str, Counter[Outcome]] = field(default_factory=dict)
    checked: int = 0
    unmatched: set[str] = field(default_factory=set)


def collect(
    subject: ReportSubject, check: Check | None = None, thumbnail: Thumbnail | None = None
) -> Collected:
    """Gather everything; ``check`` is called for those items only whose chains are printed."""
    found = Collected(subject)
    urgent: list[str] = []
    for facts in facts_of(subject.items, subject.brackets):
        attention = attention_of(facts, subject)
        _count(found, facts, attention)
        if any(code in attention for code in _URGENT) and len(urgent) < MAX_CHAINS:
            urgent.append(facts.item.id)
    printed = 0
    for facts in _selected(subject, frozenset(urgent), found.chosen):
        printed += len(facts.events)
        if found.chains and printed > MAX_ENTRIES:
            break
        report = None if check is None else check(facts.item.receipt)
        attention = attention_of(facts, subject)
        if report is not None:
            _count_check(found, facts, attention, report)
        picture = None if thumbnail is None else thumbnail(facts.item)
        found.chains.append(Chain(facts, attention, report, picture))
    found.chains.sort(key=lambda chain: chain.facts.number)
    return found


def attention_of(facts: ItemFacts, subject: ReportSubject) -> dict[str, int]:
    """What needs attention in a chain, and how often; nothing else is in the result."""
    events = facts.events
    kinds = Counter(event.type for event in events)
    numbers = [event.item_seq for event in events]
    handed = kinds["transfer-offered"] - kinds["transfer-acknowledged"]
    held = facts.described.get("custody_before") if "custody_before" in facts.described else None
    found = {
        VOID: sum(event.void for event in events),
        TRANSFER: max(0, handed),
        SEQUENCE: sum(b != a + 1 for a, b in zip([-1, *numbers], numbers, strict=False)),
        EXPORT: sum(
            event.type == "exported" and event.position != subject.exported_index
            for event in events
        ),
        BEFORE: int(not held),
        FIXITY: int(not kinds["fixity-checked"]),
        TIME: sum(not event.bracket for event in events),
    }
    return {code: count for code, count in found.items() if count}


def leaving_of(item: BundleItem) -> str:
    """``original``, ``copy`` or ``receipt``: what leaves of an item."""
    if item.payload is None:
        return "receipt"
    return "original" if item.statement is None else "copy"


def _count(found: Collected, facts: ItemFacts, attention: Mapping[str, int]) -> None:
    item = facts.item
    if not found.chosen:
        zero = parse_entry0(item.receipt.events[0].leaf)
        found.fingerprint = zero.fingerprint.hex()
        found.keys = tuple(receipt_keys(item.receipt).intervals())
        found.log_key = zero.log_vkeys()[0]
    found.chosen += 1
    found.entries += len(facts.events)
    found.leaving[leaving_of(item)] += 1
    shown, hidden = count_fields([item.receipt])
    found.revealed += shown
    found.withheld += hidden
    if item.withheld is not None:
        found.reasons[item.withheld] += 1
    for event in facts.events:
        found.fields.update(event.withheld)
    for code, count in attention.items():
        found.attention.setdefault(code, Tally()).add(item.id, count)
    for state in item.receipt.states:
        names = {line.name for line in parse_note(state.note).signatures}
        found.cosigners |= names - {found.subject.origin}
        stamps = [state.tokens, *(renewal.tokens for renewal in state.renewals)]
        found.authorities |= {name for tokens in stamps for name, _ in tokens}
    if len(found.rows) < MAX_ROWS:
        found.rows.append(_row(facts, attention))


def _selected(subject: ReportSubject, urgent: frozenset[str], chosen: int) -> Iterator[ItemFacts]:
    """The items whose chains are printed: urgent ones first, then the others in order."""
    everything = chosen <= MAX_CHAINS
    if everything or urgent:
        for facts in facts_of(subject.items, subject.brackets):
            if everything or facts.item.id in urgent:
                yield facts
    left = 0 if everything else MAX_CHAINS - len(urgent)
    for facts in facts_of(subject.items, subject.brackets):
        if left <= 0:
            return
        if facts.item.id not in urgent:
            left -= 1
            yield facts


def _count_check(
    found: Collected, facts: ItemFacts, attention: dict[str, int], report: Report
) -> None:
    found.checked += 1
    bad = 0
    for step in report.steps:
        if step.code == "S-FILE":
            continue  # no file is given for a report; what leaves is compared elsewhere
        found.steps.setdefault(step.code, Counter())[step.outcome] += 1
        bad += step.outcome in (Outcome.DIFFERS, Outcome.UNCHECKED)
    if bad:
        attention[CHECK] = bad
        found.unmatched.add(facts.item.id)
        found.attention.setdefault(CHECK, Tally()).add(facts.item.id, bad)
