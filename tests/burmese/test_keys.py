"""Conversion and search keys: published pairs, spelling that can't be seen, properties."""

from __future__ import annotations

import csv
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence_vault.core.searchkey import folded, in_storage_order, keys, stored_keys
from evidence_vault.core.zawgyi import zawgyi_to_unicode
from evidence_vault.vault.places import candidates, search_keys, uncoded, with_all_within

from .measure import VECTORS, conversion, pairs

anything = st.text(max_size=60)
myanmar = st.text(st.characters(min_codepoint=0x1000, max_codepoint=0x109F), max_size=40)


def test_measured_accuracy_on_the_published_pairs() -> None:
    assert conversion() == {
        "pairs": 188,
        "the same in NFC": 176,
        "the same but for the order of marks": 183,
        "the same search key": 186,
    }


@pytest.mark.parametrize(
    ("zawgyi", "unicode"),
    [
        ("ျမန္မာ", "မြန်မာ"),
        ("ေက်ာင္း", "ကျောင်း"),
        ("ၿမိဳ႕", "မြို့"),
        ("သတၱိ", "သတ္တိ"),
        ("အဂၤလိပ္", "အင်္ဂလိပ်"),
        ("ဥပေဒ", "ဥပဒေ"),
        ("ေယာက္်ား", "ယောက်ျား"),
        ("ဥာဏ္", "ဉာဏ်"),
        ("ၾသဂုတ္", "ဩဂုတ်"),
        ("၀န္ႀကီး", "ဝန်ကြီး"),
        ("၂၀၂၁", "၂၀၂၁"),
        ("abc", "abc"),
        ("", ""),
    ],
)
def test_words(zawgyi: str, unicode: str) -> None:
    assert folded(zawgyi_to_unicode(zawgyi)) == folded(unicode)


@given(myanmar)
def test_conversion_never_fails_and_gives_nfc(text: str) -> None:
    converted = zawgyi_to_unicode(text)
    assert unicodedata.is_normalized("NFC", converted)
    assert zawgyi_to_unicode(text) == converted


@given(st.one_of(anything, myanmar))
def test_keys_are_the_same_for_every_normalisation(text: str) -> None:
    for form in ("NFC", "NFD"):
        assert folded(unicodedata.normalize(form, text)) == folded(text)


@given(st.one_of(anything, myanmar))
def test_folding_twice_is_folding_once(text: str) -> None:
    assert folded(folded(text)) == folded(text)
    assert in_storage_order(in_storage_order(text)) == in_storage_order(text)


@given(
    myanmar, st.integers(0, 40), st.sampled_from("\u200b\u200c\u200d\u2060\ufeff\u202e\u00ad\ufe00")
)
def test_zero_width_characters_do_not_hide_a_name(text: str, at: int, sign: str) -> None:
    assert folded(text[:at] + sign + text[at:]) == folded(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ကျွန်း", "ကွျန်း"),  # medials as seen, and as stored
        ("ကျွန်း", "ကျွွန်း"),  # a mark twice
        ("လောင်းလုံး", "လောင်းလံုး"),
        ("ဘွဲ့", "ဘဲွ့"),
        ("ကန့်", "ကန့်"),
        ("ဖောင်း", "ဖေါင်း"),
        ("၂၀၂၁", "2021"),
        ("႒ ၂၀၂၁", "႒ 2021"),
        ("ဝန်ကြီး", "၀န်ကြီး"),  # the digit nought for the letter wa
        ("၁၀", "၁ဝ"),
        ("ဦးကျော်", "ဦးကျော်\u200b"),
        ("စဉ့်", "စဥ့်"),
        ("Café", "Cafe\u0301"),
        ("ＮＡＭＥ", "name"),
        ("my_photo  1", "my photo 1"),
    ],
)
def test_what_reads_the_same_has_the_same_key(one: str, other: str) -> None:
    assert set(keys(one)) & set(keys(other)), (keys(one), keys(other))


@pytest.mark.parametrize(("one", "other"), [("မြို့", "မြောက်"), ("ကန်", "ခန်"), ("မမ", "မိမိ")])
def test_different_words_keep_different_keys(one: str, other: str) -> None:
    assert not set(keys(one)) & set(keys(other))


def test_nothing_is_kept_beside_plain_text() -> None:
    assert stored_keys("IMG-0001.jpg") is None
    assert stored_keys(None) is None
    assert stored_keys("a_b") == "a b"


# -- places --------------------------------------------------------------------------------------


def test_every_published_spelling_of_a_township_leads_to_its_code() -> None:
    with (VECTORS / "variants.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 81
    for row in rows:
        spellings = row["variants_seen_in_public_data"].split("|")
        for name in (row["name_en"], row["name_my"], *spellings):
            assert row["pcode"] in [place.pcode for place in candidates(name)], name


def test_every_pair_leads_to_its_code_in_both_encodings() -> None:
    with (VECTORS / "pairs.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 245 == len(pairs())
    for row in rows:
        for name in (row["zawgyi"], row["unicode"]):
            assert row["pcode"] in [place.pcode for place in candidates(name)], name


@pytest.mark.parametrize(
    "name", ["Hpakant", "hpakant township", "ဖားကန့်မြို့နယ်", "ဖားကန့်မြို့", "MMR001009"]
)
def test_names_with_and_without_their_kind(name: str) -> None:
    assert "MMR001009" in [place.pcode for place in candidates(name)]


def test_a_name_of_several_places_gives_all_of_them() -> None:
    codes = {place.kind for place in candidates("Myitkyina")}
    assert codes == {"district", "township"}
    assert len(candidates("ထန်းတပင်")) == 2  # one in Bago, one in Yangon


def test_unknown_names_mean_nothing() -> None:
    assert candidates("Atlantis") == ()
    assert candidates("MMR999") == ()
    assert candidates("") == ()


def test_what_lies_within() -> None:
    kachin = with_all_within(candidates("MMR001"))
    assert "MMR001009" in kachin and "MMR001D001" in kachin and "MMR002001" not in kachin
    assert with_all_within(()) == ()


def test_a_place_by_name_is_recorded_as_text_and_its_codes_are_said() -> None:
    (said,) = uncoded(["Hpakant", "Hpakant", None, "MMR001009", "behind the school"])
    assert "MMR001009" in said and "recorded as text" in said


def test_short_spellings_are_not_looked_for_inside_other_words() -> None:
    assert all(len(key) >= 3 for key in search_keys("Gwa"))
