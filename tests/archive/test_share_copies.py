"""A share copy that leaves: derivation is told, the original's digests are not."""

from __future__ import annotations

import hashlib
from pathlib import Path

import bagit
from lxml import etree

from .conftest import SCHEMAS, load, sha256
from .test_premis import NS, SAFE, texts


def test_premis_tells_what_was_made_from_what_by_which_event(copies: tuple[Path, Path]) -> None:
    bundle, _ = copies
    root = etree.fromstring((bundle / "archive/premis.xml").read_bytes(), SAFE)
    etree.XMLSchema(etree.parse(str(SCHEMAS / "premis-v3-0.xsd"))).assertValid(root)
    (copy,) = (
        each
        for each in root.iterfind("p:object", NS)
        if any(v.endswith("-share-copy.jpg") for v in texts(each, ".//p:objectIdentifierValue"))
    )
    (sub,) = (
        each for each in copy.iterfind("p:relationship", NS)
        if texts(each, "p:relationshipType") == ["derivation"]
    )  # fmt: skip
    assert texts(sub, "p:relationshipSubType") == ["has source"]
    (made,) = texts(sub, "p:relatedEventIdentifier/p:relatedEventIdentifierValue")
    events = {
        texts(each, "p:eventIdentifier/p:eventIdentifierValue")[0]: each
        for each in root.iterfind("p:event", NS)
    }
    assert texts(events[made], "p:eventType") == ["creation"]
    assert sorted(texts(events[made], ".//p:linkingObjectRole")) == ["outcome", "source"]
    digest = sha256(next((bundle / "data").iterdir()))
    assert digest in texts(copy, ".//p:messageDigest")


def test_no_file_of_the_archive_tells_a_digest_or_the_name_of_the_original(
    copies: tuple[Path, Path],
) -> None:
    bundle, picture = copies
    content = picture.read_bytes()
    hidden = [hashlib.new(name, content).hexdigest() for name in ("sha256", "sha512", "sha1")]
    for path in bundle.rglob("*"):
        if path.is_file():
            text = path.read_bytes()
            for each in (*hidden, "Planted Name", "picture.jpg"):
                assert each.encode() not in text, (path.name, each)


def test_case_and_crate_tell_of_the_copy(copies: tuple[Path, Path]) -> None:
    bundle, _ = copies
    graph = load(bundle / "case.jsonld")["@graph"]
    relations = [n for n in graph if n["@type"] == "uco-observable:ObservableRelationship"]
    assert [each["uco-core:kindOfRelationship"] for each in relations] == ["Derived_From"]
    (payload,) = (
        node
        for node in load(bundle / "ro-crate-metadata.json")["@graph"]
        if node["@id"].startswith("data/")
    )
    assert "share copy" in payload["name"]
    assert payload["sha256"] == sha256(bundle / payload["@id"])
    bagit.Bag(str(bundle)).validate()
