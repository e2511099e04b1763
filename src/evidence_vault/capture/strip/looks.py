"""A second look at the copies of pictures, by readers that did not write them.

``exifread`` for EXIF, Pillow for what it tells, and walks of each container that share nothing
with the writers: they go over the copy byte by byte and name whatever has no place in it.
"""

from __future__ import annotations

import io
import logging
import struct
from importlib.metadata import version
from pathlib import Path

import exifread
import PIL
from exifread.core.exceptions import ExifNotFound

from evidence_vault.capture.strip.model import NotChecked, Scan, ToolUse
from evidence_vault.capture.strip.pictures import FRESH_EXIFS, Decoder

_EXIF_MAY = frozenset(
    {
        "Image Orientation",
        "Image ExifOffset",
        "EXIF ColorSpace",
        "EXIF InteroperabilityOffset",
        "Interoperability InteroperabilityIndex",
    }
)
_PROFILE_MAY = [
    "rXYZ",
    "gXYZ",
    "bXYZ",
    "rTRC",
    "gTRC",
    "bTRC",
    "kTRC",
    "wtpt",
    "bkpt",
    "chad",
    "lumi",
    "cicp",
    "gamt",
    "desc",
    "cprt",
    "A2B0",
    "A2B1",
    "A2B2",
    "B2A0",
    "B2A1",
    "B2A2",
    "D2B0",
    "D2B1",
    "D2B2",
    "D2B3",
    "B2D0",
    "B2D1",
    "B2D2",
    "B2D3",
]
_DESCRIPTIONS = (
    b"desc" + bytes(7) + b"\x08Profile\0" + bytes(78),
    b"mluc" + bytes(7) + b"\1" + bytes(3) + b"\x0cenUS" + bytes(3) + b"\x0e" + bytes(3) + b"\x1c"
    b"\0P\0r\0o\0f\0i\0l\0e",
    b"text" + bytes(4) + b"Profile\0",
)


def parser(own: str) -> ToolUse:
    """The second parser as reports name it; ``own`` says which walk."""
    return ToolUse(
        "exifread, Pillow and a strict walk",
        f"{version('exifread')}, {PIL.__version__}",
        (own, "details=True", "COPY"),
    )


def scanned(own: str, residues: list[str]) -> Scan:
    """The outcome of a look."""
    return Scan(parser(own), tuple(residues))


def exifread_residues(data: bytes) -> list[str]:
    """What exifread finds in a file beyond orientation and colour space."""
    found = exifread_tags(data)
    return [f"EXIF tag ({name})" for name in found if name not in _EXIF_MAY]


def exifread_tags(data: bytes) -> list[str]:
    """Names of what exifread finds, sorted; none in a file without EXIF.

    Raises NotChecked when it gives up: a look that failed has found nothing out.
    """
    logging.getLogger("exifread").setLevel(logging.CRITICAL + 1)
    try:
        found = exifread.process_file(io.BytesIO(data), details=True)
    except ExifNotFound:
        return []
    except Exception as error:  # hostile input: it may raise anything
        raise NotChecked(f"exifread can't read the copy ({type(error).__name__})") from error
    return sorted(map(str, found))


def pillow_residues(path: Path, decoder: Decoder, may: frozenset[str]) -> list[str]:
    """What Pillow tells of a picture beyond the names given."""
    extra = set(map(str, decoder.info(path))) - may
    residues = ["a part that Pillow tells of"] if extra else []
    with decoder.open(path) as picture:
        tags = set(picture.getexif()) - {0x0112, 0x8769}
        residues += ["EXIF tags that Pillow finds"] if tags else []
    return residues


def exif_residues(block: bytes) -> list[str]:
    """Only blocks that copies have may be there."""
    return [] if block in FRESH_EXIFS else ["EXIF"]


def profile_residues(data: bytes) -> list[str]:
    """Whatever in a colour profile is not needed for colours."""
    if len(data) < 132 or struct.unpack_from(">I", data)[0] != len(data):
        return ["colour profile of a wrong length"]
    residues = []
    blank = data[4:8] + data[10:12] + data[40:44] + data[48:56] + data[80:128]
    if blank.strip(b"\0") or data[24:36] != bytes.fromhex("07d000010001000000000000"):
        residues.append("colour profile header")
    covered = bytearray(len(data))
    (count,) = struct.unpack_from(">I", data, 128)
    covered[: 132 + 12 * count] = b"\1" * (132 + 12 * count)
    for at in range(132, 132 + 12 * count, 12):
        name, start, size = struct.unpack_from(">4sII", data, at)
        value = data[start : start + size]
        if name.decode("latin-1") not in _PROFILE_MAY or value[4:8] != bytes(4):
            residues.append("colour profile tag")
        if name in (b"desc", b"cprt") and value not in _DESCRIPTIONS:
            residues.append("colour profile text")
        covered[start : start + size] = b"\1" * size
    if any(byte and not mark for byte, mark in zip(data, covered, strict=False)):
        residues.append("bytes between tags of the colour profile")
    return residues
