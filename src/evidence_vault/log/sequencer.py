"""The sequencer: one create-only commit per batch, then the catalogue, a cache of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from evidence_vault.core.commit import Committed, format_commit
from evidence_vault.core.merkle import Frontier, leaf_hash
from evidence_vault.errors import AlreadyExists, LogInconsistent
from evidence_vault.log.catalogue import Catalogue, EntryRow, IndexRows
from evidence_vault.log.logstore import LogStore


@dataclass
class Prepared:
    """A signed entry that is ready to be committed.

    ``members``: (item id, home, item_seq) of each item it is about.
    """

    committed: Committed
    leaf: bytes
    type: str
    recorded_at: str
    members: Sequence[tuple[str, str, int]]


# Told each numbered step of the write order as it passes, so that tests can end the process there.
Passed = Callable[[str], None]


def unwatched(step: str) -> None:
    """A ``Passed`` that does nothing."""


# Reads one committed entry back into what the catalogue keeps of it: (index, commit start, entry).
Digest = Callable[[int, int, Committed, IndexRows], EntryRow]


class Sequencer:
    """Appends to one log. Used under the vault's writer lock only."""

    def __init__(self, log: LogStore, catalogue: Catalogue, passed: Passed = unwatched) -> None:
        self._log = log
        self._passed = passed
        self._catalogue = catalogue
        self.frontier = catalogue.frontier()

    def catch_up(
        self,
        digest: Digest,
        progress: Callable[[int, int], None] | None = None,
        until: int | None = None,
        settle: bool = False,
    ) -> int:
        """Apply commits the catalogue does not know yet; returns how many entries.

        ``until``: stop when the catalogue knows that many entries. ``settle``: such a commit may be
        one whose writer ended before it was durable, so it is made so before it counts.

        Raises LogInconsistent when the catalogue is ahead of the store, or a commit's root is
        not the one its entries give.
        """
        self.frontier = self._catalogue.frontier()
        before = self.frontier.size
        for commit in self._log.commits(before):
            if until is not None and self.frontier.size >= until:
                break
            if settle and not commit.is_stub:
                self._log.control.settle(self._log.commit_key(commit.start))
            frontier = self.frontier.copy()
            index = IndexRows()
            rows = []
            for offset, committed in enumerate(self._log.contents(commit)):
                frontier.append(leaf_hash(committed.entry))
                rows.append(digest(commit.start + offset, commit.start, committed, index))
            if frontier.root() != commit.root:
                raise LogInconsistent(
                    f"commit {commit.start} states another root than its entries give",
                    code="E-COMMIT-ROOT",
                )
            self._catalogue.apply(rows, frontier, index)
            self.frontier = frontier
            if progress is not None:
                progress(frontier.size, 0)
        return self.frontier.size - before

    def append(self, batch: Sequence[Prepared], index: IndexRows) -> None:
        """Steps 4 and 5. On return the batch is committed and durable."""
        frontier = self.frontier.copy()
        frontier.extend(p.leaf for p in batch)
        start = self.frontier.size
        data = format_commit(start, frontier.root(), [p.committed for p in batch])
        # 4. The commit. A crash before it leaves nothing of the batch but unnamed payloads;
        #    a crash after it leaves a committed batch that opening applies to the catalogue.
        try:
            self._log.control.create(self._log.commit_key(start), data)
        except AlreadyExists as error:
            raise LogInconsistent(
                f"somebody else committed at entry {start}",
                code="E-COMMIT-TAKEN",
                hint="another program wrote without the lock; run the command again",
            ) from error
        self._passed("4-committed")
        self.frontier = frontier
        # 5. The catalogue. A crash before or in it: opening replays the commit.
        rows = [
            EntryRow(start + i, p.leaf, start, p.type, p.recorded_at, p.members)
            for i, p in enumerate(batch)
        ]
        self._catalogue.apply(rows, frontier, index)

    def state(self) -> Frontier:
        """Size and right edge after the newest commit."""
        return self.frontier.copy()
