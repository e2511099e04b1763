"""A bad network before a real gateway: requests lost, done but not answered, refused, cut short."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.servers.cutting import Proxy, cutting_proxy
from tests.servers.fixtures import S3Server
from tests.store.buckets import s3_store

from evidence_vault.errors import AlreadyExists, NotFound, StoreError
from evidence_vault.store import s3client
from evidence_vault.store.naming import object_key
from evidence_vault.store.s3 import S3Store


@pytest.fixture
def proxy(s3_server: S3Server) -> Iterator[Proxy]:
    with cutting_proxy(s3_server.endpoint) as made:
        yield made


@pytest.fixture
def control(s3_server: S3Server, s3_profiles: dict[str, str], tmp_path: Path) -> Iterator[S3Store]:
    with s3_store(s3_server, tmp_path, "control") as store:
        yield store


def behind(store: S3Store, proxy: Proxy) -> S3Store:
    """The same root, reached through the proxy."""
    place = replace(store.place, endpoint=proxy.endpoint)
    return type(store)(place, store.spool.root, store.spool.part_bytes)


def is_put(method: str, number: int, first: int = 1) -> bool:
    return method == "PUT" and number < first


def read(store: S3Store, key: str) -> bytes:
    with store.open(key) as stream:
        return stream.read()


@pytest.mark.parametrize("fault", ["lose", "cut", (500, "InternalError"), (503, "SlowDown")])
def test_a_write_whose_outcome_was_unknown_is_done_once(
    control: S3Store, proxy: Proxy, fault: str | tuple[int, str]
) -> None:
    store = behind(control, proxy)
    proxy.begin(lambda method, _, number: fault if is_put(method, number) else "pass")
    store.create("commits/0", b"one batch")
    assert read(control, "commits/0") == b"one batch"
    puts = [method for method, _ in proxy.seen if method == "PUT"]
    assert len(puts) == (1 if fault == "cut" else 2)


def test_a_write_that_somebody_else_won_meanwhile_is_not_taken_for_ours(
    control: S3Store, proxy: Proxy
) -> None:
    """The request is lost, the other machine's goes through, and ours is tried again."""
    store = behind(control, proxy)

    def plan(method: str, _: str, number: int) -> str:
        if is_put(method, number):
            control.create("commits/0", b"theirs")
            return "lose"
        return "pass"

    proxy.begin(plan)
    with pytest.raises(AlreadyExists):
        store.create("commits/0", b"ours")
    assert read(control, "commits/0") == b"theirs"


def test_when_nobody_can_say_whether_it_was_written_that_is_said(
    control: S3Store, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3client, "PATIENCE_SECONDS", 1.0)
    store = behind(control, proxy)
    proxy.begin(lambda method, _, number: "cut" if is_put(method, number) else "lose")
    with pytest.raises(StoreError) as caught:
        store.create("commits/0", b"one batch")
    assert caught.value.code == "E-S3-UNKNOWN"
    assert read(control, "commits/0") == b"one batch"  # it had been


def test_a_gateway_that_is_not_there_is_said_and_is_not_absence(
    control: S3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3client, "PATIENCE_SECONDS", 1.0)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        place = replace(control.place, endpoint=f"http://127.0.0.1:{unused.getsockname()[1]}")
        dead = S3Store(place, control.spool.root)
        for act in (
            lambda: dead.open("x"),
            lambda: dead.create("x", b""),
            lambda: dead.delete("x"),
        ):
            with pytest.raises(StoreError) as caught:
                act()
            assert caught.value.code == "E-S3-UNREACHABLE"
            assert not isinstance(caught.value, NotFound)


@pytest.mark.parametrize("fault", ["halve", "cut", (503, "SlowDown")])
def test_an_answer_that_was_cut_short_is_asked_for_again(
    control: S3Store, proxy: Proxy, fault: str | tuple[int, str]
) -> None:
    data = os.urandom(3 * 2**20)
    control.create("log/long", data)
    store = behind(control, proxy)
    proxy.begin(lambda method, _, number: fault if number in (0, 2) else "pass")
    assert read(store, "log/long") == data


def test_a_reader_never_shows_two_objects_in_one(control: S3Store) -> None:
    control.create("log/long", b"a" * 3 * 2**20)
    with control.open("log/long") as stream:
        assert stream.read(10) == b"a" * 10
        control.replace("log/long", b"b" * 3 * 2**20)
        with pytest.raises(StoreError) as caught:
            stream.read()
    assert caught.value.code == "E-S3-CHANGED"


@pytest.mark.parametrize(
    ("status", "said", "code"),
    [
        (403, "AccessDenied", "E-S3-DENIED"),
        (403, "InvalidAccessKeyId", "E-S3-DENIED"),
        (400, "ExpiredToken", "E-S3-EXPIRED"),
        (403, "RequestTimeTooSkewed", "E-S3-CLOCK"),
        (403, "QuotaExceeded", "E-S3-QUOTA"),
        (507, "InsufficientStorage", "E-S3-QUOTA"),
        (404, "NoSuchBucket", "E-S3-NO-BUCKET"),
        (404, "SomethingElse", "E-S3-ANSWER"),
    ],
)
def test_each_refusal_has_its_code_and_what_to_do(
    control: S3Store, proxy: Proxy, status: int, said: str, code: str
) -> None:
    proxy.begin(lambda *_: (status, said))
    store = behind(control, proxy)
    for act in (lambda: store.open("x"), lambda: store.create("x", b"y")):
        with pytest.raises(StoreError) as caught:
            act()
        assert caught.value.code == code and caught.value.hint
        assert not isinstance(caught.value, NotFound)
        assert "told by a test" not in str(caught.value)


def test_wrong_credentials_are_said_and_not_shown(
    control: S3Store, s3_profiles: dict[str, str], s3_server: S3Server
) -> None:
    path = Path(s3_profiles["AWS_SHARED_CREDENTIALS_FILE"])
    path.write_text(path.read_text().replace(s3_server.alt_secret_key, "wrong-secret-of-somebody"))
    store = S3Store(control.place, control.spool.root)
    with pytest.raises(StoreError) as caught:
        store.open("x")
    assert caught.value.code == "E-S3-DENIED"
    path.write_text("")
    store = S3Store(control.place, control.spool.root)
    with pytest.raises(StoreError) as absent:
        store.open("x")
    assert absent.value.code == "E-S3-DENIED"
    for error in (caught.value, absent.value):
        said = f"{error} {error.hint}"
        assert s3_server.alt_access_key not in said and "wrong-secret" not in said
        assert "ignature=" not in said and "http" not in said


def test_a_missing_bucket_is_not_an_empty_one(control: S3Store) -> None:
    store = S3Store(replace(control.place, bucket="nobody-made-this-one"), control.spool.root)
    for act in (lambda: store.open("x"), lambda: store.delete("x"), lambda: list(store.keys(""))):
        with pytest.raises(StoreError) as caught:
            act()
        assert caught.value.code == "E-S3-NO-BUCKET"


def test_of_eight_who_create_at_once_one_does(control: S3Store) -> None:
    for round in range(3):
        barrier = threading.Barrier(8)
        won: list[int] = []

        def race(number: int, key: str, barrier: threading.Barrier, won: list[int]) -> None:
            barrier.wait()
            try:
                control.create(key, f"by {number}".encode())
                won.append(number)
            except AlreadyExists:
                pass

        key = f"commits/{round}"
        threads = [
            threading.Thread(target=race, args=(number, key, barrier, won)) for number in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(won) == 1 and read(control, key) == f"by {won[0]}".encode()


def test_a_payload_that_the_store_acknowledged_and_lost_is_sent_again(
    control: S3Store, proxy: Proxy
) -> None:
    store = behind(control, proxy)
    proxy.begin(lambda method, _, number: (200, "") if is_put(method, number) else "pass")
    staged = store.stage()
    staged.write(b"sealed")
    staged.close()
    (placed,) = store.adopt(staged.handle())
    assert read(control, object_key(placed.digest)) == b"sealed"
    store.end_session()


def test_who_writes_between_reading_and_exchanging_is_not_overwritten(
    control: S3Store, proxy: Proxy
) -> None:
    store = behind(control, proxy)
    control.create("commits/0", b"old")

    def plan(method: str, _: str, number: int) -> str:
        if method == "PUT" and control.client.read("commits/0")[0] == b"old":
            control.replace("commits/0", b"theirs")
        return "pass"

    proxy.begin(plan)
    with pytest.raises(StoreError) as caught:
        store.exchange("commits/0", b"ours", b"old")
    assert caught.value.code == "E-CHANGED-MEANWHILE"
    assert read(control, "commits/0") == b"theirs"


@pytest.mark.parametrize("fault", ["lose", "cut"])
def test_an_exchange_whose_answer_was_lost_is_done_once(
    control: S3Store, proxy: Proxy, fault: str
) -> None:
    store = behind(control, proxy)
    control.create("commits/0", b"old")
    proxy.begin(lambda method, _, number: fault if method == "PUT" and number < 2 else "pass")
    store.exchange("commits/0", b"ours", b"old")
    assert read(control, "commits/0") == b"ours"
