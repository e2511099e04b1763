"""CASE/UCO and RO-Crate: linked data that holds together, judged by the tools of others."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evidence_vault.bundle.model import BundlePlan

from .conftest import CONTENT, archive_plan, copied, files_of, judges, load, sha256

HERE = Path(__file__).parent
UUID = re.compile(r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def references(value: Any) -> Iterator[str]:
    """Every address that is pointed to, not the addresses of the nodes themselves."""
    if isinstance(value, dict):
        if set(value) == {"@id"}:
            yield value["@id"]
        for each in value.values():
            yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


def of_type(graph: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [node for node in graph if node["@type"] == kind]


def test_every_node_of_case_has_one_address_and_every_pointer_a_node(
    full: Path, silent: Path, told: BundlePlan
) -> None:
    documents = [load(each / "case.jsonld") for each in (full, silent)]
    documents.append(json.loads(files_of(told)["case.jsonld"]))
    for document in documents:
        graph = document["@graph"]
        addresses = [node["@id"] for node in graph]
        assert len(set(addresses)) == len(addresses) > 10
        assert all(UUID.fullmatch(each) for each in addresses)
        assert set(references(graph)) <= set(addresses)


def test_case_holds_one_record_for_each_item_and_one_action_for_each_event(full: Path) -> None:
    graph = load(full / "case.jsonld")["@graph"]
    records = of_type(graph, "case-investigation:ProvenanceRecord")
    assert len(records) == 3
    assert all("/" in each["case-investigation:exhibitNumber"] for each in records)
    actions = of_type(graph, "case-investigation:InvestigativeAction")
    names = [each["uco-core:name"] for each in actions]
    assert names.count("Taken into the archive") == 3
    assert names.count("Stored copy compared with its recorded digests") == 1
    digests = {each["uco-types:hashValue"]["@value"] for each in of_type(graph, "uco-types:Hash")}
    for path in (full / "data").iterdir():
        assert sha256(path) in digests


def test_what_is_withheld_is_in_no_graph(silent: Path, bare: BundlePlan) -> None:
    for text in (
        (silent / "case.jsonld").read_text(),
        (silent / "ro-crate-metadata.json").read_text(),
    ):
        assert "K|1" not in text and "ကျေးရွာ" not in text and "uco-core:tag" not in text
    hidden = files_of(archive_plan(reveal=("format",)))["case.jsonld"].decode()
    assert "hashValue" not in hidden and "sizeInBytes" not in hidden
    assert CONTENT[0] in hidden  # named as withheld


def test_the_crate_lists_the_files_that_are_there_with_their_digests(
    full: Path, silent: Path
) -> None:
    for bundle in (full, silent):
        graph = load(bundle / "ro-crate-metadata.json")["@graph"]
        nodes = {node["@id"]: node for node in graph}
        assert set(references(graph)) - {"https://w3id.org/ro/crate/1.2"} <= set(nodes)
        listed = {each["@id"] for each in nodes["./"]["hasPart"]}
        files = {node["@id"] for node in of_type(graph, "File")}
        assert listed == files
        wanted = {"data", "receipts", "copies"}
        there = {p.relative_to(bundle) for p in bundle.rglob("*") if p.is_file()}
        assert files >= {str(path) for path in there if path.parts[0] in wanted}
        for each in files:
            assert (bundle / each).is_file()
            if "sha256" in nodes[each]:
                assert nodes[each]["sha256"] == sha256(bundle / each)
                assert int(nodes[each]["contentSize"]) == (bundle / each).stat().st_size


@pytest.mark.slow
def test_case_validate_finds_that_it_conforms(
    full: Path, silent: Path, copies: tuple[Path, Path], tmp_path: Path
) -> None:
    program = judges() / "case_validate"
    good = [each / "case.jsonld" for each in (full, silent, copies[0])]
    for path in good:
        done = subprocess.run([program, path], capture_output=True, text=True, check=False)
        assert done.returncode == 0 and "Conforms: True" in done.stdout, done.stdout
    bad = tmp_path / "bad.jsonld"
    text = good[0].read_text()
    bad.write_text(text.replace('"xsd:hexBinary"', '"xsd:string"', 1))
    done = subprocess.run([program, bad], capture_output=True, text=True, check=False)
    assert done.returncode != 0 and "Conforms: False" in done.stdout


@pytest.mark.slow
def test_the_validator_and_the_loader_of_crates_accept_it(
    full: Path, copies: tuple[Path, Path], tmp_path: Path
) -> None:
    for bundle, entities in ((full, 9), (copies[0], 6)):
        found = judged(bundle)
        assert found["issues"] == [] and found["version"] == "1.2"
        assert len(found["entities"]) == entities
    bad = copied(full, tmp_path / "b")
    path = bad / "ro-crate-metadata.json"
    path.write_text(path.read_text().replace('"datePublished"', '"dateWritten"', 1))
    assert judged(bad)["issues"]


def judged(bundle: Path) -> Any:
    done = subprocess.run(
        [judges() / "python", HERE / "judge_crate.py", bundle],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
