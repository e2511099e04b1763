"""The fields with which people describe evidence: on the command line, in a sheet, later on.

Each is optional; unknown is ``None`` and never guessed. Text is kept exactly as given, in
whatever normalisation; it is checked, not changed. ``parse_fields`` is the one door.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from evidence_vault.core.dates import parse_date, parse_period
from evidence_vault.core.text import escape_for_display
from evidence_vault.errors import UsageError

#: Longest values, in characters, and most values of one field.
CODE_LIMIT = 128
LINE_LIMIT = 1_000
TEXT_LIMIT = 32_767
VALUES_LIMIT = 100

CLASSIFICATIONS = ("public", "confidential", "under-seal", "secret")


def stricter(one: str | None, other: str | None) -> str | None:
    """The stricter of two classifications; None is the least, a word that is not known the most."""
    ladder = (None, *CLASSIFICATIONS)
    return max((one, other), key=lambda c: ladder.index(c) if c in ladder else len(ladder))


@dataclass(frozen=True, slots=True)
class Field:
    """One descriptive field. ``parse`` turns a given text into its JSON value.

    ``parse`` raises ``ValueError`` with a sentence; :func:`parse_fields` adds the field's name.
    ``separator`` parts several values in one cell of a sheet (``None``: one value only).
    """

    name: str
    help: str
    parse: Callable[[str], Any]
    multiple: bool = False
    separator: str | None = None


# -- checks on text ----------------------------------------------------------------------------

_LOST = re.compile("\\?{3}|\ufffd")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def _check_legible(text: str, limit: int) -> None:
    """Refuse what a broken conversion leaves, and what no text should hold."""
    if len(text) > limit:
        raise ValueError(f"{len(text)} characters, at most {limit} are allowed")
    lost = _LOST.search(text)
    if lost is not None:
        what = "???" if lost.group() != "\ufffd" else "U+FFFD"
        raise ValueError(
            f"holds {what} where letters were lost: a program saved it in an encoding without "
            "them. Save it again as 'CSV UTF-8' or XLSX, or type it anew"
        )
    control = _CONTROL.search(text)
    if control is not None:
        raise ValueError(f"holds the control character {escape_for_display(control.group())}")


def _text(text: str) -> str:
    """Free text; line breaks and tabs are allowed."""
    _check_legible(text, TEXT_LIMIT)
    return text


def _line(text: str) -> str:
    """Text without line breaks."""
    _check_legible(text, LINE_LIMIT)
    if re.search("[\t\n\r\u2028\u2029]", text):
        raise ValueError("must be one line, without tabs")
    return text


def _code(text: str) -> str:
    """A code: visible characters and single spaces; no ``;``, which parts codes in a sheet."""
    _check_legible(text, CODE_LIMIT)
    if text != escape_for_display(text) or text != " ".join(text.split()) or ";" in text:
        raise ValueError("a code has no line breaks, invisible characters, outer spaces or ';'")
    return text


# -- kinds of value ----------------------------------------------------------------------------


def _period(text: str) -> dict[str, str | None]:
    return {"value": text, "precision": parse_period(text), "basis": None}


def _date(text: str) -> str:
    parse_date(text)
    return text


_PCODE = re.compile(r"MMR[0-9]{3}(?:[DS][0-9]{3}|(?:[0-9]{3}){1,4})?")


def _place(text: str) -> str:
    """Free text, or a P-code: then of the right form (state, district, township or below)."""
    _line(text)
    if re.fullmatch(r"MMR[0-9][0-9A-Z]*", text, re.IGNORECASE) and not _PCODE.fullmatch(text):
        raise ValueError(f"{text} is not the form of a P-code (such as MMR001 or MMR001001)")
    return text


_LANGUAGE = re.compile(
    r"(?:(?:[a-z]{2,3}(?:-[a-z]{3}){0,3}|[a-z]{4}|[a-z]{5,8})"  # language, extended language
    r"(?:-[a-z]{4})?(?:-(?:[a-z]{2}|[0-9]{3}))?"  # script, region
    r"(?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*"  # variants
    r"(?:-[0-9a-wyz](?:-[a-z0-9]{2,8})+)*(?:-x(?:-[a-z0-9]{1,8})+)?"  # extensions, private use
    r"|x(?:-[a-z0-9]{1,8})+)",
    re.IGNORECASE,
)


def _language(text: str) -> str:
    """A BCP 47 tag, by its syntax (RFC 5646 section 2.1, without the grandfathered tags)."""
    if len(text) > CODE_LIMIT or not _LANGUAGE.fullmatch(text):
        raise ValueError("not a language tag; write my, en, shn, kac, my-Mymr …")
    return text


def _classification(text: str) -> str:
    if text not in CLASSIFICATIONS:
        raise ValueError(f"must be one of {', '.join(CLASSIFICATIONS)}")
    return text


# -- the register ------------------------------------------------------------------------------

_REGISTER = (
    Field("title", "short title", _line),
    Field("description", "what it shows or says; line breaks are allowed", _text),
    Field(
        "occurred_at",
        "when it happened, as far as known: 2026, 2026-03, 2026-03-05, 2026-03-05T14:30 or an "
        "interval START/END; nothing is invented",
        _period,
    ),
    Field("occurred_basis", "how that date is known (needs occurred_at)", _line),
    Field("place", "where it happened: a P-code (MMR…) or free text", _place),
    Field("source_code", "code of who or what it comes from; never a name", _code),
    Field("collector_code", "code of who collected it; never a name", _code),
    Field("received_from", "code of who handed it over; never a name", _line),
    Field("received_via", "how it came: messenger, courier, memory card …", _line),
    Field("received_at", "when it was received: 2026-03-05 or 2026-03-05T14:30", _date),
    Field("language", "language spoken or written, as a BCP 47 tag: my, en, shn, kac …", _language),
    Field("case", "case code", _code, True, ";"),
    Field("violation", "code of the kind of violation", _code, True, ";"),
    Field("classification", " | ".join(CLASSIFICATIONS), _classification),
    Field("caveats", "handling caveat: lead_only, eyes:ROLE, sgbv, minor …", _code, True, ";"),
    Field(
        "custody_before",
        "a statement about who held it before, by coded people",
        _text,
        True,
        "\n",
    ),
)

#: Every field by its name, in the order in which people are shown them.
FIELDS: dict[str, Field] = {field.name: field for field in _REGISTER}


def parse_fields(given: Mapping[str, str | list[str]]) -> dict[str, Any]:
    """Check what somebody gave and return it as JSON values without floats.

    Only fields that were given are in the result; one given as empty text is ``None``
    (unknown). ``occurred_basis`` goes into ``occurred_at``, an object ``{value, precision,
    basis}``; fields that may have several values are lists. Raises :class:`UsageError` naming
    the field.
    """
    parsed: dict[str, Any] = {}
    for name, value in given.items():
        field = FIELDS.get(name)
        if field is None:
            raise UsageError(
                f"there is no field {escape_for_display(name)!r}",
                code="E-FIELD-UNKNOWN",
                hint="known fields: " + ", ".join(FIELDS),
            )
        try:
            parsed[name] = _parse_one(field, value)
        except ValueError as error:
            raise UsageError(f"{name}: {error}", code="E-FIELD") from error
    _move_basis(parsed)
    return parsed


def parse_terms(text: str | None) -> str | None:
    """On what terms an accession was received, in free text; raises :class:`UsageError`."""
    if text is None or not text.strip():
        return None
    try:
        return _text(text)
    except ValueError as error:
        raise UsageError(f"terms: {error}", code="E-FIELD") from error


def _parse_one(field: Field, value: str | list[str]) -> Any:
    values = [value] if isinstance(value, str) else value
    values = [each for each in values if each.strip()]
    if len(values) > (VALUES_LIMIT if field.multiple else 1):
        raise ValueError(f"{len(values)} values, at most {VALUES_LIMIT if field.multiple else 1}")
    if not values:
        return None
    if not field.multiple:
        return field.parse(values[0])
    return list(dict.fromkeys(field.parse(each) for each in values))


def _move_basis(parsed: dict[str, Any]) -> None:
    if "occurred_basis" not in parsed:
        return
    basis = parsed.pop("occurred_basis")
    if basis is None:
        return
    if parsed.get("occurred_at") is None:
        raise UsageError("occurred_basis: needs occurred_at beside it", code="E-FIELD")
    parsed["occurred_at"]["basis"] = basis
