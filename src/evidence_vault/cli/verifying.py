"""verify: a receipt or a bundle, told apart by content. Needs no vault and no network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from evidence_vault.cli.answer import Answer
from evidence_vault.cli.base import command
from evidence_vault.cli.options import PATH
from evidence_vault.cli.session import Session
from evidence_vault.errors import Unchecked, UsageError

if TYPE_CHECKING:
    from evidence_vault.core.findings import Report


@command("verify")
@click.argument("evidence", type=PATH, metavar="RECEIPT|BUNDLE")
@click.argument("file", type=PATH, required=False)
@click.option(
    "--trust",
    type=PATH,
    metavar="FILE",
    help="Trust file of the archive, received by another channel. Without it nobody can say who "
    "signed.",
)
@click.option("--expect", metavar="ID", help="Bundle id that its sender told you.")
def verify(
    session: Session, evidence: Path, file: Path | None, trust: Path | None, expect: str | None
) -> Answer:
    """Verify a receipt, with the FILE it is about, or a bundle (folder, .zip, or its volumes).

    Of a bundle in volumes name the first (OUT.001), their folder, or OUT.

    A report or certificate (PDF) is verified by the signatures that lie beside it. Of a BagIt bag
    that is no bundle, it is checked whether the files are as listed.

    Each step ends in matches, does not match, or could not be checked. Exit status: 0 everything
    matches, 3 something could not be checked, 10 something does not match, 11 the log is forked.
    """
    return verified(session, evidence, file, trust, expect)


def verified(
    session: Session, evidence: Path, file: Path | None, trust: Path | None, expect: str | None
) -> Answer:
    """What ``verify`` says of evidence. Raises UsageError or Unchecked."""
    with unreadable():
        report = _verify(evidence, file, trust, expect)
    return report_answer(session, report)


@contextmanager
def unreadable() -> Iterator[None]:
    """A disk that fails is not the evidence's fault: it could not be checked."""
    try:
        yield
    except OSError as error:
        where = "" if error.filename is None else f"{error.filename}: "
        raise Unchecked(
            f"{where}{error.strerror or error}",
            code="E-UNREADABLE",
            hint="copy it to another disk and verify that copy",
        ) from error


def report_answer(session: Session, report: Report) -> Answer:
    """A report as the result of a command."""
    from evidence_vault.core.findings import Outcome
    from evidence_vault.verify import render_text, report_to_json

    document = report_to_json(report, session.lang)
    quiet = (Outcome.MATCHES, Outcome.INFORMATION)
    findings = [
        {"code": found["code"], "message": found["message"], "where": found["subject"]}
        for step in document["steps"]
        for found in step["findings"]
        if found["outcome"] not in quiet
    ]
    return Answer(
        document,
        lambda _: render_text(report, session.lang),
        int(report.exit_status()),
        findings=findings,
    )


def _verify(evidence: Path, file: Path | None, trust: Path | None, expect: str | None) -> Report:
    from evidence_vault.verify import (
        load_trust,
        read_receipt,
        verify_bundle,
        verify_document,
        verify_receipt,
    )
    from evidence_vault.verify.documents import is_signed_document
    from evidence_vault.verify.kinds import (
        AGE_KIND,
        FOLDER_KIND,
        RECEIPT_KIND,
        ZIP_KIND,
        kind_of_path,
    )
    from evidence_vault.verify.volumes import find_volumes

    volumes = find_volumes(evidence)
    if volumes is None and not evidence.exists():
        raise UsageError(f"there is no file or folder {evidence}", code="E-NO-FILE")
    kind = kind_of_path(evidence if volumes is None else volumes.first)
    if volumes is not None and kind is None:
        kind = ZIP_KIND  # its first volume is missing, which the report says
    if kind == AGE_KIND:
        raise Unchecked(
            f"{evidence} is encrypted, so nothing of it could be checked",
            code="E-ENCRYPTED",
            hint="decrypt it first: evidence-vault open FILE -o OUT (or: age -d -o OUT FILE), then "
            "verify OUT",
        )
    pinned = None if trust is None else load_trust(trust)
    if volumes is None and file is None and is_signed_document(evidence):
        if expect is not None:
            raise UsageError("--expect goes with a bundle, and this is a report or certificate")
        return verify_document(evidence, pinned)
    if kind != RECEIPT_KIND and (file is None or kind in (FOLDER_KIND, ZIP_KIND)):
        if file is not None:
            raise UsageError("a bundle is verified by naming it alone, without a FILE")
        return verify_bundle(evidence, pinned, expect)
    if expect is not None:
        raise UsageError("--expect goes with a bundle, and this is a receipt")
    if file is None:
        return verify_receipt(read_receipt(evidence), None, pinned)
    if not file.is_file():
        raise UsageError(f"there is no file {file}", code="E-NO-FILE")
    with file.open("rb") as stream:
        return verify_receipt(read_receipt(evidence), stream, pinned)
