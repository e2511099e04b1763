"""What a bundle is made of: the values that the vault hands to this room.

A plan is complete: nothing is looked up, dated or drawn at random while a bundle is written, so
the same plan always gives the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Protocol

from evidence_vault.core.bagtext import manifest_text
from evidence_vault.core.checkpoint import Checkpoint
from evidence_vault.core.event import parse_entry, peek, stands_beside
from evidence_vault.core.keys import keyid
from evidence_vault.core.receipt import Receipt
from evidence_vault.core.statement import FileRow
from evidence_vault.errors import FormatError, InternalError

_EXTENSION = re.compile(r"[a-z0-9]{1,10}\Z")


class PayloadSource(Protocol):
    """An original that can be read, and what it is known to be.

    ``sha256`` and ``sha512`` are lowercase hex, ``size`` is in bytes: as committed to when the
    item was taken in. ``open`` gives a stream from the first byte; it is closed by the writer.
    """

    @property
    def sha256(self) -> str: ...

    @property
    def sha512(self) -> str: ...

    @property
    def size(self) -> int: ...

    def open(self) -> BinaryIO: ...


@dataclass(frozen=True, slots=True)
class BundleItem:
    """One chosen item.

    ``payload`` is None when its original stays; ``extension`` (without a dot, ``[a-z0-9]{1,10}``)
    says what the content is. ``withheld`` is None for an exported item, else the reason.
    ``statement``: the payload is a share copy, and this is how it was made.
    """

    home: str
    id: str
    receipt: Receipt
    payload: PayloadSource | None
    extension: str
    withheld: str | None
    statement: bytes | None = None

    def __post_init__(self) -> None:
        if not _EXTENSION.match(self.extension):
            raise FormatError(f"{self.extension!r} can't be the ending of a payload file name")
        if self.withheld is not None and self.payload is not None:
            raise InternalError(f"{self.id} is withheld and has a payload")
        if self.statement is not None and self.payload is None:
            raise InternalError(f"{self.id} has a statement and no share copy")

    @property
    def receipt_path(self) -> str:
        return f"receipts/{self.id}.txt"

    @property
    def payload_path(self) -> str | None:
        if self.payload is None:
            return None
        copy = "" if self.statement is None else "-share-copy"
        return f"data/{self.id}{copy}.{self.extension}"

    @property
    def statement_path(self) -> str:
        return f"copies/{self.id}.json"

    @property
    def last_seq(self) -> int:
        """The ``item_seq`` of the item's newest event; events about the vault aren't among them."""
        events = [peek(event.leaf) for event in self.receipt.events[1:]]
        return sum(not stands_beside(e["type"], e["subject"]) for e in events) - 1


@dataclass(frozen=True, slots=True)
class SigningKey:
    """Signs the outer statement: an Ed25519 key of role ``statements`` and its keyid (hex)."""

    keyid: str
    sign: Callable[[bytes], bytes]


class Extra(Protocol):
    """Further files of a bundle, made from what its receipts reveal (facts.py) and nothing else.

    ``files`` gives (path, pieces) in the order in which they are written, always the same for the
    same plan. They are listed in the signed statement like any other file. ``path`` is ASCII.
    """

    def files(self, plan: BundlePlan, /) -> Iterator[tuple[str, Iterable[bytes]]]: ...


@dataclass(frozen=True, slots=True)
class BundlePlan:
    """Everything that goes into one bundle (docs/format-bundle.md).

    ``bundle_id``: 32 hex digits. ``made_at``: YYYY-MM-DDTHH:MM:SSZ. ``exported_leaf``: hex leaf
    hash of the ``exported`` event at ``exported_index``. ``keys``: (role, raw Ed25519 public
    key). ``proofs``: JSON form of a core.proofclaim.ProofClaim. ``software``: program and version.
    ``verifier`` and ``page``: the bytes of ``verify.sh`` and ``verify.html``. ``brackets``: what
    to say of the time of an entry, lines by log position.
    ``items`` is gone through several times and may be a sequence that builds its members when
    asked, so that a large export needs no memory for all receipts at once. ``documents``: the
    network's trust documents by version, one line each. ``first`` are written before anything
    else, so that whoever unpacks the bundle meets them first; ``extras`` after the receipts.
    ``profile``: for whom it is laid out. ``contact``: whom to call, one line, or empty.
    ``thumbnails``: False when no small pictures may be made of what leaves.
    ``accessions``: a receipt about the vault whose events open and close the accessions that the
    receipts of the items name; None where there are none to tell of.
    """

    bundle_id: str
    origin: str
    made_at: str
    checkpoint: Checkpoint
    exported_index: int
    exported_leaf: str
    items: Sequence[BundleItem]
    keys: Sequence[tuple[str, bytes]]
    statement_key: SigningKey
    proofs: Mapping[str, Any]
    software: str
    verifier: bytes
    brackets: Mapping[int, Sequence[str]] = field(default_factory=dict)
    documents: Sequence[tuple[int, bytes]] = ()
    first: Sequence[Extra] = ()
    extras: Sequence[Extra] = ()
    profile: str = "partner"
    contact: str = ""
    thumbnails: bool = True
    page: bytes = b""
    accessions: Receipt | None = None

    def __post_init__(self) -> None:
        named = [(item.home, item.id) for item in self.items]
        if named != sorted(set(named)):
            raise InternalError("the items of a bundle must be sorted by home and id, each once")
        if len({name for _, name in named}) != len(named):
            raise FormatError("two items of different homes have the same identifier")
        if self.statement_key.keyid not in {keyid(raw) for _, raw in self.keys}:
            raise InternalError("the key of the statement is not among the keys of the bundle")

    @property
    def top_folder(self) -> str:
        return f"evidence-{self.bundle_id[:8]}"


def payload_manifest(items: Iterable[BundleItem], algorithm: str = "sha256") -> bytes:
    """The payload manifest, from digests already known; ``algorithm``: sha256 or sha512.

    Needs no payload to be read: the ``exported`` event commits to the SHA-256 of this text
    before anything leaves.
    """
    rows = []
    for item in items:
        if item.payload is not None and item.payload_path is not None:
            digest = item.payload.sha256 if algorithm == "sha256" else item.payload.sha512
            rows.append((item.payload_path, digest))
    return manifest_text(rows)


def count_fields(receipts: Iterable[Receipt]) -> tuple[int, int]:
    """(revealed, withheld) fields over all events; a field without a value counts in neither."""
    shown = withheld = 0
    for receipt in receipts:
        for event in receipt.events:
            committed = parse_entry(event.leaf).event.commitments
            held = sum(1 for digest in committed.values() if digest is not None)
            shown += len(event.reveals)
            withheld += held - len(event.reveals)
    return shown, withheld


def bundle_counts(items: Sequence[BundleItem]) -> dict[str, int]:
    """The ``counts`` of the statement; ``chosen`` = ``exported`` + ``withheld``."""
    shown, withheld_fields = count_fields(item.receipt for item in items)
    withheld = sum(1 for item in items if item.withheld is not None)
    return {
        "chosen": len(items),
        "exported": len(items) - withheld,
        "fields_shown": shown,
        "fields_withheld": withheld_fields,
        "withheld": withheld,
    }


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: the statement's bytes and one row for each file of the bag, by path."""

    statement: bytes
    files: tuple[FileRow, ...]
