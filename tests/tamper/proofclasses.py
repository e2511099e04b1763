"""Classes of the tamper table about countersignatures, time stamps and what a signer had seen."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from tests.tamper.classes import OPEN, absent, tampers
from tests.tamper.world import Case
from tests.time.authority import LocalAuthority
from tests.verify.forge import Maker, Stood
from tests.verify.test_states import (
    NOW,
    anchored_scene,
    countersigner,
    policy_text,
    replace_name,
    scene,
    state_of,
)

from evidence_vault.core.checkpoint import sign_line
from evidence_vault.core.note import Note, format_note, parse_note
from evidence_vault.core.receipt import Receipt, ReceiptState, format_receipt
from evidence_vault.core.trust import TrustFile, format_trust


def _case(name: str, receipt: Receipt, trust: TrustFile) -> Case:
    return Case(name, receipt=format_receipt(receipt), trust=format_trust(trust))


def _noted(receipt: Receipt, note: bytes) -> Receipt:
    return replace(receipt, states=(replace(receipt.states[0], note=note),))


@tampers("nothing (countersigned, stamped and anchored receipts)", good=True)
def untouched_proofs() -> Iterator[Case]:
    for orgs in (("amber", "birch"), ("amber", "birch", "cedar")):
        made = scene(orgs)
        yield _case(f"{orgs}", made.receipt, made.trust)
    _, receipt, trust, _ = anchored_scene()
    yield _case("anchored", receipt, trust)
    receipt, trust = _stamped()
    yield _case("stamped", receipt, trust)


@tampers("a countersignature or countersigned state removed, changed, doubled or moved")
def cosignatures() -> Iterator[Case]:
    made = scene(("amber", "birch", "cedar"))
    receipt, trust = made.receipt, made.trust
    yield _case("state removed", replace(receipt, states=()), trust)
    state = receipt.states[0]
    note = parse_note(state.note)
    for place, line in enumerate(note.signatures):
        rest = (*note.signatures[:place], *note.signatures[place + 1 :])
        bad = format_note(Note(note.text, rest))
        yield _case(f"line {place} removed", _noted(receipt, bad), trust)
        flipped = replace(line, signature=line.signature[:-1] + bytes([line.signature[-1] ^ 1]))
        lines = (*note.signatures[:place], flipped, *note.signatures[place + 1 :])
        if len(line.signature) < 100:  # the others are ML-DSA-44: a class of their own
            bad = format_note(Note(note.text, lines))
            yield _case(f"line {place} changed", _noted(receipt, bad), trust)
        doubled = format_note(Note(note.text, (*note.signatures, line)))
        yield _case(f"line {place} doubled", _noted(receipt, doubled), trust)
        timeless = replace(line, signature=bytes(8) + line.signature[8:])
        if len(line.signature) == 72:
            lines = (*note.signatures[:place], timeless, *note.signatures[place + 1 :])
            bad = format_note(Note(note.text, lines))
            yield _case(f"line {place} without time", _noted(receipt, bad), trust)
    yield _case("another size", replace(receipt, states=(replace(state, size=1),)), trust)
    lines = tuple(s for s in note.signatures if s.name != made.maker.origin)
    moved = parse_note(made.maker.note(1))
    bad = format_note(Note(moved.text, (*moved.signatures, *lines)))
    yield _case("moved to another state", _noted(receipt, bad), trust)
    for place, _ in enumerate(state.consistency):
        proof = (*state.consistency[:place], bytes(32), *state.consistency[place + 1 :])
        changed = replace(receipt, states=(replace(state, consistency=proof),))
        yield _case(f"proof {place}", changed, trust)
    for number, proof in enumerate(((), (*state.consistency, bytes(32)))):
        other = replace(receipt, states=(replace(state, consistency=proof),))
        yield _case(f"proof cut or grown {number}", other, trust)
    fork = Maker(seed="states")
    fork.ingest(b"other content")
    fork.about_set(list(fork.contents), "exported", {"actor": "desk-2"})
    size = len(made.maker.leaves)
    bad_state = ReceiptState(size, fork.note(size), ())
    yield _case("of a fork", replace(receipt, states=(state, bad_state)), trust)
    yield _case("of a stranger", _noted(receipt, Maker(seed="x").note(1)), trust)


@tampers("an ML-DSA-44 countersignature changed and nothing else")
def cosignatures_quantum() -> Iterator[Case]:
    made = scene(("amber", "birch"))
    note = parse_note(made.receipt.states[0].note)
    for place, line in enumerate(note.signatures):
        if len(line.signature) > 1000:
            flipped = replace(line, signature=line.signature[:-1] + bytes([line.signature[-1] ^ 1]))
            lines = (*note.signatures[:place], flipped, *note.signatures[place + 1 :])
            bad = format_note(Note(note.text, lines))
            yield _case(f"line {place}", _noted(made.receipt, bad), made.trust)


@tampers("too few countersignatures, or by strangers: pending, never verified", wanted=OPEN)
def below_quorum() -> Iterator[Case]:
    for orgs in ((), ("amber",)):
        made = scene(orgs)
        yield _case(f"{orgs}", made.receipt, made.trust)
    made = scene(("amber",))
    note = parse_note(made.receipt.states[0].note)
    point = made.maker.checkpoint(2)
    for name in ("birch-countersigner", "stranger-countersigner"):
        signers = [replace_name(s, name) for s in countersigner("forged").signers()]
        lines = [sign_line(point, signer, timestamp=NOW) for signer in signers]
        bad = format_note(Note(note.text, (*note.signatures, *lines)))
        yield _case(f"a stranger as {name}", _noted(made.receipt, bad), made.trust)
    maker = Maker(seed="alone")
    item = maker.ingest(b"content")
    trust = maker.trust(policy=policy_text(maker))
    yield _case("nobody", maker.receipt(item), trust)


@tampers("what a signer had seen: a false proof, a head never seen, anchors of no known form")
def seen_heads() -> Iterator[Case]:
    maker, receipt, trust, _ = anchored_scene()
    event = receipt.events[2]
    proof = event.seen or ()
    for number, seen in enumerate((tuple(bytes(32) for _ in proof), (), (*proof, bytes(32)))):
        bad = replace(receipt, events=(*receipt.events[:2], replace(event, seen=seen)))
        yield _case(f"proof {number}", bad, trust)
    anchors = {"anchors": [{"kind": "beacon", "name": "x", "round": "y", "value": "00" * 32}]}
    forms: tuple[dict[str, Any], ...] = (anchors, {"anchors": []}, {})
    for number, clear in enumerate(forms):
        maker = Maker(seed=f"anchors {number}")
        item = maker.ingest(b"content")
        index = maker.add("anchored", {"kind": "vault"}, {}, clear)
        tree = maker.tree()
        told = maker.receipt(item, tree=tree)
        events = (*told.events, maker.receipt_event(Stood(index, None), (), tree))
        yield _case(f"anchors {number}", replace(told, events=events), maker.trust())


@lru_cache(maxsize=2)
def _authority(name: str) -> LocalAuthority:
    authority = LocalAuthority(Path(tempfile.mkdtemp()) / name, name)
    authority.stop()
    return authority


def _stamped(trusted: bool = True) -> tuple[Receipt, TrustFile]:
    """A receipt with one stamped state; its export names the stamp."""
    maker = Maker(seed="stamped")
    item = maker.ingest(b"content")
    size = len(maker.leaves)
    note = maker.note(size)
    token = _authority("good").stamp(note)
    digest = hashlib.sha256(token).hexdigest()
    proofs = {
        "cosignatures": "not configured",
        "inclusion": "present",
        "states": [{"cosigners": [], "size": size, "tokens": [digest]}],
        "timestamps": "present",
    }
    maker.about_set([item], "exported", {"actor": "desk-1", "proofs": proofs})
    state = replace(state_of(maker, size, []), note=note, tokens=(("good", token),))
    roots = (_authority("good" if trusted else "stranger").root_pem,)
    return replace(maker.receipt(item), states=(state,)), replace(
        maker.trust(), time_authorities=roots
    )


@tampers("a time stamp removed, changed, or over something else")
def timestamps() -> Iterator[Case]:
    receipt, trust = _stamped()
    state = receipt.states[0]
    ((name, token),) = state.tokens
    other = _authority("good").stamp(b"something else")
    grown = Note(parse_note(state.note).text, parse_note(state.note).signatures[:1])
    over_less = _authority("good").stamp(format_note(grown))
    for what, tokens in (
        ("removed", ()),
        ("over something else", ((name, other),)),
        ("over one signature of the log alone", ((name, over_less),)),
        ("one more, over something else", ((name, token), ("more", other))),
        ("one more, rubbish", ((name, token), ("more", b"rubbish"))),
        ("one more, cut", ((name, token), ("more", token[:-1]))),
    ):
        yield _case(what, replace(receipt, states=(replace(state, tokens=tokens),)), trust)
    yield _case("state removed", replace(receipt, states=()), trust)
    for place in range(60, len(token), max(1, len(token) // 40)):
        bad = token[:place] + bytes([token[place] ^ 1]) + token[place + 1 :]
        changed = replace(receipt, states=(replace(state, tokens=((name, bad),)),))
        yield _case(f"byte {place}", changed, trust)


@tampers("a time stamp by an authority that the trust file does not name", wanted=OPEN)
def strange_authorities() -> Iterator[Case]:
    receipt, trust = _stamped(trusted=False)
    yield _case("another authority", receipt, trust)
    yield _case("none named", receipt, replace(trust, time_authorities=()))


absent(
    "network_documents",
    "documents of the network skipped, forked, below their threshold",
    "no cases are written yet; `verify.sh` leaves these documents open, the program checks them",
)
