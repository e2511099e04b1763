"""``transfer acknowledge``: the other vault's signed word, checked, before anything may be removed.

1 judged      the receipt by itself, as a stranger would; its keys are those pinned by hand
2 compared    each ``transfer-accepted`` with our log: state, entry and units that it names, and
              those of the derivatives that went along
3 kept        the file, under ``foreign/``
4 recorded    ``transfer-acknowledged``, about exactly the items proved
"""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evidence_vault.core.derivation import DERIVATIONS
from evidence_vault.core.event import Event, Unit, parse_entry
from evidence_vault.core.findings import Outcome
from evidence_vault.core.receipt import MAX_RECEIPT, VAULT_SUBJECT, parse_receipt
from evidence_vault.errors import AlreadyExists, EvidenceError, LogInconsistent, UsageError
from evidence_vault.seal.keyring import Peer
from evidence_vault.vault.countersigning import origin_hex
from evidence_vault.vault.faults import step
from evidence_vault.vault.handovers import (
    ACKNOWLEDGED,
    OPEN,
    REMOVED,
    Standing,
    derivations,
    standings,
)
from evidence_vault.vault.offering import carried
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.policies import known_peers
from evidence_vault.vault.records import committed_at
from evidence_vault.vault.standing import root_at
from evidence_vault.vault.writer import Writer, writing
from evidence_vault.verify.checked import Checked, CheckedEvent
from evidence_vault.verify.custody import CustodyChecker

_OWN_RULES = range(1, 7)  # what needs no trust file and no countersignatures


class _Refused(Exception):
    """Why one item of an acknowledgement does not count."""


@dataclass(frozen=True)
class _Proved:
    """``offer``: index of the offer up to which all of the item was taken over."""

    item: str
    offer: int
    transfer_id: str


Named = dict[tuple[str, str], set[tuple[Unit, ...]]]
"""By (home, id): the units of each derivative that the other log names."""


def acknowledge(vault: Vault, file: Path, by: str | None = None) -> dict[str, Any]:
    """Record what the receiver proves to have taken over.

    An item that is proved for another log, offer or content is refused by name (exit 10) and the
    others count. Raises EvidenceError for a file that does not verify or is signed by another
    vault than the one that was pinned, LogInconsistent when it shows another history of our log.
    """
    data = _read(file)
    peer, checked = _judge(vault, data)  # 1.
    with writing(vault) as writer:
        known, named = standings(vault), _named(checked)
        proved, already, refused = [], [], []
        for event in checked.events:  # 2.
            if event.event.type != "transfer-accepted":
                continue
            name = str(event.event.subject.get("id"))
            try:
                found = _compare(vault, writer, event, known, peer, named)
            except _Refused as why:
                refused.append({"code": "E-ACKNOWLEDGEMENT", "id": name, "reason": str(why)})
                continue
            stands = known[found.item]
            if stands.state == OPEN or (stands.state != REMOVED and found.offer > stands.answered):
                proved.append(found)
            else:
                already.append(found.item)
        digest = hashlib.sha256(data).hexdigest()
        key = f"foreign/{origin_hex(peer.origin)}/acknowledgements/{digest}"
        if proved:
            with contextlib.suppress(AlreadyExists):
                vault.archive.create(key, data)  # 3.
            step("transfer-answer-kept")
        events = _record(vault, writer, checked, peer, proved, digest, by)  # 4.
        step("transfer-acknowledged")
        writer.checkpoint()
    return {
        "acknowledged": sorted(each.item for each in proved),
        "already": sorted(already),
        "events": events,
        "exit": 10 if refused else 0,
        "notices": ["what is acknowledged may be removed here: `evidence-vault transfer remove`"]
        if proved
        else [],
        "receiver": {"name": peer.org, "origin": peer.origin},
        "refused": refused,
    }


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            data = stream.read(MAX_RECEIPT + 1)
    except OSError as error:
        raise UsageError(f"{file} can't be read: {error.strerror}") from error
    return data


# -- 1. by itself ----------------------------------------------------------------------------------


def _judge(vault: Vault, data: bytes) -> tuple[Peer, Checked]:
    receipt = parse_receipt(data)
    if receipt.subject != VAULT_SUBJECT:
        raise _forged("it is the receipt of one item, no acknowledgement")
    checked = CustodyChecker(None).check(receipt)
    for rule, finding in checked.findings:
        if rule in _OWN_RULES and finding.outcome in (Outcome.DIFFERS, Outcome.UNCHECKED):
            why = finding.details.get("reason", "")
            raise _forged(f"{finding.subject}: {finding.code} {why}".strip())
    if checked.zero is None or checked.checkpoint is None or not set(_OWN_RULES) <= checked.ran:
        raise _forged("its log can't be checked")
    desk = vault.keyring.desk
    pinned = known_peers(vault) if desk is None else (desk,)
    for peer in pinned:
        if peer.origin == receipt.origin:
            if tuple(peer.log_keys) == tuple(checked.zero.log_vkeys()):
                return peer, checked
            raise _forged(f"it is signed by other keys than those pinned for {peer.origin}")
    raise _forged(f"it comes from {receipt.origin}, which is not pinned here")


def _forged(why: str) -> EvidenceError:
    return EvidenceError(
        f"this acknowledgement does not count: {why}",
        code="E-ACKNOWLEDGEMENT",
        hint="nothing was recorded; get the file again from the people who took over",
    )


# -- 2. with our log -------------------------------------------------------------------------------


def _named(checked: Checked) -> Named:
    named: Named = {}
    for each in checked.events:
        event = each.event
        if event.type in DERIVATIONS:
            about = (str(event.subject.get("home")), str(event.subject.get("id")))
            named.setdefault(about, set()).add(carried(event))
    return named


def _compare(
    vault: Vault,
    writer: Writer,
    event: CheckedEvent,
    known: dict[str, Standing],
    peer: Peer,
    named: Named,
) -> _Proved:
    """What an event proves of a hand-over of ours; raises _Refused."""
    item = event.event.subject.get("id")
    told, transfer = event.values.get("foreign"), event.values.get("transfer_id")
    stands = known.get(str(item))
    if stands is None or stands.home != event.event.subject.get("home"):
        raise _Refused("it was never offered from here")
    if not isinstance(told, dict) or set(told) != {"item_seq", "leaf", "origin", "root", "size"}:
        raise _Refused("it does not reveal what was taken over")
    if told["origin"] != vault.keyring.origin:
        raise _Refused(f"it was taken over from another log, {told['origin']}")
    size, seq = told["size"], told["item_seq"]
    if type(size) is not int or not 0 < size <= writer.frontier.size or type(seq) is not int:
        raise _Refused("it names a state that this log never had")
    if root_at(vault, size, writer.frontier).hex() != told["root"]:
        raise LogInconsistent(
            f"{peer.origin} has seen another history of this log at {size} entries",
            code="E-FORK",
            hint="keep this vault as it is, and compare: `evidence-vault log compare`",
        )
    places = vault.catalogue.history(str(item))
    if not 0 <= seq < len(places) or places[seq] >= size:
        raise _Refused("it names an event of the item that this log does not have")
    if vault.catalogue.entry(places[seq]).leaf.hex() != told["leaf"]:
        raise _Refused(f"it names another entry than event {seq} of the item here")
    offer = next((o for o in stands.offers if o[0] == places[seq]), None)
    if offer is None or offer[1] != transfer or offer[3] != peer.origin:
        raise _Refused("it answers no offer of this item to that vault")
    if not _same_units(vault, event.event, places[0]):
        raise _Refused("it names other stored bytes than were handed over")
    return _covered(vault, stands, offer[0], named.get((stands.home, stands.id), set()))


def _covered(
    vault: Vault, stands: Standing, answered: int, named: set[tuple[Unit, ...]]
) -> _Proved:
    """The offer up to which every derivative of an item is named by the other log.

    At least the one that was answered; a later one where derivatives made since are named, too,
    and the first after them: no more is claimed than was shown.
    """
    newest = answered
    for index, event in derivations(vault, stands.id):
        if carried(event) in named:
            newest = max(newest, index)
        elif index < answered:
            raise _Refused(
                f"it does not name the copy, or the statement on it, of event "
                f"{event.item_seq} of the item: have the same file accepted again"
            )
        else:
            break
    offer = next((o for o in stands.offers if o[0] >= newest), None)
    if offer is None:
        raise _Refused("it names a copy that was never offered")
    return _Proved(stands.id, offer[0], offer[1])


def _same_units(vault: Vault, accepted: Event, arrival: int) -> bool:
    """True when the other log names the very units of the item's arrival here."""
    ours = parse_entry(committed_at(vault, arrival).entry).event
    return carried(accepted) == carried(ours)


# -- 4. recorded -----------------------------------------------------------------------------------


def _record(
    vault: Vault,
    writer: Writer,
    checked: Checked,
    peer: Peer,
    proved: list[_Proved],
    digest: str,
    by: str | None,
) -> list[int]:
    """One event for each hand-over that is answered."""
    point = checked.checkpoint
    assert point is not None
    homes = vault.catalogue.homes()
    transfers = sorted({each.transfer_id for each in proved})
    for transfer in transfers:
        values = {
            "acknowledgement": {
                "leaf": checked.events[-1].opened.leaf.hex(),
                "origin": point.origin,
                "root": point.root.hex(),
                "sha256": digest,
                "size": point.size,
            },
            "actor": by,
            "receiver": {"name": peer.org, "origin": peer.origin},
            "transfer_id": transfer,
        }
        items = [each.item for each in proved if each.transfer_id == transfer]
        writer.set_event(ACKNOWLEDGED, [(item, homes[item]) for item in items], values)
    start = writer.commit()
    return [start + i for i in range(len(transfers))]
