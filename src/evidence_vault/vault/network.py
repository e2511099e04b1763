"""Accepting a trust document of the network: checked, kept, recorded, pinned.

1 check        the chain from the pinned version; the first by its fingerprint
2 kept         trust/<version>, create-only: a crash leaves a file that nothing points to
3 recorded     one ``trust-recorded`` event a version, committed: a second run records again
4 pinned       in the keyring: from here on it decides whose keys count
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from evidence_vault.core.trustchain import check_chain, follow
from evidence_vault.core.trustsigned import Signed
from evidence_vault.errors import EvidenceError, UsageError
from evidence_vault.seal.keyring import Keyring
from evidence_vault.vault.ceremony import read_chain
from evidence_vault.vault.checking import publish_and_sign
from evidence_vault.vault.creation import replace_keyring
from evidence_vault.vault.documents import shown_document, store_document, stored_chain
from evidence_vault.vault.fingerprints import check_fingerprint
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.policies import peers_with
from evidence_vault.vault.writer import writing


@dataclass(frozen=True)
class Proposal:
    """Documents that may be accepted: ``added`` are new, ``first`` when none is pinned yet."""

    added: tuple[Signed, ...]
    newest: Signed
    before: Signed | None
    notices: tuple[str, ...]

    @property
    def first(self) -> bool:
        return self.before is None

    def shown(self) -> dict[str, Any]:
        """The newest document, with what it changes."""
        return shown_document(self.newest, self.before)


def examine(vault: Vault, path: Path) -> Proposal:
    """Step 1: check the documents of a file against the pinned one.

    Raises EvidenceError for a chain that breaks or names our log with other keys,
    LogInconsistent for a fork.
    """
    chain = sorted(read_chain(path), key=lambda signed: signed.version)
    known = stored_chain(vault)
    if known:
        followed = follow(chain, known)
        added, newest, before = followed.added, followed.newest, known[-1]
    else:
        check_chain(chain)
        added, newest, before = tuple(chain), chain[-1], None
    return Proposal(added, newest, before, _own_place(vault, newest))


def accept(
    vault: Vault,
    proposal: Proposal,
    passphrase: Callable[[], str],
    *,
    fingerprint: str | None = None,
    agreed: bool = False,
    by: str | None = None,
    purpose: str | None = None,
) -> dict[str, Any]:
    """Steps 2 to 4. The first document needs ``fingerprint`` (words or hex) or ``agreed``.

    ``agreed``: a person has compared the words on the screen.
    """
    newest = proposal.newest
    if fingerprint is not None:
        check_fingerprint(fingerprint, newest.digest, f"trust document, version {newest.version}")
    elif proposal.first and not agreed:
        raise UsageError(
            "the first trust document counts only when its fingerprint was compared",
            code="E-FINGERPRINT-NEEDED",
            hint="--fingerprint takes the words, or the hex, that another holder reads to you",
        )
    recorded: list[dict[str, Any]] = []
    if proposal.added:
        for signed in proposal.added:
            store_document(vault, signed)
        with writing(vault) as writer:
            for signed in proposal.added:
                clear = {"sha256": signed.digest.hex(), "version": signed.version}
                writer.vault_event("trust-recorded", {"actor": by, "purpose": purpose}, clear)
            start = writer.commit()
        recorded = [
            {"event": start + i, "version": each.version} for i, each in enumerate(proposal.added)
        ]
        publish_and_sign(vault)
        keyring = following(vault.keyring, newest)
        replace_keyring(vault, keyring, passphrase())
        vault.adopt_keyring(keyring)
    return {"notices": list(proposal.notices), "recorded": recorded, **proposal.shown()}


def following(keyring: Keyring, newest: Signed) -> Keyring:
    """The keyring that follows a document: pinned to it, with its quorum and its members' keys."""
    return replace(
        keyring,
        network=(newest.version, newest.digest.hex()),
        peers=peers_with(newest.document, keyring),
        quorum=newest.document.quorum,
    )


def _own_place(vault: Vault, newest: Signed) -> tuple[str, ...]:
    """What the document says of this vault; raises EvidenceError (E-TRUST-OWN) for other keys."""
    zero = vault.entry_zero()
    found = newest.document.holder(zero.origin)
    if found is None:
        over = newest.document.retired_origin(zero.origin)
        if over is not None:
            return (f"the document names this log as over, good up to {over.size} entries",)
        return ("the document does not name this vault: it can follow, but is no member",)
    organisation, log = found
    witness = vault.keyring.witness
    own = () if witness is None else witness.vkeys()
    for what, stated, real in (
        ("fingerprint", log.fingerprint, zero.fingerprint),
        ("log keys", log.log_keys, zero.log_vkeys()),
        ("name", organisation.name, vault.keyring.org),
    ):
        if stated != real:
            raise EvidenceError(
                f"the document names this vault with another {what}",
                code="E-TRUST-OWN",
                hint="do not accept it; tell the other holders",
            )
    if organisation.countersigners != own:
        return (
            "the document names other countersigner keys than this vault has: what it "
            "countersigns will not count; send a new entry (trust network entry)",
        )
    return ()
