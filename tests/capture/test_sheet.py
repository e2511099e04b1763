"""Sheets: good ones, and every way they break."""

from __future__ import annotations

import io
import os
import zipfile
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook

from evidence_vault.capture import sheetcells
from evidence_vault.capture.sheet import SheetRow, read_sheet, write_template
from evidence_vault.core.fields import FIELDS
from evidence_vault.errors import UsageError

BURMESE = "မြစ်ကြီးနား"


def csv_sheet(folder: Path, text: str | bytes, name: str = "sheet.csv") -> list[SheetRow]:
    raw = text.encode() if isinstance(text, str) else text
    (folder / name).write_bytes(raw)
    return list(read_sheet(folder / name))


def xlsx_sheet(folder: Path, rows: list[list[Any]], formats: dict[str, str] | None = None) -> Path:
    book = Workbook()
    page = book.worksheets[0]
    for row in rows:
        page.append(row)
    for cell, number_format in (formats or {}).items():
        page[cell].number_format = number_format
    book.save(folder / "sheet.xlsx")
    return folder / "sheet.xlsx"


def below(folder: Path, name: str) -> bytes:
    return os.path.join(os.path.abspath(os.fsencode(folder)), name.encode())


# -- CSV ---------------------------------------------------------------------------------------

PLAIN = f'file,occurred_at,place,case\na.jpg,2025-03,{BURMESE},K-1;K-2\n"b, c.jpg",,,\n'


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_good_csv(tmp_path: Path, separator: str, encoding: str, ending: str) -> None:
    text = (
        f"file{separator}occurred_at{separator}place{separator}case{ending}"
        f'a.jpg{separator}2025-03{separator}{BURMESE}{separator}"K-1; K-2"{ending}'
        f'"b,c;d.jpg"{separator}{separator}{separator}{ending}'
    )
    first, second = csv_sheet(tmp_path, text.encode(encoding))
    assert first == SheetRow(
        2,
        below(tmp_path, "a.jpg"),
        {
            "occurred_at": {"value": "2025-03", "precision": "month", "basis": None},
            "place": BURMESE,
            "case": ["K-1", "K-2"],
        },
    )
    assert second == SheetRow(3, below(tmp_path, "b,c;d.jpg"))


def test_rows_count_as_the_program_shows_them(tmp_path: Path) -> None:
    text = 'file,description\n\na,"two\nlines"\n,,\nb,x\n'
    rows = csv_sheet(tmp_path, text)
    assert [(row.number, row.path) for row in rows] == [
        (3, below(tmp_path, "a")),
        (5, below(tmp_path, "b")),
    ]
    assert rows[0].fields == {"description": "two\nlines"}


def test_absolute_paths_stay_and_one_statement_a_line(tmp_path: Path) -> None:
    (row,) = csv_sheet(tmp_path, 'file,custody_before\n/a/b,"first\nsecond"\n')
    assert row == SheetRow(2, b"/a/b", {"custody_before": ["first", "second"]})


def test_a_sheet_with_only_file_names(tmp_path: Path) -> None:
    assert [row.path for row in csv_sheet(tmp_path, "file\na;b\n")] == [below(tmp_path, "a;b")]


def test_a_bad_row_does_not_sink_the_others(tmp_path: Path) -> None:
    text = (
        "file,occurred_at,title,occurred_basis\n"
        "good1,2025,,\n"
        "bad,03/04/2025,?????,\n"
        ",2025,,\n"
        "good1,2025,,\n"
        "good2,2025,,told by S-1\n"
        "lonely,,,told by S-1\n"
        "long,2025,,,,extra\n"
        "good3,2025,,\n"
    )
    rows = {row.number: row for row in csv_sheet(tmp_path, text)}
    assert sorted(rows) == [2, 3, 4, 5, 6, 7, 8, 9]
    assert [number for number, row in rows.items() if not row.problems] == [2, 6, 9]
    assert rows[3].problems[0].startswith("occurred_at: ambiguous: write 2025-04-03")
    assert rows[3].problems[1].startswith("title: holds ???")
    assert rows[4].problems == ("column file is empty",)
    assert rows[5].problems == ("file: named already in row 2",)
    assert rows[6].fields["occurred_at"]["basis"] == "told by S-1"
    assert rows[7].problems == ("occurred_basis: needs occurred_at beside it",)
    assert rows[8].problems == ("column 6 holds something but has no name in row 1",)


def test_a_row_in_another_encoding_is_refused_by_number(tmp_path: Path) -> None:
    rows = csv_sheet(tmp_path, b"file,title\na,ok\nb,caf\xe9\nc,ok\n")
    assert [bool(row.problems) for row in rows] == [False, True, False]
    assert rows[1].number == 3
    assert "not UTF-8" in rows[1].problems[0]


def test_damaged_utf16_is_refused_by_number(tmp_path: Path) -> None:
    lines = ["file,title\n", "a,ok\n", "b,x"]
    raw = "".join(lines).encode("utf-16") + b"\x00\xd8" + "\nc,ok\n".encode("utf-16-le")
    rows = csv_sheet(tmp_path, raw)
    assert [bool(row.problems) for row in rows] == [False, True, False]


def test_broken_quotes_are_refused_by_number(tmp_path: Path) -> None:
    rows = csv_sheet(tmp_path, 'file,title\na,"x"y\nb,ok\nc,"never closed\n')
    assert [(row.number, bool(row.problems)) for row in rows] == [(2, True), (3, False), (4, True)]


def test_an_endless_cell_is_refused(tmp_path: Path) -> None:
    (row,) = csv_sheet(tmp_path, f'file,title\na,"{"x" * 200_000}"\nb,ok\n')
    assert row.problems
    (row,) = csv_sheet(tmp_path, f"file,description\na,{'x' * 40_000}\n")
    assert row.problems == ("column description: longer than 32767 characters",)


def test_too_many_rows_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheetcells, "ROW_LIMIT", 2)
    rows = csv_sheet(tmp_path, "file\na\nb\nc\nd\n")
    assert [row.number for row in rows if not row.problems] == [2, 3]
    assert rows[-1].problems == ("more than 2 rows; the rest was not read",)


@pytest.mark.parametrize(
    ("header", "named"),
    [
        ("file,ocurred_at,x\x1b", "unknown columns: ocurred_at, x\\x1b"),
        ("title,place", "no column 'file'"),
        ("file,title,title", "come twice: title"),
    ],
)
def test_a_wrong_header_sinks_the_sheet_by_name(tmp_path: Path, header: str, named: str) -> None:
    with pytest.raises(UsageError) as caught:
        csv_sheet(tmp_path, f"{header}\na,b,c\n")
    assert named in caught.value.message
    if "twice" not in named:
        assert all(name in caught.value.hint for name in FIELDS)


def test_what_is_no_sheet_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"named \.csv or \.xlsx"):
        csv_sheet(tmp_path, "file\n", name="sheet.ods")
    with pytest.raises(UsageError, match="nothing in it"):
        csv_sheet(tmp_path, b"")
    with pytest.raises(UsageError, match="No such file"):
        list(read_sheet(tmp_path / "missing.csv"))
    with pytest.raises(UsageError, match="not an XLSX file"):
        csv_sheet(tmp_path, b"file,title\n", name="csv-renamed.xlsx")


# -- XLSX --------------------------------------------------------------------------------------


def test_a_good_xlsx(tmp_path: Path) -> None:
    path = xlsx_sheet(
        tmp_path,
        [
            ["file", "occurred_at", "source_code", "place", None],
            ["a.jpg", date(2025, 4, 3), 7, BURMESE],
            [None],
            ["b.jpg", datetime(2025, 4, 3, 14, 30), 12, "x"],
            ["c.jpg", date(2025, 4, 1), "=text", None],
            ["d.jpg", datetime(2025, 4, 3, 14, 30, 5), None, None],
            ["e.jpg", 2025, None, None],
        ],
        {
            "B2": "dd/mm/yyyy",
            "C2": "000",
            "B4": "yyyy-mm-dd hh:mm",
            "B5": "mmm-yy",
            "B6": 'yyyy-mm-dd "d" h:mm:ss',
        },
    )
    page = load_workbook(path)
    page.worksheets[0]["C5"].data_type = "s"
    page.save(path)
    rows = list(read_sheet(path))
    assert [row.number for row in rows] == [2, 4, 5, 6, 7]
    dates = [row.fields["occurred_at"]["value"] for row in rows]
    assert dates == ["2025-04-03", "2025-04-03T14:30", "2025-04", "2025-04-03T14:30:05", "2025"]
    codes = [row.fields.get("source_code") for row in rows]
    assert codes == ["007", "12", "=text", None, None]
    assert rows[0].fields["place"] == BURMESE
    assert not any(row.problems for row in rows)


def test_cells_that_need_a_guess_are_refused_by_name(tmp_path: Path) -> None:
    path = xlsx_sheet(
        tmp_path,
        [
            ["file", "title", "case"],
            ["a", "=1+1", "=HYPERLINK(1)"],
            ["b", 1.5, "ok"],
            ["c", True, "ok"],
            ["d", 1234567890123456, "ok"],
            ["e", "#N/A", "ok"],
            ["f", "fine", "ok"],
        ],
    )
    rows = list(read_sheet(path))
    assert [len(row.problems) for row in rows] == [2, 1, 1, 1, 1, 0]
    assert rows[0].problems[0] == "cell B2: a formula; give its value instead"
    assert [row.problems[0].split(":")[0] for row in rows[:5]] == [
        "cell B2",
        "cell B3",
        "cell B4",
        "cell B5",
        "cell B6",
    ]


def repacked(path: Path, changes: dict[str, bytes]) -> Path:
    """The workbook with some of its parts replaced or added."""
    packed = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new:
        for name in dict.fromkeys([*old.namelist(), *changes]):
            new.writestr(name, changes[name] if name in changes else old.read(name))
    path.write_bytes(packed.getvalue())
    return path


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = xlsx_sheet(tmp_path, [["file"], ["a"]])
    repacked(path, {"xl/media/bomb": bytes(70 << 20)})
    assert path.stat().st_size < 200_000
    with pytest.raises(UsageError, match="too much for a sheet"):
        list(read_sheet(path))


def test_an_entity_bomb_is_refused(tmp_path: Path) -> None:
    bomb = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><x>&b;</x>'
    for encoded in (bomb, bomb.decode().encode("utf-16")):
        path = xlsx_sheet(tmp_path, [["file"], ["a"]])
        repacked(path, {"xl/workbook.xml": encoded})
        with pytest.raises(UsageError, match="document type"):
            list(read_sheet(path))


@pytest.mark.parametrize(
    "part", ["xl/workbook.xml", "xl/worksheets/sheet1.xml", "[Content_Types].xml"]
)
@pytest.mark.parametrize("content", [b"", b"<a", b"<a/>", b"\xff\xfe"])
def test_a_damaged_workbook_is_refused_not_a_crash(
    tmp_path: Path, part: str, content: bytes
) -> None:
    path = repacked(xlsx_sheet(tmp_path, [["file"], ["a"]]), {part: content})
    with pytest.raises(UsageError):
        list(read_sheet(path))


def test_a_cell_far_away_costs_nothing(tmp_path: Path) -> None:
    book = Workbook()
    page = book.worksheets[0]
    page["A1"], page["A2"], page["XFD3"] = "file", "a", "far"
    book.save(tmp_path / "far.xlsx")
    rows = list(read_sheet(tmp_path / "far.xlsx"))
    assert [row.path for row in rows] == [below(tmp_path, "a")]


# -- template ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["t.csv", "t.xlsx"])
def test_a_template_reads_back_as_no_rows_and_is_never_written_over(
    tmp_path: Path, name: str
) -> None:
    write_template(tmp_path / name)
    assert list(read_sheet(tmp_path / name)) == []
    with pytest.raises(UsageError, match="exists already"):
        write_template(tmp_path / name)


def test_a_template_serves_its_purpose(tmp_path: Path) -> None:
    write_template(tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_bytes().startswith(b"\xef\xbb\xbffile,title,")
    write_template(tmp_path / "t.xlsx")
    book = load_workbook(tmp_path / "t.xlsx")
    page, notes = book.worksheets
    assert [cell.value for cell in page[1]] == ["file", *FIELDS]
    assert page.column_dimensions["D"].number_format == "@"
    assert [row[0].value for row in notes.iter_rows()] == ["column", "file", *FIELDS]
    page.append(["a.jpg"])
    page.cell(row=2, column=4, value="2025-03")
    book.save(tmp_path / "filled.xlsx")
    (row,) = read_sheet(tmp_path / "filled.xlsx")
    assert row.fields["occurred_at"]["precision"] == "month"


def test_a_template_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"named \.csv or \.xlsx"):
        write_template(tmp_path / "t.txt")
    with pytest.raises(UsageError):
        write_template(tmp_path / "no/such/folder/t.csv")
    assert list(tmp_path.iterdir()) == []
