"""Our tiles and checkpoints under an independent verifier, good ones and spoilt ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from evidence_vault.core.merkle import root_from_hashes

from .gosumdb import verify_folder
from .logs import MemoryLog, entry, leaves, log_signer, signer, write_folder


def lay_out(folder: Path, size: int) -> MemoryLog:
    """A folder with a log of ``size`` entries, grown in two steps."""
    log = MemoryLog()
    log.grow(map(entry, range(size // 3)))
    log.grow(map(entry, range(size // 3, size)))
    write_folder(folder, log, root_from_hashes(leaves(size)))
    return log


@pytest.mark.parametrize(
    "size", [1, 7, 255, 256, 257, 700, pytest.param(70_000, marks=pytest.mark.slow)]
)
def test_go_verifies_every_entry_of_our_logs(tmp_path: Path, size: int) -> None:
    lay_out(tmp_path, size)
    verify_folder(tmp_path, log_signer().vkey)


@pytest.mark.parametrize("path", ["tile/0/000", "tile/0/001", "tile/0/002.p/188", "tile/1/000.p/2"])
def test_go_refuses_a_changed_tile(tmp_path: Path, path: str) -> None:
    log = lay_out(tmp_path, 700)
    data = bytearray(log.files[path])
    data[-1] ^= 1
    (tmp_path / path).write_bytes(data)
    with pytest.raises(AssertionError, match=r"inconsistent tile|invalid transparency proof"):
        verify_folder(tmp_path, log_signer().vkey)


def test_go_refuses_a_changed_entry(tmp_path: Path) -> None:
    log = lay_out(tmp_path, 300)
    path = "tile/entries/001.p/44"
    (tmp_path / path).write_bytes(log.files[path].replace(b"entry-299", b"entry-998"))
    with pytest.raises(AssertionError, match="record 299"):
        verify_folder(tmp_path, log_signer().vkey)


def test_go_refuses_a_checkpoint_by_another_key(tmp_path: Path) -> None:
    lay_out(tmp_path, 7)
    other = signer(log_signer().name, log_signer().key.key_type, "other")
    with pytest.raises(AssertionError, match="no verifiable signatures"):
        verify_folder(tmp_path, other.vkey)
