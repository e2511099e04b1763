"""HEIF (ISO/IEC 23008-12): HEIC, AVIF and their kin, written anew around the primary picture.

Items that the primary picture is made of (tiles, overlays, its transparency) go in byte for byte;
other pictures, thumbnails, depth and gain maps, EXIF, XMP and whatever else is stored as an item
or in a box do not.
"""

from __future__ import annotations

import struct
from pathlib import Path

import pi_heif

from evidence_vault.capture.strip.bench import Bench
from evidence_vault.capture.strip.heifbox import Box, Item, Meta, box, full_box, meta_of
from evidence_vault.capture.strip.heifcode import clean_config, clean_data, is_coded
from evidence_vault.capture.strip.heiflook import look
from evidence_vault.capture.strip.icc import neutral_profile, profile_texts
from evidence_vault.capture.strip.model import Kept, NotChecked, Scan, Secret, Work
from evidence_vault.capture.strip.pictures import (
    COLOURS,
    SHAPE,
    Decoder,
    PictureFormat,
    counted,
    own_tool,
    read,
)

_ALPHA = (
    b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0",
    b"urn:mpeg:hevc:2015:auxid:1\0",
)
_COPIED = frozenset(b"ispe pixi irot imir clap pasp clli mdcv cclv a1op a1lx lsel".split())
_MOST = 512  # bytes of a property that is copied
_NAMES = {
    b"Exif": "EXIF item",
    b"mime": "MIME item (XMP or another text)",
    b"uri ": "URI item",
    b"tmap": "HDR tone map: on an HDR screen the copy looks as on any other screen",
}
_BRANDS = frozenset(
    b"mif1 mif2 miaf heic heix heim heis avif avio MA1A MA1B MiHB MiHE MiHA heif".split()
)


class _Writer:
    """Chooses items and properties of the copy and notes what is left out."""

    def __init__(self, meta: Meta) -> None:
        self.meta = meta
        self.gone: list[str] = []
        self.secrets: list[Secret] = []
        self.kept: list[Kept] = []
        self.properties: list[bytes] = []
        self.items = self._chosen()

    def _chosen(self) -> list[int]:
        """The primary item, what it is derived from, and the transparency of those."""
        meta, waiting = self.meta, [self.meta.primary]
        found: list[int] = []
        while waiting:
            current = waiting.pop(0)
            if current in found:
                continue
            if current not in meta.items or len(found) > 20_000:
                raise NotChecked("an item that the picture is made of is not there")
            found.append(current)
            waiting += meta.targets(b"dimg", current)
            waiting += [i for i in meta.sources(b"auxl", current) if self._is_alpha(i)]
        return sorted(found)

    def _is_alpha(self, number: int) -> bool:
        return any(
            prop.kind == b"auxC" and prop.body[4:] in _ALPHA
            for prop, _ in self.meta.properties_of(number)
        )

    def make(self, brand: bytes) -> bytes:
        self._note_what_goes()
        datas = [self._data(self.meta.items[number]) for number in self.items]
        associations = [self._associated(number) for number in self.items]
        brands = [b for b in self.meta.brands if b in _BRANDS and b != b"heif"] or [b"mif1"]
        ftyp = box(b"ftyp", brand + bytes(4) + b"".join(brands))
        parts = [
            full_box(b"hdlr", 0, 0, bytes(4) + b"pict" + bytes(13)),
            full_box(b"pitm", 1, 0, struct.pack(">I", self.meta.primary)),
            self._infos(),
            self._references(),
            self._properties(associations),
        ]
        at = len(ftyp) + len(
            full_box(b"meta", 0, 0, b"".join(parts) + _places(self.items, datas, 0))
        )
        places = _places(self.items, datas, at + 8)
        meta = full_box(b"meta", 0, 0, b"".join([*parts, places]))
        return ftyp + meta + box(b"mdat", b"".join(datas))

    def _note_what_goes(self) -> None:
        for number, item in sorted(self.meta.items.items()):
            if number in self.items:
                if item.name.strip(b"\0"):
                    self.gone.append("name of an item")
                    self.secrets.append(Secret("HEIF:name of an item", item.name))
                continue
            name = _NAMES.get(item.kind, self._role(number))
            self.gone.append(name)
            self.secrets.append(Secret(f"HEIF:{name}", item.name))
            try:
                self.secrets.append(Secret(f"HEIF:{name}", self.meta.data_of(item)))
            except NotChecked:
                continue
        for other in self.meta.others:
            if other.kind not in (b"mdat", b"idat") and other.body.strip(b"\0"):
                self.gone.append("box that decoding does not need")
                self.secrets.append(Secret("HEIF:box", other.body))

    def _role(self, number: int) -> str:
        if self.meta.targets(b"thmb", number):
            return "thumbnail"
        if self.meta.targets(b"auxl", number):
            return "auxiliary picture (depth, matte or gain map)"
        return "picture that is not the main one, or a part of such"

    def _data(self, item: Item) -> bytes:
        data = self.meta.data_of(item)
        if not is_coded(item.kind):
            raise NotChecked("an item is coded in a way that is not understood")
        length = next(
            (
                (p.body[21] & 3) + 1
                for p, _ in self.meta.properties_of(item.number)
                if p.kind == b"hvcC" and len(p.body) > 21
            ),
            4,
        )
        clean = clean_data(item.kind, data, length)
        if len(clean) != len(data):
            self.gone.append("messages within the coded data")
        return clean

    def _associated(self, number: int) -> list[tuple[int, bool]]:
        found = []
        for prop, essential in self.meta.properties_of(number):
            made = self._property(prop)
            if made is None:
                if essential:
                    raise NotChecked("a property that decoding needs is not understood")
                self.gone.append("property that decoding does not need")
                self.secrets.append(Secret("HEIF:property", prop.body))
                continue
            if made not in self.properties:
                self.properties.append(made)
            found.append((self.properties.index(made) + 1, essential))
        return found

    def _property(self, prop: Box) -> bytes | None:
        if prop.kind in (b"hvcC", b"av1C"):
            return box(prop.kind, clean_config(prop.kind, prop.body))
        if prop.kind == b"colr":
            return self._colour(prop.body)
        if prop.kind == b"auxC" and prop.body[4:] in _ALPHA:
            return box(b"auxC", prop.body)
        if prop.kind in _COPIED and len(prop.body) <= _MOST:
            return box(prop.kind, prop.body)
        return None

    def _colour(self, body: bytes) -> bytes | None:
        if body[:4] == b"nclx" and len(body) == 11:
            return box(b"colr", body)
        profile = neutral_profile(body[4:]) if body[:4] in (b"prof", b"rICC") else None
        if profile is None:
            return None
        kept = Kept("colour profile", COLOURS)
        if kept not in self.kept:
            self.kept.append(kept)
        self.secrets += [Secret(f"HEIF:{n}", v) for n, v in profile_texts(body[4:])]
        return box(b"colr", b"prof" + profile)

    def _infos(self) -> bytes:
        infos = b""
        for number in self.items:
            item = self.meta.items[number]
            hidden = 1 if item.hidden else 0
            infos += full_box(
                b"infe", 3, hidden, struct.pack(">IH4s", number, 0, item.kind) + b"\0"
            )
        return full_box(b"iinf", 1, 0, struct.pack(">I", len(self.items)) + infos)

    def _references(self) -> bytes:
        refs = b""
        for kind, source, targets in self.meta.references:
            if kind not in (b"dimg", b"auxl", b"prem") or source not in self.items:
                continue
            if all(target in self.items for target in targets):
                numbers = struct.pack(f">IH{len(targets)}I", source, len(targets), *targets)
                refs += box(kind, numbers)
        return full_box(b"iref", 1, 0, refs) if refs else b""

    def _properties(self, associations: list[list[tuple[int, bool]]]) -> bytes:
        entries = b""
        for number, found in zip(self.items, associations, strict=True):
            marks = [index | (0x8000 if essential else 0) for index, essential in found]
            entries += struct.pack(f">IB{len(marks)}H", number, len(marks), *marks)
        ipma = full_box(b"ipma", 1, 1, struct.pack(">I", len(self.items)) + entries)
        return box(b"iprp", box(b"ipco", b"".join(self.properties)) + ipma)


def _places(items: list[int], datas: list[bytes], start: int) -> bytes:
    """iloc version 2 with 32-bit offsets, one extent an item."""
    entries, at = b"", start
    for number, data in zip(items, datas, strict=True):
        entries += struct.pack(">IHHHII", number, 0, 0, 1, at, len(data))
        at += len(data)
    return full_box(b"iloc", 2, 0, struct.pack(">HI", 0x4400, len(items)) + entries)


class _HeifDecoder(Decoder):
    """Pillow with libheif, which turns a picture as the file says before it gives it."""

    def __init__(self, *plugins: str, every: bool = True) -> None:
        super().__init__(*plugins, every=every)
        self.by += f" with pi-heif {pi_heif.__version__}"


class Heif(PictureFormat):
    """HEIC and HEIF still pictures."""

    name = "HEIF"
    decoder: Decoder = _HeifDecoder("HEIF", every=False)
    tags = frozenset(
        f"QuickTime:{name}"
        for name in [
            "MajorBrand",
            "MinorVersion",
            "CompatibleBrands",
            "HandlerType",
            "PrimaryItemReference",
            "ImageSpatialExtent",
            "ImagePixelDepth",
            "Rotation",
            "Mirroring",
            "ColorProfiles",
            "ColorPrimaries",
            "TransferCharacteristics",
            "MatrixCoefficients",
            "VideoFullRangeFlag",
            "MediaDataSize",
            "MediaDataOffset",
            "HEVCConfigurationVersion",
            "GeneralProfileSpace",
            "GeneralTierFlag",
            "GeneralProfileIDC",
            "GenProfileCompatibilityFlags",
            "ConstraintIndicatorFlags",
            "GeneralLevelIDC",
            "MinSpatialSegmentationIDC",
            "ParallelismType",
            "ChromaFormat",
            "BitDepthLuma",
            "BitDepthChroma",
            "AverageFrameRate",
            "ConstantFrameRate",
            "NumTemporalLayers",
            "TemporalIDNested",
            "AuxiliaryImageType",
            "CleanAperture",
            "PixelAspectRatio",
            "AV1ConfigurationVersion",
            "SeqProfile",
            "SeqLevelIdx0",
            "SeqTier0",
            "HighBitDepth",
            "TwelveBit",
            "ChromaSamplePosition",
            "MediaData",
            "PixelAspect",
            "ContentLightLevel",
            "MaxContentLightLevel",
            "MaxPicAverageLightLevel",
            "InitialDelaySamples",
        ]
    )

    def may_stay(self, tag: str) -> str | None:
        groups = tag.split(":")
        if groups[0] == "Meta":
            return SHAPE if f"QuickTime:{groups[-1]}" in self.tags else None
        return super().may_stay(tag)

    def strip(self, source: Path, target: Path, bench: Bench) -> Work:
        data = read(source)
        meta = meta_of(data)
        writer = _Writer(meta)
        target.write_bytes(writer.make(data[8:12]))
        return Work(
            structures=counted(writer.gone),
            secrets=tuple(writer.secrets),
            kept=tuple(writer.kept),
            tools=(own_tool(),),
        )

    def scan(self, target: Path, bench: Bench) -> Scan:
        return look(target, self.decoder)


class Avif(Heif):
    """AVIF still pictures."""

    name = "AVIF"
    decoder = Decoder("AVIF", every=True)


pi_heif.register_heif_opener()
