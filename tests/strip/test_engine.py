"""The frame of a strip: whatever a format module or a file does, nothing unproved is clean."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.strip.planted import names

from evidence_vault.capture.strip import engine, registry
from evidence_vault.capture.strip.bench import Bench
from evidence_vault.capture.strip.maker import CopyMaker
from evidence_vault.capture.strip.model import (
    Comparison,
    Format,
    NotChecked,
    Scan,
    View,
    Work,
    refusal,
)
from evidence_vault.core.derivation import Parent, check_report, format_statement, parse_statement
from evidence_vault.errors import FormatError

ARTIST = "Daw Planted Name"


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    exif = Image.Exif()
    exif[0x013B] = ARTIST
    path = tmp_path / "photo.jpg"
    Image.new("RGB", (40, 30), (9, 120, 30)).save(path, exif=exif)
    return path


def strip(source: Path, tmp_path: Path) -> dict[str, Any]:
    target = tmp_path / "copy"
    report = engine.strip(source, target, Bench(tmp_path, engine.strip, names=names()))
    assert check_report(report) == report
    assert target.exists() == (report["outcome"] == "clean")
    return report


class Altered:
    """A format module with one method replaced."""

    def __init__(self, real: Format, **other: Callable[..., Any]) -> None:
        self._real = real
        self._other = other

    def __getattr__(self, name: str) -> Any:
        return self._other.get(name) or getattr(self._real, name)


def replaced(monkeypatch: pytest.MonkeyPatch, **other: Callable[..., Any]) -> None:
    real = registry.format_of("image/jpeg")
    monkeypatch.setattr(engine, "format_of", lambda mime: Altered(real, **other))


def test_a_clean_copy(photo: Path, tmp_path: Path) -> None:
    report = strip(photo, tmp_path)
    assert report["outcome"] == "clean"
    assert report["removed"] and report["residual"]["search"]["values"] > 0


def copied(source: Path, target: Path, bench: Bench) -> Work:
    target.write_bytes(source.read_bytes())
    return Work()


def test_a_stripper_that_strips_nothing_is_caught_by_three_looks(
    photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replaced(monkeypatch, strip=copied)
    report = strip(photo, tmp_path)
    assert report["outcome"] == "not-clean"
    assert report["residual"]["exiftool"]["found"]
    assert report["residual"]["second"]["found"]


def test_a_value_hidden_where_no_parser_looks_is_caught_by_the_search(
    photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = registry.format_of("image/jpeg")

    def leaking(source: Path, target: Path, bench: Bench) -> Work:
        work = real.strip(source, target, bench)
        target.write_bytes(target.read_bytes() + ARTIST.encode("utf-16-le"))
        return work

    replaced(
        monkeypatch,
        strip=leaking,
        scan=lambda target, bench: Scan(bench.exiftool),
        may_stay=lambda tag: None if tag.endswith("Artist") else "does not matter here",
    )
    report = strip(photo, tmp_path)
    assert report["outcome"] == "not-clean"
    assert "Artist" in str(report["residual"]["search"]["found"])
    assert ARTIST not in str(report)


@pytest.mark.parametrize(
    ("identical", "outcome"), [("no", "not-clean"), ("not-comparable", "not-checked")]
)
def test_a_copy_that_does_not_show_the_same_is_not_offered(
    photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, identical: Any, outcome: str
) -> None:
    replaced(monkeypatch, compare=lambda *a: Comparison(identical, "by test", "1 picture"))
    assert strip(photo, tmp_path)["outcome"] == outcome


def raising(error: Exception) -> Callable[..., Any]:
    def method(*_: Any) -> Any:
        raise error

    return method


@pytest.mark.parametrize("method", ["strip", "compare", "scan", "views", "visible_text"])
@pytest.mark.parametrize(
    "error", [NotChecked("no library"), ValueError("Daw Planted Name"), RecursionError(), OSError()]
)
def test_whatever_fails_makes_it_unchecked_and_says_no_value(
    photo: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    error: Exception,
) -> None:
    replaced(monkeypatch, **{method: raising(error)})
    report = strip(photo, tmp_path)
    assert report["outcome"] == "not-checked" and report["reasons"]
    assert ARTIST not in str(report)


def test_a_copy_of_another_type_is_refused(
    photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other(source: Path, target: Path, bench: Bench) -> Work:
        target.write_bytes(b"GIF89a" + bytes(20))
        return Work()

    replaced(monkeypatch, strip=other)
    assert strip(photo, tmp_path)["outcome"] == "not-checked"


def test_a_part_that_only_a_view_shows_is_searched(
    photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def views(path: Path, bench: Bench) -> Iterator[View]:
        yield View("an inflated part", b"..." + ARTIST.encode() + b"...")

    replaced(monkeypatch, views=views)
    report = strip(photo, tmp_path)
    assert report["residual"]["search"]["found"] == [
        "EXIF:IFD0:Artist (utf-8, in an inflated part)"
    ]


def test_what_anybody_sees_in_the_content_is_told_and_is_no_residue(
    photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def views(path: Path, bench: Bench) -> Iterator[View]:
        yield View("the page", b"Written by " + ARTIST.encode())

    replaced(monkeypatch, views=views, visible_text=lambda *a: f"Written by  {ARTIST}\n")
    report = strip(photo, tmp_path)
    assert report["outcome"] == "clean"
    assert report["also_in_content"] == ["EXIF:IFD0:Artist"]


def test_an_embedded_file_that_is_not_clean_makes_the_whole_not_clean(
    photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = registry.format_of("image/jpeg")
    for inner, outcome in (("not-clean", "not-clean"), ("not-checked", "not-checked")):

        def nesting(source: Path, target: Path, bench: Bench, inner: str = inner) -> Work:
            work = real.strip(source, target, bench)
            report = {**refusal("image/png", "for the test"), "outcome": inner}
            return dataclasses.replace(work, nested=(("embedded file 1", report),))

        replaced(monkeypatch, strip=nesting)
        assert strip(photo, tmp_path)["outcome"] == outcome
        (tmp_path / "copy").unlink(missing_ok=True)


def test_the_maker_gives_the_same_bytes_and_report_each_time(photo: Path) -> None:
    before = photo.read_bytes()
    with CopyMaker() as maker:
        one, two = maker.make(photo), maker.make(photo)
        assert one.path is not None and two.path is not None
        assert one.path.read_bytes() == two.path.read_bytes()
        assert one.report == two.report
        again = maker.make(one.path)
        assert again.path is not None
        assert again.path.read_bytes() == one.path.read_bytes()
        folder = one.path.parent.parent
    assert photo.read_bytes() == before
    assert not folder.exists()


def test_a_file_that_takes_too_long_is_given_up(photo: Path) -> None:
    with CopyMaker(time_limit=0.01) as maker:
        copy = maker.make(photo)
    assert copy.path is None and copy.report["outcome"] == "not-checked"
    assert "stopped" in copy.report["reasons"][0]


def test_a_statement_keeps_its_form_both_ways(photo: Path, tmp_path: Path) -> None:
    report = strip(photo, tmp_path)
    parent = Parent("some-log-0001", "ABCD-0000001", 0, "a" * 64, "b" * 64)
    assert parse_statement(format_statement(report, parent)) == (report, parent)


@pytest.mark.parametrize(
    "change",
    [
        {"copy": None},
        {"residual": None},
        {"outcome": "fine"},
        {"v": 2},
        {"v": True},
        {"decoded": {"identical": "no", "method": "", "what": ""}},
        {"extra": 1},
        {"removed": [{"name": "x"}]},
        {"embedded": [{"name": "x", "report": {}}]},
        {"reasons": "none"},
    ],
)
def test_a_report_of_another_form_is_refused(
    photo: Path, tmp_path: Path, change: dict[str, Any]
) -> None:
    report = {**strip(photo, tmp_path), **change}
    with pytest.raises(FormatError):
        check_report(report)


def test_a_second_parser_that_gives_up_is_never_a_look_that_found_nothing(
    photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import exifread

    monkeypatch.setattr(exifread, "process_file", raising(ValueError("a bug of its own")))
    report = strip(photo, tmp_path)
    assert report["outcome"] == "not-checked"
    assert "exifread can't read the copy" in report["reasons"][0]
