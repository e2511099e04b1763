"""A replica's log against this vault's: the same, behind, cut, ahead, or another history."""

from __future__ import annotations

from dataclasses import dataclass

from evidence_vault.core.checkpoint import open_checkpoint
from evidence_vault.core.merkle import check_consistency, prove_consistency
from evidence_vault.core.note import parse_vkey
from evidence_vault.core.replicas import Position
from evidence_vault.core.tile_reader import TileReader
from evidence_vault.errors import (
    FormatError,
    LogInconsistent,
    NotFound,
    ProofInvalid,
    SignatureInvalid,
    StoreError,
    VaultError,
)
from evidence_vault.log.logstore import LogStore
from evidence_vault.vault.mirrorparts import Target, forked
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.replicaplaces import Replica, foreign, log_of


@dataclass(frozen=True)
class Examined:
    """``cut``: why its position can't be relied on, so that all is compared; empty else."""

    cut: str = ""


def root_at_end(vault: Vault, number: int, size: int) -> bytes | None:
    """Root of a log of ours at ``size``, where a commit ends there; None where none does."""
    if not 0 < size <= vault.catalogue.frontier(number).size:
        return None
    start = vault.catalogue.entry(size - 1, number).commit_start
    commit = vault.log_number(number).commit(start)
    return commit.root if commit.end == size else None


def examine(vault: Vault, replica: Replica, target: Target, at: Position) -> Examined:
    """Raises LogInconsistent: E-REPLICA-AHEAD for a longer log that holds ours, so that this vault
    is the old copy; E-FORK for another history. Cost: a few small objects.
    """
    if at.log > vault.config.log:
        raise ahead(replica, f"it holds a log {at.log} that succeeds this one")
    cut = ""
    for number in range(at.log + 1):
        log = log_of(vault, target, number)
        size = vault.catalogue.frontier(number).size
        if number == at.log and at.size:
            cut = cut or _position(vault, replica, target, at, log)
        if target.control is not None and size:
            if not at.size:  # nothing is known of what lies there
                _prefix(vault, replica, log, number)
            _beyond(vault, replica, log, number, size)
        if target.archive is not None:
            marked = bool(at.size or at.log)  # the marker's MAC is this vault's
            cut = cut or _published(vault, replica, log, number, size, marked)
    if target.control is not None:
        following = log_of(vault, target, vault.config.log + 1)
        if _has(following, 0):
            raise ahead(replica, "it holds a log that succeeds this one")
    return Examined(cut)


def _position(vault: Vault, replica: Replica, target: Target, at: Position, log: LogStore) -> str:
    """The state that the marker states, against ours and against what is there."""
    ours, size = root_at_end(vault, at.log, at.size), vault.catalogue.frontier(at.log).size
    if at.size > size:
        if target.control is not None and size:
            _beyond(vault, replica, log, at.log, size)
        if target.control is None and target.archive is not None:
            _published(vault, replica, log, at.log, size, True)
        raise ahead(replica, f"it was at {at.size} entries, this vault holds {size}")
    if ours != at.frontier().root():
        raise forked(f"replica {replica.name} was at another root at {at.size} entries")
    if target.control is None:
        return ""
    start = vault.catalogue.entry(at.size - 1, at.log).commit_start
    try:
        there = log.commit(start)
    except NotFound:
        return f"its commit {start} is missing, though its marker says {at.size} entries"
    except FormatError:
        return f"its commit {start} is damaged"
    if (there.end, there.root) != (at.size, ours):
        raise forked(f"replica {replica.name} holds another commit {start}")
    return ""


def _prefix(vault: Vault, replica: Replica, log: LogStore, number: int) -> None:
    """Every commit that lies there against ours, as far as they can be read."""
    try:
        for commit in log.commits(0):
            if commit.end > vault.catalogue.frontier(number).size:
                return
            if root_at_end(vault, number, commit.end) != commit.root:
                raise forked(f"replica {replica.name} holds another commit {commit.start}")
    except FormatError:
        return


def _beyond(vault: Vault, replica: Replica, log: LogStore, number: int, size: int) -> None:
    """Whether it holds commits after our last: the same log grown, or another one."""
    if not _has(log, size):
        return
    start = vault.catalogue.entry(size - 1, number).commit_start
    try:
        there = log.commit(start)
    except (StoreError, FormatError) as error:
        raise forked(f"replica {replica.name} goes on where this log ends: {error}") from error
    if (there.end, there.root) != (size, vault.catalogue.frontier(number).root()):
        raise forked(f"replica {replica.name} holds another history")
    raise ahead(replica, f"it holds commits beyond the {size} entries of this vault")


def _has(log: LogStore, start: int) -> bool:
    try:
        log.control.open(log.commit_key(start)).close()
    except NotFound:
        return False
    return True


def _published(
    vault: Vault, replica: Replica, log: LogStore, number: int, size: int, marked: bool
) -> str:
    """Its checkpoint, against our log."""
    note = log.checkpoint()
    if note is None:
        return ""
    zero = vault.entry_zero(vault.log_number(number))
    if not note.startswith(zero.origin.encode() + b"\n"):
        if marked:
            return "its checkpoint is no checkpoint of this log"
        raise foreign(replica.name, "another log")
    keys = [parse_vkey(t) for t in zero.log_vkeys()]
    try:
        point = open_checkpoint(note, keys).checkpoint
    except (FormatError, SignatureInvalid) as error:
        return f"its checkpoint does not verify: {error.message}"
    if point.size <= size:
        if root_at_end(vault, number, point.size) != point.root:
            raise forked(f"the checkpoint of replica {replica.name} at {point.size} entries")
        return ""
    reader = TileReader(point.size, point.root, log.tile)
    ours = vault.catalogue.frontier(number).root()
    try:
        proof = prove_consistency(size, point.size, reader)
        check_consistency(size, ours, point.size, point.root, proof)
    except ProofInvalid as error:
        raise forked(f"the checkpoint of replica {replica.name}: {error.message}") from error
    except VaultError as error:
        why = f"it is signed over {point.size} entries, which could not be compared"
        raise ahead(replica, f"{why}: {error.message}") from error
    raise ahead(replica, f"it is signed over {point.size} entries, this vault holds {size}")


def ahead(replica: Replica, why: str) -> LogInconsistent:
    """The error for a replica that knows more than this vault."""
    return LogInconsistent(
        f"replica {replica.name} is ahead of this vault: {why}; this vault is an old copy",
        code="E-REPLICA-AHEAD",
        hint="take over what it has: `evidence-vault replica sync --adopt "
        f"{replica.name}`, or `evidence-vault replica restore PLACE DIR`",
    )
