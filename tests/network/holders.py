"""Thirteen organisations with keys, and trust documents that a test can bend."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from evidence_vault.core.keys import keyid
from evidence_vault.core.note import KeyType, VerifierKey, format_vkey
from evidence_vault.core.trustdoc import (
    Document,
    DocumentOrigin,
    Organisation,
    Retired,
    RevokedRoot,
    format_document,
    policy_texts,
)
from evidence_vault.core.trustsigned import Signed, signing_bytes

TIME = "2026-11-23T10:00:00Z"
COUNT, THRESHOLD, QUORUM = 13, 9, 8


def seed(*words: object) -> bytes:
    return hashlib.sha256(" ".join(map(str, words)).encode()).digest()


@dataclass(frozen=True)
class Holder:
    """One organisation; ``turn`` counts how often its root key was replaced."""

    number: int
    turn: int = 0

    @property
    def name(self) -> str:
        return f"Organisation {self.number:02d}"

    def root(self, turn: int | None = None) -> Ed25519PrivateKey:
        turn = self.turn if turn is None else turn
        return Ed25519PrivateKey.from_private_bytes(seed("root", self.number, turn))

    def public(self, turn: int | None = None) -> bytes:
        return self.root(turn).public_key().public_bytes_raw()

    def origin(self) -> DocumentOrigin:
        name = f"river-stone-{self.number:02d}"
        classical = Ed25519PrivateKey.from_private_bytes(seed("log", self.number))
        quantum = MLDSA44PrivateKey.from_seed_bytes(seed("log-pq", self.number))
        return DocumentOrigin(
            name,
            f"AB{self.number:02d}",
            seed("fingerprint", self.number),
            (vkey(name, KeyType.ED25519, classical), vkey(name, KeyType.MLDSA44, quantum)),
        )

    def countersigners(self) -> tuple[str, str]:
        name = f"lamp-{self.number:02d}"
        classical = Ed25519PrivateKey.from_private_bytes(seed("cosign", self.number))
        quantum = MLDSA44PrivateKey.from_seed_bytes(seed("cosign-pq", self.number))
        return (
            vkey(name, KeyType.COSIGNATURE_ED25519, classical),
            vkey(name, KeyType.MLDSA44, quantum),
        )

    def organisation(self) -> Organisation:
        commitment = hashlib.sha256(self.public(self.turn + 1)).digest()
        return Organisation(
            self.name, self.public(), commitment, self.countersigners(), (self.origin(),)
        )

    def turned(self) -> Holder:
        """The same holder after its root key was replaced by the next one."""
        return replace(self, turn=self.turn + 1)


HOLDERS = tuple(Holder(number) for number in range(1, COUNT + 1))


def vkey(name: str, kind: KeyType, key: Ed25519PrivateKey | MLDSA44PrivateKey) -> str:
    return format_vkey(VerifierKey(name, kind, key.public_key().public_bytes_raw()))


def agreed(organisations: Iterable[Organisation], quorum: int) -> tuple[Organisation, ...]:
    """The organisations sorted by name, with the policies that follow."""
    ordered = sorted(organisations, key=lambda each: each.name)
    texts = iter(policy_texts(ordered, quorum))
    return tuple(
        replace(
            each,
            origins=tuple(replace(log, policy=next(texts)) for log in each.origins),
        )
        for each in ordered
    )


def document(holders: Sequence[Holder] = HOLDERS, **other: Any) -> Document:
    """Version 1 of the network, or whatever ``other`` makes of it."""
    quorum = other.get("quorum", QUORUM)
    made = Document(
        version=1,
        made_at=TIME,
        threshold=THRESHOLD,
        quorum=quorum,
        organisations=agreed((each.organisation() for each in holders), quorum),
    )
    return replace(made, **other)


def after(old: Signed, holders: Sequence[Holder] = HOLDERS, **other: Any) -> Document:
    """The version after ``old``; replaced roots and logs that are over are named by themselves."""
    was, version = old.document, old.version + 1
    here = {each.public() for each in holders}
    gone = tuple(RevokedRoot(root, version) for root in was.roots() if root not in here)
    logs = {each.origin().origin for each in holders}
    over = tuple(
        Retired(log.origin, org.name, log.fingerprint, 100)
        for org in was.organisations
        for log in org.origins
        if log.origin not in logs
    )
    fixed = {
        "version": version,
        "previous": old.digest,
        "quorum": was.quorum,
        "threshold": was.threshold,
        "revoked_roots": (*was.revoked_roots, *sorted(gone, key=lambda r: r.public)),
        "retired": tuple(sorted((*was.retired, *over), key=lambda r: r.origin)),
        "time_authorities": was.time_authorities,
    }
    return document(holders, **{**fixed, **other})


def signature(holder: Holder, payload: bytes, turn: int | None = None) -> tuple[str, bytes]:
    key = holder.root(turn)
    return keyid(holder.public(turn)), key.sign(signing_bytes(payload))


def signed(made: Document, by: Iterable[Holder] = HOLDERS) -> Signed:
    """The document signed by the present root keys of ``by``."""
    return signed_bytes(format_document(made), made, by)


def signed_bytes(payload: bytes, made: Document, by: Iterable[Holder]) -> Signed:
    return Signed(made, payload, tuple(sorted(signature(each, payload) for each in by)))
