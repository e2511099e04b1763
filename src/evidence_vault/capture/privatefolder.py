"""A folder of our own, in memory where the system has such, gone when we are.

A process killed outright can't clear up. A small process of the system's shell does it: it waits
for the end of a pipe that nobody but us can write to, and removes the folder. Where there is none,
or where it was killed, too, the next folder made removes those whose lock nobody holds.
"""

from __future__ import annotations

import os
import shutil
import subprocess
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
        self._cleaner = _cleaner(self.path)
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
        cleaner, self._cleaner = self._cleaner, None
        if cleaner is not None:
            assert cleaner.stdin is not None
            cleaner.stdin.close()
            cleaner.wait()


def _cleaner(path: str) -> subprocess.Popen[bytes] | None:
    """Removes ``path`` once this process is no more; in a session of its own, so that no signal
    from a terminal ends both. None where there is no such shell.
    """
    script = 'cat >/dev/null; rm -rf -- "$1"'
    try:
        return subprocess.Popen(
            ["/bin/sh", "-c", script, "sh", path],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
            env={"PATH": "/bin:/usr/bin"},
        )
    except OSError:
        return None


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
