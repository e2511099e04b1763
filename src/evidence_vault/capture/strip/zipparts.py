"""Members of a ZIP file read with limits and written anew with nothing but names and data.

APPNOTE.TXT 6.3: no dates, no comments, no extra fields, no attributes, no system are written.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from evidence_vault.capture.strip.model import NotChecked, View

MOST_MEMBERS = 20_000
MOST_BYTES = 512 * 1024 * 1024
"""How much all members may hold when decompressed."""

DEEPEST = 5
FIXED_DATE = (1980, 1, 1, 0, 0, 0)
_ATTRIBUTES = 0o600 << 16  # what Python writes if asked for none
_PLAIN_NAME = re.compile(r"[^/\\\0][^\\\0]*\Z")
_STAYS = {
    "ZipBitFlag": "how the container is made",
    "ZipCRC": "how the container is made",
    "ZipCompressedSize": "how the container is made",
    "ZipCompression": "how the container is made",
    "ZipFileName": "how the container is made",
    "ZipModifyDate": "the same in every copy",
    "ZipRequiredVersion": "how the container is made",
    "ZipUncompressedSize": "how the container is made",
}


@dataclass(frozen=True)
class Member:
    """A file in a ZIP: its name with forward slashes, and its bytes."""

    name: str
    data: bytes = field(repr=False)


def read_members(path: Path) -> list[Member]:
    """All files in order, no folders; raises NotChecked for what can't be read whole and safely."""
    try:
        with zipfile.ZipFile(path) as archive:
            return _read(archive)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, struct.error) as error:
        raise NotChecked("its ZIP container can't be read") from error
    except (NotImplementedError, RuntimeError, ValueError, UnicodeError) as error:
        raise NotChecked("its ZIP container uses what is not understood") from error


def _read(archive: zipfile.ZipFile) -> list[Member]:
    entries = [each for each in archive.infolist() if not each.is_dir()]
    if len(entries) > MOST_MEMBERS:
        raise NotChecked(f"it holds more than {MOST_MEMBERS} files")
    if len({each.filename for each in entries}) != len(entries):
        raise NotChecked("two files in it have the same name")
    left = MOST_BYTES
    members = []
    for entry in entries:
        if entry.flag_bits & 1:
            raise NotChecked("it is encrypted")
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise NotChecked("a file in it is compressed in a way that is not understood")
        name = entry.filename
        if not _PLAIN_NAME.match(name) or ".." in name.split("/"):
            raise NotChecked("a file in it has a name that leads elsewhere")
        with archive.open(entry) as stream:
            data = stream.read(left + 1)
        left -= len(data)
        if left < 0:
            raise NotChecked(f"it holds more than {MOST_BYTES} bytes")
        members.append(Member(name, data))
    return members


def write_members(path: Path, members: Iterable[Member], stored: Iterable[str] = ()) -> None:
    """Write members in the given order; ``stored`` names those that are not deflated."""
    plain = frozenset(stored)
    with zipfile.ZipFile(path, "w") as archive:
        for member in members:
            entry = zipfile.ZipInfo(member.name, FIXED_DATE)
            entry.create_system = 0
            entry.external_attr = _ATTRIBUTES
            entry.compress_type = (
                zipfile.ZIP_STORED if member.name in plain else zipfile.ZIP_DEFLATED
            )
            archive.writestr(entry, member.data, compresslevel=9)


def container_residues(path: Path) -> Iterator[str]:
    """What a ZIP holds beside names and data: dates, comments, extra fields, gaps between."""
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        if archive.comment:
            yield "ZIP comment"
        for each in entries:
            if each.date_time != FIXED_DATE:
                yield "ZIP date"
            if each.comment:
                yield "ZIP comment of a file"
            attributes = (each.external_attr, each.internal_attr, each.create_system)
            if each.extra or attributes != (_ATTRIBUTES, 0, 0):
                yield "ZIP extra field or attribute"
        start = archive.start_dir
    data = path.read_bytes()
    expected = 0
    for each in sorted(entries, key=lambda one: one.header_offset):
        if each.header_offset != expected:
            yield "bytes between files in the ZIP"
        name, extra = struct.unpack_from("<HH", data, each.header_offset + 26)
        if extra:
            yield "ZIP extra field"
        expected = each.header_offset + 30 + name + each.compress_size
    if expected != start or data.rfind(b"PK\5\6") + 22 != len(data):
        yield "bytes around files in the ZIP"


def zip_views(data: bytes, depth: int = 0) -> Iterator[View]:
    """Every member as it is inside, and members of members, :data:`DEEPEST` deep."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for member in _read(archive):
            yield View("a member", member.data)
            if depth + 1 < DEEPEST and member.data[:4] == b"PK\3\4":
                yield from zip_views(member.data, depth + 1)


def zip_may_stay(tag: str) -> str | None:
    """What ExifTool tells of any ZIP."""
    group, _, name = tag.rpartition(":")
    return _STAYS.get(name) if group.split(":")[0] == "ZIP" else None
