"""PREMIS 3 events of a bundle: every custody event once, with all the items that share it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from evidence_vault.bundle.archival import premiswords as words
from evidence_vault.bundle.archival.details import LEAVING, event_details
from evidence_vault.bundle.archival.xmltext import leaf, node
from evidence_vault.bundle.custody import CustodyEvent
from evidence_vault.bundle.facts import AccessionFacts, ItemFacts
from evidence_vault.bundle.model import BundlePlan
from evidence_vault.core.eventtypes import PREMIS

# Types that are committed only after what they state was done and read back.
_DONE = ("derived", "ingested", "received-again", "repaired", "transfer-accepted")


@dataclass
class Agents:
    """Who and what the events name: gathered while events are written, written after them."""

    tools: set[str] = field(default_factory=set)
    keys: dict[str, str] = field(default_factory=dict)
    codes: set[str] = field(default_factory=set)

    def add(self, event: CustodyEvent) -> None:
        self.tools.add(event.tool)
        self.keys.setdefault(event.signer, event.role)
        actor = event.revealed.get("actor")
        if actor is not None:
            self.codes.add(str(actor))


def item_events(
    plan: BundlePlan,
    facts: ItemFacts,
    members: dict[int, list[str]],
    agents: Agents,
) -> Iterator[str]:
    """The events of an item that ``members`` still holds; each is taken out of it when written.

    ``members``: the items of each event, by position.
    """
    for event in facts.events:
        items = members.pop(event.position, None)
        if items is not None:
            agents.add(event)
            made = None
            if facts.copy_event is not None and event.position == facts.copy_event.position:
                made = facts.item.payload_path
            yield _event(plan, event, _about(event, items, made))


def accession_events(
    plan: BundlePlan, accessions: Iterable[AccessionFacts], agents: Agents
) -> Iterator[str]:
    """What opened and closed the accessions, as far as it is revealed."""
    for each in accessions:
        for event in (each.opened, each.closed):
            if event is not None:
                agents.add(event)
                about = [words.linking("Object", words.ITEM, f"{h}/{i}") for h, i in each.items]
                yield _event(plan, event, about, f"Delivery {each.id}")


def bundle_event(plan: BundlePlan, agents: Agents) -> str:
    """The making of this bundle, by the archive's clock."""
    signer = plan.statement_key.keyid
    agents.tools.add(plan.software)
    agents.keys.setdefault(signer, "statements")
    return node(
        "event",
        words.identifier("eventIdentifier", words.BUNDLE, plan.bundle_id),
        words.event_type("information package creation"),
        leaf("eventDateTime", plan.made_at),
        _detail(
            f"Bundle written after entry {plan.exported_index} of the log "
            f"(hash {plan.exported_leaf}); statement.json lists its files and is signed"
        ),
        words.linking("Agent", words.ORGANISATION, plan.origin, "implementer"),
        words.linking("Agent", words.SOFTWARE, plan.software, "executing program"),
        words.linking("Agent", words.KEY, signer, "signer"),
        words.linking("Object", words.BUNDLE, plan.bundle_id, "outcome"),
    )


def agent_elements(plan: BundlePlan, agents: Agents) -> Iterator[str]:
    """The archive by its origin, programs, keys, and people by code, each sort in order."""
    yield _agent(words.ORGANISATION, plan.origin, plan.origin, "organization", "org")
    for tool in sorted(agents.tools):
        name, _, version = tool.partition(" ")
        yield _agent(words.SOFTWARE, tool, name, "software", "sof", version)
    for key, role in sorted(agents.keys.items()):
        note = f"Ed25519 key that the log names for: {role}; keys/{key}.pem"
        yield _agent(words.KEY, key, f"{role} key {key[:16]}", "signing key", note=note)
    for code in sorted(agents.codes):
        note = "a code; whether it stands for a person or a role is not said"
        yield _agent(words.CODE_NAME, code, code, "not said", note=note)


def _agent(
    kind: str,
    value: str,
    name: str,
    sort: str,
    code: str | None = None,
    version: str = "",
    note: str = "",
) -> str:
    inside = [words.identifier("agentIdentifier", kind, value), leaf("agentName", name)]
    if code is None:
        inside.append(leaf("agentType", sort))
    else:
        inside.append(words.term("agentType", "agentType", sort, code))
    if version:
        inside.append(leaf("agentVersion", version))
    if note:
        inside.append(leaf("agentNote", note))
    return node("agent", *inside)


def _event(plan: BundlePlan, event: CustodyEvent, about: Sequence[str], of: str = "") -> str:
    inside = [
        words.identifier("eventIdentifier", words.ENTRY, f"{plan.origin}/{event.position}"),
        _type(event.type),
        leaf("eventDateTime", event.recorded_at),
        *(_detail(line) for line in event_details(event, of)),
        _outcome(event),
        words.linking("Agent", words.ORGANISATION, plan.origin, "implementer"),
        words.linking("Agent", words.SOFTWARE, event.tool, "executing program"),
        words.linking("Agent", words.KEY, event.signer, "signer"),
    ]
    actor = event.revealed.get("actor")
    if actor is not None:
        inside.append(words.linking("Agent", words.CODE_NAME, str(actor), "who acted"))
    return node("event", *inside, *about)


def _type(name: str) -> str:
    """A term of the vocabulary; a type that this version does not know keeps its name."""
    label = PREMIS.get(name)
    return leaf("eventType", name) if label is None else words.event_type(label)


def _detail(text: str) -> str:
    return node("eventDetailInformation", leaf("eventDetail", text))


def _outcome(event: CustodyEvent) -> str:
    """What became of it, where that is known; else why it can't be said here."""
    if event.void:
        return _judged("void", "signed by a key that no longer counted: it proves nothing")
    if event.type == "derivation-refused":
        return _judged("fail", "no copy was kept")
    if event.type == "fixity-checked":
        if "findings" not in event.revealed:
            return _noted("the findings are withheld here")
        found = event.revealed["findings"]
        count = len(found) if isinstance(found, list) else 0
        return _judged("fail" if count else "success", f"{count} findings in the whole run")
    if event.type in _DONE:
        return _judged("success", "committed after the bytes were durable")
    if event.type in LEAVING:
        return _noted("committed before anything left; that it arrived is not on record here")
    return ""


def _judged(outcome: str, note: str) -> str:
    code = {"fail": "fai", "success": "suc"}.get(outcome)
    element = (
        leaf("eventOutcome", outcome)
        if code is None
        else words.term("eventOutcome", "eventOutcome", outcome, code)
    )
    detail = node("eventOutcomeDetail", leaf("eventOutcomeDetailNote", note))
    return node("eventOutcomeInformation", element, detail)


def _noted(note: str) -> str:
    return node(
        "eventOutcomeInformation",
        node("eventOutcomeDetail", leaf("eventOutcomeDetailNote", note)),
    )


def _about(event: CustodyEvent, items: Sequence[str], made: str | None) -> list[str]:
    """The objects of an event: for a copy that leaves, what it was made from and what was made."""
    if made is not None:
        return [
            words.linking("Object", words.ORIGINAL, items[0], "source"),
            words.linking("Object", words.IN_BAG, made, "outcome"),
        ]
    kind = words.ORIGINAL if event.type in ("ingested", "transfer-accepted") else words.ITEM
    return [words.linking("Object", kind, each) for each in items]
