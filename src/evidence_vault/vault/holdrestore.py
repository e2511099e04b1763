"""Headers put back out of the copies that holds keep, where part of ``control/`` is lost."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from evidence_vault.core.commit import Committed, format_commit
from evidence_vault.core.event import parse_entry
from evidence_vault.core.packs import format_header_pack, parse_header_pack
from evidence_vault.core.tiles import TILE_WIDTH
from evidence_vault.errors import NotFound
from evidence_vault.log.logstore import LogStore
from evidence_vault.vault.holds import demand_held, header_copies
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.records import committed_at
from evidence_vault.vault.removing import write_anew


def restore_headers(vault: Vault, items: Sequence[str]) -> dict[str, int]:
    """By item, how many missing or changed headers were put back; under the writer lock.

    Only headers whose digest the entries name, and only of items that the log says are held: what
    was destroyed after a hold ended is not brought back. Repeated, it changes nothing. Raises
    PolicyRefused (E-NOT-HELD) for an item under no hold.
    """
    demand_held(vault, items)
    done: dict[str, int] = {}
    for item in items:
        copies = header_copies(vault, item)
        done[item] = sum(
            _put_back(vault, index, number, copies)
            for number in range(vault.config.log + 1)
            for index in vault.catalogue.history(item, number)
        )
    vault.log.forget()
    return done


def _put_back(vault: Vault, index: int, number: int, copies: dict[str, bytes]) -> int:
    """The headers of one entry, into its commit or its group's pack; how many were not there."""
    committed = committed_at(vault, index, number)
    units = parse_entry(committed.entry).event.units
    lacking = {
        unit.id: copies[unit.id]
        for unit in units
        if unit.id in copies and _digest(committed.headers.get(unit.id)) != unit.header
    }
    if not lacking:
        return 0
    log = vault.log_number(number)
    start = vault.catalogue.entry(index, number).commit_start
    log.forget()
    there = log.read(log.control, log.commit_key(start))
    commit = log.commit(start)
    if commit.is_stub:
        _into_pack(vault, log, index // TILE_WIDTH, lacking)
    else:
        at = index - start
        old = commit.entries[at]
        whole = Committed(old.entry, old.record, {**old.headers, **lacking})
        entries = (*commit.entries[:at], whole, *commit.entries[at + 1 :])
        data = format_commit(start, commit.root, entries)
        write_anew(vault, log.control, log.commit_key(start), data, there)
    vault.log.forget()
    return len(lacking)


def _into_pack(vault: Vault, log: LogStore, group: int, lacking: dict[str, bytes]) -> None:
    key = log.headers_key(group)
    try:
        there = log.read(log.control, key)
    except NotFound:
        vault.demand_held()
        log.control.create(key, format_header_pack(group, lacking))
        vault.demand_held()
        return
    headers = {**parse_header_pack(there, group), **lacking}
    write_anew(vault, log.control, key, format_header_pack(group, headers), there)


def _digest(header: bytes | None) -> str | None:
    return None if header is None else hashlib.sha256(header).hexdigest()
