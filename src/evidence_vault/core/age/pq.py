"""Post-quantum recipients and identities: ``age1pq1…`` and ``AGE-SECRET-KEY-PQ-1…``.

Stanza ``mlkem768x25519 <base64 enc>``: HPKE base mode (RFC 9180) with KEM MLKEM768-X25519, KDF
HKDF-SHA256, AEAD ChaCha20Poly1305 and empty associated data. An attacker has to break both
ML-KEM-768 and X25519.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)

from evidence_vault.core.age import bech32
from evidence_vault.core.age.entropy import _random
from evidence_vault.core.age.header import Stanza, bad_header, encode_b64
from evidence_vault.core.age.recipients import Family, bad_key, checked_share
from evidence_vault.core.age.x25519 import is_low_order

STANZA_TYPE = "mlkem768x25519"
RECIPIENT_PREFIX = "age1pq"
IDENTITY_PREFIX = "age-secret-key-pq-"
SEED_SIZE = 32
PUBLIC_SIZE = 1184 + 32
ENC_SIZE = 1088 + 32
"""ML-KEM-768 ciphertext || X25519 share, in bytes."""

_INFO = b"age-encryption.org/mlkem768x25519"
_SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)


def check_stanza(stanza: Stanza) -> bytes:
    """The 1,120-byte ``enc`` of a well-formed stanza. Raises FormatError."""
    enc = checked_share(stanza, ENC_SIZE)
    if is_low_order(enc[-32:]):
        raise bad_header("the X25519 part of an mlkem768x25519 stanza is a low-order point")
    return enc


@dataclass(frozen=True, slots=True)
class PQRecipient:
    """A public key of 1,216 bytes, parsed once. ``str`` gives its ``age1pq1…`` form.

    One wrap costs about a tenth of a millisecond; parsing the text costs several. Keep the
    object, or go through ``parse_recipient``, which remembers.
    """

    raw: bytes
    _key: MLKEM768X25519PublicKey = field(repr=False, compare=False)

    @classmethod
    def from_raw(cls, raw: bytes) -> PQRecipient:
        """ML-KEM-768 public key (1,184 bytes) || X25519 public key (32). Raises KeyProblem."""
        if len(raw) != PUBLIC_SIZE:
            raise bad_key(f"a post-quantum key has {PUBLIC_SIZE} bytes, not {len(raw)}")
        if is_low_order(raw[-32:]):
            raise bad_key("its X25519 part is a low-order point, which protects nothing")
        try:
            mlkem = MLKEM768PublicKey.from_public_bytes(raw[:-32])
        except ValueError:
            raise bad_key("its ML-KEM-768 part is not a public key") from None
        x25519 = X25519PublicKey.from_public_bytes(raw[-32:])
        return cls(raw, MLKEM768X25519PublicKey(mlkem, x25519))

    @property
    def family(self) -> Family:
        return Family.POST_QUANTUM

    def wrap(self, file_key: bytes) -> Stanza:
        """One stanza; the library draws the encapsulation's randomness."""
        sealed = _SUITE.encrypt(file_key, self._key, _INFO)
        return Stanza(STANZA_TYPE, (encode_b64(sealed[:ENC_SIZE]),), sealed[ENC_SIZE:])

    def __str__(self) -> str:
        return bech32.encode(RECIPIENT_PREFIX, self.raw)


class PQIdentity:
    """A secret seed of 32 bytes. ``str`` gives the secret, ``repr`` does not.

    The keys come out of the seed on first use and stay in the object.
    """

    def __init__(self, seed: bytes) -> None:
        if len(seed) != SEED_SIZE:
            raise bad_key(f"a post-quantum seed has {SEED_SIZE} bytes, not {len(seed)}")
        self._seed = seed

    @classmethod
    def generate(cls) -> PQIdentity:
        return cls(_random(SEED_SIZE))

    @classmethod
    def from_seed(cls, seed: bytes) -> PQIdentity:
        """The identity of a 32-byte seed, which is all that needs to be kept or escrowed."""
        return cls(seed)

    @property
    def seed(self) -> bytes:
        """The secret itself, 32 bytes."""
        return self._seed

    def to_recipient(self) -> PQRecipient:
        mlkem, x25519 = self._parts
        return PQRecipient.from_raw(
            mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()
        )

    def unwrap(self, stanza: Stanza) -> bytes | None:
        """The file key, or None if the stanza is of another type or for another key."""
        if stanza.type != STANZA_TYPE:
            return None
        try:
            return _SUITE.decrypt(check_stanza(stanza) + stanza.body, self._key, _INFO)
        except InvalidTag:
            return None

    @cached_property
    def _parts(self) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
        """SHAKE256(seed, 96 bytes) = ML-KEM-768 seed (64 bytes) || X25519 secret key (32)."""
        expanded = hashlib.shake_256(self._seed).digest(96)
        return (
            MLKEM768PrivateKey.from_seed_bytes(expanded[:64]),
            X25519PrivateKey.from_private_bytes(expanded[64:]),
        )

    @cached_property
    def _key(self) -> MLKEM768X25519PrivateKey:
        return MLKEM768X25519PrivateKey(*self._parts)

    def __str__(self) -> str:
        return bech32.encode(IDENTITY_PREFIX, self._seed).upper()

    def __repr__(self) -> str:
        fingerprint = hashlib.sha256(self.to_recipient().raw).hexdigest()[:16]
        return f"<PQIdentity of recipient sha256:{fingerprint}…>"
