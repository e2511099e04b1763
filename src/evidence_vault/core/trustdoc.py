"""Trust documents: whose root keys, logs and countersigners a network agrees on.

    payload = RFC 8785 JSON of the document                             docs/format-trust.md

This module reads and writes what a document says, strictly. Its envelope is in ``trustsigned``;
whether signatures are enough, and whether it follows another one, is decided in ``trustchain``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from evidence_vault.core.canonical import b64, canonical, is_hex, parse_canonical, unb64
from evidence_vault.core.entry0 import ED25519
from evidence_vault.core.event import is_prefix
from evidence_vault.core.keys import check_ed25519_key, keyid
from evidence_vault.core.note import KeyType, VerifierKey, parse_vkey
from evidence_vault.core.policy import format_policy, network_policy, plain_policy
from evidence_vault.core.receipt import is_authority
from evidence_vault.core.shapes import is_count, is_origin, is_time
from evidence_vault.errors import FormatError

KIND = "evidence-vault/network"
MAX_ORGANISATIONS = 64
MAX_LIST = 1_000
MAX_NAME = 200  # characters of an organisation's name

_PEM = ("-----BEGIN CERTIFICATE-----\n", "-----END CERTIFICATE-----\n")
_COSIGNERS = (KeyType.COSIGNATURE_ED25519, KeyType.MLDSA44)


@dataclass(frozen=True, slots=True)
class DocumentOrigin:
    """One log in force. ``fingerprint`` is the leaf hash of its entry 0 (32 bytes).

    ``log_keys``: verifier keys, Ed25519 then ML-DSA-44. ``policy``: tlog-policy text.
    """

    origin: str
    prefix: str
    fingerprint: bytes
    log_keys: tuple[str, ...]
    policy: str = ""

    def to_json(self) -> dict[str, Any]:
        return {
            "fingerprint": self.fingerprint.hex(),
            "log_keys": list(self.log_keys),
            "origin": self.origin,
            "policy": self.policy,
            "prefix": self.prefix,
        }


@dataclass(frozen=True, slots=True)
class Organisation:
    """A member: its root key (raw Ed25519), the SHA-256 of its next one, its logs.

    ``countersigners``: verifier keys under one name, 0x04 before 0x06, at most one of each; empty
    for a member that countersigns nobody.
    """

    name: str
    root: bytes
    commitment: bytes
    countersigners: tuple[str, ...]
    origins: tuple[DocumentOrigin, ...]

    @property
    def keyid(self) -> str:
        return keyid(self.root)

    @property
    def digest(self) -> bytes:
        """SHA-256 of this member's part, to be compared by its holder; policies left out."""
        value = self.to_json()
        for origin in value["origins"]:
            del origin["policy"]
        return hashlib.sha256(canonical(value)).digest()

    def cosigners(self) -> tuple[VerifierKey, ...]:
        return tuple(parse_vkey(text) for text in self.countersigners)

    def to_json(self) -> dict[str, Any]:
        return {
            "commitment": self.commitment.hex(),
            "countersigners": list(self.countersigners),
            "name": self.name,
            "origins": [origin.to_json() for origin in self.origins],
            "root": {"alg": ED25519, "keyid": self.keyid, "public": b64(self.root)},
        }


@dataclass(frozen=True, slots=True)
class Retired:
    """A log that is over: entries at positions from ``size`` on don't count."""

    origin: str
    org: str
    fingerprint: bytes
    size: int

    def to_json(self) -> dict[str, Any]:
        fingerprint = self.fingerprint.hex()
        return {
            "fingerprint": fingerprint,
            "org": self.org,
            "origin": self.origin,
            "size": self.size,
        }


@dataclass(frozen=True, slots=True)
class RevokedRoot:
    """A root key that was one and never is again; ``version``: the first document without it."""

    public: bytes
    version: int

    def to_json(self) -> dict[str, Any]:
        return {"public": b64(self.public), "version": self.version}


@dataclass(frozen=True, slots=True)
class TimeAuthority:
    """A time authority (RFC 3161) and the PEM root certificates its chains end in."""

    name: str
    roots: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "roots": list(self.roots)}


@dataclass(frozen=True, slots=True)
class Document:
    """One version. ``previous``: digest of the version before, None for version 1.

    ``threshold``: how many root holders must sign; ``quorum``: how many organisations other than
    the log's own must countersign a checkpoint.
    """

    version: int
    made_at: str
    threshold: int
    quorum: int
    organisations: tuple[Organisation, ...]
    previous: bytes | None = None
    retired: tuple[Retired, ...] = ()
    revoked_roots: tuple[RevokedRoot, ...] = ()
    time_authorities: tuple[TimeAuthority, ...] = ()

    def organisation(self, name: str) -> Organisation | None:
        return next((each for each in self.organisations if each.name == name), None)

    def holder(self, origin: str) -> tuple[Organisation, DocumentOrigin] | None:
        """The member whose log that is, and the log; None for one that is not in force."""
        for each in self.organisations:
            for log in each.origins:
                if log.origin == origin:
                    return each, log
        return None

    def retired_origin(self, origin: str) -> Retired | None:
        return next((each for each in self.retired if each.origin == origin), None)

    def roots(self) -> tuple[bytes, ...]:
        """The raw root keys whose signatures count."""
        return tuple(each.root for each in self.organisations)

    def authority_roots(self) -> tuple[str, ...]:
        return tuple(root for each in self.time_authorities for root in each.roots)


def policy_texts(organisations: Sequence[Organisation], quorum: int) -> list[str]:
    """The policy text of each origin, in order of organisations and their origins.

    ``quorum`` of the other organisations must countersign; a log's own never counts. In the
    policy an organisation is called as its first log, or for want of one as its countersigner:
    a policy names no organisation. Raises FormatError.
    """
    cosigners = [(each, each.cosigners()) for each in organisations if each.countersigners]
    texts = []
    for own in organisations:
        others = {
            each.origins[0].origin if each.origins else keys[0].name: keys
            for each, keys in cosigners
            if each.name != own.name
        }
        for log in own.origins:
            keys = [parse_vkey(text) for text in log.log_keys]
            _form(quorum <= len(others), "the quorum is larger than the number of countersigners")
            policy = plain_policy(keys) if quorum == 0 else network_policy(keys, others, quorum)
            texts.append(format_policy(policy))
    return texts


def format_document(document: Document) -> bytes:
    """The payload; raises what :func:`parse_document` would."""
    value = {
        "kind": KIND,
        "made_at": document.made_at,
        "organisations": [each.to_json() for each in document.organisations],
        "previous": None if document.previous is None else document.previous.hex(),
        "quorum": document.quorum,
        "retired": [each.to_json() for each in document.retired],
        "revoked_roots": [each.to_json() for each in document.revoked_roots],
        "threshold": document.threshold,
        "time_authorities": [each.to_json() for each in document.time_authorities],
        "v": 1,
        "version": document.version,
    }
    payload = canonical(value)
    parse_document(payload)
    return payload


def parse_document(payload: bytes) -> Document:
    """Read a payload and check all it says about itself (docs/format-trust.md).

    Raises FormatError, or SignatureInvalid for a key that nobody should accept.
    """
    value = parse_canonical(payload, "a trust document")
    _members(
        value,
        "kind made_at organisations previous quorum retired revoked_roots threshold "
        "time_authorities v version",
        "the document",
    )
    _form(value["kind"] == KIND and type(value["v"]) is int and value["v"] == 1, "other kind")
    _form(is_count(value["version"]) and value["version"] > 0, "version must count from 1")
    _form(is_time(value["made_at"]), "made_at must be YYYY-MM-DDTHH:MM:SSZ")
    first = value["version"] == 1
    _form(
        value["previous"] is None if first else is_hex(value["previous"], 64),
        "previous must be null in version 1 and a SHA-256 in every other",
    )
    _form(is_count(value["threshold"]) and is_count(value["quorum"]), "threshold and quorum count")
    document = Document(
        version=value["version"],
        made_at=value["made_at"],
        threshold=value["threshold"],
        quorum=value["quorum"],
        organisations=tuple(
            parse_organisation(each)
            for each in _list(value["organisations"], "organisations", MAX_ORGANISATIONS)
        ),
        previous=None if first else bytes.fromhex(value["previous"]),
        retired=tuple(map(_parse_retired, _list(value["retired"], "retired", MAX_LIST))),
        revoked_roots=tuple(
            map(_parse_revoked, _list(value["revoked_roots"], "revoked_roots", MAX_LIST))
        ),
        time_authorities=tuple(
            map(_parse_authority, _list(value["time_authorities"], "time_authorities", 64))
        ),
    )
    _check_document(document)
    return document


def parse_organisation(value: Any) -> Organisation:
    """One member of a document, as :meth:`Organisation.to_json` writes it."""
    _members(value, "commitment countersigners name origins root", "an organisation")
    name, root = value["name"], value["root"]
    _form(is_name(name), "an organisation's name is 1 to 200 characters on one line")
    _members(root, "alg keyid public", "a root key")
    _form(root["alg"] == ED25519 and isinstance(root["public"], str), "a root key is Ed25519")
    public = unb64(root["public"], f"the root key of {name!r}", 32)
    check_ed25519_key(public)
    _form(keyid(public) == root["keyid"], "a keyid is not that of its key")
    _form(is_hex(value["commitment"], 64), "commitment must be a SHA-256 in hex")
    countersigners = tuple(_list(value["countersigners"], "countersigners", 2))
    keys = [_vkey(text) for text in countersigners]
    kinds = [key.key_type for key in keys]
    _form(
        kinds == [kind for kind in _COSIGNERS if kind in kinds]
        and len({key.name for key in keys}) <= 1,
        f"the countersigner keys of {name!r} must be one of each kind, 0x04 first, under one name",
    )
    origins = tuple(_parse_origin(each) for each in _list(value["origins"], "origins", 16))
    names = [each.origin for each in origins]
    _form(names == sorted(set(names)), "origins must be sorted, each once")
    return Organisation(name, public, bytes.fromhex(value["commitment"]), countersigners, origins)


def is_name(text: Any) -> bool:
    """True for an organisation's name: 1 to 200 characters, no control character, trimmed."""
    return (
        isinstance(text, str)
        and 0 < len(text) <= MAX_NAME
        and text == text.strip()
        and all(c >= " " and not "\x7f" <= c <= "\x9f" and c not in "\u2028\u2029" for c in text)
    )


def check_certificate(text: Any) -> None:
    """Raise FormatError unless text is one PEM certificate in its one spelling (RFC 7468 §3)."""
    _form(
        isinstance(text, str) and text.startswith(_PEM[0]) and text.endswith(_PEM[1]),
        "a root of a time authority must be one PEM certificate",
    )
    body = text[len(_PEM[0]) : -len(_PEM[1])]
    der = b64(unb64(body.replace("\n", ""), "a certificate"))
    lines = "".join(der[i : i + 64] + "\n" for i in range(0, len(der), 64))
    _form(body == lines and der != "", "a certificate is not in lines of 64 characters")


def _parse_origin(value: Any) -> DocumentOrigin:
    _members(value, "fingerprint log_keys origin policy prefix", "an origin")
    _form(is_origin(value["origin"]), "origin must be a log origin")
    _form(isinstance(value["prefix"], str) and is_prefix(value["prefix"]), "prefix is malformed")
    _form(is_hex(value["fingerprint"], 64), "fingerprint must be 64 hex digits")
    _form(isinstance(value["policy"], str), "policy must be text")
    log_keys = tuple(_list(value["log_keys"], "log_keys", 2))
    keys = [_vkey(text) for text in log_keys]
    _form(
        [key.key_type for key in keys] == [KeyType.ED25519, KeyType.MLDSA44]
        and all(key.name == value["origin"] for key in keys),
        "log_keys must be the Ed25519 and the ML-DSA-44 key of that origin",
    )
    fingerprint = bytes.fromhex(value["fingerprint"])
    return DocumentOrigin(value["origin"], value["prefix"], fingerprint, log_keys, value["policy"])


def _parse_retired(value: Any) -> Retired:
    _members(value, "fingerprint org origin size", "a retired origin")
    _form(
        is_origin(value["origin"])
        and is_name(value["org"])
        and is_hex(value["fingerprint"], 64)
        and is_count(value["size"]),
        "a retired origin must have origin, org, fingerprint and size",
    )
    fingerprint = bytes.fromhex(value["fingerprint"])
    return Retired(value["origin"], value["org"], fingerprint, value["size"])


def _parse_revoked(value: Any) -> RevokedRoot:
    _members(value, "public version", "a revoked root")
    _form(isinstance(value["public"], str) and is_count(value["version"]), "a malformed root")
    public = unb64(value["public"], "a revoked root", 32)
    check_ed25519_key(public)
    return RevokedRoot(public, value["version"])


def _parse_authority(value: Any) -> TimeAuthority:
    _members(value, "name roots", "a time authority")
    _form(
        isinstance(value["name"], str) and is_authority(value["name"]),
        "a time authority's name has 1 to 40 of a-z, 0-9 and '-'",
    )
    roots = tuple(_list(value["roots"], "roots", 16))
    for root in roots:
        check_certificate(root)
    _form(len(roots) > 0 and list(roots) == sorted(set(roots)), "roots must be sorted, each once")
    return TimeAuthority(value["name"], roots)


def _check_document(d: Document) -> None:
    """What the members of a document must say about each other."""
    _sorted([each.name for each in d.organisations], "organisations")
    _sorted([each.origin for each in d.retired], "retired origins")
    _sorted([each.name for each in d.time_authorities], "time authorities")
    _sorted([(each.version, each.public) for each in d.revoked_roots], "revoked roots")
    _form(1 <= d.threshold <= len(d.organisations), "threshold must be 1 to all organisations")
    _form(
        all(1 < each.version <= d.version for each in d.revoked_roots),
        "a root is revoked in a version from 2 to this one",
    )
    _check_distinct(d)
    stated = [(each.name, log) for each in d.organisations for log in each.origins]
    for (name, log), text in zip(stated, policy_texts(d.organisations, d.quorum), strict=True):
        if log.policy != text:
            _own_key_absent(d, name, log)
            raise FormatError(
                f"trust document: the policy of {log.origin!r} is not the one that follows from "
                "organisations and quorum (docs/format-trust.md)",
                code="E-TRUST-POLICY",
            )


def _own_key_absent(d: Document, name: str, log: DocumentOrigin) -> None:
    own = d.organisation(name)
    if own is not None and any(text in log.policy for text in own.countersigners):
        raise FormatError(
            f"trust document: the policy of {log.origin!r} counts its own organisation as a "
            "countersigner (docs/format-trust.md)",
            code="E-TRUST-POLICY",
        )


def _check_distinct(d: Document) -> None:
    """One key, one use; one origin, prefix and next key, one holder."""
    logs = [log for each in d.organisations for log in each.origins]
    keys = [*d.roots(), *(each.public for each in d.revoked_roots)]
    keys += [parse_vkey(text).public_key for log in logs for text in log.log_keys]
    keys += [key.public_key for each in d.organisations for key in each.cosigners()]
    _once(keys, "one key is named twice")
    _once([*(log.origin for log in logs), *(each.origin for each in d.retired)], "an origin")
    _once([log.prefix for log in logs], "a prefix")
    _once([log.fingerprint for log in logs], "a fingerprint")
    _once([each.cosigners()[0].name for each in d.organisations if each.countersigners], "a name")
    used = [hashlib.sha256(key).digest() for key in keys]
    _once([*(each.commitment for each in d.organisations), *used], "a next root key")


def _once(values: Sequence[Any], what: str) -> None:
    if len(set(values)) != len(values):
        what = what if " twice" in what else f"{what} is named twice"
        raise FormatError(f"trust document: {what} (docs/format-trust.md)", code="E-TRUST-TWICE")


def _sorted(values: Sequence[Any], what: str) -> None:
    _form(list(values) == sorted(set(values)), f"{what} must be sorted, each once")


def _vkey(text: Any) -> VerifierKey:
    _form(isinstance(text, str), "a verifier key must be text")
    return parse_vkey(text)


def _list(value: Any, what: str, limit: int) -> list[Any]:
    _form(isinstance(value, list) and len(value) <= limit, f"{what}: a list of at most {limit}")
    assert isinstance(value, list)
    return value


def _members(value: Any, names: str, what: str) -> None:
    _form(isinstance(value, dict) and set(value) == set(names.split()), f"{what}: other members")


def _form(condition: bool, message: str) -> None:
    if not condition:
        raise FormatError(f"trust document: {message} (docs/format-trust.md)")
