"""Zawgyi or Unicode: right where it is told, and told only where there is enough text."""

from __future__ import annotations

import base64
import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from myanmartools import ZawgyiDetector

from evidence_vault.capture.burmese import LETTERS, judge, search_copy, text_notes
from evidence_vault.errors import FormatError

from .measure import VECTORS, letters_of, pairs, windows

ZAWGYI = (VECTORS / "mmgov_zawgyi_src.txt").read_bytes()
UNICODE = (VECTORS / "udhr_mya_unicode_src.txt").read_bytes()
myanmar = st.text(st.characters(min_codepoint=0x1000, max_codepoint=0x109F), max_size=80)


def test_the_library_gives_the_published_numbers() -> None:
    detector = ZawgyiDetector()
    lines = (VECTORS / "compatibility.tsv").read_text(encoding="utf-8").splitlines()
    assert len(lines) >= 40
    for line in lines:
        number, text = line.split("\t", 1)
        assert detector.get_zawgyi_probability(text) == pytest.approx(float(number), rel=1e-9), text


@pytest.mark.parametrize(("data", "encoding"), [(ZAWGYI, "zawgyi"), (UNICODE, "unicode")])
def test_long_texts_are_told(data: bytes, encoding: str) -> None:
    judged = judge(data.decode())
    assert judged is not None and judged.encoding == encoding
    assert judged.confidence is not None and float(judged.confidence) >= 0.99


@pytest.mark.parametrize("name", ["udhr_shn.txt", "udhr_mnw.txt"])
def test_shan_and_mon_are_not_called_zawgyi(name: str) -> None:
    text = (VECTORS / name).read_text(encoding="utf-8")
    judged = judge(text)
    assert judged is not None and judged.encoding == "unicode"
    for length in (LETTERS, 32, 64):
        for piece in windows(letters_of(name), length):
            told = judge(piece)
            assert told is None or told.encoding != "zawgyi", piece


def test_karen_is_not_called_zawgyi() -> None:
    judged = judge("တၢ်ကစီၣ် တၢ်ထံၣ်တၢ်ပၥ်သး")
    assert judged is not None and judged.encoding != "zawgyi"


def test_short_names_could_not_be_told() -> None:
    """No name of a township is long enough, in either encoding."""
    for pair in pairs():
        for name in pair:
            judged = judge(name)
            assert judged is not None
            assert judged.encoding == "cannot-be-told" or judged.letters >= LETTERS
    told = judge("ျမစ္ႀကီးနား")
    assert told is not None and told.confidence is None and "too few" in told.basis


def test_both_encodings_in_one_text_are_not_taken_for_one() -> None:
    judged = judge((ZAWGYI + UNICODE).decode())
    assert judged is not None and judged.encoding == "cannot-be-told"
    assert "parts read as Zawgyi" in judged.basis


@pytest.mark.parametrize("text", ["", "plain", "၁၂၃၄၅၆၇၈၉၀၁၂၃၄၅၆၇၈၉၀၁၂၃၄၅၆", "ไทย", "😀"])
def test_text_without_burmese_letters_has_no_verdict(text: str) -> None:
    assert judge(text) is None


@given(myanmar)
def test_judging_never_fails_and_never_claims_on_little(text: str) -> None:
    judged = judge(text)
    if judged is not None and judged.letters < LETTERS:
        assert judged.encoding == "cannot-be-told"
    if judged is not None and judged.encoding != "cannot-be-told":
        assert judged.confidence is not None and "0.99" <= judged.confidence < "1"


def test_notes_on_every_kind_of_text() -> None:
    text = ZAWGYI.decode()
    files = {
        "plain": ZAWGYI,
        "utf-16": text.encode("utf-16"),
        "html": b"<!DOCTYPE html><html><body><p>" + text.encode("ascii", "xmlcharrefreplace"),
        "json": json.dumps({"message": text}).encode(),
        "mail": b"From: a@example.org\nTo: b@example.org\nSubject: x\nMIME-Version: 1.0\n"
        b"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\n"
        + base64.encodebytes(ZAWGYI),
        "subtitles": b"1\n00:00:01,000 --> 00:00:04,000\n" + ZAWGYI,
    }
    for kind, data in files.items():
        notes = text_notes(b"IMG_0001.txt", data, len(data), {})
        assert [(n["of"], n["encoding"]) for n in notes] == [("content", "zawgyi")], kind


def test_notes_on_names_and_tags() -> None:
    name = "ဒေါ်မြ.jpg".encode()
    tags = {"IPTC:Caption": UNICODE.decode()[:4000], "EXIF:Make": "Canon", "N": 3, "L": ["ပုံ", "က"]}
    notes = text_notes(name, b"\xff\xd8\xff\xe0" + bytes(60), 64, tags)
    told = {note["of"]: note["encoding"] for note in notes}
    assert told == {
        "name": "cannot-be-told",
        "tag IPTC:Caption": "unicode",
        "tag L": "cannot-be-told",
    }


@given(st.binary(max_size=300))
def test_notes_never_fail_on_any_bytes(data: bytes) -> None:
    text_notes(data, data, len(data), {"x": data.decode("utf-8", "replace")})


def test_broken_mail_is_no_reason_to_fail() -> None:
    head = b"From: a\nContent-Type: multipart/mixed; boundary=x\n\n--x\n"
    head += b"Content-Type: text/plain; charset="
    for rest in (
        b"nonsense\n\n\xff\xfe",
        b"\xff\n",
        b"utf-8\nContent-Transfer-Encoding: base64\n\n!!!",
    ):
        text_notes(b"m.eml", head + rest, len(head + rest), {})


def test_search_copy_of_zawgyi() -> None:
    copy = search_copy(ZAWGYI)
    judged = judge(copy.text)
    assert judged is not None and judged.encoding == "unicode"
    assert "နိုင်ငံတော်၏အတိုင်ပင်ခံပုဂ္ဂိုလ်" in copy.text
    assert copy.statement["encoding_found"] == "zawgyi"
    assert copy.statement["lines_converted"] == 63
    assert copy == search_copy(ZAWGYI)
    json.dumps(copy.statement)


def test_search_copy_of_unicode_changes_nothing_but_normalisation() -> None:
    copy = search_copy(UNICODE)
    assert copy.statement["lines_converted"] == 0
    assert search_copy(copy.text.encode()).text == copy.text


def test_search_copy_converts_each_line_by_what_it_is() -> None:
    zawgyi = ZAWGYI.decode().splitlines()[5]
    unicode = unicodedata.normalize("NFC", max(UNICODE.decode().splitlines(), key=len))
    copy = search_copy(f"{zawgyi}\n{unicode}\nဒေါ်မြ\n".encode())
    assert copy.text.split("\n")[1:3] == [unicode, "ဒေါ်မြ"]
    assert copy.text.split("\n")[0] != zawgyi
    assert copy.statement["lines_not_told_left_as_they_are"] == 1


def test_search_copy_of_no_text_is_refused() -> None:
    with pytest.raises(FormatError):
        search_copy(b"\xff\xd8\xff\xe0\x80")
