"""Fixity in parts: together they see what the whole sees; a stopped run goes on."""

from __future__ import annotations

from typing import Any

import pytest
from tests.vault.vaults import PASSPHRASE, Made, write_files

from evidence_vault.errors import UsageError
from evidence_vault.vault import fixity as room
from evidence_vault.vault.doctor import doctor
from evidence_vault.vault.fixity import fixity

from .damage import flip, look, objects

PARTS = 3


def named(result: dict[str, Any]) -> set[tuple[str, str]]:
    return {(each["code"], each["object"]) for each in result["damaged"]}


def test_parts_together_see_what_the_whole_sees(grown: Made) -> None:
    for path in objects(grown)[::40]:
        flip(path)
    (grown.folder / "control/headers/0").unlink()
    flip(grown.folder / "archive/log/tile/1/000.p/1")
    with grown.open() as opened:
        size = opened.catalogue.frontier().size
    whole = look(grown)
    parts = [look(grown, part=(i, PARTS)) for i in range(1, PARTS + 1)]
    assert set().union(*map(named, parts)) == named(whole)
    assert sum(part["checked"] for part in parts) == whole["checked"] == 280
    assert sum(part["objects"] for part in parts) == whole["objects"]
    assert [part["slice"] for part in parts] == ["1/3", "2/3", "3/3"]
    assert size


def test_a_run_that_was_stopped_goes_on_with_what_is_left(
    grown: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    from evidence_vault.vault import slicing

    monkeypatch.setattr(slicing, "_SLICE", 32)
    monkeypatch.setattr(room, "_STRETCH", 64)
    stopped = 0
    real = room._record

    def stop(*arguments: Any) -> None:
        nonlocal stopped
        real(*arguments)
        stopped += 1
        if stopped == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(room, "_record", stop)
    with grown.open() as opened, pytest.raises(KeyboardInterrupt):
        fixity(opened, all=True)
    monkeypatch.setattr(room, "_record", real)
    rest = look(grown, since="2020-01-01")
    assert 0 < rest["checked"] < 280
    assert rest["exit"] == 0
    again = look(grown, since="2020-01-01")
    assert again["checked"] == 0
    assert look(grown, since="2999-01-01")["checked"] == 280


def test_what_was_damaged_is_looked_at_again_however_new_the_check(grown: Made) -> None:
    path = objects(grown)[0]
    saved = path.read_bytes()
    flip(path)
    assert look(grown)["exit"] == 10
    assert look(grown, since="2020-01-01")["exit"] == 10
    path.write_bytes(saved)
    assert look(grown, since="2020-01-01")["exit"] == 0


def test_parts_and_days_go_with_everything_alone(small: Made) -> None:
    with small.open() as opened:
        item = opened.catalogue.item_ids()[0]
        for how in ({"part": (1, 2)}, {"since": "2026-01-01"}):
            with pytest.raises(UsageError):
                fixity(opened, items=[item], **how)
        with pytest.raises(UsageError):
            fixity(opened, all=True, part=(3, 2))


def test_what_is_newer_than_the_catalogue_is_looked_at_too(small: Made) -> None:
    """A crash between the commit and the catalogue."""
    saved = (small.folder / "catalogue.db").read_bytes()
    write_files(small.folder.parent / "more", 2)
    small.ingest(small.folder.parent / "more")
    for path in small.folder.glob("catalogue.db*"):
        path.unlink()
    (small.folder / "catalogue.db").write_bytes(saved)
    assert "catalogue" in {
        c["name"]
        for c in doctor(small.folder, lambda: PASSPHRASE)["checks"]
        if c["outcome"] == "problem"
    }
    found = look(small)
    assert (found["exit"], found["checked"]) == (0, 7)


def test_doctor_names_a_repair_that_was_interrupted(small: Made) -> None:
    note = small.folder / "control/repairs/pending"
    note.parent.mkdir()
    note.write_text('{"damaged":[],"source":"usb"}\n')
    seen = doctor(small.folder, lambda: PASSPHRASE)["checks"]
    assert {c["name"]: c["command"] for c in seen if c["outcome"] == "problem"} == {
        "repair": "evidence-vault fixity --all --repair"
    } or "repair" in {c["name"] for c in seen if c["outcome"] == "problem"}
    look(small, repair=True)
    assert not note.exists()
