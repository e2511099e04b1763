"""Which keys of this vault count: the log's own key events, and what the keyring holds of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from evidence_vault.core.entry0 import EntryZero
from evidence_vault.core.event import parse_entry
from evidence_vault.core.keystate import CHANGING_ROLES, KEY_EVENTS, KeyState, read_key_events
from evidence_vault.errors import KeyProblem, SignatureInvalid, UsageError
from evidence_vault.seal.keyring import Ed25519Signer
from evidence_vault.seal.recovery import read_recovery
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.records import committed_at


def key_state(vault: Vault, log: int | None = None, size: int | None = None) -> KeyState:
    """The keys of one log (None: the current one) as its entries state them.

    ``size``: as the first so many entries state them; None means all that the catalogue knows.
    Cost: one indexed look-up and one entry read per key event; nothing while the log did not
    grow.
    """
    number = vault.config.log if log is None else log
    known = vault.catalogue.frontier(number).size
    if size is None or size >= known:
        cached = vault.key_states.get(number)
        if cached is None or cached[0] != known:
            cached = vault.key_states[number] = (known, _read(vault, number, known))
        return cached[1]
    return _read(vault, number, size)


def _read(vault: Vault, number: int, size: int) -> KeyState:
    current = number == vault.config.log
    zero = vault.entry_zero(vault.log if current else vault.log_number(number))
    events = (
        (index, parse_entry(committed_at(vault, index, number).entry))
        for index in vault.catalogue.indexes_of(KEY_EVENTS, number)
        if index < size
    )
    return read_key_events(zero, events)


def signer_for(vault: Vault, role: str, index: int | None = None) -> Ed25519Signer:
    """The keyring's key that counts in a role at a log position (None: now, for what follows).

    Raises KeyProblem: E-KEY-REVOKED when each key of that role that the keyring holds was
    revoked, E-KEY-FOREIGN when the log names none of them.
    """
    state = key_state(vault)
    position = vault.catalogue.frontier().size if index is None else index
    revoked = False
    for signer in reversed(vault.keyring.signers(role)):
        try:
            state.key_of(role, signer.keyid, position)
            return signer
        except SignatureInvalid as error:
            revoked = revoked or error.code == "E-KEY-INTERVAL"
    if revoked:
        raise KeyProblem(
            f"the {role} key of this keyring was revoked",
            code="E-KEY-REVOKED",
            hint=f"run the command again if another process has just rotated it; else enrol a "
            f"new one: `evidence-vault key rotate --role {role} --recovery FILE`",
        )
    raise KeyProblem(
        f"the log names no {role} key that this keyring holds",
        code="E-KEY-FOREIGN",
        hint="put the keyring of this log back, or see `evidence-vault log succeed`",
    )


def unusable_keys(vault: Vault) -> list[str]:
    """What is said of roles whose every key in this keyring was revoked: it can't sign."""
    said = []
    for role in CHANGING_ROLES:
        try:
            signer_for(vault, role)
        except KeyProblem as error:
            if error.code == "E-KEY-REVOKED":
                said.append(error.message)
    return said


def names_keys(vault: Vault) -> bool:
    """True when the log names, in each role, a key that this keyring holds, revoked or not."""
    held = {role: [s.keyid for s in vault.keyring.signers(role)] for role in CHANGING_ROLES}
    named = {(k.role, k.keyid) for k in key_state(vault).intervals()}
    return all(any((role, name) in named for name in names) for role, names in held.items())


def root_signer(zero: EntryZero, recovery: Path, passphrase: Callable[[], str]) -> Ed25519Signer:
    """The root key from a recovery file; it is used once and kept nowhere.

    ``passphrase`` is asked for only if the file is sealed with one. Raises UsageError for a file
    that can't be read, FormatError for another kind, KeyProblem for one of another vault.
    """
    try:
        rescue = read_recovery(recovery.read_bytes(), passphrase)
    except OSError as error:
        raise UsageError(f"{recovery} can't be read: {error.strerror}") from error
    root = Ed25519Signer(rescue.root_seed)
    if root.keyid not in zero.with_role("root"):
        raise KeyProblem(
            "this recovery file belongs to another vault",
            code="E-RECOVERY-FOREIGN",
            hint="look for the file that names the log " + zero.origin,
        )
    return root
