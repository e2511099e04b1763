"""Checkpoints (C2SP tlog-checkpoint v1.0.0) and their signatures and cosignatures.

    <origin> LF <tree size, decimal> LF <base64(root hash)> LF

is the text of a signed note. No extension lines are written and none are accepted. What the three
kinds of key sign (C2SP tlog-cosignature v1.0.1, ML-DSA part v1.1.0-rc.1):

    0x01  the text
    0x04  "cosignature/v1" LF "time " <POSIX seconds> LF <the text>
    0x06  the binary message of ``mldsa_message``

The signature fields of 0x04 and 0x06 begin with the time as u64 (POSIX seconds).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from evidence_vault.core import keys
from evidence_vault.core.merkle import EMPTY_ROOT, HASH_SIZE, MAX_TREE_SIZE
from evidence_vault.core.note import (
    MAX_DECIMAL,
    KeyType,
    Note,
    NoteSignature,
    VerifierKey,
    decode_base64,
    encode_base64,
    format_note,
    parse_decimal,
    parse_note,
    parse_vkey,
    verify_note,
)
from evidence_vault.errors import FormatError, KeyProblem, SignatureInvalid, UsageError

MAX_NAME_SIZE = 255
_TIME_SIZE = 8
_SUBTREE_LABEL = b"subtree/v1\n\x00"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The statement that the log ``origin`` has ``size`` entries with the root hash ``root``.

    Raises ``FormatError`` when made from values that no checkpoint can state.
    """

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        if not self.origin or any(c < " " for c in self.origin):
            raise FormatError("the origin of a checkpoint is one non-empty line", code="E-ORIGIN")
        _length_prefixed(self.origin, "origin")
        if not 0 <= self.size <= MAX_TREE_SIZE:
            raise FormatError(
                f"a tree size is 0 to 2^63-1, this is {self.size}", code="E-TREE-SIZE"
            )
        if len(self.root) != HASH_SIZE:
            raise FormatError("a root hash has 32 bytes", code="E-CHECKPOINT")
        if self.size == 0 and self.root != EMPTY_ROOT:
            raise FormatError("the root of an empty log is SHA-256('')", code="E-CHECKPOINT")


class CheckpointSigner(Protocol):
    """A private key that stays where it is.

    ``vkey`` is the verifier key text, which says name and type. ``sign`` returns the bare
    signature (64 bytes for Ed25519, 2,420 for ML-DSA-44) over exactly the bytes given.
    """

    @property
    def name(self) -> str: ...

    @property
    def vkey(self) -> str: ...

    def sign(self, message: bytes, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class VerifiedSignature:
    """A signature that was checked. ``timestamp``: POSIX seconds as claimed; None for 0x01."""

    key: VerifierKey
    timestamp: int | None


@dataclass(frozen=True, slots=True)
class OpenedCheckpoint:
    """A checkpoint, the note it came in, and the signatures on it that were checked."""

    checkpoint: Checkpoint
    note: Note
    log_signatures: tuple[VerifiedSignature, ...]
    cosignatures: tuple[VerifiedSignature, ...]

    @property
    def key_ids(self) -> frozenset[tuple[str, str]]:
        """(key name, key ID in hex) of every signature that was checked."""
        checked = (*self.log_signatures, *self.cosignatures)
        return frozenset((item.key.name, item.key.key_id.hex()) for item in checked)


def format_checkpoint(checkpoint: Checkpoint) -> str:
    """The three lines, each ending in LF."""
    return f"{checkpoint.origin}\n{checkpoint.size}\n{encode_base64(checkpoint.root)}\n"


def parse_checkpoint(text: str) -> Checkpoint:
    """Read exactly three lines; raises ``FormatError``, also for extension lines."""
    lines = text.split("\n", 4)
    if len(lines) != 4 or lines[3]:
        raise FormatError(
            "a checkpoint is three lines: origin, size, root hash",
            code="E-CHECKPOINT",
            hint="extension lines are not accepted" if len(lines) > 4 or lines[-1] else "",
        )
    origin, size, root = lines[:3]
    return Checkpoint(
        origin, parse_decimal(size, "the tree size"), decode_base64(root, "the root hash")
    )


def cosignature_message(timestamp: int, text: str) -> bytes:
    """What a type 0x04 key signs. It does not name the cosigner: one key, one cosigner."""
    return f"cosignature/v1\ntime {_check_time(timestamp)}\n{text}".encode()


def mldsa_message(
    cosigner_name: str, timestamp: int, origin: str, start: int, end: int, root: bytes
) -> bytes:
    """What a type 0x06 key signs; ``start`` is 0 and ``end`` the tree size for a checkpoint.

    "subtree/v1" LF NUL || u8 length || cosigner name || u64 time || u8 length || origin
    || u64 start || u64 end || hash
    """
    if not 0 <= start <= end <= MAX_TREE_SIZE or len(root) != HASH_SIZE:
        raise FormatError("a subtree is 0 <= start <= end and a 32-byte hash", code="E-CHECKPOINT")
    return b"".join(
        (
            _SUBTREE_LABEL,
            _length_prefixed(cosigner_name, "cosigner name"),
            _u64(_check_time(timestamp)),
            _length_prefixed(origin, "origin"),
            _u64(start),
            _u64(end),
            root,
        )
    )


def sign_line(checkpoint: Checkpoint, signer: CheckpointSigner, *, timestamp: int) -> NoteSignature:
    """One signature line by a log key or a cosigner; ``timestamp`` in POSIX seconds.

    The result is checked under the signer's own verifier key before it is returned, so that a
    keyring that mixed up its keys cannot publish. A type 0x01 key must be called as the origin.
    A cosigner (any 0x04 key, a 0x06 key not called as the origin) needs a time other than 0.
    Raises ``KeyProblem`` or ``UsageError``.
    """
    key = parse_vkey(signer.vkey)
    if signer.name != key.name:
        raise KeyProblem(f"signer {signer.name!r} carries the verifier key of {key.name!r}")
    if key.key_type is KeyType.ED25519 and key.name != checkpoint.origin:
        raise UsageError(
            f"key {key.name!r} cannot sign for the log {checkpoint.origin!r}",
            hint="a log key is called as the origin; cosigners use a key of type 0x04 or 0x06",
        )
    if timestamp == 0 and _needs_time(key, checkpoint):
        raise UsageError("a cosignature states its time, which cannot be 0")
    text = format_checkpoint(checkpoint)
    signature = signer.sign(_message(key, checkpoint, timestamp))
    if key.key_type is not KeyType.ED25519:
        signature = _u64(timestamp) + signature
    try:
        CheckpointVerifier(key).verify(text, signature)
    except SignatureInvalid as error:
        raise KeyProblem(
            f"the private key of {key.name!r} does not belong to its verifier key",
            code="E-KEY-MISMATCH",
        ) from error
    return NoteSignature(key.name, key.key_id, signature)


def sign_checkpoint(
    checkpoint: Checkpoint, signers: Sequence[CheckpointSigner], *, timestamp: int
) -> bytes:
    """The checkpoint as a signed note, one line per signer, in their order."""
    lines = tuple(sign_line(checkpoint, signer, timestamp=timestamp) for signer in signers)
    return format_note(Note(format_checkpoint(checkpoint), lines))


class CheckpointVerifier:
    """A ``note.Verifier`` for a key of any of the three types over checkpoints."""

    def __init__(self, key: VerifierKey) -> None:
        self.key = key
        self.name = key.name
        self.key_id = key.key_id

    def verify(self, text: str, signature: bytes) -> None:
        """Raise ``SignatureInvalid`` unless the key signed this checkpoint text."""
        checkpoint = parse_checkpoint(text)
        timestamp, bare = _split_signature(self.key, signature)
        if timestamp == 0 and _needs_time(self.key, checkpoint):
            raise SignatureInvalid(
                f"the cosignature of {self.name!r} states no time", code="E-COSIGNATURE-TIME"
            )
        check: Callable[[bytes, bytes, bytes], None] = (
            keys.verify_mldsa44 if self.key.key_type is KeyType.MLDSA44 else keys.verify_ed25519
        )
        check(self.key.public_key, bare, _message(self.key, checkpoint, timestamp or 0))


def open_checkpoint(
    note_bytes: bytes,
    log_keys: Iterable[VerifierKey],
    witness_keys: Iterable[VerifierKey] = (),
    *,
    allow_missing_types: bool = False,
) -> OpenedCheckpoint:
    """Read a signed checkpoint and check every signature by a known key.

    ``log_keys`` are the keys of the one log that is expected: all carry its origin as name.
    Every *type* of key among them must have signed (so a checkpoint of a log with an Ed25519 and
    an ML-DSA-44 key is refused when one signature is missing: ``E-CHECKPOINT-DOWNGRADE``),
    unless ``allow_missing_types``; one signature by a log key is needed in any case.
    Cosignatures by ``witness_keys`` are checked and listed; no quorum is demanded here.
    Raises ``FormatError`` or ``SignatureInvalid``.
    """
    log_keys, witness_keys = tuple(log_keys), tuple(witness_keys)
    _check_distinct(witness_keys)
    note = parse_note(note_bytes)
    checkpoint = parse_checkpoint(note.text)
    for key in log_keys:
        if key.name != checkpoint.origin:
            raise SignatureInvalid(
                f"the checkpoint is by the log {checkpoint.origin!r}, expected {key.name!r}",
                code="E-CHECKPOINT-ORIGIN",
            )
    known = {(key.name, key.key_id): key for key in (*log_keys, *witness_keys)}
    lines = verify_note(note, map(CheckpointVerifier, (*log_keys, *witness_keys)))
    verified = [(known[line.name, line.key_id], line) for line in lines]
    log_side = tuple(_verified(key, line) for key, line in verified if key in log_keys)
    if not log_side:
        raise SignatureInvalid(
            f"no key of the log {checkpoint.origin!r} signed its checkpoint",
            code="E-CHECKPOINT-UNSIGNED",
        )
    missing = {key.key_type for key in log_keys} - {item.key.key_type for item in log_side}
    if missing and not allow_missing_types:
        names = ", ".join(sorted(key_type.name for key_type in missing))
        raise SignatureInvalid(
            f"the checkpoint of {checkpoint.origin!r} lacks its {names} signature",
            code="E-CHECKPOINT-DOWNGRADE",
            hint="the log has keys of both kinds and signs with both; ask for the full checkpoint",
        )
    witness_side = tuple(_verified(key, line) for key, line in verified if key not in log_keys)
    return OpenedCheckpoint(checkpoint, note, log_side, witness_side)


def _check_distinct(witness_keys: Sequence[VerifierKey]) -> None:
    """One public key under two names would count as two witnesses."""
    if len({key.public_key for key in witness_keys}) != len(witness_keys):
        raise FormatError(
            "the same public key stands twice among the witnesses", code="E-VKEY-DUPLICATE"
        )


def _verified(key: VerifierKey, line: NoteSignature) -> VerifiedSignature:
    return VerifiedSignature(key, _split_signature(key, line.signature)[0])


def _message(key: VerifierKey, checkpoint: Checkpoint, timestamp: int) -> bytes:
    """The bytes that a key of this type signs for the checkpoint."""
    text = format_checkpoint(checkpoint)
    if key.key_type is KeyType.ED25519:
        return text.encode()
    if key.key_type is KeyType.COSIGNATURE_ED25519:
        return cosignature_message(timestamp, text)
    return mldsa_message(
        key.name, timestamp, checkpoint.origin, 0, checkpoint.size, checkpoint.root
    )


def _needs_time(key: VerifierKey, checkpoint: Checkpoint) -> bool:
    """Whether this key claims "the largest tree I have seen at this time" (0x04, witnesses)."""
    if key.key_type is KeyType.ED25519:
        return False
    return key.key_type is KeyType.COSIGNATURE_ED25519 or key.name != checkpoint.origin


def _split_signature(key: VerifierKey, signature: bytes) -> tuple[int | None, bytes]:
    """(time or None, bare signature) of a signature field."""
    if key.key_type is KeyType.ED25519:
        return None, signature
    timestamp = int.from_bytes(signature[:_TIME_SIZE], "big")
    if len(signature) <= _TIME_SIZE or timestamp > MAX_DECIMAL:
        raise SignatureInvalid(
            f"the cosignature of {key.name!r} is cut or its time is above 2^63-1",
            code="E-COSIGNATURE-TIME",
        )
    return timestamp, signature[_TIME_SIZE:]


def _check_time(timestamp: int) -> int:
    if not 0 <= timestamp <= MAX_DECIMAL:
        raise FormatError(
            f"a time is 0 to 2^63-1 POSIX seconds, this is {timestamp}", code="E-COSIGNATURE-TIME"
        )
    return timestamp


def _length_prefixed(name: str, what: str) -> bytes:
    """u8 length || name; 1 to 255 bytes of UTF-8."""
    try:
        encoded = name.encode()
    except UnicodeEncodeError:
        raise FormatError(f"the {what} is not valid Unicode text", code="E-ORIGIN") from None
    if not 1 <= len(encoded) <= MAX_NAME_SIZE:
        raise FormatError(f"the {what} has 1 to {MAX_NAME_SIZE} bytes", code="E-ORIGIN")
    return bytes([len(encoded)]) + encoded


def _u64(value: int) -> bytes:
    return value.to_bytes(8, "big")
