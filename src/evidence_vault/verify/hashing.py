"""Both digests of a stream in one pass, with memory that does not grow with its size."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import BinaryIO

CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Digests:
    """Lowercase hex SHA-256 and SHA-512, size in bytes, and the first bytes."""

    sha256: str
    sha512: str
    size: int
    head: bytes


def hash_stream(stream: BinaryIO, limit: int | None = None) -> Digests:
    """Read to the end, or until more than ``limit`` bytes were seen, and hash what was read."""
    sha256, sha512 = hashlib.sha256(), hashlib.sha512()
    size, head = 0, b""
    while chunk := stream.read(CHUNK):
        sha256.update(chunk)
        sha512.update(chunk)
        size += len(chunk)
        if not head:
            head = chunk[:64]
        if limit is not None and size > limit:
            break
    return Digests(sha256.hexdigest(), sha512.hexdigest(), size, head)
