"""Whose countersignatures count for this vault's log."""

from __future__ import annotations

from evidence_vault.core.note import parse_vkey
from evidence_vault.core.policy import Policy, network_policy, plain_policy
from evidence_vault.vault.opening import Vault


def policy_of(vault: Vault) -> Policy:
    """The policy in force: made from the peers that the keyring pins, or one without any."""
    keyring = vault.keyring
    own = vault.entry_zero().log_keys()
    peers = {
        f"{peer.origin}": [parse_vkey(text) for text in peer.witness_keys]
        for peer in keyring.peers
        if peer.witness_keys
    }
    if not peers or keyring.quorum == 0:
        return plain_policy(own)
    return network_policy(own, peers, min(keyring.quorum, len(peers)))
