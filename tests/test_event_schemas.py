"""The schemas of event payloads say what the code writes: same fields, same members, no others."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

import evidence_vault.verify
from evidence_vault.core.anchors import (
    beacon_anchor,
    format_anchors,
    peer_anchor,
    token_anchor,
)
from evidence_vault.core.disclosure import make_disclosure
from evidence_vault.core.entry0 import NamedKey, format_clear
from evidence_vault.core.event import (
    FIELDS,
    PREMIS,
    Event,
    Unit,
    encode_event,
    item_subject,
    parse_event,
)
from evidence_vault.core.keystate import format_enrolled, format_revoked
from evidence_vault.core.members import Member, set_root

SCHEMAS = Path(__file__).resolve().parent.parent / "schemas" / "events"
ORIGIN = "copper-meadow-lantern-4417"
ITEM = item_subject(ORIGIN, "QVRM-0000042")
VAULT = {"kind": "vault"}
ACCESSION = {"id": "QVRM-A00001", "kind": "accession"}
LEAF = "ab" * 32


def schema_of(kind: str) -> dict[str, Any]:
    """The schema of an event type."""
    loaded: dict[str, Any] = json.loads((SCHEMAS / f"{kind}.json").read_text(encoding="utf-8"))
    return loaded


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def unit(kind: str, *, parts: int = 1, header: bool = True) -> Unit:
    """A sealing unit as seal/units.py describes one."""
    objects = tuple(digest(f"{kind} {i}") for i in range(parts))
    return Unit(digest(kind)[:32], kind, objects, digest(f"header {kind}") if header else None)


def set_subject() -> dict[str, str]:
    members = [Member(ORIGIN, "QVRM-0000042", 3, LEAF)]
    return {"kind": "set", "root": set_root(bytes(32), members).hex()}


def clear_of_entry0(succeeds: dict[str, Any] | None = None) -> dict[str, Any]:
    """The open part of entry 0, from real keys."""
    keys = []
    for number, role in enumerate(("root", "events", "statements", "log"), 1):
        private = Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)
        keys.append(NamedKey(role, private.public_key().public_bytes_raw()))
    quantum = MLDSA44PrivateKey.from_seed_bytes(bytes([9]) * 32)
    keys.append(NamedKey("log-pq", quantum.public_key().public_bytes_raw()))
    return format_clear(keys, "QVRM", succeeds)


def event(kind: str, subject: dict[str, str], **other: Any) -> Event:
    """An event with one revealed field and the rest unknown, as the writer builds them."""
    names = FIELDS[kind]
    commitments: dict[str, str | None] = dict.fromkeys(names)
    shown = make_disclosure(bytes(32), names[0], "clerk-1")
    commitments[shown.name] = shown.digest
    item = subject["kind"] == "item"
    given: dict[str, Any] = {
        "type": kind,
        "origin": ORIGIN,
        "subject": subject,
        "item_seq": 0 if item else None,
        "prev": None,
        "seen": ({"origin": ORIGIN, "root": LEAF, "size": 16},),
        "recorded_at": "2026-11-23T10:00:00Z",
        "signer": digest("signer"),
        "tool": "evidence-vault 0.1.0",
        "units": (unit("record"),),
        "commitments": commitments,
        "clear": {},
    }
    return Event(**{**given, **other})


REAL = {
    "vault-created": event("vault-created", {"kind": "vault"}, seen=(), clear=clear_of_entry0()),
    "vault-created that succeeds a log": event(
        "vault-created",
        {"kind": "vault"},
        clear=clear_of_entry0({"origin": "older-log-0001", "root": LEAF, "size": 7}),
    ),
    "accession-opened": event("accession-opened", ACCESSION),
    "accession-closed": event("accession-closed", ACCESSION),
    "ingested": event("ingested", ITEM, units=(unit("content"), unit("record"))),
    "ingested in two parts, with metadata": event(
        "ingested", ITEM, units=(unit("content", parts=2), unit("metadata"), unit("record"))
    ),
    "ingested without encryption": event(
        "ingested", ITEM, units=(unit("content", header=False), unit("record", header=False))
    ),
    "ingested where the original is not kept": event("ingested", ITEM, units=(unit("record"),)),
    "derived": event(
        "derived",
        ITEM,
        item_seq=1,
        prev=LEAF,
        units=(unit("content"), unit("statement"), unit("record")),
    ),
    "derivation-refused": event(
        "derivation-refused",
        ITEM,
        item_seq=1,
        prev=LEAF,
        units=(unit("statement"), unit("record")),
    ),
    "transfer-offered": event("transfer-offered", set_subject()),
    "transfer-accepted": event("transfer-accepted", ITEM, units=(unit("content"), unit("record"))),
    "transfer-acknowledged": event("transfer-acknowledged", set_subject()),
    "removed": event("removed", set_subject()),
    "stored": event("stored", VAULT),
    "hold-placed": event("hold-placed", set_subject()),
    "hold-released": event("hold-released", set_subject()),
    "retention-set": event("retention-set", set_subject()),
    "replica-enrolled": event("replica-enrolled", VAULT),
    "replica-synced": event("replica-synced", VAULT),
    "replica-retired": event("replica-retired", VAULT),
    "repaired": event("repaired", set_subject()),
    "repaired in the log alone": event("repaired", VAULT),
    "migrated": event("migrated", VAULT),
    "linked": event("linked", ITEM, item_seq=1, prev=LEAF),
    "unlinked": event("unlinked", ITEM, item_seq=2, prev=LEAF),
    "linked first in a succeeding log": event("linked", ITEM),
    "foreign-custody-recorded": event(
        "foreign-custody-recorded", ITEM, item_seq=1, prev=LEAF, units=(unit("record"),)
    ),
    "received-again": event("received-again", ITEM, item_seq=4, prev=LEAF),
    "described": event("described", ITEM, item_seq=1, prev=LEAF),
    "described first in a succeeding log": event("described", ITEM),
    "accessed": event("accessed", ITEM, item_seq=2, prev=LEAF),
    "accessed by a set": event("accessed", set_subject()),
    "exported": event("exported", set_subject()),
    "fixity-checked": event("fixity-checked", set_subject()),
    "key-enrolled": event("key-enrolled", VAULT, clear=format_enrolled("events", bytes([7]) * 32)),
    "key-revoked": event(
        "key-revoked", VAULT, clear=format_revoked("events", digest("key"), 41, "compromised")
    ),
    "granted": event("granted", VAULT),
    "granted for a set": event("granted", set_subject()),
    "withdrawn": event("withdrawn", VAULT),
    "anchored": event(
        "anchored",
        VAULT,
        clear=format_anchors(
            [
                token_anchor(ORIGIN, 12, LEAF),
                peer_anchor("other-log-0002", 7, LEAF, LEAF),
                beacon_anchor("drand quicknet", "1234567", "ab" * 48),
            ]
        ),
    ),
    "trust-recorded": event("trust-recorded", VAULT, clear={"sha256": LEAF, "version": 1}),
}


def payload_of(real: Event) -> dict[str, Any]:
    """The payload as it stands in the log, after the reader accepted it."""
    encoded = encode_event(real)
    assert parse_event(encoded) == real
    value: dict[str, Any] = json.loads(encoded)
    return value


def test_there_is_one_schema_for_each_event_type_and_no_other() -> None:
    assert {path.stem for path in SCHEMAS.iterdir()} == set(FIELDS)
    assert {name.split(" ")[0] for name in REAL} == set(FIELDS)


@pytest.mark.parametrize("kind", FIELDS)
def test_a_schema_lists_exactly_the_committed_fields_of_its_type(kind: str) -> None:
    schema = schema_of(kind)
    committed = schema["properties"]["sd"]
    assert tuple(committed["properties"]) == FIELDS[kind]
    assert sorted(committed["required"]) == sorted(FIELDS[kind])
    assert committed["additionalProperties"] is False
    assert schema["properties"]["type"] == {"const": kind}
    assert all(field["description"] for field in committed["properties"].values())


@pytest.mark.parametrize("kind", FIELDS)
def test_a_schema_says_its_name_dialect_and_premis_type(kind: str) -> None:
    schema = schema_of(kind)
    assert schema["$id"] == f"https://evidence-vault.example/schemas/events/{kind}/v1"
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert f"PREMIS 3 event type: {PREMIS[kind]}." in schema["description"]
    jsonschema.Draft202012Validator.check_schema(schema)


def test_the_other_verifiers_know_the_same_fields_of_the_same_types() -> None:
    folder = Path(evidence_vault.verify.__file__).parent
    shell: dict[str, str] = {}
    for line in (folder / "verify.sh").read_text(encoding="utf-8").splitlines():
        if line.startswith('  FIELD["') and line.endswith('"'):
            *names, fields = line.split(" = ")
            shell |= {name.strip()[7:-2]: fields.strip('"') for name in names}
    page = (folder / "page" / "core" / "eventtypes.js").read_text(encoding="utf-8")
    table = page[page.index("Object.entries({") : page.index("}).map")]
    rows = re.findall(r'"?([a-z-]+)"?:\s*((?:"[^"]*"(?:\s*\+\s*)?)+)', table)
    script = {name: "".join(re.findall('"([^"]*)"', text)) for name, text in rows}
    for told in (shell, script):
        assert {name: set(text.split()) for name, text in told.items()} == {
            name: set(fields) for name, fields in FIELDS.items()
        }


@pytest.mark.parametrize("name", REAL)
def test_what_the_code_writes_is_valid(name: str) -> None:
    real = REAL[name]
    jsonschema.Draft202012Validator(schema_of(real.type)).validate(payload_of(real))


@pytest.mark.parametrize("name", REAL)
def test_no_event_passes_as_another_type(name: str) -> None:
    payload = payload_of(REAL[name])
    for kind in set(FIELDS) - {payload["type"]}:
        assert not jsonschema.Draft202012Validator(schema_of(kind)).is_valid(payload)


def add_member(payload: dict[str, Any]) -> None:
    payload["note"] = "x"


def drop_member(payload: dict[str, Any]) -> None:
    del payload["seen"]


def add_field(payload: dict[str, Any]) -> None:
    payload["sd"]["weather"] = None


def drop_field(payload: dict[str, Any]) -> None:
    payload["sd"].popitem()


def show_value(payload: dict[str, Any]) -> None:
    payload["sd"][next(iter(payload["sd"]))] = "clerk-1"


def other_version(payload: dict[str, Any]) -> None:
    payload["v"] = 2


def no_record(payload: dict[str, Any]) -> None:
    payload["units"].pop()


def short_digest(payload: dict[str, Any]) -> None:
    payload["units"][0]["objects"][0] = "ab"


def break_chain(payload: dict[str, Any]) -> None:
    payload["prev"] = LEAF if payload["prev"] is None else None


def no_subject(payload: dict[str, Any]) -> None:
    payload["subject"] = {"kind": "person"}


def something_in_clear(payload: dict[str, Any]) -> None:
    payload["clear"]["name"] = base64.b64encode(b"a name").decode()


DAMAGES: tuple[Callable[[dict[str, Any]], None], ...] = (
    add_member,
    drop_member,
    add_field,
    drop_field,
    show_value,
    other_version,
    no_record,
    short_digest,
    break_chain,
    no_subject,
    something_in_clear,
)


@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_what_the_code_would_never_write_is_refused(
    name: str, damage: Callable[[dict[str, Any]], None]
) -> None:
    payload = copy.deepcopy(payload_of(REAL[name]))
    damage(payload)
    validator = jsonschema.Draft202012Validator(schema_of(REAL[name].type))
    assert not validator.is_valid(payload)
