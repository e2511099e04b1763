"""Fixed values whose bytes are written down in vectors/formats.json and may never change."""

from __future__ import annotations

import hashlib

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from evidence_vault.core.commit import Committed, format_commit, format_stub, parse_commit
from evidence_vault.core.disclosure import Disclosure, format_set, make_disclosure
from evidence_vault.core.event import (
    FIELDS,
    Event,
    Unit,
    encode_event,
    format_entry,
    item_subject,
    pae,
)
from evidence_vault.core.keys import keyid
from evidence_vault.core.members import Member, format_opening, open_members, set_root
from evidence_vault.core.merkle import leaf_hash
from evidence_vault.core.packs import format_header_pack, format_sealed_pack

ORIGIN = "copper-meadow-lantern-4417"
KEY = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"vector events key").digest())
PUBLIC = KEY.public_key().public_bytes_raw()
SEED = hashlib.sha256(b"vector set seed").digest()
MEMBERS = [
    Member(ORIGIN, "QVRM-0000001", 0, None),
    Member(ORIGIN, "QVRM-0000002", 3, "ab" * 32),
    Member(ORIGIN, "QVRM-0000042", 1, "cd" * 32),
]
HEADERS = {"00" * 16: b"age header one\n", "ff" * 16: b"age header two\n"}


def salt(name: str) -> bytes:
    return hashlib.sha256(b"vector salt " + name.encode()).digest()


def disclosures() -> list[Disclosure]:
    values = {
        "actor": "desk-1",
        "content_sha256": hashlib.sha256(b"evidence").hexdigest(),
        "content_size": "8",
        "source_path": {"b64": "4YCZ4YC84YCU4YC64YCZ4YCs", "display": "မြန်မာ"},
    }
    return [make_disclosure(salt(name), name, value) for name, value in values.items()]


def event() -> Event:
    commitments: dict[str, str | None] = dict.fromkeys(FIELDS["ingested"])
    commitments.update((d.name, d.digest) for d in disclosures())
    return Event(
        type="ingested",
        origin=ORIGIN,
        subject=item_subject(ORIGIN, "QVRM-0000042"),
        item_seq=0,
        prev=None,
        seen=({"origin": ORIGIN, "root": "12" * 32, "size": 16},),
        recorded_at="2026-11-23T10:00:00Z",
        signer=keyid(PUBLIC),
        tool="evidence-vault 0.1.0",
        units=(
            Unit("0f" * 16, "content", ("34" * 32, "56" * 32), "78" * 32),
            Unit("1e" * 16, "record", ("9a" * 32,), None),
        ),
        commitments=commitments,
    )


def entry() -> bytes:
    payload = encode_event(event())
    return format_entry(payload, keyid(PUBLIC), KEY.sign(pae(payload)))


def commit() -> bytes:
    item = Committed(entry(), b"sealed record", HEADERS)
    return format_commit(16, bytes(range(32)), [item, Committed(b"{}", b"", {})])


def artefacts() -> dict[str, bytes]:
    """Every format of this version that may not drift, by name."""
    found = {f"disclosure {d.name}": d.raw for d in disclosures()}
    return {
        **found,
        "disclosure set": format_set(disclosures()),
        "payload": encode_event(event()),
        "entry": entry(),
        "leaf hash": leaf_hash(entry()),
        "set root": set_root(SEED, MEMBERS),
        "set opening": format_opening(open_members(SEED, MEMBERS, [1])[0]),
        "commit": commit(),
        "stub": format_stub(parse_commit(commit())),
        "sealed pack": format_sealed_pack(3, [bytes([i]) * (i % 5) for i in range(256)]),
        "header pack": format_header_pack(3, HEADERS),
    }
