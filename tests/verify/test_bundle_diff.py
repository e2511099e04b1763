"""Two bundles held against each other: grown, forked, of other logs, damaged."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from tests.cli.runner import SCHEMAS, call

from evidence_vault.core.canonical import canonical
from evidence_vault.core.findings import Outcome, Report
from evidence_vault.core.messages import LANGUAGES
from evidence_vault.core.trust import format_trust
from evidence_vault.errors import EvidenceError, Exit, Unchecked, UsageError
from evidence_vault.verify import render_text, report_to_json, verify_receipt
from evidence_vault.verify.comparing import compare_bundles
from evidence_vault.verify.picking import NOTE, pick_items
from evidence_vault.verify.reading import read_side

from .conftest import World
from .forge import Maker, write_folder, write_zip

SCHEMA = json.loads((SCHEMAS / "bundle-diff.json").read_text(encoding="utf-8"))


def codes(report: Report) -> set[str]:
    return {f.code for f in report.findings}


def checked(report: Report) -> Report:
    """Its JSON form is as the schema says, and it reads in every language."""
    document = report_to_json(report)
    status = int(report.exit_status())
    if status:
        document |= {"code": "E-X", "message": "x", "hint": "", "findings": []}
    jsonschema.validate(document, SCHEMA)
    assert all(render_text(report, lang) for lang in LANGUAGES)
    return report


def begun() -> tuple[Maker, list[str]]:
    maker = Maker()
    return maker, [maker.ingest(f"content {n} ".encode() * 9) for n in range(3)]


def test_a_bundle_is_the_same_as_itself(tmp_path: Path) -> None:
    maker, items = begun()
    files = maker.bundle(items)
    one, two = write_folder(files, tmp_path / "a"), write_zip(files, tmp_path / "b.zip")
    report = checked(compare_bundles(one, two, maker.trust()))
    assert report.exit_status() == Exit.OK
    assert {"BD-SAME-STATE", "BD-ITEMS"} <= codes(report)
    assert report.facts["files"]["changed"] == []
    assert [row["payload"] for row in report.facts["items"]["both"]] == ["same"] * 3


def test_later_bundle_of_the_same_items_is_proved_to_continue(tmp_path: Path) -> None:
    """The receipts of the later one hold the whole left edge of the earlier state."""
    maker, items = begun()
    one = write_folder(maker.bundle(items[:2]), tmp_path / "a")
    maker.about(items[0], "described", {"actor": "desk-1", "place": "MMR001"})
    items.append(maker.ingest(b"a later one"))
    for size in range(7):
        maker.about(items[1], "described", {"actor": f"desk-{size}"})
    two = write_folder(maker.bundle(items[1:], originals=False), tmp_path / "b")
    for pair in ((one, two), (two, one)):
        report = checked(compare_bundles(*pair, maker.trust()))
        assert "BD-GROWN" in codes(report) and report.exit_status() == Exit.OK
    report = compare_bundles(one, two, maker.trust())
    told = report.facts["items"]
    assert [row["id"] for row in told["first_only"]] == [items[0]]
    assert [row["id"] for row in told["second_only"]] == items[2:]
    assert told["both"][0]["payload"] == "first only"
    assert told["both"][0]["newer"]["side"] == "second"
    assert len(told["both"][0]["newer"]["events"]) == 8


def test_what_the_receipts_do_not_show_is_not_claimed(tmp_path: Path) -> None:
    maker, items = begun()
    one = write_folder(maker.bundle(items[:1]), tmp_path / "a")
    for _ in range(5):
        items.append(maker.ingest(f"other {len(items)}".encode()))
    two = write_folder(maker.bundle(items[1:2]), tmp_path / "b")
    report = checked(compare_bundles(one, two, maker.trust()))
    assert "BD-NOT-PROVED" in codes(report) and report.exit_status() == Exit.UNCHECKED


def fork(tmp_path: Path, later: int = 0) -> tuple[Path, Path, Maker]:
    """One log that told two partners two different things after the same three items."""
    (left, items), (right, _) = begun(), begun()
    left.about(items[0], "described", {"actor": "desk-1", "place": "MMR001"})
    right.about(items[0], "described", {"actor": "desk-1", "place": "MMR002"})
    for number in range(later):
        right.about(items[0], "described", {"actor": f"desk-{number}"})
    one = write_folder(left.bundle(items[:1]), tmp_path / "a")
    two = write_folder(right.bundle(items[:1]), tmp_path / "b")
    return one, two, left


@pytest.mark.parametrize("later", [0, 1, 5])
def test_fork_is_shown_with_both_sides(tmp_path: Path, later: int) -> None:
    one, two, maker = fork(tmp_path, later)
    trust = None if later else maker.trust(4)
    report = checked(compare_bundles(one, two, trust))
    assert report.exit_status() == Exit.LOG
    found = [f for f in report.findings if f.code == "BD-FORK"]
    assert found[0].details["entries"] == "4"
    sides = read_side(one), read_side(two)
    first, second = (side.ranges[4, 5].hex() for side in sides)
    assert (found[0].details["first"], found[0].details["second"]) == (first, second)
    assert first in render_text(report) and second in render_text(report)


def test_rewritten_past_shows_even_where_no_entry_is_common(tmp_path: Path) -> None:
    """The earlier bundle's root is not the one that the later bundle's paths lead to."""
    left, right = Maker(), Maker()
    first = left.ingest(b"first"), right.ingest(b"FIRST")
    second = [maker.ingest(b"second") for maker in (left, right)]
    one = write_folder(left.bundle(second[:1]), tmp_path / "a")
    right.about(second[1], "described", {"actor": "desk-1"})
    two = write_folder(right.bundle(second[1:]), tmp_path / "b")
    assert first[0] == first[1]
    report = checked(compare_bundles(one, two, None))
    assert report.exit_status() == Exit.LOG


def test_other_log_and_other_keys_under_one_name(tmp_path: Path) -> None:
    maker, items = begun()
    one = write_folder(maker.bundle(items), tmp_path / "a")
    other = Maker(seed="two", origin="silver-harbour-violin-0001", prefix="ABCD")
    two = write_folder(other.bundle([other.ingest(b"x")]), tmp_path / "b")
    report = checked(compare_bundles(one, two, None))
    assert "BD-OTHER-LOG" in codes(report) and not report.facts["same_log"]
    forger = Maker(seed="forger")
    three = write_folder(forger.bundle([forger.ingest(b"x")]), tmp_path / "c")
    report = checked(compare_bundles(one, three, None))
    assert "BD-OTHER-KEYS" in codes(report) and report.exit_status() == Exit.EVIDENCE
    report = checked(compare_bundles(one, three, maker.trust()))
    assert "BD-FAILED" in codes(report) and "items" not in report.facts


def test_nothing_is_compared_with_what_does_not_verify(tmp_path: Path, world: World) -> None:
    one = write_folder(world.files, tmp_path / "a")
    bad = {**world.files, "custody.txt": b"another story\n"}
    two = write_folder(bad, tmp_path / "b")
    report = checked(compare_bundles(one, two, world.trust))
    assert report.exit_status() == Exit.EVIDENCE
    assert "first" not in report.facts
    (tmp_path / "x").write_bytes(b"age-encryption.org/v1\n")
    report = checked(compare_bundles(one, tmp_path / "x", world.trust))
    assert report.exit_status() == Exit.UNCHECKED and "BD-NOT-A-BUNDLE" in codes(report)


def test_fields_revealed_in_one_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    maker, items = begun()
    maker.about(items[0], "described", {"actor": "desk-1", "place": "MMR001"})
    one = write_folder(maker.bundle(items), tmp_path / "a")
    from . import forge

    (again, _) = begun()
    again.about(items[0], "described", {"actor": "desk-1", "place": "MMR001"})
    plain = again.receipt_event

    def shows_place(stood: forge.Stood, reveal: object, tree: object) -> object:
        return plain(stood, (*forge.SHOWN, "place"), tree)  # type: ignore[arg-type]

    monkeypatch.setattr(again, "receipt_event", shows_place)
    monkeypatch.setattr(again, "_count_fields", lambda items: maker_counts(again, items))
    two = write_folder(again.bundle(items), tmp_path / "b")
    report = compare_bundles(one, two, None)
    if "BD-FAILED" in codes(report):  # the counts of the forged bundle are not ours to make
        pytest.fail(str([f.details for f in report.findings if f.code == "BD-FAILED"]))
    assert "BD-REVEALS-SECOND" in codes(report)
    assert report.facts["items"]["both"][0]["fields"][0]["names"] == ["place"]


def maker_counts(maker: Maker, items: object) -> dict[str, int]:
    plain = Maker._count_fields(maker, items)  # type: ignore[arg-type]
    return {
        **plain,
        "fields_shown": plain["fields_shown"] + 1,
        "fields_withheld": plain["fields_withheld"] - 1,
    }


def test_command_line(tmp_path: Path, world: World) -> None:
    one = write_folder(world.files, tmp_path / "a")
    (tmp_path / "trust.json").write_bytes(format_trust(world.trust))
    done = call("bundle", "diff", one, one, "--trust", tmp_path / "trust.json", "--json")
    assert done.status == 0
    jsonschema.validate(done.json(), SCHEMA)
    done = call("bundle", "diff", one, one, "--lang", "my")
    assert done.status == 3


# -- pick --------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["folder", "zip"])
def test_each_picked_item_verifies_alone(tmp_path: Path, world: World, form: str) -> None:
    write = write_folder if form == "folder" else write_zip
    source = write(world.files, tmp_path / "bundle")
    out = tmp_path / "out"
    result = pick_items(source, world.items[:2], out, world.trust)
    assert result["exit"] == 0 and len(result["items"]) == 2
    for item in result["items"]:
        receipt, payload = (out / path for path in item["files"][:2])
        with payload.open("rb") as stream:
            report = verify_receipt(receipt.read_bytes(), stream, world.trust)
        assert report.exit_status() == Exit.OK
    names = {path.relative_to(out).as_posix() for path in out.rglob("*")}
    assert NOTE in names and "statement.json" not in names and "index.csv" not in names
    told = b"".join(path.read_bytes() for path in out.rglob("*") if path.is_file())
    assert world.items[2].encode() not in told


def test_every_receipt_of_a_bundle_verifies_with_its_own_file_only(world: World) -> None:
    files = {p: d for p, d in world.files.items() if p.startswith(("receipts/", "data/"))}
    for item in world.items:
        receipt = files[f"receipts/{item}.txt"]
        payload = next(p for p in files if p.startswith(f"data/{item}."))
        from io import BytesIO

        good = verify_receipt(receipt, BytesIO(files[payload]), world.trust)
        assert good.exit_status() == Exit.OK
        others = [p for p in files if p.startswith("data/") and p != payload]
        for other in others:
            bad = verify_receipt(receipt, BytesIO(files[other]), world.trust)
            assert bad.exit_status() == Exit.EVIDENCE


def test_nothing_is_picked_out_of_what_does_not_match(tmp_path: Path, world: World) -> None:
    out = tmp_path / "out"
    bad = write_folder({**world.files, "custody.csv": b"x"}, tmp_path / "bad")
    with pytest.raises(EvidenceError):
        pick_items(bad, world.items[:1], out, world.trust)
    good = write_folder(world.files, tmp_path / "good")
    with pytest.raises(UsageError):
        pick_items(good, ["QVRM-9999999"], out, world.trust)
    (tmp_path / "file").write_bytes(canonical("x"))
    with pytest.raises((Unchecked, EvidenceError)):
        pick_items(tmp_path / "file", world.items[:1], out, world.trust)
    assert not out.exists() and not list(tmp_path.glob("*.partial"))
    assert call("bundle", "pick", good, world.items[0], "-o", out, "--json").status == 3
    with pytest.raises(UsageError):
        pick_items(good, world.items[:1], out, world.trust)


def test_outcome_words(tmp_path: Path, world: World) -> None:
    one = write_folder(world.files, tmp_path / "a")
    report = compare_bundles(one, one, None)
    assert report.outcome is Outcome.UNCHECKED
