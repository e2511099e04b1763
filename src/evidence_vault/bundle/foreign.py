"""Receipts of other logs that go along: what the archive before says of an item, provably."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from evidence_vault.bundle.model import BundlePlan
from evidence_vault.core.receipt import Receipt, format_receipt

FOLDER = "foreign/"


def foreign_name(item: str, number: int) -> str:
    """The file name of the ``number``-th (from 1) foreign receipt of an item, without ending."""
    return item if number == 1 else f"{item}-{number}"


class ForeignReceipts:
    """An Extra: ``foreign/<ITEM>.txt`` for each item that another vault's bundle brought.

    ``receipts`` gives (item, number from 1, receipt) anew each time it is called, always the same;
    None for one that can't be read any more, which is left out.
    """

    def __init__(self, receipts: Callable[[], Iterable[tuple[str, int, Receipt | None]]]) -> None:
        self._receipts = receipts

    def files(self, plan: BundlePlan, /) -> Iterator[tuple[str, Iterable[bytes]]]:
        chosen = {item.id for item in plan.items}
        for item, number, receipt in self._receipts():
            if item in chosen and receipt is not None:
                yield f"{FOLDER}{foreign_name(item, number)}.txt", [format_receipt(receipt)]
