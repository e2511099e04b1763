"""More than one group of 256 entries, and two desks of one organisation."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from evidence_vault.core import age
from evidence_vault.errors import EvidenceError, UsageError
from evidence_vault.vault.accepting import AcceptRequest, accept
from evidence_vault.vault.acknowledging import acknowledge
from evidence_vault.vault.checking import log_audit
from evidence_vault.vault.exits import get_item, write_receipts
from evidence_vault.vault.exporting import ExportRequest, export
from evidence_vault.vault.fixity import fixity
from evidence_vault.vault.grants import grant
from evidence_vault.vault.ingest import IngestRequest, ingest
from evidence_vault.vault.offering import OfferRequest, offer
from evidence_vault.vault.queries import show_item
from evidence_vault.vault.wiping import remove

from .worlds import PASSPHRASE, World, make_desk, opened, pin


def test_headers_in_packs_are_removed_and_those_of_others_stay(world: World) -> None:
    more = world.base / "source" / "more"
    more.mkdir()
    for number in range(280):
        (more / f"{number:03d}").write_bytes(b"%d" % number)
    with opened(world.field) as vault:
        ingest(vault, IngestRequest([os.fsencode(more)], workers=1))
    half = world.items()[:200]
    world.offer(*half)
    world.accept(out=world.answer)
    assert world.acknowledge()["acknowledged"] == half
    assert world.remove()["removed"] == half
    with opened(world.field) as vault:
        assert fixity(vault, all=True)["damaged"] == []
    world.assert_sound()
    rest = world.base / "rest.tar"
    assert len(world.offer(out=rest)["items"]) == 83
    assert world.accept(rest)["refused"] == []


def test_from_one_desk_to_another_of_the_same_organisation(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    make_desk(one, "UNO")
    make_desk(two, "DUE")
    pin(one, two, tmp_path / "two.json")
    pin(two, one, tmp_path / "one.json")
    with opened(two) as vault:
        reader = str(age.PQIdentity.from_seed(vault.keyring.seeds["read"]).to_recipient())
    (tmp_path / "old").write_bytes(b"before the grant")
    (tmp_path / "new").write_bytes(b"after the grant")
    with opened(one) as vault:
        ingest(vault, IngestRequest([os.fsencode(tmp_path / "old")], workers=1))
        grant(vault, reader, "desk-2", lambda: PASSPHRASE)
    with opened(one) as vault:
        ingest(vault, IngestRequest([os.fsencode(tmp_path / "new")], workers=1))
        offer(vault, OfferRequest(tmp_path / "file"))
    with opened(two) as vault:
        taken = accept(vault, AcceptRequest(tmp_path / "file", tmp_path / "answer"))
        assert [each["id"] for each in taken["taken_over"]] == ["UNO-0000002"]
        assert taken["refused"][0]["reason"] == "it is not encrypted to this vault"
        get_item(vault, "UNO-0000002", tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == b"after the grant"
    with opened(one) as vault:
        assert acknowledge(vault, tmp_path / "answer")["acknowledged"] == ["UNO-0000002"]
        assert remove(vault, None)["removed"] == ["UNO-0000002"]
        shown = show_item(vault, "UNO-0000002")
        assert shown["transfer"]["given"]["state"] == "removed"
        assert log_audit(vault)["findings"] == []
        request = ExportRequest(None, tmp_path / "rest.zip", clear=True, originals=True)
        assert export(vault, request)["exit"] == 0
        for items in (["UNO-0000002"], ["UNO-0000001", "UNO-0000002"]):
            with pytest.raises(UsageError) as caught:
                export(vault, replace(request, items=items, out=tmp_path / "no.zip"))
            assert caught.value.code == "E-REMOVED"
        with pytest.raises(EvidenceError) as missing:
            get_item(vault, "UNO-0000002", tmp_path / "gone")
        assert "hand-over" in missing.value.hint
        write_receipts(vault, ["UNO-0000002"], tmp_path / "receipt")


def test_a_vault_without_encryption_hands_nothing_over(tmp_path: Path) -> None:
    from evidence_vault.vault.creation import create_vault

    create_vault(tmp_path / "open", org="House O", passphrase=PASSPHRASE, plaintext=True)
    with opened(tmp_path / "open") as vault, pytest.raises(UsageError) as caught:
        offer(vault, OfferRequest(tmp_path / "file"))
    assert caught.value.code == "E-TRANSFER-PLAINTEXT"
