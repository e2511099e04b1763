"""Work on one source that may run in another process: step 1 of the write order.

One streaming read computes SHA-256 and SHA-512, seals and writes. Small files take one loop;
large ones a pipeline of threads, because hashing and sealing release the interpreter.
"""

from __future__ import annotations

import hashlib
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal

from evidence_vault.capture.burmese import LOOK, text_notes
from evidence_vault.capture.formats import Format, identify
from evidence_vault.capture.sources import Source, open_source, unchanged
from evidence_vault.core.canonical import canonical
from evidence_vault.errors import SourceRefused, VaultError
from evidence_vault.seal.units import SealingWriter, UnitKey, UnitMaker
from evidence_vault.store.spool import Spool
from evidence_vault.vault import spreading

HEAD_BYTES = 64 * 1024
PIPELINE_FROM = 8 * 1024 * 1024
_SMALL_BLOCK = 1024 * 1024
_BLOCK = 1024 * 1024
_QUEUE = 8

Handle = tuple[tuple[str, str], ...]
Finish = tuple[Source, str, Any]
"""A source, its SHA-256 (hex) as taken in, and the document its metadata makes."""


@dataclass(frozen=True)
class TakenIn:
    """A source that was read, hashed and staged; nothing of it is visible in the store yet."""

    sha256: str
    sha512: str
    size: int
    format: dict[str, str]
    content: UnitKey
    record: UnitKey
    objects: tuple[str, ...]
    staged: Handle


@dataclass(frozen=True)
class SealedMetadata:
    """Extracted metadata, staged; ``sha256`` is that of its canonical JSON."""

    sha256: str
    unit: UnitKey
    objects: tuple[str, ...]
    staged: Handle


@dataclass(frozen=True)
class Refused:
    """Why a source was not taken in."""

    code: str
    reason: str
    hint: str = ""


class Desk:
    """What a worker needs, once per process."""

    def __init__(self, spool: Spool, recipients: tuple[str, ...], plaintext: bool) -> None:
        self.spool = spool
        self.maker = UnitMaker(recipients, plaintext)


_DESK: Desk | None = None
_NO_KEY = UnitKey("", b"", None)  # nothing is sealed in a dry run


def start_worker(spool: Spool, recipients: tuple[str, ...], plaintext: bool) -> None:
    """Initialise a worker process and sit down at its desk."""
    spreading.start_worker()
    sit_down(Desk(spool, recipients, plaintext))


def sit_down(desk: Desk) -> None:
    """Work at this desk from now on, in this process."""
    global _DESK
    _DESK = desk


def take_in_here(sources: Sequence[Source], dry: bool) -> list[TakenIn | Refused]:
    """:func:`take_in` for several sources, in a worker process."""
    assert _DESK is not None
    return [take_in(_DESK, source, dry) for source in sources]


def finish_metadata_here(works: Sequence[Finish]) -> list[SealedMetadata | Refused]:
    """:func:`finish_metadata` for several sources, in a worker process."""
    assert _DESK is not None
    return [finish_metadata(_DESK, *work) for work in works]


def take_in(desk: Desk, source: Source, dry: bool) -> TakenIn | Refused:
    """Read a source once: digests, format, sealed and staged. ``dry``: digests only.

    A source that can't be read or changes while being read is Refused; a failing store raises.
    """
    with desk.spool.stage() as staged:
        try:
            stream = open_source(source)
        except (SourceRefused, OSError) as error:
            return _refused(error)
        with stream:
            content, record = (_NO_KEY, _NO_KEY) if dry else (desk.maker.new(), desk.maker.new())
            writer = _Nowhere() if dry else SealingWriter(content, "media", staged)
            large = source.size >= PIPELINE_FROM
            reading = _read_pipelined if large else _read_small
            try:
                sha256, sha512, size, head, tail = reading(stream, writer.write)
                unchanged(source, stream)
            except (SourceRefused, OSError) as error:
                staged.discard()
                return _refused(error)
            if size != source.size:
                staged.discard()
                return Refused("E-SOURCE-CHANGED", "the file changed while it was being read")
        writer.close()
        objects = () if dry else staged.close()
    found = identify(head, tail, size)
    form = format_value(found)
    return TakenIn(sha256, sha512, size, form, content, record, objects, staged.handle())


def finish_metadata(
    desk: Desk, source: Source, sha256: str, document: Any
) -> SealedMetadata | Refused:
    """Hash the source again after tools have read it, and stage what they found."""
    digest, head = hashlib.sha256(), b""
    try:
        with open_source(source) as stream:
            while block := stream.read(_BLOCK):
                digest.update(block)
                head = head or block[:LOOK]
            unchanged(source, stream)
    except (SourceRefused, OSError) as error:
        return _refused(error)
    if digest.hexdigest() != sha256:
        return Refused("E-SOURCE-CHANGED", "the file is not the same after its metadata was read")
    notes = text_notes(source.relative, head, source.size, document["tags"])
    data = canonical({**document, "text": notes} if notes else document)
    unit = desk.maker.new()
    objects, handle = stage_sealed(desk.spool, unit, "metadata", data)
    return SealedMetadata(hashlib.sha256(data).hexdigest(), unit, objects, handle)


def stage_sealed(
    spool: Spool, unit: UnitKey, kind: Literal["media", "metadata"], data: bytes
) -> tuple[tuple[str, ...], Handle]:
    """Stage bytes under a unit's key; nothing is left staged when that fails."""
    with spool.stage() as staged:
        writer = SealingWriter(unit, kind, staged)
        writer.write(data)
        writer.close()
        return staged.close(), staged.handle()


def format_value(found: Format) -> dict[str, str]:
    """What an event's field ``format`` holds."""
    return {
        "basis": found.basis,
        "extension": found.extension,
        "mime": found.mime,
        "name": found.name,
    }


Reading = tuple[str, str, int, bytes, bytes]


def _read_small(stream: BinaryIO, write: Callable[[bytes], Any]) -> Reading:
    one, two = hashlib.sha256(), hashlib.sha512()
    size, head, tail = 0, b"", b""
    while block := stream.read(_SMALL_BLOCK):
        one.update(block)
        two.update(block)
        write(block)
        size += len(block)
        head = head or block[:HEAD_BYTES]
        tail = (tail + block)[-HEAD_BYTES:]
    return one.hexdigest(), two.hexdigest(), size, head, tail


def _read_pipelined(stream: BinaryIO, write: Callable[[bytes], Any]) -> Reading:
    """Reader, two digests and sealing side by side; at most ``_QUEUE`` blocks are in flight."""
    one, two = hashlib.sha256(), hashlib.sha512()
    stages = [_Stage(one.update), _Stage(two.update), _Stage(write)]
    size, head, tail = 0, b"", b""
    try:
        while block := stream.read(_BLOCK):
            for stage in stages:
                stage.put(block)
            size += len(block)
            head = head or block[:HEAD_BYTES]
            tail = block[-HEAD_BYTES:] if len(block) >= HEAD_BYTES else (tail + block)[-HEAD_BYTES:]
    finally:
        for stage in stages:
            stage.end()
    for stage in stages:
        stage.raise_error()
    return one.hexdigest(), two.hexdigest(), size, head, tail


class _Stage:
    """A thread that consumes blocks in order; its error is kept for the caller."""

    def __init__(self, consume: Callable[[bytes], Any]) -> None:
        self._queue: queue.Queue[bytes | None] = queue.Queue(_QUEUE)
        self._consume = consume
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def put(self, block: bytes) -> None:
        self.raise_error()
        self._queue.put(block)

    def end(self) -> None:
        self._queue.put(None)
        self._thread.join()

    def raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        while (block := self._queue.get()) is not None:
            if self._error is None:
                try:
                    self._consume(block)
                except BaseException as error:  # handed to the caller, which raises it
                    self._error = error


class _Nowhere:
    """A sealing writer for a dry run: takes everything, keeps nothing."""

    def write(self, data: bytes | memoryview) -> None:
        return None

    def close(self) -> None:
        return None


def _refused(error: SourceRefused | OSError) -> Refused:
    if isinstance(error, VaultError):
        return Refused(error.code, error.message, error.hint)
    return Refused("E-UNREADABLE", error.strerror or str(error))
