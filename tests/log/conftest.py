"""Catalogues on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.servers.fixtures import fresh_database

from evidence_vault.log.database import Place


@pytest.fixture(params=["sqlite", "postgresql"])
def place(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Place]:
    """Where a catalogue may be made."""
    if request.param == "sqlite":
        yield tmp_path / "catalogue.db"
        return
    server = request.getfixturevalue("pg_server")
    monkeypatch.setenv("PGPASSWORD", server.password)
    with fresh_database(server) as url:
        yield url
