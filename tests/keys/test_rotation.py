"""A new key in the place of the old one: what was signed before and after both verify."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.keys import acts
from tests.vault.conftest import MakeVault
from tests.vault.vaults import PASSPHRASE, Made, put_back

from evidence_vault.errors import Exit, KeyProblem, LogInconsistent, UsageError, VaultBusy
from evidence_vault.seal.keyring import open_keyring
from evidence_vault.vault import keychanges
from evidence_vault.vault.creation import change_passphrase
from evidence_vault.vault.opening import KEYRING
from evidence_vault.vault.queries import history, show_item
from evidence_vault.vault.rebuilding import rebuild


@pytest.mark.parametrize("roles", [("events",), ("statements",), ("events", "statements")])
def test_before_and_after_a_rotation_everything_verifies(
    vault: Made, sources: Path, tmp_path: Path, roles: tuple[str, ...]
) -> None:
    vault.ingest(sources / "one")
    item = acts.items_of(vault)[0]
    receipt_before = acts.receipt(vault, item, tmp_path / "r0")
    bundle_before = acts.bundle(vault, tmp_path / "b0.zip")
    old_trust = acts.trust(vault, tmp_path / "t0")
    for role in roles:
        old = acts.key_in_use(vault, role)
        done = acts.rotate(vault, role)
        assert done["retired"] == old
        assert acts.key_in_use(vault, role) == done["keyid"] != old
    vault.ingest(sources / "two")
    receipt_after = acts.receipt(vault, item, tmp_path / "r1")
    bundle_after = acts.bundle(vault, tmp_path / "b1.zip")
    new_trust = acts.trust(vault, tmp_path / "t1")
    for trusted in (old_trust, new_trust):
        assert acts.check_receipt(receipt_before, trusted).exit_status() == Exit.OK
        assert acts.check_bundle(bundle_before, trusted).exit_status() == Exit.OK
    assert acts.check_receipt(receipt_after, new_trust).exit_status() == Exit.OK
    assert acts.check_bundle(bundle_after, new_trust).exit_status() == Exit.OK
    # The old trust file knows nothing of it: no pass, and no false alarm either.
    for report in (
        acts.check_receipt(receipt_after, old_trust),
        acts.check_bundle(bundle_after, old_trust),
    ):
        assert report.exit_status() == Exit.UNCHECKED
        assert acts.open_questions(report) == {"W-BEYOND-TRUST"}
    assert vault.assert_sound() == 6


def test_the_trust_file_gives_each_key_its_part_of_the_log(
    vault: Made, sources: Path, tmp_path: Path
) -> None:
    old = acts.key_in_use(vault)
    vault.ingest(sources / "one")
    at = acts.rotate(vault)["event"]
    origin = acts.trust(vault, tmp_path / "t").origins[0]
    keys = {k.keyid: (k.start, k.until) for k in origin.keys if k.role == "events"}
    assert keys == {old: (1, at + 1), acts.key_in_use(vault): (at + 1, None)}


def test_a_statement_by_a_key_that_was_not_in_force_is_refused_by_name(
    vault: Made, sources: Path, tmp_path: Path
) -> None:
    """The thief of a retired statements key signs a later bundle's statement again with it."""
    import json
    import zipfile

    vault.ingest(sources / "one")
    with vault.open() as opened:
        thief = opened.keyring.statements_signer()
    acts.rotate(vault, "statements")
    path = acts.bundle(vault, tmp_path / "b.zip")
    folder = tmp_path / "b"
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
    (top,) = folder.iterdir()
    statement = json.loads((top / "statement.json").read_bytes())
    statement["key"] = thief.keyid
    data = json.dumps(statement, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()
    (top / "statement.json").write_bytes(data)
    (top / "statement.sig").write_bytes(thief.sign(data))
    report = acts.check_bundle(top, acts.trust(vault, tmp_path / "t"))
    assert "B-STATEMENT-INTERVAL" in acts.wrong(report)
    assert report.exit_status() == Exit.EVIDENCE


def test_history_names_the_role_of_an_enrolled_key(vault: Made, sources: Path) -> None:
    acts.rotate(vault)
    vault.ingest(sources / "one")
    with vault.open() as opened:
        item = opened.catalogue.item_ids()[0]
        told = history(opened, item)
        assert show_item(opened, item)["void"] == []
    assert "events key" in told["text"]
    assert "unknown" not in told["text"].split("Signed with")[1].splitlines()[0]
    assert [e["void"] for e in told["events"]] == [False] * len(told["events"])


def test_rotating_again_and_after_a_rebuild(vault: Made, sources: Path) -> None:
    for _ in range(2):
        acts.rotate(vault)
    (vault.folder / "catalogue.db").unlink()
    assert rebuild(vault.folder, acts.secret)["state"] == "ok"
    acts.rotate(vault)
    vault.ingest(sources / "one")
    assert vault.assert_sound() == 3


def test_the_retired_seed_leaves_the_keyring_and_the_root_seed_never_comes_in(vault: Made) -> None:
    data = (vault.folder / KEYRING).read_bytes()
    before = open_keyring(data, PASSPHRASE).seeds
    acts.rotate(vault)
    root = acts.root_of(vault)
    for path in sorted(vault.folder.glob("keyring*.age")):
        held = open_keyring(path.read_bytes(), PASSPHRASE)
        assert root.keyid not in {
            s.keyid for r in ("events", "statements") for s in held.signers(r)
        }
    now = open_keyring((vault.folder / KEYRING).read_bytes(), PASSPHRASE)
    assert now.seeds["events"] != before["events"]
    assert not now.next_seeds
    assert {k: v for k, v in now.seeds.items() if k != "events"} == {
        k: v for k, v in before.items() if k != "events"
    }


def test_a_command_that_began_before_the_rotation_stops(vault: Made, sources: Path) -> None:
    """Its keyring holds the retired key only: nothing it would sign counts."""
    from evidence_vault.vault.writer import writing

    with vault.open() as running:
        assert running.keyring
        acts.rotate(vault)
        with pytest.raises(KeyProblem) as caught, writing(running) as writer:
            writer.vault_event("accession-opened", {})
        assert caught.value.code == "E-KEY-REVOKED"
        with pytest.raises(VaultBusy):
            keychanges.rotate(running, "statements", acts.ceremony(vault))
    assert vault.assert_sound() == 0


def test_rotation_needs_this_vaults_own_recovery_file(
    vault: Made, make_vault: MakeVault, tmp_path: Path
) -> None:
    other = make_vault("other")
    before = acts.size_of(vault)
    with vault.open() as opened:
        foreign = keychanges.Ceremony(other.recovery, acts.secret, acts.secret)
        with pytest.raises(KeyProblem) as caught:
            keychanges.rotate(opened, "events", foreign)
    assert caught.value.code == "E-RECOVERY-FOREIGN"
    assert acts.size_of(vault) == before


def test_old_control_put_back_after_a_rotation_is_noticed(
    vault: Made, sources: Path, tmp_path: Path
) -> None:
    """The entries about keys are gone from the store; that is said as a rollback, not hidden."""
    vault.ingest(sources / "one")
    shutil.copytree(vault.folder / "control", tmp_path / "control")
    acts.rotate(vault)
    put_back(tmp_path / "control", vault.folder / "control")
    with pytest.raises(LogInconsistent) as caught:
        vault.ingest(sources / "two")
    assert caught.value.code == "E-ROLLED-BACK"


@pytest.mark.parametrize("role", ["log", "log-pq", "root", "reading"])
def test_other_roles_are_explained(vault: Made, role: str) -> None:
    with vault.open() as opened, pytest.raises(UsageError) as caught:
        keychanges.rotate(opened, role, acts.ceremony(vault))
    assert role == "reading" or "log succeed" in caught.value.hint


def test_passphrase_and_rotation_together(vault: Made, sources: Path) -> None:
    change_passphrase(vault.folder, acts.secret, lambda: "another passphrase")
    with vault.open("another passphrase") as opened:
        own = keychanges.Ceremony(vault.recovery, lambda: "another passphrase", acts.secret)
        keychanges.rotate(opened, "events", own)
    with vault.open("another passphrase") as opened:
        assert keychanges.list_keys(opened)["keys"]
