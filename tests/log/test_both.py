"""The catalogue answers alike on SQLite and PostgreSQL."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evidence_vault.core.merkle import Frontier, leaf_hash
from evidence_vault.core.placement import Placed
from evidence_vault.errors import UsageError, VaultError
from evidence_vault.log.applying import EntryRow, IndexRows
from evidence_vault.log.catalogue import Catalogue
from evidence_vault.log.database import Place
from evidence_vault.log.postgres import check_place

LARGE = 5 * 2**30  # more than 32 bits hold


def index_row(item: str, **values: Any) -> dict[str, Any]:
    row = dict.fromkeys(
        "device_time has_location occurred_at place source_code collector_code language title "
        "description classification key_name key_place key_title key_description".split()
    )
    row |= {"id": item, "sha256": "a" * 64, "sha512": "b" * 128, "size": LARGE, "format": "x/y"}
    row |= {"extension": "bin", "accession": "A-1", "name": item, "path": item}
    return {**row, "recorded_at": "2026-01-01T00:00:00Z", **values}


def fill(catalogue: Catalogue, items: list[str], **values: Any) -> None:
    """One entry and one index row for each item."""
    frontier, rows, index = catalogue.frontier(), [], IndexRows()
    start = frontier.size
    for offset, item in enumerate(items):
        leaf = leaf_hash(item.encode("utf-8", "surrogatepass"))
        frontier.append(leaf)
        row = EntryRow(start + offset, leaf, start, "ingested", "2026-01-01T00:00:00Z")
        row.members = [(item, "home", 0)]
        rows.append(row)
        index.items.append(index_row(item, **values))
    catalogue.apply(rows, frontier, index)


def test_what_is_put_in_comes_out(place: Place) -> None:
    catalogue = Catalogue.create(place, 0)
    fill(catalogue, ["XX-0000002", "XX-0000010", "XX-0000001"], title="one", has_location=True)
    catalogue.check()
    assert catalogue.item_ids() == ["XX-0000001", "XX-0000002", "XX-0000010"]
    assert catalogue.last_number("XX") == 10
    assert catalogue.find(["XX-0000002"])[0] | {"id": ""} == {
        **index_row("XX-0000002", title="one", has_location=True),
        "case": [],
        "id": "",
    }
    placed = Placed("c" * 64, LARGE, "v1", "compliance", "2030-01-01T00:00:00Z", "etag")
    newer = Placed("c" * 64, LARGE, "v2", None, None, None)
    for each in (placed, newer):
        size = catalogue.frontier()
        size.append(leaf_hash(b"stored"))
        row = EntryRow(size.size - 1, leaf_hash(b"stored"), size.size - 1, "stored", "2026")
        catalogue.apply([row], size, IndexRows(objects=[each]))
    assert catalogue.placed(["c" * 64, "d" * 64]) == {"c" * 64: newer}
    assert [catalogue.unread_log(), catalogue.signed("o")] == [None, None]
    catalogue.mark_unread(0)
    catalogue.set_signed("o", b"\0\1")
    catalogue.set_signed("o", b"\0\2")
    assert [catalogue.unread_log(), catalogue.signed("o")] == [0, b"\0\2"]
    catalogue.close()
    again = Catalogue(place, 0)
    assert again.frontier().size == 5
    assert again.signed_origins() == {"o"}
    again.close()


def test_rows_that_come_again_replace_and_cases_add(place: Place) -> None:
    catalogue = Catalogue.create(place, 0)
    fill(catalogue, ["XX-0000001"], title="old", place="Here")
    index = IndexRows(
        items=[index_row("XX-0000001", title="new")],
        cases=[("C", "XX-0000001"), ("C", "XX-0000001")],
    )
    index.patches = [("XX-0000001", {"title": "newest", "case": ["D", "E", "D"]})]
    index.again = [("XX-0000001", {"title": "no", "language": "my", "case": None}, ["E", "F"])]
    index.arrivals = [
        {"path_key": "p", "sha256": "s", "id": n} for n in ("XX-0000000", "XX-0000001")
    ]
    frontier = catalogue.frontier()
    frontier.append(leaf_hash(b"1"))
    row = EntryRow(1, leaf_hash(b"1"), 1, "described", "2026", [("XX-0000001", "home", 1)])
    catalogue.apply([row], frontier, index)
    found = catalogue.describe("XX-0000001")
    assert found is not None
    assert (found["title"], found["place"], found["language"]) == ("newest", None, "my")
    assert found["case"] == ["D", "E", "F"]
    assert catalogue.arrivals(["p"]) == {("p", "s"): "XX-0000001"}
    catalogue.close()


@pytest.mark.parametrize(
    "title", ["a\0b", "half \ud83d of a pair", "\ufdd0", "\ufdd00000", "\ufdd0\0", "မြန်မာ", "%_\\"]
)
def test_text_that_one_of_them_does_not_take_survives_and_is_found(
    place: Place, title: str
) -> None:
    catalogue = Catalogue.create(place, 0)
    fill(catalogue, ["XX-0000001"], title=title, source_code=title)
    found = catalogue.describe("XX-0000001")
    assert found is not None and found["title"] == title
    assert [row["id"] for row in catalogue.search(source_code=title)] == ["XX-0000001"]
    assert [row["id"] for row in catalogue.search(text=title)] == ["XX-0000001"]
    catalogue.close()


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    return Catalogue.create(tmp_path_factory.mktemp("two") / "catalogue.db", 0)


@given(st.text())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
def test_any_text_survives(two: Catalogue, text: str) -> None:
    index = IndexRows(items=[index_row("XX-0000001", title=text)])
    frontier = two.frontier()
    frontier.append(leaf_hash(b""))
    two.apply([EntryRow(frontier.size - 1, leaf_hash(b""), 0, "x", "2026")], frontier, index)
    found = two.describe("XX-0000001")
    assert found is not None and found["title"] == text


def test_identifiers_stand_in_the_order_of_their_bytes(place: Place) -> None:
    catalogue = Catalogue.create(place, 0)
    ids = ["AB-0000002", "A9-0000001", "ZZ-0000001", "AB-0000010", "AB0-0000001", "A9-0000010"]
    fill(catalogue, ids)
    assert catalogue.item_ids() == sorted(ids, key=lambda item: item.encode())
    catalogue.close()


def test_texts_too_long_for_an_index_do_not_stop_the_log(place: Place) -> None:
    """What another vault hands over may say anything: it is committed, so it must go in."""
    import random

    long = "".join(chr(random.Random(1).randrange(0x1000, 0x9000)) for _ in range(1)) * 20_000
    odd = "".join(chr(0x1000 + (n * 7919) % 0x7000) for n in range(20_000))
    catalogue = Catalogue.create(place, 0)
    fill(catalogue, ["XX-0000001"], name=odd, accession=odd, source_code=long, description=odd)
    frontier = catalogue.frontier()
    frontier.append(leaf_hash(b"1"))
    index = IndexRows(
        cases=[(odd, "XX-0000001")], patches=[("XX-0000001", {"case": [odd], "source_code": odd})]
    )
    catalogue.apply([EntryRow(1, leaf_hash(b"1"), 1, "described", "2026")], frontier, index)
    found = catalogue.describe("XX-0000001")
    assert found is not None and found["description"] == odd and odd.startswith(found["case"][0])
    catalogue.close()


def test_a_fresh_one_takes_the_place_and_keeps_what_was_signed(place: Place) -> None:
    old = Catalogue.create(place, 0)
    fill(old, ["XX-0000001"])
    old.set_signed("o", b"pin")
    for name in ("left", "new"):  # the first was left half-made by a process that died
        fresh = Catalogue.fresh(place)
        fill(fresh, [f"XX-000000{len(name)}"])
        assert old.item_ids() == ["XX-0000001"]
        if name == "left":
            fresh.close()
    old.close()
    fresh.take_place(place)
    now = Catalogue(place, 0)
    now.check()
    assert now.item_ids() == ["XX-0000003"]
    if isinstance(place, str):  # elsewhere it is a file of the vault
        assert now.signed("o") == b"pin"
    now.close()


def test_a_field_vault_has_no_searchable_tables(place: Place) -> None:
    catalogue = Catalogue.create(place, 0, index=False)
    assert not catalogue.has_index()
    frontier = Frontier()
    frontier.append(leaf_hash(b""))
    row = EntryRow(0, leaf_hash(b""), 0, "x", "2026")
    catalogue.apply([row], frontier, IndexRows())
    catalogue.check()
    catalogue.close()


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_a_half_made_database_is_begun_again_and_one_in_use_is_not(place: Place) -> None:
    Catalogue.create(place, 0).close()  # and then the machine went down
    catalogue = Catalogue.create(place, 0)
    catalogue.set_signed("o", b"pin")
    catalogue.close()
    with pytest.raises(UsageError) as raised:
        Catalogue.create(place, 0)
    assert raised.value.code == "E-EXISTS"


@pytest.mark.parametrize(
    "place",
    [
        "postgresql://me:secret@host/db",
        "postgresql://me@host/db?password=secret",
        "postgresql://me@host",
        "postgresql:///db",
        "postgresql://me@host:port/db",
        "postgresql://me@host/db?options=-csearch_path=x",
    ],
)
def test_places_that_are_none_are_refused_without_telling_a_password(place: str) -> None:
    with pytest.raises(VaultError) as raised:
        check_place(place)
    assert raised.value.code == "E-PLACE"
    assert "secret" not in f"{raised.value.message} {raised.value.hint}"
