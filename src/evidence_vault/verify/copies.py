"""A share copy of a bundle against what its entry says of it, and its statement against both.

docs/format-bundle.md rule 5, docs/format-derivative.md *A reader must*. The archive signs what a
copy was made from and that it is clean; a statement about another copy, another original or
another outcome is wrong, whoever logged it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from evidence_vault.core.derivation import SHARE_COPY, parse_statement
from evidence_vault.core.findings import ReportBuilder
from evidence_vault.errors import FormatError
from evidence_vault.verify.checked import CheckedEvent
from evidence_vault.verify.contents import Content

FOLDER = "copies/"
_SHOWN = ("kind", "parent", "statement")


@dataclass(frozen=True, slots=True)
class Arrival:
    """The entry by which an item came into the log, as far as copies of it are concerned."""

    home: str
    item: str
    seq: int | None
    sha256: str | None
    sha512: str | None
    is_first: bool

    @staticmethod
    def of(event: CheckedEvent) -> Arrival:
        """``is_first``: it took the file in, so a statement names its commitments."""
        subject, sd = event.event.subject, event.event.commitments
        return Arrival(
            str(subject.get("home")),
            str(subject.get("id")),
            event.item_seq,
            sd.get("content_sha256"),
            sd.get("content_sha512"),
            event.event.type == "ingested",
        )


@dataclass(frozen=True, slots=True)
class Told:
    """What a statement says, or what is wrong with it as a statement of a share copy."""

    problem: str
    outcome: str = ""
    copy: Mapping[str, Any] | None = None
    original: tuple[str, str] = ("", "")
    commitments: tuple[int, str, str] = (0, "", "")

    @staticmethod
    def of(data: bytes) -> Told:
        try:
            report, parent = parse_statement(data)
        except FormatError as error:
            return Told(error.message)
        return Told(
            "",
            str(report["outcome"]),
            report["copy"],
            (parent.home, parent.item),
            (parent.seq, parent.sha256, parent.sha512),
        )


def check_copy(
    report: ReportBuilder,
    step: str,
    path: str,
    clause: str,
    content: Content,
    arrival: Arrival | None,
    told: Told,
) -> None:
    """File whatever is wrong with a copy whose bytes are those of ``content``.

    ``path``: of the statement, whose bytes are the logged ones. ``told``: what it says.
    """
    hidden = [name for name in _SHOWN if name not in content.about]
    for name in hidden:
        report.unchecked(step, "R-FILE-WITHHELD", path, clause, field=name)
    if arrival is None or hidden:
        return
    if told.problem:
        report.differ(step, "B-COPY-STATEMENT-FORM", path, clause, reason=told.problem)
        return
    for field, expected, found in _contradictions(content, arrival, told):
        report.differ(
            step, "B-COPY-CLAIM", path, clause, field=field, expected=expected, found=found
        )
    if not arrival.is_first:
        report.inform(step, "B-COPY-ELSEWHERE", path)


def _contradictions(
    content: Content, arrival: Arrival, told: Told
) -> Iterator[tuple[str, str, str]]:
    """(what, expected, found) for each thing that entry and statement don't say as they must."""
    about = content.about
    parent = {"commitment": arrival.sha256, "field": "content_sha256", "seq": arrival.seq}
    copy = {name: str(value) for name, value in (told.copy or {}).items()}
    stated = {name.removeprefix("content_"): value for name, value in content.values.items()}
    commitments = (arrival.seq, arrival.sha256, arrival.sha512)
    claims: list[tuple[str, Any, Any]] = [
        ("kind", SHARE_COPY, about["kind"]),
        ("parent", parent, about["parent"]),
        ("outcome", "clean", about["statement"].get("outcome")),
        ("outcome of the statement", "clean", told.outcome),
        ("copy of the statement", stated, copy),
        ("original of the statement", (arrival.home, arrival.item), told.original),
    ]
    if arrival.is_first:
        claims.append(("commitments of the statement", commitments, told.commitments))
    for what, expected, found in claims:
        if expected != found:
            yield what, str(expected), str(found)
