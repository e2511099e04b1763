"""``control/repairs/pending``: what a repair is about to mend, for whoever finishes it.

    {"damaged": […], "source": hex}, RFC 8785
    source = nonce (12 bytes) || ChaCha20-Poly1305 of the name
    key    = HMAC of the keyring, purpose "repair note", over nothing; associated data: the purpose

Which replica or folder the good bytes come from is no business of whoever finds the disk.
"""

from __future__ import annotations

import secrets
from dataclasses import asdict

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from evidence_vault.core.canonical import canonical, parse_canonical
from evidence_vault.errors import FormatError, NotFound
from evidence_vault.prove.damage import Damage
from evidence_vault.vault.opening import Vault

NOTE = "repairs/pending"
_PURPOSE = "repair note"
_NONCE = 12
_UNKNOWN = "another copy"


def write_note(vault: Vault, damaged: list[Damage], source: str) -> None:
    """Durable on return. ``source``: name of the copy, encrypted here."""
    nonce = secrets.token_bytes(_NONCE)
    sealed = nonce + _cipher(vault).encrypt(nonce, source.encode(), _PURPOSE.encode())
    page = {"damaged": [asdict(each) for each in damaged], "source": sealed.hex()}
    vault.control.replace(NOTE, canonical(page) + b"\n")


def read_note(vault: Vault) -> tuple[list[Damage], str] | None:
    """What was to be mended, and from where; None without a note. Raises FormatError."""
    try:
        with vault.control.open(NOTE) as stream:
            note = parse_canonical(stream.read().strip(), "a note of repairs")
    except NotFound:
        return None
    try:
        damaged = [Damage(**each) for each in note["damaged"]]
        return damaged, _opened(vault, str(note["source"]))
    except (TypeError, LookupError) as error:
        raise FormatError("the note of a repair is not one") from error


def _opened(vault: Vault, text: str) -> str:
    """A name that can't be read is not made up."""
    try:
        data = bytes.fromhex(text)
        opened = _cipher(vault).decrypt(data[:_NONCE], data[_NONCE:], _PURPOSE.encode())
        return opened.decode()
    except (InvalidTag, ValueError):
        return _UNKNOWN


def _cipher(vault: Vault) -> ChaCha20Poly1305:
    return ChaCha20Poly1305(vault.keyring.mac(_PURPOSE, b""))
