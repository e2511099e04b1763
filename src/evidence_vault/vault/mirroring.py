"""One pair of stores copied to another so that the copy is a consistent prefix at every moment.

Used from a vault to a replica (sync) and from a replica to a new vault (restore). For each log, in
slices of whole commits:

1 payloads     objects that the slice's entries name, hashed as they are copied, read back
2 groups       of 256 entries: tile, entry bundle and packs, made from the entries that were
               checked against the root; headers that a tombstone names are never copied
3 commits      create-only; one that is emptied at the source only after its packs are there
4 position     the marker says how far the copy is; a crash before it repeats the slice
5 stubs        commits emptied since they were copied; headers kept here and lost there stay
6 tiles        of the checkpoint's size, and that they lead to its root
7 tombstones   destroyed here what logged events gave up, after those events arrived
8 beside       proofs, trust documents, foreign logs, holds: listed, and those known without a list
9 checkpoint   replaced last, then the marker

Nothing that is there is overwritten but what is damaged by its own digests, and only by bytes that
lead to the committed and the signed root (mirrorroots.py): damage of the source ends the work.
Another log under the same origin is a fork, and ends it, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from evidence_vault.core.commit import Commit, Committed, parse_commit
from evidence_vault.core.merkle import Frontier, leaf_hash
from evidence_vault.core.packs import format_sealed_pack
from evidence_vault.core.replicas import Position
from evidence_vault.core.tile_reader import TileReader
from evidence_vault.core.tiles import (
    TILE_WIDTH,
    Tile,
    entries_path,
    format_entry_bundle,
    full_tile_root,
    new_tiles,
    tile_path,
)
from evidence_vault.errors import (
    AlreadyExists,
    EvidenceError,
    FormatError,
    LogInconsistent,
    NotFound,
    ProofInvalid,
    VaultError,
)
from evidence_vault.log.logstore import LogStore
from evidence_vault.store.opening import Store
from evidence_vault.vault.copypayloads import copy_objects
from evidence_vault.vault.faults import step
from evidence_vault.vault.mirrorbeside import Beside
from evidence_vault.vault.mirrorheaders import HeaderSteps
from evidence_vault.vault.mirrorparts import (
    Mirrored,
    Source,
    Target,
    demand_back,
    forked,
    format_as,
    held_part,
    hex_digest,
    logs_of,
    payloads_of,
    peek_at,
    read_all,
)
from evidence_vault.vault.mirrorroots import Roots

_SLICE = 1024  # entries
_MOST_LACKING = 1000  # payloads that can't be copied, before the work ends
THREADS = 8

Progress = Callable[[int, int], None]


class Mirror(HeaderSteps):
    """One run of copying; ``save`` makes a position durable in the target."""

    def __init__(
        self,
        source: Source,
        target: Target,
        position: Position,
        save: Callable[[Position], None],
        progress: Progress | None = None,
    ) -> None:
        self.source, self.target = source, target
        self.at = position
        self.found = Mirrored()
        self._save, self._progress = save, progress
        self._doomed_units = {unit for each in source.tombstones for unit in each.units}
        self._doomed_objects = {name for each in source.tombstones for name in each.objects}
        self._here = logs_of(source, target)
        self._roots = self._roots_of(position.log)
        self._walked, self._whole = position.size, position == Position()

    def run(self) -> Mirrored:
        """Steps 1 to 9. Raises LogInconsistent for a fork or a source that contradicts itself,
        StoreError where the target can't be written; what was copied before stays."""
        beside = Beside(self.source, self.target, self.found, self._whole)
        self._payloads(self.at.lacking)
        while True:
            number = self.at.log
            before = self.at.groups
            self._walk(number)
            self._groups(number, self.source.heads[number].published // TILE_WIDTH)
            self._stubs(number)
            tiles_good = self._tiles(number)
            self._tombstones(number)
            self._compare_packs(number, before)
            if number == len(self.source.heads) - 1:
                beside.copy()
            if tiles_good:
                self._checkpoint(number)
            self._keep()
            if number == len(self.source.heads) - 1:
                return self.found
            self.at = self.at.next_log()
            self._roots, self._walked = self._roots_of(self.at.log), 0
            self._keep()

    def _roots_of(self, number: int) -> Roots:
        return Roots(self.at, self.source.heads[number], self.source.log(number).tile)

    # -- 1 to 4 --------------------------------------------------------------------------------

    def _walk(self, number: int) -> None:
        log, head = self.source.log(number), self.source.heads[number]
        frontier = self.at.frontier()
        waiting: list[tuple[Commit, tuple[bytes, ...], list[Committed]]] = []
        units: list[str] = []
        for commit in log.commits(self.at.size):
            if commit.end > head.size or frontier.size == head.size:
                break
            contents = log.contents(commit)
            leaves = [leaf_hash(each.entry) for each in contents]
            frontier.extend(leaves)
            if frontier.root() != commit.root:
                raise LogInconsistent(
                    f"commit {commit.start} of the source states another root than its entries "
                    "give",
                    code="E-COMMIT-ROOT",
                    hint="run `evidence-vault log audit`; nothing was copied from here on",
                )
            self._roots.extend(leaves)
            own = [self._own(commit.start + i, each) for i, each in enumerate(contents)]
            units += payloads_of(own)
            waiting.append((commit, tuple(frontier.hashes), own))
            if sum(c.end - c.start for c, _, _ in waiting) >= _SLICE:
                self._demand_signed(frontier)
                self._payloads(units)
                units = []
                waiting = self._commits(log, waiting, frontier.size)
        if (frontier.size, frontier.root()) != (head.size, head.root):
            raise LogInconsistent(
                f"the source's commits end at entry {frontier.size}, expected {head.size}",
                code="E-COMMIT-MISSING",
                hint="run `evidence-vault log audit`",
            )
        self._demand_signed(frontier)
        self._payloads(units)
        # Of a copy whose making was ended, the packs are there before its last commits.
        self._commits(log, waiting, None)

    def _demand_signed(self, frontier: Frontier) -> None:
        self._roots.demand_signed(frontier)
        if not self._roots.sure:
            self.found.add("E-TILE", f"log {self.at.log}", f"at the source: {self._roots.why}")

    def _own(self, index: int, committed: Committed) -> Committed:
        """The entry with the headers of its own units that are right and not given up."""
        event = peek_at(committed.entry, index)
        headers: dict[str, bytes] = {}
        for unit in event["units"]:
            if unit["kind"] == "record" and hex_digest(committed.record) != unit["objects"][0]:
                raise EvidenceError(
                    f"the record of entry {index} was changed at the source",
                    code="E-RECORD-CHANGED",
                    hint="repair it from another copy first: `evidence-vault fixity`",
                )
            if unit["header"] is None or unit["id"] in self._doomed_units:
                continue
            header = committed.headers.get(unit["id"])
            if header is None:
                self.found.add(
                    "E-HEADER-VANISHED",
                    f"entry {index}",
                    f"the header of unit {unit['id']} is gone at the source, and no event says why",
                )
            elif hex_digest(header) != unit["header"]:
                self.found.add(
                    "E-HEADER-CHANGED",
                    f"entry {index}",
                    f"the header of unit {unit['id']} was changed at the source; it was not copied",
                )
            else:
                headers[unit["id"]] = header
        return Committed(committed.entry, committed.record, headers)

    def _payloads(self, digests: Iterable[str]) -> None:
        """Step 1. What the source lost is a finding, and the rest goes on."""
        archive = self.target.archive
        wanted = [d for d in dict.fromkeys(digests) if d not in self._doomed_objects]
        if archive is None or not wanted:
            return
        for each in copy_objects(self.source.open_object, archive, wanted, THREADS):
            if each.problem:
                self.found.add("E-OBJECT", each.digest, f"at the source: {each.problem}")
                self._lack(each.digest)
                continue
            self._lack(each.digest, False)
            self.found.objects += bool(each.size)
            self.found.bytes += each.size
            self.found.healed += each.healed
            if self._progress is not None:
                self._progress(self.found.objects, self.found.bytes)
        step("replica-payloads")

    def _lack(self, digest: str, lacking: bool = True) -> None:
        names = [each for each in self.at.lacking if each != digest]
        if lacking:
            names.append(digest)
        if len(names) > _MOST_LACKING:
            raise EvidenceError(
                f"more than {_MOST_LACKING} payloads are missing or changed at the source",
                code="E-OBJECT-MISSING",
                hint="run `evidence-vault fixity --all` first",
            )
        self.at = replace(self.at, lacking=tuple(names))

    def _commits(
        self,
        log: LogStore,
        waiting: list[tuple[Commit, tuple[bytes, ...], list[Committed]]],
        walked: int | None,
    ) -> list[tuple[Commit, tuple[bytes, ...], list[Committed]]]:
        """Steps 2 to 4 for what is complete; the rest waits for the groups of its last entries.

        ``walked``: entries whose root was checked; None at the end of the log.
        """
        done = 0
        for commit, _, _ in waiting:
            end = -(-commit.end // TILE_WIDTH) * TILE_WIDTH
            if walked is not None and commit.is_stub and end > walked:
                break
            done += 1
        if not done:
            return waiting
        last = waiting[done - 1][0]
        packed = max(
            (-(-c.end // TILE_WIDTH) for c, _, _ in waiting[:done] if c.is_stub), default=0
        )
        published = self.source.heads[log.number].published
        self._groups(log.number, max(packed, min(last.end, published) // TILE_WIDTH))
        for commit, hashes, own in waiting[:done]:
            if self.target.control is not None:
                self._commit(log, commit, own)
                step("replica-commit")
            if commit.is_stub and self.at.full == commit.start:
                self.at = replace(self.at, full=commit.end)
            self.at = self.at.at(Frontier(commit.end, hashes))
            self.found.entries += commit.end - commit.start
        self._keep()
        return waiting[done:]

    def _commit(self, log: LogStore, commit: Commit, own: list[Committed]) -> None:
        control = held_part(self.target.control)
        key = log.commit_key(commit.start)
        wanted = Commit(commit.start, commit.end, commit.root, () if commit.is_stub else tuple(own))
        data = format_as(wanted)
        try:
            control.create(key, data)
        except AlreadyExists:
            self._meet(control, key, wanted)
            return
        self.found.headers += sum(len(each.headers) for each in wanted.entries)
        demand_back(control, key, data)

    def _meet(self, control: Store, key: str, wanted: Commit) -> None:
        """A commit that is there already: the same, damaged, or of another history."""
        try:
            there = parse_commit(read_all(control, key))
        except FormatError as error:
            self._heal(control, key, format_as(wanted), error.message)
            return
        if (there.start, there.end, there.root) != (wanted.start, wanted.end, wanted.root):
            raise forked(f"its commit {wanted.start} holds another history")
        if there.is_stub or wanted.is_stub:
            return  # the other one is emptied by step 5
        merged = tuple(
            self._merged(old, new) for old, new in zip(there.entries, wanted.entries, strict=True)
        )
        if merged != there.entries:
            control.replace(key, format_as(replace(wanted, entries=merged)))

    # -- 2 -------------------------------------------------------------------------------------

    def _groups(self, number: int, upto: int) -> None:
        """Tile, bundle and packs of the groups before ``upto`` that are not in yet."""
        log, here = self.source.log(number), self._here(number)
        for group in range(self.at.groups, upto):
            entries = log.group(group)
            leaves = [leaf_hash(each.entry) for each in entries]
            self._roots.demand_group(group, leaves)
            own = [self._own(group * TILE_WIDTH + i, each) for i, each in enumerate(entries)]
            if self.target.archive is not None:
                bundle = format_entry_bundle([each.entry for each in own])
                tile = here.tile_key(tile_path(0, group))
                self._put(self.target.archive, tile, b"".join(leaves))
                self._put(self.target.archive, here.tile_key(entries_path(group)), bundle)
            store = self.target.control if self.source.plaintext else self.target.archive
            if store is not None:
                key = here.records(group)[1]
                self._put(store, key, format_sealed_pack(group, [each.record for each in own]))
            if self.target.control is not None and not self.source.plaintext:
                self._header_pack(self.target.control, here.headers_key(group), group, own)
            self._flush()
            step("replica-group")
            self.at = replace(self.at, groups=group + 1)

    # -- 5 -------------------------------------------------------------------------------------

    # -- 6, 7 and 9 ----------------------------------------------------------------------------

    def _tiles(self, number: int) -> bool:
        """Step 6; False where the tiles do not lead to the checkpoint's root."""
        archive, head = self.target.archive, self.source.heads[number]
        if archive is None or not head.published:
            return True
        log, here = self.source.log(number), self._here(number)
        reader = TileReader(head.published, head.published_root, log.tile)
        for tile in new_tiles(self.at.published, head.published):
            if tile.level < 1 and tile.width == TILE_WIDTH:
                continue  # step 2
            try:
                data = self._tile(reader, here, tile)
            except (NotFound, ProofInvalid, FormatError) as error:
                self.found.add("E-TILE", tile.path, f"at the source: {error.message}")
                return False
            self._put(archive, here.tile_key(tile.path), data)
        self._flush()
        step("replica-tiles")
        try:
            root = TileReader(head.published, head.published_root, here.tile).frontier().root()
        except VaultError as error:
            self.found.add("E-TILE", f"log {number}", error.message)
            return False
        if root != head.published_root:
            self.found.add("E-TILE", f"log {number}", "the tiles lead to another root")
            return False
        self.at = replace(self.at, published=head.published)
        return True

    def _tile(self, reader: TileReader, here: LogStore, tile: Tile) -> bytes:
        """A tile that leads to the checkpoint's root; raises NotFound, ProofInvalid, FormatError.

        A full one of a higher level is made from the full tiles below it, where those are good.
        """
        if tile.level < 0:
            return format_entry_bundle(reader.entries(tile.index))
        if tile.width < TILE_WIDTH:
            return reader.tile(tile.level, tile.index)
        first = tile.index * TILE_WIDTH
        below = (here.tile(tile_path(tile.level - 1, first + i)) for i in range(TILE_WIDTH))
        made = b"".join(full_tile_root(data) for data in below)
        (root,) = reader([(8 * (tile.level + 1), tile.index)])
        return made if full_tile_root(made) == root else reader.tile(tile.level, tile.index)

    def _checkpoint(self, number: int) -> None:
        archive = self.target.archive
        note = self.source.log(number).checkpoint()
        if archive is None or note is None or not self.source.heads[number].published:
            return
        here = self._here(number)
        if here.checkpoint() != note:
            archive.replace(here.checkpoint_key(), note)
        step("replica-checkpoint")

    # -- inside --------------------------------------------------------------------------------

    def _put(self, store: Store, key: str, data: bytes) -> None:
        """Create, or compare; what is there with other bytes is damaged, and made anew."""
        try:
            store.create(key, data, durable=False)
        except AlreadyExists:
            if read_all(store, key) != data:
                self._heal(store, key, data, "other bytes than the log gives")
            return
        demand_back(store, key, data)

    def _heal(self, store: Store, key: str, data: bytes, why: str) -> None:
        if not self._roots.sure:
            self.found.add(
                "E-REPLICA-DAMAGED",
                key,
                f"differs in the replica and was left: the source can't prove its own ({why})",
            )
            return
        store.replace(key, data)
        demand_back(store, key, data)
        self.found.healed += 1
        self.found.add("E-REPLICA-DAMAGED", key, f"was damaged in the replica and put right: {why}")

    def _flush(self) -> None:
        for store in (self.target.archive, self.target.control):
            if store is not None:
                store.flush()

    def _keep(self) -> None:
        self._flush()
        self._save(self.at)
        step("replica-position")
