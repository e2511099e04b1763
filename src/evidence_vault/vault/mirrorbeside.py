"""Step 8 of mirroring.py: what lies beside the logs. A listing adds what nothing else names.

What is there with other bytes is replaced only where the source's are known to be right: by the
log, by keys or by the name; else both stay, and it is said. Copies of headers for holds are those
of holds that are on: others are destroyed here, as they were at the source.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, cast

from evidence_vault.errors import AlreadyExists, FormatError, Locked, NotFound, VaultError
from evidence_vault.store.opening import Store, as_locking
from evidence_vault.vault.besidecheck import folders_of, units_of_copy
from evidence_vault.vault.faults import step
from evidence_vault.vault.locks import later
from evidence_vault.vault.mirrorparts import (
    HeldCopy,
    Mirrored,
    Source,
    Target,
    demand_back,
    hex_digest,
    read_all,
)

_HELD = "holds/"
_NOTES = "removed/"  # written anew as locks end: the vault's own are the newer ones
_COPY_SECONDS = 60  # the shortest lock of a copy: without one the bucket gives its own, of years


class Beside:
    """Proofs, trust documents, foreign logs, holds, notes of sets and of removals. ``whole``:
    compare what is there, too."""

    def __init__(self, source: Source, target: Target, found: Mirrored, whole: bool) -> None:
        self._source, self._target, self._found = source, target, found
        self._whole = whole

    def copy(self) -> None:
        source, target = self._source, self._target
        logs = range(len(source.heads))
        if target.archive is not None:
            self._part(source.archive, target.archive, folders_of(len(source.heads)), source.known)
            self._holds(target.archive)
            target.archive.flush()
        if target.control is not None:
            removed = [f"{source.log(n).control_prefix}removed/" for n in logs]
            self._part(source.control, target.control, ["foreign/", *removed, "sets/"], ())
        step("replica-beside")

    def _part(self, source: Store, target: Store, folders: list[str], known: Sequence[str]) -> None:
        for folder in folders:
            there = set(target.keys(folder))
            listed = sorted(source.keys(folder))
            named = [key for key in known if key.startswith(folder) and key not in set(listed)]
            for key in [*listed, *named]:
                # A foreign log's checkpoint alone is replaced as it grows.
                if self._whole or key not in there or key.endswith("log/checkpoint"):
                    self._one(source, target, key)
        target.flush()
        step("replica-beside")

    def _one(self, source: Store, target: Store, key: str) -> None:
        try:
            data = read_all(source, key)
        except NotFound:
            self._found.add("E-PROOF-MISSING", key, "is gone at the source")
            return
        right = self._source.check(key, data)
        if right is False:
            self._found.add("E-PROOF-CHANGED", key, "was changed at the source; it was not copied")
            return
        try:
            target.create(key, data, durable=False)
        except AlreadyExists:
            there = read_all(target, key)
            if there == data:
                return
            if right is None and _NOTES not in key:
                self._found.add(
                    "E-PROOF-DIFFERS",
                    key,
                    "differs here and at the source, and nothing tells which is right: both stay",
                )
                return
            grows = key.endswith("log/checkpoint") and self._source.check(key, there)
            if grows and _size_in(there) > _size_in(data):
                self._found.add("E-PROOF-DIFFERS", key, "is newer in the replica, and stays")
                return
            target.replace(key, data)
            if right and not grows:
                self._healed(key)
        demand_back(target, key, data)

    def _healed(self, key: str) -> None:
        self._found.healed += 1
        self._found.add("E-REPLICA-DAMAGED", key, "was damaged in the replica and put right")

    # -- holds ---------------------------------------------------------------------------------

    def _holds(self, target: Store) -> None:
        wanted = dict(self._source.held)
        there = set(target.keys(_HELD))
        doomed = {unit for each in self._source.tombstones for unit in each.units}
        for key, copy in wanted.items():
            if key in there and not self._whole:
                continue
            data = self._held(key, copy, doomed)
            if data is not None:
                self._keep_held(target, key, data, there)
        for key in sorted(there - set(wanted)):
            self._drop_held(target, key)

    def _held(self, key: str, copy: HeldCopy, doomed: set[str]) -> bytes | None:
        """One copy at the source, where it is what the log says."""
        archive = self._source.archive
        try:
            if archive.locks and copy.version is not None and self._source.versions:
                with as_locking(archive).open_version(key, copy.version) as stream:
                    data = stream.read()
            else:
                data = read_all(archive, key)
            if hashlib.sha256(data).hexdigest() != copy.sha256:
                raise FormatError("it was changed")
            if units_of_copy(key, data) & doomed:
                raise FormatError("it holds headers that the log gave up")
        except (NotFound, FormatError) as error:
            self._found.add("E-HELD-COPY", key, f"was not copied: {error.message}")
            return None
        return data

    def _keep_held(self, target: Store, key: str, data: bytes, there: set[str]) -> None:
        if key in there:
            if hex_digest(read_all(target, key)) == hex_digest(data):
                return
            self._healed(key)
        if target.locks:
            now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            until = later(now, seconds=_COPY_SECONDS)
            as_locking(target).create_held(key, data, until)
        else:
            target.replace(key, data)
        demand_back(target, key, data)

    def _drop_held(self, target: Store, key: str) -> None:
        """Destroy a copy of a hold that is not on any more; what a lock keeps is pending."""
        try:
            if target.locks:
                store = cast(Any, target)
                for each in store.versions(key):
                    if not each.deleted:
                        store.hold(key, each.version, False)
            target.delete(key)
            self._found.destroyed += 1
        except NotFound:
            return
        except Locked as error:
            self._found.pending += 1
            self._found.add("E-REPLICA-LOCKED", key, f"can't be removed yet: {error.message}")
        except VaultError as error:
            self._found.pending += 1
            self._found.add("E-REPLICA-LOCKED", key, f"could not be removed: {error.message}")


def _size_in(note: bytes) -> int:
    lines = note.split(b"\n")
    return int(lines[1]) if len(lines) > 1 and lines[1].isdigit() else -1
