"""One contract suite for object stores: the folder store in each way it may have to work, and S3
over http and https, as an archive under Object Lock and as a plain bucket."""

from __future__ import annotations

import errno
import hashlib
import os
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest
from tests.servers.fixtures import S3Server
from tests.store.buckets import s3_store

from evidence_vault import osfiles
from evidence_vault.errors import AlreadyExists, Locked, NotFound, StoreError
from evidence_vault.store import spool
from evidence_vault.store.filesystem import FilesystemStore
from evidence_vault.store.naming import object_key
from evidence_vault.store.opening import Store, as_locking

FOLDERS = ["links", "no-links", "no-group-sync", "small-parts"]
SERVERS = [f"{kind}-{wire}" for kind in ("archive", "control") for wire in ("http", "https")]


@pytest.fixture(params=FOLDERS)
def folder_store(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> FilesystemStore:
    return make_folder(str(request.param), tmp_path, monkeypatch)


@pytest.fixture(params=FOLDERS + SERVERS)
def store(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Store]:
    if request.param in FOLDERS:
        yield make_folder(str(request.param), tmp_path, monkeypatch)
        return
    request.getfixturevalue("s3_profiles")
    profile, wire = request.param.split("-")
    server: S3Server = request.getfixturevalue("s3_server")
    with s3_store(server, tmp_path, profile, tls=wire == "https") as made:
        yield made


def make_folder(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FilesystemStore:
    if kind == "no-links":  # as on vfat and exFAT

        def refuse(*_: object, **__: object) -> None:
            raise OSError(errno.EPERM, "no links here")

        monkeypatch.setattr(os, "link", refuse)
    if kind == "no-group-sync":
        monkeypatch.setattr(osfiles, "HAS_GROUP_SYNC", False)
    (tmp_path / "root").mkdir()
    part = 1000 if kind == "small-parts" else 2**31
    return FilesystemStore(tmp_path / "root", part)


def read(store: Store, key: str) -> bytes:
    with store.open(key) as stream:
        return stream.read()


def test_what_was_created_is_there_and_stays(store: Store) -> None:
    store.create("log/x", b"first")
    with pytest.raises(AlreadyExists):
        store.create("log/x", b"second")
    assert read(store, "log/x") == b"first"


def test_replace_shows_the_new_bytes(store: Store) -> None:
    store.replace("checkpoint", b"one")
    store.replace("checkpoint", b"two")
    assert read(store, "checkpoint") == b"two"


def test_absence_is_its_own_error(store: Store) -> None:
    with pytest.raises(NotFound):
        store.open("nothing")
    with pytest.raises(NotFound):
        store.delete("nothing")


def test_staged_bytes_are_named_by_their_digest_and_invisible_before(
    store: Store,
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


def test_the_same_bytes_adopted_twice_are_one_object(store: Store) -> None:
    for _ in range(2):
        staged = store.stage()
        staged.write(b"same")
        staged.close()
        store.adopt(staged.handle())
    store.flush()
    assert len(list(store.keys("objects"))) == 1


def test_discarded_bytes_leave_nothing(store: Store) -> None:
    staged = store.stage()
    staged.write(b"x" * 3000)
    staged.discard()
    store.end_session()
    assert [path for path in store.spool.root.rglob("*") if path.is_file()] == []
    assert list(store.keys("")) == []


def test_empty_objects_are_objects(store: Store) -> None:
    staged = store.stage()
    (digest,) = staged.close()
    store.adopt(staged.handle())
    store.flush()
    assert digest == hashlib.sha256(b"").hexdigest()
    assert read(store, object_key(digest)) == b""


def test_leftovers_of_a_living_process_are_left_alone(store: Store) -> None:
    store.stage().write(b"still being written")
    assert pickle.loads(pickle.dumps(store)).clear_leftovers() == 0


def test_what_the_store_answers_is_told_in_order_and_the_spool_is_empty_then(store: Store) -> None:
    handles: list[tuple[str, str]] = []
    contents: list[bytes] = []
    for number in range(25):
        contents.append(os.urandom(10 + number))
        staged = store.stage()
        staged.write(contents[-1])
        staged.close()
        handles += staged.handle()
    placed = store.adopt(handles)
    assert [answer.digest for answer in placed] == [digest for _, digest in handles]
    assert [answer.size for answer in placed] == [len(data) for data in contents]
    assert not any(Path(path).exists() for path, _ in handles)
    locks = as_locking(store) if store.locks else None
    for answer, data in zip(placed, contents, strict=True):
        assert read(store, object_key(answer.digest)) == data
        assert (answer.version is not None) is (locks is not None)
        if locks is not None and answer.version is not None:
            with locks.open_version(object_key(answer.digest), answer.version) as stream:
                assert stream.read() == data
            lock = locks.lock_of(object_key(answer.digest), answer.version)
            assert (lock.mode, lock.until) == (answer.mode, answer.until)


def test_a_reader_goes_where_it_is_sent(store: Store) -> None:
    data = os.urandom(3 * 2**20 + 17)
    store.create("log/long", data)
    with store.open("log/long") as stream:
        for start, length in ((2**21, 100), (0, 5), (len(data) - 3, 10), (2**20 - 1, 2)):
            assert stream.seek(start) == start
            assert stream.read(length) == data[start : start + length]
        assert stream.seek(-5, os.SEEK_END) == len(data) - 5
        assert stream.read() == data[-5:]
        assert stream.read() == b""
        stream.seek(0)
        assert hashlib.sha256(stream.read()).digest() == hashlib.sha256(data).digest()


def test_keys_are_those_below_a_folder(store: Store) -> None:
    for key in ("log/a", "log/b/c", "logs/d", "e"):
        store.create(key, b"x")
    assert sorted(store.keys("log")) == ["log/a", "log/b/c"]
    assert sorted(store.keys("log/")) == ["log/a", "log/b/c"]
    assert sorted(store.keys("")) == ["e", "log/a", "log/b/c", "logs/d"]
    assert list(store.keys("nothing")) == []


def test_damaged_bytes_are_set_aside_where_no_reader_looks(store: Store) -> None:
    """Where versions are kept there is nothing to move: what lay there stays below."""
    store.create("log/tile", b"damaged")
    assert store.set_aside("log/none") is None
    aside = store.set_aside("log/tile")
    if store.locks:
        assert aside is None and read(store, "log/tile") == b"damaged"
        return
    assert aside is not None and read(store, aside) == b"damaged"
    with pytest.raises(NotFound):
        store.open("log/tile")
    store.create("log/tile", b"damaged too")
    again = store.set_aside("log/tile")
    assert again is not None and again != aside
    store.create("log/tile", b"good")
    assert list(store.keys("")) == ["log/tile"]
    store.delete("log/tile")
    for gone in (aside, again):
        with pytest.raises(NotFound):
            store.open(gone)


def test_deleting_is_for_control_and_a_lock_refuses_it(store: Store) -> None:
    store.create("headers/1", b"wrapped key")
    if not store.locks:
        store.delete("headers/1")
        with pytest.raises(NotFound):
            store.open("headers/1")
        return
    with pytest.raises(Locked) as caught:
        store.delete("headers/1")
    assert caught.value.code == "E-LOCKED" and caught.value.until is not None
    assert read(store, "headers/1") == b"wrapped key"


def test_a_full_disk_is_said(
    folder_store: FilesystemStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(osfiles, "sync_file", full)
    with pytest.raises(StoreError) as caught:
        folder_store.create("log/y", b"data")
    assert caught.value.code == "E-DISK-FULL"
    monkeypatch.undo()
    assert list(folder_store.keys("log")) == []


@pytest.mark.parametrize("left", ["empty folder", "folder not locked yet", "folder half emptied"])
def test_leftovers_of_a_process_that_died_while_making_or_clearing_its_folder(
    store: Store, left: str
) -> None:
    folder = store.spool.root / ".staging" / "0123456789abcdef"
    folder.mkdir(parents=True)
    if left == "folder not locked yet":
        (folder / "lock").touch()
    elif left == "folder half emptied":
        (folder / "lock").touch()
        (folder / "payload").write_bytes(b"sealed")
    assert store.clear_leftovers() == 1
    assert list((store.spool.root / ".staging").iterdir()) == []


def test_a_folder_taken_for_a_leftover_while_it_is_made_is_made_again(
    folder_store: FilesystemStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process clears up between any two steps of making it."""
    other = FilesystemStore(folder_store.root)
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
    folder_store.create("log/x", b"bytes")
    assert meddled == ["open", "lock"]
    assert other.clear_leftovers() == 0
    assert read(folder_store, "log/x") == b"bytes"
    folder_store.end_session()
    assert list((folder_store.root / ".staging").iterdir()) == []


def test_exchanging_lays_nothing_over_what_somebody_else_wrote(store: Store) -> None:
    store.replace("log/x", b"first")
    store.exchange("log/x", b"second", b"first")
    store.exchange("log/x", b"second", b"first")  # as after an answer that was lost
    assert read(store, "log/x") == b"second"
    with pytest.raises(StoreError) as caught:
        store.exchange("log/x", b"third", b"first")
    assert caught.value.code == "E-CHANGED-MEANWHILE"
    assert read(store, "log/x") == b"second"
    with pytest.raises(NotFound):
        store.exchange("log/y", b"x", b"y")
