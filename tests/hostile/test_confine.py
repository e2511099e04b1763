"""A parser that a file has taken over, confined: each attack runs, and each is stopped.

Where this system lacks a layer the test is skipped with the reason that ``doctor`` gives, never
passed. Each attack is first shown to work without confinement, so that its failure means something.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from evidence_vault.capture import confine
from evidence_vault.capture.confine import Crashed, Done, Limits, TimedOut, TooLarge, run

LIMITS = Limits(memory=1 << 30, cpu_seconds=60, wall_seconds=30.0, file_bytes=1 << 20)
SOURCE_ROOT = os.fspath(Path(__file__).parents[2] / "src")


def needs(layer: str) -> None:
    if reason := confine.protection()[layer]:
        pytest.skip(f"this system does not give {layer}: {reason}")


def parser(code: str, *arguments: object) -> list[str]:
    """A program that does ``code``, as a parser taken over by its file would."""
    return [sys.executable, "-I", "-c", code, *map(str, arguments)]


def attack(
    code: str, *arguments: object, limits: Limits = LIMITS, folder: Path | None = None
) -> Done:
    """The program, confined; ``folder`` may be written."""
    return run(
        parser(code, *arguments),
        limits,
        readable=confine.python_folders(),
        writable=[folder] if folder else (),
    )


def unconfined(code: str, *arguments: object) -> int:
    return subprocess.run(parser(code, *arguments), capture_output=True, timeout=30).returncode


def denied(code: str, *arguments: object) -> None:
    """The attack works by itself and fails, with the system's own refusal, when confined."""
    assert unconfined(code, *arguments) == 0
    done = attack(code, *arguments)
    assert done.status != 0
    assert b"PermissionError" in done.err or b"Operation not permitted" in done.err, done.err


def test_an_honest_parser_runs(tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.write_text("evidence")
    code = "import sys; print(open(sys.argv[1]).read(), sys.stdin.read()); sys.exit(5)"
    readable = [*confine.python_folders(), given]
    done = run(parser(code, given), LIMITS, readable=readable, stdin=b"asked")
    assert (done.status, done.out) == (5, b"evidence asked\n")


def test_threads_are_no_processes() -> None:
    code = "import threading; t = threading.Thread(target=print, args=['in a thread']); t.start()"
    assert attack(code).out == b"in a thread\n"


# -- numbers ---------------------------------------------------------------------------------------


def test_a_parser_that_allocates_without_end() -> None:
    needs("limits")
    done = attack("kept = []\nwhile True: kept.append(bytearray(1 << 24))")
    assert done.status == 1
    assert b"MemoryError" in done.err


def test_a_parser_that_spins_in_one_thread() -> None:
    needs("limits")
    with pytest.raises(TimedOut, match="more than 1 seconds of processor time"):
        attack("while True: pass", limits=replace(LIMITS, cpu_seconds=1))


def test_a_parser_that_waits_for_ever() -> None:
    with pytest.raises(TimedOut, match="stopped after 1 seconds"):
        attack("import time; time.sleep(600)", limits=replace(LIMITS, wall_seconds=1.0))


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_parser_that_prints_without_end(stream: str) -> None:
    code = f"import sys\nwhile True: sys.{stream}.write('x' * 65536)"
    limits = replace(LIMITS, wall_seconds=2.0, output_bytes=1 << 20)
    with pytest.raises((TooLarge, TimedOut)) as caught:
        attack(code, limits=limits)
    assert isinstance(caught.value, TooLarge) or stream == "stderr"  # of which the end is kept


def test_a_parser_that_writes_one_file_without_end(tmp_path: Path) -> None:
    needs("limits")
    code = (
        "import sys, signal; f = open(sys.argv[1] + '/big', 'wb')\nwhile 1: f.write(bytes(65536))"
    )
    try:
        done = attack(code, tmp_path, folder=tmp_path)
    except TooLarge:
        pass
    else:  # Python ignores the signal, and gets an error
        assert b"File too large" in done.err
    assert (tmp_path / "big").stat().st_size <= LIMITS.file_bytes


def test_a_parser_that_writes_many_files_without_end(tmp_path: Path) -> None:
    code = (
        "import sys, itertools\n"
        "for n in itertools.count():\n"
        "    with open(f'{sys.argv[1]}/{n % 64}', 'wb') as f: f.write(bytes(1 << 18))\n"
    )
    with pytest.raises(TooLarge, match="it wrote more than 1048576 bytes"):
        attack(code, tmp_path, folder=tmp_path)


def test_a_parser_that_opens_files_without_end() -> None:
    needs("limits")
    done = attack("kept = []\nwhile True: kept.append(open('/dev/null'))")
    assert b"Too many open files" in done.err


def test_a_crash_leaves_no_core_and_is_told(tmp_path: Path) -> None:
    needs("limits")
    code = "import os, sys, resource; print(resource.getrlimit(resource.RLIMIT_CORE), flush=True)"
    assert attack(code).out in (b"(1, 1)\n", b"(0, 0)\n")
    with pytest.raises(Crashed, match=f"signal {int(signal.SIGSEGV)}"):
        attack("import ctypes; ctypes.string_at(0)", folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


# -- other processes -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code",
    [
        "import os\nif os.fork() == 0: os._exit(0)",
        "import subprocess; subprocess.run(['/bin/true'], check=True)",
        "import os; os.posix_spawn('/bin/true', ['true'], {})",
    ],
)
def test_a_parser_that_forks(code: str) -> None:
    needs("calls")
    denied(code)


def test_a_fork_bomb_where_some_processes_are_allowed_dies_whole() -> None:
    """The group is killed as one: nothing that it started can leave it."""
    needs("calls")
    code = (
        "import os, time\n"
        "for _ in range(40):\n"
        "    try:\n"
        "        if os.fork() == 0: time.sleep(600)\n"
        "    except OSError: pass\n"
        "    try: os.setsid()\n"
        "    except PermissionError: pass\n"
        "print(os.getpgrp(), flush=True); time.sleep(600)"
    )
    limits = replace(LIMITS, processes=50, wall_seconds=2.0)
    before = _own_children_groups()
    with pytest.raises(TimedOut):
        attack(code, limits=limits)
    time.sleep(0.1)
    assert _own_children_groups() <= before


def _own_children_groups() -> set[str]:
    listed = subprocess.run(["ps", "-eo", "pid=,args="], capture_output=True, text=True).stdout
    return {line.split()[0] for line in listed.splitlines() if "os.setsid()" in line}


@pytest.mark.parametrize(
    "code",
    [
        "import os, sys; os.kill(int(sys.argv[1]), 0)",
        "import os, sys; os.pidfd_open; import signal, ctypes\n"
        "fd = os.pidfd_open(int(sys.argv[1])); signal.pidfd_send_signal(fd, 0)",
        "import ctypes, sys, os\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "libc.ptrace.argtypes = [ctypes.c_long] * 4\n"
        "libc.ptrace(16, int(sys.argv[1]), 0, 0) and sys.exit(os.strerror(ctypes.get_errno()))",
        "import resource, sys; resource.prlimit(int(sys.argv[1]), resource.RLIMIT_CPU)",
        "import os, sys; os.setpriority(os.PRIO_PROCESS, int(sys.argv[1]), 1)",
        "import os, sys; open(f'/proc/{sys.argv[1]}/environ', 'rb').read()",
        "import os, sys; open(f'/proc/{sys.argv[1]}/mem', 'rb')",
    ],
    ids=["signal", "pidfd", "ptrace", "limits", "priority", "environment", "memory"],
)
def test_a_parser_that_touches_another_process(code: str) -> None:
    needs("files" if "/proc/" in code else "calls")
    with subprocess.Popen(["sleep", "60"]) as victim:
        try:
            denied(code, victim.pid)
        finally:
            victim.kill()


def test_a_parser_dies_with_its_parent(tmp_path: Path) -> None:
    """Also one that first asks the kernel to forget the death signal."""
    needs("parent")
    needs("calls")
    mark = tmp_path / "pid"
    code = (
        "import ctypes, os, sys, time\n"
        "ctypes.CDLL(None).prctl(1, 0, 0, 0, 0)\n"
        "open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(600)"
    )
    parent = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path\n"
        "from evidence_vault.capture import confine\n"
        "confine.run([sys.executable, '-I', '-c', sys.argv[3], sys.argv[2] + '/pid'],\n"
        "    confine.Limits(), readable=confine.python_folders(), writable=[Path(sys.argv[2])])"
    )
    with subprocess.Popen([sys.executable, "-c", parent, SOURCE_ROOT, tmp_path, code]) as main:
        pid = int(_wait_for(mark))
        main.kill()
    deadline = time.monotonic() + 10
    while _runs(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _runs(pid)


def _wait_for(path: Path) -> str:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if path.exists() and (text := path.read_text()):
            return text
        time.sleep(0.02)
    raise AssertionError("the parser did not start")


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


# -- the network -----------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[tuple[int, list[object]]]:
    """A real server on the loopback device, and whoever called."""
    callers: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def accept() -> None:
            while True:
                try:
                    callers.append(listening.accept()[1])
                except OSError:
                    return

        threading.Thread(target=accept, daemon=True).start()
        yield listening.getsockname()[1], callers
        listening.shutdown(socket.SHUT_RDWR)


CALL = "import socket, sys; socket.create_connection(('127.0.0.1', int(sys.argv[1])), 5)"


def test_a_parser_that_calls_out(server: tuple[int, list[object]]) -> None:
    needs("calls")
    port, callers = server
    assert unconfined(CALL, port) == 0
    assert len(callers) == 1
    done = attack(CALL, port)
    assert b"PermissionError" in done.err
    assert len(callers) == 1


def test_without_seccomp_the_empty_network_alone_keeps_it_in(
    server: tuple[int, list[object]],
) -> None:
    """Each layer by itself: here sockets can be made, and lead nowhere."""
    needs("network")
    port, callers = server
    code = (
        f"import sys; sys.path.append({SOURCE_ROOT!r})\n"
        "from evidence_vault.osconfine import namespaces\n"
        "namespaces.leave_network()\n" + CALL
    )
    done = subprocess.run(parser(code, port), capture_output=True, timeout=30)
    assert b"Network is unreachable" in done.stderr
    assert callers == []


@pytest.mark.parametrize("kind", ["AF_INET6", "AF_UNIX", "AF_NETLINK"])
def test_a_parser_that_opens_a_socket_of_any_family(kind: str) -> None:
    needs("calls")
    denied(f"import socket; socket.socket(socket.{kind}, socket.SOCK_DGRAM)")


def test_a_pair_of_datagram_sockets_that_could_be_turned_outward() -> None:
    needs("calls")
    denied("import socket; socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)")
    assert attack("import socket; socket.socketpair()").status == 0


# -- files -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code",
    [
        "open(sys.argv[1] + '/secret').read()",
        "os.listdir(sys.argv[1])",
        "open(sys.argv[1] + '/new', 'w')",
        "open(sys.argv[1] + '/secret', 'a')",
        "os.truncate(sys.argv[1] + '/secret', 6)",
        "os.symlink('x', sys.argv[1] + '/link'); os.unlink(sys.argv[1] + '/link')",
        "os.mkdir(sys.argv[1] + '/d'); os.rmdir(sys.argv[1] + '/d')",
        "os.unlink(sys.argv[1] + '/gone')",
    ],
    ids=["read", "list", "create", "append", "truncate", "link", "folder", "unlink"],
)
def test_a_parser_that_reads_or_changes_other_files(code: str, tmp_path: Path) -> None:
    needs("files")
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "gone").touch()
    code = "import os, sys\n" + code
    assert unconfined(code, tmp_path) == 0
    (tmp_path / "gone").touch()
    (tmp_path / "new").unlink(missing_ok=True)
    before = sorted(path.name for path in tmp_path.iterdir())
    done = attack(code, tmp_path)
    assert b"PermissionError" in done.err
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert (tmp_path / "secret").read_text() == "secret"


def test_a_link_in_its_own_folder_leads_nowhere_else(tmp_path: Path) -> None:
    needs("files")
    (tmp_path / "secret").write_text("secret")
    own = tmp_path / "own"
    own.mkdir()
    code = "import os, sys; os.symlink('../secret', sys.argv[1] + '/a'); open(sys.argv[1] + '/a')"
    assert b"PermissionError" in attack(code, own, folder=own).err


def test_it_may_read_but_not_change_what_it_was_given(tmp_path: Path) -> None:
    needs("files")
    given = tmp_path / "given"
    given.write_text("evidence")
    readable = [*confine.python_folders(), given]
    done = run(parser("import sys; open(sys.argv[1], 'r+')", given), LIMITS, readable=readable)
    assert b"PermissionError" in done.err


def test_the_environment_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVIDENCE_VAULT_PASSPHRASE_FILE", "/somewhere")
    done = attack("import os; print(sorted(os.environ), flush=True)")
    assert b"EVIDENCE" not in done.out
    assert b"PATH" in done.out


# -- keeping promises ------------------------------------------------------------------------------


def test_privileges_cannot_be_gained() -> None:
    needs("privileges")
    code = "print([l for l in open('/proc/self/status') if l.startswith(('NoNew', 'CapEff'))])"
    done = run(parser(code), LIMITS, readable=[*confine.python_folders(), Path("/proc")])
    assert b"NoNewPrivs:\\t1" in done.out
    kept = int(done.out.partition(b"CapEff:\\t")[2][:16], 16)
    assert kept & ~0b110 == 0  # root goes on reading other people's files, and nothing more


def test_a_layer_that_was_promised_and_fails_stops_the_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Say that a layer holds which this system can't give: nothing runs without it."""
    needs("limits")
    monkeypatch.setattr(confine, "_demanded", lambda: ["need=files"])
    absent = Path("/nonexistent/folder")
    with pytest.raises(Crashed, match=r"it was not started.*files"):
        run(parser("print('ran')"), LIMITS, writable=[absent])


def test_a_program_that_is_not_there() -> None:
    with pytest.raises(Crashed, match="cannot start nothing-of-this-name"):
        run(["nothing-of-this-name"], LIMITS)


def test_no_other_user_than_root_needed() -> None:
    """As an ordinary user: the same layers, the network by way of a user namespace."""
    if os.geteuid() != 0:
        pytest.skip("the other tests run as an ordinary user already")
    python = "/usr/bin/python3"
    if not os.access(python, os.X_OK):
        pytest.skip("no Python that every user may run")
    words = ["memory=1073741824", "cpu=9", "file=0", "processes=1", "open=64", "parent=0"]
    source = (Path(SOURCE_ROOT) / "evidence_vault/osconfine/namespaces.py").read_text()
    code = source.replace("from __future__ import annotations", "") + "\nprint(leave_network())"
    done = subprocess.run(
        [python, "-c", code, *words], user=65534, group=65534, capture_output=True
    )
    if done.returncode != 0:
        pytest.skip(f"ordinary users get no namespaces here: {done.stderr.decode()[-200:]}")
    assert done.stdout == b"True\n"
