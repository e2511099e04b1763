"""Parts of a vault that are lost: the rest stays readable, and what follows from it is mended."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from evidence_vault.errors import EvidenceError
from evidence_vault.vault.fixity import fixity
from evidence_vault.vault.queries import list_items, show_item
from evidence_vault.vault.rebuilding import rebuild

from .vaults import PASSPHRASE, Made, write_files


@pytest.fixture
def grown(vault: Made, tmp_path: Path) -> Made:
    """300 items: one group of 256 entries is published whole, and its commits are emptied."""
    for name, count in (("in", 240), ("then", 60)):
        write_files(tmp_path / name, count)
        vault.ingest(tmp_path / name)
    assert (vault.folder / "control" / "headers" / "0").is_file()
    return vault


def again(vault: Made) -> dict[str, object]:
    return rebuild(vault.folder, lambda: PASSPHRASE)


def test_a_lost_pack_of_headers_stops_neither_audit_nor_rebuild(grown: Made) -> None:
    pack = grown.folder / "control" / "headers" / "0"
    saved = pack.read_bytes()
    pack.unlink()
    report = grown.audit()
    assert report["exit"] == 10
    assert {each["code"] for each in report["findings"]} == {"E-HEADER-MISSING"}
    assert len(report["findings"]) > 240
    done = again(grown)
    assert (done["exit"], done["state"]) == (10, "ok")
    assert done["items"] == 300
    assert "could not be opened" in str(done["notices"])
    with grown.open() as opened:
        readable = [row["id"] for row in list_items(opened)["items"]]
        assert 0 < len(readable) < 300
        show_item(opened, readable[-1])
        with pytest.raises(EvidenceError, match="header of unit"):
            show_item(opened, opened.catalogue.item_ids()[0])
    pack.write_bytes(saved)
    assert again(grown)["exit"] == 0
    assert grown.assert_sound() == 300


def test_no_event_follows_where_members_of_a_set_are_unknown(grown: Made, tmp_path: Path) -> None:
    """An item's next event would take the number of the one that can't be read."""
    with grown.open() as opened:
        fixity(opened, all=True)
    write_files(tmp_path / "more", 220)
    grown.ingest(tmp_path / "more")
    pack = grown.folder / "control" / "headers" / "1"
    saved = pack.read_bytes()
    pack.unlink()
    assert again(grown)["exit"] == 10
    size = grown.audit()["entries"]
    with grown.open() as opened:
        found = fixity(opened, all=True)
    assert (found["exit"], found["event"]) == (10, None)
    assert {each["code"] for each in found["damaged"]} == {
        "E-HEADER-MISSING",
        "E-PACK-MISSING",
    }
    assert "could not be recorded in the log" in str(found["notices"])
    assert grown.audit()["entries"] == size
    pack.write_bytes(saved)
    assert again(grown)["exit"] == 0
    with grown.open() as opened:
        assert fixity(opened, all=True)["exit"] == 0
    grown.assert_sound()


def test_lost_tiles_are_published_again_by_rebuild(vault: Made, tmp_path: Path) -> None:
    write_files(tmp_path / "in", 20)
    vault.ingest(tmp_path / "in")
    folder = vault.folder / "archive" / "log" / "tile"
    before = {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    shutil.rmtree(folder)
    assert "E-TILE" in {each["code"] for each in vault.audit()["findings"]}
    done = again(vault)
    assert done["exit"] == 0
    assert "published again" in str(done["notices"])
    after = {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    assert after.items() <= before.items()
    write_files(tmp_path / "more", 3)
    vault.ingest(tmp_path / "more")
    vault.assert_sound()


def test_tiles_are_not_made_anew_from_commits_that_lead_elsewhere(
    vault: Made, tmp_path: Path
) -> None:
    write_files(tmp_path / "in", 3)
    vault.ingest(tmp_path / "in")
    folder = vault.folder / "archive" / "log" / "tile"
    shutil.rmtree(folder)
    newest = max((vault.folder / "control").rglob("commits/*"), key=lambda p: p.stat().st_mtime_ns)
    newest.unlink()
    done = again(vault)
    assert done["exit"] == 11
    assert not folder.exists()
