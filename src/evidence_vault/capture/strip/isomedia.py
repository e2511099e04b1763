"""MP4, MOV, M4A, M4V, 3GP: written again from the samples of picture and sound.

ISO/IEC 14496-12, QuickTime File Format. The copy holds ``ftyp``, the sound and picture samples in
their old order with nothing between them, and a ``moov`` of fields that playing needs. No other
byte is taken over: user data, keys, GPS, telemetry and text tracks, time codes, chapters, names of
handlers and encoders, free space, private boxes, bytes behind the end have no way into it.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, ClassVar

from evidence_vault.capture.strip.bench import Bench
from evidence_vault.capture.strip.boxes import Box, box, boxes, unpacked_movie
from evidence_vault.capture.strip.isodescription import (
    WRITTEN,
    clean_description,
    entries,
    length_size,
    packets_of,
)
from evidence_vault.capture.strip.isosamples import Clean, cleaner
from evidence_vault.capture.strip.isotables import Tables, read_tables, write_tables
from evidence_vault.capture.strip.media import (
    FORMS_ONLY,
    OWN_WALK,
    Media,
    mediainfo_scan,
    opened,
    told,
)
from evidence_vault.capture.strip.model import Kept, NotChecked, Scan, Work

_BRANDS = re.compile(
    rb"(iso[m2-9]|mp4[12]|avc1|qt  |M4[ABV] |f4v |F4[AV] |3g[2pers][0-9a-z]|dash|hvc1|av01|mmp4)"
)
_TRACKS = {
    b"meta": "track of timed metadata",
    b"mdta": "track of timed metadata",
    b"camm": "track of camera motion",
    b"gpmd": "track of timed metadata",
    b"tmcd": "track of time codes",
    b"text": "track of text",
    b"sbtl": "track of subtitles",
    b"subt": "track of subtitles",
    b"subp": "track of subtitles",
    b"clcp": "track of captions",
    b"hint": "track of hints for streaming",
}
_TOP = {
    b"udta": "user data",
    b"meta": "metadata box",
    b"free": "free space",
    b"skip": "free space",
    b"wide": "free space",
    b"uuid": "private box",
    b"jumb": "content credentials",
    b"pnot": "preview",
    b"PICT": "preview",
    b"iods": "object descriptor",
    b"tref": "references between tracks",
    b"\0tai": "bytes behind the end",
    b"\0tor": "box that runs past the end",
}
_STAYS = {b"ftyp", b"moov", b"mdat", b"mvhd", b"trak", b"tkhd", b"mdia", b"edts", b"tapt"}
_STAYS |= {b"cmov"}
_LANGUAGE = re.compile(rb"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}\0?\Z")
_PIECE = 1024 * 1024


class IsoMedia(Media):
    name = "MP4"
    demuxer = "mov"
    groups = ("QuickTime",)
    stays: ClassVar[dict[str, str]] = (
        dict.fromkeys(
            (
                *("MajorBrand", "MinorVersion", "CompatibleBrands", "MediaDataSize"),
                *("MediaDataOffset", "MovieHeaderVersion", "TrackHeaderVersion", "Balance"),
                *("MediaHeaderVersion", "TrackID", "NextTrackID", "TrackLayer", "HandlerType"),
                *("HandlerClass", "AudioFormat", "AudioChannels", "AudioBitsPerSample"),
                *("AudioSampleRate", "CompressorID", "SourceImageWidth", "SourceImageHeight"),
                *("ImageWidth", "ImageHeight", "XResolution", "YResolution", "BitDepth"),
                *("GraphicsMode", "OpColor", "PurchaseFileFormat", "BufferSize", "MaxBitrate"),
                *("AverageBitrate", "TrackVolume", "PreferredVolume", "HandlerVendorID"),
                *("VendorID", "AudioVendorID", "CleanApertureDimensions", "BitrateInfo"),
                *("ProductionApertureDimensions", "EncodedPixelsDimensions", "Movie"),
                *("CleanAperture", "ChunkOffset", "SampleSizes", "SampleToChunk", "MediaData"),
                *("AVCConfiguration", "HEVCConfiguration", "VideoFieldOrder", "LayoutFlags"),
                *("IdependentAndDisposableSamples"),
                *(
                    "EncoderVendor",
                    "EncoderVersion",
                ),
            ),
            FORMS_ONLY,
        )
        | dict.fromkeys(
            (
                *("TimeScale", "Duration", "PreferredRate", "TrackDuration", "MediaTimeScale"),
                *("MediaDuration", "VideoFrameRate", "TimeToSampleTable", "EditListTable"),
                *(
                    "CompositionTimeToSample",
                    "IdependentAndDisposableSamples",
                    "SampleToGroup",
                    "SampleGroupDescription",
                ),
                *("PreviewTime", "PreviewDuration", "PosterTime", "SelectionTime"),
                *("SelectionDuration", "CurrentTime", "SyncSampleTable"),
            ),
            "when what is seen and heard",
        )
        | dict.fromkeys(("MatrixStructure", "Rotation"), "which side is up")
        | dict.fromkeys(("PixelAspectRatio",), "shape of the picture")
        | dict.fromkeys(
            (
                *("ColorRepresentation", "ColorProfiles", "ColorPrimaries", "GammaLevel", "Gamma"),
                *("TransferCharacteristics", "MatrixCoefficients", "VideoFullRangeFlag"),
            ),
            "colours of the picture",
        )
        | dict.fromkeys(("MediaLanguageCode",), "which language is spoken")
        | dict.fromkeys(
            (
                *("CreateDate", "ModifyDate", "TrackCreateDate", "TrackModifyDate"),
                *("MediaCreateDate", "MediaModifyDate"),
            ),
            "the format has the field; it is zero",
        )
    )

    def strip(self, source: Path, target: Path, bench: Bench) -> Work:
        with opened(source) as data, target.open("xb") as out:
            top = list(boxes(data, 0, len(data)))
            packed = [each for each in top if each.kind == b"moov"]
            if any(each.kind in (b"moof", b"styp") for each in top):
                raise NotChecked("it is in fragments, which are not understood yet")
            if len(packed) != 1:
                raise NotChecked("there is not one description of the movie in it")
            moov = unpacked_movie(packed[0])
            if moov.find(b"mvex") is not None:
                raise NotChecked("it is in fragments, which are not understood yet")
            tracks, dropped = _tracks(moov)
            if not tracks:
                raise NotChecked("there is neither picture nor sound in it")
            kept_bytes = sum(sum(sizes) for track in tracks for _, sizes in track.tables.chunks())
            if kept_bytes > len(data):
                raise NotChecked("its tables name more bytes than there are")
            out.write(_file_type(top))
            changed = _write_samples(out, data, tracks)
            out.write(_movie(moov, tracks))
            gone = [*_gone(top), *_gone(moov.children()), *dropped]
            gone += [name for track in moov.children() for name in _gone_in(track)]
            if any(_is_dated(track.trak) for track in tracks):
                gone.append("dates of making and changing")
            if changed:
                gone.append("units between coded pictures that decoding does not need")
        kept = tuple(_KEPT)
        return Work(told(gone), kept=kept, tools=(OWN_WALK,))

    def scan(self, target: Path, bench: Bench) -> Scan:
        found = mediainfo_scan(target)
        return Scan(found.parser, (*found.residues, *self._changes_again(target, bench)))

    def may_stay(self, tag: str) -> str | None:
        if tag.startswith("QuickTime:ItemList") or ":Keys:" in tag or ":UserData:" in tag:
            return None
        kind = tag.rpartition(":Unknown_")[2].encode()
        return FORMS_ONLY if kind in WRITTEN else super().may_stay(tag)


_KEPT = (
    Kept("edit lists", "where picture and sound begin, so that they stay together"),
    Kept("tables of samples", "where each sample lies and when it is shown"),
    Kept("display matrix", "which side is up"),
)


@dataclass(slots=True)
class _Track:
    trak: Box
    handler: bytes
    stbl: Box
    descriptions: list[bytes]
    tables: Tables
    clean: list[Clean]
    rewrites: bool
    offsets: list[int]
    sizes: list[int]


def _tracks(moov: Box) -> tuple[list[_Track], list[str]]:
    """(tracks of picture and sound, what the others are)."""
    tracks, dropped = [], []
    for trak in (each for each in moov.children() if each.kind == b"trak"):
        handler = trak.child(b"mdia", b"hdlr").body[8:12]
        if handler in (b"vide", b"soun"):
            tracks.append(_track(trak, handler))
        else:
            dropped.append(_TRACKS.get(handler, "track of another kind"))
    return tracks, dropped


def _track(trak: Box, handler: bytes) -> _Track:
    stbl = trak.child(b"mdia", b"minf", b"stbl")
    _refuse_other_files(trak)
    described = entries(stbl.child(b"stsd"))
    if not described:
        raise NotChecked("a description of samples is missing")
    tables = read_tables(stbl)
    if handler == b"soun":
        steps = _steps(stbl)
        if len(described) == 1:
            tables.packet = packets_of(described[0], tables, steps)
    cleaners = [cleaner(each.kind, length_size(each)) for each in described]
    plain = cleaner(b"raw ")
    return _Track(
        trak,
        handler,
        stbl,
        [clean_description(each, handler) for each in described],
        tables,
        cleaners,
        any(each is not plain for each in cleaners),
        [],
        [],
    )


def _steps(stbl: Box) -> list[tuple[int, int]]:
    body = stbl.child(b"stts").body
    return [
        (n, step) for n, step in struct.iter_unpack(">II", body[8 : 8 + (len(body) - 8) // 8 * 8])
    ]


def _refuse_other_files(trak: Box) -> None:
    """Samples must lie in this file (§8.7.2): nothing else is ever opened."""
    found = trak.find(b"mdia", b"minf", b"dinf", b"dref")
    for reference in boxes(found.data, found.start + 8, found.end) if found else ():
        if reference.body[3:4] != b"\1":
            raise NotChecked("its picture or sound lies in another file")


# -- samples -------------------------------------------------------------------------------------


def _chunks(track: _Track) -> Iterator[tuple[int, list[int], Clean]]:
    described = [
        description
        for (first, _, description), following in zip(
            track.tables.runs,
            [run[0] for run in track.tables.runs[1:]] + [len(track.tables.offsets) + 1],
            strict=True,
        )
        for _ in range(first, following)
    ]
    for (at, sizes), number in zip(track.tables.chunks(), described, strict=False):
        if not 1 <= number <= len(track.clean):
            raise NotChecked("a sample has no description")
        yield at, sizes, track.clean[number - 1]


def _write_samples(out: BinaryIO, data: bytes, tracks: list[_Track]) -> bool:
    """Write ``mdat``: all chunks in their old order. Whether cleaning changed a sample."""
    everything = [
        (at, number, place, sizes, clean)
        for number, track in enumerate(tracks)
        for place, (at, sizes, clean) in enumerate(_chunks(track))
    ]
    everything.sort(key=lambda each: each[:3])
    for track in tracks:
        track.offsets = [0] * sum(1 for _ in track.tables.chunks())
    by_place: dict[tuple[int, int], list[int]] = {}
    start = out.tell()
    out.write(b"\0\0\0\1mdat" + bytes(8))
    changed = False
    for at, number, place, sizes, clean in everything:
        track = tracks[number]
        track.offsets[place] = out.tell()
        if at + sum(sizes) > len(data):
            raise NotChecked("its samples run past the end of the file")
        written = by_place[number, place] = []
        for size in sizes:
            changed |= _write_sample(
                out, data, at, size, clean if track.rewrites else None, written
            )
            at += size
    end = out.tell()
    out.seek(start + 8)
    out.write((end - start).to_bytes(8, "big"))
    out.seek(end)
    for number, track in enumerate(tracks):
        if track.rewrites and track.tables.packet is None:
            for place in range(len(track.offsets)):
                track.sizes += by_place[number, place]
    return changed


def _write_sample(
    out: BinaryIO, data: bytes, at: int, size: int, clean: Clean | None, written: list[int]
) -> bool:
    if clean is None:
        for start in range(at, at + size, _PIECE):
            out.write(data[start : min(start + _PIECE, at + size)])
        return False
    before = data[at : at + size]
    after = clean(before)
    out.write(after)
    written.append(len(after))
    return before != after


# -- the description -----------------------------------------------------------------------------


def _file_type(top: list[Box]) -> bytes:
    """``ftyp`` with brands of the standards alone; cameras have their own."""
    found = next((each.body for each in top if each.kind == b"ftyp"), b"qt  \0\0\0\0qt  ")
    brands = [found[at : at + 4] for at in (0, *range(8, len(found) - 3, 4))]
    known = [brand for brand in dict.fromkeys(brands) if _BRANDS.match(brand)]
    major = brands[0] if brands[0] in known else b"isom"
    return box(b"ftyp", major, bytes(4), *dict.fromkeys([major, *known]))


def _movie(moov: Box, tracks: list[_Track]) -> bytes:
    head = moov.child(b"mvhd").body
    wide = head[:1] == b"\1"
    if len(head) < (112 if wide else 100):
        raise NotChecked("the description of the movie is too short")
    times = 20 if wide else 12  # version and both dates; then the time scale
    fixed = times + (12 if wide else 8)  # behind the duration
    parts = head[:1] + bytes(times - 1) + head[times:fixed] + head[fixed : fixed + 6] + bytes(10)
    parts += head[fixed + 16 : fixed + 52] + bytes(24)
    following = max(_track_number(track) for track in tracks) + 1
    header = box(b"mvhd", parts, (following & 0xFFFF_FFFF).to_bytes(4, "big"))
    return box(b"moov", header, *map(_trak, tracks))


def _track_number(track: _Track) -> int:
    head = track.trak.child(b"tkhd").body
    at = 20 if head[:1] == b"\1" else 12
    return int.from_bytes(head[at : at + 4], "big")


def _trak(track: _Track) -> bytes:
    head = track.trak.child(b"tkhd").body
    wide = head[:1] == b"\1"
    at = 20 if wide else 12
    end = at + (16 if wide else 12)  # number, reserved, duration
    if len(head) < end + 60:
        raise NotChecked("the description of a track is too short")
    parts = head[:4] + bytes(at - 4) + head[at : at + 4] + bytes(4) + head[at + 8 : end]
    parts += bytes(8) + head[end + 8 : end + 14] + bytes(2) + head[end + 16 : end + 60]
    mdia = track.trak.child(b"mdia")
    return box(
        b"trak",
        box(b"tkhd", parts),
        _aperture(track.trak),
        _edits(track.trak),
        box(b"mdia", _media_head(mdia), _language(mdia), _handler(mdia, track), _minf(mdia, track)),
    )


def _aperture(trak: Box) -> bytes:
    found = trak.find(b"tapt")
    if found is None:
        return b""
    inner = [
        box(each.kind, each.body)
        for each in found.children()
        if each.kind in (b"clef", b"prof", b"enof") and each.end - each.start == 12
    ]
    return box(b"tapt", *inner)


def _edits(trak: Box) -> bytes:
    found = trak.find(b"edts", b"elst")
    if found is None:
        return b""
    body = found.body
    count = int.from_bytes(body[4:8], "big")
    size = count * (20 if body[:1] == b"\1" else 12)
    if size > len(body) - 8:
        raise NotChecked("an edit list does not hold together")
    return box(b"edts", box(b"elst", body[:1] + bytes(3) + body[4 : 8 + size]))


def _media_head(mdia: Box) -> bytes:
    head = mdia.child(b"mdhd").body
    at = 20 if head[:1] == b"\1" else 12
    end = at + (12 if head[:1] == b"\1" else 8)
    if len(head) < end + 2:
        raise NotChecked("the description of a track is too short")
    return box(b"mdhd", head[:1] + bytes(at - 1) + head[at : end + 2] + bytes(2))


def _language(mdia: Box) -> bytes:
    found = mdia.find(b"elng")
    if found is None or not _LANGUAGE.match(found.body[4:]):
        return b""
    return box(b"elng", bytes(4), found.body[4:])


def _handler(mdia: Box, track: _Track) -> bytes:
    component = b"mhlr" if mdia.child(b"hdlr").body[4:8] == b"mhlr" else bytes(4)
    return box(b"hdlr", bytes(4), component, track.handler, bytes(12), b"\0")


def _minf(mdia: Box, track: _Track) -> bytes:
    minf = mdia.child(b"minf")
    found = minf.find(b"vmhd" if track.handler == b"vide" else b"smhd")
    size = 12 if track.handler == b"vide" else 8
    body = found.body[:size] if found is not None else b""
    kind = b"vmhd" if track.handler == b"vide" else b"smhd"
    head = box(kind, body if len(body) == size else bytes([0, 0, 0, size == 12]) + bytes(size - 4))
    here = box(b"dref", bytes(4), (1).to_bytes(4, "big"), box(b"url ", b"\0\0\0\1"))
    sizes = track.sizes if track.rewrites and track.tables.packet is None else None
    described = (len(track.descriptions)).to_bytes(4, "big") + b"".join(track.descriptions)
    table = write_tables(track.stbl, track.tables, track.offsets, sizes)
    stbl = box(b"stbl", box(b"stsd", bytes(4), described), table)
    return box(b"minf", head, box(b"dinf", here), stbl)


# -- what goes -----------------------------------------------------------------------------------


def _gone(parts: list[Box]) -> list[str]:
    return [_TOP.get(each.kind, "box of another kind") for each in parts if each.kind not in _STAYS]


def _is_dated(trak: Box) -> bool:
    heads = (trak.child(b"tkhd").body, trak.child(b"mdia", b"mdhd").body)
    return any(any(head[4 : 20 if head[:1] == b"\1" else 12]) for head in heads)


def _gone_in(trak: Box) -> list[str]:
    return _gone(trak.children()) if trak.kind == b"trak" else []
