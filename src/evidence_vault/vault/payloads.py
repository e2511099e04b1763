"""What of an item leaves in a bundle: its share copy where it has one, its original, or neither.

An original of an item that has a share copy leaves only when that item is asked for by name.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import BinaryIO

from evidence_vault.core.event import Unit
from evidence_vault.errors import UsageError
from evidence_vault.vault.derivatives import newest_valid, read_statement
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.receipts import ReceiptMaker
from evidence_vault.vault.records import ItemEvent, item_history, open_unit, unit_of

ONLY_RECEIPT = "original not asked for (--originals): only its receipt leaves"
NOT_KEPT = "original not kept (strip-only), and no share copy is there: only its receipt leaves"


@dataclass(frozen=True)
class Payload:
    """Bytes as the bundle reads them (bundle.model.PayloadSource).

    ``statement``: of a share copy, None for an original.
    """

    vault: Vault
    event: ItemEvent
    unit: Unit
    extension: str
    statement: bytes | None
    read: Callable[[int], None] | None = None

    @property
    def sha256(self) -> str:
        return str(self.event.values["content_sha256"])

    @property
    def sha512(self) -> str:
        return str(self.event.values["content_sha512"])

    @property
    def size(self) -> int:
        return int(self.event.values["content_size"])

    def open(self) -> BinaryIO:
        return open_unit(self.vault, self.event, self.unit)


@dataclass(frozen=True)
class Payloads:
    """By item; an item that is not in ``chosen`` leaves with its receipt only, ``why`` says why.

    ``held_back``: items whose original was asked for, and whose share copy leaves instead.
    """

    chosen: dict[str, Payload]
    why: dict[str, str]
    held_back: list[str]


def choose_payloads(
    vault: Vault, maker: ReceiptMaker, originals: bool, named: Collection[str]
) -> Payloads:
    """``originals``: they were asked for; ``named``: items that were asked for by name.

    Each is opened for its first bytes, so that a missing object or key is said before the event
    of the export is committed.
    """
    chosen: dict[str, Payload] = {}
    why: dict[str, str] = {}
    held_back = []
    for item, events in maker.histories():
        arrival = events[0]
        copy = newest_valid(vault, events)
        unit = unit_of(arrival.event, "content")
        wanted = originals and unit is not None and (copy is None or item in named)
        if wanted and unit is not None:
            chosen[item] = Payload(vault, arrival, unit, maker.extension(item), None)
        elif copy is not None:
            chosen[item] = _of_copy(vault, copy)
            if originals and unit is not None:
                held_back.append(item)
        else:
            why[item] = ONLY_RECEIPT if unit is not None else NOT_KEPT
    for payload in chosen.values():
        with payload.open() as probe:
            probe.read(1)
    return Payloads(chosen, why, held_back)


def payload_of(vault: Vault, item: str, share_copy: bool) -> Payload:
    """An item's original or share copy; raises UsageError where there is none."""
    events = list(item_history(vault, item))
    copy = newest_valid(vault, events)
    unit = unit_of(events[0].event, "content")
    if share_copy and copy is not None:
        return _of_copy(vault, copy)
    if not share_copy and unit is not None:
        return Payload(vault, events[0], unit, "", None)
    if share_copy:
        raise UsageError(
            f"{item} has no share copy",
            code="E-NO-COPY",
            hint=f"make one: `evidence-vault derive {item} --share-copy`",
        )
    raise UsageError(
        f"the original of {item} was not kept (strip-only)",
        code="E-NO-ORIGINAL",
        hint="--share-copy gives the copy that was kept",
    )


def _of_copy(vault: Vault, copy: ItemEvent) -> Payload:
    unit = unit_of(copy.event, "content")
    assert unit is not None  # a ``derived`` event has one, by its schema
    extension = str(copy.values["format"].get("extension", "bin"))
    return Payload(vault, copy, unit, extension, read_statement(vault, copy))
