"""ExifTool on a short lead: hostile names, hostile files, hanging and dying readers."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import CancelledError
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evidence_vault.capture import stayopen
from evidence_vault.capture.confine import prefix, protection
from evidence_vault.capture.metadata import (
    Metadata,
    MetadataPool,
    MetadataReader,
    find_exiftool,
    summary,
    without_reader,
)
from evidence_vault.capture.tags import parse_output
from evidence_vault.errors import ToolMissing, Unchecked

needs_exiftool = pytest.mark.skipif(
    shutil.which("exiftool") is None, reason="ExifTool is not installed"
)


@pytest.fixture(scope="module")
def reader() -> Iterator[MetadataReader]:
    with MetadataReader() as made:
        yield made


def children() -> set[int]:
    """Processes that this one has started and that still run."""
    listed = subprocess.run(
        ["ps", "-o", "pid=,args=", "--ppid", str(os.getpid())], capture_output=True, text=True
    ).stdout.splitlines()
    return {int(line.split()[0]) for line in listed if "exiftool" in line}


def names(metadata: Metadata, tag: str) -> list[str]:
    return [key for key in metadata.tags if key.rpartition(":")[2] == tag]


def floats_in(value: Any) -> int:
    if isinstance(value, dict):
        return sum(map(floats_in, value.values()))
    if isinstance(value, list):
        return sum(map(floats_in, value))
    return isinstance(value, float) or (isinstance(value, int) and abs(value) >= 2**53)


# -- the real tool -----------------------------------------------------------------------------


@needs_exiftool
def test_location_hidden_in_video_telemetry_is_found(reader: MetadataReader, shared: Path) -> None:
    karma = reader.read(os.fsencode(shared / "corpus/gpmf-parser/karma.mp4"))
    assert karma.status == "read"
    assert karma.tool == f"ExifTool {reader.version}"
    assert len(names(karma, "GPSLatitude")) == 47
    first = karma.tags["Doc1:Track4:GPSLatitude"]
    assert isinstance(first, str | int)
    assert str(first).startswith("+33.1253807")
    assert summary(karma) == {
        "device_time": "2017:04:17 19:27:57",
        "device_offset": None,
        "has_location": True,
        "make": None,
        "model": "HERO5 Black",
    }


@needs_exiftool
def test_duplicates_are_kept_under_keys_of_their_own(reader: MetadataReader, shared: Path) -> None:
    """With ``-G1`` alone, ExifTool gives one latitude of the 47 and says nothing."""
    path = os.fspath(shared / "corpus/gpmf-parser/karma.mp4")
    plain = subprocess.run(
        ["exiftool", "-json", "-a", "-ee", "-G1", path], capture_output=True, check=True
    )
    assert sum(key.endswith(":GPSLatitude") for key in json.loads(plain.stdout)[0]) == 1
    assert len(names(reader.read(os.fsencode(path)), "GPSLatitude")) == 47


@needs_exiftool
def test_a_sample_of_the_corpus(shared: Path) -> None:
    paths = sorted(path for path in (shared / "corpus").rglob("*") if path.is_file())[::9]
    with MetadataPool(2) as pool:
        results = [each.result() for each in [pool.submit(os.fsencode(path)) for path in paths]]
    assert len(results) >= 110
    assert set(Counter(each.status for each in results)) == {"read", "unreadable"}
    for each in results:
        json.dumps(each.tags, ensure_ascii=False).encode("utf-8")
        assert floats_in(each.tags) == 0
        assert "SourceFile" not in each.tags
        assert not [key for key in each.tags if ":System:" in f":{key}"]
        assert "metadata-" not in json.dumps(each.tags) + each.reason + str(each.warnings)
        assert (each.status == "unreadable") == bool(each.reason)


@needs_exiftool
def test_the_pool_and_one_reader_say_the_same(reader: MetadataReader, shared: Path) -> None:
    paths = [os.fsencode(path) for path in sorted((shared / "corpus/exif-samples").glob("*"))][:30]
    with MetadataPool(2) as pool:
        together = [each.result() for each in [pool.submit(path) for path in paths]]
    assert together == [reader.read(path) for path in paths]
    assert len(together) == 30


@needs_exiftool
@pytest.mark.parametrize(
    "name",
    [
        b"a\n-execute\n-o\n/tmp/x.jpg",
        b"-delete_original!",
        b"#comment.jpg",
        b"@argfile",
        b"touch evil |.jpg",
        b"caf\xe9\xff.jpg",
        "မြစ်🔥.jpg".encode(),
        b"x" * 251 + b".jpg",
        b"%d%f.jpg",
    ],
)
def test_a_name_is_never_an_argument(
    reader: MetadataReader, shared: Path, tmp_path: Path, name: bytes
) -> None:
    folder = os.fsencode(tmp_path / "f\n-o\n")
    os.makedirs(os.path.join(folder, os.path.dirname(name)), exist_ok=True)
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    plain = shared / "corpus/exif-samples/22-canon_tags.jpg"
    shutil.copy(os.fsencode(plain), path)
    found = reader.read(path)
    assert found.tags == reader.read(os.fsencode(plain)).tags
    assert found.status == "read"
    assert os.fsdecode(os.path.basename(name)) not in json.dumps(found.tags)


@needs_exiftool
def test_what_cannot_be_read_is_said_in_exiftools_words(
    reader: MetadataReader, shared: Path, tmp_path: Path
) -> None:
    unknown = reader.read(os.fsencode(shared / "corpus/tika/test.xml.p7m"))
    assert (unknown.status, unknown.reason) == ("unreadable", "Unknown file type")
    (tmp_path / "empty").touch()
    assert reader.read(os.fsencode(tmp_path / "empty")).reason == "File is empty"
    assert reader.read(os.fsencode(tmp_path / "gone")).reason == "No such file or directory"
    assert reader.read(os.fsencode(tmp_path)).reason == "not a regular file"


@needs_exiftool
def test_one_missing_file_costs_the_others_nothing(
    reader: MetadataReader, shared: Path, tmp_path: Path
) -> None:
    good = os.fsencode(shared / "corpus/exif-samples/22-canon_tags.jpg")
    found = reader.read_many([good, os.fsencode(tmp_path / "gone"), good])
    assert [each.status for each in found] == ["read", "unreadable", "read"]
    assert found[0] == found[2] == reader.read(good)


@needs_exiftool
def test_a_killed_exiftool_is_started_again(shared: Path) -> None:
    path = os.fsencode(shared / "corpus/exif-samples/22-canon_tags.jpg")
    others = children()  # also the reader that the tests of this module share
    with MetadataReader() as reader:
        before = reader.read(path)
        (process,) = children() - others
        os.kill(process, signal.SIGKILL)
        time.sleep(0.05)
        assert reader.read(path) == before
    assert children() <= others


@needs_exiftool
def test_too_much_output_is_refused_and_the_next_file_is_read(shared: Path) -> None:
    with MetadataReader(output_limit=8192) as reader:
        large = reader.read(os.fsencode(shared / "corpus/gpmf-parser/karma.mp4"))
        assert (large.status, large.tags) == ("too-large", {})
        small = reader.read(os.fsencode(shared / "corpus/tika/testAAC.aac"))
        assert small.status == "unreadable"


@needs_exiftool
def test_nothing_stays_behind(shared: Path, tmp_path: Path) -> None:
    before = children()
    folder = Path("/dev/shm")
    had = {path.name for path in folder.glob("metadata-*")} if folder.is_dir() else set()
    with MetadataPool(2) as pool:
        assert len(children() - before) == 2
        pool.submit(os.fsencode(shared / "corpus/gpmf-parser/karma.mp4")).result()
    assert children() - before == set()
    if folder.is_dir():
        assert {path.name for path in folder.glob("metadata-*")} - had == set()


# -- a tool that misbehaves --------------------------------------------------------------------

FAKE = """#!{python}
import os, sys, time
asked, log = [], {log!r}
open(log, "a").write("start %d\\n" % os.getpid())
for line in sys.stdin:
    line = line.rstrip("\\n")
    if not line.startswith("-execute"):
        asked.append(line)
        continue
    ready = "{{ready" + line[len("-execute"):] + "}}"
    if asked == ["-ver"]:
        print("12.99")
    else:
        names = [open(name).read(16).split()[0] for name in asked]
        if "hang" in names: time.sleep(600)
        if "flood" in names:
            while True: sys.stdout.write("x" * 65536)
        if "noise" in names: sys.stderr.write("warning\\n" * 100000)
        if "die" in names: sys.stderr.write("Out of memory!\\n"); sys.stderr.flush(); os._exit(3)
        if "rubbish" in names: print("[{{]]")
        elif "other" in names: print('[{{"SourceFile": "/etc/passwd", "A:B": 1}}]')
        else:
            import json
            print(json.dumps([{{"SourceFile": a, "Main:Said": n}} for a, n in zip(asked, names)]))
    print(ready, flush=True)
    asked = []
"""


class FakeTool:
    """A program that follows ExifTool's protocol and misbehaves as a file's content says."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.program = os.fspath(folder / "exiftool")
        self.log = folder / "log"
        (folder / "exiftool").write_text(FAKE.format(python=sys.executable, log=str(self.log)))
        (folder / "exiftool").chmod(0o755)

    def file(self, content: str) -> bytes:
        path = self.folder / f"{content}.txt"
        path.write_text(content)
        return os.fsencode(path)

    @property
    def pids(self) -> list[int]:
        return [int(line.split()[1]) for line in self.log.read_text().splitlines()]


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeTool:
    """Confined as ExifTool is, but for its log."""
    monkeypatch.setattr(stayopen, "LIMITS", replace(stayopen.LIMITS, file_bytes=1 << 20))
    monkeypatch.setattr(
        stayopen, "prefix", lambda limits, readable, _: prefix(limits, readable, [tmp_path])
    )
    return FakeTool(tmp_path)


def runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize(
    ("content", "status", "reason"),
    [
        ("hang", "timed-out", "stopped after 1 seconds"),
        ("die", "crashed", "ExifTool ended unexpectedly (status 3): Out of memory!"),
        ("rubbish", "crashed", "ExifTool printed something that is not its JSON"),
        ("other", "crashed", "ExifTool answered about another file"),
        ("flood", "too-large", "more than 100000 bytes of metadata"),
    ],
)
def test_a_reader_that_fails_is_started_afresh(
    fake: FakeTool, content: str, status: str, reason: str
) -> None:
    start = time.monotonic()
    with MetadataReader(fake.program, time_limit=1, output_limit=100_000) as reader:
        assert reader.version == "12.99"
        bad = reader.read(fake.file(content))
        assert (bad.status, bad.reason, bad.tags) == (status, reason, {})
        good = reader.read(fake.file("good"))
        assert (good.status, good.tags) == ("read", {"Main:Said": "good"})
    assert len(fake.pids) == 2
    assert not any(map(runs, fake.pids))
    assert time.monotonic() - start < 10


def test_a_flood_of_warnings_does_not_block(fake: FakeTool) -> None:
    with MetadataReader(fake.program, time_limit=20) as reader:
        assert reader.read(fake.file("noise")).status == "read"
    assert len(fake.pids) == 1


@pytest.mark.parametrize("content", ["hang", "die", "rubbish", "flood"])
def test_one_bad_file_does_not_sink_those_asked_with_it(fake: FakeTool, content: str) -> None:
    with MetadataReader(fake.program, time_limit=1, output_limit=100_000) as reader:
        found = reader.read_many([fake.file("a"), fake.file(content), fake.file("b")])
    assert [each.status == "read" for each in found] == [True, False, True]
    assert [each.tags.get("Main:Said") for each in found] == ["a", None, "b"]


def test_a_time_limit_grows_with_the_file(fake: FakeTool) -> None:
    path = fake.file("hang ")
    os.truncate(path, 40 * 1024 * 1024)
    with MetadataReader(fake.program, time_limit=0.4) as reader:
        assert reader.read(fake.file("hang")).reason == "stopped after 0 seconds"
        assert reader.read(path).reason == "stopped after 2 seconds"


def test_closing_a_pool_in_the_middle_leaves_no_process(fake: FakeTool) -> None:
    """As Ctrl-C does: the exception leaves the ``with`` block."""
    hanging = [fake.file("hang")] * 6
    with pytest.raises(KeyboardInterrupt), MetadataPool(2, fake.program) as pool:
        results = [pool.submit(path) for path in hanging]
        time.sleep(0.3)
        raise KeyboardInterrupt
    assert len(fake.pids) == 2
    assert not any(map(runs, fake.pids))
    for result in results:
        with pytest.raises((CancelledError, Unchecked)):
            result.result(timeout=5)
    with pytest.raises(Unchecked):
        pool.submit(hanging[0])


def test_a_reader_closed_by_another_thread_raises_and_records_nothing(fake: FakeTool) -> None:
    reader = MetadataReader(fake.program)
    timer = threading.Timer(0.3, reader.close)
    timer.start()
    with pytest.raises(Unchecked):
        reader.read(fake.file("hang"))
    timer.join()
    assert not any(map(runs, fake.pids))


INTERRUPTED = """
import os, sys, time
from dataclasses import replace
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from evidence_vault.capture import stayopen
from evidence_vault.capture.metadata import MetadataPool
real, folder = stayopen.prefix, Path(sys.argv[2]).parent
stayopen.LIMITS = replace(stayopen.LIMITS, file_bytes=1 << 20)
stayopen.prefix = lambda limits, readable, _: real(limits, readable, [folder])
with MetadataPool(2, sys.argv[2]) as pool:
    futures = [pool.submit(os.fsencode(sys.argv[3])) for _ in range(4)]
    print("ready", flush=True)
    [each.result() for each in futures]
"""


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL])
def test_no_process_outlives_ctrl_c_or_kill(fake: FakeTool, sign: signal.Signals) -> None:
    if sign == signal.SIGKILL and (reason := protection()["parent"]):
        pytest.skip(f"an ExifTool outlives a kill -9 of its parent here: {reason}")
    source_root = os.fspath(Path(__file__).parents[2] / "src")
    hanging = os.fsdecode(fake.file("hang"))
    arguments = [sys.executable, "-c", INTERRUPTED, source_root, fake.program, hanging]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as main:
        assert main.stdout is not None
        assert main.stdout.readline() == b"ready\n"
        time.sleep(0.3)
        main.send_signal(sign)
        main.wait(timeout=10)
    deadline = time.monotonic() + 5
    while any(map(runs, fake.pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(fake.pids) == 2
    assert not any(map(runs, fake.pids))
    MetadataReader(fake.program).close()  # the next one clears up what a killed one left
    left = [os.readlink(link) for link in Path("/dev/shm").glob("metadata-*/*.txt")]
    assert hanging not in left


# -- no tool -----------------------------------------------------------------------------------


def test_a_missing_exiftool_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(ToolMissing) as caught:
        find_exiftool()
    for hint in ("apt install libimage-exiftool-perl", "brew install exiftool", "exiftool.org"):
        assert hint in caught.value.hint
    for make in (MetadataReader, lambda: MetadataPool(2)):
        with pytest.raises(ToolMissing):
            make()
    assert without_reader("ExifTool is not installed").status == "no-reader"


def test_a_program_that_is_not_exiftool_is_refused() -> None:
    with pytest.raises(ToolMissing):
        MetadataReader("cat", time_limit=1)
    with pytest.raises(ToolMissing):
        MetadataPool(2, "false", time_limit=1)


# -- what ExifTool prints ----------------------------------------------------------------------


def parsed(body: bytes) -> Metadata:
    return parse_output(b'[{"SourceFile": "/x/0.jpg",' + body + b"}]", "T", "/x/")["/x/0.jpg"]


def test_every_digit_survives() -> None:
    found = parsed(b'"A:F": 1.50, "A:E": 1e5, "A:B": 9007199254740993, "A:I": 9007199254740991')
    assert found.tags == {
        "A:F": "1.50",
        "A:E": "1e5",
        "A:B": "9007199254740993",
        "A:I": 9007199254740991,
    }


def test_a_key_that_comes_twice_keeps_both_values() -> None:
    assert parsed(b'"A:B": 1, "A:B": 2, "A:B": 3').tags == {"A:B": 1, "A:B#2": 2, "A:B#3": 3}


def test_bytes_that_are_not_utf8_are_kept_visible() -> None:
    found = parsed(b'"A:B": {"C": ["caf\xe9"]}')
    assert found.tags == {"A:B": {"C": ["caf\\xe9"]}}
    assert "not UTF-8" in found.warnings[0]


def test_facts_about_the_run_are_not_evidence() -> None:
    found = parsed(
        b'"System:FileName": "0.jpg", "Doc1:System:X": 1, "ExifTool:ExifToolVersion": 12.57,'
        b'"ExifTool:Warning": "odd /x/0.jpg", "ExifTool:Copy1:Warning": "second", "A:B": 1'
    )
    assert found.tags == {"A:B": 1}
    assert found.warnings == ("odd 0.jpg", "second")


@pytest.mark.parametrize("output", [b"", b"x", b"{}", b"[1]", b'[{"A": 1}]', b"[" * 100_000])
def test_rubbish_is_a_plain_error(output: bytes) -> None:
    with pytest.raises(ValueError, match="not its JSON"):
        parse_output(output, "T", "/x/")


def test_a_clock_never_set_is_no_time() -> None:
    found = Metadata("read", tags={"A:DateTimeOriginal": "0000:00:00 00:00:00", "B:Make": " X "})
    assert summary(found)["device_time"] is None
    assert summary(found)["make"] == "X"
    assert summary(found)["has_location"] is False
