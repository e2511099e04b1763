"""The newest event of each item, for an audit of a whole log with flat memory."""

from __future__ import annotations

from evidence_vault.core.merkle import HASH_SIZE


class Heads:
    """(item_seq, leaf hash) of the newest event of each item: 40 bytes where numbers run on.

    The heads of a hundred items whose identifiers differ in the last two digits lie together.
    """

    _WIDTH = 8 + HASH_SIZE  # u64 item_seq + 1 (0: none) || leaf hash
    _ITEMS = 100

    def __init__(self) -> None:
        self._pages: dict[str, bytearray] = {}

    def get(self, item: str) -> tuple[int, bytes] | None:
        page = self._pages.get(item[:-2])
        if page is None:
            return None
        start = int(item[-2:]) * self._WIDTH
        seq = int.from_bytes(page[start : start + 8], "big")
        return (seq - 1, bytes(page[start + 8 : start + self._WIDTH])) if seq else None

    def put(self, item: str, seq: int, leaf: bytes) -> None:
        page = self._pages.get(item[:-2])
        if page is None:
            page = self._pages[item[:-2]] = bytearray(self._ITEMS * self._WIDTH)
        start = int(item[-2:]) * self._WIDTH
        page[start : start + self._WIDTH] = (seq + 1).to_bytes(8, "big") + leaf
