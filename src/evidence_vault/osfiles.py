"""The one home of calls that differ between operating systems: syncing, locking, space.

Each has a fallback where POSIX is absent, so that Windows 10 laptops remain possible.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import secrets
import stat
import sys
from pathlib import Path
from typing import IO, BinaryIO

_LIBC: ctypes.CDLL | None = None
if sys.platform.startswith("linux"):
    try:
        _LIBC = ctypes.CDLL(None, use_errno=True)
        _LIBC.syncfs.argtypes = [ctypes.c_int]
    except (OSError, AttributeError):  # a C library without syncfs: per-file fsync is used
        _LIBC = None

HAS_GROUP_SYNC = _LIBC is not None


def sync_file(stream: IO[bytes]) -> None:
    """Flush Python's and the system's buffers of one open file."""
    stream.flush()
    os.fsync(stream.fileno())


def sync_folder(folder: Path) -> None:
    """Make renames and creations in a folder durable (a no-op where folders can't be opened)."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:
        if os.name == "nt":  # Windows has no folder handles to sync
            return
        raise
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_file(path: Path, data: bytes) -> None:
    """Atomic replacement, durable on return: readers see the old bytes or the new."""
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    with open(temporary, "xb") as stream:
        stream.write(data)
        sync_file(stream)
    os.replace(temporary, path)
    sync_folder(path.parent)


def sync_filesystem(folder: Path) -> None:
    """Make everything written to the file system of ``folder`` durable: one call for a group."""
    if _LIBC is None:
        raise OSError("this system has no group sync")
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if _LIBC.syncfs(descriptor) != 0:
            error = ctypes.get_errno()
            raise OSError(error, os.strerror(error), str(folder))
    finally:
        os.close(descriptor)


def try_lock(stream: IO[bytes]) -> bool:
    """Take an exclusive lock that ends with the process; False when another holds it."""
    if os.name == "nt":
        import msvcrt

        try:
            # Windows alone has it.
            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(stream.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def open_regular(path: Path) -> BinaryIO:
    """A file to read that is a file and nothing else; raises OSError for links, pipes, devices.

    For what a process wrote that may have been taken over: it must not make us read elsewhere,
    or wait.
    """
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    handle = os.open(path, flags | getattr(os, "O_BINARY", 0))
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "not a plain file")
    return os.fdopen(handle, "rb")


def free_bytes(folder: Path) -> int:
    """Bytes an ordinary user may still write on the file system of ``folder``."""
    import shutil

    return shutil.disk_usage(folder).free


def usable_cores() -> int:
    """How many cores this process may use, at least 1."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def no_core_dumps() -> None:
    """A crash of this process, or of one it starts, writes nothing of its memory to a disk.

    A soft limit of one byte: too little for a file, and what makes Linux not start a program
    that collects dumps either (core(5)).
    """
    try:
        import resource
    except ImportError:  # Windows
        return
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0 if hard == 0 else 1, hard))


def private_umask() -> None:
    """Files made by this process are readable by their owner only."""
    os.umask(0o077)
