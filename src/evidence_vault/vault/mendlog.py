"""Mending the files of one log: tiles, bundles, packs, commits, headers, signed states.

Nothing is written that the log does not vouch for: entries by their leaf hashes in the catalogue
(which lead to the signed root), records and headers by the digests in those entries. Headers of
what a logged event gave up are never written, wherever they are found.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from evidence_vault.core.checkpoint import Checkpoint, open_checkpoint
from evidence_vault.core.commit import Commit, Committed, format_commit, format_stub, parse_commit
from evidence_vault.core.event import Event, parse_entry
from evidence_vault.core.merkle import HASH_SIZE, Frontier, leaf_hash
from evidence_vault.core.note import VerifierKey
from evidence_vault.core.packs import (
    format_header_pack,
    format_sealed_pack,
    parse_header_pack,
)
from evidence_vault.core.tile_reader import TileReader
from evidence_vault.core.tiles import (
    ENTRIES,
    TILE_WIDTH,
    Tile,
    TileBuilder,
    format_entry_bundle,
    new_tiles,
    parse_entry_bundle,
    parse_tile_path,
)
from evidence_vault.errors import AlreadyExists, EvidenceError, NotFound, VaultError
from evidence_vault.log.logstore import LogStore
from evidence_vault.ports import ObjectStore
from evidence_vault.prove import damage as codes
from evidence_vault.prove.damage import Damage
from evidence_vault.vault.faults import step
from evidence_vault.vault.mendgroup import Group, published_group
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.slicing import stored_point
from evidence_vault.vault.wholelog import leaves_of, log_keys, recorded_proofs

if TYPE_CHECKING:
    from evidence_vault.vault.copyahead import GoodCopies

_TILES = (codes.TILE_MISSING, codes.TILE_CHANGED)
_BUNDLES = (codes.BUNDLE_MISSING, codes.BUNDLE_CHANGED)
_PACKS = (codes.PACK_MISSING, codes.PACK_CHANGED)
_COMMITS = (codes.COMMIT_MISSING, codes.COMMIT_CHANGED)
_HEADERS = (codes.HEADER_MISSING, codes.HEADER_CHANGED, codes.HEADER_SWAPPED)
_CHECKPOINTS = (codes.CHECKPOINT_MISSING, codes.CHECKPOINT_CHANGED)
_EVIDENCE = (codes.EVIDENCE_MISSING, codes.EVIDENCE_CHANGED)

_CACHED = 4


class MendedLog:
    """One log while it is mended; under the writer lock."""

    def __init__(
        self,
        vault: Vault,
        number: int,
        copies: GoodCopies | None,
        removed: frozenset[int],
        notices: list[str],
    ) -> None:
        self._vault = vault
        self._log = vault.log_number(number)
        self._removed = removed
        self._notices = notices
        self._sources = [self._log]
        self._name = "a copy"
        self._read: dict[tuple[int, int], Group] = {}
        self._lacking: set[str] = set()
        if copies is not None:
            self._name = copies.name
            plain = vault.config.plaintext
            self._sources.append(LogStore(copies.archive, copies.control, number, plain))
        self._size = vault.catalogue.frontier(number).size
        self._starts = vault.catalogue.commit_starts(number)

    def mend(self, damaged: list[Damage]) -> None:
        """What others are read with comes first."""
        self._try("checkpoint", self._checkpoint, damaged, _CHECKPOINTS)
        self._try("tiles", self._tiles, damaged, _TILES)
        indexes = [d for d in damaged if d.code in (*_BUNDLES, *_PACKS, *_HEADERS)]
        indexes += [d for d in damaged if d.code in (codes.RECORD_CHANGED, codes.ENTRY_UNREADABLE)]
        groups = sorted({d.index // TILE_WIDTH for d in indexes if d.index >= 0})
        for group in groups:
            self._each(f"bundle {group}", partial(self._bundle, group))
            self._each(f"records {group}", partial(self._records, group))
            self._each(f"headers {group}", partial(self._headers, group))
        bad = {d.index for d in damaged if d.code in _COMMITS and d.index >= 0}
        touched = {d.index for d in indexes}
        for start, end in self._starts:
            if start in bad or any(start <= index < end for index in touched):
                mend = partial(self._commit, start, end, start in bad)
                self._each(self._log.commit_key(start), mend)
        self._try("earlier tiles", self._partial, damaged, (*_TILES, *_BUNDLES))
        self._try("proofs", self._evidence, damaged, _EVIDENCE)

    def _try(
        self,
        what: str,
        how: Callable[[list[Damage]], None],
        damaged: list[Damage],
        of: tuple[str, ...],
    ) -> None:
        mine = [each for each in damaged if each.code in of]
        if mine:
            self._each(what, lambda: how(mine))

    def _each(self, what: str, how: Callable[[], None]) -> None:
        try:
            how()
        except (VaultError, OSError, ValueError, LookupError) as error:
            self._notices.append(f"{what}: not mended: {error}")

    # -- what the log vouches for --------------------------------------------------------------

    def _leaf(self, index: int) -> bytes:
        return self._vault.catalogue.entry(index, self._log.number).leaf

    def _candidates(self, index: int, sources: list[LogStore] | None = None) -> Iterator[Committed]:
        """The entry as every place has it, its own commit and the published files apart."""
        start = self._vault.catalogue.entry(index, self._log.number).commit_start
        for source in self._sources if sources is None else sources:
            try:
                commit = source.commit(start)
                if not commit.is_stub:
                    yield commit.entries[index - start]
            except (VaultError, LookupError):
                pass
            group, place = divmod(index, TILE_WIDTH)
            entries, records, headers = self._published(source, group)
            yield Committed(entries[place], records[place], headers)

    def _published(self, source: LogStore, group: int) -> Group:
        """Bundle and packs of a group, as far as each can be read."""
        known = self._read.get((id(source), group))
        if known is None:
            if len(self._read) > _CACHED:
                self._read.clear()
            known = self._read[id(source), group] = published_group(source, group)
        return known

    def _entry(self, index: int) -> bytes:
        """The entry whose leaf hash the catalogue knows. Raises EvidenceError."""
        leaf = self._leaf(index)
        for each in self._candidates(index):
            if leaf_hash(each.entry) == leaf:
                return each.entry
        raise EvidenceError(f"no copy here has entry {index} as it was committed")

    def _whole(self, index: int) -> Committed:
        """An entry with its record and those of its headers that may be and were found.

        Raises EvidenceError where no copy has the entry or its record.
        """
        entry = self._entry(index)
        event = parse_entry(entry).event
        return Committed(entry, self._record(index, event), self._good_headers(index, event))

    def _record(self, index: int, event: Event) -> bytes:
        wanted = next(unit.objects[0] for unit in event.units if unit.kind == "record")
        for each in self._candidates(index):
            if hashlib.sha256(each.record).hexdigest() == wanted:
                return each.record
        raise EvidenceError(f"no copy here has the record of entry {index} as it was committed")

    def _good_headers(self, index: int, event: Event) -> dict[str, bytes]:
        kept = self._kept_headers(index, event)
        if index in self._removed:  # given up: nothing is brought back
            return kept
        wanted = {unit.id: unit.header for unit in event.units if unit.header is not None}
        found: dict[str, bytes] = {}
        for each in self._candidates(index):
            for unit, digest in wanted.items():
                header = each.headers.get(unit)
                if header is not None and hashlib.sha256(header).hexdigest() == digest:
                    found.setdefault(unit, header)
            if len(found) == len(wanted):
                break
        self._lacking |= wanted.keys() - found.keys()
        # One that is damaged may still open for one of its readers: it is not thrown away.
        return {**{unit: kept[unit] for unit in wanted if unit in kept}, **found}

    def _kept_headers(self, index: int, event: Event) -> dict[str, bytes]:
        """What this vault itself still has of the headers of an entry, whatever it is worth."""
        kept: dict[str, bytes] = {}
        for each in self._candidates(index, self._sources[:1]):
            for unit in event.units:
                if unit.id in each.headers:
                    kept.setdefault(unit.id, each.headers[unit.id])
        return kept

    # -- tiles and signed states ---------------------------------------------------------------

    def _point(self) -> Checkpoint | None:
        return stored_point(self._vault, self._log)

    def _published_size(self) -> int:
        point = self._point()
        return 0 if point is None else point.size

    def _tiles(self, damaged: list[Damage]) -> None:
        """Hash tiles follow from the leaf hashes, if those lead to the signed root."""
        point = self._point()
        if point is None:
            return
        wanted = {each.object for each in damaged}
        builder, frontier = TileBuilder(), Frontier()
        made: list[tuple[str, bytes]] = []
        expected = {self._log.tile_key(t.path) for t in new_tiles(0, point.size)}
        for chunk in leaves_of(self._vault, self._log.number, point.size):
            hashes = [chunk[i : i + HASH_SIZE] for i in range(0, len(chunk), HASH_SIZE)]
            frontier.extend(hashes)
            for tile, data in builder.extend(hashes):
                key = self._log.tile_key(tile.path)
                if key in wanted and key in expected:
                    made.append((key, data))
        if (frontier.size, frontier.root()) != (point.size, point.root):
            raise EvidenceError("the catalogue leads to another root than the checkpoint")
        for key, data in made:
            self._put(self._log.archive, key, data)

    def _partial(self, damaged: list[Damage]) -> None:
        """Tiles of earlier checkpoints are beginnings of those of today."""
        point = self._point()
        if point is None:
            return
        reader = TileReader(point.size, point.root, self._log.tile)
        now = {self._log.tile_key(t.path) for t in new_tiles(0, point.size)}
        for key in {each.object for each in damaged} - now:
            tile: Tile = parse_tile_path(key.removeprefix(self._log.archive_prefix))
            if tile.level == ENTRIES:
                data = format_entry_bundle(reader.entries(tile.index)[: tile.width])
            else:
                data = reader.tile(tile.level, tile.index)[: tile.width * HASH_SIZE]
            self._put(self._log.archive, key, data)

    def _checkpoint(self, damaged: list[Damage]) -> None:
        """The newest signed state of which a copy is kept, and which is one of this log."""
        keys = log_keys(self._vault, self._log)
        best: tuple[int, bytes] = (0, b"")
        for note in self._notes():
            try:
                point = open_checkpoint(note, keys).checkpoint
            except VaultError:
                continue
            if best[0] < point.size <= self._size and self._root(point.size) == point.root:
                best = (point.size, note)
        if not best[0]:
            raise EvidenceError("no signed state of this log is kept here")
        self._log.archive.replace(self._log.checkpoint_key(), best[1])
        step("repair-checkpoint")

    def _notes(self) -> Iterator[bytes]:
        folder = self._log.evidence_key(0, "").removesuffix("/0/")
        for key in self._vault.archive.keys(folder):
            if key.endswith("/checkpoint"):
                try:
                    yield self._log.read(self._log.archive, key)
                except VaultError:
                    continue
        for source in self._sources[1:]:
            note = source.checkpoint()
            if note is not None:
                yield note

    def _root(self, size: int) -> bytes:
        frontier = Frontier()
        for chunk in leaves_of(self._vault, self._log.number, size):
            frontier.extend(chunk[i : i + HASH_SIZE] for i in range(0, len(chunk), HASH_SIZE))
        return frontier.root()

    def _evidence(self, damaged: list[Damage]) -> None:
        keys = log_keys(self._vault, self._log)
        proofs = recorded_proofs(self._vault, self._log)
        for each in damaged:
            wanted = proofs.get(each.object)
            self._each(each.object, partial(self._proof, each.object, wanted, keys))

    def _proof(self, key: str, digest: str | None, keys: list[VerifierKey]) -> None:
        """One file of evidence, once it is what was signed or recorded."""
        source = self._sources[-1]
        if key == self._log.evidence_key(self._published_size(), "checkpoint"):
            data = self._log.checkpoint() or b""
        else:
            data = source.read(source.archive, key)
        good = hashlib.sha256(data).hexdigest() == digest
        if key.endswith("/checkpoint"):
            point = open_checkpoint(data, keys).checkpoint
            here = key == self._log.evidence_key(point.size, "checkpoint")
            good = here and point.size <= self._size and self._root(point.size) == point.root
        if not good:
            raise EvidenceError(f"it is damaged in {self._name}, too")
        self._put(self._log.archive, key, data)

    # -- entries -------------------------------------------------------------------------------

    def _bundle(self, group: int) -> None:
        """The published entries of a group, where they are not what they must be."""
        published = self._published_size()
        width = min(TILE_WIDTH, published - group * TILE_WIDTH)
        if width <= 0:
            return
        key = self._log.tile_key(Tile(ENTRIES, group, width).path)
        leaves = [self._leaf(group * TILE_WIDTH + i) for i in range(width)]
        try:
            here = parse_entry_bundle(self._log.read(self._log.archive, key), width)
            if [leaf_hash(entry) for entry in here] == leaves:
                return
        except VaultError:
            pass
        entries = [self._entry(group * TILE_WIDTH + i) for i in range(width)]
        self._put(self._log.archive, key, format_entry_bundle(entries))

    def _records(self, group: int) -> None:
        """The pack of records of a group that is complete and published."""
        if (group + 1) * TILE_WIDTH > self._published_size():
            return
        indexes = range(group * TILE_WIDTH, (group + 1) * TILE_WIDTH)
        events = [parse_entry(self._entry(i)).event for i in indexes]
        good = [self._record(i, event) for i, event in zip(indexes, events, strict=True)]
        store, key = self._log.records(group)
        data = format_sealed_pack(group, good)
        if not self._is_there(store, key, data):
            self._put(store, key, data)

    def _headers(self, group: int) -> None:
        """The pack of headers of a group that is complete and published."""
        if (group + 1) * TILE_WIDTH > self._published_size() or self._log.plaintext:
            return
        headers: dict[str, bytes] = {}
        self._lacking.clear()
        for index in range(group * TILE_WIDTH, (group + 1) * TILE_WIDTH):
            headers.update(self._good_headers(index, parse_entry(self._entry(index)).event))
        key, data = self._log.headers_key(group), format_header_pack(group, headers)
        if self._lacking and self._is_damaged(key, lambda raw: parse_header_pack(raw, group)):
            raise EvidenceError(f"{len(self._lacking)} headers in it are in no other place")
        if not self._is_there(self._log.control, key, data):
            self._log.control.replace(key, data)
            self._forget()
            step("repair-headers")

    def _commit(self, start: int, end: int, is_bad: bool) -> None:
        """A commit whose bytes are wrong, or some of whose headers or records are."""
        complete = self._published_size() // TILE_WIDTH * TILE_WIDTH
        try:
            commit = self._log.commit(start)
            if commit.is_stub and not is_bad:
                return
        except VaultError:
            pass
        root = self._root(end)
        if end <= complete:  # everything in it is published: what is left of it is its stub
            data = format_stub(Commit(start, end, root, ()))
            if not is_bad:
                return
            self._demand_published(start, end)
        else:
            self._lacking.clear()
            data = format_commit(start, root, [self._whole(i) for i in range(start, end)])
            if self._lacking and self._is_damaged(self._log.commit_key(start), parse_commit):
                raise EvidenceError(f"{len(self._lacking)} headers in it are in no other place")
        if not self._is_there(self._log.control, self._log.commit_key(start), data):
            self._log.control.replace(self._log.commit_key(start), data)
            self._forget()
            step("repair-commit")

    def _demand_published(self, start: int, end: int) -> None:
        """Raises EvidenceError where a damaged commit may hold what its published files do not."""
        if not self._is_damaged(self._log.commit_key(start), parse_commit):
            return
        for index in range(start, end):
            group, place = divmod(index, TILE_WIDTH)
            entries, records, headers = self._published(self._log, group)
            good = leaf_hash(entries[place]) == self._leaf(index)
            units = parse_entry(entries[place]).event.units if good else ()
            for unit in units:
                if unit.kind == "record":
                    good &= hashlib.sha256(records[place]).hexdigest() == unit.objects[0]
                if unit.header is not None and index not in self._removed:
                    found = hashlib.sha256(headers.get(unit.id, b"")).hexdigest()
                    good &= found == unit.header
            if not good:
                raise EvidenceError(f"what is published of entry {index} is not whole: it is kept")

    def _is_damaged(self, key: str, parse: Callable[[bytes], object]) -> bool:
        """Whether something lies there that can't be read as what it must be."""
        try:
            parse(self._log.read(self._log.control, key))
        except NotFound:
            return False
        except VaultError:
            return True
        return False

    # -- writing -------------------------------------------------------------------------------

    def _forget(self) -> None:
        self._log.forget()
        self._read.clear()

    def _is_there(self, store: ObjectStore, key: str, data: bytes) -> bool:
        try:
            return self._log.read(store, key) == data
        except VaultError:
            return False

    def _put(self, store: ObjectStore, key: str, data: bytes) -> None:
        """Good bytes under a name where others lie, which are kept beside; read back."""
        if store is self._log.archive:
            self._vault.archive.set_aside(key)
            step("repair-file-aside")
            try:
                store.create(key, data)
            except AlreadyExists:  # an archive with versions: the damaged one stays below
                store.replace(key, data)
        else:
            store.replace(key, data)
        step("repair-file")
        self._forget()
        if self._log.read(store, key) != data:
            raise EvidenceError(f"{key} was not stored as written", code="E-READ-BACK")
