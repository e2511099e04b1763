"""Several processes at one vault at the same time."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from evidence_vault.errors import Exit, VaultBusy
from evidence_vault.vault.queries import list_items, show_item
from evidence_vault.vault.rebuilding import rebuild

from .vaults import PASSPHRASE, Made, start, write_files

pytestmark = pytest.mark.databases

GROUP = {"EVIDENCE_TEST_GROUP": "5"}


def test_two_ingests_at_once_lose_and_repeat_nothing(vault: Made, tmp_path: Path) -> None:
    both = [write_files(tmp_path / name, 60) for name in ("left", "right")]
    processes = [start("ingest", vault.folder, f[0].parent, environment=GROUP) for f in both]
    for process in processes:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    assert vault.assert_sound() == 120
    with vault.open() as opened:
        rows = opened.catalogue.find()
    assert sorted(row["name"] for row in rows) == sorted([p.name for f in both for p in f])
    assert len({row["accession"] for row in rows}) == 2
    before = rows
    rebuild(vault.folder, lambda: PASSPHRASE)
    with vault.open() as opened:
        assert opened.catalogue.find() == before


def test_two_ingests_of_the_same_files_make_each_item_once(vault: Made, tmp_path: Path) -> None:
    files = write_files(tmp_path / "in", 60)
    processes = [start("ingest", vault.folder, tmp_path / "in", environment=GROUP) for _ in "ab"]
    for process in processes:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    assert vault.assert_sound() == len(files)
    assert {e.type for e in vault.entries()} <= {
        "vault-created",
        "accession-opened",
        "ingested",
        "accession-closed",
    }


def test_reading_goes_on_while_somebody_writes(vault: Made, tmp_path: Path) -> None:
    vault.ingest(write_files(tmp_path / "one", 3)[0].parent)
    write_files(tmp_path / "in", 60)
    process = start("ingest", vault.folder, tmp_path / "in", environment=GROUP)
    looked = 0
    while process.poll() is None:
        with vault.open() as opened:
            rows = list_items(opened)["items"]
            assert show_item(opened, rows[0]["id"])["events"] == 1
            looked += 1
    process.communicate()
    assert process.returncode == 0
    assert looked > 1
    assert vault.assert_sound() == 63


def test_a_held_lock_is_waited_for_and_then_its_holder_is_named(
    vault: Made, tmp_path: Path
) -> None:
    write_files(tmp_path / "in", 40)
    with vault.open() as opened:
        holder = start("ingest", vault.folder, tmp_path / "in", environment=GROUP)
        with opened.locked():
            # The other process waits for this one …
            with vault.open() as third, pytest.raises(VaultBusy) as caught:
                began = time.monotonic()
                with third.locked(wait_seconds=0.3):
                    raise AssertionError("two hold the lock")
            assert 0.3 <= time.monotonic() - began < 5
            assert re.search(r"process [0-9]+ since 20[0-9-]+T", caught.value.message)
            assert caught.value.exit_status == Exit.UNREACHABLE
            assert caught.value.hint
            assert holder.poll() is None
        # … and goes on when it lets go.
        _, err = holder.communicate(timeout=120)
    assert holder.returncode == 0, err
    assert vault.assert_sound() == 40
