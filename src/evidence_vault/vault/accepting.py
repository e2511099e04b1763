"""``transfer accept``: the second signature of a hand-over. The file is hostile until it is judged.

1 judged       the sender's log: signatures, keys, root, what was known of it
2 kept         that log whole under ``foreign/``        crash: a log that no entry names yet
3 examined     each item opened and compared, its objects staged, sealed as they came
4 taken over   objects, records and headers durable, then ``transfer-accepted`` per item with its
               derivatives right behind, in one commit  crash: as in the write order, steps 2 to 5
5 checkpoint   over all of it, signed                   crash: the next checkpoint signs it
6 the answer   the acknowledgement, written last        crash: accept again: it is written
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evidence_vault.core.event import Unit, parse_entry
from evidence_vault.core.members import Member
from evidence_vault.errors import KeyProblem, StoreError, UsageError, VaultError
from evidence_vault.vault.answering import write_acknowledgement
from evidence_vault.vault.checking import publish_and_sign
from evidence_vault.vault.digesting import index_event, index_foreign_relations
from evidence_vault.vault.faults import step
from evidence_vault.vault.files import demand_absent
from evidence_vault.vault.foreign import ForeignStore, foreign_values
from evidence_vault.vault.foreigncheck import ForeignLog, check_log, keep_log
from evidence_vault.vault.handovers import derivations
from evidence_vault.vault.offerfile import OfferFile
from evidence_vault.vault.offering import carried, demand_sealed
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.records import committed_at
from evidence_vault.vault.takeover import Examiner, Taken
from evidence_vault.vault.writer import Writer, writing

Progress = Callable[[int, int], None]
_GROUP_ITEMS, _GROUP_BYTES = 256, 256 * 1024 * 1024
_RESTATED = ("content_sha256", "content_sha512", "content_size", "format", "kind", "statement")
_STATED = ("content_sha256", "content_sha512", "content_size", "format", "metadata")


@dataclass(frozen=True)
class AcceptRequest:
    """``out``: where the acknowledgement goes; None writes none."""

    file: Path
    out: Path | None = None
    by: str | None = None


def accept(
    vault: Vault, request: AcceptRequest, progress: Progress | None = None
) -> dict[str, Any]:
    """Take over what a file offers; what is in already is said and acknowledged again.

    Exit 3 when items were left out: each is named with its reason and not acknowledged. Raises
    FormatError or EvidenceError for a file or log that does not hold, LogInconsistent (exit 11)
    for a log that contradicts what was seen of it, UsageError for a sender that nobody pinned.
    """
    demand_sealed(vault)
    if vault.keyring.is_station:
        raise UsageError(
            "a field vault takes nothing over: it can't read what it would vouch for",
            code="E-STATION",
        )
    if request.out is not None:
        demand_absent(request.out)
    with OfferFile(request.file) as offer:
        log = check_log(vault, offer)  # 1.
        if log.zero.prefix == vault.keyring.prefix:
            raise _collision(log.zero.prefix)
        with writing(vault):
            keep_log(vault, offer, log)  # 2.
        run = _Run(vault, offer, log, request, Examiner(vault, offer, log))
        run.work(progress)
    publish_and_sign(vault)  # 5.
    step("transfer-signed")
    answered = None
    if request.out is not None and run.proved:
        proofs = sorted(index for indexes in run.proved.values() for index in indexes)
        answered = write_acknowledgement(vault, proofs, request.out)  # 6.
    return run.result(answered)


def _collision(prefix: str) -> UsageError:
    return UsageError(
        f"both vaults call their items {prefix}-…: their identifiers would collide",
        code="E-PREFIX-COLLISION",
        hint="a vault's prefix is fixed when it is made: make one of them anew with --prefix",
    )


@dataclass
class _Run:
    """One run: what waits for its commit, and what is said at the end."""

    vault: Vault
    offer: OfferFile
    log: ForeignLog
    request: AcceptRequest
    examiner: Examiner
    accession: str | None = None
    taken_over: list[dict[str, Any]] = field(default_factory=list)
    already_in: list[str] = field(default_factory=list)
    refused: list[dict[str, str]] = field(default_factory=list)
    copies: list[dict[str, Any]] = field(default_factory=list)
    proved: dict[str, list[int]] = field(default_factory=dict)  # our entries by item

    def work(self, progress: Progress | None) -> None:
        waiting: list[Taken] = []
        size, members = 0, self.examiner.members
        try:
            for done, member in enumerate(members, 1):
                taken = self._look_at(member)  # 3.
                if taken is None:
                    continue
                waiting.append(taken)
                size += int(taken.values["content_size"])
                if len(waiting) >= _GROUP_ITEMS or size >= _GROUP_BYTES:
                    self._commit(waiting)
                    waiting, size = [], 0
                if progress is not None:
                    progress(done, len(members))
            self._commit(waiting)
            waiting = []
        finally:
            for taken in waiting:
                taken.discard()
        self._close()

    def _refuse(self, item: str, error: Exception) -> None:
        told = error if isinstance(error, VaultError) else None
        reason = told.message if told else "what is recorded of it there can't be read"
        if isinstance(error, KeyProblem):
            reason = "it is not encrypted to this vault"
        self.refused.append(
            {"code": told.code if told else "E-EVIDENCE", "id": item, "reason": reason}
        )

    def _look_at(self, member: Member) -> Taken | None:
        """What is to be taken over of an item; None when nothing is, or when it is left out."""
        found = self.vault.catalogue.home(member.id)
        if self._is_barred(member, found):
            return None
        try:
            if found is None:
                return self.examiner.take(member)
            return self._more_of(member, found[2])
        except StoreError:
            raise  # our own disk, not the item
        except (VaultError, KeyError, TypeError, ValueError, AttributeError) as error:
            self._refuse(member.id, error)
            return None

    def _is_barred(self, member: Member, found: tuple[str, int, int] | None) -> bool:
        """True, and said, for an item whose name is taken."""
        if member.home == self.vault.keyring.origin or (
            found is not None and found[0] != member.home
        ):
            reason = "its identifier belongs to an item of this vault"
            self.refused.append({"code": "E-PREFIX-COLLISION", "id": member.id, "reason": reason})
            return True
        if found is None:
            return False
        _, number, index = found
        arrival = parse_entry(committed_at(self.vault, index, number).entry).event
        if number != self.vault.config.log or arrival.type != "transfer-accepted":
            reason = "it was taken in by an earlier log of this vault"
            self.refused.append({"code": "E-EARLIER-LOG", "id": member.id, "reason": reason})
            return True
        return False

    def _more_of(self, member: Member, arrival: int) -> Taken | None:
        """Of an item that is in already: derivatives that were made since, if the rest is there.

        Only what is in and still there is acknowledged.
        """
        if member.id not in self.already_in:
            self.already_in.append(member.id)
        kept, ours, fresh = self._kept(member.id), [arrival], []
        for index, event in self.examiner.derivations(member):
            same = kept.get(carried(event))
            if same is None:
                fresh.append(index)
            else:
                ours.append(same)
        if not all(self._is_still_there(index) for index in ours):
            reason = "it is in, and what is stored of it is damaged or gone: run fixity"
            self.refused.append({"code": "E-OBJECT-MISSING", "id": member.id, "reason": reason})
            return None
        if fresh:
            return self.examiner.take_more(member, fresh, ours)
        self.proved[member.id] = ours
        return None

    def _kept(self, item: str) -> dict[tuple[Unit, ...], int]:
        """Our entries about derivatives of an item, by the units that they name."""
        return {carried(event): index for index, event in derivations(self.vault, item)}

    def _is_still_there(self, index: int) -> bool:
        """Nothing is acknowledged again that is not here any more."""
        committed = committed_at(self.vault, index)
        try:
            for unit in carried(parse_entry(committed.entry).event):
                if unit.id not in committed.headers:
                    return False
                for digest in unit.objects:
                    self.vault.open_object(digest).close()
        except StoreError:
            return False
        return True

    # -- 4. taken over -------------------------------------------------------------------------

    def _commit(self, waiting: list[Taken]) -> None:
        if not waiting:
            return
        vault = self.vault
        opened = self.accession
        placed = [each for taken in waiting for each in taken.adopt(vault)]
        try:
            with writing(vault) as writer:
                writer.placed(placed)
                waiting[:] = self._without_known(waiting)
                for taken in waiting:
                    writer.placed(taken.adopt(vault))  # of those looked at again just now
                    self._keep(taken)
                step("transfer-adopted")
                vault.archive.flush()
                vault.control.flush()
                step("transfer-durable")
                self._open_accession(writer)
                places = []
                for taken in waiting:
                    places.append(writer.pending)
                    self._prepare(writer, taken)
                start = writer.commit()
        except BaseException:  # Ctrl-C, too: one that was not committed is never closed
            self.accession = opened
            raise
        for place, taken in zip(places, waiting, strict=True):
            self._acknowledge(taken, start + place)

    def _without_known(self, waiting: Sequence[Taken]) -> list[Taken]:
        """Under the writer lock: what another process took over meanwhile is looked at again."""
        fresh = []
        for taken in waiting:
            item = taken.member.id
            kept = self._kept(item)
            stale = any(carried(each.event) in kept for each in taken.derivations)
            if stale or (not taken.ours and self.vault.catalogue.home(item) is not None):
                taken.discard()
                again = self._look_at(taken.member)
                fresh += [] if again is None else [again]
            else:
                fresh.append(taken)
        return fresh

    def _keep(self, taken: Taken) -> None:
        store = ForeignStore(self.vault, self.log.point.origin)
        for index in taken.places:
            record = self.offer.read(f"records/{index}")
            store.keep_entry(index, record, self.offer.read(f"headers/{index}"))
        store.keep_places(taken.member.id, taken.places)

    def _open_accession(self, writer: Writer) -> None:
        if self.accession is not None:
            return
        number = self.vault.catalogue.count_type("accession-opened") + 1
        self.accession = f"{self.vault.keyring.prefix}-A{number:05d}"
        writer.plain_event(
            "accession-opened",
            {"id": self.accession, "kind": "accession"},
            {
                "actor": self.request.by,
                "received_from": self.log.point.origin,
                "received_via": "hand-over",
            },
        )

    def _prepare(self, writer: Writer, taken: Taken) -> None:
        """Its arrival here, unless it is in, and right behind it its derivatives."""
        if taken.ours:
            arrival = parse_entry(committed_at(self.vault, taken.ours[0]).entry).event
            commitments, seq = arrival.commitments, arrival.item_seq
        else:
            self._prepare_arrival(writer, taken)
            commitments, seq = writer.commitments, 0
        parent = {
            "commitment": commitments["content_sha256"],
            "field": "content_sha256",
            "seq": seq,
        }
        member, origin = taken.member, self.log.point.origin
        for each in taken.derivations:
            values = {
                **{name: each.values[name] for name in _RESTATED if name in each.values},
                "actor": self.request.by,
                "parent": parent,
                "purpose": f"it came with the item: event {each.seq} of it in the log {origin}",
            }
            writer.item_event(each.event.type, member.id, values, each.units, home=member.home)

    def _prepare_arrival(self, writer: Writer, taken: Taken) -> None:
        point, member = self.log.point, taken.member
        values = {
            **{name: taken.values.get(name) for name in _STATED},
            "accession": self.accession,
            "actor": self.request.by,
            "foreign": {
                "item_seq": taken.seq,
                "leaf": taken.leaf,
                "origin": point.origin,
                "root": point.root.hex(),
                "size": point.size,
            },
            "transfer_id": self.examiner.values["transfer_id"],
        }
        writer.item_event("transfer-accepted", member.id, values, taken.units, home=member.home)
        told = {**foreign_values(self.vault, member.id, values), **values}
        at = writer.recorded_at
        index_foreign_relations(self.vault, member.id, values, writer.index)
        index_event("transfer-accepted", member.id, at, told, writer.index, taken.summary)

    def _acknowledge(self, taken: Taken, index: int) -> None:
        first = index + (0 if taken.ours else 1)
        ours = [first + place for place in range(len(taken.derivations))]
        self.proved[taken.member.id] = [*(taken.ours or [index]), *ours]
        for event, each in zip(ours, taken.derivations, strict=True):
            outcome = each.values["statement"]["outcome"]
            self.copies.append({"event": event, "id": taken.member.id, "outcome": outcome})
        if taken.ours:
            return
        digest = taken.values["content_sha256"]
        same = self.vault.catalogue.by_digests([digest]).get(digest, [])
        self.taken_over.append(
            {
                "event": index,
                "home": taken.member.home,
                "id": taken.member.id,
                "same_bytes": sorted(set(same) - {taken.member.id}),
                "sha256": digest,
                "size": int(taken.values["content_size"]),
            }
        )

    def _close(self) -> None:
        if self.accession is None:
            return
        with writing(self.vault) as writer:
            writer.plain_event(
                "accession-closed",
                {"id": self.accession, "kind": "accession"},
                {
                    "actor": self.request.by,
                    "outcome": "complete",
                    "refused": [{"code": r["code"], "name": r["id"]} for r in self.refused],
                    "taken_in": {
                        "already_in": len(self.already_in),
                        "new": len(self.taken_over),
                        "received_again": 0,
                    },
                },
            )
            writer.commit()

    # -- the end -------------------------------------------------------------------------------

    def result(self, answered: dict[str, Any] | None) -> dict[str, Any]:
        notices = []
        if answered is None:
            notices.append(
                "no acknowledgement was written: run the same command with -o FILE and give the "
                "sender that file; until then the hand-over is an open gap in custody there"
                if self.proved
                else "nothing of this file is acknowledged"
            )
        return {
            "accession": self.accession,
            "acknowledged": sorted(self.proved),
            "acknowledgement": answered,
            "already_in": sorted(self.already_in),
            "copies": self.copies,
            "exit": 3 if self.refused else 0,
            "notices": notices,
            "refused": self.refused,
            "sender": {"origin": self.log.point.origin, "size": self.log.point.size},
            "taken_over": self.taken_over,
            "transfer_id": self.examiner.values["transfer_id"],
        }
