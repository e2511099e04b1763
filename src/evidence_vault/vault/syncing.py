"""``replica sync``: every replica brought up to this vault, and the log told of it.

1 signed      what is committed is published and signed: a vault that may not sign copies nothing
2 examined    each replica against the log: behind, cut, ahead, or another history
3 copied      mirroring.py
4 recorded    ``replica-synced``, one event for each replica that something was done for
5 told        that event itself copied, too
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from evidence_vault.core.replicas import Position
from evidence_vault.errors import (
    EvidenceError,
    FormatError,
    LogInconsistent,
    UsageError,
    VaultError,
)
from evidence_vault.log.replicaindex import SYNCED
from evidence_vault.vault.anchoring import foreign_key
from evidence_vault.vault.besidecheck import check_beside, held_copies
from evidence_vault.vault.checking import publish_and_sign
from evidence_vault.vault.faults import step
from evidence_vault.vault.mirroring import Mirror
from evidence_vault.vault.mirrorparts import Head, Mirrored, Source, Target
from evidence_vault.vault.opening import Vault, demand_desk
from evidence_vault.vault.replicacheck import examine
from evidence_vault.vault.replicalist import Enrolled, chosen
from evidence_vault.vault.replicaplaces import (
    Replica,
    demand_marker,
    open_target,
    stores_of,
    write_markers,
)
from evidence_vault.vault.replicas import days, note, pending, told_of
from evidence_vault.vault.restoring import take_over
from evidence_vault.vault.standing import standing
from evidence_vault.vault.tombstones import tombstones
from evidence_vault.vault.writer import writing

Progress = Callable[[int, int], None]


@dataclass
class _Run:
    """One replica in one run. ``error``: why it could not be gone on with."""

    each: Enrolled
    target: Target | None = None
    at: Position = field(default_factory=Position)
    found: Mirrored = field(default_factory=Mirrored)
    whole: bool = False
    error: VaultError | None = None
    event: int | None = None


def sync(
    vault: Vault,
    names: list[str],
    *,
    whole: bool = False,
    by: str | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Steps 1 to 5 for the replicas named, or all. One that can't be reached stops no other.

    ``whole``: compare and mend everything that is there, not only what is new. Exit 11 for a
    replica that is ahead or shows another history, 10 for damage on either side, 12 when none
    could be reached, 3 when some could not.
    """
    demand_desk(vault, "keep replicas")
    publish_and_sign(vault)  # 1.
    picks = chosen(vault, names)
    source = source_of(vault)
    runs = [_Run(each, whole=whole) for each in picks]
    try:
        for run in runs:
            _copy(vault, source, run, progress)
        _record(vault, runs, by)
        _tell(vault, runs)
    finally:
        for run in runs:
            for store in stores_of(run.target or Target(None, None)).values():
                with suppress(VaultError):
                    store.end_session()
    return _result(vault, runs)


def source_of(vault: Vault) -> Source:
    """This vault as what is copied: every log as it is committed and published now."""
    heads = []
    for number in range(vault.config.log + 1):
        frontier = vault.catalogue.frontier(number)
        stored = vault.checkpoint(vault.log_number(number))
        point = None if stored is None else stored.checkpoint
        if point is None:
            heads.append(Head(frontier.size, frontier.root()))
        else:
            heads.append(Head(frontier.size, frontier.root(), point.size, point.root))
    return Source(
        vault.archive,
        vault.control,
        vault.config.plaintext,
        vault.open_object,
        heads,
        tombstones(vault),
        _known(vault),
        held_copies(vault),
        True,
        check_beside(vault),
    )


def _known(vault: Vault) -> list[str]:
    """Keys in archive/ that the catalogue and the log name: found without a listing."""
    log, catalogue = vault.log, vault.catalogue
    keys = []
    for row in catalogue.proofs("cosignature"):
        keys.append(log.evidence_key(row.size, f"cosignatures/{row.name}"))
        keys.append(log.evidence_key(row.size, "checkpoint"))
    for row in catalogue.proofs("timestamp"):
        keys.append(log.evidence_key(row.size, f"{row.name}.tsr"))
        keys.append(log.evidence_key(row.size, "checkpoint"))
    keys += [foreign_key(peer.origin, peer.size, peer.sha256) for peer in catalogue.peers()]
    return list(dict.fromkeys(keys))


def _copy(vault: Vault, source: Source, run: _Run, progress: Progress | None) -> None:
    """Steps 2 and 3."""
    replica = run.each.replica
    try:
        target = run.target = open_target(replica.place, replica.part, vault.folder)
        for store in stores_of(target).values():
            store.clear_leftovers()
        run.at = demand_marker(vault, replica, target, lenient=run.whole)
        seen = examine(vault, replica, target, run.at)  # 2.
        if seen.cut:
            run.found.add("E-REPLICA-CUT", replica.name, f"compared as a whole: {seen.cut}")
        if run.whole or seen.cut:
            run.whole, run.at = True, Position()
        mirror = _mirror(vault, source, replica, target, run.at, progress)
        mirror.found.findings = run.found.findings
        run.found = mirror.found
        try:
            mirror.run()  # 3.
        finally:
            run.at = mirror.at
    except VaultError as error:
        run.error = error


def _mirror(
    vault: Vault,
    source: Source,
    replica: Replica,
    target: Target,
    at: Position,
    progress: Progress | None = None,
) -> Mirror:
    return Mirror(
        source,
        target,
        at,
        lambda position: write_markers(vault, replica, target, position),
        progress,
    )


def _record(vault: Vault, runs: list[_Run], by: str | None) -> None:
    """Step 4. Of a replica for which nothing was to be done there is no event for a day."""
    told = [run for run in runs if run.error is None and _worth_telling(vault, run)]
    if not told:
        return
    with writing(vault) as writer:
        start = writer.frontier.size
        for run in told:
            head = {
                "log": run.at.log,
                "origin": vault.entry_zero(vault.log_number(run.at.log)).origin,
                "root": run.at.frontier().root().hex(),
                "size": run.at.size,
            }
            lacking = len(run.at.lacking)
            counts = {
                **run.found.counts(),
                "kind": SYNCED,
                "lacking": lacking,
                "whole": run.whole,
            }
            replica = run.each.replica
            values = {"actor": by, "counts": counts, "head": head, "replica": told_of(replica)}
            writer.vault_event("replica-synced", values)
            note(
                writer,
                SYNCED,
                replica,
                (run.at.log, run.at.size),
                lacking,
                run.whole,
                run.found.pending,
            )
        first = writer.commit()
        assert first >= start
        for number, run in enumerate(told):
            run.event = first + number
        writer.checkpoint()
    step("replica-recorded")


def _worth_telling(vault: Vault, run: _Run) -> bool:
    found, row = run.found, run.each.row
    idle = not (found.objects or found.destroyed or found.healed or found.findings or run.whole)
    about = all(
        vault.catalogue.entry(index, run.at.log).type == "replica-synced"
        for index in range(run.at.size - found.entries, run.at.size)
    )
    age = days(vault.clock.now(), row.synced_at)
    return not idle or not about or age is None or age > 0


def _tell(vault: Vault, runs: list[_Run]) -> None:
    """Step 5."""
    source = None
    for run in runs:
        if run.event is None or run.target is None:
            continue
        source = source or source_of(vault)
        try:
            _mirror(vault, source, run.each.replica, run.target, run.at).run()
        except VaultError as error:
            run.error = error


def _result(vault: Vault, runs: list[_Run]) -> dict[str, Any]:
    by_id = {row.id: row for row in vault.catalogue.replicas()}
    rows = []
    for run in runs:
        fresh = Enrolled(run.each.replica, by_id.get(run.each.row.id, run.each.row))
        rows.append(
            {
                **run.found.counts(),
                "entries": run.at.size,
                "error": None
                if run.error is None
                else {
                    "code": run.error.code,
                    "hint": run.error.hint,
                    "message": run.error.message,
                },
                "event": run.event,
                "findings": run.found.findings,
                "lacking": len(run.at.lacking),
                "name": run.each.replica.name,
                "pending": pending(vault, fresh),
                "whole": run.whole,
            }
        )
    return {"exit": _exit(runs), "notices": [], "replicas": rows}


def _exit(runs: list[_Run]) -> int:
    failed = [run.error for run in runs if run.error is not None]
    if any(isinstance(error, LogInconsistent) for error in failed):
        return 11
    if any(isinstance(error, EvidenceError | FormatError) for error in failed):
        return 10
    if any(run.found.findings for run in runs):
        return 10
    if len(failed) == len(runs):
        return int(failed[0].exit_status)
    return 3 if failed or any(run.found.pending for run in runs) else 0


def adopt(vault: Vault, name: str, progress: Progress | None = None) -> dict[str, Any]:
    """Take over a replica's longer log into this vault: of two consistent logs the longer counts.

    Under the writer lock; what its log gave up is not copied. Raises LogInconsistent for another
    history, UsageError (E-NOT-AHEAD) for a replica that knows nothing more. Afterwards the vault
    does not sign until a partner's checkpoint shows that it is new.
    """
    demand_desk(vault, "keep replicas")
    replica = chosen(vault, [name])[0].replica
    target = open_target(replica.place, replica.part, vault.folder)
    if target.archive is None or target.control is None:
        raise UsageError(
            f"{name} holds one part only", code="E-REPLICA-PART", hint="adopt from one with both"
        )
    at = demand_marker(vault, replica, target)
    with vault.locked():
        before = vault.catalogue.frontier().size
        try:
            examine(vault, replica, target, at)
        except LogInconsistent as error:
            if error.code != "E-REPLICA-AHEAD" or at.log > vault.config.log:
                raise
        else:
            raise UsageError(
                f"replica {name} knows nothing that this vault does not", code="E-NOT-AHEAD"
            )
        found = take_over(vault, target.archive, target.control, progress)
        frontier = vault.catalogue.frontier()
        stood = standing(vault, frontier)
    return {
        **found.counts(),
        "entries": frontier.size,
        "exit": 10 if found.findings else 0,
        "findings": found.findings,
        "name": name,
        "new": frontier.size - before,
        "notices": list(stood.reasons),
        "state": stood.state,
    }
