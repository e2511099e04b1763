"""describe: what was said can be superseded, and withdrawn."""

from __future__ import annotations

from pathlib import Path

from .conftest import Desk, item_named
from .runner import check_schema


def test_an_empty_field_withdraws_what_was_said_and_the_old_value_stays(own_desk: Desk) -> None:
    item = item_named(own_desk, "note.txt")
    own_desk.call("describe", item, "--title", "Wrong title", "--place", "MMR001", "--by", "d")
    said = own_desk.call("describe", item, "--title", "", "--case", "", "--by", "d", "--json")
    assert said.status == 0, said.err
    found = own_desk.call("show", item, "--json").json()
    check_schema("show", found)
    assert found["fields"]["title"] is None and found["fields"]["case"] is None
    assert found["fields"]["place"] == "MMR001"
    assert ("title", "Wrong title") in {
        (each["field"], str(each["value"])) for each in found["superseded"]
    }
    for words in (["search", "Wrong"], ["search", "--case", "C-1", "--name", "note.txt"]):
        assert own_desk.call(*words, "--json").json()["items"] == []
    told = own_desk.call("history", item).out
    newest = told[told.rindex("(described)") :]
    assert newest.count("withdrawn: now unknown") == 2
    assert "Not changed by this event" in newest
    assert own_desk.call("rebuild").status == 0
    assert own_desk.call("search", "Wrong", "--json").json()["items"] == []
    assert own_desk.call("log", "audit").status == 0


def test_a_withdrawn_field_is_proved_in_a_receipt(own_desk: Desk, tmp_path: Path) -> None:
    item = item_named(own_desk, "note.txt")
    own_desk.call("describe", item, "--received-at", "2024-05-01")
    own_desk.call("describe", item, "--received-at", "")
    receipt = tmp_path / "receipt.txt"
    assert own_desk.call("receipt", item, "--disclose", "all", "-o", receipt).status == 0
    own_desk.call("trust", "export", "-o", tmp_path / "trust.json")
    result = own_desk.call("verify", "--trust", tmp_path / "trust.json", receipt, "--json")
    assert result.status == 0, result.out


def test_to_describe_nothing_is_refused(own_desk: Desk, tmp_path: Path) -> None:
    item = own_desk.items()[0]
    before = own_desk.call("log", "status", "--json").json()["committed"]
    assert own_desk.call("describe", item).status == 2
    assert own_desk.call("describe", item, "--occurred-basis", "").status == 2
    (tmp_path / "sheet.csv").write_text(f"file,title\n{item},\n")
    result = own_desk.call("describe", "--sheet", tmp_path / "sheet.csv", "--json")
    assert result.status == 3
    assert [each["reason"] for each in result.json()["refused"]] == ["describes nothing"]
    assert own_desk.call("log", "status", "--json").json()["committed"] == before
