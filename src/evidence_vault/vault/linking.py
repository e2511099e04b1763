"""Saying that one item belongs to another, and taking that back; nothing is edited."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from evidence_vault.bundle.custody import is_void
from evidence_vault.core.event import Event, parse_entry
from evidence_vault.core.relations import LINKED, RELATIONS, UNLINKED, Relation, standing
from evidence_vault.errors import UsageError
from evidence_vault.vault.digesting import index_event
from evidence_vault.vault.foreign import foreign_events
from evidence_vault.vault.keys import key_state
from evidence_vault.vault.opening import Vault, demand_desk
from evidence_vault.vault.records import ItemEvent, committed_at, item_history
from evidence_vault.vault.writer import Writer, writing

_KINDS = (LINKED, UNLINKED)


def link(
    vault: Vault,
    item: str,
    relation: str,
    other: str,
    by: str | None = None,
    purpose: str | None = None,
) -> dict[str, Any]:
    """Commit that ``item`` is ``relation`` (core/relations.py) the other one; both must be here.

    Raises UsageError for an item or a relation that isn't known, and for one that stands already
    or would lead along the same relation back to where it began.
    """
    demand_desk(vault, "tell what belongs together")
    wanted = _wanted(vault, item, relation, other)
    with writing(vault) as writer:
        if wanted in told_here(vault, list(item_history(vault, item))):
            raise UsageError(f"{item} is {relation} {other} already", code="E-LINKED")
        if _leads_to(vault, other, relation, item):
            raise UsageError(
                f"{item} can't be {relation} {other}: along that relation {other} leads to {item}",
                code="E-LINK-CIRCLE",
                hint=f"`evidence-vault show {other}` lists what it belongs to",
            )
        return _committed(vault, writer, LINKED, item, wanted, by, purpose)


def unlink(
    vault: Vault,
    item: str,
    relation: str,
    other: str,
    by: str | None = None,
    purpose: str | None = None,
) -> dict[str, Any]:
    """Commit that it isn't so. Raises UsageError (E-NOT-LINKED) where nobody said it was."""
    demand_desk(vault, "tell what belongs together")
    wanted = _wanted(vault, item, relation, other)
    with writing(vault) as writer:
        if wanted not in relations_of(vault, item):
            raise UsageError(
                f"nobody said that {item} is {relation} {other}",
                code="E-NOT-LINKED",
                hint=f"`evidence-vault show {item}` lists what it belongs to",
            )
        return _committed(vault, writer, UNLINKED, item, wanted, by, purpose)


def relations_of(vault: Vault, item: str) -> list[Relation]:
    """What an item is to others, oldest first; of one taken over what its log said, too."""
    return relations_in(vault, item, list(item_history(vault, item)))


def relations_in(vault: Vault, item: str, events: Sequence[ItemEvent]) -> list[Relation]:
    """As :func:`relations_of`, of a history that was read."""
    return standing(counting(vault, item, events, _KINDS))


def told_here(vault: Vault, events: Sequence[ItemEvent]) -> list[Relation]:
    """Only what this vault's own events say: all that its receipts can tell."""
    return standing(
        (e.event.type, e.values) for e in events if not _void(vault, e.log, e.event, e.index)
    )


def counting(
    vault: Vault, item: str, events: Sequence[ItemEvent], kinds: Collection[str]
) -> list[tuple[str, dict[str, Any]]]:
    """(type, values) of an item's events of some types, in order; also of the log before this one.

    Events under a key that no longer counted say nothing.
    """
    told = [
        (e.event.type, e.values)
        for e in events
        if e.event.type in kinds and not _void(vault, e.log, e.event, e.index)
    ]
    if events and events[0].event.type == "transfer-accepted":
        before = foreign_events(vault, item, events[0].values, kinds)
        told = [(event.type, values) for _, event, values in before] + told
    return told


def named_by(vault: Vault, item: str) -> list[tuple[str, Relation]]:
    """(identifier, relation) of the items that are something to this one.

    Looked up in the index and read in the log. Without an index (``rebuild --no-index``) every
    event about a relation is read.
    """
    if vault.catalogue.is_unindexed():
        candidates = _linked_items(vault)
    else:
        candidates = vault.catalogue.named_by(item)
    return [
        (other, relation)
        for other in candidates
        if vault.catalogue.home(other) is not None
        for relation in relations_of(vault, other)
        if relation.id == item
    ]


def _linked_items(vault: Vault) -> list[str]:
    """Every item with an event about a relation; what another log said of it is not looked for."""
    found = set()
    for number in range(vault.config.log + 1):
        for index in vault.catalogue.indexes_of(_KINDS, number):
            entry = committed_at(vault, index, number).entry
            found.add(str(parse_entry(entry).event.subject["id"]))
    return sorted(found)


def listed(vault: Vault, item: str) -> list[dict[str, str]]:
    """Relations of an item in both directions, for people."""
    forward = [{"direction": "to", **each.to_json()} for each in relations_of(vault, item)]
    back = []
    for other, relation in named_by(vault, item):
        home = vault.catalogue.home(other)
        told = Relation(relation.relation, home[0] if home else "", other)
        back.append({"direction": "from", **told.to_json()})
    return forward + back


def _wanted(vault: Vault, item: str, relation: str, other: str) -> Relation:
    if relation not in RELATIONS:
        raise UsageError(
            f"there is no relation {relation!r}",
            code="E-RELATION",
            hint="relations: " + ", ".join(RELATIONS),
        )
    if item == other:
        raise UsageError(f"{item} can't belong to itself", code="E-LINK-SELF")
    for each in (item, other):
        if vault.catalogue.home(each) is None:
            raise UsageError(
                f"there is no item {each} in this vault",
                code="E-NO-ITEM",
                hint="`evidence-vault list` shows the items",
            )
    home = vault.catalogue.home(other)
    assert home is not None
    return Relation(relation, home[0], other)


def _leads_to(vault: Vault, start: str, relation: str, goal: str) -> bool:
    """Whether one comes from ``start`` to ``goal`` along one relation."""
    seen: set[str] = set()
    ahead = [start]
    while ahead:
        item = ahead.pop()
        if item == goal:
            return True
        if item not in seen:
            seen.add(item)
            ahead += _next(vault, item, relation)
    return False


def _next(vault: Vault, item: str, relation: str) -> Iterator[str]:
    if vault.catalogue.home(item) is not None:
        yield from (r.id for r in relations_of(vault, item) if r.relation == relation)


def _committed(
    vault: Vault,
    writer: Writer,
    kind: str,
    item: str,
    relation: Relation,
    by: str | None,
    purpose: str | None,
) -> dict[str, Any]:
    home = vault.catalogue.home(item)
    assert home is not None
    other = {"home": relation.home, "id": relation.id}
    values = {"actor": by, "other": other, "purpose": purpose, "relation": relation.relation}
    writer.item_event(kind, item, values, home=home[0])
    index_event(kind, item, writer.recorded_at, values, writer.index)
    event = writer.commit()
    writer.checkpoint()
    return {"event": event, "id": item, "other": other, "relation": relation.relation}


def _void(vault: Vault, log: int, event: Event, index: int) -> bool:
    return is_void(key_state(vault, log), event, index)
