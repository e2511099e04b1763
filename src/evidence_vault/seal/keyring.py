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
from collections.abc import Mapping
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


class CosignSigner:
    """A countersigner's key: Ed25519 (0x04) or ML-DSA-44 (0x06) under the witness's own name."""

    def __init__(self, name: str, seed: bytes, kind: KeyType) -> None:
        self._key: Ed25519PrivateKey | MLDSA44PrivateKey
        if kind is KeyType.MLDSA44:
            self._key = MLDSA44PrivateKey.from_seed_bytes(seed)
        else:
            self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = self._key.public_key().public_bytes_raw()
        self.name = name
        self.vkey = format_vkey(VerifierKey(name, kind, self.public))

    def sign(self, message: bytes, /) -> bytes:
        return self._key.sign(message)


@dataclass(frozen=True)
class WitnessKeys:
    """This vault as a countersigner of others. A lost state means a new name and new seeds."""

    name: str
    seed: bytes
    seed_pq: bytes

    def signers(self) -> tuple[CosignSigner, CosignSigner]:
        """Ed25519 (0x04), then ML-DSA-44 (0x06)."""
        return (
            CosignSigner(self.name, self.seed, KeyType.COSIGNATURE_ED25519),
            CosignSigner(self.name, self.seed_pq, KeyType.MLDSA44),
        )

    def vkeys(self) -> tuple[str, ...]:
        return tuple(signer.vkey for signer in self.signers())

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "seed": b64(self.seed), "seed_pq": b64(self.seed_pq)}

    @staticmethod
    def from_json(value: Any) -> WitnessKeys:
        return WitnessKeys(
            value["name"],
            unb64(value["seed"], "a witness seed", 32),
            unb64(value["seed_pq"], "a witness seed", 32),
        )


@dataclass(frozen=True)
class Peer:
    """Another organisation's log, and its keys as a countersigner of ours, pinned by hand.

    ``log_keys``: verifier keys of its log; ``witness_keys``: of its countersigner, or empty.
    """

    org: str
    origin: str
    log_keys: tuple[str, ...]
    witness_keys: tuple[str, ...] = ()
    url: str | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "log_keys": list(self.log_keys),
            "org": self.org,
            "origin": self.origin,
            "url": self.url,
            "witness_keys": list(self.witness_keys),
        }

    @staticmethod
    def from_json(value: Any) -> Peer:
        keys, witnesses = tuple(value["log_keys"]), tuple(value["witness_keys"])
        return Peer(value["org"], value["origin"], keys, witnesses, value["url"])


@dataclass(frozen=True)
class Authority:
    """A time-stamping authority (RFC 3161). ``roots``: PEM certificates its chain must end in."""

    name: str
    url: str
    roots: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "roots": list(self.roots), "url": self.url}

    @staticmethod
    def from_json(value: Any) -> Authority:
        return Authority(value["name"], value["url"], tuple(value["roots"]))


@dataclass(frozen=True)
class Keyring:
    """Seeds (32 bytes each) and pins of one vault.

    ``recipients``: age recipients of every new unit, the recovery one among them (if any).
    ``readers``: extra age identities that can open older units (after a recovery).
    ``peers`` and ``quorum``: who countersigns, pinned by hand, and how many of them must.
    ``network``: (version, SHA-256 in hex) of the network's trust document that is followed.
    ``next_seeds``: seeds about to be enrolled, by role: while a key is being rotated both are
    here, and the log says which one counts. ``granted``: (code, recipient) of other readers;
    their recipients stand among ``recipients``, too. ``desk``: the vault that a station hands over
    to; a station has no ``read`` seed and can open nothing that it sealed.
    """

    origin: str
    org: str
    prefix: str
    plaintext: bool
    seeds: dict[str, bytes]
    recipients: tuple[str, ...]
    has_recovery: bool
    readers: tuple[str, ...] = field(default=())
    witness: WitnessKeys | None = None
    peers: tuple[Peer, ...] = ()
    quorum: int = 0
    authorities: tuple[Authority, ...] = ()
    network: tuple[int, str] | None = None
    next_seeds: Mapping[str, bytes] = field(default_factory=dict)
    granted: tuple[tuple[str, str], ...] = ()
    desk: Peer | None = None

    @property
    def is_station(self) -> bool:
        """Writes and can't read."""
        return self.desk is not None

    @staticmethod
    def station(
        origin: str, org: str, prefix: str, recipients: tuple[str, ...], desk: Peer
    ) -> Keyring:
        """A keyring that holds no key to what it seals: ``recipients`` are the desk's."""
        seeds = {name: secrets.token_bytes(32) for name in _SEEDS if name != "read"}
        return Keyring(origin, org, prefix, False, seeds, recipients, True, desk=desk)

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
        return replace(self, origin=origin, org=org, seeds=seeds, next_seeds={})

    def announcing(self, role: str, seed: bytes) -> Keyring:
        """With a seed of ``events`` or ``statements`` that is about to be enrolled."""
        return replace(self, next_seeds={**self.next_seeds, role: seed})

    def adopting(self, role: str) -> Keyring:
        """The announced seed of a role takes the place of the one before."""
        waiting = dict(self.next_seeds)
        return replace(self, seeds={**self.seeds, role: waiting.pop(role)}, next_seeds=waiting)

    def granting(self, name: str, recipient: str) -> Keyring:
        """New units are encrypted to one more reader."""
        return replace(
            self,
            recipients=(*self.recipients, recipient),
            granted=(*self.granted, (name, recipient)),
        )

    def withdrawing(self, name: str) -> Keyring:
        """New units are no longer encrypted to that reader."""
        gone = {recipient for code, recipient in self.granted if code == name}
        return replace(
            self,
            recipients=tuple(r for r in self.recipients if r not in gone),
            granted=tuple(each for each in self.granted if each[0] != name),
        )

    def signers(self, role: str) -> list[Ed25519Signer]:
        """The keys of a role that this keyring holds, the announced one last."""
        seeds = [self.seeds[role]]
        if role in self.next_seeds:
            seeds.append(self.next_seeds[role])
        return [Ed25519Signer(seed) for seed in seeds]

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
        """Everything that can open what this vault sealed; nothing on a station."""
        if "read" not in self.seeds:
            return [age.parse_identity(text) for text in self.readers]
        own: age.Identity = age.PQIdentity.from_seed(self.seeds["read"])
        return [own, *(age.parse_identity(text) for text in self.readers)]

    def mac(self, purpose: str, message: bytes) -> bytes:
        """HMAC-SHA-256 under a key derived for one purpose."""
        key = hmac.new(self.seeds["mac"], purpose.encode(), hashlib.sha256).digest()
        return hmac.new(key, message, hashlib.sha256).digest()

    def to_json(self) -> dict[str, Any]:
        return {
            "desk": None if self.desk is None else self.desk.to_json(),
            "has_recovery": self.has_recovery,
            "authorities": [each.to_json() for each in self.authorities],
            "granted": [list(each) for each in self.granted],
            "kind": "evidence-vault/keyring",
            "network": None if self.network is None else list(self.network),
            "next_seeds": {name: b64(seed) for name, seed in self.next_seeds.items()},
            "org": self.org,
            "origin": self.origin,
            "peers": [each.to_json() for each in self.peers],
            "plaintext": self.plaintext,
            "prefix": self.prefix,
            "quorum": self.quorum,
            "readers": list(self.readers),
            "recipients": list(self.recipients),
            "seeds": {name: b64(seed) for name, seed in self.seeds.items()},
            "v": 1,
            "witness": None if self.witness is None else self.witness.to_json(),
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
        witness=None if value["witness"] is None else WitnessKeys.from_json(value["witness"]),
        peers=tuple(Peer.from_json(each) for each in value["peers"]),
        quorum=value["quorum"],
        authorities=tuple(Authority.from_json(each) for each in value["authorities"]),
        next_seeds={r: unb64(text, r, 32) for r, text in value.get("next_seeds", {}).items()},
        granted=tuple((name, text) for name, text in value.get("granted", ())),
        desk=None if value.get("desk") is None else Peer.from_json(value["desk"]),
        network=None if value["network"] is None else (value["network"][0], value["network"][1]),
    )
