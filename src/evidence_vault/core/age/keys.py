"""File keys and what is derived from them (age v1; HKDF of RFC 5869 with SHA-256)."""

from __future__ import annotations

import hmac

from evidence_vault.core.age.entropy import _random
from evidence_vault.errors import InternalError

FILE_KEY_SIZE = 16
WRAPPED_KEY_SIZE = FILE_KEY_SIZE + 16
"""A file key under ChaCha20-Poly1305, in bytes: what every known stanza's body holds."""

NONCE_SIZE = 16
ZERO_NONCE = bytes(12)
"""Nonce of a wrap: all zero, because every wrap key is used once."""


def new_file_key() -> bytes:
    """A fresh file key, 16 random bytes. One file key seals exactly one payload."""
    return _random(FILE_KEY_SIZE)


def hkdf32(ikm: bytes, salt: bytes, info: bytes) -> bytes:
    """32 bytes of HKDF-SHA-256 (RFC 5869).

    PRK = HMAC(salt, ikm); OKM = HMAC(PRK, info || 0x01). One output block is all age asks for,
    and an empty salt equals the 32 zero bytes the RFC puts in its place.
    """
    prk = hmac.digest(salt, ikm, "sha256")
    return hmac.digest(prk, info + b"\x01", "sha256")


def header_mac(file_key: bytes, header_start: bytes) -> bytes:
    """HMAC-SHA-256 over the header up to and including ``---``, without the space after it."""
    return hmac.digest(hkdf32(_checked(file_key), b"", b"header"), header_start, "sha256")


def payload_key(file_key: bytes, nonce: bytes) -> bytes:
    """The 32-byte ChaCha20-Poly1305 key of a payload that starts with this 16-byte nonce."""
    return hkdf32(_checked(file_key), nonce, b"payload")


def _checked(file_key: bytes) -> bytes:
    if len(file_key) != FILE_KEY_SIZE:
        raise InternalError(f"an age file key has {FILE_KEY_SIZE} bytes, not {len(file_key)}")
    return file_key
