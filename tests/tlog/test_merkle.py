"""RFC 6962 hashes and proofs against published cases and against the plain definitions."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence_vault.core.merkle import (
    EMPTY_ROOT,
    Frontier,
    MemoryTree,
    check_consistency,
    check_inclusion,
    edge_subtrees,
    leaf_hash,
    prove_consistency,
    prove_inclusion,
    root_from_hashes,
)
from evidence_vault.errors import FormatError, ProofInvalid, UsageError

from . import oracle
from .logs import entry, leaves

SIZES = 128
# Good by the suite, which does not look at hashes it need not compute: both of its roots have
# 12 bytes. Here a hash has 32.
STRICTER_HERE = {"consistency/additional/sizes-are-equal-one-and-proof-is-empty.json"}
TREE = MemoryTree(leaves(SIZES))


def load(shared: Path, name: str) -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = json.loads(
        (shared / "conformance" / "merkle" / name).read_text("utf-8")
    )
    return cases


def hashes(values: list[str] | None) -> list[bytes]:
    return [b64decode(value) for value in values or []]


def test_published_inclusion_cases(shared: Path) -> None:
    cases = load(shared, "inclusion.json")
    assert len(cases) == 63
    assert sum(not case["wantErr"] for case in cases) == 4
    for case in cases:
        arguments = (
            b64decode(case["leafHash"]),
            case["leafIdx"],
            case["treeSize"],
            b64decode(case["root"]),
            hashes(case["proof"]),
        )
        if case["wantErr"]:
            with pytest.raises(ProofInvalid):
                check_inclusion(*arguments)
                pytest.fail(f"accepted: {case['_case']}")
        else:
            check_inclusion(*arguments)


def test_published_consistency_cases(shared: Path) -> None:
    cases = load(shared, "consistency.json")
    assert len(cases) == 64
    assert sum(not case["wantErr"] for case in cases) == 3
    assert {case["_case"] for case in cases} >= STRICTER_HERE
    for case in cases:
        arguments = (
            case["size1"],
            b64decode(case["root1"]),
            case["size2"],
            b64decode(case["root2"]),
            hashes(case["proof"]),
        )
        if case["wantErr"] or case["_case"] in STRICTER_HERE:
            with pytest.raises(ProofInvalid):
                check_consistency(*arguments)
                pytest.fail(f"accepted: {case['_case']}")
        else:
            check_consistency(*arguments)


def test_roots_of_every_size_agree_with_the_definition() -> None:
    assert root_from_hashes([]) == EMPTY_ROOT == oracle.mth(0, 0)
    frontier = Frontier()
    for size, leaf in enumerate(leaves(SIZES), start=1):
        frontier.append(leaf)
        assert frontier.size == size
        assert frontier.root() == oracle.mth(0, size) == root_from_hashes(leaves(size))


def test_inclusion_proofs_of_every_size_agree_with_the_definition() -> None:
    for size in range(1, SIZES + 1):
        for index in range(size):
            proof = prove_inclusion(index, size, TREE)
            assert proof == oracle.path(index, 0, size)
            check_inclusion(leaf_hash(entry(index)), index, size, oracle.mth(0, size), proof)


def test_consistency_proofs_of_every_pair_agree_with_the_definition() -> None:
    for new in range(1, SIZES + 1):
        assert prove_consistency(0, new, TREE) == []
        check_consistency(0, EMPTY_ROOT, new, oracle.mth(0, new), [])
        for old in range(1, new + 1):
            proof = prove_consistency(old, new, TREE)
            assert proof == oracle.consistency(old, new)
            check_consistency(old, oracle.mth(0, old), new, oracle.mth(0, new), proof)


def test_a_proof_at_another_index_is_refused() -> None:
    for size in range(1, 33):
        for index in range(size):
            proof = prove_inclusion(index, size, TREE)
            for other in range(-1, size + 1):
                if other != index:
                    with pytest.raises(ProofInvalid):
                        check_inclusion(
                            leaf_hash(entry(index)), other, size, oracle.mth(0, size), proof
                        )


def test_a_proof_for_another_size_is_refused() -> None:
    for size in range(1, 33):
        for index in range(size):
            proof = prove_inclusion(index, size, TREE)
            leaf = leaf_hash(entry(index))
            for other in range(index + 1, 34):
                if other != size:
                    with pytest.raises(ProofInvalid):
                        check_inclusion(leaf, index, other, oracle.mth(0, other), proof)


def test_a_consistency_proof_for_other_sizes_is_refused() -> None:
    # A proof does not bind the sizes by itself; the roots, signed with their sizes, do.
    for new in range(2, 24):
        for old in range(1, new):
            proof = prove_consistency(old, new, TREE)
            for other_old, other_new in (
                (old - 1, new),
                (old + 1, new),
                (old, new + 1),
                (old, new - 1),
            ):
                old_root, new_root = oracle.mth(0, other_old), oracle.mth(0, other_new)
                with pytest.raises(ProofInvalid):
                    check_consistency(other_old, old_root, other_new, new_root, proof)


def flips(data: bytes) -> list[bytes]:
    return [
        data[:i] + bytes([data[i] ^ (1 << bit)]) + data[i + 1 :]
        for i in range(len(data))
        for bit in range(8)
    ]


@pytest.mark.parametrize(("index", "size"), [(0, 1), (0, 2), (2, 3), (5, 7), (6, 7), (3, 8)])
def test_every_flipped_bit_of_an_inclusion_proof_is_refused(index: int, size: int) -> None:
    leaf, root = leaf_hash(entry(index)), oracle.mth(0, size)
    proof = prove_inclusion(index, size, TREE)
    altered = [(bad, root, proof) for bad in flips(leaf)]
    altered += [(leaf, bad, proof) for bad in flips(root)]
    for place, hash_ in enumerate(proof):
        altered += [(leaf, root, [*proof[:place], b, *proof[place + 1 :]]) for b in flips(hash_)]
    assert len(altered) == 256 * (2 + len(proof))
    for bad_leaf, bad_root, bad_proof in altered:
        with pytest.raises(ProofInvalid):
            check_inclusion(bad_leaf, index, size, bad_root, bad_proof)


@pytest.mark.parametrize(("old", "new"), [(1, 2), (3, 7), (4, 7), (6, 8), (5, 6)])
def test_every_flipped_bit_of_a_consistency_proof_is_refused(old: int, new: int) -> None:
    old_root, new_root = oracle.mth(0, old), oracle.mth(0, new)
    proof = prove_consistency(old, new, TREE)
    altered = [(bad, new_root, proof) for bad in flips(old_root)]
    altered += [(old_root, bad, proof) for bad in flips(new_root)]
    for place, h in enumerate(proof):
        altered += [
            (old_root, new_root, [*proof[:place], b, *proof[place + 1 :]]) for b in flips(h)
        ]
    for bad_old, bad_new, bad_proof in altered:
        with pytest.raises(ProofInvalid):
            check_consistency(old, bad_old, new, bad_new, bad_proof)


def test_shortened_lengthened_and_reordered_proofs_are_refused() -> None:
    for size in range(2, 20):
        root = oracle.mth(0, size)
        for index in range(size):
            leaf = leaf_hash(entry(index))
            proof = prove_inclusion(index, size, TREE)
            for bad in (proof[:-1], proof[1:], [*proof, root], [root, *proof], [*proof, b""]):
                with pytest.raises(ProofInvalid):
                    check_inclusion(leaf, index, size, root, bad)
            if len(proof) > 1:
                with pytest.raises(ProofInvalid):
                    check_inclusion(leaf, index, size, root, proof[::-1])
        for old in range(1, size):
            proof = prove_consistency(old, size, TREE)
            for bad in (proof[:-1], [*proof, root], [root, *proof], []):
                with pytest.raises(ProofInvalid):
                    check_consistency(old, oracle.mth(0, old), size, root, bad)


def test_two_roots_for_one_size_are_refused() -> None:
    with pytest.raises(ProofInvalid, match="two roots for 3 entries"):
        check_consistency(3, oracle.mth(0, 3), 3, oracle.mth(0, 4), [])


def test_a_shrinking_log_and_a_false_empty_root_are_refused() -> None:
    with pytest.raises(ProofInvalid):
        check_consistency(4, oracle.mth(0, 4), 3, oracle.mth(0, 3), [])
    with pytest.raises(ProofInvalid):
        check_consistency(0, oracle.mth(0, 1), 3, oracle.mth(0, 3), [])
    with pytest.raises(ProofInvalid):
        check_consistency(0, EMPTY_ROOT, 3, oracle.mth(0, 3), [oracle.mth(0, 1)])


def test_a_proof_longer_than_any_tree_is_refused_before_hashing() -> None:
    with pytest.raises(ProofInvalid, match="at most 63"):
        check_inclusion(EMPTY_ROOT, 0, 2**63 - 1, EMPTY_ROOT, [EMPTY_ROOT] * 64)


def test_proofs_of_what_is_not_in_the_log_cannot_be_asked_for() -> None:
    for index, size in ((0, 0), (3, 3), (-1, 3)):
        with pytest.raises(UsageError):
            prove_inclusion(index, size, TREE)
    with pytest.raises(UsageError):
        prove_consistency(4, 3, TREE)


def test_a_proof_needs_few_hashes_and_one_read() -> None:
    counts: list[int] = []

    def read(subtrees: Any) -> list[bytes]:
        counts.append(len(subtrees))
        return [bytes(32)] * len(subtrees)

    size = 987_654_321
    prove_inclusion(123_456_789, size, read)
    prove_consistency(123_456_789, size, read)
    assert len(counts) == 2
    assert max(counts) <= 2 * size.bit_length()


@given(st.integers(0, SIZES), st.integers(0, SIZES))
def test_a_restored_edge_goes_on_as_if_never_stopped(first: int, second: int) -> None:
    low, high = sorted((first, second))
    before = Frontier()
    before.extend(leaves(low))
    restored = Frontier(before.size, before.hashes)
    untouched = before.copy()
    restored.extend(leaves(high)[low:])
    assert restored.root() == oracle.mth(0, high)
    assert restored.hashes == tuple(TREE(edge_subtrees(0, high)))
    assert untouched.root() == before.root() == oracle.mth(0, low)


@pytest.mark.parametrize(
    ("size", "edge"), [(1, []), (3, [bytes(32)]), (0, [bytes(32)]), (1, [bytes(31)]), (-1, [])]
)
def test_an_edge_that_does_not_fit_its_size_is_refused(size: int, edge: list[bytes]) -> None:
    with pytest.raises(FormatError):
        Frontier(size, edge)
