"""Fixity of the published side of one log as a whole: checkpoint, tiles, signed states, proofs."""

from __future__ import annotations

from collections.abc import Iterator

from evidence_vault.core.checkpoint import OpenedCheckpoint, open_checkpoint
from evidence_vault.core.note import VerifierKey, parse_vkey
from evidence_vault.core.tiles import TILE_WIDTH
from evidence_vault.errors import StoreError, VaultError
from evidence_vault.log.logstore import LogStore
from evidence_vault.log.proofs import COSIGNATURE, TIMESTAMP
from evidence_vault.prove import damage as codes
from evidence_vault.prove.damage import Damage
from evidence_vault.prove.published import Beside, check_checkpoint, check_listed, check_tree
from evidence_vault.vault.opening import Vault


def check_published(vault: Vault, number: int) -> Iterator[Damage]:
    """What is wrong with the published side of a log. Cost: its tiles read once, proofs once."""
    log = vault.log_number(number)
    entries = vault.catalogue.frontier(number).size
    try:
        keys = [parse_vkey(text) for text in vault.entry_zero(log).log_vkeys()]
        note = log.checkpoint()
    except (VaultError, ValueError, LookupError) as error:
        yield _unread(log, error)
        return

    def keep(data: bytes) -> OpenedCheckpoint:
        return open_checkpoint(data, keys)

    point, damaged = check_checkpoint(log, keep, note, entries)
    yield from damaged
    if point is None:
        return
    yield from check_tree(log, point, lambda: leaves_of(vault, number, point.size))
    beside = Beside(point, keep, recorded_proofs(vault, log) if number == vault.config.log else {})
    yield from check_listed(log, _listing(vault, log), beside)
    yield from _missing(vault, log, point.size, beside)


def log_keys(vault: Vault, log: LogStore) -> list[VerifierKey]:
    """The keys that sign checkpoints of a log."""
    return [parse_vkey(text) for text in vault.entry_zero(log).log_vkeys()]


def leaves_of(vault: Vault, number: int, size: int) -> Iterator[bytes]:
    """Leaf hashes as the catalogue knows them, joined, a group at a time."""
    for start in range(0, size, TILE_WIDTH):
        end = min(start + TILE_WIDTH, size)
        yield b"".join(vault.catalogue.entry(i, number).leaf for i in range(start, end))


def _listing(vault: Vault, log: LogStore) -> Iterator[str]:
    yield from vault.archive.keys(log.archive_prefix + "tile")
    yield from vault.archive.keys(log.evidence_key(0, "").removesuffix("/0/"))


def recorded_proofs(vault: Vault, log: LogStore) -> dict[str, str]:
    """SHA-256 by key, of the proofs that the catalogue remembers whole."""
    stamps = {
        log.evidence_key(row.size, f"{row.name}.tsr"): row.sha256
        for row in vault.catalogue.proofs(TIMESTAMP)
    }
    signed = {
        log.evidence_key(row.size, f"cosignatures/{row.name}"): row.sha256
        for row in vault.catalogue.proofs(COSIGNATURE)
    }
    return stamps | signed


def _missing(vault: Vault, log: LogStore, size: int, beside: Beside) -> Iterator[Damage]:
    # What a proof stands for is needed as long as the proof.
    sizes = {int(key.split("/")[1]) for key in beside.proofs} | {size}
    states = [log.evidence_key(each, "checkpoint") for each in sorted(sizes)]
    for key in [*beside.proofs, *states]:
        try:
            log.archive.open(key).close()
        except StoreError as error:
            gone = error.code == "E-NOT-FOUND"
            code = codes.EVIDENCE_MISSING if gone else codes.UNREADABLE
            said = (
                "a proof that was recorded is missing" if gone else f"could not be checked: {error}"
            )
            yield Damage(code, "published log", key, said, log.number)


def _unread(log: LogStore, error: Exception) -> Damage:
    said = f"could not be checked without entry 0: {error}"
    return Damage(codes.UNREADABLE, "published log", log.archive_prefix + "checkpoint", said, 0)
