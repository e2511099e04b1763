"""What goes to a partner with a trust file: two verifiers and an ``allowed_signers`` file."""

from __future__ import annotations

import hashlib
from pathlib import Path

from evidence_vault.core.sshsig import DOCUMENT_NAMESPACE, STATEMENT_NAMESPACE, allowed_signer
from evidence_vault.core.trust import TrustFile
from evidence_vault.errors import StoreError
from evidence_vault.vault.files import demand_absent, write_new
from evidence_vault.verify import page_verifier, shell_verifier

PAGE_VERIFIER, SHELL_VERIFIER, ALLOWED_SIGNERS = "verify.html", "verify.sh", "allowed_signers"


def allowed_signers(trust: TrustFile) -> bytes:
    """The statements keys in force, as ``ssh-keygen -Y verify -f`` reads them.

    A signer is called as its log. A key whose interval has ended is left out, because OpenSSH knows
    no log positions: what it signed in its time is checked with the other verifiers.
    """
    lines = [
        allowed_signer(origin.origin, key.public, namespace)
        for origin in trust.origins
        for key in origin.keys
        if key.role == "statements" and key.until is None
        for namespace in (STATEMENT_NAMESPACE, DOCUMENT_NAMESPACE)
    ]
    return "".join(lines).encode("ascii")


def demand_room(folder: Path) -> None:
    """Raises UsageError when one of the files is there already."""
    if folder.is_dir():
        for name in (PAGE_VERIFIER, SHELL_VERIFIER, ALLOWED_SIGNERS):
            demand_absent(folder / name)
    else:
        demand_absent(folder)


def write_verifier(folder: Path, trust: TrustFile) -> list[dict[str, str]]:
    """Write the files into a folder, made if need be; where each is and its SHA-256.

    These copies of the verifiers are the ones that count: they go the way of the trust file.
    """
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise StoreError(f"{folder} can't be made: {error.strerror}") from error
    written = []
    for name, data in (
        (PAGE_VERIFIER, page_verifier()),
        (SHELL_VERIFIER, shell_verifier()),
        (ALLOWED_SIGNERS, allowed_signers(trust)),
    ):
        write_new(folder / name, data)
        digest = hashlib.sha256(data).hexdigest()
        written.append({"file": str(folder / name), "sha256": digest})
    return written
