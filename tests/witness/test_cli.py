"""The commands: results, exit statuses and schemas, and a server in a process of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.cli.runner import ROOT, Result, call, check_schema

from .houses import PASSPHRASE, House, found


class Desk:
    """One organisation at its command line."""

    def __init__(self, folder: Path) -> None:
        self.house: House = found(folder)
        self.folder = folder
        (folder / "passphrase").write_text(PASSPHRASE)

    def call(self, *arguments: object) -> Result:
        head = ("--vault", self.house.vault, "--passphrase-file", self.folder / "passphrase")
        return call(*head, *arguments)

    def json(self, *arguments: object, status: int = 0) -> dict[str, Any]:
        result = self.call(*arguments, "--json")
        assert result.status == status, (result.out, result.err)
        document = result.json()
        check_schema("-".join(map(str, arguments[:2])), document)
        return document

    def trust(self) -> Path:
        path = self.house.file("trust.json")
        self.json("trust", "export", "-o", path)
        return path


@pytest.fixture
def desks(tmp_path: Path) -> tuple[Desk, Desk]:
    return Desk(tmp_path / "log"), Desk(tmp_path / "witness")


def test_a_whole_exchange(desks: tuple[Desk, Desk], tmp_path: Path) -> None:
    log, witness = desks
    assert log.json("witness", "status")["self"] is None
    assert log.json("log", "status")["cosignatures"] == "not configured"
    made = witness.json("witness", "init", "--name", "amber-river-0417")
    assert made["name"] == "amber-river-0417"
    assert witness.call("witness", "init").status == 2
    added = log.json("witness", "add", witness.trust(), "--quorum", "1")
    assert added["added"][0]["countersigner"] == "amber-river-0417"
    witness.json("witness", "add", log.trust())
    assert log.json("log", "status")["cosignatures"] == "pending"

    request, answer = tmp_path / "request.txt", tmp_path / "answer.txt"
    log.json("witness", "request", "--for", "amber-river-0417", "-o", request)
    assert witness.json("witness", "cosign", request, "-o", answer)["status"] == 200
    assert witness.call("witness", "cosign", request, "-o", answer).status == 2  # never over a file
    taken = log.json("witness", "import", answer)
    assert taken["quorum"]["size"] == 1
    assert log.json("log", "status")["cosignatures"] == "present"
    log.json("witness", "import", answer)
    shown = log.json("trust", "show", log.trust())["origins"][0]
    assert (shown["countersigners"]["needed"], shown["witness"]) == (1, [])

    other = tmp_path / "other.txt"
    conflict = witness.json("witness", "cosign", request, "-o", other, status=3)
    assert (conflict["status"], other.read_bytes()) == (409, b"1\n")
    said = log.call("witness", "import", other)
    assert said.status == 3
    assert "--old 1" in said.out

    texts = [
        log.call("witness", "status"),
        log.call("log", "status"),
        witness.call("witness", "status"),
    ]
    for text in texts:
        assert text.status == 0, text.err
    assert "House witness" in texts[0].out and "House witness" in texts[1].out
    assert "amber-river-0417" in texts[2].out


def test_a_fork_ends_in_11_and_is_shown(desks: tuple[Desk, Desk], tmp_path: Path) -> None:
    log, witness = desks
    witness.json("witness", "init")
    log.json("witness", "add", witness.trust())
    witness.json("witness", "add", log.trust())
    size = log.house.grow(2)
    log.house.countersign_by(witness.house)
    evil = log.house.evil()
    request = evil.request(evil.branch(2, size), size)
    refused = witness.json("witness", "cosign", request, "-o", tmp_path / "answer", status=11)
    assert (refused["status"], refused["proven"], refused["file"]) == (422, True, None)
    assert not (tmp_path / "answer").exists()
    status = witness.json("witness", "status", status=11)
    assert [page["kind"] for page in status["misbehaviour"]] == ["fork"]
    text = witness.call("witness", "status")
    assert "showed two histories: proven" in text.out

    honest = evil.save(log.house.checkpoint())
    compared = witness.json("log", "compare", honest, request, status=11)
    assert compared["logs"][0]["outcome"] == "fork"
    text = call("log", "compare", honest, request, "--trust", log.trust())
    assert text.status == 11
    assert "DOES NOT MATCH" in text.out
    assert call("log", "compare", honest, honest, "--trust", log.trust()).status == 0
    assert call("log", "compare", honest, request).status == 3  # nobody names the keys
    assert call("log", "compare", honest, witness.trust()).status == 3  # another log


def test_compare_without_a_vault(desks: tuple[Desk, Desk], tmp_path: Path) -> None:
    log, _ = desks
    log.house.grow()
    item = log.call("list", "--json").json()["items"][0]["id"]
    for name in ("one", "two"):  # each receipt is an event, and so a larger log
        assert log.call("receipt", item, "-o", tmp_path / name).status == 0
    old = log.trust()
    assert log.call("receipt", item, "-o", tmp_path / "three").status == 0
    # Receipts name the log's keys themselves; entry 0 and the item's entries stand in both.
    result = call("log", "compare", tmp_path / "one", tmp_path / "two", "--json")
    check_schema("log-compare", result.json())
    assert result.json()["logs"][0]["keys_from"] == "the files themselves"
    assert result.json()["logs"][0]["outcome"] != "fork"
    # Whoever holds the log can always lead from one to the other.
    for a, b in (("one", "three"), ("three", "two")):
        done = log.json("log", "compare", tmp_path / a, tmp_path / b)
        assert done["logs"][0]["outcome"] == "consistent"
    assert log.json("log", "compare", tmp_path / "two", old)["logs"][0]["outcome"] == "same"


def test_receipts_of_two_histories_prove_the_fork_to_a_stranger(
    desks: tuple[Desk, Desk], tmp_path: Path
) -> None:
    """A vault is copied, its record outside is lost too, and both copies go on."""
    import shutil

    log, _ = desks
    size = log.house.grow()
    item = log.call("list", "--json").json()["items"][0]["id"]
    copy = tmp_path / "copy"
    shutil.copytree(log.folder, copy)
    state = Path(os.environ["EVIDENCE_VAULT_STATE"])
    shutil.copytree(state, tmp_path / "saved-state")
    assert log.call("receipt", item, "-o", tmp_path / "one").status == 0
    shutil.rmtree(state)
    (tmp_path / "saved-state").rename(state)
    twin = ("--vault", copy / "vault", "--passphrase-file", copy / "passphrase")
    assert call(*twin, "receipt", item, "-o", tmp_path / "two").status == 0
    result = call("log", "compare", tmp_path / "one", tmp_path / "two", "--json")
    assert result.status == 11
    fork = result.json()["logs"][0]["fork"]
    assert fork["entries"][1] >= size


def test_ask_and_serve_in_a_process_of_its_own(desks: tuple[Desk, Desk]) -> None:
    log, witness = desks
    witness.json("witness", "init")
    witness.json("witness", "add", log.trust())
    server = subprocess.Popen(
        [
            *(sys.executable, "-m", "evidence_vault", "--vault", str(witness.house.vault)),
            *("--passphrase-file", str(witness.folder / "passphrase")),
            *("witness", "serve", "--port", "0"),
        ],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert server.stderr is not None
    line = server.stderr.readline()
    found = re.search(r"port (\d+)", line)
    assert found is not None, line
    try:
        log.json("witness", "add", witness.trust(), "--url", f"http://127.0.0.1:{found[1]}")
        asked = log.json("witness", "ask")
        assert [each["outcome"] for each in asked["asked"]] == ["countersigned"]
    finally:
        server.send_signal(signal.SIGINT)
        server.communicate(timeout=30)
    assert server.returncode == 130
    log.house.grow()
    asked = log.json("witness", "ask", status=3)
    assert [each["outcome"] for each in asked["asked"]] == ["unreachable"]
    text = log.call("witness", "ask")
    assert "unreachable" in text.out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--url", "ftp://x"], "http"),
        (["--url", "http://a b"], "spaces"),
        (["--quorum", "2"], "can't be met"),
        (["--quorum", "0"], "0"),
    ],
)
def test_bad_options(desks: tuple[Desk, Desk], options: list[str], words: str) -> None:
    log, witness = desks
    witness.json("witness", "init")
    result = log.call("witness", "add", witness.trust(), *options)
    assert result.status == 2
    assert words in result.err
    assert log.call("witness", "request", "--for", "nobody", "-o", log.folder / "r").status == 2
    assert log.call("witness", "cosign", log.folder / "absent", "-o", log.folder / "a").status == 2
