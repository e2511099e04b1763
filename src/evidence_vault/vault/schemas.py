"""The layout of the catalogue brought up to date: ``migrate --schema``.

The store does not change and nothing is logged: the catalogue is a cache of it.
"""

from __future__ import annotations

from typing import Any

from evidence_vault.log.migrating import migrate, try_migration
from evidence_vault.log.tables import SCHEMA_VERSION
from evidence_vault.vault.opening import Vault


def migrate_schema(vault: Vault, dry_run: bool = False) -> dict[str, Any]:
    """Bring the catalogue to the layout of this version, after trying it on a copy.

    On a server the trial is a transaction that is undone. Whole or not at all; one that is of this
    version is left alone. Returns the layouts and what was, or with ``dry_run`` would be, done.
    Raises KeyProblem (E-NEWER) for a catalogue of a newer version, VaultBusy, StoreError.
    """
    with vault.locked():
        tried = try_migration(vault.place)
        if tried.steps and not dry_run:
            vault.demand_held()
            migrate(vault.place)
    return {
        "changed": bool(tried.steps) and not dry_run,
        "dry_run": dry_run,
        "found": tried.found,
        "layout": SCHEMA_VERSION,
        "steps": list(tried.steps),
    }
