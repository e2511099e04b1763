"""Thumbnails: small, bare, the right way up, the same each time; hostile files give none."""

from __future__ import annotations

import io
import struct
import subprocess
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from PIL import Image, PngImagePlugin

from evidence_vault.capture import confine, thumbnail
from evidence_vault.capture.strip.jpeglook import jpeg_residues
from evidence_vault.capture.thumbnail import SIDE, Thumbnail, ThumbnailMaker

from .conftest import drawing


@pytest.fixture(scope="module")
def maker() -> Iterator[ThumbnailMaker]:
    with ThumbnailMaker() as made:
        yield made


def make(maker: ThumbnailMaker, content: bytes) -> Thumbnail:
    return maker.make(io.BytesIO(content), len(content))


def saved(picture: Image.Image, plugin: str, **options: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, plugin, **options)
    return out.getvalue()


def is_red(picture: Image.Image, x: float, y: float) -> bool:
    pixel = picture.getpixel((int(x * picture.width), int(y * picture.height)))
    assert isinstance(pixel, tuple)
    return bool(pixel[0] > 150 > max(pixel[1:]))


def decoded(jpeg: bytes | None) -> Image.Image:
    assert jpeg is not None
    assert jpeg_residues(jpeg) == []
    picture = Image.open(io.BytesIO(jpeg), formats=("JPEG",))
    picture.load()
    assert max(picture.size) <= SIDE
    return picture


@pytest.mark.parametrize("plugin", ["JPEG", "PNG", "TIFF", "WEBP", "GIF", "BMP", "PDF", "AVIF"])
def test_each_kind_gives_a_small_bare_picture(maker: ThumbnailMaker, plugin: str) -> None:
    content = saved(drawing(), plugin)
    made = make(maker, content)
    picture = decoded(made.jpeg)
    assert max(picture.size) == SIDE
    assert is_red(picture, 0.1, 0.1) and not is_red(picture, 0.9, 0.1)
    assert make(maker, content) == made


def test_a_heic_of_a_telephone(maker: ThumbnailMaker, shared: Path) -> None:
    files = sorted((shared / "corpus").rglob("*.heic"))
    assert files
    made = [make(maker, path.read_bytes()) for path in files[:4]]
    assert any(each.jpeg is not None for each in made)


def test_the_flag_that_says_which_way_is_up_is_obeyed(maker: ThumbnailMaker) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    picture = decoded(make(maker, saved(drawing(), "JPEG", exif=turned)).jpeg)
    assert picture.height > picture.width
    assert is_red(picture, 0.9, 0.1) and not is_red(picture, 0.1, 0.1)


def test_nothing_but_pixels_is_carried_over(maker: ThumbnailMaker) -> None:
    told = Image.Exif()
    told[0x010F] = "SECRET-CAMERA"
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Author", "SECRET-AUTHOR")
    for content in (
        saved(drawing(), "JPEG", exif=told, comment=b"SECRET-COMMENT"),
        saved(drawing(), "PNG", pnginfo=notes),
    ):
        assert b"SECRET" in content
        jpeg = make(maker, content).jpeg
        assert jpeg is not None and b"SECRET" not in jpeg


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16"])
def test_every_kind_of_pixel_is_understood(maker: ThumbnailMaker, mode: str) -> None:
    plugin = "TIFF" if mode in ("CMYK", "I;16") else "PNG"
    picture = drawing().convert("L" if mode == "I;16" else mode)
    decoded(make(maker, saved(picture.convert(mode), plugin)).jpeg)


def test_a_frame_of_a_video_whose_index_stands_at_its_end(
    maker: ThumbnailMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a long video only both ends are read."""
    path = tmp_path / "long.mp4"
    noise = "testsrc2=size=640x360:rate=10:duration=20"
    argv = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", noise, "-c:v", "mpeg4", "-q:v", "2"]
    subprocess.run([*argv, str(path)], check=True)
    content = path.read_bytes()
    assert content.rfind(b"moov") > len(content) * 0.9
    monkeypatch.setattr(thumbnail, "VIDEO_HEAD", len(content) // 2)
    monkeypatch.setattr(thumbnail, "VIDEO_TAIL", len(content) // 8)
    read: list[int] = []

    class Watched(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            block = super().read(size)
            read.append(len(block))
            return block

    made = maker.make(Watched(content), len(content))
    decoded(made.jpeg)
    assert sum(read) < len(content)


def _bomb() -> bytes:
    """A PNG that says 60,000 x 60,000 pixels and is small."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))
    return (
        b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(9))) + chunk(b"IEND", b"")
    )


def _locked() -> bytes:
    pdf, out = pikepdf.new(), io.BytesIO()
    pdf.add_blank_page()
    pdf.save(out, encryption=pikepdf.Encryption(owner="o", user="u"))
    return out.getvalue()


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><image href="/etc/passwd"/></svg>'
NONE: dict[str, tuple[bytes, str]] = {
    "a picture of nonsense": (
        b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0" + b"?" * 999,
        "undecoded",
    ),
    "a decompression bomb": (_bomb(), "undecoded"),
    "an encrypted PDF": (_locked(), "undecoded"),
    "a cut JPEG": (saved(drawing(), "JPEG")[:900], "undecoded"),
    "an MP4 of nothing": (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(64), "undecoded"),
    "SVG": (SVG, "kind"),
    "HTML": (b"<!doctype html><html><script>1</script></html>", "kind"),
    "text": (b"What was seen.\n", "kind"),
    "nothing": (b"", "kind"),
}


@pytest.mark.parametrize("name", NONE)
def test_a_file_that_does_not_decode_has_no_thumbnail_and_a_reason(
    maker: ThumbnailMaker, name: str
) -> None:
    content, why = NONE[name]
    assert make(maker, content) == Thumbnail(None, why)  # type: ignore[arg-type]  # from a table


@pytest.mark.parametrize(
    "answer",
    [
        b"<!doctype html><script>1</script>",
        saved(drawing((50, 50)), "JPEG", comment=b"where it was taken"),
        saved(drawing((50, 50)), "JPEG") + b"<script>1</script>",
        saved(drawing((50, 50)), "PNG"),
        b"\xff\xd8\xff",
        b"",
    ],
)
def test_a_decoder_that_was_taken_over_gives_nothing_else_away(
    maker: ThumbnailMaker, monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    monkeypatch.setattr(thumbnail, "run", lambda *_, **__: confine.Done(0, answer, b""))
    assert make(maker, saved(drawing(), "JPEG")) == Thumbnail(None, "undecoded")


def test_a_decoder_sees_the_one_file_and_may_start_nothing_but_what_films_need(
    maker: ThumbnailMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[int, list[Path]]] = []

    def seen(_: object, limits: confine.Limits, **given: Any) -> confine.Done:
        asked.append((limits.processes, [p for p in given["readable"] if p.name == "original"]))
        return confine.Done(0, b"", b"")

    monkeypatch.setattr(thumbnail, "run", seen)
    make(maker, saved(drawing(), "JPEG"))
    make(maker, b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(64))
    assert [count for count, _ in asked] == [1, 8]
    assert all(len(files) == 1 for _, files in asked)


def test_a_decoder_that_never_ends_is_stopped(
    maker: ThumbnailMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(*_: object, **__: object) -> confine.Done:
        raise confine.TimedOut("stopped after 60 seconds")

    monkeypatch.setattr(thumbnail, "run", late)
    assert make(maker, saved(drawing(), "JPEG")).why == "undecoded"


def test_nothing_is_left_behind() -> None:
    with ThumbnailMaker() as maker:
        folder = Path(maker._private.path)
        make(maker, saved(drawing(), "JPEG"))
        assert {path.name for path in folder.iterdir()} == {"lock"}
    assert not folder.exists()
