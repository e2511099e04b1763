"""From one entry to what the catalogue keeps of it: used by ingest, catch-up and rebuild."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from evidence_vault.core.commit import Committed
from evidence_vault.core.event import ARRIVALS, Event, parse_entry
from evidence_vault.core.members import parse_members
from evidence_vault.core.merkle import leaf_hash
from evidence_vault.core.placement import Placed
from evidence_vault.core.relations import LINKED, UNLINKED, other_of
from evidence_vault.core.searchkey import stored_keys
from evidence_vault.core.text import decode_for_display
from evidence_vault.errors import FormatError
from evidence_vault.log.catalogue import Catalogue, EntryRow, IndexRows
from evidence_vault.log.holdindex import PLACED, RELEASED, RETENTION, HoldChange
from evidence_vault.log.replicaindex import ENROLLED, RETIRED, SYNCED, ReplicaChange
from evidence_vault.vault.foreign import foreign_events, foreign_values
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.setnotes import entry_values

_NO_PATH = {"b64": "", "display": ""}

_REPLICA = {"replica-enrolled": ENROLLED, "replica-synced": SYNCED, "replica-retired": RETIRED}

# Types that say how objects are stored and locked from then on.
PLACING = ("stored", "hold-placed", "hold-released", "retention-set")

# Texts found by how they are read, too, not only by how they were typed (core/searchkey.py).
_KEYED = ("place", "title", "description")


def digest_committed(
    vault: Vault,
    index: int,
    commit_start: int,
    committed: Committed,
    rows: IndexRows,
    with_index: bool = True,
    known: Catalogue | None = None,
) -> EntryRow:
    """The catalogue's row of an entry; adds searchable values to ``rows``.

    ``known``: the catalogue that the rows go to, if it is not the vault's. Needs the keyring:
    members of sets and searchable values are encrypted.
    """
    event = parse_entry(committed.entry).event
    values = entry_values(vault, committed, event)
    at = (index, commit_start, leaf_hash(committed.entry))
    return digest_read(vault, at, event, values, rows, with_index, known)


def digest_read(
    vault: Vault,
    at: tuple[int, int, bytes],
    event: Event,
    values: dict[str, Any],
    rows: IndexRows,
    with_index: bool = True,
    known: Catalogue | None = None,
) -> EntryRow:
    """As :func:`digest_committed`, of an entry that was read. ``at``: index, start of its commit,
    leaf hash."""
    index, commit_start, leaf = at
    if event.type in PLACING:
        objects = [Placed.from_json(each) for each in values.get("objects") or ()]
        change = hold_change(event.type, index, values, objects, vault.config.plaintext)
        if change is not None:
            rows.holds.append(change)
            objects = objects[: len(objects) - len(change.copies)]
        rows.objects += objects
    rows.replicas += replica_changes(event, index, values)
    if with_index and not vault.keyring.is_station:
        item = event.subject.get("id", "")
        told = values
        if event.type == "transfer-accepted":
            told = {**foreign_values(vault, item, values), **values}
            index_foreign_relations(vault, item, values, rows)
        index_event(event.type, item, event.recorded_at, told, rows)
        path = values.get("source_path")
        if path is not None and event.type in ("ingested", "received-again"):
            raw = base64.b64decode(path["b64"])
            digest = values.get("content_sha256")
            if not digest:
                digest = _known_digest(known or vault.catalogue, item, rows)
            rows.arrivals.append({"path_key": relative_key(raw), "sha256": digest, "id": item})
    return EntryRow(
        index,
        leaf,
        commit_start,
        event.type,
        event.recorded_at,
        members_of(event, values),
    )


def hold_change(
    kind: str,
    index: int,
    values: Mapping[str, Any],
    objects: Sequence[Placed],
    plaintext: bool,
) -> HoldChange | None:
    """What an entry says of holds or retention; None for one that says nothing of them.

    The last ``objects`` of a ``hold-placed`` are the copies of headers, one for each member in
    order (docs/format-entry.md); a vault without encryption has no headers.
    """
    if kind not in (PLACED, RELEASED, RETENTION) or values.get("members") is None:
        return None
    items = tuple(member.id for member in parse_members(values["members"])[1])
    if kind == RETENTION:
        return HoldChange(kind, index, items, mode=values["mode"], until=values["until"])
    copies: tuple[tuple[str, Placed], ...] = ()
    if kind == PLACED and not plaintext:
        if len(objects) < len(items):
            raise FormatError(f"entry {index} places a hold and names too few copies of headers")
        copies = tuple(zip(items, objects[-len(items) :], strict=True))
    return HoldChange(kind, index, items, values["hold_id"], copies)


def replica_changes(event: Event, index: int, values: Mapping[str, Any]) -> list[ReplicaChange]:
    """What an entry says of a replica; nothing where its record could not be read."""
    told = values.get("replica")
    if event.type not in _REPLICA or not isinstance(told, dict):
        return []
    counts, head = values.get("counts") or {}, values.get("head") or {}
    kind = _REPLICA[event.type]
    if kind == SYNCED:
        kind = str(counts.get("kind"))
    return [
        ReplicaChange(
            kind,
            str(told["id"]),
            index,
            event.recorded_at,
            str(told["part"]),
            (int(head.get("log", -1)), int(head.get("size", 0))),
            int(counts.get("lacking", 0)),
            bool(counts.get("whole", False)),
            int(counts.get("pending", 0)),
        )
    ]


def place_committed(
    vault: Vault, index: int, commit_start: int, committed: Committed, rows: IndexRows
) -> EntryRow:
    """The catalogue's row of an entry without searchable values: only sets have to be opened."""
    event = parse_entry(committed.entry).event
    values = {}
    if event.subject["kind"] == "set":
        values = entry_values(vault, committed, event)
    return EntryRow(
        index,
        leaf_hash(committed.entry),
        commit_start,
        event.type,
        event.recorded_at,
        members_of(event, values),
    )


def _known_digest(catalogue: Catalogue, item: str, rows: IndexRows) -> str:
    """SHA-256 of an item that came earlier, perhaps in the same batch."""
    for row in rows.items:
        if row["id"] == item:
            return str(row["sha256"])
    known = catalogue.describe(item)
    return "" if known is None else str(known["sha256"])


def members_of(event: Event, values: Mapping[str, Any]) -> list[tuple[str, str, int]]:
    """(item, home, item_seq) of each item an event is about."""
    kind = event.subject["kind"]
    if kind == "item":
        assert event.item_seq is not None
        return [(event.subject["id"], event.subject["home"], event.item_seq)]
    if kind == "set" and values.get("members") is not None:
        _, members = parse_members(values["members"])
        return [(m.id, m.home, m.item_seq) for m in members]
    return []


def index_event(
    kind: str,
    item: str,
    recorded_at: str,
    values: Mapping[str, Any],
    rows: IndexRows,
    summary: Mapping[str, Any] | None = None,
) -> None:
    """Searchable values of an event. ``summary``: device clock and location, when known."""
    if kind in ARRIVALS:
        found = summary or {}
        path = values.get("source_path") or _NO_PATH
        form = values.get("format") or {}
        name = decode_for_display(base64.b64decode(path["b64"]).rsplit(b"/", 1)[-1])
        rows.items.append(
            {
                "id": item,
                "sha256": values["content_sha256"],
                "sha512": values["content_sha512"],
                "size": int(values["content_size"]),
                "format": form.get("mime", "application/octet-stream"),
                "extension": form.get("extension", "bin"),
                "accession": values.get("accession") or "",
                "name": name,
                "key_name": stored_keys(name),
                "path": path["display"],
                "recorded_at": recorded_at,
                "device_time": found.get("device_time"),
                "has_location": found.get("has_location"),
                **_descriptive(values),
            }
        )
        rows.cases += [(case, item) for case in values.get("case") or ()]
    elif kind in (LINKED, UNLINKED):
        index_relation(kind, item, values, rows)
    elif kind == "received-again":
        rows.again.append((item, _descriptive(values), list(values.get("case") or ())))
    elif kind == "described":
        changed = {
            k: v for k, v in _descriptive(values).items() if k.removeprefix("key_") in values
        }
        if "case" in values:
            changed["case"] = values["case"]
        rows.patches.append((item, changed))


def index_relation(kind: str, item: str, values: Mapping[str, Any], rows: IndexRows) -> None:
    """What an item is to another one, or no longer; what isn't told says nothing."""
    other, relation = other_of(values), values.get("relation")
    if other is not None and isinstance(relation, str):
        rows.relations.append((kind == LINKED, other[1], relation, item))


def index_foreign_relations(
    vault: Vault, item: str, values: Mapping[str, Any], rows: IndexRows
) -> None:
    """The same of an item that was taken over, as its log said. ``values``: of that event."""
    for _, event, said in foreign_events(vault, item, values, (LINKED, UNLINKED)):
        index_relation(event.type, item, said, rows)


def absolute_key(path: bytes) -> str:
    """Key of an arrival by its absolute source path."""
    return hashlib.sha256(path).hexdigest()


def relative_key(path: bytes) -> str:
    """Key of an arrival by its relative path: all that is left after a rebuild."""
    return "rel:" + hashlib.sha256(path).hexdigest()


def _descriptive(values: Mapping[str, Any]) -> dict[str, Any]:
    occurred = values.get("occurred_at")
    return {
        "occurred_at": occurred["value"] if isinstance(occurred, dict) else occurred,
        "place": values.get("place"),
        "source_code": values.get("source_code"),
        "collector_code": values.get("collector_code"),
        "language": values.get("language"),
        "title": values.get("title"),
        "description": values.get("description"),
        "classification": values.get("classification"),
        **{f"key_{name}": stored_keys(values.get(name)) for name in _KEYED},
    }
