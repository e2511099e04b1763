"""What a recipient and an identity promise, shared by the three kinds of both.

A *recipient* can only wrap a file key; an *identity* can unwrap it again.
"""

from __future__ import annotations

from enum import Enum
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from evidence_vault.core.age.header import Stanza, bad_header, decode_b64
from evidence_vault.core.age.keys import WRAPPED_KEY_SIZE, ZERO_NONCE
from evidence_vault.errors import KeyProblem


class Family(Enum):
    """How a file key is wrapped. One file never holds two families: the weaker would decide."""

    POST_QUANTUM = "post-quantum"
    CLASSIC = "X25519"
    PASSPHRASE = "passphrase"


class Recipient(Protocol):
    """Someone a file can be sealed to. Immutable, and safe to share between threads."""

    @property
    def family(self) -> Family:
        """Recipients of different families are never mixed in one file."""

    def wrap(self, file_key: bytes) -> Stanza:
        """Wrap the 16-byte file key; two calls never return the same stanza."""


class Identity(Protocol):
    """Someone who can open files. Holds a secret: its ``repr`` doesn't show it."""

    def unwrap(self, stanza: Stanza) -> bytes | None:
        """The 16-byte file key, or None if the stanza was not made for this identity.

        Raises FormatError if the stanza is of this identity's type and malformed.
        """


def seal_file_key(wrap_key: bytes, file_key: bytes) -> bytes:
    """ChaCha20-Poly1305(wrap key, nonce 12 x 00, file key): 32 bytes."""
    return ChaCha20Poly1305(wrap_key).encrypt(ZERO_NONCE, file_key, None)


def open_file_key(wrap_key: bytes, body: bytes) -> bytes | None:
    """Undo ``seal_file_key``; None if the wrap key is another one."""
    try:
        return ChaCha20Poly1305(wrap_key).decrypt(ZERO_NONCE, body, None)
    except InvalidTag:
        return None


def checked_share(stanza: Stanza, size: int) -> bytes:
    """The one argument of a known stanza, decoded to exactly ``size`` bytes.

    Checks the number of arguments and the length of the body as well: an over-long body could
    hide a second key that a different identity opens. Raises FormatError.
    """
    if len(stanza.args) != 1:
        raise bad_header(f"an {stanza.type} stanza has {len(stanza.args)} arguments instead of 1")
    check_body(stanza)
    return decode_b64(stanza.args[0], f"the share of an {stanza.type} stanza", size)


def check_body(stanza: Stanza) -> None:
    """Demand a body of exactly 32 bytes, before anything is decrypted. Raises FormatError."""
    if len(stanza.body) != WRAPPED_KEY_SIZE:
        raise bad_header(
            f"the body of an {stanza.type} stanza has {len(stanza.body)} bytes "
            f"instead of {WRAPPED_KEY_SIZE}"
        )


def bad_key(why: str) -> KeyProblem:
    """The error of a key text or raw key that can't be used; never repeats the key."""
    return KeyProblem(f"this age key can't be used: {why}", code="E-AGE-KEY")
