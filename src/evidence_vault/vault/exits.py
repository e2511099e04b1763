"""Single originals and receipts leave here (bundles: exporting.py), in the exit order of DESIGN §4:

choose → check → ``exported`` (or ``accessed``) committed → proofs to the newest checkpoint →
written → signed. Nothing readable leaves before its event is committed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evidence_vault.bundle.model import count_fields
from evidence_vault.core.receipt import Receipt, format_receipt
from evidence_vault.errors import EvidenceError
from evidence_vault.vault.derivatives import newest_valid
from evidence_vault.vault.files import demand_absent, new_file
from evidence_vault.vault.foreignproofs import carried_receipts
from evidence_vault.vault.opening import Vault, demand_desk
from evidence_vault.vault.payloads import Payload, payload_of
from evidence_vault.vault.receipts import ReceiptMaker, fields_to_show
from evidence_vault.vault.writer import Writer, writing

_BLOCK = 1024 * 1024


def get_item(
    vault: Vault,
    item: str,
    out: Path,
    by: str | None = None,
    purpose: str | None = None,
    share_copy: bool = False,
) -> dict[str, Any]:
    """Write an item's original, or its share copy, to a new file, after ``accessed`` is committed.

    The bytes are hashed as they are written; raises EvidenceError (and leaves no file) when they
    are not the ones recorded.
    """
    demand_desk(vault, "give an original out")
    demand_absent(out)
    payload = payload_of(vault, item, share_copy)
    with payload.open() as probe:
        probe.read(1)  # a missing object or key is said before an event claims access
    with writing(vault) as writer:
        values = {"actor": by, "purpose": purpose}
        writer.item_event("accessed", item, values, home=payload.event.event.subject["home"])
        event = writer.commit()
        writer.checkpoint()
    with new_file(out) as target:
        _copy_checked(payload, target)
    return {
        "event": event,
        "file": str(out),
        "id": item,
        "sha256": payload.sha256,
        "size": payload.size,
        "was": "was made" if share_copy else "came in",
    }


def _copy_checked(payload: Payload, target: Any) -> None:
    digest, size = hashlib.sha256(), 0
    with payload.open() as source:
        while block := source.read(_BLOCK):
            digest.update(block)
            size += len(block)
            target.write(block)
    found = digest.hexdigest()
    if found != payload.sha256 or size != payload.size:
        raise EvidenceError(
            f"the stored bytes are not those recorded: expected {payload.sha256}, found {found}",
            code="E-CONTENT-CHANGED",
        )


@dataclass(frozen=True)
class Left:
    """Receipts as they leave: by item, with the ``exported`` event at ``index`` their last.

    ``copies``: items of which the receipt is for the share copy.
    """

    maker: ReceiptMaker
    receipts: dict[str, Receipt]
    index: int
    proofs: dict[str, Any]
    copies: frozenset[str]

    def summary(self) -> dict[str, Any]:
        """What every command that writes them says."""
        point = self.maker.point
        return {
            "checkpoint": {"root": point.root.hex(), "size": point.size},
            "copies": sorted(self.copies),
            "event": self.index,
            "proofs": self.proofs,
        }


def leave_receipts(
    vault: Vault,
    items: Sequence[str],
    kind: str,
    disclose: Sequence[str] = (),
    by: str | None = None,
    purpose: str | None = None,
    original: bool = False,
) -> Left:
    """Commit the exit of ``kind`` and make the receipts of its items, sorted by name.

    The receipt of an item that has a share copy is that of the copy: the digests of the original
    stay unless ``disclose`` names them, or ``original`` says that it is what is asked for.
    """
    shown = fields_to_show(disclose)
    chosen = sorted(set(items))
    maker = ReceiptMaker(vault, chosen, shown, disclose)
    found = () if original else maker.histories()
    copies = frozenset(item for item, events in found if newest_valid(vault, events))
    maker.leave_as_copies(copies)
    with writing(vault) as writer:
        proofs = maker.claim().to_json()
        values = {
            "actor": by,
            "counts": counts_of(maker, chosen, 0, 0),
            "fields_shown": sorted(shown) if shown is not None else ["all"],
            "kind": kind,
            "proofs": proofs,
            "purpose": purpose,
        }
        index = commit_exit(writer, maker, chosen, values)
    return Left(maker, maker.make(index, ("counts", "proofs")), index, proofs, copies)


def write_receipts(
    vault: Vault,
    items: Sequence[str],
    out: Path,
    disclose: Sequence[str] = (),
    by: str | None = None,
    purpose: str | None = None,
) -> dict[str, Any]:
    """Write one receipt file, or one per item into a new folder when several are named."""
    demand_desk(vault, "write a receipt")
    demand_absent(out)
    left = leave_receipts(vault, items, "receipt", disclose, by, purpose)
    targets = [(item, out) for item in left.receipts]
    if len(targets) > 1:
        out.mkdir(mode=0o700)
        targets = [(item, out / f"{item}.txt") for item in left.receipts]
    for item, path in targets:
        with new_file(path) as stream:
            stream.write(format_receipt(left.receipts[item]))
    foreign = _foreign_targets(vault, left.maker, out)
    for _, path, receipt in foreign:
        with new_file(path) as stream:
            stream.write(format_receipt(receipt))
    return {
        **left.summary(),
        "foreign": [{"file": str(path), "id": item} for item, path, _ in foreign],
        "receipts": [{"file": str(path), "id": item} for item, path in targets],
    }


def _foreign_targets(
    vault: Vault, maker: ReceiptMaker, out: Path
) -> list[tuple[str, Path, Receipt]]:
    """Receipts of the archive before that go along, each into a file that is not there yet."""
    alone = sum(1 for _ in maker.histories()) == 1
    found = []
    for item, number, receipt in carried_receipts(vault, maker):
        if receipt is None:
            continue
        end = "-foreign" if number == 1 else f"-foreign-{number}"
        path = out.with_name(f"{out.stem}{end}{out.suffix}") if alone else out / f"{item}{end}.txt"
        found.append((item, path, receipt))
    return found


def counts_of(
    maker: ReceiptMaker, chosen: Sequence[str], exported: int, withheld: int
) -> dict[str, int]:
    shown, hidden = count_fields(maker.drafts())
    return {
        "chosen": len(chosen),
        "exported": exported,
        "fields_shown": shown,
        "fields_withheld": hidden,
        "withheld": withheld,
    }


def commit_exit(
    writer: Writer, maker: ReceiptMaker, chosen: Sequence[str], values: Mapping[str, Any]
) -> int:
    maker.demand_unchanged()
    writer.set_event("exported", [(item, maker.home(item)) for item in chosen], values)
    index = writer.commit()
    writer.checkpoint()
    return index
