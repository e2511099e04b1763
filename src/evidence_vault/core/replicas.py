"""What a replica says of itself, and how far it has come: ``replica.json`` in each of its roots.

One line of canonical JSON (docs/format-replica.md). ``mac`` is made under a key of the vault's
keyring over the object without it, so that nobody else can say that something is there which is
not: a marker whose MAC is another's is no word on how far the replica is, and all of it is
compared again. Nothing in it names the organisation.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from evidence_vault.core.canonical import b64, canonical, is_hex, parse_canonical, unb64
from evidence_vault.core.merkle import HASH_SIZE, Frontier
from evidence_vault.core.shapes import is_count, is_origin
from evidence_vault.errors import FormatError

MARKER = "replica.json"
KIND = "evidence-vault/replica"
ARCHIVE, CONTROL, BOTH = "archive", "control", "both"
PARTS = (ARCHIVE, CONTROL, BOTH)
MAX_MARKER = 128 * 1024

Mac = Callable[[bytes], bytes]

_COUNTS = ("destroyed", "full", "groups", "log", "published", "size")
_MEMBERS = {
    *_COUNTS,
    "frontier",
    "kind",
    "lacking",
    "mac",
    "origin",
    "part",
    "plaintext",
    "replica",
    "v",
}


@dataclass(frozen=True, slots=True)
class Position:
    """How far a copy of the logs has come; everything before it was copied and read back.

    ``log``: the one being copied, those before it are whole. ``size``: its entries that are in,
    the end of a commit, and ``hashes``: the right edge of its tree there. ``groups``: how many
    groups of 256 have their packs. ``full``: start of the oldest commit that was copied before it
    was emptied. ``published``: size whose tiles are all in. ``destroyed``: how many tombstones of
    all logs were applied. ``lacking``: digests of payloads that the source could not give.
    """

    log: int = 0
    size: int = 0
    hashes: tuple[bytes, ...] = ()
    groups: int = 0
    full: int = 0
    published: int = 0
    destroyed: int = 0
    lacking: tuple[str, ...] = ()

    def frontier(self) -> Frontier:
        """The tree at ``size``."""
        return Frontier(self.size, self.hashes)

    def next_log(self) -> Position:
        """The beginning of the log after this one."""
        return Position(log=self.log + 1, destroyed=self.destroyed, lacking=self.lacking)

    def at(self, frontier: Frontier) -> Position:
        """The same with another size."""
        return replace(self, size=frontier.size, hashes=tuple(frontier.hashes))


@dataclass(frozen=True, slots=True)
class Marker:
    """``origin``: of the vault's first log. ``replica``: 32 hex digits. ``part``: of this root,
    ``archive`` or ``control``."""

    origin: str
    replica: str
    part: str
    plaintext: bool
    position: Position = Position()


def format_marker(marker: Marker, mac: Mac) -> bytes:
    """The bytes of ``replica.json``."""
    body = _body(marker)
    return canonical({**body, "mac": mac(canonical(body)).hex()}) + b"\n"


def parse_marker(data: bytes, mac: Mac | None) -> tuple[Marker, bool]:
    """(marker, whether ``mac`` made it); raises FormatError for anything else.

    ``mac``: None where there is no keyring; nobody vouches for the marker then.
    """
    value = parse_canonical(data.removesuffix(b"\n"), "the marker of a replica")
    good = (
        isinstance(value, dict)
        and set(value) == _MEMBERS
        and value["kind"] == KIND
        and value["v"] == 1
        and all(is_count(value[name]) for name in _COUNTS)
        and isinstance(value["frontier"], list)
        and len(value["frontier"]) <= 64
        and all(isinstance(each, str) for each in value["frontier"])
        and isinstance(value["lacking"], list)
        and all(is_hex(each, 64) for each in value["lacking"])
        and isinstance(value["origin"], str)
        and is_origin(value["origin"])
        and is_hex(value["replica"], 32)
        and value["part"] in (ARCHIVE, CONTROL)
        and type(value["plaintext"]) is bool
        and is_hex(value["mac"], 64)
    )
    if not good:
        raise FormatError("the marker of a replica is not as docs/format-replica.md says")
    hashes = tuple(unb64(each, "a hash", HASH_SIZE) for each in value["frontier"])
    counts = {name: value[name] for name in _COUNTS}
    marker = Marker(
        value["origin"],
        value["replica"],
        value["part"],
        value["plaintext"],
        Position(hashes=hashes, lacking=tuple(value["lacking"]), **counts),
    )
    if len(hashes) != value["size"].bit_count():
        raise FormatError("the marker of a replica states another size than its tree has")
    made = mac is not None and hmac.compare_digest(format_marker(marker, mac), data)
    return marker, made


def _body(marker: Marker) -> dict[str, Any]:
    at = marker.position
    return {
        "destroyed": at.destroyed,
        "frontier": [b64(each) for each in at.hashes],
        "full": at.full,
        "groups": at.groups,
        "kind": KIND,
        "lacking": list(at.lacking),
        "log": at.log,
        "origin": marker.origin,
        "part": marker.part,
        "plaintext": marker.plaintext,
        "published": at.published,
        "replica": marker.replica,
        "size": at.size,
        "v": 1,
    }
