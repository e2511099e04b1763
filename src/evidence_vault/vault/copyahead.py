"""Is another copy newer than this vault, or another history? Then nothing is mended from it.

The older of two copies does not know what was given up since: what it brought back might have been
destroyed. Asked before anything is written: an event of this vault's own would make two histories.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Protocol

from evidence_vault.core.checkpoint import parse_checkpoint
from evidence_vault.core.merkle import HASH_SIZE, Frontier
from evidence_vault.core.note import parse_note
from evidence_vault.errors import LogInconsistent, NotFound, StoreError, VaultError
from evidence_vault.log.logstore import LogStore
from evidence_vault.ports import ObjectStore
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.wholelog import leaves_of


class GoodCopies(Protocol):
    """Another copy of the two roots, read only; nothing in it is believed without its digest."""

    @property
    def name(self) -> str: ...

    @property
    def archive(self) -> ObjectStore: ...

    @property
    def control(self) -> ObjectStore: ...


def demand_not_ahead(vault: Vault, copies: GoodCopies) -> None:
    """Raises LogInconsistent unless the copy's log is this vault's, or a beginning of it.

    E-REPLICA-AHEAD where it has more, E-REPLICA-DIFFERS where it has another history or one that
    can't be told; StoreError where it can't be asked. Cost: one look for each commit by which the
    copy is behind, and two checkpoints.
    """
    number = vault.config.log
    if _commit_at(vault, copies, number + 1, 0) is not None:
        raise _ahead(copies, "a log that succeeds the one here")
    for log in range(number, -1, -1):
        _demand_no_more(vault, copies, log)
        if _demand_same(vault, copies, log):
            return


def _demand_no_more(vault: Vault, copies: GoodCopies, number: int) -> None:
    """Neither commits nor a signed state beyond what is committed here."""
    size = vault.catalogue.frontier(number).size
    if _commit_at(vault, copies, number, size) is not None:
        raise _ahead(copies, f"entries from {size} on")
    try:
        note = _log_of(vault, copies, number).checkpoint()
        point = None if note is None else parse_checkpoint(parse_note(note).text)
    except StoreError:
        raise
    except (VaultError, ValueError) as error:
        raise _differs(copies, f"its signed state can't be read: {error}") from error
    if point is not None and point.size > size:
        raise _ahead(copies, f"{point.size} entries, here are {size}")


def _demand_same(vault: Vault, copies: GoodCopies, number: int) -> bool:
    """Compare the newest commit here that the copy has one at, too; False where it has none."""
    for start, end in reversed(vault.catalogue.commit_starts(number)):
        theirs = _commit_at(vault, copies, number, start)
        if theirs is None:
            continue
        if theirs != (end, _root(vault, number, start, end)):
            raise _differs(copies, f"its entries from {start} on are others")
        return True
    return False


def _commit_at(
    vault: Vault, copies: GoodCopies, number: int, start: int
) -> tuple[int, bytes] | None:
    """End and root of a commit of the copy. One that is there and can't be read is no absence."""
    try:
        commit = _log_of(vault, copies, number).commit(start)
    except NotFound:
        return None
    except StoreError:
        raise
    except VaultError as error:
        raise _differs(copies, f"its commit {start} can't be read: {error.message}") from error
    return commit.end, commit.root


def _root(vault: Vault, number: int, start: int, end: int) -> bytes:
    """Root of the log here at the end of a commit; from its leaf hashes where that is damaged."""
    with suppress(VaultError):
        commit = vault.log_number(number).commit(start)
        if commit.end == end:
            return commit.root
    frontier = Frontier()
    for chunk in leaves_of(vault, number, end):
        frontier.extend(chunk[i : i + HASH_SIZE] for i in range(0, len(chunk), HASH_SIZE))
    return frontier.root()


def _log_of(vault: Vault, copies: GoodCopies, number: int) -> LogStore:
    return LogStore(copies.archive, copies.control, number, vault.config.plaintext)


def _ahead(copies: GoodCopies, what: str) -> LogInconsistent:
    return LogInconsistent(
        f"{copies.name} has committed what this vault does not have: {what}",
        code="E-REPLICA-AHEAD",
        hint="this vault may be an old copy: nothing is brought back before its log is whole; put "
        "back archive/ and control/ from there, then run `evidence-vault rebuild`",
    )


def _differs(copies: GoodCopies, why: str) -> LogInconsistent:
    return LogInconsistent(
        f"{copies.name} is not known to be an earlier state of this vault: {why}",
        code="E-REPLICA-DIFFERS",
        hint="nothing was mended from it; keep both as evidence, and name another copy",
    )
