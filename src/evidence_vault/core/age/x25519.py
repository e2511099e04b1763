"""X25519 recipients and identities: ``age1…`` and ``AGE-SECRET-KEY-1…``.

Kept for partners whose tools can't do better yet: what is sealed to X25519 alone can be recorded
today and opened by a quantum computer later. The vault's own recipients are ``pq.py``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from evidence_vault.core.age import bech32
from evidence_vault.core.age.entropy import _random
from evidence_vault.core.age.header import Stanza, bad_header, encode_b64
from evidence_vault.core.age.keys import hkdf32
from evidence_vault.core.age.recipients import (
    Family,
    bad_key,
    checked_share,
    open_file_key,
    seal_file_key,
)

STANZA_TYPE = "X25519"
RECIPIENT_PREFIX = "age"
IDENTITY_PREFIX = "age-secret-key-"
KEY_SIZE = 32

_INFO = b"age-encryption.org/v1/X25519"
_P = 2**255 - 19
_LOW_ORDER = frozenset(
    {
        0,
        1,
        _P - 1,
        0xB8495F16056286FDB1329CEB8D09DA6AC49FF1FAE35616AEB8413B7C7AEBE0,
        0x57119FD0DD4E22D8868E1C58C45C44045BEF839C55B1D0B1248C50A3BC959C5F,
    }
)
"""The u-coordinates whose shared secret is zero with every key (RFC 7748 section 6.1)."""


def is_low_order(point: bytes) -> bool:
    """Whether a 32-byte X25519 share gives the all-zero secret, whoever computes it."""
    return (int.from_bytes(point, "little") & (2**255 - 1)) % _P in _LOW_ORDER


def check_stanza(stanza: Stanza) -> bytes:
    """The 32-byte ephemeral share of a well-formed ``X25519`` stanza. Raises FormatError."""
    share = checked_share(stanza, KEY_SIZE)
    if is_low_order(share):
        raise bad_header("the share of an X25519 stanza is a low-order point")
    return share


@dataclass(frozen=True, slots=True)
class X25519Recipient:
    """A public key of 32 bytes. ``str`` gives its ``age1…`` form."""

    raw: bytes
    _key: X25519PublicKey = field(repr=False, compare=False)

    @classmethod
    def from_raw(cls, raw: bytes) -> X25519Recipient:
        """Raises KeyProblem unless ``raw`` has 32 bytes and is not of low order."""
        if len(raw) != KEY_SIZE:
            raise bad_key(f"an X25519 key has {KEY_SIZE} bytes, not {len(raw)}")
        if is_low_order(raw):
            raise bad_key("it is a low-order point, which protects nothing")
        return cls(raw, X25519PublicKey.from_public_bytes(raw))

    @property
    def family(self) -> Family:
        return Family.CLASSIC

    def wrap(self, file_key: bytes) -> Stanza:
        """One stanza under a fresh ephemeral key.

        wrap key = HKDF-SHA-256(shared secret, ephemeral || recipient, info)
        """
        ephemeral = X25519PrivateKey.from_private_bytes(_random(KEY_SIZE))
        share = ephemeral.public_key().public_bytes_raw()
        wrap_key = hkdf32(ephemeral.exchange(self._key), share + self.raw, _INFO)
        return Stanza(STANZA_TYPE, (encode_b64(share),), seal_file_key(wrap_key, file_key))

    def __str__(self) -> str:
        return bech32.encode(RECIPIENT_PREFIX, self.raw)


class X25519Identity:
    """A secret key of 32 bytes. ``str`` gives the secret, ``repr`` does not."""

    __slots__ = ("_key", "_public", "_secret")

    def __init__(self, secret: bytes) -> None:
        if len(secret) != KEY_SIZE:
            raise bad_key(f"an X25519 secret key has {KEY_SIZE} bytes, not {len(secret)}")
        self._secret = secret
        self._key = X25519PrivateKey.from_private_bytes(secret)
        self._public = self._key.public_key().public_bytes_raw()

    @classmethod
    def generate(cls) -> X25519Identity:
        return cls(_random(KEY_SIZE))

    def to_recipient(self) -> X25519Recipient:
        return X25519Recipient.from_raw(self._public)

    def unwrap(self, stanza: Stanza) -> bytes | None:
        """The file key, or None if the stanza is of another type or for another key."""
        if stanza.type != STANZA_TYPE:
            return None
        share = check_stanza(stanza)
        shared = self._key.exchange(X25519PublicKey.from_public_bytes(share))
        return open_file_key(hkdf32(shared, share + self._public, _INFO), stanza.body)

    def __str__(self) -> str:
        return bech32.encode(IDENTITY_PREFIX, self._secret).upper()

    def __repr__(self) -> str:
        return f"<X25519Identity of {self.to_recipient()}>"
