"""Which countersigned and stamped states go along with what leaves, and what they show.

For each event the earliest stamped state that covers it (the tightest "not after"), and the
newest state that enough countersigners signed. What is configured and not there yet is *pending*.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from evidence_vault.core.checkpoint import Checkpoint, open_checkpoint
from evidence_vault.core.merkle import prove_consistency
from evidence_vault.core.note import VerifierKey
from evidence_vault.core.policy import Policy
from evidence_vault.core.proofclaim import (
    NOT_CONFIGURED,
    PENDING,
    PRESENT,
    ProofClaim,
    StateClaim,
)
from evidence_vault.core.receipt import ReceiptState, Renewal, Tokens
from evidence_vault.core.tile_reader import TileReader
from evidence_vault.errors import NotFound
from evidence_vault.log.proofs import TIMESTAMP
from evidence_vault.vault.cosignatures import countersigned_note, newest_countersigned
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.policies import policy_of


@dataclass(frozen=True)
class ProvenState:
    """A checkpoint of this log with what others put to it, read from the store and checked."""

    point: Checkpoint
    note: bytes
    cosigners: tuple[VerifierKey, ...]
    tokens: Tokens
    renewals: tuple[Renewal, ...] = ()

    def claim(self) -> StateClaim:
        """What an export says of it."""
        return StateClaim(
            self.point.size,
            tuple(sorted(key.key_id.hex() for key in self.cosigners)),
            tuple(sorted(hashlib.sha256(reply).hexdigest() for _, reply in self.tokens)),
        )

    def receipt_state(self, size: int, tiles: TileReader) -> ReceiptState:
        """The block of a receipt whose checkpoint covers ``size`` entries."""
        own = self.point.size
        proof = prove_consistency(own, size, tiles) if own < size else []
        return ReceiptState(own, self.note, tuple(proof), self.tokens, self.renewals)


class StateChooser:
    """Chooses states for events; each state is read once."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._policy = policy_of(vault)
        self._states: dict[int, ProvenState] = {}

    @property
    def policy(self) -> Policy:
        return self._policy

    def choose(self, indexes: Iterable[int], anchored: Iterable[int] = ()) -> list[ProvenState]:
        """States for events at these positions, in order of size.

        ``anchored``: sizes whose time stamps an ``anchored`` event before them names.
        """
        catalogue = self._vault.catalogue
        sizes = set(anchored)
        for index in sorted(set(indexes)):
            sizes.update(catalogue.proven_sizes(TIMESTAMP, index, 1))
        sizes.update(catalogue.newest_sizes(TIMESTAMP, 1))
        newest = newest_countersigned(self._vault, self._policy)
        if newest is not None:
            sizes.add(newest)
        return [self.state(size) for size in sorted(sizes)]

    def claim(self, states: Iterable[ProvenState]) -> ProofClaim:
        """What an export with these states says of its proofs."""
        chosen = list(states)
        countersigned = NOT_CONFIGURED
        if self._policy.quorum is not None:
            met = any(self._policy.satisfied_by(state.cosigners) for state in chosen)
            countersigned = PRESENT if met else PENDING
        stamped = NOT_CONFIGURED
        if any(state.tokens for state in chosen):
            stamped = PRESENT
        elif self._vault.keyring.authorities:
            stamped = PENDING
        return ProofClaim(countersigned, stamped, tuple(state.claim() for state in chosen))

    def state(self, size: int) -> ProvenState:
        """The state at a size that has a stored checkpoint, with what is stored beside it."""
        if size not in self._states:
            self._states[size] = self._read(size)
        return self._states[size]

    def _read(self, size: int) -> ProvenState:
        log, catalogue = self._vault.log, self._vault.catalogue
        note = countersigned_note(self._vault, size, self._policy)
        zero = self._vault.entry_zero()
        opened = open_checkpoint(note, zero.log_keys(), self._policy.witness_keys)
        tokens = tuple(
            (row.name, log.read(log.archive, log.evidence_key(size, f"{row.name}.tsr")))
            for row in catalogue.proofs(TIMESTAMP, size)
        )
        return ProvenState(
            opened.checkpoint,
            note,
            tuple(v.key for v in opened.cosignatures),
            tokens,
            self._renewals(size, [name for name, _ in tokens]),
        )

    def _renewals(self, size: int, authorities: list[str]) -> tuple[Renewal, ...]:
        """Renewal manifests of a state, oldest first, with the stamps over them."""
        log = self._vault.log
        names = {*authorities, *(a.name for a in self._vault.keyring.authorities)}
        found: list[Renewal] = []
        while True:
            stem = f"renewal-{len(found) + 1:04d}"
            try:
                manifest = log.read(log.archive, log.evidence_key(size, f"{stem}.sha512"))
            except NotFound:
                return tuple(found)
            tokens = []
            for name in sorted(names):
                try:
                    reply = log.read(log.archive, log.evidence_key(size, f"{stem}.{name}.tsr"))
                except NotFound:
                    continue
                tokens.append((name, reply))
            found.append(Renewal(manifest, tuple(tokens)))
