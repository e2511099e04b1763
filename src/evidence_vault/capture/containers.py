"""The closer look: which of many formats a container holds."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable

from evidence_vault.capture.signatures import (
    ASF,
    EBML,
    FORM,
    ISOM,
    MP3,
    OGG,
    OLE,
    PHOTOSHOP,
    RIFF,
    TIFF,
    ZIP,
    Format,
    Kind,
)

_OOXML = "application/vnd.openxmlformats-officedocument."

_BRANDS: dict[bytes, Kind] = {
    b"heic": ("image/heic", "heic", "HEIC"),
    b"heix": ("image/heic", "heic", "HEIC"),
    b"heim": ("image/heic", "heic", "HEIC"),
    b"heis": ("image/heic", "heic", "HEIC"),
    b"hevc": ("image/heic-sequence", "heic", "HEIC sequence"),
    b"hevx": ("image/heic-sequence", "heic", "HEIC sequence"),
    b"mif1": ("image/heif", "heif", "HEIF"),
    b"msf1": ("image/heif-sequence", "heif", "HEIF sequence"),
    b"avif": ("image/avif", "avif", "AVIF"),
    b"avis": ("image/avif", "avif", "AVIF sequence"),
    b"qt  ": ("video/quicktime", "mov", "QuickTime"),
    b"crx ": ("image/x-canon-cr3", "cr3", "Canon CR3"),
    b"M4A ": ("audio/mp4", "m4a", "M4A"),
    b"M4B ": ("audio/mp4", "m4b", "M4B"),
    b"M4P ": ("audio/mp4", "m4p", "M4P"),
    b"F4A ": ("audio/mp4", "f4a", "F4A"),
    b"M4V ": ("video/x-m4v", "m4v", "M4V"),
    b"jp2 ": ("image/jp2", "jp2", "JPEG 2000"),
    b"aax ": ("audio/vnd.audible.aax", "aax", "Audible"),
}
_BRAND_STARTS: tuple[tuple[bytes, Kind], ...] = (
    (b"3g2", ("video/3gpp2", "3g2", "3GPP2")),
    (b"3gp", ("video/3gpp", "3gp", "3GP")),
    (b"3gr", ("video/3gpp", "3gp", "3GP")),
    (b"3gs", ("video/3gpp", "3gp", "3GP")),
)


def _isom(head: bytes, tail: bytes) -> Kind:
    brand = head[8:12]
    if brand in _BRANDS:
        return _BRANDS[brand]
    for start, kind in _BRAND_STARTS:
        if brand.startswith(start):
            return kind
    return ISOM


_RIFF_FORMS: dict[bytes, Kind] = {
    b"WAVE": ("audio/x-wav", "wav", "WAV"),
    b"AVI ": ("video/x-msvideo", "avi", "AVI"),
    b"AVIX": ("video/x-msvideo", "avi", "AVI"),
    b"WEBP": ("image/webp", "webp", "WebP"),
    b"RMID": ("audio/midi", "rmi", "MIDI in RIFF"),
    b"CDR ": ("application/vnd.corel-draw", "cdr", "CorelDRAW"),
}
_IFF_FORMS: dict[bytes, Kind] = {
    b"AIFF": ("audio/x-aiff", "aiff", "AIFF"),
    b"AIFC": ("audio/x-aiff", "aifc", "AIFF-C"),
    b"ILBM": ("image/x-ilbm", "iff", "IFF picture"),
}


def _riff(head: bytes, tail: bytes) -> Kind:
    return _RIFF_FORMS.get(head[8:12], RIFF)


def _iff(head: bytes, tail: bytes) -> Kind:
    return _IFF_FORMS.get(head[8:12], FORM)


def _tiff(head: bytes, tail: bytes) -> Kind:
    """Raw formats built on TIFF, by their marks; a plain picture otherwise."""
    if head[8:10] == b"CR":
        return ("image/x-canon-cr2", "cr2", "Canon CR2")
    order = "little" if head[:1] == b"I" else "big"
    tags = _tiff_tags(head, order)
    if 0xC612 in tags:
        return ("image/x-adobe-dng", "dng", "DNG")
    first = head[:4096]
    if 0x14A in tags and b"NIKON" in first:
        return ("image/x-nikon-nef", "nef", "Nikon NEF")
    if 0xC634 in tags and b"SONY" in first:
        return ("image/x-sony-arw", "arw", "Sony ARW")
    if b"PENTAX" in first and 0x14A in tags:
        return ("image/x-pentax-pef", "pef", "Pentax PEF")
    if head[8:12] in (b"IIII", b"MMMM"):
        return ("image/x-raw", "iiq", "Phase One")
    return TIFF


def _tiff_tags(head: bytes, order: str) -> frozenset[int]:
    """Tag numbers of the first directory, if it lies within ``head`` (at most 512)."""
    little = order == "little"

    def number(start: int, length: int) -> int:
        return int.from_bytes(head[start : start + length], "little" if little else "big")

    start = number(4, 4)
    count = min(number(start, 2), 512)
    end = start + 2 + 12 * count
    if end > len(head):
        return frozenset()
    return frozenset(number(at, 2) for at in range(start + 2, end, 12))


_ZIP_NAMES: tuple[tuple[bytes, Kind], ...] = (
    (b"word/document", (_OOXML + "wordprocessingml.document", "docx", "Word document")),
    (b"xl/workbook", (_OOXML + "spreadsheetml.sheet", "xlsx", "Excel workbook")),
    (b"ppt/presentation", (_OOXML + "presentationml.presentation", "pptx", "PowerPoint")),
    (b"word/", (_OOXML + "wordprocessingml.document", "docx", "Word document")),
    (b"xl/", (_OOXML + "spreadsheetml.sheet", "xlsx", "Excel workbook")),
    (b"ppt/", (_OOXML + "presentationml.presentation", "pptx", "PowerPoint")),
    (b"datapackage.json", ("application/wacz", "wacz", "WACZ")),
    (b"doc.kml", ("application/vnd.google-earth.kmz", "kmz", "KMZ")),
    (b"Index/Document.iwa", ("application/x-iwork", "iwork", "iWork")),
    (b"AndroidManifest.xml", ("application/vnd.android.package-archive", "apk", "Android app")),
    (b"META-INF/MANIFEST.MF", ("application/java-archive", "jar", "Java archive")),
)
_ODF = "application/vnd.oasis.opendocument."
_ODF_EXTENSIONS = {
    "text": "odt",
    "spreadsheet": "ods",
    "presentation": "odp",
    "graphics": "odg",
    "formula": "odf",
    "chart": "odc",
    "image": "odi",
    "database": "odb",
    "text-master": "odm",
    "text-template": "ott",
    "spreadsheet-template": "ots",
    "presentation-template": "otp",
}


def _zip(head: bytes, tail: bytes) -> Kind:
    declared = _zip_mimetype(head)
    if declared == "application/epub+zip":
        return (declared, "epub", "EPUB")
    if declared.startswith(_ODF):
        extension = _ODF_EXTENSIONS.get(declared[len(_ODF) :])
        if extension:
            return (declared, extension, "OpenDocument " + declared[len(_ODF) :])
    names = _zip_names(head) + b"\n" + _central_names(tail or head)
    for name, kind in _ZIP_NAMES:
        if b"\n" + name in names:
            return kind
    return ZIP


def _zip_mimetype(head: bytes) -> str:
    """What the member ``mimetype`` says (at most 80 bytes of it), or nothing.

    It should stand first and uncompressed; archives packed by hand have it elsewhere.
    """
    at = head.find(b"mimetype", 30, 38)
    if at < 0:
        at = head.find(b"mimetype", 38)
        while at >= 30 and head[at - 30 : at - 26] != b"PK\x03\x04":
            at = head.find(b"mimetype", at + 8)
    if at < 30:
        return ""
    header = head[at - 30 : at]
    start = at + int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
    if int.from_bytes(header[8:10], "little") == zipfile.ZIP_DEFLATED:
        try:
            text = zlib.decompressobj(-15).decompress(head[start : start + 256], 80)
        except zlib.error:
            return ""
    else:
        length = int.from_bytes(header[18:22], "little") or 80
        text = head[start : start + min(length, 80)].split(b"PK")[0]
    return text.decode("ascii", "replace").strip()


def _zip_names(data: bytes) -> bytes:
    """Names in local headers, each after a newline (at most 64)."""
    return _names(data, b"PK\x03\x04", 26, 30)


def _central_names(data: bytes) -> bytes:
    """Names in the central directory, each after a newline (at most 64)."""
    return _names(data, b"PK\x01\x02", 28, 46)


def _names(data: bytes, mark: bytes, length_at: int, name_at: int) -> bytes:
    found = [b""]
    at = data.find(mark)
    while at >= 0 and len(found) <= 64:
        length = int.from_bytes(data[at + length_at : at + length_at + 2], "little")
        found.append(data[at + name_at : at + name_at + min(length, 255)])
        at = data.find(mark, at + name_at)
    return b"\n".join(found)


_OLE_STREAMS: tuple[tuple[str, Kind], ...] = (
    ("__properties_version1.0", ("application/vnd.ms-outlook", "msg", "Outlook message")),
    ("WordDocument", ("application/msword", "doc", "Word 97-2003")),
    ("PowerPoint Document", ("application/vnd.ms-powerpoint", "ppt", "PowerPoint 97-2003")),
    ("Workbook", ("application/vnd.ms-excel", "xls", "Excel 97-2003")),
    ("Book", ("application/vnd.ms-excel", "xls", "Excel 5")),
    ("VisioDocument", ("application/vnd.visio", "vsd", "Visio")),
    ("EncryptedPackage", ("application/x-ole-encrypted-office", "ole", "encrypted Office")),
    ("Image Contents", ("image/vnd.fpx", "fpx", "FlashPix")),
)
_OLE_MARKS = tuple((name.encode("utf-16-le"), kind) for name, kind in _OLE_STREAMS)


def _ole(head: bytes, tail: bytes) -> Kind:
    for mark, kind in _OLE_MARKS:
        if mark in head or mark in tail:
            return kind
    return OLE


def _ogg(head: bytes, tail: bytes) -> Kind:
    start = head[:512]
    if b"\x80theora" in start:
        return ("video/ogg", "ogv", "Ogg Theora")
    if b"OpusHead" in start:
        return ("audio/ogg", "opus", "Opus")
    if b"\x7fFLAC" in start:
        return ("audio/ogg", "oga", "FLAC in Ogg")
    return OGG


def _ebml(head: bytes, tail: bytes) -> Kind:
    return ("video/webm", "webm", "WebM") if b"webm" in head[:128] else EBML


_ASF_VIDEO = b"\xc0\xef\x19\xbc\x4d\x5b\xcf\x11\xa8\xfd\x00\x80\x5f\x5c\x44\x2b"
_ASF_AUDIO = b"\x40\x9e\x69\xf8\x4d\x5b\xcf\x11\xa8\xfd\x00\x80\x5f\x5c\x44\x2b"


def _asf(head: bytes, tail: bytes) -> Kind:
    if _ASF_VIDEO in head:
        return ("video/x-ms-wmv", "wmv", "Windows Media video")
    if _ASF_AUDIO in head:
        return ("audio/x-ms-wma", "wma", "Windows Media audio")
    return ASF


def _id3(head: bytes, tail: bytes) -> Kind:
    """An ID3 tag may stand before other audio than MP3."""
    if len(head) < 10:
        return MP3
    size = 0
    for byte in head[6:10]:
        size = size << 7 | byte & 0x7F
    after = head[10 + size : 14 + size]
    if after[:3] == b"MP+" or after == b"MPCK":
        return ("audio/x-musepack", "mpc", "Musepack after an ID3 tag")
    if after == b"fLaC":
        return ("audio/flac", "flac", "FLAC after an ID3 tag")
    if after[:1] == b"\xff" and len(after) > 1 and after[1] & 0xF6 == 0xF0:
        return ("audio/aac", "aac", "AAC after an ID3 tag")
    return MP3


def _photoshop(head: bytes, tail: bytes) -> Kind:
    if head[4:6] == b"\0\2":
        return (PHOTOSHOP[0], "psb", "Photoshop, large")
    return PHOTOSHOP


_CLOSER: dict[Kind, Callable[[bytes, bytes], Kind]] = {
    ISOM: _isom,
    RIFF: _riff,
    FORM: _iff,
    TIFF: _tiff,
    ZIP: _zip,
    OLE: _ole,
    OGG: _ogg,
    EBML: _ebml,
    ASF: _asf,
    MP3: _id3,
    PHOTOSHOP: _photoshop,
}


def look_closer(kind: Kind, head: bytes, tail: bytes) -> Format | None:
    """What a container of ``kind`` holds, or ``None`` where its kind says all there is."""
    look = _CLOSER.get(kind)
    return None if look is None else Format(*look(head, tail), "structure")


# -- formats without a fixed signature ---------------------------------------------------------


def without_signature(head: bytes, size: int) -> Format | None:
    """MPEG audio and transport streams, BMP, PKCS#7, old tar and PCX: told by their structure."""
    first = head[0]
    kind: Kind | None = None
    if head[:1024].find(b"%PDF-") > 0:  # readers accept a PDF that starts a little later
        kind = ("application/pdf", "pdf", "PDF after other bytes")
    elif first == 0xFF:
        kind = _mpeg_audio(head)
    elif first == 0x47 or head[4:5] == b"\x47":
        kind = _transport_stream(head)
    elif first == 0x30:
        kind = _pkcs7(head)
    elif first == 0x42 and head.startswith(b"BM"):
        kind = _bmp(head)
    elif first == 0x0A and len(head) > 4 and head[1] in (0, 2, 3, 4, 5) and head[2] <= 1:
        kind = ("image/pcx", "pcx", "PCX")
    elif first == 0x50 and len(head) > 2 and head[1] in b"123456" and head[2] in b" \t\r\n":
        kind = ("image/x-portable-pixmap", "pnm", "portable pixmap")
    if kind is None and size > 0 and size % 512 == 0:
        kind = _old_tar(head)
    return None if kind is None else Format(*kind, "structure")


def _mpeg_audio(head: bytes) -> Kind | None:
    """A frame header: 11 set bits, a known version, layer, bit rate and sample rate."""
    if len(head) < 4 or head[1] & 0xE0 != 0xE0 or head[1] == 0xFE:  # FF FE: UTF-16
        return None
    if head[1] & 0xF6 == 0xF0 and head[2] >> 2 & 0xF != 0xF:
        return ("audio/aac", "aac", "AAC (ADTS)")
    known = head[1] & 0x18 != 0x08 and head[1] & 0x06 != 0
    if known and head[2] & 0xF0 != 0xF0 and head[2] & 0x0C != 0x0C:
        return MP3
    return None


def _transport_stream(head: bytes) -> Kind | None:
    """Sync bytes every 188 bytes, or every 192 after a four-byte time code."""
    for start, step in ((0, 188), (4, 192)):
        syncs = head[start : start + 4 * step + 1 : step]
        if len(syncs) >= 3 and syncs.count(0x47) == len(syncs):
            return ("video/m2ts", "mts" if start else "ts", "MPEG transport stream")
    return None


_SIGNED_DATA = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07"
_TIMESTAMPED_DATA = b"\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x1f"


def _pkcs7(head: bytes) -> Kind | None:
    if _SIGNED_DATA in head[:32]:
        return ("application/pkcs7-mime", "p7m", "PKCS#7")
    if _TIMESTAMPED_DATA in head[:32]:
        return ("application/timestamped-data", "tsd", "time-stamped data")
    return None


def _bmp(head: bytes) -> Kind | None:
    header = int.from_bytes(head[14:18], "little")
    return ("image/bmp", "bmp", "BMP") if 12 <= header <= 256 else None


def _old_tar(head: bytes) -> Kind | None:
    """A tar header without ``ustar``: its checksum over the first 512 bytes must be right."""
    if len(head) < 512:
        return None
    field = head[148:156].strip(b" \0")
    if not field or field.strip(b"01234567"):
        return None
    computed = sum(head[:148]) + 8 * 0x20 + sum(head[156:512])
    return ("application/x-tar", "tar", "tar") if int(field, 8) == computed else None
