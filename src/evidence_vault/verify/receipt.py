"""Verifies one receipt, and a file against it, as docs/format-receipt.md says."""

from __future__ import annotations

from typing import BinaryIO

from evidence_vault.core.findings import Report, ReportBuilder
from evidence_vault.core.keys import fingerprint_words
from evidence_vault.core.receipt import VAULT_SUBJECT, Receipt, parse_receipt
from evidence_vault.core.trust import TrustFile, fingerprint_of
from evidence_vault.errors import FormatError
from evidence_vault.verify.checked import Checked
from evidence_vault.verify.contents import Content, matched, report_mismatch
from evidence_vault.verify.custody import CustodyChecker
from evidence_vault.verify.hashing import hash_stream
from evidence_vault.verify.kinds import HEAD, RECEIPT_KIND, kind_of

FILE, WHO = "S-FILE", "S-WHO"
COUNTERSIGNED, TIME = "S-COUNTERSIGNED", "S-TIME"
# Steps are the rules of the format page, in its order; the step of rule n is STEPS[n - 1].
STEPS = (
    "S-ENTRY-ZERO",
    "S-SIGNATURES",
    "S-PROOFS",
    "S-CHECKPOINT",
    "S-HISTORY",
    "S-FIELDS",
    FILE,
    WHO,
    COUNTERSIGNED,
    TIME,
)
NOTES = ("N-TAIL", "N-TRUTH", "N-AUTHOR", "N-TIME", "N-COUNTERSIGNED")


def verify_receipt(data: bytes, file: BinaryIO | None, trust: TrustFile | None) -> Report:
    """Check a receipt, optionally against the file it is about and a trust file.

    Never raises for bad evidence. Without a trust file *who* could not be checked and the exit
    status is at best 3. Reads ``file`` once, to its end; OSError from reading passes through.
    """
    optional = {COUNTERSIGNED, TIME, *(() if file is not None else (FILE,))}
    steps = [(code, code not in optional) for code in STEPS]
    report = ReportBuilder("receipt", steps, NOTES)
    describe_trust(report, trust)
    kind = kind_of(data[:HEAD])
    if kind not in (None, RECEIPT_KIND):
        report.unchecked(STEPS[0], str(kind))
        return report.build()
    try:
        receipt = parse_receipt(data)
    except FormatError as error:
        report.differ(STEPS[0], "R-FORMAT", clause="docs/format-receipt.md", reason=error.message)
        return report.build()
    checked = CustodyChecker(trust).check(receipt)
    for rule, finding in checked.findings:
        report.add(STEPS[rule - 1], finding)
    _report_matches(report, receipt, checked, trust)
    _check_file(report, receipt, checked, file)
    _describe(report, receipt, checked)
    return report.build()


def _report_matches(
    report: ReportBuilder, receipt: Receipt, checked: Checked, trust: TrustFile | None
) -> None:
    """One positive finding for each rule that ran and has nothing against it."""
    count = len(receipt.events)
    size = checked.checkpoint.size if checked.checkpoint else 0
    vault = receipt.subject == VAULT_SUBJECT
    history = ("R-HISTORY-VAULT", "vault") if vault else ("R-HISTORY-OK", receipt.subject[-1])
    shown = sum(len(e.values) for e in checked.events)
    withheld = sum(e.withheld for e in checked.events)
    fingerprint = checked.zero.fingerprint.hex() if checked.zero else ""
    positive: dict[int, tuple[str, str, dict[str, str | int]]] = {
        1: ("R-ENTRY-ZERO-OK", receipt.origin, {"fingerprint": fingerprint}),
        2: ("R-SIGNATURES-OK", receipt.origin, {"count": count}),
        3: ("R-PROOFS-OK", receipt.origin, {"count": count, "size": size}),
        4: ("R-CHECKPOINT-OK", receipt.origin, {"size": size}),
        5: (*history, {"count": count - 1}),
        6: ("R-FIELDS-OK", history[1], {"shown": shown, "withheld": withheld}),
    }
    for rule, (code, subject, details) in positive.items():
        if rule in checked.ran and not report.failed(STEPS[rule - 1]):
            report.match(STEPS[rule - 1], code, subject, **details)
    if checked.zero is not None:
        report_who(report, receipt.origin, checked.zero.fingerprint, trust)


def report_who(
    report: ReportBuilder, origin: str, fingerprint: bytes, trust: TrustFile | None
) -> None:
    """Close the step *who*: not checked without a trust file, else matched unless it failed."""
    words = " ".join(fingerprint_words(fingerprint))
    if trust is None:
        report.unchecked(WHO, "W-NO-TRUST", origin, fingerprint=fingerprint.hex(), words=words)
        return
    known = trust.origin(origin)
    if known is not None and not report.failed(WHO):
        report.match(WHO, "W-OK", origin, org=known.org, size=known.size)


def describe_trust(report: ReportBuilder, trust: TrustFile | None) -> None:
    """Age and fingerprint of the trust file, for people to compare."""
    report.facts["trust"] = None
    if trust is not None:
        fingerprint = fingerprint_of(trust)
        report.facts["trust"] = {
            "fingerprint": fingerprint.hex(),
            "fingerprint_words": " ".join(fingerprint_words(fingerprint)),
            "made_at": trust.made_at,
            "origins": [{"origin": o.origin, "org": o.org, "size": o.size} for o in trust.origins],
        }


def describe_log(report: ReportBuilder, checked: Checked) -> None:
    """Fingerprint of the vault and log state, for people to compare."""
    if checked.zero is not None:
        report.facts["fingerprint"] = checked.zero.fingerprint.hex()
        report.facts["fingerprint_words"] = " ".join(fingerprint_words(checked.zero.fingerprint))
        report.facts["prefix"] = checked.zero.prefix
    if checked.checkpoint is not None:
        report.facts["checkpoint"] = {
            "root": checked.checkpoint.root.hex(),
            "size": checked.checkpoint.size,
        }


# Rule 7: the file is one that an entry of the item states the digests of.
def _check_file(
    report: ReportBuilder, receipt: Receipt, checked: Checked, file: BinaryIO | None
) -> None:
    if file is None:
        report.inform(FILE, "V-NO-FILE")
        return
    found = hash_stream(file)
    report.facts["file"] = {"sha256": found.sha256, "sha512": found.sha512, "size": found.size}
    subject, clause = receipt.subject[-1], "docs/format-receipt.md rule 7"
    # A receipt about the archive may be about many items: no file is the one that it is about.
    about = [] if receipt.subject == VAULT_SUBJECT else checked.with_content()
    contents = [Content.of(event) for event in about]
    content = matched(contents, found)
    if content is None:
        report_mismatch(report, FILE, subject, clause, contents, found)
    elif content.is_copy:
        report.match(FILE, "R-COPY-OK", subject, sha256=found.sha256, entry=content.index)
    else:
        report.match(FILE, "R-FILE-OK", subject, sha256=found.sha256)


def _describe(report: ReportBuilder, receipt: Receipt, checked: Checked) -> None:
    describe_log(report, checked)
    report.facts["origin"] = receipt.origin
    report.facts["made"] = receipt.made
    report.facts["subject"] = list(receipt.subject)
    report.events.extend(e.to_json() for e in checked.events)
