"""Mending on an archive with locks: what lies over a recorded version, and locks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from evidence_vault.core.placement import COMPLIANCE, Placed
from evidence_vault.errors import EvidenceError, StoreError
from evidence_vault.ports import LockingStore
from evidence_vault.prove import damage as codes
from evidence_vault.prove.damage import Damage
from evidence_vault.store.naming import object_key
from evidence_vault.vault.faults import step

_BLOCK = 1 << 20


def put_again(archive: Any, parts: Sequence[tuple[str, str]]) -> list[Placed]:
    """Store parts over whatever lies under their names; what was there stays as a version."""
    placed: list[Placed] = archive.adopt(parts)
    step("repair-adopted")
    return placed


def mend_lock(archive: Any, damage: Damage, known: Placed) -> Placed | None:
    """Mend one finding about a version that is there. Returns what the store answered."""
    key = object_key(damage.object)
    store = cast(LockingStore, archive)
    assert known.version is not None
    if damage.code == codes.HOLD_OFF:
        store.hold(key, known.version, True)
        return None
    if damage.code == codes.LOCK_WEAKER:
        return _extend(store, key, known)
    if damage.code == codes.OBJECT_HIDDEN:
        archive.unhide(key)
        return None
    return _lay_over(archive, key, known)


def _extend(store: LockingStore, key: str, known: Placed) -> Placed | None:
    """Lock it again until the recorded date, in the recorded mode or the stronger one it has."""
    assert known.version is not None and known.mode is not None and known.until is not None
    now = store.lock_of(key, known.version)
    mode = COMPLIANCE if COMPLIANCE in (now.mode, known.mode) else known.mode
    store.extend(key, known.version, mode, max(known.until, now.until or ""))
    return None


def _lay_over(archive: Any, key: str, known: Placed) -> Placed:
    """The recorded version's bytes on top again, as a version of their own."""
    parts = archive.stage()
    try:
        with archive.open_version(key, known.version) as stream:
            while block := stream.read(_BLOCK):
                parts.write(block)
        if parts.close() != (known.digest,):
            raise EvidenceError("the recorded version is damaged, too")
    except BaseException:
        parts.discard()
        raise
    placed: list[Placed] = archive.adopt(parts.handle())
    if not placed:
        raise StoreError("the store did not say what it stored")
    return placed[0]
