"""What others put to our checkpoints, as the store holds it, beside what the catalogue says."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from evidence_vault.core.exchange import format_answer
from evidence_vault.core.findings import Outcome
from evidence_vault.core.note import VerifierKey
from evidence_vault.errors import NotFound, VaultError
from evidence_vault.log.catalogue import Catalogue
from evidence_vault.log.proofs import COSIGNATURE, RENEWAL, TIMESTAMP
from evidence_vault.vault.anchoring import foreign_key
from evidence_vault.vault.cosignatures import signed_sizes, stored_lines
from evidence_vault.vault.countersigning import origin_hex, statement
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.policies import countersigners, witness_keys
from evidence_vault.vault.stamping import check_stored, slots_of


def known_proofs(vault: Vault) -> frozenset[tuple[str, str]]:
    """(kind, name) of those whose proofs can be checked: what else is kept was by somebody who is
    no longer known here."""
    return frozenset(
        [
            *((COSIGNATURE, key.key_id.hex()) for key in _keys(vault)),
            *((TIMESTAMP, authority.name) for authority in vault.keyring.authorities),
        ]
    )


def retell_proofs(vault: Vault, log: int, fresh: Catalogue) -> None:
    """Tell a new catalogue every proof in the store over checkpoints of a log.

    A stamp that can't be checked now (its revocation list is gone) is told as the vault's catalogue
    has it, if its bytes are the same.
    """
    keys = _keys(vault)
    if not keys and not vault.keyring.authorities:
        return
    current, vault.log = vault.log, vault.log_number(log)
    try:
        for size in sorted(signed_sizes(vault)):
            for key, line in stored_lines(vault, size, keys):
                at = int.from_bytes(line.signature[:8], "big")
                digest = hashlib.sha256(format_answer([line])).hexdigest()
                fresh.add_proof(size, COSIGNATURE, key.key_id.hex(), at, digest)
            _retell_stamps(vault, log, size, fresh)
    finally:
        vault.log = current


def _retell_stamps(vault: Vault, log: int, size: int, fresh: Catalogue) -> None:
    if not vault.keyring.authorities:
        return
    known = {
        (row.kind, row.name): row
        for kind in (TIMESTAMP, RENEWAL)
        for row in vault.catalogue.proofs(kind, size, log)
    }
    for slot in slots_of(vault, size):
        stored = check_stored(vault, slot)
        if stored is None:
            continue
        reply, check = stored
        digest = hashlib.sha256(reply).hexdigest()
        there = known.get(slot.proof)
        at = check.gen_time
        if check.outcome is not Outcome.MATCHES or at is None:
            if there is None or there.sha256 != digest:
                continue
            at = there.at
        fresh.add_proof(size, *slot.proof, at, digest)


def wrong_peers(vault: Vault) -> Iterator[str]:
    """Rows about other logs that are not what lies below ``foreign/``."""
    newest: dict[str, int] = {}
    for key in vault.archive.keys("foreign/"):
        _, origin, size, *_ = key.split("/")
        if size.isdigit():
            newest[origin] = max(newest.get(origin, -1), int(size))
    for row in vault.catalogue.peers():
        reached = newest.pop(origin_hex(row.origin), None)
        try:
            key = foreign_key(row.origin, row.size, row.sha256)
            point = statement(vault.log.read(vault.archive, key))
        except (NotFound, ValueError):
            yield f"{row.origin}: its newest checkpoint is not one that is kept"
        except VaultError:
            continue  # named with what is kept of other logs
        else:
            if (point.size, point.root.hex(), point.origin) != (row.size, row.root, row.origin):
                yield f"{row.origin}: size, root not as the kept checkpoint says"
            elif reached is not None and reached > row.size:
                yield f"{row.origin}: a checkpoint of {reached} entries is kept"
    for origin in sorted(newest):
        yield f"foreign/{origin}: lacks the log whose checkpoint is kept there"


def _keys(vault: Vault) -> list[VerifierKey]:
    return [key for peer in countersigners(vault.keyring) for key in witness_keys(peer)]
