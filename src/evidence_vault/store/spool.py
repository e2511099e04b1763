"""Bytes on their way into a store: temporary files on the local disk, hashed as they are written.

They live under ``.staging/<random>/`` of a root; the folder holds a lock file for as long as its
process lives, so that leftovers of a dead process can be told and removed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, BinaryIO, Self

from evidence_vault import osfiles
from evidence_vault.errors import StoreError
from evidence_vault.store.diskerrors import store_error, translating

PART_BYTES = 2**31  # no stored object is larger: vfat ends at 4 GiB
STAGING = ".staging"
_SESSION_TRIES = 20


class Spool:
    """The folder for temporary bytes under one root, and this process's session in it."""

    def __init__(self, root: Path, part_bytes: int = PART_BYTES) -> None:
        self.root = root
        self.part_bytes = part_bytes
        self._session: Path | None = None
        self._session_lock: IO[bytes] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        """Sent to another process it is the same root, with a session of its own."""
        return type(self), (self.root, self.part_bytes)

    def stage(self) -> SpooledParts:
        """Start bytes whose name is known only at their end."""
        return SpooledParts(self)

    def new_path(self) -> Path:
        """A name for a temporary file in this process's session."""
        return self.session_folder() / secrets.token_hex(8)

    def session_folder(self) -> Path:
        """This process's private folder for bytes on their way in."""
        if self._session is None:
            with translating(STAGING):
                self._session, self._session_lock = self._make_session()
        return self._session

    def clear_leftovers(self) -> int:
        """Remove temporary bytes of processes that are gone; returns how many folders."""
        staging = self.root / STAGING
        removed = 0
        if not staging.is_dir():
            return 0
        for folder in staging.iterdir():
            if folder == self._session:
                continue
            try:
                with open(folder / "lock", "rb+") as stream:
                    if not osfiles.try_lock(stream):
                        continue
                    _empty_session(folder)
                    removed += 1
            except FileNotFoundError:
                # Its process died while making or removing it, or a power cut took the lock alone:
                # a session without one never has other files. If it is being made this moment,
                # its maker notices and makes another.
                with contextlib.suppress(OSError):
                    _empty_session(folder)
                    removed += 1
            except NotADirectoryError:
                continue
        return removed

    def end_session(self) -> None:
        """Remove this process's own folder for temporary bytes."""
        if self._session is None or self._session_lock is None:
            return
        _empty_session(self._session)
        self._session_lock.close()
        self._session, self._session_lock = None, None

    def _make_session(self) -> tuple[Path, IO[bytes]]:
        """A folder and its held lock; made again when somebody took it for a leftover."""
        for _ in range(_SESSION_TRIES):
            folder = self.root / STAGING / secrets.token_hex(8)
            folder.mkdir(parents=True, mode=0o700)
            try:
                lock = open(folder / "lock", "xb")  # noqa: SIM115 - held until the process ends
            except FileNotFoundError:
                continue
            if osfiles.try_lock(lock) and (folder / "lock").exists():
                return folder, lock
            lock.close()
        raise StoreError("no folder for temporary bytes can be made and kept")


class SpooledParts:
    """Parts under the session folder, hashed as they are written (ports.Staged)."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._parts: list[tuple[Path, str]] = []
        self._stream: BinaryIO | None = None
        self._path: Path | None = None
        self._hash = hashlib.sha256()
        self._room = 0

    def write(self, data: bytes | memoryview) -> int:
        view = memoryview(data)
        total = len(view)
        while len(view):
            if self._room == 0:
                self._next_part()
            piece = view[: self._room]
            assert self._stream is not None
            try:
                self._stream.write(piece)
            except OSError as error:
                raise store_error(error, "objects") from error
            self._hash.update(piece)
            self._room -= len(piece)
            view = view[len(piece) :]
        return total

    def close(self) -> tuple[str, ...]:
        if self._stream is None and not self._parts:
            self._next_part()  # an empty object is an object
        self._end_part()
        return tuple(digest for _, digest in self._parts)

    def discard(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None
        if self._path is not None:
            self._path.unlink(missing_ok=True)
        for path, _ in self._parts:
            path.unlink(missing_ok=True)
        self._parts = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self.discard()

    def handle(self) -> tuple[tuple[str, str], ...]:
        """What another process needs to adopt or discard: (path, digest) of each part."""
        return tuple((str(path), digest) for path, digest in self._parts)

    def _next_part(self) -> None:
        self._end_part()
        self._path = self._spool.new_path()
        with translating("objects"):
            self._stream = open(self._path, "xb")  # noqa: SIM115 - closed by _end_part
        self._hash = hashlib.sha256()
        self._room = self._spool.part_bytes

    def _end_part(self) -> None:
        if self._stream is None or self._path is None:
            return
        try:
            self._stream.close()
        except OSError as error:
            raise store_error(error, "objects") from error
        self._parts.append((self._path, self._hash.hexdigest()))
        self._stream, self._path, self._room = None, None, 0


def discard_parts(parts: Sequence[tuple[str, str]]) -> None:
    """Forget parts that this or another process staged, given as (path, digest)."""
    for path, _ in parts:
        Path(path).unlink(missing_ok=True)


def _empty_session(folder: Path) -> None:
    """Remove a session folder, its lock last: ended halfway, it is still known as a leftover."""
    for name in sorted(os.listdir(folder), key=lambda name: name == "lock"):
        (folder / name).unlink()
    folder.rmdir()
