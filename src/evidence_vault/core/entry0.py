"""Entry 0 of a log: the event ``vault-created``, which names the vault's keys.

    clear = {"keys": [{"alg", "public", "role"}, …], "prefix": P, "succeeds": null | {…}}
    fingerprint of the vault = leaf hash of entry 0                     (docs/format-receipt.md)

It is signed by the root key that it names, so it proves nothing about *who* made it: that takes
the fingerprint, by another channel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from evidence_vault.core.canonical import b64, is_hex, unb64
from evidence_vault.core.event import is_prefix, pae, parse_entry
from evidence_vault.core.keys import check_ed25519_key, check_mldsa44_key, keyid, verify_ed25519
from evidence_vault.core.merkle import leaf_hash
from evidence_vault.core.note import KeyType, VerifierKey, format_vkey
from evidence_vault.core.shapes import is_count, is_origin
from evidence_vault.errors import FormatError

ED25519 = "ed25519"
ML_DSA_44 = "ml-dsa-44"
# Algorithm by role; each of root, log and log-pq exactly once, the others at least once.
ROLES = {
    "root": ED25519,
    "events": ED25519,
    "statements": ED25519,
    "log": ED25519,
    "log-pq": ML_DSA_44,
}
_ONCE = ("root", "log", "log-pq")


@dataclass(frozen=True, slots=True)
class NamedKey:
    """A public key of the vault: its role and the raw key (Ed25519 32, ML-DSA-44 1,312 bytes)."""

    role: str
    public: bytes

    @property
    def keyid(self) -> str:
        """Keyid of an Ed25519 key; ML-DSA keys are known by their verifier key only."""
        return keyid(self.public)


@dataclass(frozen=True, slots=True)
class EntryZero:
    """What entry 0 states, checked: ``fingerprint`` is the 32-byte leaf hash."""

    origin: str
    prefix: str
    fingerprint: bytes
    keys: tuple[NamedKey, ...]
    recorded_at: str

    def with_role(self, role: str) -> dict[str, bytes]:
        """Raw Ed25519 keys of a role by keyid."""
        return {key.keyid: key.public for key in self.keys if key.role == role}

    def log_keys(self) -> tuple[VerifierKey, VerifierKey]:
        """The verifier keys of the log: Ed25519, then ML-DSA-44; both are called as the origin."""
        raw = {key.role: key.public for key in self.keys}
        return (
            VerifierKey(self.origin, KeyType.ED25519, raw["log"]),
            VerifierKey(self.origin, KeyType.MLDSA44, raw["log-pq"]),
        )

    def log_vkeys(self) -> tuple[str, str]:
        """The log keys as verifier key texts."""
        classical, quantum = self.log_keys()
        return format_vkey(classical), format_vkey(quantum)


def format_clear(
    keys: Sequence[NamedKey], prefix: str, succeeds: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The ``clear`` member of entry 0; raises FormatError for keys a reader would refuse."""
    clear = {
        "keys": [
            {"alg": ROLES.get(key.role, ""), "public": b64(key.public), "role": key.role}
            for key in keys
        ],
        "prefix": prefix,
        "succeeds": succeeds,
    }
    parse_clear(clear)
    return clear


def parse_clear(clear: Any) -> tuple[str, tuple[NamedKey, ...]]:
    """Prefix and keys of a ``clear`` member.

    Raises FormatError, or SignatureInvalid for a key that nobody should accept. One key in two
    roles is refused: a signature made in one role could be passed off as one of the other.
    """
    _expect(
        isinstance(clear, dict) and set(clear) == {"keys", "prefix", "succeeds"},
        "its clear part must have keys, prefix and succeeds",
    )
    prefix = clear["prefix"]
    _expect(isinstance(prefix, str) and is_prefix(prefix), "the prefix is malformed")
    _check_succeeds(clear["succeeds"])
    _expect(isinstance(clear["keys"], list), "keys must be a list")
    keys = tuple(_parse_key(value) for value in clear["keys"])
    roles = [key.role for key in keys]
    _expect(set(roles) == set(ROLES), "keys of each role must be named")
    _expect(all(roles.count(role) == 1 for role in _ONCE), "root and log keys stand once each")
    _expect(len({key.public for key in keys}) == len(keys), "one key stands in two roles")
    return prefix, keys


def parse_entry0(entry: bytes) -> EntryZero:
    """Open entry 0 and check that the root key it names signed it.

    Raises FormatError or SignatureInvalid. Not checked: whose key that is.
    """
    opened = parse_entry(entry)
    event = opened.event
    _expect(event.type == "vault-created", "the first entry must be of type vault-created")
    _expect(event.subject == {"kind": "vault"}, "its subject must be the vault")
    _expect(is_origin(event.origin), "its origin is malformed")
    prefix, keys = parse_clear(event.clear)
    zero = EntryZero(event.origin, prefix, leaf_hash(entry), keys, event.recorded_at)
    root = zero.with_role("root").get(opened.keyid)
    _expect(root is not None, "it must be signed by the root key it names")
    assert root is not None
    verify_ed25519(root, opened.signature, pae(opened.payload))
    return zero


def _parse_key(value: Any) -> NamedKey:
    _expect(
        isinstance(value, dict)
        and set(value) == {"alg", "public", "role"}
        and isinstance(value["role"], str)
        and value["role"] in ROLES
        and value["alg"] == ROLES[value["role"]]
        and isinstance(value["public"], str),
        "a key must have the algorithm of its role, and be base64",
    )
    raw = unb64(value["public"], "a public key of entry 0")
    if value["alg"] == ED25519:
        check_ed25519_key(raw)
    else:
        check_mldsa44_key(raw)
    return NamedKey(value["role"], raw)


def _check_succeeds(value: Any) -> None:
    _expect(
        value is None
        or (
            isinstance(value, dict)
            and set(value) == {"origin", "root", "size"}
            and is_origin(value["origin"])
            and is_hex(value["root"], 64)
            and is_count(value["size"])
        ),
        "succeeds must be null or name a log's origin, root and size",
    )


def _expect(condition: bool, message: str) -> None:
    if not condition:
        raise FormatError(f"entry 0: {message} (docs/format-entry.md)", code="E-ENTRY-ZERO")
