"""Questions about a live vault: lists, searches, one item, its history."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from evidence_vault.bundle.custody import custody_event, is_void, render_history
from evidence_vault.capture.tags import Metadata, summary
from evidence_vault.core.event import Event
from evidence_vault.core.fields import stricter
from evidence_vault.core.merkle import leaf_hash
from evidence_vault.vault import places
from evidence_vault.vault.brackets import Brackets
from evidence_vault.vault.derivatives import listed
from evidence_vault.vault.foreign import foreign_events
from evidence_vault.vault.foreignproofs import foreign_history
from evidence_vault.vault.handovers import REMOVED, standings
from evidence_vault.vault.holds import stands_of
from evidence_vault.vault.keys import key_state
from evidence_vault.vault.linking import listed as listed_relations
from evidence_vault.vault.opening import Vault, refuse_reading
from evidence_vault.vault.records import ItemEvent, item_history, read_metadata
from evidence_vault.vault.stations import list_stored, show_stored

_LISTED = [
    "id",
    "name",
    "size",
    "format",
    "accession",
    "recorded_at",
    "occurred_at",
    "place",
    "source_code",
    "collector_code",
    "language",
    "title",
    "classification",
    "case",
]
_NOT_CURRENT = frozenset(
    [
        "accession",
        "actor",
        "source_path",
        "source_times",
        "content_sha256",
        "content_sha512",
        "content_size",
        "format",
        "metadata",
    ]
)


def list_items(
    vault: Vault,
    limit: int | None = None,
    offset: int = 0,
    after: str | None = None,
    held: bool = False,
) -> dict[str, Any]:
    """Items in order of identifiers, from the local index: no passphrase is needed.

    ``after``: only those behind this identifier, whether or not there is such an item. ``held``:
    only those under a legal hold.

    Of a field vault only what stands in clear: ``station`` is True, and the rest is None.
    """
    if not vault.catalogue.has_index():
        stored, total = list_stored(vault, limit, offset, after)
        empty: dict[str, Any] = {**dict.fromkeys(_LISTED), "case": []}
        rows = [{**empty, **row} for row in stored]
        return {**_listing(vault, rows, total), "station": True}
    if held:
        ids = [each for each in vault.catalogue.held_ids() if after is None or each > after]
        shown = ids[offset : None if limit is None else offset + limit]
        return {**_listing(vault, vault.catalogue.find(shown), len(ids)), "station": False}
    rows = vault.catalogue.find(limit=limit, offset=offset, after=after)
    return {**_listing(vault, rows, vault.catalogue.count_items()), "station": False}


def search_items(
    vault: Vault,
    *,
    digest: str | None = None,
    name: str | None = None,
    text: str | None = None,
    date: str | None = None,
    source_code: str | None = None,
    case: str | None = None,
    accession: str | None = None,
    place: str | None = None,
    limit: int | None = None,
    offset: int = 0,
    after: str | None = None,
) -> dict[str, Any]:
    """Items that meet every condition given, from the local index.

    ``name``, ``text`` and ``place`` also find what reads the same: other normalisations, Zawgyi,
    known spellings of a place, its P-code. ``places`` in the result: those that were looked for.
    ``after``: as in :func:`list_items`; an ``offset`` costs the items passed over.

    Raises PolicyRefused (E-STATION) on a field vault, which has none.
    """
    if not vault.catalogue.has_index():
        raise refuse_reading("search")
    texts = {"name": name, "text": text, "place": place}
    spellings = {kind: places.search_keys(asked) for kind, asked in texts.items() if asked}
    meant = places.candidates(place) if place else ()
    rows = vault.catalogue.search(
        digest=digest,
        name=name,
        text=text,
        date=date,
        source_code=source_code,
        case=case,
        accession=accession,
        place=place,
        pcodes=places.with_all_within(meant),
        spellings=spellings,
        limit=limit,
        offset=offset,
        after=after,
    )
    listing = _listing(vault, rows, len(rows))
    return {**listing, "places": [each.to_json() for each in meant]}


def _listing(vault: Vault, rows: Iterable[dict[str, Any]], total: int) -> dict[str, Any]:
    return {
        "items": [{name: row[name] for name in _LISTED} for row in rows],
        "sealed": not vault.config.plaintext,
        "total": total,
    }


#: Of the extracted metadata, what ``show`` gives; the rest stands in the event.
_EXTRACTED = ("content_credentials", "tags", "text")


def show_item(vault: Vault, item: str) -> dict[str, Any]:
    """Everything known of one item, current and superseded values apart.

    Of a field vault what stands in clear (stations.show_stored).
    """
    if vault.keyring.is_station:
        return show_stored(vault, item)
    events = list(item_history(vault, item))
    first = events[0]
    void = [e for e in events if is_void(key_state(vault, e.log), e.event, e.index)]
    before = _before(vault, first)
    current, superseded = _current([*before, first, *(e for e in events[1:] if e not in void)])
    values: dict[str, Any] = {}
    for said in before:
        values.update(said.values)
    values.update(first.values)
    handed = _transfer(vault, item, first)
    gone = handed["given"] is not None and handed["given"]["state"] == REMOVED
    metadata = None if gone else read_metadata(vault, first)
    extracted = {key: metadata[key] for key in _EXTRACTED if key in metadata} if metadata else {}
    checks = [e for e in events if e.event.type == "fixity-checked" and e not in void]
    bracket = Brackets(vault).of(first.event, first.index)
    return {
        "accession": values.get("accession"),
        "at_rest": "plaintext" if vault.config.plaintext else "sealed",
        "derivatives": [] if gone else listed(vault, [e for e in events if e not in void]),
        "digests": {
            "sha256": values["content_sha256"],
            "sha512": values["content_sha512"],
            "size": int(values["content_size"]),
        },
        "events": len(events),
        "fields": current,
        "fixity": {"last_checked": checks[-1].event.recorded_at if checks else None},
        "format": values["format"],
        **stands_of(vault, item),
        "home": first.event.subject["home"],
        "id": item,
        "metadata": {**values["metadata"], "tags": {}, "text": [], **extracted},
        "relations": listed_relations(vault, item),
        "source": {
            "path": values.get("source_path") or {"b64": "", "display": ""},
            "times": values.get("source_times") or {},
        },
        "same_bytes": _same_bytes(vault, item, values["content_sha256"]),
        "superseded": superseded,
        "time": {
            "device_clock": _device_clock(metadata),
            **bracket,
            "recorded_at": first.event.recorded_at,
            "seen": [dict(s) for s in first.event.seen],
        },
        "transfer": handed,
        "units": [u.to_json() for e in events for u in e.event.units if u.kind != "record"],
        "void": [e.seq for e in void],
    }


@dataclass(frozen=True)
class _Said:
    """What another log said of an item before it was taken over."""

    event: Event
    values: dict[str, Any]
    index: int


def _before(vault: Vault, first: ItemEvent) -> list[_Said]:
    """The item's arrival and description in the log it was taken over from."""
    if first.event.type != "transfer-accepted":
        return []
    item = str(first.event.subject["id"])
    return [_Said(e, said, i) for i, e, said in foreign_events(vault, item, first.values)]


def _same_bytes(vault: Vault, item: str, digest: str) -> list[str]:
    """Other items with the same original: of another home, they stay items of their own."""
    found = vault.catalogue.by_digests([digest]).get(digest, [])
    return sorted(set(found) - {item})


def _transfer(vault: Vault, item: str, first: ItemEvent) -> dict[str, Any]:
    """Where it was taken over from, and where its own hand-over stands."""
    stands = standings(vault).get(item)
    return {
        "from": first.values.get("foreign"),
        "given": None if stands is None else stands.to_json(vault.clock.now()),
    }


def withheld(event: ItemEvent) -> int:
    """How many fields an event commits to that are not shown here: all, on a field vault."""
    told = sum(1 for commitment in event.event.commitments.values() if commitment is not None)
    return told - len(event.disclosures)


def _device_clock(metadata: dict[str, Any] | None) -> str | None:
    """What the device's own clock says, from the sealed metadata; None when it says nothing."""
    if metadata is None:
        return None
    found = summary(Metadata(metadata["status"], tags=metadata["tags"]))["device_time"]
    return None if found is None else str(found)


def _current(events: Sequence[ItemEvent | _Said]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Newest value of each descriptive field (None: withdrawn), and those that were superseded."""
    current: dict[str, tuple[Any, ItemEvent | _Said]] = {}
    superseded: list[dict[str, Any]] = []
    for event in events:
        if event.event.type not in ("ingested", "described", "received-again"):
            continue
        for name, value in event.values.items():
            if name in _NOT_CURRENT:
                continue
            if name not in current:
                current[name] = (value, event)
                continue
            old, where = current[name]
            if event.event.type == "received-again":
                value = _joined(name, old, value)
                if value == old:
                    continue
            superseded.append(
                {
                    "field": name,
                    "index": where.index,
                    "recorded_at": where.event.recorded_at,
                    "value": old,
                }
            )
            current[name] = (value, event)
    return {name: value for name, (value, _) in sorted(current.items())}, superseded


def _joined(name: str, old: Any, value: Any) -> Any:
    """What bytes that came again add to a field: lists grow, the stricter handling wins."""
    if name == "classification":
        return stricter(old, value)
    if isinstance(old, list) and isinstance(value, list):
        return [*old, *(each for each in value if each not in old)]
    return old


def history(vault: Vault, item: str) -> dict[str, Any]:
    """Every custody event of an item, as data and as a record that a clerk can follow."""
    events = list(item_history(vault, item))
    keys = {number: key_state(vault, number) for number in {e.log for e in events}}
    told = []
    brackets = Brackets(vault)
    for e in events:
        shown = {name: value for name, value in e.values.items() if name != "members"}
        current = e.log == vault.config.log
        bracket = brackets.lines(e.event, e.index) if current else ()
        told.append(custody_event(e.index, e.entry, e.event, e.seq, shown, keys[e.log], bracket))
    before = foreign_history(vault, events)
    return {
        "foreign": before,
        "events": [
            {
                "actor": e.values.get("actor"),
                "fields": {k: v for k, v in e.values.items() if k not in ("actor", "members")},
                "index": e.index,
                "leaf": leaf_hash(e.entry).hex(),
                "log": e.event.origin,
                "prev": e.event.prev,
                "recorded_at": e.event.recorded_at,
                "seq": e.seq,
                "signer": e.event.signer,
                "type": e.event.type,
                "void": is_void(keys[e.log], e.event, e.index),
                "withheld": withheld(e),
            }
            for e in events
        ],
        "home": events[0].event.subject["home"],
        "id": item,
        "text": "\n".join([render_history(told), *(each["text"] for each in before)]),
    }
