"""Reading and writing the file of a hand-over. What is read is hostile until it is checked.

Nothing is unpacked: members are looked up by name and read from where they lie, each bounded by
its kind and by the length of the file.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO, BinaryIO

from evidence_vault.core.handover import (
    BLOCK,
    CHECKPOINT,
    END,
    MANIFEST,
    Rank,
    bundle_name,
    format_header,
    padding,
    parse_header,
    parse_manifest,
    wrong,
)
from evidence_vault.core.tiles import TILE_WIDTH, parse_entry_bundle
from evidence_vault.errors import NotFound, StoreError, UsageError

_CHUNK = 1024 * 1024


class OfferWriter:
    """Writes members in the one order; the caller keeps to it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.bytes = 0

    def add(self, name: str, data: bytes) -> None:
        self._put(format_header(name, len(data)))
        self._put(data)
        self._put(bytes(padding(len(data))))

    def add_stream(self, name: str, source: BinaryIO, size: int) -> None:
        """Raises StoreError when the source does not give ``size`` bytes."""
        self._put(format_header(name, size))
        left = size
        while left:
            block = source.read(min(_CHUNK, left))
            if not block:
                raise StoreError(f"{name} ended before its {size} bytes", code="E-OBJECT-CHANGED")
            self._put(block)
            left -= len(block)
        self._put(bytes(padding(size)))

    def end(self) -> None:
        self._put(END)

    def _put(self, data: bytes) -> None:
        self._stream.write(data)
        self.bytes += len(data)


class OfferFile:
    """An open file of a hand-over: its members by name.

    Raises FormatError (E-TRANSFER-FORMAT) for anything that is not one, UsageError for a file that
    can't be read.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._stream: BinaryIO = open(path, "rb")  # noqa: SIM115 - closed by __exit__
        except OSError as error:
            raise UsageError(f"{path} can't be read: {error.strerror}") from error
        self._places: dict[str, tuple[int, int]] = {}
        self._bundle: tuple[str, list[bytes]] | None = None
        try:
            self._scan()
            self.told = parse_manifest(self.read(MANIFEST))
            self.note = self.read(CHECKPOINT)
        except BaseException:  # Ctrl-C, too: nobody else closes it
            self._stream.close()
            raise

    def _scan(self) -> None:
        """Every header, from the first byte to the last: no gap, no overlap, nothing behind."""
        end = os.fstat(self._stream.fileno()).st_size
        place, before = 0, None
        while True:
            self._stream.seek(place)
            found = parse_header(self._stream.read(BLOCK))
            if found is None:
                break
            name, size, stands = found
            if before is not None and not _follows(before, stands):
                raise wrong(f"the member {name} stands in the wrong place")
            place += BLOCK
            self._places[name] = (place, size)
            place += size
            if place + padding(size) > end:
                raise wrong("it is cut")
            self._stream.seek(place)
            if self._stream.read(padding(size)).strip(b"\0"):
                raise wrong("there are bytes between members")
            place += padding(size)
            before = stands
        self._stream.seek(place)
        if self._stream.read(len(END) + 1) != END:
            raise wrong("it is cut, or something follows its end")
        if MANIFEST not in self._places or CHECKPOINT not in self._places:
            raise wrong("it lacks its beginning")

    # -- members -------------------------------------------------------------------------------

    def records(self) -> list[int]:
        """Entries whose record is here, ascending."""
        return [int(name[8:]) for name in self._places if name.startswith("records/")]

    def __contains__(self, name: str) -> bool:
        return name in self._places

    def size(self, name: str) -> int:
        """Bytes of a member; raises NotFound."""
        return self._place(name)[1]

    def read(self, name: str) -> bytes:
        """A small member whole; raises NotFound."""
        place, size = self._place(name)
        self._stream.seek(place)
        return self._stream.read(size)

    def copy(self, name: str, write: Callable[[bytes], object]) -> None:
        """Give a large member to ``write``, some at a time; raises NotFound."""
        place, left = self._place(name)
        self._stream.seek(place)
        while left and (block := self._stream.read(min(_CHUNK, left))):
            write(block)
            left -= len(block)

    def entry(self, index: int, size: int) -> bytes:
        """Entry ``index`` of the log of ``size`` entries; raises FormatError."""
        return self.bundle(index // TILE_WIDTH, size)[index % TILE_WIDTH]

    def bundle(self, number: int, size: int) -> list[bytes]:
        """The entries ``number`` * 256 and on, up to 256, of a log of ``size`` entries."""
        width = min(TILE_WIDTH, size - number * TILE_WIDTH)
        name = bundle_name(number, width)
        if name not in self._places:
            raise wrong(f"it lacks the entries from {number * TILE_WIDTH} on")
        if self._bundle is None or self._bundle[0] != name:
            self._bundle = (name, parse_entry_bundle(self.read(name), width))
        return self._bundle[1]

    def _place(self, name: str) -> tuple[int, int]:
        try:
            return self._places[name]
        except KeyError:
            raise NotFound(f"the file of the hand-over does not hold {name}") from None

    def __enter__(self) -> OfferFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stream.close()


def _follows(before: Rank, after: Rank) -> bool:
    """Members ascend; of entry bundles there is one for each 256 entries."""
    return before < after and (before[0] != 2 or before[:2] != after[:2])
