"""Verifies a report or certificate that left without a bundle, as docs/reports.md says.

The file has two signatures beside it, by one key: bare (``.sig``) and as ssh-keygen reads it
(``.sshsig``). Both must be there.
"""

from __future__ import annotations

from pathlib import Path

from evidence_vault.core.findings import Report, ReportBuilder
from evidence_vault.core.keys import keyid, verify_ed25519
from evidence_vault.core.sshsig import (
    DOCUMENT_NAMESPACE,
    MAX_SSHSIG,
    check_sshsig,
    sshsig_key,
)
from evidence_vault.core.trust import TrustFile
from evidence_vault.errors import FormatError, SignatureInvalid
from evidence_vault.verify.receipt import WHO, describe_trust

SIGNATURE_ENDING, SSHSIG_ENDING = ".sig", ".sshsig"
MAX_DOCUMENT = 256 * 1024 * 1024  # bytes
DOCUMENT = "S-DOCUMENT"
NOTES = ("N-DOCUMENT", "N-TRUTH", "N-AUTHOR")

_HEAD = b"%PDF-"


def is_signed_document(path: Path) -> bool:
    """True for a PDF with a signature of ours beside it; OSError from reading passes through."""
    if not any(_beside(path, e).is_file() for e in (SIGNATURE_ENDING, SSHSIG_ENDING)):
        return False
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        return stream.read(len(_HEAD)) == _HEAD


def verify_document(path: Path, trust: TrustFile | None) -> Report:
    """Check the signatures beside a file, and whose key made them.

    Never raises for bad evidence; OSError passes through. Not checked: a word of what it says.
    """
    report = ReportBuilder("document", [(DOCUMENT, True), (WHO, True)], NOTES)
    describe_trust(report, trust)
    key = _check_signatures(report, path)
    if key is not None:
        report.facts["key"] = keyid(key)
        _check_who(report, keyid(key), trust)
    return report.build()


def _check_signatures(report: ReportBuilder, path: Path) -> bytes | None:
    """The key under which both signatures are right; None when one is not, or is missing."""
    ssh, bare = _beside(path, SSHSIG_ENDING), _beside(path, SIGNATURE_ENDING)
    missing = [each for each in (bare, ssh) if not each.is_file()]
    for each in missing:
        report.unchecked(DOCUMENT, "V-DOC-MISSING", each.name)
    data = _read(path, MAX_DOCUMENT)
    key = None
    if ssh not in missing:
        try:
            armoured = _read(ssh, MAX_SSHSIG)
            key = sshsig_key(armoured)
            check_sshsig(armoured, data, key, DOCUMENT_NAMESPACE)
        except FormatError as error:
            report.differ(DOCUMENT, "V-DOC-FORM", ssh.name, reason=error.message)
        except SignatureInvalid:
            report.differ(DOCUMENT, "V-DOC-WRONG", ssh.name)
    if key is not None and bare not in missing:
        try:
            verify_ed25519(key, _read(bare, MAX_SSHSIG), data)
        except SignatureInvalid:
            report.differ(DOCUMENT, "V-DOC-WRONG", bare.name)
    if key is None or report.failed(DOCUMENT):
        return None
    report.match(DOCUMENT, "V-DOC-OK", path.name, keyid=keyid(key))
    return key


def _check_who(report: ReportBuilder, name: str, trust: TrustFile | None) -> None:
    if trust is None:
        report.unchecked(WHO, "V-DOC-NO-TRUST", keyid=name)
        return
    found = [
        (origin, key)
        for origin in trust.origins
        for key in origin.keys
        if key.role == "statements" and key.keyid == name
    ]
    if not found:
        report.unchecked(WHO, "V-DOC-KEY-UNKNOWN", keyid=name)
        return
    for origin, key in found:
        if key.until is None:
            report.match(WHO, "V-DOC-WHO-OK", origin.origin, keyid=name, org=origin.org)
        else:
            report.unchecked(WHO, "V-DOC-REVOKED", origin.origin, keyid=name)


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


def _read(path: Path, limit: int) -> bytes:
    """At most ``limit`` bytes and one: what is longer matches no signature."""
    with path.open("rb") as stream:
        return stream.read(limit + 1)
