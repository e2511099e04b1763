"""The proofs that came with a bundle of another vault: kept whole as one item, and read again.

    evidence-<8 hex>/…   every file of the bundle outside data/, stored, in order of name

A receipt read from it is compared with the digest in the item's ``foreign-custody-recorded`` event.
What leaves of it is trimmed to the fields that leave of our own record.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evidence_vault.bundle.custody import custody_events, render_history
from evidence_vault.core.bagtext import STATEMENT, is_payload
from evidence_vault.core.receipt import MAX_RECEIPT, Receipt, parse_receipt
from evidence_vault.core.statement import UNLISTED, Statement
from evidence_vault.core.text import escape_for_display
from evidence_vault.errors import EvidenceError, VaultError
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.receipts import ReceiptMaker
from evidence_vault.vault.records import ItemEvent, ingested_event, open_content
from evidence_vault.verify.container import Container

RECORDED = "foreign-custody-recorded"
_BLOCK = 1024 * 1024
_DATE = (1980, 1, 1, 0, 0, 0)


def write_proofs(container: Container, statement: Statement, signed: bytes, target: Path) -> None:
    """A ZIP of every listed file outside ``data/``, and of the statement's own.

    The same bundle always gives the same bytes. With the files put back below ``data/`` it is the
    bundle again. ``signed``: the bytes of the statement. Raises EvidenceError (E-CHANGED) when a
    file is no longer what was verified.
    """
    digests = {row.path: row.sha256 for row in statement.files}
    digests[STATEMENT] = hashlib.sha256(signed).hexdigest()
    names = {p for p in (*digests, *UNLISTED) if not is_payload(p)}
    with zipfile.ZipFile(target, "x", zipfile.ZIP_STORED) as archive:
        for name in sorted(names):
            info = zipfile.ZipInfo(f"{_top(statement.bundle_id)}/{name}", _DATE)
            info.create_system, info.external_attr = 3, 0o100644 << 16
            info.file_size = container.listing.files[name]
            with archive.open(info, "w") as member:
                found = copy_out(container, name, member)
            if found != digests.get(name, found):
                raise EvidenceError(f"{name} changed while it was read", code="E-CHANGED")


def copy_out(container: Container, inner: str, target: Any) -> str:
    """Copy a file of a bundle out; returns its SHA-256 (hex)."""
    digest = hashlib.sha256()
    with container.open(inner) as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
            target.write(block)
    return digest.hexdigest()


def _top(bundle_id: str) -> str:
    return f"evidence-{bundle_id[:8]}"


@dataclass(frozen=True)
class ForeignRecord:
    """What the event of an item names, and the other log's receipt; why not, where it is None."""

    event: ItemEvent
    receipt: Receipt | None
    reason: str = ""

    @property
    def told(self) -> dict[str, Any]:
        """Field ``foreign``."""
        value = self.event.values.get("foreign")
        return value if isinstance(value, dict) else {}


def foreign_records(vault: Vault, events: Sequence[ItemEvent]) -> Iterator[ForeignRecord]:
    """Each record of another log beneath an item's history, oldest first."""
    for event in events:
        if event.event.type != RECORDED or vault.keyring.is_station:
            continue
        try:
            yield ForeignRecord(event, parse_receipt(_read_receipt(vault, event.values)))
        except (VaultError, KeyError, zipfile.BadZipFile) as error:
            reason = error.message if isinstance(error, VaultError) else "its proofs are damaged"
            yield ForeignRecord(event, None, reason)


def _read_receipt(vault: Vault, values: dict[str, Any]) -> bytes:
    """Raises VaultError, KeyError or BadZipFile when it can't be read or is another one."""
    told = values["foreign"]
    arrival = ingested_event(vault, str(told["proofs"]))
    with open_content(vault, arrival) as stream, zipfile.ZipFile(stream) as archive:
        info = archive.getinfo(f"{_top(values['bundle_id'])}/{told['receipt']}")
        if info.file_size > MAX_RECEIPT:
            raise EvidenceError("the receipt of the other log is too large", code="E-CHANGED")
        data = archive.read(info)
    found = hashlib.sha256(data).hexdigest()
    if found != values["receipt_sha256"]:
        raise EvidenceError(
            f"the receipt of the other log is not the one recorded: expected "
            f"{values['receipt_sha256']}, found {found}",
            code="E-CONTENT-CHANGED",
        )
    return data


# -- to read -----------------------------------------------------------------------------------


def foreign_history(vault: Vault, events: Sequence[ItemEvent]) -> list[dict[str, Any]]:
    """Each record as data; ``text`` is its record for a clerk."""
    return [_history(record) for record in foreign_records(vault, events)]


def _history(record: ForeignRecord) -> dict[str, Any]:
    values, told = record.event.values, record.told
    found = [] if record.receipt is None else custody_events(record.receipt)
    return {
        "bundle_id": values.get("bundle_id"),
        "event": record.event.index,
        "events": [
            {
                "fields": dict(each.revealed),
                "index": each.position,
                "leaf": each.leaf,
                "recorded_at": each.recorded_at,
                "seq": each.item_seq,
                "signer": each.signer,
                "type": each.type,
                "withheld": list(each.withheld),
            }
            for each in found
        ],
        "fingerprint": told.get("fingerprint"),
        "home": told.get("home"),
        "id": told.get("id"),
        "origin": told.get("origin"),
        "proofs": told.get("proofs"),
        "reason": record.reason,
        "receipt_sha256": values.get("receipt_sha256"),
        "text": _head(values, told, record.reason) + render_history(found),
        "verified": values.get("verified"),
    }


def _head(values: dict[str, Any], told: dict[str, Any], reason: str) -> str:
    verified = values.get("verified") or {}
    outcome = str(verified.get("outcome"))
    if verified.get("unchecked"):
        outcome += ": " + ", ".join(map(str, verified["unchecked"]))
    under = verified.get("trust")
    trust = "no trust file was given" if under is None else f"under the trust file {under}"
    lines = [
        "BEFORE IT CAME HERE, as another log tells it (not this archive):",
        f"   log {told.get('origin')}, item {told.get('id')}, bundle {values.get('bundle_id')}",
        f"   checked when it came in: {outcome} ({trust})",
        f"   its proofs are item {told.get('proofs')} of this archive",
    ]
    if reason:
        lines.append(f"   they could not be read now: {reason}")
    return "\n".join(escape_for_display(line) for line in lines) + "\n\n"


# -- to hand on --------------------------------------------------------------------------------


def carried_receipts(
    vault: Vault, maker: ReceiptMaker
) -> Iterator[tuple[str, int, Receipt | None]]:
    """(item, number from 1, receipt) of every foreign record of the chosen items that goes along.

    With what leaves of it (revealing.py). None where the receipt can't be read here any more.
    """
    for item, events in maker.histories():
        for number, record in enumerate(foreign_records(vault, events), 1):
            if record.receipt is None:
                yield item, number, None
                continue
            receipt = maker.of_other_log(item, record.receipt)
            if receipt is not None:
                yield item, number, receipt
