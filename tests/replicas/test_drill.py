"""The drill: everything is lost but one replica and the recovery file."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from evidence_vault.errors import KeyProblem, LogInconsistent, UsageError
from evidence_vault.vault.checking import log_audit, log_checkpoint
from evidence_vault.vault.fixity import fixity
from evidence_vault.vault.ingest import IngestRequest, ingest
from evidence_vault.vault.records import ingested_event, open_content
from evidence_vault.vault.succession import succeed

from .worlds import PASSPHRASE, World, opened, secret


def originals(folder: Path) -> dict[str, bytes]:
    with opened(folder) as vault:
        found = {}
        for item in vault.catalogue.item_ids():
            with open_content(vault, ingested_event(vault, item)) as stream:
                found[item] = stream.read()
    return found


def partner_checkpoint(world: World) -> Path:
    """The newest checkpoint of the vault that the partner countersigned and kept."""
    with opened(world.partner) as vault:
        kept = sorted(
            (key for key in vault.archive.keys("foreign/") if key.count("/") == 3),
            key=lambda key: int(key.split("/")[2]),
        )
        note = vault.log.read(vault.archive, kept[-1])
    path = world.base / "partners-checkpoint.txt"
    path.write_bytes(note)
    return path


def lose_everything(world: World, *keep: Path) -> None:
    """Vault, keyring, pins and every replica but those to keep."""
    shutil.rmtree(world.vault)
    with opened(world.partner) as vault:
        own = vault.entry_zero().origin
    import hashlib

    pin = hashlib.sha256(own.encode()).hexdigest()[:24]
    for path in (world.base / "state").iterdir():
        if not path.name.startswith(pin):
            path.unlink()
    for path in world.base.glob("disk-*"):
        if path not in keep:
            shutil.rmtree(path)


def exports(world: World) -> tuple[Path, Path, Path]:
    """A receipt, a bundle and the trust file, as strangers hold them."""
    from evidence_vault.vault.exits import write_receipts
    from evidence_vault.vault.exporting import ExportRequest, export
    from evidence_vault.vault.trusting import export_trust

    receipt, bundle, trust = (world.base / n for n in ("receipt.txt", "bundle", "trust.json"))
    with world.open() as vault:
        write_receipts(vault, vault.catalogue.item_ids()[:1], receipt)
        export(vault, ExportRequest(None, bundle, folder=True, clear=True, originals=True))
        export_trust(vault, trust)
    return receipt, bundle, trust


def new_file(world: World) -> list[bytes]:
    path = world.base / "source" / "after.txt"
    path.write_bytes(os.urandom(100))
    return [os.fsencode(path)]


def test_drill_everything_lost_but_one_replica_and_the_recovery_file(world: World) -> None:
    world.take_in("many", many=300)
    before = originals(world.vault)
    receipt, bundle, trust = exports(world)
    world.countersign()
    place = world.add()
    world.add("usb-2")
    world.sync()
    world.countersign()
    expected = partner_checkpoint(world)
    world.sync()
    lose_everything(world, place)

    again = world.base / "again"
    result = world.restore(place)
    assert (result["exit"], result["findings"], result["state"]) == (0, [], "restored")
    assert originals(again) == before  # every original byte for byte
    with opened(again) as vault:
        report = log_audit(vault)
        # Nothing but that the copy may be old.
        assert {found["code"] for found in report["findings"]} == {"E-RESTORED"}
    verify_outside(receipt, bundle, trust)

    # Nothing is signed before a partner has shown that the replica was not old …
    with opened(again) as vault, pytest.raises(LogInconsistent) as refused:
        ingest(vault, IngestRequest(new_file(world), workers=1))
    assert refused.value.code == "E-RESTORED"
    rebuilt = rebuild_expecting(again, expected)
    assert rebuilt["exit"] == 11  # … and the keys that signed are gone, so a log follows it
    succeed(again, secret, world.recovery, "the vault was restored", "House V")
    with opened(again) as vault:
        assert ingest(vault, IngestRequest(new_file(world), workers=1))["exit"] == 0
        assert log_audit(vault)["findings"] == []
        assert fixity(vault, all=True)["damaged"] == []
    verify_outside(receipt, bundle, trust)


def rebuild_expecting(folder: Path, expected: Path) -> dict[str, object]:
    from evidence_vault.vault.rebuilding import rebuild

    return rebuild(folder, secret, expect=expected)


def verify_outside(receipt: Path, bundle: Path, trust: Path) -> None:
    """What was given out before still verifies, for a stranger, with the trust file of then."""
    import subprocess
    import sys

    for what in (receipt, bundle):
        done = subprocess.run(
            [sys.executable, "-m", "evidence_vault", "verify", "--trust", trust, what],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode in (0, 3), done.stdout + done.stderr
        assert "does not match" not in done.stdout


def test_drill_with_a_kept_keyring_the_same_log_goes_on_after_the_partners_word(
    world: World,
) -> None:
    before = originals(world.vault)
    place = world.add()
    world.sync()
    world.countersign()
    world.sync()
    expected = partner_checkpoint(world)
    kept = world.base / "kept.age"
    shutil.copy(world.vault / "keyring.age", kept)
    lose_everything(world, place)
    again = world.base / "again"
    assert world.restore(place, recovery=None, keyring=kept)["state"] == "restored"
    with opened(again) as vault, pytest.raises(LogInconsistent) as refused:
        ingest(vault, IngestRequest(new_file(world), workers=1))
    assert refused.value.code == "E-RESTORED"
    with opened(again) as vault:
        log_checkpoint(vault, expected)
        assert ingest(vault, IngestRequest(new_file(world), workers=1))["exit"] == 0
        assert log_audit(vault)["findings"] == []
    assert {k: v for k, v in originals(again).items() if k in before} == before


@pytest.mark.parametrize("with_keyring", [False, True])
def test_drill_an_old_replica_is_refused_with_the_partners_newer_checkpoint(
    world: World, with_keyring: bool
) -> None:
    place = world.add()
    world.sync()
    world.take_in("newer.bin")
    world.countersign()
    expected = partner_checkpoint(world)
    kept = world.base / "kept.age"
    shutil.copy(world.vault / "keyring.age", kept)
    lose_everything(world, place)
    source = {"recovery": None, "keyring": kept} if with_keyring else {}
    with pytest.raises(LogInconsistent) as refused:
        world.restore(place, expect=expected, **source)
    assert refused.value.code == "E-ROLLED-BACK"
    with opened(world.base / "again") as vault, pytest.raises(LogInconsistent):
        ingest(vault, IngestRequest(new_file(world), workers=1))


def test_two_replicas_of_one_part_each_make_a_whole(world: World) -> None:
    before = originals(world.vault)
    one, two = world.add("bucket", "archive"), world.add("friend", "control")
    world.sync()
    lose_everything(world, one, two)
    with pytest.raises(UsageError, match="control"):
        world.restore(one, world.base / "half")
    assert world.restore(one, control=str(two))["state"] == "restored"
    assert originals(world.base / "again") == before


def test_another_vaults_recovery_file_opens_nothing(world: World) -> None:
    from evidence_vault.vault.creation import create_vault

    place = world.add()
    world.sync()
    other = world.base / "other-recovery.txt"
    create_vault(world.base / "other", org="O", passphrase=PASSPHRASE, recovery=other)
    with pytest.raises(KeyProblem) as refused:
        world.restore(place, recovery=other)
    assert refused.value.code == "E-RECOVERY-FOREIGN"


def test_control_put_back_older_than_archive_does_not_sign(world: World) -> None:
    """Somebody puts last week's control/ into the replica: seen without any partner."""
    place = world.add()
    world.sync()
    shutil.copytree(place / "control", world.base / "old-control")
    world.take_in("many", many=300)
    world.sync()
    shutil.rmtree(place / "control")
    shutil.move(world.base / "old-control", place / "control")
    assert world.restore(place)["state"] == "rolled-back"


def test_restore_into_a_folder_that_holds_something_is_refused(world: World) -> None:
    place = world.add()
    world.sync()
    with pytest.raises(UsageError) as refused:
        world.restore(place, world.base / "source")
    assert refused.value.code == "E-EXISTS"
