"""The keyring: every secret of one vault, in one age file under one passphrase (scrypt).

``keyring.age`` opens with stock ``age -d``; inside is one line of canonical JSON. It holds seeds,
never expanded keys, and pins what decides whom we encrypt to: nothing outside it can change that.
The root seed is *not* here: it goes to the recovery file at ``init`` and is needed again only to
succeed a log.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import secrets
from dataclasses import dataclass, field, replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from evidence_vault.core import age
from evidence_vault.core.canonical import b64, canonical, parse_canonical, unb64
from evidence_vault.core.keys import keyid
from evidence_vault.core.note import KeyType, VerifierKey, format_vkey
from evidence_vault.errors import FormatError, KeyProblem

LOG_N = 17
"""scrypt work factor of keyrings: 2^17, 128 MiB while opening (docs/decisions/0004)."""

MAX_LOG_N = 20

_SEEDS = ("events", "statements", "log", "log_pq", "read", "mac")


class Ed25519Signer:
    """One Ed25519 key with one purpose (ports.Signer)."""

    def __init__(self, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = self._key.public_key().public_bytes_raw()
        self.keyid = keyid(self.public)

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message)


class LogSigner:
    """A checkpoint signer under the log's name: Ed25519 (0x01) or ML-DSA-44 (0x06)."""

    def __init__(self, origin: str, seed: bytes, kind: KeyType) -> None:
        self._key: Ed25519PrivateKey | MLDSA44PrivateKey
        if kind is KeyType.ED25519:
            self._key = Ed25519PrivateKey.from_private_bytes(seed)
        else:
            self._key = MLDSA44PrivateKey.from_seed_bytes(seed)
        self.public = self._key.public_key().public_bytes_raw()
        self.name = origin
        self.vkey = format_vkey(VerifierKey(origin, kind, self.public))

    def sign(self, message: bytes, /) -> bytes:
        return self._key.sign(message)


@dataclass(frozen=True)
class Keyring:
    """Seeds (32 bytes each) and pins of one vault.

    ``recipients``: age recipients of every new unit, the recovery one among them (if any).
    ``readers``: extra age identities that can open older units (after a recovery).
    """

    origin: str
    org: str
    prefix: str
    plaintext: bool
    seeds: dict[str, bytes]
    recipients: tuple[str, ...]
    has_recovery: bool
    readers: tuple[str, ...] = field(default=())

    @staticmethod
    def create(
        origin: str, org: str, prefix: str, plaintext: bool, recovery: str | None
    ) -> Keyring:
        """A new keyring with fresh seeds; ``recovery`` is the recovery recipient (age1pq1…)."""
        seeds = {name: secrets.token_bytes(32) for name in _SEEDS}
        own = str(age.PQIdentity.from_seed(seeds["read"]).to_recipient())
        recipients = (own,) if recovery is None else (own, recovery)
        return Keyring(origin, org, prefix, plaintext, seeds, recipients, recovery is not None)

    @staticmethod
    def recovered(
        origin: str, prefix: str, plaintext: bool, identity: str, recipient: str
    ) -> Keyring:
        """A keyring made from a recovery file: reads everything, continues no log.

        Its signing seeds are fresh, so nothing it signed for ``origin`` would verify; the name
        of the organisation is not in the store and has to be given again.
        """
        fresh = Keyring.create(origin, "", prefix, plaintext, recipient)
        return replace(fresh, readers=(identity,))

    def renewed(self, origin: str, org: str) -> Keyring:
        """The keyring of a succeeding log: fresh signing seeds, the same readers."""
        seeds = dict(self.seeds)
        for name in ("events", "statements", "log", "log_pq"):
            seeds[name] = secrets.token_bytes(32)
        return replace(self, origin=origin, org=org, seeds=seeds)

    def events_signer(self) -> Ed25519Signer:
        return Ed25519Signer(self.seeds["events"])

    def statements_signer(self) -> Ed25519Signer:
        return Ed25519Signer(self.seeds["statements"])

    def log_signers(self) -> tuple[LogSigner, LogSigner]:
        return (
            LogSigner(self.origin, self.seeds["log"], KeyType.ED25519),
            LogSigner(self.origin, self.seeds["log_pq"], KeyType.MLDSA44),
        )

    def identities(self) -> list[age.Identity]:
        """Everything that can open what this vault sealed."""
        own: age.Identity = age.PQIdentity.from_seed(self.seeds["read"])
        return [own, *(age.parse_identity(text) for text in self.readers)]

    def mac(self, purpose: str, message: bytes) -> bytes:
        """HMAC-SHA-256 under a key derived for one purpose."""
        key = hmac.new(self.seeds["mac"], purpose.encode(), hashlib.sha256).digest()
        return hmac.new(key, message, hashlib.sha256).digest()

    def to_json(self) -> dict[str, Any]:
        return {
            "has_recovery": self.has_recovery,
            "kind": "evidence-vault/keyring",
            "org": self.org,
            "origin": self.origin,
            "plaintext": self.plaintext,
            "prefix": self.prefix,
            "readers": list(self.readers),
            "recipients": list(self.recipients),
            "seeds": {name: b64(seed) for name, seed in self.seeds.items()},
            "v": 1,
        }


def seal_keyring(keyring: Keyring, passphrase: str) -> bytes:
    """The bytes of ``keyring.age``."""
    sink = io.BytesIO()
    plain = io.BytesIO(canonical(keyring.to_json()) + b"\n")
    age.encrypt_stream([age.ScryptRecipient(passphrase, LOG_N)], plain, sink)
    return sink.getvalue()


def open_keyring(data: bytes, passphrase: str) -> Keyring:
    """Raises KeyProblem for a wrong passphrase, FormatError for a damaged or newer keyring."""
    sink = io.BytesIO()
    try:
        age.decrypt_stream([age.ScryptIdentity(passphrase, MAX_LOG_N)], io.BytesIO(data), sink)
    except KeyProblem as error:
        raise KeyProblem(
            "the passphrase does not open this keyring",
            code="E-PASSPHRASE",
            hint="check capitals and keyboard layout; a lost passphrase can only be replaced "
            "with the recovery file: `evidence-vault rebuild --recovery FILE`",
        ) from error
    value = parse_canonical(sink.getvalue().removesuffix(b"\n"), "the keyring")
    if not isinstance(value, dict) or value.get("kind") != "evidence-vault/keyring":
        raise FormatError("this age file is not a keyring")
    if value.get("v") != 1:
        raise KeyProblem(
            "the keyring was written by a newer version",
            code="E-NEWER",
            hint="install the newest evidence-vault",
        )
    return Keyring(
        origin=value["origin"],
        org=value["org"],
        prefix=value["prefix"],
        plaintext=value["plaintext"],
        seeds={name: unb64(text, name, 32) for name, text in value["seeds"].items()},
        recipients=tuple(value["recipients"]),
        has_recovery=value["has_recovery"],
        readers=tuple(value["readers"]),
    )
