"""The second look at copies of TIFF files."""

from __future__ import annotations

from pathlib import Path

from evidence_vault.capture.strip import looks
from evidence_vault.capture.strip.model import Scan
from evidence_vault.capture.strip.pictures import Decoder

_INFO = frozenset(["compression", "dpi", "resolution", "icc_profile", "transparency"])
_SIZES = {1: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 16: 8}
_MAY = frozenset(
    [
        *range(256, 260),
        262,
        263,
        266,
        273,
        274,
        *range(277, 285),
        290,
        291,
        292,
        293,
        296,
        301,
        *range(317, 321),
        *range(322, 326),
        *range(338, 343),
        347,
        *range(529, 533),
        34675,
    ]
)


def look(target: Path, decoder: Decoder) -> Scan:
    """exifread (TIFF), Pillow and a walk over every byte of the file."""
    data = target.read_bytes()
    residues = tiff_residues(data)
    residues += _exifread(data)
    info = set(map(str, decoder.info(target))) - _INFO
    residues += ["a part that Pillow tells of"] if info else []
    residues += _pillow(target, decoder)
    return looks.scanned("TIFF directories", residues)


def _exifread(data: bytes) -> list[str]:
    """Tags that exifread sorts under EXIF, GPS, maker notes or a thumbnail."""
    return [
        f"tag of {name.split()[0]}"
        for name in looks.exifread_tags(data)
        if not name.startswith(("Image ", "Thumbnail ", "IFD ")) or name.startswith("JPEGThumbnail")
    ]


def _pillow(target: Path, decoder: Decoder) -> list[str]:
    with decoder.open(target) as picture:
        for number in range(getattr(picture, "n_frames", 1)):
            picture.seek(number)
            if set(getattr(picture, "tag_v2", {})) - _MAY:
                return ["tag that Pillow finds"]
    return []


def tiff_residues(data: bytes) -> list[str]:
    """Names of what has no place in a copy: tags, and bytes that no page accounts for."""
    order = "little" if data[:2] == b"II" else "big"
    wide = data[2:4] in (b"+\0", b"\0+")
    step, head, entry = (8, 8, 20) if wide else (4, 2, 12)

    def number(at: int, size: int) -> int:
        # Order is big or little.
        return int.from_bytes(data[at : at + size], order)  # type: ignore[arg-type]

    seen = bytearray(len(data))
    seen[: 16 if wide else 8] = b"\1" * (16 if wide else 8)
    residues: list[str] = []
    offset = number(step, step)
    while offset:
        tags: dict[int, tuple[int, int, int]] = {}
        count = number(offset, head)
        end = offset + head + entry * count + step
        seen[offset:end] = b"\1" * (end - offset)
        for at in range(offset + head, end - step, entry):
            tag, kind, values = number(at, 2), number(at + 2, 2), number(at + 4, step)
            size = _SIZES.get(kind, 0) * values
            place = number(at + 4 + step, step) if size > step else at + 4 + step
            residues += [] if tag in _MAY and size else ["tag that decoding does not need"]
            seen[place : place + size] = b"\1" * size
            if size < step and number(at + 4 + step + size, step - size):
                residues.append("bytes behind a tag's value")
            tags[tag] = (place, _SIZES.get(kind, 0), values)
            if tag == 34675:
                residues += looks.profile_residues(data[place : place + size])
        for starts, sizes in ((273, 279), (324, 325)):
            if starts in tags and sizes in tags:
                (a, wa, n), (b, wb, _) = tags[starts], tags[sizes]
                for i in range(n):
                    start, size = number(a + i * wa, wa), number(b + i * wb, wb)
                    seen[start : start + size] = b"\1" * size
        offset = number(end - step, step)
    if any(byte and not mark for byte, mark in zip(data, seen, strict=True)):
        residues.append("bytes that belong to no page")
    return residues
