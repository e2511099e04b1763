"""Disks that fill up, can't be written, or know no links; folders of other people."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from evidence_vault.errors import Exit, StoreError
from evidence_vault.store import filesystem
from evidence_vault.vault import ingest as taking_in
from evidence_vault.vault.exits import get_item
from evidence_vault.vault.exporting import ExportRequest, export
from evidence_vault.vault.fixity import fixity
from evidence_vault.vault.rebuilding import rebuild

from .conftest import MakeVault
from .vaults import DRIVER, PASSPHRASE, ROOT, Made, write_files


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 16 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=16m", "none", str(place)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("file systems may not be mounted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def fill(disk: Path, leave_kib: int) -> Path:
    """A file that leaves so much of the disk free."""
    state = os.statvfs(disk)
    path = disk / "filler"
    path.write_bytes(bytes(max(0, state.f_bavail * state.f_frsize - leave_kib * 1024)))
    return path


def test_a_disk_that_fills_up_at_any_point_of_an_ingest(
    make_vault: MakeVault, small_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the first staged byte to the checkpoint: nothing acknowledged is lost."""
    monkeypatch.setattr(taking_in, "_GROUP_ITEMS", 3)
    vault = make_vault(folder=small_disk / "vault")
    items, filled = 0, 0
    for number, leave in enumerate([0, 4, 8, 16, 24, 32, 48, 64, 80, 100, 120, 140, 170, 200, 260]):
        files = write_files(tmp_path / f"in-{number}", 10, 300)
        filler = fill(small_disk, leave)
        try:
            vault.ingest(files[0].parent)
        except StoreError as error:
            assert error.code == "E-DISK-FULL", (leave, error.message)
            assert error.exit_status == Exit.UNREACHABLE
            assert "free" in error.hint
            filled += 1
        finally:
            filler.unlink()
        with vault.open() as opened:
            there = opened.catalogue.count_items()
        assert there >= items
        result = vault.ingest(files[0].parent)
        assert result["exit"] == 0
        items += 10
        assert vault.assert_sound() == items
    assert filled >= 6, "the disk was never full: the test shows nothing"


def test_a_disk_that_fills_up_under_worker_processes(
    make_vault: MakeVault, small_disk: Path, tmp_path: Path
) -> None:
    vault = make_vault(folder=small_disk / "vault")
    files = write_files(tmp_path / "in", 60, 20_000)
    filler = fill(small_disk, 1300)
    with pytest.raises(StoreError) as caught:
        vault.ingest(tmp_path / "in")
    assert caught.value.code == "E-DISK-FULL"
    filler.unlink()
    assert vault.ingest(tmp_path / "in")["exit"] == 0
    assert vault.assert_sound() == len(files)


def test_a_re_run_of_what_is_in_needs_no_space(
    make_vault: MakeVault, small_disk: Path, tmp_path: Path
) -> None:
    """5 MiB are in already; that they would not fit again is no reason to refuse the rest."""
    vault = make_vault(folder=small_disk / "vault")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "large").write_bytes(bytes(5 << 20))
    vault.ingest(tmp_path / "in")
    (tmp_path / "in" / "small").write_bytes(b"one more")
    filler = fill(small_disk, 1024)
    result = vault.ingest(tmp_path / "in")
    filler.unlink()
    assert (result["already_in"], len(result["taken_in"])) == (1, 1)


def test_the_place_of_the_outside_pin_can_not_be_written(
    vault: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_files(tmp_path / "in", 2)
    kept = vault.state.rename(tmp_path / "kept")
    vault.state.write_text("a file where the folder was")
    with pytest.raises(StoreError):
        vault.ingest(tmp_path / "in")
    vault.state.unlink()
    kept.rename(vault.state)
    assert vault.ingest(tmp_path / "in")["exit"] == 0
    assert vault.assert_sound() == 2


def test_a_whole_session_without_links_and_with_small_parts(
    make_vault: MakeVault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on vfat and exFAT: no hard links, and payloads split into parts."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(filesystem.FilesystemStore.__init__, "__defaults__", (10_000,))
    vault = make_vault("fat")
    path = tmp_path / "large.bin"
    path.write_bytes(os.urandom(123_456))
    write_files(tmp_path / "in", 4)
    vault.ingest(path, tmp_path / "in")
    (large,) = (e for e in vault.entries() if e.units and len(e.units[0].objects) > 1)
    assert len(large.units[0].objects) == 13
    longest = max(p.stat().st_size for p in (vault.folder / "archive" / "objects").rglob("*"))
    assert longest <= 10_000
    with vault.open() as opened:
        item = opened.catalogue.item_ids()[0]
        get_item(opened, item, tmp_path / "out")
        assert (tmp_path / "out").read_bytes() == path.read_bytes()
        export(opened, ExportRequest(None, tmp_path / "b.zip", originals=True, clear=True))
        assert fixity(opened, all=True)["damaged"] == []
    rebuild(vault.folder, lambda: PASSPHRASE)
    assert vault.assert_sound() == 5


# -- without root's powers ----------------------------------------------------------------------


def without_powers(command: str, *arguments: Path) -> subprocess.CompletedProcess[str]:
    """The driver as a user whom permissions bind: this one, without root's powers over files."""
    call = [sys.executable, str(DRIVER), command, *map(str, arguments)]
    if os.geteuid() == 0:
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            pytest.skip("setpriv is absent (Debian: util-linux)")
        call = [setpriv, "--bounding-set=-dac_override,-dac_read_search,-fowner", *call]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    return subprocess.run(
        call, capture_output=True, text=True, env=environment, timeout=60, check=False
    )


def test_unreadable_sources_are_named_and_the_others_taken_in(vault: Made, tmp_path: Path) -> None:
    files = write_files(tmp_path / "in", 3)
    write_files(tmp_path / "in" / "closed", 2)
    files[1].chmod(0)
    (tmp_path / "in" / "closed").chmod(0)
    done = without_powers("ingest", vault.folder, tmp_path / "in")
    (tmp_path / "in" / "closed").chmod(0o700)
    assert done.returncode == 3, done.stderr
    assert done.stdout.count('"E-SOURCE-UNREADABLE"') == 2
    assert vault.assert_sound() == 2


@pytest.mark.parametrize(
    "where", [".", "archive", "archive/objects", "control", "control/commits", "catalogue.db"]
)
def test_a_vault_that_may_be_read_but_not_written(vault: Made, tmp_path: Path, where: str) -> None:
    """As a whole or in part: said with the way to mend it, and nothing is half done."""
    vault.ingest(*write_files(tmp_path / "before", 2))
    write_files(tmp_path / "in", 2)
    closed = vault.folder / where
    paths = [closed, *closed.rglob("*")]
    for path in paths:
        path.chmod(0o500 if path.is_dir() else 0o400)
    done = without_powers("ingest", vault.folder, tmp_path / "in")
    for path in paths:
        path.chmod(0o700 if path.is_dir() else 0o600)
    assert done.returncode == Exit.UNREACHABLE, done.stdout + done.stderr
    assert "check who owns" in done.stdout
    assert vault.ingest(tmp_path / "in")["exit"] == 0
    assert vault.assert_sound() == 4
