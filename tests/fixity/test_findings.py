"""Every damage that can be done to the two roots in a folder is named, by code and thing."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.vault.vaults import Made

from evidence_vault.errors import StoreError, VaultError
from evidence_vault.prove import damage as known
from evidence_vault.vault.fixity import fixity

from .damage import codes, contents, flip, full_commit, look, objects, swap_headers

TILE, BUNDLE = "archive/log/tile/0/000", "archive/log/tile/entries/000"


def _remove(name: str) -> Callable[[Made], None]:
    return lambda vault: (vault.folder / name).unlink()


def _flip(name: str, place: int | None = None) -> Callable[[Made], None]:
    return lambda vault: flip(vault.folder / name, place)


DAMAGE: dict[str, tuple[Callable[[Made], object], set[str]]] = {
    "object removed": (lambda v: objects(v)[0].unlink(), {"E-OBJECT-MISSING"}),
    "object changed": (lambda v: flip(objects(v)[0]), {"E-OBJECT-CHANGED"}),
    "object emptied": (lambda v: objects(v)[0].write_bytes(b""), {"E-OBJECT-CHANGED"}),
    "one object for another": (
        lambda v: shutil.copy(objects(v)[0], objects(v)[1]),
        {"E-OBJECT-CHANGED"},
    ),
    "headers changed places": (swap_headers, {"E-HEADER-SWAPPED"}),
    "pack of headers removed": (_remove("control/headers/0"), {"E-HEADER-MISSING"}),
    "pack of headers changed": (_flip("control/headers/0", -1), {"E-HEADER-CHANGED"}),
    "pack of records removed": (_remove("archive/log/sealed/0"), {"E-PACK-MISSING"}),
    "pack of records changed": (_flip("archive/log/sealed/0"), {"E-RECORD-CHANGED"}),
    "commit removed": (lambda v: full_commit(v).unlink(), {"E-COMMIT-MISSING"}),
    "commit changed": (lambda v: flip(full_commit(v)), {"E-COMMIT-CHANGED"}),
    "stub removed": (_remove("control/commits/1"), {"E-COMMIT-MISSING"}),
    "tile removed": (_remove(TILE), {"E-TILE-MISSING"}),
    "tile changed": (_flip(TILE), {"E-TILE-CHANGED"}),
    "upper tile changed": (_flip("archive/log/tile/1/000.p/1"), {"E-TILE-CHANGED"}),
    "bundle removed": (_remove(BUNDLE), {"E-BUNDLE-MISSING"}),
    "bundle changed": (_flip(BUNDLE), {"E-BUNDLE-CHANGED"}),
    "checkpoint removed": (_remove("archive/log/checkpoint"), {"E-CHECKPOINT-MISSING"}),
    "checkpoint changed": (_flip("archive/log/checkpoint"), {"E-CHECKPOINT-CHANGED"}),
    "signed state changed": (_flip("archive/evidence/1/checkpoint"), {"E-EVIDENCE-CHANGED"}),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_named_with_a_code_and_the_command_that_mends_it(grown: Made, name: str) -> None:
    act, expected = DAMAGE[name]
    assert look(grown)["exit"] == 0
    act(grown)
    found = look(grown)
    assert expected <= codes(found), found["damaged"][:5]
    assert found["exit"] in (10, 11)
    for each in found["damaged"]:
        assert each["severity"] == "damaged"
        assert each["command"].startswith("evidence-vault fixity ")


def test_a_sound_vault_has_no_finding_and_the_check_stands_in_every_history(small: Made) -> None:
    found = look(small, by="clerk-1")
    assert (found["exit"], found["checked"], found["damaged"], found["unchecked"]) == (0, 5, [], [])
    assert found["unreferenced"] == {"bytes": 0, "count": 0, "older_than_a_day": 0}
    with small.open() as opened:
        for item in opened.catalogue.item_ids():
            assert opened.catalogue.history(item)[-1] == found["event"]
    small.assert_sound()


def test_the_same_finding_is_said_of_an_item_alone(small: Made) -> None:
    item = swap_headers(small)
    with small.open() as opened:
        other = opened.catalogue.item_ids()[-1]
    assert codes(look(small, items=[item])) <= {"E-HEADER-SWAPPED", "E-HEADER-CHANGED"}
    assert look(small, items=[item])["exit"] == 10
    assert look(small, items=[other])["exit"] in (0, 10)


def test_a_disk_that_is_not_there_is_no_missing_object(small: Made) -> None:
    (small.folder / "archive").rename(small.folder / "elsewhere")
    with small.open() as opened, pytest.raises(StoreError) as caught:
        fixity(opened, all=True)
    assert caught.value.code == "E-STORE-ABSENT"
    assert int(caught.value.exit_status) == 12


def test_what_can_not_be_read_could_not_be_checked(
    small: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    from evidence_vault.store.filesystem import FilesystemStore

    path = objects(small)[0]
    real = FilesystemStore.open

    def refuse(self: FilesystemStore, key: str) -> object:
        if key.endswith(path.name):
            raise StoreError("store: Input/output error")
        return real(self, key)

    monkeypatch.setattr(FilesystemStore, "open", refuse)
    found = look(small)
    assert (found["exit"], found["damaged"]) == (3, [])
    assert [each["object"] for each in found["unchecked"]] == [path.name]
    assert found["unchecked"][0]["code"] == "E-COULD-NOT-CHECK"


def test_objects_that_no_entry_names_are_told_and_are_no_damage(small: Made) -> None:
    import os

    stray = small.folder / "archive/objects/ab" / ("ab" + 62 * "0")
    stray.parent.mkdir(exist_ok=True)
    stray.write_bytes(b"left by a crash")
    os.utime(stray, (1, 1))
    found = look(small)
    assert found["exit"] == 0
    assert found["unreferenced"] == {"bytes": 15, "count": 1, "older_than_a_day": 1}
    assert look(small, part=(1, 1))["unreferenced"] is None


@pytest.mark.parametrize("name", ["small"])
def test_no_flipped_bit_of_any_file_goes_unnoticed(
    small: Made, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First, middle and last byte of every file of both roots: fixity or the audit names each."""
    saved = contents(small.folder)
    (small.folder / "catalogue.db").rename(tmp_path / "catalogue.db")
    unseen = []
    for relative, data in saved.items():
        path = small.folder / relative
        for place in {0, len(data) // 2, len(data) - 1}:
            shutil.copy(tmp_path / "catalogue.db", small.folder / "catalogue.db")
            flip(path, place)
            with small.open() as opened:
                monkeypatch.setattr("evidence_vault.vault.fixity._record", lambda *_: None)
                found = fixity(opened, all=True)
            if found["exit"] == 0:
                try:
                    audit = small.audit()["exit"]
                except VaultError:
                    audit = 10
                if audit == 0:
                    unseen.append((relative, place))
            path.write_bytes(data)
    assert unseen == []
    assert len(saved) > 15


def test_every_code_stands_in_the_table_for_people() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "fixity.md").read_text()
    for name, value in vars(known).items():
        if isinstance(value, str) and value.startswith("E-"):
            assert f"`{value}`" in page, name
