"""For whom a bundle is laid out: which further files each profile of ``export --for`` gets.

Each maker of files stands in bundle/ and is handed here what it needs of other rooms.
"""

from __future__ import annotations

from collections.abc import Sequence

from evidence_vault.bundle.archival.files import ArchiveFiles
from evidence_vault.bundle.model import Extra

PROFILES = ("partner", "archive")


def first_files(profile: str) -> Sequence[Extra]:
    """What whoever opens the bundle meets first."""
    return ()


def further_files(profile: str) -> Sequence[Extra]:
    """Reports, pages and tables of the profile."""
    if profile == "archive":
        return (ArchiveFiles(),)
    return ()


def tells_of_accessions(profile: str) -> bool:
    """Whether a receipt about the accessions goes along (bundle/archival/register.py)."""
    return profile == "archive"
