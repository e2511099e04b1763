"""Objects that no entry names: a crash before the commit leaves them, and so does a stranger.

For people to know of, never needed for a verdict; found by a listing, and told by number.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, runtime_checkable

from evidence_vault.core.canonical import is_hex
from evidence_vault.errors import StoreError
from evidence_vault.vault.countersigning import posix
from evidence_vault.vault.opening import Vault

_BYTES = 32
_DAY = 24 * 3600
_HELD = 1 << 20  # bytes of digests kept in memory before they go to the disk


@runtime_checkable
class Detailed(Protocol):
    """A listing with sizes (bytes) and the times of last change (POSIX seconds)."""

    def details(self, prefix: str) -> Iterator[tuple[str, int, int]]: ...


class Named:
    """Digests that entries name, in 256 files by their first byte: flat memory at any size."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._folder: Path | None = None
        self._held: dict[int, bytearray] = {}
        self._size = 0

    def add(self, digests: bytes) -> None:
        """``digests``: 32 bytes each, joined."""
        for start in range(0, len(digests), _BYTES):
            self._held.setdefault(digests[start], bytearray()).extend(
                digests[start : start + _BYTES]
            )
        self._size += len(digests)
        if self._size > _HELD:
            self._spill()

    def others(self, notices: list[str]) -> dict[str, int] | None:
        """Count and bytes of objects that nobody named, and how many are older than a day."""
        archive = self._vault.archive
        if not isinstance(archive, Detailed):
            return None
        found = {"bytes": 0, "count": 0, "older_than_a_day": 0}
        now = posix(self._vault.clock.now())
        try:
            first, known = -1, set[str]()
            for key, size, changed in archive.details("objects"):
                name = key.rpartition("/")[2]
                if name in known:
                    continue
                if not is_hex(name, 2 * _BYTES):
                    continue
                if int(name[:2], 16) != first:  # they come folder by folder
                    first = int(name[:2], 16)
                    known = self._of(first)
                if name not in known:
                    found["count"] += 1
                    found["bytes"] += size
                    found["older_than_a_day"] += now - changed > _DAY
        except (StoreError, OSError) as error:
            notices.append(f"objects that no entry names were not looked for: {error}")
            return None
        return found

    def close(self) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _spill(self) -> None:
        try:
            if self._folder is None:
                self._folder = Path(tempfile.mkdtemp(prefix="fixity-", dir=self._vault.folder))
            for first, data in self._held.items():
                with (self._folder / f"{first:02x}").open("ab") as stream:
                    stream.write(data)
        except OSError:
            self._size = -(1 << 62)  # a full or read-only disk: memory has to do
            return
        self._held, self._size = {}, 0

    def _of(self, first: int) -> set[str]:
        data = bytes(self._held.get(first, b""))
        if self._folder is not None and (path := self._folder / f"{first:02x}").exists():
            data += path.read_bytes()
        return {data[i : i + _BYTES].hex() for i in range(0, len(data), _BYTES)}
