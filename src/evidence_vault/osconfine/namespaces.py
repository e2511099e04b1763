"""An empty network: a namespace in which not even the loopback device is up; and no privileges."""

from __future__ import annotations

import ctypes
import os

_NEWUSER, _NEWNET, _NEWIPC = 0x1000_0000, 0x4000_0000, 0x0800_0000
_PR_SET_NO_NEW_PRIVS, _PR_CAPBSET_DROP, _PR_CAP_AMBIENT, _AMBIENT_CLEAR_ALL = 38, 24, 47, 4
#: Reading files of other people: what root has and may need, since evidence is root's to read.
_KEPT = (1, 2)  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH


def leave_network() -> bool:
    """Move into an empty network namespace; True when in a new user namespace, too.

    Root needs no user namespace (in one it could not read other people's files). Raises OSError
    where the system allows neither.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() == 0 and libc.unshare(_NEWNET | _NEWIPC) == 0:
        return False
    user, group = os.geteuid(), os.getegid()
    if libc.unshare(_NEWUSER | _NEWNET | _NEWIPC) != 0:
        raise OSError(ctypes.get_errno(), "the system allows no network namespace of one's own")
    _write("setgroups", "deny")
    _write("uid_map", f"{user} {user} 1")
    _write("gid_map", f"{group} {group} 1")
    return True


def drop_privileges() -> None:
    """No privilege is kept or can be gained, except that root goes on reading any file."""
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in range(64):
        if capability not in _KEPT:
            libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)  # fails for numbers unknown: fine
    libc.prctl(_PR_CAP_AMBIENT, _AMBIENT_CLEAR_ALL, 0, 0, 0)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "the kernel has no no-new-privileges")


def die_with(parent: int) -> None:
    """Be killed when the thread that started us ends. Raises OSError if ``parent`` is gone."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(1, 9, 0, 0, 0)  # PR_SET_PDEATHSIG, SIGKILL
    if os.getppid() != parent:
        raise OSError("whoever started this program is gone")


def _write(name: str, text: str) -> None:
    with open(f"/proc/self/{name}", "w", encoding="ascii") as stream:
        stream.write(text)
