"""An encrypted ZIP ends with zeros that hide its exact size; a reader accepts only those."""

from __future__ import annotations

import dataclasses
import io
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import bagit
import pytest

from evidence_vault.bundle.model import BundlePlan
from evidence_vault.bundle.sinks import ZipSink
from evidence_vault.bundle.writer import write_bundle
from evidence_vault.core.age import padme
from evidence_vault.core.findings import Outcome, Report
from evidence_vault.errors import FormatError
from evidence_vault.verify import shell_verifier, verify_bundle

Plans = Callable[..., BundlePlan]


def to_zip(plan: BundlePlan, padded: bool = True) -> bytes:
    stream = io.BytesIO()
    write_bundle(plan, ZipSink(stream, padded))
    return stream.getvalue()


def differing(report: Report) -> set[tuple[str, str]]:
    return {(f.code, f.subject) for f in report.findings if f.outcome is Outcome.DIFFERS}


@pytest.fixture
def folder(plans: Plans, tmp_path: Path) -> Path:
    (tmp_path / "b.zip").write_bytes(to_zip(plans()))
    with zipfile.ZipFile(tmp_path / "b.zip") as archive:
        archive.extractall(tmp_path)
    return next(tmp_path.glob("evidence-*"))


def pack(folder: Path, way: int) -> Path:
    target = folder.parent / "again.zip"
    with zipfile.ZipFile(target, "w", way) as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, str(path.relative_to(folder.parent)))
    return target


def test_the_whole_zip_has_a_padme_length_and_ends_with_zeros(plans: Plans, tmp_path: Path) -> None:
    data, bare = to_zip(plans()), to_zip(plans(), padded=False)
    assert len(data) == padme(len(data)) >= len(bare)
    assert len(bare) != padme(len(bare)), "this plan would show nothing"
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        last = archive.infolist()[-1]
        assert last.filename.endswith("/padding")
        assert not any(archive.read(last))
    with zipfile.ZipFile(io.BytesIO(bare)) as archive:
        assert not any(name.endswith("/padding") for name in archive.namelist())
    (tmp_path / "b.zip").write_bytes(data)
    report = verify_bundle(tmp_path / "b.zip", None)
    assert not differing(report)
    assert "C-PADDING" in {f.code for f in report.findings}


@pytest.mark.parametrize("limit", [1 << 10, 1 << 14, 1 << 16, 1 << 31])
@pytest.mark.parametrize("count", [1, 8, 65535])
def test_wide_numbers_of_large_zips_are_reckoned_with(
    plans: Plans, monkeypatch: pytest.MonkeyPatch, limit: int, count: int
) -> None:
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", limit)
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", count)
    data = to_zip(plans())
    assert len(data) == padme(len(data))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None


def test_every_length_of_one_small_zip_comes_out_right() -> None:
    for size in range(0, 600, 7):
        stream = io.BytesIO()
        with ZipSink(stream, padded=True) as sink:
            sink.begin("evidence-00112233")
            sink.add("a", size, [bytes(size)])
        assert len(stream.getvalue()) == padme(len(stream.getvalue()))


def test_unpacked_the_bag_is_valid_and_both_verifiers_say_right(folder: Path) -> None:
    bagit.Bag(str(folder)).validate()
    assert not differing(verify_bundle(folder, None))
    done = run_shell(folder)
    assert "C-PADDING" in done and "DOES NOT MATCH" not in done


@pytest.mark.parametrize("way", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_packed_again_it_is_still_right(folder: Path, way: int) -> None:
    (folder / "padding").write_bytes(bytes(5 << 20))  # deflated below 1:1000
    assert not differing(verify_bundle(pack(folder, way), None))


@pytest.mark.parametrize("hidden", [b"x", bytes(5000) + b"hidden", b"\n" + bytes(9), b"0"])
def test_anything_but_zeros_in_it_was_added(folder: Path, hidden: bytes) -> None:
    (folder / "padding").write_bytes(hidden)
    for path in (folder, pack(folder, zipfile.ZIP_STORED)):
        assert differing(verify_bundle(path, None)) == {("B-ADDED", "padding")}
    assert "padding: was added" in run_shell(folder)


@pytest.mark.parametrize("name", ["data/padding", "receipts/padding", "Padding", "padding.bin"])
def test_zeros_anywhere_else_were_added(folder: Path, name: str) -> None:
    (folder / "padding").unlink()
    (folder / name).write_bytes(bytes(9))
    assert differing(verify_bundle(folder, None)) == {("B-ADDED", name)}
    assert f"{name}: was added" in run_shell(folder)


def test_a_folder_of_that_name_was_added(folder: Path) -> None:
    (folder / "padding").unlink()
    (folder / "padding").mkdir()
    assert differing(verify_bundle(folder, None)) == {("B-ADDED", "padding/")}
    assert "padding/: was added" in run_shell(folder)


def test_without_it_nothing_is_missing(folder: Path) -> None:
    (folder / "padding").unlink()
    assert not differing(verify_bundle(folder, None))
    assert "DOES NOT MATCH" not in run_shell(folder)


def test_no_statement_lists_it(plans: Plans, tmp_path: Path) -> None:
    class Extra:
        def files(self, plan: BundlePlan, /) -> Iterator[tuple[str, Iterable[bytes]]]:
            yield "padding", [b"hidden"]

    with pytest.raises(FormatError, match="must not be listed"):
        to_zip(dataclasses.replace(plans(), extras=[Extra()]), padded=False)


def run_shell(folder: Path) -> str:
    script = folder.parent / "verify.sh"
    script.write_bytes(shell_verifier())
    shell = shutil.which("dash") or "sh"
    run = subprocess.run([shell, script, "-c", folder], capture_output=True, text=True, check=False)
    return run.stdout
