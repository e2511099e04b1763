"""What proofs show of one tree, and whether two signed trees contradict each other.

A proof that leads to a signed root authenticates the hash of every range of entries that it
passes. MTH(D[low:high]) depends on those entries alone, so the same range with two hashes under
two signed roots of one log proves that the log showed two histories: no proof of consistency can
exist, whatever anybody says later. Ranges that no proof passed stay open, and nothing is claimed.
"""

from __future__ import annotations

from collections.abc import Sequence

from evidence_vault.core.merkle import EMPTY_ROOT, MAX_PROOF_LENGTH, edge_subtrees, node_hash
from evidence_vault.errors import ProofInvalid

Range = tuple[int, int]
"""Entries low <= i < high."""


class TreeView:
    """The known ranges of one tree, given by ``size`` >= 0 and a signed ``root``."""

    def __init__(self, size: int, root: bytes) -> None:
        self.size = size
        self._known: dict[Range, bytes] = {(0, size): root}

    def add_inclusion(self, index: int, leaf_hash: bytes, path: Sequence[bytes]) -> None:
        """Learn from an inclusion proof; raises ProofInvalid, and learns nothing then."""
        if not 0 <= index < self.size or len(path) > MAX_PROOF_LENGTH:
            raise ProofInvalid(f"there is no entry {index} in {self.size} entries")
        found: dict[Range, bytes] = {}
        self._accept(_climb(0, self.size, index, leaf_hash, list(path), found), found)

    def add_consistency(
        self, old_size: int, proof: Sequence[bytes], old_root: bytes | None = None
    ) -> None:
        """Learn from a consistency proof, whatever old root it leads to.

        ``old_root`` is needed when ``old_size`` is a power of two: such a proof leaves the old
        tree out. Raises ProofInvalid unless the proof leads to the root of this tree.
        """
        if not 0 < old_size < self.size or len(proof) > MAX_PROOF_LENGTH:
            raise ProofInvalid(f"{old_size} entries are no earlier state of {self.size} entries")
        path = list(proof)
        if not old_size & (old_size - 1):
            if old_root is None:
                raise ProofInvalid("a proof from a power of two does not show the old root")
            path.insert(0, old_root)
        found: dict[Range, bytes] = {}
        self._accept(_descend(0, self.size, old_size, path, found), found)

    def root(self, size: int) -> bytes | None:
        """The root of the first ``size`` entries, or None where the proofs do not show it."""
        if size == 0:
            return EMPTY_ROOT
        if (0, size) in self._known:
            return self._known[0, size]
        if size > self.size:
            return None
        parts = [self._known.get((i << level, (i + 1) << level)) for level, i in _cover(size)]
        known = [part for part in parts if part is not None]
        if len(known) < len(parts):
            return None
        result = known[-1]
        for left in reversed(known[:-1]):
            result = node_hash(left, result)
        return result

    def contradiction(self, other: TreeView) -> Range | None:
        """A range to which the two trees give different hashes, or None if none is known."""
        for range_ in sorted(self._known.keys() & other._known.keys()):
            if self._known[range_] != other._known[range_]:
                return range_
        for one, two in ((self, other), (other, self)):
            if one.size <= two.size and two.root(one.size) not in (None, one.root(one.size)):
                return (0, one.size)
        return None

    def extends(self, other: TreeView) -> bool:
        """True when the proofs show that ``other`` is the beginning of this tree."""
        return other.size <= self.size and self.root(other.size) == other.root(other.size)

    def _accept(self, top: bytes, found: dict[Range, bytes]) -> None:
        if top != self._known[0, self.size]:
            raise ProofInvalid(
                f"the proof leads to root {top.hex()}, not {self._known[0, self.size].hex()}"
            )
        self._known.update(found)


def _climb(
    low: int, high: int, index: int, leaf: bytes, path: list[bytes], found: dict[Range, bytes]
) -> bytes:
    """Hash of [low, high) from the leaf up; consumes ``path`` from its end, the root's child."""
    if high - low == 1:
        if path:
            raise ProofInvalid("the inclusion proof is too long")
        found[low, high] = leaf
        return leaf
    split = _split(low, high)
    sibling = _take(path)
    if index < split:
        left, right = _climb(low, split, index, leaf, path, found), sibling
        found[split, high] = right
    else:
        left, right = sibling, _climb(split, high, index, leaf, path, found)
        found[low, split] = left
    return _note(low, high, left, right, found)


def _descend(low: int, high: int, old: int, path: list[bytes], found: dict[Range, bytes]) -> bytes:
    """SUB of RFC 9162 2.1.4.1 turned round: hash of [low, high) from the elements of a proof."""
    if high == old:
        last = _take(path)
        if path:
            raise ProofInvalid("the consistency proof is too long")
        found[low, high] = last
        return last
    split = _split(low, high)
    sibling = _take(path)
    if old <= split:
        left, right = _descend(low, split, old, path, found), sibling
        found[split, high] = right
    else:
        left, right = sibling, _descend(split, high, old, path, found)
        found[low, split] = left
    return _note(low, high, left, right, found)


def _note(low: int, high: int, left: bytes, right: bytes, found: dict[Range, bytes]) -> bytes:
    found[low, high] = node_hash(left, right)
    return found[low, high]


def _take(path: list[bytes]) -> bytes:
    if not path:
        raise ProofInvalid("the proof is too short")
    return path.pop()


def _split(low: int, high: int) -> int:
    return low + (1 << ((high - low - 1).bit_length() - 1))


def _cover(size: int) -> list[tuple[int, int]]:
    return edge_subtrees(0, size)
