"""The writer: makes, signs and commits custody events, publishes and signs checkpoints.

Write order (DESIGN §4). Steps 1 and 2 are in ingest.py; 4, 5 and 7 in the log room.

1. stage: one streaming read, both digests, sealed as it goes
2. payload durable; its header only in memory. Small ones that only the lock's holder can make
   (statements) become durable before 4
3. under the writer lock: item numbers, ``prev``, ``seen``, event built and signed
4. the commit: one create-only object with entries, sealed disclosures and headers, durable
5. the catalogue, a cache of 4
6. acknowledged
7. tiles, entry bundles and packs published and read back
8. the checkpoint signed (only over a published prefix), then covered commits emptied
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from evidence_vault.config import is_url
from evidence_vault.core import event as events
from evidence_vault.core.anchors import ANCHORED, format_anchors
from evidence_vault.core.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from evidence_vault.core.disclosure import SALT_BYTES, make_disclosure
from evidence_vault.core.event import (
    Unit,
    item_subject,
    parse_entry,
)
from evidence_vault.core.members import Member, members_value, set_root
from evidence_vault.core.merkle import EMPTY_ROOT, Frontier
from evidence_vault.core.note import parse_vkey
from evidence_vault.core.placement import Placed
from evidence_vault.errors import (
    AlreadyExists,
    EvidenceError,
    InternalError,
    LogInconsistent,
    UsageError,
)
from evidence_vault.log.catalogue import IndexRows
from evidence_vault.log.emptying import empty_commits
from evidence_vault.log.publisher import publish
from evidence_vault.log.sequencer import Prepared, Sequencer
from evidence_vault.ports import Signer
from evidence_vault.seal.units import UnitKey, UnitMaker
from evidence_vault.vault.anchoring import peer_head, pending_anchors, pending_digests
from evidence_vault.vault.digesting import digest_committed
from evidence_vault.vault.entrymaking import build_entry
from evidence_vault.vault.faults import step
from evidence_vault.vault.holdkeeping import extend_holds, finish_holds
from evidence_vault.vault.keys import signer_for
from evidence_vault.vault.movingstate import demand_not_left
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.pins import Pin, write_pins
from evidence_vault.vault.removing import finish_removals
from evidence_vault.vault.setnotes import write_set_note
from evidence_vault.vault.standing import Stood, demand_stands

_NO_EVENT: tuple[int, str | None] = (-1, None)


class Writer:
    """Everything one holder of the lock may do. Batches: prepare events, then ``commit``."""

    def __init__(self, vault: Vault, sequencer: Sequencer) -> None:
        self.vault = vault
        self._sequencer = sequencer
        self._keyring = vault.keyring
        self._signer: Signer | None = None
        self._maker = UnitMaker(self._keyring.recipients, self._keyring.plaintext)
        self._prepared: list[Prepared] = []
        self._heads: dict[str, tuple[int, str | None]] = {}
        self._next_item: int | None = None
        self._anchored = False
        self._peer = peer_head(vault)
        self._seen = self._head_seen()
        self._parts: list[tuple[str, str]] = []
        self._placed: list[Placed] = []
        self.index = IndexRows()
        self.touched: set[str] = set()  # items with events of their own in this session

    # -- step 2: payloads ----------------------------------------------------------------------

    def adopt(self, parts: Sequence[tuple[str, str]]) -> None:
        """Small payloads that could be made under the lock only: stored before the commit."""
        self._parts += parts

    def placed(self, placed: Sequence[Placed]) -> None:
        """Payloads of this batch that the store has taken: what it answered is recorded."""
        self._placed += [each for each in placed if each.version is not None]

    # -- step 3: events ------------------------------------------------------------------------

    def new_item(self) -> str:
        """The next item identifier; used up only if its batch is committed."""
        if self._next_item is None:
            self._next_item = self.vault.catalogue.last_number(self._keyring.prefix) + 1
        item = f"{self._keyring.prefix}-{self._next_item:07d}"
        self._next_item += 1
        self._heads[item] = _NO_EVENT
        return item

    def item_event(
        self,
        kind: str,
        item: str,
        values: Mapping[str, Any],
        units: Sequence[tuple[UnitKey, Unit]] = (),
        record: UnitKey | None = None,
        home: str | None = None,
    ) -> bytes:
        """Prepare an event about one item; returns its leaf hash.

        ``units``: content and metadata units with their keys. ``record``: a unit key made
        beforehand for the disclosures, so that wrapping need not happen here.
        """
        self.touched.add(item)
        place = home or self._keyring.origin
        seq, prev = self._next_place(item)
        leaf = self._prepare(
            kind, item_subject(place, item), seq, prev, values, units, record, [(item, place, seq)]
        )
        self._heads[item] = (seq, leaf.hex())
        return leaf

    def set_event(
        self,
        kind: str,
        items: Sequence[tuple[str, str]],
        values: Mapping[str, Any],
        record: UnitKey | None = None,
    ) -> bytes:
        """Prepare one event about many items, given as (id, home); returns its leaf hash."""
        seed = secrets.token_bytes(32)
        self.know_heads([item for item, _ in items])
        members = []
        for item, home in sorted(items, key=lambda pair: (pair[1], pair[0])):
            seq, prev = self._next_place(item)
            members.append(Member(home, item, seq, prev))
        root = set_root(seed, members)
        subject = {"kind": "set", "root": root.hex()}
        full = {**values, "members": members_value(seed, members)}
        if self._keyring.is_station:  # it could not read its own record when the log is replayed
            write_set_note(self.vault, root, full)
        places = [(m.id, m.home, m.item_seq) for m in members]
        leaf = self._prepare(kind, subject, None, None, full, (), record, places)
        for m in members:
            self._heads[m.id] = (m.item_seq, leaf.hex())
        return leaf

    def record_key(self) -> UnitKey:
        """A key for the record of an event to come, where its header is needed before."""
        return self._maker.new()

    def plain_event(
        self, kind: str, subject: Mapping[str, Any], values: Mapping[str, Any]
    ) -> bytes:
        """Prepare an event about an accession; returns its leaf hash."""
        return self._prepare(kind, subject, None, None, values, (), None, [])

    def vault_event(
        self,
        kind: str,
        values: Mapping[str, Any],
        clear: Mapping[str, Any] | None = None,
        signer: Signer | None = None,
    ) -> bytes:
        """Prepare an event about the vault; returns its leaf hash.

        ``clear``: what it states openly. ``signer``: the root key for ``key-enrolled`` and
        ``key-revoked``; without it the events key in force signs.
        """
        subject = {"kind": "vault"}
        return self._prepare(kind, subject, None, None, values, (), None, [], clear, signer)

    def commit(self) -> int:
        """Steps 4 to 6: commit what was prepared; returns the index of its first entry."""
        start = self._sequencer.frontier.size
        if self._parts:
            self.placed(self.vault.archive.adopt(self._parts))
            self.vault.archive.flush()
        if self._placed:
            self._record_placed()
        if self._prepared:
            step("3-built")
            # A field vault keeps nothing searchable, whatever tables its catalogue has.
            index = IndexRows() if self._keyring.is_station else self.index
            self._sequencer.append(self._prepared, index)
            step("5-catalogue")
        self._prepared, self.index = [], IndexRows()
        self._parts, self._placed = [], []
        self._heads.clear()
        self._seen = self._head_seen()
        return start

    @property
    def commitments(self) -> Mapping[str, str | None]:
        """The commitments of the event prepared last, by field name."""
        return parse_entry(self._prepared[-1].committed.entry).event.commitments

    @property
    def frontier(self) -> Frontier:
        """The committed state of the log."""
        return self._sequencer.frontier

    def clock_notices(self) -> list[str]:
        """What to say when the clock was set back. The log's order does not depend on it."""
        newest, now = self.vault.catalogue.newest_time(), self.vault.clock.now()
        if newest is None or newest <= now:
            return []
        return [
            f"the clock says {now}, but the newest entry was recorded at {newest}: check the "
            "clock; entries keep their order by the log"
        ]

    @property
    def pending(self) -> int:
        """How many events are prepared and not yet committed."""
        return len(self._prepared)

    @property
    def recorded_at(self) -> str:
        """When the event prepared last was recorded: what the catalogue must say, too."""
        return self._prepared[-1].recorded_at

    # -- steps 7 and 8 -------------------------------------------------------------------------

    def checkpoint(self) -> bytes:
        """Publish what is committed and sign a checkpoint over it; returns the signed note.

        When nothing is new the stored checkpoint is returned. Raises InternalError while a
        batch is pending.
        """
        if self._prepared:
            raise InternalError("a checkpoint was asked for in the middle of a batch")
        vault, log = self.vault, self.vault.log
        stored = vault.checkpoint()
        state = self._sequencer.state()
        published = 0 if stored is None else stored.checkpoint.size
        root = EMPTY_ROOT if stored is None else stored.checkpoint.root
        note = log.checkpoint()
        if stored is not None and note is not None and published == state.size:
            return note
        first_of_group = published - published % 256
        covering = vault.catalogue.entry(first_of_group).commit_start
        step("7-start")
        # 7. A crash here leaves tiles that the next run writes again, byte for byte.
        held = vault.demand_held
        publish(log, published, root, state.size, state.root(), covering, held)
        step("7-published")
        # 8. The pin is durable before a signature leaves; without the lock it is not written.
        signed = Checkpoint(self._keyring.origin, state.size, state.root())
        note = sign_checkpoint(signed, self._keyring.log_signers(), timestamp=int(time.time()))
        write_pins(vault, self._pin(signed), self._keyring)
        step("8-pinned")
        try:
            log.archive.create(log.evidence_key(state.size, "checkpoint"), note)
        except AlreadyExists:  # signed before a crash: that signature is the one that counts
            note = log.read(log.archive, log.evidence_key(state.size, "checkpoint"))
            keys = [parse_vkey(signer.vkey) for signer in self._keyring.log_signers()]
            if open_checkpoint(note, keys).checkpoint != signed:
                raise LogInconsistent(
                    f"another checkpoint at {state.size} entries was signed before",
                    code="E-FORK",
                    hint="keep this vault as evidence; see `evidence-vault log audit`",
                ) from None
        step("8-evidence")
        vault.demand_held()
        # Who loses the lock between the question and the write lays an older checkpoint over a
        # newer one. It is told so (below), the pins know better, and the next writer signs again.
        log.archive.replace(log.checkpoint_key(), note)
        step("8-checkpoint")
        vault.demand_held()
        empty_commits(log, covering, state.size, step)
        return note

    def _pin(self, signed: Checkpoint) -> Pin:
        digest = hashlib.sha256(self.vault.keyring_bytes()).hexdigest()
        return Pin(signed.origin, signed.size, signed.root, digest)

    # -- inside --------------------------------------------------------------------------------

    def know_heads(self, items: Sequence[str]) -> None:
        """Look up the newest events of many items in one go, before events about them are prepared.

        Items that are new to this log begin at 0.
        """
        missing = [item for item in items if item not in self._heads]
        found = self.vault.catalogue.heads(missing)
        for item in missing:
            head = found.get(item)
            self._heads[item] = _NO_EVENT if head is None else (head.seq, head.leaf.hex())

    def _record_placed(self) -> None:
        """What the store answered for the payloads of this batch, in an event of its own."""
        values = {"objects": [each.to_json() for each in self._placed]}
        self.vault_event("stored", values)
        self.index.objects += self._placed

    def _next_place(self, item: str) -> tuple[int, str | None]:
        """(item_seq, prev) of the item's next event, the pending batch included."""
        known = self._heads.get(item)
        if known is not None:
            return known[0] + 1, known[1]
        head = self.vault.catalogue.head(item)
        return (0, None) if head is None else (head.seq + 1, head.leaf.hex())

    def _prepare(
        self,
        kind: str,
        subject: Mapping[str, Any],
        seq: int | None,
        prev: str | None,
        values: Mapping[str, Any],
        units: Sequence[tuple[UnitKey, Unit]],
        record: UnitKey | None,
        members: Sequence[tuple[str, str, int]],
        clear: Mapping[str, Any] | None = None,
        signer: Signer | None = None,
    ) -> bytes:
        if not self._anchored:
            self._anchor()
        names = events.FIELDS[kind]
        unknown = set(values) - set(names)
        if unknown:
            raise InternalError(f"{kind} has no fields {sorted(unknown)}")
        null = kind in events.SUPERSEDING  # there null is a value: it withdraws the one before
        told = [n for n in names if n in values and (null or values[n] is not None)]
        salts = secrets.token_bytes(SALT_BYTES * len(told))
        disclosures = [
            make_disclosure(salts[i * SALT_BYTES : (i + 1) * SALT_BYTES], name, values[name])
            for i, name in enumerate(told)
        ]
        record_key = record or self._maker.new()
        prepared = build_entry(
            kind=kind,
            origin=self._keyring.origin,
            subject=subject,
            seq=seq,
            prev=prev,
            seen=self._seen,
            recorded_at=self.vault.clock.now(),
            signer=signer or self._events_signer(),
            names=names,
            disclosures=disclosures,
            units=units,
            record=record_key,
            members=members,
            clear=clear,
        )
        self._prepared.append(prepared)
        return prepared.leaf

    def _anchor(self) -> None:
        """Commit what is new from outside by itself, so that the batch to come has seen it."""
        self._anchored = True
        if self._prepared:
            return
        anchors = pending_anchors(self.vault)
        if not anchors:
            return
        heads, item, index = dict(self._heads), self._next_item, self.index
        self.index = IndexRows()
        self.vault_event(ANCHORED, {}, format_anchors(anchors))
        self.commit()
        step("3-anchored")
        self.vault.catalogue.mark_anchored(pending_digests(anchors))
        self._heads.update(heads)
        self._next_item, self.index = item, index

    def _events_signer(self) -> Signer:
        """The events key in force when this writer began; raises KeyProblem without one."""
        if self._signer is None:
            self._signer = signer_for(self.vault, "events")
        return self._signer

    def _head_seen(self) -> tuple[Mapping[str, Any], ...]:
        """The newest heads before the batch, own and of a peer: what its entries have seen."""
        frontier = self._sequencer.frontier
        own = {
            "origin": self._keyring.origin,
            "root": frontier.root().hex(),
            "size": frontier.size,
        }
        return (own,) if self._peer is None else (own, self._peer)


def _demand_heads(vault: Vault) -> None:
    """Raises EvidenceError where an item's newest event is not known: none may follow it then."""
    if vault.catalogue.unread_log() == vault.config.log:
        raise EvidenceError(
            "entries about several items could not be read when the catalogue was made, so the "
            "next event of an item can't be numbered",
            code="E-CATALOGUE-PARTIAL",
            hint="put the lost part of control/ back from a copy and run `evidence-vault rebuild`; "
            "if it is lost for good, `evidence-vault log succeed` begins a new log",
        )


@contextmanager
def writing(vault: Vault, by_root: bool = False) -> Iterator[Writer]:
    """Take the lock, bring the catalogue up to date, make sure that this vault may sign.

    ``by_root``: only events signed by the root key will be written, so revoked keys are no
    hindrance. Raises VaultBusy, LogInconsistent (rolled back or restored), KeyProblem.
    """
    keyring = vault.keyring
    if keyring.plaintext != vault.config.plaintext:
        raise UsageError(
            "vault.toml and the keyring disagree on whether this vault is encrypted",
            code="E-CONFIG-CHANGED",
            hint="somebody changed vault.toml; put the old one back",
        )
    now = vault.clock.now()
    if now < "1970":
        raise UsageError(
            f"the clock says {now}, before 1970: nothing can be signed with that time",
            code="E-CLOCK",
            hint="set the clock and run the same command again",
        )
    if is_url(vault.config.archive):  # nobody waits for that
        vault.clear_leftovers()
    with vault.locked():
        demand_not_left(vault.folder)
        vault.clear_leftovers()
        vault.catalogue.demand_layout()  # a newer version may have changed it since this one looked
        sequencer = Sequencer(vault.log, vault.catalogue, step)
        sequencer.catch_up(lambda *a: digest_committed(vault, *a), settle=True)
        _demand_heads(vault)
        demand_stands(vault, sequencer.frontier, by_root)
        finish_holds(vault)
        finish_removals(vault)
        writer = Writer(vault, sequencer)
        yield writer
        if not by_root:
            extend_holds(vault, writer, sorted(writer.touched))
        vault.stood = None if by_root else Stood.now(vault, writer.frontier)
