"""The hunt for leaks in copies of the corpus: a sample each time, all of it when asked for.

The hunt itself is tried on a copy that leaks, so that its silence says something.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from tests.strip.corpus import NOT_UNDERSTOOD, all_names, corpus_folder, hunt, rows
from tests.strip.hunt import decoded

from evidence_vault.capture.strip.maker import Copy, CopyMaker

pytestmark = [
    pytest.mark.skipif(not corpus_folder().is_dir(), reason="the corpus is not here"),
    pytest.mark.skipif(
        not all(map(shutil.which, ("exiftool", "ffmpeg", "ffprobe", "qpdf", "pdftotext"))),
        reason="a program of the hunt is not installed",
    ),
]

#: One for each family, with something to hide in each.
SAMPLE = (
    "exif-samples/22-canon_tags.jpg",
    "exifr/png_with_exif_and_gps.png",
    "metadata-extractor/exif-at-eof.heic",
    "metadata-extractor/with-gps.mov",
    pytest.param("gpmf-parser/karma.mp4", marks=pytest.mark.slow),
    "mat2/dirty.docx",
    "mat2/dirty.odt",
    "mat2/dirty.pdf",
    "mat2/dirty.svg",
    "mat2/dirty.flac",
    "mat2/dirty.mp3",
    "mat2/dirty.ogg",
)


@pytest.fixture(scope="module")
def maker() -> Iterator[CopyMaker]:
    with CopyMaker() as made:
        yield made


@pytest.mark.parametrize("name", SAMPLE)
def test_a_copy_of_the_sample_leaks_nothing(maker: CopyMaker, name: str) -> None:
    path = corpus_folder() / name
    if not path.exists():
        pytest.skip(f"{name} is not in the corpus")
    row = hunt(path, name, maker)
    assert row.outcome == "clean", row.reasons
    assert row.secrets > 0
    assert (row.leaks, row.again) == ([], "same")
    assert row.decoded != decoded.DIFFERENT


class Careless:
    """Gives the original away as its copy."""

    def make(self, source: Path) -> Copy:
        return Copy(source, {"outcome": "clean", "reasons": []})

    def forget(self, copy: Copy) -> None:
        """Nothing was made."""


@pytest.mark.parametrize("name", SAMPLE)
def test_the_hunt_finds_what_an_original_holds(name: str) -> None:
    path = corpus_folder() / name
    if not path.exists():
        pytest.skip(f"{name} is not in the corpus")
    # As much of a maker as the hunt asks for.
    row = hunt(path, name, Careless())  # type: ignore[arg-type]
    assert row.by_exiftool or row.by_second
    assert row.by_search


def test_the_hunt_finds_a_place_in_rationals_alone(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8825).update({1: "N", 2: (16.0, 48.0, 12.34), 3: "E", 4: (96.0, 9.0, 23.45)})
    path = tmp_path / "a.jpg"
    Image.new("RGB", (20, 20)).save(path, exif=exif)
    # As much of a maker as the hunt asks for.
    row = hunt(path, "a", Careless())  # type: ignore[arg-type]
    assert row.places > 0
    assert any("rational" in each or "raw" in each for each in row.by_search)


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_no_copy_of_the_corpus_leaks() -> None:
    found = list(rows(all_names(), 2))
    assert len(found) >= 900
    clean = [row for row in found if row.outcome == "clean"]
    assert len(clean) >= 500
    assert {row.file: row.leaks for row in clean if row.leaks} == {}
    assert {row.file: row.again for row in clean if row.again != "same"} == {}
    assert all(row.mime for row in found if row.outcome != NOT_UNDERSTOOD)
