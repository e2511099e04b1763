"""Countersigned and time-stamped states: rules 9 and 10 of docs/format-receipt.md.

A state is an earlier checkpoint of the same log; a consistency proof ties it to the receipt's own.
An entry below its size stood in the log when the countersigners signed it, and before the time of
its stamps. What an ``anchored`` entry names existed before whoever had seen that entry signed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from evidence_vault.core.anchors import ANCHORED, parse_anchors
from evidence_vault.core.checkpoint import Checkpoint, OpenedCheckpoint, open_checkpoint
from evidence_vault.core.findings import Outcome
from evidence_vault.core.merkle import check_consistency
from evidence_vault.core.note import Note, VerifierKey, format_note, parse_note, parse_vkey
from evidence_vault.core.policy import Policy
from evidence_vault.core.proofclaim import ProofClaim, parse_claim
from evidence_vault.core.receipt import Receipt, ReceiptState
from evidence_vault.core.trust import TrustFile
from evidence_vault.errors import FormatError, ProofInvalid, VaultError
from evidence_vault.verify.checked import Checked, CheckedEvent, SeenToken, entry_name
from evidence_vault.verify.moments import Moment, utc
from evidence_vault.verify.renewals import RenewalCheck, check_renewals
from evidence_vault.verify.timestamps import TokenCheck

COUNTERSIGNED, TIME = 9, 10


@dataclass(slots=True)
class CheckedState:
    """A state whose note and place in the log were checked."""

    point: Checkpoint
    cosigners: tuple[VerifierKey, ...]
    times: tuple[int, ...]
    tokens: dict[str, SeenToken] = field(default_factory=dict)


class StateChecker:
    """Checks the states of receipts; what many receipts share is checked once."""

    def __init__(self, trust: TrustFile | None) -> None:
        self._trust = trust
        self._notes: dict[tuple[bytes, str], OpenedCheckpoint | VaultError] = {}
        self._stamps: dict[bytes, tuple[list[tuple[str, TokenCheck]], list[RenewalCheck]]] = {}

    def check(self, receipt: Receipt, result: Checked) -> None:
        """Apply rules 9 and 10; all is in the findings and in ``not_before`` / ``not_after``."""
        if result.zero is None or result.checkpoint is None:
            return
        result.ran |= {COUNTERSIGNED, TIME}
        states = [
            found
            for state in receipt.states
            if (found := self._state(state, receipt, result)) is not None
        ]
        last = self._own_checkpoint(receipt, result)
        _check_claim(receipt, result)
        policy = self._policy(receipt)
        _report_cosignatures(result, policy, [*states, *([last] if last else [])])
        _report_tokens(result, states)
        self._set_moments(receipt, result, states)

    def _policy(self, receipt: Receipt) -> Policy | None:
        known = self._trust.origin(receipt.origin) if self._trust else None
        return None if known is None else known.countersigning()

    def _open(self, note: bytes, result: Checked, keys: Iterable[VerifierKey]) -> OpenedCheckpoint:
        assert result.zero is not None
        place = (note, result.zero.origin)
        if place not in self._notes:
            try:
                self._notes[place] = open_checkpoint(note, result.zero.log_keys(), tuple(keys))
            except VaultError as error:
                self._notes[place] = error
        found = self._notes[place]
        if isinstance(found, VaultError):
            raise found
        return found

    def _state(self, state: ReceiptState, receipt: Receipt, result: Checked) -> CheckedState | None:
        """The state if it is one of this log, with a finding for each thing that is wrong."""
        name, policy = f"state {state.size}", self._policy(receipt)
        try:
            opened = self._open(state.note, result, policy.witness_keys if policy else ())
        except VaultError as error:
            result.differ(COUNTERSIGNED, "R-STATE", name, reason=error.message)
            return None
        point, newest = opened.checkpoint, result.checkpoint
        assert newest is not None
        if point.size != state.size:
            result.differ(COUNTERSIGNED, "R-STATE", name, reason=f"its size is {point.size}")
            return None
        if point.size == newest.size and point.root != newest.root:
            result.differ(COUNTERSIGNED, "R-LOG-FORK", name, size=point.size)
            return None
        try:
            check_consistency(point.size, point.root, newest.size, newest.root, state.consistency)
        except (ProofInvalid, FormatError) as error:
            result.differ(COUNTERSIGNED, "R-STATE-PROOF", name, reason=error.message)
            return None
        checked = CheckedState(
            point,
            tuple(v.key for v in opened.cosignatures),
            tuple(v.timestamp or 0 for v in opened.cosignatures),
        )
        self._add_tokens(state, opened, checked, result)
        return checked

    def _own_checkpoint(self, receipt: Receipt, result: Checked) -> CheckedState | None:
        """The receipt's checkpoint as a state: it may be countersigned itself."""
        policy = self._policy(receipt)
        if policy is None or any(
            r == 4 and f.outcome is not Outcome.INFORMATION for r, f in result.findings
        ):
            return None
        try:
            opened = self._open(receipt.note, result, policy.witness_keys)
        except VaultError as error:
            result.differ(COUNTERSIGNED, "R-STATE", "checkpoint", reason=error.message)
            return None
        return CheckedState(
            opened.checkpoint,
            tuple(v.key for v in opened.cosignatures),
            tuple(v.timestamp or 0 for v in opened.cosignatures),
        )

    def _add_tokens(
        self,
        state: ReceiptState,
        opened: OpenedCheckpoint,
        checked: CheckedState,
        result: Checked,
    ) -> None:
        if not state.tokens and not state.renewals:
            return
        stamped = stamped_bytes(opened)
        roots = self._trust.time_authorities if self._trust else ()
        key = hashlib.sha256(_joined([stamped, *_stamps(state)])).digest()
        if key not in self._stamps:
            self._stamps[key] = check_renewals(stamped, state.tokens, state.renewals, roots)
        tokens, renewals = self._stamps[key]
        for (authority, reply), (_, check) in zip(state.tokens, tokens, strict=True):
            seen = SeenToken(state.size, authority, check)
            checked.tokens[hashlib.sha256(reply).hexdigest()] = seen
            result.tokens.append(seen)
        for renewal in renewals:
            _report_renewal(result, state.size, renewal)

    # -- not before, not after -----------------------------------------------------------------

    def _set_moments(self, receipt: Receipt, result: Checked, states: list[CheckedState]) -> None:
        anchors = self._anchors(receipt, result, states)
        for item, event in zip(receipt.events, result.events, strict=False):
            event.not_after = _not_after(event, states)
            if not _has_seen(receipt, item.seen, event, result):
                continue
            seen = _own_size(event, receipt.origin)
            before = [moment for index, moment in anchors if index < seen]
            event.not_before = max(before, key=lambda m: m.time, default=None)

    def _anchors(
        self, receipt: Receipt, result: Checked, states: list[CheckedState]
    ) -> list[tuple[int, Moment]]:
        """(index, moment) of every anchored value whose time can be checked with what is here."""
        tokens = {digest: token for state in states for digest, token in state.tokens.items()}
        peers = {hashlib.sha256(note).hexdigest(): note for note in receipt.peers}
        found: list[tuple[int, Moment]] = []
        for event in result.events:
            if event.event.type != ANCHORED or event.opened.problem is not None:
                continue
            try:
                anchors = parse_anchors(event.event.clear)
            except FormatError as error:
                result.differ(TIME, "T-ANCHOR", entry_name(event.index), reason=error.message)
                continue
            for anchor in anchors:
                if anchor["kind"] == "beacon":
                    details = {name: str(anchor[name]) for name in ("name", "round", "value")}
                    result.inform(TIME, "T-BEACON", entry_name(event.index), **details)
                    continue
                token = tokens.get(anchor["sha256"])
                if token is not None and (moment := token.moment()) is not None:
                    found.append((event.index, moment))
                note = peers.get(anchor["sha256"])
                if note is not None:
                    moment = self._peer_moment(note, str(anchor["origin"]))
                    if moment is not None:
                        found.append((event.index, moment))
        return found

    def _peer_moment(self, note: bytes, origin: str) -> Moment | None:
        """When another log's checkpoint was countersigned last, by keys the trust file knows."""
        known = self._trust.origin(origin) if self._trust else None
        if known is None:
            return None
        keys = known.countersigning().witness_keys
        try:
            opened = open_checkpoint(note, [parse_vkey(text) for text in known.log_keys], keys)
        except VaultError:
            return None
        times = [(v.timestamp or 0, v.key.name) for v in opened.cosignatures]
        if not times:
            return None
        newest, name = max(times)
        return Moment(newest, "countersigner", name)


def stamped_bytes(opened: OpenedCheckpoint) -> bytes:
    """What a time stamp is made over: the note with the log's own signature lines alone."""
    own = {(v.key.name, v.key.key_id) for v in opened.log_signatures}
    lines = tuple(s for s in opened.note.signatures if (s.name, s.key_id) in own)
    return format_note(Note(opened.note.text, lines))


def _own_size(event: CheckedEvent, origin: str) -> int:
    return next((int(s["size"]) for s in event.event.seen if s["origin"] == origin), 0)


def _has_seen(
    receipt: Receipt, proof: tuple[bytes, ...] | None, event: CheckedEvent, result: Checked
) -> bool:
    """True when it is proved that the entry's signer had seen that head of this log."""
    head = next((s for s in event.event.seen if s["origin"] == receipt.origin), None)
    newest = result.checkpoint
    if proof is None or head is None or newest is None or event.opened.problem is not None:
        return False
    size, root = int(head["size"]), bytes.fromhex(head["root"])
    try:
        if not 0 < size <= min(event.index, newest.size):
            raise FormatError("it names a head that it can't have seen")
        check_consistency(size, root, newest.size, newest.root, proof)
    except (ProofInvalid, FormatError) as error:
        result.differ(TIME, "T-SEEN", entry_name(event.index), reason=error.message)
        return False
    return True


def _not_after(event: CheckedEvent, states: list[CheckedState]) -> Moment | None:
    """The earliest time at which the entry was shown to be in the log."""
    moments = [
        moment
        for state in states
        if state.point.size > event.index
        for token in state.tokens.values()
        if (moment := token.moment()) is not None
    ]
    return min(moments, key=lambda m: m.time, default=None)


# Rule 9: enough of the countersigners that the trust file names have signed.
def _report_cosignatures(
    result: Checked, policy: Policy | None, states: list[CheckedState]
) -> None:
    given = sum(len(state.cosigners) for state in states)
    if policy is None:
        return  # without a trust file nobody is known; the step *who* says so
    if policy.quorum is None:
        result.inform(COUNTERSIGNED, "R-COSIGN-NONE", "")
        return
    good = [state for state in states if policy.satisfied_by(state.cosigners)]
    covered = max((state.point.size for state in good), default=0)
    need, names = policy.counted()
    have = max((len(policy.met(s.cosigners) & set(names)) for s in states), default=0)
    if good:
        best = max(good, key=lambda s: s.point.size)
        who = ", ".join(sorted(policy.met(best.cosigners) & set(names)))
        result.match(COUNTERSIGNED, "R-COSIGN-OK", f"state {covered}", need=need, names=who)
    open_events = [e for e in result.events if e.index >= covered]
    for event in open_events:
        # The event of this very export can't be countersigned before it leaves.
        if event is result.events[-1] and event.event.type == "exported" and good:
            result.inform(COUNTERSIGNED, "R-COSIGN-EXIT", entry_name(event.index))
        else:
            result.unchecked(
                COUNTERSIGNED, "R-COSIGN-PENDING", entry_name(event.index), need=need, have=have
            )
    if given == 0 and not open_events:
        result.unchecked(COUNTERSIGNED, "R-COSIGN-PENDING", "checkpoint", need=need, have=0)


# Rule 10: each time stamp, by itself.
def _report_tokens(result: Checked, states: list[CheckedState]) -> None:
    for seen in result.tokens:
        name, token = seen.name, seen.check
        if token.outcome is Outcome.MATCHES:
            result.match(TIME, "T-TOKEN-OK", name, time=utc(token.gen_time or 0))
        elif token.outcome is Outcome.DIFFERS:
            result.differ(TIME, "T-TOKEN-WRONG", name, reason=token.reason)
        else:
            claimed = utc(token.gen_time) if token.gen_time else "none"
            result.unchecked(TIME, "T-TOKEN-UNCHECKED", name, reason=token.reason, claimed=claimed)
    if not result.tokens:
        result.inform(TIME, "T-NONE", "")


def _report_renewal(result: Checked, size: int, renewal: RenewalCheck) -> None:
    name = f"state {size}, renewal {renewal.number}"
    if renewal.outcome is Outcome.MATCHES:
        result.match(TIME, "T-RENEWAL-OK", name, time=utc(renewal.gen_time or 0))
    elif renewal.outcome is Outcome.DIFFERS:
        result.differ(TIME, "T-RENEWAL-WRONG", name, reason=renewal.reason)
    else:
        result.unchecked(TIME, "T-RENEWAL-UNCHECKED", name, reason=renewal.reason)


def _stamps(state: ReceiptState) -> Iterable[bytes]:
    """Every part of a state that a check of its stamps depends on."""
    groups = [(b"", state.tokens), *((r.manifest, r.tokens) for r in state.renewals)]
    for manifest, tokens in groups:
        yield manifest
        for name, reply in tokens:
            yield name.encode("ascii")
            yield reply


def _joined(parts: Iterable[bytes]) -> bytes:
    """Parts with their lengths, so that no two lists join to the same bytes."""
    return b"".join(len(part).to_bytes(8, "big") + part for part in parts)


# Rules 9 and 10: what the export said goes along is there.
def _check_claim(receipt: Receipt, result: Checked) -> None:
    last = result.events[-1] if result.events else None
    if last is None or last.event.type != "exported" or "proofs" not in last.values:
        return
    where = entry_name(last.index)
    try:
        claim = parse_claim(last.values["proofs"])
    except FormatError as error:
        result.differ(COUNTERSIGNED, "R-PROOF-CLAIM", where, reason=error.message)
        return
    for size, rule, what in missing_proofs(claim, receipt.states):
        result.differ(rule, "R-PROOF-REMOVED", where, state=size, what=what)


def missing_proofs(claim: ProofClaim, states: Iterable[ReceiptState]) -> list[tuple[int, int, str]]:
    """(size, rule, what) of each proof that a claim names and that is not there."""
    there = {state.size: state for state in states}
    missing: list[tuple[int, int, str]] = []
    for wanted in claim.states:
        state = there.get(wanted.size)
        if state is None:
            missing.append((wanted.size, COUNTERSIGNED, "the state itself"))
            continue
        try:
            lines = {line.key_id.hex() for line in parse_note(state.note).signatures}
        except VaultError:
            lines = set()
        tokens = {hashlib.sha256(reply).hexdigest() for _, reply in state.tokens}
        missing += [
            (wanted.size, COUNTERSIGNED, f"the cosignature by key {name}")
            for name in wanted.cosigners
            if name not in lines
        ]
        missing += [
            (wanted.size, TIME, f"the time stamp {digest}")
            for digest in wanted.tokens
            if digest not in tokens
        ]
    return missing
