"""Trust files: whose keys count, as of which log state (docs/format-trust.md).

One line of canonical JSON and a line feed. ``format_trust`` and ``parse_trust`` undo each
other, and both make every check of the format page: a trust file that parses is consistent in
itself. Whether it is the right one is for people to compare, by its fingerprint.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from evidence_vault.core.canonical import b64, canonical, is_hex, parse_canonical, unb64
from evidence_vault.core.checkpoint import open_checkpoint
from evidence_vault.core.entry0 import ED25519, EntryZero, parse_entry0
from evidence_vault.core.event import is_prefix
from evidence_vault.core.keys import keyid
from evidence_vault.core.note import KeyType, format_vkey, parse_vkey
from evidence_vault.core.policy import Policy, parse_policy
from evidence_vault.core.shapes import is_count, is_origin, is_time
from evidence_vault.core.trustchain import check_chain
from evidence_vault.core.trustdoc import Document
from evidence_vault.core.trustsigned import Signed, format_signed, parse_signed
from evidence_vault.errors import EvidenceError, FormatError

KIND = "evidence-vault/trust"
MAX_TRUST = 64 * 1024 * 1024
ROLES = ("events", "root", "statements")

_MEMBERS = frozenset(["kind", "made_at", "network", "origins", "time_authorities", "v"])
_ORIGIN_MEMBERS = frozenset(
    [
        *("as_of", "checkpoint", "entry0", "fingerprint", "keys"),
        *("log_keys", "org", "origin", "policy", "prefix", "witness"),
    ]
)
_KEY_MEMBERS = frozenset(["alg", "from", "keyid", "public", "role", "until"])


@dataclass(frozen=True, slots=True)
class TrustKey:
    """An Ed25519 key in force for log positions ``start`` <= index < ``until`` (None: open)."""

    role: str
    keyid: str
    public: bytes
    start: int
    until: int | None

    def covers(self, index: int) -> bool:
        """True when the key was in force at a log position."""
        return self.start <= index and (self.until is None or index < self.until)


@dataclass(frozen=True, slots=True)
class TrustOrigin:
    """One log: its state ``size``, ``root`` (32 bytes), its keys, and what names it.

    ``witness``: verifier keys under which the same organisation countersigns other logs.
    """

    origin: str
    org: str
    prefix: str
    size: int
    root: bytes
    checkpoint: bytes
    entry0: bytes
    fingerprint: bytes
    keys: tuple[TrustKey, ...]
    log_keys: tuple[str, ...]
    policy: str
    witness: tuple[str, ...] = ()

    def countersigning(self) -> Policy:
        """Whose cosignatures count for this log, and how many must be there."""
        return parse_policy(self.policy)


@dataclass(frozen=True, slots=True)
class TrustFile:
    """A whole trust file; ``time_authorities`` are PEM texts.

    ``network``: the network's trust documents from the first accepted to the newest, empty while
    keys are pinned by hand.
    """

    made_at: str
    origins: tuple[TrustOrigin, ...]
    time_authorities: tuple[str, ...] = ()
    network: tuple[Signed, ...] = ()

    def origin(self, name: str) -> TrustOrigin | None:
        """The log of that origin, or None."""
        return next((o for o in self.origins if o.origin == name), None)

    @property
    def document(self) -> Document | None:
        """The newest trust document of the network, if there is one."""
        return self.network[-1].document if self.network else None


def trust_fingerprint(data: bytes) -> bytes:
    """SHA-256 of the file's bytes, to compare by telephone or on paper."""
    return hashlib.sha256(data).digest()


def cut_keys(keys: Sequence[TrustKey], size: int) -> tuple[TrustKey, ...]:
    """The keys of a log that is over after ``size`` entries: none is in force later."""
    cut = (
        TrustKey(
            k.role, k.keyid, k.public, k.start, size if k.until is None else min(k.until, size)
        )
        for k in keys
        if k.start < size
    )
    return tuple(cut)


def format_trust(trust: TrustFile) -> bytes:
    """The bytes of a trust file; raises what :func:`parse_trust` would."""
    data = _encode(trust)
    parse_trust(data)
    return data


def fingerprint_of(trust: TrustFile) -> bytes:
    """:func:`trust_fingerprint` of a parsed file, whose one spelling is known."""
    return trust_fingerprint(_encode(trust))


def _encode(trust: TrustFile) -> bytes:
    value = {
        "kind": KIND,
        "made_at": trust.made_at,
        "network": [format_signed(each).decode("ascii") for each in trust.network] or None,
        "origins": [_origin_json(o) for o in trust.origins],
        "time_authorities": list(trust.time_authorities),
        "v": 1,
    }
    return canonical(value) + b"\n"


def parse_trust(data: bytes) -> TrustFile:
    """Read a trust file and make all checks of docs/format-trust.md.

    Raises FormatError, SignatureInvalid, or EvidenceError (code E-TRUST) for a file that
    contradicts itself.
    """
    _form(len(data) <= MAX_TRUST, "larger than 64 MiB")
    _form(data.endswith(b"\n"), "no line feed at the end")
    value = parse_canonical(data[:-1], "a trust file")
    _form(isinstance(value, dict) and set(value) == _MEMBERS, "other members")
    _form(value["kind"] == KIND and type(value["v"]) is int and value["v"] == 1, "other kind")
    _form(is_time(value["made_at"]), "made_at must be YYYY-MM-DDTHH:MM:SSZ")
    network = _parse_network(value["network"])
    authorities = value["time_authorities"]
    _form(
        isinstance(authorities, list) and all(isinstance(a, str) for a in authorities),
        "time_authorities must be PEM texts",
    )
    _form(isinstance(value["origins"], list) and len(value["origins"]) > 0, "no origins")
    origins = tuple(_parse_origin(o) for o in value["origins"])
    names = [o.origin for o in origins]
    _form(names == sorted(set(names)), "origins must be sorted, each once")
    trust = TrustFile(value["made_at"], origins, tuple(authorities), network)
    if trust.document is not None:
        _check_document(trust, trust.document)
    return trust


def _parse_network(value: Any) -> tuple[Signed, ...]:
    """The chain of trust documents, each step checked; empty for null."""
    if value is None:
        return ()
    _form(
        isinstance(value, list) and len(value) > 0 and all(isinstance(t, str) for t in value),
        "network must be null or the texts of trust documents",
    )
    chain = tuple(parse_signed(_utf8(text)) for text in value)
    check_chain(chain)
    return chain


def _check_document(trust: TrustFile, document: Document) -> None:
    """What the newest trust document says of a log wins over what the file says of it."""
    _form(
        set(document.authority_roots()) <= set(trust.time_authorities),
        "time authorities of the network are left out",
    )
    for o in trust.origins:
        found, over = document.holder(o.origin), document.retired_origin(o.origin)
        if found is not None:
            organisation, log = found
            _same(o.fingerprint == log.fingerprint, o, "the network names another fingerprint")
            _same(o.log_keys == log.log_keys, o, "the network names other log keys")
            _same(o.prefix == log.prefix, o, "the network names another prefix")
            _same(o.org == organisation.name, o, "the network says it is of another organisation")
            _same(o.policy == log.policy, o, "its policy is not the one the network signed")
        elif over is not None:
            _same(o.fingerprint == over.fingerprint, o, "the network names another fingerprint")
            _same(o.keys == cut_keys(o.keys, over.size), o, "a key outlives the end of the log")


def _origin_json(o: TrustOrigin) -> dict[str, Any]:
    return {
        "as_of": {"root": o.root.hex(), "size": o.size},
        "checkpoint": o.checkpoint.decode("utf-8"),
        "entry0": o.entry0.decode("utf-8"),
        "fingerprint": o.fingerprint.hex(),
        "keys": [
            {
                "alg": ED25519,
                "from": k.start,
                "keyid": k.keyid,
                "public": b64(k.public),
                "role": k.role,
                "until": k.until,
            }
            for k in o.keys
        ],
        "log_keys": list(o.log_keys),
        "org": o.org,
        "origin": o.origin,
        "policy": o.policy,
        "prefix": o.prefix,
        "witness": list(o.witness),
    }


def _parse_origin(value: Any) -> TrustOrigin:
    _form(isinstance(value, dict) and set(value) == _ORIGIN_MEMBERS, "an origin: other members")
    for member in ("checkpoint", "entry0", "org", "policy", "prefix"):
        _form(isinstance(value[member], str), f"{member} must be text")
    _form(is_origin(value["origin"]), "origin must be a log origin")
    _form(is_prefix(value["prefix"]), "prefix is malformed")
    _form(is_hex(value["fingerprint"], 64), "fingerprint must be 64 hex digits")
    as_of = value["as_of"]
    _form(
        isinstance(as_of, dict)
        and set(as_of) == {"root", "size"}
        and is_hex(as_of["root"], 64)
        and is_count(as_of["size"]),
        "as_of must have root and size",
    )
    for member in ("keys", "log_keys", "witness"):
        _form(isinstance(value[member], list), f"{member} must be a list")
    for member in ("log_keys", "witness"):
        _form(all(isinstance(k, str) for k in value[member]), f"{member} must be texts")
    origin = TrustOrigin(
        origin=value["origin"],
        org=value["org"],
        prefix=value["prefix"],
        size=as_of["size"],
        root=bytes.fromhex(as_of["root"]),
        checkpoint=_utf8(value["checkpoint"]),
        entry0=_utf8(value["entry0"]),
        fingerprint=bytes.fromhex(value["fingerprint"]),
        keys=tuple(_parse_key(k) for k in value["keys"]),
        log_keys=tuple(value["log_keys"]),
        policy=value["policy"],
        witness=tuple(value["witness"]),
    )
    _check_origin(origin)
    return origin


def _parse_key(value: Any) -> TrustKey:
    _form(isinstance(value, dict) and set(value) == _KEY_MEMBERS, "a key: other members")
    _form(value["alg"] == ED25519 and value["role"] in ROLES, "a key of unknown kind or role")
    _form(
        is_count(value["from"])
        and (value["until"] is None or (is_count(value["until"])))
        and (value["until"] is None or value["from"] < value["until"]),
        "a key must be in force from one log position until a later one, or null",
    )
    _form(isinstance(value["public"], str), "a public key must be base64")
    public = unb64(value["public"], "a public key of a trust file", 32)
    _form(keyid(public) == value["keyid"], "a keyid is not that of its key")
    return TrustKey(value["role"], value["keyid"], public, value["from"], value["until"])


def _check_origin(o: TrustOrigin) -> None:
    """What the members of one origin must say about each other (docs/format-trust.md)."""
    zero = parse_entry0(o.entry0)
    _same(zero.fingerprint == o.fingerprint, o, "entry 0 does not have the stated fingerprint")
    _same(zero.origin == o.origin, o, "entry 0 is of another log")
    _same(zero.prefix == o.prefix, o, "entry 0 states another prefix")
    _same(zero.log_vkeys() == o.log_keys, o, "its log keys are not those of entry 0")
    stated = {format_vkey(log.key) for log in parse_policy(o.policy).logs}
    _same(stated == set(o.log_keys), o, "its policy is about other logs")
    order = [(k.role, k.start, k.keyid) for k in o.keys]
    _form(order == sorted(set(order)), "keys must be sorted by role, from and keyid")
    _check_keys(o, zero)
    _check_witness(o, zero)
    opened = open_checkpoint(o.checkpoint, zero.log_keys())
    checkpoint = opened.checkpoint
    _same(
        (checkpoint.size, checkpoint.root) == (o.size, o.root),
        o,
        "its checkpoint states another size or root than as_of",
    )
    _same(o.size > 0, o, "its log is empty")


def _check_keys(o: TrustOrigin, zero: EntryZero) -> None:
    """Root keys are those of entry 0; no key serves two roles, the log's included."""
    roots = {k.keyid for k in o.keys if k.role == "root"}
    _same(roots == set(zero.with_role("root")), o, "its root keys are not those of entry 0")
    roles: dict[bytes, str] = {key.public: key.role for key in zero.keys}
    for key in o.keys:
        _same(roles.setdefault(key.public, key.role) == key.role, o, "one key has two roles")


def _check_witness(o: TrustOrigin, zero: EntryZero) -> None:
    """The countersigner's keys: one name, other keys than the log's, none counted for this log."""
    keys = [parse_vkey(text) for text in o.witness]
    publics = {key.public_key for key in keys}
    _form(
        all(key.key_type is not KeyType.ED25519 for key in keys)
        and len({key.name for key in keys}) <= 1
        and len(publics) == len(keys)
        and len({key.key_type for key in keys}) == len(keys),
        "witness: one name, at most one key of type 0x04 and one of type 0x06",
    )
    others = {key.public for key in zero.keys} | {key.public for key in o.keys}
    _same(not publics & others, o, "a key of its countersigner serves another role, too")
    counted = {key.public_key for key in o.countersigning().witness_keys}
    _same(not publics & counted, o, "its policy counts its own organisation's cosignature")


def _utf8(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        raise FormatError("trust file: text that is not Unicode (docs/format-trust.md)") from None


def _form(condition: bool, message: str) -> None:
    if not condition:
        raise FormatError(f"trust file: {message} (docs/format-trust.md)")


def _same(condition: bool, origin: TrustOrigin, message: str) -> None:
    if not condition:
        raise EvidenceError(
            f"trust file, origin {origin.origin}: {message} (docs/format-trust.md)", code="E-TRUST"
        )
