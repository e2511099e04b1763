"""Where each hand-over stands: offered, acknowledged, removed, or an open gap in custody.

Read from the vault's own log: the events are the state, there is no other. Cost: the entries about
hand-overs, not the log.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from evidence_vault.core.derivation import DERIVATIONS
from evidence_vault.core.event import Event, parse_entry
from evidence_vault.core.members import Member, parse_members
from evidence_vault.errors import FormatError
from evidence_vault.vault.countersigning import posix
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.records import committed_at
from evidence_vault.vault.setnotes import entry_values

OFFERED, ACKNOWLEDGED, REMOVED = "transfer-offered", "transfer-acknowledged", "removed"
OPEN, PROVED = "open", "acknowledged"  # states, and REMOVED
_DAY = 24 * 3600


@dataclass
class Standing:
    """One item that was offered at least once.

    ``state``: open, acknowledged or removed. ``offers``: (index of the offer, its transfer_id,
    recorded_at, receiver's origin), oldest first. ``transfer_id``: of the acknowledgement;
    ``answered``: index of the offer up to which it proves that all of the item was taken over.
    """

    id: str
    home: str
    offers: list[tuple[int, str, str, str]] = field(default_factory=list)
    state: str = OPEN
    receiver: str = ""
    receiver_name: str = ""
    transfer_id: str = ""
    answered: int = -1
    acknowledged_at: str | None = None
    removed_at: str | None = None

    def to_json(self, now: str) -> dict[str, Any]:
        """Ages in whole days; that of a gap counts from the first offer without an answer."""
        offered = self.offers[0][2] if self.offers else None
        age = None if offered is None else max(0, posix(now) - posix(offered)) // _DAY
        return {
            "acknowledged_at": self.acknowledged_at,
            "age_days": age if self.state == OPEN else None,
            "home": self.home,
            "id": self.id,
            "offered_at": offered,
            "offers": len(self.offers),
            "receiver": {"name": self.receiver_name, "origin": self.receiver},
            "removed_at": self.removed_at,
            "state": self.state,
        }


def standings(vault: Vault, log: int | None = None) -> dict[str, Standing]:
    """By item, in one log (None: the current); items that were never offered are absent."""
    found: dict[str, Standing] = {}
    for index in vault.catalogue.indexes_of((OFFERED, ACKNOWLEDGED, REMOVED), log):
        kind, at, values, members = set_event(vault, index, log)
        receiver = values.get("receiver") or {}
        for member in members:
            each = found.setdefault(member.id, Standing(member.id, member.home))
            if kind == OFFERED:
                each.offers.append((index, values["transfer_id"], at, receiver["origin"]))
                if each.state == OPEN:
                    each.receiver, each.receiver_name = receiver["origin"], receiver["name"]
            elif kind == ACKNOWLEDGED:
                each.state, each.acknowledged_at = PROVED, at
                each.transfer_id = values["transfer_id"]
                same = (o[0] for o in each.offers if o[1] == each.transfer_id)
                each.answered = max(same, default=-1)
                each.receiver, each.receiver_name = receiver["origin"], receiver["name"]
            else:
                each.state, each.removed_at = REMOVED, at
    return found


def set_event(
    vault: Vault, index: int, log: int | None = None
) -> tuple[str, str, dict[str, Any], list[Member]]:
    """(type, recorded_at, values, members) of an entry about several items; None: this log."""
    committed = committed_at(vault, index, log)
    event = parse_entry(committed.entry).event
    values = entry_values(vault, committed, event)
    if "members" not in values:
        raise FormatError(f"entry {index} names no members")
    return event.type, event.recorded_at, values, parse_members(values["members"])[1]


def derivations(vault: Vault, item: str) -> list[tuple[int, Event]]:
    """(index, event) of every derivative of an item in this log, made or refused."""
    found = []
    for index in vault.catalogue.history(item):
        event = parse_entry(committed_at(vault, index).entry).event
        if event.type in DERIVATIONS:
            found.append((index, event))
    return found


def not_answered(vault: Vault, stands: Standing) -> list[int]:
    """Entries about derivatives of an item that nobody has acknowledged: those after the offer."""
    return [i for i, _ in derivations(vault, stands.id) if i > stands.answered]


def removed_items(vault: Vault, log: int | None = None) -> set[str]:
    """Items whose stored bytes a committed ``removed`` of a log (None: the current) gave up."""
    return {
        member.id
        for index in vault.catalogue.indexes_of((REMOVED,), log)
        for member in set_event(vault, index, log)[3]
    }


def open_gaps(vault: Vault) -> list[Standing]:
    """Items that were offered and that nobody has acknowledged, oldest offer first."""
    gaps = [each for each in standings(vault).values() if each.state == OPEN]
    return sorted(gaps, key=lambda each: (each.offers[0][0], each.id))


def gap_sentence(vault: Vault, most: int = 5) -> str | None:
    """What is said of open gaps in custody, by name and age; None without any."""
    gaps = open_gaps(vault)
    if not gaps:
        return None
    now = vault.clock.now()
    oldest = gaps[0].to_json(now)
    named = ", ".join(each.id for each in gaps[:most])
    more = f" and {len(gaps) - most} more" if len(gaps) > most else ""
    return (
        f"open gap in custody: {named}{more}, offered to {gaps[0].receiver_name} and not "
        f"acknowledged, the oldest since {oldest['offered_at']} ({oldest['age_days']} days)"
    )


def list_handovers(vault: Vault) -> dict[str, Any]:
    """Every item that was offered from here, and every one taken over, with what became of it."""
    now = vault.clock.now()
    given = [each.to_json(now) for _, each in sorted(standings(vault).items())]
    counts = dict.fromkeys((OPEN, PROVED, REMOVED), 0)
    for each in given:
        counts[each["state"]] += 1
    sentence = gap_sentence(vault)
    return {
        "accepted": _accepted(vault),
        "counts": counts,
        "items": given,
        "notices": [] if sentence is None else [sentence],
    }


def _accepted(vault: Vault) -> list[dict[str, Any]]:
    if vault.keyring.is_station:
        return []
    taken = []
    for index in vault.catalogue.indexes_of(("transfer-accepted",)):
        committed = committed_at(vault, index)
        event = parse_entry(committed.entry).event
        values = entry_values(vault, committed, event)
        taken.append(
            {
                "accepted_at": event.recorded_at,
                "from": values["foreign"]["origin"],
                "home": event.subject["home"],
                "id": event.subject["id"],
                "index": index,
            }
        )
    return taken
