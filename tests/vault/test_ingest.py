"""Names, resuming, duplicates, dry runs: what an ingest does with what it finds."""

from __future__ import annotations

import os
import shutil
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from evidence_vault.core.canonical import unb64
from evidence_vault.vault.exits import get_item
from evidence_vault.vault.exporting import ExportRequest, export
from evidence_vault.vault.queries import history, search_items, show_item
from evidence_vault.vault.rebuilding import rebuild

from .conftest import MakeVault
from .vaults import PASSPHRASE, Made, run, write_files

pytestmark = pytest.mark.databases

BURMESE = "သက်သေ_ကို.txt"  # several orders of marks exist; none may be tidied
NAMES = [
    BURMESE.encode(),
    unicodedata.normalize("NFC", "Ω Ångström é ဦး").encode(),
    unicodedata.normalize("NFD", "Ω Ångström é ဦး").encode(),
    "\u1025\u102e".encode(),
    "\u1026".encode(),  # the composed spelling of the one above
    "evidence 🕊️ 👩‍👩‍👧.mp4".encode(),
    b"line\nbreak\r\n.jpg",
    b"-rf",
    b"--help",
    b" leading and trailing ",
    b"tab\there",
    b"x" * 255,
    "က".encode() * 85,  # 255 bytes
    b"invalid \xff\xfe\x80 utf-8.bin",
    b"\xe1\x80",  # cut in the middle of a letter
    b"quote'\"$(rm).sh",
    b"back\\slash",
    b"\x1b[31mred\x07",
    b"\xe2\x80\xaegpj.exe",  # right-to-left override
    b".hidden",
    b"CON.txt",
    b"=cmd|'calc'!A1.csv",
]


def test_names_survive_exactly(vault: Made, tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path / "in")
    os.mkdir(folder)
    for number, name in enumerate(NAMES):
        with open(os.path.join(folder, name), "xb") as stream:
            stream.write(b"file %d" % number)
    result = vault.ingest(folder)
    assert (result["exit"], result["refused"]) == (0, [])
    assert len(result["taken_in"]) == len(NAMES) == 22
    for row in result["taken_in"]:
        assert harmless(row["name"]), row["name"]
    with vault.open() as opened:
        found = {}
        for item in opened.catalogue.item_ids():
            shown = show_item(opened, item)
            raw = unb64(shown["source"]["path"]["b64"], "a name")
            found[raw] = item
            text = history(opened, item)["text"]
            assert harmless(text.replace("\n", ""))
        assert set(found) == {b"in/" + name for name in NAMES}
        made = export(
            opened,
            ExportRequest(None, tmp_path / "b", originals=True, clear=True, folder=True),
        )
        assert made["counts"]["exported"] == len(NAMES)
        # By id in a bundle; the bytes are those of the file of that name.
        for raw, item in found.items():
            (path,) = (tmp_path / "b" / "data").glob(f"{item}.*")
            source = Path(os.fsdecode(os.path.join(folder, raw.removeprefix(b"in/"))))
            assert path.read_bytes() == source.read_bytes()
    # And a rebuild knows them as before.
    rebuild(vault.folder, lambda: PASSPHRASE)
    assert vault.ingest(folder)["already_in"] == len(NAMES)


def test_same_paths_again_are_a_resume_without_any_event(vault: Made, tmp_path: Path) -> None:
    write_files(tmp_path / "in", 20)
    vault.ingest(tmp_path / "in")
    before = len(vault.entries())
    again = vault.ingest(tmp_path / "in")
    assert (again["accession"], again["taken_in"], again["received_again"]) == (None, [], [])
    assert again["already_in"] == 20
    assert len(vault.entries()) == before


def test_same_bytes_from_elsewhere_are_an_event_and_no_second_copy(
    vault: Made, tmp_path: Path
) -> None:
    write_files(tmp_path / "in", 3)
    vault.ingest(tmp_path / "in")
    objects = stored_objects(vault)
    shutil.copytree(tmp_path / "in", tmp_path / "elsewhere" / "copy")
    again = vault.ingest(tmp_path / "elsewhere", by="clerk-2")
    assert (again["taken_in"], again["already_in"], again["exit"]) == ([], 0, 0)
    assert len(again["received_again"]) == 3
    assert stored_objects(vault) == objects
    with vault.open() as opened:
        told = history(opened, again["received_again"][0]["id"])
    assert [e["type"] for e in told["events"]] == ["ingested", "received-again"]
    arrival = told["events"][1]
    assert unb64(arrival["fields"]["source_path"]["b64"], "a path") == (
        b"elsewhere/copy/file-0000.bin"
    )
    assert arrival["actor"] == "clerk-2"
    assert arrival["fields"]["accession"] == again["accession"]
    # That second path is known from now on, too.
    assert vault.ingest(tmp_path / "elsewhere")["already_in"] == 3
    assert vault.assert_sound() == 3


def test_same_name_and_bytes_in_another_folder_are_received_again(
    vault: Made, tmp_path: Path
) -> None:
    for folder in ("phone-a", "phone-b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "IMG_0001.jpg").write_bytes(b"the same picture")
    vault.ingest(tmp_path / "phone-a" / "IMG_0001.jpg")
    again = vault.ingest(tmp_path / "phone-b" / "IMG_0001.jpg")
    assert len(again["received_again"]) == 1


def test_duplicates_in_one_batch_become_one_item(vault: Made, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in "abcde":
        (tmp_path / "in" / name).write_bytes(b"the same bytes")
    result = vault.ingest(tmp_path / "in")
    assert len(result["taken_in"]) == 1
    assert len(result["received_again"]) == 4
    assert len(stored_objects(vault)) == 1
    with vault.open() as opened:
        assert len(history(opened, result["taken_in"][0]["id"])["events"]) == 5
    assert vault.ingest(tmp_path / "in")["already_in"] == 5
    assert vault.assert_sound() == 1


def test_a_changed_file_at_the_same_path_is_a_new_item(vault: Made, tmp_path: Path) -> None:
    path = tmp_path / "note.txt"
    path.write_bytes(b"first")
    first = vault.ingest(path)["taken_in"][0]
    path.write_bytes(b"second")
    second = vault.ingest(path)["taken_in"][0]
    assert first["id"] != second["id"]
    path.write_bytes(b"first")
    assert vault.ingest(path)["already_in"] == 1
    with vault.open() as opened:
        get_item(opened, first["id"], tmp_path / "one")
        get_item(opened, second["id"], tmp_path / "two")
    assert ((tmp_path / "one").read_bytes(), (tmp_path / "two").read_bytes()) == (
        b"first",
        b"second",
    )


def test_dry_run_writes_nothing_at_all(vault: Made, tmp_path: Path) -> None:
    write_files(tmp_path / "in", 30)
    vault.ingest(write_files(tmp_path / "in" / "part", 5)[0].parent)
    before = snapshot(tmp_path)
    result = vault.ingest(tmp_path / "in", dry_run=True)
    assert snapshot(tmp_path) == before
    assert result["dry_run"] is True
    assert len(result["taken_in"]) == 30
    assert result["already_in"] == 5
    assert result["accession"] is None
    assert result["space_needed"] > 0
    assert result["estimated_seconds"] >= 1
    real = vault.ingest(tmp_path / "in")
    assert len(real["taken_in"]) == 30
    assert vault.assert_sound() == 35


def test_dry_run_knows_duplicates(vault: Made, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in "abc":
        (tmp_path / "in" / name).write_bytes(b"same")
    result = vault.ingest(tmp_path / "in", dry_run=True)
    assert (len(result["taken_in"]), len(result["received_again"])) == (1, 2)


def test_relative_and_absolute_paths_are_the_same_path(
    vault: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_files(tmp_path / "in", 3)
    vault.ingest(tmp_path / "in")
    monkeypatch.chdir(tmp_path)
    assert vault.ingest(b"in")["already_in"] == 3
    assert vault.ingest(b"./in/../in/file-0001.bin")["already_in"] == 1


def test_the_vault_does_not_take_in_itself(vault: Made, tmp_path: Path) -> None:
    write_files(tmp_path / "in", 2)
    result = vault.ingest(tmp_path)
    names = [row["name"] for row in result["taken_in"]]
    assert not any("archive" in name or "keyring" in name for name in names)
    assert any("in/file-0000.bin" in name for name in names)


def test_sources_are_left_as_they_were(vault: Made, tmp_path: Path) -> None:
    files = write_files(tmp_path / "in", 5)
    for path in files:
        os.utime(path, ns=(1_111_111_111_111_111_111, 1_234_567_890_123_456_789))
        path.chmod(0o440)
    before = [(p.read_bytes(), p.stat()) for p in files]
    result = vault.ingest(tmp_path / "in")
    for path, (data, stat) in zip(files, before, strict=True):
        now = path.stat()
        assert path.read_bytes() == data
        assert (now.st_mtime_ns, now.st_ctime_ns, now.st_mode, now.st_ino) == (
            stat.st_mtime_ns,
            stat.st_ctime_ns,
            stat.st_mode,
            stat.st_ino,
        )
    with vault.open() as opened:
        times = show_item(opened, result["taken_in"][0]["id"])["source"]["times"]
    assert times["mtime"] == "2009-02-13T23:31:30.123456789Z"


def test_fields_are_kept_superseded_and_searchable(vault: Made, tmp_path: Path) -> None:
    from evidence_vault.core.fields import parse_fields
    from evidence_vault.vault.describing import describe

    files = write_files(tmp_path / "in", 2)
    fields = parse_fields({"place": "MMR001", "case": ["C-1", "C-2"], "occurred_at": "2021-03"})
    vault.ingest(tmp_path / "in", fields=fields, by="clerk-1")
    with vault.open() as opened:
        one, two = opened.catalogue.item_ids()
        describe(opened, [one], parse_fields({"place": "MMR002", "case": ["C-3"]}), by="clerk-2")
        shown = show_item(opened, one)
        assert shown["fields"]["place"] == "MMR002"
        assert [s["value"] for s in shown["superseded"] if s["field"] == "place"] == ["MMR001"]
        assert show_item(opened, two)["fields"]["place"] == "MMR001"
        assert [r["id"] for r in search_items(opened, case="C-3")["items"]] == [one]
        assert [r["id"] for r in search_items(opened, case="C-1")["items"]] == [two]
        assert search_items(opened, date="2021")["total"] == 2
        assert search_items(opened, name=files[0].name)["total"] == 1
        listed = opened.catalogue.find()
    rebuild(vault.folder, lambda: PASSPHRASE)
    with vault.open() as opened:
        assert opened.catalogue.find() == listed


def test_more_than_ten_million_items_have_numbers_of_their_own(vault: Made, tmp_path: Path) -> None:
    """Identifiers of eight digits sort among those of seven, but follow them."""
    from evidence_vault.core.merkle import Frontier
    from evidence_vault.log.catalogue import EntryRow, IndexRows

    with vault.open() as opened:
        catalogue, prefix = opened.catalogue, opened.keyring.prefix
        assert catalogue.last_number(prefix) == 0
        for number, text in ((9_999_999, "9999999"), (10_000_000, "10000000")):
            item = f"{prefix}-{text}"
            row = EntryRow(number, bytes(32), 0, "ingested", "t", [(item, "home", 0)])
            catalogue.apply([row], Frontier(), IndexRows())
            assert catalogue.last_number(prefix) == number


def test_a_file_that_changes_while_it_is_read_is_refused(
    vault: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from evidence_vault.capture.sources import open_source as opening
    from evidence_vault.vault import job

    write_files(tmp_path / "in", 3)

    def meddling(source: Any) -> Any:
        stream = opening(source)
        if source.path.endswith(b"0001.bin"):
            with open(source.path, "ab") as other:
                other.write(b"more")
        return stream

    monkeypatch.setattr(job, "open_source", meddling)
    result = vault.ingest(tmp_path / "in")
    monkeypatch.undo()
    assert [r["code"] for r in result["refused"]] == ["E-SOURCE-CHANGED"]
    assert result["exit"] == 3
    assert len(result["taken_in"]) == 2


def test_a_source_that_is_not_the_same_after_its_metadata_was_read_is_refused(
    vault: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tool that writes into what it reads must not go unnoticed (times put back and all)."""
    from evidence_vault.capture.metadata import MetadataPool

    monkeypatch.delenv("EVIDENCE_VAULT_EXIFTOOL")
    path = write_files(tmp_path / "in", 1)[0]
    asking = MetadataPool.submit

    def spoiling(self: Any, target: bytes) -> Any:
        future = asking(self, target)
        future.result()
        stat = path.stat()
        with open(path, "r+b") as stream:
            stream.write(b"Z")
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        return future

    monkeypatch.setattr(MetadataPool, "submit", spoiling)
    result = vault.ingest(path)
    assert [r["code"] for r in result["refused"]] == ["E-SOURCE-CHANGED"]
    assert vault.assert_sound() == 0


def test_plaintext_objects_are_the_received_bytes(make_vault: MakeVault, tmp_path: Path) -> None:
    import hashlib

    vault = make_vault("plain", plaintext=True)
    files = write_files(tmp_path / "in", 4)
    result = vault.ingest(tmp_path / "in")
    assert any("NOT encrypted" in notice for notice in result["notices"])
    stored = {path.name: path.read_bytes() for path in stored_objects(vault)}
    assert sorted(stored.values()) == sorted(p.read_bytes() for p in files)
    for name, data in stored.items():
        assert hashlib.sha256(data).hexdigest() == name
    assert vault.assert_sound() == 4


@pytest.mark.parametrize("gibibytes", [2, pytest.param(10, marks=pytest.mark.slow)])
def test_memory_stays_flat_for_a_large_file(vault: Made, tmp_path: Path, gibibytes: int) -> None:
    path = tmp_path / "large.mp4"
    with open(path, "wb") as stream:
        stream.truncate(gibibytes * 2**30 + 12345)
    result = run("ingest", vault.folder, path)
    assert result["status"] == 0, result
    assert result["taken_in"][0]["size"] == gibibytes * 2**30 + 12345
    assert result["peak_kib"] < 200 * 1024
    (objects,) = {len(e.units[0].objects) for e in vault.entries() if e.type == "ingested"}
    assert objects == gibibytes // 2 + 1  # parts, none of them over 2 GiB
    shutil.rmtree(vault.folder)


def harmless(text: str) -> bool:
    """Nothing that moves a cursor, turns the direction of text round, or ends a line."""
    return not any(
        unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") or c in "\u202a\u202b\u202d\u202e"
        for c in text
    )


def stored_objects(vault: Made) -> list[Path]:
    return sorted(p for p in (vault.folder / "archive" / "objects").rglob("*") if p.is_file())


def snapshot(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every file with its bytes and change time; SQLite's shared memory is not on disk."""
    return {
        str(p.relative_to(folder)): (p.read_bytes(), p.stat().st_mtime_ns)
        for p in folder.rglob("*")
        if p.is_file() and not p.name.startswith("catalogue.db-")
    }
