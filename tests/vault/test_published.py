"""What a vault publishes: tiles, packs and stubs, as others read them."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from tests.tlog.gosumdb import verify_folder

from evidence_vault.core import age
from evidence_vault.core.age.padding import Kind, unpad
from evidence_vault.core.event import parse_entry
from evidence_vault.errors import LogInconsistent, UsageError
from evidence_vault.seal.recovery import read_recovery
from evidence_vault.vault import ingest as taking_in
from evidence_vault.vault.exits import get_item
from evidence_vault.vault.fixity import fixity
from evidence_vault.vault.ingest import IngestRequest, ingest
from evidence_vault.vault.queries import list_items, show_item
from evidence_vault.vault.rebuilding import rebuild
from evidence_vault.vault.succession import succeed
from evidence_vault.vault.trusting import export_trust

from .conftest import MakeVault
from .vaults import PASSPHRASE, Made, write_files

COUNT = 600


@pytest.fixture
def large(vault: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Made:
    """A vault of more than two full groups of entries, in several commits."""
    monkeypatch.setattr(taking_in, "_GROUP_ITEMS", 100)
    write_files(tmp_path / "in", COUNT)
    assert len(vault.ingest(tmp_path / "in")["taken_in"]) == COUNT
    return vault


def test_go_accepts_the_tiles_of_a_vault_and_refuses_a_changed_one(large: Made) -> None:
    with large.open() as opened:
        vkey = opened.entry_zero().log_vkeys()[0]
    folder = large.folder / "archive" / "log"
    verify_folder(folder, vkey)
    bundle = folder / "tile" / "entries" / "001"
    data = bytearray(bundle.read_bytes())
    data[5000] ^= 1
    bundle.write_bytes(bytes(data))
    with pytest.raises(AssertionError):
        verify_folder(folder, vkey)
    assert large.audit()["exit"] != 0


def test_covered_commits_become_stubs_and_everything_is_read_from_packs(
    large: Made, tmp_path: Path
) -> None:
    with large.open() as opened:
        commits = list(opened.log.commits(0))
        assert [c.is_stub for c in commits] == [c.end <= 512 for c in commits]
        assert {p.name for p in (large.folder / "archive/log/sealed").iterdir()} == {"0", "1"}
        assert {p.name for p in (large.folder / "control/headers").iterdir()} == {"0", "1"}
        item = list_items(opened)["items"][0]["id"]
        assert show_item(opened, item)["digests"]["size"] > 0
        get_item(opened, item, tmp_path / "out")
        before = opened.catalogue.find()
        homes = opened.catalogue.homes()
    rebuilt = rebuild(large.folder, lambda: PASSPHRASE)
    assert (rebuilt["items"], rebuilt["state"]) == (COUNT, "ok")
    with large.open() as opened:
        after = opened.catalogue.find()
        assert opened.catalogue.homes() == homes
    forget = ("device_time", "has_location")  # known at intake only
    assert [{k: v for k, v in row.items() if k not in forget} for row in after] == [
        {k: v for k, v in row.items() if k not in forget} for row in before
    ]
    assert large.assert_sound() == COUNT


def test_a_changed_record_pack_and_a_lost_header_are_found(large: Made) -> None:
    pack = large.folder / "archive" / "log" / "sealed" / "0"
    data = bytearray(pack.read_bytes())
    data[-100] ^= 1
    pack.write_bytes(bytes(data))
    with large.open() as opened:
        found = fixity(opened, all=True)
    assert found["exit"] == 10
    assert "record changed" in {row["finding"] for row in found["damaged"]}
    assert large.audit()["exit"] == 10


def test_a_tile_with_other_bytes_stops_signing(large: Made, tmp_path: Path) -> None:
    tile = large.folder / "archive" / "log" / "tile" / "0" / "000"
    data = bytearray(tile.read_bytes())
    data[0] ^= 1
    tile.write_bytes(bytes(data))
    report = large.audit()
    assert report["exit"] == 11
    assert "E-TILE" in {f["code"] for f in report["findings"]}
    write_files(tmp_path / "more", 1)
    try:
        large.ingest(tmp_path / "more")
    except LogInconsistent:
        return
    # Appending reads only the right edge; the audit above is what notices inner tiles.
    assert large.audit()["exit"] == 11


def test_the_recovery_identity_alone_opens_every_unit(
    make_vault: MakeVault, tmp_path: Path
) -> None:
    vault = make_vault("kept", recovery=tmp_path / "usb.txt")
    files = write_files(tmp_path / "in", 3)
    vault.ingest(tmp_path / "in")
    rescue = read_recovery((tmp_path / "usb.txt").read_bytes(), lambda: "")
    opened_contents = []
    units = 0
    with vault.open() as opened:
        for commit in opened.log.commits(0):
            for committed in commit.entries:
                for unit in parse_entry(committed.entry).event.units:
                    units += 1
                    header = committed.headers[unit.id]
                    assert header.count(b"-> mlkem768x25519 ") == 2
                    payload = committed.record
                    if unit.kind == "content":
                        payload = (
                            vault.folder / "archive/objects" / unit.objects[0][:2] / unit.objects[0]
                        ).read_bytes()
                    plain = io.BytesIO()
                    assert rescue.identity is not None
                    age.decrypt_stream([rescue.identity], io.BytesIO(header + payload), plain)
                    kind: Kind = "media" if unit.kind == "content" else "disclosures"
                    content = unpad(plain.getvalue(), kind)
                    if unit.kind == "content":
                        opened_contents.append(content)
    assert sorted(opened_contents) == sorted(path.read_bytes() for path in files)
    assert units == 3 * 2 + 3  # content and record; entry 0 and the accession's two


def test_a_recovered_vault_reads_all_and_says_its_name_again_before_it_is_trusted(
    make_vault: MakeVault, tmp_path: Path
) -> None:
    usb = tmp_path / "usb.txt"
    vault = make_vault("lost", recovery=usb)
    files = write_files(tmp_path / "in", 2)
    vault.ingest(tmp_path / "in")
    (vault.folder / "keyring.age").unlink()
    again = rebuild(vault.folder, lambda: PASSPHRASE, recovery=usb)
    assert again["items"] == 2
    assert again["state"] != "ok", "a vault from a recovery file must not sign by itself"
    write_files(tmp_path / "more", 1)
    with pytest.raises(LogInconsistent):
        vault.ingest(tmp_path / "more")
    with vault.open() as opened, pytest.raises(UsageError) as caught:
        export_trust(opened, tmp_path / "trust.json")
    assert caught.value.code == "E-NO-ORG"
    succeed(vault.folder, lambda: PASSPHRASE, usb, "keyring lost", "Test House")
    with vault.open() as opened:
        item = list_items(opened)["items"][0]["id"]
        get_item(opened, item, tmp_path / "out")
        assert export_trust(opened, tmp_path / "trust.json")["origins"][0]["org"] == "Test House"
    assert (tmp_path / "out").read_bytes() == files[0].read_bytes()
    assert len(vault.ingest(tmp_path / "more")["taken_in"]) == 1


def test_the_catalogue_says_the_same_time_as_the_entry(vault: Made, tmp_path: Path) -> None:
    """However the clock goes on while a batch is made."""

    class Ticking:
        def __init__(self) -> None:
            self.asked = 0

        def now(self) -> str:
            self.asked += 1
            return f"2030-01-01T00:{self.asked // 60:02d}:{self.asked % 60:02d}Z"

    write_files(tmp_path / "in", 3)
    with vault.open(clock=Ticking()) as opened:
        ingest(opened, IngestRequest([os.fsencode(tmp_path / "in")]))
        before = opened.catalogue.find()
    entries = [e.recorded_at for e in vault.entries() if e.type == "ingested"]
    assert [row["recorded_at"] for row in before] == entries
    rebuild(vault.folder, lambda: PASSPHRASE)
    with vault.open() as opened:
        assert opened.catalogue.find() == before


def test_fixity_names_what_it_cannot_read_and_looks_at_the_rest(large: Made) -> None:
    bundle = large.folder / "archive" / "log" / "tile" / "entries" / "000"
    data = bytearray(bundle.read_bytes())
    second = 2 + int.from_bytes(data[:2], "big")
    data[second + 3] ^= 1  # the beginning of entry 1
    bundle.write_bytes(bytes(data))
    (large.folder / "control" / "headers" / "1").unlink()
    with large.open() as opened:
        item = list_items(opened)["items"][0]["id"]
        found = fixity(opened, all=True)
        chosen = fixity(opened, items=[item])
    whats = {row["object"]: row["finding"] for row in found["damaged"]}
    assert whats.pop("entry 1") == "entry can't be read"
    assert "entry 1 is published" in whats.pop("log/tile/entries/000")
    assert set(whats.values()) == {"header missing", "headers/1 is not in the store"}
    assert 200 < found["objects"] <= COUNT
    assert found["exit"] == 10
    assert (chosen["objects"], chosen["damaged"]) == (1, [])
