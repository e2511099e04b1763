"""The corpus of real and hostile files goes in and comes out byte-identical.

Compared by the ``sha256sum`` program with the corpus's own list, not by our code.
"""

from __future__ import annotations

import csv
import subprocess
from pathlib import Path

import pytest

from evidence_vault.core.canonical import unb64
from evidence_vault.vault.exits import get_item
from evidence_vault.vault.exporting import ExportRequest, export
from evidence_vault.vault.fixity import fixity
from evidence_vault.vault.records import ingested_event

from .vaults import Made

FILES = 960
SAMPLE = 150


def corpus_files(shared: Path) -> dict[str, str]:
    """SHA-256 (hex) by path below the corpus folder, as its manifest says."""
    with open(shared / "corpus" / "manifest.csv", newline="", encoding="utf-8") as stream:
        listed = {row["file"]: row["sha256"] for row in csv.DictReader(stream)}
    assert len(listed) == FILES
    return listed


@pytest.mark.parametrize("step", [FILES // SAMPLE, pytest.param(1, marks=pytest.mark.slow)])
def test_corpus_comes_out_as_it_went_in(
    vault: Made, shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    monkeypatch.delenv("EVIDENCE_VAULT_EXIFTOOL")
    listed = corpus_files(shared)
    chosen = dict(sorted(listed.items())[::step])
    assert len(chosen) == (FILES if step == 1 else SAMPLE + 10)
    paths = [shared / "corpus" / name for name in chosen]
    result = vault.ingest(*paths)
    assert result["refused"] == []
    distinct = len(set(chosen.values()))
    assert len(result["taken_in"]) == distinct
    assert len(result["received_again"]) == len(chosen) - distinct
    assert sum(result["metadata"].values()) == distinct
    assert vault.assert_sound() == distinct

    # Opened again: everything out in one bundle, and a few one by one.
    with vault.open() as opened:
        assert fixity(opened, all=True)["damaged"] == []
        ids = opened.catalogue.item_ids()
        export(opened, ExportRequest(None, tmp_path / "b", originals=True, clear=True, folder=True))
        for item in ids[:: len(ids) // 10]:
            get_item(opened, item, tmp_path / f"{item}.got")
        digests = {item: ingested_event(opened, item).values["content_sha256"] for item in ids}
        names = {
            item: unb64(ingested_event(opened, item).values["source_path"]["b64"], "a path")
            for item in ids
        }
    assert set(digests.values()) == set(chosen.values())
    by_name = {Path(name).name.encode() for name in chosen}
    assert set(names.values()) <= by_name

    found = sha256sum(sorted((tmp_path / "b" / "data").iterdir()))
    assert {Path(path).stem: digest for path, digest in found.items()} == digests
    assert len(found) == distinct
    # Every file of the list is accounted for by a digest that sha256sum gave.
    assert len([name for name in chosen if chosen[name] in found.values()]) == len(chosen)
    for path, digest in sha256sum(sorted(tmp_path.glob("*.got"))).items():
        assert digests[Path(path).stem] == digest
    # The sources were not touched.
    assert sha256sum(paths) == {str(shared / "corpus" / n): d for n, d in chosen.items()}
    assert vault.assert_sound() == distinct


def sha256sum(paths: list[Path]) -> dict[str, str]:
    """Digests by path, from the program of that name."""
    assert paths
    told = subprocess.run(
        ["sha256sum", "--zero", "--", *map(str, paths)], capture_output=True, check=True
    ).stdout
    lines = [line for line in told.decode("utf-8", "surrogateescape").split("\0") if line]
    assert len(lines) == len(paths)
    return {line[66:]: line[:64] for line in lines}
