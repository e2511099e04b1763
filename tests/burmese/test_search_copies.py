"""Search copies: made from a text in Zawgyi, recorded, never in place of the original."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from tests.vault.vaults import Made

from evidence_vault.core.zawgyi import zawgyi_to_unicode
from evidence_vault.vault.exits import get_item
from evidence_vault.vault.exporting import ExportRequest, export
from evidence_vault.vault.queries import show_item
from evidence_vault.vault.records import item_history, open_unit, unit_of
from evidence_vault.vault.searchcopies import check_search, derive_search
from evidence_vault.verify.bundle import verify_bundle


@pytest.fixture
def zawgyi(shared: Path) -> bytes:
    """Government notices in Zawgyi."""
    found = sorted((shared / "corpus" / "myanmar-tools").glob("*awgyi*"))
    texts = [path.read_bytes() for path in found if path.suffix == ".txt"]
    if not texts:
        pytest.skip("the corpus has no text in Zawgyi")
    return texts[0]


def test_a_search_copy_is_a_derivative_and_the_original_stays(
    vault: Made, zawgyi: bytes, tmp_path: Path
) -> None:
    (tmp_path / "notice.txt").write_bytes(zawgyi)
    item = vault.ingest(tmp_path / "notice.txt")["taken_in"][0]["id"]
    with vault.open() as opened:
        made = derive_search(opened, [item], by="desk-1")
        assert (made["exit"], made["derived"][0]["outcome"]) == (0, "made")
        assert made["derived"][0]["text"]["lines_converted"] > 0
        derived = list(item_history(opened, item))[-1]
        unit = unit_of(derived.event, "content")
        assert unit is not None
        with open_unit(opened, derived, unit) as stream:
            text = stream.read().decode()
        (told,) = show_item(opened, item)["derivatives"]
        get_item(opened, item, tmp_path / "original")
        checked = check_search(opened, [item])
    assert (tmp_path / "original").read_bytes() == zawgyi
    assert unicodedata.is_normalized("NFC", text)
    line = next(each for each in zawgyi.decode().splitlines() if len(each) > 60)
    assert unicodedata.normalize("NFC", zawgyi_to_unicode(line)) in text
    assert (told["kind"], told["outcome"]) == ("search-copy", "made")
    assert checked["checked"][0]["outcome"] == "matches"
    vault.assert_sound()


def test_a_search_copy_never_leaves(vault: Made, zawgyi: bytes, tmp_path: Path) -> None:
    (tmp_path / "notice.txt").write_bytes(zawgyi)
    item = vault.ingest(tmp_path / "notice.txt")["taken_in"][0]["id"]
    with vault.open() as opened:
        derive_search(opened, [item])
        request = ExportRequest(None, tmp_path / "out", clear=True, folder=True)
        result = export(opened, request)
    assert (result["copies"], len(result["withheld"])) == (0, 1)
    assert list((tmp_path / "out" / "data").iterdir()) == []


def test_the_digest_of_a_search_copy_tells_nobody_which_file_is_in(
    vault: Made, zawgyi: bytes, tmp_path: Path
) -> None:
    """Whoever has the original can make its search copy and compare."""
    (tmp_path / "notice.txt").write_bytes(zawgyi)
    item = vault.ingest(tmp_path / "notice.txt", metadata="strip")["taken_in"][0]["id"]
    with vault.open() as opened:
        derive_search(opened, [item])
        derived = list(item_history(opened, item))[-1]
        result = export(opened, ExportRequest(None, tmp_path / "out", clear=True, folder=True))
    assert result["copies"] == 1 and derived.values["kind"] == "search-copy"
    hidden = [derived.values[f"content_{name}"] for name in ("sha256", "sha512")]
    for path in (p for p in (tmp_path / "out").rglob("*") if p.is_file()):
        data = path.read_bytes()
        assert not any(digest.encode() in data for digest in hidden), path
    assert verify_bundle(tmp_path / "out", None).exit_status() == 3  # no trust file
    with vault.open() as opened:
        request = ExportRequest(
            None, tmp_path / "shown", clear=True, folder=True, disclose=["content_sha256"]
        )
        export(opened, request)
    assert hidden[0] in (tmp_path / "shown" / "receipts" / f"{item}.txt").read_text()


def test_what_is_no_text_has_none(vault: Made, tmp_path: Path) -> None:
    (tmp_path / "thing").write_bytes(bytes(range(256)))
    item = vault.ingest(tmp_path / "thing")["taken_in"][0]["id"]
    with vault.open() as opened:
        made = derive_search(opened, [item])
        assert (made["exit"], made["derived"][0]["outcome"]) == (3, "no-text")
        assert check_search(opened, [item])["checked"][0]["outcome"] == "unchecked"
