"""Formats are told by content: agreement with another tool's answers over the corpus."""

from __future__ import annotations

import csv
import io
import time
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence_vault.capture.formats import HEAD_SIZE, TAIL_SIZE, Format, identify

#: Where the other tool names the same thing otherwise, or stops at the wrapping: its name, ours.
SAME = {
    ("application/vnd.adobe.photoshop", "image/vnd.adobe.photoshop"),
    ("image/vnd.fpx", "application/vnd.ms-outlook"),
    ("text/plain", "message/rfc822"),
    ("text/plain", "application/mbox"),
    ("text/plain", "text/html"),
    ("text/plain", "text/csv"),
    ("application/xml", "application/gpx+xml"),
    ("application/xml", "application/vnd.google-earth.kml+xml"),
    ("application/zip", "application/wacz"),
    ("image/x-raw", "image/x-panasonic-rw2"),
    ("image/heif", "image/heic"),
    ("video/x-ms-asf", "audio/x-ms-wma"),
}

BEYOND = "valid, type unknown to exiftool"


def corpus(shared: Path) -> list[tuple[dict[str, str], bytes, bytes, int]]:
    with open(shared / "corpus/manifest.csv", encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    found = []
    for row in rows:
        data = (shared / "corpus" / row["file"]).read_bytes()
        found.append((row, data[:HEAD_SIZE], data[-TAIL_SIZE:], len(data)))
    return found


def test_agreement_over_the_corpus(shared: Path) -> None:
    """Over 97 % agree once spellings are mapped, and 18 files it can't name are named here."""
    files = corpus(shared)
    assert len(files) == 960
    answers = [(row, identify(head, tail, size)) for row, head, tail, size in files]
    stated = [(row, ours) for row, ours in answers if row["mime"]]
    assert len(stated) == 918
    agree = [
        row["file"]
        for row, ours in stated
        if ours.mime == row["mime"] or (row["mime"], ours.mime) in SAME
    ]
    assert len(agree) >= 895  # 97.5 %
    exact = sum(ours.mime == row["mime"] for row, ours in stated)
    assert exact >= 850  # 92.6 %
    beyond = [ours for row, ours in answers if row["status"] == BEYOND]
    assert len(beyond) == 18
    assert all(ours.basis != "unknown" for ours in beyond)


def test_cost_is_microseconds(shared: Path) -> None:
    files = corpus(shared)
    best = min(_seconds(files) for _ in range(3))
    assert best / len(files) < 60e-6  # about 10 µs on an idle machine


def _seconds(files: list[tuple[dict[str, str], bytes, bytes, int]]) -> float:
    start = time.perf_counter()
    for _, head, tail, size in files:
        identify(head, tail, size)
    return time.perf_counter() - start


def test_the_name_does_not_matter(shared: Path) -> None:
    liar = (shared / "corpus/c2pa-python/file_with_wrong_extension.xyz.jpg").read_bytes()
    assert identify(liar[:HEAD_SIZE]).extension == "jpg"
    apple = (shared / "corpus/tika/testAppleSingleFile.pdf").read_bytes()
    assert identify(apple[:HEAD_SIZE]).mime == "application/applefile"


@pytest.mark.parametrize(
    ("head", "mime", "extension"),
    [
        (b"\xff\xd8\xff\xe0", "image/jpeg", "jpg"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1", "image/heic", "heic"),
        (b"\0\0\0\x18ftypavif\0\0\0\0mif1", "image/avif", "avif"),
        (b"\0\0\0\x14ftypqt  \0\0\0\0", "video/quicktime", "mov"),
        (b"\0\0\0\x14ftyp3gp5\0\0\0\0", "video/3gpp", "3gp"),
        (b"\0\0\0\x14ftypM4A \0\0\0\0", "audio/mp4", "m4a"),
        (b"#!AMR\n", "audio/amr", "amr"),
        (b"OggS" + bytes(24) + b"OpusHead", "audio/ogg", "opus"),
        (b"\x1a\x45\xdf\xa3" + bytes(8) + b"\x42\x82\x84webm", "video/webm", "webm"),
        ((b"\x47" + bytes(187)) * 5, "video/m2ts", "ts"),
        (b"\0\0\x01\xba", "video/mpeg", "mpg"),
        (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed", "7z"),
        (b"age-encryption.org/v1\n-> X", "application/age-encryption", "age"),
        (b"SQLite format 3\0", "application/vnd.sqlite3", "sqlite"),
        ("မြစ်ကြီးနား\n".encode(), "text/plain", "txt"),
        ("မြစ်ကြီးနား".encode("utf-16"), "text/plain", "txt"),
        ("ဖိုင်,ရက်စွဲ\n၁,၂\n၃,၄\n".encode(), "text/csv", "csv"),
        (b'{"a": 1}', "application/json", "json"),
        (b"<?xml version='1.0'?><a/>", "application/xml", "xml"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml", "svg"),
        (b"<!DOCTYPE html><p>", "text/html", "html"),
        (b"From: a@b\nTo: c@d\nSubject: x\n\nhi", "message/rfc822", "eml"),
        (b"\x00\x01\x02\x03\xfe\xfa", "application/octet-stream", "bin"),
        (b"", "application/x-empty", "bin"),
    ],
)
def test_single_formats(head: bytes, mime: str, extension: str) -> None:
    found = identify(head, b"", len(head))
    assert (found.mime, found.extension) == (mime, extension)


def test_office_parts_are_found_at_the_end_of_a_large_archive() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("[Content_Types].xml", "x")
        archive.writestr("media/film", bytes(3 * HEAD_SIZE))
        archive.writestr("word/document.xml", "x")
    data = packed.getvalue()
    assert identify(data[:HEAD_SIZE], b"", len(data)).extension == "zip"
    assert identify(data[:HEAD_SIZE], data[-TAIL_SIZE:], len(data)).extension == "docx"


@given(st.binary(max_size=600), st.binary(max_size=100), st.integers(-1, 10_000))
def test_no_bytes_make_it_fail(head: bytes, tail: bytes, size: int) -> None:
    found = identify(head, tail, size)
    assert isinstance(found, Format)
    assert found.extension.isascii() and found.extension.isalnum()
    assert found.extension == found.extension.lower()


@given(
    st.sampled_from(
        [b"PK\x03\x04", b"II*\0", b"MM\0*", b"ID3", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"]
    ),
    st.binary(max_size=300),
)
def test_no_damaged_container_makes_it_fail(start: bytes, rest: bytes) -> None:
    assert identify(start + rest, rest, len(rest)).basis == "structure"


@pytest.mark.parametrize("end", range(4090, 4096))
def test_text_cut_within_a_letter_is_still_utf8(end: int) -> None:
    text = b"a" * end + "မြန်မာ".encode() * 10
    assert identify(text, b"", len(text)).name == "text, UTF-8"
