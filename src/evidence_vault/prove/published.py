"""Fixity of what is published of a whole log: hash tiles, signed checkpoints, what lies beside.

Slices compare bundles and the lowest tiles with the commits; this compares every tile with the
one above it up to the root of the stored checkpoint, and signed states with the log.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from evidence_vault.core.checkpoint import Checkpoint, OpenedCheckpoint
from evidence_vault.core.merkle import HASH_SIZE, Frontier, edge_subtrees
from evidence_vault.core.tile_reader import TileReader
from evidence_vault.core.tiles import (
    ENTRIES,
    TILE_WIDTH,
    Tile,
    TileBuilder,
    new_tiles,
    parse_entry_bundle,
    parse_tile_path,
)
from evidence_vault.errors import FormatError, NotFound, StoreError, VaultError
from evidence_vault.ports import ObjectStore
from evidence_vault.prove import damage as codes
from evidence_vault.prove.damage import Damage


class PublishedFiles(Protocol):
    """One log as it is published (log/logstore.py)."""

    @property
    def archive(self) -> ObjectStore: ...

    @property
    def archive_prefix(self) -> str: ...

    @property
    def number(self) -> int: ...

    def tile(self, path: str) -> bytes: ...

    def tile_key(self, path: str) -> str: ...

    def evidence_key(self, size: int, name: str) -> str: ...

    def read(self, store: ObjectStore, key: str) -> bytes: ...


def check_tree(
    log: PublishedFiles, point: Checkpoint, leaves: Callable[[], Iterable[bytes]]
) -> Iterator[Damage]:
    """Every hash tile of the log at ``point``, from the root down.

    ``leaves``: the leaf hashes as another place knows them, joined, whole groups at a time; asked
    for only when something is wrong, to tell which tile it is.
    """
    reader = TileReader(point.size, point.root, log.tile)
    try:
        for group in range((point.size + TILE_WIDTH - 1) // TILE_WIDTH):
            reader.tile(0, group)
    except (VaultError, OSError) as error:
        if isinstance(error, (NotFound, FormatError)) or not isinstance(
            error, (StoreError, OSError)
        ):
            yield from _compare_all(log, point, leaves())
        else:
            yield from _unreadable(log, log.tile_key("tile"), error)


def _compare_all(
    log: PublishedFiles, point: Checkpoint, leaves: Iterable[bytes]
) -> Iterator[Damage]:
    """Each tile against the one that the leaf hashes give."""
    builder, frontier, found = TileBuilder(), Frontier(), []
    expected = {tile.path for tile in new_tiles(0, point.size)}
    for chunk in leaves:
        hashes = [chunk[i : i + HASH_SIZE] for i in range(0, len(chunk), HASH_SIZE)]
        frontier.extend(hashes)
        for tile, data in builder.extend(hashes):
            if tile.path in expected:
                found += list(_compare_tile(log, tile, data))
    if (frontier.size, frontier.root()) == (point.size, point.root):
        yield from found
        return
    said = "the tiles, the catalogue and the checkpoint disagree: run `evidence-vault log audit`"
    key = log.archive_prefix + "checkpoint"
    yield Damage(codes.CHECKPOINT_CHANGED, "published log", key, said, log.number)


def _compare_tile(log: PublishedFiles, tile: Tile, data: bytes) -> Iterator[Damage]:
    key, where = log.tile_key(tile.path), f"entries from {_first(tile)} on"
    try:
        if log.tile(tile.path) != data:
            said = "holds other hashes than the log gives"
            yield Damage(codes.TILE_CHANGED, where, key, said, log.number)
    except NotFound:
        if tile.width == TILE_WIDTH or not _full_is_there(log, tile):
            yield Damage(codes.TILE_MISSING, where, key, "tile missing", log.number)
    except (StoreError, OSError) as error:
        yield from _unreadable(log, key, error)


def _full_is_there(log: PublishedFiles, tile: Tile) -> bool:
    try:
        log.tile(Tile(tile.level, tile.index, TILE_WIDTH).path)
    except NotFound:
        return False
    return True


def _first(tile: Tile) -> int:
    return tile.index << 8 * (max(tile.level, 0) + 1)


def _last(tile: Tile) -> int:
    """How many entries there are at least in a log that has this tile."""
    return tile.index * TILE_WIDTH + tile.width << 8 * max(tile.level, 0)


def check_checkpoint(
    log: PublishedFiles, keep: Callable[[bytes], OpenedCheckpoint], note: bytes | None, entries: int
) -> tuple[Checkpoint | None, list[Damage]]:
    """The newest stored checkpoint: signed by the log, over no more than was committed."""
    key = log.archive_prefix + "checkpoint"

    def damage(code: str, said: str) -> list[Damage]:
        return [Damage(code, "published log", key, said, log.number)]

    if note is None:
        if not entries:
            return None, []
        return None, damage(codes.CHECKPOINT_MISSING, "the newest signed checkpoint is missing")
    try:
        point = keep(note).checkpoint
    except VaultError as error:
        return None, damage(codes.CHECKPOINT_CHANGED, error.message)
    if point.size > entries:
        said = f"covers {point.size} entries, the catalogue knows {entries}"
        return None, damage(codes.CHECKPOINT_CHANGED, said)
    return point, []


@dataclass(frozen=True)
class Beside:
    """What may lie in an archive beside tiles. ``proofs``: SHA-256 (hex) by key of evidence."""

    point: Checkpoint
    keep: Callable[[bytes], OpenedCheckpoint]
    proofs: Mapping[str, str]


def check_listed(log: PublishedFiles, keys: Iterable[str], beside: Beside) -> Iterator[Damage]:
    """Files of a listing that follow from the log or that it remembers: partial tiles of earlier
    checkpoints, signed states, proofs. What nothing is known of is left out."""
    point = beside.point
    reader = TileReader(point.size, point.root, log.tile)
    now = {log.tile_key(tile.path) for tile in new_tiles(0, point.size)} if point.size else set()
    evidence = log.evidence_key(0, "").removesuffix("0/")
    for key in keys:
        try:
            if key.startswith(log.archive_prefix + "tile/"):
                if key not in now:
                    yield from _check_partial(log, reader, key, point)
            elif key.startswith(evidence):
                yield from _check_evidence(log, reader, key, beside)
        except NotFound:
            continue  # gone between the listing and now: what must be there is looked for elsewhere
        except (StoreError, OSError) as error:
            yield from _unreadable(log, key, error)


def _check_partial(
    log: PublishedFiles, reader: TileReader, key: str, point: Checkpoint
) -> Iterator[Damage]:
    """A partial tile or bundle of an earlier checkpoint is the beginning of what came later."""
    where = "published log"
    try:
        tile = parse_tile_path(key.removeprefix(log.archive_prefix))
        if _last(tile) > point.size:
            return  # published, and not signed yet: the next checkpoint compares it and finishes
        data = log.tile(tile.path)
        if tile.level == ENTRIES:
            same = parse_entry_bundle(data, tile.width) == reader.entries(tile.index)[: tile.width]
        else:
            wanted = reader.tile(tile.level, tile.index)[: tile.width * HASH_SIZE]
            same = data == wanted and len(data) == tile.width * HASH_SIZE
    except StoreError:
        raise
    except VaultError as error:
        if error.code == "E-TILE":
            return  # the tile it would be compared with is damaged, which is said there
        same = False
    if not same:
        code = codes.BUNDLE_CHANGED if "/entries/" in key else codes.TILE_CHANGED
        said = "an earlier partial tile is not the beginning of the log"
        yield Damage(code, where, key, said, log.number)


def _check_evidence(
    log: PublishedFiles, reader: TileReader, key: str, beside: Beside
) -> Iterator[Damage]:
    data = log.read(log.archive, key)
    known = beside.proofs.get(key)
    if known is not None and hashlib.sha256(data).hexdigest() != known:
        said = "is not the proof that was checked and recorded"
        yield Damage(codes.EVIDENCE_CHANGED, "published log", key, said, log.number)
    if not key.endswith("/checkpoint"):
        return
    try:
        signed = beside.keep(data).checkpoint
        if signed.size > beside.point.size:
            return  # signed, and not stored yet: the next checkpoint finishes it
        if root_at(reader, signed.size) == signed.root:
            return
        said = "was signed over another log than the one here"
    except StoreError:
        raise
    except VaultError as error:
        if error.code == "E-TILE":
            return
        said = error.message
    yield Damage(codes.EVIDENCE_CHANGED, "published log", key, said, log.number)


def root_at(reader: TileReader, size: int) -> bytes:
    """The root of the first ``size`` entries (0 ≤ size ≤ that of the reader)."""
    return frontier_at(reader, size).root()


def frontier_at(reader: TileReader, size: int) -> Frontier:
    """The right edge of the tree of the first ``size`` entries."""
    return Frontier(size, reader(edge_subtrees(0, size)) if size else ())


def _unreadable(log: PublishedFiles, key: str, error: Exception) -> Iterator[Damage]:
    said = f"could not be checked: {error}"
    yield Damage(codes.UNREADABLE, "published log", key, said, log.number)
