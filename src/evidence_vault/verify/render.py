"""A report as text for people and as JSON for programs.

Everything that comes from evidence is escaped before it stands in a text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from evidence_vault.core.canonical import canonical
from evidence_vault.core.findings import Finding, Outcome, Report, Step
from evidence_vault.core.messages import is_reviewed, message
from evidence_vault.core.text import escape_for_display
from evidence_vault.errors import Exit
from evidence_vault.verify.moments import span

MAX_SHOWN = 50  # findings of one code in one step of a text; JSON has all of them
MAX_VALUE = 400  # characters of a revealed value in a text

_OUTCOMES = {
    Outcome.MATCHES: "O-MATCHES",
    Outcome.DIFFERS: "O-DIFFERS",
    Outcome.UNCHECKED: "O-UNCHECKED",
    Outcome.INFORMATION: "O-INFORMATION",
}
_HEADLINES = {
    Exit.OK: "H-MATCHES",
    Exit.EVIDENCE: "H-DIFFERS",
    Exit.LOG: "H-LOG",
    Exit.UNCHECKED: "H-UNCHECKED",
}


def render_text(report: Report, lang: str = "en") -> str:
    """The report as lines of text, safe for a terminal, ended by a line feed."""
    lines = [*_head(report, lang), ""]
    for step in report.steps:
        lines.extend(_step(step, lang))
    if report.events:
        lines += ["", message(lang, "H-EVENTS") + ":"]
        for event in report.events:
            lines.extend(_event(event, lang))
    lines += ["", message(lang, "H-NOTES") + ":"]
    lines += [f"  - {message(lang, code)}" for code in report.notes]
    return "\n".join(lines) + "\n"


def report_to_json(report: Report, lang: str = "en") -> dict[str, Any]:
    """The report as JSON values with stable keys; sentences are in ``lang``."""
    return {
        "events": [dict(event) for event in report.events],
        "exit_status": int(report.exit_status()),
        "facts": dict(report.facts),
        "kind": report.kind,
        "notes": [{"code": code, "message": message(lang, code)} for code in report.notes],
        "outcome": str(report.outcome),
        "steps": [
            {
                "code": step.code,
                "findings": [_finding_json(f, lang) for f in step.findings],
                "number": step.number,
                "outcome": str(step.outcome),
                "required": step.required,
                "title": message(lang, step.code),
            }
            for step in report.steps
        ],
    }


def sentence(finding: Finding, lang: str) -> str:
    """What a finding says, without its subject, safe for a terminal."""
    fields = {
        name: escape_for_display(value) if isinstance(value, str) else value
        for name, value in finding.details.items()
    }
    return message(lang, finding.code, fields)


def _finding_json(finding: Finding, lang: str) -> dict[str, Any]:
    return {
        "clause": finding.clause,
        "code": finding.code,
        "details": {name: _encodable(value) for name, value in finding.details.items()},
        "message": sentence(finding, lang),
        "outcome": str(finding.outcome),
        "subject": _encodable(finding.subject),
    }


def _encodable(value: str | int) -> str | int:
    """File names that are not UTF-8 hold surrogates, which no JSON file can."""
    if isinstance(value, int):
        return value
    return value.encode("utf-8", "backslashreplace").decode("utf-8")


def _head(report: Report, lang: str) -> Iterator[str]:
    """Who first when that is open, then the verdict, then what to compare."""
    facts = report.facts
    if not is_reviewed(lang):
        yield message(lang, "H-UNREVIEWED")
    for finding in report.findings:
        if finding.code == "W-NO-TRUST":
            yield message(lang, "H-NO-TRUST", finding.details)
    yield message(lang, _HEADLINES[report.exit_status()])
    yield ""
    if "subject" in facts:
        yield message(lang, "H-SUBJECT", _safe({"subject": " ".join(facts["subject"])}))
    if "bundle_id" in facts:
        yield message(lang, "H-BUNDLE", _safe(facts))
    if "origin" in facts:
        yield message(lang, "H-ORIGIN", _safe(facts))
    if "fingerprint" in facts:
        words = facts["fingerprint_words"]
        yield message(lang, "H-FINGERPRINT", {**_safe(facts), "words": words})
    if facts.get("trust"):
        trust = facts["trust"]
        yield message(lang, "H-TRUST", {**_safe(trust), "words": trust["fingerprint_words"]})


def _safe(facts: Mapping[str, Any]) -> dict[str, str | int]:
    """The text members of facts, escaped."""
    return {k: escape_for_display(v) for k, v in facts.items() if isinstance(v, str)}


def _step(step: Step, lang: str) -> Iterator[str]:
    outcome = message(lang, _OUTCOMES[step.outcome])
    yield f"{step.number}. [{outcome}] {message(lang, step.code)}"
    shown: Counter[str] = Counter()
    for finding in step.findings:
        shown[finding.code] += 1
        if shown[finding.code] > MAX_SHOWN:
            continue
        subject = escape_for_display(finding.subject)
        text = sentence(finding, lang)
        where = f"{subject}: " if subject else ""
        yield f"     {where}{text} ({finding.code})"
    for code, count in shown.items():
        if count > MAX_SHOWN:
            yield f"     {message(lang, 'H-MORE', {'count': count - MAX_SHOWN})} ({code})"


def _event(event: Mapping[str, Any], lang: str) -> Iterator[str]:
    fields = {name: event[name] for name in ("index", "type", "recorded_at", "withheld")}
    yield "  " + message(lang, "H-EVENT", fields)
    for edge, code in (("not_before", "H-NOT-BEFORE"), ("not_after", "H-NOT-AFTER")):
        if event[edge] is not None:
            yield "      " + message(lang, code, _safe(event[edge]))
    if event["gap_seconds"] is not None:
        yield "      " + message(lang, "H-GAP", {"gap": span(event["gap_seconds"])})
    for name, value in sorted(event["revealed"].items()):
        text = value if isinstance(value, str) else canonical(value).decode("utf-8")
        if len(text) > MAX_VALUE:
            text = text[:MAX_VALUE] + " …"
        fields = {"name": escape_for_display(name), "value": escape_for_display(text)}
        yield "      " + message(lang, "H-FIELD", fields)
