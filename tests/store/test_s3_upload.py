"""Large objects: parts, an upload that died and went on, and what nobody went on with."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.servers.cutting import cutting_proxy
from tests.servers.fixtures import S3Server
from tests.store.buckets import s3_store
from tests.store.test_s3_faults import behind

from evidence_vault.core.placement import GOVERNANCE
from evidence_vault.errors import StoreError
from evidence_vault.store import s3upload
from evidence_vault.store.naming import object_key
from evidence_vault.store.s3 import LockedS3Store
from evidence_vault.store.s3place import format_place
from evidence_vault.store.s3upload import PART_BYTES, abort_orphans

SIZE = 3 * PART_BYTES + 12345

KILLED = """
import sys
from pathlib import Path
from evidence_vault.store.opening import open_store
store = open_store(sys.argv[1], Path(sys.argv[2]), "archive")
store.adopt([(sys.argv[3], sys.argv[4])])
"""


@pytest.fixture
def archive(
    s3_server: S3Server, s3_profiles: dict[str, str], tmp_path: Path
) -> Iterator[LockedS3Store]:
    with s3_store(s3_server, tmp_path, "archive") as store:
        assert isinstance(store, LockedS3Store)
        yield store


def large(folder: Path) -> tuple[str, str]:
    data = os.urandom(SIZE)
    path = folder / "large"
    path.write_bytes(data)
    return str(path), hashlib.sha256(data).hexdigest()


def test_a_large_object_is_sent_in_parts_and_locked(archive: LockedS3Store, tmp_path: Path) -> None:
    path, digest = large(tmp_path)
    (placed,) = archive.adopt([(path, digest)])
    assert placed.size == SIZE and placed.mode == GOVERNANCE and placed.version
    assert placed.etag is not None and placed.etag.endswith("-4")
    assert not Path(path).exists()
    with archive.open_version(object_key(digest), placed.version) as stream:
        assert hashlib.sha256(stream.read()).hexdigest() == digest
    until = placed.until
    assert until is not None
    assert until > (datetime.now(UTC) + timedelta(hours=23)).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_an_upload_whose_process_was_killed_goes_on_where_it_stopped(
    archive: LockedS3Store, tmp_path: Path
) -> None:
    assert archive.place.endpoint is not None
    path, digest = large(tmp_path)
    with cutting_proxy(archive.place.endpoint) as proxy:
        store = behind(archive, proxy)
        # Its third part never arrives; it is killed while it tries.
        proxy.begin(lambda method, where, _: "lose" if "partNumber=3" in where else "pass")
        child = subprocess.Popen(
            [sys.executable, "-c", KILLED, format_place(store.place), str(tmp_path), path, digest]
        )
        try:
            key = archive.client.key(object_key(digest))
            deadline = time.monotonic() + 60
            while len(parts_there(archive, key)) < 3:
                assert time.monotonic() < deadline and child.poll() is None
                time.sleep(0.1)
        finally:
            child.kill()
            child.wait()
        assert Path(path).exists()
        proxy.begin(lambda *_: "pass")
        (placed,) = store.adopt([(path, digest)])
        sent = [where for method, where in proxy.seen if "partNumber=" in where and method == "PUT"]
        assert len(sent) == 1 and "partNumber=3" in sent[0]
        store.end_session()
    assert placed.version is not None
    with archive.open_version(object_key(digest), placed.version) as stream:
        assert hashlib.sha256(stream.read()).hexdigest() == digest
    assert not uploads(archive)


def test_a_completed_upload_whose_answer_was_lost_is_found(
    archive: LockedS3Store, tmp_path: Path
) -> None:
    assert archive.place.endpoint is not None
    path, digest = large(tmp_path)
    with cutting_proxy(archive.place.endpoint) as proxy:
        store = behind(archive, proxy)
        done: list[str] = []

        def plan(method: str, where: str, _: int) -> str:
            if method == "POST" and "uploadId=" in where and not done:
                done.append(where)
                return "cut"
            return "pass"

        proxy.begin(plan)
        (placed,) = store.adopt([(path, digest)])
        store.end_session()
    assert done and placed.mode == GOVERNANCE
    assert [version.version for version in archive.versions(object_key(digest))] == [placed.version]


def test_a_file_that_changed_on_the_local_disk_is_not_stored(
    archive: LockedS3Store, tmp_path: Path
) -> None:
    path, digest = large(tmp_path)
    with open(path, "r+b") as stream:
        stream.seek(SIZE // 2)
        stream.write(b"changed")
    small = tmp_path / "small"
    small.write_bytes(b"changed")
    for part in ((path, digest), (str(small), hashlib.sha256(b"as it was").hexdigest())):
        with pytest.raises(StoreError) as caught:
            archive.adopt([part])
        assert caught.value.code == "E-SPOOL-DAMAGED"
    assert list(archive.keys("")) == [] and not uploads(archive)


def test_uploads_that_nobody_went_on_with_are_ended_after_a_day(archive: LockedS3Store) -> None:
    key = archive.client.key(object_key("ab" * 32))
    archive.client.call("create_multipart_upload", key, Key=key)
    assert archive.clear_leftovers() == 0
    assert uploads(archive)  # it may belong to a living process
    assert abort_orphans(archive.client, datetime.now(UTC) + timedelta(hours=25)) == 1
    assert not uploads(archive)


def test_an_upload_to_which_parts_came_lately_is_not_ended(
    archive: LockedS3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = archive.client.key(object_key("cd" * 32))
    upload = archive.client.call("create_multipart_upload", key, Key=key)["UploadId"]
    archive.client.call("upload_part", key, Key=key, UploadId=upload, PartNumber=1, Body=b"1")
    listed = s3upload._uploads

    def long_ago(*given: Any) -> Any:
        for each in listed(*given):
            yield {**each, "Initiated": each["Initiated"] - timedelta(hours=25)}

    monkeypatch.setattr(s3upload, "_uploads", long_ago)
    assert abort_orphans(archive.client) == 0
    assert uploads(archive)
    assert abort_orphans(archive.client, datetime.now(UTC) + timedelta(hours=25)) == 1


def test_an_upload_that_another_machine_ended_is_begun_anew(
    archive: LockedS3Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, digest = large(tmp_path)
    sent = s3upload._send_parts
    done: list[str] = []

    def ended(client: Any, pool: Any, path: Any, upload: Any, have: Any) -> Any:
        if not done:
            done.append(upload[1])
            key = client.key(upload[0])
            client.call("abort_multipart_upload", key, Key=key, UploadId=upload[1])
        return sent(client, pool, path, upload, have)

    monkeypatch.setattr(s3upload, "_send_parts", ended)
    (placed,) = archive.adopt([(path, digest)])
    assert done and placed.digest == digest
    assert len(archive.versions(object_key(digest))) == 1 and not uploads(archive)


def test_after_an_error_the_same_call_goes_on(archive: LockedS3Store, tmp_path: Path) -> None:
    """One of several files is missing: nothing is removed, and what arrived is kept."""
    handles: list[tuple[str, str]] = []
    for number in range(12):
        staged = archive.stage()
        staged.write(os.urandom(100 + number))
        staged.close()
        handles += staged.handle()
    hidden = Path(handles[5][0])
    hidden.rename(tmp_path / "hidden")
    with pytest.raises(StoreError):
        archive.adopt(handles)
    (tmp_path / "hidden").rename(hidden)
    placed = archive.adopt(handles)
    assert [answer.digest for answer in placed] == [digest for _, digest in handles]
    assert len(list(archive.all_versions("objects/"))) == 12


def uploads(store: LockedS3Store) -> list[object]:
    return list(store.client.call("list_multipart_uploads", "bucket").get("Uploads", []))


def parts_there(store: LockedS3Store, key: str) -> list[object]:
    for upload in store.client.call("list_multipart_uploads", "bucket").get("Uploads", []):
        where = {"Key": key, "UploadId": upload["UploadId"]}
        return list(store.client.call("list_parts", "bucket", **where).get("Parts", []))
    return []
