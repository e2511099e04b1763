"""A bundle in volumes: read as one, and each that is missing, short or swapped has its name."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from evidence_vault.core import age

from .conftest import Desk
from .runner import Result, call, check_schema


@dataclass
class Split:
    """A bundle in volumes, in the clear or encrypted, and what opens and verifies it."""

    folder: Path
    name: str
    key: Path
    trust: Path

    def volume(self, number: int) -> Path:
        return self.folder / f"{self.name}.{number:03d}"

    def volumes(self) -> list[Path]:
        return sorted(self.folder.glob(f"{self.name}.[0-9]*"))

    def verify(self, path: Path | None = None) -> Result:
        return call("verify", "--trust", self.trust, path or self.volume(1))


@pytest.fixture(scope="module")
def made(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """clear.* and sealed.* in volumes of 20,000 bytes, key and trust file."""
    base = tmp_path_factory.mktemp("made")
    identity = age.X25519Identity.generate()
    (base / "key").write_text(f"{identity}\n")
    for name, how in (
        ("clear", ["--clear"]),
        ("sealed", ["--to", str(identity.to_recipient())]),
    ):
        (base / name).mkdir()
        out = base / name / f"{name}.bin"
        split = ("--volume-size", "20000", "--by", "d", "--json")
        done = desk.call("export", "--all", "--originals", *how, *split, "-o", out)
        assert done.status == 0, done.err
        check_schema("export", done.json())
        assert len(done.json()["volumes"]) > 4
    assert desk.call("trust", "export", "-o", base / "trust").status == 0
    return base


@pytest.fixture
def split(made: Path, tmp_path: Path) -> Callable[[str], Split]:
    def copied(name: str) -> Split:
        shutil.copytree(made / name, tmp_path / name)
        return Split(tmp_path / name, f"{name}.bin", made / "key", made / "trust")

    return copied


def test_volumes_are_plain_pieces_that_stock_tools_check_and_join(
    split: Callable[[str], Split], tmp_path: Path
) -> None:
    pieces = split("clear")
    sums = pieces.folder / "clear.bin.sha256"
    checked = subprocess.run(
        ["sha256sum", "-c", "--strict", sums.name],
        cwd=pieces.folder,
        capture_output=True,
        text=True,
        check=True,
    )
    assert checked.stdout.count(": OK") == len(pieces.volumes())
    whole = tmp_path / "whole.zip"
    with whole.open("wb") as out:
        subprocess.run(["cat", *pieces.volumes()], stdout=out, check=True)
    joined = subprocess.run(["sha256sum", whole], capture_output=True, text=True, check=True)
    assert f"# joined in this order: {joined.stdout.split()[0]}  clear.bin" in sums.read_text()
    assert [p.stat().st_size for p in pieces.volumes()[:-1]] == [20000] * (
        len(pieces.volumes()) - 1
    )
    assert call("verify", "--trust", pieces.trust, whole).status == 0


@pytest.mark.parametrize("named", ["first", "third", "folder", "pattern", "name"])
def test_a_split_bundle_is_named_in_any_way(split: Callable[[str], Split], named: str) -> None:
    pieces = split("clear")
    path = {
        "first": pieces.volume(1),
        "third": pieces.volume(3),
        "folder": pieces.folder,
        "pattern": pieces.folder / "clear.*",
        "name": pieces.folder / "clear.bin",
    }[named]
    done = pieces.verify(path)
    assert done.status == 0, done.out
    assert "C-VOLUMES" in done.out


@pytest.mark.parametrize("number", [1, 2, -1])
@pytest.mark.parametrize("listed", [True, False])
def test_a_missing_volume_is_named(
    split: Callable[[str], Split], number: int, listed: bool
) -> None:
    pieces = split("clear")
    gone = pieces.volumes()[number if number < 0 else number - 1]
    gone.unlink()
    if not listed:
        (pieces.folder / "clear.bin.sha256").unlink()
    done = pieces.verify(pieces.folder)
    assert done.status == 10
    if listed or number > 0:
        assert f"{gone.name}: this volume is missing" in done.out
    else:  # nobody says that there was another one
        assert "C-ZIP-DAMAGED" in done.out


def test_a_short_volume_is_named(split: Callable[[str], Split]) -> None:
    pieces = split("clear")
    with pieces.volume(2).open("r+b") as stream:
        stream.truncate(19000)
    (pieces.folder / "clear.bin.sha256").unlink()
    done = pieces.verify()
    assert done.status == 10
    assert "clear.bin.002: has 19000 bytes, the others 20000" in done.out


@pytest.mark.parametrize("pair", [(1, 2), (2, 3)])
def test_swapped_volumes_are_named(split: Callable[[str], Split], pair: tuple[int, int]) -> None:
    pieces = split("clear")
    one, other = (pieces.volume(n) for n in pair)
    content = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(content)
    done = pieces.verify(pieces.folder)
    assert done.status == 10, done.out
    if pair == (2, 3):
        assert f"{one.name}: is not the volume" in done.out
        assert f"{other.name}: is not the volume" in done.out


def test_a_changed_byte_names_its_volume(split: Callable[[str], Split]) -> None:
    pieces = split("clear")
    data = bytearray(pieces.volume(2).read_bytes())
    data[777] ^= 1
    pieces.volume(2).write_bytes(data)
    done = pieces.verify()
    assert done.status == 10
    assert "clear.bin.002: is not the volume" in done.out
    assert "clear.bin.003: is not" not in done.out


def test_two_bundles_in_one_folder_are_not_guessed_at(split: Callable[[str], Split]) -> None:
    pieces = split("clear")
    for path in pieces.volumes():
        shutil.copyfile(path, pieces.folder / path.name.replace("clear", "other"))
    done = pieces.verify(pieces.folder)
    assert done.status == 2
    assert "clear.bin.001 and other.bin.001" in done.err
    assert pieces.verify().status == 0


@pytest.mark.parametrize("named", ["first", "folder"])
def test_an_encrypted_one_is_opened_and_verified_in_one_go(
    split: Callable[[str], Split], named: str, tmp_path: Path
) -> None:
    pieces = split("sealed")
    path = pieces.volume(1) if named == "first" else pieces.folder
    out = tmp_path / "opened.zip"
    how = ("--identity", pieces.key, "--verify", "--trust", pieces.trust)
    done = call("open", path, "-o", out, *how, "--json")
    assert done.status == 0, done.err
    check_schema("open", done.json())
    assert done.json()["verified"]["outcome"] == "matches"
    check_schema("verify", done.json()["verified"])
    assert pieces.verify(out).status == 0
    assert pieces.verify().status == 3  # encrypted: it says so
    assert (
        call("open", path, "-o", tmp_path / "x", "--identity", pieces.key, "--expect", "0").status
        == 2
    )


def test_opening_ends_with_the_verdict(split: Callable[[str], Split], tmp_path: Path) -> None:
    pieces = split("sealed")
    how = ("--identity", pieces.key, "--verify")
    unknown = call("open", pieces.volume(1), "-o", tmp_path / "o.zip", *how)
    assert unknown.status == 3  # no trust file
    assert "decrypted" in unknown.out and "W-NO-TRUST" in unknown.out
    told = ("--trust", pieces.trust, "--expect", "0" * 32)
    other = call("open", pieces.volume(1), "-o", tmp_path / "p.zip", *how, *told, "--json")
    assert other.status == 10
    check_schema("open", other.json())


@pytest.mark.parametrize("damage", ["missing", "short", "swapped", "changed"])
def test_an_encrypted_one_names_the_wrong_volume(
    split: Callable[[str], Split], damage: str, tmp_path: Path
) -> None:
    pieces = split("sealed")
    two = pieces.volume(2)
    if damage == "missing":
        two.unlink()
    elif damage == "short":
        two.write_bytes(two.read_bytes()[:-1])
    elif damage == "swapped":
        two.write_bytes(pieces.volume(3).read_bytes())
    else:
        two.write_bytes(two.read_bytes()[:-1] + b"\0")
    out = tmp_path / "opened.zip"
    done = call("open", pieces.volume(1), "-o", out, "--identity", pieces.key)
    assert done.status == 10, done.err
    assert "sealed.bin.002" in done.err
    assert not out.exists()


def test_the_stock_program_opens_it(split: Callable[[str], Split], tmp_path: Path) -> None:
    """As docs/verifiers.md tells whoever has no program of ours."""
    program = shutil.which("age")
    if program is None:
        pytest.skip("no age here")
    pieces = split("sealed")
    out = tmp_path / "opened.zip"
    line = f'cat sealed.bin.[0-9]* | {program} -d -i "{pieces.key}" -o "{out}"'
    subprocess.run(["sh", "-c", line], cwd=pieces.folder, check=True)
    assert pieces.verify(out).status == 0


@pytest.mark.parametrize("text", ["0", "9999", "1.5G", "4 X", "-1", ""])
def test_a_size_that_is_none(desk: Desk, tmp_path: Path, text: str) -> None:
    done = desk.call("export", "--all", "--clear", "--volume-size", text, "-o", tmp_path / "b")
    assert done.status == 2
    assert not list(tmp_path.iterdir())


def test_sizes_are_decimal_so_that_4g_fits_a_fat32_stick() -> None:
    from evidence_vault.cli.exporting import parse_size

    assert parse_size("4G") == 4_000_000_000 < (1 << 32)
    assert parse_size("650MB") == 650_000_000
    assert parse_size("2GiB") == 2 << 30
    assert parse_size(" 20000 ") == 20000


def test_nothing_is_written_over(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "b.003").write_text("kept")
    how = ("--clear", "--volume-size", "20000", "-o", tmp_path / "b")
    assert desk.call("export", "--all", *how).status == 2
    assert (tmp_path / "b.003").read_text() == "kept"
    assert len(list(tmp_path.iterdir())) == 1
