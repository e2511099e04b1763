"""Writing a payload: STREAM over ChaCha20-Poly1305 in chunks of 64 KiB (age v1, "Payload").

payload     = nonce (16 bytes) || chunk 0 || chunk 1 || …
payload key = HKDF-SHA-256(file key, salt = nonce, info = "payload")
chunk i     = ChaCha20-Poly1305(payload key, i as 11 bytes || 01 if it is the last, else 00)

Every chunk but the last holds 65,536 bytes of plaintext, the last 1 to 65,536; only an empty
payload has an empty chunk, its one and only. Reading is in ``reader.py``.
"""

from __future__ import annotations

from types import TracebackType
from typing import Protocol

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from evidence_vault.core.age.entropy import _random
from evidence_vault.core.age.keys import NONCE_SIZE, payload_key
from evidence_vault.errors import StoreError

CHUNK_SIZE = 1 << 16
TAG_SIZE = 16
SEALED_CHUNK_SIZE = CHUNK_SIZE + TAG_SIZE

_BATCH = 8
"""Chunks sealed between two writes to the sink."""


class ByteSource(Protocol):
    """What plaintext or payload is read from: any binary file."""

    def read(self, size: int = -1, /) -> bytes: ...


class ByteSink(Protocol):
    """What is written to: a binary file that takes all it is given and says so.

    A memoryview is only lent: its bytes change after ``write`` returns. The answer is the number
    of bytes taken.
    """

    def write(self, data: bytes | memoryview, /) -> int: ...


def chunk_nonce(index: int, last: bool) -> bytes:
    """11-byte big-endian chunk number || 01 for the last chunk, 00 for the others."""
    return (index << 8 | last).to_bytes(12, "big")


def sealed_size(size: int) -> int:
    """Length of the payload of ``size`` bytes of plaintext, both in bytes; ``size`` >= 0."""
    chunks = max(1, -(-size // CHUNK_SIZE))
    return NONCE_SIZE + size + chunks * TAG_SIZE


def write_all(sink: ByteSink, data: bytes | memoryview) -> None:
    """Raises StoreError if the sink takes less than all, as an unbuffered file may."""
    taken = sink.write(data)
    if taken != len(data):
        raise StoreError(f"only {taken} of {len(data)} bytes could be written")


class PayloadWriter:
    """Seals what is written to it, in flat memory, as one payload on ``sink``.

    A payload counts only once ``close`` has written the last chunk; one that was abandoned is
    refused by every reader as cut short. As a context manager it closes after success and
    abandons after an exception. The sink is never closed. One file key seals one payload. Not
    to be shared between threads; sealing lets other threads run.

    ``nonce`` (16 bytes): of a payload that is made a second time, from the same plaintext to the
    same bytes. Never give the nonce of another plaintext: that would show both.
    """

    def __init__(self, file_key: bytes, sink: ByteSink, nonce: bytes | None = None) -> None:
        nonce = _random(NONCE_SIZE) if nonce is None else nonce
        self._aead = ChaCha20Poly1305(payload_key(file_key, nonce))
        self._sink = sink
        self._sealed = 0
        self._held = 0
        self._pending = memoryview(bytearray(CHUNK_SIZE))
        self._out = memoryview(bytearray(_BATCH * SEALED_CHUNK_SIZE))
        self._closed = False
        write_all(sink, nonce)

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Take ``data``, any length; returns that length in bytes.

        Up to one chunk is held back, since only ``close`` knows which chunk is the last. Whole
        chunks inside ``data`` are sealed where they lie, without a copy.
        """
        if self._closed:
            raise ValueError("write to a payload that is closed")
        view = memoryview(data).cast("B")
        start = 0
        if self._held + len(view) > CHUNK_SIZE and self._held:
            start = CHUNK_SIZE - self._held
            self._hold(view[:start])
            self._seal_chunks(self._pending)
            self._held = 0
        whole = max(0, len(view) - start - 1) // CHUNK_SIZE * CHUNK_SIZE
        self._seal_chunks(view[start : start + whole])
        self._hold(view[start + whole :])
        return len(view)

    def close(self) -> None:
        """Seal the last chunk. Closing again does nothing."""
        if self._closed:
            return
        self._closed = True
        write_all(self._sink, self._seal(self._pending[: self._held], 0, last=True))

    def __enter__(self) -> PayloadWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        self._closed = True

    def _hold(self, view: memoryview) -> None:
        self._pending[self._held : self._held + len(view)] = view
        self._held += len(view)

    def _seal_chunks(self, view: memoryview) -> None:
        """Seal and write whole chunks, none of them the last."""
        batch = _BATCH * CHUNK_SIZE
        for start in range(0, len(view), batch):
            end = 0
            for at in range(start, min(start + batch, len(view)), CHUNK_SIZE):
                self._seal(view[at : at + CHUNK_SIZE], end, last=False)
                end += SEALED_CHUNK_SIZE
            write_all(self._sink, self._out[:end])

    def _seal(self, chunk: memoryview, at: int, *, last: bool) -> memoryview:
        """Seal one chunk into the output buffer at ``at``."""
        sealed = self._out[at : at + len(chunk) + TAG_SIZE]
        self._aead.encrypt_into(chunk_nonce(self._sealed, last), chunk, None, sealed)
        self._sealed += 1
        return sealed


def encrypt_payload(file_key: bytes, plaintext: bytes) -> bytes:
    """The payload of ``plaintext``, in one go; meant for kilobytes, right for any length."""
    nonce = _random(NONCE_SIZE)
    aead = ChaCha20Poly1305(payload_key(file_key, nonce))
    if len(plaintext) <= CHUNK_SIZE:
        return nonce + aead.encrypt(chunk_nonce(0, True), plaintext, None)
    view = memoryview(plaintext)
    chunks = [view[at : at + CHUNK_SIZE] for at in range(0, len(view), CHUNK_SIZE)]
    final = len(chunks) - 1
    sealed = (
        aead.encrypt(chunk_nonce(index, index == final), chunk, None)
        for index, chunk in enumerate(chunks)
    )
    return b"".join((nonce, *sealed))
