"""Checks the custody entries of receipts: rules 1-6 and 8 of docs/format-receipt.md.

Many receipts of a bundle share entry 0, set entries and the checkpoint; a ``CustodyChecker``
remembers what it has checked, so that each signature is verified once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from evidence_vault.core.checkpoint import Checkpoint, open_checkpoint, parse_checkpoint
from evidence_vault.core.disclosure import check_disclosures
from evidence_vault.core.entry0 import EntryZero, parse_entry0
from evidence_vault.core.event import FIELDS, Entry, Event, pae, parse_entry
from evidence_vault.core.findings import Finding, Outcome
from evidence_vault.core.keys import fingerprint_words, verify_ed25519
from evidence_vault.core.members import check_opening
from evidence_vault.core.merkle import check_inclusion, leaf_hash
from evidence_vault.core.note import parse_note
from evidence_vault.core.receipt import VAULT_SUBJECT, Receipt, ReceiptEvent
from evidence_vault.core.shapes import is_decimal
from evidence_vault.core.trust import TrustFile, TrustOrigin
from evidence_vault.errors import FormatError, ProofInvalid, Unchecked, VaultError

_FIELD_CODES = {
    "E-FIELD-TWICE": "R-FIELD-TWICE",
    "E-FIELD-UNKNOWN": "R-FIELD-UNKNOWN",
    "E-FIELD-CHANGED": "R-FIELD-CHANGED",
}


@dataclass(slots=True)
class OpenedEntry:
    """A leaf that was opened: the entry, its leaf hash, and whose signature holds or why not."""

    entry: Entry
    leaf: bytes
    problem: Finding | None


@dataclass(slots=True)
class CheckedEvent:
    """An event of a receipt after rules 2 and 6."""

    index: int
    opened: OpenedEntry
    item_seq: int | None
    prev: str | None
    values: dict[str, Any]
    withheld: int

    @property
    def event(self) -> Event:
        return self.opened.entry.event

    def to_json(self) -> dict[str, Any]:
        """What a report says of the event."""
        event = self.event
        return {
            "index": self.index,
            "item_seq": self.item_seq,
            "leaf": self.opened.leaf.hex(),
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
    checkpoint: Checkpoint | None = None
    events: list[CheckedEvent] = field(default_factory=list)

    def differ(self, rule: int, code: str, subject: str, **details: str | int) -> None:
        self.findings.append((rule, Finding(code, Outcome.DIFFERS, subject, details, _rule(rule))))

    def unchecked(self, rule: int, code: str, subject: str, **details: str | int) -> None:
        finding = Finding(code, Outcome.UNCHECKED, subject, details, _rule(rule))
        self.findings.append((rule, finding))

    def inform(self, rule: int, code: str, subject: str, **details: str | int) -> None:
        finding = Finding(code, Outcome.INFORMATION, subject, details, _rule(rule))
        self.findings.append((rule, finding))

    def last_seq(self) -> int | None:
        """The item_seq of the last event, None for a receipt about the vault."""
        return self.events[-1].item_seq if self.events else None

    def ingested(self) -> list[CheckedEvent]:
        """The events that state the digests of the original: exactly one in a good receipt."""
        return [e for e in self.events if e.event.type == "ingested"]


class CustodyChecker:
    """Checks receipts against their own log state and against a trust file."""

    def __init__(self, trust: TrustFile | None) -> None:
        self._trust = trust
        self._zeros: dict[bytes, EntryZero | VaultError] = {}
        self._notes: dict[tuple[bytes, bytes], Finding | None] = {}
        self._shared: dict[tuple[bytes, bytes], OpenedEntry] = {}

    def check(self, receipt: Receipt) -> Checked:
        """Apply rules 1-6 and 8. Never raises for bad evidence; all is in the findings."""
        result = Checked()
        self._check_start(receipt, result)  # 1
        self._check_entries(receipt, result)  # 2 and 6
        self._check_checkpoint(receipt, result)  # 4, which gives the root for
        _check_proofs(receipt, result)  # 3
        _check_history(receipt, result)  # 5
        _check_heads(result)
        if self._trust is not None:
            self._check_who(receipt, result, self._trust)  # 8
        return result

    # Rule 1: ascending order; entry 0 names keys and is signed by its root key.
    def _check_start(self, receipt: Receipt, result: Checked) -> None:
        result.ran.add(1)
        indexes = [e.index for e in receipt.events]
        if indexes != sorted(set(indexes)):
            result.differ(1, "R-ORDER", receipt.origin)
        first = receipt.events[0]
        if first.index != 0:
            result.differ(1, "R-ENTRY-ZERO", _entry(first.index), reason="entry 0 is missing")
            return
        zero = self._zero(first.leaf)
        if isinstance(zero, VaultError):
            result.differ(1, "R-ENTRY-ZERO", _entry(0), reason=zero.message)
        elif zero.origin != receipt.origin:
            result.differ(1, "R-ORIGIN", _entry(0), expected=receipt.origin, found=zero.origin)
        else:
            result.zero = zero

    def _zero(self, leaf: bytes) -> EntryZero | VaultError:
        if leaf not in self._zeros:
            try:
                self._zeros[leaf] = parse_entry0(leaf)
            except VaultError as error:
                self._zeros[leaf] = error
        return self._zeros[leaf]

    # Rule 2: every leaf is a signed entry of this origin. Rule 6: its revealed fields.
    def _check_entries(self, receipt: Receipt, result: Checked) -> None:
        result.ran.add(6)
        if result.zero is not None:
            result.ran.add(2)
        for item in receipt.events:
            try:
                opened = self._open(item, result.zero)
            except FormatError as error:
                result.differ(2, "R-ENTRY", _entry(item.index), reason=error.message)
                continue
            event = opened.entry.event
            if opened.problem is not None:
                result.findings.append((2, opened.problem))
            if event.origin != receipt.origin:
                result.differ(
                    2, "R-ORIGIN", _entry(item.index), expected=receipt.origin, found=event.origin
                )
            if event.type not in FIELDS:
                result.inform(2, "R-TYPE-UNKNOWN", _entry(item.index), type=event.type)
            values = _check_fields(item, event, result)
            withheld = sum(c is not None for c in event.commitments.values()) - len(values)
            seq, prev = event.item_seq, event.prev
            result.events.append(CheckedEvent(item.index, opened, seq, prev, values, withheld))

    def _open(self, item: ReceiptEvent, zero: EntryZero | None) -> OpenedEntry:
        """Open a leaf and check its signature; raises FormatError for what is no entry."""
        # The log is part of the key: what one entry 0 vouches for, another does not.
        key = (zero.fingerprint if zero else b"", item.leaf)
        if key in self._shared:
            return self._shared[key]
        entry = parse_entry(item.leaf)
        opened = OpenedEntry(entry, leaf_hash(item.leaf), None)
        if zero is None:
            return opened
        role = "root" if opened.leaf == zero.fingerprint else "events"
        public = zero.with_role(role).get(entry.keyid)
        if public is None:
            opened.problem = Finding(
                "R-SIGNER", Outcome.DIFFERS, _entry(item.index), {"keyid": entry.keyid}, _rule(2)
            )
        else:
            try:
                verify_ed25519(public, entry.signature, pae(entry.payload))
            except VaultError:
                opened.problem = Finding(
                    "R-SIGNATURE",
                    Outcome.DIFFERS,
                    _entry(item.index),
                    {"keyid": entry.keyid},
                    _rule(2),
                )
        if entry.event.subject["kind"] != "item":  # those of items stand in one receipt only
            self._shared[key] = opened
        return opened

    # Rule 4: the checkpoint, signed by each log key that entry 0 names.
    def _check_checkpoint(self, receipt: Receipt, result: Checked) -> None:
        try:
            note = parse_note(receipt.note)
            result.checkpoint = parse_checkpoint(note.text)
        except VaultError as error:
            result.ran.add(4)
            result.differ(4, "R-CHECKPOINT", receipt.origin, reason=error.message)
            return
        if result.zero is None:
            return
        result.ran.add(4)
        key = (receipt.note, result.zero.fingerprint)
        if key not in self._notes:
            self._notes[key] = _note_problem(receipt, result.zero)
        problem = self._notes[key]
        if problem is not None:
            result.findings.append((4, problem))
        others = len(note.signatures) - 2
        if problem is None and others > 0:
            result.inform(4, "R-OTHER-SIGNATURES", receipt.origin, count=others)

    # Rule 8: fingerprint, keys and log state as the trust file has them.
    def _check_who(self, receipt: Receipt, result: Checked, trust: TrustFile) -> None:
        zero = result.zero
        if zero is None:
            return
        result.ran.add(8)
        known = trust.origin(receipt.origin)
        if known is None:
            names = ", ".join(o.origin for o in trust.origins)
            result.differ(8, "W-ORIGIN-UNKNOWN", receipt.origin, known=names)
            return
        if zero.fingerprint != known.fingerprint:
            result.differ(
                8,
                "W-FINGERPRINT",
                receipt.origin,
                expected=known.fingerprint.hex(),
                found=zero.fingerprint.hex(),
                expected_words=" ".join(fingerprint_words(known.fingerprint)),
                found_words=" ".join(fingerprint_words(zero.fingerprint)),
            )
            return
        if zero.log_vkeys() != known.log_keys:
            result.differ(8, "W-LOG-KEYS", receipt.origin)
        _check_state(result, known)
        for checked in result.events:
            role = "root" if checked.index == 0 else "events"
            check_signer(result, known, role, checked.event.signer, checked.index)


def check_signer(result: Checked, known: TrustOrigin, role: str, signer: str, index: int) -> None:
    """A key of that role, in force at that log position, as far as the trust file knows."""
    keys = [k for k in known.keys if k.role == role and k.keyid == signer]
    if keys and not any(k.covers(index) for k in keys):
        result.differ(8, "W-KEY-INTERVAL", _entry(index), keyid=signer)
    elif index >= known.size:
        result.unchecked(8, "W-BEYOND-TRUST", _entry(index), size=known.size)
    elif not keys:
        result.differ(8, "W-SIGNER-UNKNOWN", _entry(index), keyid=signer)


def _check_state(result: Checked, known: TrustOrigin) -> None:
    """The log states of receipt and trust file: equal sizes must have equal roots."""
    checkpoint = result.checkpoint
    for checked in result.events:
        signed = checked.opened.problem is None
        if signed and _contradicts(checked.event, known.origin, known.size, known.root):
            result.differ(8, "W-LOG-FORK", _entry(checked.index), size=known.size)
    if checkpoint is None or 4 not in result.ran:
        return
    if checkpoint.size != known.size:
        result.inform(8, "W-NOT-COMPARED", known.origin, size=checkpoint.size, known=known.size)
    elif checkpoint.root != known.root and not any(
        rule == 4 and f.outcome is Outcome.DIFFERS for rule, f in result.findings
    ):
        # Two signed roots for one size: the log showed two histories.
        result.differ(8, "W-LOG-FORK", known.origin, size=known.size)


def _check_heads(result: Checked) -> None:
    """A head that a signer saw must not contradict the checkpoint."""
    c = result.checkpoint
    if c is None:
        return
    for checked in result.events:
        signed = checked.opened.problem is None and result.zero is not None
        if signed and _contradicts(checked.event, c.origin, c.size, c.root):
            result.differ(3, "R-LOG-FORK", _entry(checked.index), size=c.size)


def _contradicts(event: Event, origin: str, size: int, root: bytes) -> bool:
    """True when the event names another root for the same size of the same log."""
    return any(
        s["origin"] == origin and s["size"] == size and s["root"] != root.hex() for s in event.seen
    )


def _note_problem(receipt: Receipt, zero: EntryZero) -> Finding | None:
    """Why the checkpoint's signatures don't hold, or None."""
    outcome, code = Outcome.DIFFERS, "R-CHECKPOINT"
    try:
        open_checkpoint(receipt.note, zero.log_keys())
        return None
    except Unchecked as error:
        outcome, code, reason = Outcome.UNCHECKED, "R-CHECKPOINT-UNCHECKED", error.message
    except VaultError as error:
        reason = error.message
        if error.code == "E-CHECKPOINT-DOWNGRADE":
            code = "R-CHECKPOINT-DOWNGRADE"
    return Finding(code, outcome, receipt.origin, {"reason": reason}, _rule(4))


# Rule 3: each path leads from its leaf, at its index, to the root of the checkpoint.
def _check_proofs(receipt: Receipt, result: Checked) -> None:
    checkpoint = result.checkpoint
    if checkpoint is None:
        return
    result.ran.add(3)
    for item in receipt.events:
        try:
            check_inclusion(
                leaf_hash(item.leaf),
                item.index,
                checkpoint.size,
                root=checkpoint.root,
                proof=item.path,
            )
        except ProofInvalid as error:
            result.differ(3, "R-PROOF", _entry(item.index), reason=error.message)


# Rule 5: one item's history without a gap, each event naming the one before.
def _check_history(receipt: Receipt, result: Checked) -> None:
    if len(result.events) != len(receipt.events):
        return  # rule 2 already says which entry can't be read
    result.ran.add(5)
    _open_members(receipt, result)
    if receipt.subject == VAULT_SUBJECT:
        return
    before: CheckedEvent | None = None
    for expected, checked in enumerate(_about(receipt, result)):
        entry = _entry(checked.index)
        if checked.item_seq != expected:
            found = "none" if checked.item_seq is None else checked.item_seq
            result.differ(5, "R-SEQUENCE", entry, expected=expected, found=found)
            return
        leaf = before.opened.leaf.hex() if before else None
        if checked.prev != leaf:
            result.differ(5, "R-PREV", entry, expected=leaf or "none", found=checked.prev or "none")
            return
        before = checked
    if before is None:
        result.differ(5, "R-NO-EVENTS", receipt.subject[2])
    elif len(result.ingested()) > 1:
        result.differ(5, "R-SECOND-INGEST", receipt.subject[2])


def _open_members(receipt: Receipt, result: Checked) -> None:
    """Place in the item's history of each set event, from its opening."""
    for item, checked in zip(receipt.events, result.events, strict=True):
        subject = checked.event.subject
        needed = subject["kind"] == "set" and receipt.subject != VAULT_SUBJECT
        if item.opening is None:
            if needed:
                result.differ(5, "R-MEMBER", _entry(item.index), reason="no opening is shown")
            continue
        if subject["kind"] != "set":
            result.differ(5, "R-MEMBER", _entry(item.index), reason="its subject is not a set")
            continue
        try:
            check_opening(item.opening, bytes.fromhex(subject["root"]))
        except VaultError as error:
            result.differ(5, "R-MEMBER", _entry(item.index), reason=error.message)
            continue
        checked.item_seq = item.opening.member.item_seq
        checked.prev = item.opening.member.prev


def _about(receipt: Receipt, result: Checked) -> Iterator[CheckedEvent]:
    """The events after entry 0; one about something else is a finding."""
    _, home, identifier = receipt.subject
    for item, checked in zip(receipt.events[1:], result.events[1:], strict=True):
        subject = checked.event.subject
        if item.opening is not None:
            about = (item.opening.member.home, item.opening.member.id)
        else:
            about = (str(subject.get("home")), str(subject.get("id")))
        if subject["kind"] not in ("item", "set") or about != (home, identifier):
            result.differ(5, "R-SUBJECT", _entry(checked.index), expected=identifier)
        yield checked


# Rule 6: revealed values are those the entry commits to.
def _check_fields(item: ReceiptEvent, event: Event, result: Checked) -> dict[str, Any]:
    try:
        values = check_disclosures(event.commitments, item.reveals)
    except VaultError as error:
        code = _FIELD_CODES[error.code]
        result.differ(6, code, _entry(item.index), reason=error.message)
        return {}
    size = values.get("content_size", "0")
    if not is_decimal(size):
        result.differ(6, "R-SIZE-TEXT", _entry(item.index), found=str(size)[:40])
    return values


def _entry(index: int) -> str:
    return f"entry {index}"


def _rule(number: int) -> str:
    return f"docs/format-receipt.md rule {number}"
