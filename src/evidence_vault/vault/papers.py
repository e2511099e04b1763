"""Reports and certificates on paper leave here, in the exit order of DESIGN §4.

    1 what has to be read is read: the certificate's file, hashed again
    2 ``exported`` committed, of kind ``report`` or ``certificate``; nothing readable leaves before
    3 receipts to the newest checkpoint, verified as a stranger would
    4 the page set from these receipts
    5 its signatures written, then the page itself

A crash in 3 or 4 leaves an event and no file; one in 5 may leave signatures without their file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evidence_vault.bundle.model import BundleItem
from evidence_vault.bundle.paper.certificate import Certificate, certificate
from evidence_vault.bundle.paper.collect import Check, ReportSubject
from evidence_vault.bundle.paper.custodyreport import custody_report
from evidence_vault.core.findings import Report
from evidence_vault.core.keys import verify_ed25519
from evidence_vault.core.receipt import Receipt, format_receipt
from evidence_vault.core.sshsig import DOCUMENT_NAMESPACE, check_sshsig, sign_sshsig
from evidence_vault.core.trust import format_trust, parse_trust
from evidence_vault.errors import EvidenceError, VaultError
from evidence_vault.seal.keyring import Ed25519Signer
from evidence_vault.seeds import fonts_folder
from evidence_vault.vault.derivatives import newest_valid
from evidence_vault.vault.entrymaking import TOOL
from evidence_vault.vault.exits import Left, leave_receipts
from evidence_vault.vault.files import demand_absent, write_new
from evidence_vault.vault.handovers import removed_items
from evidence_vault.vault.keys import signer_for
from evidence_vault.vault.opening import Vault, demand_desk
from evidence_vault.vault.payloads import Payload, payload_of
from evidence_vault.vault.records import item_history, unit_of
from evidence_vault.vault.trusting import own_trust
from evidence_vault.verify import verify_receipt
from evidence_vault.verify.documents import SIGNATURE_ENDING, SSHSIG_ENDING

_BLOCK = 1024 * 1024


def write_report(
    vault: Vault,
    items: Sequence[str],
    out: Path,
    lang: str = "en",
    disclose: Sequence[str] = (),
    by: str | None = None,
    purpose: str | None = None,
) -> dict[str, Any]:
    """Write a custody report about items, with the archive's signatures beside it."""
    demand_desk(vault, "write a report")
    _demand_room(out)
    signer_for(vault, "statements")  # a revoked key is said before the event is committed
    left = leave_receipts(vault, items, "report", disclose, by, purpose)
    subject = _subject(vault, left)
    pdf = custody_report(subject, lang, fonts_folder(), own_check(vault))
    signer = signer_for(vault, "statements", left.index)
    return {**_write(out, pdf, signer), **left.summary(), "items": len(left.receipts), "lang": lang}


def write_certificate(
    vault: Vault,
    item: str,
    out: Path,
    lang: str = "en",
    original: bool = False,
    name_org: bool = False,
    by: str | None = None,
    purpose: str | None = None,
) -> dict[str, Any]:
    """Write the certificate of an item: of its share copy if it has one, unless ``original``.

    The stored file is read again, whole. Raises EvidenceError, before anything is committed, when
    it is not the one that was recorded.
    """
    demand_desk(vault, "write a certificate")
    _demand_room(out)
    signer_for(vault, "statements")
    copy = not original and newest_valid(vault, list(item_history(vault, item))) is not None
    compared_at = _compare(vault, item, copy)  # 1
    left = leave_receipts(vault, [item], "certificate", (), by, purpose, original)  # 2, 3
    subject = _subject(vault, left)
    check = own_check(vault)
    signer = signer_for(vault, "statements", left.index)
    made = Certificate(
        subject=subject,
        copy=copy,
        compared_at=compared_at,
        public=signer.public,
        org=vault.keyring.org if name_org else None,
        checked=None if check is None else check(left.receipts[item]),
    )
    pdf = certificate(made, lang, fonts_folder())  # 4
    return {
        **_write(out, pdf, signer),  # 5
        **left.summary(),
        "compared": compared_at is not None,
        "id": item,
        "lang": lang,
    }


def own_check(vault: Vault) -> Check | None:
    """Verifies receipts against the archive's own keys; None when these can't be told.

    To be made after the event whose receipts it checks: it knows the log as it is now.
    """
    return check_by(known_keys(vault))


def known_keys(vault: Vault) -> bytes:
    """The archive's own trust file as of now; b"" when it can't be made."""
    try:
        return format_trust(own_trust(vault))
    except VaultError:  # no name of the organisation, or a quorum that can't be met: said elsewhere
        return b""


def check_by(data: bytes) -> Check | None:
    """Verifies receipts against what :func:`known_keys` gave; None for b""."""
    if not data:
        return None
    trust = parse_trust(data)

    def check(receipt: Receipt) -> Report:
        return verify_receipt(format_receipt(receipt), None, trust)

    return check


def _demand_room(out: Path) -> None:
    for path in _three(out):
        demand_absent(path)


def _three(out: Path) -> tuple[Path, Path, Path]:
    """The page, its bare signature, its signature as ssh-keygen reads it."""
    endings = (SIGNATURE_ENDING, SSHSIG_ENDING)
    bare, ssh = (out.with_name(out.name + ending) for ending in endings)
    return out, bare, ssh


def _subject(vault: Vault, left: Left) -> ReportSubject:
    maker = left.maker
    items = [
        BundleItem(maker.home(item), item, receipt, None, maker.extension(item), None)
        for item, receipt in left.receipts.items()
    ]
    return ReportSubject(
        origin=vault.keyring.origin,
        made_at=vault.clock.now(),
        checkpoint=maker.point,
        exported_index=left.index,
        exported_leaf=maker.leaf_of(left.index),
        software=TOOL,
        items=sorted(items, key=lambda each: (each.home, each.id)),
        brackets=maker.brackets(),
        proofs=left.proofs,
    )


def _compare(vault: Vault, item: str, copy: bool) -> str | None:
    """Read the stored file whole; when that was, or None where it is not kept."""
    payload = _kept(vault, item, copy)
    if payload is None:
        return None
    sha256, sha512, size = hashlib.sha256(), hashlib.sha512(), 0
    with payload.open() as stream:
        while block := stream.read(_BLOCK):
            sha256.update(block)
            sha512.update(block)
            size += len(block)
    found = (sha256.hexdigest(), sha512.hexdigest(), size)
    if found != (payload.sha256, payload.sha512, payload.size):
        raise EvidenceError(
            f"the stored bytes are not those recorded: expected {payload.sha256}, found {found[0]}",
            code="E-CONTENT-CHANGED",
            hint="check it with 'fixity' before anything is certified",
        )
    return vault.clock.now()


def _kept(vault: Vault, item: str, copy: bool) -> Payload | None:
    if item in removed_items(vault):
        return None
    arrival = next(item_history(vault, item))
    if not copy and unit_of(arrival.event, "content") is None:
        return None
    return payload_of(vault, item, copy)


def _write(out: Path, pdf: bytes, signer: Ed25519Signer) -> dict[str, Any]:
    signature = signer.sign(pdf)
    verify_ed25519(signer.public, signature, pdf)
    ssh = sign_sshsig(pdf, signer.public, signer.sign, DOCUMENT_NAMESPACE)
    check_sshsig(ssh, pdf, signer.public, DOCUMENT_NAMESPACE)
    page, bare, armoured = _three(out)
    write_new(bare, signature)
    write_new(armoured, ssh)
    write_new(page, pdf)
    return {
        "file": str(page),
        "key": signer.keyid,
        "sha256": hashlib.sha256(pdf).hexdigest(),
        "signatures": [str(bare), str(armoured)],
    }
