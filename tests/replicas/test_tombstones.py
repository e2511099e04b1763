"""What the log gave up is destroyed in every replica, by name pending until then."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from evidence_vault.errors import EvidenceError
from evidence_vault.vault import replicas
from evidence_vault.vault.accepting import AcceptRequest, accept
from evidence_vault.vault.acknowledging import acknowledge
from evidence_vault.vault.offering import OfferRequest, offer
from evidence_vault.vault.records import ingested_event, open_content
from evidence_vault.vault.verifying_copies import verify
from evidence_vault.vault.wiping import remove

from .test_attacks import held
from .test_kill import DESTROY, die
from .worlds import World, opened


def hand_over(world: World, *items: str) -> None:
    """Offered, accepted by the partner, acknowledged and removed here."""
    file, answer = world.base / "offer.tar", world.base / "answer.txt"
    with world.open() as vault:
        offer(vault, OfferRequest(file, list(items), by="c-1"))
    with opened(world.partner) as vault:
        accept(vault, AcceptRequest(file, answer, by="p-1"))
    with world.open() as vault:
        acknowledge(vault, answer, by="c-1")
        assert remove(vault, list(items), by="c-1")["removed"] == sorted(items)


def units_of(world: World, item: str) -> tuple[set[str], set[str]]:
    """(content and metadata units, objects) of an item's arrival."""
    with world.open() as vault:
        units = [u for u in ingested_event(vault, item).event.units if u.kind != "record"]
    return {u.id for u in units}, {digest for u in units for digest in u.objects}


def objects(place: Path) -> set[str]:
    return {path.name for path in (place / "archive/objects").rglob("*/*")}


@pytest.fixture
def removed(world: World) -> tuple[World, Path, str]:
    """A world whose first item was removed after the replica was synced."""
    item = world.items()[0]
    place = world.add()
    world.synced()
    hand_over(world, item)
    return world, place, item


def test_removed_here_is_pending_by_name_and_then_destroyed_there(
    removed: tuple[World, Path, str],
) -> None:
    world, place, item = removed
    units, digests = units_of(world, item)
    assert units <= held(place) and digests <= objects(place)
    assert world.status()["pending"] == 1
    with world.open() as vault:
        said = replicas.notices(vault)
    assert any("usb-1 has not confirmed 1 destructions" in each for each in said)
    row = world.synced()
    assert row["destroyed"] == 1
    assert not units & held(place) and not digests & objects(place)
    assert world.status()["pending"] == 0
    with world.open() as vault:
        assert verify(vault, "usb-1")["damaged"] == []


def test_headers_in_packs_are_destroyed_too(world: World) -> None:
    item = world.items()[0]
    world.take_in(many=300)
    place = world.add()
    world.synced()
    hand_over(world, item)
    units, _ = units_of(world, item)
    world.synced()
    assert not units & held(place)
    with world.open() as vault:
        assert verify(vault, "usb-1")["damaged"] == []


def test_a_replica_that_is_away_stays_pending(removed: tuple[World, Path, str]) -> None:
    world, place, _ = removed
    aside = world.place("aside")
    shutil.move(place, aside)
    assert world.sync()["replicas"][0]["pending"] == 1
    assert world.status()["pending"] == 1
    shutil.move(aside, place)
    assert world.synced()["pending"] == 0


def test_retiring_one_that_never_confirmed_is_said(removed: tuple[World, Path, str]) -> None:
    world, _, _ = removed
    with world.open() as vault:
        result = replicas.retire(vault, "usb-1", "the disk is lost")
    assert result["pending"] == 1
    assert any("never confirmed 1" in each for each in result["notices"])


@pytest.mark.sweep
@pytest.mark.parametrize("step", DESTROY)
def test_destroying_killed(removed: tuple[World, Path, str], step: str) -> None:
    world, place, item = removed
    units, digests = units_of(world, item)
    die(world, "sync", step)
    world.synced()
    assert not units & held(place) and not digests & objects(place)
    with world.open() as vault:
        assert verify(vault, "usb-1")["damaged"] == []


def test_a_replica_synced_only_afterwards_never_gets_the_headers(world: World) -> None:
    item = world.items()[0]
    units, digests = units_of(world, item)
    hand_over(world, item)
    place = world.add()
    world.synced()
    assert not units & held(place) and not digests & objects(place)


def test_tombstones_are_applied_before_anything_is_restored(
    removed: tuple[World, Path, str],
) -> None:
    """The replica's log knows the removal, but its headers are still (or again) there."""
    world, place, item = removed
    units, digests = units_of(world, item)
    before = {path: path.read_bytes() for path in (place / "control/commits").iterdir()}
    payloads = {p: p.read_bytes() for p in (place / "archive/objects").rglob("*/*")}
    world.synced()
    for path, data in {**before, **payloads}.items():  # somebody puts back what was destroyed
        path.write_bytes(data)
    assert units <= held(place)
    world.restore(place)
    again = world.base / "again"
    assert not units & held(again) and not digests & objects(again)
    with opened(again) as vault, pytest.raises(EvidenceError) as gone:
        open_content(vault, ingested_event(vault, item)).read()
    assert gone.value.code in ("E-HEADER-MISSING", "E-OBJECT-MISSING")


def test_headers_put_back_into_a_replica_go_at_the_next_whole_sync(
    removed: tuple[World, Path, str],
) -> None:
    world, place, item = removed
    units, _ = units_of(world, item)
    before = {path: path.read_bytes() for path in (place / "control/commits").iterdir()}
    world.synced()
    for path, data in before.items():
        path.write_bytes(data)
    world.synced(whole=True)
    assert not units & held(place)


def test_full_disk_is_said_and_gone_on_with(world: World) -> None:
    from evidence_vault.errors import StoreError
    from evidence_vault.store.filesystem import FilesystemStore

    place = world.add()
    real, left = FilesystemStore.create, [6]

    def full(self: FilesystemStore, key: str, data: bytes, durable: bool = True) -> None:
        if str(self.root).startswith(str(place)):
            left[0] -= 1
            if left[0] < 0:
                raise StoreError("the disk is full", code="E-DISK-FULL")
        real(self, key, data, durable)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FilesystemStore, "create", full)
        result = world.sync()
    assert result["exit"] == 12
    assert result["replicas"][0]["error"]["code"] == "E-DISK-FULL"
    world.synced()
    with world.open() as vault:
        assert verify(vault, "usb-1")["damaged"] == []
