"""Where the samples of a track lie (ISO/IEC 14496-12 §8.6-8.7; QuickTime for plain sound)."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field

from evidence_vault.capture.strip.boxes import TABLE_LIMIT, Box, box
from evidence_vault.capture.strip.model import NotChecked

_BROKEN = "its tables of samples do not hold together"


@dataclass(slots=True)
class Tables:
    """``runs``: (first chunk, samples in a chunk, description), chunks counted from 1.

    ``sizes``: bytes of each sample, empty if all have ``same`` bytes, of ``count`` samples.
    ``packet``: (samples, bytes) of a packet of sound, where QuickTime counts so.
    """

    offsets: list[int]
    runs: list[tuple[int, int, int]]
    sizes: array[int]
    same: int
    count: int
    packet: tuple[int, int] | None = None
    _kept: dict[bytes, bytes] = field(default_factory=dict)

    def chunks(self) -> Iterator[tuple[int, list[int]]]:
        """(where a chunk begins, bytes of each of its samples or of all of them together)."""
        sample = 0
        for (first, per, _), following in zip(self.runs, self._ends(), strict=True):
            for chunk in range(first, following):
                number = min(per, self.count - sample)
                if number <= 0:
                    return
                if self.packet is not None:
                    samples, size = self.packet
                    yield self.offsets[chunk - 1], [-(-number // samples) * size]
                elif self.sizes:
                    yield self.offsets[chunk - 1], list(self.sizes[sample : sample + number])
                elif self.same < 64:
                    yield self.offsets[chunk - 1], [self.same * number]
                else:
                    yield self.offsets[chunk - 1], [self.same] * number
                sample += number

    def _ends(self) -> list[int]:
        return [first for first, _, _ in self.runs[1:]] + [len(self.offsets) + 1]


def read_tables(stbl: Box) -> Tables:
    """The tables of a track; raises NotChecked when they contradict themselves."""
    runs = [(a, b, c) for a, b, c in _rows(stbl.child(b"stsc").body, 3)]
    offsets = _offsets(stbl)
    sizes, same, count = _sizes(stbl)
    firsts = [first for first, _, _ in runs]
    if firsts != sorted(set(firsts)) or (firsts and (firsts[0] != 1 or firsts[-1] > len(offsets))):
        raise NotChecked(_BROKEN)
    return Tables(offsets, runs, sizes, same, count)


def _rows(body: bytes, width: int) -> list[tuple[int, ...]]:
    count = _count(body, 4 * width)
    return list(struct.iter_unpack(f">{width}I", body[8 : 8 + 4 * width * count]))


def _count(body: bytes, size: int) -> int:
    count = int.from_bytes(body[4:8], "big")
    if len(body) < 8 or count * size > len(body) - 8:
        raise NotChecked(_BROKEN)
    return count


def _offsets(stbl: Box) -> list[int]:
    wide = stbl.find(b"co64")
    if wide is not None:
        body = wide.body
        return list(struct.unpack_from(f">{_count(body, 8)}Q", body, 8))
    body = stbl.child(b"stco").body
    return list(struct.unpack_from(f">{_count(body, 4)}I", body, 8))


def _sizes(stbl: Box) -> tuple[array[int], int, int]:
    small = stbl.find(b"stz2")
    if small is not None:
        body = small.body
        width, count = body[7], int.from_bytes(body[8:12], "big")
        if width not in (4, 8, 16) or 12 + (count * width + 7) // 8 > len(body):
            raise NotChecked(_BROKEN)
        if width == 16:
            return array("L", struct.unpack_from(f">{count}H", body, 12)), 0, count
        if width == 8:
            return array("L", body[12 : 12 + count]), 0, count
        halves = [half for byte in body[12:] for half in (byte >> 4, byte & 15)]
        return array("L", halves[:count]), 0, count
    body = stbl.child(b"stsz").body
    if len(body) < 12:
        raise NotChecked(_BROKEN)
    same, count = struct.unpack_from(">II", body, 4)
    if same:
        return array("L"), same, count
    if count * 4 > min(len(body) - 12, TABLE_LIMIT):
        raise NotChecked(_BROKEN)
    return array("L", struct.unpack_from(f">{count}I", body, 12)), 0, count


def write_tables(stbl: Box, tables: Tables, offsets: list[int], sizes: list[int] | None) -> bytes:
    """The tables of a copy. ``sizes``: of all samples, None where they are what they were."""
    out = [_copied(stbl, kind, size) for kind, size in _COPIED]
    out.append(_stsc(tables, len(offsets)))
    if sizes is not None or tables.sizes:
        every = sizes if sizes is not None else list(tables.sizes)
        out.append(
            box(
                b"stsz",
                bytes(8),
                struct.pack(">I", len(every)),
                struct.pack(f">{len(every)}I", *every),
            )
        )
    else:
        out.append(box(b"stsz", bytes(4), struct.pack(">II", tables.same, tables.count)))
    code, kind = (">%dQ", b"co64") if offsets and offsets[-1] > 0xFFFF_FFFF else (">%dI", b"stco")
    out.append(
        box(
            kind,
            bytes(4),
            struct.pack(">I", len(offsets)),
            struct.pack(code % len(offsets), *offsets),
        )
    )
    out.append(_copied_groups(stbl, tables.count))
    return b"".join(out)


def _stsc(tables: Tables, chunks: int) -> bytes:
    runs = [run for run in tables.runs if run[0] <= chunks]
    rows = b"".join(struct.pack(">III", *run) for run in runs)
    return box(b"stsc", bytes(4), struct.pack(">I", len(runs)), rows)


_COPIED = ((b"stts", 8), (b"ctts", 8), (b"stss", 4), (b"stps", 4))


def _copied(stbl: Box, kind: bytes, size: int) -> bytes:
    found = stbl.find(kind)
    if found is None:
        return b""
    body = found.body
    count = _count(body, size)
    return box(kind, bytes([body[0] & 1, 0, 0, 0]), body[4 : 8 + size * count])


def _copied_groups(stbl: Box, count: int) -> bytes:
    """How samples depend on each other, and where the picture shift of ``ctts`` begins."""
    out = b""
    found = stbl.find(b"cslg")
    if found is not None and found.end - found.start == 24:
        out += box(b"cslg", bytes(4), found.body[4:])
    found = stbl.find(b"sdtp")
    if found is not None and found.end - found.start == 4 + count:
        out += box(b"sdtp", bytes(4), found.body[4:])
    for each in stbl.children():
        if each.kind in (b"sgpd", b"sbgp") and each.body[4:8] in _GROUPS:
            out += _group(each)
    return out


_GROUPS = (b"roll", b"prol", b"rap ", b"sync")


def _group(group: Box) -> bytes:
    """A table of sample groups, cut to what its counts say."""
    body, version = group.body, group.body[0]
    if group.kind == b"sgpd":
        if version != 1 or len(body) < 16:
            return b""
        size = 16 + int.from_bytes(body[8:12], "big") * int.from_bytes(body[12:16], "big")
    else:
        at = 12 if version == 1 else 8
        size = at + 4 + 8 * int.from_bytes(body[at : at + 4], "big")
    return box(group.kind, body[:1], bytes(3), body[4:size]) if size <= len(body) else b""
