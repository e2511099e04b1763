"""Which module understands which kind of file. What is not here is never taken for clean."""

from __future__ import annotations

from importlib import import_module

from evidence_vault.capture.strip.model import Format, NotChecked

_HOME = "evidence_vault.capture.strip."

#: MIME type as :mod:`evidence_vault.capture.formats` tells it → module and class.
FORMATS: dict[str, tuple[str, str]] = {
    "image/avif": ("heif", "Avif"),
    "image/gif": ("gif", "Gif"),
    "image/heic": ("heif", "Heif"),
    "image/heif": ("heif", "Heif"),
    "image/jpeg": ("jpeg", "Jpeg"),
    "image/png": ("png", "Png"),
    "image/tiff": ("tiff", "Tiff"),
    "image/webp": ("webp", "Webp"),
    "image/x-tiff-big": ("tiff", "Tiff"),
    "audio/flac": ("flac", "Flac"),
    "audio/mp4": ("isomedia", "IsoMedia"),
    "audio/mpeg": ("mpegaudio", "MpegAudio"),
    "audio/ogg": ("ogg", "Ogg"),
    "audio/x-aiff": ("riff", "Aiff"),
    "audio/x-wav": ("riff", "Wav"),
    "video/3gpp": ("isomedia", "IsoMedia"),
    "video/3gpp2": ("isomedia", "IsoMedia"),
    "video/mp4": ("isomedia", "IsoMedia"),
    "video/quicktime": ("isomedia", "IsoMedia"),
    "video/x-m4v": ("isomedia", "IsoMedia"),
    "application/json": ("plaintext", "PlainText"),
    "application/pdf": ("pdf", "Pdf"),
    "application/zip": ("zipfolder", "ZipFolder"),
    "image/svg+xml": ("svg", "Svg"),
    "message/rfc822": ("mail", "Mail"),
    "text/csv": ("plaintext", "PlainText"),
    "text/plain": ("plaintext", "PlainText"),
    **{
        f"application/vnd.oasis.opendocument.{kind}": ("opendocument", "OpenDocument")
        for kind in ("text", "spreadsheet", "presentation", "graphics", "formula", "chart")
    },
    **{
        f"application/vnd.openxmlformats-officedocument.{kind}": ("ooxml", "OfficeOpenXml")
        for kind in (
            "wordprocessingml.document",
            "spreadsheetml.sheet",
            "presentationml.presentation",
        )
    },
}


def format_of(mime: str) -> Format:
    """The module for a kind of file; raises NotChecked when none understands it."""
    home = FORMATS.get(mime)
    if home is None:
        raise NotChecked(f"files of type {mime} are not understood, so nothing can be proved")
    found: Format = getattr(import_module(_HOME + home[0]), home[1])()
    return found
