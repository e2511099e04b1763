"""link and unlink: what belongs together, shown in both directions, told only where both leave."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.cli.runner import call, check_schema

from evidence_vault.bundle.custody import custody_events
from evidence_vault.core.receipt import parse_receipt
from evidence_vault.core.relations import RELATIONS, Relation, standing

from .conftest import House

HOME = "copper-meadow-lantern-4417"


def said(house: House, item: str) -> list[tuple[str, str, str]]:
    """(direction, relation, other) as ``show`` tells them."""
    found = house.call("show", item, "--json").json()
    check_schema("show", found)
    return [(each["direction"], each["relation"], each["id"]) for each in found["relations"]]


def revealed(bundle: Path, item: str) -> dict[str, object]:
    """What the receipt in a bundle reveals of the item's relations."""
    receipt = parse_receipt((bundle / "receipts" / f"{item}.txt").read_bytes())
    found: dict[str, object] = {}
    for event in custody_events(receipt):
        if event.type in ("linked", "unlinked"):
            found |= event.revealed
    return found


def test_a_relation_is_shown_from_both_ends_and_taken_back(house: House) -> None:
    film, words = house.ids["film"], house.ids["words"]
    made = house.call("link", words, "transcript-of", film, "--purpose", "typed", "--json")
    check_schema("link", made.json())
    assert said(house, words) == [("to", "transcript-of", film)]
    assert said(house, film) == [("from", "transcript-of", words)]
    text = house.call("show", film).out
    assert "its transcript" in text and words in text
    history = house.call("history", words).out
    assert "(linked)" in history and film in history and "typed" in history
    taken = house.call("unlink", words, "transcript-of", film, "--json")
    check_schema("unlink", taken.json())
    assert said(house, words) == said(house, film) == []
    assert "(linked)" in house.call("history", words).out  # nothing is edited
    assert house.call("link", words, "transcript-of", film).status == 0
    assert said(house, words) == [("to", "transcript-of", film)]
    assert house.call("rebuild").status == 0
    assert said(house, words) == [("to", "transcript-of", film)]
    assert said(house, film) == [("from", "transcript-of", words)]
    assert house.call("log", "audit").status == 0
    assert house.call("rebuild", "--no-index").status == 0
    assert said(house, film) == [("from", "transcript-of", words)]


def test_what_makes_no_sense_is_refused_and_nothing_is_recorded(house: House) -> None:
    film, part, words = (house.ids[name] for name in ("film", "part", "words"))
    assert house.call("link", part, "excerpt-of", film).status == 0
    assert house.call("link", words, "excerpt-of", part).status == 0
    before = house.call("log", "status", "--json").json()["committed"]
    for arguments, code in (
        ((film, "excerpt-of", film), "E-LINK-SELF"),
        ((film, "excerpt-of", part), "E-LINK-CIRCLE"),
        ((film, "excerpt-of", words), "E-LINK-CIRCLE"),
        ((part, "excerpt-of", film), "E-LINKED"),
        ((film, "part-of", "NONE-0000001"), "E-NO-ITEM"),
        (("NONE-0000001", "part-of", film), "E-NO-ITEM"),
    ):
        refused = house.call("link", *arguments, "--json")
        assert (refused.status, refused.json()["code"]) == (2, code), arguments
    assert house.call("link", film, "cousin-of", part).status == 2
    assert house.call("unlink", part, "part-of", film, "--json").json()["code"] == "E-NOT-LINKED"
    assert house.call("log", "status", "--json").json()["committed"] == before
    # Along another relation it may lead back: a film is no excerpt of a part, but belongs with it.
    assert house.call("link", film, "related-to", part).status == 0


def test_a_relation_never_names_an_item_that_does_not_leave(house: House, tmp_path: Path) -> None:
    film, words = house.ids["film"], house.ids["words"]
    house.call("link", words, "transcript-of", film, "--purpose", "typed by K-3", "--by", "d")
    for profile in ("partner", "public"):
        alone, both = tmp_path / f"{profile}-alone", tmp_path / f"{profile}-both"
        assert house.export(profile, "words", out=alone).status == 0
        assert revealed(alone, words) == {}
        assert not [p for p in alone.rglob("*.*") if film.encode() in p.read_bytes()]
        assert house.export(profile, "words", "film", out=both).status == 0
        assert set(revealed(both, words)) == {"other", "relation"}
        trust = house.trust(tmp_path / f"{profile}.json")
        for bundle in (alone, both):
            assert call("verify", "--trust", trust, bundle).status == 0
    # A receipt is given out by itself, even when several are written at once.
    house.call("receipt", words, film, "-o", tmp_path / "receipts")
    told = (tmp_path / "receipts" / f"{words}.txt").read_text()
    assert film not in told
    house.call("receipt", words, "-o", tmp_path / "named", "--disclose", "other,relation")
    assert film in (tmp_path / "named").read_text()


def test_a_later_word_counts_and_one_half_withheld_says_nothing() -> None:
    other = {"home": HOME, "id": "QVRM-0000007"}
    told = {"other": other, "relation": "part-of"}
    one = Relation("part-of", HOME, "QVRM-0000007")
    assert standing([("linked", told)]) == [one]
    assert standing([("linked", told), ("unlinked", told)]) == []
    assert standing([("unlinked", told), ("linked", told)]) == [one]
    for half in ({"other": other}, {"relation": "part-of"}, {}, {"other": "x", "relation": "y"}):
        assert standing([("linked", half)]) == []
    assert standing([("described", told)]) == []


@pytest.mark.parametrize("relation", RELATIONS)
def test_every_relation_is_in_the_command_and_the_schema(relation: str) -> None:
    # A help text may be broken at a hyphen.
    assert relation in re.sub(r"-\n *", "-", call("link", "--help").out)
    check_schema(
        "link",
        {
            "event": 1,
            "id": "QVRM-0000001",
            "other": {"home": HOME, "id": "QVRM-0000002"},
            "relation": relation,
        },
    )
