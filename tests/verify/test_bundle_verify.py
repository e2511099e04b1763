"""Bundles: every file removed, cut, edited, added, renamed or swapped gives 10 and its name."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from evidence_vault import verify
from evidence_vault.core.bagtext import (
    MANIFESTS,
    STATEMENT,
    STATEMENT_SIGNATURE,
    TAG_MANIFESTS,
    manifest_text,
)
from evidence_vault.core.findings import Outcome, Report
from evidence_vault.core.receipt import format_receipt
from evidence_vault.core.statement import FileRow, Statement, parse_statement
from evidence_vault.core.trust import format_trust
from evidence_vault.errors import Exit, UsageError
from evidence_vault.verify import render_text, report_to_json, verify_bundle

from .conftest import World
from .forge import Maker, write_folder, write_zip

Files = dict[str, bytes]
SHELL_VERIFIER = Path(verify.__file__).with_name("verify.sh")


def codes(report: Report, outcome: Outcome = Outcome.DIFFERS) -> set[str]:
    return {f.code for f in report.findings if f.outcome is outcome}


def named(report: Report) -> set[str]:
    return {f.subject for f in report.findings if f.outcome is Outcome.DIFFERS}


@pytest.fixture(params=["folder", "zip", "streamed zip"])
def write(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Files], Path]:
    """Writes files as a bundle of one form; each call makes a new one."""
    count = 0

    def run(files: Files) -> Path:
        nonlocal count
        count += 1
        if request.param == "folder":
            return write_folder(files, tmp_path / str(count))
        streamed = request.param == "streamed zip"
        return write_zip(files, tmp_path / f"{count}.zip", streamed=streamed, zip64=streamed)

    return run


def test_good_bundle_passes_in_each_form(write: Callable[[Files], Path], world: World) -> None:
    bundle_id = parse_statement(world.files[STATEMENT]).bundle_id
    report = verify_bundle(write(world.files), world.trust, bundle_id)
    assert report.exit_status() == Exit.OK
    assert [s.outcome for s in report.steps if s.required] == [Outcome.MATCHES] * 9


def test_bundles_without_originals_and_with_withheld_items_pass(tmp_path: Path) -> None:
    for number, other in enumerate(({"originals": False}, {"withheld": ["QVRM-0000002"]})):
        maker = Maker()
        items = [maker.ingest(f"content {n}".encode()) for n in range(3)]
        files = maker.bundle(items, **other)  # type: ignore[arg-type]  # keywords of several types
        report = verify_bundle(write_folder(files, tmp_path / str(number)), maker.trust())
        assert report.exit_status() == Exit.OK, render_text(report)


def test_without_trust_file_who_is_open(write: Callable[[Files], Path], world: World) -> None:
    report = verify_bundle(write(world.files), None)
    assert report.exit_status() == Exit.UNCHECKED
    assert codes(report, Outcome.UNCHECKED) == {"W-NO-TRUST"}


def sweep(world: World, change: Callable[[Files, str], object]) -> list[tuple[str, Files]]:
    cases = []
    for path in world.files:
        files = dict(world.files)
        change(files, path)
        if files != world.files:
            cases.append((path, files))
    return cases


def edit(files: Files, path: str) -> None:
    data = bytearray(files[path])
    data[len(data) // 2] ^= 1
    files[path] = bytes(data)


SWEEP: dict[str, Callable[[Files, str], object]] = {
    "deleted": lambda files, path: files.pop(path) and None,
    "emptied": lambda files, path: files.update({path: b""}),
    "cut": lambda files, path: files.update({path: files[path][:-1]}),
    "grown": lambda files, path: files.update({path: files[path] + b"\n"}),
    "edited": edit,
    "copied": lambda files, path: files.update({path + ".copy": files[path]}),
    "renamed": lambda files, path: files.update({path + "x": files.pop(path)}),
}


@pytest.mark.parametrize("attack", sorted(SWEEP))
def test_each_file_attacked_is_named(
    attack: str, write: Callable[[Files], Path], world: World
) -> None:
    cases = sweep(world, SWEEP[attack])
    assert len(cases) == len(world.files) >= 20
    for path, files in cases:
        report = verify_bundle(write(files), world.trust)
        assert report.exit_status() == Exit.EVIDENCE, f"{path} {attack}"
        expected = path + ".copy" if attack == "copied" else path
        assert expected in named(report), f"{path} {attack}: {render_text(report)}"


def test_two_files_swapped_are_both_named(write: Callable[[Files], Path], world: World) -> None:
    paths = sorted(world.files)
    count = 0
    for one, two in pairwise(paths):
        if world.files[one] == world.files[two]:
            continue
        files = {**world.files, one: world.files[two], two: world.files[one]}
        report = verify_bundle(write(files), world.trust)
        assert report.exit_status() == Exit.EVIDENCE
        assert {one, two} <= named(report) or STATEMENT in named(report), (one, two)
        count += 1
    assert count >= 19


def test_missing_changed_and_added_are_different_findings(tmp_path: Path, world: World) -> None:
    files = dict(world.files)
    del files["custody.txt"]
    edit(files, "index.csv")
    files["custody.csv"] += b"x"
    files["data/more.bin"] = b"more"
    report = verify_bundle(write_folder(files, tmp_path / "b"), world.trust)
    found = {(f.code, f.subject) for f in report.findings if f.subject in files or "." in f.subject}
    assert {
        ("B-MISSING", "custody.txt"),
        ("B-CHANGED", "index.csv"),
        ("B-CHANGED-SIZE", "custody.csv"),
        ("B-ADDED", "data/more.bin"),
    } <= found
    text = render_text(report)
    assert "virus scanner" in text and "incomplete" in text


def test_every_file_and_manifest_rewritten_by_a_stranger(tmp_path: Path, world: World) -> None:
    """The whole bundle made anew with the same names, perfect under the stranger's keys."""
    stranger = Maker(seed="stranger")
    items = [stranger.ingest(f"content {n} ".encode() * 20) for n in range(3)]
    files = stranger.bundle(items)
    path = write_folder(files, tmp_path / "b")
    assert verify_bundle(path, stranger.trust()).exit_status() == Exit.OK
    report = verify_bundle(path, world.trust)
    assert report.exit_status() == Exit.EVIDENCE
    assert "W-FINGERPRINT" in codes(report)


@pytest.mark.parametrize("expect", ["0" * 32, "", "not an id"])
def test_wrong_expected_bundle(tmp_path: Path, world: World, expect: str) -> None:
    report = verify_bundle(write_folder(world.files, tmp_path / "b"), world.trust, expect)
    assert report.exit_status() == Exit.EVIDENCE
    assert codes(report) == {"B-EXPECTED"}


JUNK = (
    ".DS_Store",
    "data/.DS_Store",
    "data/._QVRM-0000001.bin",
    "Thumbs.db",
    "data/ehthumbs.db",
    "desktop.ini",
    ".directory",
    "__MACOSX/data/._x",
    ".Spotlight-V100/Store-V2/x",
    ".Trashes/501/x",
    ".fseventsd/0",
)


def test_what_operating_systems_add_changes_no_verdict(
    write: Callable[[Files], Path], world: World
) -> None:
    files = {**world.files, **dict.fromkeys(JUNK, b"junk")}
    report = verify_bundle(write(files), world.trust)
    assert report.exit_status() == Exit.OK, render_text(report)
    assert "C-JUNK" in codes(report, Outcome.INFORMATION)
    for near in (".DS_Store2", "x._y", "__MACOS/x"):
        report = verify_bundle(write({**world.files, near: b"junk"}), world.trust)
        assert report.exit_status() == Exit.EVIDENCE


HIDDEN = (".DS_Store/x.jpg", "Thumbs.db/x.jpg", "data/._dir/x.jpg", "__MACOSX", "data/.Trashes")


@pytest.mark.parametrize("path", HIDDEN)
def test_nothing_is_hidden_in_a_folder_named_like_what_systems_drop(
    path: str, write: Callable[[Files], Path], world: World
) -> None:
    bundle = write({**world.files, path: b"planted"})
    report = verify_bundle(bundle, world.trust)
    assert report.exit_status() == Exit.EVIDENCE
    assert path in named(report), render_text(report)
    if bundle.is_dir():
        done = subprocess.run(
            ["sh", str(SHELL_VERIFIER), str(bundle)], capture_output=True, text=True, check=False
        )
        assert done.returncode == Exit.EVIDENCE, done.stdout
        assert "added by an operating system" not in done.stdout, done.stdout


def resign(world: World, change: Callable[[Statement], Statement], **more: bytes) -> Files:
    """A bundle whose maker signs a changed statement: an archive that bends its own bundle."""
    files = {**world.files, **more}
    statement = change(parse_statement(world.files[STATEMENT]))
    listed = {p: d for p, d in files.items() if p not in (STATEMENT, STATEMENT_SIGNATURE)}
    return world.maker.seal(listed, statement)


def without_item(s: Statement) -> Statement:
    return replace(s, items=s.items[1:])


def count(name: str, by: int) -> Callable[[Statement], Statement]:
    return lambda s: replace(s, counts={**s.counts, name: s.counts[name] + by})


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("B-ITEM", without_item),
        ("B-COUNT", count("chosen", 1)),
        ("B-COUNT", count("exported", -1)),
        ("B-COUNT", count("withheld", 1)),
        ("B-COUNT", count("fields_shown", 1)),
        ("B-COUNT", count("fields_withheld", -1)),
        ("B-EXPORTED-OTHER", count("fields_withheld", -1)),
        ("B-EXPORTED-OTHER", lambda s: replace(s, bundle_id="0" * 32)),
        (
            "B-EXPORTED-OTHER",
            lambda s: replace(s, proofs={**s.proofs, "timestamps": "pending"}),
        ),
        ("B-RECEIPT-OTHER", lambda s: replace(s, origin="another-log")),
        ("B-RECEIPT-OTHER", lambda s: replace(s, checkpoint_size=s.checkpoint_size + 1)),
        ("B-RECEIPT-OTHER", lambda s: replace(s, checkpoint_root="0" * 64)),
        ("B-RECEIPT-OTHER", lambda s: replace(s, exported_index=3)),
        ("B-RECEIPT-OTHER", lambda s: replace(s, exported_leaf="0" * 64)),
        (
            "B-RECEIPT-OTHER",
            lambda s: replace(s, items=(replace(s.items[0], last_seq=9), *s.items[1:])),
        ),
        (
            "B-ITEM",
            lambda s: replace(s, items=(replace(s.items[0], payload=None), *s.items[1:])),
        ),
        (
            "R-FILE-CHANGED",
            lambda s: replace(
                s,
                items=(
                    replace(s.items[0], payload=s.items[1].payload),
                    replace(s.items[1], payload=s.items[0].payload),
                    *s.items[2:],
                ),
            ),
        ),
    ],
)
def test_a_signed_statement_that_lies(
    code: str, change: Callable[[Statement], Statement], tmp_path: Path, world: World
) -> None:
    report = verify_bundle(write_folder(resign(world, change), tmp_path / "b"), world.trust)
    assert report.exit_status() == Exit.EVIDENCE
    assert code in codes(report), render_text(report)


def relist(statement: Statement, path: str, data: bytes) -> Statement:
    row = FileRow(path, hashlib.sha256(data).hexdigest(), len(data))
    rows = {r.path: r for r in statement.files} | {path: row}
    return replace(statement, files=tuple(rows[p] for p in sorted(rows)))


def test_original_swapped_with_all_lists_signed_anew(tmp_path: Path, world: World) -> None:
    """Whoever holds the statements key still can't swap a file: the log knows its digests."""
    path, data = "data/QVRM-0000001.bin", b"another content"
    files = resign(world, lambda s: relist(s, path, data), **{path: data})
    report = verify_bundle(write_folder(files, tmp_path / "b"), world.trust)
    assert report.exit_status() == Exit.EVIDENCE
    assert ("R-FILE-CHANGED", path) in {(f.code, f.subject) for f in report.findings}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"QVRM-0000002,", b"QVRM-0000009,"),
        (b",exported,,data/QVRM-0000002", b",withheld,,data/QVRM-0000002"),
        (b"TOTAL,3,", b"TOTAL,2,"),
        (b"withheld,0", b"withheld,1"),
        (b"TOTAL,3,exported,3,withheld,0\n", b""),
        (b"item,home", b"item,home\nitem,home"),
        (b"item,home", b"\xff,home"),
    ],
)
def test_index_for_people_that_says_something_else(
    old: bytes, new: bytes, tmp_path: Path, world: World
) -> None:
    assert world.files["index.csv"].count(old) == 1
    data = world.files["index.csv"].replace(old, new)
    files = resign(world, lambda s: relist(s, "index.csv", data), **{"index.csv": data})
    report = verify_bundle(write_folder(files, tmp_path / "b"), world.trust)
    assert report.exit_status() == Exit.EVIDENCE
    assert codes(report) == {"B-INDEX"}


@pytest.mark.parametrize("name", ["trust.json", "receipts/trust.txt", "README"])
def test_trust_file_inside_the_bundle_is_refused(name: str, tmp_path: Path, world: World) -> None:
    data = format_trust(world.trust)
    files = resign(world, lambda s: relist(s, name, data), **{name: data})
    report = verify_bundle(write_folder(files, tmp_path / "b"), world.trust)
    assert ("B-TRUST-INSIDE", name) in {(f.code, f.subject) for f in report.findings}
    assert report.exit_status() == Exit.EVIDENCE


def test_key_file_of_a_stranger(tmp_path: Path, world: World) -> None:
    name = next(p for p in sorted(world.files) if p.startswith("keys/"))
    data = next(d for p, d in Maker(seed="x").bundle([]).items() if p.startswith("keys/"))
    files = resign(world, lambda s: relist(s, name, data), **{name: data})
    report = verify_bundle(write_folder(files, tmp_path / "b"), world.trust)
    assert ("B-KEY-FILE", name) in {(f.code, f.subject) for f in report.findings}


@pytest.mark.parametrize("name", [*MANIFESTS, *TAG_MANIFESTS])
def test_manifest_with_a_row_more_or_another_digest(
    name: str, tmp_path: Path, world: World
) -> None:
    algorithm = 64 if "256" in name else 128
    rows = world.files[name] + b"0" * algorithm + b"  zzz\n"
    for n, data in enumerate((rows, world.files[name][:-1], world.files[name] * 2)):
        files = {**world.files, name: data}
        report = verify_bundle(write_folder(files, tmp_path / str(n)), world.trust)
        assert ("B-MANIFEST", name) in {(f.code, f.subject) for f in report.findings}


@pytest.mark.parametrize("name", TAG_MANIFESTS)
def test_tag_manifest_with_another_digest(name: str, tmp_path: Path, world: World) -> None:
    text = world.files[name]
    digit = b"1" if text[:1] == b"0" else b"0"
    files = {**world.files, name: digit + text[1:]}
    report = verify_bundle(write_folder(files, tmp_path / "b"), world.trust)
    found = {(f.code, f.subject) for f in report.findings if f.outcome is Outcome.DIFFERS}
    assert found == {("B-MANIFEST", name)}


def test_statement_signed_by_a_key_of_another_role(tmp_path: Path, world: World) -> None:
    files = dict(world.files)
    files[STATEMENT_SIGNATURE] = world.maker.keys["events"].sign(files[STATEMENT])
    report = verify_bundle(write_folder(files, tmp_path / "a"), world.trust)
    assert "B-STATEMENT-SIGNATURE" in codes(report)
    maker = Maker()
    items = [maker.ingest(b"content")]
    made = maker.bundle(items)
    maker.keys["statements"] = maker.keys["events"]
    lied = replace(parse_statement(made[STATEMENT]), key=maker.keyid("events"))
    listed = {p: d for p, d in made.items() if p not in (STATEMENT, STATEMENT_SIGNATURE)}
    report = verify_bundle(write_folder(maker.seal(listed, lied), tmp_path / "b"), Maker().trust())
    assert "B-STATEMENT-KEY" in codes(report)


def test_statement_key_that_was_revoked(tmp_path: Path, world: World) -> None:
    origin = world.trust.origins[0]
    keys = tuple(replace(k, until=2) if k.role == "statements" else k for k in origin.keys)
    trust = replace(world.trust, origins=(replace(origin, keys=keys),))
    report = verify_bundle(write_folder(world.files, tmp_path / "b"), trust)
    assert report.exit_status() == Exit.EVIDENCE
    assert codes(report) == {"W-KEY-INTERVAL"}


def test_receipt_of_another_item_under_this_name(tmp_path: Path, world: World) -> None:
    path = "receipts/QVRM-0000001.txt"
    data = world.files["receipts/QVRM-0000002.txt"]
    files = resign(world, lambda s: relist(s, path, data), **{path: data})
    report = verify_bundle(write_folder(files, tmp_path / "b"), world.trust)
    assert ("B-RECEIPT-OTHER", path) in {(f.code, f.subject) for f in report.findings}


def test_receipt_that_withholds_what_the_export_claims(tmp_path: Path, world: World) -> None:
    path = "receipts/QVRM-0000001.txt"
    data = format_receipt(world.maker.receipt(world.items[0], reveal=("content_size", "counts")))
    files = resign(world, lambda s: relist(s, path, data), **{path: data})
    report = verify_bundle(write_folder(files, tmp_path / "b"), world.trust)
    assert {"B-EXPORTED-HIDDEN"} <= codes(report)


def test_shared_entry_is_not_believed_under_another_first_entry(
    tmp_path: Path, world: World
) -> None:
    """A receipt under a stranger's entry 0 must not lend its checks to the others."""
    stranger = Maker(seed="stranger")
    zero = stranger.receipt(None).events[0]
    mixed = replace(world.receipt, events=(zero, *world.receipt.events[1:]))
    path, data = "receipts/QVRM-0000001.txt", format_receipt(mixed)
    files = resign(world, lambda s: relist(s, path, data), **{path: data})
    report = verify_bundle(write_folder(files, tmp_path / "b"), world.trust)
    assert report.exit_status() == Exit.EVIDENCE
    assert "R-SIGNER" in codes(report)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs POSIX")
def test_links_and_pipes_are_named_and_never_opened(tmp_path: Path, world: World) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(world.files["custody.txt"])
    folder = write_folder(world.files, tmp_path / "a")
    (folder / "custody.txt").unlink()
    (folder / "custody.txt").symlink_to(secret)
    report = verify_bundle(folder, world.trust)
    assert ("C-LINK", "custody.txt") in {(f.code, f.subject) for f in report.findings}
    folder = write_folder(world.files, tmp_path / "b")
    (folder / "loop").symlink_to(folder)
    assert codes(verify_bundle(folder, world.trust)) == {"C-LINK"}
    folder = write_folder(world.files, tmp_path / "c")
    (folder / "custody.csv").unlink()
    os.mkfifo(folder / "custody.csv")
    assert codes(verify_bundle(folder, world.trust)) == {"C-SPECIAL"}


def test_unsafe_and_colliding_names_in_a_folder(tmp_path: Path, world: World) -> None:
    for number, (name, code) in enumerate(
        (
            ("a\\b", "C-UNSAFE-NAME"),
            ("C:x", "C-UNSAFE-NAME"),
            ("nul.txt", "C-UNSAFE-NAME"),
            ("x\u202ey", "C-UNSAFE-NAME"),
            ("INDEX.CSV", "C-COLLISION"),
        )
    ):
        folder = write_folder({**world.files, name: b"x"}, tmp_path / str(number))
        report = verify_bundle(folder, world.trust)
        assert codes(report) == {code}, name
    folder = write_folder({**world.files, "e\u0301": b"x", "\u00e9": b"y"}, tmp_path / "nfc")
    assert codes(verify_bundle(folder, world.trust)) == {"C-COLLISION"}
    folder = write_folder(world.files, tmp_path / "raw")
    (folder / os.fsdecode(b"\xff\xfe")).write_bytes(b"x")
    report = verify_bundle(folder, world.trust)
    assert codes(report) == {"C-UNSAFE-NAME"}
    json.dumps(report_to_json(report), ensure_ascii=False).encode("utf-8")
    render_text(report).encode("utf-8")


def test_added_empty_folder(tmp_path: Path, world: World) -> None:
    folder = write_folder(world.files, tmp_path / "b")
    (folder / "more").mkdir()
    report = verify_bundle(folder, world.trust)
    assert ("B-ADDED", "more/") in {(f.code, f.subject) for f in report.findings}


@pytest.mark.parametrize(
    ("data", "code", "status"),
    [
        (b"", "V-IS-EMPTY", Exit.UNCHECKED),
        (b"age-encryption.org/v1\n", "V-IS-AGE", Exit.UNCHECKED),
        (b"evidence-vault/receipt/v1\n", "V-IS-RECEIPT", Exit.UNCHECKED),
        (b'{"bundle_id":', "V-IS-STATEMENT", Exit.UNCHECKED),
        (b"hello", "B-NOT-A-BUNDLE", Exit.EVIDENCE),
    ],
)
def test_other_kinds_of_file_get_a_clear_answer(
    tmp_path: Path, world: World, data: bytes, code: str, status: Exit
) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    report = verify_bundle(path, world.trust)
    assert report.exit_status() == status
    assert code in {f.code for f in report.findings}


def test_nothing_at_the_path(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        verify_bundle(tmp_path / "absent", None)


def test_empty_folder_is_no_bundle(tmp_path: Path, world: World) -> None:
    report = verify_bundle(tmp_path, world.trust)
    assert report.exit_status() == Exit.EVIDENCE
    assert ("B-MISSING", STATEMENT) in {(f.code, f.subject) for f in report.findings}


def test_manifest_writer_refuses_what_a_reader_would(world: World) -> None:
    good = manifest_text([("b", "0" * 64), ("a", "1" * 64)])
    assert good == b"1" * 64 + b"  a\n" + b"0" * 64 + b"  b\n"
