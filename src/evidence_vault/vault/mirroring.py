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

Nothing that is there is overwritten but what is damaged by its own digests: another log under the
same origin is a fork, and ends the work.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO

from evidence_vault.core.commit import (
    Commit,
    Committed,
    format_commit,
    format_stub,
    parse_commit,
)
from evidence_vault.core.event import peek
from evidence_vault.core.merkle import Frontier, leaf_hash
from evidence_vault.core.packs import format_header_pack, format_sealed_pack, parse_header_pack
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
    InternalError,
    LogInconsistent,
    NotFound,
    StoreError,
    VaultError,
)
from evidence_vault.log.logstore import LogStore
from evidence_vault.store.naming import object_key
from evidence_vault.store.opening import Store
from evidence_vault.vault.copypayloads import copy_objects
from evidence_vault.vault.faults import step
from evidence_vault.vault.tombstones import Tombstone

_SLICE = 1024  # entries
_MOST_LACKING = 1000  # payloads that can't be copied, before the work ends
THREADS = 8

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Head:
    """Where one log ends at the source: ``size`` entries, and the checkpoint stored over it."""

    size: int
    root: bytes
    published: int = 0
    published_root: bytes = b""


@dataclass(frozen=True)
class Source:
    """What is copied. ``known``: keys in archive/ that are known without a listing."""

    archive: Store
    control: Store
    plaintext: bool
    open_object: Callable[[str], BinaryIO]
    heads: Sequence[Head]
    tombstones: Sequence[Tombstone] = ()
    known: Sequence[str] = ()

    def log(self, number: int) -> LogStore:
        return LogStore(self.archive, self.control, number, self.plaintext)


@dataclass(frozen=True)
class Target:
    """Where it is copied to; None for a part that this copy does not hold."""

    archive: Store | None
    control: Store | None


@dataclass
class Mirrored:
    """What was done and found. ``findings``: {"code", "message", "where"}."""

    entries: int = 0
    objects: int = 0
    bytes: int = 0
    headers: int = 0
    destroyed: int = 0
    healed: int = 0
    pending: int = 0
    findings: list[dict[str, str]] = field(default_factory=list)

    def add(self, code: str, where: str, message: str) -> None:
        finding = {"code": code, "message": message, "where": where}
        if finding not in self.findings:
            self.findings.append(finding)

    def counts(self) -> dict[str, Any]:
        return {
            "bytes": str(self.bytes),
            "destroyed": self.destroyed,
            "entries": self.entries,
            "findings": len(self.findings),
            "headers": self.headers,
            "healed": self.healed,
            "objects": str(self.objects),
            "pending": self.pending,
        }


class Mirror:
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
        self._here = _logs_of(source, target)

    def run(self) -> Mirrored:
        """Steps 1 to 9. Raises LogInconsistent for a fork or a source that contradicts itself,
        StoreError where the target can't be written; what was copied before stays."""
        beside = _Beside(self)
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
            self._keep()

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
            frontier.extend(leaf_hash(each.entry) for each in contents)
            if frontier.root() != commit.root:
                raise LogInconsistent(
                    f"commit {commit.start} of the source states another root than its entries "
                    "give",
                    code="E-COMMIT-ROOT",
                    hint="run `evidence-vault log audit`; nothing was copied from here on",
                )
            own = [self._own(commit.start + i, each) for i, each in enumerate(contents)]
            units += _payloads(own)
            waiting.append((commit, tuple(frontier.hashes), own))
            if sum(c.end - c.start for c, _, _ in waiting) >= _SLICE:
                self._payloads(units)
                units = []
                waiting = self._commits(log, waiting, frontier.size)
        self._payloads(units)
        left = self._commits(log, waiting, frontier.size)
        if left or (frontier.size, frontier.root()) != (head.size, head.root):
            raise LogInconsistent(
                f"the source's commits end at entry {frontier.size}, expected {head.size}",
                code="E-COMMIT-MISSING",
                hint="run `evidence-vault log audit`",
            )

    def _own(self, index: int, committed: Committed) -> Committed:
        """The entry with the headers of its own units that are right and not given up."""
        event = _peek(committed.entry, index)
        headers: dict[str, bytes] = {}
        for unit in event["units"]:
            if unit["kind"] == "record" and _hex(committed.record) != unit["objects"][0]:
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
            elif _hex(header) != unit["header"]:
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
        walked: int,
    ) -> list[tuple[Commit, tuple[bytes, ...], list[Committed]]]:
        """Steps 2 to 4 for what is complete; the rest waits for the groups of its last entries."""
        done = 0
        for commit, _, _ in waiting:
            if commit.is_stub and -(-commit.end // TILE_WIDTH) * TILE_WIDTH > walked:
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
        control = _there(self.target.control)
        key = log.commit_key(commit.start)
        wanted = Commit(commit.start, commit.end, commit.root, () if commit.is_stub else tuple(own))
        data = _format(wanted)
        try:
            control.create(key, data)
        except AlreadyExists:
            self._meet(control, key, wanted)
            return
        self.found.headers += sum(len(each.headers) for each in wanted.entries)
        _demand_back(control, key, data)

    def _meet(self, control: Store, key: str, wanted: Commit) -> None:
        """A commit that is there already: the same, damaged, or of another history."""
        try:
            there = parse_commit(_read(control, key))
        except FormatError as error:
            self._heal(control, key, _format(wanted), error.message)
            return
        if (there.start, there.end, there.root) != (wanted.start, wanted.end, wanted.root):
            raise forked(f"its commit {wanted.start} holds another history")
        if there.is_stub or wanted.is_stub:
            return  # the other one is emptied by step 5
        merged = tuple(
            self._merged(old, new) for old, new in zip(there.entries, wanted.entries, strict=True)
        )
        if merged != there.entries:
            control.replace(key, _format(replace(wanted, entries=merged)))

    def _merged(self, old: Committed, new: Committed) -> Committed:
        """The headers of both that are right; one that is here and lost there stays."""
        if (old.entry, old.record) != (new.entry, new.record):
            raise forked("a commit holds other entries")
        good = _good_headers([old.entry], old.headers)
        headers = {u: h for u, h in {**good, **new.headers}.items() if u not in self._doomed_units}
        return Committed(old.entry, old.record, headers)

    # -- 2 -------------------------------------------------------------------------------------

    def _groups(self, number: int, upto: int) -> None:
        """Tile, bundle and packs of the groups before ``upto`` that are not in yet."""
        log, here = self.source.log(number), self._here(number)
        for group in range(self.at.groups, upto):
            entries = log.group(group)
            own = [self._own(group * TILE_WIDTH + i, each) for i, each in enumerate(entries)]
            if self.target.archive is not None:
                leaves = b"".join(leaf_hash(each.entry) for each in own)
                bundle = format_entry_bundle([each.entry for each in own])
                self._put(self.target.archive, here.tile_key(tile_path(0, group)), leaves)
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

    def _header_pack(self, control: Store, key: str, group: int, own: list[Committed]) -> None:
        headers = {unit: header for each in own for unit, header in each.headers.items()}
        try:
            there = parse_header_pack(_read(control, key), group)
        except NotFound:
            self._put(control, key, format_header_pack(group, headers))
            self.found.headers += len(headers)
            return
        except FormatError as error:
            self._heal(control, key, format_header_pack(group, headers), error.message)
            return
        good = _good_headers([each.entry for each in own], there)
        merged = {**good, **headers}
        merged = {unit: header for unit, header in merged.items() if unit not in self._doomed_units}
        if merged != there:
            control.replace(key, format_header_pack(group, merged))
            self.found.headers += len(set(merged) - set(there))
            self.found.healed += len(set(there) - set(good))

    # -- 5 -------------------------------------------------------------------------------------

    def _stubs(self, number: int) -> None:
        """Commits that were emptied at the source since they were copied whole."""
        control = self.target.control
        log, here = self.source.log(number), self._here(number)
        oldest = None
        for commit in log.commits(self.at.full):
            if commit.start >= self.at.size:
                break
            if not commit.is_stub:
                oldest = commit.start if oldest is None else oldest
                if control is not None:
                    self._compare_commit(control, here.commit_key(commit.start), commit)
                continue
            if -(-commit.end // TILE_WIDTH) > self.at.groups:
                oldest = commit.start if oldest is None else oldest
            elif control is not None:
                self._empty(control, here, commit)
        self.at = replace(self.at, full=self.at.size if oldest is None else oldest)

    def _empty(self, control: Store, here: LogStore, stub: Commit) -> None:
        key = here.commit_key(stub.start)
        there = parse_commit(_read(control, key))
        if there.is_stub:
            return
        kept: dict[int, dict[str, bytes]] = {}
        for index, each in enumerate(there.entries, there.start):
            good = _good_headers([each.entry], each.headers)
            kept.setdefault(index // TILE_WIDTH, {}).update(good)
        for group, headers in kept.items():
            if self.source.plaintext:
                continue
            pack_key = here.headers_key(group)
            pack = parse_header_pack(_read(control, pack_key), group)
            lost = {
                u: h for u, h in headers.items() if u not in pack and u not in self._doomed_units
            }
            for unit in sorted(lost):
                self._vanished(group, unit)
            if lost:
                control.replace(pack_key, format_header_pack(group, {**pack, **lost}))
        control.replace(key, format_stub(stub))
        step("replica-emptied")

    def _compare_commit(self, control: Store, key: str, commit: Commit) -> None:
        """Headers of a commit that is whole on both sides."""
        try:
            there = parse_commit(_read(control, key))
        except (NotFound, FormatError) as error:
            own = [self._own(commit.start + i, each) for i, each in enumerate(commit.entries)]
            self._heal(control, key, _format(replace(commit, entries=tuple(own))), error.message)
            return
        if there.root != commit.root:
            raise forked(f"its commit {commit.start} holds another history")
        for old, new in zip(there.entries, commit.entries, strict=False):
            for unit in sorted(set(old.headers) - set(new.headers) - self._doomed_units):
                self._vanished(commit.start // TILE_WIDTH, unit)

    def _compare_packs(self, number: int, upto: int) -> None:
        """Header packs copied before: by size, and by unit where that differs."""
        control = self.target.control
        if control is None or self.source.plaintext:
            return
        log, here = self.source.log(number), self._here(number)
        for group in range(upto):
            ours, theirs = _size(log.control, log.headers_key(group)), None
            with suppress(NotFound):
                theirs = _size(control, here.headers_key(group))
            if ours == theirs and ours is not None:
                continue
            entries = log.group(group)
            mine = {} if ours is None else entries[0].headers
            there: dict[str, bytes] = {}
            with suppress(NotFound, FormatError):
                there = parse_header_pack(_read(control, here.headers_key(group)), group)
            for unit in sorted(set(there) - set(mine) - self._doomed_units):
                self._vanished(group, unit)
            own = [self._own(group * TILE_WIDTH + i, each) for i, each in enumerate(entries)]
            self._header_pack(control, here.headers_key(group), group, own)

    def _vanished(self, group: int, unit: str) -> None:
        self.found.add(
            "E-HEADER-VANISHED",
            f"group {group}",
            f"the header of unit {unit} is gone at the source and no event says why; the replica "
            "keeps it",
        )

    # -- 6, 7 and 9 ----------------------------------------------------------------------------

    def _tiles(self, number: int) -> bool:
        """Step 6; False where the tiles do not lead to the checkpoint's root."""
        archive, head = self.target.archive, self.source.heads[number]
        if archive is None or not head.published:
            return True
        log, here = self.source.log(number), self._here(number)
        for tile in new_tiles(self.at.published, head.published):
            if tile.level < 1 and tile.width == TILE_WIDTH:
                continue  # step 2
            try:
                data = self._full_tile(here, tile) or log.tile(tile.path)
            except NotFound as error:
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

    def _full_tile(self, here: LogStore, tile: Tile) -> bytes | None:
        """A full tile of a higher level, made from the full tiles below it."""
        if tile.width != TILE_WIDTH or tile.level < 1:
            return None
        first = tile.index * TILE_WIDTH
        below = (here.tile(tile_path(tile.level - 1, first + i)) for i in range(TILE_WIDTH))
        return b"".join(full_tile_root(data) for data in below)

    def _tombstones(self, number: int) -> None:
        """Step 7. Each may be repeated; what a lock holds back is pending, and said."""
        here = self._here(number)
        for each in self.source.tombstones[self.at.destroyed :]:
            if each.log > number:
                break
            if self.target.control is not None:
                self._drop_headers(self.target.control, here, each)
            step("replica-headers-gone")
            if self.target.archive is not None and not self._drop_objects(each):
                self.found.pending += 1
                break
            self.at = replace(self.at, destroyed=self.at.destroyed + 1)
            self.found.destroyed += 1
            self._keep()

    def _drop_headers(self, control: Store, here: LogStore, each: Tombstone) -> None:
        for start in each.starts:
            key = here.commit_key(start)
            commit = parse_commit(_read(control, key))
            fresh = tuple(_without(entry, each.units) for entry in commit.entries)
            if fresh != commit.entries:
                control.replace(key, _format(replace(commit, entries=fresh)))
        for group in each.groups:
            key = here.headers_key(group)
            try:
                headers = parse_header_pack(_read(control, key), group)
            except NotFound:
                continue
            kept = {unit: header for unit, header in headers.items() if unit not in each.units}
            if kept != headers:
                control.replace(key, format_header_pack(group, kept))

    def _drop_objects(self, each: Tombstone) -> bool:
        for digest in sorted(each.objects):
            try:
                _there(self.target.archive).delete(object_key(digest))
                step("replica-object-gone")
            except NotFound:
                continue
            except (StoreError, VaultError) as error:
                self.found.add("E-REPLICA-LOCKED", digest, f"can't be removed: {error.message}")
                return False
        return True

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
            if _read(store, key) != data:
                self._heal(store, key, data, "other bytes than the log gives")
            return
        _demand_back(store, key, data)

    def _heal(self, store: Store, key: str, data: bytes, why: str) -> None:
        store.replace(key, data)
        _demand_back(store, key, data)
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


class _Beside:
    """Step 8: what lies beside the logs. A listing adds what nothing else names."""

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror

    def copy(self) -> None:
        source, target = self._mirror.source, self._mirror.target
        if target.archive is not None:
            logs = range(len(source.heads))
            folders = [source.log(n).evidence_key(0, "").partition("/")[0] + "/" for n in logs]
            folders += ["trust/", "foreign/", "holds/"]
            self._part(source.archive, target.archive, folders, source.known)
        if target.control is not None:
            folders = ["foreign/", "removed/", "sets/", "holds/"]
            self._part(source.control, target.control, folders, ())

    def _part(self, source: Store, target: Store, folders: list[str], known: Sequence[str]) -> None:
        for folder in folders:
            there = set(target.keys(folder))
            listed = sorted(source.keys(folder))
            named = [key for key in known if key.startswith(folder) and key not in set(listed)]
            for key in [*listed, *named]:
                # A foreign log's checkpoint alone is replaced as it grows.
                if key not in there or key.endswith("log/checkpoint"):
                    self._one(source, target, key)
        target.flush()
        step("replica-beside")

    def _one(self, source: Store, target: Store, key: str) -> None:
        try:
            data = _read(source, key)
        except NotFound:
            self._mirror.found.add("E-PROOF-MISSING", key, "is gone at the source")
            return
        try:
            target.create(key, data, durable=False)
        except AlreadyExists:
            if _read(target, key) != data:
                target.replace(key, data)
        _demand_back(target, key, data)


def _logs_of(source: Source, target: Target) -> Callable[[int], LogStore]:
    """The target's logs; the part it does not hold is the source's, and is only read."""
    archive, control = target.archive or source.archive, target.control or source.control
    return lambda number: LogStore(archive, control, number, source.plaintext)


def _payloads(own: Iterable[Committed]) -> list[str]:
    return [
        digest
        for each in own
        for unit in peek(each.entry)["units"]
        if unit["kind"] != "record"
        for digest in unit["objects"]
    ]


def _good_headers(entries: Iterable[bytes], headers: Any) -> dict[str, bytes]:
    """Of some headers, those that entries name, with the digests they state."""
    stated = {unit["id"]: unit["header"] for each in entries for unit in peek(each)["units"]}
    return {unit: data for unit, data in headers.items() if _hex(data) == stated.get(unit)}


def _without(committed: Committed, units: frozenset[str]) -> Committed:
    kept = {unit: header for unit, header in committed.headers.items() if unit not in units}
    return Committed(committed.entry, committed.record, kept)


def _format(commit: Commit) -> bytes:
    if commit.is_stub:
        return format_stub(commit)
    return format_commit(commit.start, commit.root, commit.entries)


def _peek(entry: bytes, index: int) -> dict[str, Any]:
    try:
        return peek(entry)
    except (ValueError, LookupError, TypeError) as error:
        raise FormatError(f"entry {index} can't be read", code="E-ENTRY") from error


def _read(store: Store, key: str) -> bytes:
    with store.open(key) as stream:
        return stream.read()


def _size(store: Any, key: str) -> int | None:
    try:
        with store.open(key) as stream:
            return int(stream.seek(0, 2))
    except NotFound:
        return None


def _demand_back(store: Store, key: str, data: bytes) -> None:
    if _read(store, key) != data:
        raise StoreError(f"{key} was not stored as written", code="E-READ-BACK")


def _there(store: Store | None) -> Store:
    if store is None:
        raise InternalError("a part that this replica does not hold")
    return store


def _hex(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def forked(what: str) -> LogInconsistent:
    return LogInconsistent(
        f"the replica and this vault show two histories: {what}",
        code="E-FORK",
        hint="nothing was overwritten: keep both as evidence and tell your partners",
    )
