"""A sample of the fault table in every run; the whole of it in the slow one."""

from __future__ import annotations

import pytest
from tests.faults import table
from tests.servers import fixtures

FAULTS = table.load()
_TRIES = 2  # of each fault by default


@pytest.fixture
def servers(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The servers of this test run, for the faults that need one."""
    level = FAULTS[name].level
    if "S3" in level:
        variable = "EVIDENCE_VAULT_TEST_S3"
        monkeypatch.setenv(variable, str(fixtures.env_file(variable, "rgw")))
    if "PostgreSQL" in level:
        variable = "EVIDENCE_VAULT_TEST_PG"
        monkeypatch.setenv(variable, str(fixtures.env_file(variable, "pg")))


@pytest.mark.sweep
@pytest.mark.usefixtures("servers")
@pytest.mark.parametrize("name", [n for n, entry in FAULTS.items() if entry.sample])
def test_a_sample_of_each_fault(name: str) -> None:
    row = table.try_fault(name, min(FAULTS[name].sample, _TRIES))
    if row.absent:
        pytest.skip(row.absent)
    assert row.problems == []
    assert row.tried > 0


@pytest.mark.slow
@pytest.mark.usefixtures("servers")
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", list(FAULTS))
def test_the_whole_of_each_fault(name: str) -> None:
    row = table.try_fault(name, FAULTS[name].whole)
    if row.absent:
        pytest.skip(row.absent)
    if row.problems and FAULTS[name].known:
        pytest.xfail(FAULTS[name].known)
    assert row.problems == []


def test_the_page_names_every_fault() -> None:
    page = table.PAGE.read_text(encoding="utf-8")
    assert [entry.title for entry in FAULTS.values() if entry.title not in page] == []
