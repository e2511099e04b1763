"""Making receipts: entries, inclusion paths, and what is shown of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from evidence_vault.core.checkpoint import Checkpoint
from evidence_vault.core.disclosure import Disclosure
from evidence_vault.core.event import ARRIVALS, FIELDS, parse_entry
from evidence_vault.core.keystate import KEY_EVENTS
from evidence_vault.core.members import Opening, open_members, parse_members
from evidence_vault.core.merkle import leaf_hash, prove_consistency, prove_inclusion
from evidence_vault.core.proofclaim import ProofClaim
from evidence_vault.core.receipt import VAULT_SUBJECT, Receipt, ReceiptEvent, ReceiptState
from evidence_vault.errors import InternalError, UsageError, VaultBusy
from evidence_vault.vault.anchoring import AnchorReader, own_head
from evidence_vault.vault.brackets import Brackets
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.proving import ProvenState, StateChooser
from evidence_vault.vault.records import (
    ItemEvent,
    Read,
    committed_at,
    item_history,
    open_record,
)
from evidence_vault.vault.revealing import ALWAYS_SHOWN, NEVER_SHOWN, Revealing


def fields_to_show(disclose: Iterable[str]) -> frozenset[str] | None:
    """Fields to reveal; None means all. Raises UsageError for a name that is no field."""
    names = set(disclose)
    if names == {"all"}:
        return None
    known = {name for fields in FIELDS.values() for name in fields} - NEVER_SHOWN
    unknown = sorted(names - known)
    if unknown:
        raise UsageError(
            f"there is no field {unknown[0]!r}",
            code="E-NO-FIELD",
            hint="fields: all, " + ", ".join(sorted(known)),
        )
    return ALWAYS_SHOWN | names


class Proved(NamedTuple):
    """What all receipts of one act share: whose keys counted, and the way to the checkpoint."""

    keys: list[ReceiptEvent]
    path: Callable[[int], tuple[bytes, ...]]
    note: bytes
    states: tuple[ReceiptState, ...]


class ReceiptMaker:
    """Receipts of chosen items. Histories are read once; proofs follow the committed event."""

    def __init__(
        self,
        vault: Vault,
        items: Sequence[str],
        shown: frozenset[str] | None,
        named: Iterable[str] = (),
        known: int | None = None,
    ) -> None:
        """``known``: as if the log had only so many entries; None: as it is now."""
        self._vault = vault
        self._revealing = Revealing(shown, frozenset(named))
        self._origin = vault.keyring.origin
        self._histories: dict[str, list[ItemEvent]] = {}
        sets: dict[tuple[int, int], Read] = {}
        for item in items:
            events = [
                e
                for e in item_history(vault, item, vault.config.log, sets)
                if known is None or e.index < known
            ]
            if not events or events[0].event.type not in ARRIVALS:
                raise UsageError(
                    f"{item} has its history in an earlier log of this vault",
                    code="E-EARLIER-LOG",
                    hint="receipts across succeeded logs come with hand-over",
                )
            self._histories[item] = events
        # Histories are read first: an item that gets an event after this size is noticed before
        # the event of the export is committed, so the same size gives the same receipts again.
        self.known = vault.catalogue.frontier().size if known is None else known
        # Whose keys counted when: a reader of any of these receipts needs all of it.
        self._about_vault = [
            (index, committed_at(vault, index).entry)
            for index in vault.catalogue.indexes_of(KEY_EVENTS)
            if index < self.known
        ]
        self._chooser = StateChooser(vault)
        self._states: list[ProvenState] = []
        self._openings: dict[tuple[int, str], Opening] = {}
        self._checkpoint: Checkpoint | None = None
        self.note = b""  # the signed checkpoint to which the receipts lead, once they are made
        self._leaves: dict[int, str] = {}
        self._proved: Proved | None = None

    # -- before the event ----------------------------------------------------------------------

    def home(self, item: str) -> str:
        return str(self.ingested(item).event.subject["home"])

    def ingested(self, item: str) -> ItemEvent:
        return self._histories[item][0]

    def extension(self, item: str) -> str:
        form = self.ingested(item).values.get("format") or {}
        return str(form.get("extension", "bin"))

    def history(self, item: str) -> list[ItemEvent]:
        return self._histories[item]

    def histories(self) -> Iterator[tuple[str, list[ItemEvent]]]:
        yield from self._histories.items()

    def reveals(self, event: ItemEvent) -> tuple[Disclosure, ...]:
        """What is shown of an event, in order of field name."""
        return self._revealing.of(event)

    def leave_as_copies(self, items: Iterable[str]) -> None:
        """Of these the share copy leaves: the original's digests stay unless asked for."""
        self._revealing.copies = frozenset(items)

    def is_copy(self, item: str) -> bool:
        """Whether the share copy of an item leaves."""
        return item in self._revealing.copies

    def leave_together(self) -> None:
        """All of these leave in one bundle: relations between two of them are revealed."""
        self._revealing.together = frozenset(self._histories)

    def leave_in_public(self, copies: Iterable[int]) -> None:
        """Of no file anything but of these share copies, by log position; no near place."""
        self._revealing.public = frozenset(copies)

    def of_other_log(self, item: str, receipt: Receipt) -> Receipt | None:
        """What leaves of another log's receipt of an item; None where nothing of it does."""
        return self._revealing.of_other_log(item, receipt)

    def drafts(self) -> Iterator[Receipt]:
        """Receipts without proofs and without the event to come: for counting fields."""
        zero = committed_at(self._vault, 0)
        for item, events in self._histories.items():
            shown = [ReceiptEvent(0, zero.entry, ())]
            shown += [ReceiptEvent(index, entry, ()) for index, entry in self._about_vault]
            shown += [ReceiptEvent(e.index, e.entry, (), None, self.reveals(e)) for e in events]
            yield Receipt(self._origin, ("item", self.home(item), item), "", tuple(shown), b"")

    def claim(self) -> ProofClaim:
        """Which countersigned and stamped states go along; to be stated by the event to come."""
        events = [e for events in self._histories.values() for e in events]
        reader = AnchorReader(self._vault)
        found = {reader.below(own_head(e.event, self._origin)) for e in events} - {None}
        stamped = {size for anchored in found if anchored for size in anchored.token_sizes}
        self._states = self._chooser.choose([e.index for e in events], stamped)
        return self._chooser.claim(self._states)

    @property
    def states(self) -> list[ProvenState]:
        """What :meth:`claim` chose."""
        return self._states

    def recall(self, states: Iterable[ProvenState]) -> None:
        """Take the states that an earlier run chose, in place of :meth:`claim`."""
        self._states = list(states)

    def brackets(self) -> dict[int, tuple[str, ...]]:
        """What is proved of the time of each entry, in words, by log position."""
        reader = Brackets(self._vault)
        return {
            e.index: reader.lines(e.event, e.index)
            for events in self._histories.values()
            for e in events
        }

    def demand_unchanged(self) -> None:
        """Raises VaultBusy when an item got another event since its history was read."""
        for item, events in self._histories.items():
            head = self._vault.catalogue.head(item)
            if head is None or head.idx != events[-1].index:
                raise VaultBusy(
                    f"{item} was changed by another process in the meantime",
                    hint="run the command again",
                )

    # -- after the event -----------------------------------------------------------------------

    @property
    def point(self) -> Checkpoint:
        """The checkpoint the receipts lead to."""
        if self._checkpoint is None:
            raise InternalError("receipts were not made yet")
        return self._checkpoint

    def leaf_of(self, index: int) -> str:
        return self._leaves[index]

    def make(
        self, exported: int, shown: Sequence[str], note: bytes | None = None
    ) -> dict[str, Receipt]:
        """Receipts by item, ending with the committed event at ``exported``.

        ``note``: an earlier signed checkpoint of this log, to which they lead; None: the newest.
        """
        vault = self._vault
        newest = vault.checkpoint()
        opened = newest if note is None else vault.opened(note)
        note = note or vault.log.checkpoint()
        if newest is None or opened is None or note is None or opened.checkpoint.size <= exported:
            raise InternalError("no checkpoint covers the event of this export")
        self._checkpoint, self.note = opened.checkpoint, note
        tiles = vault.tiles(newest)
        size = opened.checkpoint.size
        paths: dict[int, tuple[bytes, ...]] = {}

        def path(index: int) -> tuple[bytes, ...]:
            if index not in paths:
                paths[index] = tuple(prove_inclusion(index, size, tiles))
            return paths[index]

        self._open_sets(exported)
        zero = committed_at(vault, 0)
        last = committed_at(vault, exported)
        self._leaves[exported] = leaf_hash(last.entry).hex()
        event = parse_entry(last.entry).event
        record = open_record(vault, last, event)
        revealed = tuple(d for name, d in sorted(record.items()) if name in shown)
        made = event.recorded_at  # the one time about the receipt that is signed
        states = tuple(state.receipt_state(size, tiles) for state in self._states)
        keys = [ReceiptEvent(0, zero.entry, path(0))]
        keys += [ReceiptEvent(index, entry, path(index)) for index, entry in self._about_vault]
        self._proved = Proved(keys, path, note, states)
        anchors = AnchorReader(vault)
        seen: dict[int, tuple[bytes, ...]] = {}

        def head_seen(e: ItemEvent) -> tuple[bytes, ...] | None:
            """The proof of the head that an event had seen, where an anchor lies below it."""
            own = own_head(e.event, self._origin)
            if not anchors.below(own):
                return None
            if own not in seen:
                seen[own] = tuple(prove_consistency(own, size, tiles))
            return seen[own]

        receipts: dict[str, Receipt] = {}
        for item, events in self._histories.items():
            told = list(keys)
            for e in events:
                opening = self._openings.get((e.index, item))
                proof = (path(e.index), opening, self.reveals(e), head_seen(e))
                told.append(ReceiptEvent(e.index, e.entry, *proof))
            needed = {anchors.below(own_head(e.event, self._origin)) for e in events} - {None}
            told += [ReceiptEvent(a.index, a.entry, path(a.index)) for a in needed if a]
            opening = self._openings[(exported, item)]
            told.append(ReceiptEvent(exported, last.entry, path(exported), opening, revealed))
            subject = ("item", self.home(item), item)
            told.sort(key=lambda event: event.index)
            peers = tuple(sorted({note for a in needed if a for note in a.peers}))
            receipts[item] = Receipt(self._origin, subject, made, tuple(told), note, states, peers)
        return receipts

    def about_vault(self, entries: Iterable[tuple[int, bytes, Sequence[Disclosure]]]) -> Receipt:
        """A receipt with the vault as its subject, to the same checkpoint as those of the items.

        ``entries``: (position, entry, what is revealed of it), about no item, at least one.
        """
        if self._proved is None:
            raise InternalError("receipts were not made yet")
        keys, path, note, states = self._proved
        told = keys + [ReceiptEvent(i, e, path(i), None, tuple(r)) for i, e, r in entries]
        told.sort(key=lambda event: event.index)
        made = parse_entry(told[-1].leaf).event.recorded_at
        return Receipt(self._origin, VAULT_SUBJECT, made, tuple(told), note, states)

    def _open_sets(self, exported: int) -> None:
        """Openings of every set event in the histories, each set hashed once."""
        wanted: dict[int, set[str]] = {exported: set(self._histories)}
        for item, events in self._histories.items():
            for e in events:
                if e.event.subject["kind"] == "set":
                    wanted.setdefault(e.index, set()).add(item)
        for index, items in wanted.items():
            committed = committed_at(self._vault, index)
            event = parse_entry(committed.entry).event
            value = open_record(self._vault, committed, event)["members"].value
            seed, members = parse_members(value)
            places = [i for i, m in enumerate(members) if m.id in items]
            for opening in open_members(seed, members, places):
                self._openings[index, opening.member.id] = opening
