"""The search for removed values: every form in which a format may still hold one is found."""

from __future__ import annotations

import base64
import os
import struct
import urllib.parse
import zlib

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from evidence_vault.capture.strip.model import Secret, View
from evidence_vault.capture.strip.needles import Search, is_telling, needles, search

NAME = "Ko Planted Náme"
BURMESE = "ကိုအောင်မြင့်"
LATITUDE = Secret("EXIF:GPS:GPSLatitude", "16.8662900")
LONGITUDE = Secret("EXIF:GPS:GPSLongitude", "96.1201400")


def look(secrets: list[Secret], data: bytes, source: bytes = b"") -> Search:
    return search([View("part", data)], needles(secrets, source))


def rational(degrees: int, minutes: int, hundredths: int, order: str) -> bytes:
    return struct.pack(f"{order}6I", degrees, 1, minutes, 1, hundredths, 100)


@pytest.mark.parametrize("value", [NAME, BURMESE])
@pytest.mark.parametrize(
    "form",
    [
        lambda text: text.encode(),
        lambda text: text.encode("utf-16-le"),
        lambda text: text.encode("utf-16-be"),
        lambda text: text.encode().hex().encode(),
        lambda text: text.encode().hex().upper().encode(),
        lambda text: base64.b64encode(text.encode()),
        lambda text: base64.b64encode(b"x" + text.encode() + b"yy"),
        lambda text: base64.b64encode(b"xy" + text.encode() + b"yyy"),
        lambda text: base64.b64encode(text.encode("utf-16-le")),
        lambda text: urllib.parse.quote(text).encode(),
    ],
    ids=["utf-8", "le", "be", "hex", "HEX", "b64-0", "b64-1", "b64-2", "b64-le", "percent"],
)
def test_a_name_is_found_in_every_form(value: str, form: object) -> None:
    assert callable(form)
    planted = os.urandom(500) + form(value) + os.urandom(500)
    found = look([Secret("EXIF:IFD0:Artist", value)], planted).found
    assert {each.name for each in found} == {"EXIF:IFD0:Artist"}


@settings(deadline=None)
@example(value="00001:", before=bytes(7), after=b"")
@example(value="0a01:", before=bytes(2), after=b"")
@given(
    value=st.text(st.characters(min_codepoint=33, max_codepoint=0x2FFF), min_size=5, max_size=40),
    before=st.binary(max_size=50),
    after=st.binary(max_size=50),
)
def test_whatever_stands_around_it(value: str, before: bytes, after: bytes) -> None:
    if not is_telling(value):
        return
    for planted in (value.encode(), base64.b64encode(before + value.encode() + after)):
        assert look([Secret("X:Y", value)], before + planted + after).found


@pytest.mark.parametrize(
    "planted",
    [
        b"16.86629",
        "16.8662".encode("utf-16-le"),
        b"+16.8662+096.1201/",
        b"$GPGGA,123519,1651.9774,N,09607.2084,E",
        b"16,51.9774N",
        b"16 deg 51' 58.64\" N",
        rational(16, 51, 5864, "<"),
        rational(16, 51, 5864, ">"),
        rational(16, 51, 5864, ">").hex().encode(),
        base64.b64encode(rational(16, 51, 5864, "<")),
        struct.pack(">d", 16.86629),
        struct.pack("<d", 16.86629),
        struct.pack("<ff", 16.86629, 96.12014),
        struct.pack(">ii", 168662900, 961201400),
        struct.pack("<ii", 961201400, 168662900),
    ],
    ids=str,
)
def test_a_position_is_found_in_the_forms_in_which_formats_write_it(planted: bytes) -> None:
    source = b"EXIF" + rational(16, 51, 5864, "<") + rational(16, 51, 5864, ">")
    found = look([LATITUDE, LONGITUDE], os.urandom(300) + planted + os.urandom(300), source).found
    assert found


def test_a_binary_value_is_found_by_a_slice_of_it() -> None:
    preview = b"\xff\xd8\xff\xe0" + os.urandom(4000)
    assert look([Secret("EXIF:IFD1:ThumbnailImage", preview)], b"x" * 99 + preview[1000:3500]).found


def test_headers_and_tables_that_every_picture_has_are_no_secret() -> None:
    head = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01" + bytes(range(200)) + b"\xff\xda"
    secret = Secret("EXIF:IFD1:ThumbnailImage", head + os.urandom(3000))
    assert not look([secret], head + os.urandom(9000)).found


@pytest.mark.parametrize("value", ["", "12.57", "1", "sRGB", "0000", "2.0", b"\0" * 90, "-----"])
def test_what_comes_up_by_chance_is_not_searched_for(value: str | bytes) -> None:
    assert not is_telling(value)
    assert needles([Secret("A:B", value)]) == []


def test_chance_hits_nothing_in_megabytes_of_noise() -> None:
    secrets = [Secret(f"X:{n}", f"value number {n}") for n in range(300)]
    assert not look([*secrets, LATITUDE, LONGITUDE], os.urandom(4 << 20)).found


def test_it_says_how_much_was_searched() -> None:
    done = look([Secret("A:B", NAME)], zlib.compress(NAME.encode()) + bytes(10))
    assert done.values == 1 and done.patterns > 10 and done.size > 10 and not done.found
