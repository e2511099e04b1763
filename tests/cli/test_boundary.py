"""Every way a command can end has a status of the table, and one form in text and in JSON."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from evidence_vault.cli import session as session_module
from evidence_vault.errors import (
    Exit,
    FormatError,
    InternalError,
    KeyProblem,
    LogInconsistent,
    PolicyRefused,
    StoreError,
    Unchecked,
    UsageError,
    VaultError,
)
from evidence_vault.vault import queries

from .conftest import Desk
from .runner import ROOT, call, check_schema, spawn

Raise = Callable[[BaseException], None]
SECRET = "witness-name.jpg"


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Raise:
    """Makes ``list`` end with an exception."""

    def use(error: BaseException) -> None:
        def fail(*_: object, **__: object) -> None:
            raise error

        monkeypatch.setattr(queries, "list_items", fail)

    return use


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (UsageError, 2),
        (Unchecked, 3),
        (FormatError, 10),
        (LogInconsistent, 11),
        (StoreError, 12),
        (KeyProblem, 13),
        (PolicyRefused, 14),
    ],
)
def test_each_branch_of_errors_has_its_status(
    desk: Desk, failing: Raise, kind: type[VaultError], status: int
) -> None:
    failing(kind("what and where", code="E-TEST", hint="what to do"))
    text = desk.call("list")
    assert (text.status, text.out) == (status, "")
    assert text.err == "error: what and where (E-TEST)\nhint: what to do\n"
    machine = desk.call("list", "--json")
    assert (machine.status, machine.err) == (status, "")
    check_schema("error", machine.json())
    assert machine.json() == {
        "code": "E-TEST",
        "message": "what and where",
        "hint": "what to do",
        "findings": [],
    }


def test_an_error_message_never_acts_on_a_terminal(desk: Desk, failing: Raise) -> None:
    failing(UsageError("name \x1b[2J", hint="\u202e"))
    result = desk.call("list")
    assert "\x1b" not in result.err
    assert "\u202e" not in result.err


@pytest.mark.parametrize("error", [ValueError(SECRET), InternalError(SECRET), AssertionError()])
def test_a_bug_is_called_one_and_names_no_evidence(
    desk: Desk, failing: Raise, error: Exception
) -> None:
    failing(error)
    result = desk.call("list")
    assert result.status == Exit.BUG
    assert "this is a bug in evidence-vault" in result.err
    assert "test_boundary.py" in result.err
    assert SECRET not in result.err
    machine = desk.call("list", "--json")
    assert machine.status == Exit.BUG
    check_schema("error", machine.json())
    assert machine.json()["code"] == "E-BUG"
    assert type(error).__name__ in machine.err


def test_verbose_prints_the_whole_traceback(desk: Desk, failing: Raise) -> None:
    failing(ValueError(SECRET + "\x1b"))
    result = desk.call("list", "-v")
    assert "Traceback (most recent call last)" in result.err
    assert SECRET in result.err
    assert "\x1b" not in result.err


def test_what_the_system_refuses_is_no_bug(desk: Desk, failing: Raise) -> None:
    failing(OSError(errno.ENOSPC, "No space left on device", "/vault/x"))
    result = desk.call("list")
    assert result.status == Exit.UNREACHABLE
    assert "/vault/x: No space left on device" in result.err


@pytest.mark.parametrize("error", [KeyboardInterrupt(), EOFError()])
def test_an_interruption(desk: Desk, failing: Raise, error: BaseException) -> None:
    failing(error)
    assert desk.call("list").status == Exit.INTERRUPTED
    machine = desk.call("list", "--json")
    assert machine.status == Exit.INTERRUPTED
    check_schema("error", machine.json())


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_ctrl_c_during_a_prompt_or_work(desk: Desk) -> None:
    program = "import time; from evidence_vault.vault import queries\n"
    program += "def wait(*a, **k):\n    print('at work', flush=True); time.sleep(60)\n"
    program += "queries.list_items = wait\nfrom evidence_vault.cli.main import run; import sys\n"
    program += f"sys.exit(run(['--vault', {str(desk.vault)!r}, 'list']))"
    with subprocess.Popen(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "at work\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
        assert process.stderr.read().startswith("error: stopped (E-INTERRUPTED)")


# -- usage ---------------------------------------------------------------------------------------

WRONG = [
    ["nonsense"],
    ["--nonsense"],
    ["list", "--nonsense"],
    ["list", "extra"],
    ["list", "--limit", "0"],
    ["list", "--limit", "many"],
    ["show"],
    ["get", "X-0000001"],
    ["init"],
    ["ingest"],
    ["ingest", "x", "--sheet", "y"],
    ["ingest", "x", "--sheet-template", "y"],
    ["ingest", "x", "--metadata", "some"],
    ["describe"],
    ["describe", "X-0000001"],
    ["search"],
    ["receipt", "-o", "x"],
    ["verify"],
    ["export", "--all", "--clear"],
    ["export", "--all", "--for", "nobody", "--clear", "-o", "x"],
    ["fixity"],
    ["fixity", "--all", "--sample", "3"],
    ["log", "nonsense"],
    ["log", "prove"],
    ["log", "prove", "--index", "1", "--old-size", "1"],
    ["trust", "show"],
    ["init", "x", "--org", "O", "--recovery", "y", "--no-recovery"],
    ["list", "--lang", "xx"],
]


@pytest.mark.parametrize("words", WRONG, ids=" ".join)
def test_a_wrong_command_line_is_status_2(words: list[str]) -> None:
    text = call(*words, "--vault", "nowhere")
    assert (text.status, text.out) == (2, "")
    assert text.err.startswith("error: ")
    machine = call("--json", *words)
    assert (machine.status, machine.err) == (2, "")
    check_schema("error", machine.json())
    after = call(*words, "--json")
    assert after.status == 2
    check_schema("error", after.json())


@pytest.mark.parametrize("words", [[], ["log"], ["trust"], ["trust", "network"], ["key"]], ids=repr)
def test_no_command_shows_the_help(words: list[str]) -> None:
    result = call(*words)
    assert result.status == 2
    assert "ommands" in result.err
    machine = call(*words, "--json")
    assert machine.status == 2
    check_schema("error", machine.json())


def test_json_after_two_dashes_is_a_path(desk: Desk) -> None:
    result = call("verify", "--", "--json")
    assert result.status == 2
    assert result.err.startswith("error: there is no file or folder --json")


@pytest.mark.skipif(os.name == "nt", reason="arguments of POSIX are bytes")
@pytest.mark.parametrize("words", [["search", b"\xff"], ["--by", b"\xff", "list"]], ids=repr)
def test_text_that_is_not_utf8(desk: Desk, words: list[str | bytes]) -> None:
    result = desk.call(*words)
    assert result.status == 2
    assert "is not UTF-8 text" in result.err


def test_a_mistyped_command_is_guessed() -> None:
    assert "did you mean 'ingest'" in call("ingets").err


# -- streams -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "env",
    [
        {"LANG": "C", "LC_ALL": "C"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "latin-1:strict"},
    ],
    ids=str,
)
def test_burmese_never_crashes_a_stream(desk: Desk, env: dict[str, str]) -> None:
    result = spawn("--vault", desk.vault, "list", env=env)
    assert result.status == 0
    assert "ဓာတ်ပုံ.txt" in result.out
    found = spawn("--vault", desk.vault, "search", "--name", "ဓာတ်ပုံ", "--json", env=env)
    assert (found.status, found.json()["total"]) == (0, 1)
    failed = spawn("--vault", "ဓာတ်ပုံ", "list", env=env)
    assert (failed.status, failed.out) == (2, "")


@pytest.mark.skipif(os.name == "nt", reason="pipes of POSIX")
@pytest.mark.parametrize(("words", "status"), [(["list"], 0), (["--help"], 0)], ids=repr)
def test_a_reader_that_goes_away(desk: Desk, words: list[str], status: int) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "evidence_vault", "--vault", str(desk.vault), *words],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (status, "")


@pytest.mark.skipif(os.name == "nt", reason="pipes of POSIX")
def test_a_verdict_survives_a_reader_that_goes_away(handed_over: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    names = [str(handed_over / name) for name in ("trust.json", "receipt.txt", "trust.json")]
    done = subprocess.run(
        [sys.executable, "-m", "evidence_vault", "verify", "--trust", *names],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (10, "")


# -- terminals -----------------------------------------------------------------------------------


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A terminal at which the given answers are typed; prompts are kept."""
    asked: list[str] = []
    monkeypatch.setattr(session_module, "_on_terminal", lambda: True)
    return asked


def test_the_actor_is_asked_once_on_a_terminal(
    desk: Desk, terminal: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def typed(question: str, **_: object) -> str:
        terminal.append(question)
        return " desk-9 "

    monkeypatch.setattr("click.prompt", typed)
    (tmp_path / "asked.txt").write_text(str(time.time_ns()))
    item = desk.call("ingest", tmp_path / "asked.txt", "--json").json()["taken_in"][0]["id"]
    assert len(terminal) == 1
    events = desk.call("history", item, "--json").json()["events"]
    assert events[0]["actor"] == "desk-9"


def test_what_points_to_people_is_told_and_asked_about_before_it_leaves(
    desk: Desk, terminal: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    out = tmp_path / "bundle.zip"
    words = ["export", "--all", "--clear", "--disclose", "source_path", "-o", out, "--by", "d"]
    before = desk.call("log", "status", "--json").json()["committed"]
    monkeypatch.setattr("click.confirm", lambda *_, **__: False)
    stopped = desk.call(*words)
    assert (stopped.status, stopped.out) == (14, "")
    assert "the original file name" in stopped.err
    assert "E-NOT-CONFIRMED" in stopped.err
    assert not out.exists()
    assert desk.call("log", "status", "--json").json()["committed"] == before
    monkeypatch.setattr("click.confirm", lambda *_, **__: True)
    done = desk.call(*words)
    assert done.status == 0
    assert "LEAVES" in done.err
    assert "LEAVES" not in done.out


def test_what_points_to_people_stands_in_a_quiet_result(desk: Desk, tmp_path: Path) -> None:
    words = ["export", "--all", "--clear", "--disclose", "source_path", "-o"]
    quiet = desk.call(*words, tmp_path / "a.zip", "-q")
    assert (quiet.status, quiet.err) == (0, "")
    assert quiet.out.startswith("What could point to people LEAVES")
    machine = desk.call(*words, tmp_path / "b.zip", "--json").json()
    assert {each["what"] for each in machine["sensitive"]} == {
        "field source_path: the original file name"
    }


def test_an_unknown_actor_is_said(desk: Desk, tmp_path: Path) -> None:
    item = desk.items()[0]
    result = desk.call("get", item, "-o", tmp_path / "out")
    assert "who does this: unknown" in result.err
    assert desk.call("get", item, "-o", tmp_path / "out2", "-q").err == ""
    events = desk.call("history", item, "--json").json()["events"]
    assert events[-1]["actor"] is None


def test_the_passphrase_is_asked_for_only_when_a_key_is_needed(
    desk: Desk, terminal: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def typed(question: str, **options: object) -> str:
        assert options["hide_input"] is True
        assert options["err"] is True
        terminal.append(question)
        return desk.passphrase_file.read_text().strip()

    monkeypatch.setattr("click.prompt", typed)
    assert call("--vault", desk.vault, "list").status == 0
    assert terminal == []
    assert call("--vault", desk.vault, "show", desk.items()[0]).status == 0
    assert terminal == ["Passphrase"]


@pytest.mark.parametrize("ending", [b"", b"\n", b"\r\n"])
def test_a_passphrase_file_may_end_in_one_newline(
    desk: Desk, tmp_path: Path, ending: bytes
) -> None:
    file = tmp_path / "passphrase"
    word = desk.passphrase_file.read_bytes().rstrip(b"\n")
    file.write_bytes(b"\xef\xbb\xbf" + word + ending)
    assert call("--vault", desk.vault, "log", "status", "--passphrase-file", file).status == 0
    file.write_bytes(word + b"\n\n")
    assert call("--vault", desk.vault, "log", "status", "--passphrase-file", file).status == 13
