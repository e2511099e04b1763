"""A small maker of logs, receipts, trust files and bundles for the tests of the verifier.

It is independent of the vault: it uses ``core`` only, and lets a test break any rule on the way.
Keys and salts come from fixed seeds, so every run makes the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from evidence_vault.core import bagtext, members
from evidence_vault.core.canonical import canonical
from evidence_vault.core.checkpoint import Checkpoint, sign_checkpoint
from evidence_vault.core.disclosure import Disclosure, make_disclosure
from evidence_vault.core.entry0 import NamedKey, format_clear, parse_entry0
from evidence_vault.core.event import (
    FIELDS,
    Event,
    encode_event,
    format_entry,
    item_subject,
    pae,
)
from evidence_vault.core.keys import keyid, public_pem
from evidence_vault.core.merkle import MemoryTree, leaf_hash, prove_inclusion, root_from_hashes
from evidence_vault.core.note import KeyType, VerifierKey, format_vkey
from evidence_vault.core.policy import format_policy, plain_policy
from evidence_vault.core.receipt import VAULT_SUBJECT, Receipt, ReceiptEvent, format_receipt
from evidence_vault.core.sshsig import STATEMENT_NAMESPACE, sign_sshsig
from evidence_vault.core.statement import FileRow, ItemRow, Statement, format_statement
from evidence_vault.core.trust import TrustFile, TrustKey, TrustOrigin

ORIGIN = "copper-meadow-lantern-4417"
TIME = "2026-11-23T10:00:00Z"
DIGESTS = ("content_sha256", "content_sha512", "content_size")
CLAIMS = ("bundle_id", "counts", "payload_manifest", "proofs")
ABOUT_COPIES = ("kind", "parent", "statement")
SHOWN = (*DIGESTS, *CLAIMS, *ABOUT_COPIES)


@dataclass
class LogKey:
    """A checkpoint signer, Ed25519 or ML-DSA-44, from a seed."""

    name: str
    private: Ed25519PrivateKey | MLDSA44PrivateKey

    @property
    def raw(self) -> bytes:
        return self.private.public_key().public_bytes_raw()

    @property
    def vkey(self) -> str:
        kind = KeyType.ED25519 if isinstance(self.private, Ed25519PrivateKey) else KeyType.MLDSA44
        return format_vkey(VerifierKey(self.name, kind, self.raw))

    def sign(self, message: bytes, /) -> bytes:
        return self.private.sign(message)


@dataclass
class Stood:
    """Where an item stands in an entry, and by which opening."""

    index: int
    opening: members.Opening | None


@dataclass
class Maker:
    """A vault that a test can bend. ``seed`` decides all keys."""

    seed: str = "one"
    origin: str = ORIGIN
    prefix: str = "QVRM"
    leaves: list[bytes] = field(default_factory=list)
    shown: list[dict[str, Disclosure]] = field(default_factory=list)
    history: dict[str, list[Stood]] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)
    keys: dict[str, Ed25519PrivateKey] = field(default_factory=dict)
    copies: dict[str, tuple[bytes, bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for role in ("root", "events", "statements", "log"):
            secret = hashlib.sha256(f"{self.seed} {role}".encode()).digest()
            self.keys[role] = Ed25519PrivateKey.from_private_bytes(secret)
        pq = MLDSA44PrivateKey.from_seed_bytes(hashlib.sha256(f"{self.seed} pq".encode()).digest())
        self.log_keys = (LogKey(self.origin, self.keys["log"]), LogKey(self.origin, pq))
        named = [NamedKey(role, self.public(role)) for role in self.keys]
        named.append(NamedKey("log-pq", self.log_keys[1].raw))
        clear = format_clear(named, self.prefix)
        self.add("vault-created", {"kind": "vault"}, {"actor": "founder"}, clear, role="root")

    def public(self, role: str) -> bytes:
        return self.keys[role].public_key().public_bytes_raw()

    def keyid(self, role: str) -> str:
        return keyid(self.public(role))

    # -- entries ------------------------------------------------------------------------------

    def event(
        self,
        kind: str,
        subject: Mapping[str, Any],
        values: Mapping[str, Any],
        clear: Mapping[str, Any] | None = None,
        *,
        role: str = "events",
        **other: Any,
    ) -> tuple[Event, dict[str, Disclosure]]:
        """An unsigned event; ``other`` overrides any of its members."""
        number = len(self.leaves)
        shown = {
            name: make_disclosure(
                hashlib.sha256(f"{self.seed} {number} {name}".encode()).digest(), name, value
            )
            for name, value in values.items()
        }
        fields = FIELDS.get(kind, tuple(values))
        event = Event(
            type=kind,
            origin=self.origin,
            subject=subject,
            item_seq=None,
            prev=None,
            seen=(),
            recorded_at=TIME,
            signer=self.keyid(role),
            tool="forge 1",
            units=(),
            commitments={f: shown[f].digest if f in shown else None for f in fields},
            clear=clear or {},
        )
        return replace(event, **other), shown

    def sign(self, event: Event, role: str = "events") -> bytes:
        payload = encode_event(event)
        return format_entry(payload, event.signer, self.keys[role].sign(pae(payload)))

    def append(self, leaf: bytes, shown: dict[str, Disclosure]) -> int:
        self.leaves.append(leaf)
        self.shown.append(shown)
        return len(self.leaves) - 1

    def add(
        self,
        kind: str,
        subject: Mapping[str, Any],
        values: Mapping[str, Any],
        clear: Mapping[str, Any] | None = None,
        *,
        role: str = "events",
        **other: Any,
    ) -> int:
        event, shown = self.event(kind, subject, values, clear, role=role, **other)
        return self.append(self.sign(event, role), shown)

    def place(self, item: str) -> tuple[int, str | None]:
        """Next item_seq and prev of an item."""
        stood = self.history.get(item, [])
        return len(stood), leaf_hash(self.leaves[stood[-1].index]).hex() if stood else None

    def about(self, item: str, kind: str, values: Mapping[str, Any], **other: Any) -> int:
        """An entry about one item."""
        seq, prev = self.place(item)
        subject = other.pop("subject", item_subject(self.origin, item))
        index = self.add(kind, subject, values, **{"item_seq": seq, "prev": prev, **other})
        self.history.setdefault(item, []).append(Stood(index, None))
        return index

    def ingest(self, content: bytes, arrival: str = "ingested", **other: Any) -> str:
        item = f"{self.prefix}-{len(self.contents) + 1:07d}"
        self.contents[item] = content
        values = {
            "actor": "desk-1",
            **({"title": "a title"} if arrival == "ingested" else {}),
            "content_sha256": hashlib.sha256(content).hexdigest(),
            "content_sha512": hashlib.sha512(content).hexdigest(),
            "content_size": str(len(content)),
            **other,
        }
        self.about(item, arrival, values)
        return item

    def statement_of(self, item: str, copy: bytes, /, **other: Any) -> dict[str, Any]:
        """What a statement on a clean copy of an item says; ``other`` replaces members."""
        arrival = self.history[item][0].index
        tool = {"name": "forge", "parameters": [], "version": "1"}
        shown = self.shown[arrival]
        return {
            "also_in_content": [],
            "copy": {
                "sha256": hashlib.sha256(copy).hexdigest(),
                "sha512": hashlib.sha512(copy).hexdigest(),
                "size": len(copy),
            },
            "decoded": {"identical": "yes", "method": "forged", "what": "1 picture"},
            "embedded": [],
            "format": "image/jpeg",
            "kept": [],
            "kind": "evidence-vault/strip-statement",
            "original": {
                "commitments": {n: shown[n].digest for n in ("content_sha256", "content_sha512")},
                "home": self.origin,
                "item": item,
                "seq": 0,
            },
            "outcome": "clean",
            "reasons": [],
            "removed": [{"count": 1, "name": "EXIF:GPS:GPSLatitude"}],
            "residual": {
                "exiftool": {"found": [], "tool": tool},
                "search": {"bytes": 9, "forms": ["utf-8"], "found": [], "patterns": 1, "values": 1},
                "second": {"found": [], "tool": tool},
            },
            "structures": [],
            "tools": [tool],
            "v": 1,
            **other,
        }

    def derive(
        self,
        item: str,
        copy: bytes,
        statement: bytes | None = None,
        values: Mapping[str, Any] | None = None,
        **other: Any,
    ) -> int:
        """A share copy, which leaves with the next bundle; ``values`` replaces fields."""
        arrival = self.history[item][0].index
        if statement is None:
            statement = canonical(self.statement_of(item, copy))
        told = {
            "actor": "desk-1",
            "content_sha256": hashlib.sha256(copy).hexdigest(),
            "content_sha512": hashlib.sha512(copy).hexdigest(),
            "content_size": str(len(copy)),
            "kind": "share-copy",
            "parent": {
                "commitment": self.shown[arrival]["content_sha256"].digest,
                "field": "content_sha256",
                "seq": 0,
            },
            "statement": {"outcome": "clean", "sha256": hashlib.sha256(statement).hexdigest()},
            **(values or {}),
        }
        self.copies[item] = copy, statement
        return self.about(item, "derived", told, **other)

    def about_set(self, items: Sequence[str], kind: str, values: Mapping[str, Any]) -> int:
        """One entry about several items."""
        seed = hashlib.sha256(f"{self.seed} set {len(self.leaves)}".encode()).digest()
        rows = [members.Member(self.origin, i, *self.place(i)) for i in sorted(items)]
        root = members.set_root(seed, rows)
        index = self.add(kind, {"kind": "set", "root": root.hex()}, values)
        openings = members.open_members(seed, rows, list(range(len(rows))))
        for row, opening in zip(rows, openings, strict=True):
            self.history[row.id].append(Stood(index, opening))
        return index

    # -- what leaves ----------------------------------------------------------------------------

    def tree(self, size: int | None = None) -> MemoryTree:
        return MemoryTree(map(leaf_hash, self.leaves[:size]))

    def checkpoint(self, size: int | None = None) -> Checkpoint:
        size = len(self.leaves) if size is None else size
        root = root_from_hashes(map(leaf_hash, self.leaves[:size]))
        return Checkpoint(self.origin, size, root)

    def note(self, size: int | None = None) -> bytes:
        return sign_checkpoint(self.checkpoint(size), self.log_keys, timestamp=1_800_000_000)

    def receipt_event(self, stood: Stood, reveal: Sequence[str], tree: MemoryTree) -> ReceiptEvent:
        shown = self.shown[stood.index]
        return ReceiptEvent(
            stood.index,
            self.leaves[stood.index],
            tuple(prove_inclusion(stood.index, tree.size, tree)),
            stood.opening,
            tuple(shown[name] for name in sorted(reveal) if name in shown),
        )

    def receipt(
        self,
        item: str | None,
        reveal: Sequence[str] = SHOWN,
        tree: MemoryTree | None = None,
        note: bytes | None = None,
    ) -> Receipt:
        tree = tree or self.tree()
        stood = [Stood(0, None), *(self.history[item] if item else ())]
        subject = ("item", self.origin, item) if item else VAULT_SUBJECT
        events = tuple(self.receipt_event(s, reveal, tree) for s in stood)
        return Receipt(self.origin, subject, TIME, events, note or self.note())

    def trust_origin(self, size: int | None = None, **other: Any) -> TrustOrigin:
        checkpoint = self.checkpoint(size)
        zero = parse_entry0(self.leaves[0])
        keys = tuple(
            TrustKey(role, self.keyid(role), self.public(role), 0 if role == "root" else 1, None)
            for role in ("events", "root", "statements")
        )
        origin = TrustOrigin(
            origin=self.origin,
            org="Example Documentation Group",
            prefix=self.prefix,
            size=checkpoint.size,
            root=checkpoint.root,
            checkpoint=self.note(size),
            entry0=self.leaves[0],
            fingerprint=zero.fingerprint,
            keys=keys,
            log_keys=zero.log_vkeys(),
            policy=format_policy(plain_policy(zero.log_keys())),
        )
        return replace(origin, **other)

    def trust(self, size: int | None = None, **other: Any) -> TrustFile:
        return TrustFile(TIME, (self.trust_origin(size, **other),))

    def bundle(
        self,
        items: Sequence[str],
        *,
        originals: bool = True,
        withheld: Sequence[str] = (),
        more_withheld: int = 0,
    ) -> dict[str, bytes]:
        """The files of a good bundle by path, tag manifests and statement included.

        ``more_withheld``: withheld fields of entries that a test will add to the receipts.
        """
        bundle_id = hashlib.sha256(f"{self.seed} {len(self.leaves)}".encode()).hexdigest()[:32]
        payloads = {i: f"data/{i}.bin" for i in items if originals and i not in withheld}
        copies = {i: each for i, each in self.copies.items() if i in payloads}
        payloads.update({i: f"data/{i}-share-copy.bin" for i in copies})
        files = {
            path: copies[i][0] if i in copies else self.contents[i] for i, path in payloads.items()
        }
        files.update(_manifests(bagtext.MANIFESTS, files))
        proofs = {
            "cosignatures": "not configured",
            "inclusion": "present",
            "timestamps": "not configured",
            "states": [],
        }
        counts = {
            "chosen": len(items),
            "exported": len(items) - len(withheld),
            "withheld": len(withheld),
            **self._count_fields(items),
        }
        counts["fields_withheld"] += more_withheld
        index = self.about_set(
            items,
            "exported",
            {
                "actor": "desk-1",
                "bundle_id": bundle_id,
                "counts": counts,
                "members": "kept back",
                "payload_manifest": hashlib.sha256(files[bagtext.MANIFESTS[0]]).hexdigest(),
                "proofs": proofs,
            },
        )
        files.update({f"copies/{i}.json": statement for i, (_, statement) in copies.items()})
        tree, note = self.tree(), self.note()
        for item in items:
            receipt = self.receipt(item, tree=tree, note=note)
            files[f"receipts/{item}.txt"] = format_receipt(receipt)
        for role in self.keys:
            files[f"keys/{self.keyid(role)}.pem"] = public_pem(self.public(role)).encode()
        lines = ["item,home,outcome,reason,original,receipt"]
        for i in items:
            outcome = "withheld,consent" if i in withheld else "exported,"
            lines.append(f"{i},{self.origin},{outcome},{payloads.get(i, '')},receipts/{i}.txt")
        lines.append("TOTAL,{chosen},exported,{exported},withheld,{withheld}".format(**counts))
        files.update(
            {
                "bagit.txt": bagtext.BAGIT_TXT,
                "bag-info.txt": b"Bagging-Date: 2026-11-23\n",
                "HOW-TO-VERIFY.txt": b"How to verify\n",
                "verify.sh": b"#!/bin/sh\n",
                "index.csv": "".join(f"{line}\n" for line in lines).encode(),
                "custody.txt": b"Custody\n",
                "custody.csv": b"item,entry\r\n",
            }
        )
        statement = Statement(
            bundle_id=bundle_id,
            checkpoint_size=tree.size,
            checkpoint_root=self.checkpoint().root.hex(),
            counts=counts,
            exported_index=index,
            exported_leaf=leaf_hash(self.leaves[index]).hex(),
            files=tuple(
                FileRow(p, hashlib.sha256(d).hexdigest(), len(d)) for p, d in sorted(files.items())
            ),
            items=tuple(
                ItemRow(
                    self.origin,
                    i,
                    len(self.history[i]) - 1,
                    payloads.get(i),
                    f"receipts/{i}.txt",
                    "consent withdrawn" if i in withheld else None,
                )
                for i in sorted(items)
            ),
            key=self.keyid("statements"),
            made_at=TIME,
            origin=self.origin,
            proofs=proofs,
        )
        return self.seal(files, statement)

    def seal(self, files: Mapping[str, bytes], statement: Statement) -> dict[str, bytes]:
        """Add statement, signature and tag manifests to the other files of a bundle."""
        outside = (*bagtext.STATEMENT_FILES, *bagtext.TAG_MANIFESTS)
        whole = {p: d for p, d in files.items() if p not in outside}
        whole[bagtext.STATEMENT] = format_statement(statement)
        signature = self.keys["statements"].sign(whole[bagtext.STATEMENT])
        whole[bagtext.STATEMENT_SIGNATURE] = signature
        whole[bagtext.STATEMENT_SSHSIG] = sign_sshsig(
            whole[bagtext.STATEMENT],
            self.public("statements"),
            self.keys["statements"].sign,
            STATEMENT_NAMESPACE,
        )
        tags = {p: d for p, d in whole.items() if not bagtext.is_payload(p)}
        return {**whole, **_manifests(bagtext.TAG_MANIFESTS, tags)}

    def _count_fields(self, items: Sequence[str]) -> dict[str, int]:
        """Over all receipts of a coming export: its own entry reveals 4 of 6 fields."""
        shown = withheld = 0
        for item in items:
            for stood in (Stood(0, None), *self.history[item]):
                committed = self.shown[stood.index]
                revealed = sum(name in SHOWN for name in committed)
                shown += revealed
                withheld += len(committed) - revealed
        return {
            "fields_shown": shown + 4 * len(items),
            "fields_withheld": withheld + 2 * len(items),
        }


def _manifests(names: Sequence[str], files: Mapping[str, bytes]) -> dict[str, bytes]:
    return {
        name: bagtext.manifest_text((p, hashlib.new(alg, d).hexdigest()) for p, d in files.items())
        for name, alg in zip(names, ("sha256", "sha512"), strict=True)
    }


def write_folder(files: Mapping[str, bytes], folder: Path) -> Path:
    for path, data in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    (folder / "data").mkdir(exist_ok=True)
    return folder


class _Pipe(io.RawIOBase):
    """A stream that can't seek, as when a ZIP is written to a network."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        return self._file.write(data)

    def close(self) -> None:
        self._file.close()
        super().close()


def write_zip(
    files: Mapping[str, bytes],
    path: Path,
    *,
    top: str = "evidence-0a1b2c3d/",
    streamed: bool = False,
    zip64: bool = False,
) -> Path:
    """A ZIP by the standard library; ``streamed`` leaves sizes to data descriptors."""
    target: Any = _Pipe(path) if streamed else path
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in sorted(files.items()):
            info = zipfile.ZipInfo(top + name, (2026, 11, 23, 10, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED if len(data) > 40 else zipfile.ZIP_STORED
            with archive.open(info, "w", force_zip64=zip64) as stream:
                stream.write(data)
    if streamed:
        target.close()
    return path
