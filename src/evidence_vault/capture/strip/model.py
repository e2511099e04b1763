"""What the parts of a strip hand to each other, and the door that each format opens.

A format module knows one family of files. It takes the metadata out without touching what a
person sees or hears, compares both by decoding them, and has the copy read by a parser that has
nothing in common with what made it. What it can't do it refuses by :class:`NotChecked`: nothing
that was not understood counts as clean.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from evidence_vault.capture.strip.bench import Bench

Outcome = Literal["clean", "not-clean", "not-checked"]
Identical = Literal["yes", "no", "not-comparable"]


class NotChecked(Exception):
    """A copy can't be made or proved; the message is the reason, in words fit for a report."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Something that stays in the copy, and why: ``name`` is a tag or a part of the format."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class ToolUse:
    """A program or library as it was used, so that somebody else can repeat it.

    ``parameters`` name no path: the two files are ``ORIGINAL`` and ``COPY``.
    """

    name: str
    version: str
    parameters: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "parameters": list(self.parameters), "version": self.version}


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that was taken out and must be found nowhere in the copy.

    ``name`` says which, in words of the format, never of the file.
    """

    name: str
    value: str | bytes


@dataclass(frozen=True, slots=True)
class Work:
    """What a format took out of a copy beyond the tags that ExifTool names.

    ``structures``: parts, in words of the format (``trailer behind the picture, 12345 bytes``),
    never a value or a name that stands in the file. ``secrets``: the values those parts held.
    ``nested``: reports on embedded files that were cleaned, by a neutral name. ``ordinary``:
    values that are words of the format itself and are searched for nowhere.
    """

    structures: tuple[str, ...] = ()
    secrets: tuple[Secret, ...] = ()
    kept: tuple[Kept, ...] = ()
    tools: tuple[ToolUse, ...] = ()
    nested: tuple[tuple[str, dict[str, Any]], ...] = ()
    ordinary: frozenset[str | bytes] = frozenset()


@dataclass(frozen=True, slots=True)
class Comparison:
    """Whether a person sees and hears the same: ``what`` counts what was compared.

    For example ``yes``, ``decoded by Pillow 13.0``, ``1 picture, 640x480, 8 bits``.
    """

    identical: Identical
    method: str
    what: str

    def to_json(self) -> dict[str, str]:
        return {"identical": self.identical, "method": self.method, "what": self.what}


@dataclass(frozen=True, slots=True)
class Scan:
    """What a second parser, unrelated to the tools that made the copy, still found in it.

    ``residues`` name tags or parts, in words of the format, never values.
    """

    parser: ToolUse
    residues: tuple[str, ...] = ()


@dataclass(frozen=True)
class View:
    """A decoded part of a file for the search of removed values: an inflated stream, a member."""

    name: str
    data: bytes = field(repr=False)


class Format(Protocol):
    """One family of files. All methods raise :class:`NotChecked`; ``bench`` has the tools.

    Both paths are neutral names in a private folder. The source is never written to; ``strip``
    creates ``target``. The same source gives the same bytes with the same tools, where the
    format allows.
    """

    name: str

    def strip(self, source: Path, target: Path, bench: Bench) -> Work:
        """Write the copy."""
        ...

    def compare(self, source: Path, target: Path, bench: Bench) -> Comparison:
        """Decode both and compare every picture, frame, sample or text."""
        ...

    def scan(self, target: Path, bench: Bench) -> Scan:
        """Have the copy read by the second parser."""
        ...

    def views(self, path: Path, bench: Bench) -> Iterator[View]:
        """What a search of the raw bytes would not see: compressed parts, as they are inside."""
        ...

    def visible_text(self, source: Path, bench: Bench) -> str:
        """The text that anybody sees in the content of a document; empty for media.

        A removed value that stands there, too, is reported as such and is no residue.
        """
        ...

    def may_stay(self, tag: str) -> str | None:
        """Why a tag that ExifTool finds in the copy may stay; None if it must not.

        ``tag``: ``Group0:Group1:Name`` such as ``EXIF:IFD0:Orientation``.
        """
        ...


def refusal(mime: str, reason: str) -> dict[str, Any]:
    """The report of a file of which no copy can be offered, because nothing could be proved."""
    return {
        "also_in_content": [],
        "copy": None,
        "decoded": Comparison("not-comparable", "", "").to_json(),
        "embedded": [],
        "format": mime,
        "kept": [],
        "outcome": "not-checked",
        "reasons": [reason],
        "removed": [],
        "residual": None,
        "structures": [],
        "tools": [],
        "v": 1,
    }
