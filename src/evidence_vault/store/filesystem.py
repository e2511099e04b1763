"""The folder store: one root of DESIGN §4 on a local file system, vfat and exFAT included.

Temporary bytes live in a spool under the same root, so that adopting them is a rename.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from evidence_vault import osfiles
from evidence_vault.core.placement import Placed
from evidence_vault.errors import AlreadyExists, StoreError
from evidence_vault.store.diskerrors import translating
from evidence_vault.store.naming import DAMAGED, changed_meanwhile, demand_key, object_key
from evidence_vault.store.spool import PART_BYTES, STAGING, Spool, SpooledParts

_LINKS_UNSUPPORTED = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


class FilesystemStore:
    """A root on a folder. Safe for several processes; ``create`` is exclusive among them."""

    locks = False

    def __init__(self, root: Path, part_bytes: int = PART_BYTES) -> None:
        self.root = root
        self.spool = Spool(root, part_bytes)
        self._known_folders: set[Path] = set()
        self._new_folders: set[Path] = set()  # whose names of folders are not durable yet
        self._object_folders: dict[str, str] = {}
        self._unsynced: list[str] = []

    def __reduce__(self) -> tuple[Any, ...]:
        """Sent to another process it is the same root, with a session of its own."""
        return type(self), (self.root, self.spool.part_bytes)

    def create(self, key: str, data: bytes, durable: bool = True) -> None:
        target = self._path(key)
        if target.exists():
            raise AlreadyExists(f"{key} is already in the store")
        temporary = self._write_temporary(data, durable)
        try:
            with translating(key):
                self._make_folder(target.parent)
                self._link_exclusively(temporary, target, key)
        finally:
            temporary.unlink(missing_ok=True)
        if not durable:
            self._unsynced.append(str(target))
            return
        with translating(key):
            self._sync_folders()
            osfiles.sync_folder(target.parent)

    def replace(self, key: str, data: bytes) -> None:
        target = self._path(key)
        temporary = self._write_temporary(data)
        with translating(key):
            self._make_folder(target.parent)
            os.replace(temporary, target)
            self._sync_folders()
            osfiles.sync_folder(target.parent)

    def exchange(self, key: str, data: bytes, expected: bytes) -> None:
        """Not atomic: the lock of a folder can't be lost unnoticed."""
        with self.open(key) as stream:
            found = stream.read()
        if found == data:
            return
        if found != expected:
            raise changed_meanwhile(key)
        self.replace(key, data)

    def settle(self, key: str) -> None:
        """Written anew: after a sync that failed, a second one says nothing of the first bytes."""
        with translating(key):
            data = self._path(key).read_bytes()
        self.replace(key, data)

    def open(self, key: str) -> BinaryIO:
        with translating(key):
            return open(self._path(key), "rb")

    def stage(self) -> SpooledParts:
        return self.spool.stage()

    def adopt(self, parts: Sequence[tuple[str, str]]) -> list[Placed]:
        return [self._adopt_file(path, digest) for path, digest in parts]

    def flush(self) -> None:
        with translating("objects"):
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
        for aside in self._set_aside(key):  # what is given up is given up there, too
            with translating(key):
                aside.unlink()
        with translating(key):
            target.unlink()
            osfiles.sync_folder(target.parent)

    def keys(self, prefix: str) -> Iterator[str]:
        base = self.root / prefix
        if not base.is_dir():
            return
        for folder, names, files in os.walk(base):
            names[:] = [n for n in names if n not in (STAGING, DAMAGED)]
            for name in files:
                yield (Path(folder) / name).relative_to(self.root).as_posix()

    def details(self, prefix: str) -> Iterator[tuple[str, int, int]]:
        """Key, size in bytes and time of last change (POSIX seconds) of each key of a folder."""
        root = str(self.root)
        with translating(prefix):
            for folder, _, names in os.walk(os.path.join(root, prefix)):
                under = os.path.relpath(folder, root).replace(os.sep, "/")
                for name in names:
                    with contextlib.suppress(FileNotFoundError):
                        told = os.stat(os.path.join(folder, name))
                        yield f"{under}/{name}", told.st_size, int(told.st_mtime)

    def set_aside(self, key: str) -> str | None:
        """Move damaged bytes to ``.damaged/``, where no reader looks; durable on return.

        Returns where they are then, below the root; None when nothing was there.
        """
        target = self._path(key)
        aside = self.root / DAMAGED / f"{key}.{len(self._set_aside(key)) + 1}"
        with translating(key):
            self._make_folder(aside.parent)
            try:
                os.rename(target, aside)
            except FileNotFoundError:
                return None
            self._sync_folders()
            osfiles.sync_folder(aside.parent)
            osfiles.sync_folder(target.parent)
        return aside.relative_to(self.root).as_posix()

    def clear_leftovers(self) -> int:
        """Remove temporary bytes of processes that are gone; returns how many folders."""
        return self.spool.clear_leftovers()

    def end_session(self) -> None:
        """Remove this process's own folder for temporary bytes."""
        self.spool.end_session()

    # -- inside --------------------------------------------------------------------------------

    def _set_aside(self, key: str) -> list[Path]:
        near = self.root / DAMAGED / key
        return list(near.parent.glob(f"{near.name}.*"))

    def _adopt_file(self, temporary: str, digest: str) -> Placed:
        """Rename a finished temporary file to its object name."""
        folder = self._object_folders.get(digest[:2])
        if folder is None:
            folder = str(self._path(object_key(digest)).parent)
            with translating(digest):
                self._make_folder(Path(folder))
            self._object_folders[digest[:2]] = folder
        target = os.path.join(folder, digest)
        with translating(digest):
            size = os.path.getsize(temporary)
            if os.path.exists(target):
                # Perhaps left torn by a power cut, or by a sync that failed: what was read now
                # takes its place once it is durable, so a good one is never at risk.
                with open(temporary, "rb+") as stream:
                    osfiles.sync_file(stream)
                os.replace(temporary, target)
            else:
                os.rename(temporary, target)
        self._unsynced.append(target)
        return Placed(digest, size)

    def _path(self, key: str) -> Path:
        return self.root / demand_key(key)

    def _make_folder(self, folder: Path) -> None:
        """Each level is made durable, not the lowest alone, before anything in it counts."""
        if folder in self._known_folders:
            return
        if folder != self.root:
            self._make_folder(folder.parent)
            # Also one that is there: who made it may have ended before its name was durable.
            self._new_folders.add(folder.parent)
        if not folder.is_dir():
            folder.mkdir(exist_ok=True, mode=0o700)
        self._known_folders.add(folder)

    def _sync_folders(self) -> None:
        """Make folders durable that were made since the last time."""
        for folder in sorted(self._new_folders):
            osfiles.sync_folder(folder)
        self._new_folders.clear()

    def _write_temporary(self, data: bytes, durable: bool = True) -> Path:
        temporary = self.spool.new_path()
        try:
            with translating(temporary.name), open(temporary, "xb") as stream:
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
