"""Bundles leave here, in the exit order of DESIGN §4.

    1 choose and check (exportchoice.py)
    2 the job is kept (exportjob.py): a crash from here on can be resumed
    3 ``exported`` committed; nothing readable leaves before
    4 proofs to the newest checkpoint, which the job then names
    5 bundle written, its statement signed
    6 final names given, digests written, the job deleted

A crash in 2 leaves a job without an event: resumed, it commits one. A crash in 3 leaves an event
and a job that does not know it yet: it is found by its bundle id. A crash in 5 or 6 leaves partial
files, which are compared with what is made again and continued.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from evidence_vault.bundle.foreign import ForeignReceipts
from evidence_vault.bundle.model import BundleItem, BundlePlan, SigningKey, payload_manifest
from evidence_vault.bundle.sinks import FolderSink, ZipSink
from evidence_vault.bundle.writer import write_bundle
from evidence_vault.core import age
from evidence_vault.core.entry0 import EntryZero
from evidence_vault.core.event import parse_entry
from evidence_vault.core.keystate import KeyState
from evidence_vault.core.receipt import Receipt
from evidence_vault.core.trustsigned import format_chain
from evidence_vault.errors import InternalError, StoreError, VaultBusy, VaultError
from evidence_vault.vault.accessions import accession_receipt
from evidence_vault.vault.documents import stored_chain
from evidence_vault.vault.entrymaking import TOOL
from evidence_vault.vault.exits import commit_exit, counts_of
from evidence_vault.vault.exportchoice import Ready, prepare
from evidence_vault.vault.exportjob import Job, JobFile, SealKeys, demand_no_job, find_job
from evidence_vault.vault.exportrequest import ExportRequest, check_request
from evidence_vault.vault.faults import step
from evidence_vault.vault.foreignproofs import carried_receipts
from evidence_vault.vault.keys import key_state, signer_for
from evidence_vault.vault.opening import Vault, demand_desk
from evidence_vault.vault.outfiles import OutFiles, PartChanged, discard_parts
from evidence_vault.vault.papers import check_by, known_keys
from evidence_vault.vault.payloads import Payload
from evidence_vault.vault.profiles import first_files, further_files, tells_of_accessions
from evidence_vault.vault.receipts import ReceiptMaker
from evidence_vault.vault.records import committed_at, open_record
from evidence_vault.vault.thumbnails import Thumbnails
from evidence_vault.vault.writer import writing
from evidence_vault.verify import page_verifier, shell_verifier

__all__ = [
    "ExportRequest",
    "abandon",
    "bundle_keys",
    "estimated_size",
    "export",
    "resume",
    "shell_of",
]

Progress = Callable[[int, int], None]
"""Told the bytes that were written and about how many there will be."""
Announce = Callable[[list[dict[str, str]]], None]

_SHOWN_OF_EXPORT = ("bundle_id", "counts", "payload_manifest", "proofs")
_PER_ITEM = 24_000  # bytes of an item's receipt and its lines elsewhere, roughly
_FIXED = 300_000


def export(
    vault: Vault,
    request: ExportRequest,
    progress: Progress | None = None,
    announce: Announce | None = None,
) -> dict[str, Any]:
    """Write a bundle. Raises UsageError before anything is committed when the request is wrong.

    ``announce`` is told what could point to people before anything is committed or leaves; it
    may raise to stop. A run that is cut off after that is gone on with by :func:`resume`.
    """
    demand_desk(vault, "export")
    check_request(vault, request)
    demand_no_job(vault, request.out)
    ready = prepare(vault, request)  # 1
    if announce is not None:
        announce(ready.sensitive)
    signer_for(vault, "statements")  # a revoked key is said before the event is committed
    proofs = ready.maker.claim().to_json()
    job = Job(
        bundle_id=secrets.token_hex(16),
        request=request,
        chosen=ready.chosen,
        known=ready.maker.known,
        states=ready.maker.states,
        proofs=proofs,
        seal=None if request.clear else SealKeys.draw(request),
    )
    file = JobFile(vault, job.bundle_id, kept=not request.folder)
    with file.locked(), _resumable(job, file):
        file.save(job)  # 2
        step("export-job")
        return _Exporting(vault, job, file, ready, progress).run()


def resume(
    vault: Vault,
    out: Path,
    progress: Progress | None = None,
    announce: Announce | None = None,
) -> dict[str, Any]:
    """Go on with the export that was to write ``out``: same event, same bundle, same bytes."""
    demand_desk(vault, "export")
    file = JobFile(vault, find_job(vault, out))
    with file.locked():
        job = file.load()
        if job.event is None:
            job.event = _committed(vault, job)
        with _resumable(job, file):
            if job.event is None:  # nothing left the vault yet: choose as of now
                ready = prepare(vault, job.request, job.chosen)
                if announce is not None:
                    announce(ready.sensitive)
                job.proofs = ready.maker.claim().to_json()
                job.known, job.states = ready.maker.known, ready.maker.states
                file.save(job)
            else:
                ready = prepare(vault, job.request, job.chosen, job.known)
                ready.maker.recall(job.states)
            return _Exporting(vault, job, file, ready, progress, going_on=True).run()


def abandon(vault: Vault, out: Path) -> dict[str, Any]:
    """Give up an export that was cut off: its partial files and its job are deleted.

    The event of an export that was committed stays: the log says that this was to leave.
    """
    file = JobFile(vault, find_job(vault, out))
    with file.locked():
        job = file.load()
        event = _committed(vault, job) if job.event is None else job.event
        deleted = discard_parts(job.request.out, job.request.volume_size)
        file.delete()
    return {"deleted": deleted, "event": event, "exit": 0, "file": str(job.request.out)}


@contextmanager
def _resumable(job: Job, file: JobFile) -> Iterator[None]:
    """After an error, keep what helps to go on; what can't succeed leaves nothing behind."""
    try:
        yield
    except VaultBusy:
        if job.event is None:
            file.delete()  # nothing was committed: run it again
        raise
    except StoreError as error:
        if not job.request.folder:
            way = f"then go on: evidence-vault export --resume {job.request.out}"
            error.hint = f"{error.hint}; {way}" if error.hint else way
        raise
    except (VaultError, InternalError):
        if not job.request.folder:  # a folder's writer tidies up by itself
            discard_parts(job.request.out, job.request.volume_size)
        file.delete()
        raise


def _committed(vault: Vault, job: Job) -> int | None:
    """Index of the event of a job that was cut off before it could note it."""
    with writing(vault):
        pass  # the catalogue is brought up to what was committed
    for index in reversed(vault.catalogue.indexes_of(("exported",))):
        if index < job.known:
            return None
        committed = committed_at(vault, index)
        record = open_record(vault, committed, parse_entry(committed.entry).event)
        if "bundle_id" in record and record["bundle_id"].value == job.bundle_id:
            return index
    return None


class _Exporting:
    """Steps 3 to 6 of one export, for the first time or again."""

    def __init__(
        self,
        vault: Vault,
        job: Job,
        file: JobFile,
        ready: Ready,
        progress: Progress | None,
        going_on: bool = False,
    ) -> None:
        self._vault, self._job, self._file, self._ready = vault, job, file, ready
        self._progress, self._going_on = progress, going_on
        self._request = job.request
        self._maker = ready.maker
        self._changed: list[tuple[str, int]] = []
        shells = [self._shell(item) for item in ready.chosen]
        self._shells = sorted(shells, key=lambda s: (s.home, s.id))
        self._shown = _SHOWN_OF_EXPORT + (("recipient",) if job.request.has_terms else ())

    def run(self) -> dict[str, Any]:
        values = self._values()
        index = self._commit(values)
        with Thumbnails(self._request.thumbnails) as thumbnails:
            plan = self._plan(index, thumbnails)
            written = self._write_folder(plan) if self._request.folder else self._write(plan)
        self._file.delete()
        ready, maker = self._ready, self._maker
        return {
            "bundle_id": self._job.bundle_id,
            "changed": [{"at": at, "file": name} for name, at in self._changed],
            "checkpoint": {"root": maker.point.root.hex(), "size": maker.point.size},
            "copies": len(ready.copies),
            "counts": values["counts"],
            "event": index,
            "exit": 0,
            "held_back": ready.payloads.held_back,
            "notices": ready.notices,
            "proofs": self._job.proofs,
            "resumed": self._going_on,
            "sealed": not self._request.clear,
            "sensitive": ready.sensitive,
            "withheld": [{"id": s.id, "reason": s.withheld} for s in self._shells if s.withheld],
            **written,
        }

    def _values(self) -> dict[str, Any]:
        """What the event commits to; the same for the same job."""
        ready, request = self._ready, self._request
        payloads = ready.payloads
        values = {
            "actor": request.by,
            "bundle_id": self._job.bundle_id,
            "fields_shown": sorted(ready.shown) if ready.shown is not None else ["all"],
            "kind": "bundle",
            "payload_manifest": hashlib.sha256(payload_manifest(self._shells)).hexdigest(),
            "profile": request.profile,
            "proofs": self._job.proofs,
            "purpose": request.purpose,
            "recipient": request.recipient(),
        }
        counts = counts_of(self._maker, ready.chosen, len(payloads.chosen), len(payloads.why))
        held = sum(1 for v in values.values() if v is not None) + 2  # counts and members
        counts["fields_shown"] += len(self._shown) * len(ready.chosen)
        counts["fields_withheld"] += (held - len(self._shown)) * len(ready.chosen)
        return {**values, "counts": counts}

    def _commit(self, values: dict[str, Any]) -> int:
        """3, and the first half of 4; what an earlier run did of it is not done again."""
        job, vault = self._job, self._vault
        if job.event is None:
            with writing(vault) as writer:
                job.event = commit_exit(writer, self._maker, self._ready.chosen, values)
            step("export-committed")
        elif not job.note:
            with writing(vault) as writer:
                writer.checkpoint()
        if job.note:
            return job.event
        note = vault.log.checkpoint()
        if note is None:
            raise InternalError("no checkpoint after an event")
        job.note = note
        job.made_at = vault.clock.now()
        job.brackets = self._maker.brackets()
        job.trust = known_keys(vault)
        if self._request.documents:
            job.documents = [each.version for each in stored_chain(vault)]
        self._file.save(job)
        step("export-noted")
        return job.event

    def _plan(self, index: int, thumbnails: Thumbnails) -> BundlePlan:
        """4: all that the bundle is made from."""
        vault, job, maker, request = self._vault, self._job, self._maker, self._request
        receipts = maker.make(index, self._shown, job.note)
        signer = signer_for(vault, "statements", index)
        zero = vault.entry_zero()
        items = [replace(shell, receipt=receipts[shell.id]) for shell in self._shells]
        accessions = None
        if tells_of_accessions(request.profile):
            asked = (self._ready.shown, request.names())
            accessions = accession_receipt(vault, maker, items, *asked)
        return BundlePlan(
            bundle_id=job.bundle_id,
            origin=zero.origin,
            made_at=job.made_at,
            checkpoint=maker.point,
            exported_index=index,
            exported_leaf=maker.leaf_of(index),
            items=items,
            keys=bundle_keys(zero, key_state(vault, None, maker.point.size)),
            statement_key=SigningKey(signer.keyid, signer.sign),
            proofs=job.proofs,
            software=TOOL,
            verifier=shell_verifier(),
            page=page_verifier(),
            brackets=job.brackets,
            documents=_documents(vault, job.documents),
            first=first_files(request.profile),
            extras=(
                *further_files(request.profile, check_by(job.trust), thumbnails),
                ForeignReceipts(lambda: carried_receipts(vault, maker)),
            ),
            profile=request.profile,
            contact=request.contact or "",
            thumbnails=request.thumbnails,
            accessions=accessions,
        )

    def _write_folder(self, plan: BundlePlan) -> dict[str, Any]:
        write_bundle(plan, FolderSink(self._request.out))
        named = {"digest_file": None, "file": str(self._request.out), "sha256": None}
        return {**named, "volumes": []}

    def _write(self, plan: BundlePlan) -> dict[str, Any]:
        """5 and 6. A changed part of an encrypted bundle makes it begin again under a new nonce."""
        job, request = self._job, self._request
        while True:
            files = OutFiles(
                request.out,
                request.volume_size,
                going_on=self._going_on,
                naming=job.naming,
                strict=job.seal is not None,
                written=self._tell,
            )
            with files:
                try:
                    self._stream(plan, files)
                    files.finish()
                except PartChanged:
                    self._changed += files.changed
                    self._renew(files)
                    continue
                self._changed += files.changed
                job.naming = True
                self._file.save(job)
                volumes = files.give_names()
                step("export-named")
                digests = files.write_digests()
            return {
                "digest_file": str(digests),
                "file": str(request.out),
                "sha256": files.sha256,
                "volumes": [] if request.volume_size is None else volumes,
            }

    def _stream(self, plan: BundlePlan, files: OutFiles) -> None:
        seal = self._job.seal
        if seal is None:
            write_bundle(plan, ZipSink(files))
            return
        files.write(seal.header)
        sealed = age.PayloadWriter(seal.file_key, files, seal.nonce)
        write_bundle(plan, ZipSink(sealed, padded=True))
        sealed.close()

    def _renew(self, files: OutFiles) -> None:
        if self._job.seal is None:
            raise InternalError("a bundle in the clear is redone from where it was changed")
        files.discard()
        self._job.naming = False
        self._job.seal = self._job.seal.renewed()
        self._file.save(self._job)

    def _tell(self, written: int) -> None:
        if self._progress is not None:
            about = estimated_size(self._ready, sealed=self._job.seal is not None)
            self._progress(written, max(about, written))

    def _shell(self, item: str) -> BundleItem:
        """An item of the bundle before its receipt is made."""
        payload = self._ready.payloads.chosen.get(item)
        why = self._ready.payloads.why.get(item)
        return shell_of(self._maker, item, payload, why)


def estimated_size(ready: Ready, sealed: bool) -> int:
    """About how many bytes a bundle will have; receipts and reports can only be guessed."""
    about = ready.size + _PER_ITEM * len(ready.chosen) + _FIXED
    return age.sealed_size(age.padme(about)) if sealed else about


_NO_RECEIPT = Receipt("", ("vault",), "", (), b"")


def shell_of(
    maker: ReceiptMaker, item: str, payload: Payload | None, why: str | None
) -> BundleItem:
    """An item of a bundle without its receipt; ``why``: the reason when its payload stays."""
    extension = maker.extension(item) if payload is None else payload.extension
    statement = None if payload is None else payload.statement
    return BundleItem(maker.home(item), item, _NO_RECEIPT, payload, extension, why, statement)


def bundle_keys(zero: EntryZero, state: KeyState) -> list[tuple[str, bytes]]:
    """Every Ed25519 key that the log names or named: (role, raw key)."""
    keys = [(key.role, key.public) for key in state.intervals()]
    return keys + [(key.role, key.public) for key in zero.keys if key.role == "log"]


def _documents(vault: Vault, versions: list[int]) -> list[tuple[int, bytes]]:
    """The network's trust documents, for whoever pinned an older one; they name its members."""
    wanted = set(versions)
    chain = stored_chain(vault) if wanted else ()
    return [(each.version, format_chain([each])) for each in chain if each.version in wanted]
