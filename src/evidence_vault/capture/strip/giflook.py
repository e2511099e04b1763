"""The second look at copies of GIF files."""

from __future__ import annotations

import re
from pathlib import Path

from evidence_vault.capture.strip import looks
from evidence_vault.capture.strip.model import Scan
from evidence_vault.capture.strip.pictures import Decoder

_INFO = frozenset(
    ["version", "background", "transparency", "duration", "loop", "extension", "disposal"]
)
_CONTROL = re.compile(rb"\x21\xf9\x04....\x00", re.DOTALL)
_LOOP = re.compile(rb"\x21\xff\x0bNETSCAPE2\.0\x03\x01..\x00", re.DOTALL)


def look(target: Path, decoder: Decoder) -> Scan:
    """Pillow and a walk from block to block."""
    residues = gif_residues(target.read_bytes())
    residues += looks.pillow_residues(target, decoder, _INFO)
    with decoder.open(target) as picture:
        residues += ["comment"] if "comment" in picture.info else []
    return looks.scanned("GIF blocks", residues)


def gif_residues(data: bytes) -> list[str]:
    """Names of what has no place in a copy."""
    at = 13 + (3 * 2 ** ((data[10] & 7) + 1) if data[10] & 0x80 else 0)
    while at < len(data) and data[at] != 0x3B:
        if data[at] == 0x2C:
            flags = data[at + 9]
            at += 11 + (3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0)
            while at < len(data) and data[at]:
                at += data[at] + 1
            at += 1
            continue
        match = _CONTROL.match(data, at) or _LOOP.match(data, at)
        if match is None:
            return ["block that decoding does not need"]
        at = match.end()
    return ["bytes behind the picture"] if at + 1 != len(data) else []
