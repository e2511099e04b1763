"""Bundles leave here, in the exit order of DESIGN §4.

choose → check → ``exported`` committed → proofs to the newest checkpoint → bundle written →
statement signed. Nothing readable leaves before its event is committed.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from evidence_vault.bundle.foreign import ForeignReceipts
from evidence_vault.bundle.model import BundleItem, BundlePlan, SigningKey, payload_manifest
from evidence_vault.bundle.sinks import FolderSink, ZipSink
from evidence_vault.bundle.writer import write_bundle
from evidence_vault.core import age
from evidence_vault.core.entry0 import EntryZero
from evidence_vault.core.keystate import KeyState
from evidence_vault.core.receipt import Receipt
from evidence_vault.core.trustsigned import format_chain
from evidence_vault.errors import InternalError, KeyProblem, UsageError
from evidence_vault.seal.keyring import open_keyring
from evidence_vault.vault import profilerules as rules
from evidence_vault.vault.accessions import accession_findings, accession_receipt
from evidence_vault.vault.creation import check_passphrase
from evidence_vault.vault.documents import stored_chain
from evidence_vault.vault.entrymaking import TOOL
from evidence_vault.vault.exits import commit_exit, counts_of
from evidence_vault.vault.files import demand_absent, new_file
from evidence_vault.vault.foreignproofs import carried_receipts
from evidence_vault.vault.handovers import removed_items
from evidence_vault.vault.keys import key_state, signer_for
from evidence_vault.vault.opening import Vault, demand_desk
from evidence_vault.vault.papers import own_check
from evidence_vault.vault.payloads import Payload, choose_payloads
from evidence_vault.vault.profiles import (
    PROFILES,
    asked_fields,
    first_files,
    further_files,
    tells_of_accessions,
)
from evidence_vault.vault.receipts import ReceiptMaker, fields_to_show
from evidence_vault.vault.sensitive import sensitive_findings
from evidence_vault.vault.thumbnails import Thumbnails
from evidence_vault.vault.writer import writing
from evidence_vault.verify import shell_verifier

Progress = Callable[[int, int], None]

_SHOWN_OF_EXPORT = ("bundle_id", "counts", "payload_manifest", "proofs")


@dataclass(frozen=True)
class ExportRequest:
    """What should leave. ``items`` None means all; ``disclose`` names fields, or ``all``."""

    items: list[str] | None
    out: Path
    case: str | None = None
    query: str | None = None
    profile: str = "partner"
    originals: bool = False
    disclose: list[str] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    passphrase: str | None = None
    clear: bool = False
    folder: bool = False
    by: str | None = None
    recipient_name: str | None = None
    purpose: str | None = None
    documents: bool = False


def export(
    vault: Vault,
    request: ExportRequest,
    progress: Progress | None = None,
    announce: Callable[[list[dict[str, str]]], None] | None = None,
) -> dict[str, Any]:
    """Write a bundle. Raises UsageError before anything is committed when the request is wrong.

    ``announce`` is told what could point to people before anything is committed or leaves; it
    may raise to stop.
    """
    demand_desk(vault, "export")
    _check_request(vault, request)
    request = replace(request, disclose=asked_fields(request.disclose, request.profile))
    rules.check_asked(request.profile, request.originals, request.disclose)
    # 1. Choose.
    chosen = _choose(vault, request)
    shown = fields_to_show(request.disclose)
    maker = ReceiptMaker(vault, chosen, shown, request.disclose)
    # 2. Check. (Consent, classification and holds come with records about people.)
    payloads = choose_payloads(vault, maker, request.originals, request.items or ())
    payloads = rules.judge(vault, request.profile, maker, payloads)
    copies = {item for item, each in payloads.chosen.items() if each.statement is not None}
    maker.leave_as_copies(copies)
    sensitive = sensitive_findings(vault, maker, payloads.chosen.keys() - copies)
    if tells_of_accessions(request.profile):
        sensitive += accession_findings(vault, maker, shown, request.disclose)
    if announce is not None:
        announce(sensitive)
    signer_for(vault, "statements")  # a revoked key is said before the event is committed
    # 3. The event, before anything readable leaves.
    bundle_id = secrets.token_hex(16)
    proofs = maker.claim().to_json()
    shells = [
        _shell(maker, item, payloads.chosen.get(item), payloads.why.get(item)) for item in chosen
    ]
    shells.sort(key=lambda s: (s.home, s.id))
    counts = counts_of(maker, chosen, len(payloads.chosen), len(payloads.why))
    manifest = hashlib.sha256(payload_manifest(shells)).hexdigest()
    values = {
        "actor": request.by,
        "bundle_id": bundle_id,
        "fields_shown": sorted(shown) if shown is not None else ["all"],
        "kind": "bundle",
        "payload_manifest": manifest,
        "profile": request.profile,
        "proofs": proofs,
        "purpose": request.purpose,
        "recipient": request.recipient_name or (", ".join(request.recipients) or None),
    }
    held = sum(1 for v in values.values() if v is not None) + 2  # counts and members
    counts["fields_shown"] += len(_SHOWN_OF_EXPORT) * len(chosen)
    counts["fields_withheld"] += (held - len(_SHOWN_OF_EXPORT)) * len(chosen)
    with writing(vault) as writer:
        index = commit_exit(writer, maker, chosen, {**values, "counts": counts})
    # 4. Proofs to the newest checkpoint.
    receipts = maker.make(index, _SHOWN_OF_EXPORT)
    items = [replace(shell, receipt=receipts[shell.id]) for shell in shells]
    # 5. The bundle, with the signed statement that names the files made after the event.
    signer = signer_for(vault, "statements", index)
    zero = vault.entry_zero()
    thumbnails = Thumbnails()
    plan = BundlePlan(
        bundle_id=bundle_id,
        origin=zero.origin,
        made_at=vault.clock.now(),
        checkpoint=maker.point,
        exported_index=index,
        exported_leaf=maker.leaf_of(index),
        items=items,
        keys=bundle_keys(zero, key_state(vault)),
        statement_key=SigningKey(signer.keyid, signer.sign),
        proofs=proofs,
        software=TOOL,
        verifier=shell_verifier(),
        brackets=maker.brackets(),
        documents=_documents(vault) if request.documents else (),
        first=first_files(request.profile),
        extras=(
            *further_files(request.profile, own_check(vault), thumbnails),
            ForeignReceipts(lambda: carried_receipts(vault, maker)),
        ),
        accessions=accession_receipt(vault, maker, items, shown, request.disclose)
        if tells_of_accessions(request.profile)
        else None,
    )
    with thumbnails:
        written = _write(plan, request, progress)
    return {
        "bundle_id": bundle_id,
        "checkpoint": {"root": maker.point.root.hex(), "size": maker.point.size},
        "copies": len(copies),
        "counts": counts,
        "event": index,
        "exit": 0,
        "held_back": payloads.held_back,
        "notices": rules.notices(vault, request.profile, maker, payloads, request.disclose),
        "proofs": proofs,
        "sealed": not request.clear,
        "sensitive": sensitive,
        "withheld": [{"id": i.id, "reason": i.withheld} for i in items if i.withheld],
        **written,
    }


def bundle_keys(zero: EntryZero, state: KeyState) -> list[tuple[str, bytes]]:
    """Every Ed25519 key that the log names or named: (role, raw key)."""
    keys = [(key.role, key.public) for key in state.intervals()]
    return keys + [(key.role, key.public) for key in zero.keys if key.role == "log"]


def _documents(vault: Vault) -> list[tuple[int, bytes]]:
    """The network's trust documents, for whoever pinned an older one; they name its members."""
    return [(each.version, format_chain([each])) for each in stored_chain(vault)]


_NO_RECEIPT = Receipt("", ("vault",), "", (), b"")


def _shell(maker: ReceiptMaker, item: str, payload: Payload | None, why: str | None) -> BundleItem:
    """An item of the bundle before its receipt is made."""
    extension = maker.extension(item) if payload is None else payload.extension
    statement = None if payload is None else payload.statement
    return BundleItem(maker.home(item), item, _NO_RECEIPT, payload, extension, why, statement)


def _check_request(vault: Vault, request: ExportRequest) -> None:
    demand_absent(request.out)
    ways = [bool(request.recipients), request.passphrase is not None, request.clear]
    if sum(ways) != 1:
        raise UsageError(
            "say how it leaves: --to RECIPIENT, a passphrase, or --clear",
            code="E-EXPORT-SEAL",
            hint="--to takes an age recipient (age1… or age1pq1…) and may stand several times",
        )
    if request.folder and not request.clear:
        raise UsageError("--folder needs --clear: an encrypted bundle is one file")
    if request.profile not in PROFILES:
        raise UsageError(f"there is no profile {request.profile!r}")
    for text in request.recipients:
        age.parse_recipient(text)
    if request.passphrase is not None:
        _check_passphrase(vault, request.passphrase)


def _check_passphrase(vault: Vault, passphrase: str) -> None:
    """Whoever gets the bundle gets its passphrase, so it is long and opens nothing else."""
    check_passphrase(passphrase)
    try:
        open_keyring(vault.keyring_bytes(), passphrase)
    except KeyProblem:
        return
    raise UsageError(
        "the passphrase of an export can't be the vault's own",
        code="E-PASSPHRASE-SAME",
        hint="whoever gets the bundle would hold the key of the vault: take another one",
    )


def _choose(vault: Vault, request: ExportRequest) -> list[str]:
    if request.items is not None:
        missing = sorted(set(request.items) - set(vault.catalogue.homes(request.items)))
        if missing:
            raise UsageError(f"there is no item {missing[0]} in this vault", code="E-NO-ITEM")
        chosen = set(request.items)
    else:
        chosen = set(vault.catalogue.item_ids())
    if request.case is not None:
        chosen &= {row["id"] for row in vault.catalogue.search(case=request.case)}
    if request.query is not None:
        chosen &= {row["id"] for row in vault.catalogue.search(text=request.query)}
    gone = removed_items(vault)
    if request.items is not None and gone & set(request.items):
        raise UsageError(
            f"{min(gone & set(request.items))} was removed here after another vault took it over",
            code="E-REMOVED",
            hint="ask that vault for it (`evidence-vault transfer list` names it); a receipt can "
            "still be made here",
        )
    chosen -= gone
    if not chosen:
        raise UsageError("no item was chosen", code="E-NOTHING-CHOSEN")
    return sorted(chosen)


def _write(plan: BundlePlan, request: ExportRequest, progress: Progress | None) -> dict[str, Any]:
    if request.folder:
        write_bundle(plan, FolderSink(request.out))
        return {"digest_file": None, "file": str(request.out), "sha256": None}
    with new_file(request.out) as stream:
        counted = _Counted(stream, progress)
        if request.clear:
            write_bundle(plan, ZipSink(counted))
        else:
            file_key = age.new_file_key()
            counted.write(age.wrap_file_key(file_key, _recipients(request)))
            sealed = age.PayloadWriter(file_key, counted)
            write_bundle(plan, ZipSink(sealed))
            sealed.close()
    digest_file = request.out.with_name(request.out.name + ".sha256")
    if not digest_file.exists():
        with new_file(digest_file) as stream:
            stream.write(f"{counted.digest.hexdigest()}  {request.out.name}\n".encode())
    return {
        "digest_file": str(digest_file),
        "file": str(request.out),
        "sha256": counted.digest.hexdigest(),
    }


def _recipients(request: ExportRequest) -> list[age.Recipient]:
    if request.passphrase is not None:
        return [age.ScryptRecipient(request.passphrase, 18)]
    if not request.recipients:
        raise InternalError("an encrypted export without recipients")
    return [age.parse_recipient(text) for text in request.recipients]


class _Counted:
    """A sink that hashes what passes and reports how much."""

    def __init__(self, stream: Any, progress: Progress | None) -> None:
        self._stream = stream
        self._progress = progress
        self._written = 0
        self.digest = hashlib.sha256()

    def write(self, data: bytes | memoryview) -> int:
        self.digest.update(data)
        self._stream.write(data)
        self._written += len(data)
        if self._progress is not None:
            self._progress(0, self._written)
        return len(data)
