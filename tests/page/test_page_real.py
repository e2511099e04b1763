"""The page that is given out, over real evidence: the same answer as the command line."""

from __future__ import annotations

import hashlib
import re
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cli.runner import call
from tests.verify.forge import Maker, write_folder, write_zip

from evidence_vault.core.receipt import format_receipt
from evidence_vault.core.trust import format_trust

from .build import VERIFY
from .reader import Reader

RELEASED = Path(__file__).resolve().parents[1] / "released" / "bundle-1a"
HEADLINES = {
    0: "MATCHES.",
    3: "COULD NOT BE CHECKED completely.",
    10: "DOES NOT MATCH.",
    11: "THE LOG CONTRADICTS ITSELF.",
}


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Good evidence: a bundle as ZIP and folder, a receipt with its file, the trust file."""
    base = tmp_path_factory.mktemp("material")
    maker = Maker()
    contents = [b"content one " * 9000, b"content two " * 40, b"content three " * 3]
    items = [maker.ingest(content) for content in contents]
    maker.about(items[0], "described", {"actor": "desk-1", "place": "MMR001"})
    other = {"home": maker.origin, "id": items[1]}
    maker.about(items[0], "linked", {"actor": "desk-1", "other": other, "relation": "part-of"})
    files = maker.bundle(items)
    paths = {
        "folder": write_folder(files, base / "evidence-1"),
        "zip": write_zip(files, base / "bundle.zip"),
        "receipt": base / "receipt.txt",
        "file": base / "photo.bin",
        "trust": base / "trust.json",
    }
    paths["receipt"].write_bytes(format_receipt(maker.receipt(items[0])))
    paths["file"].write_bytes(contents[0])
    paths["trust"].write_bytes(format_trust(maker.trust()))
    return paths


@pytest.fixture
def real_reader(browser: Any) -> Iterator[Reader]:
    with Reader.of(browser, VERIFY / "verify.html") as opened:
        yield opened


def agreed(reader: Reader, *evidence: Path, trust: Path | None) -> int:
    """The exit status of the command line, once the page has said the same of the same."""
    given = [] if trust is None else ["--trust", trust]
    told = call("verify", "--json", *given, *evidence).json()
    status: int = told["exit_status"]
    first = evidence[0]
    if first.is_dir():
        reader.page.set_input_files("#folder", str(first))
        reader.page.wait_for_selector("#given li")
        evidence = ()
    if trust is not None:
        evidence = (*evidence, trust)
    if evidence:
        reader.give(*evidence)
    assert reader.check() == [HEADLINES[status]], reader.text("#results")
    shown = {
        code.strip("()")
        for code in reader.page.locator(".finding .code").evaluate_all(
            "all => all.map(each => each.textContent)"
        )
    }
    bad = ("does not match", "could not be checked")
    found = {
        finding["code"]
        for step in told["steps"]
        for finding in step["findings"]
        if finding["outcome"] in bad
    }
    assert found <= shown
    return status


@pytest.mark.parametrize("kind", ["zip", "folder"])
def test_a_good_bundle_matches(real_reader: Reader, material: dict[str, Path], kind: str) -> None:
    assert agreed(real_reader, material[kind], trust=material["trust"]) == 0
    assert real_reader.page.locator(".steps > li").count() == 11


def test_a_good_receipt_with_its_file_matches(
    real_reader: Reader, material: dict[str, Path]
) -> None:
    paths = material["receipt"], material["file"]
    assert agreed(real_reader, *paths, trust=material["trust"]) == 0
    assert "revealed" not in real_reader.text(".events dt")


def test_without_a_trust_file_who_is_open(real_reader: Reader, material: dict[str, Path]) -> None:
    assert agreed(real_reader, material["zip"], trust=None) == 3
    assert real_reader.page.locator(".words li").count() == 16


def test_evidence_of_an_earlier_version_gets_the_same_answer(browser: Any) -> None:
    trust = RELEASED / "trust.json"
    for evidence, status in (
        (["bundle.zip"], 0),
        (["receipt.txt", "original.jpg"], 3),
        (["receipt.txt"], 3),
    ):
        with Reader.of(browser, VERIFY / "verify.html") as reader:
            assert agreed(reader, *(RELEASED / name for name in evidence), trust=trust) == status


def _flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def _payload(folder: Path) -> None:
    _flip(next((folder / "data").iterdir()), 5)


def _removed(folder: Path) -> None:
    next((folder / "data").iterdir()).unlink()


def _added(folder: Path) -> None:
    (folder / "data" / "more.bin").write_bytes(b"more")


def _statement(folder: Path) -> None:
    _flip(folder / "statement.sig", 3)


def _receipt(folder: Path) -> None:
    path = next((folder / "receipts").iterdir())
    path.write_bytes(path.read_bytes().replace(b"\npath ", b"\npath A", 1))


def _lying_page(folder: Path) -> None:
    (folder / "verify.html").write_text("<h1>MATCHES.</h1><script>alert('MATCHES')</script>")


@pytest.mark.parametrize(
    "harm",
    [_payload, _removed, _added, _statement, _receipt, _lying_page],
    ids=lambda f: f.__name__,
)
def test_a_tampered_bundle_does_not_match(
    real_reader: Reader,
    material: dict[str, Path],
    tmp_path: Path,
    harm: Callable[[Path], None],
) -> None:
    folder = tmp_path / "evidence-1"
    shutil.copytree(material["folder"], folder)
    harm(folder)
    assert agreed(real_reader, folder, trust=material["trust"]) == 10
    real_reader.page.click("#remove-all")
    packed = tmp_path / "bundle.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(tmp_path).as_posix())
    assert agreed(real_reader, packed, trust=material["trust"]) == 10


def test_another_file_does_not_match_the_receipt(
    real_reader: Reader, material: dict[str, Path], tmp_path: Path
) -> None:
    other = tmp_path / "photo.bin"
    shutil.copy(material["file"], other)
    _flip(other, 77)
    assert agreed(real_reader, material["receipt"], other, trust=material["trust"]) == 10


def test_a_trust_file_of_another_vault_does_not_match(
    real_reader: Reader, material: dict[str, Path], tmp_path: Path
) -> None:
    trust = tmp_path / "trust.json"
    trust.write_bytes(format_trust(Maker(seed="two").trust()))
    assert agreed(real_reader, material["zip"], trust=trust) == 10


def test_the_announced_bundle_is_asked_for(real_reader: Reader, material: dict[str, Path]) -> None:
    real_reader.give(material["zip"], material["trust"])
    real_reader.page.get_by_label("The bundle id that its sender told you").fill("0" * 32)
    assert real_reader.check() == [HEADLINES[10]]
    assert "B-EXPECTED" in real_reader.text("article")


def test_real_evidence_makes_no_request(real_reader: Reader, material: dict[str, Path]) -> None:
    real_reader.give(material["zip"], material["trust"])
    real_reader.check()
    rest = [each for each in real_reader.requests if each != real_reader.url]
    assert rest and all(each.startswith("blob:null/") for each in rest)


def _renderer_peak() -> int:
    """The most memory that a page of any Chromium on this machine has held, in bytes."""
    peaks = [0]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if b"--type=renderer" in (process / "cmdline").read_bytes():
                status = (process / "status").read_text()
                peaks += [int(kib) * 1024 for kib in re.findall(r"VmHWM:\s+(\d+) kB", status)]
        except OSError:
            continue
    return max(peaks)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_video_of_5_gb_streams(real_reader: Reader, tmp_path: Path) -> None:
    """More than 2^32 bytes, in memory that does not grow with it."""
    size = 5_000_000_000
    video = tmp_path / "video.mp4"
    with video.open("wb") as stream:
        stream.write(b"ftyp")
        stream.truncate(size)
    digests = [hashlib.sha256(), hashlib.sha512()]
    with video.open("rb") as stream:
        while chunk := stream.read(1 << 22):
            for digest in digests:
                digest.update(chunk)
    maker = Maker()
    item = maker.ingest(
        b"",
        content_sha256=digests[0].hexdigest(),
        content_sha512=digests[1].hexdigest(),
        content_size=str(size),
    )
    receipt, trust = tmp_path / "receipt.txt", tmp_path / "trust.json"
    receipt.write_bytes(format_receipt(maker.receipt(item)))
    trust.write_bytes(format_trust(maker.trust()))
    real_reader.give(receipt, video, trust)
    before = _renderer_peak()
    real_reader.page.click("#start")
    real_reader.page.wait_for_selector("#results article", timeout=3_000_000)
    assert real_reader.headlines() == [HEADLINES[0]]
    assert _renderer_peak() - before < 400_000_000
