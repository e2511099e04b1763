"""A seccomp filter: no sockets, no other process to start, touch or outlive.

Denied calls fail with EPERM, so that a program that only tries goes on without; a call of
another architecture kills the program. The filter holds for everything the program becomes.
What is denied and why stands with each list. Numbers: Linux ``unistd.h`` of x86_64 and of the
generic table (aarch64).
"""

from __future__ import annotations

import ctypes
import platform
import struct

_LOAD, _JEQ, _JGE, _JSET, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_KILL, _ERRNO, _ALLOW = 0x8000_0000, 0x0005_0000, 0x7FFF_0000
_EPERM, _ENOSYS = 1, 38
_X32 = 0x4000_0000
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data

_AUDIT = {"x86_64": 0xC000_003E, "aarch64": 0xC000_00B7}

#: name: (x86_64, aarch64); None where the architecture has no such call.
_CALLS: dict[str, tuple[int | None, int | None]] = {
    "socket": (41, 198),
    "socketpair": (53, 199),
    "connect": (42, 203),
    "bind": (49, 200),
    "listen": (50, 201),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    "process_madvise": (440, 440),
    "process_mrelease": (448, 448),
    "kcmp": (312, 272),
    "kill": (62, 129),
    "tkill": (200, 130),
    "tgkill": (234, 131),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "prlimit64": (302, 261),
    "setpriority": (141, 140),
    "sched_setscheduler": (144, 119),
    "sched_setparam": (142, 118),
    "sched_setaffinity": (203, 122),
    "sched_setattr": (314, 274),
    "ioprio_set": (251, 30),
    "setsid": (112, 157),
    "setpgid": (109, 154),
    "prctl": (157, 167),
    "fcntl": (72, 25),
    "fork": (57, None),
    "vfork": (58, None),
    "clone": (56, 220),
    "clone3": (435, 435),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsmount": (432, 432),
    "open_by_handle_at": (304, 265),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "semget": (64, 190),
    "msgget": (68, 186),
    "mq_open": (240, 180),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "kexec_load": (246, 104),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "syslog": (103, 116),
}

# Always denied. Not even AF_UNIX sockets: through one a program reaches whatever listens on this
# machine (a desktop's bus, a container daemon). io_uring makes sockets past any filter. The rest
# touches other processes, leaves the group that is killed as one, keeps memory that no limit
# counts, or belongs to administrators.
_NEVER = [
    "socket",
    "connect",
    "bind",
    "listen",
    "io_uring_setup",
    "io_uring_enter",
    "io_uring_register",
    "ptrace",
    "process_vm_readv",
    "process_vm_writev",
    "pidfd_getfd",
    "pidfd_send_signal",
    "process_madvise",
    "process_mrelease",
    "kcmp",
    "tkill",
    "setsid",
    "setpgid",
    "unshare",
    "setns",
    "mount",
    "umount2",
    "pivot_root",
    "chroot",
    "open_tree",
    "move_mount",
    "fsopen",
    "fsmount",
    "open_by_handle_at",
    "bpf",
    "perf_event_open",
    "userfaultfd",
    "keyctl",
    "add_key",
    "request_key",
    "memfd_create",
    "memfd_secret",
    "shmget",
    "semget",
    "msgget",
    "mq_open",
    "init_module",
    "finit_module",
    "kexec_load",
    "reboot",
    "swapon",
    "acct",
    "quotactl",
    "syslog",
]

# Allowed on the program itself only: the first argument is its own number (signals), or that or 0
# (0 means oneself; for kill, one's own group).
_OWN = ("tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo")
_OWN_OR_ZERO = [
    "kill",
    "prlimit64",
    "sched_setscheduler",
    "sched_setparam",
    "sched_setaffinity",
    "sched_setattr",
]
# Here the second argument is the number; the first says "a process" with 0 (PRIO) or 1 (IOPRIO).
_OWN_SECOND = ("setpriority", "ioprio_set")

_CLONE_THREAD = 0x0001_0000
#: CLONE_NEWTIME (0x80) is a signal number for clone and can't be asked for there.
_CLONE_NAMESPACES = 0x7E02_0000
_PR_SET_PDEATHSIG = 1
_F_SETOWN, _F_SETSIG, _F_SETOWN_EX = 8, 10, 15  # a signal to any process, by way of a file
_SOCK_STREAM = 1

_Instruction = tuple[int, int, int, int]


class Unsupported(Exception):
    """No filter is known for this processor."""


def install(pid: int, may_fork: bool) -> None:
    """Set the filter on this process for good; ``pid`` is its own number.

    Needs no-new-privileges. Raises :class:`Unsupported`, or OSError when the kernel refuses.
    """
    code = _assemble(platform.machine(), pid, may_fork)
    block = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *each) for each in code))

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))

    program = Program(len(code), ctypes.cast(block, ctypes.c_void_p))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(22, 2, ctypes.byref(program), 0, 0) != 0:  # PR_SET_SECCOMP, MODE_FILTER
        error = ctypes.get_errno()
        raise OSError(error, "the kernel refuses a seccomp filter")


def _assemble(machine: str, pid: int, may_fork: bool) -> list[_Instruction]:
    column = list(_AUDIT).index(machine) if machine in _AUDIT else -1
    if column < 0:
        raise Unsupported(f"no seccomp filter is known for {machine}")
    deny = (_RETURN, 0, 0, _ERRNO | _EPERM)
    allow = (_RETURN, 0, 0, _ALLOW)
    code: list[_Instruction] = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_JEQ, 1, 0, _AUDIT[machine]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
    ]
    if machine == "x86_64":
        code += [(_JGE, 0, 1, _X32), (_RETURN, 0, 0, _KILL)]

    def rule(name: str, body: list[_Instruction]) -> None:
        """``body`` runs for the call ``name`` and must return."""
        number = _CALLS[name][column]
        if number is not None:
            code.extend([(_JEQ, 0, len(body), number), *body])

    def if_one_of(argument: int, values: tuple[int, ...]) -> list[_Instruction]:
        """Go on with the next instruction if the low word of the argument is one of ``values``,
        else skip it."""
        tests = [
            (_JEQ, len(values) - 1 - at, 1 if at == len(values) - 1 else 0, value)
            for at, value in enumerate(values)
        ]
        return [(_LOAD, 0, 0, _ARGUMENTS + 8 * argument), *tests]

    for name in _NEVER:
        rule(name, [deny])
    for name in _OWN:
        rule(name, [*if_one_of(0, (pid,)), allow, deny])
    for name in _OWN_OR_ZERO:
        rule(name, [*if_one_of(0, (pid, 0)), allow, deny])
    for name in _OWN_SECOND:
        rule(name, [*if_one_of(1, (pid, 0)), allow, deny])
    rule("socketpair", [*_masked(1, 0xF), (_JEQ, 0, 1, _SOCK_STREAM), allow, deny])
    rule("prctl", [*if_one_of(0, (_PR_SET_PDEATHSIG,)), deny, allow])
    rule("fcntl", [*if_one_of(1, (_F_SETOWN, _F_SETSIG, _F_SETOWN_EX)), deny, allow])
    rule("clone3", [(_RETURN, 0, 0, _ERRNO | _ENOSYS)])  # its flags can't be seen; clone's can
    flags = (_LOAD, 0, 0, _ARGUMENTS)
    if may_fork:
        rule("clone", [flags, (_JSET, 0, 1, _CLONE_NAMESPACES), deny, allow])
    else:
        rule("fork", [deny])
        rule("vfork", [deny])
        rule("clone", [flags, (_JSET, 0, 1, _CLONE_THREAD), allow, deny])
    return [*code, allow]


def _masked(argument: int, mask: int) -> list[_Instruction]:
    return [(_LOAD, 0, 0, _ARGUMENTS + 8 * argument), (0x54, 0, 0, mask)]
