"""Packs: what stands beside one full entry bundle of 256 entries (docs/format-store.md).

A *sealed pack* (``archive/log/sealed/<N>``, written once) holds the 256 record payloads:

    "evidence-vault/sealed/v1" LF N LF LF || 256 x u32 length || payloads

A *header pack* (``control/headers/<N>``) holds the age headers of the units of those entries:

    "evidence-vault/headers/v1" LF N LF LF || per unit: 16-byte id || u32 length || header

A *held pack* (``archive/holds/<hold id>/<item>/<n>``) has the headers of all units of one item
that a hold keeps alive:

    "evidence-vault/held/v1" LF hold id LF item LF LF || per unit as above

Deleting one header from a header pack erases that unit for ever.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evidence_vault.core.tiles import TILE_WIDTH
from evidence_vault.errors import FormatError


def sealed_key(group: int) -> str:
    """Key of a sealed pack, relative to the log's prefix in ``archive/``."""
    return f"sealed/{group}"


def headers_key(group: int) -> str:
    """Key of a header pack in ``control/``."""
    return f"headers/{group}"


def format_sealed_pack(group: int, payloads: Sequence[bytes]) -> bytes:
    """The bytes of a sealed pack; exactly 256 payloads."""
    if len(payloads) != TILE_WIDTH:
        raise FormatError(f"a sealed pack holds {TILE_WIDTH} records, not {len(payloads)}")
    lengths = b"".join(len(p).to_bytes(4, "big") for p in payloads)
    return b"".join([_head("sealed", group), lengths, *payloads])


def parse_sealed_pack(data: bytes, group: int) -> list[bytes]:
    """The 256 record payloads of a pack; raises FormatError."""
    head = _head("sealed", group)
    if not data.startswith(head):
        raise FormatError(f"sealed pack {group} has another beginning", code="E-PACK")
    table = data[len(head) : len(head) + 4 * TILE_WIDTH]
    if len(table) != 4 * TILE_WIDTH:
        raise FormatError(f"sealed pack {group} is cut", code="E-PACK")
    payloads: list[bytes] = []
    position = len(head) + len(table)
    for i in range(TILE_WIDTH):
        length = int.from_bytes(table[4 * i : 4 * i + 4], "big")
        payloads.append(data[position : position + length])
        position += length
    if position != len(data):
        raise FormatError(
            f"sealed pack {group} has {len(data)} bytes, not {position}", code="E-PACK"
        )
    return payloads


def format_header_pack(group: int, headers: Mapping[str, bytes]) -> bytes:
    """The bytes of a header pack: units in order of their ids (hex)."""
    return b"".join([_head("headers", group), *_units(headers)])


def parse_header_pack(data: bytes, group: int) -> dict[str, bytes]:
    """Headers by unit id; raises FormatError unless units ascend and the pack ends with one."""
    return _parse_headers(data, _head("headers", group), f"header pack {group}")


def format_held_pack(hold: str, item: str, headers: Mapping[str, bytes]) -> bytes:
    """The copy of an item's headers that a hold keeps: units in order of their ids (hex)."""
    return b"".join([_held_head(hold, item), *_units(headers)])


def parse_held_pack(data: bytes, hold: str, item: str) -> dict[str, bytes]:
    """The inverse of :func:`format_held_pack`; raises FormatError."""
    return _parse_headers(data, _held_head(hold, item), f"the copy of headers of {item}")


def _parse_headers(data: bytes, head: bytes, name: str) -> dict[str, bytes]:
    if not data.startswith(head):
        raise FormatError(f"{name} has another beginning", code="E-PACK")
    headers: dict[str, bytes] = {}
    position, previous = len(head), ""
    while position < len(data):
        unit = data[position : position + 16].hex()
        length = int.from_bytes(data[position + 16 : position + 20], "big")
        header = data[position + 20 : position + 20 + length]
        if len(unit) != 32 or len(header) != length or unit <= previous:
            raise FormatError(f"{name} is cut or out of order", code="E-PACK")
        headers[unit] = header
        position, previous = position + 20 + length, unit
    return headers


def _units(headers: Mapping[str, bytes]) -> list[bytes]:
    parts: list[bytes] = []
    for unit, header in sorted(headers.items()):
        parts += [bytes.fromhex(unit), len(header).to_bytes(4, "big"), header]
    return parts


def _held_head(hold: str, item: str) -> bytes:
    return f"evidence-vault/held/v1\n{hold}\n{item}\n\n".encode()


def _head(kind: str, group: int) -> bytes:
    return f"evidence-vault/{kind}/v1\n{group}\n\n".encode()
