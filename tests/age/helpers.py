"""Sources and vandalism that several of these tests need."""

from __future__ import annotations

import io

from evidence_vault.core.age import PayloadReader, PayloadWriter

CHUNK = 65536
SEALED = CHUNK + 16
NONCE = 16
BORDERS = (0, 1, 4096, 65535, 65536, 65537, 131071, 131072, 131073)
"""Lengths in bytes around the borders of chunks."""

FILE_KEY = bytes(range(16))


class Pipe:
    """A source that only goes forward and answers in pieces of at most ``piece`` bytes."""

    def __init__(self, data: bytes, piece: int = 1 << 30) -> None:
        self._file = io.BytesIO(data)
        self._piece = piece

    def read(self, size: int = -1, /) -> bytes:
        return self._file.read(min(size, self._piece) if size >= 0 else self._piece)

    def readline(self, size: int = -1, /) -> bytes:
        return self._file.readline(size)


def pattern(size: int) -> bytes:
    """``size`` bytes, different in every chunk."""
    return b"".join(i.to_bytes(4, "big") for i in range(-(-size // 4)))[:size]


def seal(plaintext: bytes, file_key: bytes = FILE_KEY) -> bytes:
    sink = io.BytesIO()
    with PayloadWriter(file_key, sink) as writer:
        writer.write(plaintext)
    return sink.getvalue()


def chunks_of(payload: bytes) -> list[bytes]:
    """The sealed chunks behind the nonce."""
    body = payload[NONCE:]
    return [body[at : at + SEALED] for at in range(0, len(body), SEALED)]


def drain(reader: PayloadReader, piece: int = CHUNK) -> bytes:
    """Read to the end in pieces."""
    found = bytearray()
    while data := reader.read(piece):
        found += data
    return bytes(found)


def flips(data: bytes) -> list[bytes]:
    """``data`` with one bit turned over, once for every bit."""
    found = []
    for bit in range(len(data) * 8):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        found.append(bytes(changed))
    return found
