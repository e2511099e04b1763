"""What may replace bytes in a copy: only what leads to the committed root, and to the signed one.

Roots of groups of 256 entries come from the commits that were walked; for groups before them, and
for every end of a walk, from the source's tiles, each checked against the root of its checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from evidence_vault.core.merkle import Frontier
from evidence_vault.core.replicas import Position
from evidence_vault.core.tile_reader import TileReader
from evidence_vault.core.tiles import TILE_WIDTH
from evidence_vault.errors import (
    EvidenceError,
    FormatError,
    LogInconsistent,
    NotFound,
    ProofInvalid,
)
from evidence_vault.vault.mirrorparts import Head

_GROUP_LEVEL = 8  # a subtree of 2**8 entries
_MEND = "mend the vault first: `evidence-vault fixity --all --repair`"


class Roots:
    """Of one log at the source, from ``at`` on. ``sure``: whether what was walked so far is what
    the checkpoint covers; ``why`` it could not be told else."""

    def __init__(self, at: Position, head: Head, fetch: Callable[[str], bytes]) -> None:
        width = at.size % TILE_WIDTH
        tail = at.hashes[len(at.hashes) - width.bit_count() :]
        self.sure, self.why = True, ""
        self._part, self._group = Frontier(width, tail), at.size // TILE_WIDTH
        self._known: dict[int, bytes] = {}
        self._head = head
        self._reader = (
            TileReader(head.published, head.published_root, fetch) if (head.published) else None
        )

    def extend(self, leaves: Iterable[bytes]) -> None:
        """The leaves of the commit walked next; its root was checked."""
        for leaf in leaves:
            self._part.append(leaf)
            if self._part.size == TILE_WIDTH:
                self._known[self._group] = self._part.root()
                self._part, self._group = Frontier(), self._group + 1

    def demand_signed(self, frontier: Frontier) -> None:
        """What was walked against the checkpoint, before it is written anywhere.

        Raises LogInconsistent (E-COMMIT-ROOT); tiles that can't tell leave ``sure`` False. Cost:
        O(log n) hashes.
        """
        if self._reader is None or frontier.size > self._head.published:
            return
        try:
            signed = self._reader.earlier(frontier.size).root()
        except (NotFound, ProofInvalid, FormatError) as error:
            self.sure, self.why = False, error.message
            return
        if signed != frontier.root():
            raise LogInconsistent(
                f"the source's commits up to entry {frontier.size} are not those that its "
                "checkpoint covers",
                code="E-COMMIT-ROOT",
                hint="run `evidence-vault log audit`; nothing was copied from here on",
            )

    def demand_group(self, group: int, leaves: Sequence[bytes]) -> bool:
        """The 256 leaves that the source's bundle gives, against the log; True: all of them.

        False where the log ends within the group: what lies before its end was compared. Raises
        EvidenceError (E-BUNDLE-CHANGED) for others, or where neither commits nor tiles can tell.
        """
        whole = Frontier()
        if group not in self._known and group == self._group and self._part.size:
            whole.extend(leaves[: self._part.size])
            if whole.hashes != self._part.hashes:
                raise _changed(group, "it does not lead to the committed root")
            if not self._published(group):
                self.sure, self.why = False, f"the log ends within group {group}"
                return False
            whole = Frontier()
        whole.extend(leaves)
        if whole.root() != self._root(group):
            raise _changed(group, "it does not lead to the committed root")
        return True

    def _published(self, group: int) -> bool:
        return (group + 1) * TILE_WIDTH <= self._head.published

    def _root(self, group: int) -> bytes:
        if group in self._known:
            return self._known[group]
        if self._reader is None or not self._published(group):
            raise _changed(group, "nothing that was signed covers it")
        try:
            return self._reader([(_GROUP_LEVEL, group)])[0]
        except (NotFound, ProofInvalid, FormatError) as error:
            raise _changed(group, f"it could not be checked: {error.message}") from error


def _changed(group: int, why: str) -> EvidenceError:
    return EvidenceError(
        f"the source's own bundle of entries {group * TILE_WIDTH} to "
        f"{(group + 1) * TILE_WIDTH - 1} was not copied: {why}",
        code="E-BUNDLE-CHANGED",
        hint=_MEND,
    )
