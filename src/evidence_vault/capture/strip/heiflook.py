"""The second look at copies of HEIF files."""

from __future__ import annotations

from pathlib import Path

from evidence_vault.capture.strip import looks
from evidence_vault.capture.strip.model import Scan
from evidence_vault.capture.strip.pictures import Decoder

_INFO = frozenset(
    [
        "icc_profile",
        "icc_profile_type",
        "nclx_profile",
        "bit_depth",
        "metadata",
        "thumbnails",
        "depth_images",
        "aux",
        "xmp",
        "exif",
        "primary",
        "chroma",
        "original_orientation",
        "duration",
        "timestamp",
        "heif",
        "tiling",
    ]
)
_TREE = {
    "": ["ftyp", "meta", "mdat"],
    "meta": ["hdlr", "pitm", "iinf", "iref", "iprp", "iloc"],
    "iprp": ["ipco", "ipma"],
    "ipco": [
        "hvcC",
        "av1C",
        "ispe",
        "pixi",
        "irot",
        "imir",
        "clap",
        "pasp",
        "clli",
        "mdcv",
        "cclv",
        "a1op",
        "a1lx",
        "lsel",
        "colr",
        "auxC",
    ],
    "iinf": ["infe"],
    "iref": ["dimg", "auxl", "prem"],
}
_SKIP = {"meta": 4, "iinf": 8, "iref": 4}


def look(target: Path, decoder: Decoder) -> Scan:
    """exifread, the decoder's own list of metadata, and a walk from box to box."""
    data = target.read_bytes()
    residues = _boxes(data, "")
    if b"Exif" in data[:65536] or b"mime" in data[:65536]:
        residues.append("item that is no picture")
    residues += looks.exifread_residues(data)
    info = decoder.info(target)
    for name in ("xmp", "exif", "metadata", "thumbnails", "depth_images", "aux"):
        residues += [f"{name} that the decoder finds"] if info.get(name) else []
    residues += ["a part that the decoder tells of"] if set(info) - _INFO else []
    return looks.scanned("HEIF boxes", residues)


def _boxes(data: bytes, parent: str) -> list[str]:
    residues: list[str] = []
    at = _SKIP.get(parent, 0)
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        kind = data[at + 4 : at + 8].decode("latin-1")
        body = data[at + 8 : at + size]
        if size < 8 or kind not in _TREE[parent]:
            return [*residues, "box that decoding does not need"]
        if kind in _TREE:
            residues += _boxes(body, kind)
        elif kind == "infe" and (len(body) != 15 or body[14]):
            residues.append("name of an item")
        elif kind == "hdlr" and body[12:].strip(b"\0"):
            residues.append("name of the handler")
        elif kind == "colr" and body[:4] == b"prof":
            residues += looks.profile_residues(body[4:])
        at += size
    return residues + ([] if at == len(data) else ["bytes behind the last box"])
