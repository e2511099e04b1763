"""``replica update`` and ``acknowledge``: a copy of ``control/`` in other hands, from the vault.

The vault writes a file; the keeper checks it without trusting the vault (keeping.py) and answers
with a signed word. What the keeper has not confirmed is pending, by name.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from evidence_vault.core.commit import Commit, Committed, format_commit
from evidence_vault.core.event import parse_entry, peek
from evidence_vault.core.keeping import (
    MAX_ANSWER,
    Answer,
    Order,
    OrderItem,
    Shown,
    UpdateHead,
    UpdateWriter,
    format_orders,
    is_keeper,
    keeper_place,
    parse_answer,
)
from evidence_vault.core.members import Member
from evidence_vault.core.receipt import parse_receipt
from evidence_vault.errors import (
    EvidenceError,
    InternalError,
    LogInconsistent,
    NotFound,
    PolicyRefused,
    UsageError,
)
from evidence_vault.log.replicaindex import SYNCED
from evidence_vault.vault.checking import publish_and_sign
from evidence_vault.vault.countersigning import origin_hex
from evidence_vault.vault.handovers import ACKNOWLEDGED, REMOVED, Standing, set_event, standings
from evidence_vault.vault.offering import CARRIED
from evidence_vault.vault.opening import Vault, demand_desk
from evidence_vault.vault.records import committed_at, open_record
from evidence_vault.vault.removing import doomed_by
from evidence_vault.vault.replicalist import Enrolled, chosen, enrolled
from evidence_vault.vault.replicas import note, pending, told_of
from evidence_vault.vault.standing import root_at
from evidence_vault.vault.writer import writing
from evidence_vault.verify.custody import CustodyChecker

_SHOWN = ("acknowledgement", "members", "transfer_id")


def update(vault: Vault, name: str, out: Path, whole: bool = False) -> dict[str, Any]:
    """Write what the keeper ``name`` lacks: commits, the signed checkpoint, and orders.

    ``whole``: everything from entry 0. Signs a checkpoint first, so a vault that may not sign
    gives nothing. Raises UsageError for a replica that is not in other hands or a file that is
    there, PolicyRefused (E-KEEPER-LOG) where a log succeeds another.
    """
    demand_desk(vault, "keep replicas")
    each = _keeper(vault, name)
    if out.exists():
        raise UsageError(f"{out} is there already", code="E-EXISTS")
    publish_and_sign(vault)
    opened, signed = vault.checkpoint(), vault.log.checkpoint()
    if opened is None or signed is None:
        raise InternalError("no checkpoint after signing")
    size = opened.checkpoint.size
    since = 0 if whole else max(each.row.synced_size, 0)
    orders = _orders(vault, 0 if each.row.pending else since, size)
    files = {}
    for order in orders:
        files.update(_acknowledgements(vault, order))
    count = sum(1 for _ in _commits(vault, since, size))
    head = UpdateHead(vault.keyring.origin, since, size, count, len(files))
    _write(vault, out, head, [signed, format_orders(orders), *files.values()])
    return {
        "bytes": str(out.stat().st_size),
        "entries": size - since,
        "file": str(out),
        "name": name,
        "notices": [
            "the keeper runs `evidence-vault replica keep DIR --trust FILE UPDATE -o ANSWER` and "
            "sends the answer back: `evidence-vault replica acknowledge ANSWER`"
        ],
        "orders": [order.removed.index for order in orders],
        "since": since,
        "size": size,
    }


def acknowledge(vault: Vault, file: Path, by: str | None = None) -> dict[str, Any]:
    """Record what a keeper says it holds, signed by the key that was enrolled.

    Raises UsageError for a key that nobody enrolled or an answer older than one before,
    SignatureInvalid, EvidenceError for another log's, LogInconsistent (E-FORK) where the keeper
    has seen another history.
    """
    demand_desk(vault, "keep replicas")
    answer = parse_answer(_read(file))
    with writing(vault):
        pass  # the catalogue then knows what a crash left committed
    each = _by_key(vault, answer.keeper)
    name = each.replica.name
    if answer.origin != vault.keyring.origin:
        raise EvidenceError(f"this answer is about the log {answer.origin}", code="E-KEEPER-OTHER")
    if answer.size < each.row.synced_size:
        raise UsageError(
            f"this answer is older than one recorded before: {answer.size} entries, not "
            f"{each.row.synced_size}",
            code="E-KEEPER-OLD",
        )
    with writing(vault) as writer:
        _demand_ours(vault, answer, writer.frontier.size)
        if answer.size and root_at(vault, answer.size, writer.frontier) != answer.root:
            raise LogInconsistent(
                f"the keeper {name} has seen another history of this log at {answer.size} entries",
                code="E-FORK",
                hint="keep this vault as it is, and compare: `evidence-vault log compare`",
            )
        left = _left(vault, answer)
        values = {
            "actor": by,
            "counts": _counts(each, answer, len(left)),
            "head": {
                "log": vault.config.log,
                "origin": answer.origin,
                "root": answer.root.hex(),
                "size": answer.size,
            },
            "replica": told_of(each.replica),
        }
        writer.vault_event("replica-synced", values)
        head = (vault.config.log, answer.size)
        note(writer, SYNCED, each.replica, head, 0, True, len(left))
        event = writer.commit()
        writer.checkpoint()
    fresh = next(row for row in enrolled(vault) if row.replica.id == each.replica.id)
    return {
        "destroyed": list(answer.destroyed),
        "entries": answer.size,
        "event": event,
        "exit": 10 if answer.findings or answer.refused else 0,
        "headers": answer.headers,
        "name": name,
        "notices": _said(name, answer),
        "pending": pending(vault, fresh),
        "refused": list(answer.refused),
    }


def _said(name: str, answer: Answer) -> list[str]:
    notices = []
    if answer.findings:
        notices.append(
            f"the keeper {name} found {answer.findings} headers or records of this vault that are "
            "changed, or gone without a logged reason: ask what was found, and run "
            "`evidence-vault fixity`"
        )
    if answer.refused:
        which = ", ".join(str(index) for index in answer.refused)
        notices.append(f"the keeper {name} did not carry out all that was removed: event {which}")
    return notices


def _demand_ours(vault: Vault, answer: Answer, size: int) -> None:
    if answer.size > size:
        raise LogInconsistent(
            f"the keeper has seen {answer.size} entries, this vault has {size}: it is an old copy",
            code="E-REPLICA-AHEAD",
            hint="take the newest copy of this vault; nothing was recorded",
        )


def _left(vault: Vault, answer: Answer) -> list[int]:
    """Removals that the keeper has seen and not carried out."""
    seen = (i for i in vault.catalogue.indexes_of((REMOVED,)) if i < answer.size)
    return [index for index in seen if index not in answer.destroyed]


def _counts(each: Enrolled, answer: Answer, left: int) -> dict[str, Any]:
    return {
        "bytes": "0",
        "destroyed": len(answer.destroyed),
        "entries": answer.size - max(each.row.synced_size, 0),
        "findings": answer.findings,
        "headers": answer.headers,
        "healed": 0,
        "kind": SYNCED,
        "lacking": 0,
        "objects": "0",
        "pending": left,
        "whole": False,
    }


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            return stream.read(MAX_ANSWER + 1)
    except OSError as error:
        raise UsageError(f"{file} can't be read: {error.strerror}") from error


def _keeper(vault: Vault, name: str) -> Enrolled:
    each = chosen(vault, [name], kept=True)[0]
    if not is_keeper(each.replica.place):
        raise UsageError(
            f"{name} is no copy in other hands: `evidence-vault replica sync {name}`",
            code="E-NOT-KEEPER",
        )
    if vault.config.log:
        raise PolicyRefused(
            "this log succeeds another; a keeper of several logs is not in this version",
            code="E-KEEPER-LOG",
        )
    return each


def _by_key(vault: Vault, public: bytes) -> Enrolled:
    place = keeper_place(public)
    for each in enrolled(vault):
        if each.replica.place == place:
            return _keeper(vault, each.replica.name)
    raise UsageError(
        "this answer is signed by a key that nobody enrolled here",
        code="E-KEEPER-UNKNOWN",
        hint=f"`evidence-vault replica add NAME {place} --part control`, if you know whose it is",
    )


# -- the file --------------------------------------------------------------------------------------


def _write(vault: Vault, out: Path, head: UpdateHead, parts: list[bytes]) -> None:
    try:
        with open(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            writer = UpdateWriter(stream, head)
            for part in parts:
                writer.part(part)
            for commit in _commits(vault, head.since, head.size):
                entries = _filled(vault, commit)
                writer.part(format_commit(commit.start, commit.root, entries))
            writer.finish()
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        raise UsageError(f"{out} can't be written: {error.strerror}") from error
    except BaseException:  # Ctrl-C, too: no half file stays
        with suppress(OSError):
            out.unlink()
        raise


def _commits(vault: Vault, since: int, size: int) -> Iterator[Commit]:
    for commit in vault.log.commits(since):
        if commit.end > size:
            return
        yield commit


def _filled(vault: Vault, commit: Commit) -> list[Committed]:
    """The entries of a commit, each with the headers of its own units that are left."""
    found = []
    for each in vault.log.contents(commit):
        own = {unit["id"] for unit in peek(each.entry)["units"]}
        headers = {unit: header for unit, header in each.headers.items() if unit in own}
        found.append(replace(each, headers=headers))
    return found


# -- orders ----------------------------------------------------------------------------------------


def _orders(vault: Vault, since: int, size: int) -> list[Order]:
    indexes = [i for i in vault.catalogue.indexes_of((REMOVED,)) if since <= i < size]
    known = standings(vault) if indexes else {}
    return [_order(vault, index, known) for index in indexes]


def _order(vault: Vault, index: int, known: dict[str, Standing]) -> Order:
    """What is shown of one ``removed`` event: its items, and on what it rests."""
    members = set_event(vault, index)[3]
    names = {member.id for member in members}
    acknowledged = []
    for place in vault.catalogue.indexes_of((ACKNOWLEDGED,)):
        if place < index and names & {m.id for m in set_event(vault, place)[3]}:
            acknowledged.append(_show(vault, place))
    order = Order(_show(vault, index), tuple(acknowledged), ())
    offers = _offers(vault, order, known)
    by_item: dict[str, list[int]] = {}
    for entry in doomed_by(vault, index, vault.config.log).entries:
        event = parse_entry(committed_at(vault, entry).entry).event
        if any(unit.kind in CARRIED for unit in event.units):
            by_item.setdefault(str(event.subject["id"]), []).append(entry)
    items = tuple(_item(each, offers, known, by_item) for each in members)
    return replace(order, items=items)


def _item(
    member: Member,
    offers: dict[str, int],
    known: dict[str, Standing],
    by_item: dict[str, list[int]],
) -> OrderItem:
    offer = offers.get(member.id, max(known[member.id].answered, 0))
    return OrderItem(member.home, member.id, offer, tuple(by_item.get(member.id, ())))


def _show(vault: Vault, index: int) -> Shown:
    committed = committed_at(vault, index)
    found = open_record(vault, committed, parse_entry(committed.entry).event)
    return Shown(index, tuple(found[name] for name in _SHOWN if name in found))


def _offers(vault: Vault, order: Order, known: dict[str, Standing]) -> dict[str, int]:
    """By item, the offer that the other vault's word names."""
    leaves = {}
    for each in known.values():
        for offer in each.offers:
            leaves[each.id, vault.catalogue.entry(offer[0]).leaf.hex()] = offer[0]
    found: dict[str, int] = {}
    for data in _acknowledgements(vault, order).values():
        for event in CustodyChecker(None).check(parse_receipt(data)).events:
            told = event.values.get("foreign")
            if event.event.type != "transfer-accepted" or not isinstance(told, dict):
                continue
            item = str(event.event.subject.get("id"))
            if (item, str(told.get("leaf"))) in leaves:
                found[item] = leaves[item, str(told["leaf"])]
    return found


def _acknowledgements(vault: Vault, order: Order) -> dict[str, bytes]:
    """The kept files that an order rests on, by digest; one that is gone is left out."""
    found = {}
    for shown in order.acknowledged:
        told = next(d.value for d in shown.reveals if d.name == "acknowledgement")
        key = f"foreign/{origin_hex(told['origin'])}/acknowledgements/{told['sha256']}"
        with suppress(NotFound):
            found[told["sha256"]] = vault.log.read(vault.archive, key)
    return found
