"""Fixity: stored objects, records and headers against the digests that the entries state."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from evidence_vault.core.commit import Commit, Committed
from evidence_vault.core.event import peek
from evidence_vault.errors import NotFound, StoreError, VaultError
from evidence_vault.ports import ObjectStore

_BLOCK = 1024 * 1024


class CommittedFiles(Protocol):
    """One log, as far as fixity reads it. Pickled when work is spread over processes."""

    @property
    def archive(self) -> ObjectStore: ...

    def commit(self, start: int) -> Commit: ...

    def commit_key(self, start: int) -> str: ...

    def contents(self, commit: Commit) -> list[Committed]: ...


class ObjectCheck(NamedTuple):
    """An object to look at: the item it belongs to, its digest (hex) and its key."""

    item: str
    digest: str
    key: str


class ObjectFound(NamedTuple):
    """``finding`` is empty when the bytes match; ``size`` in bytes."""

    size: int
    finding: str


class Slice(NamedTuple):
    """Some commits of one log: (start, end) of each. ``wanted``: indexes of the entries to look
    at, None for all. ``removed``: entries whose objects and headers a logged event gave up: what is
    gone of those is no damage."""

    log: CommittedFiles
    commits: tuple[tuple[int, int], ...]
    wanted: frozenset[int] | None = None
    removed: frozenset[int] = frozenset()


@dataclass
class SliceFound:
    """How many objects and bytes were looked at; what is damaged, as finding, id and object."""

    objects: int = 0
    bytes: int = 0
    damaged: list[dict[str, str]] = field(default_factory=list)

    def damage(self, finding: str, item: str, what: str) -> None:
        self.damaged.append({"finding": finding, "id": item, "object": what})


Each = Callable[
    [Callable[[ObjectCheck], ObjectFound], Iterable[ObjectCheck]], Iterator[ObjectFound]
]
"""``map``, or one that hashes several objects at once."""


def check_slice(object_key: Callable[[str], str], part: Slice, each: Each = map) -> SliceFound:
    """Hash everything again that the entries of a slice name.

    ``object_key``: where an object of a digest lies. What can't be read is damage, too.
    """
    found = SliceFound()
    targets: list[ObjectCheck] = []
    for start, end in part.commits:
        try:
            contents = part.log.contents(part.log.commit(start))
        except VaultError as error:
            where = f"entries {start} to {end - 1}"
            found.damage(error.message, where, part.log.commit_key(start))
            continue
        for index, committed in enumerate(contents, start):
            if index in part.removed:
                _check_entry(index, committed, object_key, found, removed=True)
            elif part.wanted is None or index in part.wanted:
                targets += _check_entry(index, committed, object_key, found)
    check = _Checker(part.log.archive, shared=each is map)
    for target, seen in zip(targets, each(check, targets), strict=True):
        found.objects += 1
        found.bytes += seen.size
        if seen.finding:
            found.damage(seen.finding, target.item, target.digest)
    return found


def check_object(
    store: ObjectStore, target: ObjectCheck, buffer: bytearray | None = None
) -> ObjectFound:
    """Hash an object again. What can't be read is a finding of its own, never a match.

    ``buffer`` is overwritten; a loop over many objects brings one along.
    """
    room = memoryview(bytearray(_BLOCK) if buffer is None else buffer)
    try:
        with store.open(target.key) as stream:
            digest, size = hashlib.sha256(), 0
            while count := stream.readinto(room):  # type: ignore[attr-defined]
                digest.update(room[:count])
                size += count
    except NotFound:
        return ObjectFound(0, "object missing")
    except (StoreError, OSError) as error:
        return ObjectFound(0, f"could not be checked: {error}")
    if digest.hexdigest() != target.digest:
        return ObjectFound(size, f"bytes changed: found {digest.hexdigest()}")
    return ObjectFound(size, "")


class _Checker:
    """``check_object`` on one store; with one buffer for all where one object goes at a time."""

    def __init__(self, store: ObjectStore, shared: bool) -> None:
        self._store = store
        self._buffer = bytearray(_BLOCK) if shared else None

    def __call__(self, target: ObjectCheck) -> ObjectFound:
        return check_object(self._store, target, self._buffer)


def _check_entry(
    index: int,
    committed: Committed,
    object_key: Callable[[str], str],
    found: SliceFound,
    removed: bool = False,
) -> list[ObjectCheck]:
    """Compare record and headers of an entry; returns the objects it names."""
    name = f"entry {index}"
    targets: list[ObjectCheck] = []
    try:
        event = peek(committed.entry)
        name = str(event["subject"].get("id", name))
        for unit in event["units"]:
            _check_header(unit, committed, name, found, removed)
            if unit["kind"] != "record":
                targets += [
                    ObjectCheck(name, digest, object_key(digest)) for digest in unit["objects"]
                ]
            elif hashlib.sha256(committed.record).hexdigest() != unit["objects"][0]:
                found.damage("record changed", name, unit["id"])
    except (VaultError, ValueError, LookupError, TypeError, AttributeError):
        found.damage("entry can't be read", name, f"entry {index}")
    return targets


def _check_header(
    unit: dict[str, Any], committed: Committed, item: str, found: SliceFound, removed: bool
) -> None:
    header = committed.headers.get(unit["id"])
    if header is None:
        if unit["header"] is not None and not removed:
            found.damage("header missing", item, unit["id"])
    elif hashlib.sha256(header).hexdigest() != unit["header"]:
        found.damage("header changed", item, unit["id"])
