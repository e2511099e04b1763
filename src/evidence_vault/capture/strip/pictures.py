"""What all picture formats share: a fresh EXIF block, frames compared, what may be told of parts.

A copy of a picture is written from nothing: only those parts of the original go into it that a
decoder needs, and coded picture data goes in byte for byte.
"""

from __future__ import annotations

import hashlib
import struct
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from math import gcd
from pathlib import Path
from typing import Any

import PIL
from PIL import Image, ImageSequence

from evidence_vault.capture.strip.bench import Bench
from evidence_vault.capture.strip.icc import same_colours
from evidence_vault.capture.strip.model import Comparison, NotChecked, ToolUse, View

MAX_PIXELS = 200_000_000
"""Pixels of one picture; a larger one is not decoded, so nothing is proved of it."""

MAX_FRAMES = 2_000
MAX_SIZE = 512 * 1024 * 1024
"""Bytes of a picture file that is looked at."""

OWN_TOOL = "evidence-vault"
SHAPE = "size of the picture or how it is coded"
COLOURS = "the colours would change; its texts, dates and names of devices are replaced"
ORIENTATION = "the picture would lie on its side"

#: What Pillow tells of a picture without which it would look or move differently.
_LOOKS = ("transparency", "background", "duration", "loop", "disposal", "blend", "gamma", "srgb")


def read(path: Path) -> bytes:
    """A whole file; raises NotChecked if it is too large to be looked at."""
    if path.stat().st_size > MAX_SIZE:
        raise NotChecked(f"a picture file of more than {MAX_SIZE} bytes is not looked at")
    return path.read_bytes()


def own_tool() -> ToolUse:
    """The program's own writer, as a report names it."""
    from evidence_vault import __version__

    return ToolUse(OWN_TOOL, __version__, ("keep only what decoding needs",))


def counted(names: Iterable[str]) -> tuple[str, ...]:
    """Removed parts by name, each once, with how often if more than once."""
    return tuple(
        name if count == 1 else f"{name} ({count} times)"
        for name, count in sorted(Counter(names).items())
    )


def ratio(x: int, y: int) -> tuple[int, int]:
    """The shape of a pixel in its lowest terms, (1, 1) if it is square or nonsense."""
    if x <= 0 or y <= 0 or x == y:
        return 1, 1
    common = gcd(x, y)
    return x // common, y // common


# -- EXIF ----------------------------------------------------------------------------------------


def fresh_exif(orientation: int, adobe_rgb: bool) -> bytes:
    """A TIFF block with nothing but orientation (1-8) and the DCF colour space; empty if neither.

    EXIF 2.32, 4.6: big-endian, one IFD and what it needs to say ``R03`` (Adobe RGB).
    """
    entries = []
    if 2 <= orientation <= 8:
        entries.append(struct.pack(">HHIHH", 0x0112, 3, 1, orientation, 0))
    if adobe_rgb:
        entries.append(struct.pack(">HHII", 0x8769, 4, 1, 8 + 2 + 12 * (len(entries) + 1) + 4))
    if not entries:
        return b""
    block = b"MM\0*" + struct.pack(">IH", 8, len(entries)) + b"".join(entries) + bytes(4)
    if adobe_rgb:
        inner = len(block) + 2 + 24 + 4
        block += struct.pack(">HHHIHHHHIII", 2, 0xA001, 3, 1, 0xFFFF, 0, 0xA005, 4, 1, inner, 0)
        block += struct.pack(">HHHI4sI", 1, 0x0001, 2, 4, b"R03\0", 0)
    return block


#: All EXIF blocks that a copy may hold.
FRESH_EXIFS = frozenset(
    fresh_exif(orientation, adobe) for orientation in range(1, 9) for adobe in (False, True)
)


def exif_facts(block: bytes) -> tuple[int, bool]:
    """(orientation, whether its colours are DCF's Adobe RGB) of an EXIF block in TIFF form.

    Nonsense gives (1, False): no viewer turns a picture by it either.
    """
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None or len(block) < 8:
        return 1, False
    first = _entries(block, order, struct.unpack_from(f"{order}I", block, 4)[0])
    orientation = _short(first.get(0x0112), order)
    inner = _entries(block, order, _long(first.get(0x8769), order))
    inter = _entries(block, order, _long(inner.get(0xA005), order))
    adobe = inter.get(0x0001, b"")[8:11] == b"R03" and _short(inner.get(0xA001), order) != 1
    return orientation if 1 <= orientation <= 8 else 1, adobe


def _entries(block: bytes, order: str, offset: int) -> dict[int, bytes]:
    if not 8 <= offset <= len(block) - 2:
        return {}
    (count,) = struct.unpack_from(f"{order}H", block, offset)
    found: dict[int, bytes] = {}
    for at in range(offset + 2, min(offset + 2 + 12 * count, len(block) - 11), 12):
        entry = block[at : at + 12]
        found.setdefault(struct.unpack_from(f"{order}H", entry)[0], entry)
    return found


def _short(entry: bytes | None, order: str) -> int:
    if entry is None or struct.unpack_from(f"{order}H", entry, 2)[0] != 3:
        return 0
    return int(struct.unpack_from(f"{order}H", entry, 8)[0])


def _long(entry: bytes | None, order: str) -> int:
    return 0 if entry is None else int(struct.unpack_from(f"{order}I", entry, 8)[0])


# -- decoding --------------------------------------------------------------------------------------


def frames(picture: Image.Image, every: bool) -> Iterator[tuple[str, ...]]:
    """(mode, size, digest of the raw samples, how it is shown) of each frame.

    ``every``: all frames or only the first. Orientation and colour profile are not applied.
    """
    for number, frame in enumerate(ImageSequence.Iterator(picture) if every else [picture]):
        if number >= MAX_FRAMES:
            raise NotChecked(f"more than {MAX_FRAMES} frames are not decoded")
        frame.load()
        palette = bytes(frame.getpalette("RGBA") or ()) if frame.mode == "P" else b""
        digest = hashlib.sha256(palette)
        digest.update(frame.tobytes())
        looks = repr([(key, frame.info.get(key)) for key in _LOOKS])
        yield frame.mode, f"{frame.width}x{frame.height}", digest.hexdigest(), looks


class Decoder:
    """Opens pictures with one plugin of Pillow and nothing else."""

    def __init__(self, *plugins: str, every: bool = True) -> None:
        self.plugins = plugins
        self.every = every
        self.by = f"Pillow {PIL.__version__}"

    def open(self, path: Path) -> Image.Image:
        """A picture, not decoded yet; raises what the plugin raises, and for bombs, too."""
        Image.MAX_IMAGE_PIXELS = MAX_PIXELS
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return Image.open(path, formats=self.plugins)

    def decode(self, path: Path) -> tuple[list[tuple[str, ...]], bytes]:
        """(all frames, colour profile); raises NotChecked for what does not decode wholly."""
        try:
            with self.open(path) as picture, warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = list(self.chosen(picture))
                return found, picture.info.get("icc_profile") or b""
        except NotChecked:
            raise
        except Exception as error:  # hostile input: Pillow may raise anything
            raise NotChecked(f"Pillow can't decode it ({type(error).__name__})") from error

    def chosen(self, picture: Image.Image) -> Iterator[tuple[str, ...]]:
        """The frames that are compared."""
        return frames(picture, self.every)

    def info(self, path: Path) -> dict[str, Any]:
        """What Pillow tells of a picture besides its pixels."""
        try:
            with self.open(path) as picture, warnings.catch_warnings():
                warnings.simplefilter("ignore")
                picture.load()
                return {str(key): value for key, value in picture.info.items()}
        except Exception as error:  # hostile input: Pillow may raise anything
            raise NotChecked(f"Pillow can't decode it ({type(error).__name__})") from error

    def compare(self, source: Path, target: Path) -> Comparison:
        """All frames of both, and what their colour profiles do to colours."""
        method = f"decoded by {self.by}, samples before colour management"
        try:
            before, profile = self.decode(source)
        except NotChecked as why:
            return Comparison("not-comparable", method, str(why))
        after, neutral = self.decode(target)
        sizes = Counter(f"{frame[1]} {frame[0]}" for frame in after)
        what = ", ".join(f"{count} of {size}" for size, count in sorted(sizes.items()))
        if before != after:
            return Comparison("no", method, f"frames: {what}")
        if not same_colours(profile, neutral):
            return Comparison("no", method, f"frames: {what}; the colour profile differs")
        return Comparison("yes", method, f"frames: {what}")


class PictureFormat:
    """What formats of pictures have in common; they add ``strip`` and ``scan``."""

    name = "picture"
    decoder = Decoder()
    tags: frozenset[str] = frozenset()
    """``Group0:Name`` of tags that say how the picture is coded."""

    def compare(self, source: Path, target: Path, bench: Bench) -> Comparison:
        return self.decoder.compare(source, target)

    def views(self, path: Path, bench: Bench) -> Iterator[View]:
        """Nothing in a copy is hidden from a search of its bytes, unless a format says so."""
        yield from ()

    def visible_text(self, source: Path, bench: Bench) -> str:
        return ""

    def may_stay(self, tag: str) -> str | None:
        groups = tag.split(":")
        outer, name = groups[0], groups[-1]
        if outer == "ICC_Profile":
            return COLOURS
        if outer == "EXIF" and name == "Orientation":
            return ORIENTATION
        if tag in ("EXIF:ExifIFD:ColorSpace", "EXIF:InteropIFD:InteropIndex"):
            return COLOURS
        if outer == "EXIF" and name == "ExifByteOrder":
            return SHAPE
        return SHAPE if f"{outer}:{name}" in self.tags else None
