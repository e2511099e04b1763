"""What reaches a screen or a spreadsheet cell can't act there."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence_vault.core.text import decode_for_display, escape_for_display, spreadsheet_safe

KEPT_FORMAT_CHARACTERS = {"\u200c", "\u200d"}  # ZWNJ and ZWJ: scripts and emoji need them


def acts_on_a_screen(char: str) -> bool:
    """An independent definition: controls, separators, surrogates, bidi and zero-width marks."""
    if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp"):
        return True
    bidi = unicodedata.bidirectional(char)
    if bidi in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"):
        return True
    return char in "\u200b\u200e\u200f\u061c\ufeff\u2060" or 0xE0000 <= ord(char) < 0xE1000


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb\tc\rd", "a\\nb\\tc\\rd"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\x9b31m", "\\x9b31m"),
        ("invoice\u202egpj.exe", "invoice\\u202egpj.exe"),
        ("a\u2066b\u2069", "a\\u2066b\\u2069"),
        ("a\u200bb\ufeff", "a\\u200bb\\ufeff"),
        ("a\u2028b", "a\\u2028b"),
        ("\U000e0041", "\\U000e0041"),
        ("\udc80", "\\udc80"),
        ("a\\nb", "a\\nb"),
    ],
)
def test_what_acts_on_a_screen_is_written_out(text: str, shown: str) -> None:
    assert escape_for_display(text) == shown


@pytest.mark.parametrize(
    "text", ["မြစ်ကြီးနား", "က\u200cက", "👩\u200d👩\u200d👧 ❤️", "Zoë", "Zoe\u0308", "日本 – “x”"]
)
def test_scripts_and_emoji_stay_readable(text: str) -> None:
    assert escape_for_display(text) == text


def test_the_naughty_strings_come_out_harmless(shared: Path) -> None:
    strings = json.loads((shared / "data/names/blns.json").read_text("utf-8"))
    assert len(strings) == 515
    for text in strings:
        shown = escape_for_display(text)
        assert not [char for char in shown if acts_on_a_screen(char)], text
        shown.encode("utf-8")


@given(st.text(st.characters(exclude_categories=())))
def test_display_is_harmless_and_stable(text: str) -> None:
    shown = escape_for_display(text)
    assert not [char for char in shown if acts_on_a_screen(char)]
    assert escape_for_display(shown) == shown


@given(st.binary())
def test_any_bytes_can_be_shown(raw: bytes) -> None:
    assert not [char for char in decode_for_display(raw) if acts_on_a_screen(char)]


def test_bytes_that_are_not_utf8_are_shown_as_such() -> None:
    assert decode_for_display(b"caf\xe9.jpg") == "caf\\xe9.jpg"


@pytest.mark.parametrize("start", list("=+-@\t\r\n＝＋－＠"))
def test_a_cell_never_starts_a_formula(start: str) -> None:
    assert spreadsheet_safe(start + "cmd|' /C calc'!A0") == "'" + start + "cmd|' /C calc'!A0"


def test_an_ordinary_cell_is_left_alone() -> None:
    assert spreadsheet_safe("a=b") == "a=b"
    assert spreadsheet_safe("") == ""
