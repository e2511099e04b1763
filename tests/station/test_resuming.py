"""Resuming: what counts as in while an accession is open, and that nothing else ever does.

A file that wrongly counts as in is lost evidence; one that wrongly doesn't is stored twice.
"""

from __future__ import annotations

import base64
import os
import signal
from pathlib import Path

import pytest
from tests.vault.vaults import PASSPHRASE, start

from evidence_vault.core.canonical import canonical, parse_canonical
from evidence_vault.core.event import parse_entry
from evidence_vault.seal.recovery import read_recovery
from evidence_vault.seal.units import open_bytes, unwrap
from evidence_vault.vault.ingest import IngestRequest, ingest
from evidence_vault.vault.records import committed_at, unit_of
from evidence_vault.vault.resuming import close_all_left_open

from .field import Field, content_of, plant

MORE = 6


def killed(field: Field, step: str = "5-catalogue") -> Path:
    """A field vault whose run died in the middle; the file of its open accession."""
    plant(field, MORE)
    assert field.kill_at(step) == -signal.SIGKILL
    (left,) = field.open_accessions()
    return left


def test_the_same_run_again_goes_on_with_the_same_accession(field: Field) -> None:
    left = killed(field)
    before = len(field.items())
    assert 0 < before < MORE + 2
    done = field.take_in()
    assert done["accession"] == left.name
    assert done["already_in"] == before
    assert len(field.items()) == MORE + 2
    opened = [e for e in field.station.entries() if e.type.startswith("accession-")]
    assert [e.type for e in opened] == ["accession-opened", "accession-closed"]
    assert field.open_accessions() == []


@pytest.mark.slow
def test_killed_again_and_again_it_still_stores_each_file_once(field: Field) -> None:
    plant(field, MORE)
    for step in ("4-committed:2", "station-noted", "2-durable", "4-committed", "station-noted"):
        assert field.kill_at(step, group=2) == -signal.SIGKILL
    field.take_in()
    assert len(field.items()) == MORE + 2
    assert field.station.audit()["findings"] == []


def test_after_the_close_the_same_file_is_stored_again_and_that_is_said(field: Field) -> None:
    plant(field)
    first = field.take_in()
    again = field.take_in()
    assert any("a second time" in notice for notice in first["notices"])
    assert (len(again["taken_in"]), again["already_in"], again["received_again"]) == (2, 0, [])
    assert len(field.items()) == 4


def test_the_same_bytes_from_two_paths_are_two_items(field: Field) -> None:
    plant(field)
    (field.source / "copy.txt").write_bytes(content_of(0))
    (field.source / "copy-2.txt").write_bytes(content_of(0))
    done = field.take_in()
    assert len(done["taken_in"]) == 4
    assert done["received_again"] == []


def test_a_path_whose_bytes_changed_is_taken_in(field: Field) -> None:
    killed(field)
    for path in field.source.iterdir():
        path.write_bytes(b"other bytes " + os.fsencode(path.name))
    before = len(field.items())
    done = field.take_in()
    assert (done["already_in"], len(done["taken_in"])) == (0, MORE + 2)
    assert len(field.items()) == before + MORE + 2


@pytest.mark.parametrize("other", ["by another", "other files"])
def test_another_delivery_closes_the_one_left_open(field: Field, other: str) -> None:
    left = killed(field)
    if other == "by another":
        done = field.take_in(by="clerk-2")
    else:
        elsewhere = field.base / "elsewhere"
        elsewhere.mkdir()
        (elsewhere / "file").write_bytes(b"what another person brought")
        done = field.take_in(elsewhere)
    assert done["already_in"] == 0
    assert done["accession"] != left.name
    assert any(left.name in notice for notice in done["notices"])
    closed = [e.subject["id"] for e in field.station.entries() if e.type == "accession-closed"]
    assert closed == [left.name, done["accession"]]
    assert field.open_accessions() == []


def test_a_row_without_its_commit_counts_for_nothing(field: Field) -> None:
    """Killed between row and commit: the numbers are given out again, to the same files."""
    left = killed(field, "station-noted")
    rows = left.read_bytes().splitlines()[1:]
    assert rows
    assert field.items() == []
    plant_again = sorted(field.source.iterdir())
    plant_again[0].rename(field.source / "zz-last.txt")
    done = field.take_in()
    assert done["already_in"] == 0
    assert len(field.items()) == MORE + 2


@pytest.mark.parametrize("edit", ["item", "check", "path", "torn", "all of another"])
def test_an_edited_row_never_makes_a_file_count_as_in(field: Field, edit: str) -> None:
    left = killed(field)
    lines = left.read_bytes().splitlines(keepends=True)
    before = len(field.items())
    first, second = (parse_canonical(line[:-1], "row") for line in lines[1:3])
    assert isinstance(first, dict) and isinstance(second, dict)
    if edit == "torn":
        lines[-1] = lines[-1][:-20]
    elif edit == "all of another":  # the rows of one file under the name of another
        lines[1] = canonical({**second, "path": first["path"]}) + b"\n"
    else:
        lines[1] = canonical({**first, edit: second[edit]}) + b"\n"
    left.write_bytes(b"".join(lines))
    done = field.take_in()
    assert done["already_in"] < before
    assert len(done["taken_in"]) + done["already_in"] == MORE + 2


def test_a_lost_original_does_not_count_as_in(field: Field) -> None:
    killed(field)
    before = len(field.items())
    for path in (field.station.folder / "archive" / "objects").rglob("*"):
        if path.is_file():
            path.unlink()
    done = field.take_in()
    assert before
    assert (done["already_in"], len(done["taken_in"])) == (0, MORE + 2)


@pytest.mark.parametrize("what", ["of a closed accession", "of nobody", "empty"])
def test_a_file_put_back_into_the_folder_is_destroyed(field: Field, what: str) -> None:
    left = killed(field)
    data = left.read_bytes()
    field.take_in()
    before = len(field.items())
    if what == "of nobody":
        header = parse_canonical(data.splitlines()[0], "header")
        assert isinstance(header, dict)
        forged = {**header, "key": base64.b64encode(bytes(60)).decode()}
        data = canonical(forged) + b"\n" + b"".join(data.splitlines(keepends=True)[1:])
    left.write_bytes(b"" if what == "empty" else data)
    done = field.take_in()
    assert (done["already_in"], len(field.items())) == (0, before + MORE + 2)
    assert field.open_accessions() == []


def test_two_runs_at_once_have_an_accession_each(field: Field) -> None:
    plant(field, MORE)
    folders = []
    for name in ("a", "b"):
        folder = field.base / name
        folder.mkdir()
        for number in range(MORE):
            (folder / f"{name}-{number}.txt").write_bytes(content_of(number) + name.encode())
        folders.append(folder)
    processes = [start("ingest", field.station.folder, folder) for folder in folders]
    for process in processes:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    opened = [e.subject["id"] for e in field.station.entries() if e.type == "accession-opened"]
    closed = [e.subject["id"] for e in field.station.entries() if e.type == "accession-closed"]
    assert sorted(opened) == sorted(closed)
    assert len(set(opened)) == 2
    assert len(field.items()) == 2 * MORE


def test_a_dry_run_says_what_is_in_and_changes_nothing(field: Field) -> None:
    left = killed(field)
    before, data = len(field.items()), left.read_bytes()
    with field.station.open() as vault:
        request = IngestRequest([os.fsencode(field.source)], dry_run=True)
        done = ingest(vault, request)
    assert (done["already_in"], len(done["taken_in"])) == (before, MORE + 2 - before)
    assert left.read_bytes() == data


def test_what_was_left_open_can_be_closed_before_a_hand_over(field: Field) -> None:
    left = killed(field)
    with field.station.open() as vault:
        assert close_all_left_open(vault, "clerk-1") == [left.name]
        assert close_all_left_open(vault) == []
    assert field.open_accessions() == []
    assert [e.type for e in field.station.entries()][-1] == "accession-closed"


def test_the_desk_reads_what_the_field_vault_took_in(field: Field) -> None:
    """With a copy of both roots and the desk's recovery file: nothing depends on the machine."""
    plant(field)
    field.take_in()
    identity = read_recovery(field.desk.recovery.read_bytes(), lambda: PASSPHRASE).identity
    assert identity is not None
    found = set()
    with field.station.open() as vault:
        for item in vault.catalogue.item_ids():
            home = vault.catalogue.home(item)
            assert home is not None
            committed = committed_at(vault, home[2], home[1])
            unit = unit_of(parse_entry(committed.entry).event, "content")
            assert unit is not None
            key = unwrap(committed.headers[unit.id], unit, [identity])
            name = unit.objects[0]
            path = field.station.folder / "archive" / "objects" / name[:2] / name
            found.add(open_bytes(key, "media", path.read_bytes()))
    assert found == {path.read_bytes() for path in field.source.iterdir()}
