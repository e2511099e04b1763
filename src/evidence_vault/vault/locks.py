"""Locks of stored objects in an archive that has them; several requests at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from evidence_vault.core.placement import Lock, Placed, StoredVersion
from evidence_vault.errors import NotFound, StoreError, VaultError
from evidence_vault.ports import LockingStore
from evidence_vault.store.naming import object_key
from evidence_vault.store.opening import as_locking
from evidence_vault.vault.opening import Vault

_THREADS = 8
_FORM = "%Y-%m-%dT%H:%M:%SZ"
A = TypeVar("A")
B = TypeVar("B")


def locking(vault: Vault) -> LockingStore:
    """The archive as one that locks; only where ``vault.archive.locks``."""
    return as_locking(vault.archive)


def versions_of(vault: Vault, key: str) -> list[StoredVersion]:
    """Every version of an object that holds bytes: a repair may have laid one over another."""
    return [version for version in locking(vault).versions(key) if not version.deleted]


def each_or_error(act: Callable[[A], B], given: Sequence[A]) -> list[B | VaultError]:
    """``act`` on each, several at once, in order; an expected failure stands in its place."""

    def tried(one: A) -> B | VaultError:
        try:
            return act(one)
        except VaultError as error:
            return error

    if len(given) < 2:
        return [tried(one) for one in given]
    with ThreadPoolExecutor(_THREADS) as pool:
        return list(pool.map(tried, given))


def hold_object(vault: Vault, placed: Placed, on: bool) -> Placed:
    """Legal hold of an object on or off, as the store tells it afterwards.

    Raises StoreError (E-HOLD-NOT-KEPT) where the store answered well and did something else.
    """
    assert placed.version is not None
    lock = locking(vault).hold(object_key(placed.digest), placed.version, on)
    if lock.hold != on:
        raise StoreError(
            f"the store took the legal hold of {placed.digest} and shows another",
            code="E-HOLD-NOT-KEPT",
            hint="ask whoever runs the object store",
        )
    return as_it_stands(placed, lock)


def lock_of(vault: Vault, placed: Placed) -> Lock:
    """The lock of an object's recorded version as the store tells it now."""
    assert placed.version is not None
    return locking(vault).lock_of(object_key(placed.digest), placed.version)


def as_it_stands(placed: Placed, lock: Lock) -> Placed:
    return replace(placed, mode=lock.mode, until=lock.until)


def recorded(vault: Vault, digests: Iterable[str]) -> dict[str, Placed]:
    """What was recorded of these objects. Raises NotFound (E-NOT-RECORDED) for one without a
    version: what can't be named can't be locked."""
    wanted = list(digests)
    found = vault.catalogue.placed(wanted)
    for digest in wanted:
        if digest not in found or found[digest].version is None:
            raise NotFound(f"no version of the object {digest} is recorded", code="E-NOT-RECORDED")
    return found


def later(now: str, **more: int) -> str:
    """A time after ``now``; ``more``: as of ``timedelta``."""
    return (moment(now) + timedelta(**more)).strftime(_FORM)


def moment(at: str) -> datetime:
    """The inverse of how times are written here."""
    return datetime.strptime(at, _FORM).replace(tzinfo=UTC)
