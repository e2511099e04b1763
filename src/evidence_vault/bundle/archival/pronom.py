"""PRONOM identifiers (PUID) of formats, as far as the content type alone settles them.

PRONOM numbers versions. Of a JPEG, PNG or PDF the archive records the type and not the version, so
these have no key here: a wrong key would be worse than none. The names are PRONOM's (release 109).
"""

from __future__ import annotations

PRONOM: dict[str, tuple[str, str]] = {
    "application/gzip": ("x-fmt/266", "GZIP Format"),
    "application/json": ("fmt/817", "JSON Data Interchange Format"),
    "application/mbox": ("fmt/720", "MBOX"),
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": (
        "fmt/215",
        "Microsoft Powerpoint for Windows",
    ),
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": (
        "fmt/214",
        "Microsoft Excel for Windows",
    ),
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": (
        "fmt/412",
        "Microsoft Word for Windows",
    ),
    "application/x-7z-compressed": ("fmt/484", "7Zip format"),
    "application/x-gzip": ("x-fmt/266", "GZIP Format"),
    "application/x-tar": ("x-fmt/265", "Tape Archive Format"),
    "application/zip": ("x-fmt/263", "ZIP Format"),
    "audio/mpeg": ("fmt/134", "MPEG 1/2 Audio Layer 3"),
    "audio/x-ms-wma": ("fmt/132", "Windows Media Audio"),
    "audio/x-wav": ("fmt/6", "Waveform Audio"),
    "image/heic": ("fmt/1101", "High Efficiency Image File Format"),
    "image/heif": ("fmt/1101", "High Efficiency Image File Format"),
    "image/jp2": ("x-fmt/392", "JP2 (JPEG 2000 part 1)"),
    "image/tiff": ("fmt/353", "Tagged Image File Format"),
    "message/rfc822": ("fmt/278", "Internet Message Format"),
    "text/csv": ("x-fmt/18", "Comma Separated Values"),
    "text/plain": ("x-fmt/111", "Plain Text File"),
    "video/3gpp": ("fmt/357", "3GPP Audio/Video File"),
    "video/mp4": ("fmt/199", "MPEG-4 Media File"),
    "video/quicktime": ("x-fmt/384", "Quicktime"),
    "video/webm": ("fmt/573", "WebM"),
    "video/x-ms-wmv": ("fmt/133", "Windows Media Video"),
    "video/x-msvideo": ("fmt/5", "Audio/Video Interleaved Format"),
}


def pronom_key(media_type: str) -> str | None:
    """The PUID, or None where the content type leaves it open."""
    found = PRONOM.get(media_type)
    return None if found is None else found[0]
