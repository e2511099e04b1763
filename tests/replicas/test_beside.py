"""Proofs, foreign logs and copies for holds that lie beside the logs in a replica."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from evidence_vault.vault.holding import HoldRequest, place, release
from evidence_vault.vault.ingest import IngestRequest, ingest
from evidence_vault.vault.verifying_copies import verify

from .test_attacks import flip
from .worlds import World, opened


def held(root: Path) -> list[str]:
    return [p.name for p in sorted((root / "archive/holds").rglob("*")) if p.is_file()]


def hold(world: World, item: str) -> None:
    with world.open() as vault:
        place(vault, HoldRequest("a court asked", (item,), ("C-1",), by="d-1"))


def let_go(world: World, item: str) -> None:
    with world.open() as vault:
        release(vault, item, "the case ended", "d-1")


def test_copies_of_released_holds_go_from_replicas_and_never_come_back(world: World) -> None:
    disk, item = world.add(), world.items()[0]
    hold(world, item)
    world.synced()
    assert held(disk)
    stale = world.base / "stale"
    (disk / "archive/holds").rename(stale)
    world.synced()
    assert held(disk)
    let_go(world, item)
    assert world.synced()["destroyed"] == 1
    assert not held(disk)
    shutil.copytree(stale, disk / "archive/holds", dirs_exist_ok=True)
    with world.open() as vault:
        assert verify(vault, "usb-1")["exit"] == 10
    world.restore(disk)
    assert not held(world.base / "again")


def test_the_copies_of_a_hold_that_is_on_are_restored(world: World) -> None:
    disk, item = world.add(), world.items()[0]
    hold(world, item)
    world.synced()
    world.restore(disk)
    assert held(world.base / "again") == held(world.vault)


def beside(root: Path) -> list[Path]:
    evidence = root / "archive/evidence"
    return [p for p in sorted(evidence.rglob("*")) if p.is_file()]


@pytest.mark.parametrize("which", ["checkpoint", "cosignature"])
def test_junk_evidence_in_a_replica_is_found_and_mended(world: World, which: str) -> None:
    disk = world.add()
    world.synced()
    path = next(p for p in beside(disk) if (p.parent.name == "cosignatures") == (which[1] == "o"))
    path.write_bytes(b"junk")
    with world.open() as vault:
        assert [each["id"] for each in verify(vault, "usb-1")["damaged"]] == ["beside"]
    assert world.sync(whole=True)["exit"] == 10
    with world.open() as vault:
        assert verify(vault, "usb-1")["exit"] == 0


def test_deleted_evidence_in_a_replica_is_found(world: World) -> None:
    disk = world.add()
    world.synced()
    for path in beside(disk):
        path.unlink()
    with world.open() as vault:
        assert verify(vault, "usb-1")["exit"] == 10


def test_a_rotten_foreign_checkpoint_in_the_vault_replaces_no_good_one(world: World) -> None:
    from tests.replicas.test_tombstones import hand_over

    disk = world.add()
    name = "archive/foreign"
    with opened(world.partner) as vault:
        ingest(vault, IngestRequest([os.fsencode(world.base / "source/a.txt")], workers=1))
    hand_over(world, world.items()[0])
    world.sync()
    found = sorted((world.vault / name).rglob("checkpoint"))
    for path in found or sorted(p for p in (world.vault / name).rglob("*") if p.is_file()):
        twin = disk / path.relative_to(world.vault)
        good = twin.read_bytes()
        flip(path, 20)
        assert world.sync(whole=True)["exit"] == 10
        assert twin.read_bytes() == good


def test_tiles_and_bundles_of_an_archive_only_replica_are_looked_at(world: World) -> None:
    disk = world.add(part="archive")
    world.take_in(many=300)
    world.synced()
    with world.open() as vault:
        assert verify(vault, "usb-1")["exit"] == 0
    for name in ("tile/0/000", "tile/1/000.p", "tile/entries/001.p"):
        path = disk / "archive/log" / name
        if path.is_dir():
            path = max(path.iterdir(), key=lambda each: int(each.name))
        data = path.read_bytes()
        flip(path, 20)
        with world.open() as vault:
            assert verify(vault, "usb-1")["exit"] == 10, name
        path.write_bytes(data)


def test_a_junk_checkpoint_under_our_marker_is_mended(world: World) -> None:
    disk = world.add()
    world.synced()
    (disk / "archive/log/checkpoint").write_bytes(b"junk\n")
    assert world.sync(whole=True)["replicas"][0]["error"] is None
    with world.open() as vault:
        assert verify(vault, "usb-1")["exit"] == 0
