"""What a command gives back, and how it is put out: text for people, or one JSON document."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from evidence_vault.errors import Exit, VaultError

Document = dict[str, Any]

# What a script is told beside a result that is not whole; the sentences of the exit-status table.
_NOT_WHOLE = {
    Exit.UNCHECKED: ("E-PARTLY", "not everything could be done or checked"),
    Exit.EVIDENCE: ("E-EVIDENCE", "evidence does not match"),
    Exit.LOG: ("E-LOG-INCONSISTENT", "the log is inconsistent: rolled back, forked or cut"),
    Exit.INTERRUPTED: ("E-INTERRUPTED", "stopped before the end"),
}


@dataclass(frozen=True)
class Answer:
    """A result: JSON values, how they read as text, exit status, and findings if it is not 0.

    A finding is ``{"code", "message", "where"}``.
    """

    document: Document
    render: Callable[[Document], str]
    exit: int = 0
    hint: str = ""
    findings: Sequence[Mapping[str, Any]] = field(default=())

    def text(self) -> str:
        """The text form, ended by one line feed."""
        return self.render(self.document).rstrip("\n") + "\n"

    def json(self) -> str:
        """The JSON form; with ``code``, ``message``, ``hint``, ``findings`` unless status is 0."""
        document = self.document
        if self.exit:
            code, message = _NOT_WHOLE.get(Exit(self.exit), ("E-FAILED", "not done"))
            document = {
                **document,
                "code": code,
                "message": message,
                "hint": self.hint,
                "findings": [dict(each) for each in self.findings],
            }
        return to_json(document)


def answer(
    document: Document,
    render: Callable[[Document], str],
    hint: str = "",
    findings: Sequence[Mapping[str, Any]] = (),
) -> Answer:
    """An :class:`Answer` whose status stands in the document's ``exit``, or is 0."""
    return Answer(document, render, int(document.get("exit", 0)), hint, findings)


def error_document(code: str, message: str, hint: str = "") -> Document:
    """The JSON form of a failure (schemas/cli/error.json)."""
    return {"code": code, "message": message, "hint": hint, "findings": []}


def describe_error(error: VaultError) -> Document:
    """:func:`error_document` of an expected failure."""
    return error_document(error.code, error.message, error.hint)


def to_json(document: Document) -> str:
    """ASCII only: safe in every encoding and on every terminal, whatever evidence is named."""
    text = json.dumps(document, ensure_ascii=True, indent=2, allow_nan=False)
    return text.replace("\x7f", "\\u007f") + "\n"
