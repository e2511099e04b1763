"""Padding of sealed plaintext, so that lengths say little about contents (DESIGN section 4).

padded = content || zeros || content length as u64, big-endian

The padded length, trailer included, follows from the content length and the kind alone:

- ``media`` (originals, media): Padmé, which leaks O(log log n) bits and adds at most 12 %
- ``metadata`` (metadata, thumbnails): the next power of two, at least 16 KiB
- ``disclosures`` (disclosure sets): the next multiple of 4 KiB

So each content has exactly one padded form per kind, and readers refuse every other.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Literal, Protocol, assert_never

from evidence_vault.core.age.reader import PlainFile, SeekableSource, read_full
from evidence_vault.errors import FormatError

Kind = Literal["media", "metadata", "disclosures"]

TRAILER_SIZE = 8
METADATA_FLOOR = 16 * 1024
DISCLOSURES_STEP = 4 * 1024

_BLOCK = bytes(1 << 16)


def padme(length: int) -> int:
    """The Padmé length for ``length`` bytes, itself included (Nikitin et al., PETS 2019).

    With E = floor(log2 length) and S = floor(log2 E) + 1, the last E - S bits become zero by
    rounding up. 0 and 1 stay as they are.
    """
    if length < 2:
        return length
    exponent = length.bit_length() - 1
    mask = (1 << (exponent - exponent.bit_length())) - 1
    return (length + mask) & ~mask


def padded_length(n: int, kind: Kind) -> int:
    """Total length in bytes of ``n`` bytes of content once padded, with the 8-byte trailer."""
    least = n + TRAILER_SIZE
    match kind:
        case "media":
            return padme(least)
        case "metadata":
            return max(METADATA_FLOOR, 1 << (least - 1).bit_length())
        case "disclosures":
            return -(-least // DISCLOSURES_STEP) * DISCLOSURES_STEP
        case _:
            assert_never(kind)


def trailer(n: int, kind: Kind) -> Iterator[bytes]:
    """What follows ``n`` bytes of content, in pieces of at most 64 KiB."""
    zeros = padded_length(n, kind) - n - TRAILER_SIZE
    for _ in range(zeros // len(_BLOCK)):
        yield _BLOCK
    yield bytes(zeros % len(_BLOCK)) + n.to_bytes(TRAILER_SIZE, "big")


def pad(content: bytes, kind: Kind) -> bytes:
    """``content`` with its trailer, in one go; ``unpad`` undoes it."""
    return b"".join((content, *trailer(len(content), kind)))


def unpad(padded: bytes, kind: Kind) -> bytes:
    """The content of ``padded``. Raises FormatError unless it is the one padding of its kind."""
    n = _true_length(padded[-TRAILER_SIZE:], len(padded), kind)
    if padded.count(0, n, len(padded) - TRAILER_SIZE) != len(padded) - TRAILER_SIZE - n:
        raise _not_zero()
    return padded[:n]


class PaddedSource(SeekableSource, Protocol):
    """A source that can jump and fill a buffer: a ``PayloadReader``, or any binary file."""

    def readinto(self, buffer: memoryview, /) -> int: ...


class PaddedReader(PlainFile):
    """The content of a padded plaintext as a seekable binary file.

    ``source`` is a ``PayloadReader`` over a seekable source, or any binary file that can jump;
    it is the reader's alone and never closed by it. Raises FormatError if the length or the
    total is wrong for the kind, at once; and if the zeros are not zero, in the ``readinto``
    that hands out the last of the content or finds its end.
    """

    def __init__(self, source: PaddedSource, kind: Kind) -> None:
        super().__init__()
        self._source = source
        self._total = source.seek(0, io.SEEK_END)
        source.seek(max(0, self._total - TRAILER_SIZE))
        self._size = _true_length(read_full(source, TRAILER_SIZE), self._total, kind)
        self._checked = False

    @property
    def size(self) -> int:
        """Length of the content in bytes."""
        return self._size

    def seekable(self) -> bool:
        return True

    # What typeshed calls a buffer is narrower here.
    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        """Fill ``buffer`` as far as the content goes; 0 means its end."""
        view = memoryview(buffer).cast("B")
        size = min(len(view), max(0, self._size - self._position))
        self._source.seek(self._position)
        got = self._source.readinto(view[:size]) if size else 0
        self._position += got
        if self._position >= self._size and not self._checked:
            self._check_zeros()
        return got

    def _check_zeros(self) -> None:
        self._source.seek(self._size)
        missing = self._total - TRAILER_SIZE - self._size
        while missing:
            block = read_full(self._source, min(missing, len(_BLOCK)))
            if not block or block != _BLOCK[: len(block)]:
                raise _not_zero()
            missing -= len(block)
        self._checked = True


def _true_length(last: bytes, total: int, kind: Kind) -> int:
    """The content length in a plaintext's last 8 bytes, if ``total`` is what it asks for."""
    n = int.from_bytes(last, "big")
    if len(last) < TRAILER_SIZE or n > total or padded_length(n, kind) != total:
        raise FormatError(
            f"{total} bytes are not the {kind} padding of any content whose length they state",
            code="E-AGE-PADDING",
        )
    return n


def _not_zero() -> FormatError:
    return FormatError("the padding holds something else than zeros", code="E-AGE-PADDING")
