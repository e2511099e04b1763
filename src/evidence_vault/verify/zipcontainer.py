"""A bundle as one ZIP, parsed strictly: every byte of it belongs to one place (APPNOTE 6.3.10).

    member  = local header, name, extra, data, [data descriptor]
    archive = members without gaps, central directory, [ZIP64 end, its locator], end, end of file

The central directory and the local headers must agree. Only *stored* and *deflate* are known.
Streaming writers leave sizes out of the local header (flag bit 3); that is accepted, and the
descriptor that then follows the data is compared instead. The standard library's reader is not
used: it forgives what two readers would understand in two ways.
"""

from __future__ import annotations

import io
import stat
import struct
import zlib
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from evidence_vault.core.bagtext import PADDING
from evidence_vault.errors import EvidenceError
from evidence_vault.verify.container import MAX_FILES, Listing

MAX_RATIO = 1000
MAX_DIRECTORY = 512 * 1024 * 1024

_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR = struct.Struct("<4sLQL")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_STORED, _DEFLATE = 0, 8
_ENCRYPTED, _DESCRIPTOR, _STRONG, _UTF8, _MASKED = 1, 1 << 3, 1 << 6, 1 << 11, 1 << 13
_KNOWN_FLAGS = _DESCRIPTOR | _UTF8 | 0b110  # bits 1-2: how hard deflate tried
_ZIP64_EXTRA = 0x0001
# Time stamps and owners, which change nothing about name or content.
_HARMLESS_EXTRAS = frozenset((_ZIP64_EXTRA, 0x000A, 0x5455, 0x5855, 0x7855, 0x7875))
_FULL16, _FULL32 = 0xFFFF, 0xFFFFFFFF


@dataclass(slots=True)
class _Member:
    """One entry of the central directory; ``data`` is the offset of its bytes."""

    name: str
    raw_name: bytes
    flags: int
    method: int
    moment: tuple[int, int]
    crc: int
    packed: int
    size: int
    offset: int
    mode: int
    data: int = 0


class _Bad(Exception):
    """Carries a finding's code, subject and reason up to the listing."""

    def __init__(self, code: str, subject: str, reason: str) -> None:
        super().__init__(code, subject, reason)
        self.code, self.subject, self.reason = code, subject, reason


class ZipContainer:
    """A bundle in a ZIP with one top folder; paths in the listing stand below it.

    ``ours``: False lists it by the rules for bags of others. ``stream``: what to read in place of
    the file at ``path``; closed with the container.
    """

    def __init__(self, path: Path, ours: bool = True, stream: BinaryIO | None = None) -> None:
        self.name = path.name
        self.listing = Listing(ours=ours)
        self._members: dict[str, _Member] = {}
        self._file = path.open("rb") if stream is None else stream
        try:
            self._read()
        except _Bad as bad:
            self.listing.differ(bad.code, bad.subject or self.name, reason=bad.reason)
        except BaseException:  # Ctrl-C, too: nobody else closes it
            self._file.close()
            raise

    def open(self, path: str) -> AbstractContextManager[BinaryIO]:
        return cast(
            "AbstractContextManager[BinaryIO]", _MemberStream(self._file, self._members[path], path)
        )

    def close(self) -> None:
        self._file.close()

    def _read(self) -> None:
        size = self._file.seek(0, io.SEEK_END)
        start, length, count = self._find_directory(size)
        members = self._read_directory(start, length, count)
        self._check_layout(members, start)
        self._list(members)
        self.listing.check_collisions()

    def _at(self, offset: int, length: int) -> bytes:
        self._file.seek(offset)
        data = self._file.read(length)
        if offset < 0 or len(data) != length:
            raise _Bad("C-ZIP-DAMAGED", "", "the file ends too early")
        return data

    def _find_directory(self, size: int) -> tuple[int, int, int]:
        """Offset, length and entry count of the central directory."""
        if size < _END.size or (last := self._at(size - _END.size, _END.size))[:4] != b"PK\5\6":
            raise _Bad("C-ZIP-DAMAGED", "", "cut short, or something stands after its end")
        _, disk, first, here, count, length, start, comment = _END.unpack(last)
        end = size - _END.size
        large = here == _FULL16 or _FULL32 in (length, start)
        has_locator = end >= _LOCATOR.size and self._at(end - _LOCATOR.size, 4) == b"PK\6\7"
        if has_locator:
            end, short = end - _LOCATOR.size - _END64.size, (here, count, length, start)
            here, count, length, start = self._read_end64(end, short)
        elif large:
            raise _Bad("C-ZIP-DAMAGED", "", "its ZIP64 end is missing")
        if disk or first or comment or here != count:
            raise _Bad("C-ZIP-LAYOUT", "", "several parts, or a comment")
        if start + length != end:
            raise _Bad("C-ZIP-LAYOUT", "", "bytes that belong to no member")
        if count > MAX_FILES or length > MAX_DIRECTORY:
            raise _Bad("C-ZIP-LAYOUT", "", "too many members")
        return start, length, count

    def _read_end64(self, at: int, short: tuple[int, ...]) -> tuple[int, int, int, int]:
        """The ZIP64 end record at ``at``; it must agree with the short one where that says."""
        if at < 0:
            raise _Bad("C-ZIP-DAMAGED", "", "its ZIP64 end is missing")
        _, disk, where, disks = _LOCATOR.unpack(self._at(at + _END64.size, _LOCATOR.size))
        fields = _END64.unpack(self._at(at, _END64.size))
        mark, length, _, _, this_disk, first_disk = fields[:6]
        here, count, size, start = fields[6:]
        if mark != b"PK\6\6" or where != at or length != _END64.size - 12:
            raise _Bad("C-ZIP-LAYOUT", "", "its ZIP64 end is not where it must be")
        if disk or disks > 1 or this_disk or first_disk:
            raise _Bad("C-ZIP-LAYOUT", "", "several parts")
        full = (_FULL16, _FULL16, _FULL32, _FULL32)
        for short_value, value, none in zip(short, (here, count, size, start), full, strict=True):
            if short_value not in (none, value):
                raise _Bad("C-ZIP-HEADERS", "", "its two ends disagree")
        return here, count, size, start

    def _read_directory(self, start: int, length: int, count: int) -> list[_Member]:
        data = self._at(start, length)
        members: list[_Member] = []
        names: set[str] = set()
        at = 0
        for _ in range(count):
            if data[at : at + 4] != b"PK\1\2" or at + _CENTRAL.size > length:
                raise _Bad("C-ZIP-DAMAGED", "", "its list of members is broken")
            fields = _CENTRAL.unpack_from(data, at)
            name_size, extra_size, comment_size = fields[10:13]
            at += _CENTRAL.size
            raw = data[at : at + name_size]
            extra = data[at + name_size : at + name_size + extra_size]
            at += name_size + extra_size + comment_size
            if at > length:
                raise _Bad("C-ZIP-DAMAGED", "", "its list of members is broken")
            member = _central_member(fields, raw, extra)
            if comment_size:
                raise _Bad("C-ZIP-LAYOUT", member.name, "a comment")
            if member.name in names:
                raise _Bad("C-ZIP-DUPLICATE", member.name, "named twice")
            names.add(member.name)
            members.append(member)
        if at != length:
            raise _Bad("C-ZIP-LAYOUT", "", "bytes after its list of members")
        return members

    def _check_layout(self, members: list[_Member], directory: int) -> None:
        """Members follow each other without gap or overlap, and local headers agree."""
        ordered = sorted(members, key=lambda m: m.offset)
        ends = [m.offset for m in ordered[1:]] + [directory]
        if not ordered:
            raise _Bad("C-ZIP-DAMAGED", "", "there is nothing in it")
        if ordered[0].offset != 0:
            raise _Bad("C-ZIP-LAYOUT", "", "bytes before its first member")
        for member, end in zip(ordered, ends, strict=True):
            self._check_local(member)
            rest = end - member.data - member.packed
            if rest < 0:
                raise _Bad("C-ZIP-LAYOUT", member.name, "overlaps the next member")
            if member.flags & _DESCRIPTOR:
                self._check_descriptor(member, rest)
            elif rest:
                raise _Bad("C-ZIP-LAYOUT", member.name, "bytes that belong to no member")

    def _check_local(self, m: _Member) -> None:
        fields = _LOCAL.unpack(self._at(m.offset, _LOCAL.size))
        mark, _, flags, method, time, date, crc, packed, size, name_size, extra_size = fields
        if mark != b"PK\3\4":
            raise _Bad("C-ZIP-HEADERS", m.name, "no local header")
        rest = self._at(m.offset + _LOCAL.size, name_size + extra_size)
        raw, extra = rest[:name_size], rest[name_size:]
        m.data = m.offset + _LOCAL.size + name_size + extra_size
        wide = _extras(m.name, extra).get(_ZIP64_EXTRA)
        if wide is not None:
            if len(wide) != 16:
                raise _Bad("C-ZIP-HEADERS", m.name, "malformed ZIP64 sizes")
            wide_size, wide_packed = struct.unpack("<2Q", wide)
            # The short fields either defer to the wide ones or repeat them.
            if size not in (_FULL32, wide_size) or packed not in (_FULL32, wide_packed):
                raise _Bad("C-ZIP-HEADERS", m.name, "headers disagree")
            size, packed = wide_size, wide_packed
        later = bool(flags & _DESCRIPTOR)
        agree = (
            (raw, flags, method, (time, date)) == (m.raw_name, m.flags, m.method, m.moment)
            and (crc == m.crc or (later and crc == 0))
            and (packed == m.packed or (later and packed == 0))
            and (size == m.size or (later and size == 0))
        )
        if not agree:
            raise _Bad("C-ZIP-HEADERS", m.name, "headers disagree")

    def _check_descriptor(self, m: _Member, length: int) -> None:
        """[mark] crc, packed size, size: sizes of 4 or 8 bytes."""
        narrow, wide = struct.pack("<L", m.crc), struct.pack("<L2Q", m.crc, m.packed, m.size)
        forms = [wide, b"PK\7\10" + wide]
        if max(m.packed, m.size) <= _FULL32:
            narrow += struct.pack("<2L", m.packed, m.size)
            forms += [narrow, b"PK\7\10" + narrow]
        if not 12 <= length <= 24 or self._at(m.data + m.packed, length) not in forms:
            raise _Bad("C-ZIP-HEADERS", m.name, "its data descriptor disagrees")

    def _list(self, members: list[_Member]) -> None:
        """Sort the members into files, folders and OS junk, below the one top folder."""
        tops: set[str] = set()
        for m in members:
            folder = m.name.endswith("/")
            name = m.name.removesuffix("/")
            if not self.listing.is_safe(name):
                continue
            if self.listing.is_junk(m.name):
                self.listing.junk.append(name)
                continue
            top, _, path = name.partition("/")
            tops.add(top)
            if folder:
                if path:
                    self.listing.folders.add(path)
            elif not path:
                raise _Bad("C-TOP-FOLDER", name, "a file outside the one top folder")
            else:
                self.listing.files[path] = m.size
                self._members[path] = m
                parts = path.split("/")[:-1]
                parents = ("/".join(parts[:n]) for n in range(1, len(parts) + 1))
                self.listing.folders.update(parents)
        if len(tops) != 1:
            raise _Bad("C-TOP-FOLDER", "", f"{len(tops)} top folders instead of one")


def _central_member(fields: tuple[int, ...], raw: bytes, extra: bytes) -> _Member:
    """A member from its central header; raises _Bad for what no bundle has."""
    _, _, _, flags, method, time, date, crc, packed, size = fields[:10]
    disk, _, attributes, offset = fields[13:]
    try:
        name = raw.decode("utf-8" if flags & _UTF8 else "ascii")
    except UnicodeDecodeError:
        raise _Bad("C-UNSAFE-NAME", raw.decode("latin-1"), "name not in UTF-8") from None
    wide = _extras(name, extra).get(_ZIP64_EXTRA, b"")
    values = []
    for value in (size, packed, offset):
        if value == _FULL32:
            if len(wide) < 8:
                raise _Bad("C-ZIP-HEADERS", name, "malformed ZIP64 sizes")
            value, wide = int.from_bytes(wide[:8], "little"), wide[8:]
        values.append(value)
    size, packed, offset = values
    if flags & (_ENCRYPTED | _STRONG | _MASKED):
        raise _Bad("C-ZIP-ENCRYPTED", name, "encrypted inside the ZIP")
    if method not in (_STORED, _DEFLATE) or flags & ~_KNOWN_FLAGS:
        raise _Bad("C-ZIP-METHOD", name, f"compression method {method}, flags {flags}")
    mode = attributes >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise _Bad("C-LINK", name, "a link or special file")
    if stat.S_ISDIR(mode) and not name.endswith("/"):
        raise _Bad("C-ZIP-HEADERS", name, "a folder named like a file")
    empty = size == 0 and packed <= 2
    if wide or disk or (name.endswith("/") and not empty) or name in ("", "/"):
        raise _Bad("C-ZIP-HEADERS", name, "malformed header")
    if method == _STORED and packed != size:
        raise _Bad("C-ZIP-HEADERS", name, "sizes that do not fit")
    if size > MAX_RATIO * packed and name.partition("/")[2] != PADDING:  # of zeros, and small
        raise _Bad("C-ZIP-RATIO", name, f"{size} bytes from {packed}")
    return _Member(name, raw, flags, method, (time, date), crc, packed, size, offset, mode)


def _extras(name: str, data: bytes) -> dict[int, bytes]:
    """Extra fields by id, each once and known to be harmless."""
    found: dict[int, bytes] = {}
    at = 0
    while at < len(data):
        kind, size = struct.unpack_from("<2H", data, at) if at + 4 <= len(data) else (0, 0)
        if kind not in _HARMLESS_EXTRAS or kind in found or at + 4 + size > len(data):
            raise _Bad("C-ZIP-HEADERS", name, "extra fields that are not known")
        found[kind] = data[at + 4 : at + 4 + size]
        at += 4 + size
    return found


class _MemberStream(io.RawIOBase):
    """The content of one member; size and CRC-32 are compared at its end."""

    def __init__(self, file: BinaryIO, member: _Member, path: str) -> None:
        self._file, self._m, self._path = file, member, path
        self._at, self._left = member.data, member.packed
        self._size, self._crc = 0, 0
        self._inflate = zlib.decompressobj(-15) if member.method == _DEFLATE else None
        self._done = False

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """At most ``size`` bytes, b"" at the end; all of it for -1."""
        if size < 0:
            return b"".join(iter(lambda: self.read(1 << 20), b""))
        if self._done:
            return b""
        try:
            data = self._stored(size) if self._inflate is None else self._inflated(size)
        except zlib.error as error:
            raise self._damaged() from error
        self._size += len(data)
        self._crc = zlib.crc32(data, self._crc)
        if self._size > self._m.size:
            raise self._damaged()
        if not data:
            self._done = True
            self._check_end()
        return data

    def _packed(self, size: int) -> bytes:
        self._file.seek(self._at)
        data = self._file.read(min(size, self._left))
        self._at += len(data)
        self._left -= len(data)
        return data

    def _stored(self, size: int) -> bytes:
        return self._packed(size)

    def _inflated(self, size: int) -> bytes:
        assert self._inflate is not None
        while not self._inflate.eof:
            packed = self._inflate.unconsumed_tail or self._packed(1 << 16)
            data = self._inflate.decompress(packed, size)
            if data or not packed:
                return data
        return b""

    def _check_end(self) -> None:
        whole = self._left == 0 and self._size == self._m.size and self._crc == self._m.crc
        if self._inflate is not None:
            # Nothing may stand between the end of the deflate stream and the end of the data.
            whole = whole and self._inflate.eof and not self._inflate.unused_data
        if not whole:
            raise self._damaged()

    def _damaged(self) -> EvidenceError:
        return EvidenceError(f"{self._path} is damaged inside the ZIP", code="C-ZIP-DAMAGED")
