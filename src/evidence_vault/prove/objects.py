"""Fixity of a stretch of a log: what its entries name, and what is published of them.

A slice is whole commits, looked at without any other slice: so work is spread over processes,
machines and days, and done again where it was interrupted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Protocol

from evidence_vault.core.commit import Commit, Committed
from evidence_vault.core.event import peek
from evidence_vault.core.eventtypes import ARRIVALS
from evidence_vault.core.merkle import HASH_SIZE, leaf_hash
from evidence_vault.core.packs import parse_header_pack, parse_sealed_pack
from evidence_vault.core.placement import COMPLIANCE, Lock, Placed
from evidence_vault.core.tiles import (
    TILE_WIDTH,
    entries_path,
    parse_entry_bundle,
    partial_width,
    tile_path,
)
from evidence_vault.errors import FormatError, NotFound, StoreError, VaultError
from evidence_vault.ports import ObjectStore
from evidence_vault.prove import damage as codes
from evidence_vault.prove.damage import Damage
from evidence_vault.prove.payloads import Checker, ObjectCheck, ObjectFound, check_object

__all__ = ["ObjectCheck", "ObjectFound", "Slice", "SliceFound", "check_object", "check_slice"]


class CommittedFiles(Protocol):
    """One log, as far as fixity reads it. Pickled when work is spread over processes."""

    @property
    def archive(self) -> ObjectStore: ...

    @property
    def control(self) -> ObjectStore: ...

    @property
    def number(self) -> int: ...

    @property
    def plaintext(self) -> bool: ...

    def commit(self, start: int) -> Commit: ...

    def commit_key(self, start: int) -> str: ...

    def contents(self, commit: Commit) -> list[Committed]: ...

    def tile(self, path: str) -> bytes: ...

    def tile_key(self, path: str) -> str: ...

    def records(self, group: int) -> tuple[ObjectStore, str]: ...

    def headers_key(self, group: int) -> str: ...

    def read(self, store: ObjectStore, key: str) -> bytes: ...


class Placements(Protocol):
    """What an archive with locks answered, and what is held. Pickled with the slice."""

    def placed(self, digests: Sequence[str]) -> Mapping[str, Placed]: ...

    def retained(self, items: Sequence[str]) -> Mapping[str, tuple[int, int, Lock]]:
        """Log and index of the newest decision about how long an item is kept, and that."""

    def held(self) -> frozenset[str]:
        """Digests of objects that a logged hold is on."""


class Slice(NamedTuple):
    """Some commits of one log: (start, end) of each, in order.

    ``wanted``: indexes of the entries to look at, None for all. ``removed``: entries whose objects
    and headers a logged event gave up: what is gone of those is no damage. ``published``: entries
    that the stored checkpoint covers. ``placements``: of an archive that keeps versions. ``read``:
    False looks at versions and locks alone. ``threads``: objects looked at side by side.
    """

    log: CommittedFiles
    commits: tuple[tuple[int, int], ...]
    wanted: frozenset[int] | None = None
    removed: frozenset[int] = frozenset()
    published: int = 0
    placements: Placements | None = None
    read: bool = True
    threads: int = 0


@dataclass
class SliceFound:
    """What was looked at: objects, and bytes read.

    ``digests``: of the objects that were named, 32 bytes each. ``arrived``: items that came in
    with these entries; ``items``: home origin of each item that one of them is about. ``commits``:
    of the slice that was looked at.
    """

    log: int = 0
    commits: tuple[tuple[int, int], ...] = ()
    objects: int = 0
    digests: bytes = b""
    bytes: int = 0
    arrived: int = 0
    items: dict[str, str] = field(default_factory=dict)
    damaged: list[Damage] = field(default_factory=list)


Each = Callable[
    [Callable[[ObjectCheck], ObjectFound], Iterable[ObjectCheck]], Iterator[ObjectFound]
]
"""``map``, or one that looks at several objects at once."""


def check_slice(object_key: Callable[[str], str], part: Slice) -> SliceFound:
    """Look again at everything that the entries of a slice name.

    ``object_key``: where an object of a digest lies. What can't be looked at is a finding, too.
    """
    look = _Look(object_key, part)
    for start, end in part.commits:
        look.commit(start, end)
    if part.threads > 1:
        with ThreadPoolExecutor(part.threads) as pool:
            return look.finish(pool.map)
    return look.finish(map)


class _Look:
    def __init__(self, object_key: Callable[[str], str], part: Slice) -> None:
        self._object_key = object_key
        self._part = part
        self._found = SliceFound(part.log.number, part.commits)
        self._targets: list[ObjectCheck] = []
        self._named: list[str] = []
        self._headers: dict[str, str] = {}  # unit by digest of its header, of the entries so far
        self._swaps: list[tuple[int, str]] = []  # place of a finding, digest that was found
        self._bundle: tuple[int, list[bytes] | None] = (-1, None)
        self._tile: tuple[int, bytes | None] = (-1, None)
        self._packs: tuple[int, list[bytes] | None, dict[str, bytes] | None] = (-1, None, None)

    def commit(self, start: int, end: int) -> None:
        """All entries of one commit."""
        log, part = self._part.log, self._part
        where = f"entries {start} to {end - 1}"
        try:
            commit = log.commit(start)
        except VaultError as error:
            code = codes.COMMIT_MISSING if isinstance(error, NotFound) else codes.COMMIT_CHANGED
            self._failed(error, code, where, log.commit_key(start), start)
            return
        if commit.end != end:
            said = f"says that it ends at {commit.end}, the log says {end}"
            self._add(codes.COMMIT_CHANGED, where, log.commit_key(start), said, start)
        try:
            contents = log.contents(commit)
        except VaultError as error:
            if not self._blame(commit):
                self._failed(error, codes.COMMIT_CHANGED, where, log.commit_key(start), start)
            return
        for index, committed in enumerate(contents, start):
            if part.wanted is None or index in part.wanted:
                self._published(index, committed.entry, commit.is_stub)
                if not commit.is_stub:
                    self._packed(index, committed)
                self._entry(index, committed)

    def finish(self, each: Each) -> SliceFound:
        """The objects that were gathered; then headers that stand in each other's place."""
        part, found = self._part, self._found
        found.digests = bytes.fromhex("".join(self._named))
        targets = self._with_placements()
        versions = part.placements is not None
        if part.read or versions:
            check = Checker(part.log.archive, versions, part.read, shared=each is map)
            for target, seen in zip(targets, each(check, targets), strict=True):
                found.objects += 1
                found.bytes += seen.size
                for code, said in seen.problems:
                    self._add(code, target.item, target.digest, said, target.entry)
        for place, digest in self._swaps:
            other = self._headers.get(digest)
            if other is not None:
                said = f"header of another unit: that of {other}"
                changed = replace(found.damaged[place], code=codes.HEADER_SWAPPED, finding=said)
                found.damaged[place] = changed
        return found

    def _with_placements(self) -> list[ObjectCheck]:
        placements = self._part.placements
        if placements is None:
            return self._targets
        placed = placements.placed([target.digest for target in self._targets])
        retained = placements.retained(sorted({target.item for target in self._targets}))
        held, number = placements.held(), self._part.log.number
        return [
            target._replace(
                placed=_kept(placed.get(target.digest), target, number, retained),
                held=target.digest in held,
            )
            for target in self._targets
        ]

    # -- one entry -----------------------------------------------------------------------------

    def _entry(self, index: int, committed: Committed) -> None:
        """Record and headers of an entry; gathers the objects it names."""
        name, removed = f"entry {index}", index in self._part.removed
        targets: list[ObjectCheck] = []
        try:
            event = peek(committed.entry)
            subject = event["subject"]
            name = str(subject.get("id", name))
            for unit in event["units"]:
                self._header(unit, committed, name, index, removed)
                if unit["kind"] != "record":
                    targets += [
                        ObjectCheck(name, digest, self._object_key(digest), index)
                        for digest in unit["objects"]
                    ]
                elif hashlib.sha256(committed.record).hexdigest() != unit["objects"][0]:
                    self._add(codes.RECORD_CHANGED, name, unit["id"], "record changed", index)
            if "id" in subject and not removed and subject["kind"] == "item":
                self._found.items[name] = str(subject["home"])
                self._found.arrived += event["type"] in ARRIVALS
        except (VaultError, ValueError, LookupError, TypeError, AttributeError):
            said = "entry can't be read"
            self._add(codes.ENTRY_UNREADABLE, name, f"entry {index}", said, index)
        self._named += [target.digest for target in targets]
        if not removed:
            self._targets += targets

    def _header(
        self, unit: dict[str, Any], committed: Committed, item: str, index: int, removed: bool
    ) -> None:
        header, wanted = committed.headers.get(unit["id"]), unit["header"]
        if wanted is not None:
            self._headers[wanted] = unit["id"]
        if header is None:
            if wanted is not None and not removed:
                self._add(codes.HEADER_MISSING, item, unit["id"], "header missing", index)
            return
        digest = hashlib.sha256(header).hexdigest()
        if digest != wanted:
            self._swaps.append((len(self._found.damaged), digest))
            self._add(codes.HEADER_CHANGED, item, unit["id"], "header changed", index)

    # -- what is published of it ---------------------------------------------------------------

    def _published(self, index: int, entry: bytes, from_bundle: bool) -> None:
        """An entry and its hash, as published, against the one in the commit."""
        if index >= self._part.published:
            return
        group, place = divmod(index, TILE_WIDTH)
        tile = self._tile[1] if self._tile[0] == group else self._tile_of(group)
        hashed = slice(place * HASH_SIZE, (place + 1) * HASH_SIZE)
        if tile is not None and tile[hashed] != leaf_hash(entry):
            # Which of two published files is right is settled by whoever knows the hash, too.
            self._differs(index, codes.BUNDLE_CHANGED if from_bundle else codes.TILE_CHANGED)
        if from_bundle:
            return
        bundle = self._bundle[1] if self._bundle[0] == group else self._bundle_of(group)
        if bundle is not None and bundle[place] != entry:
            self._differs(index, codes.BUNDLE_CHANGED)

    def _packed(self, index: int, committed: Committed) -> None:
        """Record and headers in the packs of a complete group, while the commit is still full: it
        is emptied for their sake."""
        group, place = divmod(index, TILE_WIDTH)
        if group >= self._part.published // TILE_WIDTH:
            return
        if self._packs[0] != group:
            self._packs = group, *self._packs_of(group)
        _, records, headers = self._packs
        log = self._part.log
        if records is not None and records[place] != committed.record:
            said = f"the record of entry {index} is published with other bytes than committed"
            self._once(codes.PACK_CHANGED, f"entry {index}", log.records(group)[1], said, index)
        if headers is not None and not _same_headers(committed, headers):
            said = f"the headers of entry {index} are not in it as committed"
            self._once(codes.PACK_CHANGED, f"entry {index}", log.headers_key(group), said, index)

    def _packs_of(self, group: int) -> tuple[list[bytes] | None, dict[str, bytes] | None]:
        """Records and headers of a complete group; None for a pack that was named as damaged, and
        for headers of a vault without encryption."""
        log, records, headers = self._part.log, None, None
        store, key = log.records(group)
        try:
            records = parse_sealed_pack(log.read(store, key), group)
        except VaultError as error:
            self._damaged_pack(error, key, group)
        if not log.plaintext:
            try:
                key = log.headers_key(group)
                headers = parse_header_pack(log.read(log.control, key), group)
            except VaultError as error:
                self._damaged_pack(error, key, group)
        return records, headers

    def _damaged_pack(self, error: VaultError, key: str, group: int) -> None:
        code = codes.PACK_MISSING if isinstance(error, NotFound) else codes.PACK_CHANGED
        where = f"entries from {group * TILE_WIDTH} on"
        self._failed(error, code, where, key, group * TILE_WIDTH)

    def _differs(self, index: int, code: str) -> None:
        group = index // TILE_WIDTH
        of_bundle = code == codes.BUNDLE_CHANGED
        width = self._width(group)
        path = entries_path(group, width) if of_bundle else tile_path(0, group, width)
        said = f"entry {index} is published with other bytes than committed"
        self._once(code, f"entry {index}", self._part.log.tile_key(path), said, index)

    def _width(self, group: int) -> int:
        full = group < self._part.published // TILE_WIDTH
        return TILE_WIDTH if full else partial_width(0, self._part.published) or TILE_WIDTH

    def _tile_of(self, group: int) -> bytes | None:
        """The lowest tile of a group; what is wrong with it as a whole is said once."""
        if self._tile[0] != group:
            path, data = tile_path(0, group, self._width(group)), None
            try:
                data = self._part.log.tile(path)
                if len(data) != self._width(group) * HASH_SIZE:
                    data = None
                    raise FormatError("it has another length")
            except VaultError as error:
                self._damaged_file(error, path, group, codes.TILE_MISSING, codes.TILE_CHANGED)
            self._tile = group, data
        return self._tile[1]

    def _bundle_of(self, group: int) -> list[bytes] | None:
        if self._bundle[0] != group:
            path, entries = entries_path(group, self._width(group)), None
            try:
                entries = parse_entry_bundle(self._part.log.tile(path), self._width(group))
            except VaultError as error:
                self._damaged_file(error, path, group, codes.BUNDLE_MISSING, codes.BUNDLE_CHANGED)
            self._bundle = group, entries
        return self._bundle[1]

    def _damaged_file(
        self, error: VaultError, path: str, group: int, missing: str, changed: str
    ) -> None:
        code = missing if isinstance(error, NotFound) else changed
        where = f"entries from {group * TILE_WIDTH} on"
        self._failed(error, code, where, self._part.log.tile_key(path), group * TILE_WIDTH)

    def _blame(self, commit: Commit) -> bool:
        """Which published file keeps the entries of an emptied commit from being read."""
        log, blamed = self._part.log, False
        if not commit.is_stub:
            return False
        for group in range(commit.start // TILE_WIDTH, (commit.end - 1) // TILE_WIDTH + 1):
            before = len(self._found.damaged)
            where = f"entries from {group * TILE_WIDTH} on"
            blamed |= self._bundle_of(group) is None
            store, key = log.records(group)
            headers = log.control, log.headers_key(group)
            for place, parse in (((store, key), parse_sealed_pack), (headers, parse_header_pack)):
                try:
                    parse(log.read(*place), group)
                except VaultError as error:
                    gone = isinstance(error, NotFound)
                    if gone and place == headers:
                        continue  # said of each header
                    code = codes.PACK_MISSING if gone else codes.PACK_CHANGED
                    self._failed(error, code, where, place[1], group * TILE_WIDTH)
            blamed |= len(self._found.damaged) > before
        return blamed

    # -- findings ------------------------------------------------------------------------------

    def _failed(self, error: VaultError, code: str, item: str, what: str, index: int) -> None:
        """What kept something from being read: it is gone, changed, or nobody can say."""
        said = error.message
        if isinstance(error, StoreError) and not isinstance(error, NotFound):
            code, said = codes.UNREADABLE, f"could not be checked: {said}"
        self._once(code, item, what, said, index)

    def _once(self, code: str, item: str, what: str, said: str, index: int) -> None:
        if not any((d.code, d.object) == (code, what) for d in self._found.damaged[-8:]):
            self._add(code, item, what, said, index)

    def _add(self, code: str, item: str, what: str, said: str, index: int) -> None:
        self._found.damaged.append(Damage(code, item, what, said, self._part.log.number, index))


def _same_headers(committed: Committed, pack: Mapping[str, bytes]) -> bool:
    """Whether a pack has the right header of each unit that the commit has one of, and no other.

    Where the commit itself has another than the entry names, that is said of the commit.
    """
    try:
        units = peek(committed.entry)["units"]
        wanted = {unit["id"]: unit["header"] for unit in units if unit["header"] is not None}
    except (VaultError, ValueError, LookupError, TypeError):
        return True  # said of the entry
    for unit, digest in wanted.items():
        header = pack.get(unit)
        if (header is None) != (unit not in committed.headers):
            return False
        if header is not None and hashlib.sha256(header).hexdigest() != digest:
            return False
    return True


def _kept(
    placed: Placed | None,
    target: ObjectCheck,
    number: int,
    retained: Mapping[str, tuple[int, int, Lock]],
) -> Placed | None:
    """What was recorded of an object, or the longer lock that was decided for its item since."""
    log, index, lock = retained.get(target.item, (-1, -1, Lock()))
    if placed is None or lock.mode is None or (number, target.entry) > (log, index):
        return placed
    mode = COMPLIANCE if COMPLIANCE in (placed.mode, lock.mode) else lock.mode
    return replace(placed, mode=mode, until=max(placed.until or "", lock.until or ""))
