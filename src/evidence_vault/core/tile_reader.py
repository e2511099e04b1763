"""Reading a tiled log: every hash and entry is authenticated against one (size, root).

The partial tiles of a size together give the root, so they are checked first. The hash of every
full tile stands in the tile one level up, so each further tile is checked by its parent. A proof
in a log of n entries needs O(log n) tiles, most of which stay cached between proofs.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace

from evidence_vault.core.merkle import (
    HASH_SIZE,
    MAX_TREE_SIZE,
    Frontier,
    Subtree,
    leaf_hash,
)
from evidence_vault.core.tiles import (
    ENTRIES,
    MAX_BUNDLE_SIZE,
    TILE_WIDTH,
    Tile,
    parse_entry_bundle,
    partial_width,
    tile_subtrees,
    tiles_of_size,
)
from evidence_vault.errors import FormatError, NotFound, ProofInvalid, UsageError

Fetch = Callable[[str], bytes]

_TILE_BITS = 8
_CACHED_TILES = 256  # 16 kB each with their inner hashes


class TileReader:
    """A ``merkle.HashReader`` over tile files.

    ``fetch`` takes a path below the log's prefix (``tile/0/000``) and returns the content. It
    raises ``NotFound`` when the store can say that the file is absent, and another
    ``VaultError`` when it cannot be read; both pass through. It should read no more than
    ``MAX_BUNDLE_SIZE`` bytes. Where a partial tile is absent its full tile will do.

    ``size`` and ``root`` come from a checkpoint that the caller has verified. Whatever a
    method returns belongs to that tree; content that does not raises ``ProofInvalid``. Nothing
    is fetched before the first question. Not safe for several threads at once.
    """

    def __init__(self, size: int, root: bytes, fetch: Fetch) -> None:
        if not 0 <= size <= MAX_TREE_SIZE or len(root) != HASH_SIZE:
            raise UsageError("a log state is a size from 0 to 2^63-1 and a 32-byte root")
        self._size = size
        self._root = root
        self._fetch = fetch
        self._edge: dict[int, list[bytes]] | None = None
        self._full: OrderedDict[tuple[int, int], list[bytes]] = OrderedDict()

    @property
    def size(self) -> int:
        """How many entries the tree has."""
        return self._size

    def __call__(self, subtrees: Sequence[Subtree], /) -> list[bytes]:
        """Hashes of complete subtrees (level, index) within the tree, in the order asked for."""
        result: list[bytes] = []
        for level, index in subtrees:
            if level < 0 or index < 0 or (index + 1) << level > self._size:
                raise UsageError(
                    f"subtree {index} of level {level} is not complete in {self._size} entries"
                )
            # Levels 8L to 8L+7 are inside the tiles of level L.
            tile_level, inner = divmod(level, _TILE_BITS)
            tile_index, place = divmod(index, TILE_WIDTH >> inner)
            hashes = self._subtrees(tile_level, tile_index)[inner]
            result.append(hashes[place * HASH_SIZE : (place + 1) * HASH_SIZE])
        return result

    def tile(self, level: int, index: int) -> bytes:
        """The content of a tile (level 0..63), as wide as it is in a log of this size."""
        if level < 0 or index < 0 or index << _TILE_BITS >= self._size >> (_TILE_BITS * level):
            raise UsageError(f"a log of {self._size} entries has no tile {index} at level {level}")
        return self._subtrees(level, index)[0]

    def entries(self, index: int) -> list[bytes]:
        """The up to 256 entries from ``index`` * 256, each checked against its leaf hash.

        Raises ``FormatError`` for a malformed bundle.
        """
        hashes = self.tile(0, index)
        width = len(hashes) // HASH_SIZE
        entries = self._fetch_bundle(Tile(ENTRIES, index, width))
        for place, entry in enumerate(entries):
            if leaf_hash(entry) != hashes[place * HASH_SIZE : (place + 1) * HASH_SIZE]:
                raise ProofInvalid(
                    f"entry {index * TILE_WIDTH + place} of the entry bundle differs from the "
                    "entry in the log",
                    code="E-TILE",
                )
        return entries

    def partial_tiles(self) -> list[bytes]:
        """The contents of ``tiles_of_size(size)``, from which a ``TileBuilder`` goes on."""
        edge = self._checked_edge()
        return [edge[tile.level][0] for tile in tiles_of_size(self._size)]

    def frontier(self) -> Frontier:
        """The right edge of the tree, from which a ``Frontier`` goes on."""
        return _edge_frontier(self._size, self._checked_edge())

    def earlier(self, size: int) -> Frontier:
        """The right edge of the tree as it was at an earlier size; O(log n) hashes.

        Raises ``UsageError`` for a size the tree has not reached.
        """
        if not 0 <= size <= self._size:
            raise UsageError(f"a log of {self._size} entries has no past state of {size} entries")
        covering, start = [], 0
        for level in reversed(range(size.bit_length())):
            if size >> level & 1:
                covering.append((level, start >> level))
                start += 1 << level
        return Frontier(size, self(covering) if covering else [])

    def _subtrees(self, level: int, index: int) -> list[bytes]:
        """``tile_subtrees`` of an authenticated tile; requires that the tree has this tile."""
        edge = self._checked_edge()
        if index == self._size >> (_TILE_BITS * (level + 1)):
            return edge[level]
        found = self._full.get((level, index))
        if found is None:
            found = self._checked_full(level, index)
            self._full[level, index] = found
            if len(self._full) > _CACHED_TILES:
                self._full.popitem(last=False)
        else:
            self._full.move_to_end((level, index))
        return found

    def _checked_full(self, level: int, index: int) -> list[bytes]:
        """Fetch a full tile and check it against the hash in its parent."""
        parent, place = divmod(index, TILE_WIDTH)
        hashes = self._subtrees(level + 1, parent)[0]
        expected = hashes[place * HASH_SIZE : (place + 1) * HASH_SIZE]
        tile = Tile(level, index, TILE_WIDTH)
        levels = tile_subtrees(self._fetch_tile(tile))
        if levels[_TILE_BITS] != expected:
            raise ProofInvalid(
                f"{tile.path} has the hash {levels[_TILE_BITS].hex()}, the log says "
                f"{expected.hex()}",
                code="E-TILE",
            )
        return levels

    def _checked_edge(self) -> dict[int, list[bytes]]:
        """The partial tiles by level, checked together against the root."""
        if self._edge is None:
            edge = {
                tile.level: tile_subtrees(self._fetch_tile(tile))
                for tile in tiles_of_size(self._size)
            }
            root = _edge_frontier(self._size, edge).root()
            if root != self._root:
                raise ProofInvalid(
                    f"the partial tiles for {self._size} entries give the root {root.hex()}, "
                    f"the checkpoint says {self._root.hex()}",
                    code="E-TILE",
                )
            self._edge = edge
        return self._edge

    def _fetch_tile(self, tile: Tile) -> bytes:
        data, found = self._fetch_either(tile)
        if len(data) != found.width * HASH_SIZE:
            raise ProofInvalid(
                f"{found.path} has {len(data)} bytes, not {found.width * HASH_SIZE}", code="E-TILE"
            )
        return data[: tile.width * HASH_SIZE]

    def _fetch_bundle(self, tile: Tile) -> list[bytes]:
        data, found = self._fetch_either(tile)
        if len(data) > MAX_BUNDLE_SIZE:
            raise FormatError(f"{found.path} is too long for 256 entries", code="E-ENTRY-BUNDLE")
        return parse_entry_bundle(data, found.width)[: tile.width]

    def _fetch_either(self, tile: Tile) -> tuple[bytes, Tile]:
        """The tile, or the full tile that has taken its place; and which of them it is."""
        try:
            return self._fetch(tile.path), tile
        except NotFound:
            full = replace(tile, width=TILE_WIDTH)
            if full == tile:
                raise
            try:
                return self._fetch(full.path), full
            except NotFound:
                pass
            raise


def _edge_frontier(size: int, edge: dict[int, list[bytes]]) -> Frontier:
    """The covering subtrees of ``size`` entries, largest first, from the partial tiles.

    A partial tile of width w holds exactly those of levels 8L to 8L+7: one for each 1 bit of w,
    the last hash of that inner level being the one.
    """
    hashes: list[bytes] = []
    for level in sorted(edge, reverse=True):
        width = partial_width(level, size)
        for inner in reversed(range(_TILE_BITS)):
            if width >> inner & 1:
                place = (width >> inner) - 1
                hashes.append(edge[level][inner][place * HASH_SIZE : (place + 1) * HASH_SIZE])
    return Frontier(size, hashes)
