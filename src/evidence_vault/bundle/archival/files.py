"""The files that the profile ``archive`` adds to a bundle, in the order of their writing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from evidence_vault.bundle.archival.case import CaseFile
from evidence_vault.bundle.archival.dublincore import dublin_core_xml
from evidence_vault.bundle.archival.isadg import isadg_csv
from evidence_vault.bundle.archival.premis import premis_xml
from evidence_vault.bundle.archival.register import RECEIPT, accession_register_csv
from evidence_vault.bundle.archival.rocrate import CrateFile
from evidence_vault.bundle.model import BundlePlan
from evidence_vault.core.receipt import format_receipt

# The fields for which these files have slots: what ``--disclose`` may name to fill them. The name
# at the source is not among them, since names of files name people: it has to be asked for.
ARCHIVE_FIELDS = (
    "accession",
    "case",
    "caveats",
    "classification",
    "collector_code",
    "custody_before",
    "description",
    "findings",
    "hold_id",
    "language",
    "occurred_at",
    "other",
    "outcome",
    "place",
    "received_at",
    "received_from",
    "received_via",
    "relation",
    "source_code",
    "taken_in",
    "terms",
    "title",
    "until",
    "violation",
)


class ArchiveFiles:
    """PREMIS, Dublin Core, ISAD(G) and the register below ``archive/``; CASE and RO-Crate."""

    places = ("archive/", "case.jsonld", "ro-crate-metadata.json")

    def files(self, plan: BundlePlan) -> Iterator[tuple[str, Iterable[bytes]]]:
        yield "archive/premis.xml", premis_xml(plan)
        yield "archive/dublin-core.xml", dublin_core_xml(plan)
        yield "archive/isadg.csv", isadg_csv(plan)
        yield "archive/accession-register.csv", accession_register_csv(plan)
        if plan.accessions is not None:
            yield RECEIPT, [format_receipt(plan.accessions)]
        yield from CaseFile().files(plan)
        yield from CrateFile().files(plan)
