"""An acknowledgement lets bytes be destroyed, so each way to get a false one is tried."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from evidence_vault.core.receipt import VAULT_SUBJECT, Receipt, format_receipt, parse_receipt
from evidence_vault.errors import EvidenceError, PolicyRefused, UsageError, VaultError
from evidence_vault.vault.exits import write_receipts
from evidence_vault.verify.receipt import verify_receipt

from .worlds import World, make_desk, make_field, opened, pin


@pytest.fixture
def answered(world: World) -> World:
    """Offered and accepted; the answer lies there and is not recorded."""
    world.offer()
    world.accept(out=world.answer)
    return world


def edited(world: World, receipt: Receipt) -> Path:
    path = world.base / "forged.txt"
    path.write_bytes(format_receipt(receipt))
    return path


def test_an_acknowledgement_is_a_receipt_that_any_verifier_reads(answered: World) -> None:
    report = verify_receipt(answered.answer.read_bytes(), None, None)
    assert report.exit_status() == 3  # who: only a trust file can say
    assert parse_receipt(answered.answer.read_bytes()).subject == VAULT_SUBJECT
    assert b'content_sha256","' not in answered.answer.read_bytes()


def test_forged_acknowledgement(answered: World) -> None:
    """One bit flipped in every line: nothing is ever acknowledged by it."""
    data = answered.answer.read_bytes()
    forged = answered.base / "forged.txt"
    place = 0
    for line in data.split(b"\n"):
        for offset in {0, len(line) // 2, max(0, len(line) - 2)}:
            if not line:
                continue
            flipped = bytearray(data)
            flipped[place + offset] ^= 1
            forged.write_bytes(flipped)
            with pytest.raises(VaultError):
                answered.acknowledge(forged)
        place += len(line) + 1
    assert set(answered.states().values()) == {"open"}


def test_acknowledgement_by_another_desk(answered: World, tmp_path: Path) -> None:
    """A vault that calls itself as the desk does, with keys of its own."""
    receipt = parse_receipt(answered.answer.read_bytes())
    from evidence_vault.vault.creation import create_vault

    from .worlds import PASSPHRASE

    create_vault(
        tmp_path / "false",
        org="House DESK",
        passphrase=PASSPHRASE,
        prefix="FALS",
        origin="some-other-log",
    )
    with opened(tmp_path / "false") as vault:
        zero = vault.log.contents(vault.log.commit(0))[0].entry
        note = vault.log.checkpoint()
    assert note is not None
    for forged in (
        replace(receipt, events=(replace(receipt.events[0], leaf=zero), *receipt.events[1:])),
        replace(receipt, note=note),
    ):
        with pytest.raises(EvidenceError) as caught:
            answered.acknowledge(edited(answered, forged))
        assert caught.value.code == "E-ACKNOWLEDGEMENT"
    assert set(answered.states().values()) == {"open"}


def test_acknowledgement_of_another_field_vault_replayed(answered: World, tmp_path: Path) -> None:
    other = World(tmp_path / "second")
    other.base.mkdir()
    shutil.copytree(answered.desk, other.desk)
    (other.base / "source").mkdir()
    make_field(other.field, answered.desk, "OTHR")
    pin(answered.desk, other.field, other.base / "trust.json")
    other.take_in("x.txt", b"x")
    other.offer()
    answered.accept(other.file, other.answer)
    result = answered.acknowledge(other.answer)
    assert (result["exit"], result["acknowledged"]) == (10, [])
    assert "never offered from here" in result["refused"][0]["reason"]
    assert other.acknowledge()["exit"] == 0


def test_acknowledgement_replayed_for_other_items(world: World) -> None:
    first, second, _ = world.items()
    world.offer(first)
    world.accept(out=world.answer)
    assert world.acknowledge()["acknowledged"] == [first]
    world.offer(second, out=world.base / "second.tar")
    result = world.acknowledge()
    assert (result["already"], result["acknowledged"]) == ([first], [])
    assert world.states()[second] == "open"
    with pytest.raises(PolicyRefused):
        world.remove(second)


def test_acknowledgement_with_an_event_left_out_or_hidden(answered: World) -> None:
    receipt = parse_receipt(answered.answer.read_bytes())
    hidden = replace(receipt, events=tuple(replace(e, reveals=()) for e in receipt.events))
    result = answered.acknowledge(edited(answered, hidden))
    assert (result["acknowledged"], len(result["refused"]), result["exit"]) == ([], 3, 10)
    fewer = replace(receipt, events=(receipt.events[0], *receipt.events[2:]))
    result = answered.acknowledge(edited(answered, fewer))
    assert result["acknowledged"] == answered.items()[1:]


def test_receipt_of_an_item_is_no_acknowledgement(answered: World) -> None:
    with opened(answered.desk) as vault:
        write_receipts(vault, answered.items()[:1], answered.base / "receipt.txt")
    with pytest.raises(EvidenceError):
        answered.acknowledge(answered.base / "receipt.txt")


def test_what_nobody_acknowledged_is_not_removed(answered: World) -> None:
    with pytest.raises(PolicyRefused) as caught:
        answered.remove(answered.items()[0])
    assert caught.value.code == "E-NOT-ACKNOWLEDGED"
    assert answered.remove()["removed"] == []
    with pytest.raises(UsageError):
        answered.remove("FLD-0009999")


def test_file_for_another_desk(world: World, tmp_path: Path) -> None:
    make_desk(tmp_path / "third", "THRD")
    pin(tmp_path / "third", world.field, world.base / "trust.json")
    world.offer()
    from evidence_vault.vault.accepting import AcceptRequest, accept

    with opened(tmp_path / "third") as vault, pytest.raises(VaultError):
        accept(vault, AcceptRequest(world.file, world.answer))
    assert not world.answer.exists()
