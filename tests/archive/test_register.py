"""The accession register and its proof: what travels, what does not, and what tampering meets."""

from __future__ import annotations

import subprocess
from pathlib import Path

import bagit
import pytest
from tests.cli.runner import ROOT, check_schema

from evidence_vault.bundle.archival.files import ARCHIVE_FIELDS
from evidence_vault.core.event import parse_entry
from evidence_vault.core.eventtypes import FIELDS
from evidence_vault.core.receipt import parse_receipt
from evidence_vault.verify import shell_verifier

from .conftest import SECRET_NAME, TERMS, House, copied
from .test_description import rows

PROOF = "archive/accessions-receipt.txt"


def subjects(path: Path) -> list[str]:
    """The accessions that a receipt has events about."""
    events = [parse_entry(each.leaf).event for each in parse_receipt(path.read_bytes()).events]
    return [str(e.subject["id"]) for e in events if e.subject["kind"] == "accession"]


def test_the_register_says_on_what_terms_and_from_whom(full: Path) -> None:
    first, second, total = rows((full / "archive/accession-register.csv").read_bytes())
    assert first["terms_of_deposit"] == TERMS and second["terms_of_deposit"] == "other terms"
    assert first["received_from"] == "S-9" and second["received_from"] == "not known"
    assert first["claimed_received_at"] == "2021-04-01"
    assert first["opened_at"].endswith("Z") and first["proof"] == PROOF
    assert [each["items_in_this_bundle"] for each in (first, second, total)] == ["2", "1", "3"]


def test_the_proof_of_the_register_verifies_alone(house: House, full: Path) -> None:
    checked = house.verify(full / PROOF)
    assert checked.status == 0, checked.out
    assert TERMS in checked.out


def test_the_second_verifier_says_the_same(house: House, full: Path, tmp_path: Path) -> None:
    trust = tmp_path / "trust.json"
    assert house.call("trust", "export", "-o", trust).status == 0
    (tmp_path / "verify.sh").write_bytes(shell_verifier())
    for what in (full, full / PROOF):
        done = subprocess.run(
            ["sh", tmp_path / "verify.sh", "-c", "-t", trust, what],
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_fields_with_a_slot_are_fields_and_fill_it(house: House, tmp_path: Path) -> None:
    assert set(ARCHIVE_FIELDS) <= {name for fields in FIELDS.values() for name in fields}
    text = (ROOT / "docs" / "profile-archive.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in text for name in ARCHIVE_FIELDS)
    bundle = house.export(tmp_path / "b", *house.items, "--disclose", ",".join(ARCHIVE_FIELDS))
    first = rows((bundle / "archive/accession-register.csv").read_bytes())[0]
    assert first["terms_of_deposit"] == TERMS and first["withheld_fields"] == "actor, refused"
    described = {r["identifier"]: r for r in rows((bundle / "archive/isadg.csv").read_bytes())}
    assert described[house.items[0]]["placeAccessPoints"] == "MMR010"


def test_names_of_refused_files_leave_only_when_they_are_asked_for(
    house: House, full: Path, tmp_path: Path
) -> None:
    assert SECRET_NAME.encode() not in (full / PROOF).read_bytes()
    register = rows((full / "archive/accession-register.csv").read_bytes())
    assert "refused" in register[0]["withheld_fields"]
    asked = house.export(tmp_path / "b", *house.items, "--disclose", "accession,refused,outcome")
    assert SECRET_NAME.encode() in (asked / PROOF).read_bytes()


def test_an_accession_that_no_item_names_does_not_leave(
    house: House, silent: Path, tmp_path: Path
) -> None:
    assert not (silent / PROOF).exists()
    only = house.export(tmp_path / "b", house.items[2], "--disclose", "accession,terms")
    assert set(subjects(only / PROOF)) == {
        rows((only / "archive/accession-register.csv").read_bytes())[0]["accession"]
    }
    for path in only.rglob("*"):
        assert path.is_dir() or TERMS.encode() not in path.read_bytes()


def test_what_of_an_accession_could_point_to_people_is_said_first(
    house: House, tmp_path: Path
) -> None:
    fields = ("--disclose", "accession,terms,received_from", "--clear", "--folder", "--json")
    what = ("export", *house.items, *fields, "--by", "desk-1")
    for profile, told in (("archive", True), ("partner", False)):
        done = house.call(*what, "--for", profile, "-o", tmp_path / profile)
        assert done.status == 0, done.err
        check_schema("export", done.json())
        found = {(each["id"][-7:-5], each["what"][:12]) for each in done.json()["sensitive"]}
        assert (("-A", "field terms:") in found) is told
        assert TERMS not in done.out


def test_fields_that_were_not_asked_for_stay_withheld(house: House, tmp_path: Path) -> None:
    bundle = house.export(tmp_path / "b", *house.items, "--disclose", "accession")
    first = rows((bundle / "archive/accession-register.csv").read_bytes())[0]
    assert first["terms_of_deposit"] == first["received_from"] == "withheld"
    assert TERMS.encode() not in (bundle / PROOF).read_bytes()


@pytest.mark.parametrize(
    "name",
    ["archive/accession-register.csv", PROOF, "archive/premis.xml", "case.jsonld",
     "ro-crate-metadata.json"],
)  # fmt: skip
def test_a_changed_file_of_the_archive_is_named(
    house: House, full: Path, tmp_path: Path, name: str
) -> None:
    bundle = copied(full, tmp_path / "b")
    content = (bundle / name).read_bytes()
    (bundle / name).write_bytes(content.replace(b"terms", b"Terms", 1) + b" ")
    checked = house.verify(bundle)
    assert checked.status == 10 and name in checked.out


def test_bagit_python_finds_a_valid_bag(house: House, full: Path, silent: Path) -> None:
    for bundle in (full, silent):
        bagit.Bag(str(bundle)).validate()


def test_the_profile_of_a_partner_has_none_of_it(house: House, tmp_path: Path) -> None:
    bundle = house.export(tmp_path / "b", *house.items, "--disclose", "all", profile="partner")
    assert not (bundle / "archive").exists() and not (bundle / "case.jsonld").exists()
    assert not (bundle / "ro-crate-metadata.json").exists()
