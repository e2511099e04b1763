"""What a look at stored bytes can find: a code, what it says, and the command that mends it.

docs/fixity.md is the table for people. A thing that could not be looked at is no damage, and no
match either.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

DAMAGED, UNCHECKED = "damaged", "unchecked"

OBJECT_MISSING = "E-OBJECT-MISSING"
OBJECT_CHANGED = "E-OBJECT-CHANGED"
OBJECT_HIDDEN = "E-OBJECT-HIDDEN"
OBJECT_OVERLAID = "E-OBJECT-OVERLAID"
LOCK_WEAKER = "E-LOCK-WEAKER"
HOLD_OFF = "E-HOLD-OFF"
VERSION_UNKNOWN = "E-VERSION-UNKNOWN"
HEADER_MISSING = "E-HEADER-MISSING"
HEADER_CHANGED = "E-HEADER-CHANGED"
HEADER_SWAPPED = "E-HEADER-SWAPPED"
RECORD_CHANGED = "E-RECORD-CHANGED"
ENTRY_UNREADABLE = "E-ENTRY"
COMMIT_MISSING = "E-COMMIT-MISSING"
COMMIT_CHANGED = "E-COMMIT-CHANGED"
BUNDLE_MISSING = "E-BUNDLE-MISSING"
BUNDLE_CHANGED = "E-BUNDLE-CHANGED"
PACK_MISSING = "E-PACK-MISSING"
PACK_CHANGED = "E-PACK-CHANGED"
TILE_MISSING = "E-TILE-MISSING"
TILE_CHANGED = "E-TILE-CHANGED"
CHECKPOINT_MISSING = "E-CHECKPOINT-MISSING"
CHECKPOINT_CHANGED = "E-CHECKPOINT-CHANGED"
EVIDENCE_MISSING = "E-EVIDENCE-MISSING"
EVIDENCE_CHANGED = "E-EVIDENCE-CHANGED"
HELD_MISSING = "E-HELD-COPY-MISSING"
HELD_CHANGED = "E-HELD-COPY-CHANGED"
UNREADABLE = "E-COULD-NOT-CHECK"

_FROM = "evidence-vault fixity {what} --repair-from REPLICA"
_HERE = "evidence-vault fixity {what} --repair"
_AGAIN = "evidence-vault fixity {what}"
_MENDS = {
    OBJECT_HIDDEN: _HERE,
    OBJECT_OVERLAID: _HERE,
    LOCK_WEAKER: _HERE,
    HOLD_OFF: _HERE,
    TILE_MISSING: _HERE,
    TILE_CHANGED: _HERE,
    CHECKPOINT_MISSING: _HERE,
    CHECKPOINT_CHANGED: _HERE,
    HELD_MISSING: "evidence-vault hold place ITEM",
    HELD_CHANGED: "evidence-vault hold place ITEM",
    VERSION_UNKNOWN: "evidence-vault rebuild",
    UNREADABLE: _AGAIN,
}
_UNCHECKED = (UNREADABLE, VERSION_UNKNOWN)


@dataclass(frozen=True, slots=True)
class Damage:
    """One finding.

    ``item``: identifier, or the place in the log for what belongs to no item. ``object``: digest
    of a payload object, id of a unit, or key of a stored object. ``finding``: the sentence. ``log``
    and ``index``: number of the log, and the entry that names it (-1: none).
    """

    code: str
    item: str
    object: str
    finding: str
    log: int = 0
    index: int = -1

    @property
    def severity(self) -> str:
        return UNCHECKED if self.code in _UNCHECKED else DAMAGED

    def to_json(self) -> dict[str, Any]:
        of_item = self.index >= 0 and not self.item.startswith("entr")
        command = _MENDS.get(self.code, _FROM).format(what=self.item if of_item else "--all")
        return {
            "code": self.code,
            "command": command,
            "finding": self.finding,
            "id": self.item,
            "object": self.object,
            "severity": self.severity,
        }

    def to_log(self) -> dict[str, str]:
        """As it stands in an event."""
        return {
            "code": self.code,
            "finding": self.finding,
            "id": self.item,
            "object": self.object,
        }
