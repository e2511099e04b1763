"""A confined process kept open that answers one line with one line, bounded in time and size."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path

from evidence_vault.capture.confine import Crashed, Limits, TimedOut, TooLarge, prefix

_BLOCK = 65_536


class LineWorker:
    """Started at the first :meth:`ask`, and again after it died. Any thread may ask or close;
    the thread that asks first must live as long as the worker is needed."""

    def __init__(self, command: Sequence[str], limits: Limits, readable: Sequence[Path]) -> None:
        self._command = list(command)
        self._limits = limits
        self._readable = readable
        self._asking = threading.Lock()
        self._ending = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False

    def ask(self, line: bytes, seconds: float) -> bytes:
        """The answer to ``line`` (no line break in it). Raises :class:`TimedOut`,
        :class:`TooLarge` or :class:`Crashed`; in each case the process is dead."""
        with self._asking:
            process = self._started()
            expired = threading.Event()

            def expire() -> None:
                expired.set()
                self._kill()

            timer = threading.Timer(seconds, expire)
            timer.daemon = True
            timer.start()
            try:
                return self._exchange(process, line)
            except (OSError, Crashed) as error:
                self._end()
                if expired.is_set():
                    raise TimedOut(f"stopped after {seconds:.0f} seconds") from error
                raise Crashed(f"ended unexpectedly (status {process.returncode})") from error
            except BaseException:  # Ctrl-C, too: a worker left in the middle is ended
                self._end()
                raise
            finally:
                timer.cancel()

    def close(self) -> None:
        """Kill the process and start none any more; an :meth:`ask` in progress ends at once."""
        self._closed = True
        self._kill()
        with self._asking:
            self._end()

    def _started(self) -> subprocess.Popen[bytes]:
        with self._ending:
            if self._closed:
                raise Crashed("closed")
            if self._process is None:
                self._process = subprocess.Popen(
                    [*prefix(self._limits, self._readable, ()), *self._command],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    bufsize=0,
                    start_new_session=True,
                )
            return self._process

    def _exchange(self, process: subprocess.Popen[bytes], line: bytes) -> bytes:
        assert process.stdin is not None and process.stdout is not None
        view = memoryview(line + b"\n")
        while view:
            view = view[process.stdin.write(view) :]
        answer = bytearray()
        while not answer.endswith(b"\n"):
            block = os.read(process.stdout.fileno(), _BLOCK)
            if not block:
                raise Crashed("end of output")
            answer += block
            if len(answer) > self._limits.output_bytes:
                raise TooLarge(f"more than {self._limits.output_bytes} bytes of output")
        return bytes(answer[:-1])

    def _kill(self) -> None:
        with self._ending:
            process = self._process
            if process is None or process.returncode is not None:
                return
            if os.name == "nt":
                process.kill()
                return
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    def _end(self) -> None:
        """Kill and wait; held by whoever asks."""
        self._kill()
        with self._ending:
            process, self._process = self._process, None
            if process is None:
                return
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    stream.close()
