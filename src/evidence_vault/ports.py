"""Every door to the outside on one page.

A room sees the world only through these. Promises are prose: what is durable on return, what
"absent" looks like, what a repeated write does, who may call at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Protocol, Self

from evidence_vault.core.placement import Lock, Placed, StoredVersion


class Staged(Protocol):
    """Bytes on their way into a store; invisible until adopted.

    In ``with``: whatever error or Ctrl-C ends it, the bytes are discarded.
    """

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def write(self, data: bytes | memoryview) -> int:
        """Append; splits into parts by itself where one object would be too large."""

    def close(self) -> tuple[str, ...]:
        """End writing; returns the lowercase hex SHA-256 of each part, in order."""

    def discard(self) -> None:
        """Forget the bytes; nothing of them stays in the store."""

    def handle(self) -> tuple[tuple[str, str], ...]:
        """What this or another process needs to adopt or discard: (path, digest) of each part."""


class ObjectStore(Protocol):
    """One root (``archive/`` or ``control/``). Keys are relative, ``/``-separated, ASCII.

    Reading is safe from any thread. Absent objects raise NotFound, an unreachable or full
    store raises StoreError; a timeout is never absence.
    """

    def create(self, key: str, data: bytes, durable: bool = True) -> None:
        """Create-only write. Raises AlreadyExists, leaving what is there. Durable on return, or
        after the next ``flush`` when ``durable`` is False."""

    def replace(self, key: str, data: bytes) -> None:
        """Atomic replacement, durable on return: readers see the old bytes or the new."""

    def exchange(self, key: str, data: bytes, expected: bytes) -> None:
        """As ``replace``, if the object's bytes are ``expected`` still (or ``data`` already), as
        far as the store can tell. Raises StoreError (E-CHANGED-MEANWHILE), NotFound."""

    def settle(self, key: str) -> None:
        """Make an object durable that is there, but whose writer may have ended before it was
        (killed, or after a sync that failed). Same bytes; nothing to do where an object is never
        visible before it is durable."""

    def open(self, key: str) -> BinaryIO:
        """A seekable reader of the object's bytes."""

    def stage(self) -> Staged:
        """Start a large object whose name is known only at its end."""

    def adopt(self, parts: Sequence[tuple[str, str]]) -> list[Placed]:
        """Make staged parts, given as (path, SHA-256 in hex), visible as ``objects/ab/<sha256>``.

        Returns what the store answered, in order. Durable after the next ``flush``. An object
        that is there already is kept: same name, same bytes. The temporary files are gone then.
        """

    def flush(self) -> None:
        """On return, everything adopted before is durable: one flush may cover many objects."""


class DeletingStore(Protocol):
    """A second capability, for ``control/`` and for clearing up: deletion."""

    def delete(self, key: str) -> None:
        """Remove the object; durable on return. Raises NotFound, or Locked (with the date) where
        the store refuses because of retention or a legal hold: then the bytes are still there."""


class LockingStore(Protocol):
    """A second capability, of an archive on S3: versions that can't be deleted before a date."""

    def open_version(self, key: str, version: str) -> BinaryIO:
        """As ``open``, of one version; what was laid over it later changes nothing."""

    def lock_of(self, key: str, version: str) -> Lock:
        """The lock as the store tells it now. Raises NotFound for a version that is gone."""

    def extend(self, key: str, version: str, mode: str, until: str) -> Lock:
        """Lock until a later date; read back. Raises Locked where the store refuses, UsageError
        for a date beyond ``placement.LAST_DATE``."""

    def hold(self, key: str, version: str, on: bool) -> Lock:
        """Put a legal hold on a version, or take it off; read back."""

    def create_held(self, key: str, data: bytes, until: str) -> Placed:
        """A small object, written in one piece under a legal hold; read back, and raises StoreError
        unless hold and lock are what was asked for. ``until``: a GOVERNANCE lock that ends then,
        in place of the one that the bucket gives by itself."""

    def versions(self, key: str) -> list[StoredVersion]:
        """Every version and delete marker of one key, the newest first."""

    def newest_version(self, key: str) -> str:
        """The id of the version that lies on top. Raises NotFound."""

    def delete_version(self, key: str, version: str) -> None:
        """Remove one version, nothing else of the key. Raises NotFound, Locked."""


class ListingStore(Protocol):
    """A second capability, for audits only: nothing depends on it to be correct."""

    def keys(self, prefix: str) -> Iterator[str]:
        """Keys that begin with ``prefix``, in no promised order."""


class Signer(Protocol):
    """One private key with one purpose."""

    @property
    def keyid(self) -> str:
        """SHA-256 (hex) of the DER SubjectPublicKeyInfo."""

    def sign(self, message: bytes) -> bytes:
        """Raw signature bytes."""


class MetadataSource(Protocol):
    """Reads what a file says about itself; never writes to it."""

    def read(self, path: bytes) -> Any:
        """A ``Metadata`` value with a status; a file it can't read is a status, not an error."""


class Clock(Protocol):
    """The wall clock, so that tests may set it back."""

    def now(self) -> str:
        """UTC, ``YYYY-MM-DDTHH:MM:SSZ``."""


class CommitLog(Protocol):
    """The committed log as the vault sees it. One writer at a time, under the writer lock."""

    @property
    def size(self) -> int:
        """Number of committed entries."""

    def append(self, batch: Sequence[Any]) -> None:
        """Commit a batch with one create-only write; durable and acknowledged on return."""

    def entry(self, index: int) -> bytes:
        """The bytes of a committed entry; raises NotFound beyond ``size``."""


class Catalogue(Protocol):
    """A cache of the two roots for questions; may be dropped and rebuilt at any time."""

    def apply(self, start: int, rows: Sequence[Any]) -> None:
        """Record entries ``start`` … in one transaction."""

    def size(self) -> int:
        """Number of entries it knows."""


Progress = Callable[[int, int], None]
"""Called with (files done, bytes done)."""

PathLike = Path | str
