"""The outer statement of a bundle: what must be there (docs/format-bundle.md).

Canonical JSON without a final line feed, so that the bytes that were signed are the whole file.
``format_statement`` and ``parse_statement`` undo each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evidence_vault.core.bagtext import (
    PADDING,
    STATEMENT,
    STATEMENT_FILES,
    TAG_MANIFESTS,
    is_os_junk,
    unsafe_path_reason,
)
from evidence_vault.core.canonical import canonical, is_hex, parse_canonical
from evidence_vault.core.event import is_item_id
from evidence_vault.core.proofclaim import parse_claim
from evidence_vault.core.shapes import is_count, is_origin, is_time
from evidence_vault.errors import FormatError

KIND = "evidence-vault/bundle"
MAX_STATEMENT = 256 * 1024 * 1024
# What the statement can't list: itself and what is made after it.
UNLISTED = (*STATEMENT_FILES, *TAG_MANIFESTS)
COUNTS = ("chosen", "exported", "fields_shown", "fields_withheld", "withheld")

_MEMBERS = frozenset(
    [
        *("bundle_id", "checkpoint", "counts", "exported", "files", "items"),
        *("key", "kind", "made_at", "origin", "proofs", "v"),
    ]
)


@dataclass(frozen=True, slots=True)
class FileRow:
    """A file of the bag: path, lowercase hex SHA-256, size in bytes."""

    path: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class ItemRow:
    """A chosen item; ``payload`` is None without its original, ``withheld`` says why not."""

    home: str
    id: str
    last_seq: int
    payload: str | None
    receipt: str
    withheld: str | None


@dataclass(frozen=True, slots=True)
class Statement:
    """What a bundle holds, as its maker signs it.

    ``checkpoint_root`` and ``exported_leaf`` are hex; ``counts`` has the names of COUNTS,
    ``proofs`` is the JSON form of a core.proofclaim.ProofClaim; ``key`` is the keyid.
    """

    bundle_id: str
    checkpoint_size: int
    checkpoint_root: str
    counts: Mapping[str, int]
    exported_index: int
    exported_leaf: str
    files: tuple[FileRow, ...]
    items: tuple[ItemRow, ...]
    key: str
    made_at: str
    origin: str
    proofs: Mapping[str, Any]


def format_statement(statement: Statement) -> bytes:
    """The bytes to sign; raises FormatError for what a reader would refuse."""
    s = statement
    value = {
        "bundle_id": s.bundle_id,
        "checkpoint": {"root": s.checkpoint_root, "size": s.checkpoint_size},
        "counts": dict(s.counts),
        "exported": {"index": s.exported_index, "leaf": s.exported_leaf},
        "files": [{"path": f.path, "sha256": f.sha256, "size": f.size} for f in s.files],
        "items": [
            {
                "home": i.home,
                "id": i.id,
                "last_seq": i.last_seq,
                "payload": i.payload,
                "receipt": i.receipt,
                "withheld": i.withheld,
            }
            for i in s.items
        ],
        "key": s.key,
        "kind": KIND,
        "made_at": s.made_at,
        "origin": s.origin,
        "proofs": dict(s.proofs),
        "v": 1,
    }
    _check(value)
    return canonical(value)


def parse_statement(data: bytes) -> Statement:
    """The inverse of :func:`format_statement`; raises FormatError."""
    _expect(len(data) <= MAX_STATEMENT, "larger than 256 MiB")
    value = parse_canonical(data, STATEMENT)
    _check(value)
    return Statement(
        bundle_id=value["bundle_id"],
        checkpoint_size=value["checkpoint"]["size"],
        checkpoint_root=value["checkpoint"]["root"],
        counts=value["counts"],
        exported_index=value["exported"]["index"],
        exported_leaf=value["exported"]["leaf"],
        files=tuple(FileRow(**row) for row in value["files"]),
        items=tuple(ItemRow(**row) for row in value["items"]),
        key=value["key"],
        made_at=value["made_at"],
        origin=value["origin"],
        proofs=value["proofs"],
    )


def _check(value: Any) -> None:
    """All rules of form, on the JSON value, in both directions."""
    _expect(isinstance(value, dict) and set(value) == _MEMBERS, "other members")
    _expect(value["kind"] == KIND and type(value["v"]) is int and value["v"] == 1, "other kind")
    _expect(is_hex(value["bundle_id"], 32), "bundle_id must be 32 hex digits")
    _expect(is_hex(value["key"], 64), "key must be a keyid")
    _expect(is_time(value["made_at"]), "made_at must be YYYY-MM-DDTHH:MM:SSZ")
    _expect(is_origin(value["origin"]), "origin must be a log origin")
    for member, digest, number in (("checkpoint", "root", "size"), ("exported", "leaf", "index")):
        pair = value[member]
        _expect(
            isinstance(pair, dict)
            and set(pair) == {digest, number}
            and is_hex(pair[digest], 64)
            and is_count(pair[number]),
            f"{member} must have {digest} and {number}",
        )
    counts = value["counts"]
    _expect(
        isinstance(counts, dict)
        and set(counts) == set(COUNTS)
        and all(is_count(n) for n in counts.values()),
        "counts must have " + ", ".join(COUNTS),
    )
    parse_claim(value["proofs"])
    _check_files(value["files"])
    _check_items(value["items"])


def _check_files(files: Any) -> None:
    _expect(isinstance(files, list), "files must be a list")
    for row in files:
        _expect(
            isinstance(row, dict)
            and set(row) == {"path", "sha256", "size"}
            and isinstance(row["path"], str)
            and is_hex(row["sha256"], 64)
            and is_count(row["size"]),
            "a file must have path, sha256 and size",
        )
        path = row["path"]
        _expect(unsafe_path_reason(path) is None, f"unsafe path {path!r}")
        _expect(
            path not in (*UNLISTED, PADDING) and not is_os_junk(path),
            f"{path!r} must not be listed",
        )
    paths = [row["path"] for row in files]
    _expect(paths == sorted(set(paths)), "files must be sorted by path, each once")


def _check_items(items: Any) -> None:
    _expect(isinstance(items, list), "items must be a list")
    for row in items:
        _expect(
            isinstance(row, dict)
            and set(row) == {"home", "id", "last_seq", "payload", "receipt", "withheld"}
            and is_origin(row["home"])
            and isinstance(row["id"], str)
            and is_item_id(row["id"])
            and is_count(row["last_seq"])
            and (row["payload"] is None or isinstance(row["payload"], str))
            and isinstance(row["receipt"], str)
            and (row["withheld"] is None or isinstance(row["withheld"], str)),
            "an item must have home, id, last_seq, payload, receipt and withheld",
        )
    names = [(row["home"], row["id"]) for row in items]
    _expect(names == sorted(set(names)), "items must be sorted by home and id, each once")


def _expect(condition: bool, message: str) -> None:
    if not condition:
        raise FormatError(f"{STATEMENT}: {message} (docs/format-bundle.md)")
