"""Replicas: which there are, how old, what they still have to destroy; added and retired.

Enrolled and retired by events of the log only; no file of settings counts. Name and place of a
replica stand encrypted in the event that enrolled it.
"""

from __future__ import annotations

import re
import secrets
from typing import Any

from evidence_vault.config import is_url
from evidence_vault.core.keeping import is_keeper, parse_keeper
from evidence_vault.core.replicas import ARCHIVE, CONTROL, Position
from evidence_vault.errors import (
    FormatError,
    LogInconsistent,
    PolicyRefused,
    SignatureInvalid,
    UsageError,
    VaultError,
)
from evidence_vault.log.replicaindex import ENROLLED, RETIRED, ReplicaChange
from evidence_vault.vault.countersigning import posix
from evidence_vault.vault.faults import step
from evidence_vault.vault.mirrorparts import Target
from evidence_vault.vault.opening import Vault, demand_desk
from evidence_vault.vault.replicacheck import examine
from evidence_vault.vault.replicalist import UPDATE_WAY, chosen
from evidence_vault.vault.replicalist import Enrolled as Enrolled
from evidence_vault.vault.replicalist import enrolled as enrolled
from evidence_vault.vault.replicaplaces import (
    Replica,
    demand_marker,
    demand_place,
    open_target,
    parts_of,
    stores_of,
    whole_place,
    write_markers,
)
from evidence_vault.vault.tombstones import count_tombstones
from evidence_vault.vault.writer import Writer, writing

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}\Z")
_DAY = 24 * 3600
_WAY = "evidence-vault replica sync"
_ADD = "(evidence-vault replica add NAME PLACE --reason TEXT)"


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
    kept = is_keeper(place)
    if kept:
        _demand_keeper(vault, place, part)
    else:
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
    target = Target(None, None) if kept else demand_place(vault, place, part)
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
        "notices": [
            f"it holds nothing yet: {f'{UPDATE_WAY} {name} -o FILE' if kept else f'{_WAY} {name}'}",
            *_what_it_reads(vault),
        ],
        "part": part,
        "place": place,
        "replica": replica.id,
    }


def _demand_keeper(vault: Vault, place: str, part: str) -> None:
    """Whether a copy may be given into other hands: of headers that nobody there can use."""
    try:
        parse_keeper(place)
    except (FormatError, SignatureInvalid) as error:
        raise UsageError(
            f"this is no keeper's key: {error.message}",
            code="E-KEEPER-KEY",
            hint="`evidence-vault replica keep DIR --trust FILE` makes one and shows it",
        ) from error
    if part != CONTROL:
        raise UsageError("somebody else keeps control/ alone: give --part control")
    if vault.config.plaintext:
        raise PolicyRefused(
            "this vault is not encrypted: whoever keeps a copy reads everything",
            code="E-KEEPER-PLAINTEXT",
        )


def retire(vault: Vault, name: str, reason: str, by: str | None = None) -> dict[str, Any]:
    """Strike a replica off. What lies there stays until somebody destroys it: that is said."""
    demand_desk(vault, "keep replicas")
    _demand_reason(reason)
    with writing(vault):
        pass
    each = chosen(vault, [name], kept=True)[0]
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
    replica = each.replica
    state, why, at = "current", "", None
    if is_keeper(replica.place):
        return _shown(vault, each, "current" if each.holds(*newest_work(vault)) else "behind")
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
    return _shown(vault, each, state, why, at)


def _shown(
    vault: Vault, each: Enrolled, state: str, why: str = "", at: Position | None = None
) -> dict[str, Any]:
    """A row of ``status``; ``at``: how far it is by its own marker, None where it was not seen."""
    replica, row, now = each.replica, each.row, vault.clock.now()
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
    known, said = enrolled(vault), []
    if not known:
        said.append(f"this vault has no replica: its store is the only copy {_ADD}")
    elif not any(ARCHIVE in each.replica.parts for each in known):
        said.append(f"no replica holds archive/: its store is the only copy {_ADD}")
    for each in known:
        name, way = each.replica.name, _way(each)
        if waiting := pending(vault, each):
            said.append(
                f"replica {name} has not confirmed {waiting} destructions that the log asks for: "
                f"{way} {name}"
            )
        if each.row.damaged:
            said.append(
                f"replica {name} had {each.row.damaged} damaged or missing parts when it was last "
                f"looked at: {_WAY} --whole {name}"
            )
        if each.row.synced_at is None:
            said.append(f"replica {name} was never synced: {way} {name}")
        elif not each.holds(*newest_work(vault)):
            said.append(f"replica {name} is behind{_since(vault, each)}: {way} {name}")
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
    reached = any(not is_keeper(e.replica.place) for e in known if not e.holds(*newest_work(vault)))
    text = f"this batch is on {copies} {'copy' if copies == 1 else 'copies'}"
    return text if not behind else f"{text}; {', '.join(behind)}: {_WAY if reached else UPDATE_WAY}"


def copies_of(vault: Vault) -> int:
    """Replicas that hold all of both parts up to the newest entry that is not about replicas."""
    return sum(1 for each in enrolled(vault) if _is_copy(vault, each))


def keeper_notice(vault: Vault) -> str | None:
    """What ``init``, ``status`` and ``doctor`` say of a vault on S3 whose ``control/`` nobody else
    keeps: whoever can delete it destroys the archive, whatever the lock says. None else.
    """
    if not is_url(vault.config.control) and not is_url(vault.config.archive):
        return None
    if any(in_other_hands(each) for each in enrolled(vault)):
        return None
    return NOBODY_KEEPS


NOBODY_KEEPS = (
    "nobody else keeps a copy of control/: whoever can delete it destroys the archive, whatever "
    "Object Lock says (`evidence-vault replica keep`, in other hands; `evidence-vault replica add "
    "NAME keeper:KEY --part control`)"
)


def in_other_hands(each: Enrolled) -> bool:
    """Whether somebody else keeps ``control/``, and has said so with a signature."""
    return is_keeper(each.replica.place) and each.row.synced_at is not None


def _way(each: Enrolled) -> str:
    return UPDATE_WAY if is_keeper(each.replica.place) else _WAY


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
