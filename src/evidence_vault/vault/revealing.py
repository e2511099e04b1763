"""What a receipt shows of each event: what was asked for, what a checker needs, and no more."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from evidence_vault.core.derivation import SHARE_COPY
from evidence_vault.core.disclosure import Disclosure
from evidence_vault.core.places import is_coarse
from evidence_vault.core.receipt import Receipt, ReceiptEvent
from evidence_vault.core.relations import LINKED, NAMING, UNLINKED, other_of
from evidence_vault.vault.records import ItemEvent

ALWAYS_SHOWN = frozenset(("content_sha256", "content_sha512", "content_size", "format"))
# Of a derivative also how it was made, and from what (as a commitment, never as a digest).
_SHOWN_OF_COPIES = ALWAYS_SHOWN | {"kind", "parent", "statement"}
# Of one that never leaves no digest: whoever has the original can make it again and compare.
_SHOWN_OF_OTHERS = frozenset(("kind",))
# Of an original whose share copy leaves: a plain digest would tell whoever finds the original.
_SHOWN_BESIDE_COPIES = frozenset(("format",))
# Of another log's receipt: what a checker needs, naming no place or person, and no bytes.
_FRAME = frozenset(("bundle_id", "counts", "format", "kind", "proofs"))
_OF_BYTES = frozenset(("parent", "payload_manifest", "statement"))
NEVER_SHOWN = frozenset(("members",))  # a whole set names other items; openings show one


class Revealing:
    """``shown``: fields to reveal, None for all; ``named``: those that were asked for by name.

    ``copies``: items of which the share copy leaves, so that the original's digests stay unless
    they were named. ``together``: items that leave in one bundle, so that a relation between two
    of them names nothing else. ``public``: None, or the log positions of the share copies that
    leave for the public: of them what a checker needs, of no other file anything that was not
    named, and no place but a coarse one.
    """

    def __init__(self, shown: frozenset[str] | None, named: Collection[str] = ()) -> None:
        self._shown = shown
        self._named = frozenset(named)
        self.copies: frozenset[str] = frozenset()
        self.together: frozenset[str] = frozenset()
        self.public: frozenset[int] | None = None

    def of(self, event: ItemEvent) -> tuple[Disclosure, ...]:
        """What is shown of an event, in order of field name."""
        shown = self._names(event)
        return tuple(
            d
            for name, d in sorted(event.disclosures.items())
            if name not in NEVER_SHOWN
            and (shown is None or name in shown)
            and not (self.public is not None and _too_near(name, d.value))
        )

    def of_other_log(self, item: str, receipt: Receipt) -> Receipt | None:
        """The receipt of an archive that held an item before, with what may leave of it.

        That is what was asked for of our own record, and the bare frame of a receipt; where a share
        copy leaves, nothing that a holder of the original could compare it with. Withheld fields
        stay counted and committed to: it verifies as before. The public gets none.
        """
        if self.public is not None:
            return None
        if self._shown is None:
            return receipt
        shown = self._named | _FRAME
        if item not in self.copies:
            shown |= ALWAYS_SHOWN | _OF_BYTES
        return replace(receipt, events=tuple(_less(event, shown) for event in receipt.events))

    def _names(self, event: ItemEvent) -> frozenset[str] | None:
        if self._shown is None:
            return None
        kind, item = event.event.type, event.event.subject.get("id")
        bare = self._shown - ALWAYS_SHOWN | self._named
        if self.public is not None and (kind == "derived" or event.seq == 0):
            return self._shown | _SHOWN_OF_COPIES if event.index in self.public else bare
        if kind == "derived":
            if event.values.get("kind") == SHARE_COPY:
                return self._shown | _SHOWN_OF_COPIES
            return bare | _SHOWN_OF_OTHERS
        if kind in (LINKED, UNLINKED):
            other = other_of(event.values)
            inside = other is not None and other[1] in self.together
            return self._shown | NAMING if inside else self._shown
        if event.seq == 0 and item in self.copies:
            return bare | _SHOWN_BESIDE_COPIES
        return self._shown


def _less(event: ReceiptEvent, shown: frozenset[str]) -> ReceiptEvent:
    return replace(event, reveals=tuple(d for d in event.reveals if d.name in shown))


def _too_near(name: str, value: Any) -> bool:
    """A place that says too much: a commitment is to the whole value, so it can't be cut."""
    return name == "place" and not is_coarse(value)
