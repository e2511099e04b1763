"""What an original tells of people, places and devices, gathered from several readers.

ExifTool's tags, exifread's, ffprobe's and pypdf's, and the attributes of office packages that hold
names. Values that are no more than a technical word are left out, as are those too short to mean
anything when they are found.
"""

from __future__ import annotations

import base64
import io
import json
import logging
import re
import struct
import subprocess
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import exifread
import pypdf
from tests.strip.hunt.exiftool import PUBLIC_PROFILE, Tag, is_technical
from tests.strip.hunt.second import MEMBER

_SHORTEST = 6
_NUMBERS = re.compile(r"[-+0-9.,:;/ xdegminsNSEW'\"\n%]*\Z")
_DATE = re.compile(r"[0-9]{4}[:-][0-9]{2}[:-][0-9]{2}[ T][0-9]{2}:[0-9]{2}")
_BINARY = re.compile(r"\(Binary data|\(large array|0x[0-9a-f]+\Z")
_WORDS = frozenset({"Normal", *PUBLIC_PROFILE.values()})
_HEADER = re.compile(rb"^([A-Z][A-Za-z]*-[A-Za-z-]+|Received|Sender): *([^\r\n]+)", re.MULTILINE)
_SHOWN = re.compile(rb"Content-T|Mime-Version", re.IGNORECASE)
_DECIMAL = re.compile(r"[-+]?[0-9]{1,3}\.[0-9]{3,}")
_OFFICE = re.compile(
    rb"(?:author|initials|userId|lastModifiedBy|creator|w:rsid[A-Za-z]*|originalAuthor|name)"
    rb"=\"([^\"]{4,200})\""
)
_OFFICE_ELEMENTS = re.compile(
    rb"<(?:dc:creator|cp:lastModifiedBy|dc:title|dc:subject|cp:keywords|Company|Manager|Application|"
    rb"Template|meta:initial-creator|meta:printed-by|meta:generator|dc:description|HyperlinkBase)"
    rb"[^>]*>([^<]{4,300})<"
)


@dataclass
class Secrets:
    """``texts``: value → where it was told; ``positions``: (latitude, longitude) in degrees;
    ``raw``: bytes as they stand in the original → where."""

    texts: dict[str, str] = field(default_factory=dict)
    positions: set[tuple[float, float]] = field(default_factory=set)
    raw: dict[bytes, str] = field(default_factory=dict)

    def add(self, where: str, value: str) -> None:
        text = value.strip().strip("\0")
        if len(text) < _SHORTEST or len(set(text)) < 4 or _BINARY.match(text) or text in _WORDS:
            return
        if _NUMBERS.match(text) and not _DATE.search(text):
            digits = re.sub(r"[^0-9]", "", text).strip("0")
            if len(digits) < 7 or " " in text or "\n" in text:
                return
        self.texts.setdefault(text[:400], where)


def gather(path: Path, mime: str, tags: list[Tag]) -> Secrets:
    """All that the readers find in an original."""
    found = Secrets()
    pairs: dict[str, dict[str, float]] = {}
    for tag in tags:
        if is_technical(tag) or (tag.name == "ZipFileName" and MEMBER.fullmatch(tag.printed)):
            continue
        found.add(tag.name, tag.printed)
        found.add(tag.name, tag.stored)
        _position(found, pairs, tag)
    for both in pairs.values():
        if len(both) == 2:
            found.positions.add((both["lat"], both["lon"]))
    data = path.read_bytes()
    if mime.startswith("image/"):
        _by_exifread(found, data)
    elif mime.startswith(("audio/", "video/")):
        _by_ffprobe(found, path)
    elif mime == "application/pdf":
        _by_pypdf(found, path)
    elif mime == "message/rfc822":
        _in_headers(found, data)
    elif data[:2] == b"PK":
        _in_package(found, data)
    return found


def _position(found: Secrets, pairs: dict[str, dict[str, float]], tag: Tag) -> None:
    name = tag.name.lower()
    numbers = [float(each) for each in _DECIMAL.findall(tag.stored)]
    if "latitude" in name and numbers:
        pairs.setdefault(f"{tag.group}{name[:4]}", {})["lat"] = numbers[0]
    elif "longitude" in name and numbers:
        pairs.setdefault(f"{tag.group}{name[:4]}", {})["lon"] = numbers[0]
    elif re.search("gpsposition|coordinates|location", name) and len(numbers) >= 2:
        latitude, longitude = numbers[:2]
        if abs(latitude) <= 90 and abs(longitude) <= 180:
            found.positions.add((latitude, longitude))


def _by_exifread(found: Secrets, data: bytes) -> None:
    """Also the rationals of a position, as they stand in the original."""
    logging.getLogger("exifread").setLevel(logging.CRITICAL + 1)
    try:
        tags = exifread.process_file(io.BytesIO(data), details=True)
    except Exception:  # hostile input: the parser may raise anything; ExifTool looks, too
        return
    for name, tag in tags.items():
        value = getattr(tag, "printable", "")
        told = re.search(
            "Make|Model|Serial|Artist|Owner|Copyright|Software|Date|UserComment|Description|"
            "XP[A-Z]|Name|Host|Unique|Lens|Firmware",
            str(name),
        )
        if told and isinstance(value, str):
            found.add(f"exifread {name}", value)
        if re.search(r"GPSL(at|ong)itude$|GPSTimeStamp", str(name)):
            for order in "<>":
                packed = _packed(order, getattr(tag, "values", []))
                if packed in data and len(set(packed)) > 5:
                    found.raw[packed] = f"exifread {name}"


def _packed(order: str, ratios: Any) -> bytes:
    try:
        parts = [(each.num, each.den) for each in ratios]
        return b"".join(struct.pack(f"{order}II", *each) for each in parts)
    except (AttributeError, TypeError, struct.error):
        return b""


def _by_ffprobe(found: Secrets, path: Path) -> None:
    run = ["ffprobe", "-v", "quiet", "-of", "json", "-show_format", "-show_streams"]
    done = subprocess.run([*run, "-show_chapters", str(path)], capture_output=True, check=False)
    try:
        told = json.loads(done.stdout)
    except ValueError:
        return
    for part in [told.get("format", {}), *told.get("streams", []), *told.get("chapters", [])]:
        for name, value in part.get("tags", {}).items():
            if name not in ("language", "major_brand", "compatible_brands"):
                found.add(f"ffprobe {name}", str(value))


def _by_pypdf(found: Secrets, path: Path) -> None:
    logging.getLogger("pypdf").setLevel(logging.CRITICAL + 1)
    try:
        reader = pypdf.PdfReader(path)
        for name, value in (reader.metadata or {}).items():
            found.add(f"pypdf {name}", str(value))
        for name in reader.attachments:
            found.add("pypdf attachment", str(name))
        for part in reader.trailer.get("/ID", []):
            if isinstance(part, bytes) and len(part) >= 8:
                found.raw[part] = "pypdf /ID"
    except Exception:  # hostile input: the parser may raise anything; ExifTool looks, too
        return


def _in_headers(found: Secrets, data: bytes) -> None:
    """Headers that readers of mail don't show, of the message and of what is attached plainly."""
    for name, value in _HEADER.findall(data):
        if not _SHOWN.match(name):
            found.add(f"header {name.decode()}", value.decode("utf-8", "replace"))


def _in_package(found: Secrets, data: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            for name in package.namelist()[:500]:
                if name.endswith((".xml", ".rels")):
                    _in_part(found, name, package.read(name))
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError):
        return


def _in_part(found: Secrets, name: str, part: bytes) -> None:
    for pattern in (_OFFICE, _OFFICE_ELEMENTS):
        for match in pattern.finditer(part):
            whole = match.group()
            value = match.group(1).decode("utf-8", "replace")
            if whole.startswith((b"name=", b"w:rsid")) and not whole.startswith(b"w:rsid"):
                continue
            found.add(f"{name.rpartition('/')[2]} {whole[:12].decode('latin-1')}", value)


# -- forms ------------------------------------------------------------------------------------


def forms(found: Secrets) -> Iterator[tuple[str, str, bytes]]:
    """(where it was told, form, pattern) of everything to look for."""
    for text, where in found.texts.items():
        for form, pattern in of_text(text):
            yield where, form, pattern
    for raw, where in found.raw.items():
        yield where, "raw", raw
        yield from ((where, form, pattern) for form, pattern in wrapped(raw))
    for latitude, longitude in found.positions:
        for form, pattern in of_position(latitude, longitude):
            yield "position", form, pattern


def of_text(text: str) -> Iterator[tuple[str, bytes]]:
    """UTF-8, Latin-1, UTF-16 of both orders, hex and base64 of each."""
    for coding in ("utf-8", "latin-1", "utf-16-le", "utf-16-be"):
        try:
            data = text.encode(coding)
        except UnicodeEncodeError:
            continue
        yield coding, data
        yield from wrapped(data)


def wrapped(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Hex in both cases; base64 at three alignments, without the parts that neighbours share."""
    yield "hex", data.hex().encode()
    yield "hex", data.hex().upper().encode()
    for skip in range(3):
        part = data[skip : skip + (len(data) - skip) // 3 * 3]
        if len(part) >= 6:
            yield "base64", base64.b64encode(part)


def of_position(latitude: float, longitude: float) -> Iterator[tuple[str, bytes]]:
    """A place as formats write it: texts, rationals, floats, fixed points, scaled integers."""
    for value in (latitude, longitude):
        if abs(value) < 0.01:
            continue
        for text in _texts(abs(value)):
            if len(re.sub("[^0-9]", "", text)) >= 5:
                for form, pattern in of_text(text):
                    yield f"position as text, {form}", pattern
        for pattern in _exact(abs(value)):
            yield "rational", pattern
            yield from wrapped(pattern)
        for signed in {value, -value}:
            yield "double", struct.pack(">d", signed)[:7]
            yield "double", struct.pack("<d", signed)[1:]
    pairs = ((latitude, longitude), (longitude, latitude))
    for one, two in pairs:
        if abs(one) < 0.01 or abs(two) < 0.01:
            continue
        for order in "<>":
            yield "float pair", struct.pack(f"{order}ff", one, two)
            for scale in (1e5, 1e6, 1e7, 65536.0, 3600e3):
                for rounded in (int, round):
                    numbers = (rounded(one * scale), rounded(two * scale))
                    if all(abs(each) < 1 << 31 for each in numbers):
                        yield "integer pair", struct.pack(f"{order}ii", *numbers)


def _texts(value: float) -> set[str]:
    degrees = int(value)
    minutes = (value - degrees) * 60
    seconds = (minutes - int(minutes)) * 60
    found = {f"{value:.{places}f}" for places in (4, 5, 6)}
    found.add(f"{int(value * 10_000) / 10_000:.4f}")
    for gap in (" deg ", "°", "° ", "d", ","):
        found.add(f"{degrees}{gap}{int(minutes)}' {int(seconds)}")
        found.add(f"{degrees}{gap}{int(minutes)}'{int(seconds)}")
        found.add(f"{degrees}{gap}{minutes:.4f}")
    found.add(f"{degrees:02d}{minutes:07.4f}")
    found.add(f"{degrees:03d}{minutes:07.4f}")
    return found


def _exact(value: float) -> Iterator[bytes]:
    """Three rationals: whole degrees and minutes, seconds or minutes with a usual denominator."""
    degrees = int(value)
    minutes = (value - degrees) * 60
    seconds = (minutes - int(minutes)) * 60
    for order in "<>":
        for scale in (1, 10, 100, 1000, 10_000, 1_000_000):
            for rounded in (int, round):
                tail = (rounded(seconds * scale), scale)
                if tail[0] > 0:
                    numbers = (degrees, 1, int(minutes), 1, *tail)
                    yield struct.pack(f"{order}6I", *numbers)
                if scale > 1:
                    numbers = (degrees, 1, rounded(minutes * scale), scale, 0, 1)
                    yield struct.pack(f"{order}6I", *numbers)
