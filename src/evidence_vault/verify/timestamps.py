"""Time stamps (RFC 3161): placeholder of another branch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evidence_vault.core.findings import Outcome


@dataclass(frozen=True, slots=True)
class TokenCheck:
    outcome: Outcome
    gen_time: int | None = None
    reason: str = ""


def check_token(
    reply: bytes, data: bytes, roots: Sequence[str], *, now: int | None = None
) -> TokenCheck:
    return TokenCheck(Outcome.UNCHECKED, None, "not available")
