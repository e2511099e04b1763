"""Anchors: values from outside that go into the log, so that what follows is shown to be later.

Before the first event of a batch the writer commits one ``anchored`` event with everything new:
time stamps on our own checkpoints, countersigned checkpoints of others, beacon values handed in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from evidence_vault.core.anchors import ANCHORED, parse_anchors, peer_anchor, token_anchor
from evidence_vault.core.event import Event, parse_entry
from evidence_vault.errors import NotFound
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.records import committed_at

_MOST_TOKENS = 8
_MOST_PEERS = 16


def pending_anchors(vault: Vault) -> list[dict[str, Any]]:
    """What the next ``anchored`` event should name; empty when nothing is new."""
    catalogue, origin = vault.catalogue, vault.keyring.origin
    anchors = [
        token_anchor(origin, row.size, row.sha256)
        for row in catalogue.unanchored_tokens(_MOST_TOKENS)
    ]
    fresh = [row for row in catalogue.peers() if not row.anchored]
    anchors += [
        peer_anchor(row.origin, row.size, row.root, row.sha256) for row in fresh[:_MOST_PEERS]
    ]
    return anchors


def pending_digests(anchors: Iterable[Mapping[str, Any]]) -> list[str]:
    """Digests of the proofs that these anchors name."""
    return [str(a["sha256"]) for a in anchors if a["kind"] != "beacon"]


def peer_head(vault: Vault) -> Mapping[str, Any] | None:
    """The newest checkpoint of another log that this vault has seen, as a head of ``seen``."""
    rows = vault.catalogue.peers()
    return (
        None if not rows else {"origin": rows[0].origin, "root": rows[0].root, "size": rows[0].size}
    )


def own_head(event: Event, origin: str) -> int:
    """Size of the log of that origin which the signer of an event had seen, 0 for none."""
    return next((int(s["size"]) for s in event.seen if s["origin"] == origin), 0)


def foreign_key(origin: str, size: int, note_sha256: str) -> str:
    """Where another log's checkpoint is stored below ``archive/``."""
    return f"foreign/{hashlib.sha256(origin.encode()).hexdigest()}/{size}/{note_sha256[:16]}"


@dataclass(frozen=True)
class Anchored:
    """An ``anchored`` entry, and the checkpoints of other logs that it names."""

    index: int
    entry: bytes
    anchors: tuple[Mapping[str, Any], ...]
    peers: tuple[bytes, ...] = field(default=())

    def __hash__(self) -> int:
        return self.index

    @property
    def token_sizes(self) -> tuple[int, ...]:
        """Sizes of this log whose time stamps it names."""
        return tuple(int(a["size"]) for a in self.anchors if a["kind"] == "token")


class AnchorReader:
    """Finds the newest ``anchored`` entry below a position; each is read once."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._indexes = vault.catalogue.indexes_of((ANCHORED,))
        self._read: dict[int, Anchored] = {}

    def below(self, size: int) -> Anchored | None:
        """The last one with an index less than ``size``, or None."""
        index = next((i for i in reversed(self._indexes) if i < size), None)
        if index is None:
            return None
        if index not in self._read:
            entry = committed_at(self._vault, index).entry
            anchors = parse_anchors(parse_entry(entry).event.clear)
            notes = tuple(n for a in anchors if (n := self._peer_note(a)) is not None)
            self._read[index] = Anchored(index, entry, anchors, notes)
        return self._read[index]

    def _peer_note(self, anchor: Mapping[str, Any]) -> bytes | None:
        if anchor["kind"] != "peer":
            return None
        key = foreign_key(anchor["origin"], anchor["size"], anchor["sha256"])
        try:
            return self._vault.log.read(self._vault.archive, key)
        except NotFound:
            return None
