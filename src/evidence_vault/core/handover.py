"""The file of a hand-over: a ustar archive with one fixed order (docs/format-transfer.md).

    hand-over.json                 what it is: canonical JSON, LF
    log/checkpoint                 the sender's newest signed note
    log/tile/entries/<N>[.p/<W>]   all entries below its size, in order
    records/<i>  headers/<i>       sealed record and age headers of entry i, ascending
    objects/<sha256>               stored objects of the items, ascending
    1,024 zero bytes, and nothing after them

A reader makes each header anew and compares: one spelling, no compression, no links, no paths but
these. All that this page does is pure; the bytes are read in ``vault/``.
"""

from __future__ import annotations

import re
import tarfile
from dataclasses import dataclass

from evidence_vault.core.canonical import canonical, parse_canonical
from evidence_vault.core.shapes import is_count, is_origin
from evidence_vault.core.tiles import ENTRIES, MAX_BUNDLE_SIZE, entries_path, parse_tile_path
from evidence_vault.errors import FormatError

BLOCK = 512
END = bytes(2 * BLOCK)
MANIFEST = "hand-over.json"
CHECKPOINT = "log/checkpoint"
MAX_OBJECT = 2**31

_KIND = "evidence-vault/hand-over"
_LOG = "log/"
_NUMBER = re.compile(r"(records|headers)/(0|[1-9][0-9]{0,15})\Z")
_OBJECT = re.compile(r"objects/([0-9a-f]{64})\Z")
_LIMITS = (4096, 1_000_000, MAX_BUNDLE_SIZE, 128 * 1024 * 1024, MAX_OBJECT)

Rank = tuple[int, int, int, str]
"""Where a member stands: ranks ascend from one to the next."""


@dataclass(frozen=True, slots=True)
class HandOver:
    """What the first member says; all of it is checked against the signed log.

    ``origin``: the sender's log; ``receiver``: the log that is to take over; ``offer``: index of
    the ``transfer-offered`` entry.
    """

    origin: str
    receiver: str
    offer: int


def format_manifest(told: HandOver) -> bytes:
    """The bytes of ``hand-over.json``; the inverse of :func:`parse_manifest`."""
    value = {
        "kind": _KIND,
        "offer": told.offer,
        "origin": told.origin,
        "receiver": told.receiver,
        "v": 1,
    }
    return canonical(value) + b"\n"


def parse_manifest(data: bytes) -> HandOver:
    """Raises FormatError."""
    value = parse_canonical(data.removesuffix(b"\n"), MANIFEST)
    good = (
        isinstance(value, dict)
        and set(value) == {"kind", "offer", "origin", "receiver", "v"}
        and value["kind"] == _KIND
        and value["v"] == 1
        and is_origin(value["origin"])
        and is_origin(value["receiver"])
        and is_count(value["offer"])
    )
    if not good:
        raise wrong(f"{MANIFEST} is not one of this version")
    told = HandOver(value["origin"], value["receiver"], value["offer"])
    if format_manifest(told) != data:
        raise wrong(f"{MANIFEST} is spelled otherwise")
    return told


def bundle_name(index: int, width: int) -> str:
    """The member that holds entries ``index`` * 256 and on."""
    return _LOG + entries_path(index, width)


def format_header(name: str, size: int) -> bytes:
    """The 512 bytes before a member of ``size`` bytes (POSIX ustar, no times, no owner)."""
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o600
    return info.tobuf(tarfile.USTAR_FORMAT, "ascii", "strict")


def padding(size: int) -> int:
    """Zero bytes after a member of ``size`` bytes."""
    return -size % BLOCK


def parse_header(block: bytes) -> tuple[str, int, Rank] | None:
    """(name, size, rank) of a member; None for the first block of the end.

    Raises FormatError for any header that :func:`format_header` would not write, any name that has
    no place here, and a size above what its kind may have.
    """
    if len(block) != BLOCK:
        raise wrong("it is cut")
    if block == END[:BLOCK]:
        return None
    try:
        name = block[:100].rstrip(b"\0").decode("ascii")
        size = int(block[124:135].decode("ascii"), 8)
        found = rank(name)
        if size < 0 or format_header(name, size) != block:
            raise ValueError
    except ValueError:
        raise wrong("a member has a header or a name that does not belong here") from None
    if size > _LIMITS[found[0]]:
        raise wrong(f"the member {name} is too large ({size} bytes)")
    return name, size, found


def rank(name: str) -> Rank:
    """Where a member of this name stands; raises ValueError for a name that has no place."""
    if name == MANIFEST:
        return (0, 0, 0, "")
    if name == CHECKPOINT:
        return (1, 0, 0, "")
    if (number := _NUMBER.match(name)) is not None:
        return (3, int(number[2]), int(number[1] == "headers"), "")
    if (digest := _OBJECT.match(name)) is not None:
        return (4, 0, 0, digest[1])
    try:
        tile = parse_tile_path(name.removeprefix(_LOG)) if name.startswith(_LOG) else None
    except FormatError as error:
        raise ValueError(name) from error
    if tile is None or tile.level != ENTRIES:
        raise ValueError(name)
    return (2, tile.index, tile.width, "")


def wrong(what: str) -> FormatError:
    """A file of a hand-over that breaks its format."""
    return FormatError(
        f"this is no file of a hand-over: {what} (docs/format-transfer.md)",
        code="E-TRANSFER-FORMAT",
        hint="ask the sender for the file again: `evidence-vault transfer offer` makes a new one",
    )
