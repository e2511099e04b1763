"""Taking in: sources → staged and sealed → events → commit → acknowledged.

The numbered steps are those of writer.py. Groups of sources share one flush and one commit.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evidence_vault.capture.sources import Refusal, Source, encode_name, walk
from evidence_vault.config import is_url
from evidence_vault.core.text import decode_for_display
from evidence_vault.errors import StoreError
from evidence_vault.osfiles import free_bytes
from evidence_vault.vault.batching import Batch
from evidence_vault.vault.checking import publish_and_sign
from evidence_vault.vault.digesting import absolute_key
from evidence_vault.vault.estimating import room_needed, seconds_needed
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.places import uncoded
from evidence_vault.vault.presence import Presence
from evidence_vault.vault.replicas import batch_notice
from evidence_vault.vault.resuming import Resuming
from evidence_vault.vault.sheets import sheet_sources
from evidence_vault.vault.workers import Crew, Outcome

Progress = Callable[[int, int, int, int], None]
"""(files done, bytes done, files in all, bytes in all)."""

_GROUP_ITEMS = 1024
_GROUP_BYTES = 512 * 1024 * 1024
_GROUP_SECONDS = 2.0
STATION_FORGETS = (
    "a field vault forgets what it took in once an accession is closed: files that are given again "
    "are stored a second time, and linked at the desk"
)
_NAMED = 20  # files named in one notice


@dataclass(frozen=True)
class IngestRequest:
    """What to take in. ``paths`` are raw bytes; ``fields`` are parsed descriptive values.

    ``terms``: on what terms it is deposited; stands in the accession.
    """

    paths: list[bytes]
    fields: dict[str, Any] = field(default_factory=dict)
    sheet: Path | None = None
    metadata: str = "retain"
    dry_run: bool = False
    by: str | None = None
    workers: int | None = None
    terms: str | None = None


def write_sheet_template(path: Path) -> dict[str, Any]:
    """A spreadsheet to fill in, CSV or XLSX by its ending."""
    from evidence_vault.capture.sheet import write_template

    write_template(path)
    return {"file": str(path)}


def ingest(
    vault: Vault, request: IngestRequest, progress: Progress | None = None
) -> dict[str, Any]:
    """Take in everything a request names; one bad file never sinks the others.

    Raises what stops all of it: StoreError, KeyProblem, LogInconsistent, UsageError. Ctrl-C ends
    cleanly at a commit. Whatever was acknowledged stays in.
    """
    work = _Run(vault, request, progress)
    try:
        return work.run()
    finally:
        work.end()


class _Run:
    """One run of ``ingest``: its tallies and its open accession."""

    def __init__(self, vault: Vault, request: IngestRequest, progress: Progress | None) -> None:
        self._vault = vault
        self._request = request
        self._progress = progress
        self._started = time.monotonic()
        self._refused: list[dict[str, Any]] = []
        self._notices: list[str] = []
        self._sources: list[tuple[Source, dict[str, Any]]] = []
        only_copies = request.metadata == "strip-only"
        self._presence = Presence(vault, only_copies)
        if vault.keyring.is_station:
            self._presence = Resuming(vault, request.by, only_copies)
        self._batch = Batch(vault, request.by, request.fields, self._presence, request.terms)
        self._done_files = 0
        self._done_bytes = 0
        self._interrupted = False
        self._unread: list[str] = []

    def run(self) -> dict[str, Any]:
        self._vault.keyring  # noqa: B018 - a wrong passphrase is said before anything is read
        if not self._request.dry_run:
            self._demand_standing()
        self._gather()
        self._batch.resume(self._path_keys(), self._request.dry_run)
        total = sum(source.size for source, _ in self._sources)
        if not self._request.dry_run:
            self._demand_space()
        with Crew(self._vault, self._sources, self._request, self._presence) as crew:
            self._notices += crew.notices
            try:
                self._work(crew, total)
            except KeyboardInterrupt:
                self._interrupted = True
            self._end_group()
        if not self._request.dry_run:
            self._finish()
        return self._result(total)

    def end(self) -> None:
        """Whatever ended the run: let go of what another run may go on with."""
        self._presence.end()

    # -- what to take in -----------------------------------------------------------------------

    def _gather(self) -> None:
        rows: Iterator[tuple[Source | Refusal, dict[str, Any]]]
        exclude = [self._vault.folder, *self._vault.own_folders()]
        rows = ((found, {}) for found in walk(self._request.paths, exclude=exclude))
        if self._request.sheet is not None:
            rows = sheet_sources(self._request.sheet, exclude, self._refuse)
        for found, fields in rows:
            if isinstance(found, Source):
                self._sources.append((found, fields))
            elif found.notice:
                self._notices.append(f"{decode_for_display(found.relative)}: {found.reason}")
            else:
                self._refuse(found.relative, found.code, found.reason, "")

    def _refuse(self, name: bytes, code: str, reason: str, hint: str) -> None:
        self._refused.append(
            {"name": decode_for_display(name), "code": code, "reason": reason, "hint": hint}
        )

    def _demand_standing(self) -> None:
        """Say early that this vault may not sign, before hours of reading."""
        from evidence_vault.vault.writer import writing

        with writing(self._vault) as writer:
            self._notices += writer.clock_notices()

    def _path_keys(self) -> list[str]:
        return [absolute_key(os.path.abspath(source.path)) for source, _ in self._sources]

    def _demand_space(self) -> None:
        """Refuse early what can't fit, as it will be stored; what came by its path before is in."""
        keys = self._path_keys()
        known = {key for key, _ in self._presence.arrivals(keys)}
        sizes = [
            source.size
            for key, (source, _) in zip(keys, self._sources, strict=True)
            if key not in known
        ]
        needed = room_needed(sizes, self._vault.config.plaintext)
        if is_url(self._vault.config.archive):  # only what is on its way lies on this disk
            largest = room_needed([max(sizes, default=0)], self._vault.config.plaintext)
            needed = min(needed, largest + 2 * _GROUP_BYTES)
        free = free_bytes(self._vault.disk)
        if needed > free:
            raise StoreError(
                f"the disk has {free} bytes free, these files need about {needed}",
                code="E-DISK-FULL",
                hint="free some space, or take them in in parts",
            )

    # -- the work ------------------------------------------------------------------------------

    def _work(self, crew: Crew, total: int) -> None:
        files = len(self._sources)
        group_start, group_bytes, group_items = time.monotonic(), 0, 0
        for outcome in crew.outcomes():
            self._settle(outcome)
            self._done_files += 1
            self._done_bytes += outcome.source.size
            group_bytes += outcome.source.size
            group_items += 1
            full = (
                group_items >= _GROUP_ITEMS
                or group_bytes >= _GROUP_BYTES
                or time.monotonic() - group_start >= _GROUP_SECONDS
            )
            if full:
                self._end_group()
                group_start, group_bytes, group_items = time.monotonic(), 0, 0
            if self._progress is not None:
                self._progress(self._done_files, self._done_bytes, files, total)

    def _end_group(self) -> None:
        if self._request.dry_run:
            self._batch.note_dry()
        else:
            self._batch.commit()

    def _settle(self, outcome: Outcome) -> None:
        if outcome.refused is not None:
            why = outcome.refused
            self._refuse(outcome.source.relative, why.code, why.reason, why.hint)
            return
        fields = {**self._request.fields, **outcome.fields}
        name = encode_name(outcome.source.relative)
        if outcome.metadata.get("status", "read") not in ("read", "no-reader", "not-kept"):
            self._unread.append(f"{name['display']} ({outcome.metadata['status']})")
        self._batch.add(outcome, fields, name)

    def _finish(self) -> None:
        self._batch.close_accession(
            "interrupted" if self._interrupted else "complete", self._refused
        )
        if self._batch.wrote:
            publish_and_sign(self._vault)

    # -- the end -------------------------------------------------------------------------------

    def _result(self, total: int) -> dict[str, Any]:
        seconds = time.monotonic() - self._started
        request, batch = self._request, self._batch
        partly = self._refused or batch.without_copy
        status = 130 if self._interrupted else 3 if partly else 0
        estimated = None
        if request.dry_run:
            sources = [source for source, _ in self._sources]
            more = seconds_needed(self._vault, sources, len(batch.taken_in), batch.new_bytes)
            estimated = int(seconds + more) + 1
        elif batch.taken_in or batch.again:
            self._notices.append(batch_notice(self._vault))
        self._notices += self._presence.notices
        if not self._presence.links and batch.taken_in and not self._interrupted:
            self._notices.append(STATION_FORGETS)
        given = [request.fields, *(fields for _, fields in self._sources)]
        self._notices += uncoded(fields.get("place") for fields in given)
        if batch.untold:
            self._notices.append(
                f"{batch.untold} of the files that are in already came with fields: those were not "
                "recorded again; `evidence-vault describe` adds or changes them"
            )
        if self._unread:
            rest = len(self._unread) - _NAMED
            self._notices.append(
                "taken in, and their metadata could not be read: "
                + ", ".join(self._unread[:_NAMED])
                + (f" and {rest} more" if rest > 0 else "")
            )
        if self._vault.config.plaintext:
            self._notices.append("this vault is NOT encrypted (--plaintext)")
        return {
            "accession": batch.accession,
            "already_in": batch.already_in,
            "bytes": batch.new_bytes,
            "copies": dict(sorted(batch.copies.items())),
            "dry_run": request.dry_run,
            "estimated_seconds": estimated,
            "exit": status,
            "foreign": None,
            "interrupted": self._interrupted,
            "log_size": self._vault.catalogue.frontier().size,
            "metadata": dict(sorted(batch.metadata.items())),
            "notices": self._notices,
            "received_again": batch.again,
            "refused": self._refused,
            "seconds": f"{seconds:.2f}",
            "station": not self._presence.links,
            "space_free": free_bytes(self._vault.disk),
            "space_needed": room_needed(
                [int(each["size"]) for each in batch.taken_in], self._vault.config.plaintext
            ),
            "taken_in": batch.taken_in,
            "without_copy": batch.without_copy,
        }
