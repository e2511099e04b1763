"""``archive/premis.xml`` is what its schema asks for, links to itself, and tells no more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from evidence_vault.bundle.archival.premis import premis_xml
from evidence_vault.bundle.archival.premiswords import EVENT_CODES
from evidence_vault.bundle.archival.pronom import PRONOM, pronom_key
from evidence_vault.bundle.archival.xmltext import leaf, legible
from evidence_vault.bundle.model import BundlePlan
from evidence_vault.core.eventtypes import FIELDS, PREMIS

from .conftest import ALL, CONTENT, SCHEMAS, TERMS, archive_plan, files_of

NS = {"p": "http://www.loc.gov/premis/v3"}
# What evidence could put in to make a parser fetch, run or expand something.
SAFE = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)


@pytest.fixture(scope="module")
def schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(str(SCHEMAS / "premis-v3-0.xsd")))


def read(content: bytes) -> etree._Element:
    return etree.fromstring(content, SAFE)


def texts(root: etree._Element, path: str) -> list[str]:
    return [each.text or "" for each in root.iterfind(path, NS)]


def plans() -> Iterator[BundlePlan]:
    yield archive_plan(reveal=ALL)
    yield archive_plan(reveal=CONTENT, originals=False)
    yield archive_plan(reveal=("format",), withheld={"QVRM-0000002": "under hold"})
    yield archive_plan(reveal=(), contents={"QVRM-0000009": (b"one", "bin")})


def test_every_kind_of_plan_gives_a_file_that_the_schema_accepts(schema: etree.XMLSchema) -> None:
    seen = 0
    for plan in plans():
        root = read(files_of(plan)["archive/premis.xml"])
        schema.assertValid(root)
        assert len(root.findall("p:object", NS)) >= 4
        seen += 1
    assert seen == 4


def test_the_schema_refuses_what_is_out_of_order(told: BundlePlan, schema: etree.XMLSchema) -> None:
    """A judge that accepts everything is none."""
    root = read(files_of(told)["archive/premis.xml"])
    root.insert(0, root.find("p:agent", NS))
    assert not schema.validate(root)


def test_bundles_of_a_real_vault_are_accepted(
    full: Path, silent: Path, schema: etree.XMLSchema
) -> None:
    for bundle in (full, silent):
        schema.assertValid(read((bundle / "archive/premis.xml").read_bytes()))


def test_every_link_leads_to_something_in_the_file(full: Path, told: BundlePlan) -> None:
    for content in (
        (full / "archive/premis.xml").read_bytes(),
        files_of(told)["archive/premis.xml"],
    ):
        root = read(content)
        for what, target in (
            ("linkingEventIdentifier", "p:event/p:eventIdentifier/p:eventIdentifier"),
            ("linkingAgentIdentifier", "p:agent/p:agentIdentifier/p:agentIdentifier"),
            ("linkingObjectIdentifier", "p:object/p:objectIdentifier/p:objectIdentifier"),
            ("relatedObjectIdentifier", "p:object/p:objectIdentifier/p:objectIdentifier"),
            (
                "linkingRightsStatementIdentifier",
                "p:rights/p:rightsStatement/p:rightsStatementIdentifier/p:rightsStatementIdentifier",
            ),
        ):
            there = set(
                zip(texts(root, f"{target}Type"), texts(root, f"{target}Value"), strict=True)
            )
            links = zip(
                texts(root, f".//p:{what}Type"), texts(root, f".//p:{what}Value"), strict=True
            )
            assert set(links) <= there, what
        assert len(texts(root, "p:event/p:eventIdentifier/p:eventIdentifierValue")) == len(
            set(texts(root, "p:event/p:eventIdentifier/p:eventIdentifierValue"))
        )


def test_every_event_type_has_an_address_in_the_vocabulary(full: Path) -> None:
    assert set(PREMIS.values()) <= EVENT_CODES.keys()
    assert PREMIS.keys() == FIELDS.keys()
    root = read((full / "archive/premis.xml").read_bytes())
    for each in root.iterfind("p:event/p:eventType", NS):
        assert each.get("valueURI", "").endswith("/" + EVENT_CODES[each.text or ""])
    assert {"accession", "ingestion", "fixity check", "dissemination", "policy assignment"} <= set(
        texts(root, "p:event/p:eventType")
    )


def test_a_set_event_stands_once_with_all_its_items(told: BundlePlan) -> None:
    root = read(files_of(told)["archive/premis.xml"])
    shared = [
        event
        for event in root.iterfind("p:event", NS)
        if texts(event, "p:eventType") == ["fixity check"]
    ]
    assert len(shared) == 1
    assert len(shared[0].findall("p:linkingObjectIdentifier", NS)) == 3


def test_only_revealed_values_are_told_and_the_rest_is_named(
    told: BundlePlan, bare: BundlePlan, silent: Path
) -> None:
    assert "ကျေးရွာ".encode() in files_of(told)["archive/premis.xml"]
    hidden = files_of(bare)
    for content in hidden.values():
        assert "ကျေးရွာ".encode() not in content
        assert b"HYPERLINK" not in content and b"desk-1" not in content
    withheld = texts(read(hidden["archive/premis.xml"]), ".//p:significantPropertiesValue")
    assert any("title" in each and "place" in each for each in withheld)
    for path in [*(silent / "archive").iterdir(), silent / "case.jsonld"]:
        content = path.read_bytes()
        for secret in (TERMS, "S-9", "MMR010", "ကျေးရွာ", "House of Names", "note.txt", "C-1"):
            assert secret.encode() not in content, (path.name, secret)


def test_a_hold_and_a_classification_and_terms_are_rights(full: Path) -> None:
    root = read((full / "archive/premis.xml").read_bytes())
    bases = texts(root, "p:rights/p:rightsStatement//p:otherRightsBasis")
    assert bases.count("legal hold") == 1 and bases.count("terms of deposit") == 2
    assert TERMS in texts(root, ".//p:otherRightsNote")
    assert {"confidential", "lead_only"} <= set(texts(root, ".//p:restriction"))
    assert texts(root, ".//p:termOfRestriction/p:endDate") == ["OPEN"]


def test_the_same_plan_gives_the_same_bytes_in_small_pieces(told: BundlePlan) -> None:
    first = list(premis_xml(told))
    assert b"".join(first) == b"".join(premis_xml(told))
    assert files_of(told) == files_of(told)
    assert max(len(piece) for piece in first) < 32_000


def test_nothing_declares_a_document_type_or_an_entity(told: BundlePlan, full: Path) -> None:
    contents = [c for path, c in files_of(told).items() if path.endswith(".xml")]
    contents += [path.read_bytes() for path in (full / "archive").glob("*.xml")]
    assert len(contents) == 4
    for content in contents:
        assert b"<!DOCTYPE" not in content and b"<!ENTITY" not in content
        assert b"\x1b" not in content and b"\x07" not in content


@given(st.text(st.characters(codec=None), max_size=60))
def test_any_text_becomes_xml_and_comes_back_as_it_is_shown(value: str) -> None:
    """Control characters, lone surrogates, markup, ends of comments and sections, U+FFFF."""
    element = etree.fromstring(leaf("a", value, {"b": value}).encode("utf-8"), SAFE)
    assert (element.text or "") == legible(value)
    assert element.get("b") == legible(value).replace("\n", " ")


def test_text_that_is_markup_stays_text() -> None:
    hostile = (
        "</premis><!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>&e;]]>--><?php\x00\uffff"
    )
    element = etree.fromstring(leaf("a", hostile).encode(), SAFE)
    assert len(element) == 0 and (element.text or "").startswith("</premis><!DOCTYPE")
    assert "\\x00\\uffff" in (element.text or "")


def test_pronom_keys_are_left_open_where_the_version_is_not_known() -> None:
    assert pronom_key("video/mp4") == "fmt/199"
    for media_type in ("image/jpeg", "image/png", "application/pdf", "text/html", ""):
        assert pronom_key(media_type) is None
    assert all(key.startswith(("fmt/", "x-fmt/")) for key, _ in PRONOM.values())
