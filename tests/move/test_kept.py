"""A move to an archive under Object Lock and what is held, or to be kept until a date."""

from __future__ import annotations

from typing import Any

import pytest
from tests.servers.fixtures import S3Server
from tests.vault.vaults import PASSPHRASE, Made

from evidence_vault.errors import PolicyRefused
from evidence_vault.store.s3client import S3Client
from evidence_vault.store.s3place import parse_place
from evidence_vault.vault import movingcopy
from evidence_vault.vault.holding import HoldRequest, place, release
from evidence_vault.vault.moving import migrate
from evidence_vault.vault.movingplan import MoveRequest
from evidence_vault.vault.newplaces import split_store
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.retention import RetentionRequest, set_retention

from .test_moving import filled

__all__ = ["filled"]


def url(server: S3Server, **more: Any) -> str:
    return server.place("archive", "kept", control_profile="control", **more)


def move(made: Made, store: str, **more: Any) -> dict[str, Any]:
    return migrate(made.folder, lambda: PASSPHRASE, MoveRequest(store=store, **more))


def hold_first(vault: Vault) -> str:
    return str(place(vault, HoldRequest("why", vault.catalogue.item_ids()[:1]))["hold"])


def holds_in(server_url: str) -> list[str]:
    client = S3Client(parse_place(split_store(server_url)[0]))
    found = client.call("list_objects_v2", "", Prefix=client.key("holds/")).get("Contents", [])
    return [each["Key"] for each in found]


def test_a_vault_with_a_hold_is_not_moved_to_where_the_hold_would_be_lost(
    filled: Made, s3_server: S3Server, s3_profiles: dict[str, str]
) -> None:
    store = url(s3_server, lock="governance", days=1)
    with filled.open() as vault:
        hold = hold_first(vault)
    for dry in (True, False):
        with pytest.raises(PolicyRefused, match=hold[:8]) as caught:
            move(filled, store, dry_run=dry)
        assert caught.value.code == "E-MOVE-HELD"
    assert not list(filled.folder.glob("moving*"))
    with filled.open() as vault:
        release(vault, hold, "it ended")
    assert move(filled, store)["exit"] == 0
    assert filled.audit()["findings"] == []


def test_a_hold_placed_while_the_vault_moves_stops_the_move_and_no_copy_is_locked_there(
    filled: Made,
    s3_server: S3Server,
    s3_profiles: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = url(s3_server, lock="governance", days=1)
    copied = movingcopy.Copier.files

    def meanwhile(self: movingcopy.Copier) -> None:
        with filled.open() as vault:
            hold_first(vault)
        copied(self)

    monkeypatch.setattr(movingcopy.Copier, "files", meanwhile)
    with pytest.raises(PolicyRefused) as caught:
        move(filled, store)
    assert caught.value.code == "E-MOVE-HELD"
    assert holds_in(store) == []
    with filled.open() as vault:
        assert vault.config.archive == "archive"


def test_what_is_to_be_kept_longer_than_the_new_archive_locks_is_not_moved_there(
    filled: Made, s3_server: S3Server, s3_profiles: dict[str, str]
) -> None:
    with filled.open() as vault:
        item = vault.catalogue.item_ids()[0]
        set_retention(vault, RetentionRequest("2100-01-01", "why", [item]))
    with pytest.raises(PolicyRefused, match=item) as caught:
        move(filled, url(s3_server, lock="compliance", days=2))
    assert caught.value.code == "E-MOVE-RETAINED"
