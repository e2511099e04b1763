"""``transfer accept``: the second signature of a hand-over. The file is hostile until it is judged.

1 judged       the sender's log: signatures, keys, root, what was known of it
2 kept         that log whole under ``foreign/``        crash: a log that no entry names yet
3 examined     each item opened and compared, its objects staged, sealed as they came
4 taken over   objects, records and headers durable, then ``transfer-accepted`` per item, committed
                                                        crash: as in the write order, steps 2 to 5
5 checkpoint   over all of it, signed                   crash: the next checkpoint signs it
6 the answer   the acknowledgement, written last        crash: accept again: it is written
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evidence_vault.core.event import parse_entry
from evidence_vault.errors import KeyProblem, StoreError, UsageError, VaultError
from evidence_vault.store.filesystem import object_key
from evidence_vault.vault.answering import write_acknowledgement
from evidence_vault.vault.checking import publish_and_sign
from evidence_vault.vault.digesting import index_event
from evidence_vault.vault.faults import step
from evidence_vault.vault.files import demand_absent
from evidence_vault.vault.foreign import ForeignStore, foreign_values
from evidence_vault.vault.foreigncheck import ForeignLog, check_log, keep_log
from evidence_vault.vault.offerfile import OfferFile
from evidence_vault.vault.offering import demand_sealed
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.records import committed_at
from evidence_vault.vault.takeover import Examiner, Taken
from evidence_vault.vault.writer import Writer, writing

Progress = Callable[[int, int], None]
_GROUP_ITEMS, _GROUP_BYTES = 256, 256 * 1024 * 1024
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
        answered = write_acknowledgement(vault, sorted(run.proved.values()), request.out)  # 6.
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
    proved: dict[str, int] = field(default_factory=dict)  # our entry by item

    def work(self, progress: Progress | None) -> None:
        waiting: list[Taken] = []
        size, members = 0, self.examiner.members
        try:
            for done, member in enumerate(members, 1):
                if self._known(member.id, member.home):
                    continue
                try:
                    taken = self.examiner.take(member)  # 3.
                except StoreError:
                    raise  # our own disk, not the item
                except (VaultError, KeyError, TypeError, ValueError, AttributeError) as error:
                    self._refuse(member.id, error)
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

    def _known(self, item: str, home: str) -> bool:
        """True when nothing has to be taken over: it is in, or its name is taken."""
        found = self.vault.catalogue.home(item)
        if home == self.vault.keyring.origin or (found is not None and found[0] != home):
            reason = "its identifier belongs to an item of this vault"
            self.refused.append({"code": "E-PREFIX-COLLISION", "id": item, "reason": reason})
            return True
        if found is None:
            return False
        _, number, index = found
        arrival = parse_entry(committed_at(self.vault, index, number).entry).event
        if number != self.vault.config.log or arrival.type != "transfer-accepted":
            reason = "it was taken in by an earlier log of this vault"
            self.refused.append({"code": "E-EARLIER-LOG", "id": item, "reason": reason})
            return True
        self.already_in.append(item)
        if self._still_there(index):
            self.proved[item] = index
        else:
            reason = "it is in, and its stored original is damaged or gone: run fixity"
            self.refused.append({"code": "E-OBJECT-MISSING", "id": item, "reason": reason})
        return True

    def _still_there(self, index: int) -> bool:
        """Nothing is acknowledged again that is not here any more."""
        committed = committed_at(self.vault, index)
        try:
            for unit in parse_entry(committed.entry).event.units:
                if unit.kind == "content" and unit.id not in committed.headers:
                    return False
                if unit.kind == "content":
                    for digest in unit.objects:
                        self.vault.archive.open(object_key(digest)).close()
        except StoreError:
            return False
        return True

    # -- 4. taken over -------------------------------------------------------------------------

    def _commit(self, waiting: Sequence[Taken]) -> None:
        if not waiting:
            return
        vault = self.vault
        opened = self.accession
        try:
            with writing(vault) as writer:
                fresh = []
                for taken in waiting:
                    if vault.catalogue.home(taken.member.id) is not None:  # another process
                        taken.discard()
                        self._known(taken.member.id, taken.member.home)
                    else:
                        fresh.append(taken)
                for taken in fresh:
                    taken.adopt(vault)
                    self._keep(taken)
                step("transfer-adopted")
                vault.archive.flush()
                vault.control.flush()
                step("transfer-durable")
                self._open_accession(writer)
                before = writer.pending
                for taken in fresh:
                    self._prepare(writer, taken)
                start = writer.commit() + before
        except BaseException:
            self.accession = opened
            raise
        for place, taken in enumerate(fresh):
            self._acknowledge(taken, start + place)

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
        index_event("transfer-accepted", member.id, at, told, writer.index, taken.summary)

    def _acknowledge(self, taken: Taken, index: int) -> None:
        digest = taken.values["content_sha256"]
        same = self.vault.catalogue.by_digests([digest]).get(digest, [])
        self.proved[taken.member.id] = index
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
            "exit": 3 if self.refused else 0,
            "notices": notices,
            "refused": self.refused,
            "sender": {"origin": self.log.point.origin, "size": self.log.point.size},
            "taken_over": self.taken_over,
            "transfer_id": self.examiner.values["transfer_id"],
        }
