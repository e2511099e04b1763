"""From a place in ``vault.toml`` to the store that it names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Protocol

from evidence_vault.core.placement import Placed
from evidence_vault.errors import UsageError
from evidence_vault.ports import LockingStore
from evidence_vault.store.filesystem import FilesystemStore
from evidence_vault.store.s3place import is_url, parse_place
from evidence_vault.store.spool import Spool, SpooledParts

SPOOL = "spool"


class Store(Protocol):
    """What the vault needs of a root, wherever it is: ports.ObjectStore, DeletingStore and
    ListingStore, and bytes on their way in on the local disk."""

    spool: Spool

    def create(self, key: str, data: bytes, durable: bool = True) -> None: ...
    def replace(self, key: str, data: bytes) -> None: ...
    def open(self, key: str) -> BinaryIO: ...
    def stage(self) -> SpooledParts: ...
    def adopt(self, parts: Sequence[tuple[str, str]]) -> list[Placed]: ...
    def flush(self) -> None: ...
    def delete(self, key: str) -> None: ...
    def keys(self, prefix: str) -> Iterator[str]: ...

    def clear_leftovers(self) -> int:
        """Remove what dead processes left; returns how much."""

    def end_session(self) -> None:
        """Remove this process's own temporary bytes."""


def open_store(place: str, folder: Path, spool_name: str) -> Store:
    """The root at ``place``: a path relative to ``folder``, or an ``s3://`` URL (s3place).

    Nothing is asked of a server before the store is used. ``spool_name``: the folder under
    ``folder/spool`` for bytes on their way to S3; a folder store has its own inside.
    Raises UsageError (E-PLACE).
    """
    if not is_url(place):
        return FilesystemStore(folder / place)
    from evidence_vault.store.s3 import LockedS3Store, S3Store

    where = parse_place(place)
    kind = LockedS3Store if where.mode else S3Store
    return kind(where, folder / SPOOL / spool_name)


def locking(store: Store) -> LockingStore | None:
    """The store as one whose versions can be locked; None for a folder and a plain bucket."""
    from evidence_vault.store.s3 import LockedS3Store

    return store if isinstance(store, LockedS3Store) else None


def demand_store_place(place: str) -> str:
    """``place`` as it may stand in ``vault.toml``. Raises UsageError (E-PLACE)."""
    if is_url(place):
        parse_place(place)
    elif not place or Path(place).is_absolute() or ".." in Path(place).parts:
        raise UsageError(
            "a place is a path inside the vault's folder or an s3:// URL", code="E-PLACE"
        )
    return place
