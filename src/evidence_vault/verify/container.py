"""Bundles as hostile containers: a folder or a ZIP, read without trusting any name or header.

A container lists its files, says what is unsafe about it (docs/format-bundle.md rule 1), and
opens a listed file as a stream. What an operating system adds is listed apart, never opened.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol

from evidence_vault.core.bagtext import fold_key, is_os_junk, unsafe_path_reason
from evidence_vault.core.findings import Finding, Outcome
from evidence_vault.errors import UsageError

CLAUSE = "docs/format-bundle.md rule 1"
MAX_FILES = 4_000_000


@dataclass(slots=True)
class Listing:
    """What a container holds: sizes in bytes by safe path, folders, OS junk, and problems.

    ``ours``: the rules for names in a bundle hold. In a bag of others (verify/bagit.py) any name
    may stand that stays below its folder, and a file that a system dropped is a file.
    """

    files: dict[str, int] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    junk: list[str] = field(default_factory=list)
    problems: list[Finding] = field(default_factory=list)
    ours: bool = True

    def differ(self, code: str, subject: str, **details: str | int) -> None:
        self.problems.append(Finding(code, Outcome.DIFFERS, subject, details, CLAUSE))

    def is_safe(self, path: str) -> bool:
        """False, with a finding, for a name that must not stand in a bundle."""
        reason = unsafe_path_reason(path) if self.ours else _leading_out(path)
        if reason is not None:
            self.differ("C-UNSAFE-NAME", path, reason=reason)
        return reason is None

    def is_junk(self, path: str) -> bool:
        """True for what a system added by itself to a ZIP, beside its top folder in any case."""
        return is_os_junk(path if self.ours else path.split("/", 1)[0] + "/")

    def check_collisions(self) -> None:
        """Names that some file system takes for one: case folding and Unicode forms."""
        if not self.ours:
            return  # the reader of such bags warns
        seen: dict[str, str] = {}
        for path in sorted({*self.files, *self.folders}):
            other = seen.setdefault(fold_key(path), path)
            if other != path:
                self.differ("C-COLLISION", path, other=other)


def _leading_out(path: str) -> str | None:
    """Why a name in a container would lead out of it, or mean nothing."""
    parts = path.split("/")
    if ".." in parts or ".." in path.replace("\\", "/").split("/"):
        return "parent path"
    return "empty path element" if "" in parts or "." in parts or "\0" in path else None


class Container(Protocol):
    """A bundle that was opened. ``name`` is shown; ``listing`` is complete."""

    name: str
    listing: Listing

    def open(self, path: str) -> AbstractContextManager[BinaryIO]:
        """A listed file as a stream; EvidenceError or OSError, also while it is read."""
        ...

    def close(self) -> None: ...


class FolderContainer:
    """A bundle as a folder. Links, pipes and devices are named and never opened."""

    def __init__(self, root: Path, ours: bool = True) -> None:
        self.name = root.name
        self.listing = Listing(ours=ours)
        self._root = root
        self._walk()
        self.listing.check_collisions()

    def open(self, path: str) -> AbstractContextManager[BinaryIO]:
        # Not following and not blocking, should the file have been replaced since it was listed.
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        flags |= getattr(os, "O_BINARY", 0)
        descriptor = os.open(self._root / path, flags)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(f"{path} is no longer a regular file")
        return os.fdopen(descriptor, "rb", buffering=0)

    def close(self) -> None:
        """Nothing is kept open."""

    def _walk(self) -> None:
        waiting = [""]
        count = 0
        while waiting:
            folder = waiting.pop()
            for entry in self._scan(folder):
                count += 1
                if count > MAX_FILES:
                    raise UsageError(f"{self.name} holds more than {MAX_FILES} files")
                path = f"{folder}/{entry.name}" if folder else entry.name
                if self._is_folder(entry, path):
                    waiting.append(path)

    def _is_folder(self, entry: os.DirEntry[str], path: str) -> bool:
        """List one directory entry; True for a folder to go into."""
        listing = self.listing
        status = entry.stat(follow_symlinks=False)
        if stat.S_ISLNK(status.st_mode):
            listing.differ("C-LINK", path)
        elif not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
            listing.differ("C-SPECIAL", path)
        elif listing.ours and is_os_junk(path + "/" if stat.S_ISDIR(status.st_mode) else path):
            listing.junk.append(path)
        elif not listing.is_safe(path):
            return False
        elif stat.S_ISDIR(status.st_mode):
            listing.folders.add(path)
            return True
        else:
            listing.files[path] = status.st_size
        return False

    def _scan(self, folder: str) -> Iterator[os.DirEntry[str]]:
        with os.scandir(self._root / folder) as entries:
            yield from entries


def open_container(path: Path, ours: bool = True) -> Container:
    """A folder, or else a ZIP. OSError from opening it passes through."""
    if path.is_dir():
        return FolderContainer(path, ours)
    from evidence_vault.verify.zipcontainer import ZipContainer

    return ZipContainer(path, ours)
