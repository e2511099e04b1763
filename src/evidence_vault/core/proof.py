"""The offline proof file of one entry (C2SP tlog-proof), extension ``.tlog-proof``.

c2sp.org/tlog-proof@v1 LF
extra SP <base64> LF               optional; authenticated by nothing
index SP <decimal> LF
<base64 hash> LF                   0 to 63: the inclusion proof, sibling of the leaf first
LF
<the signed checkpoint>
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from evidence_vault.core.checkpoint import OpenedCheckpoint, open_checkpoint, parse_checkpoint
from evidence_vault.core.merkle import (
    HASH_SIZE,
    MAX_PROOF_LENGTH,
    check_inclusion,
    leaf_hash,
)
from evidence_vault.core.note import (
    MAX_DECIMAL,
    MAX_NOTE_SIZE,
    VerifierKey,
    decode_base64,
    encode_base64,
    parse_decimal,
    parse_note,
)
from evidence_vault.errors import FormatError

MAX_EXTRA_SIZE = 65_536
MAX_PROOF_FILE_SIZE = MAX_NOTE_SIZE + 100_000

_HEADER = "c2sp.org/tlog-proof@v1"


@dataclass(frozen=True, slots=True)
class ProofFile:
    """Index, inclusion proof and signed checkpoint of one entry; nothing in it is checked yet.

    ``extra`` is opaque and unauthenticated. This vault writes none.
    """

    index: int
    path: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes | None = None


@dataclass(frozen=True, slots=True)
class VerifiedProof:
    """An entry that was found in a log: its place, leaf hash, and the checkpoint it is under."""

    index: int
    leaf_hash: bytes
    opened: OpenedCheckpoint


def format_proof(proof: ProofFile) -> bytes:
    """The bytes of a proof file; raises ``FormatError`` for what could not be parsed back."""
    if not 0 <= proof.index <= MAX_DECIMAL:
        raise FormatError(f"an index is 0 to 2^63-1, this is {proof.index}", code="E-TLOG-PROOF")
    if len(proof.path) > MAX_PROOF_LENGTH or any(len(h) != HASH_SIZE for h in proof.path):
        raise FormatError(
            "an inclusion proof is at most 63 hashes of 32 bytes", code="E-TLOG-PROOF"
        )
    if proof.extra is not None and not 0 < len(proof.extra) <= MAX_EXTRA_SIZE:
        raise FormatError("an extra line carries 1 to 65,536 bytes", code="E-TLOG-PROOF")
    parse_checkpoint(parse_note(proof.checkpoint).text)
    lines = [_HEADER]
    if proof.extra is not None:
        lines.append(f"extra {encode_base64(proof.extra)}")
    lines.append(f"index {proof.index}")
    lines.extend(map(encode_base64, proof.path))
    return "".join(f"{line}\n" for line in lines).encode() + b"\n" + proof.checkpoint


def parse_proof(data: bytes) -> ProofFile:
    """Read a proof file of at most 1.1 MB; raises ``FormatError``. Checks no signature."""
    if len(data) > MAX_PROOF_FILE_SIZE:
        raise FormatError(
            f"a proof file has at most {MAX_PROOF_FILE_SIZE} bytes", code="E-TLOG-PROOF"
        )
    head, blank, checkpoint = data.partition(b"\n\n")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise FormatError("the head of a proof file is ASCII text", code="E-TLOG-PROOF") from None
    if not blank or lines.pop(0) != _HEADER:
        raise FormatError(f"a proof file begins with {_HEADER}", code="E-TLOG-PROOF")
    extra = None
    if lines and lines[0].startswith("extra "):
        extra = decode_base64(lines.pop(0).removeprefix("extra "), "the extra line of a proof")
    if not lines or not lines[0].startswith("index "):
        raise FormatError("a proof file names the index of its entry", code="E-TLOG-PROOF")
    index = parse_decimal(lines.pop(0).removeprefix("index "), "the index of a proof")
    path = tuple(decode_base64(line, "a hash of a proof") for line in lines)
    proof = ProofFile(index, path, checkpoint, extra)
    if format_proof(proof) != data:
        raise FormatError("the proof file is not in its canonical form", code="E-TLOG-PROOF")
    return proof


def verify_proof(
    data: bytes,
    entry: bytes,
    log_keys: Iterable[VerifierKey],
    witness_keys: Iterable[VerifierKey] = (),
    *,
    allow_missing_types: bool = False,
) -> VerifiedProof:
    """Check that ``entry`` stands in the log of ``log_keys``, as the proof file ``data`` says.

    1 leaf hash of the entry; 2 checkpoint signed by the log (see ``open_checkpoint``);
    3 cosignatures by known witnesses checked and listed, no quorum demanded; 4 inclusion proof.
    Raises ``FormatError``, ``SignatureInvalid`` or ``ProofInvalid``. Not checked: that the entry
    is a custody event, that nothing follows it, and when all this was.
    """
    proof = parse_proof(data)
    leaf = leaf_hash(entry)
    opened = open_checkpoint(
        proof.checkpoint, log_keys, witness_keys, allow_missing_types=allow_missing_types
    )
    checkpoint = opened.checkpoint
    check_inclusion(leaf, proof.index, checkpoint.size, checkpoint.root, proof.path)
    return VerifiedProof(proof.index, leaf, opened)
