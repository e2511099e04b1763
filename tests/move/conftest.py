"""The same quick vaults as in tests/vault."""

from __future__ import annotations

from tests.vault.conftest import database, make_vault, old, quick, sources, vault

__all__ = ["database", "make_vault", "old", "quick", "sources", "vault"]
