"""hold and retention as commands: statuses, text, JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.cli.runner import Result, call, check_schema

from .worlds import PASSPHRASE, World


@pytest.fixture
def run(world: World, tmp_path: Path) -> Runner:
    file = tmp_path / "passphrase"
    file.write_text(PASSPHRASE + "\n")
    return Runner(world, file)


class Runner:
    def __init__(self, world: World, file: Path) -> None:
        self.world, self._file = world, file

    def __call__(self, *words: object) -> Result:
        head = ("--vault", self.world.vault, "--passphrase-file", self._file, "--by", "d-1")
        return call(*head, *words)

    def json(self, name: str, *words: object, status: int = 0) -> dict[str, Any]:
        done = self(*words, "--json")
        assert done.status == status, done.err
        document = done.json()
        check_schema(name, document)
        return document


def test_every_command_of_a_hold_gives_what_its_schema_says(run: Runner) -> None:
    first, second, third = run.world.items()
    placed = run.json("hold-place", "hold", "place", "--case", "C-1", "--reason", "court")
    assert placed["items"] == [first, second]
    listed = run.json("hold-list", "hold", "list")
    assert listed["items"] == 2
    assert run.json("list", "list", "--held")["total"] == 2
    run.json("show", "show", first)
    run.json("retention-set", "retention", "set", third, "--until", "2040-01-01", "--reason", "r")
    run.json("retention-list", "retention", "list", "--ending", "30")
    run.json("show", "show", third)
    run.json("hold-release", "hold", "release", str(placed["hold"])[:8], "--reason", "over")
    assert run.json("hold-list", "hold", "list")["holds"] == []
    assert len(run.json("hold-list", "hold", "list", "--all")["holds"]) == 1


def test_the_text_names_case_reason_and_what_keeps_a_hold_in_a_folder(run: Runner) -> None:
    first = run.world.items()[0]
    said = run("hold", "place", first, "--case", "C-9", "--reason", "order of 3 May")
    assert said.status == 0
    assert "nothing but this program keeps the hold" in said.out
    for words in (("hold", "list"), ("show", first)):
        told = run(*words).out
        assert "C-9" in told and "order of 3 May" in told
    assert "Kept by decision" not in run("retention", "list").out


def test_without_a_reason_nothing_is_held(run: Runner) -> None:
    first = run.world.items()[0]
    for words in (("place", first), ("place", first, "--reason", " "), ("release", "abcdef01")):
        assert run("hold", *words).status == 2
    assert run("retention", "set", first, "--until", "2040-01-01").status == 2
    assert run.world.holds() == []


def test_shorter_retention_is_refused_with_what_stands(run: Runner) -> None:
    first = run.world.items()[0]
    assert run("retention", "set", first, "--until", "2040-01-01", "--reason", "r").status == 0
    refused = run("retention", "set", first, "--until", "2030-01-01", "--reason", "r")
    assert refused.status == 14
    assert "2040-01-01T23:59:59Z" in refused.err


@pytest.mark.parametrize("name", ["HOLD-9999999", "0123abcd", "abc", "../x"])
def test_what_is_no_hold_is_said(run: Runner, name: str) -> None:
    assert run("hold", "release", name, "--reason", "r").status == 2
