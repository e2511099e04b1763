"""Holds and retention as a real object gateway keeps them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.servers.fixtures import S3Server

from evidence_vault.core.placement import Placed
from evidence_vault.errors import Locked, PolicyRefused, UsageError
from evidence_vault.store.naming import object_key
from evidence_vault.vault import holdkeeping, locks
from evidence_vault.vault.holding import cover
from evidence_vault.vault.holdkeeping import place_slice
from evidence_vault.vault.holdpage import Page, write_page
from evidence_vault.vault.holdrestore import restore_headers
from evidence_vault.vault.holds import header_copies, kept_of
from evidence_vault.vault.locks import later
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.queries import history
from evidence_vault.vault.rebuilding import rebuild
from evidence_vault.vault.removing import finish_removals, waiting_removals
from evidence_vault.vault.retention import list_retention
from evidence_vault.vault.writer import writing

from .s3 import Bucket, make_s3_world
from .test_folder import lose_headers
from .test_kill import ROOT
from .worlds import PASSPHRASE, World, opened


@pytest.fixture
def both(
    tmp_path: Path, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> tuple[World, Bucket]:
    """A vault on S3. Copies of headers are locked for seconds, so that tests need not wait."""
    monkeypatch.setattr(holdkeeping, "COPY_SECONDS", 4)
    return make_s3_world(tmp_path, s3_server, monkeypatch)


def objects_of(world: World, item: str) -> list[Placed]:
    with opened(world.vault) as vault:
        return list(vault.catalogue.placed(kept_of(vault, item).objects()).values())


def stored(bucket: Bucket, world: World, item: str) -> list[dict[str, Any]]:
    """The item's objects as the bucket lists them."""
    return [
        each
        for placed in objects_of(world, item)
        for each in bucket.versions(object_key(placed.digest))
    ]


def wait_until_over(world: World, bucket: Bucket) -> None:
    """Until the minute of the copies is over; each try is what any command that writes does."""
    import time

    for _ in range(40):
        world.write_nothing()
        if not world.unfinished():
            return
        time.sleep(0.5)
    raise AssertionError("copies were never let go")


# -- holding ---------------------------------------------------------------------------------------


def test_held_objects_and_copies_can_not_be_deleted_with_the_vaults_own_credentials(
    both: tuple[World, Bucket],
) -> None:
    world, bucket = both
    first, _, third = world.items()
    told = world.place(first)
    assert told["locked_objects"] == len(objects_of(world, first)) > 0
    copies = bucket.versions(f"holds/{told['hold']}/")
    assert len(copies) == 1
    for each in [*stored(bucket, world, first), *copies]:
        assert bucket.lock(each) == ("GOVERNANCE", "ON")
        assert bucket.delete(each) == "AccessDenied"
        assert bucket.delete(each, bypass=True) == "AccessDenied"
    for each in stored(bucket, world, third):
        assert bucket.lock(each)[1] != "ON"
    locks_shown = world.show(first)["locks"]
    assert {(row["hold"], row["mode"]) for row in locks_shown} == {(True, "GOVERNANCE")}
    assert world.doctor("holds")[0]["outcome"] == "ok"
    world.assert_sound()


@pytest.mark.slow
def test_a_release_lets_go_what_no_other_hold_keeps_and_destroys_the_copies(
    both: tuple[World, Bucket],
) -> None:
    world, bucket = both
    first, second, _ = world.items()
    one = world.place(first, second)["hold"]
    two = world.place(second, case=("C-2",))["hold"]
    world.release(one)
    assert {bucket.lock(e)[1] for e in stored(bucket, world, first)} == {"OFF"}
    assert {bucket.lock(e)[1] for e in stored(bucket, world, second)} == {"ON"}
    wait_until_over(world, bucket)
    assert bucket.versions(f"holds/{one}/") == [], "no version of a copy is left"
    assert len(bucket.versions(f"holds/{two}/")) == 1
    world.release(second)
    wait_until_over(world, bucket)
    assert bucket.versions("holds/") == []
    assert {bucket.lock(e)[1] for e in stored(bucket, world, second)} == {"OFF"}
    again = world.place(second)
    assert {bucket.lock(e)[1] for e in stored(bucket, world, second)} == {"ON"}
    assert [h["hold"] for h in world.holds()] == [again["hold"]]
    world.assert_sound()


@pytest.mark.slow
def test_copies_wait_for_their_minute_and_that_is_said(
    both: tuple[World, Bucket], monkeypatch: pytest.MonkeyPatch
) -> None:
    world, bucket = both
    monkeypatch.setattr(holdkeeping, "COPY_SECONDS", 60)
    first = world.items()[0]
    hold = world.place(first)["hold"]
    told = world.release(hold)
    assert told["pending"] == {"copies": 1, "objects": 0}
    assert "not gone yet" in told["notices"][0]
    (note,) = world.doctor("holds not finished")
    assert note["outcome"] == "problem"
    (copy,) = bucket.versions(f"holds/{hold}/")
    mode, on = bucket.lock(copy)
    assert (mode, on) == ("GOVERNANCE", "OFF"), "not the lock of the bucket, which lasts a day"


def test_the_event_names_version_and_lock_of_every_object(both: tuple[World, Bucket]) -> None:
    world, bucket = both
    first = world.items()[0]
    world.place(first)
    with opened(world.vault) as vault:
        event = history(vault, first)["events"][-1]
    named = [Placed.from_json(each) for each in event["fields"]["objects"]]
    there = {each["VersionId"] for each in bucket.versions()}
    assert len(named) == len(objects_of(world, first)) + 1
    assert all(each.version in there and each.mode == "GOVERNANCE" for each in named)


@pytest.mark.slow
def test_a_store_that_refuses_one_object_is_named_and_nothing_is_claimed(
    both: tuple[World, Bucket],
) -> None:
    world, bucket = both
    first, second, _ = world.items()
    refused = object_key(objects_of(world, second)[0].digest)
    bucket.deny("s3:PutObjectLegalHold", refused)
    told = world.place(first, second)
    assert (told["exit"], told["items"]) == (3, [first])
    assert [each["id"] for each in told["refused"]] == [second]
    assert [h["items"] for h in world.holds()] == [[first]]
    with opened(world.vault) as vault:
        from evidence_vault.vault.holds import demand_not_held

        demand_not_held(vault, [second])
        with pytest.raises(PolicyRefused):
            demand_not_held(vault, [first])
    bucket.allow()
    wait_until_over(world, bucket)
    assert len(bucket.versions(f"holds/{told['hold']}/")) == 1, "no copy of what is not held"
    world.assert_sound()


@pytest.mark.slow
def test_a_store_that_will_not_let_go_is_asked_again(both: tuple[World, Bucket]) -> None:
    world, bucket = both
    first = world.items()[0]
    hold = world.place(first)["hold"]
    bucket.deny("s3:PutObjectLegalHold", "objects/*")
    told = world.release(hold)
    assert told["pending"]["objects"] == len(objects_of(world, first))
    assert world.doctor("holds not finished")
    bucket.allow()
    wait_until_over(world, bucket)
    assert {bucket.lock(e)[1] for e in stored(bucket, world, first)} == {"OFF"}


def test_what_an_earlier_release_left_to_do_takes_no_later_hold_off(
    both: tuple[World, Bucket],
) -> None:
    world, bucket = both
    first = world.items()[0]
    with opened(world.vault) as vault, writing(vault) as writer:
        left = [(p.digest, str(p.version)) for p in objects_of(world, first)]
        write_page(vault, Page(off=left))
        assert place_slice(vault, writer, "ab" * 16, [first], {"purpose": "x"}).done == [first]
    world.write_nothing()
    assert not world.unfinished()
    assert {bucket.lock(e)[1] for e in stored(bucket, world, first)} == {"ON"}


def test_a_hold_taken_off_behind_the_vaults_back_is_named_by_doctor(
    both: tuple[World, Bucket],
) -> None:
    world, bucket = both
    first = world.items()[0]
    world.place(first)
    each = stored(bucket, world, first)[0]
    bucket.client.put_object_legal_hold(
        Bucket=bucket.name,
        Key=each["Key"],
        VersionId=each["VersionId"],
        LegalHold={"Status": "OFF"},
    )
    (note,) = world.doctor("holds")
    assert note["outcome"] == "problem"
    assert first in note["detail"] and "without its legal hold" in note["detail"]


def test_what_is_made_of_a_held_item_is_held_in_the_store(both: tuple[World, Bucket]) -> None:
    world, bucket = both
    first = world.items()[0]
    before = len(objects_of(world, first))
    hold = world.place(first)["hold"]
    world.derive(first)
    assert len(objects_of(world, first)) > before
    assert {bucket.lock(e)[1] for e in stored(bucket, world, first)} == {"ON"}
    assert len(bucket.versions(f"holds/{hold}/{first}/")) == 2


def test_copies_laid_over_by_somebody_else_are_still_found(both: tuple[World, Bucket]) -> None:
    world, bucket = both
    first = world.items()[0]
    hold = world.place(first)["hold"]
    bucket.client.put_object(Bucket=bucket.name, Key=f"holds/{hold}/{first}/1", Body=b"nothing")
    with opened(world.vault) as vault:
        before = kept_of(vault, first).headers()
        lose_headers(vault)
        assert header_copies(vault, first) == before
        assert restore_headers(vault, [first])[first] == len(before)
        assert kept_of(vault, first).lacking == 0


@pytest.mark.slow
@pytest.mark.parametrize("step", ["hold-begun", "hold-copied", "hold-locked", "4-committed"])
def test_place_killed(both: tuple[World, Bucket], step: str) -> None:
    world, bucket = both
    first, second, third = world.items()
    _die(world, "place", step)
    placed = step == "4-committed"
    world.write_nothing()
    for item in (first, second):
        found = {bucket.lock(e)[1] for e in stored(bucket, world, item)}
        assert (found == {"ON"}) if placed else ("ON" not in found)
    assert [h["items"] for h in world.holds()] == ([[first, second]] if placed else [])
    wait_until_over_slowly = bucket.versions("holds/")
    assert len(wait_until_over_slowly) in ((2,) if placed else (0, 2))  # two wait for their minute
    if not placed:
        assert all(bucket.lock(each)[1] == "OFF" for each in wait_until_over_slowly)
    world.place(third)
    world.assert_sound()


@pytest.mark.slow
@pytest.mark.parametrize("step", ["release-begun", "4-committed", "release-signed"])
def test_release_killed(both: tuple[World, Bucket], step: str) -> None:
    world, bucket = both
    first, second, _ = world.items()
    world.place(first, second)
    _die(world, "release", step)
    assert {bucket.lock(e)[1] for e in stored(bucket, world, first)} == {"ON"}
    wait_until_over(world, bucket)
    state = {bucket.lock(e)[1] for e in stored(bucket, world, first)}
    if step == "release-begun":
        assert state == {"ON"}
        assert world.holds()[0]["items"] == [first, second]
    else:
        assert state == {"OFF"}
        assert world.holds() == []
        assert bucket.versions("holds/") == []
    world.assert_sound()


def _die(world: World, doing: str, step: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "holds.driver", str(world.base), doing],
        cwd=ROOT / "tests",
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "EVIDENCE_VAULT_FAULT": step},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == -signal.SIGKILL, f"{step} was never passed: {done.stderr}"


# -- retention -------------------------------------------------------------------------------------


def test_retention_locks_every_object_and_is_never_shortened(both: tuple[World, Bucket]) -> None:
    world, bucket = both
    first, second, _ = world.items()
    with opened(world.vault) as vault:
        day, week = (later(vault.clock.now(), days=n) for n in (2, 7))
    told = world.retain(day, first, mode="COMPLIANCE")
    assert told["locked_objects"] == len(objects_of(world, first))
    for each in stored(bucket, world, first):
        assert bucket.lock(each)[0] == "COMPLIANCE"
        assert bucket.delete(each, bypass=True) == "AccessDenied"
    assert {(p.mode, p.until) for p in objects_of(world, first)} == {("COMPLIANCE", day)}
    world.retain(week, first, mode="GOVERNANCE")
    assert {(p.mode, p.until) for p in objects_of(world, first)} == {("COMPLIANCE", week)}
    with pytest.raises(PolicyRefused, match=week):
        world.retain(day, first)
    everything = world.retain(day, everything=True)
    assert everything["longer"] == [{"id": first, "until": week}]
    assert second in everything["items"]
    assert {p.mode for p in objects_of(world, second)} == {"GOVERNANCE"}
    with opened(world.vault) as vault:
        ends = {row["id"]: row["until"] for row in list_retention(vault, 5)["locks"]}
        assert set(ends) == set(world.items()) - {first}
    assert world.doctor("locks")[0]["outcome"] == "problem"
    world.assert_sound()


def test_less_than_the_lock_that_stands_is_refused(both: tuple[World, Bucket]) -> None:
    world, _ = both
    first = world.items()[0]
    with opened(world.vault) as vault:
        hour = later(vault.clock.now(), hours=1)
    with pytest.raises(PolicyRefused, match="shorter"):
        world.retain(hour, first)


def test_rebuild_restores_versions_holds_and_locks(both: tuple[World, Bucket]) -> None:
    world, _ = both
    first, second, _ = world.items()
    hold = world.place(first)["hold"]
    world.retain("2040-01-01", second, mode="GOVERNANCE")
    known = objects_of(world, first), objects_of(world, second)
    with opened(world.vault) as vault:
        copies = [r.model_dump() for r in vault.catalogue.held_copies(hold, [first])]
    (world.vault / "catalogue.db").unlink()
    assert rebuild(world.vault, lambda: PASSPHRASE)["exit"] == 0
    assert (objects_of(world, first), objects_of(world, second)) == known
    with opened(world.vault) as vault:
        assert [r.model_dump() for r in vault.catalogue.held_copies(hold, [first])] == copies
        assert cover(vault) == 0
    assert [h["hold"] for h in world.holds(first)] == [hold]


# -- removal ---------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_removal_that_the_store_refuses_destroys_the_headers_and_waits(
    both: tuple[World, Bucket], monkeypatch: pytest.MonkeyPatch
) -> None:
    world, bucket = both
    first = world.items()[0]
    objects = objects_of(world, first)
    with opened(world.vault) as vault:
        _give_up(vault, first)
        with writing(vault):  # opening destroys what the event gave up
            pass
        assert kept_of(vault, first).headers() == {} or kept_of(vault, first).lacking > 0
        waiting = waiting_removals(vault)
        assert waiting.locked == len(objects)
        assert waiting.until == max(str(each.until) for each in objects)
    assert len(stored(bucket, world, first)) == len(objects)
    (note,) = world.doctor("removed items")
    assert str(waiting.until) in note["detail"]
    for each in stored(bucket, world, first):  # a day later
        bucket.client.put_object_retention(
            Bucket=bucket.name,
            Key=each["Key"],
            VersionId=each["VersionId"],
            Retention={"Mode": "GOVERNANCE", "RetainUntilDate": later(_now(), seconds=2)},
            BypassGovernanceRetention=True,
        )
    with opened(world.vault) as vault:
        monkeypatch.setattr(vault, "clock", _Later(vault))
        import time

        time.sleep(3)
        with vault.locked():
            done = finish_removals(vault)
        assert done.objects == len(objects)
        assert waiting_removals(vault).locked == 0
    assert stored(bucket, world, first) == []


class _Later:
    """Two days on."""

    def __init__(self, vault: Vault) -> None:
        self._clock = vault.clock

    def now(self) -> str:
        return later(self._clock.now(), days=2)


def _now() -> str:
    from evidence_vault.vault.opening import SystemClock

    return SystemClock().now()


def _give_up(vault: Vault, item: str) -> None:
    """Offered, acknowledged and removed, as the log says it."""
    home = vault.catalogue.home(item)
    assert home is not None
    receiver = {"name": "Other", "origin": "other-log-1"}
    transfer = "ab" * 16
    common = {"actor": "d-1", "transfer_id": transfer}
    for kind, more in (
        ("transfer-offered", {"receiver": receiver, "purpose": None}),
        ("transfer-acknowledged", {"receiver": receiver}),
        ("removed", {"purpose": None}),
    ):
        with writing(vault) as writer:
            writer.set_event(kind, [(item, home[0])], {**common, **more})
            writer.commit()
            writer.checkpoint()


def test_a_locked_version_is_an_error_of_its_own(both: tuple[World, Bucket]) -> None:
    world, _ = both
    first = world.items()[0]
    world.place(first)
    with opened(world.vault) as vault:
        placed = objects_of(world, first)[0]
        store = locks.locking(vault)
        with pytest.raises(Locked) as refused:
            store.delete_version(object_key(placed.digest), str(placed.version))
        assert refused.value.hold
        assert refused.value.exit_status == 14
        with pytest.raises(UsageError):
            store.extend(
                object_key(placed.digest), str(placed.version), "GOVERNANCE", "2107-01-01T00:00:00Z"
            )


def test_a_release_says_what_the_store_does_not_have_any_more(
    both: tuple[World, Bucket],
) -> None:
    world, bucket = both
    first = world.items()[0]
    hold = world.place(first)["hold"]
    lost = stored(bucket, world, first)[0]
    bucket.client.put_object_legal_hold(
        Bucket=bucket.name,
        Key=lost["Key"],
        VersionId=lost["VersionId"],
        LegalHold={"Status": "OFF"},
    )
    assert bucket.delete(lost, bypass=True) == ""
    told = world.release(hold)
    assert (told["exit"], told["missing"]) == (3, [lost["Key"].rsplit("/", 1)[1]])
    assert any("does not have 1" in notice for notice in told["notices"])


@pytest.mark.slow
def test_the_same_date_again_locks_what_the_store_locks_less(
    both: tuple[World, Bucket],
) -> None:
    """Something came to the item since, which has the lock of the bucket alone."""
    world, _ = both
    item = world.items()[0]
    until = "2029-01-01T00:00:00Z"
    assert world.retain(until, item)["items"] == [item]
    again = world.retain(until, item)
    assert (again["already"], again["items"]) == ([item], [])
    world.derive(item)
    weaker = [each for each in objects_of(world, item) if (each.until or "") < until]
    assert weaker
    done = world.retain(until, item)
    assert (done["already"], done["items"], done["refused"]) == ([], [item], [])
    assert all((each.until or "") >= until for each in objects_of(world, item))
    world.assert_sound()


@pytest.mark.sweep
@pytest.mark.parametrize("attack", ["laid over", "deleted"])
def test_a_repair_keeps_what_it_stores_again_as_long_as_was_decided(
    both: tuple[World, Bucket], tmp_path: Path, attack: str
) -> None:
    """The bucket gives a new version its default lock of a day, and no hold."""
    from evidence_vault.store.filesystem import FilesystemStore
    from evidence_vault.vault.fixity import fixity
    from evidence_vault.vault.goodcopies import FolderCopy

    world, bucket = both
    first, second, _ = world.items()
    until = "2040-01-02T00:00:00Z"
    world.retain(until, first)
    held = objects_of(world, second)[0]
    retained = objects_of(world, first)[0]
    archive = FilesystemStore(tmp_path / "usb" / "archive")
    with opened(world.vault) as vault:
        for each in (held, retained):
            parts = archive.stage()
            with vault.open_object(each.digest) as stream:
                parts.write(stream.read())
            parts.close()
            archive.adopt(parts.handle())
    copy = FolderCopy("usb", archive, FilesystemStore(tmp_path / "none"))
    for each in (held, retained):
        key = object_key(each.digest)
        (there,) = bucket.versions(key)
        if attack == "deleted":
            assert bucket.delete(there, bypass=True) == ""
        else:
            bucket.client.put_object(Bucket=bucket.name, Key=there["Key"], Body=b"other")
    if attack == "laid over":
        world.place(second)
    with opened(world.vault) as vault:
        assert fixity(vault, all=True, repair=True, copies=copy)["exit"] == 0
        assert fixity(vault, all=True)["exit"] == 0
    assert objects_of(world, first)[0].until == until
    newest = next(v for v in bucket.versions(object_key(retained.digest)) if v["IsLatest"])
    told = bucket.client.head_object(
        Bucket=bucket.name, Key=newest["Key"], VersionId=newest["VersionId"]
    )
    assert told["ObjectLockRetainUntilDate"].year == 2040
    if attack == "laid over":
        newest = next(v for v in bucket.versions(object_key(held.digest)) if v["IsLatest"])
        assert bucket.lock(newest)[1] == "ON"
        world.release(world.holds(second)[0]["hold"])
        ours = [v for v in bucket.versions(object_key(held.digest)) if v["Size"] > 5]
        assert len(ours) == 2
        assert {bucket.lock(each)[1] for each in ours} <= {"OFF", None}
