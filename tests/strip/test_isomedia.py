"""MP4 and MOV: a secret in every place that a movie has survives in none."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from tests.strip.planted import (
    PICTURES,
    SECRET,
    TONE,
    assert_clean_without,
    box,
    copied,
    each,
    made,
    movie,
    needs_ffmpeg,
    shows,
    with_box,
)
from tests.strip.walk import shared_folder

pytestmark = needs_ffmpeg

_HDLR = box(b"hdlr", bytes(8), b"mdta", bytes(12), b"\0")
_KEY = b"com.apple.quicktime.location.ISO6709"
_PLACES = {
    "udta-xyz": ((b"moov",), box(b"udta", box(b"\xa9xyz", bytes([0, 21, 0x15, 0xC7]), SECRET))),
    "keys": (
        (b"moov",),
        box(
            b"meta",
            _HDLR,
            box(b"keys", bytes(7) + b"\1", box(b"mdta", _KEY)),
            box(b"ilst", box(b"\0\0\0\1", box(b"data", b"\0\0\0\1\0\0\0\0", SECRET))),
        ),
    ),
    "private-box": ((b"moov",), box(b"uuid", b"\x11" * 16, SECRET)),
    "free": ((b"moov",), box(b"free", SECRET)),
    "unheard-of-box": ((b"moov",), box(b"Zzzz", SECRET)),
    "track-user-data": ((b"moov", b"trak"), box(b"udta", box(b"name", SECRET))),
    "media-box": ((b"moov", b"trak", b"mdia"), box(b"skip", SECRET)),
    "table-box": ((b"moov", b"trak", b"mdia", b"minf", b"stbl"), box(b"Zzzz", SECRET)),
}


@pytest.mark.parametrize("place", _PLACES)
def test_secret_in_a_box_of_the_description(place: str, tmp_path: Path) -> None:
    path, extra = _PLACES[place]
    assert_clean_without(tmp_path, with_box(movie(tmp_path), path, extra))


@pytest.mark.parametrize(
    "kind",
    each([b"free", b"skip", b"wide", b"uuid", b"jumb", b"udta", b"meta"], [b"free", b"uuid"]),
)
def test_secret_in_a_box_beside_the_description(kind: bytes, tmp_path: Path) -> None:
    assert_clean_without(tmp_path, movie(tmp_path) + box(kind, bytes(16), SECRET))


def test_secret_behind_the_end(tmp_path: Path) -> None:
    report = assert_clean_without(tmp_path, movie(tmp_path) + b"\0\0\0\2" + SECRET)
    assert any("past the end" in each or "behind" in each for each in report["structures"])


def test_secret_between_samples(tmp_path: Path) -> None:
    data = movie(tmp_path)
    at = data.index(b"mdat") - 4
    size = int.from_bytes(data[at : at + 4], "big")
    # The description goes first to keep all sample offsets: then slack is added behind samples.
    grown = (size + len(SECRET)).to_bytes(4, "big") + data[at + 4 : at + size] + SECRET
    assert_clean_without(tmp_path, data[:at] + grown + data[at + size :])


def test_secret_in_an_sei_message_of_h264(tmp_path: Path) -> None:
    text = f"086f3693-b7b3-4f2c-9653-21492feee5b8+{SECRET.decode()}"
    data = movie(tmp_path, "-c:v", "libx264", "-bsf:v", f"h264_metadata=sei_user_data={text}")
    report = assert_clean_without(tmp_path, data)
    assert any(each.startswith("units between") for each in report["structures"])
    copy, _ = copied(tmp_path, data)
    assert copy is not None and b"x264 - core" not in copy


def test_secret_in_tags_that_ffmpeg_writes(tmp_path: Path) -> None:
    secret = SECRET.decode()
    tags = ["title", "comment", "location", "make", "model", "artist", "creation_time"]
    wanted = [part for tag in tags[:-1] for part in ("-metadata", f"{tag}={secret}")]
    wanted += ["-metadata", "creation_time=2021-02-03T04:05:06Z"]
    for name in ("made.mp4", "made.mov"):
        more = [*wanted, "-movflags", "use_metadata_tags", "-metadata:s:v", f"handler={secret}"]
        report = assert_clean_without(tmp_path, movie(tmp_path, *more, name=name))
        assert "dates of making and changing" in report["structures"]


def test_secret_in_chapters_and_a_text_track(tmp_path: Path) -> None:
    chapters = tmp_path / "chapters.txt"
    chapters.write_text(
        f";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/10\nSTART=0\nEND=3\ntitle={SECRET.decode()}\n"
    )
    subtitles = tmp_path / "telemetry.srt"
    subtitles.write_text(f"1\n00:00:00,000 --> 00:00:00,400\n{SECRET.decode()} N16.8 E96.1\n")
    data = made(
        tmp_path / "made.mp4",
        *(*PICTURES, *TONE, "-f", "ffmetadata", "-i", str(chapters), "-i", str(subtitles)),
        *("-map", "0", "-map", "1", "-map", "3", "-map_chapters", "2", "-c:s", "mov_text"),
    )
    report = assert_clean_without(tmp_path, data)
    assert {"track of text", "track of subtitles"} <= {
        each.partition(",")[0] for each in report["structures"]
    }


def test_secret_in_the_name_of_the_compressor(tmp_path: Path) -> None:
    data = bytearray(movie(tmp_path, "-c:v", "libx264"))
    at = data.index(b"avc1", data.index(b"stsd")) + 4 + 42
    data[at : at + 32] = bytes([len(SECRET)]) + SECRET.ljust(31, b"\0")
    assert_clean_without(tmp_path, bytes(data))


def test_samples_in_another_file_are_never_opened(tmp_path: Path) -> None:
    data = bytearray(movie(tmp_path))
    at = data.index(b"url \0\0\0\1")
    data[at + 7] = 0
    copy, report = copied(tmp_path, bytes(data))
    assert copy is None and report["outcome"] == "not-checked"
    assert report["reasons"] == ["its picture or sound lies in another file"]


def test_a_movie_in_fragments_is_not_taken_for_clean(tmp_path: Path) -> None:
    copy, report = copied(tmp_path, movie(tmp_path, "-movflags", "frag_keyframe+empty_moov"))
    assert copy is None and report["outcome"] == "not-checked"


def test_rotation_and_delay_stay(tmp_path: Path) -> None:
    made(tmp_path / "still.mp4", *PICTURES, "-metadata:s:v", "rotate=90")
    data = made(
        tmp_path / "turned.mp4",
        *("-display_rotation", "90", "-itsoffset", "0.2", "-i", str(tmp_path / "still.mp4")),
        *("-c", "copy"),
    ) if _can_turn() else (tmp_path / "still.mp4").read_bytes()  # fmt: skip
    copy, report = copied(tmp_path, data)
    assert copy is not None, report["reasons"]
    (tmp_path / "copy.mp4").write_bytes(copy)
    shown = subprocess.run(
        ["exiftool", "-json", "-Rotation", str(tmp_path / "copy.mp4")], capture_output=True
    )
    before = subprocess.run(
        ["exiftool", "-json", "-Rotation", str(tmp_path / "source")], capture_output=True
    )
    rotations = [json.loads(each.stdout)[0].get("Rotation") for each in (before, shown)]
    assert rotations[0] == rotations[1]


def _can_turn() -> bool:
    told = subprocess.run(["ffmpeg", "-hide_banner", "-h", "full"], capture_output=True)
    return b"-display_rotation" in told.stdout


def test_the_absence_of_ffmpeg_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = movie(tmp_path)
    tools = tmp_path / "bin"
    tools.mkdir()
    for folder in os.environ["PATH"].split(os.pathsep):
        for program in ("exiftool", "perl", "env"):
            if Path(folder, program).exists() and not (tools / program).exists():
                (tools / program).symlink_to(Path(folder, program))
    monkeypatch.setenv("PATH", str(tools))
    copy, report = copied(tmp_path, data)
    assert copy is None and report["outcome"] == "not-checked"
    assert report["reasons"] == ["ffmpeg is not installed"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("gpmf-parser/karma.mp4", b"GoPro"),
        ("metadata-extractor/with-gps.mov", b"ISO6709"),
        ("exiv2/sample_640x360.mov", b"x264"),
    ],
)
def test_corpus_no_place_and_no_maker_is_left(name: str, hint: bytes, tmp_path: Path) -> None:
    source = shared_folder() / "corpus" / name
    if not source.exists():
        pytest.skip("the corpus is not here")
    data = source.read_bytes()
    assert hint in data
    copy, report = copied(tmp_path, data)
    assert report["outcome"] == "clean", report["reasons"]
    assert copy is not None and hint not in copy
    (tmp_path / "copy").write_bytes(copy)
    told = subprocess.run(
        ["exiftool", "-ee3", "-u", "-a", "-s", str(tmp_path / "copy")], capture_output=True
    ).stdout
    assert b"GPS" not in told and b"Location" not in told and b"Serial" not in told


def test_search_of_the_tests_finds_what_is_there() -> None:
    assert shows(b"x" + SECRET) and shows(SECRET.decode().encode("utf-16-be"))
