"""Headers in copies: kept where one side lost them, destroyed where the log gave them up."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from evidence_vault.core.commit import Commit, Committed, format_stub, parse_commit
from evidence_vault.core.merkle import leaf_hash
from evidence_vault.core.packs import format_header_pack, parse_header_pack
from evidence_vault.core.replicas import Position
from evidence_vault.core.tiles import TILE_WIDTH
from evidence_vault.errors import FormatError, Locked, NotFound
from evidence_vault.log.logstore import LogStore
from evidence_vault.store.naming import object_key
from evidence_vault.store.opening import Store
from evidence_vault.vault.faults import step
from evidence_vault.vault.mirrorparts import (
    Mirrored,
    Source,
    Target,
    forked,
    format_as,
    good_headers,
    held_part,
    read_all,
    size_of,
    without,
)
from evidence_vault.vault.mirrorroots import Roots
from evidence_vault.vault.tombstones import Tombstone


class HeaderSteps(ABC):
    """Steps 5 and 7 of mirroring.py, and what is compared of headers copied before."""

    source: Source
    target: Target
    at: Position
    found: Mirrored
    _here: Callable[[int], LogStore]
    _doomed_units: set[str]
    _roots: Roots
    _walked: int  # the entry from which commits were walked in this run

    @abstractmethod
    def _own(self, index: int, committed: Committed) -> Committed: ...

    @abstractmethod
    def _put(self, store: Store, key: str, data: bytes) -> None: ...

    @abstractmethod
    def _heal(self, store: Store, key: str, data: bytes, why: str) -> None: ...

    @abstractmethod
    def _keep(self) -> None: ...

    def _merged(self, old: Committed, new: Committed) -> Committed:
        """The headers of both that are right; one that is here and lost there stays."""
        if (old.entry, old.record) != (new.entry, new.record):
            raise forked("a commit holds other entries")
        good = good_headers([old.entry], old.headers)
        headers = {u: h for u, h in {**good, **new.headers}.items() if u not in self._doomed_units}
        return Committed(old.entry, old.record, headers)

    def _header_pack(self, control: Store, key: str, group: int, own: list[Committed]) -> None:
        headers = {unit: header for each in own for unit, header in each.headers.items()}
        try:
            there = parse_header_pack(read_all(control, key), group)
        except NotFound:
            self._put(control, key, format_header_pack(group, headers))
            self.found.headers += len(headers)
            return
        except FormatError as error:
            self._heal(control, key, format_header_pack(group, headers), error.message)
            return
        good = good_headers([each.entry for each in own], there)
        merged = {**good, **headers}
        merged = {unit: header for unit, header in merged.items() if unit not in self._doomed_units}
        if merged != there:
            control.replace(key, format_header_pack(group, merged))
            self.found.headers += len(set(merged) - set(there))
            self.found.healed += len(set(there) - set(good))

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
            packed = -(-commit.end // TILE_WIDTH) <= self.at.groups
            done = packed and (control is None or self._empty(control, here, commit))
            if not done and oldest is None:
                oldest = commit.start
        self.at = replace(self.at, full=self.at.size if oldest is None else oldest)

    def _empty(self, control: Store, here: LogStore, stub: Commit) -> bool:
        """False: it stays whole, since what is published of it is not there, or not the same."""
        key = here.commit_key(stub.start)
        there = parse_commit(read_all(control, key))
        if there.is_stub:
            return True
        try:
            published = here.contents(stub)
        except (NotFound, FormatError) as error:
            self._keeps(key, error.message)
            return False
        if [(e.entry, e.record) for e in published] != [(e.entry, e.record) for e in there.entries]:
            self._keeps(key, "other entries or records were published")
            return False
        kept: dict[int, dict[str, bytes]] = {}
        for index, each in enumerate(there.entries, there.start):
            good = good_headers([each.entry], each.headers)
            kept.setdefault(index // TILE_WIDTH, {}).update(good)
        for group, headers in kept.items():
            if self.source.plaintext:
                continue
            pack_key = here.headers_key(group)
            pack = parse_header_pack(read_all(control, pack_key), group)
            lost = {
                u: h for u, h in headers.items() if u not in pack and u not in self._doomed_units
            }
            for unit in sorted(lost):
                self._vanished(group, unit)
            if lost:
                control.replace(pack_key, format_header_pack(group, {**pack, **lost}))
        control.replace(key, format_stub(stub))
        step("replica-emptied")
        return True

    def _keeps(self, key: str, why: str) -> None:
        self.found.add("E-REPLICA-DAMAGED", key, f"was left whole in the replica: {why}")

    def _compare_commit(self, control: Store, key: str, commit: Commit) -> None:
        """Headers of a commit that is whole on both sides."""
        try:
            there = parse_commit(read_all(control, key))
        except (NotFound, FormatError) as error:
            if commit.start < self._walked:  # its root was not compared in this run
                self.found.add("E-REPLICA-DAMAGED", key, f"compare all of it: {error.message}")
                return
            own = [self._own(commit.start + i, each) for i, each in enumerate(commit.entries)]
            self._heal(control, key, format_as(replace(commit, entries=tuple(own))), error.message)
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
            ours, theirs = size_of(log.control, log.headers_key(group)), None
            with suppress(NotFound):
                theirs = size_of(control, here.headers_key(group))
            if ours == theirs and ours is not None:
                continue
            entries = log.group(group)
            self._roots.demand_group(group, [leaf_hash(each.entry) for each in entries])
            mine = {} if ours is None else entries[0].headers
            there: dict[str, bytes] = {}
            with suppress(NotFound, FormatError):
                there = parse_header_pack(read_all(control, here.headers_key(group)), group)
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

    def _tombstones(self, number: int) -> None:
        """Step 7. Each may be repeated; headers go first. What a lock holds back is pending."""
        here = self._here(number)
        due = [e for e in self.source.tombstones[self.at.destroyed :] if e.log <= number]
        for each in due if self.target.control is not None else ():
            self._drop_headers(held_part(self.target.control), here, each)
        step("replica-headers-gone")
        for done, each in enumerate(due):
            if self.target.archive is not None and not self._drop_objects(each):
                self.found.pending = len(due) - done
                return
            self.at = replace(self.at, destroyed=self.at.destroyed + 1)
            self.found.destroyed += 1
            self._keep()

    def _drop_headers(self, control: Store, here: LogStore, each: Tombstone) -> None:
        here = LogStore(here.archive, here.control, each.log, here.plaintext)
        for start in each.starts:
            key = here.commit_key(start)
            commit = parse_commit(read_all(control, key))
            fresh = tuple(without(entry, each.units) for entry in commit.entries)
            if fresh != commit.entries:
                control.replace(key, format_as(replace(commit, entries=fresh)))
        for group in each.groups:
            key = here.headers_key(group)
            try:
                headers = parse_header_pack(read_all(control, key), group)
            except NotFound:
                continue
            kept = {unit: header for unit, header in headers.items() if unit not in each.units}
            if kept != headers:
                control.replace(key, format_header_pack(group, kept))

    def _drop_objects(self, each: Tombstone) -> bool:
        for digest in sorted(each.objects):
            try:
                held_part(self.target.archive).delete(object_key(digest))
                step("replica-object-gone")
            except NotFound:
                continue
            except Locked as error:
                self.found.add("E-REPLICA-LOCKED", digest, f"can't be removed: {error.message}")
                return False
        return True
