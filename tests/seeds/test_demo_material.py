"""The demonstration material: small, complete, honest about itself and about its source."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from evidence_vault.seeds import demo_folder

DEMO = demo_folder()
MATERIAL = sorted(
    path.relative_to(DEMO).as_posix()
    for path in DEMO.rglob("*")
    if path.is_file() and path.name not in ("README.md", "sheet.csv")
)
SHEET_COLUMNS = [
    *("file", "occurred_at", "place", "source_code"),
    *("collector_code", "language", "description", "case"),
]


def rows(name: str) -> list[dict[str, str]]:
    with (DEMO / name).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_material_is_small_and_of_every_promised_kind() -> None:
    assert sum(path.stat().st_size for path in DEMO.rglob("*") if path.is_file()) <= 5_000_000
    kinds = [Path(name).suffix for name in MATERIAL]
    assert kinds.count(".jpg") >= 3
    assert {".mp4", ".m4a", ".txt", ".docx", ".csv"} <= set(kinds)
    assert any(re.search("[\u1000-\u109f]", name) for name in MATERIAL)


def test_sheet_has_one_row_for_every_file_and_no_other() -> None:
    sheet = rows("sheet.csv")
    assert list(sheet[0]) == SHEET_COLUMNS
    assert sorted(row["file"] for row in sheet) == MATERIAL


def test_every_readable_page_says_that_it_is_a_demonstration() -> None:
    pages = ["README.md", *(name for name in MATERIAL if name.endswith(".txt"))]
    assert len(pages) == 3
    for name in pages:
        assert "demonstration" in (DEMO / name).read_text(encoding="utf-8").lower()


def test_burmese_page_is_unicode_and_marked_unreviewed() -> None:
    (name,) = (name for name in MATERIAL if re.search("[\u1000-\u109f].*\\.txt$", name))
    text = (DEMO / name).read_text(encoding="utf-8")
    assert len(re.findall("[\u1000-\u109f]", text)) > 200
    assert "unreviewed translation" in text
    # Zawgyi puts the vowel sign E before its consonant; Unicode never starts a word with it.
    assert not re.search("(^|\\s)\u1031", text)


def test_every_figure_names_its_source() -> None:
    figures = rows("data/cases.csv")
    assert len(figures) >= 10
    for row in figures:
        assert row["count"].isdigit()
        assert "ND-Burma" in row["published_in"] and row["recorded_by"]
    by_area = {row["area"]: int(row["count"]) for row in figures if row["period"] == "2022"}
    assert (by_area["Sagaing Region"], by_area["Magway Region"]) == (783, 311)
    assert by_area["Yangon Region"] == 171


def report(shared: Path) -> str:
    return (shared / "seed" / "nd-burma-four-years.txt").read_text(encoding="utf-8")


def test_figures_stand_in_the_report(shared: Path) -> None:
    digits = set(re.findall(r"\d+", report(shared).replace(",", "")))
    words = {"81": "Eighty-one"}
    for row in rows("data/cases.csv"):
        count = row["count"]
        assert count in digits or words[count] in report(shared), row


def word_runs(text: str, length: int) -> set[tuple[str, ...]]:
    words = re.findall(r"[\w-]+", text.lower())
    return {tuple(words[at : at + length]) for at in range(len(words) - length + 1)}


def test_english_digest_copies_no_sentence_of_the_report(shared: Path) -> None:
    text = (DEMO / "documents/figures-en.txt").read_text(encoding="utf-8")
    body = text[text.index("\n1. ") :]
    shared_runs = word_runs(body, 8) & word_runs(report(shared), 8)
    assert shared_runs == set()


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="ExifTool is not installed")
def test_pictures_and_video_carry_camera_time_and_position() -> None:
    visual = [name for name in MATERIAL if name.endswith((".jpg", ".mp4"))]
    output = subprocess.run(
        ["exiftool", "-j", "-n", *visual], cwd=DEMO, capture_output=True, check=True, timeout=60
    ).stdout
    records = json.loads(output)
    assert len(records) == len(visual)
    for record in records:
        assert record["Make"] and record["Model"] and record["CreateDate"]
        assert 15 < record["GPSLatitude"] < 29 and 92 < record["GPSLongitude"] < 102
        if record["SourceFile"].endswith(".jpg"):
            assert record["SerialNumber"].startswith("DEMO-")
            assert record["ThumbnailImage"].startswith("(Binary")
