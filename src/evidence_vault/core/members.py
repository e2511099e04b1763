"""Set subjects: one entry about many items, openable member by member.

    salt_i = HMAC-SHA256(seed, u64 i)
    leaf_i = leaf hash of JCS([b64url(salt_i), home, id, item_seq, prev])
    root   = RFC 6962 root over leaf_0 … leaf_{n-1}, members sorted by (home, id)

Knowing one member's salt tells nothing about the others.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from evidence_vault.core.canonical import (
    MAX_INTEGER,
    b64,
    b64url,
    canonical,
    encode_text,
    is_hex,
    parse_canonical,
    unb64,
)
from evidence_vault.core.merkle import (
    MemoryTree,
    check_inclusion,
    leaf_hash,
    prove_inclusion,
    root_from_hashes,
)
from evidence_vault.errors import FormatError


@dataclass(frozen=True, slots=True)
class Member:
    """One item of a set, with its place in that item's history."""

    home: str
    id: str
    item_seq: int
    prev: str | None


@dataclass(frozen=True, slots=True)
class Opening:
    """Proof that a member belongs to a set's root."""

    member: Member
    salt: str
    index: int
    size: int
    path: tuple[bytes, ...]


def member_leaves(seed: bytes, members: Sequence[Member]) -> list[bytes]:
    """Leaf hashes in member order; ``seed`` is 32 random bytes."""
    return [leaf_hash(_leaf(_salt(seed, i), m)) for i, m in enumerate(members)]


def set_root(seed: bytes, members: Sequence[Member]) -> bytes:
    """The 32-byte root that a set subject states. Members must be sorted and unique."""
    keys = [(m.home, m.id) for m in members]
    if keys != sorted(set(keys)):
        raise FormatError("members of a set must be sorted and unique")
    return root_from_hashes(member_leaves(seed, members))


def open_members(seed: bytes, members: Sequence[Member], indexes: Sequence[int]) -> list[Opening]:
    """Openings of several members, hashing the leaves once."""
    tree = MemoryTree(member_leaves(seed, members))
    return [
        Opening(
            members[i],
            _salt(seed, i),
            i,
            len(members),
            tuple(prove_inclusion(i, len(members), tree)),
        )
        for i in indexes
    ]


def check_opening(opening: Opening, root: bytes) -> None:
    """Raises ProofInvalid unless the opening leads to ``root``."""
    check_inclusion(
        leaf_hash(_leaf(opening.salt, opening.member)),
        opening.index,
        opening.size,
        root,
        opening.path,
    )


def format_opening(opening: Opening) -> bytes:
    """Canonical JSON of an opening, one line."""
    m = opening.member
    return canonical(
        {
            "index": opening.index,
            "leaf": [opening.salt, m.home, m.id, m.item_seq, m.prev],
            "path": [b64(p) for p in opening.path],
            "size": opening.size,
        }
    )


def parse_opening(data: bytes) -> Opening:
    """The inverse of :func:`format_opening`; raises FormatError."""
    value = parse_canonical(data, "a set opening")
    if not isinstance(value, dict) or set(value) != {"index", "leaf", "path", "size"}:
        raise FormatError("a set opening must have index, leaf, path and size")
    leaf, path = value["leaf"], value["path"]
    good = (
        isinstance(leaf, list)
        and len(leaf) == 5
        and all(isinstance(x, str) for x in leaf[:3])
        and len(leaf[0]) == 43
        and type(leaf[3]) is int
        and leaf[3] >= 0
        and (leaf[4] is None or is_hex(leaf[4], 64))
        and (leaf[4] is None) == (leaf[3] == 0)
        and isinstance(path, list)
        and len(path) <= 63
        and all(isinstance(p, str) for p in path)
        and type(value["index"]) is int
        and type(value["size"]) is int
    )
    if not good:
        raise FormatError("a set opening is malformed")
    return Opening(
        Member(leaf[1], leaf[2], leaf[3], leaf[4]),
        leaf[0],
        value["index"],
        value["size"],
        tuple(unb64(p, "a path element", 32) for p in path),
    )


def members_value(seed: bytes, members: Sequence[Member]) -> dict[str, Any]:
    """The value of the committed field ``members`` (never shown whole to outsiders)."""
    return {
        "items": [[m.home, m.id, m.item_seq, m.prev] for m in members],
        "seed": b64(seed),
    }


def parse_members(value: Any) -> tuple[bytes, list[Member]]:
    """The inverse of :func:`members_value`; raises FormatError."""
    if not isinstance(value, dict) or set(value) != {"items", "seed"}:
        raise FormatError("the field members must have items and seed")
    items = value["items"]
    if not isinstance(items, list) or not all(isinstance(i, list) and len(i) == 4 for i in items):
        raise FormatError("the items of a set must be lists of four")
    return unb64(value["seed"], "the seed of a set", 32), [Member(*i) for i in items]


def _salt(seed: bytes, index: int) -> str:
    return b64url(hmac.digest(seed, index.to_bytes(8, "big"), "sha256"))


def _leaf(salt: str, m: Member) -> bytes:
    prev = "null" if m.prev is None else m.prev
    if all(type(x) is str for x in (m.home, m.id, prev)) and type(m.item_seq) is int:
        # By far the most; equal to the last line.
        prev = "null" if m.prev is None else encode_text(m.prev)
        text = f'["{salt}",{encode_text(m.home)},{encode_text(m.id)},{m.item_seq},{prev}]'
        if text.isascii() and abs(m.item_seq) <= MAX_INTEGER:
            return text.encode("ascii")
    return canonical([salt, m.home, m.id, m.item_seq, m.prev])
