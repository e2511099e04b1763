"""TIFF 6.0 and BigTIFF: each page is written anew from the tags that decoding needs.

Strips and tiles go in byte for byte. What lies between them in the original, sub-IFDs, reduced
pictures, private tags and directories (EXIF, GPS, maker notes) are not copied.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from evidence_vault.capture.strip.bench import Bench
from evidence_vault.capture.strip.gif import tiff_lzw_end
from evidence_vault.capture.strip.icc import neutral_profile, profile_texts
from evidence_vault.capture.strip.jpeg import abbreviated
from evidence_vault.capture.strip.model import Kept, NotChecked, Scan, Secret, Work
from evidence_vault.capture.strip.pictures import (
    COLOURS,
    Decoder,
    PictureFormat,
    counted,
    frames,
    own_tool,
    ratio,
    read,
)
from evidence_vault.capture.strip.tifffile import Directory, Field, Layout, pages_of, write
from evidence_vault.capture.strip.tifflook import look

SUBFILE, WIDTH, LENGTH, BITS, COMPRESSION = 254, 256, 257, 258, 259
STRIP_OFFSETS, SAMPLES, ROWS, STRIP_COUNTS = 273, 277, 278, 279
X_RESOLUTION, Y_RESOLUTION, PLANAR, UNIT = 282, 283, 284, 296
TILE_WIDTH, TILE_LENGTH, TILE_OFFSETS, TILE_COUNTS = 322, 323, 324, 325
JPEG_TABLES, PROFILE, DNG_VERSION = 347, 34675, 50706

#: Copied as they are (TIFF 6.0, supplements, and BigTIFF), all numbers.
NEEDED = frozenset(
    (
        256,
        257,
        258,
        259,
        262,
        263,
        266,
        274,
        277,
        278,
        280,
        281,
        284,
        290,
        291,
        292,
        293,
        301,
        317,
        318,
        319,
        320,
        322,
        323,
        338,
        339,
        340,
        341,
        342,
        529,
        530,
        531,
        532,
    )
)
_NUMBERS = frozenset({1, 3, 4, 5, 6, 8, 9, 10, 11, 12, 16})
_MOST_VALUES = {301: 4 * 65536, 320: 3 * 65536, 290: 65536, 342: 6}
_COMPRESSIONS = frozenset({1, 2, 3, 4, 5, 7, 8, 32773, 32946, 34925, 50000})
_NAMES = {
    330: "sub-IFDs",
    700: "XMP",
    33723: "IPTC",
    34377: "Photoshop resources",
    34665: "EXIF directory",
    34853: "GPS directory",
    37724: "Photoshop layers",
}
_MAX_PARTS = 1_000_000


class _Page:
    """One page on its way into the copy."""

    def __init__(self, layout: Layout, directory: Directory) -> None:
        self.layout = layout
        self.directory = directory
        self.fields: list[Field] = []
        self.gone: list[str] = []
        self.secrets: list[Secret] = []
        self.kept: list[Kept] = []
        self.parts: list[bytes] = []

    def make(self) -> None:
        compression = self._one(COMPRESSION, 1)
        if compression not in _COMPRESSIONS:
            raise NotChecked("a page is coded in a way that is not understood")
        for tag, field in sorted(self.directory.items()):
            self._field(tag, field)
        self._parts(compression)

    def _one(self, tag: int, default: int) -> int:
        field = self.directory.get(tag)
        return self.layout.integers(field)[0] if field is not None else default

    def _field(self, tag: int, field: Field) -> None:
        if tag in NEEDED:
            if field.kind not in _NUMBERS or field.count > _MOST_VALUES.get(tag, 64):
                raise NotChecked("a tag holds something else than it must")
            self.fields.append(field)
        elif tag == PROFILE and (profile := neutral_profile(field.data)):
            self.fields.append(Field(PROFILE, 7, len(profile), profile))
            self.kept.append(Kept("colour profile", COLOURS))
            self.secrets += [Secret(f"TIFF:{n}", v) for n, v in profile_texts(field.data)]
        elif tag == JPEG_TABLES:
            tables = abbreviated(field.data)
            self.fields.append(Field(JPEG_TABLES, 7, len(tables), tables))
        elif tag in (X_RESOLUTION, Y_RESOLUTION):
            self._resolution(tag)
        elif tag not in (STRIP_OFFSETS, STRIP_COUNTS, TILE_OFFSETS, TILE_COUNTS, SUBFILE, UNIT):
            name = _NAMES.get(tag, "tag that decoding does not need")
            self.gone.append(name)
            self.secrets.append(Secret(f"TIFF:{name}", field.data))

    def _resolution(self, tag: int) -> None:
        pair = [self.directory.get(each) for each in (X_RESOLUTION, Y_RESOLUTION)]
        values = [self.layout.fraction(field) for field in pair if field is not None]
        if len(values) < 2:
            return
        (a, b), (c, d) = values
        x, y = ratio(a * d, c * b)
        if (x, y) != (1, 1) and max(x, y) < 2**32:
            value = x if tag == X_RESOLUTION else y
            self.fields.append(Field(tag, 5, 1, self.layout.pack("II", value, 1)))
            if tag == Y_RESOLUTION:
                self.fields.append(Field(UNIT, 3, 1, self.layout.pack("H", 1)))
                self.kept.append(Kept("shape of a pixel", "the picture would be out of shape"))

    def _parts(self, compression: int) -> None:
        tiled = TILE_OFFSETS in self.directory
        tags = (TILE_OFFSETS, TILE_COUNTS) if tiled else (STRIP_OFFSETS, STRIP_COUNTS)
        offsets, counts = (self._integers(tag) for tag in tags)
        if len(offsets) != len(counts) or not offsets or len(offsets) > _MAX_PARTS:
            raise NotChecked("a page's parts are not told as they must be")
        for index, (offset, count) in enumerate(zip(offsets, counts, strict=True)):
            part = self.layout.at(offset, count)
            exact = self._exact(part, compression, index, tiled)
            if len(exact) < len(part):
                self.gone.append("data behind a coded part")
                self.secrets.append(Secret("TIFF:data behind a coded part", part[len(exact) :]))
            self.parts.append(exact)

    def _integers(self, tag: int) -> tuple[int, ...]:
        field = self.directory.get(tag)
        return self.layout.integers(field) if field is not None else ()

    def _exact(self, part: bytes, compression: int, index: int, tiled: bool) -> bytes:
        """The coded part up to where its data end, as far as its coding tells."""
        if compression == 7:
            return abbreviated(part)
        if compression in (8, 32946):
            return _deflated(part)
        if compression == 5:
            return part[: tiff_lzw_end(part)]
        if compression == 1:
            return part[: self._plain_size(index, tiled)]
        if compression == 32773:
            return part[: _packbits_end(part, self._plain_size(index, tiled))]
        return part

    def _plain_size(self, index: int, tiled: bool) -> int:
        """Bytes of one part that is not compressed."""
        bits = self._integers(BITS) or (1,)
        samples = self._one(SAMPLES, 1)
        planar = self._one(PLANAR, 1) == 2
        each = bits[0] if planar else sum(bits) if len(bits) == samples else bits[0] * samples
        if self._one(262, 0) == 6 and 530 in self.directory:
            return 1 << 62  # subsampled colours: as long as it is told
        if tiled:
            return (self._one(TILE_WIDTH, 0) * each + 7) // 8 * self._one(TILE_LENGTH, 0)
        length = self._one(LENGTH, 0)
        rows = min(self._one(ROWS, 2**32 - 1), length)
        per_plane = -(-length // rows) if rows else 1
        last = length - (per_plane - 1) * rows
        height = last if index % per_plane == per_plane - 1 else rows
        return (self._one(WIDTH, 0) * each + 7) // 8 * height


def _deflated(part: bytes) -> bytes:
    reader = zlib.decompressobj()
    pending = part
    try:
        while pending and not reader.eof:
            reader.decompress(pending, 1024 * 1024)
            pending = reader.unconsumed_tail
    except zlib.error as error:
        raise NotChecked("a part can't be decoded") from error
    return part[: len(part) - len(reader.unused_data)]


def _packbits_end(part: bytes, size: int) -> int:
    at = made = 0
    while at < len(part) and made < size:
        head = part[at]
        at += 2 + head if head < 128 else 1 if head == 128 else 2
        made += 1 + head if head < 128 else 0 if head == 128 else 257 - head
    return min(at, len(part))


def is_reduced(layout: Layout, directory: Directory) -> bool:
    """Whether a page is a smaller version of another one (TIFF 6.0, NewSubfileType, bit 0)."""
    field = directory.get(SUBFILE)
    return field is not None and bool(layout.integers(field)[0] & 1)


class _TiffDecoder(Decoder):
    """All pages but reduced versions of others."""

    def chosen(self, picture: Image.Image) -> Iterator[tuple[str, ...]]:
        kept = iter_kept(picture)
        for number, frame in enumerate(frames(picture, True)):
            if number == 0 or number in kept:
                yield frame


def iter_kept(picture: Image.Image) -> frozenset[int]:
    """Numbers of the pages of an open picture that are not reduced."""
    kept = set()
    for number in range(getattr(picture, "n_frames", 1)):
        picture.seek(number)
        subfile = getattr(picture, "tag_v2", {}).get(SUBFILE, 0)
        if not int(subfile) & 1:
            kept.add(number)
    picture.seek(0)
    return frozenset(kept)


class Tiff(PictureFormat):
    """TIFF and BigTIFF with any number of pages."""

    name = "TIFF"
    decoder = _TiffDecoder("TIFF")
    tags = frozenset(
        f"EXIF:{name}"
        for name in [
            "PreviewImage",  # so ExifTool calls strips that are coded as JPEG
            "PreviewImageStart",
            "PreviewImageLength",
            "SubfileType",
            "ImageWidth",
            "ImageHeight",
            "BitsPerSample",
            "Compression",
            "PhotometricInterpretation",
            "Thresholding",
            "FillOrder",
            "StripOffsets",
            "SamplesPerPixel",
            "RowsPerStrip",
            "StripByteCounts",
            "XResolution",
            "YResolution",
            "PlanarConfiguration",
            "ResolutionUnit",
            "GrayResponseUnit",
            "GrayResponseCurve",
            "T4Options",
            "T6Options",
            "TransferFunction",
            "Predictor",
            "WhitePoint",
            "PrimaryChromaticities",
            "ColorMap",
            "ColorResponseUnit",
            "TileWidth",
            "TileLength",
            "TileOffsets",
            "TileByteCounts",
            "ExtraSamples",
            "SampleFormat",
            "SMinSampleValue",
            "SMaxSampleValue",
            "TransferRange",
            "JPEGTables",
            "YCbCrCoefficients",
            "YCbCrSubSampling",
            "YCbCrPositioning",
            "ReferenceBlackWhite",
            "MinSampleValue",
            "MaxSampleValue",
            "ICC_Profile",
        ]
    ) | {"File:ExifByteOrder"}

    def strip(self, source: Path, target: Path, bench: Bench) -> Work:
        data = read(source)
        layout, directories = pages_of(data)
        first = directories[0]
        if DNG_VERSION in first or (330 in first and is_reduced(layout, first)):
            raise NotChecked("raw pictures of cameras are not understood")
        pages, gone = [], []
        for number, directory in enumerate(directories):
            if number and is_reduced(layout, directory):
                gone.append("smaller version of a page (preview)")
                continue
            page = _Page(layout, directory)
            page.make()
            pages.append(page)
        clean = write(layout, [(page.fields, page.parts) for page in pages])
        if len(clean) < len(data):
            gone.append("bytes that belong to no page")
        target.write_bytes(clean)
        return Work(
            structures=counted([*gone, *(name for page in pages for name in page.gone)]),
            secrets=tuple(secret for page in pages for secret in page.secrets),
            kept=tuple(dict.fromkeys(kept for page in pages for kept in page.kept)),
            tools=(own_tool(),),
        )

    def scan(self, target: Path, bench: Bench) -> Scan:
        return look(target, self.decoder)
