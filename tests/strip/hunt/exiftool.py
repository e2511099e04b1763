"""ExifTool's own look at an original and its copy, in one run for both.

What may be left is a short list of technical tags: how the content is coded and shown. Everything
else that ExifTool reads in a copy is a leak, known to it or not.
"""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

RUN = ["exiftool", "-json", "-l", "-a", "-ee3", "-u", "-G0:1:3:4", "-api", "LargeFileSupport=1"]
_NO_CONTENT = re.compile(r"(SourceFile|ExifTool:|File:System:)")


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag: ``group`` (``EXIF:IFD0``), its name, and the value as printed and as stored."""

    group: str
    name: str
    printed: str
    stored: str


def read(*paths: Path) -> list[list[Tag]]:
    """The tags of each file, without what the file system tells."""
    done = subprocess.run([*RUN, *map(str, paths)], capture_output=True, check=False)
    answers = {each["SourceFile"]: each for each in json.loads(done.stdout or b"[]")}
    return [_tags(answers.get(str(path), {})) for path in paths]


def _tags(answer: dict[str, object]) -> list[Tag]:
    found = []
    for key, value in answer.items():
        if _NO_CONTENT.match(key) or not isinstance(value, dict):
            continue
        *groups, name = key.split(":")
        group = ":".join(each for each in groups[:2])
        printed = value.get("val", "")
        found.append(Tag(group, name, _text(printed), _text(value.get("num", printed))))
    return found


def _text(value: object) -> str:
    if isinstance(value, list):
        return "\n".join(map(_text, value))
    return str(value)


#: What a copy may hold: group (any document, track or page of it), names, and the only values
#: allowed where the tag itself could tell something (None: any). ``*`` stands for parts of names.
TECHNICAL: tuple[tuple[str, str, str | None], ...] = (
    # what kind of file, how large, how it is coded
    (
        "File",
        "FileType FileTypeExtension MIMEType ImageWidth ImageHeight EncodingProcess BitsPerSample "
        "ColorComponents YCbCrSubSampling ExifByteOrder",
        None,
    ),
    ("Composite", "ImageSize Megapixels AvgBitrate AudioBitrate Rotation Duration", None),
    # texts: counts of lines and columns
    (
        "File",
        "ByteOrderMark MIMEEncoding Newlines LineCount WordCount RowCount ColumnCount "
        "Delimiter Quoting",
        None,
    ),
    # pictures
    ("JFIF", "JFIFVersion", "1.01"),
    ("JFIF", "ResolutionUnit", "None"),
    ("JFIF", "XResolution YResolution", None),
    ("APP14", "DCTEncodeVersion APP14Flags0 APP14Flags1 ColorTransform", None),
    (
        "EXIF",
        "Orientation ImageWidth ImageHeight BitsPerSample Compression PhotometricInterpretation "
        "FillOrder StripOffsets StripByteCounts RowsPerStrip SamplesPerPixel SampleFormat "
        "PlanarConfiguration Predictor ExtraSamples ColorMap TileWidth TileLength TileOffsets "
        "TileByteCounts JPEGTables YCbCrSubSampling YCbCrPositioning YCbCrCoefficients "
        "ReferenceBlackWhite T4Options T6Options SubfileType InkSet NumberofInks DotRange "
        "SMinSampleValue SMaxSampleValue WhitePoint PrimaryChromaticities TransferFunction",
        None,
    ),
    ("EXIF", "ColorSpace", "Uncalibrated"),
    ("EXIF", "InteropIndex", "R03 .*"),
    (
        "PNG",
        "ImageWidth ImageHeight BitDepth ColorType Compression Filter Interlace Gamma Palette "
        "Transparency BackgroundColor SignificantBits SRGBRendering PixelsPerUnit* PixelUnits "
        "WhitePoint* RedX RedY GreenX GreenY BlueX BlueY ColorPrimaries TransferCharacteristics "
        "MatrixCoefficients VideoFullRangeFlag AnimationFrames AnimationPlays",
        None,
    ),
    ("PNG", "ProfileName", "Profile"),
    (
        "GIF",
        "GIFVersion ImageWidth ImageHeight HasColorMap ColorResolutionDepth BitsPerPixel "
        "BackgroundColor FrameCount Duration AnimationIterations TransparentColor "
        "PixelAspectRatio",
        None,
    ),
    (
        "RIFF",
        "ImageWidth ImageHeight VP8Version HorizontalScale VerticalScale WebP_Flags AlphaIsUsed "
        "AlphaPreprocessing AlphaFiltering AlphaCompression AnimationLoopCount FrameCount "
        "BackgroundColor Duration Encoding NumChannels SampleRate AvgBytesPerSec BitsPerSample "
        "NumberOfSamples",
        None,
    ),
    ("SVG", "SVGVersion ImageWidth ImageHeight ViewBox Xmlns Enable-background", None),
    ("SVG", "Style", "[a-z:;-]+"),
    # colour profiles: numbers, and fixed words instead of texts
    ("ICC_Profile", "ProfileDateTime", "2000:01:01 00:00:00"),
    ("ICC_Profile", "ProfileDescription ProfileCopyright", "Profile"),
    ("ICC_Profile", "ProfileCreator ProfileCMMType DeviceManufacturer DeviceModel", " *"),
    ("ICC_Profile", "ProfileID", "0"),
    (
        "ICC_Profile",
        "ProfileVersion ProfileClass ColorSpaceData ProfileConnectionSpace ProfileFileSignature "
        "PrimaryPlatform CMMFlags DeviceAttributes RenderingIntent ConnectionSpaceIlluminant "
        "*MatrixColumn *TRC ChromaticAdaptation Luminance MediaBlackPoint MediaWhitePoint "
        "AToB* BToA* Gamut DToB* BToD* ColorPrimaries TransferCharacteristics "
        "MatrixCoefficients VideoFullRangeFlag",
        None,
    ),
    # sound and video
    ("QuickTime", "*CreateDate *ModifyDate", "0000:00:00 00:00:00"),
    (
        "QuickTime",
        "MajorBrand MinorVersion CompatibleBrands HandlerType HandlerClass MediaData* "
        "PrimaryItemReference Image* Source* Bit* Chroma* Color* Transfer* Matrix* *Flag *Flags "
        "AV1* HEVC* AVC* Average* Constant* General* GenProfile* MinSpatial* Num* Parallelism* "
        "Temporal* Seq* TwelveBit HighBitDepth Initial* Rotation Mirroring CleanAperture Pixel* "
        "Movie*Version Media*Version Track*Version *Duration *TimeScale Preferred* Preview* "
        "Poster* "
        "Selection* CurrentTime NextTrackID TrackID TrackLayer TrackVolume *LanguageCode "
        "CompressorID GraphicsMode OpColor Balance Audio* VideoFrameRate XResolution YResolution "
        "ChunkOffset* Composition* Sample* Sync* TimeToSample* Unknown_edts EditList* "
        "Unknown_esds Unknown_alac Unknown_mp4a PurchaseFileFormat IdependentAndDisposableSamples "
        "VideoFullRangeFlag VideoFieldOrder CleanAperture* Production* EncodedPixels*",
        None,
    ),
    ("QuickTime", "EncoderVendor", ""),
    ("QuickTime", "EncoderVersion", "0"),
    ("MPEG", "*", None),
    (
        "FLAC",
        "Block* Frame* SampleRate Channels BitsPerSample TotalSamples MD5Signature SeekTable",
        None,
    ),
    ("Vorbis", "VorbisVersion Audio* SampleRate *Bitrate", None),
    ("Vorbis", "Vendor", ""),
    ("Opus", "OpusVersion Audio* SampleRate OutputGain", None),
    ("AIFF", "NumChannels NumSampleFrames SampleSize SampleRate CompressionType Format*", None),
    # documents
    ("PDF", "PDFVersion Linearized PageCount PageLayout PageMode EmbeddedImage*", None),
    ("ZIP", "ZipRequiredVersion ZipBitFlag ZipCompression ZipCRC Zip*Size", None),
    ("ZIP", "ZipModifyDate", "1980:01:01 00:00:00"),
)
#: One profile in PDF files is left as it is, since readers know it by its bytes; it is the same in
#: millions of files. Only with exactly these words.
PUBLIC_PROFILE = {
    "ProfileDescription": "sRGB IEC61966-2.1",
    "ProfileCopyright": "Copyright (c) 1998 Hewlett-Packard Company",
    "ProfileDateTime": "1998:02:09 06:49:00",
    "ProfileCreator": "Hewlett-Packard",
    "ProfileCMMType": "Linotronic",
    "DeviceManufacturer": "Hewlett-Packard",
    "DeviceModel": "sRGB",
    "DeviceMfgDesc": "IEC http://www.iec.ch",
    "DeviceModelDesc": "IEC 61966-2.1 Default RGB colour space - sRGB",
    "ViewingCondDesc": "Reference Viewing Condition in IEC61966-2.1",
    "Technology": "Cathode Ray Tube Display",
}
_CONTENT = {
    "application/json": "JSON",  # its tags are the text itself, which is not touched
    "application/zip": "ZIP",  # names of files are the content of an archive
}
_PACKAGES = "application/vnd."  # names of members are looked at by the second parser


def left(tags: list[Tag], mime: str) -> list[str]:
    """Names of what is in a copy and is on no list."""
    content = {_CONTENT.get(mime, "")}
    names = {"ZipFileName"} if mime.startswith(_PACKAGES) else set()
    public = mime == "application/pdf" and _is_public(tags)
    found = set()
    for tag in tags:
        first = tag.group.split(":")[0]
        if first in content or (first == "ZIP" and tag.name in names) or is_technical(tag):
            continue
        if not (public and first == "ICC_Profile"):
            found.add(f"{tag.group}:{tag.name}")
    return sorted(found)


def _is_public(tags: list[Tag]) -> bool:
    told = {tag.name: tag.printed for tag in tags if tag.group.startswith("ICC_Profile")}
    return all(told.get(name) == value for name, value in PUBLIC_PROFILE.items())


def is_technical(tag: Tag) -> bool:
    """Whether a tag is on the list, with a value that the list allows."""
    first = tag.group.split(":")[0]
    for group, names, values in TECHNICAL:
        known = any(fnmatchcase(tag.name, name) for name in names.split())
        if group == first and known and (values is None or re.fullmatch(values, tag.printed)):
            return True
    return False
