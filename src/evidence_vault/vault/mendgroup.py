"""What is published of a group of entries, as far as each file of it can be read."""

from __future__ import annotations

from contextlib import suppress

from evidence_vault.core.packs import parse_header_pack, parse_sealed_pack
from evidence_vault.core.tiles import ENTRIES, TILE_WIDTH, Tile, parse_entry_bundle
from evidence_vault.errors import VaultError
from evidence_vault.log.logstore import LogStore

Group = tuple[list[bytes], list[bytes], dict[str, bytes]]
"""256 entries, 256 records, headers by unit."""


def published_group(source: LogStore, group: int) -> Group:
    """Entries, records and headers of a group; what is lost is empty."""
    nothing = [b""] * TILE_WIDTH
    entries, records, headers = nothing, nothing, {}
    with suppress(VaultError):
        data = source.tile(Tile(ENTRIES, group, TILE_WIDTH).path)
        entries = parse_entry_bundle(data, TILE_WIDTH)
    with suppress(VaultError):
        store, key = source.records(group)
        records = parse_sealed_pack(source.read(store, key), group)
    with suppress(VaultError):
        if not source.plaintext:
            pack = source.read(source.control, source.headers_key(group))
            headers = parse_header_pack(pack, group)
    return entries, records, headers
