"""Bags of others: the conformance suite, and attacks by name."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import shared_folder

from evidence_vault.core.findings import Outcome, Report
from evidence_vault.core.messages import LANGUAGES
from evidence_vault.errors import Exit, FormatError, Unchecked
from evidence_vault.verify import render_text, report_to_json, verify_bundle
from evidence_vault.verify.bagtags import escape_of, parse_declaration

from .conftest import World
from .forge import write_folder, write_zip

# What the suite expects, and where we decide otherwise (docs/decisions/0025).
DECIDED = {
    "v0.97/warning/duplicate-file-with-different-case": "invalid",
    "v0.97/warning/special-system-files": "invalid",
}
CODES = {
    "v0.97/invalid/corrupt-data-file": "PB-CHANGED",
    "v0.97/invalid/extra-file-in-bag": "PB-UNLISTED",
    "v0.97/invalid/missing-baginfo": "PB-MISSING",
    "v0.97/invalid/missing-bagit.txt": "PB-NO-DECLARATION",
    "v0.97/invalid/out-of-scope-file-paths-using-dot-notation": "PB-OUTSIDE",
    "v0.97/invalid/out-of-scope-file-paths-using-dot-notation-for-fetch": "PB-OUTSIDE",
    "v0.97/invalid/same-filename-listed-twice-with-different-hashes": "PB-TWICE",
    "v0.97/warning/duplicate-file-with-different-case": "PB-MISSING",
    "v0.97/warning/special-system-files": "PB-MISSING",
    "v0.97/warning/relative-path": "PB-DOTTED",
    "v0.97/warning/same-filename-listed-twice-with-different-normalization": "PB-SPELLINGS",
    "v1.0/invalid/bagit-with-invalid-whitespace": "PB-DECLARATION",
    "v1.0/invalid/notAllManifestsListAllFiles": "PB-UNLISTED",
    "v1.0/invalid/same-filename-listed-twice-with-the-same-hash": "PB-TWICE",
}


@pytest.fixture(scope="module")
def bags(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, str]]:
    """(folder, expected verdict) of every bag of the suite; fewer than 40 is a failure."""
    folder = tmp_path_factory.mktemp("bags")
    source = shared / "conformance" / "bagit"
    with tarfile.open(source / "bags.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    with (source / "index.csv").open(encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table))
    assert len(rows) == 40, f"{len(rows)} bags were loaded, 40 were expected"
    for row in rows:
        held = sum(path.is_file() for path in (folder / row["bag"]).rglob("*"))
        assert held == int(row["files"]), row["bag"]
    return {row["bag"]: (folder / row["bag"], row["expected"]) for row in rows}


def zipped(folder: Path, out: Path) -> Path:
    with zipfile.ZipFile(out, "w", strict_timestamps=False) as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, Path("bag") / path.relative_to(folder))
    return out


@pytest.mark.parametrize("form", ["folder", "zip"])
def test_right_verdict_on_every_conformance_bag(
    bags: dict[str, tuple[Path, str]], tmp_path: Path, form: str
) -> None:
    for number, (name, (folder, expected)) in enumerate(bags.items()):
        path = folder if form == "folder" else zipped(folder, tmp_path / f"{number}.zip")
        report = verify_bundle(path, None)
        wanted = DECIDED.get(name, expected)
        verdict = report.facts["bag"]["verdict"]
        if wanted.startswith("invalid on"):  # one system's attack is refused on every system
            assert verdict == "invalid", name
            (found,) = {f.details["system"] for f in report.findings if f.code == "PB-OUTSIDE"}
            assert found == wanted.removeprefix("invalid on "), name
        else:
            assert verdict == wanted, name
        if name in CODES:
            assert CODES[name] in {f.code for f in report.findings}, name
        status = Exit.EVIDENCE if verdict == "invalid" else Exit.UNCHECKED
        assert report.exit_status() == status, name
        for lang in LANGUAGES:
            assert render_text(report, lang)
        json.dumps(report_to_json(report))


def test_the_suite_is_there_or_its_absence_is_said() -> None:
    folder = shared_folder()
    if not folder.is_dir():
        pytest.skip(f"NOT CHECKED: the 40 conformance bags are absent: {folder}")
    assert (folder / "conformance" / "bagit" / "bags.tar.xz").is_file()


# -- bags made here ----------------------------------------------------------------------------

Files = dict[str, bytes]


def bag(**payload: bytes) -> Files:
    """A plain bag of version 1.0, its manifest right."""
    files = {f"data/{name}": data for name, data in payload.items()}
    return seal({"bagit.txt": b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n", **files})


def seal(files: Files) -> Files:
    lines = [
        f"{hashlib.sha256(data).hexdigest()}  {path}\n"
        for path, data in sorted(files.items())
        if path.startswith("data/")
    ]
    return {**files, "manifest-sha256.txt": "".join(lines).encode()}


def codes(report: Report, outcome: Outcome = Outcome.DIFFERS) -> set[str]:
    return {f.code for f in report.findings if f.outcome is outcome}


Write = Callable[[Files], Path]


@pytest.fixture(params=["folder", "zip"])
def write(request: pytest.FixtureRequest, tmp_path: Path) -> Write:
    def run(files: Files) -> Path:
        if request.param == "folder":
            return write_folder(files, tmp_path / "bag")
        return write_zip(files, tmp_path / "bag.zip")

    return run


def test_a_good_plain_bag_is_never_more_than_not_checked(write: Write, world: World) -> None:
    report = verify_bundle(write(bag(a=b"one", b=b"two")), world.trust)
    assert report.kind == "bag" and report.exit_status() == Exit.UNCHECKED
    assert codes(report) == set()
    open_ends = {"PB-NO-CUSTODY", "PB-NO-WHO", "PB-NO-TIME"}
    assert codes(report, Outcome.UNCHECKED) == open_ends
    text = render_text(report)
    assert "PB-FILES-OK" in text and "COULD NOT BE CHECKED" in text


@pytest.mark.parametrize("kept", ["receipts", "verify.sh", "custody.txt", "keys"])
def test_a_bundle_robbed_of_its_statement_is_no_plain_bag(
    world: World, tmp_path: Path, kept: str
) -> None:
    lost = ("statement.", "tagmanifest", "receipts", "keys", "verify.sh", "custody.", "HOW-TO")
    files = {
        path: data
        for path, data in world.files.items()
        if path.startswith(kept) or not path.startswith(lost)
    }
    report = verify_bundle(write_folder(files, tmp_path / "b"), world.trust)
    assert report.kind == "bundle" and report.exit_status() == Exit.EVIDENCE
    assert "B-MISSING" in codes(report)


def test_an_announced_bundle_is_never_judged_as_a_plain_bag(write: Write) -> None:
    report = verify_bundle(write(bag(a=b"one")), None, "0" * 32)
    assert report.kind == "bundle" and report.exit_status() == Exit.EVIDENCE


def test_each_flipped_payload_bit_is_found(write: Write, tmp_path: Path) -> None:
    files = bag(a=b"one", b=b"two")
    files["data/a"] = b"ona"
    assert codes(verify_bundle(write(files), None)) == {"PB-CHANGED"}


def test_payload_of_two_lists_is_compared_with_both(write: Write) -> None:
    files = bag(a=b"one")
    files["manifest-sha512.txt"] = b"0" * 128 + b"  data/a\n"
    assert codes(verify_bundle(write(files), None)) == {"PB-CHANGED"}


def test_unknown_checksum_is_not_passed_over(write: Write) -> None:
    files = bag(a=b"one")
    files["manifest-whirlpool9.txt"] = b"00  data/a\n"
    report = verify_bundle(write(files), None)
    assert "PB-ALGORITHM" in codes(report, Outcome.UNCHECKED) and codes(report) == set()
    assert report.facts["bag"]["verdict"] == "could not be checked"


def test_what_lies_elsewhere_is_not_fetched_and_not_passed(write: Write) -> None:
    files = bag(a=b"one", b=b"two")
    files["fetch.txt"] = b"http://127.0.0.1:9/b 3 data/b\n"
    del files["data/b"]
    report = verify_bundle(write(files), None)
    assert "PB-FETCH" in codes(report, Outcome.UNCHECKED) and codes(report) == set()


def test_fetched_file_that_no_list_names(write: Write) -> None:
    files = {**bag(a=b"one"), "fetch.txt": b"http://127.0.0.1:9/c - data/c\n"}
    assert codes(verify_bundle(write(files), None)) == {"PB-FETCH-UNLISTED"}


@pytest.mark.parametrize(
    ("path", "system"),
    [
        ("../x", "every"),
        ("data/../../x", "every"),
        ("data\\..\\..\\x", "every"),
        ("\\.\\./x", "every"),
        ("/etc/passwd", "POSIX"),
        ("~root/x", "POSIX"),
        ("~/x", "POSIX"),
        ("C:\\x", "Windows"),
        ("c:x", "Windows"),
        ("\\\\?\\UNC\\s\\x", "Windows"),
        ("data/a", None),
        ("data/..a/b..", None),
        ("data/~a", None),
    ],
)
def test_paths_that_lead_out(path: str, system: str | None) -> None:
    assert escape_of(path) == system


def test_encoded_line_end_in_a_name(tmp_path: Path) -> None:
    files = bag(a=b"one")
    folder = write_folder(files, tmp_path / "b")
    (folder / "data" / "a").rename(folder / "data" / "x\ny%")
    digest = hashlib.sha256(b"one").hexdigest()
    (folder / "manifest-sha256.txt").write_text(f"{digest}  data/x%0Ay%25\n", encoding="utf-8")
    report = verify_bundle(folder, None)
    assert codes(report) == set()
    (folder / "manifest-sha256.txt").write_text(f"{digest}  data/x%0Ay%\n", encoding="utf-8")
    assert codes(verify_bundle(folder, None)) == set()
    assert "\nx\n" not in render_text(report)


def test_percent_that_was_never_encoded_is_a_warning(tmp_path: Path) -> None:
    files = bag(a=b"one")
    folder = write_folder(files, tmp_path / "b")
    (folder / "data" / "a").rename(folder / "data" / "50%25")
    digest = hashlib.sha256(b"one").hexdigest()
    (folder / "manifest-sha256.txt").write_text(f"{digest}  data/50%25\n", encoding="utf-8")
    report = verify_bundle(folder, None)
    assert report.facts["bag"]["verdict"] == "valid with warning"
    assert "PB-PERCENT" in codes(report, Outcome.INFORMATION)


def test_links_and_pipes_are_never_opened(tmp_path: Path) -> None:
    folder = write_folder(bag(a=b"one"), tmp_path / "b")
    (folder / "data" / "a").unlink()
    (folder / "data" / "a").symlink_to("/etc/passwd")
    os.mkfifo(folder / "data" / "p")
    report = verify_bundle(folder, None)
    assert {"C-LINK", "C-SPECIAL"} <= codes(report)


def test_two_spellings_with_two_checksums_do_not_match(write: Write) -> None:
    files = bag(a=b"one")
    rows = [("0" * 64, "data/e\u0301"), ("1" * 64, "data/\u00e9")]
    files["manifest-sha256.txt"] = "".join(f"{d}  {p}\n" for d, p in rows).encode()
    assert "PB-TWICE" in codes(verify_bundle(write(files), None))


@pytest.mark.parametrize("name", ["zip", "rot13", "unicode_escape", "idna", "punycode", "x-none"])
def test_codecs_that_are_no_character_sets_are_not_used(write: Write, name: str) -> None:
    text = f"BagIt-Version: 1.0\nTag-File-Character-Encoding: {name}\n".encode()
    with pytest.raises(Unchecked):
        parse_declaration(text)
    report = verify_bundle(write({**bag(a=b"one"), "bagit.txt": text}), None)
    assert report.exit_status() == Exit.UNCHECKED
    assert report.facts["bag"]["verdict"] == "could not be checked"


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"BagIt-Version: 1.0\n",
        b"BagIt-Version:1.0\nTag-File-Character-Encoding: UTF-8\n",
        b"\xef\xbb\xbfBagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n",
        b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\nMore: 1\n",
        b"BagIt-Version: +1.0\nTag-File-Character-Encoding: UTF-8\n",
        b"\xff",
    ],
)
def test_a_declaration_has_one_spelling(text: bytes) -> None:
    with pytest.raises(FormatError):
        parse_declaration(text)


def test_changed_tag_file_and_unlisted_manifest(write: Write) -> None:
    files = bag(a=b"one")
    digest = hashlib.sha256(files["bagit.txt"]).hexdigest()
    files["tagmanifest-sha256.txt"] = f"{digest}  bagit.txt\n".encode()
    assert codes(verify_bundle(write(files), None)) == {"PB-UNLISTED"}


def test_bomb_in_a_zip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "b.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in bag(a=b"one").items():
            archive.writestr(f"bag/{name}", data)
        archive.writestr("bag/data/zeros", bytes(50_000_000))
    report = verify_bundle(path, None)
    assert report.exit_status() == Exit.EVIDENCE and "C-ZIP-RATIO" in codes(report)
