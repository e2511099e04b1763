"""Mending on an archive with locks: what lies over a recorded version, and locks."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from evidence_vault.core.placement import COMPLIANCE, Lock, Placed
from evidence_vault.errors import EvidenceError, NotFound, StoreError
from evidence_vault.ports import LockingStore
from evidence_vault.prove import damage as codes
from evidence_vault.prove.damage import Damage
from evidence_vault.prove.payloads import lock_keeps
from evidence_vault.store.naming import object_key
from evidence_vault.store.opening import as_locking
from evidence_vault.vault.faults import step
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.slicing import held_objects

_BLOCK = 1 << 20


def as_kept(vault: Vault, damage: Damage, placed: Sequence[Placed]) -> list[Placed]:
    """Lock what was stored again as long as what it stands for, and hold it where that is held.

    A bucket gives a new version its default lock, which may end long before. Raises StoreError or
    Locked where the store does not do it: then nothing is recorded.
    """
    return [_as_kept(vault, damage, each) for each in placed]


def _as_kept(vault: Vault, damage: Damage, placed: Placed) -> Placed:
    if placed.version is None:
        return placed
    store, key = as_locking(vault.archive), object_key(placed.digest)
    known = vault.catalogue.placed([placed.digest]).get(placed.digest)
    locks = [Lock(placed.mode, placed.until)]
    if known is not None:
        wanted = wanted_lock(vault, damage, known)
        locks.append(Lock(wanted.mode, wanted.until))
        if known.version is not None:
            with suppress(NotFound):
                locks.append(store.lock_of(key, known.version))
    held = placed.digest in held_objects(vault) or any(lock.hold for lock in locks)
    until = max((lock.until for lock in locks if lock.until is not None), default=None)
    modes = {lock.mode for lock in locks if lock.mode is not None}
    now = Lock(placed.mode, placed.until)
    if until is not None and modes:
        mode = COMPLIANCE if COMPLIANCE in modes else modes.pop()
        now = store.extend(key, placed.version, mode, until)
        if not lock_keeps(replace(placed, mode=mode, until=until), now):
            raise StoreError(f"the store does not lock {key} until {until}")
    if held:
        store.hold(key, placed.version, True)
    step("repair-locked")
    return replace(placed, mode=now.mode, until=now.until)


def wanted_lock(vault: Vault, damage: Damage, known: Placed) -> Placed:
    """What was recorded of an object, with the lock that was decided for its item since."""
    return with_retention(known, vault.catalogue.retentions([damage.item]).get(damage.item), damage)


def with_retention(known: Placed, row: Any, damage: Damage) -> Placed:
    """``row``: the newest decision about the item (tables.LogRetention). What came to it later than
    that was not locked by it."""
    if row is None or (damage.log, damage.index) > (row.log, row.idx):
        return known
    mode = COMPLIANCE if COMPLIANCE in (known.mode, row.mode) else row.mode
    return replace(known, mode=mode, until=max(known.until or "", row.until))


def put_again(archive: Any, parts: Sequence[tuple[str, str]]) -> list[Placed]:
    """Store parts over whatever lies under their names; what was there stays as a version."""
    placed: list[Placed] = archive.adopt(parts)
    step("repair-adopted")
    return placed


def mend_lock(archive: Any, damage: Damage, known: Placed) -> Placed | None:
    """Mend one finding about a version that is there. Returns what the store answered."""
    key = object_key(damage.object)
    store = as_locking(archive)
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
    with archive.stage() as parts:
        with archive.open_version(key, known.version) as stream:
            while block := stream.read(_BLOCK):
                parts.write(block)
        if parts.close() != (known.digest,):
            raise EvidenceError("the recorded version is damaged, too")
    placed: list[Placed] = archive.adopt(parts.handle())
    if not placed:
        raise StoreError("the store did not say what it stored")
    return placed[0]
