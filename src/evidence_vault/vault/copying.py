"""Share copies on their way in: made from a source by a confined process, then sealed and staged.

The plain copy lies in a private folder in memory for as long as that takes; nothing of it is
written anywhere else. The source is hashed again after the tools have read it.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from evidence_vault.capture.formats import HEAD_SIZE, TAIL_SIZE, identify
from evidence_vault.capture.strip.maker import Copy, CopyMaker
from evidence_vault.capture.strip.model import refusal
from evidence_vault.core.derivation import Parent, check_report, format_statement
from evidence_vault.errors import FormatError
from evidence_vault.osfiles import open_regular
from evidence_vault.seal.units import SealingWriter, UnitKey
from evidence_vault.store.spool import discard_parts
from evidence_vault.vault.job import Desk, Handle, format_value

_BLOCK = 1024 * 1024
_UNKNOWN = "application/octet-stream"
_ANY_PARENT = Parent("a" * 255, f"ABCDEFGHIJKL-{10**11}", 2**53 - 1, "0" * 64, "0" * 64)


@dataclass(frozen=True)
class SealedCopy:
    """A derivative that is sealed and staged; nothing of it is visible in the store yet."""

    sha256: str
    sha512: str
    size: int
    format: dict[str, str]
    content: UnitKey
    objects: tuple[str, ...]
    staged: Handle


@dataclass(frozen=True)
class CopyOutcome:
    """What came of one strip. ``sealed`` is None unless the report says ``clean``.

    ``changed``: the source was not the same after the tools had read it.
    """

    report: Mapping[str, Any]
    sealed: SealedCopy | None
    changed: bool = False

    @property
    def why(self) -> str:
        """The reasons why there is no copy, in one line."""
        return "; ".join(self.report["reasons"]) or str(self.report["outcome"])


class CopyCrew:
    """Several makers at work at once, one thread each; close it or use ``close``."""

    def __init__(self, workers: int, desk: Callable[[], Desk]) -> None:
        self._waiting: SimpleQueue[tuple[bytes, str, Future[CopyOutcome]] | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._run, args=(desk,), name="copies", daemon=True)
            for _ in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, source: bytes, sha256: str) -> Future[CopyOutcome]:
        """Make the share copy of the file at ``source``, whose SHA-256 (hex) is known."""
        result: Future[CopyOutcome] = Future()
        self._waiting.put((source, sha256, result))
        return result

    def close(self) -> None:
        """Let the threads end; what waits is cancelled."""
        while not self._waiting.empty():
            work = self._waiting.get()
            if work is not None:
                work[2].cancel()
        for _ in self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            thread.join()

    def _run(self, desk: Callable[[], Desk]) -> None:
        try:
            maker, own = CopyMaker(), desk()
        except BaseException as error:  # no memory for its folder: whoever asks is told
            self._serve(_raising(error))
            return
        with maker:
            self._serve(lambda source, sha256: make_copy(own, maker, source, sha256))

    def _serve(self, make: Callable[[Path, str], CopyOutcome]) -> None:
        while (work := self._waiting.get()) is not None:
            source, sha256, result = work
            if not result.set_running_or_notify_cancel():
                continue
            try:
                result.set_result(make(Path(os.fsdecode(source)), sha256))
            except BaseException as error:  # handed to whoever asks for the result
                result.set_exception(error)


def _raising(error: BaseException) -> Callable[[Path, str], CopyOutcome]:
    def make(source: Path, sha256: str) -> CopyOutcome:
        raise error

    return make


def make_copy(desk: Desk, maker: CopyMaker, source: Path, sha256: str) -> CopyOutcome:
    """Strip one file and seal the copy; a failing store raises, a bad file does not.

    ``sha256``: of the source as it was taken in, hex.
    """
    try:
        copy = maker.make(source)
    except OSError as error:  # the source went away, or the memory is full
        return CopyOutcome(_unread(error), None)
    try:
        report = _believed(copy)
        if copy.path is None or report["outcome"] != "clean":
            return CopyOutcome(report, None)
        try:
            changed = _sha256(source) != sha256
        except OSError as error:
            return CopyOutcome(_unread(error), None)
        if changed:
            return CopyOutcome(report, None, changed=True)
        sealed = _seal(desk, copy.path)
        if report["copy"] != {name: getattr(sealed, name) for name in ("sha256", "sha512", "size")}:
            discard_parts(sealed.staged)
            return CopyOutcome(refusal(_UNKNOWN, "the report is about another copy"), None)
        return CopyOutcome(report, sealed)
    finally:
        maker.forget(copy)


def _believed(copy: Copy) -> dict[str, Any]:
    """The report, or one that says that there is none of the right form.

    It comes from a process that met hostile bytes, and must fit into a statement.
    """
    try:
        report = check_report(copy.report)
        format_statement(report, _ANY_PARENT)
    except FormatError as error:
        return refusal(_UNKNOWN, error.message)
    return report


def _unread(error: OSError) -> dict[str, Any]:
    reason = error.strerror or type(error).__name__
    return refusal(_UNKNOWN, f"the file could not be read, or no copy written: {reason}")


def _seal(desk: Desk, path: Path) -> SealedCopy:
    one, two, size = hashlib.sha256(), hashlib.sha512(), 0
    head, tail = b"", b""
    unit = desk.maker.new()
    with desk.spool.stage() as staged:
        writer = SealingWriter(unit, "media", staged)
        with open_regular(path) as stream:
            while block := stream.read(_BLOCK):
                one.update(block)
                two.update(block)
                writer.write(block)
                size += len(block)
                head = head or block[:HEAD_SIZE]
                tail = (tail + block)[-TAIL_SIZE:]
        writer.close()
        objects = staged.close()
    found = identify(head, tail, size)
    form = format_value(found)
    return SealedCopy(one.hexdigest(), two.hexdigest(), size, form, unit, objects, staged.handle())


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
