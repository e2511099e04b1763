"""The second look at copies of WebP files."""

from __future__ import annotations

from pathlib import Path

from evidence_vault.capture.strip import looks
from evidence_vault.capture.strip.model import Scan
from evidence_vault.capture.strip.pictures import Decoder

_INFO = frozenset(["icc_profile", "exif", "loop", "background", "timestamp", "duration"])


def look(target: Path, decoder: Decoder) -> Scan:
    """exifread, Pillow and a walk from chunk to chunk."""
    data = target.read_bytes()
    residues = webp_residues(data)
    residues += looks.exifread_residues(data)
    residues += looks.pillow_residues(target, decoder, _INFO)
    return looks.scanned("WebP chunks", residues)


def webp_residues(data: bytes) -> list[str]:
    """Names of what has no place in a copy."""
    if int.from_bytes(data[4:8], "little") + 8 != len(data):
        return ["bytes behind the picture"]
    return _chunks(data, 12, top=True)


def _chunks(data: bytes, at: int, top: bool) -> list[str]:
    residues: list[str] = []
    while at < len(data):
        kind = data[at : at + 4].decode("latin-1")
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        body = data[at + 8 : at + 8 + size]
        if size % 2 and data[at + 8 + size : at + 9 + size] != b"\0":
            residues.append("padding")
        at += 8 + size + size % 2
        if kind == "ICCP" and top:
            residues += looks.profile_residues(body)
        elif kind == "EXIF" and top:
            residues += looks.exif_residues(body)
        elif kind == "ANMF" and top:
            residues += _chunks(body, 16, top=False)
        elif kind == "VP8X" and top:
            residues += ["header"] if len(body) != 10 or body[1:4] != b"\0\0\0" else []
        elif kind not in ("VP8 ", "VP8L", "ALPH") and not (kind == "ANIM" and len(body) == 6):
            residues.append("chunk that decoding does not need")
    return residues
