"""A vault that rotted or was changed never replaces what is good in its replica."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from evidence_vault.core.merkle import leaf_hash
from evidence_vault.core.packs import parse_header_pack
from evidence_vault.core.tiles import TILE_WIDTH, format_entry_bundle, parse_entry_bundle
from evidence_vault.errors import ProofInvalid
from evidence_vault.vault.verifying_copies import verify

from .test_attacks import flip, grown, held
from .worlds import World, files

BUNDLE, TILE = "archive/log/tile/entries/000", "archive/log/tile/0/000"


def change_entry(root: Path, index: int = 5) -> None:
    """Another entry in a bundle, and the tile that fits it."""
    entries = parse_entry_bundle((root / BUNDLE).read_bytes(), TILE_WIDTH)
    last = b"A" if entries[index][-15:-14] != b"A" else b"B"  # in its signature
    entries[index] = entries[index][:-15] + last + entries[index][-14:]
    (root / BUNDLE).write_bytes(format_entry_bundle(entries))
    (root / TILE).write_bytes(b"".join(map(leaf_hash, entries)))


@pytest.mark.parametrize("part", ["both", "control"])
def test_an_entry_changed_in_the_vaults_bundle_replaces_nothing(world: World, part: str) -> None:
    place = world.add(part=part)
    world.take_in(many=300)
    world.synced()
    before, markers = files(place), ("replica.json",)
    change_entry(world.vault)
    result = world.sync(whole=True)
    assert result["exit"] in (10, 11)
    after = files(place, markers)
    assert {k: v for k, v in before.items() if not k.endswith(markers)} == after
    if part == "both":
        assert result["replicas"][0]["error"]["code"] in ("E-BUNDLE-CHANGED", "E-COMMIT-ROOT")
        assert "fixity" in result["replicas"][0]["error"]["hint"] + "log audit fixity"


def test_a_bundle_changed_before_its_commits_are_emptied_empties_none(world: World) -> None:
    place = world.add()
    world.take_in("x.bin")
    world.synced()
    kept = held(place)
    world.take_in(many=300)
    change_entry(world.vault)
    assert world.sync()["exit"] in (10, 11)
    assert kept <= held(place)


@pytest.mark.parametrize("name", ["tile/0/001.p", "tile/entries/001.p", "tile/1/000.p"])
def test_a_partial_tile_that_rotted_in_the_vault_replaces_nothing(world: World, name: str) -> None:
    place = grown(world)
    folder = f"archive/log/{name}"
    widest = max((world.vault / folder).iterdir(), key=lambda path: int(path.name))
    before = files(place / "archive/log/tile")
    flip(widest, 20)
    with suppress(ProofInvalid):  # its own next checkpoint fails on its own tiles
        assert world.sync(whole=True)["exit"] == 10
    assert before.items() <= files(place / "archive/log/tile").items()


def test_what_rotted_on_both_sides_is_not_said_to_be_right(world: World) -> None:
    place = grown(world)
    flip(world.vault / TILE, 40)
    flip(place / TILE, 41)
    assert world.sync(whole=True)["exit"] == 10
    with world.open() as vault:
        assert verify(vault, "usb-1")["exit"] == 0  # made anew from the commits
    assert parse_header_pack((place / "control/headers/0").read_bytes(), 0)
