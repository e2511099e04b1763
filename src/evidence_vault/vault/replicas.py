"""Replicas: which there are, how old, what they still have to destroy; added and retired.

Enrolled and retired by events of the log only; no file of settings counts. Name and place of a
replica stand encrypted in the event that enrolled it.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from typing import Any

from evidence_vault.config import is_url
from evidence_vault.core.event import parse_entry
from evidence_vault.core.replicas import ARCHIVE, CONTROL, Position
from evidence_vault.errors import EvidenceError, LogInconsistent, UsageError, VaultError
from evidence_vault.log.replicaindex import ENROLLED, RETIRED, ReplicaChange
from evidence_vault.log.tables import LogReplica
from evidence_vault.vault.countersigning import posix
from evidence_vault.vault.faults import step
from evidence_vault.vault.opening import Vault, demand_desk
from evidence_vault.vault.records import committed_at
from evidence_vault.vault.replicacheck import examine
from evidence_vault.vault.replicaplaces import (
    Replica,
    demand_marker,
    demand_place,
    marker_mac,
    open_part,
    open_target,
    parts_of,
    read_marker,
    stores_of,
    whole_place,
    write_markers,
)
from evidence_vault.vault.setnotes import entry_values
from evidence_vault.vault.tombstones import count_tombstones
from evidence_vault.vault.writer import Writer, writing

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}\Z")
_DAY = 24 * 3600
_WAY = "evidence-vault replica sync"


@dataclass(frozen=True)
class Enrolled:
    """A replica, and what the log says became of it."""

    replica: Replica
    row: LogReplica

    def holds(self, log: int, size: int) -> bool:
        """Whether it was synced up to entry ``size`` of ``log``, with nothing found damaged."""
        return (self.row.synced_log, self.row.synced_size) >= (log, size) and not self.row.damaged


def enrolled(vault: Vault, retired: bool = False) -> list[Enrolled]:
    """Every replica in order of enrolment; needs the keyring. None on a field vault.

    One whose enrolment can't be read any more (its header is lost) is called by its id, and its
    place is not known: it may be given by its place.
    """
    if vault.keyring.is_station:
        return []
    found = []
    for row in vault.catalogue.replicas(retired):
        try:
            committed = committed_at(vault, row.idx, row.log)
            told = entry_values(vault, committed, parse_entry(committed.entry).event)["replica"]
        except EvidenceError:
            told = {"name": row.id[:8], "place": ""}
        replica = Replica(row.id, told["name"], told["place"], row.part, row.log, row.idx)
        found.append(Enrolled(replica, row))
    return found


def _by_place(vault: Vault, place: str) -> Enrolled | None:
    """The replica that lies at a place, by the id in its marker."""
    rows = {row.id: row for row in vault.catalogue.replicas()}
    for part in (ARCHIVE, CONTROL):
        try:
            marker, ours = read_marker(open_part(place, part, vault.folder), marker_mac(vault))
        except VaultError:
            continue
        row = rows.get(marker.replica)
        if ours and row is not None:
            where = whole_place(place)
            return Enrolled(Replica(row.id, place, where, row.part, row.log, row.idx), row)
    return None


def chosen(vault: Vault, names: list[str]) -> list[Enrolled]:
    """Those named, or all; raises UsageError for a name that is none."""
    known = {each.replica.name: each for each in enrolled(vault)}
    for name in names:
        if name not in known and (there := _by_place(vault, name)) is not None:
            known[name] = there
        if name not in known:
            raise UsageError(
                f"there is no replica {name}",
                code="E-NO-REPLICA",
                hint="`evidence-vault replica status` shows them",
            )
    if not known:
        raise UsageError(
            "this vault has no replica",
            code="E-NO-REPLICA",
            hint="add one: `evidence-vault replica add NAME PLACE --reason TEXT`",
        )
    return [known[name] for name in names] if names else list(known.values())


def add(
    vault: Vault, name: str, place: str, part: str, reason: str, by: str | None = None
) -> dict[str, Any]:
    """Enrol a replica: its markers, then the event. A crash between leaves markers that no event
    names; running it again takes the place over.

    Raises UsageError for a name that is taken or malformed, a place that holds something else
    (E-REPLICA-TAKEN) or lies in the vault (E-REPLICA-INSIDE), PolicyRefused on a field vault.
    """
    demand_desk(vault, "keep replicas")
    _demand_reason(reason)
    if not _NAME.match(name):
        raise UsageError("the name of a replica has up to 40 letters, digits, dots and hyphens")
    place = whole_place(place)
    with writing(vault):
        pass  # the catalogue then knows what a crash left committed
    for each in enrolled(vault):
        if each.replica.name == name:
            raise UsageError(f"there is a replica {name} already", code="E-REPLICA-NAME")
        if each.replica.place == place and set(parts_of(part)) & set(each.replica.parts):
            raise UsageError(
                f"this place is the replica {each.replica.name} already", code="E-REPLICA-TAKEN"
            )
    target = demand_place(vault, place, part)
    replica = Replica(secrets.token_hex(16), name, place, part, vault.config.log, -1)
    with writing(vault) as writer:
        # 1. A crash here leaves a place that only this vault may take again.
        write_markers(vault, replica, target, Position())
        step("replica-marked")
        writer.vault_event(
            "replica-enrolled", {"actor": by, "purpose": reason, "replica": told_of(replica)}
        )
        note(writer, ENROLLED, replica)
        event = writer.commit()
        writer.checkpoint()
    for store in stores_of(target).values():
        store.end_session()
    return {
        "event": event,
        "name": name,
        "notices": [f"it holds nothing yet: {_WAY} {name}", *_what_it_reads(vault)],
        "part": part,
        "place": place,
        "replica": replica.id,
    }


def retire(vault: Vault, name: str, reason: str, by: str | None = None) -> dict[str, Any]:
    """Strike a replica off. What lies there stays until somebody destroys it: that is said."""
    demand_desk(vault, "keep replicas")
    _demand_reason(reason)
    with writing(vault):
        pass
    each = chosen(vault, [name])[0]
    left = pending(vault, each)
    with writing(vault) as writer:
        values = {"actor": by, "purpose": reason, "replica": told_of(each.replica)}
        writer.vault_event("replica-retired", values)
        note(writer, RETIRED, each.replica)
        event = writer.commit()
        writer.checkpoint()
    notices = [
        "its bytes are not touched: keep the medium as safe as the vault, or destroy it",
    ]
    if left:
        notices.append(
            f"it never confirmed {left} destructions that the log asks for: what was given up may "
            "be readable there still"
        )
    return {"event": event, "name": name, "notices": notices, "pending": left}


def status(vault: Vault) -> dict[str, Any]:
    """Every replica, looked at where it is: how far, how old, and what it has to destroy."""
    rows = [_row(vault, each) for each in enrolled(vault)]
    worst = 0
    for row in rows:
        if row["state"] in ("ahead", "forked"):
            worst = 11
        elif worst != 11 and (row["damaged"] or row["state"] == "foreign"):
            worst = 10
        elif not worst and row["state"] != "current":
            worst = 3
    return {
        "copies": sum(1 for each in enrolled(vault) if _is_copy(vault, each)),
        "exit": worst,
        "items": vault.catalogue.count_items(),
        "notices": notices(vault),
        "replicas": rows,
    }


def _row(vault: Vault, each: Enrolled) -> dict[str, Any]:
    replica, row = each.replica, each.row
    state, why, at = "current", "", None
    try:
        target = open_target(replica.place, replica.part, vault.folder)
        at = demand_marker(vault, replica, target)
        examine(vault, replica, target, at)
        if (at.log, at.size) < newest_work(vault):
            state = "behind"
    except LogInconsistent as error:
        state = "ahead" if error.code == "E-REPLICA-AHEAD" else "forked"
        why = error.message
    except VaultError as error:
        states = {"E-REPLICA-ABSENT": "absent", "E-REPLICA-FOREIGN": "foreign"}
        state, why = states.get(error.code, "unreachable"), error.message
    now = vault.clock.now()
    log, size = (row.synced_log, row.synced_size) if at is None else (at.log, at.size)
    return {
        "damaged": row.damaged,
        "entries": max(size, 0),
        "items": _items_within(vault, log, size),
        "log": max(log, 0),
        "name": replica.name,
        "part": replica.part,
        "pending": pending(vault, each),
        "place": replica.place,
        "reachable": at is not None,
        "state": state,
        "synced_at": row.synced_at,
        "synced_days": days(now, row.synced_at),
        "verified_at": row.verified_at,
        "verified_days": days(now, row.verified_at),
        "why": why,
    }


def pending(vault: Vault, each: Enrolled) -> int:
    """Logged destructions that this replica has not confirmed."""
    new = count_tombstones(vault, each.row.synced_log, each.row.synced_size)
    return each.row.pending + new


def notices(vault: Vault) -> list[str]:
    """What must be said of the copies of this vault, for ``status`` and ``doctor``."""
    if vault.keyring.is_station:
        return []
    known = enrolled(vault)
    if not known:
        return [
            "this vault has no replica: its store is the only copy "
            "(evidence-vault replica add NAME PLACE --reason TEXT)"
        ]
    said = []
    for each in known:
        name = each.replica.name
        if waiting := pending(vault, each):
            said.append(
                f"replica {name} has not confirmed {waiting} destructions that the log asks for: "
                f"{_WAY} {name}"
            )
        if each.row.damaged:
            said.append(
                f"replica {name} had {each.row.damaged} damaged or missing parts when it was last "
                f"looked at: {_WAY} --whole {name}"
            )
        if each.row.synced_at is None:
            said.append(f"replica {name} was never synced: {_WAY} {name}")
        elif not each.holds(*newest_work(vault)):
            said.append(f"replica {name} is behind{_since(vault, each)}: {_WAY} {name}")
    keeper = keeper_notice(vault)
    return said if keeper is None else [*said, keeper]


def batch_notice(vault: Vault) -> str:
    """How many copies hold what was just taken in, and how old the others are.

    What was acknowledged is in: where the copies stand may then be unknown, and that is said.
    """
    try:
        known = enrolled(vault)
    except VaultError as error:
        return f"this batch is on 1 copy; where the others stand can't be read: {error.message}"
    if vault.keyring.is_station:
        return "nothing of this is backed up yet: hand it over soon (evidence-vault transfer offer)"
    if not known:
        return (
            "this batch is on 1 copy, and this vault has no replica: "
            "evidence-vault replica add NAME PLACE --reason TEXT"
        )
    copies = 1 + sum(1 for each in known if _is_copy(vault, each))
    behind = [
        f"replica {each.replica.name} "
        + ("was never synced" if each.row.synced_at is None else "is behind" + _since(vault, each))
        for each in known
        if not each.holds(*newest_work(vault))
    ]
    text = f"this batch is on {copies} {'copy' if copies == 1 else 'copies'}"
    return text if not behind else f"{text}; {', '.join(behind)}: {_WAY}"


def copies_of(vault: Vault) -> int:
    """Replicas that hold all of both parts up to the newest entry that is not about replicas."""
    return sum(1 for each in enrolled(vault) if _is_copy(vault, each))


def keeper_notice(vault: Vault) -> str | None:
    """What ``init``, ``status`` and ``doctor`` say of a vault on S3 whose ``control/`` nobody else
    keeps: whoever can delete it destroys the archive, whatever the lock says. None else.
    """
    if not is_url(vault.config.control) and not is_url(vault.config.archive):
        return None
    if any(CONTROL in each.replica.parts for each in enrolled(vault)):
        return None
    return (
        "nobody else keeps a copy of control/: whoever can delete it destroys the archive, "
        "whatever Object Lock says (evidence-vault replica add NAME PLACE --part control)"
    )


def told_of(replica: Replica) -> dict[str, Any]:
    """What an event says of a replica; encrypted with the event's record."""
    return {
        "id": replica.id,
        "name": replica.name,
        "part": replica.part,
        "place": replica.place,
    }


def note(
    writer: Writer,
    kind: str,
    replica: Replica,
    head: tuple[int, int] = (-1, 0),
    damaged: int = 0,
    whole: bool = False,
    pending: int = 0,
) -> None:
    """Tell the catalogue of the event prepared last."""
    idx = writer.frontier.size + writer.pending - 1
    change = ReplicaChange(
        kind, replica.id, idx, writer.recorded_at, replica.part, head, damaged, whole, pending
    )
    writer.index.replicas.append(change)


def days(now: str, then: str | None) -> int | None:
    """Whole days, 0 where the clock was set back."""
    return None if then is None else max(0, posix(now) - posix(then)) // _DAY


def _since(vault: Vault, each: Enrolled) -> str:
    age = days(vault.clock.now(), each.row.synced_at) or 0
    return f" ({age} days)" if age != 1 else " (1 day)"


def _is_copy(vault: Vault, each: Enrolled) -> bool:
    return {ARCHIVE, CONTROL} <= set(each.replica.parts) and each.holds(*newest_work(vault))


def newest_work(vault: Vault) -> tuple[int, int]:
    """(log, size) up to the newest entry that is not about syncing itself."""
    log, size = vault.config.log, vault.catalogue.frontier().size
    while size and vault.catalogue.entry(size - 1, log).type == "replica-synced":
        size -= 1
    return log, size


def _items_within(vault: Vault, log: int, size: int) -> int:
    return vault.catalogue.items_within(log, size)


def _demand_reason(reason: str) -> None:
    if not reason.strip():
        raise UsageError("--reason must say why")


def _what_it_reads(vault: Vault) -> list[str]:
    if vault.config.plaintext:
        return ["this vault is NOT encrypted: whoever has the replica reads everything"]
    return []
