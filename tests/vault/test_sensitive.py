"""What could point to people is said before it leaves, and what could not be checked, first."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from evidence_vault.capture.metadata import find_exiftool
from evidence_vault.errors import ToolMissing
from evidence_vault.vault import sensitive
from evidence_vault.vault.exits import get_item
from evidence_vault.vault.exporting import ExportRequest, export
from evidence_vault.vault.sensitive import NEVER_READ

from .vaults import ROOT, Made


def leaving(vault: Made, out: Path, **wanted: Any) -> list[str]:
    """What an export says, in its order."""
    with vault.open() as opened:
        result = export(opened, ExportRequest(None, out, clear=True, **wanted))
    return [each["what"] for each in result["sensitive"]]


def test_an_original_whose_metadata_was_never_read_is_named_first(
    vault: Made, tmp_path: Path
) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    vault.ingest(tmp_path / "photo.jpg", fields={"place": "MMR001"})
    said = leaving(vault, tmp_path / "a.zip", originals=True, disclose=["place"])
    assert said == [NEVER_READ, "field place: a place"]
    assert leaving(vault, tmp_path / "b.zip") == []


def _exiftool() -> str:
    try:
        return os.fspath(find_exiftool(None))
    except ToolMissing:
        pytest.skip("needs ExifTool")


def test_an_original_that_exiftool_can_not_read_is_named_too(
    vault: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _exiftool()
    monkeypatch.delenv("EVIDENCE_VAULT_EXIFTOOL")
    (tmp_path / "unknown.bin").write_bytes(os.urandom(100))
    taken = vault.ingest(tmp_path / "unknown.bin")
    assert "could not be read: unknown.bin (unreadable)" in str(taken["notices"])
    assert leaving(vault, tmp_path / "a.zip", originals=True) == [NEVER_READ]


def test_copyright_artist_and_owner_tags_count_as_names(
    vault: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = _exiftool()
    monkeypatch.delenv("EVIDENCE_VAULT_EXIFTOOL")
    photo = next((ROOT / "seeds" / "demo").rglob("*.jpg"))
    for number, tag in enumerate(["Copyright", "OwnerName", "XMP:Rights", "IPTC:Credit"]):
        made = tmp_path / f"{number}.jpg"
        strip = [program, "-q", "-all=", f"-{tag}=A Person", "-o", str(made), str(photo)]
        subprocess.run(strip, check=True)
        vault.ingest(made)
    said = leaving(vault, tmp_path / "a.zip", originals=True)
    assert len(said) == 4
    assert all(each.startswith("the original holds a name") for each in said)


def test_recipient_and_purpose_of_earlier_exports_are_named_when_revealed(
    vault: Made, tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text("a")
    vault.ingest(tmp_path / "a.txt")
    leaving(vault, tmp_path / "a.zip", recipient_name="A Person", purpose="for her own case")
    with vault.open() as opened:
        get_item(opened, opened.catalogue.item_ids()[0], tmp_path / "out", purpose="to look")
    said = leaving(vault, tmp_path / "b.zip", disclose=["recipient", "purpose"])
    assert said == [
        "field purpose: why somebody acted, free text",
        "field recipient: who received a copy",
    ]
    assert leaving(vault, tmp_path / "c.zip") == []


def test_a_colour_profile_is_no_place() -> None:
    tags = {"ICC_Profile:ChromaticityChannel1": "0.64 0.33", "IPTC:City": "Somewhere"}
    assert sensitive._in_tags(tags) == ["the original holds a position (city)"]
