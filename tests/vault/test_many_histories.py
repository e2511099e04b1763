"""An event about a set names every item of it: read for each of them, a large export would end."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from evidence_vault.core.disclosure import Disclosure
from evidence_vault.vault import records
from evidence_vault.vault.exporting import ExportRequest, export
from evidence_vault.vault.fixity import fixity

from .vaults import Made, write_files


def test_an_event_about_all_items_is_opened_once_however_many_leave(
    vault: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = 6
    write_files(tmp_path / "in", count)
    vault.ingest(tmp_path / "in")
    opened: Counter[str] = Counter()
    real = records.open_record

    def counted(*arguments: Any) -> dict[str, Disclosure]:
        opened[arguments[2].type] += 1
        return real(*arguments)

    with vault.open() as door:
        fixity(door, all=True)
        monkeypatch.setattr(records, "open_record", counted)
        export(door, ExportRequest(None, tmp_path / "b", clear=True, folder=True))
    assert opened == {"ingested": count, "fixity-checked": 1}
