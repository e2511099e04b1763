"""One whole session, each command in a process of its own, in text and in JSON."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from .conftest import BAD_UTF8_NAME, Desk, item_named
from .runner import Result, check_schema, spawn


class Walk:
    """Runs commands in ``base`` with the vault named by the environment."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.env = {
            "EVIDENCE_VAULT": str(base / "vault"),
            "EVIDENCE_VAULT_PASSPHRASE_FILE": str(base / "passphrase"),
            "EVIDENCE_VAULT_STATE": str(base / "state"),
            "EVIDENCE_VAULT_BY": "desk-1",
        }

    def text(self, *arguments: object, status: int = 0) -> Result:
        result = spawn(*arguments, env=self.env, cwd=self.base)
        assert result.status == status, (arguments, result)
        return result

    def json(self, schema: str, *arguments: object, status: int = 0) -> dict[str, Any]:
        result = self.text(*arguments, "--json", status=status)
        document = result.json()
        check_schema(schema, document)
        assert result.out == json.dumps(document, indent=2) + "\n"
        return document


def test_a_whole_session(tmp_path: Path) -> None:
    walk = Walk(tmp_path)
    (tmp_path / "passphrase").write_text("correct horse battery staple\n")
    source = tmp_path / "photos"
    source.mkdir()
    (source / "one.txt").write_text("one\n")
    (source / "two.txt").write_text("two\n")
    (source / "link").symlink_to("one.txt")

    made = walk.json("init", "init", "vault", "--org", "Test House", "--prefix", "TST")
    assert (made["prefix"], made["sealed"]) == ("TST", True)
    dry = walk.json("ingest", "ingest", "photos", "--dry-run", status=3)
    assert (len(dry["taken_in"]), dry["dry_run"]) == (2, True)
    taken = walk.json("ingest", "ingest", "photos", "--case", "C-1", "--place", "MMR001", status=3)
    assert [each["id"] for each in taken["taken_in"]] == ["TST-0000001", "TST-0000002"]
    assert [each["name"] for each in taken["refused"]] == ["photos/link"]
    assert taken["code"] == "E-PARTLY"
    assert taken["findings"][0]["where"] == "photos/link"
    again = walk.text("ingest", "photos", status=3)
    assert "In already, skipped: 2 files." in again.out
    (source / "link").unlink()
    item = "TST-0000001"

    assert walk.json("list", "list")["total"] == 2
    assert walk.json("search", "search", "--case", "C-1")["total"] == 2
    described = walk.json(
        "describe", "describe", item, "--title", "A note", "--occurred-at", "2024"
    )
    assert described["described"][0]["id"] == item
    shown = walk.json("show", "show", item)
    assert shown["fields"]["title"] == "A note"
    told = walk.json("history", "history", item)
    assert [each["type"] for each in told["events"]] == ["ingested", "described"]

    walk.json("get", "get", item, "-o", "out.txt", "--purpose", "court")
    assert (tmp_path / "out.txt").read_bytes() == (source / "one.txt").read_bytes()
    walk.json("receipt", "receipt", item, "-o", "receipt.txt", "--disclose", "title,place")
    several = walk.json("receipt", "receipt", item, "TST-0000002", "-o", "receipts")
    assert len(several["receipts"]) == 2
    exported = walk.json("export", "export", "--all", "--originals", "--clear", "-o", "bundle.zip")
    walk.json("trust-export", "trust", "export", "-o", "trust.json")
    assert walk.json("trust-show", "trust", "show", "trust.json")["origins"]

    trusted = ("verify", "--trust", "trust.json")
    report = walk.json("verify", *trusted, "receipt.txt", "out.txt")
    assert (report["outcome"], report["exit_status"]) == ("matches", 0)
    unknown = walk.json("verify", "verify", "receipt.txt", "out.txt", status=3)
    assert "W-NO-TRUST" in [each["code"] for each in unknown["findings"]]
    wrong = walk.json("verify", *trusted, "receipt.txt", source / "two.txt", status=10)
    assert wrong["code"] == "E-EVIDENCE"
    walk.json("verify", *trusted, "bundle.zip", "--expect", exported["bundle_id"])
    walk.json("verify", *trusted, "bundle.zip", "--expect", "0" * 32, status=10)

    fixity = walk.json("fixity", "fixity", "--all")
    assert (fixity["checked"], fixity["damaged"]) == (2, [])
    walk.json("fixity", "fixity", "--sample", "1")
    point = walk.json("log-checkpoint", "log", "checkpoint")
    (tmp_path / "checkpoint").write_text(walk.text("log", "checkpoint").out, encoding="utf-8")
    walk.json("log-checkpoint", "log", "checkpoint", "--expect", "checkpoint")
    assert walk.json("log-status", "log", "status")["published"] == point["size"]
    assert walk.json("log-prove", "log", "prove", item)["kind"] == "inclusion"
    proof = walk.json("log-prove", "log", "prove", "--old-size", "3", "-o", "consistency")
    assert proof["kind"] == "consistency"
    assert walk.json("log-audit", "log", "audit")["findings"] == []

    assert walk.json("rebuild", "rebuild")["items"] == 2
    assert walk.json("doctor", "doctor")["notices"]
    (tmp_path / "new").write_text("another long passphrase\n")
    walk.json("key-passphrase", "key", "passphrase", "--new-passphrase-file", "new")
    walk.text("show", item, status=13)
    (tmp_path / "passphrase").write_text("another long passphrase")
    walk.json("show", "show", item)


def test_a_log_is_succeeded(own_desk: Desk, tmp_path: Path) -> None:
    recovery = own_desk.vault.with_name("vault-recovery.txt")
    result = own_desk.call("log", "succeed", "--recovery", recovery, "--reason", "test", "--json")
    assert result.status == 0, result.err
    check_schema("log-succeed", result.json())
    assert result.json()["succeeds"]["size"] > 0


def test_a_log_is_not_succeeded_without_recovery_file(desk: Desk) -> None:
    result = desk.call("log", "succeed", "--reason", "test")
    assert result.status == 2
    assert "--recovery" in result.err


@pytest.mark.slow
def test_the_demonstration_comes_out_as_it_must(tmp_path: Path) -> None:
    result = spawn("demo", tmp_path / "demo", "--json")
    assert result.status == 0, result.err
    check_schema("demo", result.json())
    assert all(step["as_expected"] for step in result.json()["steps"])


# -- text forms ----------------------------------------------------------------------------------


def test_init_shows_the_fingerprint_in_words(tmp_path: Path, own_desk: Desk) -> None:
    target = tmp_path / "new"
    result = own_desk.call("init", target, "--org", "O", "--no-recovery", "--plaintext")
    assert result.status == 0
    lines = result.out.splitlines()
    at = next(i for i, line in enumerate(lines) if "fingerprint:" in line)
    assert len((lines[at + 1] + lines[at + 2]).split()) == 16
    assert "NO recovery file" in result.out
    assert "NOT encrypted" in result.out


def test_every_listing_of_a_plaintext_vault_says_so(tmp_path: Path, own_desk: Desk) -> None:
    target = tmp_path / "plain"
    own_desk.call("init", target, "--org", "O", "--no-recovery", "--plaintext")
    head = ("--vault", target)
    own_desk.call(*head, "ingest", own_desk.source)
    for words in (["list"], ["search", "--name", "note"]):
        result = own_desk.call(*words, *head)
        assert "NOT encrypted" in result.out
        assert own_desk.call(*words, *head, "--json").json()["sealed"] is False
    item = own_desk.call("list", *head, "--json").json()["items"][0]["id"]
    assert "NOT encrypted" in own_desk.call("show", item, *head).out
    assert "NOT encrypted" not in own_desk.call("list").out


def test_ingest_ends_with_what_is_in_what_is_not_and_no_backup(
    own_desk: Desk, tmp_path: Path
) -> None:
    more = tmp_path / "more"
    more.mkdir()
    (more / "new.txt").write_text("new\n")
    (more / "link").symlink_to("new.txt")
    result = own_desk.call("ingest", more, tmp_path / "absent", "--by", "d")
    assert result.status == 3
    assert "Taken in: 1 new item" in result.out
    assert "NOT taken in: 2 files" in result.out
    assert "more/link" in result.out
    assert "absent" in result.out
    assert "this batch is on 1 copy, and this vault has no replica" in result.out
    assert "Run the same command again" in result.out


def test_names_from_evidence_never_act_on_a_terminal(desk: Desk) -> None:
    item = item_named(desk, "red")
    for words in (["list"], ["search", "--name", "red"], ["show", item], ["history", item]):
        result = desk.call(*words)
        assert result.status == 0, result.err
        assert "\x1b" not in result.out
        assert "red\\x1b[31m.txt" in result.out


def test_json_is_ascii_whatever_is_named(desk: Desk) -> None:
    result = desk.call("list", "--json")
    assert result.out.isascii()
    assert not any(char < " " and char != "\n" for char in result.out)
    assert "ဓာတ်ပုံ.txt" in [each["name"] for each in result.json()["items"]]


def test_paths_are_taken_as_bytes(own_desk: Desk, tmp_path: Path) -> None:
    folder = bytes(tmp_path / "raw")
    (tmp_path / "raw").mkdir()
    for name in (BAD_UTF8_NAME + b"2", b"-rf"):
        with open(folder + b"/" + name, "wb") as stream:
            stream.write(b"bytes of " + name)
    result = spawn(
        "--vault",
        own_desk.vault,
        "--passphrase-file",
        own_desk.passphrase_file,
        "ingest",
        "--json",
        "--",
        BAD_UTF8_NAME + b"2",
        b"-rf",
        cwd=tmp_path / "raw",
    )
    assert result.status == 0, result.err
    assert {each["name"] for each in result.json()["taken_in"]} == {"\\xff\\xfe.txt2", "-rf"}


def test_global_options_stand_before_and_after_the_command(desk: Desk) -> None:
    before = desk.call("--json", "list")
    after = desk.call("list", "--json")
    assert before == after
    assert before.json()["total"] == len(desk.items())
    assert (
        desk.call("log", "--json", "status").json() == desk.call("log", "status", "--json").json()
    )


def test_a_later_global_option_wins(desk: Desk, tmp_path: Path) -> None:
    assert desk.call("list", "--vault", tmp_path / "none").status == 2


def test_an_option_beats_the_environment(desk: Desk, tmp_path: Path) -> None:
    env = {"EVIDENCE_VAULT": str(tmp_path / "none")}
    assert spawn("list", env=env).status == 2
    assert spawn("list", "--vault", desk.vault, env=env).status == 0


def test_sheet_template_and_sheet(own_desk: Desk, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.csv"
    result = own_desk.call("ingest", "--sheet-template", sheet, "--json")
    assert result.status == 0
    check_schema("ingest-sheet-template", result.json())
    header = sheet.read_text(encoding="utf-8-sig").splitlines()[0]
    shutil.copyfile(own_desk.source / "note.txt", tmp_path / "a.txt")
    (tmp_path / "a.txt").write_text("something new")
    cells = dict.fromkeys(header.split(","), "")
    cells.update(file="a.txt", title="A title", occurred_at="2024-02", case="C-7; C-8")
    sheet.write_text(header + "\n" + ",".join(cells.values()) + "\n", encoding="utf-8")
    taken = own_desk.call("ingest", "--sheet", sheet, "--json")
    assert taken.status == 0, taken.out
    item = taken.json()["taken_in"][0]["id"]
    fields = own_desk.call("show", item, "--json").json()["fields"]
    assert (fields["title"], fields["case"]) == ("A title", ["C-7", "C-8"])
    assert fields["occurred_at"]["value"] == "2024-02"


def test_the_checkpoint_stands_alone_on_standard_output(desk: Desk) -> None:
    result = desk.call("log", "checkpoint")
    assert result.out.endswith("\n")
    assert result.out == desk.call("log", "checkpoint", "--json").json()["checkpoint"]
    assert "Signed" in result.err
    assert desk.call("log", "checkpoint", "-q").err == ""
