"""Publishing: from commits to tiles, entry bundles and packs (step 7 of the write order).

Everything published is create-only and follows from the commits, so a crash at any point is
mended by publishing again: an object that is there already must hold the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from evidence_vault.core.commit import Committed
from evidence_vault.core.merkle import Frontier, leaf_hash
from evidence_vault.core.packs import format_header_pack, format_sealed_pack, parse_header_pack
from evidence_vault.core.tile_reader import TileReader
from evidence_vault.core.tiles import (
    TILE_WIDTH,
    BundleBuilder,
    Tile,
    TileBuilder,
    new_tiles,
)
from evidence_vault.errors import AlreadyExists, FormatError, LogInconsistent, NotFound
from evidence_vault.log.logstore import LogStore
from evidence_vault.ports import ObjectStore

_CHUNK = 16 * TILE_WIDTH
_SECTOR = 512


def publish(
    log: LogStore,
    published: int,
    published_root: bytes,
    size: int,
    root: bytes,
    commit_start: int,
    demand_held: Callable[[], None] = lambda: None,
) -> None:
    """Publish entries ``published`` ≤ i < ``size``.

    (``published``, ``published_root``) is the state of the stored checkpoint, (``size``,
    ``root``) the committed state. ``commit_start``: start of the commit that holds the first
    entry of the group of ``published``. Durable on return; everything written was read back,
    and the new tiles lead to ``root``. ``demand_held`` raises when the writer lock is lost: asked
    around each header pack, so that nobody brings back what was destroyed meanwhile.
    """
    first = published - published % TILE_WIDTH
    before = TileReader(published, published_root, log.tile)
    tiles = TileBuilder(published, before.partial_tiles() if published else ())
    # From the commits, not from the partial bundle that is published: what rots there must not
    # come into the next one, and then outlive the commits.
    bundles = BundleBuilder(first)
    written: list[tuple[ObjectStore, str, bytes]] = []
    for start, chunk in _chunks(log, commit_start, first, size):
        fresh = chunk[max(0, published - start) :]
        new = tiles.extend([leaf_hash(c.entry) for c in fresh])
        new += bundles.extend([c.entry for c in chunk])
        for tile, data in new:
            if tile.width == TILE_WIDTH or _is_last(tile, size):
                written.append((log.archive, log.tile_key(tile.path), data))
        for offset in range(0, len(chunk) - TILE_WIDTH + 1, TILE_WIDTH):
            group = (start + offset) // TILE_WIDTH
            written += _packs(log, group, chunk[offset : offset + TILE_WIDTH])
        for store, key, data in written:
            if key.startswith(log.control_prefix + "headers/"):
                _create_headers(log, key, data, demand_held)
            elif not _create_or_compare(store, key, data):
                # By a run that ended, perhaps before it was durable.
                store.settle(key)
        written = _read_back(written)
    log.archive.flush()
    log.control.flush()
    if TileReader(size, root, log.tile).frontier().root() != root:
        raise LogInconsistent("the tiles lead to another root than the commits", code="E-TILE")


def publish_again(log: LogStore, size: int, root: bytes) -> list[str]:
    """Make anew what is missing of the tiles and entry bundles of a log of ``size`` entries.

    Only what follows from the commits: nothing is written unless they lead to ``root`` (else
    LogInconsistent), and nothing that is there is touched. Returns the keys made, in order.
    Raises NotFound where entries of an emptied commit are lost themselves.
    """
    missing = {log.tile_key(t.path) for t in new_tiles(0, size)}
    missing = {key for key in missing if not _is_there(log.archive, key)}
    if not missing:
        return []
    frontier = Frontier()
    for entries in _entries(log, size):
        frontier.extend(leaf_hash(entry) for entry in entries)
    if (frontier.size, frontier.root()) != (size, root):
        raise LogInconsistent("the commits lead to another root than the checkpoint", code="E-FORK")
    tiles, bundles = TileBuilder(), BundleBuilder()
    written: list[tuple[ObjectStore, str, bytes]] = []
    for entries in _entries(log, size):
        new = tiles.extend([leaf_hash(entry) for entry in entries]) + bundles.extend(entries)
        for tile, data in new:
            key = log.tile_key(tile.path)
            if key in missing:
                log.archive.create(key, data, durable=False)
                written.append((log.archive, key, data))
    log.archive.flush()
    _read_back(written)
    return sorted(key for _, key, _ in written)


def publish_copy(
    archive: ObjectStore, prefix: str, bundles: Iterable[list[bytes]], size: int
) -> None:
    """Store another log's first ``size`` entries as tiles and bundles under ``prefix``.

    ``bundles``: its entries, some at a time, already checked. Durable on return. Raises
    LogInconsistent where something else lies there.
    """
    tiles, builder = TileBuilder(), BundleBuilder()
    for entries in bundles:
        new = tiles.extend([leaf_hash(entry) for entry in entries]) + builder.extend(entries)
        for tile, data in new:
            if tile.width == TILE_WIDTH or _is_last(tile, size):
                _create_or_compare(archive, prefix + tile.path, data)
    archive.flush()


def _entries(log: LogStore, size: int) -> Iterator[list[bytes]]:
    """The first ``size`` entries, some at a time."""
    for commit in log.commits(0):
        contents = log.contents(commit)[: max(0, size - commit.start)]
        yield [committed.entry for committed in contents]
        if commit.end >= size:
            return


def _is_there(store: ObjectStore, key: str) -> bool:
    try:
        store.open(key).close()
    except NotFound:
        return False
    return True


def _chunks(
    log: LogStore, commit_start: int, first: int, size: int
) -> Iterator[tuple[int, list[Committed]]]:
    """(index of its first entry, entries) in pieces of whole groups but for the last."""
    pending: list[Committed] = []
    start = first
    for commit in log.commits(commit_start):
        contents = log.contents(commit)
        if commit.start < first:
            contents = contents[first - commit.start :]
        pending += contents
        while len(pending) >= _CHUNK:
            yield start, pending[:_CHUNK]
            del pending[:_CHUNK]
            start += _CHUNK
        if commit.end >= size:
            break
    if start + len(pending) != size:
        raise LogInconsistent(
            f"commits end at entry {start + len(pending)}, expected {size}",
            code="E-COMMIT-MISSING",
            hint="run `evidence-vault log audit`",
        )
    if pending:
        yield start, pending


def _packs(
    log: LogStore, group: int, entries: list[Committed]
) -> list[tuple[ObjectStore, str, bytes]]:
    store, key = log.records(group)
    packs = [(store, key, format_sealed_pack(group, [c.record for c in entries]))]
    if not log.plaintext:
        headers = {unit: header for c in entries for unit, header in c.headers.items()}
        packs.append((log.control, log.headers_key(group), format_header_pack(group, headers)))
    return packs


def _create_headers(log: LogStore, key: str, data: bytes, demand_held: Callable[[], None]) -> None:
    """Create a header pack, or leave in one that is there only what the commits hold still.

    Whoever lost the lock may have made one with headers that were destroyed since.
    """
    demand_held()
    try:
        if not _create_or_compare(log.control, key, data):
            log.control.settle(key)
    except LogInconsistent:
        demand_held()
        there = log.read(log.control, key)
        if not _has_more(there, data, int(key.rsplit("/", 1)[1])):
            raise
        log.control.exchange(key, data, there)
    demand_held()


def _has_more(there: bytes, data: bytes, group: int) -> bool:
    """Whether a pack holds every header of another, and others besides."""
    try:
        more, fewer = parse_header_pack(there, group), parse_header_pack(data, group)
    except FormatError:
        return False
    return fewer.items() <= more.items()


def _is_last(tile: Tile, size: int) -> bool:
    shift = 8 * max(tile.level, 0)
    covered = size >> shift
    return tile.index == covered // TILE_WIDTH and tile.width == covered % TILE_WIDTH


def _create_or_compare(store: ObjectStore, key: str, data: bytes) -> bool:
    """False when it was there already, with the same bytes; what a power cut tore is replaced."""
    try:
        store.create(key, data, durable=False)
    except AlreadyExists:
        with store.open(key) as stream:
            there = stream.read()
        if there == data:
            return False
        if not _is_torn(there, data):
            raise LogInconsistent(
                f"{key} is stored with other bytes than the commits give",
                code="E-TILE-DIFFERS",
                hint="do not sign; compare with a replica or a partner's copy",
            ) from None
        store.replace(key, data)
    return True


def _is_torn(there: bytes, data: bytes) -> bool:
    """What a power cut leaves of a write: parts of it, zeros, nothing; never another history.

    No signature covers it yet: a checkpoint is signed after all it covers was flushed.
    """
    if len(there) > len(data):
        return False
    for at in range(0, len(there), _SECTOR):
        piece = there[at : at + _SECTOR]
        kept = len(piece.rstrip(b"\0"))
        if piece[:kept] != data[at : at + kept]:
            return False
    return True


def _read_back(
    written: list[tuple[ObjectStore, str, bytes]],
) -> list[tuple[ObjectStore, str, bytes]]:
    for store, key, data in written:
        with store.open(key) as stream:
            if stream.read() != data:
                raise LogInconsistent(f"{key} was not stored as written", code="E-READ-BACK")
    return []
