"""A file against the entries that state digests: the arrival of its item, and its derivatives.

docs/format-receipt.md rule 7. The original is looked for first; a share copy is named as such,
with the entry that made it, so that nobody takes it for the original.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evidence_vault.core.findings import ReportBuilder
from evidence_vault.verify.checked import CheckedEvent
from evidence_vault.verify.hashing import Digests

_FIELDS = (("content_sha256", "sha256"), ("content_sha512", "sha512"), ("content_size", "size"))
_ABOUT = ("kind", "parent", "statement")


@dataclass(frozen=True, slots=True)
class Content:
    """What an entry reveals of the bytes it names: digests, and of a derivative its statement.

    ``statement``: SHA-256 (hex) of the statement on how it was made; None for an original.
    ``about``: what else is revealed of how it was made.
    """

    index: int
    values: Mapping[str, str]
    is_copy: bool
    statement: str | None
    about: Mapping[str, Any]

    @staticmethod
    def of(event: CheckedEvent) -> Content:
        values = {name: str(event.values[name]) for name, _ in _FIELDS if name in event.values}
        told = event.values.get("statement")
        statement = told.get("sha256") if isinstance(told, dict) else None
        is_copy = event.event.type == "derived"
        about = {name: event.values[name] for name in _ABOUT if name in event.values}
        return Content(event.index, values, is_copy, statement, about if is_copy else {})

    def is_of(self, found: Digests) -> bool:
        """True when every digest and the size are revealed and equal."""
        return self.values == {name: str(getattr(found, part)) for name, part in _FIELDS}


def matched(contents: Sequence[Content], found: Digests) -> Content | None:
    """Which of them the file is; the arrival stands first."""
    return next((content for content in contents if content.is_of(found)), None)


def matched_copy(
    contents: Sequence[Content], found: Digests, statement: str | None
) -> Content | None:
    """Which derivative the file is: the one whose statement has this SHA-256, else the newest.

    A share copy of a file that held nothing to take out has the bytes of its original.
    """
    copies = [content for content in contents if content.is_copy and content.is_of(found)]
    same = [copy for copy in copies if copy.statement == statement] or copies
    return same[-1] if same else None


def report_mismatch(
    report: ReportBuilder,
    step: str,
    subject: str,
    clause: str,
    contents: Sequence[Content],
    found: Digests,
) -> None:
    """Why a file is none of them: compared field by field with the arrival."""
    if not contents:
        report.unchecked(step, "R-FILE-NO-INGEST", subject)
        return
    first = contents[0]
    for name, part in _FIELDS:
        actual = str(getattr(found, part))
        if name not in first.values:
            report.unchecked(step, "R-FILE-WITHHELD", subject, clause, field=name)
        elif first.values[name] != actual:
            report.differ(
                step,
                "R-FILE-CHANGED",
                subject,
                clause,
                field=name,
                expected=first.values[name],
                found=actual,
            )
