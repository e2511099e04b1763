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


@pytest.mark.slow
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


@pytest.mark.slow
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


def test_a_locked_bucket_and_a_keepers_folder_restore_the_vault(
    world: World, buckets: tuple[str, str]
) -> None:
    """Everything of the vault is lost, and control/ is in other hands alone."""
    from evidence_vault.vault import keepers
    from evidence_vault.vault.keeping import keep
    from evidence_vault.vault.trusting import export_trust

    trust, folder, update = (world.base / name for name in ("known.json", "kept", "update"))
    with world.open() as vault:
        export_trust(vault, trust)
        replicas.add(vault, "bucket", buckets[0], "archive", "another city")
    place = keep(folder, [trust])["keeper"]
    with world.open() as vault:
        replicas.add(vault, "lawyer", place, "control", "in other hands")
    world.take_in(many=300)
    assert world.sync()["exit"] == 0
    with world.open() as vault:
        keepers.update(vault, "lawyer", update)
    assert keep(folder, [trust], update)["exit"] == 0
    assert world.sync()["exit"] == 0
    before = originals(world.vault)
    lose_everything(world)
    world.restore(buckets[0], control=str(folder))
    assert originals(world.base / "again") == before


def test_a_vault_on_s3_says_until_a_keeper_answered_that_nobody_keeps_control(
    s3_server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from evidence_vault.vault import keepers
    from evidence_vault.vault.creation import create_vault
    from evidence_vault.vault.keeping import keep
    from evidence_vault.vault.trusting import export_trust

    from .worlds import PASSPHRASE, opened

    for name, value in s3_server.write_profiles(tmp_path / "aws").items():
        monkeypatch.setenv(name, value)
    place = s3_server.place("archive")
    folder, trust = tmp_path / "vault", tmp_path / "known.json"
    create_vault(folder, org="House S", passphrase=PASSPHRASE, no_recovery=True, store=place)
    with contextlib.ExitStack() as stack:
        with opened(folder) as vault:
            for each in (vault.config.archive, vault.config.control):
                stack.callback(wipe, S3Client(parse_place(each)))
            export_trust(vault, trust)
            assert any("nobody else keeps" in each for each in replicas.notices(vault))
        key = keep(tmp_path / "kept", [trust])["keeper"]
        with opened(folder) as vault:
            replicas.add(vault, "lawyer", key, "control", "in other hands")
            keepers.update(vault, "lawyer", tmp_path / "update")
            assert replicas.keeper_notice(vault) is not None  # enrolled is not kept
        keep(tmp_path / "kept", [trust], tmp_path / "update", tmp_path / "answer")
        with opened(folder) as vault:
            assert keepers.acknowledge(vault, tmp_path / "answer")["exit"] == 0
            assert replicas.keeper_notice(vault) is None


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


@pytest.mark.slow
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
