"""The rest of an audit: catalogue and signed states against what the entries give."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from evidence_vault.core.checkpoint import open_checkpoint
from evidence_vault.errors import NotFound, VaultError
from evidence_vault.log.catalogue import Catalogue
from evidence_vault.log.logstore import LogStore
from evidence_vault.log.sequencer import Sequencer
from evidence_vault.prove.audit import AuditFinding, AuditReport
from evidence_vault.vault.digesting import place_committed
from evidence_vault.vault.opening import Vault

_MOST = 20  # differing rows of one table that are named


def compare_catalogue(vault: Vault, number: int, report: AuditReport) -> list[AuditFinding]:
    """The catalogue of one log, row by row, against one that is made anew beside it.

    Needs the keyring, since members of sets are encrypted. Rows beyond what the catalogue has
    reached are not missing: the next command adds them.
    """
    known = vault.catalogue.frontier(number)
    if known.size > report.entries:
        message = f"the catalogue knows {known.size} entries, the store holds {report.entries}"
        return [AuditFinding("E-CATALOGUE-AHEAD", "catalogue", message)]
    if known.size and report.roots.get(known.size) not in (None, known.root()):
        return [AuditFinding("E-CATALOGUE-DIFFERS", "catalogue", "the catalogue's root is another")]
    if report.findings:
        return []  # a log that contradicts itself can't be replayed faithfully
    with tempfile.TemporaryDirectory(prefix="audit-", dir=_scratch(vault)) as folder:
        fresh = Catalogue.create(Path(folder) / "fresh.db", number)
        try:
            sequencer = Sequencer(vault.log_number(number), fresh)
            sequencer.catch_up(lambda *a: place_committed(vault, *a), until=known.size)
            rows = vault.catalogue.differing(Path(folder) / "fresh.db", number, _MOST)
        except VaultError as error:
            return [AuditFinding(error.code, "catalogue", error.message)]
        finally:
            fresh.close()
    return [
        AuditFinding("E-CATALOGUE-ROW", f"catalogue, {table}", f"{what}: run `rebuild`")
        for table, what in rows
    ]


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


def _scratch(vault: Vault) -> Path | None:
    """Beside the catalogue, whose rows lie there in any case; elsewhere when that is read-only."""
    import os

    return vault.folder if os.access(vault.folder, os.W_OK) else None
