"""What an export says of its own proofs, so that none can be removed unnoticed.

    {"cosignatures": STATE, "inclusion": "present", "timestamps": STATE,
     "states": [{"cosigners": [key ID, …], "size": n, "tokens": [SHA-256, …]}, …]}

STATE is present, pending or not configured. ``states`` names each countersigned or stamped
checkpoint that goes along, the countersigners' key IDs (8 hex digits) and the digests of the time
stamps (hex). It stands in the ``exported`` event and in the statement of a bundle.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evidence_vault.core.canonical import is_hex
from evidence_vault.core.shapes import is_count
from evidence_vault.errors import FormatError

PRESENT, PENDING, NOT_CONFIGURED = "present", "pending", "not configured"
PROOF_STATES = (PRESENT, PENDING, NOT_CONFIGURED)
KINDS = ("cosignatures", "inclusion", "timestamps")

_KEY_ID = re.compile(r"[0-9a-f]{8}\Z")


@dataclass(frozen=True, slots=True)
class StateClaim:
    """One checkpoint that must be there, with at least these cosignatures and time stamps."""

    size: int
    cosigners: tuple[str, ...]
    tokens: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProofClaim:
    """The state of each kind of proof, and the checkpoints that carry them."""

    cosignatures: str = NOT_CONFIGURED
    timestamps: str = NOT_CONFIGURED
    states: tuple[StateClaim, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "cosignatures": self.cosignatures,
            "inclusion": PRESENT,
            "states": [
                {"cosigners": list(s.cosigners), "size": s.size, "tokens": list(s.tokens)}
                for s in self.states
            ],
            "timestamps": self.timestamps,
        }


def parse_claim(value: Any) -> ProofClaim:
    """The inverse of :meth:`ProofClaim.to_json`; raises FormatError for any other form."""
    _expect(isinstance(value, Mapping) and set(value) == {*KINDS, "states"}, "other members")
    _expect(
        all(value[kind] in PROOF_STATES for kind in KINDS) and value["inclusion"] == PRESENT,
        "each kind is present, pending or not configured, and inclusion is present",
    )
    _expect(isinstance(value["states"], list), "states must be a list")
    states = tuple(_parse_state(each) for each in value["states"])
    sizes = [state.size for state in states]
    _expect(sizes == sorted(set(sizes)), "states must stand in order of size, each once")
    return ProofClaim(value["cosignatures"], value["timestamps"], states)


def _parse_state(value: Any) -> StateClaim:
    _expect(
        isinstance(value, Mapping) and set(value) == {"cosigners", "size", "tokens"},
        "a state has cosigners, size and tokens",
    )
    cosigners, tokens = value["cosigners"], value["tokens"]
    _expect(is_count(value["size"]), "the size of a state is a whole number")
    _expect(isinstance(cosigners, list) and isinstance(tokens, list), "a state has two lists")
    _expect(
        all(isinstance(name, str) and _KEY_ID.match(name) for name in cosigners)
        and all(is_hex(digest, 64) for digest in tokens),
        "cosigners are key IDs of 8 hex digits, tokens SHA-256 digests",
    )
    return StateClaim(value["size"], tuple(cosigners), tuple(tokens))


def _expect(condition: bool, message: str) -> None:
    if not condition:
        raise FormatError(f"proofs: {message} (docs/format-bundle.md)")
