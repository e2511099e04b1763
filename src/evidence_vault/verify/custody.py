"""Checks the custody entries of receipts: rules 1-6 and 8-10 of docs/format-receipt.md.

Many receipts of a bundle share entry 0, set entries and the checkpoint; a ``CustodyChecker``
remembers what it has checked, so that each signature is verified once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from evidence_vault.core.checkpoint import open_checkpoint, parse_checkpoint
from evidence_vault.core.disclosure import check_disclosures
from evidence_vault.core.entry0 import EntryZero, parse_entry0
from evidence_vault.core.event import FIELDS, Event, parse_entry
from evidence_vault.core.findings import Finding, Outcome
from evidence_vault.core.keystate import KeyInterval
from evidence_vault.core.members import check_opening
from evidence_vault.core.merkle import check_inclusion, leaf_hash
from evidence_vault.core.note import parse_note
from evidence_vault.core.receipt import VAULT_SUBJECT, Receipt, ReceiptEvent
from evidence_vault.core.shapes import is_decimal
from evidence_vault.core.trust import TrustFile
from evidence_vault.errors import FormatError, ProofInvalid, Unchecked, VaultError
from evidence_vault.verify.checked import (
    Checked,
    CheckedEvent,
    OpenedEntry,
    entry_name,
    rule_name,
)
from evidence_vault.verify.signers import check_who, contradicts, read_keys, signature_problem
from evidence_vault.verify.states import StateChecker

_FIELD_CODES = {
    "E-FIELD-TWICE": "R-FIELD-TWICE",
    "E-FIELD-UNKNOWN": "R-FIELD-UNKNOWN",
    "E-FIELD-CHANGED": "R-FIELD-CHANGED",
}


class CustodyChecker:
    """Checks receipts against their own log state and against a trust file."""

    def __init__(self, trust: TrustFile | None) -> None:
        self._trust = trust
        self._states = StateChecker(trust)
        self._zeros: dict[bytes, EntryZero | VaultError] = {}
        self._notes: dict[tuple[bytes, bytes], Finding | None] = {}
        self._shared: dict[tuple[bytes, tuple[KeyInterval, ...], bytes], OpenedEntry] = {}

    def check(self, receipt: Receipt) -> Checked:
        """Apply rules 1-6 and 8-10. Never raises for bad evidence; all is in the findings."""
        result = Checked()
        self._check_start(receipt, result)  # 1
        read_keys(receipt, result)  # 2
        self._check_entries(receipt, result)  # 2 and 6
        self._check_checkpoint(receipt, result)  # 4, which gives the root for
        _check_proofs(receipt, result)  # 3
        _check_history(receipt, result)  # 5
        _check_heads(result)
        if self._trust is not None:
            check_who(receipt, result, self._trust)  # 8
        self._states.check(receipt, result)  # 9 and 10
        return result

    # Rule 1: ascending order; entry 0 names keys and is signed by its root key.
    def _check_start(self, receipt: Receipt, result: Checked) -> None:
        result.ran.add(1)
        indexes = [e.index for e in receipt.events]
        if indexes != sorted(set(indexes)):
            result.differ(1, "R-ORDER", receipt.origin)
        first = receipt.events[0]
        if first.index != 0:
            result.differ(1, "R-ENTRY-ZERO", entry_name(first.index), reason="entry 0 is missing")
            return
        zero = self._zero(first.leaf)
        if isinstance(zero, VaultError):
            result.differ(1, "R-ENTRY-ZERO", entry_name(0), reason=zero.message)
        elif zero.origin != receipt.origin:
            result.differ(1, "R-ORIGIN", entry_name(0), expected=receipt.origin, found=zero.origin)
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
                opened = self._open(item, result)
            except FormatError as error:
                result.differ(2, "R-ENTRY", entry_name(item.index), reason=error.message)
                continue
            event = opened.entry.event
            if opened.problem is not None:
                result.findings.append((2, opened.problem))
            if event.origin != receipt.origin:
                result.differ(
                    2,
                    "R-ORIGIN",
                    entry_name(item.index),
                    expected=receipt.origin,
                    found=event.origin,
                )
            if event.type not in FIELDS:
                result.inform(2, "R-TYPE-UNKNOWN", entry_name(item.index), type=event.type)
            values = _check_fields(item, event, result)
            withheld = sum(c is not None for c in event.commitments.values()) - len(values)
            seq, prev = event.item_seq, event.prev
            result.events.append(CheckedEvent(item.index, opened, seq, prev, values, withheld))

    def _open(self, item: ReceiptEvent, result: Checked) -> OpenedEntry:
        """Open a leaf and check its signature; raises FormatError for what is no entry."""
        zero, keys = result.zero, result.keys
        # Log and keys are part of the key: what one entry 0 vouches for, another does not.
        intervals = keys.intervals() if keys else ()
        key = (zero.fingerprint if zero else b"", intervals, item.leaf)
        if key in self._shared:
            return self._shared[key]
        entry = parse_entry(item.leaf)
        opened = OpenedEntry(entry, leaf_hash(item.leaf), None)
        if keys is None:
            return opened
        opened.problem = signature_problem(keys, item.index, entry)
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


def _check_heads(result: Checked) -> None:
    """A head that a signer saw must not contradict the checkpoint."""
    c = result.checkpoint
    if c is None:
        return
    for checked in result.events:
        signed = checked.opened.problem is None and result.zero is not None
        if signed and contradicts(checked.event, c.origin, c.size, c.root):
            result.differ(3, "R-LOG-FORK", entry_name(checked.index), size=c.size)


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
    return Finding(code, outcome, receipt.origin, {"reason": reason}, rule_name(4))


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
            result.differ(3, "R-PROOF", entry_name(item.index), reason=error.message)


# Rule 5: one item's history without a gap, each event naming the one before.
def _check_history(receipt: Receipt, result: Checked) -> None:
    if len(result.events) != len(receipt.events):
        return  # rule 2 already says which entry can't be read
    result.ran.add(5)
    closing = result.events[-1].event.recorded_at
    if receipt.made != closing:
        result.differ(5, "R-MADE", receipt.origin, expected=closing, found=receipt.made)
    _open_members(receipt, result)
    if receipt.subject == VAULT_SUBJECT:
        return
    before: CheckedEvent | None = None
    for expected, checked in enumerate(_about(receipt, result)):
        entry = entry_name(checked.index)
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
                result.differ(5, "R-MEMBER", entry_name(item.index), reason="no opening is shown")
            continue
        if subject["kind"] != "set":
            result.differ(5, "R-MEMBER", entry_name(item.index), reason="its subject is not a set")
            continue
        try:
            check_opening(item.opening, bytes.fromhex(subject["root"]))
        except VaultError as error:
            result.differ(5, "R-MEMBER", entry_name(item.index), reason=error.message)
            continue
        checked.item_seq = item.opening.member.item_seq
        checked.prev = item.opening.member.prev


def _about(receipt: Receipt, result: Checked) -> Iterator[CheckedEvent]:
    """The item's events; one about something else than the item or the vault is a finding."""
    _, home, identifier = receipt.subject
    for item, checked in zip(receipt.events[1:], result.events[1:], strict=True):
        subject = checked.event.subject
        if checked.opened.beside and item.opening is None:
            continue
        if item.opening is not None:
            about = (item.opening.member.home, item.opening.member.id)
        else:
            about = (str(subject.get("home")), str(subject.get("id")))
        if subject["kind"] not in ("item", "set") or about != (home, identifier):
            result.differ(5, "R-SUBJECT", entry_name(checked.index), expected=identifier)
        yield checked


# Rule 6: revealed values are those the entry commits to.
def _check_fields(item: ReceiptEvent, event: Event, result: Checked) -> dict[str, Any]:
    try:
        values = check_disclosures(event.commitments, item.reveals)
    except VaultError as error:
        code = _FIELD_CODES[error.code]
        result.differ(6, code, entry_name(item.index), reason=error.message)
        return {}
    size = values.get("content_size", "0")
    if not is_decimal(size):
        result.differ(6, "R-SIZE-TEXT", entry_name(item.index), found=str(size)[:40])
    return values
