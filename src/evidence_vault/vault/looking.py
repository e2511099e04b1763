"""Where a vault stands, for whoever looks while others write."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from evidence_vault.core.merkle import Frontier
from evidence_vault.errors import VaultError
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.standing import NO_KEY, OK, Standing, Stood, committed, standing

_LOOKS = 4


def look(
    vault: Vault, reached: Callable[[Vault], Frontier] = committed
) -> tuple[Frontier, Standing]:
    """(committed state, standing) for whoever looks without the writer lock.

    What others write between the readings looks like an old copy: bad news count only where
    nothing changed meanwhile. Where writers never pause, the last look is under the lock. Raises
    VaultBusy, and what ``reached`` raises.
    """
    for _ in range(_LOOKS):
        before = _moment(vault)
        try:
            frontier = reached(vault)
            found = standing(vault, frontier)
        except VaultError:
            if before == _moment(vault):
                raise
            continue
        if found.state in (OK, NO_KEY) or before == _moment(vault):
            return frontier, found
    with vault.locked():
        frontier = reached(vault)
        return frontier, standing(vault, frontier)


def _moment(vault: Vault) -> tuple[Stood, tuple[int, ...]]:
    """All that a writer changes: another one is equal only if nobody wrote between the two."""
    stood = Stood.now(vault, vault.catalogue.frontier())
    ends: list[int] = []
    with suppress(VaultError):  # a damaged commit: as damaged the next time
        ends.extend(commit.end for commit in vault.log.commits(stood.size))
    return stood, tuple(ends)
