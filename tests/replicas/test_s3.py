"""Replicas in buckets of a real object gateway: the archive under a lock, control/ elsewhere."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.servers.fixtures import S3Server
from tests.store.buckets import make_bucket, wipe

from evidence_vault.errors import UsageError
from evidence_vault.store.s3client import S3Client
from evidence_vault.store.s3place import parse_place
from evidence_vault.vault import replicas
from evidence_vault.vault.replicaplaces import open_part
from evidence_vault.vault.verifying_copies import good_copy, verify

from .test_drill import lose_everything, originals
from .worlds import World


@pytest.fixture
def buckets(
    s3_server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[str, str]]:
    """Places for archive/ (locked) and control/, with credentials of their own."""
    for name, value in s3_server.write_profiles(tmp_path / "aws").items():
        monkeypatch.setenv(name, value)
    places = (
        s3_server.place("archive", lock="governance", days=1),
        s3_server.place("control", tls=True),
    )
    clients = [S3Client(parse_place(place)) for place in places]
    with contextlib.ExitStack() as stack:
        for client in clients:
            make_bucket(client)
            stack.callback(wipe, client)
        yield places


def enrol(world: World, places: tuple[str, str]) -> None:
    with world.open() as vault:
        replicas.add(vault, "bucket", places[0], "archive", "another city")
        replicas.add(vault, "headers", places[1], "control", "other credentials")


def test_buckets_hold_a_whole_copy_that_restores(world: World, buckets: tuple[str, str]) -> None:
    enrol(world, buckets)
    assert world.sync()["exit"] == 0
    world.take_in(many=300)
    assert world.sync()["exit"] == 0
    with world.open() as vault:
        for name in ("bucket", "headers"):
            assert verify(vault, name)["damaged"] == []
        digest = next(iter(vault.archive.keys("objects/"))).rsplit("/", 1)[1]
        found = good_copy(vault, digest)
        assert found is not None and found[0] == "bucket"
        found[1].close()
    before = originals(world.vault)
    lose_everything(world)
    world.restore(buckets[0], control=buckets[1])
    assert originals(world.base / "again") == before


def test_what_a_lock_holds_back_is_pending(world: World, buckets: tuple[str, str]) -> None:
    from .test_tombstones import hand_over

    enrol(world, buckets)
    world.sync()
    hand_over(world, world.items()[0])
    result = world.sync()
    rows = {row["name"]: row for row in result["replicas"]}
    assert rows["headers"]["pending"] == 0  # nobody reads it any more
    assert rows["bucket"]["pending"] == 1
    assert rows["bucket"]["findings"][0]["code"] == "E-REPLICA-LOCKED"


def test_a_bucket_that_keeps_versions_is_refused_for_control(
    world: World, buckets: tuple[str, str]
) -> None:
    plain = buckets[0].replace("&lock=governance", "").replace("lock=governance&", "")
    plain = plain.replace("&days=1", "").replace("days=1&", "")
    for place, part in ((plain, "control"), (buckets[0], "both"), (plain, "archive")):
        with world.open() as vault, pytest.raises(UsageError) as refused:
            replicas.add(vault, "bucket", place, part, "another city")
        assert refused.value.code == "E-S3-VERSIONED"


def test_bytes_laid_over_a_payload_are_damage_and_the_right_ones_come_to_lie_on_top(
    world: World, buckets: tuple[str, str]
) -> None:
    enrol(world, buckets)
    world.sync()
    archive = open_part(buckets[0], "archive", world.vault)
    key = next(iter(archive.keys("objects/")))
    archive.replace(key, b"laid over")
    with world.open() as vault:
        assert verify(vault, "bucket")["exit"] == 10
    world.sync("bucket", whole=True)
    with world.open() as vault:
        assert verify(vault, "bucket")["damaged"] == []


def test_a_released_copy_that_a_lock_keeps_is_pending_by_name(
    world: World, buckets: tuple[str, str]
) -> None:
    from .test_beside import hold, let_go

    enrol(world, buckets)
    item = world.items()[0]
    hold(world, item)
    assert world.sync()["exit"] == 0
    with world.open() as vault:
        assert verify(vault, "bucket")["exit"] == 0
    let_go(world, item)
    result = world.sync("bucket")
    (row,) = result["replicas"]
    assert (result["exit"], row["pending"]) == (10, 1)
    (found,) = row["findings"]
    assert (found["code"], item in found["where"]) == ("E-REPLICA-LOCKED", True)
