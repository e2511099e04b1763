"""Dublin Core and ISAD(G): nothing invented, nothing withheld told, read by others."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from evidence_vault.bundle.archival.isadg import COLUMNS, NOT_KNOWN, NOT_SHOWN
from evidence_vault.bundle.model import BundlePlan

from .conftest import SCHEMAS, TERMS, House, files_of, load
from .test_premis import SAFE

DC = "{http://purl.org/dc/elements/1.1/}"
TERM = "{http://purl.org/dc/terms/}"
# The records stand in an element of ours; each is a container of elements and refinements.
WRAPPER = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"
    xmlns:dcterms="http://purl.org/dc/terms/">
  <xs:import namespace="http://purl.org/dc/terms/" schemaLocation="{terms}"/>
  <xs:element name="records"><xs:complexType><xs:sequence>
    <xs:element name="record" type="dcterms:elementOrRefinementContainer"
      minOccurs="0" maxOccurs="unbounded"/>
  </xs:sequence></xs:complexType></xs:element>
</xs:schema>"""
XML_LANG = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"
    targetNamespace="http://www.w3.org/XML/1998/namespace">
  <xs:attribute name="lang" type="xs:language"/>
</xs:schema>"""


class _Here(etree.Resolver):  # type: ignore[misc]
    """The one schema that those of Dublin Core would fetch from the network."""

    def resolve(self, url: str, pubid: str, context: Any) -> Any:
        if url.endswith("/2001/03/xml.xsd"):
            return self.resolve_string(XML_LANG, context)
        return None


@pytest.fixture(scope="module")
def schema() -> etree.XMLSchema:
    parser = etree.XMLParser(no_network=True)
    parser.resolvers.add(_Here())
    text = WRAPPER.format(terms=(SCHEMAS / "dcterms.xsd").as_uri())
    return etree.XMLSchema(etree.fromstring(text, parser))


def rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8"), newline=""), strict=True))


def test_dublin_core_is_accepted_by_its_schema(
    told: BundlePlan, bare: BundlePlan, full: Path, silent: Path, schema: etree.XMLSchema
) -> None:
    contents = [files_of(plan)["archive/dublin-core.xml"] for plan in (told, bare)]
    contents += [(each / "archive/dublin-core.xml").read_bytes() for each in (full, silent)]
    for content in contents:
        root = etree.fromstring(content, SAFE)
        schema.assertValid(root)
        assert len(root) == 3
    bad = etree.fromstring(b"<records><record><title>no namespace</title></record></records>")
    assert not schema.validate(bad)


def test_a_record_tells_what_is_revealed_and_marks_claims(full: Path, silent: Path) -> None:
    root = etree.fromstring((full / "archive/dublin-core.xml").read_bytes(), SAFE)
    first = root[0]
    assert first.findtext(f"{DC}title") == 'A <title> & "more"'
    assert first.findtext(f"{TERM}abstract") == "line 1\nline 2 ကျေးရွာ"
    assert first.findtext(f"{TERM}temporal") == "2021-03 (claimed, not checked)"
    assert root[2].find(f"{DC}title") is None  # unknown: no element, nothing invented
    hidden = etree.fromstring((silent / "archive/dublin-core.xml").read_bytes(), SAFE)
    assert hidden[0].find(f"{DC}title") is None
    rights = [each.text or "" for each in hidden[0].iterfind(f"{TERM}accessRights")]
    assert any(each.startswith("withheld here:") and "title" in each for each in rights)


def test_the_columns_are_those_by_which_atom_takes_descriptions_in() -> None:
    heading = (SCHEMAS / "atom-isad-heading.csv").read_text().strip().split(",")
    assert len(heading) > 50
    known = iter(heading)
    assert all(column in known or column in heading for column in COLUMNS)
    assert len(set(COLUMNS)) == len(COLUMNS)
    essential = {"identifier", "title", "levelOfDescription", "extentAndMedium", "eventDates"}
    assert essential | {"eventActors"} <= set(COLUMNS)
    human_rights = {"archivalHistory", "acquisition", "accessConditions", "locationOfOriginals"}
    assert human_rights | {"reproductionConditions", "locationOfCopies"} <= set(COLUMNS)


def parents_come_first(table: Iterable[dict[str, str]]) -> bool:
    seen: set[str] = set()
    for row in table:
        if row["parentId"] and row["parentId"] not in seen:
            return False
        seen.add(row["legacyId"])
    return True


def test_levels_run_from_the_archive_to_the_item(full: Path, silent: Path) -> None:
    table = rows((full / "archive/isadg.csv").read_bytes())
    assert [row["levelOfDescription"] for row in table] == ["Fonds", *["File"] * 2, *["Item"] * 3]
    assert parents_come_first(table)
    assert [row["parentId"] for row in table[3:]] == [table[1]["legacyId"]] * 2 + [
        table[2]["legacyId"]
    ]
    assert table[1]["accessConditions"] == TERMS
    hidden = rows((silent / "archive/isadg.csv").read_bytes())
    assert [row["levelOfDescription"] for row in hidden] == ["Fonds", *["Item"] * 3]
    assert parents_come_first(hidden)


def test_unknown_and_withheld_are_two_things(full: Path, silent: Path) -> None:
    table = rows((full / "archive/isadg.csv").read_bytes())
    item, other = table[3], table[5]
    assert item["title"] == 'A <title> & "more"'
    assert item["eventDates"].startswith("2021-03 (when it happened, as claimed; not checked)|")
    assert item["eventStartDates"].startswith("2021-03-00|")  # no day is invented
    assert item["eventActors"].startswith("K¦1|")
    assert other["title"] == NOT_KNOWN and other["eventStartDates"].startswith("|")
    hidden = rows((silent / "archive/isadg.csv").read_bytes())
    assert [row["title"] for row in hidden[1:]] == [NOT_SHOWN, NOT_SHOWN, NOT_KNOWN]
    assert "title" in hidden[1]["generalNote"] and "title" not in hidden[3]["generalNote"]


def test_a_relation_is_told_where_both_items_leave_and_nowhere_else(
    house: House, silent: Path, tmp_path: Path
) -> None:
    first, second = house.items[:2]
    table = {row["identifier"]: row for row in rows((silent / "archive/isadg.csv").read_bytes())}
    home = table[first]["legacyId"].partition("/")[0]
    told = f"translation of {home}/{first} (as stated)"
    assert table[second]["relatedUnitsOfDescription"] == told
    dublin_core = (silent / "archive/dublin-core.xml").read_text(encoding="utf-8")
    assert f"<dc:relation>{told}</dc:relation>" in dublin_core
    premis = (silent / "archive/premis.xml").read_text(encoding="utf-8")
    assert "<relationshipSubType>translation of</relationshipSubType>" in premis
    graph = load(silent / "case.jsonld")["@graph"]
    kinds = [n["uco-core:kindOfRelationship"] for n in graph if "uco-core:kindOfRelationship" in n]
    assert kinds == ["translation-of"]
    alone = house.export(tmp_path / "b", second)
    for path in [*(alone / "archive").iterdir(), alone / "case.jsonld"]:
        assert first.encode() not in path.read_bytes()


def test_no_cell_starts_a_formula_or_a_line(told: BundlePlan, full: Path) -> None:
    tables = [c for path, c in files_of(told).items() if path.endswith(".csv")]
    tables += [path.read_bytes() for path in (full / "archive").glob("*.csv")]
    assert len(tables) == 4
    for content in tables:
        for row in csv.reader(io.StringIO(content.decode("utf-8"), newline=""), strict=True):
            for cell in row:
                assert not cell.startswith(("=", "+", "-", "@", "\t"))
                assert "\n" not in cell and "\r" not in cell and "\x1b" not in cell
