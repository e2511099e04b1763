"""Object Lock on a real gateway: what it refuses, and what we say of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.servers.fixtures import S3Server
from tests.store.buckets import s3_store

from evidence_vault.core.placement import COMPLIANCE, GOVERNANCE, Placed
from evidence_vault.errors import Locked, NotFound, StoreError, UsageError
from evidence_vault.store.naming import object_key
from evidence_vault.store.s3 import LockedS3Store
from evidence_vault.store.s3write import with_lock


@pytest.fixture
def archive(
    s3_server: S3Server, s3_profiles: dict[str, str], tmp_path: Path
) -> Iterator[LockedS3Store]:
    with s3_store(s3_server, tmp_path, "archive") as store:
        assert isinstance(store, LockedS3Store)
        yield store


def later(days: float) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


def put(store: LockedS3Store, data: bytes = b"sealed bytes") -> tuple[str, Placed]:
    staged = store.stage()
    staged.write(data)
    staged.close()
    (placed,) = store.adopt(staged.handle())
    return object_key(placed.digest), placed


def test_what_is_stored_is_locked_as_asked_and_the_answer_says_so(archive: LockedS3Store) -> None:
    _, placed = put(archive)
    assert placed.mode == GOVERNANCE
    assert placed.until is not None and later(0.99) < placed.until < later(1.01)
    assert placed.version and placed.etag and placed.request
    assert Placed.from_json(placed.to_json()) == placed


def test_delete_is_refused_and_says_until_when(archive: LockedS3Store) -> None:
    key, placed = put(archive)
    with pytest.raises(Locked) as caught:
        archive.delete(key)
    assert caught.value.until == placed.until and str(placed.until) in caught.value.message
    with archive.open(key) as stream:
        assert stream.read() == b"sealed bytes"


def test_a_lock_is_made_longer_and_never_shorter(archive: LockedS3Store) -> None:
    key, placed = put(archive)
    assert placed.version is not None
    lock = archive.extend(key, placed.version, GOVERNANCE, later(3))
    assert lock.until is not None and lock.until > later(2.9)
    for shorter in (later(2), later(-1)):
        with pytest.raises(Locked):
            archive.extend(key, placed.version, GOVERNANCE, shorter)
    assert archive.lock_of(key, placed.version) == lock
    assert archive.extend(key, placed.version, GOVERNANCE, lock.until) == lock


def test_compliance_is_not_turned_into_governance(archive: LockedS3Store) -> None:
    key, placed = put(archive)
    assert placed.version is not None
    archive.client.call(
        "put_object_retention",
        key,
        Key=archive.client.key(key),
        VersionId=placed.version,
        BypassGovernanceRetention=True,
        Retention={"Mode": COMPLIANCE, "RetainUntilDate": datetime.now(UTC) + timedelta(seconds=5)},
    )
    with pytest.raises(Locked):
        archive.extend(key, placed.version, GOVERNANCE, later(1))
    assert archive.lock_of(key, placed.version).mode == COMPLIANCE


def test_a_far_date_that_would_wrap_is_refused_before_it_is_sent(archive: LockedS3Store) -> None:
    key, placed = put(archive)
    assert placed.version is not None
    with pytest.raises(UsageError) as caught:
        archive.extend(key, placed.version, GOVERNANCE, "2107-01-01T00:00:00Z")
    assert caught.value.code == "E-LOCK-DATE"
    assert archive.lock_of(key, placed.version).until == placed.until


def test_a_legal_hold_outlives_the_date_and_is_released(archive: LockedS3Store) -> None:
    key, placed = put(archive)
    assert placed.version is not None
    assert archive.hold(key, placed.version, True).hold
    with pytest.raises(Locked) as caught:
        archive.delete(key)
    assert caught.value.hold and "hold" in caught.value.hint
    assert not archive.hold(key, placed.version, False).hold


def test_what_is_laid_over_a_version_changes_nothing_of_it(archive: LockedS3Store) -> None:
    """Somebody with the credentials overwrites an object, then hides it under a delete marker."""
    key, placed = put(archive)
    assert placed.version is not None
    archive.client.call("put_object", key, Key=archive.client.key(key), Body=b"forged")
    with archive.open(key) as stream:
        assert stream.read() == b"forged"
    archive.client.call("delete_object", key, Key=archive.client.key(key))
    with pytest.raises(NotFound):
        archive.open(key)
    with archive.open_version(key, placed.version) as stream:
        assert stream.read() == b"sealed bytes"
    kinds = [(version.deleted, version.latest, version.size) for version in archive.versions(key)]
    assert kinds == [(True, True, 0), (False, False, 6), (False, False, 12)]
    with pytest.raises(NotFound):
        archive.open_version(key, "A" * len(placed.version))
    with pytest.raises(NotFound):
        archive.lock_of(key, "A" * len(placed.version))


def test_a_forged_object_of_that_name_is_not_taken_for_it(archive: LockedS3Store) -> None:
    key, first = put(archive)
    archive.client.call("put_object", key, Key=archive.client.key(key), Body=b"forged")
    _, over = put(archive)
    assert over.version not in (None, first.version) and len(archive.versions(key)) == 3
    with archive.open(key) as stream:
        assert stream.read() == b"sealed bytes"


def test_an_object_without_its_lock_is_said(
    s3_server: S3Server, s3_profiles: dict[str, str], tmp_path: Path
) -> None:
    """A bucket that takes the object and forgets the lock: no vault says it is locked."""
    with s3_store(s3_server, tmp_path, "archive", days=2) as store:
        placed = Placed("ab" * 32, 4)
        with pytest.raises(StoreError) as caught:
            with_lock(store.client, "objects/x", placed, later(1))
        assert caught.value.code == "E-S3-NO-LOCK"
