"""A sample of the tamper table in every run; the whole of it in the slow one."""

from __future__ import annotations

import pytest
from tests.tamper import table

CLASSES = table.load()
TRIED = [name for name, entry in CLASSES.items() if entry.make is not None]


@pytest.mark.parametrize("name", TRIED)
def test_a_sample_of_each_class(name: str) -> None:
    step, most = (4_999, 4) if CLASSES[name].flips else (5, 2)
    row = table.try_class(name, sample=step, most=most)
    assert row.problems == []
    assert row.program.tried == row.shell.tried == row.page.tried > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in TRIED if not CLASSES[n].flips])
def test_every_case_of_each_class(name: str) -> None:
    assert table.try_class(name).problems == []


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", [n for n in TRIED if CLASSES[n].flips])
def test_every_byte_by_the_program_and_some_by_the_shell(name: str) -> None:
    assert table.try_class(name, every=97).problems == []


def test_the_page_names_every_class() -> None:
    page = table.PAGE.read_text(encoding="utf-8")
    assert [entry.title for entry in CLASSES.values() if entry.title not in page] == []


def test_classes_that_wait_say_why() -> None:
    assert all(entry.make is not None or entry.absent for entry in CLASSES.values())
    assert {"bundle_bytes", "cosignatures", "timestamps", "small_order"} <= set(TRIED)
