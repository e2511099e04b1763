"""A whole exchange: countersigned by others, stamped by a real authority, exported, verified.

What leaves carries the proofs, and none can be taken out; what is recorded after a proof came in
is shown to be later than it.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from tests.time.authority import LocalAuthority
from tests.vault.vaults import start, write_files
from tests.witness.houses import PASSPHRASE, House, found, secret

from evidence_vault.core.receipt import Receipt, format_receipt, parse_receipt
from evidence_vault.core.trust import TrustFile
from evidence_vault.errors import Exit
from evidence_vault.vault.asking import stamp
from evidence_vault.vault.authorities import add_authority
from evidence_vault.vault.checking import log_audit, log_checkpoint, log_status
from evidence_vault.vault.exits import write_receipts
from evidence_vault.vault.exporting import ExportRequest, export
from evidence_vault.vault.ingest import IngestRequest, ingest
from evidence_vault.vault.queries import history, list_items, show_item
from evidence_vault.vault.rebuilding import rebuild
from evidence_vault.verify import load_trust, verify_bundle
from evidence_vault.verify.receipt import verify_receipt


@dataclass
class Exchange:
    """An organisation whose log two others countersign and one authority stamps."""

    house: House
    others: list[House]
    trust_path: Path

    def trust(self) -> TrustFile:
        return load_trust(self.house.trust())

    def receipt(self, item: str) -> Receipt:
        out = self.house.file("receipt.txt")
        with self.house.open() as vault:
            write_receipts(vault, [item], out)
        return parse_receipt(out.read_bytes())


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAuthority]:
    with LocalAuthority(tmp_path_factory.mktemp("authority") / "tsa") as running:
        yield running


@pytest.fixture
def exchange(tmp_path: Path, authority: LocalAuthority) -> Exchange:
    house, *others = (found(tmp_path / name) for name in ("amber", "birch", "cedar"))
    for other in others:
        other.init_witness()
        other.grow()
    house.grow()
    for other in others:
        house.pin(other)
        other.pin(house)
    with house.open() as vault:
        add_authority(vault, "north", authority.url, [authority.root], secret)
    return Exchange(house, others, tmp_path / "trust.json")


def prove(made: Exchange) -> None:
    """Sign, have it countersigned by both, and stamped."""
    with made.house.open() as vault:
        log_checkpoint(vault)
    for other in made.others:
        made.house.countersign_by(other)
    with made.house.open() as vault:
        assert stamp(vault, timeout=10.0)["exit"] == 0


def items(made: Exchange) -> list[str]:
    with made.house.open() as vault:
        return [each["id"] for each in list_items(vault)["items"]]


def codes(report: Any) -> set[str]:
    return {f.code for f in report.findings}


def test_proofs_travel_and_brackets_close(exchange: Exchange) -> None:
    prove(exchange)
    exchange.house.grow()  # taken in after the stamp: anchored to it
    prove(exchange)
    first, second = items(exchange)
    report = verify_receipt(format_receipt(exchange.receipt(second)), None, exchange.trust())
    assert report.exit_status() == Exit.OK, codes(report)
    assert {"R-COSIGN-OK", "T-TOKEN-OK"} <= codes(report)
    ingested = next(e for e in report.events if e["type"] == "ingested")
    assert ingested["not_before"]["time"] <= ingested["not_after"]["time"]
    assert ingested["gap_seconds"] is not None
    early = verify_receipt(format_receipt(exchange.receipt(first)), None, exchange.trust())
    ingested = next(e for e in early.events if e["type"] == "ingested")
    assert ingested["not_before"] is None
    assert ingested["not_after"]["by"] == "north"
    with exchange.house.open() as vault:
        shown = show_item(vault, second)["time"]
        assert shown["not_before"]["by"] == shown["not_after"]["by"] == "north"
        assert "not before" in history(vault, second)["text"]
        status = log_status(vault)
        assert log_audit(vault)["findings"] == []
    assert status["timestamps"] in ("present", "pending")


def test_before_anybody_signed_it_is_pending_and_says_so(exchange: Exchange) -> None:
    item = items(exchange)[0]
    receipt = exchange.receipt(item)
    assert receipt.states == ()
    report = verify_receipt(format_receipt(receipt), None, exchange.trust())
    assert report.exit_status() == Exit.UNCHECKED
    assert "R-COSIGN-PENDING" in codes(report)


@pytest.mark.parametrize("what", ["state", "token", "cosignature"])
def test_no_proof_can_be_taken_out_of_a_receipt(exchange: Exchange, what: str) -> None:
    prove(exchange)
    receipt = exchange.receipt(items(exchange)[0])
    (state,) = receipt.states
    trust = exchange.trust()
    assert verify_receipt(format_receipt(receipt), None, trust).exit_status() == Exit.OK
    if what == "state":
        bad = replace(receipt, states=())
    elif what == "token":
        bad = replace(receipt, states=(replace(state, tokens=()),))
    else:
        lines = state.note.decode().rstrip("\n").split("\n")
        bad = replace(
            receipt, states=(replace(state, note="\n".join(lines[:-1]).encode() + b"\n"),)
        )
    report = verify_receipt(format_receipt(bad), None, trust)
    assert report.exit_status() == Exit.EVIDENCE
    assert "R-PROOF-REMOVED" in codes(report)


def test_a_time_stamp_of_another_state_is_no_proof(exchange: Exchange) -> None:
    prove(exchange)
    exchange.house.grow()
    prove(exchange)
    receipt = exchange.receipt(items(exchange)[0])
    one, two = receipt.states
    bad = replace(receipt, states=(replace(one, tokens=two.tokens), two))
    report = verify_receipt(format_receipt(bad), None, exchange.trust())
    assert report.exit_status() == Exit.EVIDENCE
    assert {"T-TOKEN-WRONG", "R-PROOF-REMOVED"} <= codes(report)


def test_a_bundle_carries_the_proofs_of_all_its_items(exchange: Exchange, tmp_path: Path) -> None:
    prove(exchange)
    exchange.house.grow()
    prove(exchange)
    out = tmp_path / "bundle.zip"
    with exchange.house.open() as vault:
        made = export(vault, ExportRequest(None, out, originals=True, clear=True))
    assert made["proofs"]["cosignatures"] == made["proofs"]["timestamps"] == "present"
    assert [len(state["cosigners"]) for state in made["proofs"]["states"]] == [4, 4]
    report = verify_bundle(out, exchange.trust(), made["bundle_id"])
    assert report.exit_status() == Exit.OK, codes(report)
    without = verify_bundle(out, None)
    assert without.exit_status() == Exit.UNCHECKED


def test_what_is_found_again_after_a_rebuild(exchange: Exchange) -> None:
    prove(exchange)
    rebuild(exchange.house.vault, lambda: PASSPHRASE)
    receipt = exchange.receipt(items(exchange)[0])
    (state,) = receipt.states
    assert len(state.tokens) == 1
    report = verify_receipt(format_receipt(receipt), None, exchange.trust())
    assert report.exit_status() == Exit.OK, codes(report)


def test_a_checkpoint_of_a_peer_is_anchored_once(exchange: Exchange) -> None:
    house, other = exchange.house, exchange.others[0]
    house.init_witness()
    other.pin(house)
    house.cosign(other.request(house))
    house.grow()
    house.grow()
    with house.open() as vault:
        anchored = vault.catalogue.indexes_of(("anchored",))
    assert len(anchored) == 1


def test_ingest_goes_on_while_a_pending_anchor_meets_a_full_batch(
    exchange: Exchange, tmp_path: Path
) -> None:
    prove(exchange)
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(30):
        (folder / f"{number}.txt").write_text(f"file {number}\n")
    with exchange.house.open() as vault:
        result = ingest(vault, IngestRequest([str(folder).encode()]))
        assert len(result["taken_in"]) == 30
        assert log_audit(vault)["findings"] == []


def test_killed_right_after_anchoring_it_goes_on(exchange: Exchange, tmp_path: Path) -> None:
    prove(exchange)
    write_files(tmp_path / "in", 3)
    fault = {"EVIDENCE_VAULT_FAULT": "3-anchored"}
    process = start("ingest", exchange.house.vault, tmp_path / "in", environment=fault)
    process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL
    with exchange.house.open() as vault:
        result = ingest(vault, IngestRequest([str(tmp_path / "in").encode()]))
        assert len(result["taken_in"]) == 3
        assert log_audit(vault)["findings"] == []
    last = items(exchange)[-1]
    report = verify_receipt(format_receipt(exchange.receipt(last)), None, exchange.trust())
    ingested = next(e for e in report.events if e["type"] == "ingested")
    assert ingested["not_before"]["by"] == "north"
