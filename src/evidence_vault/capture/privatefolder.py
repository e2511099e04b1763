"""A folder of our own, in memory where the system has such, gone when we are.

A process killed outright can't clear up. What it left (at most a link that names a file of
evidence) is removed by the next one: a folder whose lock nobody holds belongs to nobody.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from evidence_vault import osfiles

_PREFIX = "metadata-"
_LOCK = "lock"


class PrivateFolder:
    """Mode 0700, with an ASCII path; locked as long as this process lives."""

    def __init__(self) -> None:
        parent = _parent()
        _sweep(parent)
        self.path = tempfile.mkdtemp(prefix=_PREFIX, dir=parent)
        # Locked before it has its name, so that no sweep finds it unlocked.
        new = Path(self.path, "new")
        self._lock = open(new, "wb")  # noqa: SIM115 (held until remove)
        osfiles.try_lock(self._lock)
        if os.name == "nt":  # an open file can't be renamed there, and is not deleted either
            return
        new.rename(new.with_name(_LOCK))

    def remove(self) -> None:
        """Delete the folder and what is in it; may be called again."""
        self._lock.close()
        shutil.rmtree(self.path, ignore_errors=True)


def _parent() -> Path:
    memory = Path("/dev/shm")
    usable = memory.is_dir() and os.access(memory, os.W_OK | os.X_OK)
    return memory if usable else Path(tempfile.gettempdir())


def _sweep(parent: Path) -> None:
    """Remove the folders of processes that are no more."""
    for lock in parent.glob(f"{_PREFIX}*/{_LOCK}"):
        try:
            with open(lock, "r+b") as stream:
                if osfiles.try_lock(stream):
                    shutil.rmtree(lock.parent, ignore_errors=True)
        except OSError:  # somebody else's, or removed meanwhile
            continue
