"""Countersigned states, anchors and what a signer had seen: rules 9 and 10, attacked by name."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from evidence_vault.core.anchors import beacon_anchor, format_anchors, peer_anchor, token_anchor
from evidence_vault.core.checkpoint import sign_line
from evidence_vault.core.merkle import prove_consistency
from evidence_vault.core.note import Note, format_note, parse_note, parse_vkey
from evidence_vault.core.policy import format_policy, network_policy
from evidence_vault.core.receipt import (
    Receipt,
    ReceiptState,
    format_receipt,
    parse_receipt,
)
from evidence_vault.core.trust import TrustFile
from evidence_vault.errors import Exit
from evidence_vault.seal.keyring import WitnessKeys
from evidence_vault.verify.receipt import verify_receipt

from .forge import Maker

NOW = 1_800_000_000


def countersigner(name: str) -> WitnessKeys:
    seeds = [hashlib.sha256(f"{name} {kind}".encode()).digest() for kind in ("ed", "pq")]
    return WitnessKeys(name, *seeds)


ORGS = {name: countersigner(f"{name}-countersigner") for name in ("amber", "birch", "cedar")}


def cosigned(maker: Maker, size: int, orgs: Sequence[WitnessKeys]) -> bytes:
    """The maker's checkpoint at a size with the cosignatures of some."""
    note, point = parse_note(maker.note(size)), maker.checkpoint(size)
    lines = [sign_line(point, signer, timestamp=NOW) for org in orgs for signer in org.signers()]
    return format_note(Note(note.text, (*note.signatures, *lines)))


@dataclass
class Scene:
    """A log with one item, one countersigned state, and the export of the item."""

    maker: Maker
    receipt: Receipt
    trust: TrustFile

    def verify(self, receipt: Receipt | None = None, trust: TrustFile | None = None) -> Any:
        data = format_receipt(receipt or self.receipt)
        assert parse_receipt(data) == (receipt or self.receipt)
        return verify_receipt(data, None, trust or self.trust)


def policy_text(maker: Maker, need: int = 2) -> str:
    keys = [parse_vkey(text) for text in maker.trust_origin().log_keys]
    orgs = {name: [parse_vkey(v) for v in org.vkeys()] for name, org in ORGS.items()}
    return format_policy(network_policy(keys, orgs, need))


def state_of(maker: Maker, size: int, orgs: Sequence[WitnessKeys]) -> ReceiptState:
    tree = maker.tree()
    proof = prove_consistency(size, tree.size, tree) if size < tree.size else []
    return ReceiptState(size, cosigned(maker, size, orgs), tuple(proof))


def scene(orgs: Sequence[str] = ("amber", "birch"), need: int = 2) -> Scene:
    maker = Maker(seed="states")
    item = maker.ingest(b"content")
    size = len(maker.leaves)
    signed = [ORGS[name] for name in orgs]
    ids = sorted(parse_vkey(v).key_id.hex() for org in signed for v in org.vkeys())
    proofs = {
        "cosignatures": "present" if len(orgs) >= need else "pending",
        "inclusion": "present",
        "states": [{"cosigners": ids, "size": size, "tokens": []}],
        "timestamps": "not configured",
    }
    maker.about_set([item], "exported", {"actor": "desk-1", "proofs": proofs})
    receipt = replace(maker.receipt(item), states=(state_of(maker, size, signed),))
    return Scene(maker, receipt, maker.trust(policy=policy_text(maker, need)))


def codes(report: Any) -> set[str]:
    return {f.code for f in report.findings}


def test_a_quorum_of_countersigners_matches() -> None:
    report = scene().verify()
    assert report.exit_status() == Exit.OK
    assert {"R-COSIGN-OK", "R-COSIGN-EXIT", "T-NONE"} <= codes(report)


def test_below_the_quorum_it_is_pending_and_never_verified() -> None:
    report = scene(orgs=("amber",)).verify()
    assert report.exit_status() == Exit.UNCHECKED
    assert "R-COSIGN-PENDING" in codes(report)
    assert "R-COSIGN-OK" not in codes(report)


def test_nobody_countersigned_where_the_trust_file_asks_for_it() -> None:
    maker = Maker(seed="alone")
    item = maker.ingest(b"content")
    report = verify_receipt(
        format_receipt(maker.receipt(item)), None, maker.trust(policy=policy_text(maker))
    )
    assert report.exit_status() == Exit.UNCHECKED
    assert "R-COSIGN-PENDING" in codes(report)


def without_lines(receipt: Receipt, keep: Callable[[str], bool]) -> Receipt:
    state = receipt.states[0]
    note = parse_note(state.note)
    lines = tuple(line for line in note.signatures if keep(line.name))
    return replace(receipt, states=(replace(state, note=format_note(Note(note.text, lines))),))


def test_a_removed_cosignature_is_named() -> None:
    made = scene(orgs=("amber", "birch", "cedar"))
    report = made.verify(without_lines(made.receipt, lambda name: not name.startswith("cedar")))
    assert report.exit_status() == Exit.EVIDENCE
    assert "R-PROOF-REMOVED" in codes(report)


def test_a_removed_state_is_named() -> None:
    made = scene()
    report = made.verify(replace(made.receipt, states=()))
    assert report.exit_status() == Exit.EVIDENCE
    assert "R-PROOF-REMOVED" in codes(report)


def test_an_organisation_with_two_keys_must_sign_with_both() -> None:
    made = scene()
    weaker = replace(
        made.receipt,
        states=(
            replace(
                made.receipt.states[0],
                note=_only_first_line_of(made.receipt.states[0].note, "birch-countersigner"),
            ),
        ),
    )
    report = made.verify(weaker)
    assert report.exit_status() == Exit.EVIDENCE  # the export named both
    assert "R-COSIGN-OK" not in codes(report)


def _only_first_line_of(data: bytes, name: str) -> bytes:
    note = parse_note(data)
    first = next(line for line in note.signatures if line.name == name)
    lines = [line for line in note.signatures if line.name != name or line is first]
    return format_note(Note(note.text, tuple(lines)))


def test_a_state_of_a_log_with_other_keys() -> None:
    made = scene()
    other = Maker(seed="another vault")
    other.ingest(b"x")
    bad = replace(made.receipt.states[0], note=other.note(2))
    report = made.verify(replace(made.receipt, states=(bad,)))
    assert report.exit_status() == Exit.EVIDENCE
    assert "R-STATE" in codes(report)


def test_a_state_that_is_no_beginning_of_the_log() -> None:
    made = scene()
    fork = Maker(seed="states")
    fork.ingest(b"other content")
    bad = replace(made.receipt.states[0], note=cosigned(fork, 2, list(ORGS.values())))
    report = made.verify(replace(made.receipt, states=(bad,)))
    assert report.exit_status() == Exit.EVIDENCE
    assert "R-STATE-PROOF" in codes(report)
    assert "R-COSIGN-OK" not in codes(report)


def test_a_signed_state_of_the_same_size_with_another_root_is_a_fork() -> None:
    made = scene()
    fork = Maker(seed="states")
    fork.ingest(b"other content")
    fork.about_set(list(fork.contents), "exported", {"actor": "desk-2"})
    size = len(made.maker.leaves)
    assert len(fork.leaves) == size
    bad = ReceiptState(size, fork.note(size), ())
    report = made.verify(replace(made.receipt, states=(*made.receipt.states, bad)))
    assert report.exit_status() == Exit.LOG


def test_a_cosignature_by_a_stranger_under_a_known_name() -> None:
    made = scene(orgs=("amber",))
    forged = countersigner("forged-birch")
    signers = [replace_name(signer, "birch-countersigner") for signer in (forged.signers())]
    point = made.maker.checkpoint(2)
    note = parse_note(made.receipt.states[0].note)
    lines = [sign_line(point, signer, timestamp=NOW) for signer in signers]
    bad = format_note(Note(note.text, (*note.signatures, *lines)))
    state = replace(made.receipt.states[0], note=bad)
    report = made.verify(replace(made.receipt, states=(state,)))
    assert report.exit_status() == Exit.UNCHECKED
    assert "R-COSIGN-OK" not in codes(report)


def replace_name(signer: Any, name: str) -> Any:
    from evidence_vault.core.note import VerifierKey, format_vkey

    key = parse_vkey(signer.vkey)
    signer.name = name
    signer.vkey = format_vkey(VerifierKey(name, key.key_type, key.public_key))
    return signer


def test_every_flipped_bit_of_a_state_is_noticed() -> None:
    made = scene()
    state = made.receipt.states[0]
    for place in range(0, len(state.note) * 8, 101):
        data = bytearray(state.note)
        data[place // 8] ^= 1 << (place % 8)
        bad = replace(state, note=bytes(data))
        assert made.verify(replace(made.receipt, states=(bad,))).exit_status() != Exit.OK, place
    for place in range(len(state.consistency) * 256):
        hashes = [bytearray(h) for h in state.consistency]
        hashes[place // 256][place % 256 // 8] ^= 1 << (place % 8)
        bad = replace(state, consistency=tuple(map(bytes, hashes)))
        assert made.verify(replace(made.receipt, states=(bad,))).exit_status() != Exit.OK, place


# -- not before ---------------------------------------------------------------------------------


def anchored_scene() -> tuple[Maker, Receipt, TrustFile, bytes]:
    """An item taken in after an ``anchored`` event that names a peer's countersigned state."""
    maker, peer = Maker(seed="anchors"), Maker(seed="peer", origin="peer-log-0007")
    peer.ingest(b"theirs")
    note = cosigned(peer, 2, [ORGS["amber"]])
    digest = hashlib.sha256(note).hexdigest()
    point = peer.checkpoint(2)
    anchors = [
        peer_anchor(peer.origin, 2, point.root.hex(), digest),
        beacon_anchor("drand quicknet", "12345", "5a" * 48),
        token_anchor(maker.origin, 1, "00" * 32),
    ]
    index = maker.add("anchored", {"kind": "vault"}, {}, format_anchors(anchors))
    head = maker.checkpoint()
    seen = ({"origin": maker.origin, "root": head.root.hex(), "size": head.size},)
    item = "QVRM-0000001"
    maker.contents[item] = b"content"
    maker.about(item, "ingested", {"title": "a title"}, seen=seen)
    tree = maker.tree()
    receipt = maker.receipt(item, tree=tree)
    proof = tuple(prove_consistency(head.size, tree.size, tree))
    events = [
        receipt.events[0],
        maker.receipt_event(_stood(index), (), tree),
        replace(receipt.events[1], seen=proof),
    ]
    receipt = replace(receipt, events=tuple(events), peers=(note,))
    policy = network_policy(
        [parse_vkey(text) for text in peer.trust_origin().log_keys],
        {"amber": [parse_vkey(v) for v in ORGS["amber"].vkeys()]},
        1,
    )
    own = maker.trust_origin()
    other = peer.trust_origin(policy=format_policy(policy))
    trust = TrustFile("2026-11-23T10:00:00Z", tuple(sorted((own, other), key=lambda o: o.origin)))
    return maker, receipt, trust, note


def _stood(index: int) -> Any:
    from .forge import Stood

    return Stood(index, None)


def test_not_before_comes_from_what_the_signer_had_seen() -> None:
    _, receipt, trust, _ = anchored_scene()
    report = verify_receipt(format_receipt(receipt), None, trust)
    assert report.exit_status() == Exit.OK
    edge = report.events[-1]["not_before"]
    assert edge == {
        "basis": "countersigner",
        "by": "amber-countersigner",
        "time": "2027-01-15T08:00:00Z",
    }
    assert report.events[0]["not_before"] is None
    assert "T-BEACON" in codes(report)


def test_without_the_proof_of_what_was_seen_nothing_is_said_about_not_before() -> None:
    _, receipt, trust, _ = anchored_scene()
    bare = replace(receipt, events=(*receipt.events[:2], replace(receipt.events[2], seen=None)))
    report = verify_receipt(format_receipt(bare), None, trust)
    assert report.events[-1]["not_before"] is None


def test_a_forged_proof_of_what_was_seen() -> None:
    _, receipt, trust, _ = anchored_scene()
    wrong = tuple(hashlib.sha256(h).digest() for h in receipt.events[2].seen or ())
    assert wrong
    bad = replace(receipt, events=(*receipt.events[:2], replace(receipt.events[2], seen=wrong)))
    report = verify_receipt(format_receipt(bad), None, trust)
    assert report.exit_status() == Exit.EVIDENCE
    assert "T-SEEN" in codes(report)


def test_an_event_that_claims_a_head_it_never_saw() -> None:
    maker, receipt, trust, _ = anchored_scene()
    item = "QVRM-0000001"
    head = {"origin": maker.origin, "root": "11" * 32, "size": 2}
    index = maker.about(item, "described", {"title": "another"}, seen=(head,))
    tree = maker.tree()
    event = replace(
        maker.receipt_event(_stood(index), (), tree),
        seen=tuple(prove_consistency(2, tree.size, tree)),
    )
    told = maker.receipt(item, tree=tree)
    anchored = maker.receipt_event(_stood(1), (), tree)
    bad = replace(
        told, events=(told.events[0], anchored, told.events[1], event), peers=receipt.peers
    )
    report = verify_receipt(format_receipt(bad), None, trust)
    assert "T-SEEN" in codes(report)
    assert report.exit_status() == Exit.EVIDENCE


def test_another_peer_checkpoint_than_the_anchored_one_counts_for_nothing() -> None:
    _, receipt, trust, note = anchored_scene()
    parsed = parse_note(note)
    later = format_note(Note(parsed.text, parsed.signatures[:-1]))
    report = verify_receipt(format_receipt(replace(receipt, peers=(later,))), None, trust)
    assert report.events[-1]["not_before"] is None
