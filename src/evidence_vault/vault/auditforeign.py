"""What this vault keeps of other logs, read again: bytes that rot there are named by the audit.

A log that was handed over is authenticated by its signed state; what lies beside it by its entries.
Headers that were deleted are no finding: erasing does that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from functools import partial

from evidence_vault.core.commit import Committed
from evidence_vault.core.event import parse_entry
from evidence_vault.core.note import VerifierKey
from evidence_vault.core.tile_reader import TileReader
from evidence_vault.core.tiles import TILE_WIDTH
from evidence_vault.errors import EvidenceError, NotFound, VaultError
from evidence_vault.vault.anchoring import foreign_key
from evidence_vault.vault.foreign import ForeignStore
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.policies import known_peers, log_keys

CODE = "E-FOREIGN"


def foreign_findings(vault: Vault) -> list[tuple[str, str]]:
    """(key, what is wrong) of what is kept of the logs of pinned vaults. Lists the store.

    Cost: those logs whole, as they lie here.
    """
    found: list[tuple[str, str]] = []
    try:
        peers = known_peers(vault)
    except VaultError as error:
        found.append(("trust document", f"{error.message} ({error.code}): put it back from a copy"))
        peers = vault.keyring.peers
    for peer in peers:
        store = ForeignStore(vault, peer.origin)
        keys = log_keys(peer)
        for key, check in _checks(vault, store, peer.origin, keys):
            try:
                check()
            except NotFound:
                found.append((key, "it is missing, or something that belongs to it is"))
            except VaultError as error:
                found.append((key, f"{error.message} ({error.code})"))
    return found


Check = Callable[[], object]


def _checks(
    vault: Vault, store: ForeignStore, origin: str, keys: tuple[VerifierKey, ...]
) -> Iterator[tuple[str, Check]]:
    """Each kept object, with what reads it and raises VaultError where it is not right."""
    tiles: TileReader | None = None
    names = sorted(vault.archive.keys(store.base))
    if store.log + "checkpoint" in names:
        yield store.log + "checkpoint", lambda: store.checkpoint(keys)
        try:
            opened = store.checkpoint(keys)
        except VaultError:
            opened = None
        if opened is not None:
            point = opened.checkpoint
            tiles = store.tiles(point.size, point.root)
            yield store.log, lambda: _whole(store.tiles(point.size, point.root), point.size)
    for key in names:
        kind, _, name = key.removeprefix(store.base).partition("/")
        if kind.isdigit():
            yield key, partial(_note, vault, key, origin, int(kind))
        elif kind == "items" and tiles is not None:
            yield key, partial(_places, store, name, tiles)
        elif kind == "records" and tiles is not None and name.isdigit():
            yield key, partial(_entry, store, int(name), tiles)


def _whole(tiles: TileReader, size: int) -> None:
    for number in range(-(-size // TILE_WIDTH)):
        tiles.entries(number)
    tiles.frontier()


def _note(vault: Vault, key: str, origin: str, size: int) -> None:
    """By its name alone: what speaks against another log is kept, too, whoever signed it."""
    note = vault.log.read(vault.archive, key)
    if key != foreign_key(origin, size, hashlib.sha256(note).hexdigest()):
        raise EvidenceError("it is not what its name says", code=CODE)


def _places(store: ForeignStore, item: str, tiles: TileReader) -> None:
    for index in store.places(item):
        event = parse_entry(_raw(tiles, index)).event
        if event.subject["kind"] != "set" and event.subject.get("id") != item:
            raise EvidenceError(f"entry {index} is not about this item", code=CODE)


def _raw(tiles: TileReader, index: int) -> bytes:
    group, place = divmod(index, TILE_WIDTH)
    entries = tiles.entries(group)
    if place >= len(entries):
        raise EvidenceError(f"the log kept here has no entry {index}", code=CODE)
    return entries[place]


def _entry(store: ForeignStore, index: int, tiles: TileReader) -> None:
    try:
        kept = store.committed(tiles, index)
    except NotFound:  # its headers were erased
        return
    _compare(kept, index)


def _compare(kept: Committed, index: int) -> None:
    for unit in parse_entry(kept.entry).event.units:
        header = kept.headers.get(unit.id)
        if header is not None and hashlib.sha256(header).hexdigest() != unit.header:
            raise EvidenceError(f"a header of entry {index} was changed", code=CODE)
        if unit.kind == "record" and hashlib.sha256(kept.record).hexdigest() not in unit.objects:
            raise EvidenceError(f"the record of entry {index} was changed", code=CODE)
