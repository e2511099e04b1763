"""The table of signatures: bytes at a fixed place that name a format."""

from __future__ import annotations

from typing import NamedTuple

#: MIME type, extension for an exported copy, name to show.
Kind = tuple[str, str, str]


class Format(NamedTuple):
    """What a file is. ``extension`` is lower-case ASCII, ``bin`` if unknown.

    ``basis``: ``signature`` (bytes at a fixed place), ``structure`` (a closer look inside),
    ``text`` (nothing but readable text), ``size`` (empty) or ``unknown``.
    """

    mime: str
    extension: str
    name: str
    basis: str


JPEG: Kind = ("image/jpeg", "jpg", "JPEG")
TIFF: Kind = ("image/tiff", "tif", "TIFF")
RIFF: Kind = ("application/x-riff", "riff", "RIFF")
FORM: Kind = ("application/x-iff", "iff", "IFF")
OLE: Kind = ("application/x-ole-storage", "ole", "OLE compound file")
ZIP: Kind = ("application/zip", "zip", "ZIP")
OGG: Kind = ("audio/ogg", "ogg", "Ogg")
EBML: Kind = ("video/x-matroska", "mkv", "Matroska")
ASF: Kind = ("video/x-ms-asf", "asf", "ASF")
ISOM: Kind = ("video/mp4", "mp4", "ISO media")
MP3: Kind = ("audio/mpeg", "mp3", "MP3")
PHOTOSHOP: Kind = ("image/vnd.adobe.photoshop", "psd", "Photoshop")
ICC: Kind = ("application/vnd.iccprofile", "icc", "ICC profile")

_AT_START: list[tuple[bytes, Kind]] = [
    (b"\xff\xd8\xff", JPEG),
    (b"\x89PNG\r\n\x1a\n", ("image/png", "png", "PNG")),
    (b"\x8aMNG\r\n\x1a\n", ("video/x-mng", "mng", "MNG")),
    (b"\x8bJNG\r\n\x1a\n", ("image/x-jng", "jng", "JNG")),
    (b"GIF87a", ("image/gif", "gif", "GIF")),
    (b"GIF89a", ("image/gif", "gif", "GIF")),
    (b"II*\0", TIFF),
    (b"MM\0*", TIFF),
    (b"II+\0", ("image/x-tiff-big", "tif", "BigTIFF")),
    (b"MM\0+", ("image/x-tiff-big", "tif", "BigTIFF")),
    (b"IIU\0", ("image/x-panasonic-rw2", "rw2", "Panasonic RW2")),
    (b"IIRO", ("image/x-olympus-orf", "orf", "Olympus ORF")),
    (b"IIRS", ("image/x-olympus-orf", "orf", "Olympus ORF")),
    (b"MMOR", ("image/x-olympus-orf", "orf", "Olympus ORF")),
    (b"II\xbc\x01", ("image/vnd.ms-photo", "jxr", "JPEG XR")),
    (b"FUJIFILMCCD-RAW", ("image/x-fujifilm-raf", "raf", "Fujifilm RAF")),
    (b"FOVb", ("image/x-sigma-x3f", "x3f", "Sigma X3F")),
    (b"\0MRM", ("image/x-minolta-mrw", "mrw", "Minolta MRW")),
    (b"\0MRI", ("image/x-minolta-mrw", "mrw", "Minolta MRW")),
    (b"\x89LFP\r\n\x1a\n", ("image/x-lytro-lfp", "lfp", "Lytro LFP")),
    (b"\0\0\0\x0cjP  \r\n\x87\n", ("image/jp2", "jp2", "JPEG 2000")),
    (b"\0\0\0\x0cjP\x1a\x1a\r\n\x87\n", ("image/jp2", "jp2", "JPEG 2000")),
    (b"\xff\x4f\xff\x51\0", ("image/x-j2c", "j2c", "JPEG 2000 codestream")),
    (b"\0\0\0\x0cJXL \r\n\x87\n", ("image/jxl", "jxl", "JPEG XL")),
    (b"\xff\x0a", ("image/jxl", "jxl", "JPEG XL codestream")),
    (b"8BPS", PHOTOSHOP),
    (b"FLIF", ("image/flif", "flif", "FLIF")),
    (b"BPG\xfb", ("image/bpg", "bpg", "BPG")),
    (b"PGF", ("image/pgf", "pgf", "PGF")),
    (b"gimp xcf ", ("image/x-xcf", "xcf", "GIMP")),
    (b"v/1\x01", ("image/x-exr", "exr", "OpenEXR")),
    (b"#?RADIANCE", ("image/vnd.radiance", "hdr", "Radiance HDR")),
    (b"SDPX", ("image/x-dpx", "dpx", "DPX")),
    (b"XPDS", ("image/x-dpx", "dpx", "DPX")),
    (b"SIMPLE  =", ("image/fits", "fits", "FITS")),
    (b"AT&TFORM", ("image/vnd.djvu", "djvu", "DjVu")),
    (b"Paint Shop Pro Image File\n\x1a", ("image/x-paintshoppro", "psp", "Paint Shop Pro")),
    (b"\0\0\x01\0", ("image/x-icon", "ico", "Icon")),
    (b"\0\0\x02\0", ("image/x-icon", "cur", "Cursor")),
    (b"id=ImageMagick", ("application/x-magick-image", "miff", "ImageMagick MIFF")),
    (b"ZISRAWFILE", ("image/x-zeiss-czi", "czi", "Zeiss CZI")),
    (b"FPF Public Image Format\0", ("image/x-flir-fpf", "fpf", "FLIR")),
    (b"\xff\x01Exiv2", ("image/x-exv", "exv", "Exiv2 metadata")),
    (b"~\x10\x04", ("image/x-mie-jpeg", "mie", "MIE")),
    (b"~\x18\x04", ("image/x-mie-jpeg", "mie", "MIE")),
    (b"%PDF-", ("application/pdf", "pdf", "PDF")),
    (b"%!PS", ("application/postscript", "ps", "PostScript")),
    (b"%!Ado", ("application/postscript", "ps", "PostScript")),
    (b"\xc5\xd0\xd3\xc6", ("application/postscript", "eps", "EPS with preview")),
    (b"{\\rtf", ("text/rtf", "rtf", "Rich Text")),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", OLE),
    (b"\x31\xbe\0\0\0\xab", ("application/x-mswrite", "wri", "Windows Write")),
    (b"PK\x03\x04", ZIP),
    (b"PK\x05\x06", ZIP),
    (b"PK\x07\x08PK", ("application/x-zip-part", "zip", "part of a split ZIP")),
    (b"7z\xbc\xaf\x27\x1c", ("application/x-7z-compressed", "7z", "7-Zip")),
    (b"Rar!\x1a\x07", ("application/x-rar-compressed", "rar", "RAR")),
    (b"\x1f\x8b\x08", ("application/x-gzip", "gz", "gzip")),
    (b"BZh", ("application/bzip2", "bz2", "bzip2")),
    (b"\xfd7zXZ\0", ("application/x-xz", "xz", "xz")),
    (b"\x28\xb5\x2f\xfd", ("application/zstd", "zst", "Zstandard")),
    (b"\x04\x22\x4d\x18", ("application/x-lz4", "lz4", "LZ4")),
    (b"MSCF\0\0\0\0", ("application/vnd.ms-cab-compressed", "cab", "CAB")),
    (b"xar!\0", ("application/x-xar", "xar", "XAR")),
    (b"WARC/", ("application/warc", "warc", "WARC")),
    (b"SQLite format 3\0", ("application/vnd.sqlite3", "sqlite", "SQLite")),
    (b"age-encryption.org/v1\n", ("application/age-encryption", "age", "age encrypted file")),
    (b"-----BEGIN AGE ENCRYPTED FILE-----", ("application/age-encryption", "age", "age, armoured")),
    (b"-----BEGIN PGP ", ("application/pgp", "asc", "OpenPGP, armoured")),
    (b"-----BEGIN ", ("application/x-pem-file", "pem", "PEM")),
    (b"\x7fELF", ("application/x-elf", "elf", "ELF program")),
    (b"\0\x05\x16\x07", ("application/applefile", "bin", "AppleDouble")),
    (b"\0\x05\x16\x00", ("application/applefile", "bin", "AppleSingle")),
    (b"bplist0", ("application/x-plist", "plist", "property list")),
    (b"fLaC", ("audio/flac", "flac", "FLAC")),
    (b"OggS", OGG),
    (b"ID3", MP3),
    (b"MAC ", ("audio/x-monkeys-audio", "ape", "Monkey's Audio")),
    (b"MP+", ("audio/x-musepack", "mpc", "Musepack")),
    (b"MPCK", ("audio/x-musepack", "mpc", "Musepack")),
    (b"wvpk", ("audio/x-wavpack", "wv", "WavPack")),
    (b"DSD ", ("audio/x-dsf", "dsf", "DSF")),
    (b"#!AMR", ("audio/amr", "amr", "AMR")),
    (b"\x02dss", ("audio/x-dss", "dss", "Olympus DSS")),
    (b"\x03dss", ("audio/x-dss", "dss", "Olympus DSS")),
    (b"\x03ds2", ("audio/x-ds2", "ds2", "Olympus DS2")),
    (b"caff\0", ("audio/x-caf", "caf", "Core Audio")),
    (b".snd", ("audio/basic", "au", "AU")),
    (b"MThd", ("audio/midi", "mid", "MIDI")),
    (b"ADIF", ("audio/aac", "aac", "AAC")),
    (b"RIFF", RIFF),
    (b"RF64", RIFF),
    (b"FORM", FORM),
    (b"\x1a\x45\xdf\xa3", EBML),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\0\xaa\0\x62\xce\x6c", ASF),
    (b"\xb7\xd8\0\x20\x37\x49\xda\x11\xa6\x4e\0\x07\xe9\x5e\xad\x8d",
     ("video/x-ms-wtv", "wtv", "Windows recorded TV")),
    (b"FLV\x01", ("video/x-flv", "flv", "Flash video")),
    (b"FWS", ("application/x-shockwave-flash", "swf", "Flash")),
    (b"CWS", ("application/x-shockwave-flash", "swf", "Flash")),
    (b"\0\0\x01\xba", ("video/mpeg", "mpg", "MPEG program stream")),
    (b"\0\0\x01\xb3", ("video/mpeg", "mpg", "MPEG video")),
    (b"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02", ("application/mxf", "mxf", "MXF")),
    (b"\x1f\x07\0", ("video/x-dv", "dv", "DV")),
    (b"\x3f\x07\0", ("video/x-dv", "dv", "DV")),
    (b"DEVC", ("application/x-gpmf", "gpmf", "GoPro telemetry")),
    (b".RMF", ("application/vnd.rn-realmedia", "rm", "RealMedia")),
    (b".ra\xfd", ("audio/x-pn-realaudio", "ra", "RealAudio")),
    (b"\x06\x06\xed\xf5\xd8\x1d\x46\xe5\xbd\x31\xef\xe7\xfe\x74\xb7\x1d",
     ("application/x-indesign", "indd", "InDesign")),
    (b"CANON OPTIONAL DATA\0", ("application/octet-stream", "vrd", "Canon recipe")),
    (b"IIII\x04\0\x04\0", ("application/octet-stream", "dr4", "Canon recipe")),
    (b"V6\0\0", ("application/octet-stream", "moi", "MOI camcorder data")),
    (b"BEGIN:VCARD", ("text/vcard", "vcf", "vCard")),
    (b"BEGIN:VCALENDAR", ("text/calendar", "ics", "iCalendar")),
    (b"From ", ("application/mbox", "mbox", "mailbox")),
]  # fmt: skip

#: Signatures that do not stand at the first byte: offset, bytes, kind.
REST: list[tuple[int, bytes, Kind]] = [
    (4, b"ftyp", ISOM),
    (4, b"moov", ("video/quicktime", "mov", "QuickTime")),
    (4, b"mdat", ("video/quicktime", "mov", "QuickTime")),
    (4, b"wide", ("video/quicktime", "mov", "QuickTime")),
    (4, b"free", ("video/quicktime", "mov", "QuickTime")),
    (4, b"skip", ("video/quicktime", "mov", "QuickTime")),
    (4, b"pnot", ("video/quicktime", "mov", "QuickTime")),
    (4, b"jumb", ("application/c2pa", "c2pa", "C2PA manifest")),
    (4, b"itch", ("application/itunes", "itc", "iTunes artwork")),
    (4, b"RED1", ("video/x-red-r3d", "r3d", "RED R3D")),
    (4, b"RED2", ("video/x-red-r3d", "r3d", "RED R3D")),
    (6, b"HEAPCC", ("image/x-canon-crw", "crw", "Canon CRW")),
    (36, b"acsp", ICC),
    (60, b"BOOKMOBI", ("application/x-mobipocket-ebook", "mobi", "Mobipocket")),
    (128, b"DICM", ("application/dicom", "dcm", "DICOM")),
    (208, b"MAP ", ("image/x-mrc", "mrc", "MRC")),
    (257, b"ustar", ("application/x-tar", "tar", "tar")),
    (522, b"\x11\x01", ("image/pict", "pict", "PICT")),
    (522, b"\0\x11\x02\xff", ("image/pict", "pict", "PICT")),
    (2048, b"PCD_IPI", ("image/x-photo-cd", "pcd", "Photo CD")),
]


def _by_first_byte() -> dict[int, tuple[tuple[bytes, Kind], ...]]:
    found: dict[int, list[tuple[bytes, Kind]]] = {}
    for signature, kind in _AT_START:
        found.setdefault(signature[0], []).append((signature, kind))
    return {
        first: tuple(sorted(kinds, key=lambda pair: -len(pair[0])))  # the longest decides
        for first, kinds in found.items()
    }


#: Signatures at the first byte, by that byte, the longest first.
PREFIXES = _by_first_byte()
