"""Whatever evidence says can be printed: each sign has a glyph, or stands as its number."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.pdfa import check_pdfa, text_of

from evidence_vault.bundle.paper.coverage import FAMILIES, code_points, covered
from evidence_vault.bundle.paper.pdf import make_pdf
from evidence_vault.bundle.paper.printable import MAX_MARKS, MAX_TEXT, Printer
from evidence_vault.errors import FormatError
from evidence_vault.seeds import fonts_folder

PRINT = Printer(fonts_folder(), "en")
PAGE = {
    "blocks": [],
    "date": [2026, 11, 23, 10, 0, 0],
    "lang": "en",
    "origin": "a-log",
    "page": "Page",
    "running": "",
    "title": "Title",
    "unreviewed": "",
}


def page(*texts: str) -> bytes:
    """A report that says these texts, each as a paragraph and in a narrow cell of a table."""
    blocks = [{"kind": "text", "text": text} for text in texts]
    cells = [[text, "x"] for text in texts]
    head, widths = ["a", "b"], ["30", "1fr"]
    blocks.append({"kind": "table", "widths": widths, "head": head, "rows": cells})  # type: ignore[dict-item]
    values = {**PAGE, "blocks": blocks}
    return make_pdf("report.typ", values, "2026-11-23T10:00:00Z", fonts_folder())


def test_the_fonts_have_what_the_languages_need() -> None:
    latin, burmese = covered(fonts_folder())
    assert [family for family, _ in FAMILIES] == ["Noto Sans", "Noto Sans Myanmar"]
    assert set(range(0x20, 0x7F)) <= latin and ord("ж") in latin
    assert set(range(0x1000, 0x10A0)) <= burmese and 0x1F600 not in latin | burmese


@pytest.mark.parametrize(
    "broken", [b"", b"\0\1\0\0\0\1" + bytes(30), b"\0\1\0\0\0\2cmap" + bytes(9)]
)
def test_a_broken_font_is_said_to_be_one(broken: bytes) -> None:
    with pytest.raises(FormatError):
        code_points(broken)


def test_signs_without_a_glyph_stand_as_their_number() -> None:
    assert PRINT("a😀b") == "a[U+1F600]b"
    assert PRINT("\u202egpj.exe\x1b[2J") == "\\u202egpj.exe\\x1b[2J"
    assert PRINT("မြန်မာ ж é") == "မြန်မာ ж é"


def test_marks_need_their_letter_and_have_an_end() -> None:
    assert PRINT("e\u0301") == "e\u0301"
    assert PRINT("က\u0301") == "က[U+0301]"  # the Burmese font has no such mark
    assert PRINT("\u1031x") == "[U+1031]x"
    piled = PRINT("a" + "\u0301" * 50)
    assert piled.count("\u0301") == MAX_MARKS and piled.count("[U+0301]") == 50 - MAX_MARKS


def test_long_texts_say_how_long_they_are() -> None:
    shown = PRINT("x" * 10_000)
    assert shown.replace("\u200b", "").startswith("x" * MAX_TEXT + " … [3,000 of 10,000")
    assert all(len(run) <= 32 for run in re.split("[ \u200b]", shown))


def test_a_burmese_word_is_broken_between_syllables_only() -> None:
    for piece in PRINT("က္ကလျှောက်ပတ်သတ္တဝါ" * 20).split("\u200b")[1:]:
        assert unicodedata.category(piece[0])[0] != "M"
        assert not re.match("[\u1000-\u1021][\u1039\u103a]", piece)


HOSTILE = [
    '#import "@preview/x:1.0.0": *',
    "] #panic() [ \\ $a$ *b* _c_ `d` <e> @f // /* */ ~ -- ---",
    '#read("/etc/passwd") #sys.inputs #eval("1")',
    "x" * 10_000,
    "လ" * 10_000,
    "\u0301" * 300,
    "က" + "\u103b" * 300,
    "\u202eabc\u2066 עברית العربية ไทย 中文 😀👩\u200d👩\u200d👧",
    "ေက်းဇူးတင္ပါသည္ ျမန္မာ",  # Zawgyi
    "\u1039\u1039\u103a\u1031\u1031",
    "",
]


def test_hostile_values_are_printed_and_do_nothing(tmp_path: Path) -> None:
    data = page(*map(PRINT, HOSTILE))
    check_pdfa(data)
    text = text_of(data, tmp_path)
    assert '#import "@preview/x:1.0.0": *' in text
    assert "] #panic() [ \\ $a$ *b* _c_ `d` <e> @f // /* */ ~ -- ---" in text
    assert '#read("/etc/passwd") #sys.inputs' in text and "root:" not in text


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text(min_size=1, max_size=60), min_size=1, max_size=30))
def test_any_text_can_be_set(texts: list[str]) -> None:
    assert page(*map(PRINT, texts)).startswith(b"%PDF")


MYANMAR = st.characters(min_codepoint=0x1000, max_codepoint=0x109F)
MARKS = st.sampled_from("\u200b\u200c\u200d\u0301\u1031\u1039\u103a\u103b\u25cc aж ")


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text(MYANMAR | MARKS, min_size=1, max_size=60), min_size=1, max_size=30))
def test_any_order_of_burmese_signs_can_be_set(texts: list[str]) -> None:
    assert page(*map(PRINT, texts)).startswith(b"%PDF")
