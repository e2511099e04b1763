"""JPEG (ITU-T T.81): the frame, its tables and scans; all application segments are written anew.

Behind the end of the picture phones put further pictures (MPF), videos (Motion Photo) and notes
of their own (Samsung): nothing of that is copied.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from evidence_vault.capture.strip.bench import Bench
from evidence_vault.capture.strip.icc import neutral_profile, profile_texts
from evidence_vault.capture.strip.jpeglook import look
from evidence_vault.capture.strip.model import Kept, NotChecked, Scan, Secret, View, Work
from evidence_vault.capture.strip.pictures import (
    COLOURS,
    Decoder,
    PictureFormat,
    counted,
    exif_facts,
    fresh_exif,
    own_tool,
    ratio,
    read,
)

SOI, EOI, SOS, COM = 0xD8, 0xD9, 0xDA, 0xFE
_SOF = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC9, 0xCA, 0xCB})
_TABLES = frozenset({0xC4, 0xCC, 0xDB, 0xDC, 0xDD})
_NEXT = re.compile(rb"\xff+[^\x00\xd0-\xd7\xff]")
_ICC_PART = 65519
_EXIF = b"Exif\0\0"
_ICC = b"ICC_PROFILE\0"
_GAIN_MAPS = (b"hdrgm", b"urn:iso:std:iso:ts:21496", b"HDRGainMap")
_MAX_SEGMENTS = 20_000

#: First bytes of an application segment → what it is.
_KNOWN = {
    b"JFIF\0": "JFIF header",
    b"JFXX\0": "preview (JFXX)",
    b"Exif\0": "EXIF",
    b"http://ns.adobe.com/xap": "XMP",
    b"http://ns.adobe.com/xmp/ext": "extended XMP",
    b"MPF\0": "index of further pictures (MPF)",
    b"Photoshop 3.0": "Photoshop resources",
    b"JP": "JUMBF boxes (content credentials)",
    b"Adobe": "Adobe header",
    b"Ducky": "Ducky header",
    b"FPXR": "FlashPix",
    _ICC: "colour profile",
}


@dataclass(frozen=True, slots=True)
class Segment:
    """A marker segment: ``payload`` without its length, ``scan`` the coded data behind SOS."""

    marker: int
    payload: bytes
    scan: bytes = b""


def segments_of(data: bytes) -> tuple[list[Segment], int, bool]:
    """(segments between SOI and EOI, offset behind EOI, whether stray bytes lay between them).

    Raises NotChecked if the data ends before EOI.
    """
    if data[:2] != b"\xff\xd8":
        raise NotChecked("the picture does not begin as a JPEG does")
    found: list[Segment] = []
    stray, at = False, 2
    while True:
        match = _NEXT.search(data, at)
        if match is None or len(found) > _MAX_SEGMENTS:
            raise NotChecked("the picture has no end")
        if match.start() != at and any(each.marker == SOS for each in found):
            raise NotChecked("the coded data are damaged")
        stray = stray or match.start() != at
        marker, at = data[match.end() - 1], match.end()
        if marker == EOI:
            return found, at, stray
        if marker in (SOI, 1) or marker < 0xC0:
            raise NotChecked("a marker stands where none may be")
        payload = _payload(data, at)
        at += 2 + len(payload)
        scan = b""
        if marker == SOS:
            end = _NEXT.search(data, at)
            if end is None:
                raise NotChecked("the picture has no end")
            scan = data[at : end.start()]
            at = end.start()
        found.append(Segment(marker, payload, scan))


def _payload(data: bytes, at: int) -> bytes:
    if at + 2 > len(data):
        raise NotChecked("a segment is cut off")
    (size,) = struct.unpack_from(">H", data, at)
    if size < 2 or at + size > len(data):
        raise NotChecked("a segment is longer than the file")
    return data[at + 2 : at + size]


def coded(segments: list[Segment]) -> bytes:
    """Tables, frame and scans, each segment exactly as long as it must be.

    Tables that nothing in the picture is decoded with are left out, unless there is no picture:
    a TIFF file keeps the tables of its tiles apart from them.
    """
    used = _used_tables(segments)
    apart = not any(each.marker in _SOF for each in segments)
    parts = []
    for each in segments:
        if each.marker in (0xC4, 0xDB) and not apart:
            payload = _only(each, used)
            parts.append(written(each.marker, payload) if payload else b"")
        elif each.marker in _SOF or each.marker in _TABLES or each.marker == SOS:
            parts.append(written(each.marker, _exact(each)) + each.scan)
    return b"".join(parts)


def _used_tables(segments: list[Segment]) -> set[tuple[int, int]]:
    """(marker, identifier) of tables that a frame or scan names (T.81, B.2.2, B.2.3)."""
    used = set()
    for each in segments:
        if each.marker in _SOF:
            used |= {(0xDB, number) for number in _exact(each)[8::3]}
        elif each.marker == SOS:
            payload = _exact(each)
            for pair in payload[2 : 1 + 2 * payload[0] : 2]:
                used |= {(0xC4, pair >> 4), (0xC4, 0x10 | pair & 15)}
    return used


def _only(segment: Segment, used: set[tuple[int, int]]) -> bytes:
    """A segment of tables without those that are not in ``used``."""
    payload, kept, at = _exact(segment), b"", 0
    while at < len(payload):
        size = _table_size(payload, at, segment.marker == 0xDB)
        number = payload[at] & 15 if segment.marker == 0xDB else payload[at]
        if (segment.marker, number) in used:
            kept += payload[at : at + size]
        at += size
    return kept


def abbreviated(data: bytes) -> bytes:
    """A JPEG inside another format, or only its tables: nothing but what decoding needs."""
    segments, _, _ = segments_of(data)
    adobe = [s for s in segments if s.marker == 0xEE and s.payload[:5] == b"Adobe"][:1]
    head = b"".join(written(0xEE, _fresh_adobe(each.payload)) for each in adobe)
    return b"\xff\xd8" + head + coded(segments) + b"\xff\xd9"


def _fresh_adobe(payload: bytes) -> bytes:
    if len(payload) < 12:
        raise NotChecked("a segment is cut off")
    return b"Adobe\0\x64" + bytes(4) + payload[11:12]


def written(marker: int, payload: bytes) -> bytes:
    """A segment's bytes."""
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


def _exact(segment: Segment) -> bytes:
    """The part of a payload that its own counts account for (T.81, B.2)."""
    payload, marker = segment.payload, segment.marker
    if marker in _SOF:
        size = 6 + 3 * payload[5] if len(payload) > 5 else 6
    elif marker == SOS:
        size = 4 + 2 * payload[0] if payload else 4
    elif marker in (0xDC, 0xDD):
        size = 2
    elif marker == 0xCC:
        size = len(payload) // 2 * 2
    else:
        size = _tables_size(payload, marker == 0xDB)
    if size > len(payload):
        raise NotChecked("a table is cut off")
    return payload[:size]


def _tables_size(payload: bytes, quantisation: bool) -> int:
    at = 0
    while at < len(payload):
        size = _table_size(payload, at, quantisation)
        if at + size > len(payload) or payload[at] & 15 > 3:
            break
        at += size
    return at


def _table_size(payload: bytes, at: int, quantisation: bool) -> int:
    if quantisation:
        return 129 if payload[at] >> 4 else 65
    return 17 + sum(payload[at + 1 : at + 17])


def profile_of(segments: list[Segment]) -> bytes:
    """The colour profile, put together from its parts; empty if there is none."""
    parts = sorted(
        (each.payload[12], each.payload[14:])
        for each in segments
        if each.marker == 0xE2 and each.payload.startswith(_ICC) and len(each.payload) > 14
    )
    return b"".join(part for _, part in parts)


def rewritten(data: bytes) -> tuple[bytes, list[str], list[Secret]]:
    """(clean picture, names of parts that are gone, what they held)."""
    segments, end, stray = segments_of(data)
    if not any(each.marker in _SOF for each in segments):
        raise NotChecked("the picture is coded in a way that is not understood")
    head = _header(segments)
    clean = b"\xff\xd8" + head + coded(segments) + b"\xff\xd9"
    gone: list[str] = ["bytes between segments"] if stray else []
    secrets: list[Secret] = []
    for each in segments:
        if _is_private(each) and written(each.marker, each.payload) not in head:
            gone.append(_name(each))
            secrets += [Secret(f"JPEG:{_name(each)}", part) for part in _apart(each.payload)]
    for name, value in profile_texts(profile_of(segments)) if b"ICC_PROF" in head else ():
        secrets.append(Secret(f"JPEG:{name}", value))
    trailer = data[end:]
    if trailer:
        gone.append(f"{_trailer_name(trailer)}, {len(trailer)} bytes")
        secrets.append(Secret("JPEG:trailer", trailer))
    if any(sign in data for sign in _GAIN_MAPS):
        gone.append("HDR gain map: on an HDR screen the copy looks as on any other screen")
    return clean, gone, secrets


def _apart(payload: bytes) -> list[bytes]:
    """What stands before a preview, and the preview: its tables may be the picture's own."""
    at = payload.find(b"\xff\xd8\xff")
    return [payload] if at <= 0 else [payload[:at], payload[at:]]


def _header(segments: list[Segment]) -> bytes:
    """The application segments of the copy, made anew."""
    made = b""
    jfif = next((s.payload for s in segments if s.marker == 0xE0 and _is_jfif(s.payload)), None)
    if jfif is not None:
        x, y = ratio(*struct.unpack_from(">HH", jfif, 8))
        made += written(0xE0, b"JFIF\0\1\1\0" + struct.pack(">HHBB", x, y, 0, 0))
    profile = neutral_profile(profile_of(segments))
    exif = next((s.payload for s in segments if s.marker == 0xE1 and s.payload[:4] == b"Exif"), b"")
    orientation, adobe_rgb = exif_facts(exif[6:])
    block = fresh_exif(orientation, adobe_rgb and profile is None)
    if block:
        made += written(0xE1, _EXIF + block)
    if profile:
        parts = [profile[i : i + _ICC_PART] for i in range(0, len(profile), _ICC_PART)]
        for number, part in enumerate(parts, 1):
            made += written(0xE2, _ICC + bytes([number, len(parts)]) + part)
    adobe = next(
        (s.payload for s in segments if s.marker == 0xEE and s.payload[:5] == b"Adobe"), b""
    )
    if len(adobe) >= 12:
        made += written(0xEE, _fresh_adobe(adobe))
    return made


def _is_jfif(payload: bytes) -> bool:
    return payload[:5] == b"JFIF\0" and len(payload) >= 14


def _is_private(segment: Segment) -> bool:
    needed = segment.marker in _SOF or segment.marker in _TABLES or segment.marker == SOS
    rebuilt = segment.payload.startswith((_ICC, b"Adobe")) or _is_jfif(segment.payload)
    return not needed and not (rebuilt and segment.marker in (0xE0, 0xE2, 0xEE))


def _name(segment: Segment) -> str:
    if segment.marker == COM:
        return "comment"
    for start in sorted(_KNOWN, key=len, reverse=True):
        if segment.payload.startswith(start):
            return _KNOWN[start]
    if 0xE0 <= segment.marker <= 0xEF:
        return f"application segment APP{segment.marker - 0xE0}"
    return "segment that decoding does not need"


def same_previews(data: bytes) -> Iterator[bytes]:
    """Previews in a picture's segments that are coded exactly as the picture itself.

    What they hold stays to be seen in the picture, so that it is no residue there.
    """
    segments = segments_of(data)[0]
    scans = [each.scan for each in segments if each.scan]
    for each in segments:
        at = each.payload.find(b"\xff\xd8\xff") if _is_private(each) else -1
        if at < 0:
            continue
        try:
            inner, end, _ = segments_of(each.payload[at:])
        except NotChecked:
            continue
        if [one.scan for one in inner if one.scan] == scans:
            yield each.payload[at : at + end]
            yield each.payload[at:]


def _trailer_name(trailer: bytes) -> str:
    kinds = []
    if b"\xff\xd8\xff" in trailer:
        kinds.append("further pictures")
    if b"ftyp" in trailer[: 1024 * 1024] or b"MotionPhoto" in trailer:
        kinds.append("a video (motion photo)")
    if trailer.rstrip(b"\0")[-4:] == b"SEFT":
        kinds.append("a Samsung trailer")
    return f"data behind the picture ({' and '.join(kinds) or 'of no known kind'})"


class Jpeg(PictureFormat):
    """JPEG files; of files with several pictures the first, which is the one that viewers show."""

    name = "JPEG"
    decoder = Decoder("JPEG", every=False)
    tags = frozenset(
        [
            "JFIF:JFIFVersion",
            "JFIF:ResolutionUnit",
            "JFIF:XResolution",
            "JFIF:YResolution",
            "APP14:APP14Flags0",
            "APP14:DCTEncodeVersion",
            "APP14:APP14Flags1",
            "APP14:ColorTransform",
            "File:ExifByteOrder",
        ]
    )

    def strip(self, source: Path, target: Path, bench: Bench) -> Work:
        data = read(source)
        clean, gone, secrets = rewritten(data)
        target.write_bytes(clean)
        kept = [
            Kept("tables of coding", "decoding needs them; they can hint at the program that coded")
        ]
        if b"ICC_PROFILE\0" in clean[: 1024 * 1024]:
            kept.append(Kept("colour profile", COLOURS))
        return Work(
            structures=counted(gone),
            secrets=tuple(secrets),
            kept=tuple(kept),
            tools=(own_tool(),),
            ordinary=frozenset(same_previews(data)),
        )

    def scan(self, target: Path, bench: Bench) -> Scan:
        return look(target, self.decoder)

    def views(self, path: Path, bench: Bench) -> Iterator[View]:
        profile = profile_of(segments_of(read(path))[0])
        if profile:
            yield View("colour profile", profile)
