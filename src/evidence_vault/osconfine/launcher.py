"""Apply limits to this process, then become the program named.

Order, and why: 1 session and signals; 2 the network is left while ``/proc`` can still be written;
3 privileges go; 4 limits that are numbers; 5 the death signal, which any change of privileges
clears; 6 files (Landlock); 7 system calls (seccomp), last, because it forbids what the others use.
A layer that the plan demands and that fails ends the process with status 125: nothing runs with
less protection than was promised.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable

FAILED = 125
LAYERS = ("limits", "network", "privileges", "parent", "files", "calls")

#: What of the environment reaches the program: where things are, and which language to speak.
_ENVIRONMENT = [
    "PATH",
    "LANG",
    "LANGUAGE",
    "TZ",
    "PERL5LIB",
    "PERLLIB",
    "LD_LIBRARY_PATH",
    "SYSTEMROOT",
    "OPENBLAS_CORETYPE",
    "PYTHONDONTWRITEBYTECODE",
]

_DEVICES = (b"/dev/null", b"/dev/zero", b"/dev/urandom", b"/dev/random")


class Plan:
    """What the command line says: ``key=value`` words up to ``--``, then the program.

    Numbers: ``memory``, ``cpu``, ``file`` (bytes, seconds, bytes; 0 in ``cpu``: no limit),
    ``processes``, ``open``, ``parent`` (process number). Any number of times: ``read`` and
    ``write`` (paths), ``need`` (a layer without which nothing is started).
    """

    def __init__(self, words: list[str]) -> None:
        end = words.index("--")
        self.program = words[end + 1 :]
        self.numbers: dict[str, int] = {}
        self.lists: dict[str, list[str]] = {"read": [], "write": [], "need": []}
        for word in words[:end]:
            key, _, value = word.partition("=")
            if key in self.lists:
                self.lists[key].append(value)
            else:
                self.numbers[key] = int(value)

    def paths(self, key: str) -> list[bytes]:
        """``read`` or ``write`` as the system spells paths."""
        return [os.fsencode(each) for each in self.lists[key]]


def launch(words: list[str]) -> None:
    """Apply the plan and become its program; does not return."""
    plan = Plan(words)
    program = _find(plan.program[0])  # now: afterwards not even our own modules can be read
    environment = _environment(plan)
    try:
        outcomes = apply(plan)
        lacking = [f"{name}: {outcomes[name]}" for name in plan.lists["need"] if outcomes[name]]
        if lacking:
            raise OSError("; ".join(lacking))
        os.execve(program, plan.program, environment)
    except OSError as error:
        _say(f"cannot start {os.path.basename(plan.program[0])}: {error.strerror or error}")
        os._exit(FAILED)


def probe(words: list[str]) -> None:
    """Apply the plan and print what came of each layer, ``layer=`` and a reason if it failed."""
    outcomes = apply(Plan(words))
    for name, reason in outcomes.items():
        sys.stdout.write(f"{name}={reason}\n".replace("\0", ""))
    sys.stdout.flush()


def apply(plan: Plan) -> dict[str, str]:
    """Each layer of :data:`LAYERS` with the reason why it does not hold, empty when it does."""
    outcomes: dict[str, str] = {}
    _own_session()
    in_user_namespace = False
    linux = sys.platform == "linux"
    elsewhere = f"{sys.platform} has none that this program knows"
    if linux:
        from evidence_vault.osconfine import landlock, namespaces, seccomp

        try:
            in_user_namespace = namespaces.leave_network()
            outcomes["network"] = ""
        except OSError as error:
            outcomes["network"] = _reason(error)
        outcomes["privileges"] = _try(namespaces.drop_privileges)
    outcomes["limits"] = _try(lambda: _limit(plan, in_user_namespace))
    if linux:
        parent = plan.numbers["parent"]
        outcomes["parent"] = _try(lambda: namespaces.die_with(parent))
        read, write = plan.paths("read"), plan.paths("write")
        outcomes["files"] = _try(
            lambda: landlock.restrict(read, write, _DEVICES), landlock.Unsupported
        )
        may_fork = plan.numbers["processes"] > 1
        outcomes["calls"] = _try(
            lambda: seccomp.install(os.getpid(), may_fork), seccomp.Unsupported
        )
    return {name: outcomes.get(name, elsewhere) for name in LAYERS}


def _own_session() -> None:
    """Lead a session of our own, with no terminal; no signal is ignored but by choice."""
    if os.getpid() != os.getsid(0):
        os.setsid()
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores both, and exec would keep that
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _limit(plan: Plan, in_user_namespace: bool) -> None:
    import resource

    numbers = plan.numbers
    _set(resource.RLIMIT_AS, numbers["memory"])
    _set(resource.RLIMIT_FSIZE, numbers["file"])
    _set(resource.RLIMIT_NOFILE, numbers["open"])
    # 1, not 0: Linux hands cores to a collecting program whatever the limit, except for 1.
    _set(resource.RLIMIT_CORE, 1)
    if numbers["cpu"]:
        _set(resource.RLIMIT_CPU, numbers["cpu"], 1)
    if in_user_namespace and numbers["processes"] > 1:
        # Elsewhere the number counts all of the user's processes, and root's not at all.
        _set(resource.RLIMIT_NPROC, numbers["processes"])


def _set(which: int, number: int, grace: int = 0) -> None:
    import resource

    hard = resource.getrlimit(which)[1]
    if hard != resource.RLIM_INFINITY:
        number = min(number, hard)
        grace = min(grace, hard - number)
    resource.setrlimit(which, (number, number + grace))


def _environment(plan: Plan) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if _is_kept(key)}
    home = plan.lists["write"][0] if plan.lists["write"] else "/nonexistent"
    return {**kept, "HOME": home, "TMPDIR": home}


def _find(program: str) -> str:
    """The path of a program on PATH; as it is if it names a folder or is not found."""
    if os.sep in program:
        return program
    places = [os.path.join(each, program) for each in os.get_exec_path()]
    return next((each for each in places if os.access(each, os.X_OK)), program)


def _is_kept(key: str) -> bool:
    return key in _ENVIRONMENT or key.startswith("LC_")


def _try(step: Callable[[], object], other: type[Exception] = OSError) -> str:
    try:
        step()
    except (OSError, ValueError, other) as error:
        return _reason(error)
    return ""


def _reason(error: Exception) -> str:
    number = error.errno if isinstance(error, OSError) else None
    text = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return f"{text} ({os.strerror(number)})" if number and os.strerror(number) != text else text


def _say(text: str) -> None:
    sys.stderr.write(f"evidence-vault: {text}\n")
    sys.stderr.flush()
