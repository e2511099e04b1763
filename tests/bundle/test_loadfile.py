"""The load file: exact names, sizes and dates; cells that nothing runs; values that survive.

Names and sizes are written out here as the import standards of Nuix Discover and RelativityOne
document them, not taken from the code.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evidence_vault.bundle.facts import ItemFacts, item_facts
from evidence_vault.bundle.loadfile import LoadFile
from evidence_vault.bundle.loadrows import chain_of_custody, export_row, extra_rows
from evidence_vault.bundle.loadtext import Row, cell, csv_record, cut, day, value_rows, width
from evidence_vault.bundle.model import BundlePlan
from evidence_vault.core.text import escape_for_display

from .conftest import NASTY, make_plan

Plans = Callable[..., BundlePlan]

TABLES = {
    "export": (
        "Document_ID Host_Reference Document_Date Estimated Document_Type Title level_1 level_2 "
        "level_3 level_4 level_5 level_6 level_7 level_8 level_9 level_10 main_id"
    ),
    "parties": "Document_ID Correspondence_Type Persons Organisations",
    "pages": "Document_ID Image_File_Name page_label page_num num_pages",
    "export_extras": "Document_ID theCategory theLabel theValue memoValue",
}
CATEGORIES = {"TEXT", "NUMB", "BOOL", "DATE", "PICK", "MEMO"}
DATE = re.compile(r"[0-3][0-9]-(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)-[0-9]{4}\Z")
RUNS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
CONTENT = ("content_sha256", "content_sha512", "content_size")


def tables(plan: BundlePlan) -> dict[str, list[dict[str, str]]]:
    """Every table as Python's own reader gives it, which is strict; names are checked."""
    found = {}
    for path, pieces in LoadFile().files(plan):
        folder, _, name = path.partition("/")
        assert folder == "loadfile"
        if name == "README.txt":
            continue
        text = b"".join(pieces).decode("utf-8")
        assert not text.startswith("\ufeff")
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        rows = list(reader)
        assert reader.fieldnames == TABLES[name.removesuffix(".csv")].split()
        assert all(None not in row and None not in row.values() for row in rows)
        found[name.removesuffix(".csv")] = rows
    assert set(found) == set(TABLES)
    return found


def assert_fits(found: Mapping[str, list[dict[str, str]]]) -> None:
    """Sizes, dates and categories of the documented load file; nothing that starts a formula."""
    ids = [row["Document_ID"] for row in found["export"]]
    assert ids and len(set(ids)) == len(ids)
    for row in found["export"]:
        assert re.fullmatch(r"[A-Z0-9-]{1,255}", row["Document_ID"])
        assert row["Document_Date"] == "" or DATE.match(row["Document_Date"])
        assert row["Estimated"] in ("YES", "NO", "")
        assert row["level_1"] and all(width(row[f"level_{n}"]) <= 20 for n in range(1, 11))
    for row in found["export_extras"]:
        assert row["theCategory"] in CATEGORIES
        assert (row["theCategory"] == "MEMO") == bool(row["memoValue"])
        assert width(row["memoValue"]) <= 64_000
        if row["theCategory"] == "DATE":
            assert DATE.match(row["theValue"])
        if row["theCategory"] == "NUMB":
            assert row["theValue"].isdecimal()
    for row in found["parties"]:
        assert row["Correspondence_Type"] and (row["Persons"] or row["Organisations"])
    for name, rows in found.items():
        for row in rows:
            assert row["Document_ID"] in ids
            for field, value in row.items():
                assert field == "memoValue" or width(value) <= 255, (name, field)
                assert not value.startswith(RUNS), (name, field, value)
                assert all(escape_for_display(line) == line for line in value.split("\n"))


def values(rows: Iterable[dict[str, str]], label: str) -> list[str]:
    return [row["theValue"] + row["memoValue"] for row in rows if row["theLabel"] == label]


def exactly(rows: Iterable[Row], label: str) -> str:
    """What an import program gets of a value by the rule of README.txt."""
    by_label = {row[1]: row[2] + row[3] for row in rows}
    if f"{label} (exact)" not in by_label:
        return by_label[label]
    parts = [by_label[f"{label} (exact)"]]
    while (more := f"{label} (exact, {len(parts) + 1})") in by_label:
        parts.append(by_label[more].removeprefix("…"))
    value = json.loads("".join(parts))
    assert isinstance(value, str)
    return value


# -- the tables --------------------------------------------------------------------------------


def test_hostile_values_fit_run_nothing_and_survive(plans: Plans) -> None:
    plan = plans(reveal=(*CONTENT, "title", "place", "description", "source_path", "occurred_at"))
    found = tables(plan)
    assert_fits(found)
    first = plan.items[0]
    rows: list[Row] = [
        (row["theCategory"], row["theLabel"], row["theValue"], row["memoValue"])
        for row in found["export_extras"]
        if row["Document_ID"] == first.id
    ]
    assert exactly(rows, "Place") == NASTY["place"]
    assert exactly(rows, "Description") == NASTY["description"]
    path = NASTY["source_path"]
    assert isinstance(path, dict)
    assert exactly(rows, "Original file name (base64 of its bytes)") == path["b64"]
    title = next(row for row in found["export"] if row["Document_ID"] == first.id)["Title"]
    assert title.startswith("'=HYPERLINK")
    assert json.loads(next(r[3] for r in rows if r[1] == "Title (exact)")) == NASTY["title"]


def test_what_is_withheld_is_named_and_has_no_value(plans: Plans) -> None:
    plan = plans(reveal=CONTENT)
    found = tables(plan)
    assert_fits(found)
    whole = repr(found)
    for secret in ("HYPERLINK", "MMR010", "ကျေးရွာ", "C-7", "2021", "27-Mar"):
        assert secret not in whole
    named = values(found["export_extras"], "Withheld fields")
    assert len(named) == len(plan.items)
    assert all("title" in each and "occurred_at" in each for each in named)
    assert all(row["Estimated"] == row["Document_Date"] == "" for row in found["export"])


def test_a_withheld_item_is_counted_and_has_no_page(plans: Plans) -> None:
    plan = plans(withheld={"QVRM-0000002": "under hold"}, reveal=CONTENT)
    found = tables(plan)
    assert_fits(found)
    assert [row["Document_ID"] for row in found["export"]] == [i.id for i in plan.items]
    assert "QVRM-0000002" not in {row["Document_ID"] for row in found["pages"]}
    of = [row for row in found["export_extras"] if row["Document_ID"] == "QVRM-0000002"]
    assert values(of, "File") == ["withheld: under hold"]
    assert values(of, "SHA-256") == [] and values(of, "SHA-256 of the withheld original")


def test_registration_numbers_are_an_empty_slot_and_never_made(plans: Plans) -> None:
    found = tables(plans(reveal=CONTENT))
    for label in ("ERN range", "Disclosure category", "Related witness code"):
        assert values(found["export_extras"], label) == [""] * len(found["export"])
    assert all(row["main_id"] == "" for row in found["export"])


def test_digests_are_those_of_the_file_that_leaves(plans: Plans) -> None:
    plan = plans(reveal=CONTENT)
    found = tables(plan)
    told = values(found["export_extras"], "SHA-256")
    assert told == [item.payload.sha256 for item in plan.items if item.payload]
    paths = [item.payload_path for item in plan.items]
    assert [f"data/{row['Image_File_Name']}" for row in found["pages"]] == paths


def test_the_same_plan_gives_the_same_bytes(plan: BundlePlan) -> None:
    def made() -> list[tuple[str, bytes]]:
        return [(path, b"".join(pieces)) for path, pieces in LoadFile().files(plan)]

    assert made() == made()


# -- dates -------------------------------------------------------------------------------------


def of_date(value: Any) -> tuple[str, str, list[str]]:
    """Document_Date, Estimated, and what the extras keep of the expression."""
    plan = make_plan(reveal=CONTENT)
    facts = _told(next(item_facts(plan)), occurred_at=value)
    row = export_row(facts, frozenset())
    extras = extra_rows(facts, plan, frozenset())
    return row[2], row[3], [r[2] for r in extras if r[1] == "Main date as recorded"]


def _told(facts: ItemFacts, **told: Any) -> ItemFacts:
    """The same item with other values revealed of its arrival."""
    arrival = facts.events[0]
    changed = replace(arrival, revealed={**arrival.revealed, **told})
    return ItemFacts(facts.item, facts.number, (changed, *facts.events[1:]))


@pytest.mark.parametrize(
    ("expression", "precision", "expected", "estimated"),
    [
        ("2017-03-26", "day", "26-Mar-2017", "NO"),
        ("2017-03-26T23:50+06:30", "minute", "26-Mar-2017", "NO"),
        ("2017-03-26T09:00/2017-03-26T11:00", "minute", "26-Mar-2017", "NO"),
        ("2017-03", "month", "", "YES"),
        ("2017", "year", "", "YES"),
        ("2017-03-26/2017-03-27", "day", "", "YES"),
        ("2017-03/2017-03-26", "month", "", "YES"),
        ("around the flood", None, "", "YES"),
    ],
)
def test_no_day_is_invented(
    expression: str, precision: str | None, expected: str, estimated: str
) -> None:
    value = {"basis": None, "precision": precision, "value": expression}
    assert of_date(value) == (expected, estimated, [expression])


@given(st.dates(min_value=date(100, 1, 1)))
def test_a_day_is_written_in_english_whatever_the_locale(when: date) -> None:
    months = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
    assert day(when.isoformat()) == f"{when.day:02}-{months[when.month - 1]}-{when.year:04}"


# -- chain of custody --------------------------------------------------------------------------


def test_a_long_chain_of_custody_is_cut_and_says_where_the_rest_is(plan: BundlePlan) -> None:
    facts = next(item_facts(plan))
    assert "cut here" not in chain_of_custody(facts)
    long = ItemFacts(facts.item, facts.number, facts.events * 200)
    told = chain_of_custody(long)
    assert 60_000 < width(told) <= 64_000
    lines = told.split("\n")
    assert lines[-1] == (
        f"[cut here: {len(long.events)} events in all; the whole record stands in custody.txt, "
        f"its proofs in {facts.item.receipt_path}]"
    )


# -- hostile values ----------------------------------------------------------------------------

HOSTILE = st.one_of(
    st.text(max_size=400),
    st.text(st.characters(codec=None), max_size=60),
    st.sampled_from(RUNS).flatmap(lambda sign: st.text(max_size=20).map(lambda t: sign + t)),
    st.builds(
        lambda one, many: one * many,
        st.sampled_from("a😀\u202e\u200b'\"\\,\n"),
        st.integers(1, 300),
    ),
)


@given(HOSTILE)
@settings(max_examples=400)
def test_any_value_fits_runs_nothing_and_comes_back(value: str) -> None:
    rows = list(value_rows("TEXT", "Label", value))
    for category, label, text, memo in rows:
        assert category in CATEGORIES and width(label) <= 255
        assert width(text) <= 255 and width(memo) <= 64_000
        assert (category == "MEMO") == bool(memo) or value == ""
        for shown in (text, memo):
            assert not shown.startswith(RUNS)
            assert all(escape_for_display(line) == line for line in shown.split("\n"))
        line = csv_record((category, label, text, memo)).decode("utf-8")
        read = list(csv.reader(io.StringIO(line, newline=""), strict=True))
        assert read == [[category, label, text, memo]]
    if value:
        assert exactly(rows, "Label") == value


@pytest.mark.parametrize("value", ["x" * 64_001, "\u202e" * 32_767, "=" + "😀\n" * 30_000])
def test_a_value_wider_than_a_memo_goes_on_and_comes_back(value: str) -> None:
    rows = list(value_rows("TEXT", "Label", value))
    assert all(width(row[3]) <= 64_000 for row in rows)
    assert "cut here" in rows[0][3]
    assert exactly(rows, "Label") == value


@given(st.text(max_size=40), st.integers(0, 45))
def test_cutting_halves_no_character(text: str, limit: int) -> None:
    kept = cut(text, limit)
    assert text.startswith(kept) and width(kept) <= limit
    rest = text[len(kept) :]
    assert not rest or width(kept + rest[0]) > limit


@given(HOSTILE)
def test_a_cell_is_one_line(value: str) -> None:
    assert width(cell(value)) <= 255 and "\n" not in cell(value)
