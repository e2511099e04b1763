"""docs/burmese.md shows what was measured, and the thresholds follow from it."""

from __future__ import annotations

from pathlib import Path

from evidence_vault.capture.burmese import LETTERS, SURE

from .measure import by_length, table

PAGE = Path(__file__).resolve().parents[2] / "docs" / "burmese.md"


def test_the_page_shows_the_tables_as_measured() -> None:
    assert table() in PAGE.read_text(encoding="utf-8")


def test_from_the_fewest_letters_on_nothing_is_told_wrongly() -> None:
    rows = [row for row in by_length() if row[0] >= LETTERS]
    assert len(rows) >= 10 and SURE == 0.99
    assert sum(wrong for *_, wrong, _ in rows) == 0
    assert all(right / pieces > 0.99 for _, _, pieces, right, _, _ in rows)


def test_with_fewer_letters_something_is() -> None:
    """The reason for the threshold: shorter texts are called Zawgyi, or not, wrongly."""
    assert sum(wrong for length, *_, wrong, _ in by_length() if length < LETTERS) > 0
