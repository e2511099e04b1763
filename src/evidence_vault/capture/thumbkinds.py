"""Of what a thumbnail can be made, and by which decoder: told by content, one decoder each."""

from __future__ import annotations

PILLOW = {
    "image/jpeg": "JPEG",
    "image/png": "PNG",
    "image/gif": "GIF",
    "image/tiff": "TIFF",
    "image/webp": "WEBP",
    "image/bmp": "BMP",
    "image/jp2": "JPEG2000",
    "image/avif": "AVIF",
    "image/heic": "HEIF",
    "image/heif": "HEIF",
}
"""Pillow's name of the format, so that no other of its plugins is ever tried."""

DEMUXERS = {
    "video/mp4": "mov",
    "video/quicktime": "mov",
    "video/3gpp": "mov",
    "video/3gpp2": "mov",
    "video/x-m4v": "mov",
    "video/x-matroska": "matroska",
    "video/webm": "matroska",
    "video/x-msvideo": "avi",
    "video/mpeg": "mpeg",
    "video/m2ts": "mpegts",
    "video/x-flv": "flv",
    "video/x-ms-wmv": "asf",
    "video/ogg": "ogg",
}
"""ffmpeg's name of the format, likewise."""

PDF = "application/pdf"
KINDS = frozenset([*PILLOW, *DEMUXERS, PDF])

# How the process that decodes ends; anything else is a parser that gave up or died.
NO_PICTURE, NOT_DECODED, NO_TOOL = 64, 65, 66
