"""The two buckets of a new vault, made and examined on a real gateway."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.servers.cutting import cutting_proxy
from tests.servers.fixtures import S3Server
from tests.store.buckets import make_bucket, wipe

from evidence_vault.errors import StoreError, UsageError
from evidence_vault.store.s3buckets import prepare_buckets
from evidence_vault.store.s3client import S3Client
from evidence_vault.store.s3place import Place, format_place, parse_place


@pytest.fixture
def places(s3_server: S3Server, s3_profiles: dict[str, str]) -> Iterator[tuple[Place, Place]]:
    archive = parse_place(s3_server.place("archive", lock="governance", days=3))
    control = parse_place(s3_server.place("control"))
    yield archive, control
    for place in (archive, control):
        wipe(S3Client(place))


def test_missing_buckets_are_made_and_tried(places: tuple[Place, Place]) -> None:
    done = prepare_buckets(*places)
    assert done.facts["archive"] == {
        "bucket": places[0].bucket,
        "made": True,
        "versions": True,
        "lock": "GOVERNANCE",
        "days": 3,
        "deletion_refused": True,
    }
    assert done.facts["control"]["create_only"] and not done.facts["control"]["versions"]
    assert done.facts["same_credentials"] is False
    assert any("operates" in notice for notice in done.notices)
    for place in places:  # nothing of the trying is left
        found = S3Client(place).call("list_object_versions", "bucket")
        assert not found.get("Versions") and not found.get("DeleteMarkers")
    again = prepare_buckets(*places)
    assert not again.facts["archive"]["made"] and not again.facts["control"]["made"]


def test_a_lock_shorter_or_weaker_than_asked_is_refused(places: tuple[Place, Place]) -> None:
    make_bucket(S3Client(places[0]))
    text = format_place(places[0])
    for asked in (text.replace("days=3", "days=4"), text.replace("governance", "compliance")):
        with pytest.raises(UsageError) as caught:
            prepare_buckets(parse_place(asked), None)
        assert caught.value.code == "E-S3-NO-LOCK" and "GOVERNANCE, 3 days" in caught.value.message


def test_a_bucket_without_lock_is_no_archive(places: tuple[Place, Place]) -> None:
    S3Client(places[0]).call("create_bucket", "bucket")
    with pytest.raises(UsageError) as caught:
        prepare_buckets(places[0], None)
    assert caught.value.code == "E-S3-NO-LOCK"


def test_control_in_a_bucket_with_versions_is_refused(places: tuple[Place, Place]) -> None:
    client = S3Client(places[1])
    client.call("create_bucket", "bucket")
    on = {"Status": "Enabled"}
    client.call("put_bucket_versioning", "bucket", VersioningConfiguration=on)
    with pytest.raises(UsageError) as caught:
        prepare_buckets(None, places[1])
    assert caught.value.code == "E-S3-VERSIONED"


def test_a_bucket_that_holds_something_is_refused(places: tuple[Place, Place]) -> None:
    client = S3Client(places[1])
    client.call("create_bucket", "bucket")
    client.call("put_object", "x", Key="x", Body=b"somebody's")
    with pytest.raises(UsageError) as caught:
        prepare_buckets(None, places[1])
    assert caught.value.code == "E-NOT-EMPTY"


def test_one_bucket_for_both_and_one_user_for_both(
    places: tuple[Place, Place], s3_server: S3Server
) -> None:
    with pytest.raises(UsageError):
        prepare_buckets(
            places[0], parse_place(f"s3://{places[0].bucket}?endpoint={places[0].endpoint}")
        )
    control = parse_place(s3_server.place("archive", "control"))
    try:
        done = prepare_buckets(places[0], control)
        assert done.facts["same_credentials"] is True
        assert any("same credentials" in notice for notice in done.notices)
    finally:
        wipe(S3Client(control))


def test_another_user_s_bucket_is_said(places: tuple[Place, Place], s3_server: S3Server) -> None:
    make_bucket(S3Client(places[0]))
    stolen = format_place(places[0]).replace("profile=archive", "profile=control")
    with pytest.raises(StoreError) as caught:
        prepare_buckets(parse_place(stolen), None)
    assert caught.value.code == "E-S3-DENIED"


def test_a_store_that_overwrites_in_spite_of_create_only_is_refused(
    places: tuple[Place, Place],
) -> None:
    assert places[1].endpoint is not None
    with cutting_proxy(places[1].endpoint) as proxy:
        # It answers 200 to every PUT of the test object, as a store does that ignores the header.
        proxy.begin(lambda m, path, _: (200, "") if m == "PUT" and "probe-" in path else "pass")
        place = parse_place(format_place(places[1]).replace(places[1].endpoint, proxy.endpoint))
        with pytest.raises(UsageError) as caught:
            prepare_buckets(None, place)
    assert caught.value.code == "E-NO-CREATE-ONLY"
