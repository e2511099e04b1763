"""Custody events, and entries: the bytes of one event as they stand in the log.

    payload = JCS(event)                                     docs/format-entry.md
    PAE     = "DSSEv1" SP len(type) SP type SP len(payload) SP payload       (DSSE v1)
    entry   = JCS({"payload": b64, "payloadType": type, "signatures": [{"keyid", "sig"}]})

Each event type has one fixed list of committed fields; an unknown type is readable (shown,
never dropped) but this program writes none.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from evidence_vault.core.canonical import (
    b64,
    canonical_plain,
    is_hex,
    parse_canonical,
    unb64,
)
from evidence_vault.core.eventtypes import ARRIVALS as ARRIVALS
from evidence_vault.core.eventtypes import BESIDE_ITEMS as BESIDE_ITEMS
from evidence_vault.core.eventtypes import FIELDS as FIELDS
from evidence_vault.core.eventtypes import PREMIS as PREMIS
from evidence_vault.core.eventtypes import SUPERSEDING as SUPERSEDING
from evidence_vault.errors import FormatError

PAYLOAD_TYPE = "application/vnd.evidence-vault.event+json"
VERSION = 1
MAX_ENTRY = 65_535

UNIT_KINDS = ("content", "metadata", "record", "statement")

_TYPE = re.compile(r"[a-z][a-z0-9-]{0,39}\Z")
_PREFIX = re.compile(r"[A-Z][A-Z0-9]{1,11}\Z")
_ITEM = re.compile(r"[A-Z][A-Z0-9]{1,11}-[0-9]{7,12}\Z")
_ACCESSION = re.compile(r"[A-Z][A-Z0-9]{1,11}-A[0-9]{5,12}\Z")
_TIME = re.compile(r"[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]Z\Z")
_KEYS = frozenset(
    [
        "v",
        "type",
        "origin",
        "subject",
        "item_seq",
        "prev",
        "seen",
        "recorded_at",
        "signer",
        "tool",
        "units",
        "sd",
        "clear",
    ]
)


@dataclass(frozen=True, slots=True)
class Unit:
    """A sealing unit: random id, kind, digests of its stored objects and of its age header.

    ``objects``: lowercase hex SHA-256 of each stored part, in order. ``header`` is None in a
    vault made with ``--plaintext``.
    """

    id: str
    kind: str
    objects: tuple[str, ...]
    header: str | None

    def to_json(self) -> dict[str, Any]:
        return {
            "header": self.header,
            "id": self.id,
            "kind": self.kind,
            "objects": list(self.objects),
        }

    @staticmethod
    def from_json(value: Any) -> Unit:
        _expect(
            isinstance(value, dict) and set(value) == {"header", "id", "kind", "objects"},
            "a unit must have header, id, kind and objects",
        )
        objects = value["objects"]
        _expect(is_hex(value["id"], 32), "a unit id must be 32 hex digits")
        _expect(isinstance(value["kind"], str), "a unit kind must be text")
        _expect(
            isinstance(objects, list) and len(objects) > 0 and all(is_hex(o, 64) for o in objects),
            "unit objects must be SHA-256 digests in hex",
        )
        _expect(
            value["header"] is None or is_hex(value["header"], 64),
            "a unit header must be a SHA-256 digest in hex, or null",
        )
        return Unit(value["id"], value["kind"], tuple(objects), value["header"])


@dataclass(frozen=True, slots=True)
class Event:
    """One custody event (the payload of an entry).

    ``subject``: {"kind": "item", "home": origin, "id": ID} | {"kind": "accession", "id": ID} |
    {"kind": "vault"} | {"kind": "set", "root": hex}. ``item_seq`` and ``prev`` belong to item
    subjects only. ``commitments`` has every field of the type; None means unknown. ``clear``
    holds what vault-level events state openly (keys, prefix).
    """

    type: str
    origin: str
    subject: Mapping[str, Any]
    item_seq: int | None
    prev: str | None
    seen: tuple[Mapping[str, Any], ...]
    recorded_at: str
    signer: str
    tool: str
    units: tuple[Unit, ...]
    commitments: Mapping[str, str | None]
    clear: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {
            "clear": dict(self.clear),
            "item_seq": self.item_seq,
            "origin": self.origin,
            "prev": self.prev,
            "recorded_at": self.recorded_at,
            "sd": dict(self.commitments),
            "seen": [dict(s) for s in self.seen],
            "signer": self.signer,
            "subject": dict(self.subject),
            "tool": self.tool,
            "type": self.type,
            "units": [u.to_json() for u in self.units],
            "v": VERSION,
        }


@dataclass(frozen=True, slots=True)
class Entry:
    """An opened envelope: the event, the bytes that were signed, and the signature."""

    event: Event
    payload: bytes
    keyid: str
    signature: bytes


def item_subject(home: str, item: str) -> dict[str, str]:
    """The subject of an event about one item; formats name it by home origin and id."""
    return {"home": home, "id": item, "kind": "item"}


def is_item_id(text: str) -> bool:
    return _ITEM.match(text) is not None


def is_prefix(text: str) -> bool:
    return _PREFIX.match(text) is not None


def pae(payload: bytes, payload_type: str = PAYLOAD_TYPE) -> bytes:
    """DSSE pre-authentication encoding: the bytes a signature is made over."""
    name = payload_type.encode("utf-8")
    return b"DSSEv1 %d %s %d %s" % (len(name), name, len(payload), payload)


def format_entry(payload: bytes, keyid: str, signature: bytes) -> bytes:
    """The log entry for a signed payload; raises FormatError above 65,535 bytes."""
    # Equal to canonical() of the envelope: its three names are ASCII and already in order.
    entry = b'{"payload":"%s","payloadType":"%s","signatures":[{"keyid":"%s","sig":"%s"}]}' % (
        b64(payload).encode(),
        PAYLOAD_TYPE.encode(),
        keyid.encode(),
        b64(signature).encode(),
    )
    if len(entry) > MAX_ENTRY:
        raise FormatError(f"an entry of {len(entry)} bytes is over the limit of {MAX_ENTRY}")
    return entry


def parse_entry(data: bytes) -> Entry:
    """Open an envelope. Checks form, not the signature: see verify/ and prove/.

    Raises FormatError with the clause of docs/format-entry.md that is broken.
    """
    if len(data) > MAX_ENTRY:
        raise FormatError(f"an entry of {len(data)} bytes is over the limit of {MAX_ENTRY}")
    envelope = parse_canonical(data, "an entry")
    _expect(
        isinstance(envelope, dict) and set(envelope) == {"payload", "payloadType", "signatures"},
        "an entry must be a DSSE envelope",
    )
    _expect(envelope["payloadType"] == PAYLOAD_TYPE, "an entry has another payload type")
    signatures = envelope["signatures"]
    _expect(
        isinstance(signatures, list)
        and len(signatures) == 1
        and isinstance(signatures[0], dict)
        and set(signatures[0]) == {"keyid", "sig"},
        "an entry must carry exactly one signature",
    )
    keyid = signatures[0]["keyid"]
    _expect(is_hex(keyid, 64), "a keyid must be 64 hex digits")
    _expect(isinstance(envelope["payload"], str), "a payload must be text")
    _expect(isinstance(signatures[0]["sig"], str), "a signature must be text")
    payload = unb64(envelope["payload"], "the payload of an entry")
    signature = unb64(signatures[0]["sig"], "the signature of an entry", 64)
    event = parse_event(payload)
    _expect(event.signer == keyid, "the event names another signer than the envelope")
    return Entry(event, payload, keyid, signature)


def peek(entry: bytes) -> dict[str, Any]:
    """The payload of an entry that this vault committed, without any check.

    For going through many entries of one's own log; whoever judges an entry parses it.
    """
    value = json.loads(base64.b64decode(json.loads(entry)["payload"]))
    if not isinstance(value, dict):
        raise FormatError("an entry's payload is not an object (docs/format-entry.md)")
    return value


def stands_beside(kind: str, subject: Mapping[str, Any]) -> bool:
    """True for an event that an item's receipt may carry though it is about the archive."""
    return kind in BESIDE_ITEMS and subject == {"kind": "vault"}


def parse_event(payload: bytes) -> Event:
    """Read an event payload; raises FormatError."""
    value = parse_canonical(payload, "an event")
    _expect(isinstance(value, dict) and set(value) == _KEYS, "an event has other members")
    _expect(value["v"] == VERSION and value["v"] is not True, "an event of an unknown version")
    _expect(
        isinstance(value["type"], str) and _TYPE.match(value["type"]) is not None,
        "an event type must be lower-case letters, digits and hyphens",
    )
    for name in ("origin", "tool"):
        _expect(
            isinstance(value[name], str) and 0 < len(value[name]) <= 255, f"{name} must be text"
        )
    _expect(
        isinstance(value["recorded_at"], str) and _TIME.match(value["recorded_at"]) is not None,
        "recorded_at must be YYYY-MM-DDTHH:MM:SSZ",
    )
    _expect(is_hex(value["signer"], 64), "signer must be a keyid")
    _expect(isinstance(value["clear"], dict), "clear must be an object")
    _check_subject(value)
    sd = value["sd"]
    _expect(
        isinstance(sd, dict) and all(c is None or is_hex(c, 64) for c in sd.values()),
        "sd must map names to digests or null",
    )
    known = FIELDS.get(value["type"])
    _expect(
        known is None or set(sd) == set(known),
        f"an event of type {value['type']!r} does not have its fixed list of fields",
    )
    _expect(isinstance(value["seen"], list), "seen must be a list")
    for seen in value["seen"]:
        _check_seen(seen)
    _expect(isinstance(value["units"], list), "units must be a list")
    return Event(
        type=value["type"],
        origin=value["origin"],
        subject=value["subject"],
        item_seq=value["item_seq"],
        prev=value["prev"],
        seen=tuple(value["seen"]),
        recorded_at=value["recorded_at"],
        signer=value["signer"],
        tool=value["tool"],
        units=tuple(Unit.from_json(u) for u in value["units"]),
        commitments=sd,
        clear=value["clear"],
    )


def encode_event(event: Event) -> bytes:
    """The payload bytes of an event; the inverse of :func:`parse_event`."""
    return canonical_plain(event.to_json())


def _check_seen(seen: Any) -> None:
    _expect(
        isinstance(seen, dict)
        and set(seen) == {"origin", "root", "size"}
        and isinstance(seen["origin"], str)
        and is_hex(seen["root"], 64)
        and type(seen["size"]) is int
        and seen["size"] >= 0,
        "seen must list heads as origin, root and size",
    )


def _check_subject(value: dict[str, Any]) -> None:
    subject, seq, prev = value["subject"], value["item_seq"], value["prev"]
    _expect(isinstance(subject, dict), "subject must be an object")
    kind = subject.get("kind")
    if kind == "item":
        _expect(
            set(subject) == {"home", "id", "kind"}
            and isinstance(subject["home"], str)
            and isinstance(subject["id"], str)
            and is_item_id(subject["id"]),
            "an item subject must have home and id",
        )
        _expect(type(seq) is int and seq >= 0, "item_seq must be a whole number from 0")
        _expect((prev is None) == (seq == 0), "prev must be null exactly when item_seq is 0")
        _expect(prev is None or is_hex(prev, 64), "prev must be a leaf hash in hex")
        return
    _expect(seq is None and prev is None, "item_seq and prev belong to items only")
    if kind == "accession":
        _expect(
            set(subject) == {"id", "kind"}
            and isinstance(subject["id"], str)
            and _ACCESSION.match(subject["id"]) is not None,
            "an accession subject must have an id",
        )
    elif kind == "set":
        _expect(
            set(subject) == {"kind", "root"} and is_hex(subject["root"], 64),
            "a set subject must have a root hash",
        )
    else:
        _expect(kind == "vault" and set(subject) == {"kind"}, "a subject of an unknown kind")


def _expect(condition: bool, message: str) -> None:
    if not condition:
        raise FormatError(message + " (docs/format-entry.md)")
