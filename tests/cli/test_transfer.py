"""transfer on the command line, from one desk to another of the same organisation."""

from __future__ import annotations

from pathlib import Path

import pytest

from evidence_vault.core import age
from evidence_vault.vault.opening import open_vault

from .conftest import Desk
from .runner import PASSPHRASE, call, check_schema


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> tuple[Desk, Desk]:
    """Two desks pinned to each other; what the first takes in can be read by the second."""
    desks = []
    for name in ("one", "two"):
        desk = Desk(tmp_path_factory.mktemp(name))
        desk.passphrase_file.write_text(PASSPHRASE + "\n")
        assert desk.call("init", desk.vault, "--org", f"House {name}").status == 0
        assert desk.call("trust", "export", "-o", desk.base / "trust.json").status == 0
        desks.append(desk)
    one, other = desks
    for desk, partner in ((one, other), (other, one)):
        pinned = desk.call("transfer", "pin", partner.base / "trust.json", "--json")
        assert pinned.status == 0, pinned.err
        check_schema("transfer-pin", pinned.json())
    with open_vault(other.vault, lambda: PASSPHRASE) as vault:
        reader = str(age.PQIdentity.from_seed(vault.keyring.seeds["read"]).to_recipient())
    assert one.call("key", "grant", reader, "--name", "two").status == 0
    one.source.mkdir()
    for name in ("a", "b"):
        (one.source / name).write_text(f"seen by {name}\n")
    assert one.call("ingest", one.source).status == 0
    return one, other


def test_a_hand_over_from_end_to_end(two: tuple[Desk, Desk], tmp_path: Path) -> None:
    one, other = two
    first, second = one.items()
    offered = one.call("transfer", "offer", "--all", "-o", tmp_path / "offer.tar", "--json")
    assert offered.status == 0, offered.err
    check_schema("transfer-offer", offered.json())
    assert "open gap in custody" in one.call("transfer", "list").out
    assert "open gap in custody" in one.call("log", "status").out
    assert "OPEN GAP IN CUSTODY for 0 days" in one.call("show", first).out
    check_schema("show", one.call("show", first, "--json").json())

    refused = one.call("transfer", "remove", first, "--yes")
    assert refused.status == 14

    taken = other.call(
        "transfer", "accept", tmp_path / "offer.tar", "-o", tmp_path / "answer.txt", "--json"
    )
    assert taken.status == 0, taken.err
    check_schema("transfer-accept", taken.json())
    assert other.items() == [first, second]
    check_schema("show", other.call("show", first, "--json").json())
    assert "taken over from" in other.call("show", first).out
    assert call("verify", tmp_path / "answer.txt").status == 3
    trust = tmp_path / "two-trust.json"
    assert other.call("trust", "export", "-o", trust).status == 0
    verified = call("verify", "--trust", trust, tmp_path / "answer.txt")
    assert "does not match" not in verified.out

    proved = one.call("transfer", "acknowledge", tmp_path / "answer.txt", "--json")
    assert proved.status == 0, proved.err
    check_schema("transfer-acknowledge", proved.json())
    unasked = one.call("transfer", "remove", "--all-acknowledged")
    assert (unasked.status, "E-NOT-CONFIRMED" in unasked.err) == (2, True)
    gone = one.call("transfer", "remove", "--all-acknowledged", "--yes", "--json")
    assert gone.status == 0, gone.err
    check_schema("transfer-remove", gone.json())
    check_schema("transfer-list", one.call("transfer", "list", "--json").json())
    check_schema("transfer-list", other.call("transfer", "list", "--json").json())
    assert one.call("show", first).status == 0
    assert one.call("log", "audit").status == 0
    assert one.call("fixity", "--all").status == 0
    assert other.call("get", first, "-o", tmp_path / "out").status == 0
    assert (tmp_path / "out").read_text() == "seen by a\n"


def test_saying_nothing_of_what_to_offer_or_remove(two: tuple[Desk, Desk], tmp_path: Path) -> None:
    assert two[0].call("transfer", "offer", "-o", tmp_path / "x").status == 2
    assert two[0].call("transfer", "remove", "--yes").status == 2
