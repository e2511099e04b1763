"""Walking and opening: names survive, nothing but regular files comes in, changes are noticed."""

from __future__ import annotations

import base64
import os
import socket
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest

from evidence_vault.capture.sources import (
    Refusal,
    Source,
    encode_name,
    iso_utc,
    open_source,
    unchanged,
    walk,
)
from evidence_vault.errors import SourceRefused

BURMESE = "မော်လမြိုင် – အစီရင်ခံစာ é"

NAMES = [
    unicodedata.normalize("NFC", BURMESE).encode(),
    unicodedata.normalize("NFD", BURMESE).encode(),
    "🔥👩\u200d👧.jpg".encode(),
    b"two\nlines.txt",
    b"-rf",
    b"n" * 255,
    b"caf\xe9\xff.jpg",
    b"CON",
    b"trailing.",
    b" spaces ",
    "invoice\u202egpj.exe".encode(),
    b".DS_Store",
    b"Thumbs.db",
    b"$(reboot)`x`;'\"",
    b"\x01\x7f",
]


def found(*roots: bytes | str | Path, exclude: tuple[Path, ...] = ()) -> list[Source | Refusal]:
    return list(walk(roots, exclude=exclude))


def only_source(path: bytes | Path) -> Source:
    (source,) = found(path)
    assert isinstance(source, Source)
    return source


def only_refusal(*roots: bytes | str | Path) -> Refusal:
    (refusal,) = found(*roots)
    assert isinstance(refusal, Refusal)
    return refusal


# -- names -------------------------------------------------------------------------------------


def test_every_name_survives_as_bytes_in_bytewise_order(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path / "in")
    os.mkdir(folder)
    assert len(set(NAMES)) == 15
    for name in NAMES:
        Path(os.fsdecode(os.path.join(folder, name))).write_bytes(name)
    sources = found(folder)
    assert [source.relative for source in sources] == [b"in/" + name for name in sorted(NAMES)]
    for source in sources:
        assert isinstance(source, Source)
        with open_source(source) as stream:
            assert b"in/" + stream.read() == source.relative


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_stored_exactly_and_shown_safely(name: bytes) -> None:
    encoded = encode_name(name)
    assert base64.b64decode(encoded["b64"], validate=True) == name
    assert (
        encoded["display"].encode("utf-8").decode("utf-8").isprintable()
        or "\u200d" in (encoded["display"])
    )


def test_relative_paths_begin_with_the_roots_own_name(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/c.txt").write_text("x")
    assert only_source(tmp_path / "a").relative == b"a/b/c.txt"
    assert only_source(tmp_path / "a/b/c.txt").relative == b"c.txt"


def test_a_root_inside_another_is_walked_once(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/c.txt").write_text("x")
    roots = (tmp_path / "a/b/c.txt", tmp_path / "a", tmp_path / "a", tmp_path / "a/b")
    assert [source.relative for source in found(*roots)] == [b"a/b/c.txt"]


# -- what is taken and what is not -------------------------------------------------------------


def test_an_empty_file_is_evidence(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert only_source(tmp_path / "empty").size == 0


def test_an_empty_folder_is_reported_but_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    refusal = only_refusal(tmp_path / "none")
    assert (refusal.code, refusal.notice) == ("E-SOURCE-EMPTY-FOLDER", True)


def test_links_are_refused_also_on_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "secret").write_text("x")
    (tmp_path / "in/link").symlink_to(tmp_path / "secret")
    (tmp_path / "in/dangling").symlink_to("nowhere")
    (tmp_path / "in/loop").symlink_to(".")
    (tmp_path / "folder-link").symlink_to("in")
    refusals = found(tmp_path / "in")
    assert [each.code for each in refusals if isinstance(each, Refusal)] == ["E-SOURCE-LINK"] * 3
    assert only_refusal(tmp_path / "in/link").code == "E-SOURCE-LINK"
    assert only_refusal(os.fsencode(tmp_path / "folder-link") + b"/").code == "E-SOURCE-LINK"


def test_pipes_sockets_and_devices_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.fspath(tmp_path / "socket"))
        roots = (tmp_path / "pipe", tmp_path / "socket", "/dev/null")
        refusals = [each for each in found(*roots) if isinstance(each, Refusal)]
    assert [each.code for each in refusals] == ["E-SOURCE-SPECIAL"] * 3
    assert [each.reason.split(",")[0] for each in refusals] == ["a pipe", "a socket", "a device"]


@pytest.mark.parametrize("path", [b"", b"no/such/thing", b"nul\0byte"])
def test_a_path_with_nothing_there_is_refused(path: bytes) -> None:
    assert only_refusal(path).code == "E-SOURCE-MISSING"


def test_a_path_too_long_for_the_system_is_refused_not_a_crash() -> None:
    assert only_refusal(b"/" + b"x" * 300).code == "E-SOURCE-UNREADABLE"


def test_the_vault_is_never_entered_by_any_name(tmp_path: Path) -> None:
    (tmp_path / "vault/archive").mkdir(parents=True)
    (tmp_path / "vault/archive/object").write_text("x")
    (tmp_path / "alias").symlink_to("vault")
    (tmp_path / "photo").write_text("x")
    vault = tmp_path / "alias"
    whole = {each.relative.split(b"/", 1)[1]: each for each in found(tmp_path, exclude=(vault,))}
    assert sorted(whole) == [b"alias", b"photo", b"vault"]
    for root in ("vault", "vault/archive", "vault/archive/object", "alias/archive"):
        (notice,) = found(tmp_path / root, exclude=(vault,))
        assert isinstance(notice, Refusal)
        assert (notice.code, notice.notice) == ("E-SOURCE-VAULT", True)


AS_NOBODY = """
import os, sys
sys.path.insert(0, sys.argv[1])
from evidence_vault.capture.sources import walk
from evidence_vault.errors import SourceRefused
if os.getuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
for each in walk([sys.argv[2]]):
    print(each.relative.decode(), getattr(each, "code", "taken"))
"""


def test_unreadable_files_and_folders_are_refused_one_by_one(tmp_path: Path) -> None:
    inside = tmp_path / "in"
    (inside / "locked").mkdir(parents=True)
    (inside / "locked/x").write_text("x")
    (inside / "readable").write_text("x")
    (inside / "readable").chmod(0o644)  # whatever umask this process has by now
    (inside / "unreadable").write_text("x")
    (inside / "unreadable").chmod(0)
    (inside / "locked").chmod(0)
    for folder in (inside, *inside.parents):  # pytest's folders are closed to others
        if folder.stat().st_uid == os.getuid() and folder.is_relative_to("/tmp"):
            folder.chmod(folder.stat().st_mode | 0o055)
    source_root = Path(__file__).parents[2] / "src"
    arguments = [sys.executable, "-c", AS_NOBODY, os.fspath(source_root), os.fspath(inside)]
    try:
        run = subprocess.run(arguments, capture_output=True, text=True, check=False)
    finally:
        (inside / "locked").chmod(0o700)
    if "ModuleNotFoundError" in run.stderr or "PermissionError" in run.stderr:
        pytest.skip("an unprivileged user can't read this checkout")
    assert run.stdout.splitlines() == [
        "in/locked E-SOURCE-UNREADABLE",
        "in/readable taken",
        "in/unreadable E-SOURCE-UNREADABLE",
    ], run.stderr


# -- times -------------------------------------------------------------------------------------


def test_times_keep_every_digit(tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    os.utime(tmp_path / "f", ns=(1, 1_714_558_830_123_456_789))
    source = only_source(tmp_path / "f")
    assert source.times()["mtime"] == "2024-05-01T10:20:30.123456789Z"
    assert set(source.times()) >= {"mtime", "ctime"}


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "1970-01-01T00:00:00.000000000Z"),
        (-1, "1969-12-31T23:59:59.999999999Z"),
        (-62_135_596_800 * 10**9, "0001-01-01T00:00:00.000000000Z"),
        (10**30, "unix:1000000000000000000000.000000000"),
    ],
)
def test_times_before_1970_and_beyond_the_calendar(nanoseconds: int, text: str) -> None:
    assert iso_utc(nanoseconds) == text


# -- changes -----------------------------------------------------------------------------------


def test_a_file_that_stays_as_it_is_passes(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"abc")
    source = only_source(tmp_path / "f")
    with open_source(source) as stream:
        assert stream.read() == b"abc"
        unchanged(source, stream)


def grow(path: Path) -> None:
    with open(path, "ab") as out:
        out.write(b"more")


def rewrite_with_the_old_time(path: Path) -> None:
    before = path.stat()
    path.write_bytes(b"xyz")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace(path: Path) -> None:
    (path.parent / "new").write_bytes(b"abc")
    os.replace(path.parent / "new", path)


def replace_by_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/passwd")


def replace_by_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


CHANGES = [grow, rewrite_with_the_old_time, replace, replace_by_link, replace_by_pipe, Path.unlink]


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_before_opening_is_refused(tmp_path: Path, change: object) -> None:
    (tmp_path / "f").write_bytes(b"abc")
    os.utime(tmp_path / "f", ns=(1, 1))
    source = only_source(tmp_path / "f")
    assert callable(change)
    change(tmp_path / "f")
    with pytest.raises(SourceRefused):
        open_source(source)


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_while_reading_is_refused(tmp_path: Path, change: object) -> None:
    (tmp_path / "f").write_bytes(b"abc")
    os.utime(tmp_path / "f", ns=(1, 1))
    source = only_source(tmp_path / "f")
    assert callable(change)
    with open_source(source) as stream:
        change(tmp_path / "f")
        with pytest.raises(SourceRefused) as caught:
            unchanged(source, stream)
    assert caught.value.code == "E-SOURCE-CHANGED"


def test_opening_leaves_the_access_time_alone(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"abc")
    os.utime(tmp_path / "f", ns=(1, 1))
    if not hasattr(os, "O_NOATIME"):
        pytest.skip("this system always updates access times")
    with open_source(only_source(tmp_path / "f")) as stream:
        stream.read()
    assert (tmp_path / "f").stat().st_atime_ns == 1
