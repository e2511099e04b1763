"""Which store a place names: a folder, or a bucket."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from evidence_vault.ports import DeletingStore, ListingStore, ObjectStore
from evidence_vault.store.filesystem import FilesystemStore
from evidence_vault.store.spool import Spool


class Store(ObjectStore, DeletingStore, ListingStore, Protocol):
    """A root of a vault, as vault/ uses it. ``locks``: whether it is a LockingStore, too."""

    @property
    def locks(self) -> bool: ...

    @property
    def spool(self) -> Spool: ...

    def clear_leftovers(self) -> int:
        """Remove temporary bytes of processes that are gone; returns how many folders."""

    def end_session(self) -> None:
        """Remove this process's own folder for temporary bytes."""


def open_store(place: str, folder: Path, name: str) -> Store:
    """The store at ``place``, as vault.toml of the vault in ``folder`` names it.

    ``name``: of the local folder for bytes on their way into a store that is elsewhere.
    """
    return FilesystemStore(folder / place)
