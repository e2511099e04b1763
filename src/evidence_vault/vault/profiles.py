"""For whom a bundle is laid out: which further files each profile of ``export --for`` gets.

Each maker of files stands in bundle/ and is handed here what it needs of other rooms. What a
profile refuses or keeps back stands in profilerules.py.
"""

from __future__ import annotations

from collections.abc import Sequence

from evidence_vault.bundle.archival.files import ARCHIVE_FIELDS, ArchiveFiles
from evidence_vault.bundle.gallery import Gallery
from evidence_vault.bundle.loadfile import LoadFile
from evidence_vault.bundle.model import Extra
from evidence_vault.bundle.paper.collect import Check
from evidence_vault.bundle.paper.custodyreport import CustodyReports
from evidence_vault.bundle.starthere import StartHere
from evidence_vault.seeds import fonts_folder
from evidence_vault.vault.thumbnails import Thumbnails

PARTNER, COURT, ARCHIVE, PUBLIC = "partner", "court", "archive", "public"
PROFILES = (PARTNER, COURT, ARCHIVE, PUBLIC)

_TOLD = (
    "caveats",
    "case",
    "classification",
    "description",
    "language",
    "occurred_at",
    "other",
    "place",
    "received_at",
    "relation",
    "title",
    "violation",
)

#: What ``--disclose profile`` reveals: the fields for which the profile has a slot.
PROFILE_FIELDS: dict[str, tuple[str, ...]] = {
    PARTNER: tuple(sorted(_TOLD)),
    COURT: tuple(
        sorted(
            (
                *_TOLD,
                "accession",
                "actor",
                "collector_code",
                "custody_before",
                "received_from",
                "received_via",
                "source_code",
                "source_path",
            )
        )
    ),
    ARCHIVE: ARCHIVE_FIELDS,
    PUBLIC: (),
}


def first_files(profile: str) -> Sequence[Extra]:
    """What whoever opens the bundle meets first."""
    return (StartHere(),)


def further_files(profile: str, check: Check | None, thumbnails: Thumbnails) -> Sequence[Extra]:
    """Reports, pages and tables of the profile.

    ``check``: of receipts, by the archive itself; ``thumbnails`` is open while they are written.
    """
    own: dict[str, tuple[Extra, ...]] = {COURT: (LoadFile(),), ARCHIVE: (ArchiveFiles(),)}
    common = (Gallery(thumbnails), CustodyReports(fonts_folder(), check, thumbnails))
    return (*common, *own.get(profile, ()))


def tells_of_accessions(profile: str) -> bool:
    """Whether a receipt about the accessions goes along (bundle/archival/register.py)."""
    return profile == ARCHIVE


def asked_fields(disclose: Sequence[str], profile: str) -> list[str]:
    """Field names, with the word ``profile`` replaced by the fields of the profile."""
    if "profile" not in disclose:
        return list(disclose)
    return sorted({*disclose, *PROFILE_FIELDS[profile]} - {"profile"})
