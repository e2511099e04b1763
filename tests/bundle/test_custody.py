"""The custody record and the index: what they say, and that nothing in them can act."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evidence_vault.bundle.custody import (
    CustodyEvent,
    custody_csv,
    custody_events,
    custody_text,
    render_history,
)
from evidence_vault.bundle.howto import how_to_verify
from evidence_vault.bundle.index import csv_line, index_csv
from evidence_vault.bundle.model import BundlePlan
from evidence_vault.bundle.sinks import FolderSink
from evidence_vault.bundle.writer import write_bundle
from evidence_vault.core.event import FIELDS

Plans = Callable[..., BundlePlan]
REVEALED = ("content_sha256", "title", "source_path", "place", "description", "occurred_at")


def text_of(plan: BundlePlan) -> str:
    point = plan.checkpoint
    receipts = [item.receipt for item in plan.items]
    pieces = custody_text(plan.origin, point.size, point.root, plan.made_at, receipts)
    return b"".join(pieces).decode()


def rows_of(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def test_every_event_of_every_item_is_there_in_order(plan: BundlePlan) -> None:
    rows = rows_of(b"".join(custody_csv(item.receipt for item in plan.items)))
    first = [row for row in rows if row["item"] == "QVRM-0000001"]
    assert [(r["event_no"], r["event"], r["log_position"]) for r in first] == [
        ("0", "ingested", "1"),
        ("1", "described", "4"),
        ("2", "fixity-checked", "5"),
        ("3", "exported", "6"),
    ]
    assert len(rows) == sum(len(item.receipt.events) - 1 for item in plan.items)
    text = text_of(plan)
    places = [text.index(word) for word in ("0. Taken into the archive", "3. Copy handed out")]
    assert places == sorted(places)


def test_what_was_claimed_stands_apart_from_what_was_recorded(plans: Plans) -> None:
    text = text_of(plans(reveal=REVEALED))
    (claimed,) = {line.strip() for line in text.splitlines() if "Claimed: happened" in line}
    assert claimed.endswith(" 2021-03-27 (not checked)")
    recorded = [line for line in text.splitlines() if line.strip().startswith("Recorded ")]
    assert recorded and all("2026-11-23 09:" in line and "2021" not in line for line in recorded)


def test_withheld_and_unknown_are_said(plans: Plans) -> None:
    event = custody_events(plans().items[0].receipt)[0]
    assert "title" in event.withheld and "case" in event.unknown
    lines = render_history([event]).splitlines()
    assert any("Withheld" in x and "7 of 10 fields" in x and "title" in x for x in lines)
    assert any("Claimed: happened" in x and x.endswith(" withheld") for x in lines)
    assert any("Claimed: received" in x and x.endswith(" not known") for x in lines)
    assert "desk-1" not in "".join(lines)  # withheld values don't show
    row = rows_of(b"".join(custody_csv([plans().items[1].receipt])))[0]
    assert (row["fields_revealed"], row["fields_withheld"], row["fields_unknown"]) == (
        "3",
        "7",
        str(len(FIELDS["ingested"]) - 10),
    )


def test_a_missing_acknowledgement_is_said(plan: BundlePlan) -> None:
    events = custody_events(plan.items[0].receipt)
    assert "no acknowledgement is on record" in render_history(events[-1:])
    assert "acknowledge" not in render_history(events[:-1])


def test_the_signer_is_named_by_role_and_key(plan: BundlePlan) -> None:
    event = custody_events(plan.items[0].receipt)[0]
    assert event.role == "events"
    assert f"events key {event.signer[:16]}…" in render_history([event])


def event_of(event_type: str, revealed: dict[str, Any]) -> CustodyEvent:
    time, key = "2026-11-23T10:00:00Z", "ab" * 32
    return CustodyEvent(7, "00" * 32, event_type, time, 3, key, "events", revealed, (), ())


def test_an_unknown_event_type_is_shown() -> None:
    text = render_history([event_of("weighed", {"a_b": "1"})])
    assert "3. Event of type weighed" in text
    assert "a b" in text and "entry 7" in text


def test_many_items_in_one_act_are_counted_and_not_listed() -> None:
    members = {"items": [["o", f"QVRM-{i:07}", 1, "00"] for i in (1, 777)], "seed": "x"}
    text = render_history([event_of("accessed", {"members": members})])
    assert "0000777" not in text
    (line,) = (x for x in text.splitlines() if "items in the same act" in x)
    assert line.endswith(" 2")


def _acting(text: str) -> set[str]:
    kinds = ("Cc", "Cs", "Zl", "Zp")
    found = {c for c in text if unicodedata.category(c) in kinds or "\u202a" <= c <= "\u202e"}
    return found - {"\n"}


def test_nothing_revealed_can_act_on_a_terminal_or_in_a_spreadsheet(
    plans: Plans, tmp_path: Path
) -> None:
    write_bundle(plans(reveal=REVEALED), FolderSink(tmp_path / "b"))
    for name in ("custody.txt", "custody.csv", "index.csv"):
        text = (tmp_path / "b" / name).read_bytes().decode("utf-8-sig")
        assert _acting(text) == set(), name
    assert "ကျေးရွာ 😀" in (tmp_path / "b" / "custody.txt").read_text("utf-8")
    for name in ("custody.csv", "index.csv"):
        text = (tmp_path / "b" / name).read_bytes().decode("utf-8-sig")
        for row in csv.reader(io.StringIO(text, newline="")):
            assert not any(cell.startswith(("=", "+", "-", "@", "\t")) for cell in row)


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_a_formula_becomes_text(cell: str) -> None:
    ((shown,),) = csv.reader(io.StringIO(csv_line([cell]).decode(), newline=""))
    assert shown[0] not in "=+-@\t\r\n"


def test_the_index_adds_up_and_gives_reasons(plans: Plans) -> None:
    plan = plans(withheld={"QVRM-0000002": "=under a hold, until\nreleased"})
    rows = list(csv.reader(io.StringIO(b"".join(index_csv(plan.items)).decode(), newline="")))
    assert rows[0] == ["item", "home", "outcome", "reason", "original", "receipt"]
    assert [row[2] for row in rows[1:-1]] == ["exported", "withheld", "exported"]
    assert rows[2][3] == "'=under a hold, until\\nreleased"
    assert rows[2][4] == ""
    assert rows[-1] == ["TOTAL", "3", "exported", "2", "withheld", "1"]


def test_the_csv_keeps_revealed_values_whole(plans: Plans) -> None:
    rows = rows_of(b"".join(custody_csv([plans(reveal=REVEALED).items[0].receipt])))
    values = json.loads(rows[0]["revealed"].replace("\\x9b", "\u009b").replace("\\u202e", "\u202e"))
    assert values["title"].startswith("=HYPERLINK")
    assert set(values) == set(REVEALED)


def test_words_that_mean_other_things_to_a_court_are_absent(plan: BundlePlan) -> None:
    text = (text_of(plan) + how_to_verify().decode()).lower()
    for word in ("admissible", "witness", "sealed", "disclosure"):
        assert word not in text


def test_an_index_of_nothing_is_refused_nowhere_but_adds_up() -> None:
    assert b"".join(index_csv([])).splitlines()[-1] == b"TOTAL,0,exported,0,withheld,0"


def test_values_of_every_shape_are_shown_on_safe_lines(plan: BundlePlan) -> None:
    event = custody_events(plan.items[0].receipt)[0]
    shapes = {"a": {"b": [], "c": {"d": "x\ny"}}, "e": [1, None], "f": "", "g": ["p", "q"], "h": {}}
    text = render_history([dataclasses.replace(event, revealed={"metadata": shapes})])
    for expected in ("a / c / d: x\\ny", "e: [1,null]", "g: p; q"):
        assert expected in text
