"""Receipts: good ones pass; each attack is named by the code it must produce."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace

import pytest

from evidence_vault.core.canonical import b64
from evidence_vault.core.checkpoint import Checkpoint, sign_checkpoint
from evidence_vault.core.disclosure import make_disclosure
from evidence_vault.core.event import item_subject
from evidence_vault.core.findings import Outcome, Report
from evidence_vault.core.merkle import leaf_hash, root_from_hashes
from evidence_vault.core.note import Note, format_note, parse_note
from evidence_vault.core.receipt import Receipt, ReceiptEvent, format_receipt
from evidence_vault.core.trust import TrustFile
from evidence_vault.errors import Exit
from evidence_vault.verify import render_text, report_to_json, verify_receipt
from evidence_vault.verify.custody import CustodyChecker

from .conftest import World
from .forge import Maker, Stood


def check(
    receipt: Receipt | bytes, trust: TrustFile | None, content: bytes | None = None
) -> Report:
    data = receipt if isinstance(receipt, bytes) else format_receipt(receipt)
    return verify_receipt(data, None if content is None else io.BytesIO(content), trust)


def codes(report: Report, outcome: Outcome = Outcome.DIFFERS) -> set[str]:
    return {f.code for f in report.findings if f.outcome is outcome}


def swap_event(receipt: Receipt, position: int, event: ReceiptEvent) -> Receipt:
    events = list(receipt.events)
    events[position] = event
    return replace(receipt, events=tuple(events))


def test_good_receipt_with_file_and_trust_passes(world: World) -> None:
    report = check(world.receipt, world.trust, world.maker.contents[world.items[0]])
    assert report.exit_status() == Exit.OK
    assert [s.outcome for s in report.steps if s.required] == [Outcome.MATCHES] * 8
    assert [s.number for s in report.steps] == list(range(1, 11))


def test_every_item_and_the_vault_itself_pass(world: World) -> None:
    for item in world.items:
        assert check(world.maker.receipt(item), world.trust).exit_status() == Exit.OK
    assert check(world.maker.receipt(None), world.trust).exit_status() == Exit.OK


def test_without_trust_file_who_is_open_and_said_first(world: World) -> None:
    report = check(world.receipt, None)
    assert report.exit_status() == Exit.UNCHECKED
    assert codes(report, Outcome.UNCHECKED) == {"W-NO-TRUST"}
    first = render_text(report).splitlines()[0]
    assert first.startswith("WHO made this could not be checked")
    fingerprint = leaf_hash(world.maker.leaves[0])
    assert fingerprint.hex() in first
    assert str(report.facts["fingerprint_words"]) in first


def test_changed_file(world: World) -> None:
    content = world.maker.contents[world.items[0]]
    for other in (b"", content[:-1], content + b"x", b"X" + content[1:]):
        report = check(world.receipt, world.trust, other)
        assert report.exit_status() == Exit.EVIDENCE
        assert codes(report) == {"R-FILE-CHANGED"}


def test_withheld_digest_leaves_the_file_unchecked(world: World) -> None:
    item = world.items[0]
    receipt = world.maker.receipt(item, reveal=("content_sha256", "content_size"))
    report = check(receipt, world.trust, world.maker.contents[item])
    assert report.exit_status() == Exit.UNCHECKED
    assert codes(report, Outcome.UNCHECKED) == {"R-FILE-WITHHELD"}
    assert check(receipt, world.trust, b"other").exit_status() == Exit.EVIDENCE


def test_every_flipped_bit_is_noticed(world: World) -> None:
    """One bit of each byte, its position turning with the offset. 'made' alone is unsigned."""
    good = format_receipt(world.receipt)
    made = good.index(b"made ") + 5
    flips = 0
    for offset in range(0, len(good), 7):
        if made <= offset < made + 20:
            continue
        bad = bytearray(good)
        bad[offset] ^= 1 << (offset // 7 % 8)
        report = check(bytes(bad), world.trust)
        assert report.exit_status() in (Exit.EVIDENCE, Exit.LOG), f"bit of byte {offset}"
        flips += 1
    assert flips > 1500


def test_every_truncation_is_noticed(world: World) -> None:
    good = format_receipt(world.receipt)
    for end in range(1, len(good), 97):
        assert check(good[:end], world.trust).exit_status() == Exit.EVIDENCE
    assert check(good + b"\n", world.trust).exit_status() == Exit.EVIDENCE


@pytest.mark.parametrize("dropped", [1, 2, 3])
def test_dropped_event(world: World, dropped: int) -> None:
    events = world.receipt.events[:dropped] + world.receipt.events[dropped + 1 :]
    report = check(replace(world.receipt, events=events), world.trust)
    assert report.exit_status() == Exit.EVIDENCE
    assert codes(report) == {"R-SEQUENCE"}


def test_dropped_entry_zero(world: World) -> None:
    report = check(replace(world.receipt, events=world.receipt.events[1:]), world.trust)
    assert report.exit_status() == Exit.EVIDENCE
    assert "R-ENTRY-ZERO" in codes(report)


def test_duplicated_and_reordered_events(world: World) -> None:
    events = world.receipt.events
    for other in ((*events, events[-1]), (events[0], events[2], events[1], *events[3:])):
        report = check(replace(world.receipt, events=other), world.trust)
        assert report.exit_status() == Exit.EVIDENCE
        assert "R-ORDER" in codes(report)


def test_only_entry_zero_proves_nothing_about_an_item(world: World) -> None:
    report = check(replace(world.receipt, events=world.receipt.events[:1]), world.trust)
    assert codes(report) == {"R-NO-EVENTS"}


def bent(change: Callable[[Maker, str], object]) -> tuple[Receipt, TrustFile]:
    """A receipt of a vault that signed and logged something wrong about its item."""
    maker = Maker()
    item = maker.ingest(b"content")
    change(maker, item)
    return maker.receipt(item), maker.trust()


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("R-PREV", lambda m, i: m.about(i, "described", {"actor": "a"}, prev="0" * 64)),
        ("R-SEQUENCE", lambda m, i: m.about(i, "described", {"actor": "a"}, item_seq=2)),
        (
            "R-SUBJECT",
            lambda m, i: m.about(
                i, "described", {"actor": "a"}, subject=item_subject(m.origin, "QVRM-0000009")
            ),
        ),
        (
            "R-SUBJECT",
            lambda m, i: m.about(
                i, "described", {"actor": "a"}, subject=item_subject("elsewhere", i)
            ),
        ),
        (
            "R-SEQUENCE",
            lambda m, i: m.about(
                i,
                "described",
                {"actor": "a"},
                subject={"kind": "vault"},
                item_seq=None,
                prev=None,
            ),
        ),
        ("R-ORIGIN", lambda m, i: m.about(i, "described", {"actor": "a"}, origin="another-log")),
        ("R-SECOND-INGEST", lambda m, i: m.about(i, "ingested", {"content_size": "3"})),
        ("R-SIZE-TEXT", lambda m, i: m.about(i, "ingested", {"content_size": 3})),
        ("R-SIZE-TEXT", lambda m, i: m.about(i, "ingested", {"content_size": "+3"})),
        (
            "R-LOG-FORK",
            lambda m, i: m.about(
                i, "described", {}, seen=({"origin": m.origin, "root": "0" * 64, "size": 3},)
            ),
        ),
    ],
)
def test_a_vault_that_bends_its_own_log(code: str, change: Callable[[Maker, str], object]) -> None:
    receipt, trust = bent(change)
    report = check(receipt, trust)
    assert code in codes(report)
    expected = Exit.LOG if code == "R-LOG-FORK" else Exit.EVIDENCE
    assert report.exit_status() == expected


def test_unknown_event_type_is_shown_and_passes() -> None:
    receipt, trust = bent(lambda m, i: m.about(i, "blessed", {"by": "x"}) and None)
    report = check(receipt, trust)
    assert report.exit_status() == Exit.OK
    assert "R-TYPE-UNKNOWN" in codes(report, Outcome.INFORMATION)
    assert "blessed" in render_text(report)


def test_set_event_without_its_opening_or_with_that_of_another_item(world: World) -> None:
    receipt, other = world.receipt, world.maker.receipt(world.items[1])
    position = next(n for n, e in enumerate(receipt.events) if e.opening is not None)
    event = receipt.events[position]
    without = swap_event(receipt, position, replace(event, opening=None))
    assert "R-MEMBER" in codes(check(without, world.trust))
    stolen = next(e.opening for e in other.events if e.index == event.index)
    assert stolen is not None
    foreign = swap_event(receipt, position, replace(event, opening=stolen))
    assert "R-SUBJECT" in codes(check(foreign, world.trust))
    member = replace(stolen.member, id=world.items[0])
    forged = swap_event(receipt, position, replace(event, opening=replace(stolen, member=member)))
    assert "R-MEMBER" in codes(check(forged, world.trust))
    extra = swap_event(receipt, 1, replace(receipt.events[1], opening=event.opening))
    assert "R-MEMBER" in codes(check(extra, world.trust))


def test_second_value_for_one_field(world: World) -> None:
    event = world.receipt.events[1]
    lie = make_disclosure(b"\0" * 32, "content_size", "1")
    twice = tuple(sorted((*event.reveals, lie), key=lambda d: d.name))
    report = check(swap_event(world.receipt, 1, replace(event, reveals=twice)), world.trust)
    assert codes(report) == {"R-FIELD-TWICE"}
    swapped = tuple(lie if d.name == "content_size" else d for d in event.reveals)
    report = check(swap_event(world.receipt, 1, replace(event, reveals=swapped)), world.trust)
    assert codes(report) == {"R-FIELD-CHANGED"}


@pytest.mark.parametrize("name", ["place", "zzz"])
def test_value_that_the_entry_does_not_commit_to(world: World, name: str) -> None:
    event = world.receipt.events[1]
    extra = make_disclosure(b"\0" * 32, name, "MMR001")
    reveals = tuple(sorted((*event.reveals, extra), key=lambda d: d.name))
    report = check(swap_event(world.receipt, 1, replace(event, reveals=reveals)), world.trust)
    assert codes(report) == {"R-FIELD-UNKNOWN"}


def test_entry_edited_after_signing(world: World) -> None:
    maker = Maker()
    item = maker.ingest(b"content")
    event, shown = maker.event(
        "ingested", item_subject(maker.origin, item), {"actor": "x"}, item_seq=0
    )
    honest = maker.sign(event)
    forged = maker.sign(replace(event, recorded_at="2020-01-01T00:00:00Z"))
    # The forged payload under the honest signature, committed to the log.
    leaf = forged[: forged.index(b'"sig"')] + honest[honest.index(b'"sig"') :]
    maker.history["QVRM-0000002"] = [Stood(maker.append(leaf, shown), None)]
    assert "R-SIGNATURE" in codes(check(maker.receipt("QVRM-0000002"), maker.trust()))


@pytest.mark.parametrize("role", ["root", "statements", "log"])
def test_entry_signed_by_a_key_of_another_role(role: str) -> None:
    maker = Maker()
    item = "QVRM-0000001"
    values = {"actor": "x"}
    subject = item_subject(maker.origin, item)
    maker.add("ingested", subject, values, role=role, item_seq=0)
    maker.history[item] = [Stood(1, None)]
    assert codes(check(maker.receipt(item), None)) == {"R-SIGNER"}


def test_proofs_spliced_from_another_vault(world: World) -> None:
    """The stranger's vault has the same origin, item number and content."""
    stranger = Maker(seed="stranger")
    item = stranger.ingest(world.maker.contents[world.items[0]])
    forged = stranger.receipt(item)
    assert check(forged, stranger.trust()).exit_status() == Exit.OK  # perfect in itself
    report = check(forged, world.trust)
    assert report.exit_status() == Exit.EVIDENCE
    assert codes(report) == {"W-FINGERPRINT"}
    for mixed in (
        replace(world.receipt, events=(world.receipt.events[0], *forged.events[1:])),
        replace(world.receipt, events=(forged.events[0], *world.receipt.events[1:])),
        replace(world.receipt, note=forged.note),
        replace(forged, events=(world.receipt.events[0], *forged.events[1:])),
    ):
        assert check(mixed, world.trust).exit_status() in (Exit.EVIDENCE, Exit.LOG)


def test_what_one_first_entry_vouches_for_another_does_not() -> None:
    """One checker sees an entry under a stranger's keys, then in a log that took it in."""
    stranger = Maker(seed="stranger")
    stranger.add("accession-closed", {"kind": "accession", "id": "QVRM-A00001"}, {"actor": "x"})
    maker = Maker()
    maker.append(stranger.leaves[1], stranger.shown[1])
    receipts = []
    for one in (stranger, maker):
        event = one.receipt_event(Stood(1, None), (), one.tree())
        receipts.append(replace(one.receipt(None), events=(*one.receipt(None).events, event)))
    checker = CustodyChecker(None)
    assert all(f.outcome is Outcome.INFORMATION for _, f in checker.check(receipts[0]).findings)
    found = [f.code for _, f in checker.check(receipts[1]).findings]
    assert found == ["R-SIGNER", "T-NONE"]


def test_log_that_the_trust_file_does_not_know(world: World) -> None:
    stranger = Maker(seed="stranger", origin="silver-harbour-1")
    receipt = stranger.receipt(stranger.ingest(b"content"))
    report = check(receipt, world.trust)
    assert report.exit_status() == Exit.EVIDENCE
    assert codes(report) == {"W-ORIGIN-UNKNOWN"}


@pytest.mark.parametrize("removed", [0, 1])
def test_removed_log_signature_is_a_downgrade(world: World, removed: int) -> None:
    note = parse_note(world.receipt.note)
    kept = (note.signatures[1 - removed],)
    bad = replace(world.receipt, note=format_note(Note(note.text, kept)))
    assert codes(check(bad, world.trust)) == {"R-CHECKPOINT-DOWNGRADE"}


def test_log_signature_by_a_strangers_key(world: World) -> None:
    stranger = Maker(seed="stranger")
    note = sign_checkpoint(world.maker.checkpoint(), stranger.log_keys, timestamp=1)
    report = check(replace(world.receipt, note=note), world.trust)
    assert codes(report) == {"R-CHECKPOINT"}
    assert report.exit_status() == Exit.EVIDENCE


def test_swapped_root_and_size(world: World) -> None:
    checkpoint = world.maker.checkpoint()
    for other in (
        Checkpoint(checkpoint.origin, checkpoint.size + 1, checkpoint.root),
        Checkpoint(checkpoint.origin, checkpoint.size, b"\1" * 32),
        Checkpoint("another-log", checkpoint.size, checkpoint.root),
    ):
        note = parse_note(world.receipt.note)
        text = f"{other.origin}\n{other.size}\n"
        lines = note.text.split("\n")
        root = lines[2] if other.root == checkpoint.root else b64(other.root)
        forged = format_note(Note(f"{text}{root}\n", note.signatures))
        report = check(replace(world.receipt, note=forged), world.trust)
        assert "R-CHECKPOINT" in codes(report)
        assert report.exit_status() == Exit.EVIDENCE


def test_shortened_and_lengthened_paths(world: World) -> None:
    event = world.receipt.events[1]
    for path in (event.path[:-1], (*event.path, b"\0" * 32), event.path[::-1], ()):
        bad = swap_event(world.receipt, 1, replace(event, path=path))
        assert codes(check(bad, world.trust)) == {"R-PROOF"}


def test_fork_at_the_size_of_the_trust_file(world: World) -> None:
    """The same vault signs another history of the same length."""
    maker = Maker()
    item = maker.ingest(b"another content")
    while len(maker.leaves) < len(world.maker.leaves):
        maker.about(item, "described", {"actor": "x"})
    assert maker.leaves[0] == world.maker.leaves[0]
    report = check(maker.receipt(item), world.trust)
    assert report.exit_status() == Exit.LOG
    assert codes(report) == {"W-LOG-FORK"}
    assert "CONTRADICTS" in render_text(report)


def test_unsigned_fork_is_a_forgery_not_a_fork(world: World) -> None:
    """Anybody can write another root; without signatures it must not accuse the vault."""
    leaves = [leaf_hash(leaf) for leaf in world.maker.leaves]
    leaves[-1] = leaf_hash(b"forged")
    forged = Checkpoint(world.maker.origin, len(leaves), root_from_hashes(leaves))
    stranger = Maker(seed="stranger")
    note = sign_checkpoint(forged, stranger.log_keys, timestamp=1)
    assert check(replace(world.receipt, note=note), world.trust).exit_status() == Exit.EVIDENCE


def test_entry_newer_than_the_trust_file(world: World) -> None:
    report = check(world.receipt, world.maker.trust(size=5))
    assert report.exit_status() == Exit.UNCHECKED
    assert codes(report, Outcome.UNCHECKED) == {"W-BEYOND-TRUST"}
    assert "W-NOT-COMPARED" in codes(report, Outcome.INFORMATION)
    assert "newer trust file" in render_text(report)


def test_checkpoint_older_than_the_trust_file_is_said_not_compared(world: World) -> None:
    maker = Maker()
    item = maker.ingest(b"content")
    receipt = maker.receipt(item)
    maker.about(item, "described", {"actor": "x"})
    report = check(receipt, maker.trust())
    assert report.exit_status() == Exit.OK
    assert "W-NOT-COMPARED" in codes(report, Outcome.INFORMATION)


@pytest.mark.parametrize(("start", "until"), [(1, 2), (3, None), (2, 5)])
def test_signer_outside_of_its_interval(world: World, start: int, until: int | None) -> None:
    origin = world.trust.origins[0]
    keys = tuple(
        replace(k, start=start, until=until) if k.role == "events" else k for k in origin.keys
    )
    trust = replace(world.trust, origins=(replace(origin, keys=keys),))
    report = check(world.receipt, trust)
    assert report.exit_status() == Exit.EVIDENCE
    assert codes(report) == {"W-KEY-INTERVAL"}


def test_signer_that_the_trust_file_does_not_name(world: World) -> None:
    origin = world.trust.origins[0]
    keys = tuple(k for k in origin.keys if k.role != "events")
    trust = replace(world.trust, origins=(replace(origin, keys=keys),))
    assert codes(check(world.receipt, trust)) == {"W-SIGNER-UNKNOWN"}


def test_log_fork_goes_before_evidence_failure(world: World) -> None:
    maker = Maker()
    item = maker.ingest(b"another content")
    while len(maker.leaves) < len(world.maker.leaves):
        maker.about(item, "described", {"actor": "x"})
    report = check(maker.receipt(item), world.trust, b"wrong file")
    assert {"W-LOG-FORK", "R-FILE-CHANGED"} <= codes(report)
    assert report.exit_status() == Exit.LOG


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "V-IS-EMPTY"),
        (b"PK\3\4 rest", "V-IS-ZIP"),
        (b"age-encryption.org/v1\n-> X25519", "V-IS-AGE"),
        (b'{"kind":"evidence-vault/trust","made_at"', "V-IS-TRUST"),
        (b'{"bundle_id":"00"', "V-IS-STATEMENT"),
    ],
)
def test_other_kinds_of_file_get_a_clear_answer(world: World, data: bytes, code: str) -> None:
    report = check(data, world.trust)
    assert report.exit_status() == Exit.UNCHECKED
    assert code in codes(report, Outcome.UNCHECKED)


@pytest.mark.parametrize("data", [b"hello\n", b"\xff\xd8\xff\xe0", b"\0" * 1000])
def test_other_content_is_no_receipt(world: World, data: bytes) -> None:
    assert codes(check(data, world.trust)) == {"R-FORMAT"}


def test_hostile_values_reach_text_and_json_escaped() -> None:
    maker = Maker()
    item = maker.ingest(b"content", title="\x1b[2J\u202egpj.exe")
    report = check(maker.receipt(item, reveal=("title",)), maker.trust())
    text = render_text(report)
    assert "\x1b" not in text and "\u202e" not in text
    assert "\\x1b[2J\\u202egpj.exe" in text
    assert report_to_json(report)["events"][1]["revealed"]["title"] == "\x1b[2J\u202egpj.exe"


def test_large_file_is_read_in_bounded_pieces(world: World) -> None:
    sizes: list[int] = []

    class Endless(io.RawIOBase):
        left = 64 * 1024 * 1024

        def read(self, size: int = -1) -> bytes:
            sizes.append(size)
            part = min(size, self.left)
            self.left -= part
            return b"\0" * part

    # As much of a stream as is read.
    report = verify_receipt(format_receipt(world.receipt), Endless(), world.trust)  # type: ignore[arg-type]
    assert codes(report) == {"R-FILE-CHANGED"}
    assert 0 < max(sizes) <= 4 * 1024 * 1024 and min(sizes) > 0
