"""A slow line is no dead one: what moves is waited for, what does not is given up."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.servers.fixtures import S3Server
from tests.servers.slowline import SlowLine, slow_line
from tests.store.buckets import s3_store

from evidence_vault.errors import StoreError
from evidence_vault.store import s3client, s3pace
from evidence_vault.store.s3 import S3Store

pytestmark = pytest.mark.usefixtures("impatient")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """All limits a twentieth, and the buffers with them."""
    monkeypatch.setattr(s3client, "CONNECT_SECONDS", 1.0)
    monkeypatch.setattr(s3client, "READ_SECONDS", 1.0)
    monkeypatch.setattr(s3client, "PATIENCE_SECONDS", 1.2)
    monkeypatch.setattr(s3client, "SEND_BUFFER", 2**14)
    monkeypatch.setattr(s3pace, "_QUICK_SECONDS", 0.2)
    monkeypatch.setattr(s3pace, "_SLOW_SECONDS", 1.0)


@pytest.fixture
def control(s3_server: S3Server, s3_profiles: dict[str, str], tmp_path: Path) -> Iterator[S3Store]:
    with s3_store(s3_server, tmp_path, "control") as store:
        yield store


def behind(store: S3Store, line: SlowLine) -> S3Store:
    place = replace(store.place, endpoint=line.endpoint)
    return type(store)(place, store.spool.root, store.spool.part_bytes)


def spooled(folder: Path, sizes: list[int]) -> list[tuple[str, str]]:
    made = []
    for number, size in enumerate(sizes):
        path = folder / str(number)
        path.write_bytes(os.urandom(size))
        made.append((str(path), hashlib.sha256(path.read_bytes()).hexdigest()))
    return made


@pytest.mark.parametrize(
    ("sizes", "rate"), [([9 * 2**20], 1_500_000), ([200_000] * 10 + [1000] * 10, 400_000)]
)
def test_an_upload_that_takes_many_times_the_limits_arrives(
    control: S3Store, tmp_path: Path, sizes: list[int], rate: int
) -> None:
    parts = spooled(tmp_path, sizes)
    assert control.place.endpoint is not None
    with slow_line(control.place.endpoint, rate) as line:
        store = behind(control, line)
        placed = store.adopt(parts)
        store.end_session()
    assert [(each.digest, each.size) for each in placed] == [
        (digest, size) for (_, digest), size in zip(parts, sizes, strict=True)
    ]


def test_a_line_on_which_nothing_moves_is_given_up(control: S3Store, tmp_path: Path) -> None:
    parts = spooled(tmp_path, [9 * 2**20])
    assert control.place.endpoint is not None
    with slow_line(control.place.endpoint, 10**7) as line:
        line.dead.set()
        store = behind(control, line)
        with pytest.raises(StoreError) as caught:
            store.adopt(parts)
        assert line.connections < 20
        store.end_session()
    assert caught.value.code == "E-S3-UNREACHABLE"
    assert Path(parts[0][0]).exists()
