"""A desk's card: what a field vault (station) needs to encrypt to the desk, and nothing to read.

payload  = RFC 8785 JSON                                               docs/station.md, "The card"
file     = {"payload", "payloadType", "signatures": [{"keyid", "sig"}]} LF       (DSSE envelope)
fingerprint = SHA-256 of the payload: read aloud, since a signature by a key that the card itself
names shows only that nothing was changed after it was made, not who made it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from evidence_vault.core import age
from evidence_vault.core.canonical import b64, canonical, is_hex, parse_canonical, unb64
from evidence_vault.core.event import is_prefix, pae
from evidence_vault.core.keys import check_ed25519_key, keyid, verify_ed25519
from evidence_vault.core.note import parse_vkey
from evidence_vault.core.shapes import is_origin, is_time
from evidence_vault.errors import FormatError

KIND = "evidence-vault/card"
PAYLOAD_TYPE = "application/vnd.evidence-vault.card+json"
MAX_CARD = 1024 * 1024  # bytes; a recipient is 2 KiB
MAX_RECIPIENTS = 64
_MEMBERS = frozenset(
    [
        *("fingerprint", "issued_at", "key", "kind", "log_keys"),
        *("org", "origin", "prefix", "recipients", "recovery", "v"),
    ]
)


@dataclass(frozen=True, slots=True)
class Card:
    """What a desk says of itself.

    ``log_keys``: verifier keys of its log, Ed25519 then ML-DSA-44. ``recipients``: age recipients
    (``age1pq1…``) that everything is encrypted to, ``recovery`` when the desk's recovery key is one
    of them. ``fingerprint``: of its log (64 hex digits). ``key``: its statements key, 32 bytes.
    """

    org: str
    origin: str
    prefix: str
    fingerprint: str
    log_keys: tuple[str, ...]
    recipients: tuple[str, ...]
    recovery: bool
    key: bytes
    issued_at: str

    def payload(self) -> bytes:
        """The signed bytes."""
        return canonical(
            {
                "fingerprint": self.fingerprint,
                "issued_at": self.issued_at,
                "key": b64(self.key),
                "kind": KIND,
                "log_keys": list(self.log_keys),
                "org": self.org,
                "origin": self.origin,
                "prefix": self.prefix,
                "recipients": list(self.recipients),
                "recovery": self.recovery,
                "v": 1,
            }
        )

    def digest(self) -> bytes:
        """What the fingerprint words spell: SHA-256 of the payload."""
        return hashlib.sha256(self.payload()).digest()


def readers_digest(recipients: tuple[str, ...]) -> bytes:
    """SHA-256 over the recipients in force, each followed by LF, sorted: to compare by voice."""
    return hashlib.sha256("".join(f"{each}\n" for each in sorted(recipients)).encode()).digest()


def format_card(card: Card, sign: Callable[[bytes], bytes]) -> bytes:
    """The file of a card; the inverse of :func:`parse_card`. ``sign``: by ``card.key``."""
    payload = card.payload()
    _parse_payload(payload)
    signature = {"keyid": keyid(card.key), "sig": b64(sign(pae(payload, PAYLOAD_TYPE)))}
    envelope = {
        "payload": b64(payload),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [signature],
    }
    return canonical(envelope) + b"\n"


def parse_card(data: bytes) -> Card:
    """Read a card and check the signature by the key that it names.

    Raises FormatError, SignatureInvalid. Not checked: whose card it is; that takes the
    fingerprint, by another channel.
    """
    _expect(len(data) <= MAX_CARD, "larger than 1 MiB")
    _expect(data.endswith(b"\n"), "no line feed at the end")
    value = parse_canonical(data[:-1], "a card")
    _expect(
        isinstance(value, dict) and set(value) == {"payload", "payloadType", "signatures"},
        "not a card",
    )
    _expect(value["payloadType"] == PAYLOAD_TYPE, "another payload type")
    _expect(isinstance(value["payload"], str), "payload must be base64")
    payload = unb64(value["payload"], "the payload of a card")
    card = _parse_payload(payload)
    signatures = value["signatures"]
    _expect(isinstance(signatures, list) and len(signatures) == 1, "one signature")
    one = signatures[0]
    _expect(
        isinstance(one, dict)
        and set(one) == {"keyid", "sig"}
        and one["keyid"] == keyid(card.key)
        and isinstance(one["sig"], str),
        "it must be signed by the key it names",
    )
    verify_ed25519(card.key, unb64(one["sig"], "a signature", 64), pae(payload, PAYLOAD_TYPE))
    return card


def _parse_payload(payload: bytes) -> Card:
    value = parse_canonical(payload, "a card")
    _expect(isinstance(value, dict) and set(value) == _MEMBERS, "members are missing or unknown")
    _expect(value["kind"] == KIND and value["v"] == 1, "another kind or version")
    _expect(isinstance(value["org"], str) and 0 < len(value["org"]) <= 200, "org")
    _expect(isinstance(value["origin"], str) and is_origin(value["origin"]), "origin")
    _expect(isinstance(value["prefix"], str) and is_prefix(value["prefix"]), "prefix")
    _expect(is_hex(value["fingerprint"], 64), "fingerprint")
    _expect(is_time(value["issued_at"]), "issued_at")
    _expect(type(value["recovery"]) is bool, "recovery")
    keys = _texts(value["log_keys"], 2, "log_keys")
    _expect(len(keys) == 2, "log_keys: two")
    _expect(all(parse_vkey(key).name == value["origin"] for key in keys), "a key of another log")
    recipients = _texts(value["recipients"], MAX_RECIPIENTS, "recipients")
    for each in recipients:
        _expect(each.startswith("age1pq1"), "recipients: age1pq1… only")
        age.parse_recipient(each)
    _expect(isinstance(value["key"], str), "key")
    key = unb64(value["key"], "the key of a card", 32)
    check_ed25519_key(key)
    return Card(
        org=value["org"],
        origin=value["origin"],
        prefix=value["prefix"],
        fingerprint=value["fingerprint"],
        log_keys=keys,
        recipients=recipients,
        recovery=value["recovery"],
        key=key,
        issued_at=value["issued_at"],
    )


def _texts(value: Any, most: int, name: str) -> tuple[str, ...]:
    _expect(
        isinstance(value, list)
        and 0 < len(value) <= most
        and all(isinstance(each, str) for each in value)
        and len(set(value)) == len(value),
        f"{name}: 1 to {most} texts, none twice",
    )
    return tuple(value)


def _expect(condition: bool, message: str) -> None:
    if not condition:
        raise FormatError(f"card: {message} (docs/station.md)", code="E-CARD")
