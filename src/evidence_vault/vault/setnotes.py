"""What a vault can say of its own entries; on a field vault, the notes it keeps about sets.

A field vault can't open the record of a set that it signed itself, yet it has to know whose next
event comes after it. So the members, which stand in the clear in the entries about them, are
written beside the log before the set is committed, as ``control/sets/<root>``:

    note = nonce (12 bytes) || ChaCha20-Poly1305 of {"members", "receiver", "transfer_id"}, RFC 8785
    key  = HMAC of the keyring, purpose "set note", over the root; associated data: the root in hex

The receiver's name and which items went together are no business of whoever finds the disk. The
root in the entry shows whether a note is genuine. Nothing else of a record is noted.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from evidence_vault.core.canonical import canonical, parse_canonical
from evidence_vault.core.commit import Committed
from evidence_vault.core.event import Event
from evidence_vault.core.members import parse_members, set_root
from evidence_vault.errors import AlreadyExists, EvidenceError, NotFound
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.records import open_record

_NONCE = 12
_NOTED = ("members", "receiver", "transfer_id")


def write_set_note(vault: Vault, root: bytes, values: Mapping[str, Any]) -> None:
    """Durable on return; before the set is committed."""
    told = {name: values.get(name) for name in _NOTED}
    with contextlib.suppress(AlreadyExists):
        nonce = secrets.token_bytes(_NONCE)
        name = root.hex()
        sealed = nonce + _cipher(vault, name).encrypt(nonce, canonical(told), name.encode())
        vault.control.create(_key(name), sealed)


def entry_values(vault: Vault, committed: Committed, event: Event) -> dict[str, Any]:
    """Field values of an entry of this vault, as far as it can know them.

    On a field vault: what was noted of a set, and nothing of any other entry. Raises EvidenceError
    (E-SET-NOTE) for a note that is gone or is not the one of this entry.
    """
    if not vault.keyring.is_station:
        return {name: d.value for name, d in open_record(vault, committed, event).items()}
    return _noted(vault, event) if event.subject["kind"] == "set" else {}


def _noted(vault: Vault, event: Event) -> dict[str, Any]:
    root = event.subject["root"]
    try:
        data = vault.log.read(vault.control, _key(root))
    except NotFound as error:
        raise EvidenceError(
            f"the note of an entry about several items ({event.type}) is gone",
            code="E-SET-NOTE",
            hint="put control/sets/ back from a copy",
        ) from error
    value = parse_canonical(_opened(vault, root, data), "the note of a set")
    good = isinstance(value, dict) and set(value) == set(_NOTED)
    seed, members = parse_members(value["members"] if good else None)
    if set_root(seed, members).hex() != root:
        raise EvidenceError(
            f"the note of an entry about several items ({event.type}) was changed",
            code="E-SET-NOTE",
            hint="put control/sets/ back from a copy",
        )
    return {name: told for name, told in value.items() if told is not None}


def _opened(vault: Vault, root: str, data: bytes) -> bytes:
    try:
        return _cipher(vault, root).decrypt(data[:_NONCE], data[_NONCE:], root.encode())
    except (InvalidTag, ValueError) as error:
        raise EvidenceError(
            "the note of an entry about several items was changed",
            code="E-SET-NOTE",
            hint="put control/sets/ back from a copy",
        ) from error


def _cipher(vault: Vault, root: str) -> ChaCha20Poly1305:
    return ChaCha20Poly1305(vault.keyring.mac("set note", root.encode()))


def _key(root: str) -> str:
    return f"sets/{root}"
