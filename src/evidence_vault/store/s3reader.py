"""A seekable reader of one object on S3: ranges, read ahead, never two objects in one reading."""

from __future__ import annotations

import io
from typing import Any, BinaryIO, cast

from evidence_vault.errors import StoreError
from evidence_vault.store.s3client import Answer, S3Client, etag_in, read_body
from evidence_vault.store.s3errors import code_of, status_of

FIRST_BYTES = 2**20
AHEAD_BYTES = 8 * 2**20


def open_object(client: S3Client, key: str, version: str | None = None) -> BinaryIO:
    """The object, or one version of it. Raises NotFound, StoreError; later reads StoreError too.

    Small ones (up to 1 MiB) are read whole with one request. What a reader shows is one version: if
    the object is replaced meanwhile, reading on raises StoreError (E-S3-CHANGED).
    """
    try:
        data, answer = fetch(client, key, 0, FIRST_BYTES, _which(version))
    except StoreError as error:
        if error.__cause__ is not None and code_of(error.__cause__) == "InvalidRange":
            return io.BytesIO(client.read(key, version)[0])  # an empty object has no ranges
        raise
    return reader_of(client, key, data, answer)


def reader_of(client: S3Client, key: str, first: bytes, answer: Answer) -> BinaryIO:
    """A reader of the version whose beginning, up to FIRST_BYTES, was fetched with ``answer``."""
    if len(first) >= _whole_size(answer):
        return io.BytesIO(first)
    return cast(BinaryIO, io.BufferedReader(_Ranges(client, key, first, answer), AHEAD_BYTES))


class _Ranges(io.RawIOBase):
    """Windows of one object, the newest kept. Not for several threads at once."""

    def __init__(self, client: S3Client, key: str, first: bytes, answer: Answer) -> None:
        self._client = client
        self._key = key
        self._size = _whole_size(answer)
        version = answer.get("VersionId")
        # A version never changes. Without versions the ETag says whether it is still the same.
        self._same = _which(version) if version else {"IfMatch": f'"{etag_in(answer)}"'}
        self._window = memoryview(first)
        self._start = 0
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError("a position before the beginning")
        self._at = base + offset
        return self._at

    def readinto(self, target: Any) -> int:
        room = memoryview(target).cast("B")
        if self._at >= self._size or not len(room):
            return 0
        if not self._start <= self._at < self._start + len(self._window):
            self._move()
        begin = self._at - self._start
        piece = self._window[begin : begin + len(room)]
        room[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)

    def _move(self) -> None:
        wanted = min(AHEAD_BYTES, self._size - self._at)
        try:
            data, answer = fetch(self._client, self._key, self._at, wanted, self._same)
        except StoreError as error:
            if error.__cause__ is not None and status_of(error.__cause__) in (412, 416):
                raise _changed(self._key) from error
            raise
        if len(data) != wanted or _whole_size(answer) != self._size:
            raise _changed(self._key)
        self._window, self._start = memoryview(data), self._at


def fetch(
    client: S3Client, key: str, start: int, length: int, which: dict[str, str]
) -> tuple[bytes, Answer]:
    """``length`` bytes from ``start``, fewer at the end. ``which``: a version, or a condition."""

    def part() -> tuple[bytes, Answer]:
        where = f"bytes={start}-{start + length - 1}"
        answer = client.once("get_object", Key=client.key(key), Range=where, **which)
        return read_body(answer), answer

    return client.patiently(part, key)


def _which(version: str | None) -> dict[str, str]:
    return {"VersionId": version} if version else {}


def _whole_size(answer: Answer) -> int:
    """``Content-Range: bytes 0-99/1234``; a store that ignored the range sent everything."""
    found = str(answer.get("ContentRange", "")).rpartition("/")[2]
    return int(found) if found.isdecimal() else int(answer["ContentLength"])


def _changed(key: str) -> StoreError:
    return StoreError(
        f"store: {key} was replaced while it was read",
        code="E-S3-CHANGED",
        hint="run the same command again",
    )
