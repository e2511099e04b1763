"""The way of an item from a field vault to its desk, and what is left behind."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

import pytest

from evidence_vault.core.findings import Outcome, Report
from evidence_vault.errors import EvidenceError
from evidence_vault.vault.checking import log_audit
from evidence_vault.vault.doctor import doctor
from evidence_vault.vault.exits import get_item, write_receipts
from evidence_vault.vault.exporting import ExportRequest, export
from evidence_vault.vault.fixity import fixity
from evidence_vault.vault.handovers import list_handovers
from evidence_vault.vault.queries import history, list_items, search_items, show_item
from evidence_vault.vault.rebuilding import rebuild
from evidence_vault.vault.trusting import export_trust
from evidence_vault.verify import load_trust
from evidence_vault.verify.bundle import verify_bundle
from evidence_vault.verify.receipt import verify_receipt

from .worlds import CONTENTS, PASSPHRASE, World, opened

ROOT = Path(__file__).resolve().parent.parent.parent


def test_an_item_goes_from_the_field_to_the_desk_and_keeps_its_name(world: World) -> None:
    items = world.items()
    offered = world.offer()
    assert offered["items"] == items
    accepted = world.accept(out=world.answer)
    assert [each["id"] for each in accepted["taken_over"]] == items
    assert accepted["exit"] == 0
    with opened(world.desk) as vault:
        found = list_items(vault)["items"]
        assert [each["name"] for each in found] == list(CONTENTS)
        shown = show_item(vault, items[0])
        assert shown["fields"]["place"] == "MMR001"
        assert shown["home"] == shown["transfer"]["from"]["origin"]
        assert history(vault, items[0])["events"][0]["type"] == "transfer-accepted"
        assert search_items(vault, digest=shown["digests"]["sha256"])["items"][0]["id"] == items[0]
        for item, (name, data) in zip(items, CONTENTS.items(), strict=True):
            get_item(vault, item, world.base / f"out-{name}")
            assert (world.base / f"out-{name}").read_bytes() == data
        assert fixity(vault, all=True)["damaged"] == []
    world.assert_sound()


def test_what_is_acknowledged_may_be_removed_and_the_log_stays(world: World) -> None:
    items = world.handed_over().items()
    assert set(world.states().values()) == {"acknowledged"}
    objects = list((world.field / "archive" / "objects").rglob("*"))
    result = world.remove()
    assert result["removed"] == items
    assert result["objects"] and result["headers"] and result["bytes_freed"] > 70_000
    left = [p for p in (world.field / "archive" / "objects").rglob("*") if p.is_file()]
    assert objects and left == []
    assert set(world.states().values()) == {"removed"}
    world.assert_sound()
    with opened(world.field) as vault:
        assert fixity(vault, all=True)["damaged"] == []
        assert "removed here" in " ".join(log_audit(vault)["notices"])
    assert world.remove()["removed"] == []
    assert world.items() == items


def test_a_receipt_of_an_item_taken_over_verifies_with_its_file(world: World) -> None:
    item = world.handed_over().items()[0]
    with opened(world.desk) as vault:
        write_receipts(vault, [item], world.base / "receipt.txt")
    with (world.base / "source" / "a.txt").open("rb") as file:
        report = verify_receipt((world.base / "receipt.txt").read_bytes(), file, None)
    codes = {finding.code for step in report.steps for finding in step.findings}
    assert "R-FILE-OK" in codes and report.exit_status() == 3


def test_accepting_twice_is_harmless_and_answers_again(world: World) -> None:
    world.offer()
    world.accept()
    again = world.accept(out=world.answer)
    assert (again["already_in"], again["taken_over"]) == (world.items(), [])
    assert world.acknowledge()["acknowledged"] == world.items()
    assert world.acknowledge()["already"] == world.items()


def test_a_lost_file_is_offered_again_and_later_items_go_alone(world: World) -> None:
    world.offer()
    world.file.unlink()
    world.handed_over()
    late = world.take_in("d.txt", b"late\n")
    second = world.base / "second.tar"
    assert world.offer(out=second)["items"] == [late]
    assert [each["id"] for each in world.accept(second)["taken_over"]] == [late]
    assert world.states()[late] == "open"


def test_an_open_gap_is_shown_by_name_and_age(world: World) -> None:
    world.offer()
    listed = world.list()
    assert {each["age_days"] for each in listed["items"]} == {0}
    assert "open gap in custody" in listed["notices"][0]
    checks = doctor(world.field, lambda: PASSPHRASE)["checks"]
    assert any(c["name"] == "custody" and world.items()[0] in c["detail"] for c in checks)


def test_the_catalogue_of_the_desk_is_rebuilt_from_its_store(world: World) -> None:
    world.handed_over()
    with opened(world.desk) as vault:
        before = list_items(vault)
    (world.desk / "catalogue.db").unlink()
    assert rebuild(world.desk, lambda: PASSPHRASE)["exit"] == 0
    with opened(world.desk) as vault:
        assert list_items(vault) == before


def test_the_catalogue_of_a_field_vault_is_rebuilt_from_its_notes(world: World) -> None:
    world.handed_over().remove()
    (world.field / "catalogue.db").unlink()
    assert rebuild(world.field, lambda: PASSPHRASE)["exit"] == 0
    assert set(world.states().values()) == {"removed"}
    world.assert_sound()


def test_the_same_bytes_of_two_homes_stay_two_items(world: World) -> None:
    own = world.take_in("own.txt", CONTENTS["a.txt"], world.desk)
    world.offer()
    taken = world.accept()["taken_over"]
    assert taken[0]["same_bytes"] == [own]
    with opened(world.desk) as vault:
        assert show_item(vault, own)["same_bytes"] == [taken[0]["id"]]


def test_nothing_in_the_file_can_be_read(world: World) -> None:
    world.offer()
    data = world.file.read_bytes()
    for secret in (b"What was seen", b"a.txt", b"MMR001", bytes(range(64))):
        assert secret not in data


def test_after_removal_the_desk_key_opens_nothing_of_this_copy(world: World) -> None:
    world.handed_over()
    headers = b"".join(_files(world.field / "control"))
    assert headers.count(b"age-encryption.org/v1") > 3
    world.remove()
    with opened(world.field) as vault:
        for item in world.items():
            index = vault.catalogue.history(item)[0]
            from evidence_vault.vault.records import committed_at

            assert committed_at(vault, index).headers == {}


def _files(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file()]


def shell_verifier(*arguments: object) -> tuple[int, str]:
    path = ROOT / "src" / "evidence_vault" / "verify" / "verify.sh"
    done = subprocess.run(
        ["sh", str(path), *map(str, arguments)], capture_output=True, text=True, timeout=120
    )
    return done.returncode, done.stdout + done.stderr


def test_both_verifiers_agree_on_receipt_acknowledgement_and_bundle(world: World) -> None:
    items = world.handed_over().items()
    trust, receipt, bundle = (world.base / name for name in ("trust", "receipt", "bundle.zip"))
    with opened(world.desk) as vault:
        write_receipts(vault, items[:1], receipt)
        export(vault, ExportRequest(None, bundle, clear=True, originals=True))
        export_trust(vault, trust)
    original = world.base / "source" / "a.txt"
    known = load_trust(trust)
    with original.open("rb") as file:
        assert not _wrong(verify_receipt(receipt.read_bytes(), file, known))
    assert not _wrong(verify_receipt(world.answer.read_bytes(), None, known))
    assert not _wrong(verify_bundle(bundle, known))
    folder = world.base / "folder"
    with zipfile.ZipFile(bundle) as archive:
        archive.extractall(folder)
    (inner,) = folder.iterdir()
    for arguments in ((receipt, original), (world.answer,), (inner,)):
        status, said = shell_verifier("-t", trust, *arguments)
        assert status in (0, 3), said
    other = world.base / "source" / "c.txt"
    status, said = shell_verifier("-t", trust, receipt, other)
    assert status == 10, said
    with other.open("rb") as file:
        assert _wrong(verify_receipt(receipt.read_bytes(), file, known))


def _wrong(report: Report) -> list[str]:
    return [
        finding.code
        for step in report.steps
        for finding in step.findings
        if finding.outcome is Outcome.DIFFERS
    ]


def test_a_hand_over_leaves_no_name_of_the_receiver_and_no_set_on_the_senders_disk(
    world: World,
) -> None:
    """Quiet names: what a seized field vault tells is its own numbers and nobody's name."""
    items = world.handed_over().items()
    world.remove()
    with opened(world.desk) as vault:
        organisation = vault.keyring.org.encode()  # a log's origin is neutral words, and public
    notes = list((world.field / "control" / "sets").iterdir())
    assert len(notes) == 3
    for path in (p for p in world.field.rglob("*") if p.is_file()):
        data = path.read_bytes()
        assert organisation not in data, path
        if path in notes:
            assert not any(item.encode() in data for item in items)


def test_a_changed_note_of_a_set_is_noticed(world: World) -> None:
    world.offer()
    (note,) = (world.field / "control" / "sets").iterdir()
    data = bytearray(note.read_bytes())
    data[-1] ^= 1
    note.write_bytes(data)
    with opened(world.field) as vault, pytest.raises(EvidenceError, match="was changed"):
        list_handovers(vault)
