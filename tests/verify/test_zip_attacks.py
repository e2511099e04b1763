"""ZIP containers that two programs could read in two ways, each refused by name."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from evidence_vault.core.findings import Outcome, Report
from evidence_vault.errors import Exit
from evidence_vault.verify import verify_bundle
from evidence_vault.verify.zipcontainer import ZipContainer

from .conftest import World
from .forge import write_zip

TOP = "evidence-0a1b2c3d/"


def codes(report: Report) -> set[str]:
    return {f.code for f in report.findings if f.outcome is Outcome.DIFFERS}


def refuse(path: Path, world: World, code: str) -> None:
    report = verify_bundle(path, world.trust)
    assert report.exit_status() == Exit.EVIDENCE
    assert codes(report) == {code}


@pytest.fixture
def good(tmp_path: Path, world: World) -> bytes:
    return write_zip(world.files, tmp_path / "good.zip").read_bytes()


def edit_central(data: bytes, name: bytes, offset: int, value: bytes) -> bytes:
    """Overwrite bytes of a member's central header (46 bytes before its name)."""
    at = data.rindex(name) - 46 + offset
    assert data[at - offset : at - offset + 4] == b"PK\1\2"
    return data[:at] + value + data[at + len(value) :]


def edit_local(data: bytes, name: bytes, offset: int, value: bytes) -> bytes:
    at = data.index(name) - 30 + offset
    assert data[at - offset : at - offset + 4] == b"PK\3\4"
    return data[:at] + value + data[at + len(value) :]


NAME = (TOP + "custody.txt").encode()


def insert(data: bytes, at: int, extra: bytes, *, fix: bool = True) -> bytes:
    """Put bytes in; ``fix`` moves all later offsets, as a careful attacker would."""
    out = bytearray(data[:at] + extra + data[at:])
    if not fix:
        return bytes(out)
    end = len(out) - 22
    start = struct.unpack_from("<L", out, end + 16)[0]
    if at <= start:
        start += len(extra)
        struct.pack_into("<L", out, end + 16, start)
    while out[start : start + 4] == b"PK\1\2":
        offset = struct.unpack_from("<L", out, start + 42)[0]
        if offset >= at:
            struct.pack_into("<L", out, start + 42, offset + len(extra))
        start += 46 + sum(struct.unpack_from("<3H", out, start + 28))
    return bytes(out)


def central_start(data: bytes) -> int:
    return int(struct.unpack_from("<L", data, len(data) - 6)[0])


ATTACKS: list[tuple[str, str, Callable[[bytes], bytes]]] = [
    ("empty: the end of an archive alone", "C-ZIP-DAMAGED", lambda _: b"PK\5\6" + bytes(18)),
    ("cut short", "C-ZIP-DAMAGED", lambda d: d[:-1]),
    ("cut in half", "C-ZIP-DAMAGED", lambda d: d[: len(d) // 2]),
    ("only the mark", "C-ZIP-DAMAGED", lambda d: b"PK\3\4"),
    ("data after the end", "C-ZIP-DAMAGED", lambda d: d + b"x"),
    ("another ZIP after the end", "C-ZIP-LAYOUT", lambda d: d + d),
    ("data before the first member", "C-ZIP-LAYOUT", lambda d: insert(d, 0, b"PK\3\4 hidden")),
    ("data between members", "C-ZIP-LAYOUT", lambda d: insert(d, d.index(NAME) - 30, b"hidden")),
    (
        "data before the directory",
        "C-ZIP-LAYOUT",
        lambda d: insert(d, central_start(d), b"hidden"),
    ),
    (
        "data after the directory",
        "C-ZIP-LAYOUT",
        lambda d: insert(d, len(d) - 22, b"hidden", fix=False),
    ),
    ("archive comment", "C-ZIP-DAMAGED", lambda d: d[:-2] + b"\5\0hello"),
    ("second disk", "C-ZIP-LAYOUT", lambda d: d[:-18] + b"\1\0" + d[-16:]),
    ("fewer members announced", "C-ZIP-LAYOUT", lambda d: d[:-14] + b"\3\0\3\0" + d[-10:]),
    ("encrypted", "C-ZIP-ENCRYPTED", lambda d: edit_central(d, NAME, 8, b"\1\0")),
    ("strong encryption", "C-ZIP-ENCRYPTED", lambda d: edit_central(d, NAME, 8, b"\x40\0")),
    ("method LZMA", "C-ZIP-METHOD", lambda d: edit_central(d, NAME, 10, b"\x0e\0")),
    ("patched data", "C-ZIP-METHOD", lambda d: edit_central(d, NAME, 8, b"\x20\0")),
    ("local method differs", "C-ZIP-HEADERS", lambda d: edit_local(d, NAME, 8, b"\x0c\0")),
    ("local name differs", "C-ZIP-HEADERS", lambda d: edit_local(d, NAME, 30, b"E")),
    ("local CRC differs", "C-ZIP-HEADERS", lambda d: edit_local(d, NAME, 14, b"\0\0\0\0")),
    ("local size differs", "C-ZIP-HEADERS", lambda d: edit_local(d, NAME, 22, b"\1\0\0\0")),
    ("local time differs", "C-ZIP-HEADERS", lambda d: edit_local(d, NAME, 10, b"\0\0")),
    ("stored, sizes differ", "C-ZIP-HEADERS", lambda d: edit_central(d, NAME, 24, b"\1\0\0\0")),
    ("no local header", "C-ZIP-HEADERS", lambda d: edit_local(d, NAME, 0, b"XXXX")),
    ("symbolic link", "C-LINK", lambda d: edit_central(d, NAME, 38, b"\0\0\xff\xa1")),
    ("named pipe", "C-LINK", lambda d: edit_central(d, NAME, 38, b"\0\0\xff\x11")),
    ("folder bits", "C-ZIP-HEADERS", lambda d: edit_central(d, NAME, 38, b"\0\0\xff\x41")),
    ("on another disk", "C-ZIP-HEADERS", lambda d: edit_central(d, NAME, 34, b"\1\0")),
    ("broken directory", "C-ZIP-DAMAGED", lambda d: edit_central(d, NAME, 0, b"XXXX")),
]


@pytest.mark.parametrize(("code", "attack"), [a[1:] for a in ATTACKS], ids=[a[0] for a in ATTACKS])
def test_container_attack(
    code: str, attack: Callable[[bytes], bytes], good: bytes, tmp_path: Path, world: World
) -> None:
    bad = attack(good)
    assert bad != good
    path = tmp_path / "bad.zip"
    path.write_bytes(bad)
    refuse(path, world, code)


def zipped(path: Path, names: list[tuple[str, bytes]], **options: int) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in names:
            info = zipfile.ZipInfo(name, (2026, 11, 23, 10, 0, 0))
            info.compress_type = options.get("method", zipfile.ZIP_STORED)
            archive.writestr(info, data)
    return path


@pytest.mark.parametrize(
    ("name", "code"),
    [
        (TOP + "../../x", "C-UNSAFE-NAME"),
        ("/" + TOP + "x", "C-UNSAFE-NAME"),
        (TOP + "a\\b", "C-UNSAFE-NAME"),
        (TOP + "C:x", "C-UNSAFE-NAME"),
        (TOP + "a//b", "C-UNSAFE-NAME"),
        (TOP + "./b", "C-UNSAFE-NAME"),
        (TOP + "a\nb", "C-UNSAFE-NAME"),
        (TOP + "a\x7fb", "C-UNSAFE-NAME"),
        (TOP + "aux.txt", "C-UNSAFE-NAME"),
        (TOP + "x.", "C-UNSAFE-NAME"),
        (TOP + "x" * 300, "C-UNSAFE-NAME"),
        ("__MACOSX/../../x", "C-UNSAFE-NAME"),
        (TOP + "INDEX.csv", "C-COLLISION"),
        (TOP + "Data/x", "C-COLLISION"),
        ("other/x", "C-TOP-FOLDER"),
        ("x", "C-TOP-FOLDER"),
    ],
)
def test_unsafe_names(name: str, code: str, tmp_path: Path, world: World) -> None:
    files = [(TOP + p, d) for p, d in world.files.items()]
    refuse(zipped(tmp_path / "bad.zip", [*files, (name, b"x")]), world, code)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_duplicate_name(tmp_path: Path, world: World) -> None:
    files = [(TOP + p, d) for p, d in world.files.items()]
    refuse(zipped(tmp_path / "bad.zip", [*files, files[3]]), world, "C-ZIP-DUPLICATE")


def test_name_not_in_utf8(good: bytes, tmp_path: Path, world: World) -> None:
    bad = good.replace(NAME, NAME[:-1] + b"\xff")
    path = tmp_path / "bad.zip"
    path.write_bytes(bad)
    refuse(path, world, "C-UNSAFE-NAME")


def test_compression_bomb(tmp_path: Path, world: World) -> None:
    files = [(TOP + p, d) for p, d in world.files.items()] + [(TOP + "bomb", b"\0" * 20_000_000)]
    path = zipped(tmp_path / "bad.zip", files, method=zipfile.ZIP_DEFLATED)
    refuse(path, world, "C-ZIP-RATIO")


def test_bomb_that_lies_about_its_size(tmp_path: Path, world: World) -> None:
    """Headers say 12 bytes; the stream would give 20 million. It is cut off and named."""
    packed = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = packed.compress(b"\0" * 20_000_000) + packed.flush()
    size = len(world.files["custody.txt"])
    path = zipped(
        tmp_path / "bad.zip",
        [(TOP + p, bomb if p == "custody.txt" else d) for p, d in world.files.items()],
    )
    data = path.read_bytes()
    for edit, method, length in ((edit_central, 10, 24), (edit_local, 8, 22)):
        data = edit(data, NAME, method, b"\x08\0")
        data = edit(data, NAME, length, struct.pack("<L", size))
    path.write_bytes(data)
    report = verify_bundle(path, world.trust)
    assert ("B-DAMAGED", "custody.txt") in {(f.code, f.subject) for f in report.findings}


def test_overlapping_members(good: bytes, tmp_path: Path, world: World) -> None:
    """Two names share one stretch of bytes, as in the best known ZIP bombs."""
    index = (TOP + "index.csv").encode()
    bad = edit_central(good, index, 42, struct.pack("<L", good.index(NAME) - 30))
    path = tmp_path / "bad.zip"
    path.write_bytes(bad)
    report = verify_bundle(path, world.trust)
    assert codes(report) & {"C-ZIP-HEADERS", "C-ZIP-LAYOUT"}


def _data(data: bytes | bytearray, member: zipfile.ZipInfo) -> range:
    """Where the bytes of a member stand."""
    name, extra = struct.unpack_from("<2H", data, member.header_offset + 26)
    start = int(member.header_offset) + 30 + int(name) + int(extra)
    return range(start, start + member.compress_size)


@pytest.mark.parametrize("streamed", [False, True])
def test_every_flipped_byte_is_noticed(streamed: bool, tmp_path: Path, world: World) -> None:
    """No byte of the container is without meaning, but for a few the rules leave open."""
    path = write_zip(world.files, tmp_path / "b.zip", streamed=streamed, zip64=streamed)
    good = bytearray(path.read_bytes())
    passed = []
    for offset in range(0, len(good), 41):
        bad = bytearray(good)
        bad[offset] ^= 0x10
        path.write_bytes(bad)
        if verify_bundle(path, world.trust).exit_status() == Exit.OK:
            passed.append(offset)
    # "Version made by / needed" and attribute bits say nothing about names or content, and
    # deflate can spell the same bytes in several ways.
    path.write_bytes(good)
    with zipfile.ZipFile(path) as archive:
        deflated = [_data(good, m) for m in archive.infolist() if m.compress_type]
    for offset in passed:
        local = good.rfind(b"PK\3\4", 0, offset + 1)
        central = good.rfind(b"PK\1\2", 0, offset + 1)
        free = (4, 5, 6, 7, *range(36, 42))
        assert (
            offset - local in (4, 5)
            or offset - central in free
            or any(offset in data for data in deflated)
        ), offset


def test_foreign_repacking_with_time_stamps_is_accepted(tmp_path: Path, world: World) -> None:
    """Info-ZIP and others add extra fields for times and owners."""
    path = tmp_path / "b.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(TOP + "data/", (2026, 1, 1, 0, 0, 0)), b"")
        for name, data in world.files.items():
            info = zipfile.ZipInfo(TOP + name, (2026, 11, 23, 10, 0, 0))
            info.extra = struct.pack("<2HBL", 0x5455, 5, 1, 1_800_000_000)
            archive.writestr(info, data)
    assert verify_bundle(path, world.trust).exit_status() == Exit.OK


def test_extra_field_that_renames_is_refused(tmp_path: Path, world: World) -> None:
    path = tmp_path / "b.zip"
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo(TOP + "x", (2026, 11, 23, 10, 0, 0))
        info.extra = struct.pack("<2H", 0x7075, 6) + b"\1\0\0\0\0y"
        archive.writestr(info, b"x")
    refuse(path, world, "C-ZIP-HEADERS")


def test_reading_is_bounded(tmp_path: Path) -> None:
    """A member of 64 MiB comes in small pieces, stored or packed."""
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        content = (b"%063d\n" * 1000) % tuple(range(1000)) * 1000
        path = zipped(tmp_path / f"{method}.zip", [(TOP + "big", content)], method=method)
        container = ZipContainer(path)
        assert not container.listing.problems
        seen = 0
        with container.open("big") as stream:
            while piece := stream.read(1 << 20):
                assert len(piece) <= 1 << 20
                seen += len(piece)
        container.close()
        assert seen == len(content) == container.listing.files["big"]
