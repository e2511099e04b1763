"""From a place in ``vault.toml`` to the store that it names: a folder, or a bucket."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, cast

from evidence_vault.errors import InternalError, UsageError
from evidence_vault.ports import DeletingStore, ListingStore, LockingStore, ObjectStore
from evidence_vault.store.filesystem import FilesystemStore
from evidence_vault.store.s3place import is_url, parse_place
from evidence_vault.store.spool import Spool

SPOOL = "spool"


class Store(ObjectStore, DeletingStore, ListingStore, Protocol):
    """A root of a vault, as vault/ uses it. ``locks``: whether it is a LockingStore, too."""

    @property
    def locks(self) -> bool: ...

    @property
    def spool(self) -> Spool: ...

    def set_aside(self, key: str) -> str | None:
        """Move damaged bytes below ``.damaged/``, where no reader looks; durable on return.

        Returns where they are then; None when nothing was there, and where versions keep them.
        """

    def clear_leftovers(self) -> int:
        """Remove what dead processes left; returns how much."""

    def end_session(self) -> None:
        """Remove this process's own folder for temporary bytes."""


def open_store(place: str, folder: Path, name: str) -> Store:
    """The root at ``place``: a path relative to ``folder``, or an ``s3://`` URL (s3place).

    Nothing is asked of a server before the store is used. ``name``: the folder under
    ``folder/spool`` for bytes on their way to S3; a folder store has its own inside.
    Raises UsageError (E-PLACE).
    """
    if not is_url(place):
        return FilesystemStore(folder / place)
    from evidence_vault.store.s3 import LockedS3Store, S3Store

    where = parse_place(place)
    kind = LockedS3Store if where.mode else S3Store
    return kind(where, folder / SPOOL / name)


def as_locking(store: Store) -> LockingStore:
    """The store as one whose versions can be locked; only where ``store.locks``."""
    if not store.locks:
        raise InternalError("a store without locks was asked for one")
    return cast(LockingStore, store)


def demand_store_place(place: str) -> str:
    """``place`` as it may stand in ``vault.toml``. Raises UsageError (E-PLACE)."""
    if is_url(place):
        parse_place(place)
    elif not place or Path(place).is_absolute() or ".." in Path(place).parts:
        raise UsageError(
            "a place is a path inside the vault's folder or an s3:// URL", code="E-PLACE"
        )
    return place
