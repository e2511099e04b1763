"""Pictures with a secret in each hiding place: none survives, and the picture stays the same.

The searches here share nothing with the engine: the copy's bytes, inflated and not, and ExifTool.
"""

from __future__ import annotations

import base64
import io
import re
import struct
import subprocess
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageCms, TiffImagePlugin
from PIL.PngImagePlugin import PngInfo
from tests.strip.heic import heic
from tests.strip.planted import each, needs_ffmpeg
from tests.strip.walk import corpus_files, shared_folder

from evidence_vault.capture.strip.heifbox import boxes_of
from evidence_vault.capture.strip.maker import Copy, CopyMaker

SECRET = "Planted-Zq7-Witness"
PLAIN = SECRET.encode()


@pytest.fixture(scope="module")
def maker() -> Iterator[CopyMaker]:
    with CopyMaker() as made:
        yield made


def picture(mode: str = "RGB", size: tuple[int, int] = (40, 30)) -> Image.Image:
    """Something that no two coders make the same."""
    image = Image.new("RGB", size)
    places = ((x, y) for y in range(size[1]) for x in range(size[0]))
    image.putdata([(x * 7 % 256, y * 9 % 256, x * y % 256) for x, y in places])
    return image.convert(mode)


def saved(form: str, image: Image.Image | None = None, **options: Any) -> bytes:
    out = io.BytesIO()
    (image or picture()).save(out, form, **options)
    return out.getvalue()


def exif_with_secrets(orientation: int = 6) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = exif[0x013B] = SECRET
    exif.get_ifd(0x8769)[0x927C] = b"Maker\0" + PLAIN
    exif.get_ifd(0x8769)[0xA431] = SECRET
    exif.get_ifd(0x8825).update({1: "N", 2: (16.0, 48.0, 1.2345), 3: "E", 4: (96.0, 9.0, 2.3456)})
    return exif.tobytes()


def forms() -> list[bytes]:
    wide = [SECRET.encode("utf-16-le"), SECRET.encode("utf-16-be")]
    shifted = [base64.b64encode(b"\0" * n + PLAIN)[4:-4] for n in range(3)]
    return [PLAIN, *wide, PLAIN.hex().encode(), *shifted, struct.pack(">II", 12345, 10000)]


def assert_gone(data: bytes) -> None:
    """Not in the bytes, nor in anything that inflates from any place in them."""
    texts = [data]
    for match in re.finditer(rb"\x78[\x01\x5e\x9c\xda]", data):
        try:
            texts.append(zlib.decompressobj().decompress(data[match.start() :], 1 << 20))
        except zlib.error:
            continue
    for text in texts:
        assert not [form for form in forms() if form in text]


def made(maker: CopyMaker, tmp_path: Path, data: bytes) -> tuple[Copy, bytes]:
    """The copy of a file, after the looks that this test has of its own."""
    source = tmp_path / "source"
    source.write_bytes(data)
    copy = maker.make(source)
    assert copy.path is not None, copy.report["reasons"]
    clean = copy.path.read_bytes()
    assert_gone(clean)
    assert SECRET not in str(copy.report)
    told = subprocess.run(
        ["exiftool", "-a", "-ee", "-u", "-G1", str(copy.path)], capture_output=True, check=False
    ).stdout.decode("utf-8", "replace")
    assert SECRET not in told and "GPS" not in told
    again = maker.make(copy.path)
    assert again.path is not None and again.path.read_bytes() == clean, "a clean copy changed"
    return copy, clean


def segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def in_jpeg(*segments: bytes, behind: bytes = b"") -> bytes:
    whole = saved("JPEG", quality=90)
    return whole[:2] + b"".join(segments) + whole[2:] + behind


def profile_with_secrets() -> bytes:
    """sRGB with a device's serial in a private tag and a name as its copyright."""
    base = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    (count,) = struct.unpack_from(">I", base, 128)
    entries = [struct.unpack_from(">4sII", base, 132 + 12 * i) for i in range(count)]
    tags = {name: base[start : start + size] for name, start, size in entries}
    tags[b"cprt"] = b"text" + bytes(4) + PLAIN + b"\0"
    tags[b"mmod"] = b"mmod" + bytes(4) + PLAIN
    table, body = struct.pack(">I", len(tags)), b""
    start = 132 + 12 * len(tags)
    for name, value in tags.items():
        table += struct.pack(">4sII", name, start + len(body), len(value))
        body += value + bytes(-len(value) % 4)
    header = bytearray(base[:128])
    header[:4] = struct.pack(">I", start + len(body))
    header[84:100] = PLAIN[:16]
    return bytes(header) + table + body


XMP = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a>{SECRET}</a></x:xmpmeta>'.encode()
MP4 = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + b"\0\0\0\x40udta" + PLAIN.ljust(56, b"\0")
SEFT = b"\0\0\x01\x0a" + PLAIN + b"SEFH" + bytes(20) + b"SEFT"

JPEGS: dict[str, Callable[[], bytes]] = {
    "comment": lambda: in_jpeg(segment(0xFE, PLAIN)),
    "exif_gps_maker_note": lambda: saved("JPEG", exif=exif_with_secrets()),
    "xmp": lambda: in_jpeg(segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP)),
    "extended_xmp": lambda: in_jpeg(
        segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + b"A" * 40 + XMP)
    ),
    "photoshop_irb": lambda: in_jpeg(
        segment(0xED, b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\x14" + PLAIN + b"\0")
    ),
    "second_picture_of_mpf": lambda: (
        saved("MPO", save_all=True, append_images=[picture().rotate(180)]) + PLAIN
    ),
    "behind_the_end": lambda: in_jpeg(behind=PLAIN),
    "motion_photo": lambda: in_jpeg(behind=MP4),
    "samsung_trailer": lambda: in_jpeg(behind=SEFT),
    "jfxx_preview": lambda: in_jpeg(segment(0xE0, b"JFXX\0\x10" + PLAIN)),
    "icc_private_tag": lambda: saved("JPEG", icc_profile=profile_with_secrets()),
    "bytes_between_segments": lambda: in_jpeg(segment(0xEF, b"x") + PLAIN),
    **{f"app{n}": partial(in_jpeg, segment(0xE0 + n, b"Own\0" + PLAIN)) for n in range(16)},
}


@pytest.mark.parametrize(
    "place",
    each(
        JPEGS,
        [
            "exif_gps_maker_note",
            "second_picture_of_mpf",
            "behind_the_end",
            "icc_private_tag",
            "bytes_between_segments",
        ],
    ),
)
def test_jpeg_secret_does_not_survive(maker: CopyMaker, tmp_path: Path, place: str) -> None:
    copy, _ = made(maker, tmp_path, JPEGS[place]())
    assert copy.report["decoded"]["identical"] == "yes"


def test_jpeg_orientation_and_coded_data_stay(maker: CopyMaker, tmp_path: Path) -> None:
    data = saved("JPEG", exif=exif_with_secrets(8))
    _, clean = made(maker, tmp_path, data)
    assert Image.open(io.BytesIO(clean)).getexif() == {0x0112: 8}
    assert clean[clean.index(b"\xff\xda") :] == data[data.rindex(b"\xff\xda") :]


def test_colour_profile_keeps_its_numbers(maker: CopyMaker, tmp_path: Path) -> None:
    _, clean = made(maker, tmp_path, saved("JPEG", icc_profile=profile_with_secrets()))
    found = ImageCms.ImageCmsProfile(io.BytesIO(Image.open(io.BytesIO(clean)).info["icc_profile"]))
    assert ImageCms.getProfileDescription(found).strip() == "Profile"


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def in_png(extra: bytes, behind: bytes = b"") -> bytes:
    whole = saved("PNG")
    return whole[:33] + extra + whole[33:] + behind


def png_with_text() -> bytes:
    info = PngInfo()
    info.add_text("Author", SECRET)
    info.add_text("Comment", SECRET, zip=True)
    info.add_itxt(SECRET, SECRET, zip=True)
    return saved("PNG", pnginfo=info)


def png_with_cropped_rest() -> bytes:
    """A stream that goes on behind the picture (as cropping on some phones left it)."""
    whole = saved("PNG")
    at = whole.index(b"IDAT")
    (size,) = struct.unpack_from(">I", whole, at - 4)
    body = whole[at + 4 : at + 4 + size] + zlib.compress(PLAIN)
    return whole[: at - 4] + chunk(b"IDAT", body) + whole[at + 8 + size :]


PNGS: dict[str, Callable[[], bytes]] = {
    "texts": png_with_text,
    "exif": lambda: saved("PNG", exif=exif_with_secrets()),
    "private_chunk": lambda: in_png(chunk(b"prVt", PLAIN)),
    "content_credentials": lambda: in_png(chunk(b"caBX", PLAIN)),
    "time": lambda: in_png(chunk(b"tIME", PLAIN[:7])),
    "behind_the_end": lambda: in_png(b"", PLAIN),
    "behind_the_coded_picture": png_with_cropped_rest,
    "icc_private_tag": lambda: saved("PNG", icc_profile=profile_with_secrets()),
    "name_of_the_profile": lambda: in_png(
        chunk(b"iCCP", PLAIN + b"\0\0" + zlib.compress(profile_with_secrets()))
    ),
    "animation": lambda: (
        saved("PNG", save_all=True, append_images=[picture().rotate(180)], duration=90) + PLAIN
    ),
}


@pytest.mark.parametrize("marker", [0xDB, 0xC4])
def test_jpeg_table_that_nothing_is_decoded_with_is_no_hiding_place(
    maker: CopyMaker, tmp_path: Path, marker: int
) -> None:
    hidden = (PLAIN * 64)[:64]
    table = b"\3" + (hidden if marker == 0xDB else bytes([0] * 7 + [64] + [0] * 8) + hidden)
    whole = saved("JPEG")
    at = whole.rindex(b"\xff\xda")
    segment = struct.pack(">BBH", 0xFF, marker, len(table) + 2) + table
    path = tmp_path / "a.jpg"
    path.write_bytes(whole[:at] + segment + whole[at:])
    copy = maker.make(path)
    assert copy.path is not None, copy.report["reasons"]
    assert PLAIN[:32] not in copy.path.read_bytes()


@pytest.mark.parametrize("kind", [b"tRNS", b"sBIT", b"bKGD", b"PLTE"])
def test_png_chunk_that_is_longer_than_it_needs_is_no_hiding_place(
    maker: CopyMaker, tmp_path: Path, kind: bytes
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(in_png(chunk(kind, PLAIN + bytes(-len(PLAIN) % 3))))
    copy = maker.make(path)
    if copy.path is None:
        assert copy.report["outcome"] == "not-checked"
    else:
        assert PLAIN not in copy.path.read_bytes()


@pytest.mark.parametrize(
    "place",
    each(PNGS, ["texts", "private_chunk", "behind_the_coded_picture", "name_of_the_profile"]),
)
def test_png_secret_does_not_survive(maker: CopyMaker, tmp_path: Path, place: str) -> None:
    made(maker, tmp_path, PNGS[place]())


def in_gif(extension: bytes, behind: bytes = b"") -> bytes:
    whole = saved("GIF", picture("P"))
    at = 13 + (3 << (whole[10] & 7) + 1)
    return b"GIF89a" + whole[6:at] + extension + whole[at:] + behind


def blocks(*parts: bytes) -> bytes:
    return b"".join(bytes([len(part)]) + part for part in parts) + b"\0"


def gif_with_rest_of_data() -> bytes:
    whole = saved("GIF", picture("P"))
    return whole[:-2] + blocks(PLAIN) + whole[-1:]


GIFS: dict[str, Callable[[], bytes]] = {
    "comment": lambda: in_gif(b"\x21\xfe" + blocks(PLAIN)),
    "plain_text": lambda: in_gif(b"\x21\x01" + blocks(bytes(12), PLAIN)),
    "application": lambda: in_gif(b"\x21\xff" + blocks(b"OwnDataXYZ1", PLAIN)),
    "xmp": lambda: in_gif(b"\x21\xff" + blocks(b"XMP DataXMP", XMP)),
    "behind_the_loops": lambda: in_gif(
        b"\x21\xff" + blocks(b"NETSCAPE2.0", b"\1\0\0" + PLAIN, PLAIN)
    ),
    "behind_the_end": lambda: in_gif(b"", PLAIN),
    "behind_the_coded_picture": gif_with_rest_of_data,
}


@pytest.mark.parametrize("place", each(GIFS, ["comment", "xmp", "behind_the_coded_picture"]))
def test_gif_secret_does_not_survive(maker: CopyMaker, tmp_path: Path, place: str) -> None:
    made(maker, tmp_path, GIFS[place]())


def in_webp(*chunks: tuple[bytes, bytes], behind: bytes = b"", **options: Any) -> bytes:
    whole = saved("WEBP", exif=exif_with_secrets(), **options)[12:]
    for kind, body in chunks:
        whole += kind + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)
    return b"RIFF" + struct.pack("<I", len(whole) + 4) + b"WEBP" + whole + behind


WEBPS: dict[str, Callable[[], bytes]] = {
    "exif": in_webp,
    "lossless": lambda: in_webp(lossless=True),
    "xmp": lambda: in_webp((b"XMP ", XMP)),
    "unknown_chunk": lambda: in_webp((b"OWN ", PLAIN)),
    "behind_the_end": lambda: in_webp(behind=PLAIN),
    "icc_private_tag": lambda: in_webp(icc_profile=profile_with_secrets()),
    "animation": lambda: in_webp(save_all=True, append_images=[picture().rotate(180)]),
}


@pytest.mark.parametrize("place", each(WEBPS, ["exif", "unknown_chunk", "animation"]))
def test_webp_secret_does_not_survive(maker: CopyMaker, tmp_path: Path, place: str) -> None:
    made(maker, tmp_path, WEBPS[place]())


def in_tiff(compression: str | None, big: bool = False) -> bytes:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[315] = tags[305] = tags[65000] = SECRET
    tags[274] = 3
    return saved(
        "TIFF",
        tiffinfo=tags,
        compression=compression,
        big_tiff=big,
        save_all=True,
        append_images=[picture("L")],
        icc_profile=profile_with_secrets(),
    )


TIFFS: dict[str, Callable[[], bytes]] = {
    "tags": lambda: in_tiff(None),
    "lzw": lambda: in_tiff("tiff_lzw"),
    "deflate": lambda: in_tiff("tiff_adobe_deflate"),
    "jpeg": lambda: in_tiff("jpeg"),
    "big": lambda: in_tiff("tiff_lzw", True),
    "orphan_bytes": lambda: in_tiff(None) + PLAIN,
    "gps": lambda: saved("TIFF", exif=exif_with_secrets()),
}


@pytest.mark.parametrize("place", each(TIFFS, ["tags", "orphan_bytes", "gps"]))
def test_tiff_secret_does_not_survive(maker: CopyMaker, tmp_path: Path, place: str) -> None:
    made(maker, tmp_path, TIFFS[place]())


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", len(body) + 8, kind) + body


def in_avif(extra: bytes) -> bytes:
    return saved("AVIF", exif=exif_with_secrets(1), xmp=XMP) + extra


AVIFS: dict[str, Callable[[], bytes]] = {
    "exif_and_mime_items": lambda: in_avif(b""),
    "free_box": lambda: in_avif(box(b"free", PLAIN)),
    "uuid_box": lambda: in_avif(box(b"uuid", bytes(16) + PLAIN)),
    "user_data": lambda: in_avif(box(b"udta", PLAIN)),
    "slack_in_the_data": lambda: in_avif(box(b"mdat", PLAIN)),
    "icc_private_tag": lambda: saved("AVIF", icc_profile=profile_with_secrets()),
}


@pytest.mark.parametrize("place", each(AVIFS, ["exif_and_mime_items", "slack_in_the_data"]))
def test_heif_secret_does_not_survive(maker: CopyMaker, tmp_path: Path, place: str) -> None:
    _, clean = made(maker, tmp_path, AVIFS[place]())
    assert [one.kind for one in boxes_of(clean)] == [b"ftyp", b"meta", b"mdat"]


HEICS: dict[str, dict[str, bytes]] = {
    "exif_and_xmp_items": {},
    "name_of_an_item": {"name": PLAIN},
    "free_box": {"extra": box(b"free", PLAIN)},
    "uuid_box": {"extra": box(b"uuid", bytes(16) + PLAIN)},
}


@needs_ffmpeg
@pytest.mark.parametrize("place", each(HEICS, ["exif_and_xmp_items", "name_of_an_item"]))
def test_heic_secret_does_not_survive(maker: CopyMaker, tmp_path: Path, place: str) -> None:
    """Nor do the settings that x265 writes into the coded picture."""
    whole = heic(tmp_path, exif_with_secrets(1)[6:], XMP, **HEICS[place])
    assert b"x265 (build" in whole and PLAIN in whole
    _, clean = made(maker, tmp_path, whole)
    assert b"x265" not in clean
    assert [one.kind for one in boxes_of(clean)] == [b"ftyp", b"meta", b"mdat"]


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "WEBP", "TIFF", "AVIF"])
def test_cut_off_picture_is_not_checked(maker: CopyMaker, tmp_path: Path, form: str) -> None:
    data = saved(form)
    source = tmp_path / "source"
    for size in (len(data) - 3, len(data) // 2, 40):
        source.write_bytes(data[:size])
        copy = maker.make(source)
        assert copy.path is None and copy.report["outcome"] == "not-checked"


def test_tiff_loop_ends(maker: CopyMaker, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"II*\0\x08\0\0\0" + struct.pack("<HHHIII", 1, 256, 3, 1, 1, 8))
    assert maker.make(source).report["outcome"] == "not-checked"


# -- the corpus ---------------------------------------------------------------------------------

TYPES = ("jpeg", "png", "gif", "webp", "tiff", "x-tiff-big", "heic", "heif", "avif")
TELLING = (
    "-GPS*", "-*Serial*", "-*Owner*", "-Artist", "-Creator", "-Author", "-By-line", "-Copyright",
    "-UserComment", "-ImageDescription", "-Make", "-Model", "-*LocationName", "-City",
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.skipif(not (shared_folder() / "corpus").is_dir(), reason="the corpus is not here")
def test_corpus_pictures_leak_nothing(maker: CopyMaker) -> None:
    """What ExifTool reads of place and identity in an original is in no clean copy's bytes."""
    clean = 0
    for path, _ in corpus_files(*(f"image/{kind}" for kind in TYPES)):
        copy = maker.make(path)
        shares_coded_data = path.name == "Sony.HIF"  # docs/strip-table.md
        assert copy.report["outcome"] in ("clean", "not-checked") or shares_coded_data, path.name
        if copy.path is None:
            continue
        clean += 1
        data = copy.path.read_bytes().lower()
        for value in _told(path):
            plain = value.lower().encode()
            for form in (plain, value.lower().encode("utf-16-le"), plain.hex().encode()):
                assert form not in data, path.name
        assert _told(copy.path) == set(), path.name
        maker.forget(copy)
    assert clean >= 200


def _told(path: Path) -> set[str]:
    """Telling values long enough that they are not there by chance."""
    argv = ["exiftool", "-a", "-ee", "-u", "-s3", *TELLING, str(path)]
    text = subprocess.run(argv, capture_output=True, check=False).stdout.decode("utf-8", "replace")
    values = {line.strip() for line in text.splitlines()}
    return {value for value in values if len(value) > 6 and len(set(value)) > 3}
