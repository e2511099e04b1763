"""The statement on how a derivative was made (docs/format-derivative.md).

Canonical JSON. It names the original by the commitments of the event that took it in, never by a
plain digest, so that whoever holds the statement and a file can't tell whether they belong
together; whoever was shown the original's digests can.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evidence_vault.core.canonical import canonical, is_hex, parse_canonical
from evidence_vault.errors import FormatError

KIND = "evidence-vault/strip-statement"
SEARCH_KIND = "evidence-vault/search-copy-statement"
SHARE_COPY, SEARCH_COPY = "share-copy", "search-copy"
DERIVED, REFUSED = "derived", "derivation-refused"
DERIVATIONS = (DERIVED, REFUSED)  # types of events about a derivative
OUTCOMES = ("clean", "not-clean", "not-checked")
MAX_STATEMENT = 4 * 1024 * 1024

_REPORT = frozenset(
    [
        *("also_in_content", "copy", "decoded", "embedded", "format", "kept", "outcome"),
        *("reasons", "removed", "residual", "structures", "tools", "v"),
    ]
)


@dataclass(frozen=True, slots=True)
class Parent:
    """What a derivative was made from: event ``seq`` of ``item`` and its commitments (hex)."""

    home: str
    item: str
    seq: int
    sha256: str
    sha512: str

    def to_json(self) -> dict[str, Any]:
        return {
            "commitments": {"content_sha256": self.sha256, "content_sha512": self.sha512},
            "home": self.home,
            "item": self.item,
            "seq": self.seq,
        }


def format_statement(report: Mapping[str, Any], parent: Parent) -> bytes:
    """The bytes of a statement; raises FormatError for a report of another form."""
    value = {**check_report(report), "kind": KIND, "original": parent.to_json()}
    data = canonical(value)
    if len(data) > MAX_STATEMENT:
        raise FormatError("a statement of more than 4 MiB (docs/format-derivative.md)")
    return data


def parse_statement(data: bytes) -> tuple[dict[str, Any], Parent]:
    """(report, parent) of a statement; raises FormatError."""
    if len(data) > MAX_STATEMENT:
        raise FormatError("a statement of more than 4 MiB (docs/format-derivative.md)")
    value = parse_canonical(data, "a strip statement")
    if not isinstance(value, dict) or value.get("kind") != KIND:
        raise FormatError("not a strip statement (docs/format-derivative.md)")
    report = {name: each for name, each in value.items() if name not in ("kind", "original")}
    return check_report(report), _parent(value.get("original"))


def format_search_statement(
    text: Mapping[str, Any], copy: Mapping[str, Any], parent: Parent
) -> bytes:
    """The statement of a search copy: ``text`` says how it was made from the original's text."""
    return canonical(
        {
            "copy": dict(copy),
            "kind": SEARCH_KIND,
            "original": parent.to_json(),
            "text": dict(text),
            "v": 1,
        }
    )


def parse_search_statement(data: bytes) -> tuple[dict[str, Any], dict[str, Any], Parent]:
    """(text, copy, parent) of a search copy's statement; raises FormatError."""
    value = parse_canonical(data, "a search copy's statement")
    _expect(
        isinstance(value, dict)
        and set(value) == {"copy", "kind", "original", "text", "v"}
        and value["kind"] == SEARCH_KIND
        and value["v"] == 1
        and isinstance(value["text"], dict)
        and _is_copy(value["copy"]),
        "not a search copy's statement",
    )
    return value["text"], value["copy"], _parent(value["original"])


def check_report(value: Any) -> dict[str, Any]:
    """A report of the form that the format page gives; it comes from a process that met hostile
    bytes. Raises FormatError."""
    _expect(isinstance(value, dict) and set(value) == _REPORT, "other members")
    _expect(type(value["v"]) is int and value["v"] == 1, "another version")
    _expect(value["outcome"] in OUTCOMES, "an unknown outcome")
    for name in ("also_in_content", "reasons", "structures"):
        _expect(_are_texts(value[name]), f"{name} must be a list of texts")
    _expect(isinstance(value["format"], str), "format must be text")
    for name, members in (
        ("kept", {"name", "why"}),
        ("removed", {"count", "name"}),
        ("tools", {"name", "parameters", "version"}),
        ("embedded", {"name", "report"}),
    ):
        rows = value[name]
        _expect(
            isinstance(rows, list)
            and all(isinstance(row, dict) and set(row) == members for row in rows),
            f"{name} must be a list of {sorted(members)}",
        )
    for row in value["embedded"]:
        check_report(row["report"])
    _expect(
        isinstance(value["decoded"], dict)
        and set(value["decoded"]) == {"identical", "method", "what"}
        and value["decoded"]["identical"] in ("yes", "no", "not-comparable"),
        "decoded must say identical, method and what",
    )
    residual = value["residual"]
    _expect(
        residual is None
        or (isinstance(residual, dict) and set(residual) == {"exiftool", "search", "second"}),
        "residual must have three looks",
    )
    copy = value["copy"]
    _expect(copy is None or _is_copy(copy), "copy must have sha256, sha512 and size")
    if value["outcome"] == "clean":
        _expect(copy is not None and residual is not None, "clean without a copy and three looks")
        _expect(value["decoded"]["identical"] == "yes", "clean without the same content")
    return dict(value)


def _is_copy(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and set(value) == {"sha256", "sha512", "size"}
        and is_hex(value["sha256"], 64)
        and is_hex(value["sha512"], 128)
        and type(value["size"]) is int
        and value["size"] >= 0
    )


def _parent(value: Any) -> Parent:
    _expect(
        isinstance(value, dict)
        and set(value) == {"commitments", "home", "item", "seq"}
        and isinstance(value["home"], str)
        and isinstance(value["item"], str)
        and type(value["seq"]) is int,
        "original must have commitments, home, item and seq",
    )
    digests = value["commitments"]
    _expect(
        isinstance(digests, dict)
        and set(digests) == {"content_sha256", "content_sha512"}
        and all(is_hex(each, 64) for each in digests.values()),
        "commitments must be two digests",
    )
    places = (value["home"], value["item"], value["seq"])
    return Parent(*places, digests["content_sha256"], digests["content_sha512"])


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _expect(condition: bool, message: str) -> None:
    if not condition:
        raise FormatError(f"a strip statement: {message} (docs/format-derivative.md)")
