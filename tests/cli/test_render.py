"""Pure text forms: sizes, times, tables, progress."""

from __future__ import annotations

import io
from typing import Any

import pytest

from evidence_vault.cli import render_intake, render_reading, render_setup
from evidence_vault.cli.answer import Answer, to_json
from evidence_vault.cli.progress import Progress, counted_text, totals_text
from evidence_vault.cli.words import duration, shown, size, table


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (999_960, "1.0 MB"),
        (4 * 10**9, "4.0 GB"),
        (10**16, "10000.0 TB"),
    ],
)
def test_sizes(count: int, text: str) -> None:
    assert size(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (89, "89 s"), (300, "5 min"), (7800, "2 h 10 min")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_unknown_is_said_and_nothing_acts_on_a_terminal() -> None:
    assert (shown(None), shown(""), shown([])) == ("unknown",) * 3
    assert shown(["a", "b\x1b"]) == "a; b\\x1b"
    assert shown({"value": "2024", "precision": "year", "basis": "letter"}) == "2024 (letter)"
    assert shown({"k\n": 0}) == "k\\n 0"


def test_columns_line_up() -> None:
    assert table([("a", "bb"), ("ccc", "d")]) == ["a    bb", "ccc  d"]


def test_json_is_one_ascii_document() -> None:
    text = to_json({"name": "\u202eဓာတ်\x7f"})
    assert text.isascii()
    assert "\x7f" not in text
    assert text.endswith("}\n")


def test_a_result_that_is_not_whole_ends_like_an_error() -> None:
    answer = Answer({"a": 1}, str, 10, "hint", [{"code": "E-X", "message": "m", "where": "w"}])
    for part in ('"code": "E-EVIDENCE"', '"message"', '"hint": "hint"', '"where": "w"'):
        assert part in answer.json()
    assert '"code"' not in Answer({"a": 1}, str).json()


def test_every_refused_file_is_named_with_reason_and_hint() -> None:
    refused = [
        {"name": f"file {n}", "code": "E-X", "reason": f"reason {n}", "hint": f"hint {n}"}
        for n in range(500)
    ]
    lines = render_intake.refused(refused)
    for n in range(500):
        assert f"  file {n}" in lines
        assert f"    reason {n} (E-X)" in lines
        assert f"    hint: hint {n}" in lines


def ingest_result(**changes: Any) -> dict[str, Any]:
    """A whole result of an ingest."""
    return {
        "accession": "TST-A00001",
        "taken_in": [{"id": "TST-0000001", "name": "a", "size": 3, "format": "", "sha256": ""}],
        "received_again": [],
        "already_in": 0,
        "copies": {},
        "foreign": None,
        "without_copy": [],
        "refused": [],
        "bytes": 3,
        "seconds": "1.00",
        "dry_run": False,
        "space_needed": 3,
        "space_free": 9,
        "estimated_seconds": None,
        "log_size": 3,
        "interrupted": False,
        "metadata": {},
        "notices": ["nothing of this is backed up yet"],
        "exit": 0,
        **changes,
    }


def test_an_interrupted_ingest_says_how_to_go_on() -> None:
    text = render_intake.ingest(ingest_result(interrupted=True, exit=130))
    assert "run the same command again" in text


def test_a_long_ingest_names_some_and_counts_the_rest() -> None:
    one = ingest_result()["taken_in"][0]
    text = render_intake.ingest(ingest_result(taken_in=[one] * 50))
    assert "50 new items" in text
    assert "and 30 more" in text


def test_a_dry_run_says_space_and_time() -> None:
    text = render_intake.ingest(ingest_result(dry_run=True, estimated_seconds=30, already_in=2))
    assert "nothing was taken in" in text
    assert "3 bytes of 9 bytes free" in text
    assert "about 30 s" in text
    assert "skipped: 2 files" in text


def test_an_empty_list() -> None:
    assert render_reading.listing({"items": [], "sealed": True, "total": 0}) == "No items."


@pytest.mark.parametrize("name", ["no-key", "ok", "restored", "rolled-back"])
def test_every_state_has_a_sentence(name: str) -> None:
    assert name not in render_setup.state(name) or name == "ok"


# -- progress ------------------------------------------------------------------------------------


class Screen(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds by which time is set."""
    now = [100.0]
    monkeypatch.setattr("evidence_vault.cli.progress.time.monotonic", lambda: now[0])
    return now


def test_rate_and_time_left() -> None:
    text = totals_text(1, 250, 4, 1000, 10.0, bar=False)
    assert text == "1 of 4 files, 250 bytes of 1.0 kB, 25 bytes/s, about 30 s left"
    assert "left" not in totals_text(4, 1000, 4, 1000, 10.0, bar=False)
    assert totals_text(0, 0, 0, 0, 0.0, bar=False) == "0 of 0 files, 0 bytes of 0 bytes"
    assert totals_text(1, 500, 2, 1000, 1.0, bar=True).startswith("[############............] ")
    assert counted_text(3, 3000, 3.0) == "3, 3.0 kB, 1.0 kB/s"


def test_lines_in_a_pipe_every_five_seconds(clock: list[float]) -> None:
    stream = io.StringIO()
    with Progress("taking in", stream) as told:
        for second in range(20):
            clock[0] = 100.0 + second
            told.with_totals(second, second, 20, 20)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 3
    assert all(line.startswith("taking in: ") for line in lines)
    assert "\r" not in stream.getvalue()


def test_a_bar_on_a_terminal_is_wiped_at_the_end(clock: list[float]) -> None:
    screen = Screen()
    with Progress("taking in", screen) as told:
        for tenth in range(11):
            clock[0] += 0.1
            told.with_totals(tenth, tenth, 10, 10)
    drawn = screen.getvalue()
    assert 3 <= drawn.count("[") <= 8
    assert "\n" not in drawn
    assert drawn.endswith(" \r")


def test_quiet_is_silent(clock: list[float]) -> None:
    with Progress("taking in", None) as told:
        clock[0] += 60
        told.with_totals(1, 1, 2, 2)
        told.counted(1, 1)


def test_a_reader_of_progress_that_goes_away_stops_nothing(clock: list[float]) -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    with Progress("taking in", Gone()) as told:
        for _ in range(3):
            clock[0] += 60
            told.counted(1, 1)
