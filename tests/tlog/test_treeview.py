"""What proofs show of a tree, against the recursive definition, for every small size."""

from __future__ import annotations

import pytest

from evidence_vault.core.merkle import (
    MemoryTree,
    leaf_hash,
    prove_consistency,
    prove_inclusion,
    root_from_hashes,
)
from evidence_vault.core.treeview import TreeView
from evidence_vault.errors import ProofInvalid

from .logs import leaves

SIZE = 34


def fork(common: int, size: int) -> list[bytes]:
    return leaves(size)[:common] + [leaf_hash(b"other %d" % n) for n in range(common, size)]


def view(tree: list[bytes], old: int | None = None) -> TreeView:
    made = TreeView(len(tree), root_from_hashes(tree))
    if old:
        proof = prove_consistency(old, len(tree), MemoryTree(tree))
        made.add_consistency(old, proof, root_from_hashes(tree[:old]))
    return made


def test_a_consistency_proof_shows_the_old_root() -> None:
    for size in range(2, SIZE):
        tree = MemoryTree(leaves(size))
        for old in range(1, size):
            made = TreeView(size, root_from_hashes(leaves(size)))
            proof = prove_consistency(old, size, tree)
            if old & (old - 1):
                made.add_consistency(old, proof)
            else:
                with pytest.raises(ProofInvalid):
                    made.add_consistency(old, proof)
                made.add_consistency(old, proof, root_from_hashes(leaves(old)))
            assert made.root(old) == root_from_hashes(leaves(old))
            assert made.extends(TreeView(old, root_from_hashes(leaves(old))))


def test_every_fork_is_seen_where_a_proof_leads_past_it_and_honest_logs_never() -> None:
    for common in range(8):
        for size in range(common + 1, 12):
            for other in range(common + 1, 12):
                a = view(leaves(size))
                for old in range(1, other):
                    b = view(fork(common, other), old)
                    found = a.contradiction(b)
                    if old == size or size == other:
                        assert found is not None, (common, size, other, old)
                    honest = view(leaves(other), old)
                    assert a.contradiction(honest) is None
                    assert honest.contradiction(a) is None


def test_two_inclusion_proofs_of_different_entries_at_one_place_show_a_fork() -> None:
    for size, other in ((5, 8), (8, 13), (7, 7)):
        for common in range(min(size, other)):
            one, two = leaves(size), fork(common, other)
            a, b = view(one), view(two)
            index = common
            a.add_inclusion(index, one[index], prove_inclusion(index, size, MemoryTree(one)))
            b.add_inclusion(index, two[index], prove_inclusion(index, other, MemoryTree(two)))
            assert a.contradiction(b) is not None


def test_wrong_proofs_teach_nothing() -> None:
    tree = leaves(11)
    proof = prove_consistency(6, 11, MemoryTree(tree))
    path = prove_inclusion(4, 11, MemoryTree(tree))
    made = TreeView(11, root_from_hashes(tree))
    for bad in (proof[:-1], [*proof, bytes(32)], proof[::-1], [bytes(32)] * len(proof), []):
        with pytest.raises(ProofInvalid):
            made.add_consistency(6, bad)
    for bad in (path[:-1], [*path, bytes(32)], path[::-1], []):
        with pytest.raises(ProofInvalid):
            made.add_inclusion(4, tree[4], bad)
    for old in (0, 11, 12):
        with pytest.raises(ProofInvalid):
            made.add_consistency(old, proof)
    with pytest.raises(ProofInvalid):
        made.add_inclusion(11, tree[4], path)
    assert made.root(6) is None
