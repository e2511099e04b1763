"""Reading a payload: every chunk is authenticated before a byte of it is handed out.

Chunks carry their number and the last one a mark, so a payload that was changed, cut,
lengthened, or whose chunks were swapped or repeated is refused. Writing is in ``payload.py``.
"""

from __future__ import annotations

import io
from abc import abstractmethod
from typing import Protocol, TypeGuard

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from evidence_vault.core.age.header import bad_header
from evidence_vault.core.age.keys import NONCE_SIZE, payload_key
from evidence_vault.core.age.payload import (
    CHUNK_SIZE,
    SEALED_CHUNK_SIZE,
    TAG_SIZE,
    ByteSource,
    chunk_nonce,
)
from evidence_vault.errors import EvidenceError, InternalError

_READ_SIZE = 1 << 20
_WHY_NOT = "it was changed, moved, cut, or belongs to another file key"


class SeekableSource(ByteSource, Protocol):
    """A source that may allow to jump; ``seekable`` says whether it does."""

    def seekable(self) -> bool: ...

    def seek(self, offset: int, whence: int = 0, /) -> int: ...

    def tell(self) -> int: ...


class _InOrder:
    """Sealed chunks of a source that can only be read forward.

    Which chunk is the last shows only at the end of the source, so one chunk is read ahead.
    """

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self._index = -1
        self._current = b""
        self._ahead = read_full(source, SEALED_CHUNK_SIZE)

    def fetch(self, index: int) -> tuple[bytes, bool]:
        """Chunk ``index`` and whether it is the last: the one fetched before, or the next."""
        if index == self._index + 1:
            self._index = index
            self._current, self._ahead = self._ahead, b""
            if len(self._current) == SEALED_CHUNK_SIZE:
                self._ahead = read_full(self._source, SEALED_CHUNK_SIZE)
        if index != self._index:
            raise InternalError(f"chunk {index} asked for while chunk {self._index} is current")
        return self._current, not self._ahead


class _AnyOrder:
    """Sealed chunks of a source that can jump: from where it stands now to its end."""

    def __init__(self, source: SeekableSource) -> None:
        self._source = source
        self._begin = source.tell()
        self._at = source.seek(0, io.SEEK_END)
        self.length = self._at - self._begin
        self.count = max(1, -(-self.length // SEALED_CHUNK_SIZE))

    def fetch(self, index: int) -> tuple[bytes, bool]:
        """Chunk ``index``, 0 <= index < count, and whether it is the last."""
        start = index * SEALED_CHUNK_SIZE
        if self._at != self._begin + start:
            self._source.seek(self._begin + start)
        sealed = read_full(self._source, min(SEALED_CHUNK_SIZE, self.length - start))
        self._at = self._begin + start + len(sealed)
        return sealed, index == self.count - 1


class PlainFile(io.RawIOBase):
    """What the readers of this package have in common: reading in terms of ``readinto``."""

    _position = 0

    @property
    @abstractmethod
    def size(self) -> int:
        """Length of the plaintext in bytes."""

    @abstractmethod
    # What typeshed calls a buffer is narrower here.
    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        """Fill ``buffer`` as far as the plaintext goes; 0 means its end."""

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to a place in the plaintext; past the end is allowed and reads nothing there."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence]
        if base + offset < 0:
            raise ValueError(f"seek to {base + offset}, before the start")
        self._position = base + offset
        return self._position

    def read(self, size: int = -1, /) -> bytes:
        """Up to ``size`` bytes, fewer only at the end; all that is left if negative."""
        pieces: list[bytes] = []
        while size:
            buffer = bytearray(_READ_SIZE if size < 0 else min(size, _READ_SIZE))
            got = self.readinto(buffer)
            pieces.append(bytes(memoryview(buffer)[:got]))
            if got < len(buffer):
                break
            size -= got if size > 0 else 0
        return b"".join(pieces)

    def readall(self) -> bytes:
        """All that is left, held in memory."""
        return self.read(-1)

    def read_at(self, offset: int, size: int) -> bytes:
        """``size`` bytes from ``offset`` on, fewer at the end; the position stays as it was.

        Opens only the chunks it needs. Only over a seekable source.
        """
        before = self._position
        try:
            self.seek(offset)
            return self.read(size)
        finally:
            self._position = before


class PayloadReader(PlainFile):
    """The plaintext of a payload as a binary file, from where ``source`` stands to its end.

    Over a seekable source the reader is seekable too, knows its ``size``, and opens the last
    chunk first: a payload cut or lengthened is refused before anything is read. Over any other
    source that shows only at the end, so what was read counts only once the end has come
    without an error.

    Raises FormatError if the 16-byte nonce is missing, EvidenceError if a chunk does not
    authenticate. The source is the reader's alone until it is done, and is never closed by it.
    For speed read 64 KiB or more at a time with ``readinto``. Not to be shared between threads.
    """

    def __init__(self, file_key: bytes, source: ByteSource) -> None:
        super().__init__()
        self._aead = _aead(file_key, read_full(source, NONCE_SIZE))
        self._cache = memoryview(bytearray(CHUNK_SIZE))
        self._cached = -1
        self._filled = 0
        self._end: int | None = None
        self._chunks: _InOrder | _AnyOrder
        self._jumps = False
        if _can_jump(source):
            self._chunks = _AnyOrder(source)
            self._jumps = True
            self._fill_cache(self._chunks.count - 1)
        else:
            self._chunks = _InOrder(source)

    @property
    def size(self) -> int:
        """Length of the plaintext in bytes; only over a seekable source."""
        if not self._jumps or self._end is None:
            raise io.UnsupportedOperation("the size is known only over a seekable source")
        return self._end

    def seekable(self) -> bool:
        return self._jumps

    # What typeshed calls a buffer is narrower here.
    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        """Fill ``buffer`` as far as the plaintext goes; 0 means its end."""
        view = memoryview(buffer).cast("B")
        done = 0
        while done < len(view) and (self._end is None or self._position < self._end):
            size = self._read_some(view[done:])
            done += size
            self._position += size
        return done

    def _read_some(self, view: memoryview) -> int:
        """Fill the front of ``view`` with up to one chunk from the current position."""
        index, offset = divmod(self._position, CHUNK_SIZE)
        if index != self._cached:
            if offset == 0 and len(view) >= CHUNK_SIZE:
                return self._open_chunk(index, view)
            self._fill_cache(index)
        size = min(len(view), self._filled - offset)
        view[:size] = self._cache[offset : offset + size]
        return size

    def _fill_cache(self, index: int) -> None:
        self._cached = -1
        self._filled = self._open_chunk(index, self._cache)
        self._cached = index

    def _open_chunk(self, index: int, target: memoryview) -> int:
        """Authenticate and decrypt one chunk into ``target``; returns its length in bytes."""
        sealed, last = self._chunks.fetch(index)
        size = len(sealed) - TAG_SIZE
        if size < 0 or (size == 0 and index > 0):
            raise _bad_chunk(index, "it is cut short")
        target = target[:size]
        try:
            self._aead.decrypt_into(chunk_nonce(index, last), sealed, None, target)
        except InvalidTag:
            target[:] = bytes(size)  # the library leaves unauthenticated plaintext behind
            raise _bad_chunk(index, _WHY_NOT) from None
        if last:
            self._end = index * CHUNK_SIZE + size
        return size


def decrypt_payload(file_key: bytes, payload: bytes) -> bytes:
    """Undo ``encrypt_payload``: the whole plaintext. Raises as ``PayloadReader`` does."""
    if len(payload) > NONCE_SIZE + SEALED_CHUNK_SIZE:
        return PayloadReader(file_key, io.BytesIO(payload)).readall()
    aead = _aead(file_key, payload[:NONCE_SIZE])
    sealed = payload[NONCE_SIZE:]
    if len(sealed) < TAG_SIZE:
        raise _bad_chunk(0, "it is cut short")
    try:
        return aead.decrypt(chunk_nonce(0, True), sealed, None)
    except InvalidTag:
        raise _bad_chunk(0, _WHY_NOT) from None


def _can_jump(source: ByteSource) -> TypeGuard[SeekableSource]:
    """Whether the source says that it is seekable; one without that method is not."""
    seekable = getattr(source, "seekable", None)
    return seekable is not None and bool(seekable())


def _aead(file_key: bytes, nonce: bytes) -> ChaCha20Poly1305:
    if len(nonce) != NONCE_SIZE:
        raise bad_header(f"after it stand {len(nonce)} bytes instead of a {NONCE_SIZE}-byte nonce")
    return ChaCha20Poly1305(payload_key(file_key, nonce))


def read_full(source: ByteSource, size: int) -> bytes:
    """``size`` bytes, or all there is before the end; a source may answer in small pieces."""
    data = source.read(size)
    if len(data) == size or not data:
        return data
    pieces = [data]
    missing = size - len(data)
    while missing and (data := source.read(missing)):
        pieces.append(data)
        missing -= len(data)
    return b"".join(pieces)


def _bad_chunk(index: int, why: str) -> EvidenceError:
    return EvidenceError(
        f"chunk {index} of the sealed payload does not authenticate: {why}",
        code="E-AGE-PAYLOAD",
    )
