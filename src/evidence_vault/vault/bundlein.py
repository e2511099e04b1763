"""``ingest BUNDLE``: a bundle of another vault, taken in with the custody record that came with it.

1 judged     the bundle is verified; one that does not match is left alone  crash: nothing
2 proofs     every file of it outside ``data/`` becomes one item, a ZIP of its own
             crash: an item without any that points to it; run it again
3 items      each file below ``data/`` becomes an item here, or is received again; right behind,
             in the same commit, ``foreign-custody-recorded`` names the other log, its item and the
             item of step 2                                                 crash: run it again

Nothing is handed over by this: items get identifiers of this vault, and the other archive keeps its
own. Bundles are hostile input: nothing in one is believed before it is verified, and every file is
compared once more as it is read.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from evidence_vault.capture.privatefolder import PrivateFolder
from evidence_vault.capture.sources import Source, encode_name, walk
from evidence_vault.core.bagtext import STATEMENT, is_payload
from evidence_vault.core.findings import Outcome as Verdict
from evidence_vault.core.findings import Report
from evidence_vault.core.statement import (
    MAX_STATEMENT,
    ItemRow,
    Statement,
    parse_statement,
)
from evidence_vault.core.text import decode_for_display
from evidence_vault.core.trust import TrustFile
from evidence_vault.errors import EvidenceError, StoreError, UsageError
from evidence_vault.osfiles import free_bytes
from evidence_vault.vault.batching import Batch
from evidence_vault.vault.checking import publish_and_sign
from evidence_vault.vault.estimating import room_needed
from evidence_vault.vault.foreignproofs import copy_out, write_proofs
from evidence_vault.vault.ingest import IngestRequest, Progress
from evidence_vault.vault.opening import Vault, demand_desk
from evidence_vault.vault.presence import Presence
from evidence_vault.vault.replicas import batch_notice
from evidence_vault.vault.workers import Crew, Outcome
from evidence_vault.vault.writer import writing
from evidence_vault.verify.container import Container, FolderContainer, open_container
from evidence_vault.verify.picking import demand_sound
from evidence_vault.verify.reading import read_file

_ENDING = re.compile(r"\.[a-z0-9]{1,10}\Z")
_GROUP_FILES, _GROUP_BYTES = 64, 64 * 1024 * 1024


def ingest_bundle(
    vault: Vault,
    path: Path,
    request: IngestRequest,
    trust: TrustFile | None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Take in a bundle that verifies; exit 3 when a file of it was left out or not all was checked.

    Raises EvidenceError (10) or LogInconsistent (11) for one that does not verify, UsageError for
    one of this very vault; nothing is taken in then.
    """
    demand_desk(vault, "take a bundle in with its custody record")
    if request.metadata == "strip-only":
        raise UsageError(
            "what a bundle's receipts prove is kept as it came: strip-only does not go with it",
            hint="use --metadata strip: a clean copy to share is made beside it",
        )
    report = demand_sound(path, trust)  # 1.
    container = open_container(path)
    private = PrivateFolder()
    try:
        data = read_file(container, STATEMENT, MAX_STATEMENT)
        statement = parse_statement(data)
        if statement.origin == vault.keyring.origin:
            raise UsageError(
                "this bundle was made by this very vault: its items are in",
                code="E-OWN-BUNDLE",
                hint="--as-files takes it in as the file that it is",
            )
        bundle = _Bundle(path, container, statement, data, report)
        return _Run(vault, bundle, request, progress, Path(private.path)).run()
    finally:
        private.remove()
        container.close()


@dataclass
class _Bundle:
    """A bundle that was verified and is open."""

    path: Path
    container: Container
    statement: Statement
    statement_bytes: bytes
    report: Report

    def __post_init__(self) -> None:
        self.digests = {row.path: row.sha256 for row in self.statement.files}

    @property
    def verified(self) -> dict[str, Any]:
        """Field ``verified``: what was found when it came in."""
        findings = self.report.findings
        unchecked = sorted({f.code for f in findings if f.outcome is Verdict.UNCHECKED})
        trust = self.report.facts.get("trust")
        return {
            "outcome": str(self.report.outcome),
            "trust": trust and trust["fingerprint"],
            "unchecked": unchecked,
        }

    def foreign(self, row: ItemRow, proofs: str) -> dict[str, Any]:
        """The fields of ``foreign-custody-recorded`` for one item, without who acted."""
        s = self.statement
        return {
            "bundle_id": s.bundle_id,
            "foreign": {
                "fingerprint": self.report.facts["fingerprint"],
                "home": row.home,
                "id": row.id,
                "last_seq": row.last_seq,
                "origin": s.origin,
                "payload": row.payload,
                "proofs": proofs,
                "receipt": row.receipt,
                "root": s.checkpoint_root,
                "size": s.checkpoint_size,
            },
            "receipt_sha256": self.digests[row.receipt],
            "verified": self.verified,
        }

    def place(self, inner: str) -> tuple[bytes, bytes]:
        """(absolute path, relative name) of a file inside, whether or not it lies on the disk."""
        absolute = os.path.abspath(os.fsencode(self.path))
        tail = b"/" + os.fsencode(inner)
        return absolute + tail, os.path.basename(absolute) + tail


@dataclass
class _Run:
    """One run: its tallies, as those of an ordinary ingest."""

    vault: Vault
    bundle: _Bundle
    request: IngestRequest
    progress: Progress | None
    private: Path
    refused: list[dict[str, Any]] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    told: list[dict[str, Any]] = field(default_factory=list)
    interrupted: bool = False
    proofs: str | None = None

    def __post_init__(self) -> None:
        self._started = time.monotonic()
        self._presence = Presence(self.vault)
        self._batch = Batch(self.vault, self.request.by, self.request.fields, self._presence)
        self._sizes = {row.path: row.size for row in self.bundle.statement.files}
        self._done_bytes = self._laid = 0

    def run(self) -> dict[str, Any]:
        rows = [row for row in self.bundle.statement.items if row.payload is not None]
        if not self.request.dry_run:
            with writing(self.vault) as writer:
                self.notices += writer.clock_notices()
            self._demand_space()
        try:
            if not self.request.dry_run:
                self._take_proofs()  # 2.
            for group in self._groups(rows):
                self._take(group, len(rows))  # 3.
        except KeyboardInterrupt:
            self.interrupted = True
        if not self.request.dry_run:
            outcome = "interrupted" if self.interrupted else "complete"
            self._batch.close_accession(outcome, self.refused)
            if self._batch.wrote:
                publish_and_sign(self.vault)
        return self._result()

    def _demand_space(self) -> None:
        needed = room_needed(list(self._sizes.values()), self.vault.config.plaintext)
        free = free_bytes(self.vault.disk)
        if needed > free:
            raise StoreError(
                f"the disk has {free} bytes free, this bundle needs about {needed}",
                code="E-DISK-FULL",
                hint="free some space",
            )

    # -- 2. ------------------------------------------------------------------------------------

    def _take_proofs(self) -> None:
        self._demand_memory(sum(s for p, s in self._sizes.items() if not is_payload(p)))
        bundle_id = self.bundle.statement.bundle_id
        name = f"evidence-{bundle_id[:8]}-proofs.zip"
        bundle = self.bundle
        write_proofs(
            bundle.container, bundle.statement, bundle.statement_bytes, self.private / name
        )
        (source,) = self._sources(self.private / name)
        fields = {**self.request.fields, "title": f"Proofs of bundle {bundle_id}"}
        keeping = replace(self.request, metadata="retain")
        with Crew(self.vault, [(source, {})], keeping, self._presence) as crew:
            outcomes = [self._moved(outcome, name) for outcome in crew.outcomes()]
            self.notices += crew.notices
            (outcome,) = outcomes
            if outcome.taken is None:
                raise StoreError(f"{name} could not be read back")
            self._batch.add(outcome, fields, encode_name(outcome.source.relative))
            self._batch.commit()
        (self.private / name).unlink()
        self.proofs = self._item_of(outcome)

    def _demand_memory(self, size: int) -> None:
        if size * 3 > free_bytes(self.private):
            raise UsageError(
                "the receipts and lists of this bundle are too many for the memory of this "
                "machine, and nothing of it is written to disk in plain",
                code="E-TOO-LARGE",
                hint="ask for the bundle in parts, or use a machine with more memory",
            )

    # -- 3. ------------------------------------------------------------------------------------

    def _groups(self, rows: list[ItemRow]) -> Iterator[list[ItemRow]]:
        group: list[ItemRow] = []
        size = 0
        for row in rows:
            more = self._sizes[str(row.payload)]
            if group and (len(group) >= _GROUP_FILES or size + more > _GROUP_BYTES):
                yield group
                group, size = [], 0
            group.append(row)
            size += more
        if group:
            yield group

    def _take(self, rows: list[ItemRow], files: int) -> None:
        """One group: read, compared with the statement, committed."""
        found = [(row, source) for row in rows if (source := self._laid_out(row)) is not None]
        sources = [(source, dict[str, Any]()) for _, source in found]
        taken: list[tuple[ItemRow, Outcome]] = []
        with Crew(self.vault, sources, self.request, self._presence) as crew:
            for (row, _), outcome in zip(found, crew.outcomes(), strict=True):
                moved = self._settle(row, outcome)
                if moved is not None:
                    taken.append((row, moved))
            self.notices += [n for n in crew.notices if n not in self.notices]
            before = len(self._batch.taken_in), len(self._batch.again)
            if self.request.dry_run:
                self._batch.note_dry()
            else:
                self._batch.commit()
        self._tell(taken, *before)
        for _, source in found:
            if source.path.startswith(os.fsencode(self.private)):
                os.unlink(source.path)
        self._done_bytes += sum(self._sizes[str(row.payload)] for row in rows)
        if self.progress is not None:
            total = sum(self._sizes[str(r.payload)] for r in self._rows_with_payload())
            self.progress(len(self.told), self._done_bytes, files, total)

    def _rows_with_payload(self) -> list[ItemRow]:
        return [row for row in self.bundle.statement.items if row.payload is not None]

    def _laid_out(self, row: ItemRow) -> Source | None:
        """The file of an item as one that tools can read: where it lies, or in private memory."""
        payload = str(row.payload)
        if isinstance(self.bundle.container, FolderContainer):
            found = self._sources(self.bundle.path / payload)
            if not found:
                self._refuse(row, "E-SOURCE-MISSING", "it is gone since the bundle was verified")
            return found[0] if found else None
        if self._sizes[payload] * 3 > free_bytes(self.private):
            reason = "too large for the memory of this machine, and nothing is unpacked to disk"
            self._refuse(row, "E-TOO-LARGE", reason, "unpack the ZIP yourself and give the folder")
            return None
        self._laid += 1
        target = self.private / f"{self._laid}{_ending(payload)}"
        try:
            with target.open("xb") as out:
                copy_out(self.bundle.container, payload, out)
        except (EvidenceError, OSError) as error:
            target.unlink(missing_ok=True)
            reason = error.message if isinstance(error, EvidenceError) else str(error.strerror)
            self._refuse(row, "E-UNREADABLE", reason)
            return None
        return self._sources(target)[0]

    def _sources(self, path: Path) -> list[Source]:
        return [found for found in walk([path]) if isinstance(found, Source)]

    def _settle(self, row: ItemRow, outcome: Outcome) -> Outcome | None:
        """Add one to the batch if it is what the statement says."""
        payload = str(row.payload)
        if outcome.refused is not None or outcome.taken is None:
            why = outcome.refused
            self._refuse(row, why.code if why else "E-UNREADABLE", why.reason if why else "")
            return None
        if outcome.taken.sha256 != self.bundle.digests[payload]:
            outcome.discard()
            self._refuse(row, "E-SOURCE-CHANGED", "it is not the file that was verified")
            return None
        moved = self._moved(outcome, payload)
        moved.foreign = self.bundle.foreign(row, self.proofs or "")
        fields = dict(self.request.fields)
        if not fields.get("custody_before"):
            fields["custody_before"] = [_before(self.bundle.statement, row)]
        self._batch.add(moved, fields, encode_name(moved.source.relative))
        return moved

    def _moved(self, outcome: Outcome, inner: str) -> Outcome:
        """As if it had been read where it stands in the bundle; dated like the bundle itself."""
        path, relative = self.bundle.place(inner)
        source = replace(outcome.source, path=path, relative=relative)
        if not isinstance(self.bundle.container, FolderContainer) or inner not in self._sizes:
            status = os.stat(self.bundle.path)
            source = replace(
                source, mtime_ns=status.st_mtime_ns, ctime_ns=status.st_ctime_ns, birthtime=None
            )
        return replace(outcome, source=source)

    def _refuse(self, row: ItemRow, code: str, reason: str, hint: str = "") -> None:
        name = decode_for_display(self.bundle.place(str(row.payload))[1])
        self.refused.append({"name": name, "code": code, "reason": reason, "hint": hint})
        self.told.append({"home": row.home, "foreign": row.id, "id": None, "outcome": "refused"})

    def _tell(self, taken: list[tuple[ItemRow, Outcome]], new: int, again: int) -> None:
        """Which item of ours each became."""
        names = {each["name"]: each["id"] for each in self._batch.taken_in[new:]}
        known = {each["name"]: each["id"] for each in self._batch.again[again:]}
        for row, outcome in taken:
            name = decode_for_display(outcome.source.relative)
            item, what = names.get(name), "taken in"
            if item is None:
                item, what = known.get(name), "received again"
            if item is None:
                item, what = self._item_of(outcome), "in already"
            told = {"home": row.home, "foreign": row.id, "id": item or None, "outcome": what}
            self.told.append(told)

    def _item_of(self, outcome: Outcome) -> str | None:
        assert outcome.taken is not None
        keys = outcome.path_keys
        return self._presence.came_by(self._presence.arrivals(keys), keys, outcome.taken.sha256)

    # -- the end -------------------------------------------------------------------------------

    def _result(self) -> dict[str, Any]:
        batch, statement = self._batch, self.bundle.statement
        verified = self.bundle.verified
        partly = self.refused or batch.without_copy or verified["unchecked"]
        if batch.taken_in or batch.again:
            self.notices.append(batch_notice(self.vault))
        self.notices += self._presence.notices
        if self.vault.config.plaintext:
            self.notices.append("this vault is NOT encrypted (--plaintext)")
        withheld = [row for row in statement.items if row.payload is None]
        sizes = [int(each["size"]) for each in batch.taken_in]
        return {
            "accession": batch.accession,
            "already_in": batch.already_in,
            "bytes": batch.new_bytes,
            "copies": dict(sorted(batch.copies.items())),
            "dry_run": self.request.dry_run,
            "estimated_seconds": None,
            "exit": 130 if self.interrupted else 3 if partly else 0,
            "foreign": {
                "bundle_id": statement.bundle_id,
                "fingerprint": self.bundle.report.facts["fingerprint"],
                "items": self.told,
                "origin": statement.origin,
                "proofs": self.proofs,
                "verified": verified,
                "withheld": [
                    {"home": row.home, "id": row.id, "reason": row.withheld or ""}
                    for row in withheld
                ],
            },
            "interrupted": self.interrupted,
            "log_size": self.vault.catalogue.frontier().size,
            "metadata": dict(sorted(batch.metadata.items())),
            "notices": self.notices,
            "received_again": batch.again,
            "refused": self.refused,
            "seconds": f"{time.monotonic() - self._started:.2f}",
            "space_free": free_bytes(self.vault.disk),
            "space_needed": room_needed(sizes, self.vault.config.plaintext),
            "station": False,
            "taken_in": batch.taken_in,
            "without_copy": batch.without_copy,
        }


def _ending(payload: str) -> str:
    """The ending of a name, which some readers of metadata look at; harmless in a path."""
    found = _ENDING.search(payload)
    return "" if found is None else found[0]


def _before(statement: Statement, row: ItemRow) -> str:
    """Earlier custody as a statement; what the other log says of it is kept with its proofs."""
    return (
        f"held before by the archive of log {statement.origin} as {row.id} (home {row.home}), "
        f"{row.last_seq + 1} events; bundle {statement.bundle_id}"
    )
