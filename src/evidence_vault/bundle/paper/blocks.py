"""The parts of which a page is made, as JSON values that the templates know how to set.

A line of a pair or cell is a text, or ``mono`` text: digests, keys and commands.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

Line = str | dict[str, str]
Block = dict[str, Any]

_HEX_LINE = 64


def heading(level: int, text: str) -> Block:
    return {"kind": "heading", "level": level, "text": text}


def text(content: str) -> Block:
    return {"kind": "text", "text": content}


def bullets(items: Iterable[str]) -> Block:
    return {"kind": "bullets", "items": list(items)}


def pairs(rows: Iterable[tuple[str, Sequence[Line]]]) -> Block:
    """Labels with lines beside them; a row without lines is left out."""
    return {"kind": "pairs", "rows": [[label, list(lines)] for label, lines in rows if lines]}


def table(widths: Sequence[str], head: Sequence[str], rows: Sequence[Sequence[Line]]) -> Block:
    """``widths``: for each column a number of millimetres, or ``1fr`` for what is left."""
    cells = [list(row) for row in rows]
    return {"kind": "table", "widths": list(widths), "head": list(head), "rows": cells}


def event(title: str, rows: Iterable[tuple[str, Sequence[Line]]]) -> Block:
    """One entry of a chain of custody."""
    return {"kind": "event", "title": title, "rows": pairs(rows)["rows"]}


def code(lines: Iterable[str]) -> Block:
    """Lines to be typed or saved as they are."""
    return {"kind": "code", "lines": list(lines)}


def fill_in(labels: Iterable[str]) -> Block:
    """Lines to write on by hand."""
    return {"kind": "fill-in", "labels": list(labels)}


def picture(jpeg: str, size: tuple[int, int], alt: str) -> Block:
    """A small picture; ``jpeg`` in base64, ``size``: its width and height."""
    return {"kind": "picture", "jpeg": jpeg, "width": size[0], "height": size[1], "alt": alt}


def mono(content: str) -> dict[str, str]:
    return {"mono": content}


def hex_lines(digest: str) -> list[Line]:
    """A digest in lines that fit."""
    return [mono(digest[i : i + _HEX_LINE]) for i in range(0, len(digest), _HEX_LINE)]
