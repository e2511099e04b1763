"""One contract suite for object stores, on each way the folder store may have to work."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path
from typing import IO

import pytest

from evidence_vault import osfiles
from evidence_vault.errors import AlreadyExists, NotFound, StoreError
from evidence_vault.store import spool
from evidence_vault.store.filesystem import FilesystemStore
from evidence_vault.store.naming import object_key


@pytest.fixture(params=["links", "no-links", "no-group-sync", "small-parts"])
def store(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> FilesystemStore:
    if request.param == "no-links":  # as on vfat and exFAT

        def refuse(*_: object, **__: object) -> None:
            raise OSError(errno.EPERM, "no links here")

        monkeypatch.setattr(os, "link", refuse)
    if request.param == "no-group-sync":
        monkeypatch.setattr(osfiles, "HAS_GROUP_SYNC", False)
    (tmp_path / "root").mkdir()
    part = 1000 if request.param == "small-parts" else 2**31
    return FilesystemStore(tmp_path / "root", part)


def read(store: FilesystemStore, key: str) -> bytes:
    with store.open(key) as stream:
        return stream.read()


def test_what_was_created_is_there_and_stays(store: FilesystemStore) -> None:
    store.create("log/x", b"first")
    with pytest.raises(AlreadyExists):
        store.create("log/x", b"second")
    assert read(store, "log/x") == b"first"


def test_replace_shows_the_new_bytes(store: FilesystemStore) -> None:
    store.replace("checkpoint", b"one")
    store.replace("checkpoint", b"two")
    assert read(store, "checkpoint") == b"two"


def test_absence_is_its_own_error(store: FilesystemStore) -> None:
    with pytest.raises(NotFound):
        store.open("nothing")
    with pytest.raises(NotFound):
        store.delete("nothing")


def test_staged_bytes_are_named_by_their_digest_and_invisible_before(
    store: FilesystemStore,
) -> None:
    data = os.urandom(2500)
    staged = store.stage()
    for start in range(0, len(data), 700):
        staged.write(data[start : start + 700])
    digests = staged.close()
    assert list(store.keys("objects")) == []
    store.adopt(staged.handle())
    store.flush()
    parts = [read(store, object_key(digest)) for digest in digests]
    assert b"".join(parts) == data
    assert [hashlib.sha256(part).hexdigest() for part in parts] == list(digests)


def test_the_same_bytes_adopted_twice_are_one_object(store: FilesystemStore) -> None:
    for _ in range(2):
        staged = store.stage()
        staged.write(b"same")
        staged.close()
        store.adopt(staged.handle())
    store.flush()
    assert len(list(store.keys("objects"))) == 1


def test_discarded_bytes_leave_nothing(store: FilesystemStore) -> None:
    staged = store.stage()
    staged.write(b"x" * 3000)
    staged.discard()
    store.end_session()
    assert [path for path in store.root.rglob("*") if path.is_file()] == []


def test_empty_objects_are_objects(store: FilesystemStore) -> None:
    staged = store.stage()
    (digest,) = staged.close()
    store.adopt(staged.handle())
    store.flush()
    assert digest == hashlib.sha256(b"").hexdigest()
    assert read(store, object_key(digest)) == b""


def test_leftovers_of_a_living_process_are_left_alone(store: FilesystemStore) -> None:
    store.stage().write(b"still being written")
    assert FilesystemStore(store.root).clear_leftovers() == 0


def test_a_full_disk_is_said(store: FilesystemStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(osfiles, "sync_file", full)
    with pytest.raises(StoreError) as caught:
        store.create("log/y", b"data")
    assert caught.value.code == "E-DISK-FULL"
    monkeypatch.undo()
    assert list(store.keys("log")) == []


@pytest.mark.parametrize("left", ["empty folder", "folder not locked yet", "folder half emptied"])
def test_leftovers_of_a_process_that_died_while_making_or_clearing_its_folder(
    store: FilesystemStore, left: str
) -> None:
    folder = store.root / ".staging" / "0123456789abcdef"
    folder.mkdir(parents=True)
    if left == "folder not locked yet":
        (folder / "lock").touch()
    elif left == "folder half emptied":
        (folder / "lock").touch()
        (folder / "payload").write_bytes(b"sealed")
    assert store.clear_leftovers() == 1
    assert list((store.root / ".staging").iterdir()) == []


def test_a_folder_taken_for_a_leftover_while_it_is_made_is_made_again(
    store: FilesystemStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process clears up between any two steps of making it."""
    other = FilesystemStore(store.root)
    locking = osfiles.try_lock
    meddled: list[str] = []

    def opening(path: Path, mode: str) -> IO[bytes]:
        if mode == "xb" and path.name == "lock" and "open" not in meddled:
            meddled.append("open")
            assert other.clear_leftovers() == 1
        return open(path, mode)

    def lock(stream: IO[bytes]) -> bool:
        if stream.mode == "xb" and "lock" not in meddled:
            meddled.append("lock")
            assert other.clear_leftovers() == 1
        return locking(stream)

    monkeypatch.setattr(spool, "open", opening, raising=False)
    monkeypatch.setattr(osfiles, "try_lock", lock)
    store.create("log/x", b"bytes")
    assert meddled == ["open", "lock"]
    assert other.clear_leftovers() == 0
    assert read(store, "log/x") == b"bytes"
    store.end_session()
    assert list((store.root / ".staging").iterdir()) == []
