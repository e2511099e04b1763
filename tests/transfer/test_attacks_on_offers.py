"""The file of a hand-over is hostile: each test is one attack on the desk that reads it."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from evidence_vault.core.event import parse_entry
from evidence_vault.core.packs import format_header_pack, parse_header_pack
from evidence_vault.errors import Exit, FormatError, LogInconsistent, UsageError, VaultError
from evidence_vault.seal.keyring import Keyring
from evidence_vault.vault.accepting import AcceptRequest, accept
from evidence_vault.vault.countersigning import misbehaviour
from evidence_vault.vault.foreigncheck import pinned
from evidence_vault.vault.queries import list_items
from evidence_vault.vault.records import committed_at

from .files import Members, members, pack, replaced, rewrite
from .worlds import World, opened


def assert_nothing_came_in(world: World) -> None:
    with opened(world.desk) as vault:
        assert list_items(vault)["items"] == []
    assert not list(world.base.glob("answer*"))


def content_units(world: World) -> dict[str, tuple[str, str]]:
    """(unit id, digest of its one object) of each item's original."""
    found = {}
    with opened(world.field) as vault:
        for item in vault.catalogue.item_ids():
            index = vault.catalogue.history(item)[0]
            event = parse_entry(committed_at(vault, index).entry).event
            unit = next(u for u in event.units if u.kind == "content")
            found[item] = (unit.id, unit.objects[0])
    return found


@pytest.mark.parametrize("part", range(20))
def test_file_cut_at_every_twentieth(world: World, part: int) -> None:
    world.offer()
    data = world.file.read_bytes()
    cut = world.base / "cut.tar"
    cut.write_bytes(data[: len(data) * part // 20])
    with pytest.raises(FormatError):
        world.accept(cut, world.answer)
    assert_nothing_came_in(world)


@pytest.mark.parametrize(
    "name",
    [
        *("../escape", "/etc/passwd", "objects/../../x", "log/tile/entries/../000", "records/01"),
        *("records/-1", "headers/1/", "objects/" + "A" * 64, "log/tile/0/000", "kept", ""),
    ],
)
def test_path_escape(world: World, name: str) -> None:
    world.offer()
    bad = rewrite(world.file, lambda found: [*found, (name, b"x")])
    with pytest.raises(FormatError):
        world.accept(bad, world.answer)
    assert_nothing_came_in(world)
    assert not (world.base / "escape").exists()


def test_zip_bomb(world: World) -> None:
    bomb = world.base / "bomb.tar"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("hand-over.json", bytes(50_000_000))
    with pytest.raises(FormatError):
        world.accept(bomb)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, b"L", b"x"])
def test_links_folders_and_extensions_of_tar(world: World, kind: bytes) -> None:
    world.offer()
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        info = tarfile.TarInfo("hand-over.json")
        info.type, info.linkname = kind, "/etc/passwd"
        archive.addfile(info)
    bad = world.base / "bad.tar"
    bad.write_bytes(sink.getvalue() + world.file.read_bytes())
    with pytest.raises(FormatError):
        world.accept(bad)


def test_member_that_claims_more_bytes_than_there_are(world: World) -> None:
    world.offer()
    data = bytearray(world.file.read_bytes())
    with tarfile.open(world.file) as archive:
        last = archive.getmembers()[-1]
    last_header = tarfile.TarInfo(last.name)
    last_header.size, last_header.mode = 2**31, 0o600
    data[last.offset : last.offset + 512] = last_header.tobuf(tarfile.USTAR_FORMAT)
    bad = world.base / "bad.tar"
    bad.write_bytes(data)
    with pytest.raises(FormatError):
        world.accept(bad)


def test_bytes_behind_the_end_and_members_twice_or_out_of_order(world: World) -> None:
    world.offer()
    found = members(world.file)
    bad = world.base / "bad.tar"
    for data in (
        pack(found) + b"x",
        pack([*found, found[-1]]),
        pack([found[1], found[0], *found[2:]]),
        pack(found[1:]),
        pack([each for each in found if not each[0].startswith("log/tile")]),
    ):
        bad.write_bytes(data)
        with pytest.raises(FormatError):
            world.accept(bad)
    assert_nothing_came_in(world)


def test_every_kind_of_member_changed_by_one_bit(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing changed is ever taken over: refused whole, or the item left out by name."""
    world.offer()
    found = members(world.file)
    for number, (name, data) in enumerate(found):
        flipped = bytearray(data)
        flipped[len(data) // 2] ^= 1
        (tmp_path / f"copy-{number}").mkdir()
        copy = world.copy_to(tmp_path / f"copy-{number}")
        copy.file.write_bytes(pack(replaced(found, name, bytes(flipped))))
        try:
            with monkeypatch.context() as patch:
                patch.setenv("EVIDENCE_VAULT_STATE", str(copy.base / "state"))
                result = copy.accept()
        except VaultError as error:
            assert error.exit_status in (Exit.EVIDENCE, Exit.UNCHECKED, Exit.USAGE, Exit.LOG, 13)
            continue
        assert result["refused"], name
        assert result["exit"] == 3
    assert world.accept()["exit"] == 0
    world.assert_sound()


def test_object_swapped_between_items(world: World) -> None:
    world.offer()
    one, two, three = content_units(world).items()
    found = dict(members(world.file))

    def swap(before: Members) -> Members:
        before = replaced(before, f"objects/{one[1][1]}", found[f"objects/{two[1][1]}"])
        return replaced(before, f"objects/{two[1][1]}", found[f"objects/{one[1][1]}"])

    result = world.accept(rewrite(world.file, swap), world.answer)
    assert {each["id"] for each in result["refused"]} == {one[0], two[0]}
    assert {each["code"] for each in result["refused"]} == {"E-OBJECT-CHANGED"}
    assert [each["id"] for each in result["taken_over"]] == [three[0]]
    answer = world.acknowledge()
    assert answer["acknowledged"] == [three[0]]
    assert world.states()[one[0]] == "open"


def test_header_swapped_between_items(world: World) -> None:
    world.offer()
    (one, (unit, _)), (_, (other, _)), *_ = content_units(world).items()
    with opened(world.field) as vault:
        index = vault.catalogue.history(one)[0]
        place = vault.catalogue.history(world.items()[1])[0]
        stolen = committed_at(vault, place).headers[other]
    headers = parse_header_pack(dict(members(world.file))[f"headers/{index}"], index)
    name, data = f"headers/{index}", format_header_pack(index, {**headers, unit: stolen})
    bad = rewrite(world.file, lambda found: replaced(found, name, data))
    result = world.accept(bad)
    assert [(each["id"], each["code"]) for each in result["refused"]] == [(one, "E-HEADER-CHANGED")]


def test_object_left_out(world: World) -> None:
    world.offer()
    item, (_, digest) = next(iter(content_units(world).items()))
    bad = rewrite(world.file, lambda found: [m for m in found if m[0] != f"objects/{digest}"])
    result = world.accept(bad, world.answer)
    assert [each["id"] for each in result["refused"]] == [item]
    assert item not in result["acknowledged"]
    assert world.accept()["acknowledged"] == world.items()  # the whole file mends it


def test_file_of_a_field_vault_that_nobody_pinned(world: World) -> None:
    world.offer()
    with opened(world.desk) as vault:
        vault.adopt_keyring(without_peers(vault.keyring))
        with pytest.raises(UsageError) as caught:
            accept(vault, AcceptRequest(world.file))
    assert caught.value.code == "E-TRANSFER-UNPINNED"


def without_peers(keyring: Keyring) -> Keyring:
    from dataclasses import replace

    return replace(keyring, peers=())


def old_copy(template: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """The field vault as it was, put on another machine with its pins."""
    (tmp_path / "old").mkdir()
    old = template.copy_to(tmp_path / "old")
    monkeypatch.setenv("EVIDENCE_VAULT_STATE", str(old.base / "state"))
    return old


def test_log_of_the_field_vault_forked(
    template: World, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.take_in("new.txt", b"new\n")
    world.offer()
    world.accept()
    with monkeypatch.context() as patch:
        old = old_copy(template, tmp_path, patch)
        old.take_in("other.txt", b"another history\n")
        old.take_in("more.txt", b"and longer\n")
        old.offer()
    with pytest.raises(LogInconsistent) as caught:
        world.accept(old.file, world.answer)
    assert (caught.value.code, caught.value.exit_status) == ("E-FORK", Exit.LOG)
    with opened(world.desk) as vault:
        (page,) = misbehaviour(vault)
        assert page["kind"] == "fork"
        digest = page["evidence"].rsplit("/", 1)[1]
        assert list((vault.folder / "archive" / "foreign").glob(f"*/forks/{digest}/tile/entries/*"))
        assert len(list_items(vault)["items"]) == 4


def test_log_of_the_field_vault_rolled_back(
    template: World, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        world.take_in(f"n{number}", b"n%d" % number)
    world.offer()
    world.accept()
    with monkeypatch.context() as patch:
        old = old_copy(template, tmp_path, patch)
        old.offer()
    with pytest.raises(LogInconsistent) as caught:
        world.accept(old.file)
    assert caught.value.code == "E-FORK"


def test_an_older_file_of_the_same_history_is_no_attack(world: World) -> None:
    world.offer(world.items()[0])
    second = world.base / "second.tar"
    world.offer(out=second)
    world.accept(second)
    assert world.accept(out=world.answer)["already_in"] == world.items()[:1]
    with opened(world.desk) as vault:
        pinned(vault, next(iter(vault.catalogue.homes().values())))
    world.assert_sound()


def test_one_byte_file_and_empty_file(world: World) -> None:
    for data in (b"", b"\0", bytes(1024), bytes(10_240)):
        world.file.write_bytes(data)
        with pytest.raises(FormatError):
            world.accept()
