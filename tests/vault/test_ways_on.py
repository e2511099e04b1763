"""The ways on for a vault that may be an old copy: a partner's checkpoint, or a new log."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from evidence_vault.core.checkpoint import Checkpoint, sign_checkpoint
from evidence_vault.errors import (
    Exit,
    KeyProblem,
    LogInconsistent,
    Unchecked,
    UsageError,
    VaultError,
)
from evidence_vault.vault.checking import log_checkpoint
from evidence_vault.vault.describing import describe
from evidence_vault.vault.exits import get_item
from evidence_vault.vault.exporting import ExportRequest, export
from evidence_vault.vault.ingest import IngestRequest, ingest
from evidence_vault.vault.queries import history, list_items, show_item
from evidence_vault.vault.rebuilding import rebuild
from evidence_vault.vault.succession import succeed

from .refusing import assert_refuses_to_sign, partner_note, secret
from .vaults import Made, put_back, write_files


def test_a_partner_with_an_equal_checkpoint_opens_the_way(
    vault: Made, old: Path, sources: Path, tmp_path: Path
) -> None:
    with vault.open() as opened:
        partner = partner_note(opened, tmp_path / "partner")
    (vault.folder / "signed").unlink()
    shutil.rmtree(vault.state)
    with vault.open() as opened:
        done = log_checkpoint(opened, expect=partner)
        assert done["size"] == opened.catalogue.frontier().size
    assert vault.ingest(write_files(sources / "three", 1)[0].parent)["exit"] == 0
    assert vault.assert_sound() == 7


def test_a_partner_may_be_asked_by_rebuild_too(vault: Made, old: Path, tmp_path: Path) -> None:
    with vault.open() as opened:
        partner = partner_note(opened, tmp_path / "partner")
    (vault.folder / "signed").unlink()
    (vault.folder / "catalogue.db").unlink()
    assert rebuild(vault.folder, secret)["state"] == "restored"
    done = rebuild(vault.folder, secret, expect=partner)
    assert (done["state"], done["exit"]) == ("ok", 0)


def test_a_partner_who_has_seen_more_is_believed(
    vault: Made, old: Path, sources: Path, tmp_path: Path
) -> None:
    with vault.open() as opened:
        partner = partner_note(opened, tmp_path / "partner")
    put_back(old, vault.folder)
    with vault.open() as opened, pytest.raises(LogInconsistent) as caught:
        log_checkpoint(opened, expect=partner)
    assert caught.value.code == "E-ROLLED-BACK"
    assert_refuses_to_sign(vault, sources, "E-ROLLED-BACK", "once signed")


def test_a_partner_who_has_seen_another_history_shows_a_fork(
    vault: Made, old: Path, tmp_path: Path
) -> None:
    with vault.open() as opened:
        size = opened.catalogue.frontier().size
        signers = opened.keyring.log_signers()
        fork = Checkpoint(opened.keyring.origin, size - 1, bytes(32))
        (tmp_path / "fork").write_bytes(sign_checkpoint(fork, signers, timestamp=1))
    (vault.folder / "signed").unlink()
    with vault.open() as opened, pytest.raises(LogInconsistent) as caught:
        log_checkpoint(opened, expect=tmp_path / "fork")
    assert caught.value.code == "E-FORK"


def test_a_partner_with_an_older_checkpoint_shows_nothing(
    vault: Made, sources: Path, tmp_path: Path
) -> None:
    vault.ingest(sources / "one")
    with vault.open() as opened:
        partner = partner_note(opened, tmp_path / "partner")
    vault.ingest(sources / "two")
    (vault.folder / "signed").unlink()
    with vault.open() as opened, pytest.raises(Unchecked) as caught:
        log_checkpoint(opened, expect=partner)
    assert caught.value.code == "E-EXPECT-OLD"
    assert caught.value.exit_status == Exit.UNCHECKED
    assert_refuses_to_sign(vault, sources, "E-RESTORED", "inside")


def test_a_partner_checkpoint_that_is_none(vault: Made, sources: Path, tmp_path: Path) -> None:
    vault.ingest(sources / "one")
    (vault.folder / "signed").unlink()
    (tmp_path / "rubbish").write_text("not a checkpoint\n")
    for path in (tmp_path / "rubbish", tmp_path / "nothing"):
        with vault.open() as opened, pytest.raises(VaultError):
            log_checkpoint(opened, expect=path)
    assert_refuses_to_sign(vault, sources, "E-RESTORED", "inside")


LOSSES: dict[str, Callable[[Made, Path], None]] = {
    "whole old vault": lambda vault, old: put_back(old, vault.folder),
    "pins lost": lambda vault, old: (vault.folder / "signed").unlink(),
    "old control": lambda vault, old: put_back(old / "control", vault.folder / "control"),
    "old archive": lambda vault, old: put_back(old / "archive", vault.folder / "archive"),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_log_succeed_after_a_loss(
    vault: Made, old: Path, sources: Path, tmp_path: Path, loss: str
) -> None:
    LOSSES[loss](vault, old)
    with vault.open() as opened:
        before = opened.catalogue.frontier()
        origin = opened.keyring.origin
    done = succeed(vault.folder, secret, vault.recovery, "the newest copy was seized")
    assert done["succeeds"] == {
        "origin": origin,
        "root": before.root().hex(),
        "size": before.size,
    }
    assert done["origin"] != origin
    # Old items are still listed, shown and given out; what is new goes into the new log.
    with vault.open() as opened:
        item = list_items(opened)["items"][0]["id"]
        assert show_item(opened, item)["home"] == origin
        get_item(opened, item, tmp_path / "out")
        assert (tmp_path / "out").read_bytes() == (sources / "one" / "file-0000.bin").read_bytes()
        describe(opened, [item], {"title": "after the loss"})
        told = history(opened, item)
        assert [e["log"] for e in told["events"]][-2:] == [done["origin"]] * 2
        assert show_item(opened, item)["fields"]["title"] == "after the loss"
        with pytest.raises(UsageError) as caught:  # receipts over two logs come with hand-over
            export(opened, ExportRequest([item], tmp_path / "b.zip", originals=True, clear=True))
        assert caught.value.code == "E-EARLIER-LOG"
    write_files(sources / "three", 3)
    assert vault.ingest(sources / "three")["exit"] == 0
    report = vault.audit()
    # What was lost of the earlier log stays a finding; the new log is clean.
    assert [f for f in report["findings"] if not f["where"].startswith("earlier log 0")] == []
    with vault.open() as opened:
        ids = opened.catalogue.item_ids()
        listed = list_items(opened)
    assert len(set(ids)) == len(ids) == listed["total"]
    # And a rebuild over both logs gives the same, as far as the old one still goes.
    result = rebuild(vault.folder, secret)
    assert result["state"] == "ok"
    with vault.open() as opened:
        if loss != "old control":
            assert list_items(opened) == listed
        assert show_item(opened, item)["fields"]["title"] == "after the loss"
    assert vault.ingest(sources / "three")["already_in"] == 3


def test_log_succeed_needs_the_recovery_file_of_this_vault(
    vault: Made, sources: Path, make_vault: Callable[..., Made], tmp_path: Path
) -> None:
    other = make_vault("other")
    with pytest.raises(KeyProblem):
        succeed(vault.folder, secret, other.recovery, "a reason")
    with pytest.raises(UsageError):
        succeed(vault.folder, secret, tmp_path / "nothing", "a reason")
    with pytest.raises(UsageError):
        succeed(vault.folder, secret, vault.recovery, " ")
    assert vault.ingest(sources / "one")["exit"] == 0  # nothing was begun


def test_a_log_can_be_succeeded_twice(vault: Made, sources: Path) -> None:
    vault.ingest(sources / "one")
    first = succeed(vault.folder, secret, vault.recovery, "once")
    vault.ingest(sources / "two")
    second = succeed(vault.folder, secret, vault.recovery, "twice")
    assert second["succeeds"]["origin"] == first["origin"]
    vault.ingest(write_files(sources / "three", 2)[0].parent)
    assert rebuild(vault.folder, secret)["items"] == 8
    assert vault.assert_sound() == 8


def test_rebuild_with_the_recovery_file_reads_everything_and_signs_nothing(
    vault: Made, sources: Path, tmp_path: Path
) -> None:
    """The passphrase is lost."""
    vault.ingest(sources / "one")
    (vault.folder / "catalogue.db").unlink()
    plain = tmp_path / "recovery-plain.txt"
    from evidence_vault.seal.recovery import format_recovery, read_recovery

    rescue = read_recovery(vault.recovery.read_bytes(), secret)
    plain.write_bytes(format_recovery(rescue, "x"))
    done = rebuild(vault.folder, lambda: "a fresh passphrase", recovery=plain)
    assert (done["items"], done["state"], done["exit"]) == (3, "restored", 11)
    with pytest.raises(KeyProblem):
        vault.audit()
    with vault.open("a fresh passphrase") as opened:
        item = opened.catalogue.item_ids()[0]
        assert show_item(opened, item)["digests"]["size"] > 0
        with pytest.raises(LogInconsistent) as caught:
            ingest(opened, IngestRequest([os.fsencode(sources / "two")]))
        assert caught.value.exit_status == Exit.LOG
    succeed(vault.folder, lambda: "a fresh passphrase", plain, "the passphrase was lost")
    with vault.open("a fresh passphrase") as opened:
        assert ingest(opened, IngestRequest([os.fsencode(sources / "two")]))["exit"] == 0
        get_item(opened, item, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == (sources / "one" / "file-0000.bin").read_bytes()


def test_rebuild_with_the_recovery_file_of_another_vault(
    vault: Made, make_vault: Callable[..., Made]
) -> None:
    other = make_vault("other")
    with pytest.raises(KeyProblem) as caught:
        rebuild(vault.folder, secret, recovery=other.recovery)
    assert caught.value.code == "E-RECOVERY-FOREIGN"
    assert vault.assert_sound() == 0
