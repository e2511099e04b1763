"""Object storage that fails: a real Ceph gateway behind a proxy that goes wrong on demand.

The vault's ``archive/`` (Object Lock, governance) and ``control/`` are moved to buckets,
every try below a prefix of its own; its catalogue stays with it.
"""

from __future__ import annotations

import contextlib
import os
import random
import secrets
import signal
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.registry import Missing, Try, fault
from tests.faults.world import Ended, Judge, Place, Server, acts, quick, secret
from tests.servers import fixtures
from tests.servers.faultproxy import FaultProxy

from evidence_vault.errors import VaultError
from evidence_vault.vault.fixity import fixity
from evidence_vault.vault.moving import migrate
from evidence_vault.vault.movingplan import MoveRequest
from evidence_vault.vault.opening import open_vault

LEVEL = "whole vault (archive and control on S3, SQLite)"


@contextlib.contextmanager
def gateway() -> Iterator[fixtures.S3Server]:
    """The gateway that EVIDENCE_VAULT_TEST_S3 names, else one of our own."""
    named = os.environ.get("EVIDENCE_VAULT_TEST_S3")
    if named:
        yield fixtures.s3_from(Path(named))
        return
    with own_gateway() as (server, _):
        yield server


@contextlib.contextmanager
def own_gateway() -> Iterator[tuple[fixtures.S3Server, Path]]:
    """A gateway that may be killed, and its folder."""
    folder = Path(tempfile.mkdtemp(prefix="vault-faults."))
    folder.chmod(0o755)
    try:
        yield fixtures.s3_from(fixtures.start("rgw", folder / "rgw")), folder / "rgw"
    except fixtures.NotInstalled as absent:
        raise Missing(str(absent)) from None
    finally:
        fixtures.stop("rgw", folder / "rgw")


_DAYS = 200  # `doctor` warns of locks that end within three months


@dataclass
class Cloud:
    """Two buckets behind the proxy, and the environment with the credentials."""

    server: fixtures.S3Server
    proxy: FaultProxy
    variables: dict[str, str]
    archive: str
    control: str

    def place(self, tag: str) -> str:
        return (
            f"s3://{self.archive}/{tag}?endpoint={self.proxy.endpoint}"
            f"&region={self.server.region}&profile=archive&lock=governance&days={_DAYS}"
            f"&control={self.control}&control_profile=control"
        )

    def move(self, model: Place, base: Path) -> Place:
        """A copy of a vault, moved to the two buckets, below a prefix of its own."""
        place = model.copy(base)
        with quick(place.state):
            migrate(place.vault, secret, MoveRequest(store=self.place(f"t{secrets.token_hex(5)}")))
        return place

    def admin(self, profile: str) -> Any:
        import boto3

        secret_key = {
            "archive": (self.server.access_key, self.server.secret_key),
            "control": (self.server.alt_access_key, self.server.alt_secret_key),
        }[profile]
        return boto3.client(
            "s3",
            endpoint_url=self.server.endpoint,
            region_name=self.server.region,
            aws_access_key_id=secret_key[0],
            aws_secret_access_key=secret_key[1],
        )

    def clear(self) -> None:
        """Remove what can be removed: governance locks may be passed over by the owner."""
        for profile, bucket in (("archive", self.archive), ("control", self.control)):
            client = self.admin(profile)
            for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket):
                for each in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
                    with contextlib.suppress(Exception):  # under a lock it stays
                        client.delete_object(
                            Bucket=bucket,
                            Key=each["Key"],
                            VersionId=each["VersionId"],
                            BypassGovernanceRetention=True,
                        )
            with contextlib.suppress(Exception):  # and its bucket with it
                client.delete_bucket(Bucket=bucket)


@contextlib.contextmanager
def cloud(folder: Path, server: fixtures.S3Server | None = None) -> Iterator[Cloud]:
    with contextlib.ExitStack() as stack:
        chosen = server or stack.enter_context(gateway())
        proxy = stack.enter_context(FaultProxy(chosen.endpoint))
        variables = chosen.write_profiles(folder / "aws")
        stack.enter_context(environment(variables))
        tag = secrets.token_hex(6)
        made = Cloud(chosen, proxy, variables, f"faults-a-{tag}", f"faults-c-{tag}")
        made.admin("archive").create_bucket(Bucket=made.archive, ObjectLockEnabledForBucket=True)
        rule = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": _DAYS}}
        made.admin("archive").put_object_lock_configuration(
            Bucket=made.archive,
            ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule},
        )
        made.admin("control").create_bucket(Bucket=made.control)
        stack.callback(made.clear)
        yield made


@contextlib.contextmanager
def environment(variables: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    for name in list(os.environ):
        if name.startswith("AWS_"):
            del os.environ[name]
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def run_with(
    sky: Cloud, server: Server, place: Place, method: str, nth: int, times: int, kind: str
) -> Ended:
    """Requests ``nth`` to ``nth + times - 1`` of a method go wrong."""

    def plan(asked: str, _: str, number: int) -> str | None:
        return kind if asked == method and nth <= number < nth + times else None

    sky.proxy.restart_plan(plan)
    ended = server.run(place, acts("one", "two", place=place))
    sky.proxy.restart_plan(lambda *_: None)
    return ended


def spread(
    folder: Path, most: int, kind: str, method: str, times: tuple[int, ...] = (1,)
) -> Iterator[Try]:
    """``most`` requests of the run go wrong in turn, or several in a row."""
    model = Place.make(folder / "model")
    with cloud(folder) as sky, Server() as server:
        place = sky.move(model, folder / "counted")
        sky.proxy.restart_plan(lambda *_: None)
        plain = server.run(place, acts("one", "two", place=place))
        assert plain.results, plain.lines
        total = sky.proxy.count(method)
        for number in range(most):
            nth = 1 + number * (total - 1) // max(1, most - 1) if most > 1 else total // 2
            row = times[number % len(times)]
            place = sky.move(model, folder / f"n{number}")
            verdict = Try(f"{kind} at {method} {nth} of {total}, {row} times")
            judge = Judge(place, verdict)
            ended = run_with(sky, server, place, method, nth, row, kind)
            if ended.status:
                verdict.unmended.append(f"the process ended with {ended.status}")
            judge.after(ended, 8)
            judge.all_is_well("one", "two")
            yield verdict


_PROXY = "the proxy (`tests/servers/faultproxy.py`) before a real Ceph gateway "


@fault(
    "S3: answers 500",
    how=_PROXY + "answers n PUTs in a row with 500 in its place, 1, 4 or for good",
    level=LEVEL,
    sample=1,
    whole=3,
)
def s3_500(folder: Path, most: int) -> Iterator[Try]:
    yield from spread(folder, most, "500", "PUT", (1, 4, 9999) if most > 1 else (1,))


@fault(
    "S3: answers 503 SlowDown",
    how=_PROXY + "answers n GETs in a row with 503 in its place, 1 or 4",
    level=LEVEL,
    sample=0,
    whole=2,
)
def s3_503(folder: Path, most: int) -> Iterator[Try]:
    yield from spread(folder, most, "503", "GET", (1, 4))


@fault(
    "S3: no answer (timeout)",
    how=_PROXY + "takes a PUT and never answers",
    level=LEVEL,
    sample=0,
    whole=2,
)
def s3_silence(folder: Path, most: int) -> Iterator[Try]:
    yield from spread(folder, most, "silence", "PUT")


@fault(
    "S3: reset in the middle of an upload",
    how=_PROXY + "resets the connection when half of the body has come",
    level=LEVEL,
    sample=1,
    whole=2,
)
def s3_reset_upload(folder: Path, most: int) -> Iterator[Try]:
    yield from spread(folder, most, "reset-upload", "PUT")


@fault(
    "S3: reset in the middle of a download",
    how=_PROXY + "resets the connection after half of the answer's body",
    level=LEVEL,
    sample=0,
    whole=2,
)
def s3_reset_download(folder: Path, most: int) -> Iterator[Try]:
    yield from spread(folder, most, "reset-download", "GET")


@fault(
    "S3: a truncated GET",
    how=_PROXY + "closes the connection in order after half of the answer's body",
    level=LEVEL,
    sample=0,
    whole=2,
)
def s3_truncated(folder: Path, most: int) -> Iterator[Try]:
    yield from spread(folder, most, "truncated", "GET")


@fault(
    "S3: a PUT that failed for the client, but happened",
    how=_PROXY + "passes it on, then resets the connection without an answer",
    level=LEVEL,
    sample=1,
    whole=2,
)
def s3_done_reset(folder: Path, most: int) -> Iterator[Try]:
    yield from spread(folder, most, "done-reset", "PUT")


@fault(
    "S3: a PUT answered 500, but it happened",
    how=_PROXY + "passes it on, then answers 500",
    level=LEVEL,
    sample=0,
    whole=2,
)
def s3_done_500(folder: Path, most: int) -> Iterator[Try]:
    yield from spread(folder, most, "done-500", "PUT")


@fault(
    "S3: a PUT corrupted on its way",
    how=_PROXY + "flips a bit of the body",
    level=LEVEL,
    sample=0,
    whole=2,
)
def s3_corrupt_upload(folder: Path, most: int) -> Iterator[Try]:
    yield from spread(folder, most, "corrupt-upload", "PUT")


@fault(
    "S3: an answer corrupted on its way",
    how=_PROXY + "flips a bit of a GET's answer",
    level=LEVEL,
    sample=1,
    whole=2,
)
def s3_corrupt_answer(folder: Path, most: int) -> Iterator[Try]:
    yield from spread(folder, most, "corrupt-answer", "GET")


@fault(
    "S3: expired credentials",
    how=_PROXY + "answers 403 ExpiredToken from some request on; later the credentials are new",
    level=LEVEL,
    sample=0,
    whole=2,
)
def s3_expired(folder: Path, most: int) -> Iterator[Try]:
    yield from spread(folder, most, "expired", "PUT", (9999,))


@fault(
    "S3: the clock of this machine is wrong",
    how="requests are signed a day late (botocore's clock is set back in the process); the real "
    "gateway refuses them",
    level=LEVEL,
    sample=0,
    whole=2,
)
def s3_skew(folder: Path, most: int) -> Iterator[Try]:
    model = Place.make(folder / "model")
    with cloud(folder) as sky, Server() as server:
        for number, hours in enumerate((-24, 24)[:most]):
            place = sky.move(model, folder / f"n{number}")
            verdict = Try(f"clock {hours} h")
            judge = Judge(place, verdict)
            ended = server.run(place, acts("one", "two", place=place), skew=hours * 3600)
            if ended.error is None:
                verdict.silent.append(f"nothing was refused: {ended.lines}")
            judge.after(ended, 8)
            judge.all_is_well("one", "two")
            yield verdict


@fault(
    "S3: a PUT acknowledged, but stored corrupt",
    how="after the run another user's version with one bit flipped is laid over an object by an "
    "administrator; `fixity --all` must name it, or the recorded version still be the one read",
    level=LEVEL,
    sample=0,
    whole=2,
)
def s3_stored_corrupt(folder: Path, most: int) -> Iterator[Try]:
    model = Place.make(folder / "model")
    with cloud(folder) as sky, Server() as server:
        for number in range(most):
            place = sky.move(model, folder / f"n{number}")
            verdict = Try(f"object {number}")
            judge = Judge(place, verdict)
            judge.after(server.run(place, acts("one", "two", place=place)), 8)
            overlay(sky, place, number, verdict)
            yield verdict


def overlay(sky: Cloud, place: Place, number: int, verdict: Try) -> None:
    """Lay a corrupt version over one object, ask, and put the good bytes back over it."""
    with quick(place.state), open_vault(place.vault, secret) as vault:
        keys = sorted(vault.archive.keys("objects"))
        key = keys[number * (len(keys) - 1) // 6]
        with vault.archive.open(key) as stream:
            good = stream.read()
        tag = vault.config.archive.split("?")[0].rsplit("/", 1)[1]
    bad = bytearray(good)
    bad[len(bad) // 2] ^= 1
    client = sky.admin("archive")
    client.put_object(Bucket=sky.archive, Key=f"{tag}/{key}", Body=bytes(bad))
    with quick(place.state):
        try:
            with open_vault(place.vault, secret) as vault:
                told = fixity(vault, all=True)
        except VaultError as error:
            told = {"damaged": [error.code], "exit": 12}
    before = len(verdict.lost)
    judge = Judge(place, verdict)
    with quick(place.state):
        judge.count_lost()
    unreadable = verdict.lost[before:]
    del verdict.lost[before:]
    if told["damaged"]:
        verdict.saw.append("fixity: damaged")
        verdict.mends.append("put the good version back over it")
    elif unreadable:
        verdict.silent.append(f"fixity says good, but {unreadable}")
    else:
        verdict.saw.append("nothing: the recorded version is read")
    client.put_object(Bucket=sky.archive, Key=f"{tag}/{key}", Body=good)
    judge.all_is_well("one", "two")


@fault(
    "S3: the gateway is killed in the middle of an upload in parts",
    how="radosgw of a server of its own gets SIGKILL when the n-th part of a file of 40 MiB comes; "
    "it is started again and the same `ingest` run once more",
    level=LEVEL,
    sample=0,
    whole=1,
)
def s3_gateway_killed(folder: Path, most: int) -> Iterator[Try]:
    model = Place.make(folder / "model")
    (model.sources / "one" / "large.bin").write_bytes(random.Random(8).randbytes(40 << 20))
    with own_gateway() as (own, place_of), cloud(folder, own) as sky, Server() as server:
        for number in range(most):
            place = sky.move(model, folder / f"g{number}")
            verdict = Try(f"part {2 + number}")
            judge = Judge(place, verdict)

            def plan(
                method: str, path: str, _: int, wanted: str = f"partNumber={2 + number}"
            ) -> str | None:
                if method == "PUT" and wanted in path:
                    process = int((place_of / "run" / "client.rgw.pid").read_text())
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(process, signal.SIGKILL)
                return None

            sky.proxy.restart_plan(plan)
            ended = server.run(place, acts("one", "two", place=place))
            sky.proxy.restart_plan(lambda *_: None)
            fixtures.start("rgw", place_of)
            judge.after(ended, 9)
            if ended.error is None:
                verdict.unmended.append("the gateway was never killed: nothing came in parts")
            judge.all_is_well("one", "two")
            yield verdict
