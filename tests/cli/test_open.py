"""open: decrypting what was encrypted to somebody, by passphrase or key, without a vault."""

from __future__ import annotations

from pathlib import Path

import pytest

from evidence_vault.core import age

from .conftest import Desk, item_named
from .runner import call, check_schema


@pytest.fixture
def identity(tmp_path: Path) -> tuple[Path, str]:
    """(key file, recipient) of somebody."""
    key = age.PQIdentity.generate()
    file = tmp_path / "key.txt"
    file.write_text(f"# my key\n{key}\n")
    return file, str(key.to_recipient())


@pytest.fixture
def bundle(desk: Desk, tmp_path: Path, identity: tuple[Path, str]) -> Path:
    """A bundle encrypted to ``identity``."""
    out = tmp_path / "bundle.age"
    item = item_named(desk, "note.txt")
    done = desk.call("export", item, "--originals", "--to", identity[1], "-o", out, "--json")
    assert done.status == 0, done.out
    check_schema("export", done.json())
    assert done.json()["sealed"] is True
    return out


def test_a_key_opens_a_bundle_that_then_verifies(
    desk: Desk, bundle: Path, identity: tuple[Path, str], tmp_path: Path
) -> None:
    desk.call("trust", "export", "-o", tmp_path / "trust.json")
    opened = tmp_path / "opened.zip"
    result = call("open", bundle, "-o", opened, "--identity", identity[0], "--json")
    assert result.status == 0, result.out
    check_schema("open", result.json())
    assert result.json()["size"] == opened.stat().st_size
    assert opened.stat().st_mode & 0o077 == 0
    assert call("verify", "--trust", tmp_path / "trust.json", opened).status == 0
    text = call("open", bundle, "-o", tmp_path / "again.zip", "--identity", identity[0])
    assert "Nothing in it is verified yet" in text.out


def test_a_passphrase_opens_a_bundle(desk: Desk, tmp_path: Path) -> None:
    word, out = tmp_path / "word", tmp_path / "bundle.age"
    word.write_text("for this bundle only\n")
    item = item_named(desk, "note.txt")
    done = desk.call("export", item, "--export-passphrase-file", word, "-o", out)
    assert done.status == 0, done.err
    assert call("open", out, "-o", tmp_path / "o.zip", "--passphrase-file", word).status == 0
    wrong = call("open", out, "-o", tmp_path / "p.zip", "--passphrase-file", desk.passphrase_file)
    assert wrong.status == 13
    key = call("open", out, "-o", tmp_path / "p.zip", "--identity", word)
    assert key.status == 2
    assert not (tmp_path / "p.zip").exists()


def test_an_encrypted_bundle_says_how_it_is_opened(bundle: Path) -> None:
    result = call("verify", bundle)
    assert (result.status, result.out) == (3, "")
    assert "evidence-vault open" in result.err


def test_an_existing_file_is_never_overwritten(
    bundle: Path, identity: tuple[Path, str], tmp_path: Path
) -> None:
    (tmp_path / "kept").write_text("kept")
    result = call("open", bundle, "-o", tmp_path / "kept", "--identity", identity[0])
    assert result.status == 2
    assert (tmp_path / "kept").read_text() == "kept"


@pytest.mark.parametrize("at", [30, 3000, -10])
def test_a_changed_bundle_leaves_nothing_behind(
    bundle: Path, identity: tuple[Path, str], tmp_path: Path, at: int
) -> None:
    data = bytearray(bundle.read_bytes())
    data[at] ^= 1
    bundle.write_bytes(data)
    folder = tmp_path / "out"
    folder.mkdir()
    result = call("open", bundle, "-o", folder / "opened.zip", "--identity", identity[0])
    assert result.status in (10, 13), result.err
    assert list(folder.iterdir()) == []


def test_a_cut_bundle_leaves_nothing_behind(
    bundle: Path, identity: tuple[Path, str], tmp_path: Path
) -> None:
    bundle.write_bytes(bundle.read_bytes()[:-100])
    folder = tmp_path / "out"
    folder.mkdir()
    result = call("open", bundle, "-o", folder / "opened.zip", "--identity", identity[0])
    assert result.status == 10
    assert list(folder.iterdir()) == []


def test_keys_that_do_not_open_it(bundle: Path, tmp_path: Path) -> None:
    out = tmp_path / "o.zip"
    assert call("open", bundle, "-o", out).status == 13
    other = tmp_path / "other"
    other.write_text(f"{age.PQIdentity.generate()}\n")
    assert call("open", bundle, "-o", out, "--identity", other).status == 13
    other.write_bytes(b"\xff\xfe")
    assert call("open", bundle, "-o", out, "--identity", other).status == 13
    assert call("open", bundle, "-o", out, "--identity", tmp_path / "absent").status == 13
    assert not out.exists()


def test_what_is_not_encrypted(desk: Desk, tmp_path: Path) -> None:
    out = tmp_path / "o.zip"
    result = call("open", desk.source / "note.txt", "-o", out)
    assert result.status == 10
    assert "E-NOT-AGE" in result.err
    (tmp_path / "armored").write_text("-----BEGIN AGE ENCRYPTED FILE-----\n")
    assert "age --decrypt" in call("open", tmp_path / "armored", "-o", out).err
    assert call("open", tmp_path / "absent", "-o", out).status == 2
    assert call("open", tmp_path, "-o", out).status == 2
