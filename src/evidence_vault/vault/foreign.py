"""Another log as it lies whole under ``foreign/<sha256 of origin>/``, and the items taken over.

archive/foreign/<h>/log/checkpoint, log/tile/…   the log, as far as it was handed over
archive/foreign/<h>/records/<i>                  sealed record of entry i
archive/foreign/<h>/items/<ID>                   which entries were about an item then
control/foreign/<h>/headers/<i>                  age headers of entry i: deletable
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from evidence_vault.core.canonical import canonical, parse_canonical
from evidence_vault.core.checkpoint import OpenedCheckpoint, open_checkpoint
from evidence_vault.core.commit import Committed
from evidence_vault.core.event import ARRIVALS, Event, is_item_id, parse_entry
from evidence_vault.core.merkle import EMPTY_ROOT, Frontier, leaf_hash
from evidence_vault.core.note import VerifierKey
from evidence_vault.core.packs import parse_header_pack
from evidence_vault.core.tile_reader import TileReader
from evidence_vault.core.tiles import TILE_WIDTH
from evidence_vault.errors import AlreadyExists, FormatError, NotFound, VaultError
from evidence_vault.vault.countersigning import origin_hex
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.records import open_record

_SAYING = ("ingested", "described", "received-again")


class ForeignStore:
    """Where one other log lies in this vault."""

    def __init__(self, vault: Vault, origin: str) -> None:
        self._vault = vault
        self.base = f"foreign/{origin_hex(origin)}/"
        self.log = self.base + "log/"

    def checkpoint(self, keys: Sequence[VerifierKey]) -> OpenedCheckpoint | None:
        """The newest state that was handed over, its signatures checked; None before one."""
        try:
            note = self._read(self.log + "checkpoint")
        except NotFound:
            return None
        return open_checkpoint(note, keys)

    def root_at(self, opened: OpenedCheckpoint, size: int) -> bytes:
        """The root of the first ``size`` entries, from what is kept. Cost: those entries."""
        frontier, tiles = Frontier(), self.tiles(opened.checkpoint.size, opened.checkpoint.root)
        for number in range(-(-size // TILE_WIDTH)):
            entries = tiles.entries(number)[: size - number * TILE_WIDTH]
            frontier.extend(leaf_hash(entry) for entry in entries)
        return frontier.root() if size else EMPTY_ROOT

    def tiles(self, size: int, root: bytes) -> TileReader:
        return TileReader(size, root, lambda path: self._read(self.log + path))

    def keep_entry(self, index: int, record: bytes, headers: bytes) -> None:
        """Record and header pack of one entry; durable after both stores' ``flush``."""
        with contextlib.suppress(AlreadyExists):
            self._vault.archive.create(f"{self.base}records/{index}", record, durable=False)
        with contextlib.suppress(AlreadyExists):
            self._vault.control.create(f"{self.base}headers/{index}", headers, durable=False)

    def keep_places(self, item: str, indexes: Iterable[int]) -> None:
        with contextlib.suppress(AlreadyExists):
            data = canonical(sorted(indexes)) + b"\n"
            self._vault.archive.create(f"{self.base}items/{item}", data, durable=False)

    def places(self, item: str) -> list[int]:
        """Entries about an item when it was taken over; raises NotFound, FormatError."""
        if not is_item_id(item):
            raise NotFound(f"{item} is no item")
        value = parse_canonical(self._read(f"{self.base}items/{item}").removesuffix(b"\n"), item)
        if not isinstance(value, list) or not all(type(i) is int and i >= 0 for i in value):
            raise FormatError("the places of an item must be numbers")
        return value

    def committed(self, tiles: TileReader, index: int) -> Committed:
        """One entry with its record and headers."""
        group, place = divmod(index, TILE_WIDTH)
        record = self._read(f"{self.base}records/{index}")
        with self._vault.control.open(f"{self.base}headers/{index}") as stream:
            headers = parse_header_pack(stream.read(), index)
        return Committed(tiles.entries(group)[place], record, headers)

    def _read(self, key: str) -> bytes:
        return self._vault.log.read(self._vault.archive, key)


def foreign_events(
    vault: Vault,
    item: str,
    values: Mapping[str, Any],
    kinds: Collection[str] = (*_SAYING, *ARRIVALS),
) -> list[tuple[int, Event, dict[str, Any]]]:
    """(index, event, values) of what the log before says of an item that was taken over.

    ``values``: of its ``transfer-accepted`` event; ``kinds``: types that are looked for. Entries
    are authenticated by the root that it names. Empty where that log or its records can't be
    read: nothing is claimed then.
    """
    told = values.get("foreign")
    if told is None:
        return []
    store = ForeignStore(vault, told["origin"])
    found = []
    try:
        tiles = store.tiles(told["size"], bytes.fromhex(told["root"]))
        for index in store.places(item):
            committed = store.committed(tiles, index)
            event = parse_entry(committed.entry).event
            if event.type in kinds:
                record = open_record(vault, committed, event)
                found.append((index, event, {name: d.value for name, d in record.items()}))
    except VaultError:
        return []
    return found


def foreign_arrival(vault: Vault, item: str, values: Mapping[str, Any]) -> Event | None:
    """The event by which an item came into the log before; None where it can't be read."""
    found = (event for _, event, _ in foreign_events(vault, item, values))
    return next((event for event in found if event.type in ARRIVALS), None)


def foreign_values(vault: Vault, item: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """What the log before says of an item, newest value of each field."""
    merged: dict[str, Any] = {}
    for _, _, said in foreign_events(vault, item, values):
        merged.update(said)
    return merged
