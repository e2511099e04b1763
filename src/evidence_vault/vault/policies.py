"""Whose countersignatures count for this vault's log, and which other logs it knows.

The network's trust document decides once one was accepted; until then the keyring does, whose
peers and quorum were pinned by hand.
"""

from __future__ import annotations

from collections.abc import Sequence

from evidence_vault.core.note import VerifierKey, parse_vkey
from evidence_vault.core.policy import Policy, network_policy, parse_policy, plain_policy
from evidence_vault.core.trustdoc import Document, Organisation
from evidence_vault.errors import FormatError, UsageError
from evidence_vault.seal.keyring import Keyring, Peer
from evidence_vault.vault.documents import newest_document
from evidence_vault.vault.opening import Vault


def policy_of(vault: Vault) -> Policy:
    """The policy of the current log. Raises UsageError for pins that make none."""
    zero = vault.entry_zero()
    document = newest_document(vault)
    found = None if document is None else document.holder(zero.origin)
    if found is not None:
        return parse_policy(found[1].policy)
    return keyring_policy(vault.keyring, zero.log_keys())


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


def known_peers(vault: Vault) -> tuple[Peer, ...]:
    """The other logs: those of the trust document first, then what was pinned by hand besides."""
    document = newest_document(vault)
    return vault.keyring.peers if document is None else peers_with(document, vault.keyring)


def peers_with(document: Document, keyring: Keyring) -> tuple[Peer, ...]:
    """The logs of a document's other members, then those that the keyring alone knows.

    What the document says of a log wins; a log that it names as retired is left out.
    """
    pinned = keyring.peers
    named = _named(document, keyring, {peer.origin: peer.url for peer in pinned})
    decided = {peer.origin for peer in named} | {each.origin for each in document.retired}
    return (*named, *(peer for peer in pinned if peer.origin not in decided))


def _named(document: Document, keyring: Keyring, urls: dict[str, str | None]) -> tuple[Peer, ...]:
    return tuple(
        Peer(org.name, log.origin, log.log_keys, org.countersigners, urls.get(log.origin))
        for org in document.organisations
        if not _is_own(org, keyring)
        for log in org.origins
    )


def _is_own(org: Organisation, keyring: Keyring) -> bool:
    """True for our own organisation, also while the document names only the log before ours."""
    own = () if keyring.witness is None else keyring.witness.vkeys()
    return (
        org.name == keyring.org
        or any(log.origin == keyring.origin for log in org.origins)
        or bool(set(org.countersigners) & set(own))
    )
