"""The fixtures of tests/vault: vaults made fast."""

from __future__ import annotations

from tests.vault.conftest import database, make_vault, quick

__all__ = ["database", "make_vault", "quick"]
