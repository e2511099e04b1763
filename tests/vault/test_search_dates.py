"""Searching by date: whatever may have happened then is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from evidence_vault.core.fields import parse_fields

from .vaults import Made

DATES = ("2024-01/2024-03", "2024", "2024-02-29T10:00", "2024-02", "2023-12/2024-02-01", "2025-02")


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("2024-02", {0, 1, 2, 3, 4}),
        ("2024-02-29", {0, 1, 2, 3}),
        ("2024-03", {0, 1}),
        ("2024-04", {1}),
        ("2023", {4}),
        ("2024", {0, 1, 2, 3, 4}),
        ("2024-03/2025-02", {0, 1, 5}),
        ("2026", set()),
    ],
)
def test_intervals_that_overlap_the_date_asked_for_are_found(
    asked: str, expected: set[int], dated: Made
) -> None:
    with dated.open() as vault:
        found = vault.catalogue.search(date=asked)
    assert {int(row["name"].removesuffix(".txt")) for row in found} == expected


@pytest.fixture
def dated(vault: Made, tmp_path: Path) -> Made:
    for number, date in enumerate((*DATES, None)):
        path = tmp_path / f"{number}.txt"
        path.write_text(str(number))
        vault.ingest(path, fields=parse_fields({"occurred_at": date} if date else {}))
    return vault
