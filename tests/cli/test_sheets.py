"""ingest --sheet, where the sheet or its rows are wrong, or alike."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .conftest import Desk
from .runner import check_schema


def test_files_of_one_name_in_two_folders_keep_their_folders(
    own_desk: Desk, tmp_path: Path
) -> None:
    for camera in ("cam1", "cam2"):
        (tmp_path / camera / "DCIM").mkdir(parents=True)
        (tmp_path / camera / "DCIM" / "IMG_2.jpg").write_text(camera)
    sheet = tmp_path / "sheets" / "sheet.csv"
    sheet.parent.mkdir()
    sheet.write_text(f"file\n../cam1/DCIM/IMG_2.jpg\n{tmp_path / 'cam2' / 'DCIM' / 'IMG_2.jpg'}\n")
    expected = ["cam1/DCIM/IMG_2.jpg", "cam2/DCIM/IMG_2.jpg"]
    taken = own_desk.call("ingest", "--sheet", sheet, "--json").json()["taken_in"]
    assert [each["name"] for each in taken] == expected
    shown = [own_desk.call("show", each["id"], "--json").json() for each in taken]
    assert [each["source"]["path"]["display"] for each in shown] == expected
    again = own_desk.call("ingest", "--sheet", sheet, "--json").json()
    assert (again["taken_in"], again["already_in"]) == ([], 2)


def test_a_missing_file_of_a_row_is_named_with_row_and_path(own_desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "there.txt").write_text("there")
    (tmp_path / "sheet.csv").write_text("file\nd/there.txt\nd/nope\nd\n")
    result = own_desk.call("ingest", "--sheet", tmp_path / "sheet.csv", "--json")
    assert result.status == 3
    check_schema("ingest", result.json())
    assert {each["name"]: each["code"] for each in result.json()["refused"]} == {
        "sheet.csv row 3: d/nope": "E-SOURCE-MISSING",
        "sheet.csv row 4: d": "E-SHEET-ROW",
    }
    assert [each["name"] for each in result.json()["taken_in"]] == ["d/there.txt"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("missing.csv", None, "No such file"),
        ("empty.csv", b"", "nothing in it"),
        ("broken.xlsx", b"PK\3\4 and no more", "not an XLSX file"),
        ("empty.xlsx", b"", "not an XLSX file"),
    ],
)
@pytest.mark.parametrize("command", ["ingest", "describe"])
def test_a_sheet_that_can_not_be_read_is_a_wrong_call(
    desk: Desk, tmp_path: Path, command: str, name: str, content: bytes | None, said: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    result = desk.call(command, "--sheet", tmp_path / name)
    assert (result.status, result.out) == (2, ""), result.err
    assert name in result.err and said in result.err
    assert re.search("(?m)^hint: ", result.err) or "--sheet-template" in result.err
