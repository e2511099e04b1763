"""Sealing units: fresh file key, random id, one age header, a padded payload.

plaintext sealed = bytes || zeros || u64 true length          (core/age/padding.py)
header || payload is a plain age v1 file; the two are stored apart, so that deleting the
header erases the unit.
"""

from __future__ import annotations

import hashlib
import io
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

from evidence_vault.core import age
from evidence_vault.core.age import padding
from evidence_vault.core.event import Unit
from evidence_vault.errors import EvidenceError, FormatError


@dataclass(frozen=True, slots=True)
class UnitKey:
    """A unit before anything is sealed under it. ``header`` is None in a plaintext vault."""

    id: str
    file_key: bytes
    header: bytes | None

    def unit(self, kind: str, objects: Sequence[str]) -> Unit:
        """What the entry says about the unit."""
        digest = None if self.header is None else hashlib.sha256(self.header).hexdigest()
        return Unit(self.id, kind, tuple(objects), digest)

    def headers(self) -> dict[str, bytes]:
        """What the commit keeps for the unit."""
        return {} if self.header is None else {self.id: self.header}


class UnitMaker:
    """Makes unit keys for the recipients in force; cheap to send to another process."""

    def __init__(self, recipients: Sequence[str], plaintext: bool) -> None:
        self._recipients = [age.parse_recipient(text) for text in recipients]
        self.plaintext = plaintext

    def new(self) -> UnitKey:
        """Fresh id and key. Cost: one key encapsulation per recipient."""
        unit = secrets.token_hex(16)
        if self.plaintext:
            return UnitKey(unit, b"", None)
        file_key = age.new_file_key()
        return UnitKey(unit, file_key, age.wrap_file_key(file_key, self._recipients))


class SealingWriter:
    """Streams bytes into a sink, sealed and padded; memory stays flat."""

    def __init__(self, key: UnitKey, kind: padding.Kind, sink: age.ByteSink) -> None:
        self._kind = kind
        self._length = 0
        self._plain = key.header is None
        self._sink = sink
        self._writer = None if self._plain else age.PayloadWriter(key.file_key, sink)

    def write(self, data: bytes | memoryview) -> None:
        self._length += len(data)
        if self._writer is None:
            self._sink.write(data)
        else:
            self._writer.write(data)

    def close(self) -> None:
        """Append the padding and the last chunk."""
        if self._writer is None:
            return
        for piece in padding.trailer(self._length, self._kind):
            self._writer.write(piece)
        self._writer.close()


def seal_bytes(key: UnitKey, kind: padding.Kind, data: bytes) -> bytes:
    """The stored payload of a small unit."""
    if key.header is None:
        return data
    return age.encrypt_payload(key.file_key, padding.pad(data, kind))


def open_bytes(file_key: bytes | None, kind: padding.Kind, payload: bytes) -> bytes:
    """Undo :func:`seal_bytes`; ``file_key`` is None for a unit without a header."""
    if file_key is None:
        return payload
    return padding.unpad(age.decrypt_payload(file_key, payload), kind)


def open_payload(file_key: bytes | None, payload: BinaryIO) -> BinaryIO:
    """A seekable reader of the true bytes of a large unit (media padding)."""
    if file_key is None:
        return payload
    return io.BufferedReader(padding.PaddedReader(age.PayloadReader(file_key, payload), "media"))


def unwrap(header: bytes, unit: Unit, identities: Sequence[age.Identity]) -> bytes:
    """The file key of a unit, after its header was compared with what the entry says.

    Raises EvidenceError when the header is not the one logged, KeyProblem when no identity fits.
    """
    found = hashlib.sha256(header).hexdigest()
    if found != unit.header:
        raise EvidenceError(
            f"the header of unit {unit.id} is not the one logged: "
            f"expected {unit.header}, found {found}",
            code="E-HEADER-CHANGED",
        )
    try:
        return age.unwrap_file_key(header, identities)
    except FormatError as error:
        raise EvidenceError(f"the header of unit {unit.id} is damaged: {error.message}") from error
