"""Descriptive fields: kept as given, never guessed, refused by name when doubtful."""

from __future__ import annotations

import csv
import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence_vault.core.fields import CLASSIFICATIONS, FIELDS, parse_fields
from evidence_vault.errors import UsageError


def refused(**given_fields: str | list[str]) -> str:
    with pytest.raises(UsageError) as caught:
        parse_fields(given_fields)
    (name,) = set(given_fields) - {"basis_of"}
    assert caught.value.message.startswith(f"{name}: ")
    return caught.value.message


def test_every_field_has_a_name_and_help() -> None:
    assert len(FIELDS) == 16
    for name, field in FIELDS.items():
        assert field.name == name and field.help
        assert field.multiple == (field.separator is not None)


def test_nothing_given_is_nothing_said() -> None:
    assert parse_fields({}) == {}


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_empty_text_is_unknown(name: str) -> None:
    expected = {} if name == "occurred_basis" else {name: None}
    assert parse_fields({name: ""}) == expected
    assert parse_fields({name: " \n"}) == expected


def test_an_unknown_field_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError) as caught:
        parse_fields({"ocurred_at": "2025"})
    assert "'ocurred_at'" in caught.value.message
    assert "occurred_at" in caught.value.hint


# -- dates -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "precision"),
    [
        ("2026", "year"),
        ("2026-03", "month"),
        ("2026-03-05", "day"),
        ("2024-02-29", "day"),
        ("2026-03-05T14:30", "minute"),
        ("2026-03-05T14:30Z", "minute"),
        ("2026-03-05T14:30+06:30", "minute"),
        ("2026-03-05T14:30:59", "second"),
        ("2026-03-05T14:30:59-09:45", "second"),
        ("2026-03/2026-05", "month"),
        ("2026-03-05/2026", "year"),
        ("2026-03-05T10:00/2026-03-05T12:00:01", "minute"),
        ("2026/2026", "year"),
    ],
)
def test_dates_keep_their_text_and_say_their_precision(text: str, precision: str) -> None:
    found = parse_fields({"occurred_at": text})
    assert found == {"occurred_at": {"value": text, "precision": precision, "basis": None}}


@pytest.mark.parametrize(
    ("text", "hints"),
    [
        ("03/04/2025", ["2025-04-03", "2025-03-04", "ambiguous"]),
        ("3-4-25", ["2025-04-03", "2025-03-04", "ambiguous"]),
        ("1.2.2024", ["2024-02-01", "2024-01-02", "ambiguous"]),
        ("3 4 2025", ["2025-04-03", "2025-03-04", "ambiguous"]),
        ("25/12/2024", ["2024-12-25"]),
        ("2024/12/25", ["2024-12-25"]),
        ("2024.1.5", ["2024-01-05"]),
        ("5/5/2025", ["2025-05-05"]),
        ("99/99/2025", ["write 2025, 2025-04"]),
    ],
)
@pytest.mark.parametrize("field", ["occurred_at", "received_at"])
def test_ambiguous_dates_are_refused_with_what_to_write(
    field: str, text: str, hints: list[str]
) -> None:
    message = refused(**{field: text})
    assert all(hint in message for hint in hints), message


@pytest.mark.parametrize(
    "text",
    [
        "2025-02-29",
        "2025-13",
        "2025-00-10",
        "2025-1-5",
        "25-01-05",
        "2025-01-05T24:00",
        "2025-01-05T10",
        "2025-01-05 10:00",
        "2025-01-05T10:00:60",
        "2025-01-05T10:00:00.5",
        "2025-01-05T10:00+15:00",
        "2025-01-05T10:00-00:00",
        "2025-01-05T10:00+06:31",
        "2025-01-05Z",
        "၂၀၂၅-၀၁-၀၅",
        "+2025",
        "0000",
        "20250105",
        "yesterday",
        "2025-03/2025-02",
        "2025-01-05/",
        "/2025",
        "2025/2026/2027",
        "2025-01-05T10:00/03/04/2025",
        " 2025",
        "2025\n",
    ],
)
def test_what_is_no_date_is_refused(text: str) -> None:
    refused(occurred_at=text)


def test_an_interval_is_no_date_of_receipt() -> None:
    assert parse_fields({"received_at": "2025-01"}) == {"received_at": "2025-01"}
    refused(received_at="2025-01/2025-02")


def test_the_basis_goes_into_the_date() -> None:
    found = parse_fields({"occurred_basis": "stated by S-12", "occurred_at": "2025"})
    assert found == {
        "occurred_at": {"value": "2025", "precision": "year", "basis": "stated by S-12"}
    }
    refused(occurred_basis="stated by S-12")


@given(st.dates())
def test_every_iso_day_is_accepted(day: Any) -> None:
    found = parse_fields({"occurred_at": day.isoformat()})
    assert found["occurred_at"]["precision"] == "day"


@given(st.text("0123456789-:/TZ+. ", max_size=24))
def test_no_text_makes_the_date_parser_fail_otherwise(text: str) -> None:
    try:
        found = parse_fields({"occurred_at": text})["occurred_at"]
    except UsageError:
        return
    assert found is None or found["value"] == text


# -- text --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["title", "description", "place", "received_from", "source_code"])
@pytest.mark.parametrize("lost", ["???", "a ??????? b", "What???", "\ufffd", "caf\ufffd"])
def test_lost_burmese_is_refused_with_what_to_do(name: str, lost: str) -> None:
    assert "where letters were lost" in refused(**{name: lost})


def test_an_ordinary_question_is_no_loss() -> None:
    assert parse_fields({"description": "who?? when?"}) == {"description": "who?? when?"}


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_text_is_kept_exactly_as_given(form: Any) -> None:
    text = unicodedata.normalize(form, "  မြစ်ကြီးနား é\n\tZoë 👩\u200d👧 \u200b ")
    assert parse_fields({"description": text}) == {"description": text}


@pytest.mark.parametrize("control", ["\0", "\x07", "\x1b", "\x7f", "\x85", "\x9b", "\ud800"])
@pytest.mark.parametrize("name", ["description", "title", "case", "custody_before"])
def test_control_characters_are_refused(name: str, control: str) -> None:
    assert "control character" in refused(**{name: f"a{control}b"})


@pytest.mark.parametrize("name", ["title", "place", "received_via", "occurred_basis", "case"])
@pytest.mark.parametrize("broken", ["a\nb", "a\tb", "a\u2028b"])
def test_one_line_fields_hold_one_line(name: str, broken: str) -> None:
    refused(**{name: broken})


@pytest.mark.parametrize("code", ["a;b", " a", "a ", "a  b", "a\u202eb", "a\u200bb", "x" * 129])
def test_bad_codes_are_refused(code: str) -> None:
    refused(source_code=code)


def test_codes_may_be_burmese_and_come_in_lists_without_repetition() -> None:
    found = parse_fields({"case": ["ကေ-၁", "B 2", "ကေ-၁"], "violation": "01", "caveats": ["", "x"]})
    assert found == {"case": ["ကေ-၁", "B 2"], "violation": ["01"], "caveats": ["x"]}


def test_sizes_are_bounded() -> None:
    refused(description="x" * 32_768)
    refused(title="x" * 1_001)
    refused(case=[str(number) for number in range(101)])
    refused(title=["one", "two"])


@pytest.mark.parametrize(
    "tag", ["my", "en", "shn", "kac", "my-Mymr", "en-GB", "zh-yue", "sl-rozaj-biske", "x-kachin",
            "de-CH-1996", "es-419", "en-a-bbb-x-a", "ctd"]
)  # fmt: skip
def test_language_tags(tag: str) -> None:
    assert parse_fields({"language": tag}) == {"language": tag}


@pytest.mark.parametrize("tag", ["Burmese language", "my_MM", "m", "my-", "-my", "en-a", "my;en"])
def test_what_is_no_language_tag_is_refused(tag: str) -> None:
    refused(language=tag)


def test_every_known_language_has_a_tag_that_is_accepted(shared: Path) -> None:
    with open(shared / "data/myanmar_languages.csv", encoding="utf-8-sig", newline="") as lines:
        rows = list(csv.DictReader(lines))
    codes = [row["iso_639_3"] for row in rows if row["iso_639_3"]]
    assert len(codes) >= 122
    for code in codes:
        assert parse_fields({"language": code}) == {"language": code}


@pytest.mark.parametrize(
    ("file", "rows"),
    [
        ("myanmar_states_regions.csv", 18),
        ("myanmar_districts.csv", 80),
        ("myanmar_townships.csv", 330),
        ("myanmar_townships_historical.csv", 25),
    ],
)
def test_every_p_code_is_accepted(shared: Path, file: str, rows: int) -> None:
    with open(shared / "data" / file, encoding="utf-8-sig", newline="") as lines:
        codes = [row["pcode"] for row in csv.DictReader(lines)]
    assert len(codes) == rows
    for code in codes:
        assert parse_fields({"place": code}) == {"place": code}


@pytest.mark.parametrize("code", ["MMR1", "MMR0010", "mmr001", "MMR001D1", "MMR001X001"])
def test_a_mistyped_p_code_is_refused(code: str) -> None:
    refused(place=code)


def test_a_place_may_be_plain_text() -> None:
    for place in ("ရွာသစ်, Sagaing", "MMR", "near the bridge"):
        assert parse_fields({"place": place}) == {"place": place}


def test_classification_is_the_ladder_and_nothing_else() -> None:
    assert CLASSIFICATIONS == ("public", "confidential", "under-seal", "secret")
    for level in CLASSIFICATIONS:
        assert parse_fields({"classification": level}) == {"classification": level}
    for other in ("Secret", "under seal", "top-secret"):
        assert "public, confidential, under-seal, secret" in refused(classification=other)


@given(st.dictionaries(st.sampled_from(sorted(FIELDS)), st.text(max_size=20), max_size=4))
def test_what_is_accepted_is_json_without_floats(given_fields: dict[str, str]) -> None:
    try:
        parsed = parse_fields(dict(given_fields))
    except UsageError:
        return
    text = json.dumps(parsed, allow_nan=False)
    assert json.loads(text, parse_float=lambda _: pytest.fail("a float")) == parsed
