"""What is known of a receipt and its entries while it is being checked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from evidence_vault.core.checkpoint import Checkpoint
from evidence_vault.core.entry0 import EntryZero
from evidence_vault.core.event import ARRIVALS, Entry, Event, stands_beside
from evidence_vault.core.findings import Finding, Outcome
from evidence_vault.core.keystate import KeyState
from evidence_vault.verify.moments import Moment, gap_seconds
from evidence_vault.verify.timestamps import TokenCheck


@dataclass(slots=True)
class OpenedEntry:
    """A leaf that was opened: the entry, its leaf hash, and whose signature holds or why not."""

    entry: Entry
    leaf: bytes
    problem: Finding | None

    @property
    def beside(self) -> bool:
        """True for an event about the archive that is no part of an item's history."""
        return stands_beside(self.entry.event.type, self.entry.event.subject)


@dataclass(frozen=True, slots=True)
class SeenToken:
    """A time stamp over the state of a size, by the authority's name, and what came of it."""

    size: int
    authority: str
    check: TokenCheck

    @property
    def name(self) -> str:
        return f"state {self.size}, {self.authority}"

    def moment(self) -> Moment | None:
        """The stated time, if it is proved."""
        if self.check.outcome is not Outcome.MATCHES or self.check.gen_time is None:
            return None
        return Moment(self.check.gen_time, "token", self.authority)


@dataclass(slots=True)
class CheckedEvent:
    """An event of a receipt after rules 2 and 6."""

    index: int
    opened: OpenedEntry
    item_seq: int | None
    prev: str | None
    values: dict[str, Any]
    withheld: int
    not_before: Moment | None = None
    not_after: Moment | None = None

    @property
    def event(self) -> Event:
        return self.opened.entry.event

    def to_json(self) -> dict[str, Any]:
        """What a report says of the event."""
        event = self.event
        return {
            "gap_seconds": gap_seconds(self.not_before, self.not_after),
            "index": self.index,
            "item_seq": self.item_seq,
            "leaf": self.opened.leaf.hex(),
            "not_after": None if self.not_after is None else self.not_after.to_json(),
            "not_before": None if self.not_before is None else self.not_before.to_json(),
            "recorded_at": event.recorded_at,
            "revealed": self.values,
            "signer": event.signer,
            "tool": event.tool,
            "type": event.type,
            "withheld": self.withheld,
        }


@dataclass(slots=True)
class Checked:
    """What is known after checking one receipt.

    ``findings`` are (rule, finding); ``ran`` are the rules that could be applied at all. A rule
    in ``ran`` without a finding that is wrong or unchecked holds.
    """

    findings: list[tuple[int, Finding]] = field(default_factory=list)
    ran: set[int] = field(default_factory=set)
    zero: EntryZero | None = None
    keys: KeyState | None = None
    checkpoint: Checkpoint | None = None
    events: list[CheckedEvent] = field(default_factory=list)
    tokens: list[SeenToken] = field(default_factory=list)

    def differ(self, rule: int, code: str, subject: str, **details: str | int) -> None:
        self.findings.append(
            (rule, Finding(code, Outcome.DIFFERS, subject, details, rule_name(rule)))
        )

    def match(self, rule: int, code: str, subject: str, **details: str | int) -> None:
        self.findings.append((rule, Finding(code, Outcome.MATCHES, subject, details)))

    def unchecked(self, rule: int, code: str, subject: str, **details: str | int) -> None:
        finding = Finding(code, Outcome.UNCHECKED, subject, details, rule_name(rule))
        self.findings.append((rule, finding))

    def inform(self, rule: int, code: str, subject: str, **details: str | int) -> None:
        finding = Finding(code, Outcome.INFORMATION, subject, details, rule_name(rule))
        self.findings.append((rule, finding))

    def last_seq(self) -> int | None:
        """The item_seq of the item's last event, None for a receipt about the vault."""
        own = [e for e in self.events if not e.opened.beside]
        return own[-1].item_seq if own else None

    def ingested(self) -> list[CheckedEvent]:
        """The events by which the item came into the log: exactly one in a good receipt."""
        return [e for e in self.events if e.event.type in ARRIVALS]

    def with_content(self) -> list[CheckedEvent]:
        """The events that state the digests of bytes: the arrival, then the derivatives."""
        return self.ingested() + [e for e in self.events if e.event.type == "derived"]


def entry_name(index: int) -> str:
    return f"entry {index}"


def rule_name(number: int) -> str:
    return f"docs/format-receipt.md rule {number}"
