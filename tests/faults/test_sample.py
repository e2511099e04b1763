"""A sample of the fault table in every run; the whole of it in the slow one."""

from __future__ import annotations

import pytest
from tests.faults import table

FAULTS = table.load()


@pytest.mark.parametrize("name", [n for n, entry in FAULTS.items() if entry.sample])
def test_a_sample_of_each_fault(name: str) -> None:
    row = table.try_fault(name, FAULTS[name].sample)
    if row.absent:
        pytest.skip(row.absent)
    assert row.problems == []
    assert row.tried > 0


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", list(FAULTS))
def test_the_whole_of_each_fault(name: str) -> None:
    row = table.try_fault(name, FAULTS[name].whole)
    if row.absent:
        pytest.skip(row.absent)
    assert row.problems == []


def test_the_page_names_every_fault() -> None:
    page = table.PAGE.read_text(encoding="utf-8")
    assert [entry.title for entry in FAULTS.values() if entry.title not in page] == []
