"""Nothing that happens on every append grows with the log: no query reads a whole table."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from evidence_vault.log import catalogue as module
from evidence_vault.log.database import open_engine
from evidence_vault.vault.checking import log_checkpoint, log_prove, log_status
from evidence_vault.vault.describing import describe
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.receipts import ReceiptMaker

from .vaults import Made, write_files

# One row for each organisation of the network.
SMALL = ("SCAN log_peer", "SCAN log_replica")


def scans(vault: Made, seen: set[str]) -> dict[str, str]:
    """Statements that read a whole table, or a whole log, that grows."""
    return {
        statement: step
        for statement in seen
        for step in plan(vault.folder, statement)
        if (step.startswith("SCAN") or (step.endswith("(log=?)") and "LIMIT" not in statement))
        and step not in SMALL
    }


@contextmanager
def statements(monkeypatch: pytest.MonkeyPatch) -> Iterator[set[str]]:
    """Every SQL statement that is run meanwhile."""
    seen: set[str] = set()

    def open_watched(path: Path, schema: str = "") -> Any:
        engine = open_engine(path)

        @event.listens_for(engine, "before_cursor_execute")
        def _note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
            if statement.startswith(("SELECT", "UPDATE", "DELETE")):
                seen.add(statement)

        return engine

    with monkeypatch.context() as patch:
        patch.setattr(module, "open_engine", open_watched)
        yield seen


def plan(folder: Path, statement: str) -> list[str]:
    with sqlite3.connect(folder / "catalogue.db") as connection:
        rows = connection.execute(f"EXPLAIN QUERY PLAN {statement}", [""] * statement.count("?"))
        return [row[3] for row in rows]


def _checkpoint(vault: Vault, _: str) -> None:
    log_checkpoint(vault)


def _status(vault: Vault, _: str) -> None:
    log_status(vault)


def _prove(vault: Vault, item: str) -> None:
    log_prove(vault, item=item)


def _describe(vault: Vault, item: str) -> None:
    describe(vault, [item], {"title": "another", "case": ["C-1"]})


def _receipt(vault: Vault, item: str) -> None:
    ReceiptMaker(vault, [item], None).demand_unchanged()


@pytest.mark.parametrize("act", [_checkpoint, _status, _prove, _describe, _receipt])
def test_no_query_reads_a_whole_table(
    vault: Made,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    act: Callable[[Vault, str], None],
) -> None:
    write_files(tmp_path / "in", 3)
    vault.ingest(tmp_path / "in")
    with statements(monkeypatch) as seen, vault.open() as opened:
        act(opened, f"{opened.keyring.prefix}-0000001")
    assert seen
    assert scans(vault, seen) == {}


def test_no_query_of_an_ingest_reads_a_whole_table(
    vault: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_files(tmp_path / "in", 3)
    vault.ingest(tmp_path / "in")
    write_files(tmp_path / "more", 5)
    with statements(monkeypatch) as seen:
        vault.ingest(tmp_path / "more")
    assert seen
    assert scans(vault, seen) == {}
