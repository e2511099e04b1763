"""For whom a bundle is laid out: which further files each profile of ``export --for`` gets.

Each maker of files stands in bundle/ and is handed here what it needs of other rooms.
"""

from __future__ import annotations

from collections.abc import Sequence

from evidence_vault.bundle.gallery import Gallery
from evidence_vault.bundle.model import Extra
from evidence_vault.bundle.paper.collect import Check
from evidence_vault.bundle.paper.custodyreport import CustodyReports
from evidence_vault.bundle.starthere import StartHere
from evidence_vault.seeds import fonts_folder
from evidence_vault.vault.thumbnails import Thumbnails

PROFILES = ("partner",)


def first_files(profile: str) -> Sequence[Extra]:
    """What whoever opens the bundle meets first."""
    return (StartHere(),)


def further_files(profile: str, check: Check, thumbnails: Thumbnails) -> Sequence[Extra]:
    """Reports, pages and tables of the profile.

    ``check``: of receipts, by the archive itself; ``thumbnails`` is open while they are written.
    """
    return (Gallery(thumbnails), CustodyReports(fonts_folder(), check, thumbnails))
