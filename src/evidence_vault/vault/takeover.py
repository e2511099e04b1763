"""One item of a hand-over, judged by itself: one bad item never sinks the rest."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from evidence_vault.capture.tags import Metadata, summary
from evidence_vault.core.canonical import parse_canonical
from evidence_vault.core.commit import Committed
from evidence_vault.core.derivation import (
    DERIVATIONS,
    DERIVED,
    MAX_STATEMENT,
    SEARCH_COPY,
    SHARE_COPY,
    Parent,
    parse_search_statement,
    parse_statement,
)
from evidence_vault.core.event import ARRIVALS, Entry, Event, Unit, parse_entry
from evidence_vault.core.members import Member, parse_members, set_root
from evidence_vault.core.merkle import leaf_hash
from evidence_vault.core.packs import parse_header_pack
from evidence_vault.core.placement import Placed
from evidence_vault.core.tiles import TILE_WIDTH
from evidence_vault.errors import EvidenceError, NotFound, Unchecked, VaultError
from evidence_vault.seal.units import UnitKey, open_bytes, open_payload
from evidence_vault.store.spool import discard_parts
from evidence_vault.vault.foreign import ForeignStore
from evidence_vault.vault.foreigncheck import ForeignLog
from evidence_vault.vault.offerfile import OfferFile
from evidence_vault.vault.offering import carried
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.records import MAX_METADATA, file_key_of, joined, open_record, unit_of

_BLOCK = 1024 * 1024
_DIGESTS = ("content_sha256", "content_sha512", "content_size")

Handle = tuple[tuple[str, str], ...]


Units = list[tuple[UnitKey, Unit]]


@dataclass(frozen=True)
class Derivation:
    """A derivative, made or refused, that was opened and compared.

    ``values``: what its event there says; ``seq``: its place in the item's history there.
    """

    event: Event
    seq: int
    values: dict[str, Any]
    units: Units


@dataclass
class Taken:
    """An item that was opened and compared, its objects staged.

    ``values``: what its arrival there says; ``leaf``, ``seq``: its newest event there; ``places``:
    all its entries there. ``units`` with the headers that go into our commit. ``ours``: where the
    item is in already and derivatives are added, our entries that hold the rest, arrival first.
    """

    member: Member
    values: dict[str, Any]
    seq: int
    leaf: str
    places: list[int]
    units: Units = field(default_factory=list)
    staged: list[Handle] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    derivations: list[Derivation] = field(default_factory=list)
    ours: list[int] = field(default_factory=list)

    def adopt(self, vault: Vault) -> list[Placed]:
        """Put what is staged into the store; once."""
        parts = [part for handle in self.staged for part in handle]
        self.staged = []
        return vault.archive.adopt(parts)

    def discard(self) -> None:
        for handle in self.staged:
            discard_parts(handle)


class Examiner:
    """Opens what a file offers. Members come from the signed, opened offer and nowhere else."""

    def __init__(self, vault: Vault, offer: OfferFile, log: ForeignLog) -> None:
        self._vault = vault
        self._offer = offer
        self._log = log
        store = ForeignStore(vault, log.point.origin)
        self._tiles = store.tiles(log.size, log.point.root)
        self._bundle: tuple[int, list[bytes]] = (-1, [])
        self._sets: dict[tuple[str, str], list[tuple[int, Member]]] = {}
        self._unread: list[str] = []
        self.values, self.members = self._open_offer()
        self._open_sets()

    # -- the offer -----------------------------------------------------------------------------

    def _open_offer(self) -> tuple[dict[str, Any], list[Member]]:
        index = self._offer.told.offer
        entry = self.entry(index)
        if entry.event.type != "transfer-offered":
            raise EvidenceError(f"entry {index} of the sender's log is no offer", code="E-OFFER")
        self._log.demand_counts(index, entry)
        values, members = self._members(index, entry.event)
        receiver = (values.get("receiver") or {}).get("origin")
        if receiver != self._vault.keyring.origin:
            raise EvidenceError(
                f"these items are offered to {receiver}, not to this vault",
                code="E-OFFER-OTHER",
                hint="give the file to the vault that it is for",
            )
        return values, members

    def _members(self, index: int, event: Event) -> tuple[dict[str, Any], list[Member]]:
        record = open_record(self._vault, self.committed(index), event)
        values = {name: d.value for name, d in record.items()}
        seed, members = parse_members(values.get("members"))
        if set_root(seed, members).hex() != event.subject.get("root"):
            raise EvidenceError(f"entry {index} opens to other members", code="E-MEMBERS")
        return values, members

    def _open_sets(self) -> None:
        """Events about several items, as far as the file lets them be opened."""
        for index in self._offer.records():
            if index >= self._log.size:
                continue
            try:
                event = self.entry(index).event
                if event.subject["kind"] == "set":
                    for member in self._members(index, event)[1]:
                        where = self._sets.setdefault((member.home, member.id), [])
                        where.append((index, member))
            except VaultError as error:
                self._unread.append(f"entry {index}: {error.message}")

    # -- one item ------------------------------------------------------------------------------

    def take(self, member: Member) -> Taken:
        """Raises VaultError, with nothing left staged, for an item that does not hold."""
        taken, event, committed = self._begin(member)
        try:
            self._take_arrival(taken, event, committed)
            for index in taken.places[1:]:
                if self.entry(index).event.type in DERIVATIONS:
                    taken.derivations.append(self._take_derivation(taken, event, index))
            kinds = {e.values["kind"] for e in taken.derivations if e.event.type == DERIVED}
            if not taken.units and SHARE_COPY not in kinds:
                raise EvidenceError("neither its original nor a share copy of it was kept there")
        except BaseException:  # Ctrl-C, too: nothing of it stays staged
            taken.discard()
            raise
        return taken

    def take_more(self, member: Member, indexes: Sequence[int], ours: list[int]) -> Taken:
        """Of an item that is in already, the derivatives made since. Raises as ``take`` does."""
        taken, event, _ = self._begin(member)
        taken.ours = ours
        try:
            taken.derivations = [self._take_derivation(taken, event, i) for i in indexes]
        except BaseException:  # Ctrl-C, too: nothing of it stays staged
            taken.discard()
            raise
        return taken

    def derivations(self, member: Member) -> list[tuple[int, Event]]:
        """(index, event) of each derivative that the file's log names of an item, unopened."""
        found = []
        for index in self._log.places.get((member.home, member.id), ()):
            entry = self.entry(index)
            if entry.event.type in DERIVATIONS:
                self._log.demand_counts(index, entry)
                found.append((index, entry.event))
        return found

    def _begin(self, member: Member) -> tuple[Taken, Event, Committed]:
        """(nothing taken yet, arrival there, its entry): the history is whole and counts."""
        history = self._history(member)
        index, _, _ = history[0]
        event = self.entry(index).event
        if event.type not in ARRIVALS:
            raise EvidenceError("its history there does not begin with its arrival")
        for place, _, _ in history:
            self._log.demand_counts(place, self.entry(place))
        committed = self.committed(index)
        values = self._values(event, committed)
        if not all(isinstance(values.get(name), str) for name in _DIGESTS):
            raise EvidenceError("its arrival there states no digests of the original")
        last = history[-1]
        places = [i for i, _, _ in history]
        return Taken(member, values, last[1], self._leaf(last[0]), places), event, committed

    def _values(self, event: Event, committed: Committed) -> dict[str, Any]:
        record = open_record(self._vault, committed, event)
        return {name: d.value for name, d in record.items()}

    def _history(self, member: Member) -> list[tuple[int, int, str | None]]:
        """(index, item_seq, prev) of every event about the item; raises unless whole."""
        name = (member.home, member.id)
        found: list[tuple[int, int, str | None]] = []
        for index in self._log.places.get(name, ()):
            event = self.entry(index).event
            assert event.item_seq is not None
            found.append((index, event.item_seq, event.prev))
        found += [(i, m.item_seq, m.prev) for i, m in self._sets.get(name, ())]
        found.sort()
        before = None
        for expected, (index, seq, prev) in enumerate(found):
            if seq != expected:
                raise Unchecked(
                    f"its history there has a gap before event {seq}, so it could not be checked"
                    + (f" ({self._unread[0]})" if self._unread else "")
                )
            if prev != before:
                raise EvidenceError(f"event {seq} of it does not name the one before")
            before = self._leaf(index)
        if not found or found[-1][0] != self._offer.told.offer:
            raise EvidenceError("its newest event there is not this offer")
        return found

    def _take_arrival(self, taken: Taken, event: Event, committed: Committed) -> None:
        content = unit_of(event, "content")
        units = carried(event)
        if content is None and units:
            raise EvidenceError("its arrival there names no stored original")
        taken.units = self._take_units(taken, units, committed)
        if content is not None:
            self._compare_content(taken, content, committed, taken.values, "its original")
            self._compare_metadata(taken, event, committed)

    def _take_derivation(self, taken: Taken, arrival: Event, index: int) -> Derivation:
        """A derivative is judged like an original, and its statement must be about that one."""
        event, committed = self.entry(index).event, self.committed(index)
        values = self._values(event, committed)
        name = f"its copy (event {event.item_seq} there)"
        kinds = ["content", "statement"] if event.type == DERIVED else ["statement"]
        units = carried(event)
        if [unit.kind for unit in units] != kinds:
            raise EvidenceError(f"{name} does not name {' and '.join(kinds)}")
        parent = {
            "commitment": arrival.commitments["content_sha256"],
            "field": "content_sha256",
            "seq": arrival.item_seq,
        }
        if values.get("parent") != parent:
            raise EvidenceError(f"{name} was made from other bytes", code="E-OTHER-ORIGINAL")
        keys = self._take_units(taken, units, committed)
        if event.type == DERIVED:
            self._compare_content(taken, units[0], committed, values, name)
        self._compare_statement(taken, arrival, event, committed, values)
        assert event.item_seq is not None
        return Derivation(event, event.item_seq, values, keys)

    def _take_units(self, taken: Taken, units: Sequence[Unit], committed: Committed) -> Units:
        keys: Units = []
        for unit in units:
            header = committed.headers.get(unit.id)
            key = file_key_of(self._vault, committed, unit)  # compares the header's digest
            if header is None or key is None:
                raise EvidenceError(f"the header of its {unit.kind} is missing")
            keys.append((UnitKey(unit.id, b"", header), unit))
            self._stage(taken, unit)
        return keys

    def _stage(self, taken: Taken, unit: Unit) -> None:
        """Copy its objects out of the file, hashed as they go."""
        for digest in unit.objects:
            name = f"objects/{digest}"
            if name not in self._offer:
                raise EvidenceError(f"the file lacks a stored object of its {unit.kind}: {digest}")
            with self._vault.archive.stage() as staged:
                self._offer.copy(name, staged.write)
                found = staged.close()
            taken.staged.append(staged.handle())
            if found != (digest,):
                raise EvidenceError(
                    f"a stored object of its {unit.kind} was changed: expected {digest}, found "
                    + ", ".join(found),
                    code="E-OBJECT-CHANGED",
                )

    @contextmanager
    def _staged(self, taken: Taken, objects: Sequence[str]) -> Iterator[BinaryIO]:
        paths = {digest: path for handle in taken.staged for path, digest in handle}
        with ExitStack() as stack:
            parts: list[BinaryIO] = [
                stack.enter_context(Path(paths[digest]).open("rb")) for digest in objects
            ]
            yield joined(parts)

    def _compare_content(
        self, taken: Taken, unit: Unit, committed: Committed, values: dict[str, Any], what: str
    ) -> None:
        one, two, size = hashlib.sha256(), hashlib.sha512(), 0
        key = file_key_of(self._vault, committed, unit)
        with self._staged(taken, unit.objects) as stored:
            stream = open_payload(key, stored)
            while block := stream.read(_BLOCK):
                one.update(block)
                two.update(block)
                size += len(block)
        found = (one.hexdigest(), two.hexdigest(), str(size))
        for name, seen in zip(_DIGESTS, found, strict=True):
            if values.get(name) != seen:
                raise EvidenceError(
                    f"{what} is not the one recorded there: {name} expected "
                    f"{values.get(name)}, found {seen}",
                    code="E-CONTENT-CHANGED",
                )

    def _compare_metadata(self, taken: Taken, event: Event, committed: Committed) -> None:
        unit = unit_of(event, "metadata")
        if unit is None:
            return
        with self._staged(taken, unit.objects) as stored:
            payload = stored.read(MAX_METADATA)
        data = open_bytes(file_key_of(self._vault, committed, unit), "metadata", payload)
        stated = (taken.values.get("metadata") or {}).get("sha256")
        if hashlib.sha256(data).hexdigest() != stated:
            raise EvidenceError("its metadata are not those recorded there")
        value = parse_canonical(data, "extracted metadata")
        if isinstance(value, dict) and isinstance(value.get("tags"), dict):
            taken.summary = summary(Metadata("read", tags=value["tags"]))

    def _compare_statement(
        self,
        taken: Taken,
        arrival: Event,
        event: Event,
        committed: Committed,
        values: dict[str, Any],
    ) -> None:
        """Its bytes, what it says of the copy, and whose original it names."""
        name = f"the statement of event {event.item_seq} there"
        unit, told = event.units[-2], values.get("statement") or {}
        with self._staged(taken, unit.objects) as stored:
            payload = stored.read(2 * MAX_STATEMENT)
        data = open_bytes(file_key_of(self._vault, committed, unit), "metadata", payload)
        found = hashlib.sha256(data).hexdigest()
        if found != told.get("sha256"):
            raise EvidenceError(
                f"{name} is not the one recorded there: expected {told.get('sha256')}, "
                f"found {found}",
                code="E-CONTENT-CHANGED",
            )
        outcome, copy, parent = _read_statement(values.get("kind"), data)
        made = event.type == DERIVED
        if outcome != told.get("outcome") or (outcome in ("clean", "made")) != made:
            raise EvidenceError(f"{name} has another outcome than its event")
        if made and [copy["sha256"], copy["sha512"], str(copy["size"])] != [
            values[each] for each in _DIGESTS
        ]:
            raise EvidenceError(f"{name} is about another copy", code="E-CONTENT-CHANGED")
        if not _is_about(parent, arrival):
            raise EvidenceError(f"{name} is about another original", code="E-OTHER-ORIGINAL")

    # -- entries -------------------------------------------------------------------------------

    def entry(self, index: int) -> Entry:
        return parse_entry(self._entry(index))

    def committed(self, index: int) -> Committed:
        """An entry with the record and headers that the file holds of it."""
        try:
            record = self._offer.read(f"records/{index}")
            headers = parse_header_pack(self._offer.read(f"headers/{index}"), index)
        except NotFound as error:
            raise Unchecked(f"the file lacks what belongs to entry {index}") from error
        return Committed(self._entry(index), record, headers)

    def _leaf(self, index: int) -> str:
        return leaf_hash(self._entry(index)).hex()

    def _entry(self, index: int) -> bytes:
        """From the log as it was kept, authenticated by its root; the file may change meanwhile."""
        number, place = divmod(index, TILE_WIDTH)
        if self._bundle[0] != number:
            self._bundle = (number, self._tiles.entries(number))
        return self._bundle[1][place]


def _read_statement(kind: Any, data: bytes) -> tuple[str, Any, Parent]:
    """(outcome, copy, parent) of the statement on a derivative of a kind; raises FormatError."""
    if kind == SHARE_COPY:
        report, parent = parse_statement(data)
        return report["outcome"], report["copy"], parent
    if kind == SEARCH_COPY:
        _, copy, parent = parse_search_statement(data)
        return "made", copy, parent
    raise Unchecked("a copy of a kind that this version does not know")


def _is_about(parent: Parent, arrival: Event) -> bool:
    """True when a statement names the commitments of the arrival in the sender's log.

    One that the sender took over itself names a log that is not in the file. Then only the item can
    be compared; that the statement is the item's is the sender's signed word.
    """
    subject, commitments = arrival.subject, arrival.commitments
    if (parent.home, parent.item) != (subject["home"], subject["id"]):
        return False
    named = (commitments["content_sha256"], commitments["content_sha512"])
    if (parent.seq, parent.sha256, parent.sha512) == (arrival.item_seq, *named):
        return True
    return arrival.type == "transfer-accepted"
