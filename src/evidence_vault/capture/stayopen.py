"""One ExifTool process in stay-open mode, bounded in time and output.

pyexiftool's ``ExifTool`` gives the protocol and the life cycle. Its own reading loop is replaced,
because it waits without limit, keeps all output however much it is, reads standard error only
after standard output (so that a flood of warnings stops both), and spins for ever when the
process dies. Its way to start the process is replaced too: a Ctrl-C at the terminal must not
reach ExifTool in the middle of a file, and it runs confined (``capture/confine.py``).
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import exiftool

from evidence_vault.capture.confine import Crashed, Limits, TimedOut, TooLarge, own_folders, prefix
from evidence_vault.errors import ToolMissing

#: ExifTool starts nothing and writes nothing; processor time is bounded by the time for each file.
LIMITS = Limits(cpu_seconds=0, file_bytes=0)

_STDERR_KEPT = 4096
_BLOCK = 65_536


class StayOpen(exiftool.ExifTool):  # type: ignore[misc]  # the library ships no types
    """See the module. One thread asks; any thread may :meth:`stop`."""

    def __init__(
        self,
        program: str,
        switches: Sequence[str],
        output_limit: int,
        readable: Sequence[Path] = (),
    ) -> None:
        super().__init__(executable=program, common_args=list(switches), config_file="")
        self._output_limit = output_limit
        self._readable = [*own_folders(program), *readable]
        self._time_limit = 0.0
        self._stopped = False
        self._process: subprocess.Popen[bytes] | None = None
        self._drain = _Drain()
        self._asking = threading.RLock()  # held while the pipes are in use
        self._ending = threading.Lock()  # held while the process is killed or waited for

    def start(self, time_limit: float) -> str:
        """Start the process; its version. Raises :class:`ToolMissing` if it is no ExifTool."""
        self._time_limit = time_limit
        try:
            with self._asking:
                self.run()
        except (TimedOut, TooLarge, Crashed, OSError) as error:
            raise ToolMissing(f"{self.executable} does not answer as ExifTool: {error}") from error
        if not str(self._ver).replace(".", "", 1).isdecimal():
            raise ToolMissing(f"{self.executable} does not answer as ExifTool")
        return str(self._ver)

    def ask(self, paths: Sequence[bytes], time_limit: float) -> bytes:
        """What ExifTool prints for the files at ``paths``, within ``time_limit`` seconds.

        Starts the process again if it is gone. Raises :class:`TimedOut`, :class:`TooLarge` or
        :class:`Crashed`; in each case the process is dead.
        """
        self._time_limit = time_limit
        with self._asking:
            if self._process is not None and self._process.poll() is not None:
                self.terminate()
            if self._process is None:
                self.run()
            output: bytes = self.execute(*paths, raw_bytes=True)
        return output

    def stop(self) -> None:
        """Kill the process and start none any more; an :meth:`ask` in progress ends at once."""
        self._stopped = True
        self.terminate()

    # -- what pyexiftool's own methods call ----------------------------------------------------

    def run(self) -> None:
        """Start ExifTool, confined, in a session of its own, and ask for its version."""
        confined = prefix(LIMITS, self._readable, ())
        arguments = [*confined, self._executable, "-config", self._config_file]
        arguments += ["-stay_open", "True", "-@", "-", "-common_args", *self._common_args]
        with self._ending:
            if self._stopped:
                raise Crashed("closed")
            process = subprocess.Popen(
                arguments,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                start_new_session=True,
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )
            self._process = process
            self._running = True
        self._drain = _Drain(process.stderr)
        self._ver = self.execute("-ver").strip()

    def execute(self, *params: str | bytes, raw_bytes: bool = False) -> Any:
        """Send ``params`` and read the answer, bounded in time and size."""
        process = self._process
        if process is None:
            raise Crashed("not running")
        number = str(10**17 + secrets.randbelow(9 * 10**17))  # no file can foresee the end mark
        lines = [param.encode() if isinstance(param, str) else param for param in params]
        if any(b"\n" in line or b"\r" in line for line in lines):
            raise ValueError("a line break in an argument")  # never: names are our own
        expired = threading.Event()

        def expire() -> None:
            expired.set()
            self._kill()

        timer = threading.Timer(self._time_limit, expire)
        timer.daemon = True
        timer.start()
        try:
            _write_all(process.stdin, b"\n".join([*lines, b"-execute" + number.encode(), b""]))
            output = self._read_until(process, b"{ready" + number.encode() + b"}")
        except TooLarge:
            self.terminate()
            raise
        except (OSError, Crashed) as error:
            self.terminate()
            if expired.is_set():
                raise TimedOut(f"stopped after {self._time_limit:.0f} seconds") from error
            raise Crashed(self._epitaph(process)) from error
        except BaseException:  # Ctrl-C: an answer half read must not be taken for the next
            self.terminate()
            raise
        finally:
            timer.cancel()
        return output if raw_bytes else output.decode("utf-8", "backslashreplace")

    def terminate(self, timeout: int = 30, _del: bool = False) -> None:
        """End the process at once; ExifTool writes nothing, so nothing is lost.

        Waits for an :meth:`ask` in another thread, since the pipes are closed.
        """
        self._kill()
        with self._asking:
            process, self._process = self._process, None
            self._running = False
            if process is None:
                return
            with self._ending:
                process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    stream.close()
            self._drain.finish()

    # -- reading and killing -------------------------------------------------------------------

    def _read_until(self, process: subprocess.Popen[bytes], mark: bytes) -> bytes:
        blocks: list[bytes] = []
        total = 0
        end = b""
        assert process.stdout is not None
        while not end.rstrip(b"\r\n").endswith(mark):
            block = os.read(process.stdout.fileno(), _BLOCK)
            if not block:
                raise Crashed("end of output")
            blocks.append(block)
            total += len(block)
            if total > self._output_limit + len(mark) + 2:
                raise TooLarge(f"more than {self._output_limit} bytes of metadata")
            end = (end + block)[-len(mark) - 2 :]
        return b"".join(blocks).rstrip(b"\r\n")[: -len(mark)]

    def _epitaph(self, process: subprocess.Popen[bytes]) -> str:
        lines = self._drain.words.decode("utf-8", "backslashreplace").strip().splitlines()
        words = f": {lines[-1]}" if lines else ""
        return f"ExifTool ended unexpectedly (status {process.returncode}){words}"

    def _kill(self) -> None:
        """Kill the process and what it started (it leads a session of its own)."""
        with self._ending:
            process = self._process
            if process is None or process.returncode is not None:
                return
            if os.name == "nt":
                process.kill()
                return
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


class _Drain:
    """Reads standard error to its end, so that it never blocks; keeps the last words."""

    def __init__(self, stderr: IO[bytes] | None = None) -> None:
        self.words = b""
        self._thread = None
        if stderr is not None:
            self._thread = threading.Thread(target=self._run, args=(stderr,), daemon=True)
            self._thread.start()

    def _run(self, stderr: IO[bytes]) -> None:
        with stderr:
            while block := os.read(stderr.fileno(), _BLOCK):
                self.words = (self.words + block)[-_STDERR_KEPT:]

    def finish(self) -> None:
        """Wait for the end of standard error, which follows the end of the process."""
        if self._thread is not None:
            self._thread.join(timeout=5)


def _write_all(stream: IO[bytes] | None, data: bytes) -> None:
    """Write to an unbuffered pipe, which may take less than it is given."""
    assert stream is not None
    view = memoryview(data)
    while view:
        view = view[stream.write(view) :]
