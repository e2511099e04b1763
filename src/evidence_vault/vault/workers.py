"""The crew: reads, hashes, seals and asks ExifTool, on all cores, in the order of the sources.

A handful of small files is done in this process; more than that in worker processes, because
wrapping keys and the like hold the interpreter.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any

from evidence_vault import osfiles
from evidence_vault.capture.sources import Source
from evidence_vault.config import exiftool_setting
from evidence_vault.errors import ToolMissing
from evidence_vault.store.spool import discard_parts
from evidence_vault.vault import job
from evidence_vault.vault.copying import CopyCrew, CopyOutcome
from evidence_vault.vault.digesting import absolute_key, relative_key
from evidence_vault.vault.job import Desk, Refused, SealedMetadata, TakenIn
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.presence import Presence
from evidence_vault.vault.spreading import worker_context, worker_died

if TYPE_CHECKING:
    from evidence_vault.capture.metadata import Metadata, MetadataPool

_ALONE_FILES = 12
_ALONE_BYTES = 64 * 1024 * 1024
_CHUNK_FILES = 32
_CHUNK_BYTES = 4 * 1024 * 1024
_IN_FLIGHT = 24  # chunks for each worker: they go on while a group is committed
_LOOK_UP = 1000


@dataclass
class Outcome:
    """What came of one source. ``fields`` are the parsed values its sheet row gave.

    ``came_before``: something came by its path before, as far as was known when it was read.
    ``foreign``: where another log told of it (the values of ``foreign-custody-recorded``).
    """

    source: Source
    fields: dict[str, Any]
    came_before: bool = False
    taken: TakenIn | None = None
    sealed_metadata: SealedMetadata | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    copy: CopyOutcome | None = None
    refused: Refused | None = None
    foreign: dict[str, Any] | None = None
    _adopted: bool = False

    @cached_property
    def path_keys(self) -> tuple[str, str]:
        """Keys of the arrival: by absolute path, and by relative path (all a rebuild gives)."""
        absolute = os.path.abspath(self.source.path)
        return absolute_key(absolute), relative_key(self.source.relative)

    def adopt_late(self, adopt: Callable[[Sequence[tuple[str, str]]], None]) -> None:
        """Hand over what is staged of original and metadata, if nobody asked for it before."""
        if self._adopted or self.taken is None:
            return
        self._adopted = True
        adopt(self.taken.staged)
        if self.sealed_metadata is not None:
            adopt(self.sealed_metadata.staged)

    def discard(self) -> None:
        """Forget what was staged."""
        if self.taken is not None:
            discard_parts(self.taken.staged)
        if self.sealed_metadata is not None:
            discard_parts(self.sealed_metadata.staged)
        if self.copy is not None and self.copy.sealed is not None:
            discard_parts(self.copy.sealed.staged)


@dataclass
class _Ticket:
    """A chunk of sources on its way: taken in, metadata read, metadata sealed."""

    outcomes: list[Outcome]
    dry: bool
    taking: Future[list[TakenIn | Refused]]
    reading: list[Future[Metadata]] = field(default_factory=list)
    finishing: Future[list[SealedMetadata | Refused]] | None = None
    finished: list[Outcome] = field(default_factory=list)
    copying: list[tuple[Outcome, Future[CopyOutcome]]] = field(default_factory=list)


class Crew:
    """Use with ``with``. ``outcomes`` yields one Outcome per source, in order."""

    def __init__(
        self,
        vault: Vault,
        sources: Sequence[tuple[Source, dict[str, Any]]],
        request: Any,
        presence: Presence,
    ) -> None:
        self._vault = vault
        self._sources = sources
        self._dry = bool(request.dry_run)
        self._arrivals: dict[tuple[str, str], str] = {}
        self._presence = presence
        self._workers = request.workers or osfiles.usable_cores()
        total = sum(source.size for source, _ in sources)
        self._alone = len(sources) <= _ALONE_FILES and total <= _ALONE_BYTES
        self._alone = self._alone or len(sources) == 1
        self._executor: Executor | None = None
        self._pool: MetadataPool | None = None
        self.notices: list[str] = []
        self._no_reader = ""
        self._strips = request.metadata != "retain" and not self._dry
        self._keeps = request.metadata != "strip-only"
        self._copies: CopyCrew | None = None

    def __enter__(self) -> Crew:
        keyring = self._vault.keyring
        arguments = (self._vault.archive.spool, keyring.recipients, keyring.plaintext)
        if self._strips:
            self._copies = CopyCrew(self._workers, lambda: Desk(*arguments))
        if self._alone:
            self._executor = _Here(Desk(*arguments))
        else:
            self._executor = ProcessPoolExecutor(
                self._workers,
                worker_context([job.__name__]),
                initializer=job.start_worker,
                initargs=arguments,
            )
        if not self._dry and self._sources and self._keeps:
            self._start_metadata()
        return self

    def _start_metadata(self) -> None:
        setting = exiftool_setting()
        if setting == "off":
            self._no_reader = "switched off by EVIDENCE_VAULT_EXIFTOOL"
            return
        from evidence_vault.capture.confine import roots
        from evidence_vault.capture.metadata import MetadataPool

        readers = min(self._workers, len(self._sources))
        readable = roots(source.path for source, _ in self._sources)
        try:
            self._pool = MetadataPool(readers, setting, readable=readable)
        except ToolMissing as error:
            self._no_reader = error.message
            self.notices.append(f"{error.message}; no metadata is read. {error.hint}")

    def outcomes(self) -> Iterator[Outcome]:
        """Outcomes in the order of the sources, with a bounded number of chunks in flight."""
        chunks = self._chunks()
        tickets: deque[_Ticket] = deque()
        limit = 1 if self._alone else _IN_FLIGHT * self._workers
        more = True
        while more or tickets:
            while more and len(tickets) < limit:
                chunk = next(chunks, None)
                more = chunk is not None
                if chunk is not None:
                    tickets.append(self._start(*chunk))
            if tickets:
                yield from self._settle(tickets, tickets.popleft())

    def _chunks(self) -> Iterator[tuple[list[Outcome], bool]]:
        """Sources in chunks of at most ``_CHUNK_FILES`` and about ``_CHUNK_BYTES``, and whether
        their paths arrived before: those are only hashed at first."""
        chunk: list[Outcome] = []
        size, before = 0, False
        for outcome in self._outcomes():
            full = len(chunk) >= _CHUNK_FILES or size + outcome.source.size > _CHUNK_BYTES
            if chunk and (full or outcome.came_before != before):
                yield chunk, before
                chunk, size = [], 0
            chunk.append(outcome)
            size, before = size + outcome.source.size, outcome.came_before
        if chunk:
            yield chunk, before

    def _outcomes(self) -> Iterator[Outcome]:
        """Every source; those by whose path something came before are marked."""
        for start in range(0, len(self._sources), _LOOK_UP):
            part = [Outcome(s, fields) for s, fields in self._sources[start : start + _LOOK_UP]]
            keys = [key for outcome in part for key in outcome.path_keys]
            found = self._presence.arrivals(keys)
            self._arrivals |= found
            known = {key for key, _ in found}
            for outcome in part:
                outcome.came_before = not known.isdisjoint(outcome.path_keys)
                yield outcome

    def _start(self, chunk: list[Outcome], known: bool) -> _Ticket:
        sources = [outcome.source for outcome in chunk]
        dry = self._dry or known
        hashed_only = dry or not self._keeps
        ticket = _Ticket(chunk, dry, self._submit(job.take_in_here, sources, hashed_only))
        if self._pool is not None and not dry:
            ticket.reading = [self._pool.submit(source.path) for source in sources]
        return ticket

    def _again(self, outcome: Outcome) -> Outcome:
        """Take in a source whose path is known and whose bytes turned out to be new."""
        taking = self._submit(job.take_in_here, [outcome.source], not self._keeps)
        ticket = _Ticket([outcome], False, taking)
        if self._pool is not None:
            ticket.reading = [self._pool.submit(outcome.source.path)]
        return self._settle(deque(), ticket)[0]

    def _is_known(self, outcome: Outcome, taken: TakenIn) -> bool:
        keys = outcome.path_keys
        return self._presence.came_by(self._arrivals, keys, taken.sha256) is not None

    def _settle(self, behind: deque[_Ticket], ticket: _Ticket) -> list[Outcome]:
        """Wait for one chunk; meanwhile start what can be started for those behind it."""
        for other in (ticket, *behind):
            self._advance(other, wait=other is ticket)
        for outcome, taken in zip(ticket.outcomes, _result(ticket.taking), strict=True):
            if isinstance(taken, Refused):
                outcome.refused = taken
            else:
                outcome.taken = taken
        if ticket.finishing is not None:
            for outcome, sealed in zip(ticket.finished, _result(ticket.finishing), strict=True):
                if isinstance(sealed, Refused):
                    outcome.discard()
                    outcome.refused = sealed
                else:
                    outcome.sealed_metadata = sealed
                    outcome.metadata["sha256"] = sealed.sha256
        self._settle_copies(ticket)
        if ticket.dry and not self._dry:
            return [
                outcome
                if outcome.taken is None or self._is_known(outcome, outcome.taken)
                else self._again(outcome)
                for outcome in ticket.outcomes
            ]
        for outcome in ticket.outcomes:
            if not outcome.metadata:
                outcome.metadata = {"reason": self._no_reader, "status": "no-reader", "tool": ""}
        return ticket.outcomes

    def _advance(self, ticket: _Ticket, wait: bool) -> None:
        """Once a chunk is taken in, have it stripped; once its metadata is read, have it sealed."""
        ready = wait or ticket.taking.done()
        if self._copies is not None and ready and not ticket.dry and not ticket.copying:
            ticket.copying = [
                (outcome, self._copies.submit(outcome.source.path, taken.sha256))
                for outcome, taken in zip(ticket.outcomes, _result(ticket.taking), strict=True)
                if not isinstance(taken, Refused)
            ]
        if not ticket.reading or ticket.finishing is not None:
            return
        ready = ticket.taking.done() and all(reading.done() for reading in ticket.reading)
        if not wait and not ready:
            return
        from evidence_vault.capture.tags import summary

        works: list[job.Finish] = []
        for outcome, taken, reading in zip(
            ticket.outcomes, _result(ticket.taking), ticket.reading, strict=True
        ):
            found = reading.result()
            if isinstance(taken, Refused):
                continue
            outcome.summary = summary(found)
            outcome.metadata = {"reason": found.reason, "status": found.status, "tool": found.tool}
            works.append((outcome.source, taken.sha256, found.to_json()))
            ticket.finished.append(outcome)
        ticket.finishing = self._submit(job.finish_metadata_here, works)

    def _settle_copies(self, ticket: _Ticket) -> None:
        """Wait for the share copies of a chunk; without one, strip-only refuses the file."""
        for outcome, copying in ticket.copying:
            outcome.copy = copying.result()
            if outcome.refused is not None:
                outcome.discard()
            elif outcome.copy.changed:
                outcome.discard()
                reason = "the file is not the same after its copy was made"
                outcome.refused = Refused("E-SOURCE-CHANGED", reason)
            elif outcome.copy.sealed is None and not self._keeps:
                outcome.refused = _not_proved(outcome.copy)
        if not self._keeps:
            for outcome in ticket.outcomes:
                outcome.metadata = dict(_NOT_KEPT)

    def _submit(self, function: Any, *arguments: Any) -> Future[Any]:
        assert self._executor is not None
        try:
            return self._executor.submit(function, *arguments)
        except BrokenProcessPool as error:
            raise worker_died() from error

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._pool is not None:
            self._pool.close()
        if self._copies is not None:
            self._copies.close()
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)
        self._vault.archive.clear_leftovers()


_NOT_KEPT = {"reason": "only a copy without metadata is kept", "status": "not-kept", "tool": ""}


def _not_proved(copy: CopyOutcome) -> Refused:
    """Why strip-only does not take a file in: nothing of it was stored."""
    if copy.report["outcome"] == "not-clean":
        reason = f"its copy would not be clean: {copy.why}"
        return Refused("E-NOT-CLEAN", reason, "take it in with --metadata strip or retain")
    reason = f"a copy of it could not be proved clean: {copy.why}"
    return Refused("E-NOT-CHECKED", reason, "take it in with --metadata strip or retain")


class _Here(Executor):
    """Runs each job at once in this process."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        job.sit_down(self._desk)
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args))
        except Exception as error:  # handed to whoever asks for the result, as any executor does
            future.set_exception(error)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._desk.spool.end_session()


def _result(future: Future[Any]) -> Any:
    try:
        return future.result()
    except BrokenProcessPool as error:
        raise worker_died() from error
