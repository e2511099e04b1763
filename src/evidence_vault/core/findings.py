"""What a check found: outcomes, findings, numbered steps, and the report they make.

A finding has a code and fields; its sentence stands in the message catalogue of each language
(``core/messages``). The third outcome never looks like the others: what could not be checked is
neither right nor wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from evidence_vault.errors import Exit, InternalError

NOT_REACHED = "V-NOT-REACHED"
# Findings that show a fork, rollback or truncation of a log: exit status 11, before 10.
LOG_CODES = frozenset(("R-LOG-FORK", "W-LOG-FORK", "BD-FORK"))


class Outcome(StrEnum):
    """Of a finding or step. INFORMATION changes no verdict."""

    MATCHES = "matches"
    DIFFERS = "does not match"
    UNCHECKED = "could not be checked"
    INFORMATION = "information"


# Worst first.
_GRAVITY = (Outcome.DIFFERS, Outcome.UNCHECKED, Outcome.MATCHES, Outcome.INFORMATION)


@dataclass(frozen=True, slots=True)
class Finding:
    """One observation about ``subject`` (a file, an entry, an item …).

    ``details`` are the fields of the message, with expected and found values; ``clause`` is the
    rule of the format page that it belongs to.
    """

    code: str
    outcome: Outcome
    subject: str = ""
    details: Mapping[str, str | int] = field(default_factory=dict)
    clause: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """A numbered step; ``required`` steps must match for exit status 0."""

    number: int
    code: str
    required: bool
    findings: tuple[Finding, ...]

    @property
    def outcome(self) -> Outcome:
        """The gravest outcome among the findings."""
        return worst(f.outcome for f in self.findings)


@dataclass(frozen=True, slots=True)
class Report:
    """The result of one verification.

    ``kind`` is "receipt", "bundle", "bag" or "bundle-diff"; ``steps`` are in order of number;
    ``facts`` are what was read (for people to compare; JSON values); ``events`` describe the
    entries of a receipt; ``notes`` are message codes: what a match does not prove.
    """

    kind: str
    steps: tuple[Step, ...]
    facts: Mapping[str, Any]
    events: tuple[Mapping[str, Any], ...]
    notes: tuple[str, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings of all steps, in order."""
        return tuple(f for step in self.steps for f in step.findings)

    @property
    def outcome(self) -> Outcome:
        """Of the whole: MATCHES only when each required step matches."""
        outcome = worst(step.outcome for step in self.steps)
        unmet = any(s.required and s.outcome is not Outcome.MATCHES for s in self.steps)
        if outcome is Outcome.MATCHES and unmet:
            return Outcome.UNCHECKED
        return outcome

    def exit_status(self) -> Exit:
        """Of several, 11 before 10 before 3 (the exit table of the command line)."""
        differing = {f.code for f in self.findings if f.outcome is Outcome.DIFFERS}
        if differing & LOG_CODES:
            return Exit.LOG
        if differing:
            return Exit.EVIDENCE
        return Exit.OK if self.outcome is Outcome.MATCHES else Exit.UNCHECKED


class ReportBuilder:
    """Collects findings by step. A required step without any is *could not be checked*."""

    def __init__(self, kind: str, steps: Sequence[tuple[str, bool]], notes: Iterable[str]) -> None:
        """``steps``: (code, required), numbered from 1 in this order."""
        self.kind = kind
        self.facts: dict[str, Any] = {}
        self.events: list[Mapping[str, Any]] = []
        self._notes = tuple(notes)
        self._steps = tuple(steps)
        self._findings: dict[str, list[Finding]] = {code: [] for code, _ in steps}

    def add(self, step: str, finding: Finding) -> None:
        """File a finding under a step."""
        self._findings[step].append(finding)

    def match(self, step: str, code: str, subject: str = "", **details: str | int) -> None:
        """What the step set out to show was shown."""
        self.add(step, Finding(code, Outcome.MATCHES, subject, details))

    def differ(
        self, step: str, code: str, subject: str = "", clause: str = "", **details: str | int
    ) -> None:
        """Something is wrong: changed, missing, contradictory or forged."""
        self.add(step, Finding(code, Outcome.DIFFERS, subject, details, clause))

    def unchecked(
        self, step: str, code: str, subject: str = "", clause: str = "", **details: str | int
    ) -> None:
        """Nothing can be said, and this says why."""
        self.add(step, Finding(code, Outcome.UNCHECKED, subject, details, clause))

    def inform(self, step: str, code: str, subject: str = "", **details: str | int) -> None:
        """Worth knowing; changes no verdict."""
        self.add(step, Finding(code, Outcome.INFORMATION, subject, details))

    def failed(self, step: str) -> bool:
        """True when a step already has a finding that is wrong or could not be checked."""
        bad = (Outcome.DIFFERS, Outcome.UNCHECKED)
        return any(f.outcome in bad for f in self._findings[step])

    def build(self) -> Report:
        """The report; a required step that nobody reached says so."""
        steps = []
        for number, (code, required) in enumerate(self._steps, start=1):
            findings = self._findings[code]
            if required and worst(f.outcome for f in findings) is Outcome.INFORMATION:
                findings = [*findings, Finding(NOT_REACHED, Outcome.UNCHECKED)]
            steps.append(Step(number, code, required, tuple(findings)))
        if not steps:
            raise InternalError("a report needs at least one step")
        return Report(self.kind, tuple(steps), self.facts, tuple(self.events), self._notes)


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """The gravest of several outcomes; INFORMATION when there are none."""
    found = set(outcomes)
    return next((o for o in _GRAVITY if o in found), Outcome.INFORMATION)
