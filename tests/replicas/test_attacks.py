"""Replicas damaged, cut, swapped, rolled back or lying; and sources that lost bytes."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from evidence_vault.core.commit import Commit, format_commit, parse_commit
from evidence_vault.core.packs import format_header_pack, parse_header_pack
from evidence_vault.errors import LogInconsistent
from evidence_vault.vault.verifying_copies import verify

from .worlds import World, files


def flip(path: Path, offset: int = -1) -> None:
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.write_bytes(bytes(data))


def other_mac(marker: bytes) -> bytes:
    """A marker as somebody writes it who does not have the vault's keyring."""
    return re.sub(rb'"mac":"[0-9a-f]{64}"', b'"mac":"%s"' % (b"0" * 64), marker)


def first(place: Path, prefix: str) -> Path:
    return next(path for path in sorted((place / prefix).rglob("*")) if path.is_file())


KINDS: dict[str, Callable[[Path], Path]] = {
    "payload": lambda place: first(place, "archive/objects"),
    "tile": lambda place: place / "archive/log/tile/0/000",
    "bundle": lambda place: place / "archive/log/tile/entries/000",
    "sealed pack": lambda place: place / "archive/log/sealed/0",
    "checkpoint": lambda place: place / "archive/log/checkpoint",
    "header pack": lambda place: place / "control/headers/0",
    "commit": lambda place: max(
        (place / "control/commits").iterdir(), key=lambda p: p.stat().st_size
    ),
}


def grown(world: World) -> Path:
    place = world.add()
    world.take_in(many=300)
    world.synced()
    return place


def findings(world: World) -> list[dict[str, str]]:
    with world.open() as vault:
        result = verify(vault, "usb-1")
    assert result["exit"] == 10
    found: list[dict[str, str]] = result["damaged"]
    return found


@pytest.mark.sweep
@pytest.mark.parametrize("kind", KINDS)
def test_a_flipped_bit_is_found_by_verify_and_mended_by_a_whole_sync(
    world: World, kind: str
) -> None:
    place = grown(world)
    flip(KINDS[kind](place))
    assert findings(world)
    assert world.status()["damaged"] >= 1
    world.sync(whole=True)
    with world.open() as vault:
        assert verify(vault, "usb-1")["damaged"] == []
    assert world.status()["damaged"] == 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_object_is_found_by_verify_and_mended_by_a_whole_sync(
    world: World, kind: str
) -> None:
    place = grown(world)
    KINDS[kind](place).unlink()
    assert findings(world)
    world.sync(whole=True)
    with world.open() as vault:
        assert verify(vault, "usb-1")["damaged"] == []


def test_a_swapped_header_is_found(world: World) -> None:
    place = grown(world)
    path = place / "control/headers/0"
    pack = parse_header_pack(path.read_bytes(), 0)
    units = sorted(pack)
    pack[units[0]], pack[units[1]] = pack[units[1]], pack[units[0]]
    path.write_bytes(format_header_pack(0, pack))
    changed = {each["object"] for each in findings(world) if each["finding"] == "header changed"}
    assert changed == {units[0], units[1]}


def test_verify_of_a_sample_records_no_whole_verification(world: World) -> None:
    grown(world)
    with world.open() as vault:
        assert verify(vault, "usb-1", sample=2)["damaged"] == []
    assert world.status()["verified_at"] is None


# -- what lies there is another copy ---------------------------------------------------------------


def test_two_vaults_replicas_mixed_up_are_told_and_not_touched(world: World) -> None:
    from evidence_vault.vault import replicas
    from evidence_vault.vault.syncing import sync

    from .worlds import opened

    ours, theirs = world.add(), world.place("theirs")
    world.synced()
    with opened(world.partner) as vault:
        replicas.add(vault, "usb-1", str(theirs), "both", "a copy")
        assert sync(vault, [])["exit"] == 0
    shutil.move(ours, world.place("aside"))
    shutil.move(theirs, ours)
    before = files(ours)
    result = world.sync()
    assert result["exit"] == 10
    assert result["replicas"][0]["error"]["code"] == "E-REPLICA-FOREIGN"
    assert files(ours) == before
    assert world.status()["state"] == "foreign"


def test_two_replicas_of_one_vault_swapped_are_told(world: World) -> None:
    one, two = world.add("usb-1"), world.add("usb-2")
    world.sync()
    shutil.move(one, world.place("aside"))
    shutil.move(two, one)
    assert world.sync("usb-1")["replicas"][0]["error"]["code"] == "E-REPLICA-FOREIGN"


def test_a_forged_marker_is_no_word_on_what_is_there(world: World) -> None:
    """Somebody says that a cut replica is whole: its MAC is wrong, so everything is compared."""
    place = world.add()
    fresh = world.place("fresh")
    shutil.copytree(place, fresh)
    world.synced()
    whole = (place / "control/replica.json").read_bytes()
    shutil.rmtree(place)
    shutil.move(fresh, place)
    for part in ("archive", "control"):
        text = whole.replace(b'"part":"control"', b'"part":"%s"' % part.encode())
        (place / part / "replica.json").write_bytes(other_mac(text))
    world.sync()
    with world.open() as vault:
        assert verify(vault, "usb-1")["damaged"] == []


# -- older, cut, ahead, forked ---------------------------------------------------------------------


def test_an_old_image_of_the_disk_put_back_is_brought_up_again(world: World) -> None:
    place = world.add()
    world.synced()
    shutil.copytree(place, world.place("image"))
    world.take_in("d.bin")
    world.synced()
    shutil.rmtree(place)
    shutil.move(world.place("image"), place)
    assert world.status()["state"] == "behind"
    world.synced()
    with world.open() as vault:
        assert verify(vault, "usb-1")["damaged"] == []


def test_a_replica_that_lies_about_a_truncated_log_is_noticed(world: World) -> None:
    place = world.add()
    world.synced()
    last = max((place / "control/commits").iterdir(), key=lambda p: int(p.name))
    last.unlink()
    assert findings(world)
    result = world.sync()
    assert result["exit"] == 10
    assert result["replicas"][0]["findings"][0]["code"] == "E-REPLICA-CUT"
    with world.open() as vault:
        assert verify(vault, "usb-1")["damaged"] == []


def rolled_back(world: World) -> Path:
    """A replica that knows more than the vault: an old copy of all of the vault was put back."""
    place = world.add()
    world.synced()
    for name in ("vault", "state"):
        shutil.copytree(world.base / name, world.base / f"old-{name}")
    world.take_in("d.bin")
    world.synced()
    for name in ("vault", "state"):
        shutil.rmtree(world.base / name)
        shutil.move(world.base / f"old-{name}", world.base / name)
    return place


def test_a_vault_put_back_from_an_old_copy_is_noticed_by_its_replica(world: World) -> None:
    place = rolled_back(world)
    before = files(place)
    result = world.sync()
    assert result["exit"] == 11
    assert result["replicas"][0]["error"]["code"] == "E-REPLICA-AHEAD"
    assert files(place) == before
    assert world.status()["state"] == "ahead"


def test_the_longer_log_is_adopted_and_then_does_not_sign(world: World) -> None:
    from evidence_vault.vault.syncing import adopt

    rolled_back(world)
    with world.open() as vault:
        result = adopt(vault, "usb-1")
        assert result["new"] > 0
        assert result["state"] == "restored"
    assert len(world.items()) == 4
    with pytest.raises(LogInconsistent) as refused:
        world.take_in("e.bin")
    assert refused.value.code == "E-RESTORED"


def test_two_histories_are_a_fork_and_nothing_is_overwritten(world: World) -> None:
    place = rolled_back(world)
    world.take_in("other", many=4)
    before = files(place)
    result = world.sync()
    assert result["exit"] == 11
    assert result["replicas"][0]["error"]["code"] == "E-FORK"
    assert files(place) == before
    assert world.status()["state"] == "forked"


def test_a_fork_without_a_readable_marker_is_a_fork_still(world: World) -> None:
    place = rolled_back(world)
    world.take_in("other", many=4)
    for part in ("archive", "control"):
        path = place / part / "replica.json"
        path.write_bytes(other_mac(path.read_bytes()))
    before = files(place)
    result = world.sync()
    assert result["exit"] == 11
    assert {k: v for k, v in files(place).items() if not k.endswith("replica.json")} == {
        k: v for k, v in before.items() if not k.endswith("replica.json")
    }


@pytest.mark.parametrize("part", ["archive", "control"])
def test_a_fork_shows_in_either_part(world: World, part: str) -> None:
    place = world.add(part=part)
    world.synced()
    for name in ("vault", "state"):
        shutil.copytree(world.base / name, world.base / f"old-{name}")
    world.take_in("d.bin")
    world.synced()
    for name in ("vault", "state"):
        shutil.rmtree(world.base / name)
        shutil.move(world.base / f"old-{name}", world.base / name)
    assert world.sync()["replicas"][0]["error"]["code"] in ("E-REPLICA-AHEAD", "E-FORK")
    world.take_in("other", many=8)
    before = files(place)
    result = world.sync()
    assert (result["exit"], result["replicas"][0]["error"]["code"]) == (11, "E-FORK")
    assert files(place) == before


# -- what the source lost --------------------------------------------------------------------------


def test_a_payload_that_the_source_lost_is_said_and_the_rest_is_copied(world: World) -> None:
    world.add()
    lost = first(world.vault, "archive/objects")
    kept = lost.read_bytes()
    lost.unlink()
    result = world.sync()
    row = result["replicas"][0]
    assert (result["exit"], row["lacking"], row["objects"]) == (10, 1, "2")
    assert row["findings"][0]["code"] == "E-OBJECT"
    with world.open() as vault:
        from evidence_vault.vault.replicas import copies_of

        assert copies_of(vault) == 0
    lost.write_bytes(kept)
    row = world.synced()
    assert (row["lacking"], row["objects"]) == (0, "1")


def test_a_payload_changed_at_the_source_is_never_copied(world: World) -> None:
    place = world.add()
    flip(first(world.vault, "archive/objects"))
    result = world.sync()
    assert result["exit"] == 10
    assert "bytes changed" in result["replicas"][0]["findings"][0]["message"]
    assert len(list((place / "archive/objects").rglob("*/*"))) == 2


def drop_header(root: Path) -> str:
    """Take one header out of the largest commit, as somebody without any right might."""
    path = max((root / "control/commits").iterdir(), key=lambda p: p.stat().st_size)
    commit = parse_commit(path.read_bytes())
    entries = list(commit.entries)
    at = next(i for i, each in enumerate(entries) if len(each.headers) > 1)
    headers = dict(entries[at].headers)
    unit = next(iter(headers))
    del headers[unit]
    entries[at] = type(entries[at])(entries[at].entry, entries[at].record, headers)
    path.write_bytes(format_commit(commit.start, commit.root, entries))
    assert isinstance(commit, Commit)
    return unit


def held(place: Path) -> set[str]:
    """Units whose headers lie in a copy."""
    units: set[str] = set()
    for path in (place / "control/commits").iterdir():
        for each in parse_commit(path.read_bytes()).entries:
            units |= set(each.headers)
    for path in (place / "control/headers").glob("*"):
        units |= set(parse_header_pack(path.read_bytes(), int(path.name)))
    return units


def test_a_header_that_merely_vanished_is_kept_in_the_replica_and_reported(world: World) -> None:
    place = world.add()
    world.synced()
    unit = drop_header(world.vault)
    result = world.sync()
    assert result["exit"] == 10
    found = [each["code"] for each in result["replicas"][0]["findings"]]
    assert found == ["E-HEADER-VANISHED"]
    assert unit in held(place)


def test_a_header_that_vanished_before_its_commit_was_emptied_survives_there(world: World) -> None:
    place = world.add()
    world.synced()
    unit = drop_header(world.vault)
    world.take_in(many=300)
    assert world.sync()["exit"] == 10
    assert unit not in held(world.vault)
    assert unit in held(place)
    assert world.sync()["exit"] == 10  # and is said again


def test_a_header_pack_emptied_without_a_reason_is_not_copied(world: World) -> None:
    place = grown(world)
    before = held(place)
    path = world.vault / "control/headers/0"
    path.write_bytes(format_header_pack(0, {}))
    result = world.sync(str(place))  # where it lies can't be read any more
    assert result["exit"] == 10
    assert before <= held(place)


def test_a_damaged_marker_is_no_reason_to_overwrite(world: World) -> None:
    place = world.add()
    world.synced()
    flip(place / "control/replica.json", 2)
    assert world.sync()["replicas"][0]["error"]["code"] == "E-REPLICA-MARKER"
    world.synced(whole=True)
    with world.open() as vault:
        assert verify(vault, "usb-1")["damaged"] == []


def test_another_vaults_copy_with_broken_markers_is_not_overwritten(world: World) -> None:
    from evidence_vault.vault import replicas
    from evidence_vault.vault.syncing import sync

    from .worlds import opened

    ours, theirs = world.add(), world.place("theirs")
    world.synced()
    with opened(world.partner) as vault:
        replicas.add(vault, "usb-1", str(theirs), "both", "a copy")
        assert sync(vault, [])["exit"] == 0
    shutil.rmtree(ours)
    shutil.move(theirs, ours)
    for part in ("archive", "control"):
        flip(ours / part / "replica.json", 2)
    before = files(ours)
    assert world.sync(whole=True)["exit"] in (10, 11)
    assert files(ours) == before
