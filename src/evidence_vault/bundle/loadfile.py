"""``loadfile/``: the four tables from which a court's document system loads (docs/profiles.md).

The tables and fields are those of the load file that Nuix Discover (once Ringtail) and
RelativityOne document, as UTF-8 CSV, since nothing portable writes their Access file. It *maps to*
that structure; no court has said that it accepts it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from importlib.resources import files

from evidence_vault.bundle.facts import ItemFacts, item_facts
from evidence_vault.bundle.loadrows import export_row, extra_rows, page_rows, party_rows
from evidence_vault.bundle.loadtext import csv_record
from evidence_vault.bundle.model import BundlePlan

FOLDER = "loadfile"

#: Every table with its fields, exactly so named; "Organisations" is spelled the British way.
TABLES: dict[str, tuple[str, ...]] = {
    "export": (
        "Document_ID",
        "Host_Reference",
        "Document_Date",
        "Estimated",
        "Document_Type",
        "Title",
        *(f"level_{number}" for number in range(1, 11)),
        "main_id",
    ),
    "parties": ("Document_ID", "Correspondence_Type", "Persons", "Organisations"),
    "pages": ("Document_ID", "Image_File_Name", "page_label", "page_num", "num_pages"),
    "export_extras": ("Document_ID", "theCategory", "theLabel", "theValue", "memoValue"),
}

_Rows = Callable[[ItemFacts], Iterable[tuple[str, ...]]]


class LoadFile:
    """The tables and the page that explains them (bundle.model.Extra)."""

    places = (f"{FOLDER}/",)

    def files(self, plan: BundlePlan) -> Iterator[tuple[str, Iterable[bytes]]]:
        present = frozenset((item.home, item.id) for item in plan.items)
        makers: dict[str, _Rows] = {
            "export": lambda facts: [export_row(facts, present)],
            "parties": party_rows,
            "pages": page_rows,
            "export_extras": lambda facts: (
                (facts.item.id, *row) for row in extra_rows(facts, plan, present)
            ),
        }
        yield f"{FOLDER}/README.txt", [explanation()]
        for name, fields in TABLES.items():
            yield f"{FOLDER}/{name}.csv", _table(plan, fields, makers[name])


def explanation() -> bytes:
    """``README.txt``: the same, byte for byte, in every bundle of this version."""
    return files("evidence_vault.bundle").joinpath("loadfile-README.txt").read_bytes()


def _table(plan: BundlePlan, fields: tuple[str, ...], rows: _Rows) -> Iterator[bytes]:
    yield csv_record(fields)
    for facts in item_facts(plan):
        for row in rows(facts):
            yield csv_record(row)
