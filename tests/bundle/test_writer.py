"""Writing bundles: what is in them, and what makes the writer stop."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import io
import json
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import bagit
import pytest

from evidence_vault.bundle.model import BundleItem, BundlePlan, payload_manifest
from evidence_vault.bundle.sinks import FolderSink, ZipSink
from evidence_vault.bundle.writer import write_bundle
from evidence_vault.core.receipt import parse_receipt
from evidence_vault.core.statement import parse_statement
from evidence_vault.errors import (
    EvidenceError,
    FormatError,
    InternalError,
    SignatureInvalid,
    StoreError,
    UsageError,
)
from evidence_vault.verify.bundle import verify_bundle

Plans = Callable[..., BundlePlan]


def to_zip(plan: BundlePlan) -> bytes:
    stream = io.BytesIO()
    write_bundle(plan, ZipSink(stream))
    return stream.getvalue()


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


VARIANTS: dict[str, dict[str, Any]] = {
    "with originals": {},
    "without originals": {"originals": False},
    "one withheld": {"withheld": {"QVRM-0000002": "under a hold"}},
    "fields revealed": {"reveal": ("content_sha256", "title", "source_path", "place")},
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_bagit_python_finds_a_valid_bag(plans: Plans, tmp_path: Path, variant: str) -> None:
    plan = plans(**VARIANTS[variant])
    write_bundle(plan, FolderSink(tmp_path / "b"))
    bag = bagit.Bag(str(tmp_path / "b"))
    bag.validate()
    assert bag.version_info == (1, 0)
    assert bag.info["External-Identifier"] == plan.bundle_id
    assert bag.info["Bagging-Date"] == "2026-11-23"


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_unpacked_zip_is_a_valid_bag(plans: Plans, tmp_path: Path, variant: str) -> None:
    plan = plans(**VARIANTS[variant])
    with zipfile.ZipFile(io.BytesIO(to_zip(plan))) as archive:
        assert archive.testzip() is None
        assert {name.split("/")[0] for name in archive.namelist()} == {"evidence-00112233"}
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
        assert len(set(archive.namelist())) == len(archive.namelist())
        archive.extractall(tmp_path)
    bagit.Bag(str(tmp_path / plan.top_folder)).validate()


def test_zip_and_folder_hold_the_same_files(plan: BundlePlan, tmp_path: Path) -> None:
    write_bundle(plan, FolderSink(tmp_path / "b"))
    with zipfile.ZipFile(io.BytesIO(to_zip(plan))) as archive:
        inside = {
            i.filename.partition("/")[2]: archive.read(i)
            for i in archive.infolist()
            if not i.is_dir()
        }
    assert inside == files_of(tmp_path / "b")


def test_the_same_plan_gives_the_same_bytes(plan: BundlePlan) -> None:
    assert to_zip(plan) == to_zip(plan)


def test_a_stream_that_can_seek_gives_the_same_bytes_as_one_that_can_not(
    plan: BundlePlan, tmp_path: Path
) -> None:
    class OneWay:
        def __init__(self) -> None:
            self.written = bytearray()

        def write(self, data: bytes) -> None:
            self.written += data

    stream = OneWay()
    write_bundle(plan, ZipSink(stream))
    with (tmp_path / "b.zip").open("wb") as file:
        write_bundle(plan, ZipSink(file))
    assert bytes(stream.written) == (tmp_path / "b.zip").read_bytes()


def test_the_statement_lists_every_file(plan: BundlePlan, tmp_path: Path) -> None:
    written = write_bundle(plan, FolderSink(tmp_path / "b"))
    files = files_of(tmp_path / "b")
    assert files["statement.json"] == written.statement
    statement = parse_statement(written.statement)
    unlisted = {
        "statement.json",
        "statement.sig",
        "statement.sshsig",
        "tagmanifest-sha256.txt",
        "tagmanifest-sha512.txt",
    }
    assert {row.path for row in statement.files} == set(files) - unlisted
    for row in statement.files:
        assert row.sha256 == hashlib.sha256(files[row.path]).hexdigest()
        assert row.size == len(files[row.path])
    assert statement.files == written.files


def test_counts_add_up(plans: Plans, tmp_path: Path) -> None:
    plan = plans(withheld={"QVRM-0000002": "under a hold", "QVRM-0000003": "no consent"})
    statement = parse_statement(write_bundle(plan, FolderSink(tmp_path / "b")).statement)
    counts = statement.counts
    assert (counts["chosen"], counts["exported"], counts["withheld"]) == (3, 1, 2)
    shown = committed = 0
    for item in plan.items:
        for event in parse_receipt((tmp_path / "b" / item.receipt_path).read_bytes()).events:
            payload = json.loads(event.leaf)["payload"]
            sd = json.loads(base64.b64decode(payload))["sd"]
            committed += sum(1 for c in sd.values() if c is not None)
            shown += len(event.reveals)
    assert (counts["fields_shown"], counts["fields_withheld"]) == (shown, committed - shown)


def test_the_payload_manifest_is_known_before_anything_is_read(
    plan: BundlePlan, tmp_path: Path
) -> None:
    class Unread:
        sha256 = hashlib.sha256(b"x").hexdigest()
        sha512 = hashlib.sha512(b"x").hexdigest()
        size = 1

        def open(self) -> BinaryIO:
            raise AssertionError("read too early")

    items = [dataclasses.replace(plan.items[0], payload=Unread())]
    assert payload_manifest(items) == f"{Unread.sha256}  data/QVRM-0000001.jpg\n".encode()
    assert payload_manifest(items, "sha512").startswith(Unread.sha512.encode())
    write_bundle(plan, FolderSink(tmp_path / "b"))
    for algorithm in ("sha256", "sha512"):
        written = (tmp_path / "b" / f"manifest-{algorithm}.txt").read_bytes()
        assert written == payload_manifest(plan.items, algorithm)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("kind", ["zip", "folder"])
def test_our_own_checker_finds_nothing_wrong(
    plans: Plans, tmp_path: Path, variant: str, kind: str
) -> None:
    plan = plans(**VARIANTS[variant])
    out = tmp_path / "b.zip" if kind == "zip" else tmp_path / "b"
    if kind == "zip":
        out.write_bytes(to_zip(plan))
    else:
        write_bundle(plan, FolderSink(out))
    report = verify_bundle(out, None, plan.bundle_id)
    wrong = [f for step in report.steps for f in step.findings if f.outcome == "does not match"]
    assert wrong == []


BAD_PAYLOADS = {
    "one bit": b"\xfe\xd8 first picture",
    "one byte short": b"\xff\xd8 first pictur",
    "one byte more": b"\xff\xd8 first picture!",
    "empty": b"",
    "endless": b"\xff\xd8 first picture" * 100_000,
}


@pytest.mark.parametrize("case", BAD_PAYLOADS)
def test_an_original_that_changed_in_the_store_stops_the_bundle(
    plan: BundlePlan, source: Any, tmp_path: Path, case: str
) -> None:
    good = plan.items[0].payload
    assert good is not None
    with good.open() as stream:
        content = stream.read()
    bad = dataclasses.replace(plan.items[0], payload=source(content, BAD_PAYLOADS[case]))
    plan = dataclasses.replace(plan, items=[bad, *plan.items[1:]])
    with pytest.raises(EvidenceError) as caught:
        write_bundle(plan, FolderSink(tmp_path / "b"))
    assert caught.value.code == "E-PAYLOAD-CHANGED"
    assert "data/QVRM-0000001.jpg" in caught.value.message
    assert list(tmp_path.iterdir()) == []
    out = io.BytesIO()
    with pytest.raises(EvidenceError):
        write_bundle(plan, ZipSink(out))
    assert not zipfile.is_zipfile(out)
    assert b"statement.json" not in out.getvalue()


def test_a_second_digest_is_compared_too(plan: BundlePlan, source: Any, tmp_path: Path) -> None:
    class Collision(source):  # type: ignore[misc]  # a fixture gives the class
        sha512 = "0" * 128

    bad = dataclasses.replace(plan.items[0], payload=Collision(b"\xff\xd8 first picture"))
    items: list[BundleItem] = [bad, *plan.items[1:]]
    # The event commits to manifest-sha256.txt alone, so this plan gets as far as the reading.
    with pytest.raises(EvidenceError, match="SHA-512"):
        write_bundle(dataclasses.replace(plan, items=items), FolderSink(tmp_path / "b"))


def test_an_original_that_can_not_be_read_leaves_nothing(
    plan: BundlePlan, source: Any, tmp_path: Path
) -> None:
    class Broken(source):  # type: ignore[misc]  # a fixture gives the class
        def open(self) -> BinaryIO:
            raise OSError(5, "Input/output error")

    bad = dataclasses.replace(plan.items[0], payload=Broken(b"\xff\xd8 first picture"))
    with pytest.raises(StoreError, match="Input/output error"):
        write_bundle(
            dataclasses.replace(plan, items=[bad, *plan.items[1:]]), FolderSink(tmp_path / "b")
        )
    assert list(tmp_path.iterdir()) == []


def test_a_signature_by_the_wrong_key_leaves_nothing(plan: BundlePlan, tmp_path: Path) -> None:
    key = dataclasses.replace(plan.statement_key, sign=lambda _: bytes(64))
    with pytest.raises(SignatureInvalid):
        write_bundle(dataclasses.replace(plan, statement_key=key), FolderSink(tmp_path / "b"))
    assert list(tmp_path.iterdir()) == []


CONTRADICTIONS: dict[str, Callable[[BundlePlan], dict[str, Any]]] = {
    "bundle_id": lambda p: {"bundle_id": "f" * 32},
    "last event": lambda p: {"exported_index": p.exported_index - 1},
    "proofs": lambda p: {"proofs": {**p.proofs, "timestamps": "present"}},
    "checkpoint": lambda p: {"checkpoint": dataclasses.replace(p.checkpoint, root=bytes(32))},
    "counts": lambda p: {"items": p.items[:-1]},
    "payload_manifest": lambda p: {
        "items": [dataclasses.replace(p.items[0], payload=None), *p.items[1:]]
    },
}


@pytest.mark.parametrize("named", CONTRADICTIONS)
def test_a_plan_that_contradicts_its_receipts_writes_nothing(
    plan: BundlePlan, tmp_path: Path, named: str
) -> None:
    wrong = dataclasses.replace(plan, **CONTRADICTIONS[named](plan))
    with pytest.raises(InternalError, match=named):
        write_bundle(wrong, FolderSink(tmp_path / "b"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("extension", ["", "J", "a/b", "..", "a b", "exe.", "toolongtoolong"])
def test_an_unsafe_ending_is_refused(plan: BundlePlan, extension: str) -> None:
    with pytest.raises(FormatError):
        dataclasses.replace(plan.items[0], extension=extension)


def test_an_output_that_exists_is_left_alone(plan: BundlePlan, tmp_path: Path) -> None:
    out = tmp_path / "b"
    out.mkdir()
    with pytest.raises(UsageError):
        write_bundle(plan, FolderSink(out))
    assert list(out.iterdir()) == []
    out.rmdir()
    out.symlink_to("nowhere")
    with pytest.raises(UsageError):
        write_bundle(plan, FolderSink(out))


def test_a_partial_folder_of_another_run_is_left_alone(plan: BundlePlan, tmp_path: Path) -> None:
    (tmp_path / "b.partial").mkdir()
    (tmp_path / "b.partial" / "x").write_bytes(b"")
    with pytest.raises(UsageError, match=r"b\.partial"):
        write_bundle(plan, FolderSink(tmp_path / "b"))
    assert [p.name for p in (tmp_path / "b.partial").iterdir()] == ["x"]


def test_a_full_disk_under_a_zip_is_a_store_error(plan: BundlePlan) -> None:
    class Full:
        def __init__(self, room: int) -> None:
            self.room = room

        def write(self, data: bytes) -> None:
            self.room -= len(data)
            if self.room < 0:
                raise OSError(28, "No space left on device")

    whole = len(to_zip(plan))
    for room in (0, 10, whole // 2, whole - 200, whole - 1):
        with pytest.raises(StoreError, match="No space left"):
            write_bundle(plan, ZipSink(Full(room)))
    write_bundle(plan, ZipSink(Full(whole)))


def test_the_folder_is_written_before_it_has_its_name(
    plan: BundlePlan, source: Any, tmp_path: Path
) -> None:
    seen: list[list[str]] = []

    class Watched(source):  # type: ignore[misc]  # a fixture gives the class
        def open(self) -> BinaryIO:
            seen.append(sorted(p.name for p in tmp_path.iterdir()))
            stream: BinaryIO = super().open()
            return stream

    items = [
        dataclasses.replace(plan.items[0], payload=Watched(b"\xff\xd8 first picture")),
        *plan.items[1:],
    ]
    write_bundle(dataclasses.replace(plan, items=items), FolderSink(tmp_path / "b"))
    assert seen == [["b.partial"]]
    assert [p.name for p in tmp_path.iterdir()] == ["b"]


class Zeros(io.RawIOBase):
    """A stream of so many zero bytes."""

    def __init__(self, size: int) -> None:
        self.left = size

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        count = min(self.left, size if size >= 0 else self.left)
        self.left -= count
        return bytes(count)


@dataclasses.dataclass
class ZeroSource:
    size: int
    sha256: str = ""
    sha512: str = ""

    def __post_init__(self) -> None:
        digests = hashlib.sha256(), hashlib.sha512()
        block, left = bytes(1 << 20), self.size
        while left:
            for digest in digests:
                digest.update(block[:left])
            left -= min(left, len(block))
        self.sha256, self.sha512 = (d.hexdigest() for d in digests)

    def open(self) -> BinaryIO:
        return Zeros(self.size)  # type: ignore[return-value]  # as much of a stream as is read


class Tail:
    """Keeps the size and the last bytes of what is written."""

    def __init__(self) -> None:
        self.size, self.end = 0, b""

    def write(self, data: bytes) -> None:
        self.size += len(data)
        self.end = (self.end + data[-65536:])[-65536:]


def test_memory_stays_flat_for_a_large_original(plans: Plans, tmp_path: Path) -> None:
    import tracemalloc

    plan = plans({"QVRM-0000001": (ZeroSource(300 * 1024 * 1024), "bin")})
    tracemalloc.start()
    try:
        write_bundle(plan, ZipSink(Tail()))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 16 * 1024 * 1024


@pytest.mark.slow
def test_an_original_above_4_gib_is_read_back_by_other_programs(
    plans: Plans, tmp_path: Path
) -> None:
    size = 4 * 1024**3 + 5
    plan = plans({"QVRM-0000001": (ZeroSource(size), "bin")})
    out = tmp_path / "b.zip"
    with out.open("wb") as file:
        write_bundle(plan, ZipSink(file))
    with zipfile.ZipFile(out) as archive:
        info = archive.getinfo("evidence-00112233/data/QVRM-0000001.bin")
        assert info.file_size == size
        with archive.open("evidence-00112233/statement.json") as member:
            parse_statement(member.read())
    done = subprocess.run([sys.executable, "-m", "zipfile", "-t", str(out)], check=False)
    assert done.returncode == 0
    report = verify_bundle(out, None)
    assert not [f for s in report.steps for f in s.findings if f.outcome == "does not match"]
    out.unlink()


@pytest.mark.slow
def test_more_members_than_a_plain_zip_can_count() -> None:
    stream = io.BytesIO()
    with ZipSink(stream) as sink:
        sink.begin("top")
        for number in range(70_000):
            sink.add(f"data/{number}", 1, [b"x"])
    data = stream.getvalue()
    assert struct.unpack("<H", data[-22 + 10 : -22 + 12]) == (0xFFFF,)
    assert b"PK\x06\x06" in data[-200:]
    with zipfile.ZipFile(stream) as archive:
        assert len(archive.namelist()) == 70_000
