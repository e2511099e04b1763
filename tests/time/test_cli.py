"""timestamp on the command line: statuses, schemas, words."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cli.runner import Result, call, check_schema
from tests.time.authority import LocalAuthority
from tests.time.conftest import MakeAuthority
from tests.vault.vaults import PASSPHRASE, Made


@pytest.fixture
def passphrase_file(tmp_path: Path) -> Path:
    path = tmp_path / "passphrase"
    path.write_text(PASSPHRASE + "\n")
    return path


class Line:
    """Commands on one vault."""

    def __init__(self, made: Made, passphrase: Path) -> None:
        self._head = ("--vault", made.folder, "--passphrase-file", passphrase)

    def __call__(self, *words: object, group: str = "timestamp") -> Result:
        return call(*self._head, group, *words)

    def json(self, *words: object, group: str = "timestamp") -> Result:
        """The same with ``--json``; the document must be what its schema says."""
        done = self(*words, "--json", group=group)
        check_schema(f"{group}-{words[0]}", done.json())
        return done


@pytest.fixture
def line(bare: Made, passphrase_file: Path) -> Line:
    return Line(bare, passphrase_file)


def test_from_add_to_renew(
    line: Line, authority: LocalAuthority, tmp_path: Path, bare: Made
) -> None:
    assert line("stamp").status == 2  # nothing is configured
    added = line.json("add", "tsa", authority.url, "--root", authority.root)
    assert (added.status, added.json()["url"]) == (0, authority.url)
    assert line.json("status").json()["state"] == "pending"
    stamped = line.json("stamp")
    assert (stamped.status, stamped.json()["results"][0]["state"]) == (0, "present")
    status = line.json("status", group="log")
    assert status.json()["timestamps"] == "present"
    assert line.json("verify").json()["exit"] == 0
    assert line.json("renew").json()["sizes"] == []
    assert line.json("renew", "--size", "1").json()["results"][0]["renewal"] == 1
    assert line.json("status").json()["stamped"] == 1
    for words in (["status"], ["verify"], ["renew"], ["stamp"]):
        assert line(*words).status == 0
    assert "Everything matches." in line("verify").out
    assert line.json("remove", "tsa").json()["kept"] is True
    assert "removed" in line("status").out


def test_by_stick(line: Line, authority: LocalAuthority, tmp_path: Path) -> None:
    line("add", "tsa", authority.url, "--root", authority.root)
    request = line.json("request", "-o", tmp_path / "a.tsq")
    assert request.status == 0
    assert request.json()["sha512"] in (tmp_path / "a.tsq").read_bytes().hex()
    (tmp_path / "a.tsr").write_bytes(authority.reply((tmp_path / "a.tsq").read_bytes()))
    imported = line.json("import", tmp_path / "a.tsr", "--authority", "tsa")
    assert (imported.status, imported.json()["size"]) == (0, 1)
    renewal = line.json("request", "-o", tmp_path / "b.tsq", "--size", "1", "--renew")
    assert renewal.json()["renewal"] == 1
    assert line("request", "-o", tmp_path / "c.tsq", "--renew").status == 2
    assert line("request", "-o", tmp_path / "b.tsq").status == 2  # stamped already


def test_what_could_not_be_got_is_3_and_what_is_wrong_is_10(
    line: Line, authority: LocalAuthority, make_authority: MakeAuthority
) -> None:
    second = make_authority("second")
    for each in (authority, second):
        line("add", each.name, each.url, "--root", each.root)
    second.stop()
    done = line.json("stamp", "--timeout", "5")
    assert done.status == 3
    assert [each["code"] for each in done.json()["findings"]] == ["E-AUTHORITY"]
    said = line("stamp")
    assert "NOT REACHABLE" in said.out and "present" in said.out
    second.start()
    second.mode = "lying"
    done = line.json("stamp")
    assert done.status == 10
    assert [each["code"] for each in done.json()["findings"]] == ["T-IMPRINT"]
    text = line("stamp").out
    assert "REJECTED" in text and "it claims" in text


def test_what_an_authority_says_is_escaped(line: Line, authority: LocalAuthority) -> None:
    line("add", "tsa", authority.url, "--root", authority.root)
    authority.refusal = "pay\x1b[31m\u202ethe bill"
    authority.mode = "refuses"
    done = line("stamp")
    assert done.status == 10
    assert "\x1b" not in done.out and "\u202e" not in done.out


def test_no_login_on_the_command_line(line: Line, authority: LocalAuthority) -> None:
    done = line("add", "tsa", "https://me:secret@tsa.example/", "--root", authority.root)
    assert done.status == 2
    assert "secret" not in done.out + done.err
    assert "--login-file" in done.err
