"""A second parser for each family, which asks what a copy still tells.

Pictures: exifread, and ffprobe's tags. Sound and video: ffprobe. PDF: the objects that qpdf
writes out as JSON. Packages: zipfile and a search for elements and attributes. SVG: the standard
library's XML. Mail: lines of headers. Plain text has no place for metadata.
"""

from __future__ import annotations

import io
import json
import logging
import re
import subprocess
import xml.etree.ElementTree as ElementTree
import zipfile
from pathlib import Path

import exifread

_EXIF = re.compile(
    r"Image Orientation|Image ExifOffset|EXIF ColorSpace|EXIF InteroperabilityOffset|"
    r"Interoperability InteroperabilityIndex"
)
_TIFF_CODING = re.compile(
    r"(Image|Thumbnail|IFD \d+) (ImageWidth|ImageLength|BitsPerSample|Compression|Photometric\w+|"
    r"FillOrder|Strip\w+|SamplesPerPixel|RowsPerStrip|PlanarConfiguration|Predictor|ExtraSamples|"
    r"SampleFormat|ColorMap|Tile\w+|JPEGTables|YCbCr\w+|ReferenceBlackWhite|T[46]Options|"
    r"InkSet|DotRange|SubfileType|SM\w+SampleValue|Orientation|WhitePoint|NumberOfInks|"
    r"PrimaryChromaticities|TransferFunction|Tag 0x8773|InterColorProfile)"
)
_MEDIA = re.compile(
    r"(major_brand|minor_version|compatible_brands|language|rotate|duration)\Z|"
    r"creation_time 1904|vendor_id \[0\]\[0\]\[0\]\[0\]"
)
_PDF_KEYS = frozenset(
    "/Info /Metadata /PieceInfo /LastModified /EmbeddedFiles /EmbeddedFile /AF /JavaScript /JS "
    "/OpenAction /AA /Launch /Author /Creator /Producer /CreationDate /ModDate /NM "
    "/Thumb /StructTreeRoot /SpiderInfo /XFA /Perms /DSS /Collection /Legal /Company "
    "/SourceModified /RichMedia /Keywords /TU /TM /FontFile_".split()
)
_PACKAGE = re.compile(
    rb"<(?:dc|cp|meta|dcterms):[a-z]|docProps|w:rsid|<w:(?:ins|del|comment)\b|w:author=|"
    rb"lastModifiedBy|userName=|xr:uid|<Application>|office:version-|"
    rb"<text:(?:author|sender|initial-creator|printed-by|creation|modification|editing)|"
    rb"office:annotation|tracked-changes|(?:file:///|[A-Za-z]:\\\\(?:Users|Documents))",
    re.IGNORECASE,
)
MEMBER = re.compile(
    r"mimetype|\[Content_Types\]\.xml|(content|styles|settings)\.xml|META-INF/manifest\.xml|"
    r"Object \d+(/(content|styles|settings)\.xml)?|Object\d+/.*\.xml|Pictures/[a-z]*-?\d+\.\w+|"
    r"(Pictures|media|Objects?)/\w+(\.\w+)?|(_rels|word|xl|ppt)/[\w/.-]*"
)
_HEADERS = re.compile(
    r"(from|to|cc|date|subject|mime-version|content-type|content-transfer-encoding|"
    r"content-disposition|content-id)\Z",
    re.IGNORECASE,
)


def look(path: Path, mime: str) -> tuple[str, list[str]]:
    """(name of the parser, what it still finds); the first is empty where none applies."""
    if mime.startswith("image/svg"):
        return "xml.etree", _svg(path)
    if mime.startswith("image/"):
        return "exifread, ffprobe", _exif(path, mime) + _ffprobe(path)
    if mime.startswith(("audio/", "video/")):
        return "ffprobe", _ffprobe(path)
    if mime == "application/pdf":
        return "qpdf --json", _pdf(path)
    if mime == "application/zip" or mime.startswith("application/vnd."):
        return "zipfile", _package(path, mime)
    if mime == "message/rfc822":
        return "lines of headers", _mail(path)
    return "", []


def _exif(path: Path, mime: str) -> list[str]:
    logging.getLogger("exifread").setLevel(logging.CRITICAL + 1)
    try:
        tags = exifread.process_file(io.BytesIO(path.read_bytes()), details=True)
    except (
        Exception
    ):  # hostile input: the parser may raise anything; ExifTool and the search look, too
        return []  # said of files without EXIF
    may = _EXIF.fullmatch
    if "tiff-big" in mime:
        return []  # exifread takes the eight-byte entries for four-byte ones
    tiff = "tiff" in mime
    return [
        f"exifread {name}"
        for name in map(str, tags)
        if not may(name) and not (tiff and _TIFF_CODING.match(name))
    ]


def _ffprobe(path: Path) -> list[str]:
    run = ["ffprobe", "-v", "quiet", "-of", "json", "-show_format", "-show_streams"]
    done = subprocess.run([*run, "-show_chapters", str(path)], capture_output=True, check=False)
    told = json.loads(done.stdout or b"{}")
    parts = [told.get("format", {}), *told.get("streams", []), *told.get("chapters", [])]
    found = {
        f"ffprobe {name}"
        for part in parts
        for name, value in part.get("tags", {}).items()
        if not (_MEDIA.match(name) or _MEDIA.match(f"{name} {value}")) and str(value).strip()
    }
    kinds = {each.get("codec_type") for each in told.get("streams", [])}
    return sorted(found | {f"ffprobe {kind} stream" for kind in kinds - {"video", "audio"}})


def _pdf(path: Path) -> list[str]:
    done = subprocess.run(
        ["qpdf", "--json", "--json-key=qpdf", str(path)], capture_output=True, check=False
    )
    try:
        told = json.loads(done.stdout)
    except ValueError:
        return ["qpdf can't read it"]
    found: set[str] = set()
    _keys(told.get("qpdf", {}), found)
    return sorted(f"qpdf {key}" for key in found & _PDF_KEYS)


def _keys(value: object, found: set[str]) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            found.add(key)
            _keys(inner, found)
    elif isinstance(value, list):
        for inner in value:
            _keys(inner, found)


def _package(path: Path, mime: str) -> list[str]:
    found = set()
    with zipfile.ZipFile(path) as package:
        if package.comment:
            found.add("zipfile comment")
        for each in package.infolist():
            found |= _entry(each)
            if mime == "application/zip":
                continue
            if not MEMBER.fullmatch(each.filename):
                found.add("zipfile name of a member")
            if each.filename.endswith((".xml", ".rels")):
                for match in _PACKAGE.finditer(package.read(each)):
                    found.add(f"zipfile {match.group().decode('latin-1')}")
    return sorted(found)


def _entry(each: zipfile.ZipInfo) -> set[str]:
    told = {
        "date": each.date_time != (1980, 1, 1, 0, 0, 0),
        "comment of a member": bool(each.comment),
        "extra field": bool(each.extra),
        "attributes": each.external_attr not in (0, 0o600 << 16, 0o644 << 16, 0x10),
    }
    return {f"zipfile {name}" for name, is_there in told.items() if is_there}


def _svg(path: Path) -> list[str]:
    allowed = ("{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}", "{http://www.w3.o")
    found = set()
    for element in ElementTree.fromstring(path.read_bytes()).iter():
        if not isinstance(element.tag, str) or not element.tag.startswith(allowed):
            found.add("xml.etree foreign element")
        elif element.tag.rpartition("}")[2] in ("metadata", "title", "desc", "script"):
            found.add(f"xml.etree {element.tag.rpartition('}')[2]}")
        for key, value in element.attrib.items():
            if (key.startswith("{") and not key.startswith(allowed)) or "file:" in value:
                found.add("xml.etree foreign attribute")
    return sorted(found)


def _mail(path: Path) -> list[str]:
    head = re.split(rb"\r?\n\r?\n", path.read_bytes(), maxsplit=1)[0]
    names = re.findall(rb"^([!-9;-~]+):", head, re.MULTILINE)
    return sorted(
        f"header {name}" for name in {each.decode() for each in names} if not _HEADERS.match(name)
    )
