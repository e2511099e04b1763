"""Through the vault: notes at ingest, originals untouched, items found however their names are
typed."""

from __future__ import annotations

import hashlib
import shutil
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from tests.vault.conftest import MakeVault
from tests.vault.vaults import PASSPHRASE, Made

from evidence_vault.cli import render_reading
from evidence_vault.core.fields import parse_fields
from evidence_vault.vault.describing import describe
from evidence_vault.vault.exits import get_item
from evidence_vault.vault.queries import search_items, show_item
from evidence_vault.vault.rebuilding import rebuild

from .measure import VECTORS

UNICODE_NAME = "ကျွန်းလှမြို့.txt"
ZAWGYI_NAME = "ၿမိဳ႕.txt"


def found(vault: Made, **asked: Any) -> list[str]:
    with vault.open() as opened:
        return [item["name"] for item in search_items(opened, **asked)["items"]]


@pytest.fixture
def filled(make_vault: MakeVault, tmp_path: Path) -> Made:
    vault = make_vault()
    for number, (name, place) in enumerate(
        [
            (UNICODE_NAME, "MMR001009"),
            (ZAWGYI_NAME, "ဖားကန့်"),
            ("Café-၂၀၂၁.txt", "MMR001"),
            ("other.txt", "Atlantis"),
        ]
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / unicodedata.normalize("NFD", name)).write_bytes(b"file %d" % number)
        vault.ingest(folder, fields=parse_fields({"place": place, "title": f"T{number} ရန်ကုန်"}))
    return vault


def nfd(name: str) -> str:
    return unicodedata.normalize("NFD", name)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("ကျွန်းလှ", UNICODE_NAME),
        ("ကွျန်းလှ", UNICODE_NAME),  # medials as seen
        ("ကျွန်း\u200bလှ", UNICODE_NAME),
        ("ကၽြန္းလွ", UNICODE_NAME),  # Zawgyi
        ("မြို့.txt", ZAWGYI_NAME),
        ("ၿမိဳ႕.txt", ZAWGYI_NAME),
        ("café-2021", "Café-၂၀၂၁.txt"),
        (unicodedata.normalize("NFC", "Café-၂၀၂၁"), "Café-၂၀၂၁.txt"),
        ("CAFÉ", "Café-၂၀၂၁.txt"),
    ],
)
def test_a_name_is_found_however_it_is_typed(filled: Made, asked: str, expected: str) -> None:
    assert nfd(expected) in found(filled, name=asked)
    assert "other.txt" not in found(filled, name=asked)
    rebuild(filled.folder, lambda: PASSPHRASE)
    assert nfd(expected) in found(filled, name=asked), "after a rebuild"


@pytest.mark.parametrize(
    "place", ["Hpakant", "ဖားကန့်", "ဖားကန့္", "MMR001009", "Hpakan​t".replace("\u200b", "")]
)
def test_a_place_is_found_by_any_of_its_names(filled: Made, place: str) -> None:
    assert found(filled, place=place)[:2] == [nfd(UNICODE_NAME), nfd(ZAWGYI_NAME)]


def test_a_place_finds_what_lies_in_it_and_says_which_was_meant(filled: Made) -> None:
    with filled.open() as opened:
        result = search_items(opened, place="Kachin")
    assert [place["pcode"] for place in result["places"]] == ["MMR001"]
    assert {item["place"] for item in result["items"]} >= {"MMR001", "MMR001009"}
    assert "MMR001" in render_reading.found(result)


def test_a_free_text_place_is_still_found_as_it_was_typed(filled: Made) -> None:
    assert found(filled, place="atlantis") == ["other.txt"]
    assert found(filled, place="Atlantis II") == []


def test_what_is_described_later_is_found_and_what_is_withdrawn_is_not(filled: Made) -> None:
    with filled.open() as opened:
        items = opened.catalogue.item_ids()
        describe(opened, items[3:], parse_fields({"title": "မန္တလေး"}))
    assert found(filled, text="မႏၲေလး") == ["other.txt"]
    with filled.open() as opened:
        describe(opened, items[3:], parse_fields({"title": ""}))
    assert found(filled, text="မႏၲေလး") == []


def test_a_place_by_name_is_never_turned_into_a_code(filled: Made, tmp_path: Path) -> None:
    (tmp_path / "late.txt").write_bytes(b"late")
    result = filled.ingest(tmp_path / "late.txt", fields=parse_fields({"place": "Hpakant"}))
    assert any("MMR001009" in notice for notice in result["notices"])
    with filled.open() as opened:
        shown = show_item(opened, result["taken_in"][0]["id"])
        again = describe(opened, [shown["id"]], parse_fields({"place": "Htantabin"}))
    assert shown["fields"]["place"] == "Hpakant"
    assert len(again["notices"]) == 1


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="ExifTool is not installed")
def test_zawgyi_is_noted_at_ingest_and_the_original_comes_back_as_it_was(
    make_vault: MakeVault,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("EVIDENCE_VAULT_EXIFTOOL")
    vault = make_vault()
    source = tmp_path / "သတင္း.txt"
    data = (VECTORS / "mmgov_zawgyi_src.txt").read_bytes()
    source.write_bytes(data)
    item = vault.ingest(source)["taken_in"][0]["id"]
    with vault.open() as opened:
        shown = show_item(opened, item)
        get_item(opened, item, tmp_path / "out", by="c", purpose="check")
    told = {note["of"]: note["encoding"] for note in shown["metadata"]["text"]}
    assert told == {"content": "zawgyi", "name": "cannot-be-told"}
    words = render_reading.item(shown)
    assert "(content): Zawgyi" in words and "could not be told" in words
    assert (tmp_path / "out").read_bytes() == data
    assert shown["digests"]["sha256"] == hashlib.sha256(data).hexdigest()
    assert vault.audit()["exit"] == 0
