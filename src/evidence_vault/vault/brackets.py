"""Time brackets of a live vault: not before, not after, and the gap between them.

Computed from proofs that were checked when they came in; a receipt carries the proofs themselves,
and a verifier computes the same from those.
"""

from __future__ import annotations

from typing import Any

from evidence_vault.core.event import Event
from evidence_vault.log.proofs import TIMESTAMP
from evidence_vault.vault.anchoring import AnchorReader, own_head
from evidence_vault.vault.opening import Vault
from evidence_vault.verify.moments import span, utc


class Brackets:
    """Brackets of events of the current log; what several events share is read once."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._anchors = AnchorReader(vault)

    def of(self, event: Event, index: int) -> dict[str, Any]:
        """``not_before`` and ``not_after`` as {basis, by, time} or None, and ``gap_seconds``."""
        before, after = self._not_before(event), self._not_after(index)
        gap = None if before is None or after is None else after[0] - before[0]
        return {
            "gap_seconds": gap,
            "not_after": _edge(after),
            "not_before": _edge(before),
        }

    def lines(self, event: Event, index: int) -> tuple[str, ...]:
        """The bracket as lines for a reader; empty when nothing is proved."""
        found = self.of(event, index)
        before, after = found["not_before"], found["not_after"]
        lines = []
        if before is not None:
            lines.append(
                f"not before {before['time']} (its signer had seen a time stamp of {before['by']})"
            )
        if after is not None:
            lines.append(f"not after {after['time']} (time stamp of {after['by']})")
        if found["gap_seconds"] is not None:
            lines.append(f"these are {span(found['gap_seconds'])} apart")
        return tuple(lines)

    def _not_after(self, index: int) -> tuple[int, str, str] | None:
        catalogue = self._vault.catalogue
        for size in catalogue.proven_sizes(TIMESTAMP, index, 1):
            row = catalogue.proofs(TIMESTAMP, size)[0]
            return row.at, "token", row.name
        return None

    def _not_before(self, event: Event) -> tuple[int, str, str] | None:
        anchored = self._anchors.below(own_head(event, self._vault.entry_zero().origin))
        if anchored is None:
            return None
        catalogue = self._vault.catalogue
        found = [
            (row.at, "token", row.name)
            for anchor in anchored.anchors
            if anchor["kind"] == "token"
            for row in catalogue.proofs(TIMESTAMP, anchor["size"])
            if row.sha256 == anchor["sha256"]
        ]
        return max(found, default=None)


def _edge(edge: tuple[int, str, str] | None) -> dict[str, str] | None:
    if edge is None:
        return None
    return {"basis": edge[1], "by": edge[2], "time": utc(edge[0])}
