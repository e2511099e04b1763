"""What the index finds is what reading every row finds, on both databases, page by page."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evidence_vault.core.merkle import Frontier
from evidence_vault.core.searchkey import query_keys, stored_keys
from evidence_vault.log import blockset
from evidence_vault.log.catalogue import Catalogue, EntryRow, IndexRows

PIECES = (
    "a", "A", "é", "É", "K", "\u212a", "ß", "%", "_", "'", '"', "\\", "/", "\n", " ", "☂", "👩‍🌾",
    "မြို့", "ျမိဳ႕", "ရန်ကုန်", "က", "်", "၁", "2024", "img", "IMG_", "ab", "ba", "\ufdd0",
    "\ud800", "\x00",
)  # fmt: skip
TEXTS = st.lists(st.sampled_from(PIECES), max_size=5).map("".join)
DATES = st.sampled_from(
    [None, "2024", "2024-02", "2024-02-29", "2024-02-29T10:00", "2023-12/2024-02-01", "2024/2022",
     "1990/2030", "2024-01/2024-03", "2025-02", "", "/", "2024-13", "x", "20", "2024-05/2024-03"]
)  # fmt: skip
PLACES = st.one_of(st.none(), st.sampled_from(["MMR001", "MMR001009", "mmr001009"]), TEXTS)
CODES = st.sampled_from(["C-1", "c-1", "C-10", "S%", ""])
IDS = st.one_of(
    st.integers(0, 20_050).map(lambda n: f"AB-{n:07d}"),
    st.integers(0, 99).map(lambda n: f"AB-{9_999_950 + n:07d}"),  # seven digits, then eight
    st.integers(0, 9).map(lambda n: f"A{n}C-{n:07d}"),
    st.sampled_from(["ZZ-999999999999", "AB-1", "AB-000", "X-12a", "AB-0000abc"]),
)


@dataclass
class Row:
    """An item as it is described, and its cases."""

    values: dict[str, Any]
    cases: list[str] = field(default_factory=list)


@st.composite
def items(draw: st.DrawFn) -> tuple[str, Row]:
    item = draw(IDS)
    name, place, title = draw(TEXTS), draw(PLACES), draw(st.one_of(st.none(), TEXTS))
    digest = f"{random.Random(item).getrandbits(256):064x}"
    values = {
        "id": item,
        "sha256": digest,
        "sha512": digest[::-1] * 2,
        "size": 1,
        "format": "text/plain",
        "extension": "txt",
        "accession": draw(CODES),
        "name": name,
        "path": name,
        "recorded_at": "2026-01-01T00:00:00Z",
        "device_time": None,
        "has_location": None,
        "occurred_at": draw(DATES),
        "place": place,
        "source_code": draw(st.one_of(st.none(), CODES)),
        "collector_code": None,
        "language": None,
        "title": title,
        "description": draw(st.one_of(st.none(), TEXTS)),
        "classification": None,
    }
    return item, Row(values, sorted(draw(st.sets(CODES, max_size=2))))


@st.composite
def conditions(draw: st.DrawFn) -> dict[str, Any]:
    asked: dict[str, Any] = {}
    for name, values in (("name", TEXTS), ("text", TEXTS), ("place", PLACES), ("date", DATES)):
        if draw(st.integers(0, 2)) == 0:
            asked[name] = draw(values)
    for name in ("source_code", "case", "accession"):
        if draw(st.integers(0, 4)) == 0:
            asked[name] = draw(CODES)
    if draw(st.integers(0, 9)) == 0:
        known = f"{random.Random(draw(IDS)).getrandbits(256):064x}"
        asked["digest"] = (known if draw(st.booleans()) else known[::-1])[
            : draw(st.integers(6, 64))
        ]
    return {name: value for name, value in asked.items() if value is not None}


# -- the oracle: what the questions were before there was an index ---------------------------------


def like(column: str | None, text: str) -> bool:
    if column is None:
        return False
    # Half a surrogate and NUL are no text to SQLite; one letter stands for each of them.
    plain = str.maketrans({"\ud800": "\ue000", "\x00": "\ue001"})
    pattern = text.translate(plain)
    for special in "/%_":
        pattern = pattern.replace(special, f"/{special}")
    values = (column.translate(plain), f"%{pattern}%")
    with closing(sqlite3.connect(":memory:")) as database:
        return bool(database.execute("SELECT ? LIKE ? ESCAPE '/'", values).fetchone()[0])


def holds(row: Row, columns: tuple[str, ...], text: str, keys: tuple[str, ...]) -> bool:
    texts = [row.values[name] for name in columns]
    kept = [stored_keys(value) for value in texts]
    return any(like(value, text) for value in texts) or any(
        like(value, key) for key in keys for value in (*texts, *kept)
    )


def overlap(column: str | None, date: str) -> bool:
    """As the SQL of the first layouts had it, in SQLite."""
    if column is None:
        return False
    first, _, last = date.partition("/")
    last = last or first
    slash = column.find("/")
    start, end = (column, column) if slash < 0 else (column[:slash], column[slash + 1 :])
    query = (
        "SELECT substr(:start, 1, length(:last)) <= substr(:last, 1, length(:start))"
        " AND substr(:end, 1, length(:first)) >= substr(:first, 1, length(:end))"
    )
    values = {"start": start, "end": end, "first": first, "last": last}
    with closing(sqlite3.connect(":memory:")) as database:
        return bool(database.execute(query, values).fetchone()[0])


def meets(row: Row, asked: dict[str, Any], spellings: dict[str, tuple[str, ...]]) -> bool:
    values = row.values
    checks: dict[str, Callable[[Any], bool]] = {
        "name": lambda v: holds(row, ("name",), v, spellings["name"]),
        "text": lambda v: holds(
            row, ("name", "title", "description", "place"), v, spellings["text"]
        ),
        "place": lambda v: (
            holds(row, ("place",), v, spellings["place"])
            or values["place"] in ("MMR001009", "MMR001")
        ),
        "date": lambda v: overlap(values["occurred_at"], v),
        "digest": lambda v: values["sha256"].startswith(v) or values["sha512"].startswith(v),
        "source_code": lambda v: values["source_code"] == v,
        "accession": lambda v: values["accession"] == v,
        "case": lambda v: v in row.cases,
    }
    return all(checks[name](value) for name, value in asked.items())


# -- both databases --------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def catalogue(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Catalogue]:
    if request.param == "sqlite":
        made = Catalogue.create(tmp_path_factory.mktemp("catalogue") / "catalogue.db", 0)
        yield made
        made.close()
        return
    from tests.servers.fixtures import fresh_database

    server = request.getfixturevalue("pg_server")
    with pytest.MonkeyPatch.context() as patch, fresh_database(server) as place:
        patch.setenv("PGPASSWORD", server.password)
        made = Catalogue.create(place, 0)
        yield made
        made.close()


def kept(row: Row) -> dict[str, Any]:
    names = ("name", "place", "title", "description")
    return {**row.values, **{f"key_{name}": stored_keys(row.values[name]) for name in names}}


def take_in(catalogue: Catalogue, rows: dict[str, Row]) -> None:
    """Empty the catalogue, and take these in: some at once, some described later."""
    with catalogue._session() as session:
        for table in ("log_entry", "log_history", "log_item", "log_block"):
            session.connection().exec_driver_sql(f"DELETE FROM {table}")
        for table in ("index_item", "index_case", "index_block", "index_posting"):
            session.connection().exec_driver_sql(f"DELETE FROM {table}")
        session.commit()
    size = 0
    for item, row in rows.items():
        values = kept(row)
        later = {n: values[n] for n in ("place", "key_place", "title", "key_title", "occurred_at")}
        index = IndexRows()
        if size % 2:
            index.items.append(values)
            index.cases += [(case, item) for case in row.cases]
            steps = [(0, index)]
        else:  # something else first, which must leave no trace
            index.items.append({**values, **dict.fromkeys(later, "img 2024-07 ☂")})
            index.cases.append(("S%", item))
            steps = [(0, index), (1, IndexRows(patches=[(item, {**later, "case": row.cases})]))]
        for seq, said in steps:
            entry = EntryRow(
                size, bytes(32), size, "ingested", "2026-01-01T00:00:00Z", [(item, "home", seq)]
            )
            size += 1
            catalogue.apply([entry], Frontier(size, [bytes(32)] * size.bit_count()), said)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    known=st.lists(items(), min_size=1, max_size=14),
    questions=st.lists(conditions(), min_size=1, max_size=12),
    keys=st.booleans(),
    limit=st.integers(1, 3),
)
def test_found_is_what_reading_every_row_finds(
    catalogue: Catalogue,
    known: list[tuple[str, Row]],
    questions: list[dict[str, Any]],
    keys: bool,
    limit: int,
) -> None:
    rows = dict(known)
    take_in(catalogue, rows)
    everything = sorted(rows)
    for asked in questions:
        spellings = {
            name: query_keys([asked[name]]) if keys and asked.get(name) else ()
            for name in ("name", "text", "place")
        }
        given_too: dict[str, Any] = {"spellings": spellings, "pcodes": ("MMR001", "MMR001009")}
        expected = [i for i in everything if meets(rows[i], asked, spellings)]
        found = catalogue.search(**asked, **given_too)
        assert [row["id"] for row in found] == expected, asked
        assert [row["case"] for row in found] == [rows[i].cases for i in expected]
        pages: list[str] = []
        while page := catalogue.search(
            **asked, **given_too, limit=limit, after=pages[-1] if pages else None
        ):
            pages += [row["id"] for row in page]
        assert pages == expected
        second = catalogue.search(**asked, **given_too, limit=limit, offset=limit)
        assert [row["id"] for row in second] == expected[limit : 2 * limit]
    check_pages(catalogue, everything, limit)


def check_pages(catalogue: Catalogue, everything: list[str], limit: int) -> None:
    assert catalogue.count_items() == len(everything)
    assert catalogue.item_ids() == everything
    assert [row["id"] for row in catalogue.find()] == everything
    for offset in range(len(everything) + 2):
        expected = everything[offset : offset + limit]
        assert [row["id"] for row in catalogue.find(limit=limit, offset=offset)] == expected
        assert catalogue.page_of_items(limit=limit, offset=offset) == expected
    for item in everything:
        behind = [each for each in everything if each > item]
        assert [row["id"] for row in catalogue.find(after=item, limit=limit)] == behind[:limit]
        found = catalogue.find(after=item, limit=limit, offset=1)
        assert [row["id"] for row in found] == behind[1 : 1 + limit]


@given(
    st.sets(st.integers(0, 9999), max_size=300),
    st.sets(st.integers(0, 9999), max_size=300),
    st.sets(st.integers(0, 9999), max_size=300),
    st.booleans(),
)
def test_sets_of_a_block(known: set[int], add: set[int], drop: set[int], dense: bool) -> None:
    if dense:
        known |= set(range(2000))
    drop -= add
    data = blockset.pack(known)
    assert list(blockset.unpack(data)) == sorted(known)
    assert blockset.count(data) == len(known)
    assert list(blockset.positions(blockset.bits_of(data))) == sorted(known)
    assert blockset.changed(data, add, drop) == blockset.pack((known - drop) | add)


def test_an_item_whose_rows_are_deleted_leaves_no_posting_and_no_text(tmp_path: Path) -> None:
    from sqlalchemy import delete
    from sqlmodel import col

    from evidence_vault.log.postings import reposted
    from evidence_vault.log.tables import IndexItem

    catalogue = Catalogue.create(tmp_path / "catalogue.db", 0)
    row = Row({**_plain("AB-0000001"), "title": "Zebrafish"}, ["C-1"])
    take_in(catalogue, {"AB-0000001": row, "AB-0000002": Row(_plain("AB-0000002"))})
    with catalogue._session() as session, reposted(session, ["AB-0000001"]):
        session.execute(delete(IndexItem).where(col(IndexItem.id) == "AB-0000001"))
    # (The session above ended without a commit: nothing happened.)
    assert len(catalogue.search(text="zebra")) == 1
    with catalogue._session() as session:
        with reposted(session, ["AB-0000001"]):
            session.execute(delete(IndexItem).where(col(IndexItem.id) == "AB-0000001"))
        session.commit()
    assert catalogue.search(text="zebra") == []
    catalogue.close()
    with closing(sqlite3.connect(tmp_path / "catalogue.db")) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        sets = [row[0] for row in database.execute("SELECT ids FROM index_posting")]
    assert all(list(blockset.unpack(ids)) == [2] for ids in sets)
    assert b"Zebrafish" not in (tmp_path / "catalogue.db").read_bytes()


def _plain(item: str) -> dict[str, Any]:
    texts = dict.fromkeys(
        "device_time has_location occurred_at place source_code collector_code language title "
        "description classification".split()
    )
    digest = "0" * 64
    return {
        **texts,
        "id": item,
        "sha256": digest,
        "sha512": digest * 2,
        "size": 1,
        "format": "text/plain",
        "extension": "txt",
        "accession": "A",
        "name": "a.txt",
        "path": "a.txt",
        "recorded_at": "2026-01-01T00:00:00Z",
    }
