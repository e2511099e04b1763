"""XML as text, in pieces: elements are made inside out, every value is escaped on its way in.

XML 1.0 has no way to write most control characters, not even escaped, so a value is first made
safe to show (core/text): what acts instead of being read is written out as ``\\x1b``. Line feeds
stay. The exact value stands in the receipt. There is no document type, hence no entities.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from evidence_vault.core.text import escape_for_display

DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'

# What is left of the characters that XML 1.0 (2.2, production Char) does not have.
_NO_CHARACTER = re.compile("[\ufffe\uffff]")
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}
_SPECIAL = re.compile('[&<>"]')


def legible(text: str) -> str:
    """``text`` with line feeds kept and everything else that acts written out."""
    lines = (escape_for_display(line) for line in text.split("\n"))
    return _NO_CHARACTER.sub(lambda m: f"\\u{ord(m.group()):04x}", "\n".join(lines))


def leaf(name: str, value: str, attributes: Mapping[str, str] | None = None) -> str:
    """An element that holds text."""
    return f"<{name}{_attributes(attributes)}>{_escaped(value)}</{name}>\n"


def node(name: str, *inside: str, attributes: Mapping[str, str] | None = None) -> str:
    """An element that holds elements, which are XML already."""
    return f"<{name}{_attributes(attributes)}>\n{''.join(inside)}</{name}>\n"


def opening(name: str, attributes: Mapping[str, str]) -> str:
    """The start of an element whose content follows in pieces; ended by ``</name>``."""
    return f"<{name}{_attributes(attributes)}>\n"


def comment(text: str) -> str:
    """A comment of our own words; ``--`` would end it."""
    return f"<!-- {text.replace('--', '- -')} -->\n"


def _attributes(attributes: Mapping[str, str] | None) -> str:
    return "".join(f' {n}="{_escaped(v)}"' for n, v in (attributes or {}).items())


def _escaped(value: str) -> str:
    return _SPECIAL.sub(lambda m: _ESCAPES[m.group()], legible(value))
