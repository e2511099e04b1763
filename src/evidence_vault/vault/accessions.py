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
from evidence_vault.vault.sensitive import personal_fields

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
    reveals = (event.reveals for item in items for event in item.receipt.events)
    told = [
        (index, entry, shown_of)
        for index, entry, _, shown_of in _entries(vault, _named_by(reveals), shown, named)
        if index < maker.point.size
    ]
    return maker.about_vault(told) if told else None


def accession_findings(
    vault: Vault, maker: ReceiptMaker, shown: frozenset[str] | None, named: Iterable[str]
) -> list[dict[str, str]]:
    """(accession, what) of revealed fields that could point to people, before anything leaves."""
    reveals = (maker.reveals(event) for _, events in maker.histories() for event in events)
    fields: dict[str, set[str]] = {}
    for _, _, accession, told in _entries(vault, _named_by(reveals), shown, named):
        told_of = {each.name for each in told if each.value not in (None, [])}
        fields.setdefault(accession, set()).update(told_of)
    return [each for name in sorted(fields) for each in personal_fields(name, fields[name])]


def _named_by(reveals: Iterable[Iterable[Disclosure]]) -> set[str]:
    """The accessions that the receipts of the items reveal."""
    return {str(d.value) for told in reveals for d in told if d.name == "accession"}


def _entries(
    vault: Vault, wanted: set[str], shown: frozenset[str] | None, named: Iterable[str]
) -> Iterator[tuple[int, bytes, str, list[Disclosure]]]:
    """(position, entry, accession, what is revealed of it), in the order of the log."""
    if not wanted:
        return
    hidden = _ONLY_BY_NAME - frozenset(named)
    for index in vault.catalogue.indexes_of(_TYPES):
        committed = committed_at(vault, index)
        event = parse_entry(committed.entry).event
        accession = str(event.subject.get("id"))
        if accession in wanted:
            record = open_record(vault, committed, event)
            reveals = [
                each
                for name, each in sorted(record.items())
                if name not in hidden and (shown is None or name in shown)
            ]
            yield index, committed.entry, accession, reveals
