"""Running a program that reads hostile bytes, with limits: it gets a file and nothing else.

A parser may have a flaw that the file's maker knows. So it runs in a process of its own, which is
denied, as far as the system can: memory, processor time, large files, other processes, the
network, sockets, privileges, every file it was not given, and outliving us. What this system
gives is what :func:`protection` says; a layer that it said holds is demanded of every start, and
a program that can't get it is not started.

The paths in ``readable`` and ``writable`` stand on the launcher's command line for the moment
until the program takes its place, as they stand on that of whoever calls us.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import evidence_vault
from evidence_vault.osconfine.launcher import FAILED, LAYERS

_BLOCK = 65_536
_STDERR_KEPT = 65_536
_WATCH_SECONDS = 0.25
_SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(evidence_vault.__file__)))

#: What a program needs to run at all. Not ``/etc``, ``/home``, ``/root``, ``/proc``, ``/var``.
_SYSTEM = [
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/opt",
    "/nix/store",
    "/gnu/store",
    "/etc/alternatives",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/perl",
    "/etc/localtime",
    "/etc/fonts",
    "/etc/mime.types",
]


class TimedOut(Exception):
    """The program was stopped because it took too long."""


class TooLarge(Exception):
    """The program was stopped because it printed or wrote too much."""


class Crashed(Exception):
    """The program ended by itself, or was not started; the message has its last words."""


@dataclass(frozen=True)
class Limits:
    """What a program may use.

    ``memory``: bytes of address space. ``cpu_seconds``: of processor time in its whole life, 0
    for no limit. ``wall_seconds``: until :func:`run` kills it. ``file_bytes``: of any one file it
    writes, and of all it adds to the folders given to :func:`run`. ``output_bytes``: that
    :func:`run` reads. ``processes``: it and those it starts, at most; 1 lets it start none
    (threads are not counted: memory bounds them). ``open_files``: at a time.
    """

    memory: int = 2 << 30
    cpu_seconds: int = 120
    wall_seconds: float = 120.0
    file_bytes: int = 4 << 30
    output_bytes: int = 64 << 20
    processes: int = 1
    open_files: int = 256


@dataclass(frozen=True)
class Done:
    """How a program ended by itself: exit status, standard output, (the end of) standard error."""

    status: int
    out: bytes
    err: bytes


def run(
    argv: Sequence[str | bytes],
    limits: Limits,
    *,
    readable: Sequence[Path] = (),
    writable: Sequence[Path] = (),
    stdin: bytes = b"",
) -> Done:
    """Run a program to its end within ``limits``; a status other than 0 is returned, not raised.

    It may read what the system needs to run programs, ``readable`` and ``writable``, and write to
    ``writable`` only, whose first also is its home and temporary folder. Raises :class:`TimedOut`,
    :class:`TooLarge` or :class:`Crashed` (a signal ended it, or it could not be started); nothing
    of it runs on return.
    """
    command = [*prefix(limits, [*own_folders(argv[0]), *readable], writable), *argv]
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise Crashed(f"it could not be started: {error.strerror or error}") from error
    return _Run(process, limits, writable).finish(stdin)


def prefix(limits: Limits, readable: Sequence[Path], writable: Sequence[Path]) -> list[str]:
    """What to put before the command of a long-lived program; empty where nothing is to be had.

    The caller, a thread that lives as long as the program is needed, starts it soon and by
    itself, in a session of its own, and minds ``wall_seconds`` and ``output_bytes``.
    """
    if sys.platform == "win32":
        return []
    return [*_launcher("launch"), *_plan(limits, readable, writable), *_demanded(), "--"]


def protection() -> dict[str, str]:
    """What this system gives: each layer of ``LAYERS``, empty when it holds, else why it does not.

    ``limits`` (memory, processor time, file size, open files, no core dump), ``network`` (a
    network namespace of its own, empty), ``privileges`` (none can be gained), ``parent`` (it
    dies with us), ``files`` (Landlock), ``calls`` (seccomp: no sockets, no other processes).
    Found out by trying, once in a process.
    """
    with _probing:
        return dict(_probe())


_probing = threading.Lock()


@functools.cache
def _probe() -> dict[str, str]:
    if sys.platform == "win32":
        return dict.fromkeys(LAYERS, "Windows has none that this program knows")
    plan = _plan(Limits(), [], [])
    try:
        done = subprocess.run(
            [*_launcher("probe"), *plan, "--"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return dict.fromkeys(LAYERS, f"the launcher did not run: {error}")
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    said = dict(line.split("=", 1) for line in lines if "=" in line)
    return {name: said.get(name, "the launcher ended early") for name in LAYERS}


def _launcher(function: str) -> list[str]:
    code = (
        f"import sys; sys.path.append({_SOURCE!r}); from evidence_vault.osconfine import launcher"
    )
    code += f"; launcher.{function}(sys.argv[1:])"
    return [sys.executable, "-I", "-S", "-c", code]


def _plan(limits: Limits, readable: Sequence[Path], writable: Sequence[Path]) -> list[str]:
    numbers = {
        "memory": limits.memory,
        "cpu": limits.cpu_seconds,
        "file": limits.file_bytes,
        "processes": limits.processes,
        "open": limits.open_files,
        "parent": os.getpid(),
    }
    words = [f"{key}={value}" for key, value in numbers.items()]
    words += [f"read={path}" for path in dict.fromkeys((*_SYSTEM, *map(str, readable)))]
    return words + [f"{kind}={path}" for path in writable for kind in ("read", "write")]


def _demanded() -> list[str]:
    return [f"need={name}" for name, reason in protection().items() if not reason]


def python_folders() -> list[Path]:
    """What our own Python needs to read, for a worker written in Python."""
    places = [sys.prefix, sys.base_prefix, sys.exec_prefix, _SOURCE]
    return [Path(place) for place in dict.fromkeys(places)]


def own_folders(program: str | bytes) -> list[Path]:
    """Where a program (on PATH, or a path) lies, link and target, if outside the system's."""
    found = shutil.which(os.fsdecode(program))
    if found is None:
        return []
    places = [os.path.dirname(os.path.abspath(found)), os.path.dirname(os.path.realpath(found))]
    return [Path(place) for place in dict.fromkeys(places)]


def roots(paths: Iterable[bytes], most: int = 64) -> list[Path]:
    """At most ``most`` folders in which all these files lie, the narrowest that are so few."""
    folders = {os.path.dirname(os.path.abspath(path)) for path in paths}
    while len(folders) > most:
        deepest = max(folder.count(os.fsencode(os.sep)) for folder in folders)
        folders = {
            os.path.dirname(folder) if folder.count(os.fsencode(os.sep)) == deepest else folder
            for folder in folders
        }
    return [Path(os.fsdecode(folder)) for folder in sorted(folders)]


class _Run:
    """One program: a thread writes to it, two read from it, one watches what it writes."""

    def __init__(
        self, process: subprocess.Popen[bytes], limits: Limits, writable: Sequence[Path]
    ) -> None:
        self._process = process
        self._limits = limits
        self._writable = writable
        self._why: Exception | None = None
        self._ended = threading.Event()
        self._killing = threading.Lock()
        self._err = b""
        self._out: list[bytes] = []

    def finish(self, stdin: bytes) -> Done:
        before = _bytes_in(self._writable)
        tasks: list[Callable[[], None]] = [
            lambda: self._feed(stdin),
            self._read_out,
            self._read_err,
        ]
        if self._writable:
            tasks.append(lambda: self._watch(before))
        threads = [threading.Thread(target=task, daemon=True) for task in tasks]
        timer = threading.Timer(
            self._limits.wall_seconds,
            lambda: self._stop(TimedOut(f"stopped after {self._limits.wall_seconds:.0f} seconds")),
        )
        timer.daemon = True
        try:
            for thread in (timer, *threads):
                thread.start()
            _await_end(self._process)
        finally:
            self._stop(None)  # what it started and left behind
            timer.cancel()
            self._ended.set()
            status = self._process.wait()
            for thread in threads:
                thread.join(timeout=10)
            self._close()
        if self._why is None and self._writable and self._written_too_much(before):
            self._why = self._wrote_too_much()
        if self._why is not None:
            raise self._why
        if status < 0 or status == FAILED:
            raise self._by_signal(-status)
        return Done(status, b"".join(self._out), self._err)

    def _stop(self, why: Exception | None) -> None:
        with self._killing:
            if self._process.returncode is not None:
                return
            self._why = self._why or why
            if os.name == "nt":
                self._process.kill()
                return
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def _feed(self, data: bytes) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(OSError, ValueError), self._process.stdin as stream:
            stream.write(data)

    def _read_out(self) -> None:
        total = 0
        while block := _block(self._process.stdout):
            total += len(block)
            if total > self._limits.output_bytes:
                self._stop(TooLarge(f"more than {self._limits.output_bytes} bytes of output"))
                return
            self._out.append(block)

    def _read_err(self) -> None:
        while block := _block(self._process.stderr):
            self._err = (self._err + block)[-_STDERR_KEPT:]

    def _watch(self, before: int) -> None:
        while not self._ended.wait(_WATCH_SECONDS):
            if self._written_too_much(before):
                self._stop(self._wrote_too_much())
                return

    def _written_too_much(self, before: int) -> bool:
        return _bytes_in(self._writable) - before > self._limits.file_bytes

    def _wrote_too_much(self) -> TooLarge:
        return TooLarge(f"it wrote more than {self._limits.file_bytes} bytes")

    def _by_signal(self, number: int) -> Exception:
        words = self._err.decode("utf-8", "backslashreplace").strip().splitlines()
        last = f": {words[-1]}" if words else ""
        if number == -FAILED:
            return Crashed(f"it was not started{last}")
        if number == getattr(signal, "SIGXCPU", None):
            return TimedOut(
                f"it used more than {self._limits.cpu_seconds} seconds of processor time"
            )
        if number == getattr(signal, "SIGXFSZ", None):
            return self._wrote_too_much()
        return Crashed(f"it ended by signal {number}{last}")

    def _close(self) -> None:
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()


def _block(stream: IO[bytes] | None) -> bytes:
    assert stream is not None
    try:
        return os.read(stream.fileno(), _BLOCK)
    except (OSError, ValueError):  # closed meanwhile
        return b""


def _await_end(process: subprocess.Popen[bytes]) -> None:
    """Wait, but leave its number taken, so that its group can be killed and no stranger's."""
    if hasattr(os, "waitid"):
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    else:
        process.wait()


def _bytes_in(folders: Sequence[Path]) -> int:
    """Bytes of the files in folders; what vanishes meanwhile does not count."""
    total = 0
    for folder in folders:
        for path, _, names in os.walk(folder):
            for name in names:
                with contextlib.suppress(OSError):
                    total += os.lstat(os.path.join(path, name)).st_size
    return total
