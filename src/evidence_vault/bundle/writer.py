"""Writes a bundle (docs/format-bundle.md) from a plan into a sink, in one pass.

    1 what is to be met first; then payloads, each hashed again on its way out
    2 bag declaration and information, manifests of the payload
    3 instructions, index, custody record, public keys, receipts, trust documents if asked for,
      what the profile adds
    4 the statement over all of these, and its signatures: bare, and as ssh-keygen reads it
    5 tag manifests

A crash anywhere leaves no whole bundle: without step 4 nothing verifies, and the sink gives the
output its name only after step 5.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from evidence_vault.bundle.custody import custody_csv, custody_text
from evidence_vault.bundle.howto import HOW_TO_VERIFY_NAMES, how_to_verify
from evidence_vault.bundle.index import index_csv
from evidence_vault.bundle.model import (
    BundleItem,
    BundlePlan,
    Extra,
    PayloadSource,
    Written,
    bundle_counts,
    payload_manifest,
)
from evidence_vault.bundle.sinks import Sink
from evidence_vault.core.bagtext import (
    BAGIT_TXT,
    MANIFESTS,
    SHELL_VERIFIER,
    STATEMENT,
    STATEMENT_SIGNATURE,
    STATEMENT_SSHSIG,
    TAG_MANIFESTS,
    VERIFIER_PAGE,
    is_payload,
    manifest_text,
)
from evidence_vault.core.checkpoint import parse_checkpoint
from evidence_vault.core.keys import keyid, public_pem, verify_ed25519
from evidence_vault.core.merkle import leaf_hash
from evidence_vault.core.note import parse_note
from evidence_vault.core.receipt import Receipt, format_receipt
from evidence_vault.core.sshsig import STATEMENT_NAMESPACE, check_sshsig, sign_sshsig
from evidence_vault.core.statement import FileRow, ItemRow, Statement, format_statement
from evidence_vault.errors import EvidenceError, InternalError, StoreError

_CHUNK = 1024 * 1024


def write_bundle(plan: BundlePlan, sink: Sink) -> Written:
    """Write the bundle. Memory: one receipt and one chunk at a time, and a row for each file.

    Raises EvidenceError (``E-PAYLOAD-CHANGED``) when an original is not what was committed to,
    StoreError when the output fails, InternalError for a plan that contradicts itself. Nothing
    complete is left behind then.
    """
    counts = bundle_counts(plan.items)
    manifests = [payload_manifest(plan.items, algorithm) for algorithm in ("sha256", "sha512")]
    for item in plan.items:
        _check_receipt(plan, item, counts, hashlib.sha256(manifests[0]).hexdigest())
    with sink:
        sink.begin(plan.top_folder)
        bag = _Bag(sink)
        # 1
        bag.add_all(plan.first, plan)
        sink.add_folder("data")
        for item in plan.items:
            if item.payload is not None and item.payload_path is not None:
                bag.add_payload(item.payload_path, item.payload)
        # 2
        bag.add("bagit.txt", BAGIT_TXT)
        bag.add("bag-info.txt", _bag_info(plan))
        for name, content in zip(MANIFESTS, manifests, strict=True):
            bag.add(name, content)
        # 3
        for name in HOW_TO_VERIFY_NAMES:
            bag.add(name, how_to_verify(name))
        bag.add(SHELL_VERIFIER, plan.verifier)
        if plan.page:
            bag.add(VERIFIER_PAGE, plan.page)
        bag.add_pieces("index.csv", index_csv(plan.items))
        head = (plan.origin, plan.checkpoint.size, plan.checkpoint.root, plan.made_at)
        bag.add_pieces("custody.txt", custody_text(*head, _receipts(plan), plan.brackets))
        bag.add_pieces("custody.csv", custody_csv(_receipts(plan)))
        for raw in sorted({raw for _, raw in plan.keys}, key=keyid):
            bag.add(f"keys/{keyid(raw)}.pem", public_pem(raw).encode("ascii"))
        for item in plan.items:
            bag.add(item.receipt_path, format_receipt(item.receipt))
            if item.statement is not None:
                bag.add(item.statement_path, item.statement)
        for version, document in plan.documents:
            bag.add(f"trust/{version}.json", document)
        bag.add_all(plan.extras, plan)
        # 4
        files = bag.rows()
        statement = format_statement(_statement(plan, counts, files))
        bag.add(STATEMENT, statement)
        for name, signature in _sign(plan, statement).items():
            bag.add(name, signature)
        # 5
        tags = [manifest_text(bag.tag_digests(n)) for n in ("sha256", "sha512")]
        for name, content in zip(TAG_MANIFESTS, tags, strict=True):
            bag.add(name, content)
    return Written(statement, files)


class _Bag:
    """Passes files on to the sink and keeps the digests and size of what went through."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._files: dict[str, tuple[str, str, int]] = {}

    def add(self, path: str, content: bytes) -> None:
        self._sink.add(path, len(content), self._hashed(path, [content]))

    def add_pieces(self, path: str, pieces: Iterable[bytes]) -> None:
        """A file whose size shows only at its end."""
        self._sink.add(path, None, self._hashed(path, pieces))

    def add_all(self, extras: Iterable[Extra], plan: BundlePlan) -> None:
        for extra in extras:
            for path, pieces in extra.files(plan):
                self.add_pieces(path, pieces)

    def add_payload(self, path: str, payload: PayloadSource) -> None:
        """An original: what leaves is hashed again and compared with what was committed to."""
        promised = (payload.sha256, payload.sha512, payload.size)
        self._sink.add(path, payload.size, self._hashed(path, _read(path, payload)))
        if self._files[path] != promised:
            raise _changed(path, promised, self._files[path])

    def rows(self) -> tuple[FileRow, ...]:
        """Every file so far, sorted by path."""
        return tuple(FileRow(p, f[0], f[2]) for p, f in sorted(self._files.items()))

    def tag_digests(self, algorithm: str) -> list[tuple[str, str]]:
        """(path, digest) of every file so far that is not payload."""
        return [
            (path, sha256 if algorithm == "sha256" else sha512)
            for path, (sha256, sha512, _) in self._files.items()
            if not is_payload(path)
        ]

    def _hashed(self, path: str, pieces: Iterable[bytes]) -> Iterator[bytes]:
        if path in self._files:
            raise InternalError(f"{path} is written twice")
        sha256, sha512, size = hashlib.sha256(), hashlib.sha512(), 0
        for piece in pieces:
            sha256.update(piece)
            sha512.update(piece)
            size += len(piece)
            yield piece
        self._files[path] = (sha256.hexdigest(), sha512.hexdigest(), size)


def _read(path: str, payload: PayloadSource) -> Iterator[bytes]:
    """The bytes of an original, never more than its promised size."""
    size = 0
    try:
        with payload.open() as stream:
            while chunk := stream.read(_CHUNK):
                size += len(chunk)
                if size > payload.size:
                    raise EvidenceError(
                        f"{path}: expected {payload.size} bytes, found more",
                        code="E-PAYLOAD-CHANGED",
                    )
                yield chunk
    except OSError as error:
        raise StoreError(f"{path}: the original can't be read: {error}") from error


def _changed(
    path: str, promised: tuple[str, str, int], found: tuple[str, str, int]
) -> EvidenceError:
    which = next(i for i in (2, 0, 1) if promised[i] != found[i])
    what = ("SHA-256", "SHA-512", "a size of")[which]
    return EvidenceError(
        f"{path}: expected {what} {promised[which]}, found {found[which]}",
        code="E-PAYLOAD-CHANGED",
        hint="the stored original is damaged; check it with 'fixity' before exporting again",
    )


def _receipts(plan: BundlePlan) -> Iterator[Receipt]:
    return (item.receipt for item in plan.items)


def _bag_info(plan: BundlePlan) -> bytes:
    """``bag-info.txt`` (RFC 8493 2.2.2); names no organisation and no person."""
    payloads = [item.payload for item in plan.items if item.payload is not None]
    return (
        f"Bag-Software-Agent: {plan.software}\n"
        f"Bagging-Date: {plan.made_at[:10]}\n"
        f"External-Identifier: {plan.bundle_id}\n"
        f"Payload-Oxum: {sum(p.size for p in payloads)}.{len(payloads)}\n"
    ).encode()


def _statement(plan: BundlePlan, counts: dict[str, int], files: tuple[FileRow, ...]) -> Statement:
    return Statement(
        bundle_id=plan.bundle_id,
        checkpoint_size=plan.checkpoint.size,
        checkpoint_root=plan.checkpoint.root.hex(),
        counts=counts,
        exported_index=plan.exported_index,
        exported_leaf=plan.exported_leaf,
        files=files,
        items=tuple(
            ItemRow(i.home, i.id, i.last_seq, i.payload_path, i.receipt_path, i.withheld)
            for i in plan.items
        ),
        key=plan.statement_key.keyid,
        made_at=plan.made_at,
        origin=plan.origin,
        proofs=plan.proofs,
    )


def _sign(plan: BundlePlan, statement: bytes) -> dict[str, bytes]:
    """The detached signatures, checked under the public key that travels with the bundle."""
    sign = plan.statement_key.sign
    public = next(raw for _, raw in plan.keys if keyid(raw) == plan.statement_key.keyid)
    signature = sign(statement)
    verify_ed25519(public, signature, statement)
    ssh = sign_sshsig(statement, public, sign, STATEMENT_NAMESPACE)
    check_sshsig(ssh, statement, public, STATEMENT_NAMESPACE)
    return {STATEMENT_SIGNATURE: signature, STATEMENT_SSHSIG: ssh}


def _check_receipt(
    plan: BundlePlan, item: BundleItem, counts: dict[str, int], manifest: str
) -> None:
    """A receipt must end with the export that this bundle is, at this bundle's checkpoint.

    Raises InternalError: the vault made both, so a difference is a bug, found before anything
    leaves.
    """
    last = item.receipt.events[-1]
    revealed = {d.name: d.value for d in last.reveals}
    expected = {
        "bundle_id": plan.bundle_id,
        "counts": counts,
        "payload_manifest": manifest,
        "proofs": dict(plan.proofs),
    }
    checks = {
        "subject": item.receipt.subject == ("item", item.home, item.id),
        "origin": item.receipt.origin == plan.origin,
        "checkpoint": parse_checkpoint(parse_note(item.receipt.note).text) == plan.checkpoint,
        "last event": (last.index, leaf_hash(last.leaf).hex())
        == (plan.exported_index, plan.exported_leaf),
        **{name: revealed.get(name) == value for name, value in expected.items()},
    }
    wrong = [name for name, good in checks.items() if not good]
    if wrong:
        raise InternalError(f"the receipt of {item.id} disagrees with its bundle: {wrong}")
