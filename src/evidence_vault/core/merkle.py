"""The Merkle tree of RFC 6962 §2.1 (= RFC 9162 §2.1) over SHA-256: hashes, proofs, right edge.

    MTH({})     = SHA-256("")
    leaf hash   = SHA-256(0x00 || entry)
    node hash   = SHA-256(0x01 || left || right)
    MTH(D[0:n]) = node(MTH(D[0:k]), MTH(D[k:n])),  k = largest power of two below n

A *subtree* here is always a complete one, named (level, index): the hash over the entries
``index << level`` up to ``(index + 1) << level``. Whatever stores such hashes can serve proofs
through ``HashReader``; a proof in a tree of n entries needs O(log n) of them.

Every hash is 32 bytes. Checks raise ``ProofInvalid`` and return nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Protocol

from evidence_vault.errors import FormatError, InternalError, ProofInvalid, UsageError

HASH_SIZE = 32
EMPTY_ROOT = sha256(b"").digest()
MAX_TREE_SIZE = 2**63 - 1
MAX_PROOF_LENGTH = 63

Subtree = tuple[int, int]


class HashReader(Protocol):
    """Returns the hashes of complete subtrees, in the order asked for.

    Called once for each proof, so that an implementation may fetch together what lies together.
    It must answer all or raise; a reader over storage authenticates what it returns.
    """

    def __call__(self, subtrees: Sequence[Subtree], /) -> list[bytes]: ...


def leaf_hash(entry: bytes) -> bytes:
    """SHA-256(0x00 || entry)."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right)."""
    return sha256(b"\x01" + left + right).digest()


def root_from_hashes(leaf_hashes: Iterable[bytes]) -> bytes:
    """The root over leaf hashes, in O(n) time and O(log n) memory."""
    frontier = Frontier()
    frontier.extend(leaf_hashes)
    return frontier.root()


class Frontier:
    """The right edge of a growing tree: the complete subtrees that cover it, largest first.

    The state is ``size`` and ``hashes`` (one hash for each 1 bit of ``size``); both together
    restore it. Appending is amortised O(1), ``root`` O(log n).
    """

    __slots__ = ("_hashes", "_size")

    def __init__(self, size: int = 0, hashes: Sequence[bytes] = ()) -> None:
        """Restore a stored edge; raises ``FormatError`` if the hashes do not fit the size."""
        if not 0 <= size <= MAX_TREE_SIZE:
            raise FormatError(f"a tree size is 0 to 2^63-1, this is {size}", code="E-TREE-SIZE")
        if len(hashes) != size.bit_count() or any(len(h) != HASH_SIZE for h in hashes):
            raise FormatError(
                f"the right edge of {size} entries is {size.bit_count()} hashes of 32 bytes",
                code="E-FRONTIER",
            )
        self._size = size
        self._hashes = list(hashes)

    @property
    def size(self) -> int:
        """How many leaves were appended."""
        return self._size

    @property
    def hashes(self) -> tuple[bytes, ...]:
        """The hashes of the covering subtrees, largest (leftmost) first."""
        return tuple(self._hashes)

    def append(self, leaf: bytes) -> None:
        """Add the leaf hash of the next entry."""
        if len(leaf) != HASH_SIZE:
            raise InternalError(f"a leaf hash has 32 bytes, not {len(leaf)}")
        hashes = self._hashes
        carry = self._size
        while carry & 1:
            leaf = sha256(b"\x01" + hashes.pop() + leaf).digest()
            carry >>= 1
        hashes.append(leaf)
        self._size += 1

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Add the leaf hashes of several entries, in order."""
        for leaf in leaves:
            self.append(leaf)

    def root(self) -> bytes:
        """The root hash of the tree as it stands."""
        return _fold(self._hashes) if self._hashes else EMPTY_ROOT

    def copy(self) -> Frontier:
        """An independent edge with the same content."""
        return Frontier(self._size, self._hashes)


def prove_inclusion(index: int, size: int, read: HashReader) -> list[bytes]:
    """PATH(index, D[0:size]): sibling of the leaf first, child of the root last.

    Raises ``UsageError`` unless 0 <= index < size.
    """
    if not 0 <= index < size <= MAX_TREE_SIZE:
        raise UsageError(f"entry {index} is not in a log of {size} entries")
    ranges: list[tuple[int, int]] = []
    low, high = 0, size
    while high - low > 1:
        split = low + _split(high - low)
        if index < split:
            ranges.append((split, high))
            high = split
        else:
            ranges.append((low, split))
            low = split
    return _range_hashes(ranges[::-1], read)


def check_inclusion(
    leaf: bytes, index: int, size: int, root: bytes, proof: Sequence[bytes]
) -> None:
    """Check that ``leaf`` stands at ``index`` in the tree of ``size`` entries with ``root``.

    RFC 9162 2.1.3.2. Raises ``ProofInvalid``, also for an index outside the tree.
    """
    if not 0 <= index < size <= MAX_TREE_SIZE:
        raise ProofInvalid(f"index {index} is outside a tree of {size} entries")
    _check_lengths([leaf, root], proof)
    node, last, result = index, size - 1, leaf
    for hash_ in proof:
        if last == 0:
            raise ProofInvalid(f"inclusion proof of entry {index} in {size} is too long")
        if node & 1 or node == last:
            result = node_hash(hash_, result)
            while node and not node & 1:
                node >>= 1
                last >>= 1
        else:
            result = node_hash(result, hash_)
        node >>= 1
        last >>= 1
    if last != 0:
        raise ProofInvalid(f"inclusion proof of entry {index} in {size} is too short")
    if result != root:
        raise ProofInvalid(
            f"inclusion proof of entry {index} in {size} entries leads to root {result.hex()}, "
            f"not {root.hex()}"
        )


def prove_consistency(old_size: int, new_size: int, read: HashReader) -> list[bytes]:
    """The proof that a tree of ``old_size`` entries is the beginning of that of ``new_size``.

    SUB(old_size, D[0:new_size], true). Empty when the sizes are equal or the old one is 0.
    Raises ``UsageError`` unless 0 <= old_size <= new_size.
    """
    if not 0 <= old_size <= new_size <= MAX_TREE_SIZE:
        raise UsageError(f"a log of {new_size} entries has no past state of {old_size} entries")
    if old_size in (0, new_size):
        return []
    ranges: list[tuple[int, int]] = []
    low, high = 0, new_size
    while high != old_size:
        split = low + _split(high - low)
        if old_size <= split:
            ranges.append((split, high))
            high = split
        else:
            ranges.append((low, split))
            low = split
    if low:  # otherwise the old tree is a complete left subtree, whose root the checker knows
        ranges.append((low, high))
    return _range_hashes(ranges[::-1], read)


def check_consistency(
    old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Check that the old tree is the beginning of the new one, RFC 9162 2.1.4.2.

    Raises ``ProofInvalid``, also when the sizes are in the wrong order.
    """
    if not 0 <= old_size <= new_size <= MAX_TREE_SIZE:
        raise ProofInvalid(f"{old_size} entries cannot be the beginning of {new_size} entries")
    _check_lengths([old_root, new_root], proof)
    for size, root in ((old_size, old_root), (new_size, new_root)):
        if size == 0 and root != EMPTY_ROOT:
            raise ProofInvalid(f"the root of an empty tree is SHA-256(''), not {root.hex()}")
    if old_size in (0, new_size):
        if proof:
            raise ProofInvalid(f"a consistency proof {old_size} to {new_size} must be empty")
        if old_size == new_size and old_root != new_root:
            raise ProofInvalid(
                f"two roots for {old_size} entries: {old_root.hex()} and {new_root.hex()}"
            )
        return
    _check_grown(old_size, old_root, new_size, new_root, proof)


def _check_grown(
    old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """The general case of ``check_consistency``: 0 < old_size < new_size."""
    name = f"consistency proof {old_size} to {new_size}"
    if not proof:
        raise ProofInvalid(f"{name} is empty")
    # A complete old tree is a node of the new one: the proof starts from its root.
    path = list(proof) if old_size & (old_size - 1) else [old_root, *proof]
    node, last = old_size - 1, new_size - 1
    while node & 1:
        node >>= 1
        last >>= 1
    old = new = path[0]
    for hash_ in path[1:]:
        if last == 0:
            raise ProofInvalid(f"{name} is too long")
        if node & 1 or node == last:
            old, new = node_hash(hash_, old), node_hash(hash_, new)
            while node and not node & 1:
                node >>= 1
                last >>= 1
        else:
            new = node_hash(new, hash_)
        node >>= 1
        last >>= 1
    if last != 0:
        raise ProofInvalid(f"{name} is too short")
    for which, result, root in (("old", old, old_root), ("new", new, new_root)):
        if result != root:
            raise ProofInvalid(f"{name} leads to the {which} root {result.hex()}, not {root.hex()}")


class MemoryTree:
    """All complete subtrees of a tree in memory: a ``HashReader`` for small logs and for tests."""

    def __init__(self, leaf_hashes: Iterable[bytes] = ()) -> None:
        self._levels: list[list[bytes]] = [[]]
        for leaf in leaf_hashes:
            self.append(leaf)

    @property
    def size(self) -> int:
        """How many leaves the tree has."""
        return len(self._levels[0])

    def append(self, leaf: bytes) -> None:
        """Add the leaf hash of the next entry."""
        level = 0
        self._levels[0].append(leaf)
        while len(self._levels[level]) % 2 == 0:
            left, right = self._levels[level][-2:]
            level += 1
            if level == len(self._levels):
                self._levels.append([])
            self._levels[level].append(node_hash(left, right))

    def __call__(self, subtrees: Sequence[Subtree], /) -> list[bytes]:
        return [self._levels[level][index] for level, index in subtrees]


def edge_subtrees(low: int, high: int) -> list[Subtree]:
    """The complete subtrees that cover the entries low <= i < high, largest first.

    Requires ``low`` to be a multiple of a power of two that is at least ``high - low``; every
    range in a proof is one.
    """
    found: list[Subtree] = []
    while low < high:
        level = (high - low).bit_length() - 1
        found.append((level, low >> level))
        low += 1 << level
    return found


def _range_hashes(ranges: Sequence[tuple[int, int]], read: HashReader) -> list[bytes]:
    """MTH(D[low:high]) for each range, with a single call of ``read``."""
    covers = [edge_subtrees(low, high) for low, high in ranges]
    wanted = [subtree for cover in covers for subtree in cover]
    hashes = read(wanted) if wanted else []
    if len(hashes) != len(wanted):
        raise InternalError(f"hash reader returned {len(hashes)} of {len(wanted)} hashes")
    result: list[bytes] = []
    start = 0
    for cover in covers:
        result.append(_fold(hashes[start : start + len(cover)]))
        start += len(cover)
    return result


def _fold(hashes: Sequence[bytes]) -> bytes:
    """The root over neighbouring complete subtrees, largest first; at least one."""
    result = hashes[-1]
    for left in reversed(hashes[:-1]):
        result = node_hash(left, result)
    return result


def _split(count: int) -> int:
    """The largest power of two strictly less than ``count``; requires count >= 2."""
    return 1 << ((count - 1).bit_length() - 1)


def _check_lengths(hashes: Sequence[bytes], proof: Sequence[bytes]) -> None:
    if len(proof) > MAX_PROOF_LENGTH:
        raise ProofInvalid(f"a proof has at most 63 hashes, this one has {len(proof)}")
    for hash_ in (*hashes, *proof):
        if len(hash_) != HASH_SIZE:
            raise ProofInvalid(f"a hash has 32 bytes, this one has {len(hash_)}")
