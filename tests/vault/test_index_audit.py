"""Every table of the catalogue that follows from the log is compared with it by the audit."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from evidence_vault.cli.render_checking import audit_hint
from evidence_vault.vault.checking import log_audit
from evidence_vault.vault.describing import describe
from evidence_vault.vault.holding import HoldRequest, place
from evidence_vault.vault.linking import link
from evidence_vault.vault.rebuilding import rebuild

from .vaults import PASSPHRASE, Made, write_files


def edit(vault: Made, *statements: str) -> None:
    with closing(sqlite3.connect(vault.folder / "catalogue.db")) as database:
        for statement in statements:
            database.execute(statement)
        database.commit()


def tables(vault: Made) -> set[str]:
    """Those that the audit names; every finding must be of the catalogue and name what mends it."""
    report = vault.audit()
    for finding in report["findings"]:
        assert finding["code"] in ("E-CATALOGUE-ROW", "E-CATALOGUE"), finding
        assert "`evidence-vault rebuild`" in finding["message"]
    assert not report["findings"] or "rebuild" in audit_hint(report)
    return {finding["where"].removeprefix("catalogue, ") for finding in report["findings"]}


SECRET = "whispering reeds"


@pytest.fixture
def full(vault: Made, sources: Path, tmp_path: Path) -> Iterator[Made]:
    """A vault that says something in most tables."""
    fields = {"title": SECRET, "place": "MMR013", "case": ["CASE-7"], "occurred_at": "2026-03"}
    told = vault.ingest(sources / "one", fields=fields)
    shutil.copytree(sources / "one", tmp_path / "again")
    vault.ingest(tmp_path / "again", fields={"case": ["CASE-8"], "classification": "secret"})
    with vault.open() as opened:
        item = told["taken_in"][0]["id"]
        describe(opened, [item], {"description": "near the river", "language": "my"})
        describe(opened, [item], {"language": None, "case": ["CASE-9", "CASE-7"]})
        link(opened, item, "related-to", told["taken_in"][1]["id"])
    assert tables(vault) == set()
    yield vault


EDITS = {
    "title": ("UPDATE index_item SET title = 'other' WHERE id LIKE '%1'", "index_item"),
    "name": ("UPDATE index_item SET name = 'x' || name WHERE id LIKE '%2'", "index_item"),
    "digest": ("UPDATE index_item SET sha256 = '00' || substr(sha256, 3)", "index_item"),
    "search key": ("UPDATE index_item SET key_title = 'k' WHERE id LIKE '%1'", "index_item"),
    "number for text": ("UPDATE index_item SET title = x'ff00' WHERE id LIKE '%1'", "index_item"),
    "item gone": ("DELETE FROM index_item WHERE id LIKE '%2'", "index_item"),
    "item too many": (
        "INSERT INTO index_item (id, sha256, sha512, size, format, extension, accession, name, "
        "path, recorded_at) SELECT 'ZZ-0000009', sha256, sha512, size, format, extension, "
        "accession, name, path, recorded_at FROM index_item LIMIT 1",
        "index_item",
    ),
    "relation gone": ("DELETE FROM index_relation", "index_relation"),
    "relation turned": ("UPDATE index_relation SET relation = 'part-of'", "index_relation"),
    "case gone": ("DELETE FROM index_case WHERE \"case\" = 'CASE-8'", "index_case"),
    "other case": (
        "UPDATE index_case SET \"case\" = \"case\" || '!' WHERE id LIKE '%1'",
        "index_case",
    ),
    "arrival gone": ("DELETE FROM index_arrival WHERE id LIKE '%1'", "index_arrival"),
    "arrival of another": (
        "UPDATE index_arrival SET id = (SELECT max(id) FROM index_item) WHERE id LIKE '%1'",
        "index_arrival",
    ),
    "posting gone": (
        "DELETE FROM index_posting WHERE token = (SELECT max(token) FROM index_posting)",
        "index_posting",
    ),
    "posting changed": (
        "UPDATE index_posting SET ids = x'000900' WHERE token = "
        "(SELECT min(token) FROM index_posting)",
        "index_posting",
    ),
    "posting too many": (
        "INSERT INTO index_posting SELECT block, 7, ids FROM index_posting LIMIT 1",
        "index_posting",
    ),
    "postings all gone": ("DELETE FROM index_posting", "index_posting"),
    "block of the index": ("UPDATE index_block SET ids = x'000100'", "index_block"),
    "block of the log": ("DELETE FROM log_block", "log_block"),
    "object": (
        "INSERT INTO log_object (sha256, version, size) VALUES ('ab', 'v', 1)",
        "log_object",
    ),
    "hold": (
        "INSERT INTO log_hold (hold, id, placed_log, placed, covered_log, covered) "
        "VALUES ('H-1', 'P-0000001', 0, 1, 0, 1)",
        "log_hold",
    ),
    "held copy": (
        "INSERT INTO log_held_copy VALUES ('H-1', 'P-1', 1, 'ab', NULL)",
        "log_held_copy",
    ),
    "retention": (
        "INSERT INTO log_retention VALUES ('P-1', 'governance', '2030-01-01T00:00:00Z', 0, 1)",
        "log_retention",
    ),
    "replica": (
        "INSERT INTO log_replica (id, log, idx, part, enrolled_at, synced_log, synced_size, "
        "verified_log, verified_size, damaged, pending) "
        "VALUES ('ab', 0, 1, 'both', '2026-01-01T00:00:00Z', -1, 0, -1, 0, 0, 0)",
        "log_replica",
    ),
    "peer": (
        "INSERT INTO log_peer VALUES ('other', 3, 'ab', 'cd', '2026-01-01T00:00:00Z', 0)",
        "log_peer",
    ),
    "entry": ("UPDATE log_entry SET type = 'described' WHERE idx = 2", "log_entry"),
}


@pytest.mark.sweep
@pytest.mark.parametrize("name", list(EDITS))
def test_an_edit_of_any_table_is_named_and_mended_by_rebuild(full: Made, name: str) -> None:
    statement, table = EDITS[name]
    edit(full, statement)
    assert table in tables(full)
    rebuild(full.folder, lambda: PASSPHRASE)
    assert tables(full) == set()


def test_no_readable_value_is_printed(full: Made) -> None:
    edit(
        full,
        "UPDATE index_item SET title = title || '!', id = 'crowded market ' || id",
        'UPDATE index_case SET "case" = \'torn \' || "case"',
        "UPDATE index_arrival SET id = 'drowned bell'",
    )
    said = str(full.audit()["findings"])
    for told in (SECRET, "crowded", "torn", "CASE-", "drowned", "MMR013", "file-00"):
        assert told not in said


def test_a_changed_row_is_named_once_with_its_columns(full: Made) -> None:
    edit(full, "UPDATE index_item SET language = 'my' WHERE id LIKE '%1'")
    (finding,) = full.audit()["findings"]
    assert re.match(r"\S+-0000001: language not as the log gives; ", finding["message"])


def test_an_index_of_the_file_that_does_not_follow_its_table_is_named(full: Made) -> None:
    """A digest that is not found by it would be taken in a second time."""
    path = full.folder / "catalogue.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        query = "SELECT rootpage FROM sqlite_schema WHERE name = 'ix_index_item_sha256'"
        (page,) = database.execute(query).fetchone()
        (size,) = database.execute("PRAGMA page_size").fetchone()
        (digest,) = database.execute("SELECT sha256 FROM index_item LIMIT 1").fetchone()
    data = bytearray(path.read_bytes())
    at = data.index(digest.encode(), (page - 1) * size)
    assert at < page * size
    data[at + 60] ^= 1
    path.write_bytes(data)
    assert "the file" in tables(full)


def test_what_was_left_out_of_the_index_is_said_not_to_be_checked(full: Made) -> None:
    rebuild(full.folder, lambda: PASSPHRASE, no_index=True)
    report = full.audit()
    assert report["findings"] == []
    assert any("searchable values could not be checked" in told for told in report["notices"])


def test_what_comes_in_while_the_audit_reads_is_no_difference(
    full: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from evidence_vault.vault import comparing_catalogue

    late = write_files(tmp_path / "late", 3)
    taken: list[Any] = []
    before = comparing_catalogue._Replay.take

    def take(self: Any, *given: Any) -> None:
        before(self, *given)
        taken.append(full.ingest(*late))

    monkeypatch.setattr(comparing_catalogue._Replay, "take", take)
    with full.open() as opened:
        assert log_audit(opened)["findings"] == []
    assert taken


def test_a_hold_let_go_in_the_catalogue_alone_is_named(full: Made) -> None:
    with full.open() as opened:
        item = opened.catalogue.item_ids()[0]
        place(opened, HoldRequest("court order", (item,), ("C-1",), by="d-1"))
    assert tables(full) == set()
    edit(full, "UPDATE log_hold SET released_log = 0, released = 3")
    assert "log_hold" in tables(full)
    rebuild(full.folder, lambda: PASSPHRASE)
    assert tables(full) == set()
