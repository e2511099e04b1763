"""What would leave, what left, to whom and on what terms."""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path

import pytest

from evidence_vault.core.receipt import parse_receipt

from .conftest import Desk, item_named
from .runner import check_schema

TERMS = (
    "--agreement",
    "MoU 2026-4",
    "--condition",
    "no-death-penalty",
    "--condition",
    "fair-trial",
)


def entries(desk: Desk) -> int:
    return int(desk.call("log", "status", "--json").json()["catalogue"]["size"])


def test_a_dry_run_shows_everything_and_does_nothing(own_desk: Desk, tmp_path: Path) -> None:
    desk = own_desk
    item = item_named(desk, "note.txt")
    desk.call("describe", item, "--classification", "secret", "--caveats", "lead_only")
    before = sorted(p for p in desk.base.rglob("*") if "lock" not in p.name)
    how = ("--originals", "--disclose", "profile", "--recipient-name", "Court 7", *TERMS)
    done = desk.call("export", "--all", *how, "--dry-run", "--json")
    assert done.status == 0, done.err
    result = done.json()
    check_schema("export-dry-run", result)
    assert sorted(p for p in desk.base.rglob("*") if "lock" not in p.name) == before
    assert result["encrypted"] == "not said"
    assert result["payload_size"] == sum(each["size"] for each in result["files"])
    (row,) = [each for each in result["items"] if each["id"] == item]
    assert row["consent"] == "no consent on record: could not be checked"
    assert (row["classification"], row["caveats"]) == ("secret", ["lead_only"])
    assert len(row["warnings"]) == 2
    assert {each["consent"] for each in result["items"]} == {row["consent"]}
    assert "case" in {each["field"] for each in result["fields"]["revealed"]}
    assert "source_path" in {each["field"] for each in result["fields"]["withheld"]}
    assert result["reveals_recipient"] is True
    text = desk.call("export", "--all", *how, "--dry-run", "--clear").out
    for part in (
        "Nothing was written",
        "NOT encrypted",
        "Court 7",
        "MoU 2026-4",
        "lead_only",
        "no consent on record: could not be checked",
        f"WARNING {item}",
    ):
        assert part in text


def test_a_restricted_item_is_announced_before_it_leaves(own_desk: Desk, tmp_path: Path) -> None:
    item = item_named(own_desk, "note.txt")
    own_desk.call("describe", item, "--classification", "under-seal")
    done = own_desk.call("export", item, "--clear", "-o", tmp_path / "b.zip")
    assert "classified under-seal" in done.err


def test_terms_are_committed_and_revealed_to_the_recipient(desk: Desk, tmp_path: Path) -> None:
    out = tmp_path / "b.zip"
    item = item_named(desk, "note.txt")
    how = ("--recipient-name", "Court 7", *TERMS, "--clear", "--by", "d", "-o", out)
    assert desk.call("export", item, *how).status == 0
    desk.call("trust", "export", "-o", tmp_path / "trust")
    assert desk.call("verify", "--trust", tmp_path / "trust", out).status == 0
    with zipfile.ZipFile(out) as archive:
        (name,) = [n for n in archive.namelist() if n.endswith(f"receipts/{item}.txt")]
        receipt = parse_receipt(archive.read(name))
    revealed = {d.name: d.value for d in receipt.events[-1].reveals}
    assert revealed["recipient"] == {
        "ages": [],
        "agreement": "MoU 2026-4",
        "conditions": ["fair-trial", "no-death-penalty"],
        "name": "Court 7",
    }


def test_without_terms_the_recipient_stays_withheld(desk: Desk, tmp_path: Path) -> None:
    out = tmp_path / "b.zip"
    item = item_named(desk, "note.txt")
    how = ("--recipient-name", "SECRET-CLINIC", "--clear", "-o", out)
    assert desk.call("export", item, *how).status == 0
    assert b"SECRET-CLINIC" not in out.read_bytes()


@pytest.mark.parametrize("code", ["No Death", "=1+1", "", "x" * 65, "a\nb"])
def test_a_condition_is_a_code(desk: Desk, tmp_path: Path, code: str) -> None:
    done = desk.call("export", "--all", "--clear", "--condition", code, "-o", tmp_path / "b")
    assert done.status == 2


def test_the_ledger_shows_all_exits_and_who_has_an_item(own_desk: Desk, tmp_path: Path) -> None:
    desk = own_desk
    item, other = item_named(desk, "note.txt"), item_named(desk, "=1+1.csv")
    assert "Nothing has left" in desk.call("exports").out
    how = ("--clear", "--recipient-name", "=cmd|' /C calc'!A0", *TERMS)
    assert desk.call("export", item, *how, "-o", tmp_path / "b.zip").status == 0
    assert desk.call("get", other, "-o", tmp_path / "got", "--purpose", "court").status == 0
    assert desk.call("receipt", item, "-o", tmp_path / "r.txt").status == 0
    result = desk.call("exports", "--items", "--json").json()
    check_schema("exports", result)
    assert [(e["kind"], e["items"]) for e in result["exits"]] == [
        ("bundle", [item]),
        ("get", [other]),
        ("receipt", [item]),
    ]
    first = result["exits"][0]
    assert first["agreement"] == "MoU 2026-4"
    assert first["conditions"] == ["fair-trial", "no-death-penalty"]
    assert first["counts"]["chosen"] == 1
    assert first["profile"] == "partner"
    about = desk.call("exports", "--item", other, "--json").json()
    assert [e["kind"] for e in about["exits"]] == ["get"]
    text = desk.call("exports", "--items").out
    assert "agreement MoU 2026-4; conditions: fair-trial; no-death-penalty" in text.replace(
        "fair-trial, ", "fair-trial; "
    )
    table = list(csv.DictReader(io.StringIO(desk.call("exports", "--csv", "--items").out)))
    assert [row["kind"] for row in table] == ["bundle", "get", "receipt"]
    assert table[0]["recipient"].startswith("'=")
    assert table[0]["items"] == item
    assert desk.call("exports", "--item", "QVRM-9999999").status == 2
    assert desk.call("exports", "--csv", "--json").status == 2


def test_public_gives_share_copies_only(desk: Desk, tmp_path: Path) -> None:
    how = ("--for", "public", "--originals", "--clear", "-o", tmp_path / "b.zip")
    done = desk.call("export", "--all", *how)
    assert done.status == 14
    assert not list(tmp_path.iterdir())
