"""The process in which one hostile file becomes a small picture: a job comes in, a JPEG goes out.

The job is a JSON object: ``source`` and ``folder`` are paths, ``side`` and ``quality`` numbers.
What goes to standard output is one JPEG with nothing but pixels; without one the status says why.
The limits around this process are the parent's (:mod:`evidence_vault.capture.confine`).
"""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path
from typing import cast

from PIL import Image, ImageOps

from evidence_vault.capture.formats import HEAD_SIZE, TAIL_SIZE, identify
from evidence_vault.capture.thumbkinds import (
    DEMUXERS,
    NO_PICTURE,
    NO_TOOL,
    NOT_DECODED,
    PDF,
    PILLOW,
)

MAX_PIXELS = 200_000_000
_FRAMES = 24
_WHITE = (255, 255, 255)


def main() -> None:
    """Do the one job."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    job = json.loads(sys.stdin.buffer.read())
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    warnings.simplefilter("ignore")
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    source, side = Path(job["source"]), job["side"]
    try:
        jpeg = encode(decode(source, Path(job["folder"]), side), side, job["quality"])
    except Exception:  # hostile input: parsers may raise anything
        sys.exit(NOT_DECODED)
    with answers:
        answers.write(jpeg)


def decode(source: Path, folder: Path, side: int) -> Image.Image:
    """The one picture that stands for a file, the right way up, at least ``side`` where it is."""
    mime = _mime(source)
    if mime in PILLOW:
        return _picture(source, PILLOW[mime], side)
    if mime in DEMUXERS:
        return _frame(source, folder, DEMUXERS[mime], side)
    if mime == PDF:
        return _first_page(source, side)
    sys.exit(NO_PICTURE)


def encode(picture: Image.Image, side: int, quality: int) -> bytes:
    """A JPEG made of pixels alone: what else the picture carried is left behind."""
    small = _flat(picture)
    small.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=2.0)
    bare = Image.frombytes("RGB", small.size, small.tobytes())
    out = io.BytesIO()
    bare.save(out, "JPEG", quality=quality)
    return out.getvalue()


def _mime(source: Path) -> str:
    size = source.stat().st_size
    with source.open("rb") as stream:
        head = stream.read(HEAD_SIZE)
        stream.seek(max(0, size - TAIL_SIZE))
        return identify(head, stream.read(TAIL_SIZE), size).mime


def _picture(source: Path, plugin: str, side: int) -> Image.Image:
    """Of several frames the first. libheif turns a picture by itself; elsewhere a flag says how."""
    if plugin == "HEIF":
        import pi_heif

        pi_heif.register_heif_opener()
    picture = Image.open(source, formats=(plugin,))
    picture.draft("RGB", (2 * side, 2 * side))  # JPEG: no more of it is decoded than needed
    picture.load()
    return ImageOps.exif_transpose(picture)


def _flat(picture: Image.Image) -> Image.Image:
    """Eight bits of red, green and blue; what is transparent becomes white."""
    if picture.mode.startswith("I") or picture.mode == "F":
        wide = picture.convert("F")
        low, high = cast("tuple[float, float]", wide.getextrema())
        factor = 255 / ((high - low) or 1)
        picture = wide.point(lambda value: value * factor - low * factor)
        return picture.convert("L").convert("RGB")
    if picture.mode in ("LA", "PA", "RGBA", "La", "RGBa") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        ground = Image.new("RGB", picture.size, _WHITE)
        ground.paste(picture, mask=picture.getchannel("A"))
        return ground
    return picture.convert("RGB")


def _frame(source: Path, folder: Path, demuxer: str, side: int) -> Image.Image:
    """Of the first frames the one that differs least from the rest, so that it is seldom black."""
    if shutil.which("ffmpeg") is None:
        sys.exit(NO_TOOL)
    target = folder / "frame"
    fit = f"scale={side}:{side}:force_original_aspect_ratio=decrease,thumbnail={_FRAMES}"
    argv = ["ffmpeg", "-nostdin", "-v", "error", "-protocol_whitelist", "file", "-threads", "1"]
    argv += ["-f", demuxer, "-i", f"file:{source}", "-map", "0:V:0", "-vf", fit]
    argv += ["-frames:v", "1", "-f", "image2", "-c:v", "ppm", "-y", f"file:{target}"]
    subprocess.run(argv, stdin=subprocess.DEVNULL, check=True)
    return Image.open(target, formats=("PPM",))


def _first_page(source: Path, side: int) -> Image.Image:
    import pypdfium2

    document = pypdfium2.PdfDocument(source.read_bytes())
    page = document[0]
    width, height = page.get_size()
    bitmap = page.render(scale=2 * side / max(width, height, 1.0), may_draw_forms=False)
    return Image.frombytes(
        "RGB", (bitmap.width, bitmap.height), bytes(bitmap.buffer), "raw", "BGR", bitmap.stride
    )


if __name__ == "__main__":
    main()
