"""The folder store: one root of DESIGN §4 on a local file system, vfat and exFAT included.

Temporary bytes live under ``.staging/<random>/`` of the same root; the folder holds a lock file
for as long as its process lives, so that leftovers of a dead process can be told and removed.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, BinaryIO

from evidence_vault import osfiles
from evidence_vault.errors import AlreadyExists, InternalError, NotFound, StoreError

PART_BYTES = 2**31  # no stored object is larger: vfat ends at 4 GiB
STAGING = ".staging"
_SESSION_TRIES = 20
_LINKS_UNSUPPORTED = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


def object_key(digest: str) -> str:
    """Where an object of that SHA-256 (hex) is stored."""
    return f"objects/{digest[:2]}/{digest}"


class FilesystemStore:
    """A root on a folder. Safe for several processes; ``create`` is exclusive among them."""

    def __init__(self, root: Path, part_bytes: int = PART_BYTES) -> None:
        self.root = root
        self._part_bytes = part_bytes
        self._session: Path | None = None
        self._session_lock: IO[bytes] | None = None
        self._known_folders: set[Path] = set()
        self._new_folders: set[Path] = set()  # whose names of folders are not durable yet
        self._object_folders: dict[str, str] = {}
        self._unsynced: list[str] = []

    def __reduce__(self) -> tuple[Any, ...]:
        """Sent to another process it is the same root, with a session of its own."""
        return type(self), (self.root, self._part_bytes)

    def create(self, key: str, data: bytes, durable: bool = True) -> None:
        target = self._path(key)
        if target.exists():
            raise AlreadyExists(f"{key} is already in the store")
        temporary = self._write_temporary(data, durable)
        try:
            with _translating(key):
                self._make_folder(target.parent)
                self._link_exclusively(temporary, target, key)
        finally:
            temporary.unlink(missing_ok=True)
        if not durable:
            self._unsynced.append(str(target))
            return
        with _translating(key):
            self._sync_folders()
            osfiles.sync_folder(target.parent)

    def replace(self, key: str, data: bytes) -> None:
        target = self._path(key)
        temporary = self._write_temporary(data)
        with _translating(key):
            self._make_folder(target.parent)
            os.replace(temporary, target)
            self._sync_folders()
            osfiles.sync_folder(target.parent)

    def open(self, key: str) -> BinaryIO:
        with _translating(key):
            return open(self._path(key), "rb")

    def stage(self) -> FilesystemStaged:
        return FilesystemStaged(self, self._part_bytes)

    def flush(self) -> None:
        with _translating("objects"):
            if osfiles.HAS_GROUP_SYNC and len(self._unsynced) > 4:
                osfiles.sync_filesystem(self.root)
                self._new_folders.clear()
            else:
                self._sync_folders()
                for path in self._unsynced:
                    with open(path, "rb+") as stream:
                        osfiles.sync_file(stream)
                    osfiles.sync_folder(Path(path).parent)
            self._unsynced.clear()

    def delete(self, key: str) -> None:
        target = self._path(key)
        with _translating(key):
            target.unlink()
            osfiles.sync_folder(target.parent)

    def keys(self, prefix: str) -> Iterator[str]:
        base = self.root / prefix
        if not base.is_dir():
            return
        for folder, names, files in os.walk(base):
            names[:] = [n for n in names if n != STAGING]
            for name in files:
                yield (Path(folder) / name).relative_to(self.root).as_posix()

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
                # Empty: its process died while making or removing it. If it is being made this
                # moment, its maker notices and makes another.
                with contextlib.suppress(OSError):
                    folder.rmdir()
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

    # -- for FilesystemStaged ------------------------------------------------------------------

    def session_folder(self) -> Path:
        """This process's private folder for bytes on their way in."""
        if self._session is None:
            with _translating(STAGING):
                self._session, self._session_lock = self._make_session()
        return self._session

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

    def adopt_file(self, temporary: Path | str, digest: str) -> None:
        """Rename a finished temporary file to its object name."""
        folder = self._object_folders.get(digest[:2])
        if folder is None:
            folder = str(self._path(object_key(digest)).parent)
            with _translating(digest):
                self._make_folder(Path(folder))
            self._object_folders[digest[:2]] = folder
        target = os.path.join(folder, digest)
        with _translating(digest):
            if os.path.exists(target):
                os.unlink(temporary)
            else:
                os.rename(temporary, target)
        self._unsynced.append(target)

    def _path(self, key: str) -> Path:
        if key.startswith("/") or ".." in key.split("/"):
            raise InternalError(f"bad store key {key!r}")
        return self.root / key

    def _make_folder(self, folder: Path) -> None:
        """Each level is made durable, not the lowest alone, before anything in it counts."""
        if folder in self._known_folders:
            return
        if not folder.is_dir():
            if folder != self.root:
                self._make_folder(folder.parent)
            folder.mkdir(exist_ok=True, mode=0o700)
            self._new_folders.add(folder.parent)
        self._known_folders.add(folder)

    def _sync_folders(self) -> None:
        """Make folders durable that were made since the last time."""
        for folder in sorted(self._new_folders):
            osfiles.sync_folder(folder)
        self._new_folders.clear()

    def _write_temporary(self, data: bytes, durable: bool = True) -> Path:
        temporary = self.session_folder() / secrets.token_hex(8)
        try:
            with _translating(temporary.name), open(temporary, "xb") as stream:
                stream.write(data)
                if durable:
                    osfiles.sync_file(stream)
        except StoreError:
            temporary.unlink(missing_ok=True)
            raise
        return temporary

    def _link_exclusively(self, temporary: Path, target: Path, key: str) -> None:
        try:
            os.link(temporary, target)
            return
        except FileExistsError:
            raise AlreadyExists(f"{key} is already in the store") from None
        except OSError as error:
            if error.errno not in _LINKS_UNSUPPORTED:
                raise
        # vfat and exFAT have no hard links. The vault's writer lock keeps others out between
        # the look and the rename.
        if target.exists():
            raise AlreadyExists(f"{key} is already in the store")
        os.rename(temporary, target)


class FilesystemStaged:
    """Parts under the session folder, hashed as they are written."""

    def __init__(self, store: FilesystemStore, part_bytes: int) -> None:
        self._store = store
        self._part_bytes = part_bytes
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
                raise _store_error(error, "objects") from error
            self._hash.update(piece)
            self._room -= len(piece)
            view = view[len(piece) :]
        return total

    def close(self) -> tuple[str, ...]:
        if self._stream is None and not self._parts:
            self._next_part()  # an empty object is an object
        self._end_part()
        return tuple(digest for _, digest in self._parts)

    def adopt(self) -> None:
        for path, digest in self._parts:
            self._store.adopt_file(path, digest)
        self._parts = []

    def discard(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None
        if self._path is not None:
            self._path.unlink(missing_ok=True)
        for path, _ in self._parts:
            path.unlink(missing_ok=True)
        self._parts = []

    def handle(self) -> tuple[tuple[str, str], ...]:
        """What another process needs to adopt or discard: (path, digest) of each part."""
        return tuple((str(path), digest) for path, digest in self._parts)

    def _next_part(self) -> None:
        self._end_part()
        self._path = self._store.session_folder() / secrets.token_hex(8)
        with _translating("objects"):
            self._stream = open(self._path, "xb")  # noqa: SIM115 - closed by _end_part
        self._hash = hashlib.sha256()
        self._room = self._part_bytes

    def _end_part(self) -> None:
        if self._stream is None or self._path is None:
            return
        try:
            self._stream.close()
        except OSError as error:
            raise _store_error(error, "objects") from error
        self._parts.append((self._path, self._hash.hexdigest()))
        self._stream, self._path, self._room = None, None, 0


def adopt_handle(store: FilesystemStore, handle: tuple[tuple[str, str], ...]) -> None:
    """Adopt parts that another process staged."""
    for path, digest in handle:
        store.adopt_file(path, digest)


def discard_handle(handle: tuple[tuple[str, str], ...]) -> None:
    """Forget parts that another process staged."""
    for path, _ in handle:
        Path(path).unlink(missing_ok=True)


def _empty_session(folder: Path) -> None:
    """Remove a session folder, its lock last: ended halfway, it is still known as a leftover."""
    for name in sorted(os.listdir(folder), key=lambda name: name == "lock"):
        (folder / name).unlink()
    folder.rmdir()


class _translating:
    """Turns OSError into the store's own errors, naming the key."""

    def __init__(self, key: str) -> None:
        self._key = key

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError):
            raise _store_error(error, self._key) from error


def _store_error(error: OSError, key: str) -> StoreError:
    if error.errno == errno.ENOENT:
        return NotFound(f"{key} is not in the store")
    hint = {
        errno.ENOSPC: "the disk is full: free some space and run the same command again",
        errno.EDQUOT: "the disk quota is used up: free some space and run it again",
        errno.EROFS: "the disk is read-only",
        errno.EACCES: "check who owns the vault's folder",
        errno.EPERM: "check who owns the vault's folder",
    }.get(error.errno or 0, "check the disk, then run `evidence-vault doctor`")
    code = {errno.ENOSPC: "E-DISK-FULL", errno.EDQUOT: "E-DISK-FULL"}.get(error.errno or 0)
    return StoreError(f"store: {error.strerror or error} ({key})", code=code, hint=hint)
