"""One root of DESIGN §4 on S3: an archive under Object Lock, or a plain bucket for ``control/``.

Nothing depends on a listing to be correct, but for ``keys`` and ``versions``, which audits use.
Credentials are found by the usual AWS chain when they are needed, and are kept nowhere.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from evidence_vault.core.placement import COMPLIANCE, GOVERNANCE, Lock, Placed, StoredVersion
from evidence_vault.errors import Locked, NotFound, StoreError
from evidence_vault.store.naming import DAMAGED, demand_key
from evidence_vault.store.s3audit import (
    Newest,
    Told,
    details,
    examine,
    newest,
    open_newest,
    same_user,
)
from evidence_vault.store.s3client import THREADS, Answer, S3Client, etag_in, format_time, lock_in
from evidence_vault.store.s3errors import status_of
from evidence_vault.store.s3held import put_held
from evidence_vault.store.s3place import Place, demand_date
from evidence_vault.store.s3reader import open_object
from evidence_vault.store.s3upload import abort_orphans, adopt_all
from evidence_vault.store.s3write import exchange, put, set_retention
from evidence_vault.store.spool import PART_BYTES, Spool, SpooledParts


class S3Store:
    """A root in a bucket without versions (ports.ObjectStore, DeletingStore, ListingStore).

    Safe for any thread and for several processes; ``create`` is exclusive among all of them
    (If-None-Match, tested by ``init``).
    """

    locks = False

    def __init__(self, place: Place, spool_root: Path, part_bytes: int = PART_BYTES) -> None:
        self.place = place
        self.spool = Spool(spool_root, part_bytes)
        self.client = S3Client(place)
        self._pool: tuple[int, ThreadPoolExecutor] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        """Sent to another process it is the same root, with a client and a session of its own."""
        return type(self), (self.place, self.spool.root, self.spool.part_bytes)

    def create(self, key: str, data: bytes, durable: bool = True) -> None:
        """Always durable on return. Raises StoreError (E-S3-UNKNOWN) when nobody can say whether it
        was written: look again later, before anything else."""
        put(self.client, demand_key(key), data)

    def replace(self, key: str, data: bytes) -> None:
        put(self.client, demand_key(key), data, create=False)

    def exchange(self, key: str, data: bytes, expected: bytes) -> None:
        exchange(self.client, demand_key(key), data, expected)

    def settle(self, key: str) -> None:
        """Nothing: what can be read is durable."""

    def open(self, key: str) -> BinaryIO:
        return open_object(self.client, demand_key(key))

    def stage(self) -> SpooledParts:
        return self.spool.stage()

    def adopt(self, parts: Sequence[tuple[str, str]]) -> list[Placed]:
        return adopt_all(self.client, self._threads(), parts)

    def flush(self) -> None:
        """Nothing: whatever was acknowledged is durable."""

    def delete(self, key: str) -> None:
        for aside in self._asides(demand_key(key)):  # what is given up is given up there, too
            self.client.call("delete_object", aside, Key=self.client.key(aside))
        self.client.head(key)
        self.client.call("delete_object", key, Key=self.client.key(key))

    def set_aside(self, key: str) -> str | None:
        """By a copy that the store makes, and is asked for, before the key is removed."""
        found = self.client.glance(demand_key(key))
        if found is None:
            return None
        aside = f"{DAMAGED}/{key}.{len(self._asides(key)) + 1}"
        source = {"Bucket": self.place.bucket, "Key": self.client.key(key)}
        self.client.call("copy_object", key, Key=self.client.key(aside), CopySource=source)
        copy = self.client.head(aside)
        if copy["ContentLength"] != found["ContentLength"]:
            raise StoreError(f"store: {key} could not be set aside whole", code="E-S3-READ-BACK")
        self.client.call("delete_object", key, Key=self.client.key(key))
        return aside

    def keys(self, prefix: str) -> Iterator[str]:
        """Below the folder ``prefix``, as in the folder store."""
        inside = self.client.key(prefix if prefix.endswith("/") or not prefix else f"{prefix}/")
        more: dict[str, str] = {}
        while True:
            page = self.client.call("list_objects_v2", prefix, Prefix=inside, **more)
            for found in page.get("Contents", []):
                own = self._own(found["Key"])
                if prefix.startswith(DAMAGED) or not own.startswith(DAMAGED):
                    yield own
            if not page.get("IsTruncated"):
                return
            more = {"ContinuationToken": page["NextContinuationToken"]}

    def versions(self, key: str) -> list[StoredVersion]:
        """Every version and delete marker of one key, the newest first; empty without versions."""
        return [found for found in self.all_versions(key) if found.key == key]

    def all_versions(self, prefix: str) -> Iterator[StoredVersion]:
        """Every version and delete marker of keys that begin with ``prefix``."""
        inside = self.client.key(prefix)
        more: dict[str, str] = {}
        while True:
            page = self.client.call("list_object_versions", prefix, Prefix=inside, **more)
            yield from self._versions_of(page)
            if not page.get("IsTruncated"):
                return
            more = {"KeyMarker": page["NextKeyMarker"]}
            if page.get("NextVersionIdMarker"):
                more["VersionIdMarker"] = page["NextVersionIdMarker"]

    def details(self, prefix: str) -> Iterator[tuple[str, int, int]]:
        """Key, size in bytes and time of writing (POSIX seconds) of each key of a folder."""
        found = details(self.client, prefix)
        return ((self._own(key), size, written) for key, size, written in found)

    def examine(self, root: str) -> list[Told]:
        """What can be wrong with the bucket and the way to it; ``root``: archive or control."""
        return list(examine(self.client, root))

    def same_user(self, other: S3Store) -> bool:
        """Whether another root is reached with the same credentials."""
        return same_user(self.client, other.client)

    def clear_leftovers(self) -> int:
        """Remove temporary bytes of processes that are gone, and end uploads in parts that nobody
        went on with for a day; returns how many of both."""
        return self.spool.clear_leftovers() + abort_orphans(self.client)

    def end_session(self) -> None:
        """Remove this process's own folder for temporary bytes, and end its threads."""
        self.spool.end_session()
        if self._pool is not None and self._pool[0] == os.getpid():
            self._pool[1].shutdown()
        self._pool = None

    # -- inside --------------------------------------------------------------------------------

    def _asides(self, key: str) -> list[str]:
        folder, _, name = f"{DAMAGED}/{key}".rpartition("/")
        return [each for each in self.keys(folder) if each.startswith(f"{folder}/{name}.")]

    def _threads(self) -> ThreadPoolExecutor:
        if self._pool is None or self._pool[0] != os.getpid():
            self._pool = os.getpid(), ThreadPoolExecutor(THREADS, "s3")
        return self._pool[1]

    def _own(self, full_key: str) -> str:
        prefix = self.place.prefix
        return full_key.removeprefix(f"{prefix}/") if prefix else full_key

    def _versions_of(self, page: Answer) -> Iterator[StoredVersion]:
        """In the order of the store: by key, the newest first."""
        found = [(entry, False) for entry in page.get("Versions", [])]
        found += [(entry, True) for entry in page.get("DeleteMarkers", [])]
        found.sort(key=lambda pair: pair[0]["LastModified"], reverse=True)
        found.sort(key=lambda pair: (pair[0]["Key"], not pair[0]["IsLatest"]))
        for entry, deleted in found:
            yield StoredVersion(
                self._own(entry["Key"]),
                entry["VersionId"],
                deleted,
                bool(entry["IsLatest"]),
                0 if deleted else int(entry["Size"]),
                etag_in(entry),
                format_time(entry["LastModified"]),
            )


class LockedS3Store(S3Store):
    """A root in a bucket with versions and Object Lock (also ports.LockingStore).

    ``create`` looks first, because not every store heeds If-None-Match where there are versions: of
    two at the same moment both may be done, each as a version of its own. Names here are digests or
    come from under the writer lock.
    """

    locks = True

    def delete(self, key: str) -> None:
        """Every version of it, or none: raises Locked when one of them may not be deleted."""
        versions = self.versions(demand_key(key))
        if not any(not version.deleted for version in versions):
            raise NotFound(f"{key} is not in the store")
        for version in versions:
            if not version.deleted:
                self._demand_unlocked(key, version.version)
        for version in versions:
            self._delete_version(key, version.version)

    def set_aside(self, key: str) -> str | None:
        """Nothing to do: what is laid over a version leaves it where it is."""
        return None

    def open_version(self, key: str, version: str) -> BinaryIO:
        return open_object(self.client, demand_key(key), version)

    def lock_of(self, key: str, version: str) -> Lock:
        return lock_in(self.client.head(demand_key(key), version))

    def extend(self, key: str, version: str, mode: str, until: str) -> Lock:
        """Only ever longer, and never from COMPLIANCE to GOVERNANCE: raises Locked."""
        demand_date(until)
        now = self.lock_of(key, version)
        weaker = now.mode == COMPLIANCE and mode != COMPLIANCE
        if weaker or (now.until is not None and until < now.until):
            raise Locked(
                f"store: {key} is locked ({now.mode}) until {now.until}, which is never shortened",
                until=now.until,
                hold=now.hold,
                hint="give a later date, and the same mode",
            )
        if (now.mode, now.until) == (mode, until):
            return now
        # Some stores let nobody but who may pass GOVERNANCE by make it stronger.
        stronger = now.mode == GOVERNANCE and mode == COMPLIANCE
        return set_retention(self.client, key, version, mode, until, bypass=stronger)

    def hold(self, key: str, version: str, on: bool) -> Lock:
        """Raises StoreError (E-S3-NO-LOCK) when the store tells something else afterwards."""
        self.client.call(
            "put_object_legal_hold",
            key,
            Key=self.client.key(demand_key(key)),
            VersionId=version,
            LegalHold={"Status": "ON" if on else "OFF"},
        )
        lock = self.lock_of(key, version)
        if lock.hold is not on:
            raise StoreError(
                f"store: the legal hold of {key} is {'on' if lock.hold else 'off'} all the same",
                code="E-S3-NO-LOCK",
                hint="have the settings of the bucket examined",
            )
        return lock

    def create_held(self, key: str, data: bytes, until: str) -> Placed:
        return put_held(self.client, demand_key(key), data, until)

    def newest_version(self, key: str) -> str:
        return str(self.client.head(demand_key(key))["VersionId"])

    def delete_version(self, key: str, version: str) -> None:
        self._demand_unlocked(demand_key(key), version)
        self._delete_version(key, version)

    def newest(self, key: str) -> Newest:
        """Version, lock and size of the newest version. Raises NotFound under a delete marker."""
        return newest(self.client, demand_key(key))

    def open_newest(self, key: str) -> tuple[BinaryIO, str, Lock]:
        """A reader of the newest version, its id and its lock; one request up to 1 MiB."""
        return open_newest(self.client, demand_key(key))

    def unhide(self, key: str) -> int:
        """Remove the delete markers that lie over the newest version; returns how many."""
        removed = 0
        for found in self.versions(demand_key(key)):
            if not found.deleted:
                break
            self._delete_version(key, found.version)
            removed += 1
        return removed

    def _demand_unlocked(self, key: str, version: str) -> None:
        lock = self.lock_of(key, version)
        if lock.hold or (lock.until is not None and lock.until > _now()):
            raise _locked(key, lock)

    def _delete_version(self, key: str, version: str) -> None:
        where = {"Key": self.client.key(key), "VersionId": version}
        try:
            self.client.call("delete_object", key, **where)
        except StoreError as error:
            if error.__cause__ is None or status_of(error.__cause__) != 403:
                raise
            lock = self.lock_of(key, version)
            if lock.mode is None and not lock.hold:
                raise
            raise _locked(key, lock) from error


def _now() -> str:
    return format_time(datetime.now(UTC))


def _locked(key: str, lock: Lock) -> Locked:
    why = "by a legal hold" if lock.hold else f"({lock.mode}) until {lock.until}"
    return Locked(
        f"store: {key} is locked {why}: it was not deleted",
        until=lock.until,
        hold=lock.hold,
        hint="release the hold" if lock.hold else "it can be deleted after that date",
    )
