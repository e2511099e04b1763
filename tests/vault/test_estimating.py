"""What a dry run foretells: the room that a file will take, padding and encryption included."""

from __future__ import annotations

from pathlib import Path

import pytest

from evidence_vault.errors import StoreError
from evidence_vault.vault import ingest as room
from evidence_vault.vault.estimating import room_needed, stored_bytes

from .conftest import MakeVault


@pytest.mark.parametrize("plaintext", [False, True])
@pytest.mark.parametrize("size", [0, 1, 65_527, 65_528, 65_529, 300_001])
def test_a_stored_original_has_the_size_foretold(
    make_vault: MakeVault, tmp_path: Path, size: int, plaintext: bool
) -> None:
    vault = make_vault(plaintext=plaintext)
    (tmp_path / "file").write_bytes(bytes(size))
    vault.ingest(tmp_path / "file")
    (stored,) = [p for p in (vault.folder / "archive/objects").rglob("*") if p.is_file()]
    assert stored.stat().st_size == stored_bytes(size, plaintext)


def test_what_fits_only_without_padding_is_refused_before_anything_is_read(
    make_vault: MakeVault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = make_vault()
    size = (8 << 20) + 5  # padded to some 256 KiB more
    (tmp_path / "file").write_bytes(bytes(size))
    free = size + 64 * 1024
    assert stored_bytes(size, False) > free
    monkeypatch.setattr(room, "free_bytes", lambda _: free)
    monkeypatch.setattr(room, "Crew", None)  # nothing may be read
    with pytest.raises(StoreError) as caught:
        vault.ingest(tmp_path / "file")
    assert caught.value.code == "E-DISK-FULL"
    assert str(room_needed([size], False)) in caught.value.message


def test_the_room_of_a_dry_run_is_enough_for_the_ingest(
    make_vault: MakeVault, tmp_path: Path
) -> None:
    vault = make_vault()
    for number in range(20):
        (tmp_path / f"{number}.bin").write_bytes(bytes([number]) * 50_000 * number)
    paths = [tmp_path / f"{number}.bin" for number in range(20)]
    foretold = vault.ingest(*paths, dry_run=True)
    before = _used(vault.folder)
    vault.ingest(*paths)
    assert _used(vault.folder) - before <= foretold["space_needed"]
    assert foretold["estimated_seconds"] >= 1


def _used(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
