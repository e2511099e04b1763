"""A small log made by core functions alone, and bundle plans over it."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from evidence_vault.bundle.model import (
    BundleItem,
    BundlePlan,
    SigningKey,
    bundle_counts,
    payload_manifest,
)
from evidence_vault.core.canonical import b64
from evidence_vault.core.checkpoint import Checkpoint, sign_checkpoint
from evidence_vault.core.disclosure import Disclosure, make_disclosure
from evidence_vault.core.event import (
    FIELDS,
    Event,
    encode_event,
    format_entry,
    item_subject,
    pae,
    parse_entry,
)
from evidence_vault.core.keys import keyid
from evidence_vault.core.members import Member, Opening, open_members, set_root
from evidence_vault.core.merkle import MemoryTree, leaf_hash, prove_inclusion, root_from_hashes
from evidence_vault.core.note import KeyType, VerifierKey, format_vkey
from evidence_vault.core.receipt import Receipt, ReceiptEvent
from evidence_vault.verify import shell_verifier

ORIGIN = "copper-meadow-lantern-4417"
MADE = "2026-11-23T10:00:00Z"
BUNDLE_ID = "00112233445566778899aabbccddeeff"
PROOFS = {
    "cosignatures": "not configured",
    "inclusion": "present",
    "timestamps": "not configured",
    "states": [],
}
EXPORT_SHOWN = ("bundle_id", "counts", "payload_manifest", "proofs")


def seed(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()


@dataclass
class Source:
    """An original in memory; ``actual`` is what really comes out when it is read."""

    content: bytes
    actual: bytes | None = None

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def sha512(self) -> str:
        return hashlib.sha512(self.content).hexdigest()

    @property
    def size(self) -> int:
        return len(self.content)

    def open(self) -> BinaryIO:
        return io.BytesIO(self.content if self.actual is None else self.actual)


@dataclass
class _Signer:
    name: str
    vkey: str
    sign: Callable[[bytes], bytes]


@dataclass
class SmallLog:
    """Appends signed events; every seed, salt and time is fixed, so all bytes are too."""

    name: str = "a"
    entries: list[bytes] = field(default_factory=list)
    shown: list[dict[str, Disclosure]] = field(default_factory=list)
    openings: list[dict[str, Opening]] = field(default_factory=list)
    about: dict[str, list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.keys = {
            role: Ed25519PrivateKey.from_private_bytes(seed(f"{self.name} {role}"))
            for role in ("root", "events", "statements", "log")
        }
        self.quantum = MLDSA44PrivateKey.from_seed_bytes(seed(f"{self.name} log-pq"))
        clear = {
            "keys": [
                {"alg": "ed25519", "public": b64(self.public(role)), "role": role}
                for role in self.keys
            ]
            + [
                {
                    "alg": "ml-dsa-44",
                    "public": b64(self.quantum.public_key().public_bytes_raw()),
                    "role": "log-pq",
                }
            ],
            "prefix": "QVRM",
            "succeeds": None,
        }
        self._append("vault-created", {"kind": "vault"}, {}, None, clear)

    def public(self, role: str) -> bytes:
        return self.keys[role].public_key().public_bytes_raw()

    def item_event(self, event_type: str, item: str, values: Mapping[str, Any]) -> None:
        history = self.about.setdefault(item, [])
        prev = leaf_hash(self.entries[history[-1]]).hex() if history else None
        history.append(len(self.entries))
        place = (len(history) - 1, prev)
        self._append(event_type, item_subject(ORIGIN, item), values, place, {})

    def set_event(self, event_type: str, items: list[str], values: Mapping[str, Any]) -> None:
        members = [
            Member(
                ORIGIN,
                item,
                len(self.about[item]),
                leaf_hash(self.entries[self.about[item][-1]]).hex(),
            )
            for item in sorted(items)
        ]
        secret = seed(f"{self.name} set {len(self.entries)}")
        root = set_root(secret, members).hex()
        opened = open_members(secret, members, range(len(members)))
        for item in items:
            self.about[item].append(len(self.entries))
        self._append(event_type, {"kind": "set", "root": root}, values, None, {})
        self.openings[-1] = {o.member.id: o for o in opened}

    def _append(
        self,
        event_type: str,
        subject: Mapping[str, Any],
        values: Mapping[str, Any],
        place: tuple[int, str | None] | None,
        clear: Mapping[str, Any],
    ) -> None:
        number = len(self.entries)
        disclosures = {
            name: make_disclosure(seed(f"{self.name} {number} {name}"), name, value)
            for name, value in values.items()
        }
        role = "events" if number else "root"
        key = keyid(self.public(role))
        event = Event(
            type=event_type,
            origin=ORIGIN,
            subject=subject,
            item_seq=place[0] if place else None,
            prev=place[1] if place else None,
            seen=(),
            recorded_at=f"2026-11-23T09:{number:02}:00Z",
            signer=key,
            tool="evidence-vault 0.1.0",
            units=(),
            commitments={
                name: disclosures[name].digest if name in disclosures else None
                for name in FIELDS[event_type]
            },
            clear=clear,
        )
        payload = encode_event(event)
        self.entries.append(format_entry(payload, key, self.keys[role].sign(pae(payload))))
        self.shown.append(disclosures)
        self.openings.append({})

    def checkpoint(self) -> tuple[Checkpoint, bytes]:
        size = len(self.entries)
        tree = MemoryTree(leaf_hash(e) for e in self.entries)
        point = Checkpoint(ORIGIN, size, _root(tree, size))
        raw = (
            (KeyType.ED25519, self.public("log"), self.keys["log"].sign),
            (KeyType.MLDSA44, self.quantum.public_key().public_bytes_raw(), self._quantum_sign),
        )
        signers = [
            _Signer(ORIGIN, format_vkey(VerifierKey(ORIGIN, kind, public)), sign)
            for kind, public, sign in raw
        ]
        return point, sign_checkpoint(point, signers, timestamp=0)

    def _quantum_sign(self, message: bytes) -> bytes:
        return self.quantum.sign(message)

    def receipt(self, item: str, note: bytes, reveal: Mapping[int, tuple[str, ...]]) -> Receipt:
        """``reveal``: field names by log position."""
        tree = MemoryTree(leaf_hash(e) for e in self.entries)
        events = tuple(
            ReceiptEvent(
                i,
                self.entries[i],
                tuple(prove_inclusion(i, tree.size, tree)),
                self.openings[i].get(item),
                tuple(self.shown[i][n] for n in sorted(reveal.get(i, ())) if n in self.shown[i]),
            )
            for i in (0, *self.about[item])
        )
        made = parse_entry(events[-1].leaf).event.recorded_at
        return Receipt(ORIGIN, ("item", ORIGIN, item), made, events, note)


def _root(tree: MemoryTree, size: int) -> bytes:
    return root_from_hashes(tree([(0, i) for i in range(size)]))


CONTENTS = {
    "QVRM-0000001": (b"\xff\xd8 first picture", "jpg"),
    "QVRM-0000002": ("ပထမ စာ".encode() * 9, "txt"),
    "QVRM-0000003": (b"", "bin"),
}
NASTY = {
    "source_path": {
        "b64": b64(b"-\x1b[2J\n=cmd|'/c calc'!A0\xff.jpg"),
        "display": "-\x1b[2J\n=cmd|'/c calc'!A0\ufffd.jpg\u202egpj",
    },
    "title": '=HYPERLINK("http://example.org","x")',
    "place": "+MMR010\r\n@SUM(A1)",
    "description": "ကျေးရွာ 😀\u009b31m",
}


def make_plan(
    contents: Mapping[str, tuple[Any, str]] = CONTENTS,
    *,
    originals: bool = True,
    withheld: Mapping[str, str] | None = None,
    name: str = "a",
    reveal: tuple[str, ...] = ("content_sha256", "content_sha512", "content_size"),
) -> BundlePlan:
    """A log with three events for each item, the export last, and the plan of its bundle."""
    withheld = withheld or {}
    sources = {
        item: (Source(c) if isinstance(c, bytes) else c, ext) for item, (c, ext) in contents.items()
    }
    log = SmallLog(name)
    for item, (source, _) in sources.items():
        values = {
            "actor": "desk-1",
            "content_sha256": source.sha256,
            "content_sha512": source.sha512,
            "content_size": str(source.size),
            "format": "image/jpeg",
            "occurred_at": "2021-03-27",
            **NASTY,
        }
        log.item_event("ingested", item, values)
    first = min(sources)
    log.item_event("described", first, {"actor": "desk-1", "case": "C-7"})
    log.set_event("fixity-checked", list(sources), {"actor": "desk-1", "method": "sha256"})

    def items(note: bytes, log: SmallLog, shown: tuple[str, ...]) -> list[BundleItem]:
        return [
            BundleItem(
                ORIGIN,
                item,
                log.receipt(item, note, dict.fromkeys(log.about[item], (*shown, *EXPORT_SHOWN))),
                source if originals and item not in withheld else None,
                extension,
                withheld.get(item),
            )
            for item, (source, extension) in sorted(sources.items())
        ]

    before = items(b"x", log, reveal)
    counts = bundle_counts(before)
    counts["fields_shown"] += len(EXPORT_SHOWN) * len(before)
    counts["fields_withheld"] += 2 * len(before)
    manifest = hashlib.sha256(payload_manifest(before)).hexdigest()
    values = {
        "actor": "desk-1",
        "recipient": "court-7",
        "bundle_id": BUNDLE_ID,
        "counts": counts,
        "payload_manifest": manifest,
        "proofs": PROOFS,
    }
    log.set_event("exported", list(sources), values)
    index = len(log.entries) - 1
    log.set_event("accessed", [first], {"actor": "later"})  # the log goes on after the export
    log.about[first].pop()
    point, note = log.checkpoint()
    return BundlePlan(
        bundle_id=BUNDLE_ID,
        origin=ORIGIN,
        made_at=MADE,
        checkpoint=point,
        exported_index=index,
        exported_leaf=leaf_hash(log.entries[index]).hex(),
        items=items(note, log, reveal),
        keys=[(role, log.public(role)) for role in log.keys],
        statement_key=SigningKey(keyid(log.public("statements")), log.keys["statements"].sign),
        proofs=PROOFS,
        software="evidence-vault 0.1.0",
        verifier=shell_verifier(),
    )


@pytest.fixture
def plan() -> BundlePlan:
    return make_plan()


@pytest.fixture
def plans() -> Callable[..., BundlePlan]:
    """``make_plan``, for tests that need another bundle than the plain one."""
    return make_plan


@pytest.fixture
def source() -> type[Source]:
    return Source
