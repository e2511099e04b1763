"""What a file is, told from its first bytes, so that a mix-up gets a clear answer."""

from __future__ import annotations

from pathlib import Path

from evidence_vault.core.receipt import MAGIC

HEAD = 64
AGE = b"age-encryption.org/v1"
ZIP = b"PK"
TRUST = b'{"kind":"evidence-vault/trust"'
STATEMENT = b'{"bundle_id":'

# Message code for each kind that is something else than what was expected.
RECEIPT_KIND = "V-IS-RECEIPT"
FOLDER_KIND = "V-IS-FOLDER"
EMPTY_KIND = "V-IS-EMPTY"
AGE_KIND = "V-IS-AGE"
ZIP_KIND = "V-IS-ZIP"
TRUST_KIND = "V-IS-TRUST"
STATEMENT_KIND = "V-IS-STATEMENT"

_STARTS = (
    (MAGIC, RECEIPT_KIND),
    (AGE, AGE_KIND),
    (ZIP, ZIP_KIND),
    (TRUST, TRUST_KIND),
    (STATEMENT, STATEMENT_KIND),
)


def kind_of(head: bytes) -> str | None:
    """The code of what begins with ``head`` (64 bytes are enough), None for anything else."""
    if not head:
        return EMPTY_KIND
    return next((code for start, code in _STARTS if head.startswith(start)), None)


def kind_of_path(path: Path) -> str | None:
    """Like :func:`kind_of` for a path; OSError from reading passes through."""
    if path.is_dir():
        return FOLDER_KIND
    with path.open("rb") as stream:
        return kind_of(stream.read(HEAD))
