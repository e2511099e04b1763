"""Whose countersignatures of this vault's log count, and how many must be there."""

from __future__ import annotations

from collections.abc import Sequence

from evidence_vault.core.note import VerifierKey, parse_vkey
from evidence_vault.core.policy import Policy, network_policy, plain_policy
from evidence_vault.errors import FormatError, UsageError
from evidence_vault.seal.keyring import Keyring, Peer
from evidence_vault.vault.opening import Vault


def policy_of(vault: Vault) -> Policy:
    """The policy in force: that of the peers pinned in the keyring, and their quorum."""
    return keyring_policy(vault.keyring, vault.entry_zero().log_keys())


def keyring_policy(keyring: Keyring, log_keys: Sequence[VerifierKey]) -> Policy:
    """Each pinned peer with countersigner keys is a group of them, called as its log's origin.

    Raises UsageError (E-QUORUM) when they can't stand in one policy.
    """
    peers = countersigners(keyring)
    if not peers:
        return plain_policy(log_keys)
    members = {peer.origin: witness_keys(peer) for peer in peers}
    try:
        return network_policy(log_keys, members, quorum_of(keyring))
    except FormatError as error:
        raise UsageError(
            f"these countersigners can't stand in one policy: {error.message}", code="E-QUORUM"
        ) from error


def countersigners(keyring: Keyring) -> list[Peer]:
    """The peers whose countersignatures count; never this vault itself."""
    return [peer for peer in keyring.peers if peer.witness_keys and peer.origin != keyring.origin]


def quorum_of(keyring: Keyring) -> int:
    """How many of them must countersign: the pinned number, else more than half."""
    return keyring.quorum or len(countersigners(keyring)) // 2 + 1


def witness_keys(peer: Peer) -> list[VerifierKey]:
    return [parse_vkey(text) for text in peer.witness_keys]


def log_keys(peer: Peer) -> tuple[VerifierKey, ...]:
    return tuple(parse_vkey(text) for text in peer.log_keys)
