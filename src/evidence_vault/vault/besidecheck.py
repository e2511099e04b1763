"""Whether a file beside the logs is right, by what the log, its keys and its own name say of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from evidence_vault.core.checkpoint import open_checkpoint
from evidence_vault.core.packs import parse_held_pack
from evidence_vault.errors import FormatError, SignatureInvalid, VaultError
from evidence_vault.log.logstore import LogStore
from evidence_vault.vault.countersigning import origin_hex
from evidence_vault.vault.holds import copy_key
from evidence_vault.vault.mirrorparts import HeldCopy
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.policies import known_peers, log_keys
from evidence_vault.vault.wholelog import log_keys as own_keys

Check = Callable[[str, bytes], bool | None]


def folders_of(logs: int) -> list[str]:
    """Folders of ``archive/`` beside the logs, without what holds keep."""
    evidence = ["evidence/", *(f"evidence-{number}/" for number in range(1, logs))]
    return [*evidence, "trust/", "foreign/"]


def check_beside(vault: Vault) -> Check:
    """A function of (key in archive/, bytes): True, False, or None where nothing here can tell."""
    digests = _digests(vault)
    logs = [vault.log_number(number) for number in range(vault.config.log + 1)]

    def check(key: str, data: bytes) -> bool | None:
        parts = key.split("/")
        if key in digests:
            return hashlib.sha256(data).hexdigest() == digests[key]
        if parts[0] == "foreign":
            return _foreign(vault, parts, data)
        for log in logs:
            if len(parts) == 3 and key == log.evidence_key(_size(parts[1]), "checkpoint"):
                return _own_checkpoint(vault, log, _size(parts[1]), data)
        return None

    return check


def _size(text: str) -> int:
    return int(text) if text.isdecimal() else -1


def _digests(vault: Vault) -> dict[str, str]:
    """SHA-256 by key of the proofs that the catalogue knows."""
    found = {}
    for row in vault.catalogue.proofs("cosignature"):
        found[vault.log.evidence_key(row.size, f"cosignatures/{row.name}")] = row.sha256
    for row in vault.catalogue.proofs("timestamp"):
        found[vault.log.evidence_key(row.size, f"{row.name}.tsr")] = row.sha256
    return found


def _own_checkpoint(vault: Vault, log: LogStore, size: int, data: bytes) -> bool | None:
    try:
        point = open_checkpoint(data, own_keys(vault, log)).checkpoint
    except (FormatError, SignatureInvalid):
        return False
    except VaultError:
        return None
    return point.size == size


def _foreign(vault: Vault, parts: list[str], data: bytes) -> bool | None:
    """Another log's checkpoints: one by the digest in its name, the newest by its keys."""
    if len(parts) == 4 and parts[2].isdecimal() and len(parts[3]) == 16:
        return hashlib.sha256(data).hexdigest().startswith(parts[3])
    if parts[2:] != ["log", "checkpoint"]:
        return None
    for peer in known_peers(vault):
        if origin_hex(peer.origin) == parts[1]:
            try:
                open_checkpoint(data, log_keys(peer))
            except (FormatError, SignatureInvalid):
                return False
            return True
    return None


def held_copies(vault: Vault) -> dict[str, HeldCopy]:
    """Copies of headers that holds keep which are on, by key; in what version and with what digest.

    What was released, or was never recorded, is not among them.
    """
    rows = [row for row in vault.catalogue.hold_rows() if row.released is None]
    by_hold: dict[str, list[str]] = {}
    for row in rows:
        by_hold.setdefault(row.hold, []).append(row.id)
    return {
        copy_key(copy.hold, copy.id, copy.number): HeldCopy(copy.sha256, copy.version)
        for hold, items in by_hold.items()
        for copy in vault.catalogue.held_copies(hold, items)
    }


def units_of_copy(key: str, data: bytes) -> frozenset[str]:
    """Units whose headers a copy holds. Raises FormatError."""
    _, hold, item, _ = key.split("/")
    return frozenset(parse_held_pack(data, hold, item))
