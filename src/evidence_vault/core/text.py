"""Making foreign text safe to show: on a terminal, in a report, in a spreadsheet cell.

Both functions are for *display*. What is stored, signed and exported is the exact text or the
exact bytes; nothing here is meant to be undone.
"""

from __future__ import annotations

import re

_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}

# Characters that act on the screen or hide what is there, instead of being read:
_UNSAFE = re.compile(
    "["
    "\x00-\x1f\x7f-\x9f"  # C0, DEL and C1 controls
    "\u061c\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069"  # zero-width space, bidi marks
    "\u2028\u2029"  # line and paragraph separator
    "\u2060-\u2065\u206a-\u206f\ufeff\u180e"  # other invisible format characters
    "\ufff9-\ufffb"  # interlinear annotation
    "\ud800-\udfff"  # lone surrogates
    "\U000e0000-\U000e0fff"  # tag characters and other invisible plane-14 code points
    "]"
)
# U+200C and U+200D (ZWNJ, ZWJ) stay: scripts and emoji sequences need them.

_FORMULA_START = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def _escape(match: re.Match[str]) -> str:
    char = match.group()
    if char in _SHORT:
        return _SHORT[char]
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def escape_for_display(text: str) -> str:
    r"""``text`` with what could act on a screen written as ``\n``, ``\x1b``, ``\u202e``.

    Letters of every script and emoji stay as they are. A backslash stays single, so applying
    the function twice changes nothing more; the result always encodes as UTF-8.
    """
    return _UNSAFE.sub(_escape, text)


def decode_for_display(raw: bytes) -> str:
    r"""``raw`` as UTF-8, bytes that are not UTF-8 as ``\xNN``, then escaped for display."""
    return escape_for_display(raw.decode("utf-8", "backslashreplace"))


def spreadsheet_safe(text: str) -> str:
    """``text`` with an apostrophe before it if a spreadsheet might take it for a formula.

    The starts guarded are ``= + - @``, tab, carriage return, line feed, and the full-width
    forms of the four signs.
    """
    return "'" + text if text.startswith(_FORMULA_START) else text
