"""Fixtures every test may use. Shared material is found once, here."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import settings
from tests.browser import browser  # noqa: F401 - a fixture is found by its name here

# Real servers, started when a test first asks for them (tests/servers).
from tests.servers.fixtures import (  # noqa: F401 - fixtures are found by their names here
    pg_database,
    pg_server,
    pytest_configure,
    pytest_terminal_summary,
    pytest_unconfigure,
    s3_profiles,
    s3_server,
)

# How long an example takes says something about the machine, not about the program.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

ROOT = Path(__file__).resolve().parent.parent
SWEEP = 3  # of the cases of a test marked `sweep`, each third runs by default


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of a sweep every SWEEP-th case is quick; the others are slow (``make test-all``)."""
    counted: Counter[str] = Counter()
    for item in items:
        if item.get_closest_marker("sweep") is None:
            continue
        name = item.nodeid.split("[")[0]
        if counted[name] % SWEEP:
            item.add_marker(pytest.mark.slow)
        counted[name] += 1


def shared_folder() -> Path:
    """Where the corpus, vectors and data lie: EVIDENCE_VAULT_SHARED or ``../shared``."""
    named = os.environ.get("EVIDENCE_VAULT_SHARED")
    return Path(named) if named else ROOT.parent / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared test material; its absence is said, not passed over."""
    folder = shared_folder()
    if not folder.is_dir():
        pytest.skip(f"shared test material is absent: {folder} (set EVIDENCE_VAULT_SHARED)")
    return folder
