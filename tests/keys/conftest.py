"""Vaults as in tests/vault, and what a test of keys does to them."""

from __future__ import annotations

from tests.vault.conftest import database, make_vault, quick, sources, vault

__all__ = ["database", "make_vault", "quick", "sources", "vault"]
