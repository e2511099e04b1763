"""The log as static files (C2SP tlog-tiles v0.1.0): paths, tiles, entry bundles.

    tile/<L>/<N>[.p/<W>]          256 hashes of 32 bytes; W = 1..255 of them in a partial tile
    tile/entries/<N>[.p/<W>]      256 entries, each u16 length || bytes

Hash i of tile (L, N) covers the entries (N*256+i) * 256^L up to (N*256+i+1) * 256^L. The partial
tile of level L in a log of s entries has floor(s / 256^L) mod 256 hashes and is not stored when
that is 0. All files are immutable; a file at one path never has two contents.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from evidence_vault.core.merkle import HASH_SIZE, MAX_TREE_SIZE
from evidence_vault.errors import FormatError, InternalError

TILE_WIDTH = 256
FULL_TILE_SIZE = TILE_WIDTH * HASH_SIZE
MAX_LEVEL = 63
MAX_ENTRY_SIZE = 65_535
MAX_BUNDLE_SIZE = TILE_WIDTH * (2 + MAX_ENTRY_SIZE)
ENTRIES = -1  # the level of entry bundles, written "entries" in paths

_TILE_BITS = 8
_MAX_INDEX = MAX_TREE_SIZE >> _TILE_BITS
_PATH = re.compile(
    r"tile/(entries|0|[1-9][0-9]?)/((?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?"
)
_MAX_PATH_LENGTH = 64


@dataclass(frozen=True, slots=True)
class Tile:
    """Where a tile stands: level 0..63 or ``ENTRIES``, index from 0, width 1..256 (256 = full)."""

    level: int
    index: int
    width: int

    @property
    def path(self) -> str:
        """Below the log's prefix; raises ``FormatError`` for a tile that cannot be."""
        return tile_path(self.level, self.index, self.width)


def tile_path(level: int, index: int, width: int = TILE_WIDTH) -> str:
    """The path of a tile below the log's prefix; raises ``FormatError`` out of range.

    The index stands in groups of three digits, all but the last with an ``x`` before it:
    1234067 is ``x001/x234/067``.
    """
    if (
        not ENTRIES <= level <= MAX_LEVEL
        or not 0 <= index <= _MAX_INDEX
        or not 1 <= width <= TILE_WIDTH
    ):
        raise FormatError(
            f"no tile has level {level}, index {index} and width {width}", code="E-TILE-PATH"
        )
    groups = [f"{index % 1000:03d}"]
    while index := index // 1000:
        groups.append(f"x{index % 1000:03d}")
    named = "entries" if level == ENTRIES else str(level)
    partial = "" if width == TILE_WIDTH else f".p/{width}"
    return f"tile/{named}/{'/'.join(reversed(groups))}{partial}"


def entries_path(index: int, width: int = TILE_WIDTH) -> str:
    """The path of an entry bundle; ``index`` and ``width`` as for a tile of level 0."""
    return tile_path(ENTRIES, index, width)


def parse_tile_path(path: str) -> Tile:
    """Undo ``tile_path``; raises ``FormatError`` for anything it would not write."""
    match = _PATH.fullmatch(path) if len(path) <= _MAX_PATH_LENGTH else None
    if match is not None:
        named, digits, width = match.groups()
        tile = Tile(
            ENTRIES if named == "entries" else int(named),
            int(digits.replace("/", "").replace("x", "")),
            int(width) if width else TILE_WIDTH,
        )
        in_range = tile.level <= MAX_LEVEL and tile.index <= _MAX_INDEX
        if in_range and tile.width <= TILE_WIDTH and tile.path == path:
            return tile
    raise FormatError(f"{path[:_MAX_PATH_LENGTH]!r} is not the path of a tile", code="E-TILE-PATH")


def partial_width(level: int, size: int) -> int:
    """Width (0..255) of the partial tile at ``level`` (or of the partial bundle) for ``size``."""
    return (size >> (_TILE_BITS * max(level, 0))) & (TILE_WIDTH - 1)


def tiles_of_size(size: int) -> list[Tile]:
    """The partial tiles of a log of ``size`` entries, lowest level first; no bundle, no full tile.

    Together with the full tiles below them they hold the whole log; they alone give its root.
    """
    return [
        Tile(level, size >> (_TILE_BITS * (level + 1)), width)
        for level in range(MAX_LEVEL + 1)
        if size >> (_TILE_BITS * level) and (width := partial_width(level, size))
    ]


def new_tiles(old_size: int, new_size: int) -> list[Tile]:
    """What must be written when a log grows from ``old_size`` to ``new_size`` entries.

    Per level from ``ENTRIES`` upwards: the tiles that became full, each once, then the partial
    one if it is new or wider. Intermediate widths are not among them: they belong only to
    sizes that had a checkpoint. Requires old_size <= new_size.
    """
    if not 0 <= old_size <= new_size <= MAX_TREE_SIZE:
        raise InternalError(f"a log cannot grow from {old_size} to {new_size} entries")
    tiles: list[Tile] = []
    for level in range(ENTRIES, MAX_LEVEL + 1):
        shift = _TILE_BITS * max(level, 0)
        old, new = old_size >> shift, new_size >> shift
        if new == old:
            if level >= 0:
                break
            continue
        first, end = old >> _TILE_BITS, new >> _TILE_BITS
        tiles.extend(Tile(level, index, TILE_WIDTH) for index in range(first, end))
        if width := new & (TILE_WIDTH - 1):
            tiles.append(Tile(level, end, width))
    return tiles


def format_entry_bundle(entries: Iterable[bytes]) -> bytes:
    """u16 length || bytes for each entry. Bundles join: a bundle of more entries is a longer one.

    Raises ``FormatError`` for an entry above 65,535 bytes.
    """
    parts: list[bytes] = []
    for entry in entries:
        if len(entry) > MAX_ENTRY_SIZE:
            raise FormatError(
                f"an entry has at most {MAX_ENTRY_SIZE} bytes, this one has {len(entry)}",
                code="E-ENTRY-SIZE",
            )
        parts.append(len(entry).to_bytes(2, "big"))
        parts.append(entry)
    return b"".join(parts)


def parse_entry_bundle(data: bytes, width: int) -> list[bytes]:
    """The ``width`` entries of a bundle; raises ``FormatError`` if it holds fewer or more."""
    entries: list[bytes] = []
    position, end = 0, len(data)
    while position < end and len(entries) < width:
        start = position + 2
        position = start + int.from_bytes(data[position:start], "big")
        if position > end or start > end:
            break
        entries.append(data[start:position])
    if len(entries) != width or position != end:
        raise FormatError(
            f"the entry bundle does not hold exactly {width} entries", code="E-ENTRY-BUNDLE"
        )
    return entries


class TileBuilder:
    """Turns leaf hashes into tile files, starting from the partial tiles of any size.

    Holds at most one unfinished tile for each level. Feed it in batches as large as the
    results may be in memory (32 bytes for each entry).
    """

    def __init__(self, size: int = 0, partial_tiles: Sequence[bytes] = ()) -> None:
        """``partial_tiles``: contents of ``tiles_of_size(size)``, in that order.

        They are trusted: whoever read them from storage checks them first, as
        ``tile_reader.TileReader`` does.
        """
        expected = tiles_of_size(size)
        if [len(data) for data in partial_tiles] != [tile.width * HASH_SIZE for tile in expected]:
            raise FormatError(
                f"a log of {size} entries goes on from {len(expected)} partial tiles of "
                f"{[tile.width for tile in expected]} hashes",
                code="E-TILE",
            )
        self._size = size
        self._open: dict[int, bytes] = {
            tile.level: data for tile, data in zip(expected, partial_tiles, strict=True)
        }

    @property
    def size(self) -> int:
        """How many entries the tiles cover."""
        return self._size

    def extend(self, leaf_hashes: Iterable[bytes]) -> list[tuple[Tile, bytes]]:
        """Add leaf hashes; return the hash tiles of ``new_tiles(old, new)`` with their contents.

        In the order of ``new_tiles``. They may be written in any order, but all of them before
        the checkpoint of the new size.
        """
        old_size = self._size
        added = b"".join(leaf_hashes)
        if len(added) % HASH_SIZE:
            raise InternalError("a leaf hash has 32 bytes")
        self._size += len(added) // HASH_SIZE
        written: list[tuple[Tile, bytes]] = []
        level = 0
        while added:
            index = old_size >> (_TILE_BITS * (level + 1))
            data = self._open.pop(level, b"") + added
            full_end = len(data) - len(data) % FULL_TILE_SIZE
            parents: list[bytes] = []
            for start in range(0, full_end, FULL_TILE_SIZE):
                tile = data[start : start + FULL_TILE_SIZE]
                written.append((Tile(level, index, TILE_WIDTH), tile))
                parents.append(full_tile_root(tile))
                index += 1
            if rest := data[full_end:]:
                written.append((Tile(level, index, len(rest) // HASH_SIZE), rest))
                self._open[level] = rest
            added = b"".join(parents)
            level += 1
        return written


class BundleBuilder:
    """Turns entries into entry bundles, starting from the partial bundle of any size."""

    def __init__(self, size: int = 0, partial_bundle: bytes = b"") -> None:
        """``partial_bundle``: the bundle of the last ``size % 256`` entries, empty for 0."""
        parse_entry_bundle(partial_bundle, partial_width(ENTRIES, size))
        self._size = size
        self._partial = partial_bundle

    @property
    def size(self) -> int:
        """How many entries the bundles cover."""
        return self._size

    def extend(self, entries: Sequence[bytes]) -> list[tuple[Tile, bytes]]:
        """Add entries; return the bundles of ``new_tiles(old, new)`` with their contents."""
        written: list[tuple[Tile, bytes]] = []
        start = 0
        while start < len(entries):
            index, width = divmod(self._size, TILE_WIDTH)
            chunk = entries[start : start + TILE_WIDTH - width]
            data = self._partial + format_entry_bundle(chunk)
            width += len(chunk)
            written.append((Tile(ENTRIES, index, width), data))
            self._partial = data if width < TILE_WIDTH else b""
            self._size += len(chunk)
            start += len(chunk)
        return written


def full_tile_root(data: bytes) -> bytes:
    """The hash of a full tile (8,192 bytes): what stands for it one level up."""
    return tile_subtrees(data)[_TILE_BITS]


def tile_subtrees(data: bytes) -> list[bytes]:
    """All complete subtrees inside a tile: element k joins the hashes 2^k tile hashes cover.

    Nine elements; those beyond the width of a partial tile are empty.
    """
    levels = [data]
    for _ in range(_TILE_BITS):
        # node hash = SHA-256(0x01 || left || right), and left || right lie side by side
        data = b"".join(
            [
                sha256(b"\x01" + data[start : start + 64]).digest()
                for start in range(0, len(data) - 63, 64)
            ]
        )
        levels.append(data)
    return levels
