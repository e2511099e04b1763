"""``fixity`` at the command line: parts, days, repair from a copy; what is printed."""

from __future__ import annotations

import shutil
from pathlib import Path

from .conftest import Desk
from .runner import check_schema


def _objects(desk: Desk) -> list[Path]:
    return sorted(p for p in (desk.vault / "archive/objects").rglob("*") if p.is_file())


def test_an_object_is_fetched_from_a_copy(own_desk: Desk, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(own_desk.vault, copy)
    path = _objects(own_desk)[0]
    saved = path.read_bytes()
    path.unlink()
    found = own_desk.call("fixity", "--all")
    assert found.status == 10
    assert "(E-OBJECT-MISSING); evidence-vault fixity" in found.out
    here = own_desk.call("fixity", "--all", "--repair", "--json")
    assert here.status == 10
    check_schema("fixity", here.json())
    done = own_desk.call("fixity", "--all", "--repair-from", copy, "--json")
    assert done.status == 0, done.err
    check_schema("fixity", done.json())
    assert [each["object"] for each in done.json()["repaired"]] == [path.name]
    assert path.read_bytes() == saved
    assert "Everything matches the log." in own_desk.call("fixity", "--all").out


def test_parts_and_days(own_desk: Desk) -> None:
    part = own_desk.call("fixity", "--all", "--slice", "1/2", "--json")
    assert part.status == 0
    check_schema("fixity", part.json())
    assert part.json()["slice"] == "1/2"
    rest = own_desk.call("fixity", "--all", "--since", "2020-01-01", "--json")
    check_schema("fixity", rest.json())
    assert rest.json()["checked"] + part.json()["checked"] == len(own_desk.items())
    for words in (["--slice", "3/2"], ["--slice", "x"], ["--since", "yesterday"], ["--locks"]):
        assert own_desk.call("fixity", "--all", *words).status == 2
    assert own_desk.call("fixity", "--all", "--repair-from", "nowhere").status == 2
