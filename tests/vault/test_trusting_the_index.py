"""The catalogue is a cache: what it says is never taken for what is in the log and the store."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from evidence_vault.core.checkpoint import parse_checkpoint
from evidence_vault.core.note import parse_note
from evidence_vault.errors import LogInconsistent
from evidence_vault.vault.checking import log_audit
from evidence_vault.vault.exits import get_item
from evidence_vault.vault.ingest import IngestRequest, ingest
from evidence_vault.vault.queries import search_items, show_item
from evidence_vault.vault.rebuilding import rebuild

from .vaults import PASSPHRASE, Made, put_back, write_files


def edit(vault: Made, *statements: str) -> None:
    with closing(sqlite3.connect(vault.folder / "catalogue.db")) as database:
        for statement in statements:
            database.execute(statement)
        database.commit()


def codes(vault: Made) -> set[str]:
    with vault.open() as opened:
        return {finding["code"] for finding in log_audit(opened)["findings"]}


def test_bytes_whose_stored_original_is_lost_are_taken_in_again(
    vault: Made, sources: Path, tmp_path: Path
) -> None:
    vault.ingest(sources / "one")
    shutil.rmtree(vault.folder / "archive" / "objects")
    other = tmp_path / "elsewhere"
    shutil.copytree(sources / "one", other)
    result = vault.ingest(other)
    assert (len(result["taken_in"]), result["received_again"]) == (3, [])
    assert any("lost its stored original" in notice for notice in result["notices"])
    with vault.open() as opened:
        got = get_item(opened, result["taken_in"][0]["id"], tmp_path / "out")
    assert got["size"] > 0


def test_a_rerun_of_a_lost_original_stores_it_again(vault: Made, sources: Path) -> None:
    vault.ingest(sources / "one")
    shutil.rmtree(vault.folder / "archive" / "objects")
    again = vault.ingest(sources / "one")
    assert (len(again["taken_in"]), again["already_in"]) == (3, 0)
    third = vault.ingest(sources / "one")
    assert (len(third["taken_in"]), third["already_in"]) == (0, 3)


def test_an_edited_digest_in_the_index_hides_no_file(vault: Made, sources: Path) -> None:
    import hashlib

    vault.ingest(sources / "one")
    victim = sources / "two" / "file-0000.bin"
    digest = hashlib.sha256(victim.read_bytes()).hexdigest()
    edit(vault, f"UPDATE index_item SET sha256 = '{digest}' WHERE id LIKE '%1'")
    result = vault.ingest(victim)
    assert len(result["taken_in"]) == 1
    assert any("other bytes than the index says" in notice for notice in result["notices"])


@pytest.mark.parametrize(
    "statements",
    [
        (
            "DELETE FROM log_history WHERE seq = 1",
            "UPDATE log_item SET last_seq = 0, last_idx = first_idx",
        ),
        ("DELETE FROM log_item WHERE id LIKE '%3'", "DELETE FROM log_history WHERE id LIKE '%3'"),
        ("UPDATE log_entry SET recorded_at = '2001-01-01T00:00:00Z' WHERE idx = 2",),
        ("UPDATE index_item SET id = 'ZZ-0000009' WHERE id LIKE '%3'",),
    ],
)
def test_an_edited_catalogue_is_named_by_the_audit_and_mended_by_rebuild(
    vault: Made, sources: Path, statements: tuple[str, ...], tmp_path: Path
) -> None:
    vault.ingest(sources / "one")
    shutil.copytree(sources / "one", tmp_path / "again")
    vault.ingest(tmp_path / "again")
    assert codes(vault) == set()
    edit(vault, *statements)
    assert "E-CATALOGUE-ROW" in codes(vault)
    rebuild(vault.folder, lambda: PASSPHRASE)
    assert codes(vault) == set()


def test_a_log_that_an_edited_catalogue_led_astray_can_still_be_rebuilt(
    vault: Made, sources: Path, tmp_path: Path
) -> None:
    vault.ingest(sources / "one")
    edit(vault, "DELETE FROM log_item WHERE id LIKE '%3'")
    vault.ingest(sources / "two")  # gives an identifier out twice
    rebuild(vault.folder, lambda: PASSPHRASE)
    assert "E-CHAIN" in codes(vault)


def test_what_comes_again_adds_and_the_stricter_handling_wins(vault: Made, sources: Path) -> None:
    first, second = sources / "one" / "file-0000.bin", sources / "copy.bin"
    shutil.copy(first, second)
    vault.ingest(first, fields={"case": ["A"], "classification": "public"})
    again = {"case": ["B"], "classification": "secret", "source_code": "S2"}
    assert len(vault.ingest(second, fields=again)["received_again"]) == 1

    def check() -> None:
        with vault.open() as opened:
            for found in (
                search_items(opened, case="B"),
                search_items(opened, source_code="S2"),
                search_items(opened, case="A"),
            ):
                assert len(found["items"]) == 1
            assert found["items"][0]["classification"] == "secret"
            fields = show_item(opened, found["items"][0]["id"])["fields"]
            assert fields == {"case": ["A", "B"], "classification": "secret", "source_code": "S2"}

    check()
    rebuild(vault.folder, lambda: PASSPHRASE)
    check()


def test_fields_given_for_files_that_are_in_are_not_dropped_silently(
    vault: Made, sources: Path
) -> None:
    vault.ingest(sources / "one", fields={"case": ["A"]})
    same = vault.ingest(sources / "one", fields={"case": ["A"]})
    assert not any("describe" in notice for notice in same["notices"])
    other = vault.ingest(sources / "one", fields={"case": ["NEW"]})
    assert any("3 of the files" in n and "describe" in n for n in other["notices"])


def test_a_fork_over_an_older_control_folder_is_refused(
    vault: Made, old: Path, sources: Path, tmp_path: Path
) -> None:
    put_back(old / "control", vault.folder / "control")
    put_back(old / "signed", vault.folder / "signed")
    put_back(tmp_path / "saved-state", vault.state)
    put_back(old / "archive" / "log" / "checkpoint", vault.folder / "archive/log/checkpoint")
    (vault.folder / "catalogue.db").unlink()
    rebuild(vault.folder, lambda: PASSPHRASE)
    write_files(tmp_path / "three", 2)
    with pytest.raises(LogInconsistent) as raised, vault.open() as opened:
        ingest(opened, IngestRequest([bytes(tmp_path / "three")]))
    assert raised.value.code == "E-ROLLED-BACK"
    assert "E-CHECKPOINT-AHEAD" in codes(vault)


def test_old_records_of_what_was_signed_beside_a_newer_log(
    vault: Made, old: Path, tmp_path: Path
) -> None:
    put_back(old / "signed", vault.folder / "signed")
    put_back(tmp_path / "saved-state", vault.state)
    with vault.open() as opened, pytest.raises(LogInconsistent) as raised:
        ingest(opened, IngestRequest([bytes(tmp_path / "one")]))
    assert raised.value.code == "E-RESTORED"


def test_an_old_outer_record_alone(vault: Made, old: Path, tmp_path: Path) -> None:
    put_back(tmp_path / "saved-state", vault.state)
    assert old.is_dir()
    with vault.open() as opened, pytest.raises(LogInconsistent):
        ingest(opened, IngestRequest([bytes(tmp_path / "one")]))


def test_a_kept_checkpoint_that_is_gone_is_named(vault: Made, sources: Path) -> None:
    vault.ingest(sources / "one")
    note = parse_note((vault.folder / "archive/log/checkpoint").read_bytes())
    size = parse_checkpoint(note.text).size
    shutil.rmtree(vault.folder / "archive" / "evidence" / str(size))
    assert codes(vault) == {"E-EVIDENCE-MISSING"}
