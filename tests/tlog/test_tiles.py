"""Tiles and entry bundles: paths, writing what is new, and reading nothing unauthenticated."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evidence_vault.core.merkle import (
    EMPTY_ROOT,
    MemoryTree,
    check_consistency,
    check_inclusion,
    edge_subtrees,
    leaf_hash,
    prove_consistency,
    prove_inclusion,
    root_from_hashes,
)
from evidence_vault.core.tile_reader import TileReader
from evidence_vault.core.tiles import (
    ENTRIES,
    MAX_ENTRY_SIZE,
    BundleBuilder,
    Tile,
    TileBuilder,
    entries_path,
    format_entry_bundle,
    new_tiles,
    parse_entry_bundle,
    parse_tile_path,
    tile_path,
    tiles_of_size,
)
from evidence_vault.errors import FormatError, NotFound, ProofInvalid, UsageError

from . import oracle
from .logs import MemoryLog, entry, leaves

BIG = 70_000


@pytest.fixture(scope="module")
def big_log() -> tuple[MemoryLog, MemoryTree]:
    """A log grown in uneven batches, and the same tree in memory."""
    log, tree = MemoryLog(), MemoryTree()
    size = 0
    for batch in (1, 254, 1, 1, 443, 20_000, 44_836, 4_464):
        log.grow(entry(index) for index in range(size, size + batch))
        size += batch
    assert log.size == BIG
    for leaf in leaves(BIG):
        tree.append(leaf)
    return log, tree


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 0, 256), "tile/0/000"),
        (Tile(0, 999, 256), "tile/0/999"),
        (Tile(0, 1000, 256), "tile/0/x001/000"),
        (Tile(3, 1_234_067, 256), "tile/3/x001/x234/067"),
        (Tile(63, 7, 1), "tile/63/007.p/1"),
        (Tile(1, 273, 255), "tile/1/273.p/255"),
        (Tile(ENTRIES, 1_234_067, 112), "tile/entries/x001/x234/067.p/112"),
    ],
)
def test_paths_of_tiles(tile: Tile, path: str) -> None:
    assert tile.path == path
    assert parse_tile_path(path) == tile
    if tile.level == ENTRIES:
        assert entries_path(tile.index, tile.width) == path


@given(st.integers(ENTRIES, 63), st.integers(0, 2**55 - 1), st.integers(1, 256))
def test_every_path_is_read_back(level: int, index: int, width: int) -> None:
    assert parse_tile_path(tile_path(level, index, width)) == Tile(level, index, width)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "checkpoint",
        "tile/0/0",
        "tile/0/0000",
        "tile/0/x000/000",
        "tile/0/001/000",
        "tile/0/x001",
        "tile/00/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/data/000",
        "tile/0/000.p/0",
        "tile/0/000.p/01",
        "tile/0/000.p/256",
        "tile/0/000.p/999",
        "tile/0/000.p",
        "tile/0/000\n",
        "tile/0/000/",
        "/tile/0/000",
        "../tile/0/000",
        "tile/0/\u0660\u0660\u0660",
        "tile/0/" + "x999/" * 6 + "999",
        "tile/0/" + "x001/" * 30 + "000",
    ],
)
def test_a_path_written_otherwise_is_refused(path: str) -> None:
    with pytest.raises(FormatError) as caught:
        parse_tile_path(path)
    assert caught.value.code == "E-TILE-PATH"


@pytest.mark.parametrize(
    ("level", "index", "width"), [(-2, 0, 1), (64, 0, 1), (0, -1, 1), (0, 0, 0), (0, 0, 257)]
)
def test_a_tile_that_cannot_be_has_no_path(level: int, index: int, width: int) -> None:
    with pytest.raises(FormatError):
        tile_path(level, index, width)


def test_the_tiles_of_seventy_thousand_entries() -> None:
    tiles = new_tiles(0, BIG)
    for level, full, width in ((ENTRIES, 273, 112), (0, 273, 112), (1, 1, 17), (2, 0, 1)):
        here = [tile for tile in tiles if tile.level == level]
        assert [tile.width for tile in here] == [256] * full + [width]
        assert [tile.index for tile in here] == list(range(full + 1))
    assert max(tile.level for tile in tiles) == 2
    assert tiles_of_size(BIG) == [Tile(0, 273, 112), Tile(1, 1, 17), Tile(2, 0, 1)]


@given(st.lists(st.integers(0, 200_000), max_size=8))
def test_full_tiles_are_written_once_and_partial_ones_once_a_size(sizes: list[int]) -> None:
    written: list[Tile] = []
    before = 0
    for size in sorted(sizes):
        step = new_tiles(before, size)
        assert set(tiles_of_size(size)) <= {*written, *step}
        written += step
        before = size
    assert len(written) == len(set(written))
    full = {tile for tile in written if tile.width == 256}
    assert full == {tile for tile in new_tiles(0, before) if tile.width == 256}


@settings(max_examples=40)
@given(st.lists(st.integers(0, 700), max_size=5))
def test_builders_write_exactly_the_new_tiles(batches: list[int]) -> None:
    log = MemoryLog()
    for batch in batches:
        size = log.size
        paths = log.grow(entry(index) for index in range(size, size + batch))
        assert paths == [tile.path for tile in new_tiles(size, size + batch)]
    tree = MemoryTree(leaves(log.size))
    for path, data in log.files.items():
        tile = parse_tile_path(path)
        first = tile.index * 256
        if tile.level == ENTRIES:
            listed = [entry(index) for index in range(first, first + tile.width)]
            assert data == format_entry_bundle(listed)
            assert parse_entry_bundle(data, tile.width) == listed
        else:
            wanted = [(tile.level * 8, index) for index in range(first, first + tile.width)]
            assert data == b"".join(tree(wanted))


def test_a_builder_goes_on_from_stored_tiles() -> None:
    for size in (0, 1, 255, 256, 257, 700):
        log = MemoryLog()
        log.grow(map(entry, range(size)))
        reader = log.reader(size, root_from_hashes(leaves(size)))
        tiles = TileBuilder(size, reader.partial_tiles())
        partial = log.files.get(entries_path(size // 256, size % 256 or 256), b"")
        bundles = BundleBuilder(size, partial if size % 256 else b"")
        more = [entry(index) for index in range(size, size + 300)]
        resumed = bundles.extend(more) + tiles.extend(map(leaf_hash, more))
        assert tiles.size == bundles.size == size + 300
        log.grow(more)
        assert {tile.path: data for tile, data in resumed}.items() <= log.files.items()


@pytest.mark.parametrize(
    ("size", "tiles"),
    [(1, []), (0, [bytes(32)]), (256, [bytes(8192)]), (257, [bytes(32)]), (3, [bytes(95)])],
)
def test_a_builder_refuses_tiles_of_another_size(size: int, tiles: list[bytes]) -> None:
    with pytest.raises(FormatError):
        TileBuilder(size, tiles)


def test_a_bundle_builder_refuses_a_bundle_of_another_size() -> None:
    for size, bundle in ((1, b""), (0, b"\0\0"), (2, b"\0\0"), (257, b"\0\1"), (1, b"\0")):
        with pytest.raises(FormatError):
            BundleBuilder(size, bundle)


def test_an_entry_fits_its_length_field() -> None:
    biggest = bytes(MAX_ENTRY_SIZE)
    bundle = format_entry_bundle([biggest, b"", b"x"])
    assert bundle[:2] == b"\xff\xff"
    assert parse_entry_bundle(bundle, 3) == [biggest, b"", b"x"]
    with pytest.raises(FormatError) as caught:
        format_entry_bundle([biggest + b"\0"])
    assert caught.value.code == "E-ENTRY-SIZE"


def test_a_cut_or_lengthened_bundle_is_refused() -> None:
    bundle = format_entry_bundle([b"one", b"", b"three"])
    for bad in [bundle[:end] for end in range(len(bundle))] + [bundle + b"\0", bundle + b"\0\0"]:
        with pytest.raises(FormatError):
            parse_entry_bundle(bad, 3)
    for width in (0, 2, 4):
        with pytest.raises(FormatError):
            parse_entry_bundle(bundle, width)


@given(st.binary(max_size=40), st.integers(0, 20))
def test_whatever_bundle_parses_formats_back_to_the_same_bytes(data: bytes, width: int) -> None:
    try:
        entries = parse_entry_bundle(data, width)
    except FormatError:
        return
    assert format_entry_bundle(entries) == data


def test_every_size_is_read_from_tiles_as_from_memory() -> None:
    log, tree = MemoryLog(), MemoryTree()
    for size in range(1, 129):
        log.grow([entry(size - 1)])
        tree.append(leaf_hash(entry(size - 1)))
        reader = log.reader(size, oracle.mth(0, size))
        for index in range(size):
            assert prove_inclusion(index, size, reader) == oracle.path(index, 0, size)
        for old in range(1, size):
            assert prove_consistency(old, size, reader) == oracle.consistency(old, size)
        assert reader.frontier().hashes == tuple(tree(edge_subtrees(0, size)))
        assert reader.entries(0) == [entry(index) for index in range(size)]


def test_every_past_size_is_read_from_a_grown_log() -> None:
    log = MemoryLog()
    sizes = [1, 2, 200, 255, 256, 257, 300, 511, 512, 513, 700]
    for before, size in zip([0, *sizes], sizes, strict=False):
        log.grow(entry(index) for index in range(before, size))
    for size in sizes:
        reader = log.reader(size, oracle.mth(0, size))
        for index in {0, size // 2, size - 1}:
            assert prove_inclusion(index, size, reader) == oracle.path(index, 0, size)
        assert reader.frontier().root() == oracle.mth(0, size)


def test_a_full_tile_stands_in_for_its_absent_partial_one() -> None:
    log = MemoryLog()
    log.grow(map(entry, range(700)))  # no checkpoint between: no partial tile of 300 was written
    assert Tile(0, 1, 44).path not in log.files
    reader = log.reader(300, oracle.mth(0, 300))
    log.files[Tile(1, 0, 1).path] = log.files[Tile(1, 0, 2).path][:32]
    assert prove_inclusion(299, 300, reader) == oracle.path(299, 0, 300)
    assert reader.entries(1) == [entry(index) for index in range(256, 300)]


def test_an_absent_tile_is_said_to_be_absent() -> None:
    log = MemoryLog()
    log.grow(map(entry, range(300)))
    reader = log.reader(300, oracle.mth(0, 300))
    del log.files["tile/0/000"]
    with pytest.raises(NotFound, match="tile/0/000"):
        prove_inclusion(0, 300, reader)
    del log.files["tile/0/001.p/44"]
    with pytest.raises(NotFound, match=r"tile/0/001\.p/44"):
        log.reader(300, oracle.mth(0, 300)).frontier()


def test_a_big_log_is_read_with_few_tiles(big_log: tuple[MemoryLog, MemoryTree]) -> None:
    log, tree = big_log
    root = root_from_hashes(leaves(BIG))
    assert tree(edge_subtrees(0, BIG)) == list(log.reader(BIG, root).frontier().hashes)
    for index in (0, 255, 256, 61_234, 65_535, 65_536, BIG - 1):
        reader = log.reader(BIG, root)
        log.fetched.clear()
        proof = prove_inclusion(index, BIG, reader)
        assert proof == prove_inclusion(index, BIG, tree)
        check_inclusion(leaf_hash(entry(index)), index, BIG, root, proof)
        assert len(log.fetched) == len(set(log.fetched)) <= 5
    for old in (1, 256, 51_234, 65_536, BIG - 1):
        reader = log.reader(BIG, root)
        log.fetched.clear()
        proof = prove_consistency(old, BIG, reader)
        assert len(log.fetched) <= 8
        old_root = root_from_hashes(leaves(old))
        check_consistency(old, old_root, BIG, root, proof)


def damages(log: MemoryLog) -> Iterator[tuple[str, bytes]]:
    """Each hash tile and bundle with one bit flipped, cut, and lengthened."""
    for path, data in log.files.items():
        for place in (0, len(data) // 2, len(data) - 1):
            yield path, data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        yield path, data[:-1]
        yield path, data[:-32]
        yield path, data + bytes(32)
        yield path, b""


def test_no_hash_or_entry_is_returned_from_a_damaged_tile() -> None:
    size = 700
    log = MemoryLog()
    log.grow(map(entry, range(size)))
    root = oracle.mth(0, size)
    whole = dict(log.files)
    seen = 0
    for path, bad in damages(log):
        log.files = {**whole, path: bad}
        reader = log.reader(size, root)
        tile = parse_tile_path(path)
        with pytest.raises((ProofInvalid, FormatError)):
            if tile.level == ENTRIES:
                reader.entries(tile.index)
            else:
                reader.tile(tile.level, tile.index)
        seen += 1
    assert seen == 7 * (3 + 3 + 1)


def test_tiles_of_another_log_are_refused() -> None:
    log = MemoryLog()
    log.grow(map(entry, range(300)))
    with pytest.raises(ProofInvalid, match="partial tiles"):
        log.reader(300, oracle.mth(0, 299)).tile(0, 0)
    # The forger adapts everything but the root: a false full tile with its true parent.
    forged = MemoryLog()
    forged.grow([b"forged", *map(entry, range(1, 300))])
    log.files["tile/0/000"] = forged.files["tile/0/000"]
    with pytest.raises(ProofInvalid, match="tile/0/000"):
        prove_inclusion(5, 300, log.reader(300, oracle.mth(0, 300)))


def test_swapped_entries_are_refused() -> None:
    log = MemoryLog()
    log.grow(map(entry, range(10)))
    swapped = [entry(1), entry(0), *map(entry, range(2, 10))]
    log.files[entries_path(0, 10)] = format_entry_bundle(swapped)
    with pytest.raises(ProofInvalid, match="entry 0"):
        log.reader(10, oracle.mth(0, 10)).entries(0)


def test_nothing_outside_the_tree_can_be_asked_for() -> None:
    log = MemoryLog()
    log.grow(map(entry, range(300)))
    reader = log.reader(300, oracle.mth(0, 300))
    for subtree in ((0, 300), (8, 1), (-1, 0), (0, -1), (9, 0)):
        with pytest.raises(UsageError):
            reader([subtree])
    for level, index in ((0, 2), (1, 1), (2, 0), (-1, 0), (0, -1)):
        with pytest.raises(UsageError):
            reader.tile(level, index)
    with pytest.raises(UsageError):
        TileReader(-1, EMPTY_ROOT, log.fetch)


def test_the_edge_of_an_empty_log_needs_no_tile() -> None:
    log = MemoryLog()
    assert log.reader(0, EMPTY_ROOT).frontier().size == 0
    with pytest.raises(ProofInvalid):
        log.reader(0, oracle.mth(0, 1)).frontier()


def test_published_tiles_of_every_size_are_made_and_read(shared: Path) -> None:
    folder = shared / "conformance" / "tlog"
    described: dict[str, Any] = json.loads((folder / "tessera-log.json").read_text("utf-8"))
    entries = [text.encode() for text in described["leaves_in_order"]]
    with tarfile.open(folder / "tessera-log.tar.xz") as archive:
        files = {
            # Every member is a file.
            member.name: archive.extractfile(member).read()  # type: ignore[union-attr]
            for member in archive
            if member.isfile() and member.name.startswith("tile/")
        }
    assert len(files) == 30
    log = MemoryLog()
    for one in entries:
        log.grow([one])
    assert log.files == files
    published = MemoryLog()
    published.files = files
    for size in range(1, len(entries) + 1):
        root = root_from_hashes(map(leaf_hash, entries[:size]))
        reader = published.reader(size, root)
        assert reader.entries(0) == entries[:size]
        for index in range(size):
            proof = prove_inclusion(index, size, reader)
            check_inclusion(leaf_hash(entries[index]), index, size, root, proof)


def test_the_tiles_of_the_format_page() -> None:
    log = MemoryLog()
    log.grow(map(entry, range(7)))
    tile, bundle = log.files["tile/0/000.p/7"], log.files["tile/entries/000.p/7"]
    assert (len(tile), len(bundle)) == (224, 63)
    assert sha256(tile).hexdigest() == (
        "e99f493b599ba703533533aef52f8c7d065829a1ab763aac3f97a11854400cc9"
    )
    assert sha256(bundle).hexdigest() == (
        "0327f91917f94f5ad8edb07c834864a3926394c6f7e12cd5dbfc646403a2847b"
    )
