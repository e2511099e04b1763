"""Decoded content once more, by another decoder than the one the engine uses where there is one.

Pictures: ffmpeg's own decoders (Pillow and libheif made the engine's comparison). PDF: the text
that Poppler reads. Sound and video: ffmpeg again, run apart from the engine, since nothing else
decodes all of them. Spreadsheets: openpyxl's values.
"""

from __future__ import annotations

import io
import re
import subprocess
from pathlib import Path

import openpyxl

SAME, DIFFERENT, NONE = "same", "different", "no other decoder"
_BLOCK = re.compile(rb"^#.*$", re.MULTILINE)


def compare(original: Path, copy: Path, mime: str) -> tuple[str, str]:
    """(decoder, one of the three outcomes)."""
    if mime.startswith("image/") and "svg" not in mime:
        return "ffmpeg", _same(_frames(original), _frames(copy))
    if mime.startswith(("audio/", "video/")):
        return "ffmpeg", _same(_frames(original), _frames(copy))
    if mime == "application/pdf":
        return "pdftotext", _same(_pdf_text(original), _pdf_text(copy))
    if mime.endswith("spreadsheetml.sheet"):
        return "openpyxl", _same(_cells(original), _cells(copy))
    if mime.startswith("text/") or mime == "application/json":
        return "bytes", _same(original.read_bytes(), copy.read_bytes())
    return "", NONE


def _same(one: object, two: object) -> str:
    if one is None or two is None:
        return NONE
    return SAME if one == two else DIFFERENT


def _frames(path: Path) -> bytes | None:
    """Digests of all pictures and blocks of sound; None where ffmpeg decodes nothing."""
    run = ["ffmpeg", "-nostdin", "-v", "quiet", "-noautorotate", "-i", str(path), "-map", "0:V?"]
    done = subprocess.run(
        [*run, "-map", "0:a?", "-fps_mode", "passthrough", "-f", "framemd5", "-"],
        capture_output=True,
        check=False,
    )
    rows = _BLOCK.sub(b"", done.stdout).strip()
    return rows or None


def _pdf_text(path: Path) -> list[str] | None:
    done = subprocess.run(
        ["pdftotext", "-layout", str(path), "-"], capture_output=True, check=False
    )
    return done.stdout.decode("utf-8", "replace").split() if done.returncode == 0 else None


def _cells(path: Path) -> list[object] | None:
    try:
        data = io.BytesIO(path.read_bytes())
        book = openpyxl.load_workbook(data, data_only=True)
        return [
            [sheet.title, [[cell.value for cell in row] for row in sheet.iter_rows()]]
            for sheet in book.worksheets
        ]
    except Exception:  # hostile input; None is told as not compared
        return None
