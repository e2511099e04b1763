"""key list, enrol, rotate, revoke: which keys count from which entry of the log on.

Each change is an entry that the root key signs. The root key comes out of the recovery file for
that one moment; no machine that works with the vault holds it (docs/keys.md).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evidence_vault.core import age
from evidence_vault.core.event import peek
from evidence_vault.core.keys import keyid, parse_public_pem
from evidence_vault.core.keystate import (
    CHANGING_ROLES,
    ENROLLED,
    REASONS,
    REVOKED,
    KeyInterval,
    KeyState,
    format_enrolled,
    format_revoked,
)
from evidence_vault.errors import KeyProblem, SignatureInvalid, UsageError
from evidence_vault.seal.keyring import Ed25519Signer, Keyring
from evidence_vault.vault.creation import replace_keyring
from evidence_vault.vault.faults import step
from evidence_vault.vault.keys import key_state, root_signer, signer_for
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.writer import Writer, writing

NEW_TRUST = (
    "export a new trust file (evidence-vault trust export -o FILE) and send it to your partners: "
    "the ones they have do not know of this"
)
_MIN_DIGITS = 8


@dataclass(frozen=True)
class Ceremony:
    """What every change of keys needs: the root key's file, and who acts and why.

    ``passphrase`` opens keyrings, ``recovery_passphrase`` the recovery file if it is sealed.
    """

    recovery: Path
    passphrase: Callable[[], str]
    recovery_passphrase: Callable[[], str]
    by: str | None = None
    purpose: str | None = None

    def root(self, vault: Vault) -> Ed25519Signer:
        return root_signer(vault.entry_zero(), self.recovery, self.recovery_passphrase)

    def values(self) -> dict[str, Any]:
        return {"actor": self.by, "purpose": self.purpose}


def list_keys(vault: Vault) -> dict[str, Any]:
    """Every key that counts or counted, and every reader. Public parts only."""
    keyring, zero, state = vault.keyring, vault.entry_zero(), key_state(vault)
    held = {role: [s.keyid for s in keyring.signers(role)] for role in CHANGING_ROLES}
    keys = [_row(key, held.get(key.role, [])) for key in state.intervals()]
    known = {key["keyid"] for key in keys}
    keys += [
        {"from": None, "keyid": name, "role": role, "until": None, "where": "announced"}
        for role, names in held.items()
        for name in names
        if name not in known
    ]
    witness = keyring.witness
    return {
        "authorities": [{"name": a.name, "url": a.url} for a in keyring.authorities],
        "countersigner": None
        if witness is None
        else {"keys": list(witness.vkeys()), "name": witness.name},
        "fingerprint": zero.fingerprint.hex(),
        "keys": keys,
        "log_keys": list(zero.log_vkeys()),
        "origin": zero.origin,
        "peers": [
            {"keys": list(p.witness_keys), "org": p.org, "origin": p.origin} for p in keyring.peers
        ],
        "readers": _readers(keyring),
        "size": vault.catalogue.frontier().size,
    }


def _row(key: KeyInterval, held: list[str]) -> dict[str, Any]:
    where = "this keyring" if key.keyid in held else "elsewhere"
    if key.role == "root":
        where = "recovery file"
    return {
        "from": key.start,
        "keyid": key.keyid,
        "role": key.role,
        "until": key.until,
        "where": where,
    }


def _readers(keyring: Keyring) -> list[dict[str, Any]]:
    if keyring.is_station:
        return [{"kind": "desk", "name": None, "recipient": r} for r in keyring.recipients]
    own = str(age.PQIdentity.from_seed(keyring.seeds["read"]).to_recipient())
    codes = {recipient: name for name, recipient in keyring.granted}
    return [
        {
            "kind": "this vault" if r == own else "granted" if r in codes else "recovery",
            "name": codes.get(r),
            "recipient": r,
        }
        for r in keyring.recipients
    ]


def demand_changing(role: str) -> None:
    """Raises UsageError for a role whose key is not changed by an entry of the log."""
    if role in CHANGING_ROLES:
        return
    if role in ("log", "log-pq", "root"):
        raise UsageError(
            f"the {role} key of a log never changes: it is part of what names the log",
            code="E-KEY-ROLE",
            hint="`evidence-vault log succeed --recovery FILE --reason TEXT` begins a new log "
            "with new keys that names this one, its size and root",
        )
    raise UsageError(f"there is no role {role!r}; roles are: {', '.join(CHANGING_ROLES)}")


def rotate(vault: Vault, role: str, ceremony: Ceremony) -> dict[str, Any]:
    """Put a new key in the place of this keyring's key of a role; the old one is retired.

    A crash at any step leaves a keyring that holds the key which the log says counts:

    1. the new seed is announced: the keyring holds both. The log still names the old key
    2. one commit enrols the new key and retires the old one: from its first entry on the new
       key counts, and every reader of the keyring takes it because the log says so
    3. the keyring forgets the old seed

    Raises UsageError for other roles, KeyProblem without the vault's own root key.
    """
    demand_changing(role)
    root = ceremony.root(vault)
    keyring = _settled(vault, role)
    seed = keyring.next_seeds.get(role) or secrets.token_bytes(32)
    new = Ed25519Signer(seed)
    kept = []
    if role not in keyring.next_seeds:
        # 1.
        keyring = keyring.announcing(role, seed)
        kept.append(replace_keyring(vault, keyring, ceremony.passphrase()))
        vault.adopt_keyring(keyring)
    step("rotate-announced")
    # 2.
    with writing(vault, by_root=True) as writer:
        old = _in_force(vault, role)
        index = writer.frontier.size
        writer.vault_event(ENROLLED, ceremony.values(), format_enrolled(role, new.public), root)
        if old is not None:
            retired = format_revoked(role, old.keyid, index, "retired")
            writer.vault_event(REVOKED, ceremony.values(), retired, root)
        writer.commit()
        step("rotate-committed")
        writer.checkpoint()
    # 3.
    keyring = keyring.adopting(role)
    kept.append(replace_keyring(vault, keyring, ceremony.passphrase()))
    vault.adopt_keyring(keyring)
    return {
        "event": index,
        "keyid": new.keyid,
        "notices": [
            NEW_TRUST,
            "the previous keyring files still hold the retired key, and open with the passphrase "
            f"they had: destroy them when they are not needed ({', '.join(p.name for p in kept)})",
        ],
        "retired": None if old is None else old.keyid,
        "role": role,
    }


def _settled(vault: Vault, role: str) -> Keyring:
    """The keyring; what an interrupted rotation announced takes its place if the log names it."""
    keyring = vault.keyring
    seed = keyring.next_seeds.get(role)
    named = {k.keyid for k in key_state(vault).intervals() if k.role == role}
    if seed is not None and Ed25519Signer(seed).keyid in named:
        return keyring.adopting(role)
    return keyring


def _in_force(vault: Vault, role: str) -> Ed25519Signer | None:
    """This keyring's key of a role, or None when it was revoked."""
    try:
        return signer_for(vault, role)
    except KeyProblem:
        return None


def enrol(vault: Vault, pem: Path, role: str, ceremony: Ceremony) -> dict[str, Any]:
    """Enrol the public key of another machine; it counts from the next entry on.

    Raises UsageError for a key that the log names already or a role that has none, FormatError
    or KeyProblem for a key that nobody should accept.
    """
    demand_changing(role)
    public = _read_public(pem)
    name = keyid(public)
    zero = vault.entry_zero()
    known = {k.public for k in key_state(vault).intervals()} | {k.public for k in zero.keys}
    if public in known:
        raise UsageError(
            f"the log names the key {name} already",
            code="E-KEY-KNOWN",
            hint="a key is enrolled once, for one purpose; a revoked one never comes back",
        )
    root = ceremony.root(vault)
    with writing(vault, by_root=True) as writer:
        index = writer.frontier.size
        writer.vault_event(ENROLLED, ceremony.values(), format_enrolled(role, public), root)
        _end(writer)
    return {
        "event": index,
        "from": index + 1,
        "keyid": name,
        "notices": [NEW_TRUST],
        "role": role,
    }


def _read_public(pem: Path) -> bytes:
    try:
        return parse_public_pem(pem.read_bytes())
    except OSError as error:
        raise UsageError(f"{pem} can't be read: {error.strerror}") from error
    except SignatureInvalid as error:
        raise KeyProblem(error.message, code=error.code, hint=error.hint) from error


def plan_revocation(vault: Vault, name: str, last_good: int) -> dict[str, Any]:
    """What revoking a key would make void; changes nothing.

    ``name``: a keyid or its first 8 digits or more. ``last_good``: the last entry that stays
    good. Raises UsageError for a key that the log doesn't name in a changing role, a position
    that can't be, or one that would change nothing.
    """
    key = _find(key_state(vault), name)
    size = vault.catalogue.frontier().size
    if not 0 <= last_good < size:
        raise UsageError(f"--last-good names an entry of the log: 0 to {size - 1}")
    if key.until is not None and last_good + 1 >= key.until:
        raise UsageError(
            f"this key counts for nothing after entry {key.until - 1} already",
            code="E-KEY-REVOKED",
        )
    void = _void_entries(vault, key, last_good)
    touched = [(index, item) for index, item in vault.catalogue.touched(last_good)]
    items = sorted({item for index, item in touched if index in void})
    return {
        "items": items,
        "keyid": key.keyid,
        "last_good": last_good,
        "role": key.role,
        "this_keyring": key.keyid in [s.keyid for s in vault.keyring.signers(key.role)],
        "void_entries": len(void),
    }


def _void_entries(vault: Vault, key: KeyInterval, last_good: int) -> set[int]:
    """Entries that stop counting: signed by an events key, or exports whose statement was."""
    size, first = vault.catalogue.frontier().size, last_good + 1
    found: set[int] = set()
    if first >= size:
        return found
    for commit in vault.log.commits(vault.catalogue.entry(first).commit_start):
        for offset, committed in enumerate(vault.log.contents(commit)):
            event = peek(committed.entry)
            if key.role == "events":
                hit = event["signer"] == key.keyid
            else:
                hit = event["type"] == "exported"
            if hit and first <= commit.start + offset < size:
                found.add(commit.start + offset)
    return found


def _find(state: KeyState, name: str) -> KeyInterval:
    given = name.strip().lower().removesuffix("…")
    if len(given) < _MIN_DIGITS:
        raise UsageError(f"give at least {_MIN_DIGITS} digits of the key: `key list` shows them")
    found = [k for k in state.intervals() if k.keyid.startswith(given)]
    if len(found) != 1:
        what = "names more than one key" if found else "names no key of this log"
        raise UsageError(f"{name} {what}", code="E-NO-KEY", hint="`evidence-vault key list`")
    if found[0].role not in CHANGING_ROLES:
        demand_changing(found[0].role)
    return found[0]


def revoke(
    vault: Vault, name: str, last_good: int, reason: str, ceremony: Ceremony
) -> dict[str, Any]:
    """Revoke a key: what it signed after ``last_good`` is void, by the order of the log."""
    if reason not in REASONS:
        raise UsageError(f"--reason is one of: {', '.join(REASONS)}")
    plan = plan_revocation(vault, name, last_good)
    root = ceremony.root(vault)
    with writing(vault, by_root=True) as writer:
        index = writer.frontier.size
        clear = format_revoked(plan["role"], plan["keyid"], last_good, reason)
        writer.vault_event(REVOKED, ceremony.values(), clear, root)
        _end(writer)
    notices = [NEW_TRUST]
    if plan["this_keyring"] and _in_force(vault, plan["role"]) is None:
        notices.append(
            f"this vault has no {plan['role']} key that counts any more and can't go on until "
            f"it gets one: evidence-vault key rotate --role {plan['role']} --recovery FILE"
        )
    return {**plan, "event": index, "notices": notices, "reason": reason}


def _end(writer: Writer) -> None:
    writer.commit()
    writer.checkpoint()
