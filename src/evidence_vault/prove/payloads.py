"""Payload objects hashed again; where versions are kept, the recorded one, and its lock."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import BinaryIO, NamedTuple, Protocol, cast

from evidence_vault.core.placement import COMPLIANCE, Lock, Placed
from evidence_vault.errors import NotFound, StoreError
from evidence_vault.ports import ObjectStore
from evidence_vault.prove import damage as codes

_BLOCK = 1024 * 1024


class VersionedStore(ObjectStore, Protocol):
    """What an archive with locks can do besides (ports.LockingStore, ports.NewestStore)."""

    def newest(self, key: str) -> tuple[str, Lock, int]:
        """Version, lock and size of the newest version. Raises NotFound under a delete marker."""

    def open_newest(self, key: str) -> tuple[BinaryIO, str, Lock]:
        """A reader of the newest version, with one request for small ones; its version, lock."""

    def open_version(self, key: str, version: str) -> BinaryIO: ...

    def lock_of(self, key: str, version: str) -> Lock: ...


class ObjectCheck(NamedTuple):
    """An object to look at: item, digest (hex), key, and the entry that names it.

    ``placed``: what the store answered when it was stored; None where it keeps no versions or
    none is recorded. ``held``: whether a logged hold is on it.
    """

    item: str
    digest: str
    key: str
    entry: int = -1
    placed: Placed | None = None
    held: bool = False


class Problem(NamedTuple):
    """Code and sentence."""

    code: str
    finding: str


class ObjectFound(NamedTuple):
    """``size`` in bytes, of what was read; ``problems`` is empty when all is as recorded."""

    size: int
    problems: tuple[Problem, ...] = ()

    @property
    def finding(self) -> str:
        """What is wrong first of all, as a sentence; empty when nothing is."""
        return self.problems[0].finding if self.problems else ""


def check_object(
    store: ObjectStore, target: ObjectCheck, buffer: bytearray | None = None
) -> ObjectFound:
    """Hash an object again. What can't be read is a finding of its own, never a match.

    ``buffer`` is overwritten; a loop over many objects brings one along.
    """
    try:
        with store.open(target.key) as stream:
            return _compare(stream, target.digest, buffer)
    except NotFound:
        return ObjectFound(0, (Problem(codes.OBJECT_MISSING, "object missing"),))
    except (StoreError, OSError) as error:
        return ObjectFound(0, (unreadable(error),))


def check_version(
    store: ObjectStore, target: ObjectCheck, buffer: bytearray | None = None, read: bool = True
) -> ObjectFound:
    """The recorded version: its bytes (unless ``read`` is False), its lock, what lies over it.

    One request for a small object that nobody touched.
    """
    try:
        return _check_version(cast(VersionedStore, store), target, buffer, read)
    except (StoreError, OSError) as error:
        return ObjectFound(0, (unreadable(error),))


def _check_version(
    store: VersionedStore, target: ObjectCheck, buffer: bytearray | None, read: bool
) -> ObjectFound:
    placed = target.placed
    if placed is None or placed.version is None:
        return _unknown_version(store, target, buffer, read)
    stream: BinaryIO | None = None
    over: list[Problem] = []
    lock: Lock | None = None
    try:
        if read:
            stream, version, lock = store.open_newest(target.key)
        else:
            version, lock, _ = store.newest(target.key)
    except NotFound:
        over.append(Problem(codes.OBJECT_HIDDEN, "hidden by a delete marker"))
        version = ""
    if version != placed.version:
        if stream is not None:
            stream.close()
            stream = None
        if not over:
            over.append(Problem(codes.OBJECT_OVERLAID, "another version was laid over it"))
        try:
            lock = store.lock_of(target.key, placed.version)
            stream = store.open_version(target.key, placed.version) if read else None
        except NotFound:
            said = "object missing: the recorded version is gone"
            return ObjectFound(0, (Problem(codes.OBJECT_MISSING, said),))
    found = ObjectFound(0)
    if stream is not None:
        with stream:
            found = _compare(stream, target.digest, buffer)
    intact = "; the recorded version is intact" if read and not found.problems else ""
    over = [Problem(each.code, each.finding + intact) for each in over]
    assert lock is not None
    return ObjectFound(found.size, (*found.problems, *over, *_check_lock(target, placed, lock)))


def _unknown_version(
    store: VersionedStore, target: ObjectCheck, buffer: bytearray | None, read: bool
) -> ObjectFound:
    """No version is recorded: the newest is read, and nothing is claimed about its lock."""
    try:
        if read:
            stream, _, _ = store.open_newest(target.key)
            with stream:
                found = _compare(stream, target.digest, buffer)
        else:
            store.newest(target.key)
            found = ObjectFound(0)
    except NotFound:
        return ObjectFound(0, (Problem(codes.OBJECT_MISSING, "object missing"),))
    said = "could not be checked: which version was stored, and how it was locked, is not recorded"
    return ObjectFound(found.size, (*found.problems, Problem(codes.VERSION_UNKNOWN, said)))


def _check_lock(target: ObjectCheck, placed: Placed, lock: Lock) -> list[Problem]:
    problems = []
    if not lock_keeps(placed, lock):
        said = f"lock weaker than recorded: recorded {_lock(placed.mode, placed.until)}, "
        problems.append(Problem(codes.LOCK_WEAKER, said + f"found {_lock(lock.mode, lock.until)}"))
    if target.held and not lock.hold:
        problems.append(Problem(codes.HOLD_OFF, "a logged hold is not on it: legal hold is off"))
    return problems


def lock_keeps(placed: Placed, lock: Lock) -> bool:
    """Whether a lock is at least as strong and as long as the one that was recorded."""
    if placed.mode is None:
        return True
    if lock.mode is None or (placed.mode == COMPLIANCE and lock.mode != COMPLIANCE):
        return False
    return placed.until is None or (lock.until is not None and lock.until >= placed.until)


def _lock(mode: str | None, until: str | None) -> str:
    return f"{mode} until {until}" if mode else "no lock"


def _compare(stream: BinaryIO, expected: str, buffer: bytearray | None) -> ObjectFound:
    room = memoryview(bytearray(_BLOCK) if buffer is None else buffer)
    digest, size = hashlib.sha256(), 0
    # Every binary stream has it; BinaryIO does not say so.
    while count := stream.readinto(room):  # type: ignore[attr-defined]
        digest.update(room[:count])
        size += count
    if digest.hexdigest() == expected:
        return ObjectFound(size)
    said = f"bytes changed: found {digest.hexdigest()}"
    return ObjectFound(size, (Problem(codes.OBJECT_CHANGED, said),))


def unreadable(error: StoreError | OSError) -> Problem:
    """What could not be looked at, and why; neither a match nor damage."""
    return Problem(codes.UNREADABLE, f"could not be checked: {error}")


class Checker:
    """One way to look at objects of one store; with one buffer where one goes at a time."""

    def __init__(self, store: ObjectStore, versions: bool, read: bool, shared: bool) -> None:
        self._store = store
        self._buffer = bytearray(_BLOCK) if shared else None
        self._read = read
        self._check: Callable[[ObjectCheck], ObjectFound] = (
            self._version if versions else self._plain
        )

    def __call__(self, target: ObjectCheck) -> ObjectFound:
        return self._check(target)

    def _version(self, target: ObjectCheck) -> ObjectFound:
        return check_version(self._store, target, self._buffer, self._read)

    def _plain(self, target: ObjectCheck) -> ObjectFound:
        return check_object(self._store, target, self._buffer)
