"""An archive under Object Lock on a real gateway: what its owner, a stranger with the vault's own
credentials, and the operator of the storage can do to it is named, each by its code."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.servers.fixtures import S3Server
from tests.vault.vaults import PASSPHRASE

from evidence_vault.errors import StoreError, VaultError
from evidence_vault.vault.doctor import doctor
from evidence_vault.vault.fixity import fixity
from evidence_vault.vault.goodcopies import FolderCopy

from .buckets import InBuckets, remove_version_as_operator, vault_in_buckets
from .damage import codes, look


@pytest.fixture
def bucket(s3_server: S3Server, s3_profiles: dict[str, str], tmp_path: Path) -> Iterator[InBuckets]:
    with vault_in_buckets(s3_server, tmp_path) as made:
        yield made


def _mark(bucket: InBuckets, digest: str, version: str) -> None:
    bucket.call("delete_object", digest)


def _overlay(bucket: InBuckets, digest: str, version: str) -> None:
    bucket.call("put_object", digest, Body=b"something else")


def _same_bytes_over(bucket: InBuckets, digest: str, version: str) -> None:
    data = bucket.call("get_object", digest)["Body"].read()
    bucket.call("put_object", digest, Body=data)


def _remove(bucket: InBuckets, digest: str, version: str) -> None:
    bucket.call("delete_object", digest, VersionId=version, BypassGovernanceRetention=True)


def _remove_and_replace(bucket: InBuckets, digest: str, version: str) -> None:
    data = bucket.call("get_object", digest)["Body"].read()
    _remove(bucket, digest, version)
    bucket.call("put_object", digest, Body=data)


def _shorten(bucket: InBuckets, digest: str, version: str) -> None:
    soon = datetime.now(UTC) + timedelta(minutes=5)
    bucket.call(
        "put_object_retention",
        digest,
        VersionId=version,
        Retention={"Mode": "GOVERNANCE", "RetainUntilDate": soon},
        BypassGovernanceRetention=True,
    )


def _operator(bucket: InBuckets, digest: str, version: str) -> None:
    remove_version_as_operator(bucket, digest, version)


ATTACKS: dict[str, tuple[Callable[[InBuckets, str, str], None], str]] = {
    "delete marker": (_mark, "E-OBJECT-HIDDEN"),
    "other bytes laid over": (_overlay, "E-OBJECT-OVERLAID"),
    "the same bytes laid over": (_same_bytes_over, "E-OBJECT-OVERLAID"),
    "version deleted": (_remove, "E-OBJECT-MISSING"),
    "version deleted, and put again": (_remove_and_replace, "E-OBJECT-MISSING"),
    "lock shortened": (_shorten, "E-LOCK-WEAKER"),
    "version removed by the operator": (_operator, "E-OBJECT-MISSING"),
}


def test_a_sound_archive_takes_one_request_for_each_object(
    bucket: InBuckets, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    from evidence_vault.store.s3client import S3Client

    real = S3Client.once

    def count(self: S3Client, operation: str, **parameters: object) -> object:
        if "objects/" in str(parameters.get("Key")):
            asked.append(operation)
        return real(self, operation, **parameters)

    monkeypatch.setattr(S3Client, "once", count)
    found = look(bucket.made)
    assert (found["exit"], found["objects"], found["unchecked"]) == (0, 3, [])
    assert asked == 3 * ["get_object"]
    asked.clear()
    locks = look(bucket.made, locks=True)
    assert (locks["exit"], locks["bytes"], locks["read"]) == (0, 0, False)
    assert asked == 3 * ["head_object"]
    assert "NOT read" in str(locks["notices"])


@pytest.mark.sweep
@pytest.mark.parametrize("name", ATTACKS)
def test_what_is_done_to_a_version_is_named_by_its_code(bucket: InBuckets, name: str) -> None:
    act, code = ATTACKS[name]
    digest, version = sorted(bucket.versions().items())[0]
    act(bucket, digest, version)
    for how in ({}, {"locks": True}):
        found = look(bucket.made, **how)
        assert codes(found) == {code}, found
        assert found["exit"] == 10
        assert [each["object"] for each in found["damaged"]] == [digest]
    if code in ("E-OBJECT-HIDDEN", "E-OBJECT-OVERLAID"):
        assert "the recorded version is intact" in look(bucket.made)["damaged"][0]["finding"]


@pytest.mark.sweep
@pytest.mark.parametrize("name", ["delete marker", "other bytes laid over", "lock shortened"])
def test_what_lies_over_a_version_and_a_weaker_lock_are_mended_from_here(
    bucket: InBuckets, name: str
) -> None:
    digest, version = sorted(bucket.versions().items())[0]
    ATTACKS[name][0](bucket, digest, version)
    done = look(bucket.made, repair=True)
    assert (done["exit"], done["damaged"], len(done["repaired"])) == (0, [], 1), done["notices"]
    assert look(bucket.made)["exit"] == 0
    bucket.made.assert_sound()


@pytest.mark.sweep
@pytest.mark.parametrize("name", ["version deleted", "version removed by the operator"])
def test_a_version_that_is_gone_comes_back_from_a_copy_and_is_recorded(
    bucket: InBuckets, tmp_path: Path, name: str
) -> None:
    from evidence_vault.store.filesystem import FilesystemStore

    copy = FolderCopy(
        "usb", FilesystemStore(tmp_path / "usb" / "archive"), FilesystemStore(tmp_path / "none")
    )
    with bucket.made.open() as vault:
        for digest in bucket.versions():
            parts = copy.archive.stage()
            with vault.open_object(digest) as stream:
                parts.write(stream.read())
            parts.close()
            copy.archive.adopt(parts.handle())
    digest, version = sorted(bucket.versions().items())[0]
    ATTACKS[name][0](bucket, digest, version)
    with bucket.made.open() as vault:
        done = fixity(vault, all=True, repair=True, copies=copy)
    assert (done["exit"], done["damaged"]) == (0, []), done["notices"]
    assert bucket.versions()[digest] != version
    assert look(bucket.made)["exit"] == 0
    bucket.made.assert_sound()


def test_compliance_can_not_be_shortened_by_the_vaults_own_credentials(
    s3_server: S3Server, s3_profiles: dict[str, str], tmp_path: Path
) -> None:
    from botocore.exceptions import ClientError

    with vault_in_buckets(s3_server, tmp_path, "compliance") as bucket:
        digest, version = sorted(bucket.versions().items())[0]
        for attack in (_shorten, _remove):
            with pytest.raises(ClientError):
                attack(bucket, digest, version)
        assert look(bucket.made)["exit"] == 0


def test_a_store_that_refuses_is_not_called_missing(
    bucket: InBuckets, s3_server: S3Server, tmp_path: Path
) -> None:
    """The credentials of the archive are exchanged for those of a stranger."""
    credentials = tmp_path / "aws" / "credentials"
    text = credentials.read_text()
    with bucket.made.open() as vault:
        assert vault.catalogue.frontier().size
        credentials.write_text(
            text.replace(s3_server.access_key, s3_server.alt_access_key).replace(
                s3_server.secret_key, s3_server.alt_secret_key
            )
        )
        try:
            found = fixity(vault, all=True)
        except StoreError as error:
            assert error.code == "E-S3-DENIED"
        else:
            assert found["damaged"] == []
            assert found["exit"] == 3
    credentials.write_text(text)


def test_objects_that_no_entry_names_are_counted_in_a_bucket(bucket: InBuckets) -> None:
    bucket.call("put_object", "ab" + 62 * "0", Body=b"left by a crash")
    found = look(bucket.made)
    assert found["exit"] == 0
    assert found["unreferenced"] == {"bytes": 15, "count": 1, "older_than_a_day": 0}


def test_doctor_names_what_is_wrong_with_the_buckets(bucket: InBuckets) -> None:
    def problems() -> dict[str, str]:
        seen = doctor(bucket.made.folder, lambda: PASSPHRASE)["checks"]
        return {c["name"]: c["command"] for c in seen if c["outcome"] == "problem"}

    assert set(problems()) <= {"locks", "ExifTool"}
    assert "retention set" in problems()["locks"]  # the lock of this vault ends in a day
    bucket.call(
        "put_object_lock_configuration",
        ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"},
    )
    bucket.control.once("put_bucket_versioning", VersioningConfiguration={"Status": "Enabled"})
    assert {"archive: default lock", "control: versions"} <= set(problems())


@pytest.mark.slow
def test_the_audit_of_objects_is_the_same_over_https(
    s3_server: S3Server, s3_profiles: dict[str, str], tmp_path: Path
) -> None:
    with vault_in_buckets(s3_server, tmp_path, tls=True) as bucket:
        assert look(bucket.made)["exit"] == 0
        digest, version = sorted(bucket.versions().items())[0]
        _overlay(bucket, digest, version)
        assert codes(look(bucket.made)) == {"E-OBJECT-OVERLAID"}


def test_a_lock_mode_on_a_folder_is_refused(bucket: InBuckets, tmp_path: Path) -> None:
    from evidence_vault.vault.creation import create_vault
    from evidence_vault.vault.opening import open_vault

    create_vault(tmp_path / "plain", org="Test House", passphrase=PASSPHRASE)
    with (
        open_vault(tmp_path / "plain", lambda: PASSPHRASE) as vault,
        pytest.raises(VaultError) as caught,
    ):
        fixity(vault, all=True, locks=True)
    assert caught.value.code == "E-NO-LOCKS"
