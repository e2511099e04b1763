"""The statement on how a derivative was made (docs/format-derivative.md).

Canonical JSON. It names the original by the commitments of the event that took it in, never by a
plain digest, so that whoever holds the statement and a file can't tell whether they belong
together; whoever was shown the original's digests can.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
MAX_DEPTH = 8
"""How deep reports on embedded files may stand in each other; strips go less deep."""

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
    return _report(value, 0)


def _report(value: Any, depth: int) -> dict[str, Any]:
    _expect(depth <= MAX_DEPTH, f"files embedded more than {MAX_DEPTH} deep")
    _expect(isinstance(value, dict) and set(value) == _REPORT, "other members")
    _expect(type(value["v"]) is int and value["v"] == 1, "another version")
    _expect(value["outcome"] in OUTCOMES, "an unknown outcome")
    for name in ("also_in_content", "reasons", "structures"):
        _expect(_are_texts(value[name]), f"{name} must be a list of texts")
    _expect(isinstance(value["format"], str), "format must be text")
    _rows(value, "kept", name=_is_text, why=_is_text)
    _rows(value, "removed", count=_is_count, name=_is_text)
    _expect(
        isinstance(value["tools"], list) and all(_is_tool(each) for each in value["tools"]),
        "tools must be a list of name, parameters and version",
    )
    _rows(value, "embedded", name=_is_text, report=lambda each: isinstance(each, dict))
    for row in value["embedded"]:
        _report(row["report"], depth + 1)
    _expect(
        isinstance(value["decoded"], dict)
        and set(value["decoded"]) == {"identical", "method", "what"}
        and all(_is_text(each) for each in value["decoded"].values())
        and value["decoded"]["identical"] in ("yes", "no", "not-comparable"),
        "decoded must say identical, method and what",
    )
    residual = value["residual"]
    _expect(residual is None or _is_residual(residual), "residual must have three looks")
    copy = value["copy"]
    _expect(copy is None or _is_copy(copy), "copy must have sha256, sha512 and size")
    if value["outcome"] == "clean":
        _expect_clean(value)
    return dict(value)


def _expect_clean(value: Mapping[str, Any]) -> None:
    """What is called clean says nothing else anywhere."""
    residual = value["residual"]
    _expect(
        value["copy"] is not None and residual is not None, "clean without a copy and three looks"
    )
    _expect(value["decoded"]["identical"] == "yes", "clean without the same content")
    _expect(not any(look["found"] for look in residual.values()), "clean, and yet a look found")
    _expect(not value["reasons"], "clean, and yet with reasons against it")
    inner = (row["report"]["outcome"] for row in value["embedded"])
    _expect(all(outcome == "clean" for outcome in inner), "clean around what is not")


def _rows(value: Mapping[str, Any], of: str, /, **members: Callable[[Any], bool]) -> None:
    rows = value[of]
    _expect(
        isinstance(rows, list)
        and all(
            isinstance(row, dict)
            and set(row) == set(members)
            and all(holds(row[member]) for member, holds in members.items())
            for row in rows
        ),
        f"{of} must be a list of {' and '.join(sorted(members))}",
    )


def _is_residual(value: Any) -> bool:
    if not isinstance(value, dict) or set(value) != {"exiftool", "search", "second"}:
        return False
    search = value["search"]
    return all(
        isinstance(value[look], dict)
        and set(value[look]) == {"found", "tool"}
        and _are_texts(value[look]["found"])
        and _is_tool(value[look]["tool"])
        for look in ("exiftool", "second")
    ) and (
        isinstance(search, dict)
        and set(search) == {"bytes", "forms", "found", "patterns", "values"}
        and all(_is_count(search[name]) for name in ("bytes", "patterns", "values"))
        and all(_are_texts(search[name]) for name in ("forms", "found"))
    )


def _is_tool(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and set(value) == {"name", "parameters", "version"}
        and _is_text(value["name"])
        and _is_text(value["version"])
        and _are_texts(value["parameters"])
    )


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 1 << 53


def _is_copy(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and set(value) == {"sha256", "sha512", "size"}
        and is_hex(value["sha256"], 64)
        and is_hex(value["sha512"], 128)
        and _is_count(value["size"])
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
