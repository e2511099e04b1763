"""A vault on a disk that can't be written, such as one that is kept as evidence."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import Desk
from .runner import ROOT, check_schema


@pytest.fixture
def frozen(own_desk: Desk) -> Iterator[Desk]:
    """A vault that is bind-mounted read-only upon itself, which binds root, too."""
    place = str(own_desk.vault)
    if subprocess.run(["mount", "--bind", place, place], capture_output=True).returncode:
        pytest.skip("file systems may not be mounted here")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", place], check=True)
        yield own_desk
    finally:
        subprocess.run(["umount", place], check=True)


READING = (["list"], ["search", "note"], ["log", "audit"], ["log", "status"])


def test_reading_commands_work_on_a_read_only_disk(frozen: Desk, tmp_path: Path) -> None:
    item = frozen.items()[0]
    for words in (*READING, ["show", item], ["history", item]):
        result = frozen.call(*words, "--json")
        assert result.status == 0, (words, result.err)
    checked = frozen.call("fixity", "--all", "--json")
    assert checked.status == 3
    check_schema("fixity", checked.json())
    assert (checked.json()["event"], checked.json()["damaged"]) == (None, [])
    assert "could not be recorded" in checked.json()["notices"][0]
    assert "could not be recorded" in frozen.call("fixity", "--all").out
    refused = frozen.call("get", item, "-o", tmp_path / "out")
    assert refused.status == 12
    assert "E-NOT-WRITABLE" in refused.err
    assert not (tmp_path / "out").exists()


def test_what_a_crash_left_in_the_write_ahead_log_is_read_on_a_read_only_disk(
    own_desk: Desk, tmp_path: Path
) -> None:
    """The newest entries stand in catalogue.db-wal alone: they are not passed over."""
    import sqlite3

    place = own_desk.vault
    held = sqlite3.connect(place / "catalogue.db")  # keeps the log from being emptied at the end
    held.execute("PRAGMA journal_mode=WAL")
    held.execute("SELECT count(*) FROM log_state").fetchone()
    (tmp_path / "new.txt").write_text("new")
    assert own_desk.call("ingest", tmp_path / "new.txt").status == 0
    copy = own_desk.base / "copy"
    shutil.copytree(place, copy)
    held.close()
    assert (copy / "catalogue.db-wal").stat().st_size > 0
    if subprocess.run(["mount", "--bind", str(copy), str(copy)], capture_output=True).returncode:
        pytest.skip("file systems may not be mounted here")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(copy)], check=True)
        found = own_desk.call("search", "--name", "new.txt", "--json", "--vault", copy)
        assert found.status == 0, found.err
        assert len(found.json()["items"]) == 1
    finally:
        subprocess.run(["umount", str(copy)], check=True)


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv")
def test_reading_works_where_the_folder_belongs_to_somebody_else(own_desk: Desk) -> None:
    if os.getuid() != 0:
        pytest.skip("needs root, to give its powers up")
    for path in (own_desk.vault, *own_desk.vault.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    lost = "-dac_override,-dac_read_search,-fowner"
    head = [sys.executable, "-m", "evidence_vault", "--vault", str(own_desk.vault)]
    head += ["--passphrase-file", str(own_desk.passphrase_file)]
    for words in READING:
        done = subprocess.run(
            ["setpriv", "--bounding-set", lost, "--inh-caps", lost, *head, *words],
            env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, (words, done.stderr)
