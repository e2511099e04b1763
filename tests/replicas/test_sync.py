"""Replicas added, synced, looked at, verified and retired."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from evidence_vault.errors import PolicyRefused, UsageError
from evidence_vault.vault import replicas
from evidence_vault.vault.checking import log_status
from evidence_vault.vault.rebuilding import rebuild
from evidence_vault.vault.verifying_copies import good_copy, good_file, good_header, verify

from .worlds import PASSPHRASE, World, files, opened, secret


def same(world: World, place: Path, *parts: str) -> None:
    """The replica holds the vault's own bytes; narrower tiles of earlier checkpoints may lack."""
    for part in parts or ("archive", "control"):
        ours, theirs = files(world.vault / part), files(place / part, ["replica.json"])
        assert {k: v for k, v in ours.items() if ".p/" not in k or k in theirs} == theirs


def test_synced_replica_holds_both_roots_byte_for_byte(world: World) -> None:
    place = world.add()
    assert world.synced()["objects"] == "3"
    same(world, place)
    assert world.status()["state"] == "current"
    with world.open() as vault:
        assert log_status(vault)["copies"] == 1


def test_only_what_is_new_is_copied(world: World) -> None:
    place = world.add()
    world.synced()
    world.take_in("d.bin")
    assert world.status()["state"] == "behind"
    row = world.synced()
    assert row["objects"] == "1"
    same(world, place)


def test_a_sync_with_nothing_to_do_writes_no_event(world: World) -> None:
    world.add()
    assert world.synced()["event"] is not None
    assert world.synced()["event"] is None


def test_commits_become_stubs_and_packs_arrive(world: World) -> None:
    place = world.add()
    world.synced()
    world.take_in(many=300)
    world.synced()
    same(world, place)
    world.take_in("last", many=300)
    world.synced()
    same(world, place)
    assert any(k.startswith("log/sealed/") for k in files(place / "archive"))
    with world.open() as vault:
        assert verify(vault, "usb-1")["damaged"] == []


@pytest.mark.parametrize("part", ["archive", "control"])
def test_a_replica_of_one_part(world: World, part: str) -> None:
    place = world.add(part=part)
    world.synced()
    world.take_in(many=300)
    world.synced()
    assert sorted(p.name for p in place.iterdir()) == [part]
    same(world, place, part)
    with world.open() as vault:
        result = verify(vault, "usb-1")
        assert result["damaged"] == []
        assert result["objects"] > 300
        assert replicas.copies_of(vault) == 0  # half a copy is none


def test_every_ingest_says_how_many_copies_there_are(world: World) -> None:
    first = world.take_in("d.bin")["notices"]
    assert any("this batch is on 1 copy" in n and "no replica" in n for n in first)
    world.add()
    world.synced()
    second = world.take_in("e.bin")["notices"]
    assert any("on 1 copy; replica usb-1 is behind" in n for n in second)
    assert not any("no replica" in n for n in second)


def test_age_is_told_in_days(world: World) -> None:
    world.add()
    world.synced()

    class Later:
        def now(self) -> str:
            return "2999-01-01T00:00:00Z"

    with world.open(Later()) as vault:
        row = replicas.status(vault)["replicas"][0]
        assert row["synced_days"] > 300_000
        assert row["verified_days"] is None


def test_catalogue_made_anew_knows_the_replicas(world: World) -> None:
    world.add()
    world.synced()
    with world.open() as vault:
        verify(vault, "usb-1")
    before = world.status()
    rebuild(world.vault, secret)
    assert world.status() == before
    assert before["verified_at"] is not None


def test_nothing_in_clear_names_the_place_or_the_replica(world: World) -> None:
    place = world.add("usb-quiet")
    world.sync()
    for root in (world.vault / "archive", world.vault / "control", place):
        for name, data in files(root).items():
            assert b"usb-quiet" not in data, name
            assert str(place).encode() not in data, name
            assert b"House V" not in data, name
    assert b"usb-quiet" not in (world.vault / "catalogue.db").read_bytes()


def test_a_settings_file_enrols_nothing(world: World) -> None:
    """What counts is the log: a copy that nobody enrolled is none."""
    place = world.add()
    world.synced()
    shutil.copytree(place, world.place("other"))
    with world.open() as vault:
        assert [each.replica.name for each in replicas.enrolled(vault)] == ["usb-1"]


def test_a_place_that_holds_something_is_refused(world: World) -> None:
    place = world.place("usb-1")
    (place / "archive").mkdir(parents=True)
    (place / "archive" / "holiday.jpg").write_bytes(b"x")
    with pytest.raises(UsageError) as refused:
        world.add()
    assert refused.value.code == "E-REPLICA-TAKEN"
    assert files(place) == {"archive/holiday.jpg": b"x"}


@pytest.mark.parametrize("where", ["vault/copy", "vault/archive/copy", "."])
def test_a_place_in_or_around_the_vault_is_refused(world: World, where: str) -> None:
    with pytest.raises(UsageError) as refused:
        world.add(place=world.base / where)
    assert refused.value.code == "E-REPLICA-INSIDE"


def test_a_name_or_place_twice_is_refused(world: World) -> None:
    place = world.add()
    with pytest.raises(UsageError, match="already"):
        world.add(place=world.place("other"))
    with pytest.raises(UsageError, match="already"):
        world.add("usb-2", place=place)


def test_a_retired_replica_is_left_alone_and_may_come_back(world: World) -> None:
    place = world.add()
    world.synced()
    with world.open() as vault:
        result = replicas.retire(vault, "usb-1", "lent to somebody")
        assert result["pending"] == 0
        assert replicas.enrolled(vault) == []
    before = files(place)
    world.take_in("d.bin")
    with pytest.raises(UsageError, match="no replica"):
        world.sync()
    assert files(place) == before
    world.add("usb-again", place=place)  # the same vault's copy: compared as a whole
    world.synced()
    same(world, place)


def test_an_unmounted_disk_is_not_written_to(world: World) -> None:
    place = world.add()
    world.synced()
    shutil.rmtree(place)
    place.mkdir()
    result = world.sync()
    assert result["exit"] == 12
    assert result["replicas"][0]["error"]["code"] == "E-REPLICA-ABSENT"
    assert list(place.iterdir()) == []
    assert world.status()["state"] == "absent"


def test_one_that_is_away_stops_no_other(world: World) -> None:
    world.add("usb-1")
    away = world.add("usb-2")
    world.sync()
    shutil.rmtree(away)
    world.take_in("d.bin")
    result = world.sync()
    assert result["exit"] == 3
    errors = {row["name"]: row["error"] for row in result["replicas"]}
    assert errors["usb-1"] is None
    assert errors["usb-2"]["code"] == "E-REPLICA-ABSENT"


def test_good_copies_are_handed_out_only_when_they_match(world: World) -> None:
    one = world.add("usb-1")
    world.add("usb-2")
    world.sync()
    with world.open() as vault:
        digest = next(iter(vault.archive.keys("objects/"))).rsplit("/", 1)[1]
        path = one / "archive" / "objects" / digest[:2] / digest
        data = path.read_bytes()
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        found = good_copy(vault, digest)
        assert found is not None
        name, stream = found
        with stream:
            assert (name, stream.read()) == ("usb-2", data)
        assert good_copy(vault, "0" * 64) is None
        commit = vault.log.commit(0)
        unit, header = next(iter(commit.entries[0].headers.items()))
        import hashlib

        digest = hashlib.sha256(header).hexdigest()
        assert good_header(vault, 0, 0, unit, digest) == ("usb-1", header)
        assert good_header(vault, 0, 0, unit, "0" * 64) is None
        key = vault.log.commit_key(0)
        right = (world.vault / "control" / key).read_bytes()
        assert good_file(vault, "control", key, right.__eq__) == ("usb-1", right)
        assert good_file(vault, "control", key, lambda data: False) is None


def test_a_succeeded_log_is_copied_whole_and_goes_on(world: World) -> None:
    from evidence_vault.vault.succession import succeed

    place = world.add()
    world.synced()
    succeed(world.vault, secret, world.recovery, "the old key was lost", "House V")
    world.take_in("d.bin")
    world.synced()
    same(world, place)
    with world.open() as vault:
        assert verify(vault, "usb-1")["damaged"] == []
    assert world.status()["state"] == "current"


def test_a_field_vault_keeps_none(world: World, tmp_path: Path) -> None:
    from evidence_vault.seal.keyring import Ed25519Signer, Keyring, Peer
    from evidence_vault.vault.checking import publish_and_sign
    from evidence_vault.vault.creation import begin_log, make_folder

    folder = tmp_path / "field-vault"
    with world.open() as vault:
        recipients, zero = vault.keyring.recipients, vault.entry_zero()
        peer = Peer("House V", zero.origin, tuple(zero.log_vkeys()))
    make_folder(folder, Keyring.station("field-1", "F", "FLD", recipients, peer), PASSPHRASE)
    with opened(folder) as vault:
        begin_log(vault, Ed25519Signer(bytes(range(32))), "f-1", None)
        publish_and_sign(vault)
    with opened(folder) as vault:
        with pytest.raises(PolicyRefused):
            replicas.add(vault, "usb-1", str(tmp_path / "x"), "both", "no")
        assert replicas.notices(vault) == []


def test_a_vault_without_encryption_is_copied_as_it_is(world: World, tmp_path: Path) -> None:
    from evidence_vault.vault.creation import create_vault
    from evidence_vault.vault.syncing import sync

    folder = tmp_path / "plain"
    create_vault(folder, org="P", passphrase="correct horse battery", plaintext=True)
    world.take_in("plain", many=300, folder=folder)
    with opened(folder) as vault:
        said = replicas.add(vault, "usb-1", str(tmp_path / "plain-copy"), "both", "copy")["notices"]
        assert any("NOT encrypted" in each for each in said)
        assert sync(vault, [])["exit"] == 0
    ours = files(folder / "control")
    assert any(key.startswith("disclosures/") for key in ours)
    theirs = files(tmp_path / "plain-copy" / "control", ["replica.json"])
    assert theirs == ours
    with opened(folder) as vault:
        assert verify(vault, "usb-1")["damaged"] == []
