"""What a keeper checks before it destroys a header: docs/format-replica.md, "Orders".

1 the ``removed`` event is in the log and was signed by an events key in force
2 it opens to exactly its items, by the root that it states
3 a ``transfer-acknowledged`` before it opens to the item, and names the other vault's receipt
4 that receipt verifies under keys of the trust file, and is another log's
5 it says that the item was taken over as of an offer that is in this log
6 the header is one of an original, of metadata, of a derivative or a statement, in an entry of that
  very item, and the receipt covers it

What fails is refused by name; nothing of it is destroyed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from evidence_vault.core.derivation import DERIVATIONS
from evidence_vault.core.disclosure import check_disclosures
from evidence_vault.core.event import ARRIVALS, Event, Unit, parse_entry
from evidence_vault.core.findings import Outcome
from evidence_vault.core.keeping import Order, OrderItem, Shown
from evidence_vault.core.keystate import KeyState
from evidence_vault.core.members import Member, parse_members, set_root
from evidence_vault.core.merkle import leaf_hash
from evidence_vault.core.receipt import VAULT_SUBJECT, parse_receipt
from evidence_vault.core.trust import TrustFile
from evidence_vault.errors import EvidenceError, LogInconsistent, VaultError
from evidence_vault.verify.checked import Checked, CheckedEvent
from evidence_vault.verify.custody import CustodyChecker
from evidence_vault.verify.signers import signature_problem

_OWN_RULES = frozenset(range(1, 7))
_CARRIED = ("content", "metadata", "statement")
_TOLD = {"item_seq", "leaf", "origin", "root", "size"}

About = tuple[str, str]
"""(home, id) of an item."""


@dataclass(frozen=True)
class Receipt:
    """An acknowledgement that verifies: the log it is of, and by item what it says."""

    origin: str
    accepted: Mapping[About, Sequence[CheckedEvent]]
    derived: Mapping[About, frozenset[tuple[Unit, ...]]]


@dataclass
class Kept:
    """The log as the keeper knows it: entries by index, roots by size, the keys in force."""

    origin: str
    size: int
    keys: KeyState
    entries: Mapping[int, bytes]
    roots: Mapping[int, bytes]


@dataclass
class Judged:
    """``units``: whose headers may go. ``refused``: why the rest may not, by item."""

    removed: int
    units: set[str] = field(default_factory=set)
    entries: set[int] = field(default_factory=set)
    refused: list[tuple[str, str]] = field(default_factory=list)


def read_acknowledgement(data: bytes, trust: TrustFile) -> Receipt:
    """Step 4; raises EvidenceError, FormatError. A log that the trust file lacks is refused."""
    receipt = parse_receipt(data)
    if receipt.subject != VAULT_SUBJECT:
        raise _no("it is the receipt of one item, no acknowledgement")
    known = trust.origin(receipt.origin)
    if known is None:
        raise _no(f"the trust file does not have {receipt.origin}, so nobody can say who signed it")
    checked = CustodyChecker(trust).check(receipt)
    bad = (Outcome.DIFFERS, Outcome.UNCHECKED)
    for rule, finding in checked.findings:
        if (rule in _OWN_RULES and finding.outcome in bad) or (
            rule == 8 and finding.outcome is Outcome.DIFFERS
        ):
            raise _no(f"{finding.subject}: {finding.code}")
    whole = checked.zero is not None and checked.checkpoint is not None
    if not whole or not checked.ran >= _OWN_RULES | {8}:
        raise _no("its log can't be checked")
    return _sorted(receipt.origin, checked)


def states_named(receipt: Receipt, origin: str) -> set[int]:
    """Sizes of a log whose roots a receipt names."""
    found = set()
    for events in receipt.accepted.values():
        for each in events:
            told = each.values.get("foreign")
            if not isinstance(told, dict) or told.get("origin") != origin:
                continue
            if type(told.get("size")) is int:
                found.add(told["size"])
    return found


def indexes_named(order: Order) -> set[int]:
    """Indexes of every entry that judging an order looks at."""
    found = {order.removed.index, *(each.index for each in order.acknowledged)}
    for item in order.items:
        found |= {item.offer, *item.entries}
    return found


def judge(order: Order, receipts: Mapping[str, Receipt | str], kept: Kept) -> Judged:
    """Steps 1 to 6. ``receipts``: by SHA-256 of its file, or why it does not count.

    Raises LogInconsistent when a receipt that verifies shows another history of this log.
    """
    judged = Judged(order.removed.index)
    try:
        _, members = _members(order.removed, "removed", kept)  # 1. and 2.
    except VaultError as error:
        judged.refused = [(each.id, error.message) for each in order.items] or [
            (f"entry {order.removed.index}", error.message)
        ]
        return judged
    named = {(each.home, each.id) for each in members}
    for item in order.items:
        try:
            if (item.home, item.id) not in named:
                raise _no("the removed event does not name it")
            _judge_item(item, order, receipts, kept, judged)
        except LogInconsistent:
            raise
        except VaultError as error:
            judged.refused.append((item.id, error.message))
    ordered = {(each.home, each.id) for each in order.items}
    judged.refused += [
        (identifier, "the order says nothing of it") for home, identifier in sorted(named - ordered)
    ]
    return judged


def _judge_item(
    item: OrderItem,
    order: Order,
    receipts: Mapping[str, Receipt | str],
    kept: Kept,
    judged: Judged,
) -> None:
    about = (item.home, item.id)
    why = "no acknowledgement before it names it"
    for shown in order.acknowledged:
        if shown.index >= order.removed.index:
            continue
        values, members = _members(shown, "transfer-acknowledged", kept)  # 3.
        if about not in {(each.home, each.id) for each in members}:
            continue
        told = values.get("acknowledgement")
        digest = told.get("sha256") if isinstance(told, dict) else None
        receipt = receipts.get(str(digest), "it is not in the update")
        if isinstance(receipt, str):
            why = f"its acknowledgement does not count: {receipt}"
            continue
        if receipt.origin == kept.origin:
            why = "its acknowledgement is by this very log"
            continue
        accepted = _taken_over(item, receipt, kept)  # 5.
        if accepted is None:
            why = "its acknowledgement does not say that it was taken over as of that offer"
            continue
        units = _covered(item, accepted, receipt, order, kept)  # 6.
        judged.units |= units
        judged.entries |= set(item.entries)
        return
    raise _no(why)


def _taken_over(item: OrderItem, receipt: Receipt, kept: Kept) -> Event | None:
    """The event by which the other vault took the item over as of the offer, or None."""
    offer = kept.entries.get(item.offer)
    if offer is None or _signed(item.offer, kept).type != "transfer-offered":
        return None
    for each in receipt.accepted.get((item.home, item.id), ()):
        told = each.values.get("foreign")
        if not isinstance(told, dict) or set(told) != _TOLD or told["origin"] != kept.origin:
            continue
        size = told["size"]
        if type(size) is not int or not item.offer < size <= kept.size:
            continue
        if kept.roots[size].hex() != told["root"]:
            raise LogInconsistent(
                f"{receipt.origin} has seen another history of this log at {size} entries",
                code="E-FORK",
                hint="nothing was changed here; keep the update as evidence, and ask both vaults",
            )
        if leaf_hash(offer).hex() == told["leaf"]:
            return each.event
    return None


def _covered(
    item: OrderItem, accepted: Event, receipt: Receipt, order: Order, kept: Kept
) -> set[str]:
    units: set[str] = set()
    for index in item.entries:
        event = _signed(index, kept)
        subject = event.subject
        if (subject["kind"], subject.get("home"), subject.get("id")) != (
            *("item", item.home, item.id),
        ):
            raise _no(f"entry {index} is about something else")
        if index >= order.removed.index:
            raise _no(f"entry {index} came after the removal")
        if event.type in ARRIVALS:
            good = _carried(event) == _carried(accepted)
        elif event.type in DERIVATIONS:
            good = _carried(event) in receipt.derived.get((item.home, item.id), frozenset())
        else:
            good = not _carried(event)  # nothing else that happens to an item stores bytes
        if not good:
            raise _no(f"the other vault does not say that it has what entry {index} names")
        units |= {unit.id for unit in event.units if unit.kind in _CARRIED}
    return units


def _members(shown: Shown, kind: str, kept: Kept) -> tuple[dict[str, Any], list[Member]]:
    """(values, members) of a signed entry about several items."""
    event = _signed(shown.index, kept)
    if event.type != kind or event.subject["kind"] != "set":
        raise _no(f"entry {shown.index} of the log is no {kind}")
    values = check_disclosures(event.commitments, shown.reveals)
    seed, members = parse_members(values.get("members"))
    if not all(isinstance(each.home, str) and isinstance(each.id, str) for each in members):
        raise _no(f"entry {shown.index} names its items in a way that can't be read")
    if set_root(seed, members).hex() != event.subject["root"]:
        raise _no(f"entry {shown.index} is about other items")
    return values, members


def _signed(index: int, kept: Kept) -> Event:
    data = kept.entries.get(index)
    if data is None:
        raise _no(f"the log has no entry {index}")
    entry = parse_entry(data)
    problem = signature_problem(kept.keys, index, entry)
    if problem is not None or entry.event.origin != kept.origin:
        raise _no(f"entry {index} was not signed by a key in force")
    return entry.event


def _sorted(origin: str, checked: Checked) -> Receipt:
    accepted: dict[About, list[CheckedEvent]] = {}
    derived: dict[About, set[tuple[Unit, ...]]] = {}
    for each in checked.events:
        about = (str(each.event.subject.get("home")), str(each.event.subject.get("id")))
        if each.event.type == "transfer-accepted":
            accepted.setdefault(about, []).append(each)
        elif each.event.type in DERIVATIONS:
            derived.setdefault(about, set()).add(_carried(each.event))
    return Receipt(origin, accepted, {key: frozenset(value) for key, value in derived.items()})


def _carried(event: Event) -> tuple[Unit, ...]:
    return tuple(unit for unit in event.units if unit.kind in _CARRIED)


def digest_of(data: bytes) -> str:
    """The name of an acknowledgement in the log."""
    return hashlib.sha256(data).hexdigest()


def _no(why: str) -> EvidenceError:
    return EvidenceError(why, code="E-ORDER-REFUSED")
