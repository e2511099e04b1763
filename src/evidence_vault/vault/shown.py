"""Signed states of logs in whatever came from somebody else: what a file shows, unchecked.

A checkpoint, a receipt, a trust file and a request to countersign all carry the log's signature
over (size, root), and some of them proofs that lead to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evidence_vault.core.checkpoint import parse_checkpoint
from evidence_vault.core.entry0 import parse_entry0
from evidence_vault.core.exchange import is_request, parse_request
from evidence_vault.core.merkle import leaf_hash
from evidence_vault.core.note import VerifierKey, parse_note, parse_vkey
from evidence_vault.core.receipt import MAX_RECEIPT, Receipt, parse_receipt
from evidence_vault.core.trust import TrustFile, parse_trust
from evidence_vault.errors import FormatError, UsageError

Keys = tuple[VerifierKey, ...]

_RECEIPT, _TRUST = b"evidence-vault/receipt/", b'{"kind":"evidence-vault/trust"'
_ZIP, _AGE = b"PK\x03\x04", b"age-encryption.org/"


@dataclass(frozen=True, slots=True)
class Shown:
    """One signed checkpoint and the proofs beside it.

    ``inclusions``: (index, leaf hash, path); ``consistencies``: (old size, proof).
    """

    note: bytes
    inclusions: tuple[tuple[int, bytes, tuple[bytes, ...]], ...] = ()
    consistencies: tuple[tuple[int, tuple[bytes, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class ShownFile:
    """What one file shows, by origin. ``keys``: log keys that it names itself.

    ``cosigners``: countersigner keys that it names, by the origin whose policy names them.
    """

    path: Path
    kind: str
    logs: dict[str, list[Shown]]
    keys: dict[str, Keys]
    cosigners: dict[str, Keys]


def read_shown(path: Path) -> ShownFile:
    """Read a file; raises UsageError for what is not there or no such file, FormatError."""
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_RECEIPT + 1)
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}") from error
    if data.startswith((_ZIP, _AGE)):
        raise UsageError(
            f"{path} is a bundle or encrypted",
            hint="take one receipt out of it and compare that",
        )
    if data.startswith(_RECEIPT):
        return _of_receipt(path, parse_receipt(data))
    if data.startswith(_TRUST):
        return of_trust(path, parse_trust(data))
    if is_request(data):
        request = parse_request(data)
        proofs = ((request.old, request.proof),) if 0 < request.old < request.size else ()
        shown = Shown(request.checkpoint, (), proofs)
        return ShownFile(path, "request", {request.origin: [shown]}, {}, {})
    try:
        origin = parse_checkpoint(parse_note(data).text).origin
    except FormatError as error:
        raise FormatError(
            f"{path} is no checkpoint, receipt, trust file or request to countersign: "
            f"{error.message}",
            code=error.code,
        ) from error
    return ShownFile(path, "checkpoint", {origin: [Shown(data)]}, {}, {})


def of_trust(path: Path, trust: TrustFile) -> ShownFile:
    """What a trust file shows."""
    return ShownFile(
        path,
        "trust file",
        {o.origin: [Shown(o.checkpoint)] for o in trust.origins},
        {o.origin: tuple(parse_vkey(text) for text in o.log_keys) for o in trust.origins},
        {o.origin: o.countersigning().witness_keys for o in trust.origins},
    )


def _of_receipt(path: Path, receipt: Receipt) -> ShownFile:
    inclusions = tuple((e.index, leaf_hash(e.leaf), e.path) for e in receipt.events)
    proofs = tuple((state.size, state.consistency) for state in receipt.states if state.consistency)
    shown = [Shown(receipt.note, inclusions, proofs), *(Shown(s.note) for s in receipt.states)]
    logs = {receipt.origin: shown}
    for note in receipt.peers:
        origin = parse_checkpoint(parse_note(note).text).origin
        logs.setdefault(origin, []).append(Shown(note))
    first = receipt.events[0]
    keys = {receipt.origin: parse_entry0(first.leaf).log_keys()} if first.index == 0 else {}
    return ShownFile(path, "receipt", logs, dict(keys), {})
