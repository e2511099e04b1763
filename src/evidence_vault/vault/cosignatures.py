"""Countersignatures of this vault's own log: asked for, checked, stored, and counted.

They lie as ``evidence/<size>/cosignatures/<key ID>``, one signature line each, create-only. What
is counted is always read from there and checked again; the catalogue only says where to look.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evidence_vault.core.checkpoint import CheckpointVerifier, OpenedCheckpoint
from evidence_vault.core.exchange import (
    MAX_ANSWER,
    AddCheckpoint,
    format_answer,
    format_request,
    make_request,
    parse_answer,
    parse_size,
)
from evidence_vault.core.merkle import prove_consistency
from evidence_vault.core.note import (
    NoteSignature,
    VerifierKey,
    add_signatures,
    format_note,
    parse_note,
)
from evidence_vault.core.policy import Policy
from evidence_vault.core.proofclaim import NOT_CONFIGURED, PENDING, PRESENT
from evidence_vault.errors import (
    AlreadyExists,
    FormatError,
    NotFound,
    SignatureInvalid,
    UsageError,
    VaultError,
)
from evidence_vault.log.proofs import COSIGNATURE
from evidence_vault.seal.keyring import Peer
from evidence_vault.vault.countersigning import keep, spoken
from evidence_vault.vault.faults import step
from evidence_vault.vault.files import write_new
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.policies import countersigners, policy_of, witness_keys

CLOCK = "clock"
"""Kept against a countersigner: a larger size with an earlier time than a smaller one."""


@dataclass(frozen=True)
class Line:
    """A cosignature of ours that was checked: whose, over which size, when (POSIX seconds)."""

    peer: Peer
    key: VerifierKey
    line: NoteSignature
    size: int
    at: int

    def to_json(self) -> dict[str, Any]:
        return {
            "at": spoken(self.at),
            "key_id": self.key.key_id.hex(),
            "name": self.key.name,
            "org": self.peer.org,
            "origin": self.peer.origin,
            "size": self.size,
        }


# -- asking --------------------------------------------------------------------------------------


def newest_signed(vault: Vault) -> tuple[OpenedCheckpoint, bytes]:
    """This vault's newest checkpoint, opened, and its note. Raises UsageError before the first."""
    opened, note = vault.checkpoint(), vault.log.checkpoint()
    if opened is None or note is None:
        raise UsageError("there is no checkpoint yet", hint="run `evidence-vault log checkpoint`")
    return opened, note


def build_request(vault: Vault, old: int) -> AddCheckpoint:
    """The request over the newest checkpoint, with the proof from ``old``.

    Raises UsageError when ``old`` is larger than the checkpoint.
    """
    opened, note = newest_signed(vault)
    size = opened.checkpoint.size
    if not 0 <= old <= size:
        raise UsageError(f"the newest checkpoint covers {size} entries, not {old}")
    return make_request(old, prove_consistency(old, size, vault.tiles(opened)), note)


def witness_request(
    vault: Vault, out: Path, name: str | None = None, old: int | None = None
) -> dict[str, Any]:
    """Write the request to cosign the newest checkpoint.

    ``name``: a countersigner by log, organisation or name; without it one request must fit all.
    ``old``: what the countersigner says it cosigned last, when that differs from what is known.
    """
    peers = [find_peer(vault, name)] if name is not None else countersigners(vault.keyring)
    if old is None:
        sizes = {last_size(vault, peer) for peer in peers} or {0}
        if len(sizes) > 1:
            raise UsageError(
                "the countersigners stand at different sizes, so each needs its own request",
                hint="name one: --for " + " | ".join(sorted(peer.origin for peer in peers)),
            )
        old = sizes.pop()
    request = build_request(vault, old)
    data = format_request(request)
    write_new(out, data)
    return {
        "file": str(out),
        "for": [peer.origin for peer in peers],
        "old": old,
        "origin": request.origin,
        "root": request.root.hex(),
        "sha256": hashlib.sha256(data).hexdigest(),
        "size": request.size,
    }


def find_peer(vault: Vault, name: str) -> Peer:
    """A countersigner by its log's origin, its organisation or its own name."""
    for peer in countersigners(vault.keyring):
        if name in (peer.origin, peer.org, witness_keys(peer)[0].name):
            return peer
    known = ", ".join(sorted(peer.origin for peer in countersigners(vault.keyring)))
    raise UsageError(
        f"no countersigner {name!r} is pinned",
        code="E-NO-COUNTERSIGNER",
        hint=f"pinned: {known}" if known else "pin one with `evidence-vault witness add TRUSTFILE`",
    )


def last_size(vault: Vault, peer: Peer) -> int:
    """The largest size of ours that it is known to have cosigned, 0 if none."""
    found = [
        vault.catalogue.newest_proof(COSIGNATURE, key.key_id.hex()) for key in witness_keys(peer)
    ]
    return max((proof.size for proof in found if proof is not None), default=0)


# -- taking in -----------------------------------------------------------------------------------


class Importer:
    """Takes in answers: each line is checked, stored and told to the catalogue, or named."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._known = {
            (key.name, key.key_id): (peer, key)
            for peer in countersigners(vault.keyring)
            for key in witness_keys(peer)
        }
        self._texts: dict[int, str] = {}
        self.stored: list[dict[str, Any]] = []
        self.unknown: list[dict[str, Any]] = []
        self.refused: list[dict[str, Any]] = []
        self.sizes: list[dict[str, Any]] = []

    def take(self, data: bytes, where: str) -> None:
        """One answer, or a whole note with cosignatures; ``where`` names it in the results."""
        size = parse_size(data)
        if size is not None:
            self.sizes.append({"from": where, "size": size})
            return
        try:
            lines = read_lines(data)
        except VaultError as error:
            self._refuse(where, None, error)
            return
        for line in lines:
            if (line.name, line.key_id) in self._known:
                self._take_line(line, where)
            else:
                named = {"from": where, "key_id": line.key_id.hex(), "name": line.name}
                self.unknown.append(named)

    def _take_line(self, line: NoteSignature, where: str) -> None:
        peer, key = self._known[line.name, line.key_id]
        try:
            size, at = self._find(key, line)
            found = Line(peer, key, line, size, at)
            self._demand_clock(found)
        except VaultError as error:
            self._refuse(where, line, error)
            return
        fresh = self._store(found)
        self.stored.append({**found.to_json(), "already": not fresh, "from": where})

    def _find(self, key: VerifierKey, line: NoteSignature) -> tuple[int, int]:
        """(size, time) of the checkpoint of ours that the line is over, the newest tried first."""
        verifier = CheckpointVerifier(key)
        for size in sorted(signed_sizes(self._vault), reverse=True):
            try:
                verifier.verify(self._text(size), line.signature)
            except SignatureInvalid:
                continue
            return size, int.from_bytes(line.signature[:8], "big")
        raise SignatureInvalid(
            f"the signature of {key.name} ({key.key_id.hex()}) is over no checkpoint of this log",
            code="E-COSIGNATURE",
        )

    def _text(self, size: int) -> str:
        if size not in self._texts:
            self._texts[size] = parse_note(signed_note(self._vault, size)).text
        return self._texts[size]

    def _demand_clock(self, found: Line) -> None:
        """A countersigner's sizes and times both only grow; else one of its two lines is a lie."""
        for known in self._vault.catalogue.proofs_by(COSIGNATURE, found.key.key_id.hex()):
            smaller, larger = sorted([(known.size, known.at), (found.size, found.at)])
            if smaller[0] < larger[0] and smaller[1] > larger[1]:
                note = add_signatures(
                    parse_note(signed_note(self._vault, found.size)), [found.line]
                )
                page = {
                    "held": {"at": spoken(known.at), "size": known.size},
                    "kind": CLOCK,
                    "proven": True,
                    "root": None,
                    "size": found.size,
                }
                keep(self._vault, found.peer.origin, format_note(note), page)
                raise SignatureInvalid(
                    f"{found.key.name} says {spoken(found.at)} of {found.size} entries and "
                    f"{spoken(known.at)} of {known.size}: its clock went back",
                    code="E-COSIGNATURE-CLOCK",
                )

    def _store(self, found: Line) -> bool:
        """False when a line of that key over that size is stored already; the first one stays."""
        vault, name = self._vault, found.key.key_id.hex()
        fresh = True
        try:
            vault.archive.create(_line_key(vault, found.size, name), format_answer([found.line]))
        except AlreadyExists:
            fresh = False
        step("witness-line")
        _tell(vault, found.size, stored_lines(vault, found.size, [found.key]))
        return fresh

    def _refuse(self, where: str, line: NoteSignature | None, error: VaultError) -> None:
        self.refused.append(
            {
                "code": error.code,
                "from": where,
                "name": None if line is None else line.name,
                "reason": error.message,
            }
        )


def witness_import(vault: Vault, files: Sequence[Path]) -> dict[str, Any]:
    """Take in answers of countersigners; one bad file never keeps the others out."""
    importer = Importer(vault)
    with vault.locked():
        for path in files:
            try:
                with path.open("rb") as stream:
                    data = stream.read(MAX_ANSWER + 1)
            except OSError as error:
                raise UsageError(f"{path} can't be read: {error.strerror}") from error
            importer.take(data, str(path))
    return import_result(vault, importer)


def import_result(vault: Vault, importer: Importer) -> dict[str, Any]:
    """What came of it. Exit 10 when a line does not match, 3 when nothing was taken in."""
    findings = [
        {"code": each["code"], "message": each["reason"], "where": each["from"]}
        for each in importer.refused
    ]
    status = 10 if findings else 0 if importer.stored else 3
    return {
        "exit": status,
        "findings": findings,
        "quorum": quorum(vault),
        "sizes": importer.sizes,
        "stored": importer.stored,
        "unknown": importer.unknown,
    }


def read_lines(data: bytes) -> tuple[NoteSignature, ...]:
    """The signature lines of an answer, or of a whole signed note."""
    try:
        return parse_answer(data)
    except FormatError:
        if b"\n\n" not in data:
            raise
        return parse_note(data).signatures


# -- what is there -------------------------------------------------------------------------------


def signed_sizes(vault: Vault) -> set[int]:
    """Every size that this vault signed a checkpoint of. Lists the store."""
    prefix = vault.log.evidence_key(0, "").removesuffix("0/")
    names = (key.removeprefix(prefix).split("/") for key in vault.archive.keys(prefix))
    return {int(parts[0]) for parts in names if parts[1:] == ["checkpoint"]}


def signed_note(vault: Vault, size: int) -> bytes:
    """The checkpoint as this vault signed it; raises NotFound."""
    return vault.log.read(vault.archive, vault.log.evidence_key(size, "checkpoint"))


def stored_lines(
    vault: Vault, size: int, keys: Iterable[VerifierKey]
) -> tuple[tuple[VerifierKey, NoteSignature], ...]:
    """The cosignatures by these keys over a checkpoint of ours, each checked; others left out."""
    text = parse_note(signed_note(vault, size)).text
    found = []
    for key in keys:
        with contextlib.suppress(NotFound, FormatError, SignatureInvalid):
            data = vault.log.read(vault.archive, _line_key(vault, size, key.key_id.hex()))
            (line,) = parse_answer(data)
            if (line.name, line.key_id) == (key.name, key.key_id):
                CheckpointVerifier(key).verify(text, line.signature)
                found.append((key, line))
    return tuple(found)


def countersigned_note(vault: Vault, size: int, policy: Policy | None = None) -> bytes:
    """The checkpoint with every stored cosignature that counts, checked again."""
    keys = (policy or policy_of(vault)).witness_keys
    lines = [line for _, line in stored_lines(vault, size, keys)]
    return format_note(add_signatures(parse_note(signed_note(vault, size)), lines))


def cosignature_state(vault: Vault, size: int, policy: Policy | None = None) -> str:
    """not configured, pending or present: whether the quorum has countersigned that size."""
    policy = policy or policy_of(vault)
    if policy.quorum is None:
        return NOT_CONFIGURED
    try:
        signed = [key for key, _ in stored_lines(vault, size, policy.witness_keys)]
    except NotFound:
        return PENDING
    return PRESENT if policy.satisfied_by(signed) else PENDING


def newest_countersigned(vault: Vault, policy: Policy | None = None) -> int | None:
    """The largest size that the quorum has countersigned, or None."""
    policy = policy or policy_of(vault)
    if policy.quorum is None:
        return None
    by_id = {key.key_id.hex(): key for key in policy.witness_keys}
    claimed: dict[int, set[VerifierKey]] = {}
    for proof in vault.catalogue.proofs(COSIGNATURE):
        if proof.name in by_id:
            claimed.setdefault(proof.size, set()).add(by_id[proof.name])
    for size in sorted(claimed, reverse=True):
        claims = policy.satisfied_by(claimed[size])
        if claims and cosignature_state(vault, size, policy) == PRESENT:
            return size
    return None


def quorum(vault: Vault) -> dict[str, Any]:
    """How many are needed, of whom, and the largest size that reached it."""
    policy = policy_of(vault)
    needed, names = policy.counted()
    return {"needed": needed, "of": list(names), "size": newest_countersigned(vault, policy)}


def relearn_cosignatures(vault: Vault) -> None:
    """Tell a new catalogue of every stored cosignature by a pinned key, each checked.

    Nothing is learned of a size whose own checkpoint is damaged; audits name that.
    """
    keys = [key for peer in countersigners(vault.keyring) for key in witness_keys(peer)]
    for size in sorted(signed_sizes(vault)):
        with contextlib.suppress(FormatError):
            _tell(vault, size, stored_lines(vault, size, keys))


def _tell(vault: Vault, size: int, lines: Iterable[tuple[VerifierKey, NoteSignature]]) -> None:
    """Tell the catalogue of stored lines that were checked."""
    for key, line in lines:
        at = int.from_bytes(line.signature[:8], "big")
        digest = hashlib.sha256(format_answer([line])).hexdigest()
        vault.catalogue.add_proof(size, COSIGNATURE, key.key_id.hex(), at, digest)


def standings(vault: Vault) -> list[dict[str, Any]]:
    """Each countersigner: what it signed last, when, and how far that is behind the newest."""
    opened = vault.checkpoint()
    size = 0 if opened is None else opened.checkpoint.size
    found = []
    for peer in countersigners(vault.keyring):
        keys = witness_keys(peer)
        proofs = [vault.catalogue.newest_proof(COSIGNATURE, key.key_id.hex()) for key in keys]
        # An organisation has countersigned what all of its keys have.
        whole = [proof for proof in proofs if proof is not None]
        newest = min(whole, key=lambda p: p.size) if len(whole) == len(keys) else None
        found.append(
            {
                "at": None if newest is None else spoken(newest.at),
                "behind": size - (0 if newest is None else newest.size),
                "name": keys[0].name,
                "org": peer.org,
                "origin": peer.origin,
                "size": None if newest is None else newest.size,
                "url": peer.url,
            }
        )
    return found


def _line_key(vault: Vault, size: int, key_id: str) -> str:
    return vault.log.evidence_key(size, f"cosignatures/{key_id}")
