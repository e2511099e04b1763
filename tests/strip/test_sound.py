"""MP3, FLAC, Ogg, WAV and AIFF: a secret in every place around the sound survives in none."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from tests.strip.planted import SECRET, TONE, assert_clean_without, copied, each, made, needs_ffmpeg

from evidence_vault.capture.strip.bench import Bench
from evidence_vault.capture.strip.engine import strip
from evidence_vault.capture.strip.flac import Flac

pytestmark = needs_ffmpeg

_TEXT = SECRET.decode()


def _id3(secret: bytes) -> bytes:
    frame = b"TIT2" + struct.pack(">IH", len(secret) + 1, 0) + b"\0" + secret
    return b"ID3\3\0\0" + bytes([0, 0, len(frame) >> 7, len(frame) & 127]) + frame


def _ape(secret: bytes) -> bytes:
    item = struct.pack("<II", len(secret), 0) + b"Artist\0" + secret
    foot = b"APETAGEX" + struct.pack("<IIII", 2000, len(item) + 32, 1, 0) + bytes(8)
    return item + foot


_ID3V1 = b"TAG" + SECRET.ljust(125, b"\0")
_LYRICS = b"LYRICSBEGINLYR00021" + SECRET + b"000040LYRICS200"


@pytest.fixture
def mp3(tmp_path: Path) -> bytes:
    quiet = ("-id3v2_version", "0", "-write_id3v1", "0", "-fflags", "+bitexact")
    return made(tmp_path / "made.mp3", *TONE, "-c:a", "libmp3lame", *quiet)


@pytest.mark.parametrize(
    "place", each(["front", "twice", "middle", "ape", "id3v1", "lyrics", "all"], ["middle", "all"])
)
def test_mp3_secret_in_a_tag(place: str, mp3: bytes, tmp_path: Path) -> None:
    middle = mp3.index(mp3[:2], len(mp3) // 2)
    tag = _id3(SECRET)
    data = {
        "front": tag + mp3,
        "twice": tag + tag + mp3,
        "middle": mp3[:middle] + tag + mp3[middle:],
        "ape": mp3 + _ape(SECRET),
        "id3v1": mp3 + _ID3V1,
        "lyrics": mp3 + _LYRICS + _ID3V1,
        "all": tag + mp3 + _ape(SECRET) + _ID3V1,
    }[place]
    if place == "middle":
        copy, report = copied(tmp_path, data)
        assert copy is None or SECRET not in copy
        assert report["outcome"] in ("clean", "not-clean")
    else:
        assert_clean_without(tmp_path, data)


def test_mp3_names_of_encoders_go_and_the_silence_they_count_stays(
    mp3: bytes, tmp_path: Path
) -> None:
    assert b"LAME3" in mp3 or b"Lavf" in mp3 or b"Lavc" in mp3
    copy, report = copied(tmp_path, mp3)
    assert report["outcome"] == "clean", report["reasons"]
    assert copy is not None and b"LAME3" not in copy and b"Lav" not in copy


@pytest.mark.parametrize("kind", each([1, 2, 4, 6, 77], [4, 77]))
def test_flac_secret_in_a_block(kind: int, tmp_path: Path) -> None:
    data = made(tmp_path / "made.flac", *TONE, "-fflags", "+bitexact")
    body = {1: bytes(8) + SECRET, 2: b"Sony" + SECRET}.get(kind, SECRET)
    if kind == 4:
        field = b"ARTIST=" + SECRET
        body = struct.pack("<III", 0, 1, len(field)) + field
    if kind == 6:
        kinds = struct.pack(">II", 3, 9) + b"image/png" + struct.pack(">I", len(SECRET)) + SECRET
        body = kinds + bytes(16) + struct.pack(">I", 4) + b"\x89PNG"
    block = bytes([kind]) + len(body).to_bytes(3, "big") + body
    assert data[4] == 0
    assert_clean_without(tmp_path, data[:42] + block + data[42:])


def test_flac_secret_in_a_cue_sheet(tmp_path: Path) -> None:
    """ffmpeg refuses to decode it, so no copy is offered; the walk itself takes it out."""
    data = made(tmp_path / "made.flac", *TONE, "-fflags", "+bitexact")
    body = SECRET.ljust(128, b"\0") + bytes(267) + b"\1" + bytes(8) + b"\xaa" + bytes(27)
    source, target = tmp_path / "cue", tmp_path / "walked"
    source.write_bytes(data[:42] + b"\5" + len(body).to_bytes(3, "big") + body + data[42:])
    work = Flac().strip(source, target, Bench(tmp_path, strip))
    assert "cue sheet" in work.structures and SECRET not in target.read_bytes()


def test_flac_secret_around_the_stream(tmp_path: Path) -> None:
    data = made(tmp_path / "made.flac", *TONE, "-metadata", f"artist={_TEXT}")
    assert_clean_without(tmp_path, _id3(SECRET) + data + _ID3V1)


@pytest.mark.parametrize(("name", "codec"), [("a.ogg", "libvorbis"), ("a.opus", "libopus")])
def test_ogg_secret_in_the_comments_and_between_pages(
    name: str, codec: str, tmp_path: Path
) -> None:
    data = made(tmp_path / name, *TONE, "-c:a", codec, "-metadata", f"artist={_TEXT}")
    report = assert_clean_without(tmp_path, data)
    assert report["decoded"]["identical"] == "yes"
    assert_clean_without(tmp_path, data + SECRET)


@pytest.mark.parametrize(
    "kind",
    each(
        [b"LIST", b"bext", b"iXML", b"_PMX", b"id3 ", b"cart", b"JUNK", b"cue ", b"Zzzz"],
        [b"LIST", b"Zzzz"],
    ),
)
def test_wav_secret_in_a_chunk(kind: bytes, tmp_path: Path) -> None:
    data = made(tmp_path / "made.wav", *TONE, "-fflags", "+bitexact")
    body = SECRET + b"\0"
    if kind == b"LIST":
        body = b"INFOIART" + len(body).to_bytes(4, "little") + body
    if kind == b"bext":
        body = body.ljust(604, b"\0")
    chunk = kind + len(body).to_bytes(4, "little") + body
    for at in (12, len(data)):
        grown = data[:at] + chunk + data[at:]
        grown = grown[:4] + (len(grown) - 8).to_bytes(4, "little") + grown[8:]
        assert_clean_without(tmp_path, grown)
    assert_clean_without(tmp_path, data + chunk)


@pytest.mark.parametrize(
    "kind",
    each([b"NAME", b"AUTH", b"ANNO", b"COMT", b"APPL", b"ID3 ", b"Zzzz"], [b"AUTH", b"Zzzz"]),
)
def test_aiff_secret_in_a_chunk(kind: bytes, tmp_path: Path) -> None:
    data = made(tmp_path / "made.aiff", *TONE, "-fflags", "+bitexact")
    body = SECRET + b"\0"
    grown = data + kind + len(body).to_bytes(4, "big") + body
    grown = grown[:4] + (len(grown) - 8).to_bytes(4, "big") + grown[8:]
    assert_clean_without(tmp_path, grown)
    assert_clean_without(tmp_path, data + SECRET)


def test_sound_that_is_no_sound_is_not_taken_for_clean(tmp_path: Path) -> None:
    for data in (b"fLaC" + bytes(60), b"OggS" + bytes(60), b"RIFF\x24\0\0\0WAVE" + bytes(40)):
        copy, report = copied(tmp_path, data)
        assert copy is None and report["outcome"] == "not-checked"
