"""The stranger's room: checks receipts and bundles, offline, without a vault.

It imports ``core``, ``errors`` and a few libraries, never the rooms that make evidence, so that
maker and checker can't share a mistake beyond the formats. What each function needs is imported
when it is called: checking one receipt must start quickly.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from evidence_vault.errors import FormatError, UsageError

if TYPE_CHECKING:
    from evidence_vault.core.findings import Report
    from evidence_vault.core.trust import TrustFile

__all__ = [
    "load_trust",
    "page_verifier",
    "read_receipt",
    "render_text",
    "report_to_json",
    "shell_verifier",
    "verify_bundle",
    "verify_document",
    "verify_receipt",
]


def verify_receipt(data: bytes, file: BinaryIO | None, trust: TrustFile | None) -> Report:
    """See :func:`evidence_vault.verify.receipt.verify_receipt`."""
    from evidence_vault.verify import receipt

    return receipt.verify_receipt(data, file, trust)


def verify_bundle(path: Path, trust: TrustFile | None, expect: str | None = None) -> Report:
    """See :func:`evidence_vault.verify.bundle.verify_bundle`."""
    from evidence_vault.verify import bundle

    return bundle.verify_bundle(path, trust, expect)


def verify_document(path: Path, trust: TrustFile | None) -> Report:
    """See :func:`evidence_vault.verify.documents.verify_document`."""
    from evidence_vault.verify import documents

    return documents.verify_document(path, trust)


def render_text(report: Report, lang: str = "en") -> str:
    """See :func:`evidence_vault.verify.render.render_text`."""
    from evidence_vault.verify import render

    return render.render_text(report, lang)


def report_to_json(report: Report, lang: str = "en") -> dict[str, Any]:
    """See :func:`evidence_vault.verify.render.report_to_json`."""
    from evidence_vault.verify import render

    return render.report_to_json(report, lang)


def shell_verifier() -> bytes:
    """The text of ``verify.sh``: the second verifier, for any POSIX shell with OpenSSL."""
    from importlib.resources import files

    return files("evidence_vault.verify").joinpath("verify.sh").read_bytes()


def page_verifier() -> bytes:
    """The text of ``verify.html``: the third verifier, one page for any browser, offline.

    It is built from ``verify/page/`` (see ``docs/verify-page.md``) and stands in version control.
    """
    from importlib.resources import files

    return files("evidence_vault.verify").joinpath("verify.html").read_bytes()


def read_receipt(path: Path) -> bytes:
    """The bytes of a receipt file, at most 256 MiB and one; raises UsageError or OSError.

    What is in it is judged by :func:`verify_receipt`, which also tells other kinds of file.
    """
    from evidence_vault.core.receipt import MAX_RECEIPT

    return _read_file(path, MAX_RECEIPT)


def load_trust(path: Path) -> TrustFile:
    """Read and check a trust file; raises UsageError, FormatError, EvidenceError or OSError."""
    from evidence_vault.core.trust import MAX_TRUST, parse_trust
    from evidence_vault.verify.kinds import HEAD, TRUST_KIND, kind_of

    data = _read_file(path, MAX_TRUST)
    if kind_of(data[:HEAD]) != TRUST_KIND:
        raise FormatError(
            f"{path.name} is not a trust file",
            code="E-NOT-TRUST",
            hint="a trust file comes from the archive by another channel than its bundles",
        )
    return parse_trust(data)


def _read_file(path: Path, limit: int) -> bytes:
    if path.is_dir():
        raise UsageError(
            f"{path} is a folder, expected a file",
            hint="a bundle is verified by naming its folder alone",
        )
    if not path.exists():
        raise UsageError(f"there is no file {path}")
    with path.open("rb") as stream:
        return stream.read(limit + 1)
