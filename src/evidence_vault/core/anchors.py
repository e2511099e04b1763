"""Anchors: unpredictable values that an ``anchored`` event puts into the log.

Whatever was signed after an entry that names such a value was signed after the value existed:
"not before". Three kinds (docs/format-entry.md):

    {"kind": "token", "origin", "size", "sha256"}          a time stamp over our own checkpoint
    {"kind": "peer", "origin", "root", "size", "sha256"}   another log's countersigned checkpoint
    {"kind": "beacon", "name", "round", "value"}           a public value that somebody handed in

``sha256`` is that of the reply (DER) or of the signed note, which travel beside the entry.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from evidence_vault.core.canonical import is_hex
from evidence_vault.core.shapes import is_count, is_origin
from evidence_vault.errors import FormatError

ANCHORED = "anchored"
MAX_ANCHORS = 64

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._:/-]{0,79}\Z")
_ROUND = re.compile(r"[0-9]{1,20}\Z")
_VALUE = re.compile(r"(?:[0-9a-f]{2}){16,128}\Z")


def token_anchor(origin: str, size: int, sha256: str) -> dict[str, Any]:
    """A time-stamp reply (its SHA-256, hex) over this log's checkpoint at ``size``."""
    return {"kind": "token", "origin": origin, "sha256": sha256, "size": size}


def peer_anchor(origin: str, size: int, root: str, sha256: str) -> dict[str, Any]:
    """Another log's checkpoint; ``root`` and ``sha256`` (of the whole note) are hex."""
    return {"kind": "peer", "origin": origin, "root": root, "sha256": sha256, "size": size}


def beacon_anchor(name: str, number: str, value: str) -> dict[str, Any]:
    """A public random value: 16 to 128 bytes in lowercase hex, with the round that made it."""
    return {"kind": "beacon", "name": name, "round": number, "value": value}


def format_anchors(anchors: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The ``clear`` member of ``anchored``; the inverse of :func:`parse_anchors`."""
    clear = {"anchors": [dict(each) for each in anchors]}
    parse_anchors(clear)
    return clear


def parse_anchors(clear: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """The anchors of an event; raises FormatError unless each is of a known form."""
    _expect(set(clear) == {"anchors"} and isinstance(clear["anchors"], list), "one list of anchors")
    _expect(0 < len(clear["anchors"]) <= MAX_ANCHORS, f"1 to {MAX_ANCHORS} anchors")
    for anchor in clear["anchors"]:
        _expect(isinstance(anchor, dict), "an anchor is an object")
        _expect(_is_anchor(anchor), "an anchor of unknown form")
    return tuple(clear["anchors"])


def _is_anchor(a: dict[str, Any]) -> bool:
    kind = a.get("kind")
    if kind == "beacon":
        return set(a) == {"kind", "name", "round", "value"} and all(
            isinstance(a[member], str) and form.match(a[member]) is not None
            for member, form in (("name", _NAME), ("round", _ROUND), ("value", _VALUE))
        )
    members = {"kind", "origin", "sha256", "size"} | ({"root"} if kind == "peer" else set())
    return (
        kind in ("token", "peer")
        and set(a) == members
        and is_origin(a["origin"])
        and is_count(a["size"])
        and is_hex(a["sha256"], 64)
        and (kind == "token" or is_hex(a["root"], 64))
    )


def _expect(condition: bool, message: str) -> None:
    if not condition:
        raise FormatError(f"anchored: {message} (docs/format-entry.md)")
