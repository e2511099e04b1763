"""Files made to break a parser: each is taken in as bytes, and the batch goes on."""

from __future__ import annotations

import csv
import hashlib
import os
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

from evidence_vault.capture.metadata import MetadataPool

from .bombs import BOMBS
from .conftest import Command

needs_exiftool = pytest.mark.skipif(
    shutil.which("exiftool") is None, reason="ExifTool is not installed"
)
ENDED = {"read", "unreadable", "timed-out", "crashed", "too-large"}
GOOD = b"What was seen.\n"


def check_taken(vault: Command, taken: Any, files: dict[str, bytes]) -> dict[str, dict[str, Any]]:
    """Every file is an item with its own digest; the metadata of each, by name."""
    assert taken.status == 0, taken.err
    said = taken.json()
    assert said["refused"] == []
    listed = {each["name"].rpartition("/")[2]: each["id"] for each in said["taken_in"]}
    found = {}
    for name, content in files.items():
        item = vault("show", listed[name], "--json").json()
        assert item["digests"]["sha256"] == hashlib.sha256(content).hexdigest(), name
        assert item["digests"]["size"] == len(content)
        assert item["metadata"]["status"] in ENDED, (name, item["metadata"]["status"])
        assert item["metadata"]["status"] == "read" or item["metadata"]["reason"], name
        found[name] = item["metadata"]
    return found


@needs_exiftool
@pytest.mark.slow
def test_all_hostile_files_of_the_corpus(vault: Command, shared: Path) -> None:
    with open(shared / "corpus/manifest.csv", newline="", encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream) if row["hostile_by_design"] == "yes"]
    assert len(rows) == 260
    paths = [shared / "corpus" / row["file"] for row in rows]
    taken = vault("ingest", *paths, "--by", "desk-1", "--json")
    assert taken.status == 0, taken.err
    said = taken.json()
    assert said["refused"] == []
    items = [vault("show", each["id"], "--json").json() for each in said["taken_in"]]
    digests = {item["digests"]["sha256"] for item in items}
    assert digests == {row["sha256"] for row in rows}
    for item in items:
        outcome = item["metadata"]
        assert outcome["status"] in ENDED
        assert outcome["status"] == "read" or outcome["reason"]
    again = vault("ingest", *paths, "--by", "desk-1", "--json")
    assert again.status == 0
    assert again.json()["taken_in"] == []


@needs_exiftool
def test_every_bomb_and_the_file_after_it(
    vault: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    defaults = MetadataPool.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "time_limit", 10.0)  # seconds; one bomb takes whatever it gets
    folder = tmp_path / "in"
    folder.mkdir()
    files = {name: make() for name, make in BOMBS.items()} | {"zz-good.txt": GOOD}
    for name, content in files.items():
        (folder / name).write_bytes(content)
    beside = {path.name for path in tmp_path.iterdir()}
    found = check_taken(vault, vault("ingest", folder, "--by", "desk-1", "--json"), files)
    assert found["zz-good.txt"]["status"] == "read"
    assert b"root:" not in repr(found).encode()  # no entity and no link was followed
    assert not Path("/tmp/escaped").exists()
    assert {path.name for path in tmp_path.iterdir()} == beside


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX")
def test_endless_streams_are_refused_and_the_others_go_in(vault: Command, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    os.mkfifo(folder / "endless")
    (folder / "zero").symlink_to("/dev/zero")
    (folder / "good.txt").write_bytes(GOOD)
    taken = vault("ingest", folder, "/dev/zero", "--by", "desk-1", "--json")
    assert taken.status == 3
    said = taken.json()
    assert [each["name"] for each in said["taken_in"]] == ["in/good.txt"]
    assert {each["name"] for each in said["refused"]} == {"in/endless", "in/zero", "zero"}


def test_a_file_that_grows_while_it_is_read(vault: Command, tmp_path: Path) -> None:
    """It is refused as changed, or what was read is a whole state that it had: never a mixture."""
    folder = tmp_path / "in"
    folder.mkdir()
    growing = folder / "growing.log"
    growing.write_bytes(bytes(1 << 20))
    (folder / "good.txt").write_bytes(GOOD)
    stop = threading.Event()

    def grow() -> None:
        with open(growing, "ab") as stream:
            while not stop.is_set() and stream.tell() < 1 << 30:
                stream.write(bytes(1 << 16))
                stream.flush()

    thread = threading.Thread(target=grow)
    thread.start()
    try:
        taken = vault("ingest", folder, "--by", "desk-1", "--json")
    finally:
        stop.set()
        thread.join()
    said = taken.json()
    assert "in/good.txt" in {each["name"] for each in said["taken_in"]}
    codes = {each["name"]: each["code"] for each in said["refused"]}
    assert taken.status == (3 if codes else 0)
    assert codes in ({}, {"in/growing.log": "E-SOURCE-CHANGED"})
