"""What two bundles can be held against each other by, read again after each was verified.

A range is (first, end) of log positions; its hash is that of RFC 9162 over those entries. Every
inclusion path of a receipt gives some, each authenticated by the signed checkpoint.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from evidence_vault.core.bagtext import STATEMENT
from evidence_vault.core.checkpoint import parse_checkpoint
from evidence_vault.core.event import parse_entry, stands_beside
from evidence_vault.core.merkle import leaf_hash, node_hash
from evidence_vault.core.note import parse_note
from evidence_vault.core.receipt import MAX_RECEIPT, Receipt, ReceiptEvent, parse_receipt
from evidence_vault.core.statement import MAX_STATEMENT, ItemRow, Statement, parse_statement
from evidence_vault.errors import EvidenceError
from evidence_vault.verify.container import Container, open_container

Ranges = dict[tuple[int, int], bytes]


@dataclass(frozen=True, slots=True)
class SideEvent:
    """An event of an item's history: position in the log, leaf hash, type, names revealed."""

    index: int
    leaf: str
    type: str
    reveals: frozenset[str]


@dataclass(slots=True)
class SideItem:
    """One item of a bundle; ``payload`` is the SHA-256 (hex) of what leaves of it, if anything."""

    row: ItemRow
    payload: str | None
    events: list[SideEvent] = field(default_factory=list)


@dataclass(slots=True)
class Side:
    """One bundle. ``fingerprint``: leaf hash of entry 0 (hex), that names the vault."""

    statement: Statement
    fingerprint: str
    ranges: Ranges
    items: dict[tuple[str, str], SideItem]

    def root_at(self, size: int) -> bytes | None:
        """The root of the first ``size`` entries as far as the receipts show it.

        An inclusion path that has one whole range of a size has that of every whole range above
        it, so the right edge alone is put together. Cost: at most 63 look-ups.
        """
        return _edge(self.ranges, 0, size)


def read_side(path: Path) -> Side:
    """Read a bundle that was verified; raises EvidenceError when it is no longer the same."""
    container = open_container(path)
    try:
        statement = parse_statement(read_file(container, STATEMENT, MAX_STATEMENT))
        digests = {row.path: row.sha256 for row in statement.files}
        side = Side(statement, "", {}, {})
        for row, receipt in read_receipts(container, statement):
            item = SideItem(row, digests.get(row.payload) if row.payload else None)
            side.items[row.home, row.id] = item
            _take(side, item, receipt)
        return side
    finally:
        container.close()


def read_receipts(container: Container, statement: Statement) -> Iterator[tuple[ItemRow, Receipt]]:
    """Every item with its receipt, whose bytes are those of the statement."""
    digests = {row.path: row.sha256 for row in statement.files}
    for row in statement.items:
        data = read_file(container, row.receipt, MAX_RECEIPT)
        if hashlib.sha256(data).hexdigest() != digests.get(row.receipt):
            raise EvidenceError(f"{row.receipt} changed while it was read", code="E-CHANGED")
        yield row, parse_receipt(data)


def read_file(container: Container, path: str, limit: int) -> bytes:
    """A file whole. Raises EvidenceError for one that is not there or too large."""
    size = container.listing.files.get(path)
    if size is None or size > limit:
        raise EvidenceError(f"{path} is missing or too large", code="E-CHANGED")
    with container.open(path) as stream:
        return b"".join(iter(lambda: stream.read(1 << 20), b""))


def _take(side: Side, item: SideItem, receipt: Receipt) -> None:
    size = side.statement.checkpoint_size
    for told in receipt.events:
        _collect(side.ranges, told, size)
        event = parse_entry(told.leaf).event
        if told.index and not stands_beside(event.type, event.subject):
            names = frozenset(d.name for d in told.reveals)
            leaf = leaf_hash(told.leaf).hex()
            item.events.append(SideEvent(told.index, leaf, event.type, names))
    for state in receipt.states:
        checkpoint = parse_checkpoint(parse_note(state.note).text)
        side.ranges[0, checkpoint.size] = checkpoint.root
    side.fingerprint = leaf_hash(receipt.events[0].leaf).hex()


def _collect(ranges: Ranges, told: ReceiptEvent, size: int) -> None:
    """Every range that a path names or leads through."""

    def climb(first: int, end: int, path: Sequence[bytes]) -> bytes:
        if end - first == 1:
            found = leaf_hash(told.leaf)
        else:
            middle = first + _split(end - first)
            if told.index < middle:
                left, right = climb(first, middle, path[:-1]), path[-1]
                ranges[middle, end] = right
            else:
                left, right = path[-1], climb(middle, end, path[:-1])
                ranges[first, middle] = left
            found = node_hash(left, right)
        ranges[first, end] = found
        return found

    climb(0, size, told.path)


def _edge(ranges: Ranges, first: int, end: int) -> bytes | None:
    found = ranges.get((first, end))
    if found is not None or end - first <= 1:
        return found
    middle = first + _split(end - first)
    left, right = ranges.get((first, middle)), _edge(ranges, middle, end)
    return None if left is None or right is None else node_hash(left, right)


def _split(count: int) -> int:
    """The largest power of two below ``count`` (RFC 9162 2.1.1)."""
    return 1 << (count - 1).bit_length() - 1
