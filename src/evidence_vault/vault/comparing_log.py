"""The rest of an audit: signed states as they are kept against what the entries give."""

from __future__ import annotations

from collections.abc import Iterator

from evidence_vault.core.checkpoint import open_checkpoint
from evidence_vault.errors import NotFound, VaultError
from evidence_vault.log.logstore import LogStore
from evidence_vault.prove.audit import AuditFinding, AuditReport
from evidence_vault.vault.opening import Vault


def compare_evidence(vault: Vault, log: LogStore, report: AuditReport) -> Iterator[AuditFinding]:
    """Every checkpoint that was ever signed, as it is kept, must be a state of this log."""
    keys = vault.entry_zero(log).log_keys()
    folder = log.evidence_key(0, "").split("/", 1)[0]
    newest = log.checkpoint()
    for key in sorted(vault.archive.keys(folder)):
        if not key.endswith("/checkpoint"):
            continue
        try:
            point = open_checkpoint(log.read(vault.archive, key), keys).checkpoint
        except VaultError as error:
            yield AuditFinding(error.code, key, error.message)
            continue
        if point.size > report.entries:
            message = f"was signed over {point.size} entries, the commits hold {report.entries}"
            yield AuditFinding("E-CHECKPOINT-AHEAD", key, message)
        elif report.roots.get(point.size) != point.root:
            yield AuditFinding("E-FORK", key, "was signed over another log than the commits give")
    if newest is None:
        return
    try:
        size = open_checkpoint(newest, keys).checkpoint.size
        log.read(vault.archive, log.evidence_key(size, "checkpoint"))
    except NotFound:
        message = "the newest signed checkpoint is not kept there"
        yield AuditFinding("E-EVIDENCE-MISSING", log.evidence_key(size, "checkpoint"), message)
    except VaultError:
        return  # said of the checkpoint itself
