"""The proof of how items came in: a receipt about the accessions that a bundle names anyway.

An item's own receipt holds the events of that item alone; what opened and closed its accession is
about no item. So these events travel in a receipt of their own, whose subject is the vault, to the
same checkpoint. An accession that no receipt in the bundle names does not leave.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from evidence_vault.bundle.model import BundleItem
from evidence_vault.core.disclosure import Disclosure
from evidence_vault.core.event import parse_entry
from evidence_vault.core.receipt import Receipt
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.receipts import ReceiptMaker
from evidence_vault.vault.records import committed_at, open_record

_TYPES = ("accession-opened", "accession-closed")
# Names of files that never came in: no part of what leaves, so only by name.
_ONLY_BY_NAME = frozenset(("refused",))


def accession_receipt(
    vault: Vault,
    maker: ReceiptMaker,
    items: Iterable[BundleItem],
    shown: frozenset[str] | None,
    named: Iterable[str],
) -> Receipt | None:
    """The receipt, after those of the items were made; None when they name no accession.

    ``shown``: fields to reveal, None for all; ``named``: those that were asked for by name. Cost:
    each accession of the vault is looked at once.
    """
    wanted = _named_by(items)
    if not wanted:
        return None
    hidden = _ONLY_BY_NAME - frozenset(named)
    told = list(_entries(vault, wanted, maker.point.size, shown, hidden))
    return maker.about_vault(told) if told else None


def _named_by(items: Iterable[BundleItem]) -> set[str]:
    """The accessions that the receipts reveal."""
    return {
        str(each.value)
        for item in items
        for event in item.receipt.events
        for each in event.reveals
        if each.name == "accession"
    }


def _entries(
    vault: Vault, wanted: set[str], size: int, shown: frozenset[str] | None, hidden: frozenset[str]
) -> Iterator[tuple[int, bytes, list[Disclosure]]]:
    """Entries below ``size`` about the accessions, and what is revealed of each."""
    for index in vault.catalogue.indexes_of(_TYPES):
        if index >= size:
            break
        committed = committed_at(vault, index)
        event = parse_entry(committed.entry).event
        if event.subject.get("id") in wanted:
            record = open_record(vault, committed, event)
            reveals = [
                each
                for name, each in sorted(record.items())
                if name not in hidden and (shown is None or name in shown)
            ]
            yield index, committed.entry, reveals
