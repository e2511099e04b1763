"""What people get wrong or meet by accident: a clear message, the right status, nothing lost.

The cases are those of docs/bad-input.md, which names these tests.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from evidence_vault.vault import opening

from .conftest import Desk, item_named
from .runner import ROOT, Result, check_schema

POSIX = pytest.mark.skipif(os.name == "nt", reason="needs POSIX")


def refused(result: Result) -> dict[str, str]:
    """Code by name of what an ingest refused."""
    assert result.status == 3, result.err
    check_schema("ingest", result.json())
    return {each["name"]: each["code"] for each in result.json()["refused"]}


def clear(result: Result, status: int, code: str) -> None:
    """The message says what, the hint what to do, and nothing stands on standard output."""
    assert result.status == status, (result.out, result.err)
    assert code in result.err
    assert re.search("(?m)^error: ", result.err)
    assert "Traceback" not in result.err
    assert result.out == ""


# -- sources -------------------------------------------------------------------------------------


def test_a_missing_path(own_desk: Desk, tmp_path: Path) -> None:
    result = own_desk.call("ingest", tmp_path / "absent", "--json")
    assert refused(result) == {"absent": "E-SOURCE-MISSING"}


def test_one_bad_path_does_not_sink_the_others(own_desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "good.txt").write_text("good")
    result = own_desk.call("ingest", tmp_path / "absent", tmp_path / "good.txt", "--json")
    assert list(refused(result)) == ["absent"]
    assert [each["name"] for each in result.json()["taken_in"]] == ["good.txt"]


@POSIX
def test_an_unreadable_file_and_folder(own_desk: Desk, tmp_path: Path) -> None:
    """Without root's powers: where root runs the tests, they are taken away."""
    powers = []
    if os.getuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("root's powers can't be taken away here (setpriv)")
        lost = "-dac_override,-dac_read_search"
        powers = ["setpriv", "--bounding-set", lost, "--inh-caps", lost]
    folder = tmp_path / "in"
    (folder / "closed").mkdir(parents=True)
    for name in ("open.txt", "closed.txt"):
        (folder / name).write_text(name)
    (folder / "closed.txt").chmod(0)
    (folder / "closed").chmod(0)
    head = [sys.executable, "-m", "evidence_vault", "--vault", str(own_desk.vault)]
    head += ["--passphrase-file", str(own_desk.passphrase_file), "--json"]
    done = subprocess.run(
        [*powers, *head, "ingest", str(folder)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
    )
    (folder / "closed").chmod(0o700)
    result = Result(done.returncode, done.stdout, done.stderr)
    assert refused(result).keys() == {"in/closed.txt", "in/closed"}
    assert [each["name"] for each in result.json()["taken_in"]] == ["in/open.txt"]


def test_an_empty_file_is_evidence(own_desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "empty.txt").touch()
    result = own_desk.call("ingest", tmp_path / "empty.txt", "--json")
    assert result.status == 0
    assert [each["size"] for each in result.json()["taken_in"]] == [0]


def test_an_empty_folder_is_said(own_desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    result = own_desk.call("ingest", tmp_path / "nothing")
    assert result.status == 0
    assert "Nothing new was taken in." in result.out
    assert "nothing: " in result.out


@POSIX
def test_links_pipes_sockets_and_devices(own_desk: Desk, tmp_path: Path) -> None:
    folder = tmp_path / "odd"
    folder.mkdir()
    (folder / "link").symlink_to("target")
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        here = os.getcwd()
        os.chdir(folder)  # names of sockets are short
        try:
            server.bind("socket")
        finally:
            os.chdir(here)
        result = own_desk.call("ingest", folder, "/dev/null", "--json")
    codes = refused(result)
    assert set(codes) == {"odd/link", "odd/pipe", "odd/socket", "null"}
    assert all(code.startswith("E-SOURCE-") for code in codes.values())


def test_an_empty_path_is_a_usage_error(desk: Desk) -> None:
    clear(desk.call("ingest", ""), 2, "E-USAGE")


# -- what is said of them ------------------------------------------------------------------------


@pytest.mark.parametrize("date", ["03/04/2024", "4.3.24", "2024-13"])
def test_an_ambiguous_date(desk: Desk, date: str) -> None:
    result = desk.call("ingest", desk.source, "--occurred-at", date)
    clear(result, 2, "E-FIELD")
    assert "occurred_at" in result.err


def test_lost_burmese_on_the_command_line(desk: Desk) -> None:
    result = desk.call("describe", desk.items()[0], "--title", "????? ???")
    clear(result, 2, "E-FIELD")
    assert "letters were lost" in result.err


def test_lost_burmese_and_ambiguous_dates_in_a_sheet(own_desk: Desk, tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.txt").write_text(name)
    sheet = tmp_path / "sheet.csv"
    sheet.write_text(
        "file,title,occurred_at\na.txt,?????,\nb.txt,,03/04/2024\nc.txt,ကောင်း,2024-04-03\n",
        encoding="utf-8",
    )
    result = own_desk.call("ingest", "--sheet", sheet, "--json")
    assert refused(result) == {"sheet.csv row 2": "E-SHEET-ROW", "sheet.csv row 3": "E-SHEET-ROW"}
    assert [each["name"] for each in result.json()["taken_in"]] == ["c.txt"]


def test_a_sheet_that_is_none(desk: Desk) -> None:
    result = desk.call("ingest", "--sheet", desk.source / "note.txt")
    clear(result, 2, "E-USAGE")


def test_several_words_to_search_for(desk: Desk) -> None:
    result = desk.call("search", "what", "was seen")
    clear(result, 2, "E-USAGE")
    assert "search 'what was seen'" in result.err


def test_an_unknown_item(desk: Desk) -> None:
    for words in (["show"], ["history"], ["get", "-o", "x"], ["receipt", "-o", "x"], ["fixity"]):
        result = desk.call(words[0], "ZZZZ-0000001", *words[1:])
        assert result.status == 2, (words, result)
        assert "ZZZZ-0000001" in result.err


def test_a_file_that_can_not_be_stripped_is_named_with_its_reason(own_desk: Desk) -> None:
    unknown = own_desk.base / "thing.xyz"
    unknown.write_bytes(bytes(range(256)))
    for way, code in (("strip-only", "E-NOT-CHECKED"), ("strip", "WITHOUT a share copy")):
        result = own_desk.call("ingest", unknown, "--metadata", way)
        assert result.status == 3, (result.out, result.err)
        assert code in result.out and "not understood" in result.out
    assert unknown.read_bytes() == bytes(range(256))


# -- keys ----------------------------------------------------------------------------------------


def test_a_wrong_passphrase(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "wrong").write_text("not the passphrase")
    result = desk.call("ingest", desk.source, "--passphrase-file", tmp_path / "wrong")
    clear(result, 13, "E-PASSPHRASE")


def test_no_passphrase_and_no_terminal(desk: Desk) -> None:
    from .runner import call

    item = desk.items()[0]
    result = call("--vault", desk.vault, "get", item, "-o", "x")
    clear(result, 13, "E-PASSPHRASE-NEEDED")
    assert "--passphrase-file" in result.err


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xff", None])
def test_a_passphrase_file_that_is_none(desk: Desk, tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "file").write_bytes(content)
    result = desk.call("log", "status", "--passphrase-file", tmp_path / "file")
    clear(result, 13, "E-PASSPHRASE-FILE")


def test_a_short_new_passphrase(tmp_path: Path, desk: Desk) -> None:
    (tmp_path / "short").write_text("1234")
    result = desk.call(
        "init", tmp_path / "new", "--org", "O", "--passphrase-file", tmp_path / "short"
    )
    clear(result, 2, "E-PASSPHRASE-SHORT")
    assert not (tmp_path / "new").exists()


def test_an_export_passphrase_that_is_short_or_the_vaults_own(desk: Desk, tmp_path: Path) -> None:
    before = desk.call("log", "status", "--json").json()["committed"]
    (tmp_path / "short").write_text("1234567")
    words = ["export", "--all", "-o", tmp_path / "out", "--export-passphrase-file"]
    clear(desk.call(*words, tmp_path / "short"), 2, "E-PASSPHRASE-SHORT")
    clear(desk.call(*words, desk.passphrase_file), 2, "E-PASSPHRASE-SAME")
    assert not (tmp_path / "out").exists()
    assert desk.call("log", "status", "--json").json()["committed"] == before


# -- the vault -----------------------------------------------------------------------------------


def test_no_vault_is_named() -> None:
    from .runner import call

    clear(call("list"), 2, "E-NO-VAULT")


def test_there_is_no_vault(desk: Desk, tmp_path: Path) -> None:
    clear(desk.call("list", "--vault", tmp_path), 2, "E-NO-VAULT")


def test_init_never_writes_into_what_is_there(desk: Desk) -> None:
    clear(desk.call("init", desk.source, "--org", "O"), 2, "E-EXISTS")


def test_a_vault_of_a_newer_version(own_desk: Desk) -> None:
    settings = own_desk.vault / "vault.toml"
    settings.write_text(re.sub(r"(?m)^format = .*$", "format = 99", settings.read_text()))
    result = own_desk.call("list")
    clear(result, 13, "E-NEWER")
    assert "newest evidence-vault" in result.err


def test_a_deleted_catalogue(own_desk: Desk) -> None:
    items = own_desk.items()
    (own_desk.vault / "catalogue.db").unlink()
    result = own_desk.call("list")
    clear(result, 12, "E-CATALOGUE")
    assert "evidence-vault rebuild" in result.err
    assert own_desk.call("rebuild").status == 0
    assert own_desk.items() == items


def test_a_corrupted_catalogue(own_desk: Desk) -> None:
    items = own_desk.items()
    catalogue = own_desk.vault / "catalogue.db"
    catalogue.write_bytes(b"\0" * catalogue.stat().st_size)
    for companion in own_desk.vault.glob("catalogue.db-*"):
        companion.unlink()
    result = own_desk.call("list")
    clear(result, 12, "E-CATALOGUE")
    assert own_desk.call("rebuild").status == 0
    assert own_desk.items() == items


def _largest_object(desk: Desk) -> Path:
    objects = [path for path in (desk.vault / "archive/objects").rglob("*") if path.is_file()]
    return max(objects, key=lambda path: path.stat().st_size)


def test_a_missing_object(own_desk: Desk, tmp_path: Path) -> None:
    for path in (own_desk.vault / "archive/objects").rglob("*"):
        if path.is_file():
            path.unlink()
    result = own_desk.call("fixity", "--all", "--json")
    assert result.status == 10
    check_schema("fixity", result.json())
    assert {each["id"] for each in result.json()["damaged"]} == set(own_desk.items())
    text = own_desk.call("fixity", "--all")
    assert "DOES NOT MATCH" in text.out
    item = own_desk.items()[0]
    for words in (["get", item], ["export", item, "--originals", "--clear"]):
        refused = own_desk.call(*words, "-o", tmp_path / "out")
        clear(refused, 10, "E-OBJECT-MISSING")
        assert f"error: {item}: " in refused.err and f"fixity {item}" in refused.err
    assert list(tmp_path.glob("*out*")) == []


def test_a_changed_object(own_desk: Desk, tmp_path: Path) -> None:
    path = _largest_object(own_desk)
    path.chmod(0o600)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    result = own_desk.call("fixity", "--all", "--json")
    assert result.status == 10
    assert [each["object"] for each in result.json()["damaged"]] == [path.name]
    item = result.json()["damaged"][0]["id"]
    for words in (["get", item], ["export", item, "--originals", "--clear"]):
        refused = own_desk.call(*words, "-o", tmp_path / "out")
        clear(refused, 10, "E-OBJECT-CHANGED")
        assert f"error: {item}: " in refused.err and f"fixity {item}" in refused.err
    assert list(tmp_path.glob("*out*")) == []


def test_a_missing_header(own_desk: Desk, tmp_path: Path) -> None:
    """Headers lie in control/, inside commits or packs: without them nothing can be read."""
    item = item_named(own_desk, "note.txt")
    shutil.rmtree(own_desk.vault / "control")
    result = own_desk.call("get", item, "-o", tmp_path / "out")
    assert result.status in (10, 11, 12), result
    assert re.search("(?m)^error: ", result.err)
    assert not (tmp_path / "out").exists()


@POSIX
def test_another_process_is_writing(own_desk: Desk) -> None:
    """A writer waits for a minute first (tests/vault/test_together.py); doctor says it at once."""
    with open(own_desk.vault / "lock", "a+b") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        result = own_desk.call("doctor", "--json")
    assert result.status == 12
    found = {each["name"]: each for each in result.json()["checks"]}
    assert "E-BUSY" in found["writing"]["detail"]


def test_a_clock_set_back(own_desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening.SystemClock, "now", lambda _: "2001-01-01T00:00:00Z")
    (tmp_path / "new.txt").write_text("new")
    result = own_desk.call("ingest", tmp_path / "new.txt")
    assert result.status == 0, result.err
    assert "Note: " in result.out
    assert "clock" in result.out


def test_a_clock_before_1970(
    own_desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = own_desk.items()
    monkeypatch.setattr(opening.SystemClock, "now", lambda _: "1969-12-31T23:59:59Z")
    (tmp_path / "new.txt").write_text("new")
    clear(own_desk.call("ingest", tmp_path / "new.txt"), 2, "E-CLOCK")
    assert own_desk.items() == items


def test_the_vaults_own_checkpoint_is_no_partners(own_desk: Desk, tmp_path: Path) -> None:
    own = own_desk.vault / "archive" / "log" / "checkpoint"
    shutil.copyfile(own, tmp_path / "partner")
    for file, warned in ((own, True), (tmp_path / "partner", False)):
        for words in (["log", "checkpoint"], ["rebuild"]):
            result = own_desk.call(*words, "--expect", file)
            assert result.status == 0, result.err
            assert ("not a partner's checkpoint" in result.err) is warned


def test_control_characters_in_the_name_of_the_organisation(desk: Desk, tmp_path: Path) -> None:
    clear(desk.call("init", tmp_path / "new", "--org", "Red\x1b[31m", "--no-recovery"), 2, "E-")
    assert not (tmp_path / "new").exists()


# -- disks ---------------------------------------------------------------------------------------


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MiB."""
    place = tmp_path / "tiny"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(place)]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("file systems may not be mounted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_is_said_before_anything_is_read(desk: Desk, tiny: Path) -> None:
    vault = tiny / "vault"
    assert desk.call("init", vault, "--org", "O", "--no-recovery").status == 0
    big = tiny.parent / "big"
    big.write_bytes(bytes(4 << 20))
    clear(desk.call("ingest", big, "--vault", vault), 12, "E-DISK-FULL")
    assert desk.call("log", "audit", "--vault", vault).status == 0


def test_a_disk_that_fills_while_something_is_written_out(
    own_desk: Desk, tiny: Path, tmp_path: Path
) -> None:
    (tmp_path / "big").write_bytes(os.urandom(4 << 20))
    taken = own_desk.call("ingest", tmp_path / "big", "--json").json()
    item = taken["taken_in"][0]["id"]
    clear(own_desk.call("get", item, "-o", tiny / "out"), 12, "E-NOT-WRITABLE")
    out = tiny / "b.zip"
    stopped = own_desk.call("export", item, "--originals", "--clear", "-o", out)
    clear(stopped, 12, "E-")
    assert f"export --resume {out}" in stopped.err  # once there is room
    assert [path.name for path in tiny.iterdir()] == ["b.zip.partial"]
    assert own_desk.call("export", "--abandon", out).status == 0
    assert list(tiny.iterdir()) == []


@pytest.fixture
def vfat(tmp_path: Path) -> Iterator[Path]:
    """A vfat file system in a loop-mounted image."""
    image, place = tmp_path / "image", tmp_path / "vfat"
    place.mkdir()
    with image.open("wb") as stream:
        stream.truncate(64 << 20)
    for command in (["mkfs.vfat", str(image)], ["mount", "-o", "loop", str(image), str(place)]):
        if (
            shutil.which(command[0]) is None
            or subprocess.run(command, capture_output=True).returncode
        ):
            pytest.skip("vfat can't be made or mounted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_vault_on_vfat(desk: Desk, vfat: Path, tmp_path: Path) -> None:
    head = ("--vault", vfat / "vault")
    assert desk.call("init", vfat / "vault", "--org", "O", "--no-recovery").status == 0
    taken = desk.call("ingest", desk.source, *head, "--json")
    assert (taken.status, len(taken.json()["taken_in"])) == (0, 5)
    item = taken.json()["taken_in"][0]["id"]
    assert desk.call("get", item, "-o", tmp_path / "out", *head).status == 0
    assert desk.call("rebuild", *head).status == 0
    assert desk.call("fixity", "--all", *head).status == 0
    assert desk.call("log", "audit", *head).status == 0


def test_a_vault_that_can_not_be_written(own_desk: Desk, tiny: Path, tmp_path: Path) -> None:
    """On a disk that is mounted read-only, which binds root, too."""
    vault = tiny / "vault"
    made = own_desk.call("init", vault, "--org", "O", "--no-recovery")
    assert made.status == 0, made.err
    (tmp_path / "new.txt").write_text("new")
    subprocess.run(["mount", "-o", "remount,ro", str(tiny)], check=True)
    result = own_desk.call("ingest", tmp_path / "new.txt", "--vault", vault)
    clear(result, 12, "E-NOT-WRITABLE")
    clear(
        own_desk.call("init", tiny / "other", "--org", "O", "--no-recovery"), 12, "E-NOT-WRITABLE"
    )


def test_a_full_disk_under_standard_output(desk: Desk) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "evidence_vault", "--vault", str(desk.vault), "list"],
            env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == 12
    assert "No space left" in done.stderr


def test_results_never_overwrite_a_file(desk: Desk, tmp_path: Path) -> None:
    target = tmp_path / "kept"
    target.write_text("kept")
    item = desk.items()[0]
    for words in (
        ["get", item],
        ["receipt", item],
        ["export", "--all", "--clear"],
        ["trust", "export"],
        ["log", "prove", item],
    ):
        clear(desk.call(*words, "-o", target), 2, "E-EXISTS")
    assert target.read_text() == "kept"
    for words in (["get", item], ["trust", "export"]):
        clear(desk.call(*words, "-o", tmp_path / "no" / "folder"), 2, "E-NO-FOLDER")


def test_standard_output_is_no_result_file(desk: Desk) -> None:
    item = desk.items()[0]
    for words in (["get", item], ["receipt", item], ["export", item, "--clear"]):
        result = desk.call(*words, "-o", "-")
        clear(result, 2, "E-NO-STDOUT")
        assert "hint: " in result.err


# -- what was received ---------------------------------------------------------------------------


def test_verify_tells_what_it_was_given(handed_over: Path, desk: Desk, tmp_path: Path) -> None:
    from .runner import call

    receipt, bundle = handed_over / "receipt.txt", handed_over / "bundle.zip"
    clear(call("verify", tmp_path / "absent"), 2, "E-NO-FILE")
    clear(call("verify", receipt, tmp_path / "absent"), 2, "E-NO-FILE")
    clear(call("verify", bundle, receipt), 2, "E-USAGE")
    clear(call("verify", "--expect", "1", receipt), 2, "E-USAGE")
    clear(call("verify", "--trust", receipt, bundle), 10, "E-NOT-TRUST")
    assert call("verify", desk.source / "note.txt").status == 10
    (tmp_path / "empty").touch()
    assert call("verify", tmp_path / "empty").status == 3


def test_a_cut_bundle_and_a_cut_receipt(handed_over: Path) -> None:
    from .runner import call

    for name in ("bundle.zip", "receipt.txt"):
        data = (handed_over / name).read_bytes()
        (handed_over / name).write_bytes(data[: len(data) // 2])
        result = call("verify", "--trust", handed_over / "trust.json", handed_over / name, "--json")
        assert result.status == 10
        check_schema("verify", result.json())


def test_an_export_says_how_and_what(desk: Desk, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for words in (
        ["--clear"],
        ["--all"],
        ["--all", "--clear", "--to", "age1x"],
        ["--all", desk.items()[0], "--clear"],
        ["--all", "--folder", "--to", "age1x"],
    ):
        assert desk.call("export", *words, "-o", out).status == 2
    clear(desk.call("export", "--all", "--to", "age1x", "-o", out), 13, "E-AGE-KEY")
    clear(desk.call("export", "--all", "--clear", "--disclose", "nonsense", "-o", out), 2, "E-NO")
    assert not out.exists()


# -- the page ------------------------------------------------------------------------------------


def test_the_page_of_cases_names_tests_that_exist() -> None:
    page = (ROOT / "docs" / "bad-input.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[a-z_/]+\.py)::(test_[a-z0-9_]+)`", page)
    assert len(named) > 25
    for file, test in named:
        assert f"def {test}(" in (ROOT / file).read_text(encoding="utf-8"), (file, test)
