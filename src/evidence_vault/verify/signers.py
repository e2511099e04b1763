"""Whose signatures count: rules 2 and 8 of docs/format-receipt.md."""

from __future__ import annotations

from evidence_vault.core.event import Entry, Event, pae, parse_entry
from evidence_vault.core.findings import Finding, Outcome
from evidence_vault.core.keys import fingerprint_words, verify_ed25519
from evidence_vault.core.keystate import KEY_EVENTS, KeyState, role_for
from evidence_vault.core.receipt import Receipt
from evidence_vault.core.trust import TrustFile, TrustOrigin
from evidence_vault.errors import FormatError, VaultError
from evidence_vault.verify.checked import Checked, entry_name, rule_name


# Rule 2: which keys were in force when, by the key events that the receipt holds.
def read_keys(receipt: Receipt, result: Checked) -> None:
    if result.zero is None:
        return
    keys = result.keys = KeyState(result.zero)
    for item in receipt.events:
        try:
            entry = parse_entry(item.leaf)
        except FormatError:
            continue  # said when the entries are checked
        if entry.event.type not in KEY_EVENTS or item.index == 0:
            continue
        if signature_problem(keys, item.index, entry) is not None:
            continue  # said there, too; it changes no key
        try:
            keys.apply(item.index, entry.event)
        except VaultError as error:
            result.differ(2, "R-KEY-EVENT", entry_name(item.index), reason=error.message)


def signature_problem(keys: KeyState, index: int, entry: Entry) -> Finding | None:
    """What is wrong with who signed an entry at that position, or None."""
    code = "R-SIGNATURE"
    try:
        role = role_for(entry.event.type, index)
        verify_ed25519(keys.key_of(role, entry.keyid, index), entry.signature, pae(entry.payload))
    except VaultError as error:
        code = {"E-SIGNER": "R-SIGNER", "E-KEY-INTERVAL": "R-KEY-INTERVAL"}.get(error.code, code)
        details = {"keyid": entry.keyid}
        return Finding(code, Outcome.DIFFERS, entry_name(index), details, rule_name(2))
    return None


# Rule 8: fingerprint, keys and log state as the trust file has them.
def check_who(receipt: Receipt, result: Checked, trust: TrustFile) -> None:
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
        role = role_for(checked.event.type, checked.index)
        check_signer(result, known, role, checked.event.signer, checked.index)


def check_signer(result: Checked, known: TrustOrigin, role: str, signer: str, index: int) -> None:
    """A key of that role, in force at that log position, as far as the trust file knows."""
    keys = [k for k in known.keys if k.role == role and k.keyid == signer]
    if keys and not any(k.covers(index) for k in keys):
        result.differ(8, "W-KEY-INTERVAL", entry_name(index), keyid=signer)
    elif index >= known.size:
        result.unchecked(8, "W-BEYOND-TRUST", entry_name(index), size=known.size)
    elif not keys:
        result.differ(8, "W-SIGNER-UNKNOWN", entry_name(index), keyid=signer)


def _check_state(result: Checked, known: TrustOrigin) -> None:
    """The log states of receipt and trust file: equal sizes must have equal roots."""
    checkpoint = result.checkpoint
    for checked in result.events:
        signed = checked.opened.problem is None
        if signed and contradicts(checked.event, known.origin, known.size, known.root):
            result.differ(8, "W-LOG-FORK", entry_name(checked.index), size=known.size)
    if checkpoint is None or 4 not in result.ran:
        return
    if checkpoint.size != known.size:
        result.inform(8, "W-NOT-COMPARED", known.origin, size=checkpoint.size, known=known.size)
    elif checkpoint.root != known.root and not any(
        rule == 4 and f.outcome is Outcome.DIFFERS for rule, f in result.findings
    ):
        # Two signed roots for one size: the log showed two histories.
        result.differ(8, "W-LOG-FORK", known.origin, size=known.size)


def contradicts(event: Event, origin: str, size: int, root: bytes) -> bool:
    """True when the event names another root for the same size of the same log."""
    return any(
        s["origin"] == origin and s["size"] == size and s["root"] != root.hex() for s in event.seen
    )
