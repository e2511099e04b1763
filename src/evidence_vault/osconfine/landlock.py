"""Landlock: the files that a program may read, and the folders it may write to.

Kernel page ``userspace-api/landlock``. What the running kernel's version of it does not know is
left out: version 1 knows no truncation, 4 brings TCP, 6 signals and abstract sockets.
"""

from __future__ import annotations

import ctypes
import os
import platform
import stat
import struct
from collections.abc import Iterable

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_MAKE_CHAR, _MAKE_SOCK, _MAKE_FIFO, _MAKE_BLOCK = 1 << 6, 1 << 9, 1 << 10, 1 << 11
_TRUNCATE, _IOCTL = 1 << 14, 1 << 15
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL
_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}  # how many rights each version knows


class Unsupported(Exception):
    """This kernel has no Landlock, or it is switched off."""


def version() -> int:
    """Landlock's version on this kernel, 0 if there is none."""
    if not hasattr(os, "O_PATH") or platform.machine() not in ("x86_64", "aarch64"):
        return 0
    found: int = _libc().syscall(_CREATE, None, ctypes.c_size_t(0), 1)
    return max(0, found)


def restrict(readable: Iterable[bytes], writable: Iterable[bytes], devices: Iterable[bytes]) -> int:
    """Nothing outside these paths can be opened any more; the version of Landlock used.

    ``readable`` paths that are absent are left out. ``devices`` may be read and written.
    Needs no-new-privileges. Raises :class:`Unsupported`, or OSError (a path of ``writable`` that
    is absent, a kernel that refuses).
    """
    known = version()
    if known < 1:
        raise Unsupported("the kernel has no Landlock, or it is switched off")
    every = (1 << _RIGHTS.get(known, 16)) - 1
    write = every & ~(_EXECUTE | _MAKE_CHAR | _MAKE_SOCK | _MAKE_FIFO | _MAKE_BLOCK | _IOCTL)
    attributes = struct.pack("=Q", every)
    if known >= 4:
        attributes += struct.pack("=Q", 3)  # TCP: neither bind nor connect, no rule allows any
    if known >= 6:
        attributes += struct.pack("=Q", 3)  # abstract sockets and signals stay inside
    rules = _call(_CREATE, attributes, ctypes.c_size_t(len(attributes)), 0)
    try:
        for path in readable:
            _allow(rules, path, _READ & every, must_exist=False)
        for path in devices:
            _allow(rules, path, (_READ_FILE | _WRITE_FILE) & every, must_exist=False)
        for path in writable:
            _allow(rules, path, write, must_exist=True)
        _call(_RESTRICT, rules, 0)
    finally:
        os.close(rules)
    return known


def _allow(rules: int, path: bytes, rights: int, must_exist: bool) -> None:
    try:
        # O_PATH opens nothing: no FIFO blocks, no device is touched.
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        if must_exist:
            raise
        return
    try:
        if not stat.S_ISDIR(os.fstat(opened).st_mode):
            rights &= _OF_FILES
        _call(_ADD, rules, 1, struct.pack("=Qi", rights, opened), 0)
    finally:
        os.close(opened)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _call(number: int, *arguments: object) -> int:
    result: int = _libc().syscall(number, *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), "the kernel refuses a Landlock rule")
    return result
