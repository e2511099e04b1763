"""HOW-TO-VERIFY.txt over bundles of a vault whose keys changed: the same verdict by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.bundle.test_howto import SHELLS, edit, run
from tests.keys import acts
from tests.keys.test_revocation import stolen
from tests.vault.vaults import Made

from evidence_vault.core.findings import Report
from evidence_vault.errors import Exit
from evidence_vault.seal.keyring import Ed25519Signer
from evidence_vault.vault.exporting import ExportRequest, export
from evidence_vault.verify import verify_bundle


def folder(made: Made, path: Path, items: list[str]) -> Path:
    with made.open() as vault:
        export(vault, ExportRequest(items, path, originals=True, clear=True, folder=True))
    return path if (path / "statement.json").is_file() else next(path.iterdir())


def verdicts(path: Path, shell: str) -> tuple[Report, int, str]:
    status, output = run(path, shell)
    return verify_bundle(path, None), status, output


@pytest.mark.parametrize("shell", SHELLS)
def test_rotated_keys_pass_by_hand(vault: Made, sources: Path, tmp_path: Path, shell: str) -> None:
    vault.ingest(sources / "one")
    acts.rotate(vault, "events")
    acts.rotate(vault, "statements")
    acts.rotate(vault, "events")
    path = folder(vault, tmp_path / "b", acts.items_of(vault)[:1])
    report, status, output = verdicts(path, shell)
    assert report.exit_status() == Exit.UNCHECKED  # who: no trust file
    assert status == 0, output
    assert "RESULT: OK" in output


@pytest.mark.parametrize("shell", SHELLS)
def test_void_entries_fail_by_hand(vault: Made, sources: Path, tmp_path: Path, shell: str) -> None:
    key, last_good = stolen(vault, sources)
    acts.revoke(vault, key, last_good)
    acts.rotate(vault)
    items = acts.items_of(vault)
    path = folder(vault, tmp_path / "bad", [items[3]])
    report, status, output = verdicts(path, shell)
    assert acts.wrong(report) == {"R-KEY-INTERVAL"}
    assert status != 0
    assert f"the signature of entry {last_good + 2}" in output
    good = folder(vault, tmp_path / "good", [items[2]])
    assert run(good, shell)[0] == 0


def test_entry_of_a_retired_key_fails_by_hand(vault: Made, sources: Path, tmp_path: Path) -> None:
    """A thief of the retired key, who also holds what signs bundles, adds an entry after it."""
    from evidence_vault.vault.writer import writing

    vault.ingest(sources / "one")
    item = acts.items_of(vault)[0]
    with vault.open() as opened:
        old = Ed25519Signer(opened.keyring.seeds["events"])
    acts.rotate(vault)
    with vault.open() as opened, writing(opened) as writer:
        writer._signer = old  # the thief's program does not look at the log
        writer.item_event("described", item, {"title": "forged"}, home=opened.keyring.origin)
        writer.commit()
        writer.checkpoint()
    path = folder(vault, tmp_path / "b", [item])
    report, status, output = verdicts(path, SHELLS[0])
    assert acts.wrong(report) == {"R-KEY-INTERVAL"}
    assert (status == 0, "the signature of entry" in output) == (False, True)


def test_changed_enrolment_fails_by_hand(vault: Made, sources: Path, tmp_path: Path) -> None:
    """The signature of the entry that enrols a key is spoilt: then that key counts for nothing."""
    vault.ingest(sources / "one")
    done = acts.rotate(vault)
    path = folder(vault, tmp_path / "b", acts.items_of(vault)[:1])
    receipt = next((path / "receipts").iterdir())
    edit(receipt, rf'(event {done["event"]}\nleaf .*"sig":").', r"\1!")
    status, output = run(path)
    assert status != 0
    assert "DOES NOT MATCH" in output
