"""Share copies, and the statements on them, travel with their items, and none is ever lost."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from PIL import Image

from evidence_vault.bundle.howto import how_to_verify
from evidence_vault.core.derivation import (
    SHARE_COPY,
    Parent,
    format_statement,
    parse_statement,
)
from evidence_vault.core.event import parse_entry
from evidence_vault.core.findings import Report
from evidence_vault.core.receipt import format_receipt, parse_receipt
from evidence_vault.errors import UsageError
from evidence_vault.seal import keyring
from evidence_vault.vault import derivatives
from evidence_vault.vault.accepting import AcceptRequest, accept
from evidence_vault.vault.describing import describe
from evidence_vault.vault.exits import get_item, write_receipts
from evidence_vault.vault.exporting import ExportRequest, export
from evidence_vault.vault.fixity import fixity
from evidence_vault.vault.ingest import IngestRequest, ingest
from evidence_vault.vault.offering import OfferRequest, offer
from evidence_vault.vault.queries import history, list_items, show_item
from evidence_vault.vault.rebuilding import rebuild
from evidence_vault.vault.records import ItemEvent, item_history, open_record
from evidence_vault.vault.searchcopies import check_search, derive_search
from evidence_vault.vault.trusting import export_trust
from evidence_vault.vault.writer import writing
from evidence_vault.verify import load_trust
from evidence_vault.verify.bundle import verify_bundle
from evidence_vault.verify.receipt import verify_receipt

from .copies import (
    ARTIST,
    let_read,
    make_field_with_copies,
    make_two_desks,
    picture,
    take_in,
)
from .files import Members, members, replaced, rewrite
from .test_hand_over import ROOT, shell_verifier
from .test_kill import ACCEPT, REMOVE, die
from .worlds import PASSPHRASE, World, make_desk, opened, pin

BOTH, ONLY_COPY, NONE = (f"FLD-{number:07d}" for number in (1, 2, 3))
Make = Callable[[Path], World]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Make], World]]:
    """Each kind of world, made once."""
    worlds: dict[Make, World] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keyring, "LOG_N", 10)
        patch.setenv("EVIDENCE_VAULT_EXIFTOOL", "off")

        def of(make: Make) -> World:
            if make not in worlds:
                base = tmp_path_factory.mktemp("copies")
                with pytest.MonkeyPatch.context() as state:
                    state.setenv("EVIDENCE_VAULT_STATE", str(base / "state"))
                    worlds[make] = make(base)
            return worlds[make]

        yield of


@pytest.fixture
def world(made: Callable[[Make], World], tmp_path: Path) -> World:
    """A desk and a field vault with three items, of which two have a share copy."""
    return made(make_field_with_copies).copy_to(tmp_path)


@pytest.fixture
def desks(made: Callable[[Make], World], tmp_path: Path) -> World:
    """The same between two desks: the sender can derive, too."""
    return made(make_two_desks).copy_to(tmp_path)


def events_of(folder: Path, item: str) -> list[ItemEvent]:
    with opened(folder) as vault:
        return list(item_history(vault, item))


def types_of(folder: Path, item: str) -> list[str]:
    return [each.event.type for each in events_of(folder, item)]


def copy_of(folder: Path, item: str, out: Path) -> bytes:
    with opened(folder) as vault:
        get_item(vault, item, out, share_copy=True)
    return out.read_bytes()


def checked(folder: Path, item: str) -> tuple[str, str]:
    """What ``derive --check`` says."""
    with opened(folder) as vault:
        row = derivatives.check(vault, [item])["checked"][0]
    return row["outcome"], row["reason"]


def assert_refused(world: World, file: Path, item: str, words: str) -> None:
    """The item is left out by name, the others come in, and nothing of it is acknowledged."""
    result = world.accept(file, world.answer)
    (row,) = result["refused"]
    assert row["id"] == item and words in row["reason"], row
    assert item not in result["acknowledged"]
    assert len(result["acknowledged"]) == 2
    world.acknowledge()
    assert world.states()[item] == "open"
    assert item not in world.remove()["removed"]


# -- the way there -----------------------------------------------------------------------------


def test_original_copy_and_statement_go_to_the_desk_and_the_sender_lets_go(
    world: World, tmp_path: Path
) -> None:
    world.offer()
    result = world.accept(out=world.answer)
    assert result["refused"] == []
    assert [(c["id"], c["outcome"]) for c in result["copies"]] == [
        (BOTH, "clean"),
        (ONLY_COPY, "clean"),
        (NONE, "not-checked"),
    ]
    assert world.acknowledge()["acknowledged"] == [BOTH, ONLY_COPY, NONE]
    removed = world.remove()
    assert (removed["exit"], removed["removed"]) == (0, [BOTH, ONLY_COPY, NONE])
    left = [p for p in (world.field / "archive" / "objects").rglob("*") if p.is_file()]
    assert left == []
    assert types_of(world.desk, BOTH) == ["transfer-accepted", "derived"]
    source = world.base / "source" / "one.jpg"
    with opened(world.desk) as vault:
        get_item(vault, BOTH, tmp_path / "original")
        assert fixity(vault, all=True)["damaged"] == []
        assert show_item(vault, BOTH)["derivatives"][0]["outcome"] == "clean"
        assert "it came with the item" in json.dumps(history(vault, BOTH)["events"][1]["fields"])
    assert (tmp_path / "original").read_bytes() == source.read_bytes()
    copy = copy_of(world.desk, BOTH, tmp_path / "copy")
    assert ARTIST.encode() not in copy
    pixels = [Image.open(io.BytesIO(data)).tobytes() for data in (source.read_bytes(), copy)]
    assert pixels[0] == pixels[1]
    world.assert_sound()


def test_the_desk_names_the_same_units_and_values_and_its_own_arrival(world: World) -> None:
    world.handed_over()
    arrival, derived = events_of(world.desk, BOTH)
    with opened(world.field) as vault:
        ours = [each.event for each in item_history(vault, BOTH)][1]
    assert derived.event.units[:2] == ours.units[:2]
    assert derived.values["parent"] == {
        "commitment": arrival.event.commitments["content_sha256"],
        "field": "content_sha256",
        "seq": 0,
    }
    with opened(world.desk) as vault:
        report, parent = parse_statement(derivatives.read_statement(vault, derived))
    assert report["copy"]["sha256"] == derived.values["content_sha256"]
    assert parent.home == ours.origin


def test_both_verifiers_read_the_answer_that_names_copies(world: World, tmp_path: Path) -> None:
    world.handed_over()
    with opened(world.desk) as vault:
        export_trust(vault, tmp_path / "trust")
    data = world.answer.read_bytes()
    named = [parse_entry(event.leaf).event.type for event in parse_receipt(data).events]
    assert named.count("derived") == 2 and named.count("derivation-refused") == 1
    assert b'"content_sha256","' not in data and b'"parent","' not in data
    assert verify_receipt(data, None, load_trust(tmp_path / "trust")).exit_status() == 0
    status, text = shell_verifier("-c", "-t", tmp_path / "trust", world.answer)
    assert status == 0, text


def test_a_statement_that_came_along_matches_when_it_is_made_again(world: World) -> None:
    world.handed_over()
    assert checked(world.desk, BOTH)[0] == "matches"
    assert checked(world.desk, ONLY_COPY) == (
        "unchecked",
        "the original was not kept (strip-only)",
    )


def test_what_the_log_before_said_is_gone_is_unchecked_and_never_a_match(world: World) -> None:
    world.handed_over()
    for path in (world.desk / "control" / "foreign").rglob("headers/*"):
        path.unlink()
    assert checked(world.desk, BOTH)[0] == "unchecked"


def test_strip_only_is_taken_over_as_the_copy_alone(world: World, tmp_path: Path) -> None:
    world.handed_over()
    assert world.remove()["exit"] == 0
    source = world.base / "source" / "two.jpg"
    arrival = events_of(world.desk, ONLY_COPY)[0].event
    assert [unit.kind for unit in arrival.units] == ["record"]
    schema = json.loads((ROOT / "schemas" / "events" / "transfer-accepted.json").read_text())
    jsonschema.validate(arrival.to_json(), schema)
    with opened(world.desk) as vault:
        shown = show_item(vault, ONLY_COPY)
        assert shown["digests"]["sha256"] == hashlib.sha256(source.read_bytes()).hexdigest()
        assert shown["metadata"]["status"] == "not-kept"
        with pytest.raises(UsageError, match="not kept"):
            get_item(vault, ONLY_COPY, tmp_path / "no")
        assert fixity(vault, all=True)["exit"] == 0
        request = IngestRequest([os.fsencode(source)], metadata="strip-only", workers=1)
        assert ingest(vault, request)["received_again"][0]["id"] == ONLY_COPY
        named = ["content_sha256", "content_sha512", "content_size"]  # the original's stay else
        write_receipts(vault, [ONLY_COPY], tmp_path / "receipt", named)
        export_trust(vault, tmp_path / "trust")
    copy_of(world.desk, ONLY_COPY, tmp_path / "copy")
    known = load_trust(tmp_path / "trust")
    for path in (tmp_path / "copy", source):
        with path.open("rb") as stream:
            report = verify_receipt((tmp_path / "receipt").read_bytes(), stream, known)
        assert report.exit_status() == 0
        status, text = shell_verifier("-c", "-t", tmp_path / "trust", tmp_path / "receipt", path)
        assert status == 0, text
    world.assert_sound()


def test_the_desk_is_rebuilt_from_its_store(world: World, tmp_path: Path) -> None:
    world.handed_over()
    before = {item: copy_of(world.desk, item, tmp_path / item) for item in (BOTH, ONLY_COPY)}
    with opened(world.desk) as vault:
        listed = list_items(vault)
    (world.desk / "catalogue.db").unlink()
    assert rebuild(world.desk, lambda: PASSPHRASE)["exit"] == 0
    with opened(world.desk) as vault:
        assert list_items(vault) == listed
        derived = show_item(vault, NONE)["derivatives"]
    assert [each["outcome"] for each in derived] == ["not-checked"]
    for item, data in before.items():
        assert copy_of(world.desk, item, tmp_path / f"{item}-again") == data
    assert checked(world.desk, BOTH)[0] == "matches"


# -- giving out at the desk --------------------------------------------------------------------


def exported(world: World, out: Path) -> tuple[dict[str, Any], Report]:
    trust = out.with_name("desk-trust")
    with opened(world.desk) as vault:
        result = export(vault, ExportRequest(None, out, clear=True, folder=True))
        export_trust(vault, trust)
    return result, verify_bundle(out, load_trust(trust))


def test_the_copy_leaves_the_desk_and_both_verifiers_call_it_one(
    world: World, tmp_path: Path
) -> None:
    world.handed_over()
    out = tmp_path / "out"
    result, report = exported(world, out)
    assert result["copies"] == 2 and result["sensitive"] == []
    assert report.exit_status() == 0
    assert "B-COPIES-OK" in {finding.code for finding in report.findings}
    status, text = shell_verifier("-c", "-t", tmp_path / "desk-trust", out)
    assert status == 0 and "is NOT the original" in text, text
    lines = how_to_verify().decode().splitlines()
    script = "\n".join(line[4:] for line in lines if line.startswith("    "))
    done = subprocess.run(
        ["sh", "-s"], input=script, cwd=out, capture_output=True, text=True, check=False
    )
    assert "is NOT the original, but the copy the archive made of it" in done.stdout, done.stdout
    assert "DOES NOT MATCH" not in done.stdout
    originals = [(world.base / "source" / name).read_bytes() for name in ("one.jpg", "two.jpg")]
    hidden = [hashlib.new(n, data).hexdigest() for data in originals for n in ("sha256", "sha512")]
    for path in (p for p in out.rglob("*") if p.is_file()):
        data = path.read_bytes()
        for each in (*hidden, ARTIST, "one.jpg"):
            assert each.encode() not in data, path


# -- what the acknowledgement proves -----------------------------------------------------------


def derive(world: World, item: str) -> None:
    with opened(world.field) as vault:
        assert derivatives.derive(vault, [item])["exit"] == 0


@pytest.mark.parametrize("when", ["before the answer", "after the answer"])
def test_a_copy_made_after_the_offer_keeps_its_item_until_it_is_offered_again(
    desks: World, when: str, tmp_path: Path
) -> None:
    desks.offer()
    if when == "before the answer":
        derive(desks, BOTH)
    desks.accept(out=desks.answer)
    assert desks.acknowledge()["acknowledged"] == [BOTH, ONLY_COPY, NONE]
    if when == "after the answer":
        derive(desks, BOTH)
    kept = desks.remove()
    assert (kept["exit"], kept["removed"]) == (3, [ONLY_COPY, NONE])
    (row,) = kept["refused"]
    assert row["id"] == BOTH and f"transfer offer {BOTH}" in row["reason"]
    copy_of(desks.field, BOTH, tmp_path / "still")
    file, answer = tmp_path / "second.tar", tmp_path / "second.txt"
    assert desks.offer(out=file)["items"] == [BOTH]  # with --all, too
    again = desks.accept(file, answer)
    assert (again["already_in"], again["taken_over"]) == ([BOTH], [])
    assert [each["id"] for each in again["copies"]] == [BOTH]
    assert desks.remove()["removed"] == []
    assert desks.acknowledge(answer)["acknowledged"] == [BOTH]
    assert desks.acknowledge(answer)["already"] == [BOTH]
    assert desks.remove()["removed"] == [BOTH]
    assert types_of(desks.desk, BOTH) == ["transfer-accepted", "derived", "derived"]
    assert checked(desks.desk, BOTH)[0] == "matches"
    desks.assert_sound()


def test_the_same_file_accepted_again_adds_nothing(world: World, tmp_path: Path) -> None:
    world.offer()
    world.accept()
    again = world.accept(out=world.answer)
    assert (again["copies"], again["refused"]) == ([], [])
    assert world.acknowledge()["acknowledged"] == [BOTH, ONLY_COPY, NONE]
    assert types_of(world.desk, BOTH) == ["transfer-accepted", "derived"]


def test_an_answer_without_the_copies_acknowledges_no_item_that_has_one(world: World) -> None:
    """As a desk writes it that left the copies behind."""
    plain = world.take_in("plain.txt", b"no copy was asked for\n")
    world.offer()
    world.accept(out=world.answer)
    receipt = parse_receipt(world.answer.read_bytes())
    kept = tuple(
        event
        for event in receipt.events
        if parse_entry(event.leaf).event.type not in ("derived", "derivation-refused")
    )
    made = parse_entry(kept[-1].leaf).event.recorded_at
    world.answer.write_bytes(
        format_receipt(type(receipt)(receipt.origin, receipt.subject, made, kept, receipt.note))
    )
    result = world.acknowledge()
    assert result["acknowledged"] == [plain]
    assert [row["id"] for row in result["refused"]] == [BOTH, ONLY_COPY, NONE]
    assert "does not name the copy" in result["refused"][0]["reason"]
    assert world.remove()["removed"] == [plain]


def test_a_copy_that_the_desk_lost_is_not_acknowledged_again(world: World) -> None:
    world.offer()
    world.accept()
    (content, _, _) = events_of(world.desk, ONLY_COPY)[1].event.units
    next((world.desk / "archive" / "objects").rglob(content.objects[0])).unlink()
    result = world.accept(out=world.answer)
    assert [(row["id"], row["code"]) for row in result["refused"]] == [
        (ONLY_COPY, "E-OBJECT-MISSING")
    ]
    assert result["acknowledged"] == [BOTH, NONE]


def test_what_is_described_in_the_field_afterwards_stays_readable_for_the_desk(
    world: World,
) -> None:
    world.handed_over()
    with opened(world.field) as vault:
        describe(vault, [BOTH], {"title": "said later"})
    assert world.remove()["removed"] == [BOTH, ONLY_COPY, NONE]
    with opened(world.field) as vault:
        said = next(e for e in item_history(vault, BOTH) if e.event.type == "described")
        assert fixity(vault, all=True)["damaged"] == []
    with opened(world.desk) as vault:
        assert open_record(vault, said.committed, said.event)["title"].value == "said later"


# -- attacks -----------------------------------------------------------------------------------


def units_of(world: World, item: str) -> dict[str, str]:
    """The one stored object of each unit of an item's derivative, by kind."""
    event = events_of(world.field, item)[1].event
    return {unit.kind: unit.objects[0] for unit in event.units}


def flipped(found: Members, name: str) -> Members:
    data = bytearray(dict(found)[name])
    data[len(data) // 2] ^= 1
    return replaced(found, name, bytes(data))


@pytest.mark.parametrize("kind", ["content", "statement"])
@pytest.mark.parametrize("item", [BOTH, ONLY_COPY])
def test_copy_or_statement_changed_on_the_way(world: World, item: str, kind: str) -> None:
    world.offer()
    name = f"objects/{units_of(world, item)[kind]}"
    file = rewrite(world.file, lambda found: flipped(found, name))
    assert_refused(world, file, item, "was changed")


@pytest.mark.parametrize("kind", ["content", "statement"])
def test_copy_or_statement_left_out_of_the_file(world: World, kind: str) -> None:
    world.offer()
    name = f"objects/{units_of(world, ONLY_COPY)[kind]}"
    file = rewrite(world.file, lambda found: [each for each in found if each[0] != name])
    assert_refused(world, file, ONLY_COPY, "lacks a stored object")


def test_a_file_that_was_changed_is_made_good_by_the_right_one(world: World) -> None:
    world.offer()
    name = f"objects/{units_of(world, BOTH)['content']}"
    assert world.accept(rewrite(world.file, lambda found: flipped(found, name)))["refused"]
    result = world.accept(out=world.answer)
    assert (result["refused"], result["acknowledged"]) == ([], [BOTH, ONLY_COPY, NONE])


def test_copies_of_two_items_swapped_on_the_way(world: World) -> None:
    world.offer()
    one, two = (f"objects/{units_of(world, item)['content']}" for item in (BOTH, ONLY_COPY))
    found = dict(members(world.file))
    file = rewrite(world.file, lambda f: replaced(replaced(f, one, found[two]), two, found[one]))
    result = world.accept(file, world.answer)
    assert [row["id"] for row in result["refused"]] == [BOTH, ONLY_COPY]
    assert result["acknowledged"] == [NONE]


Forge = Callable[[dict[str, Any], Parent, Parent], tuple[dict[str, Any], Parent]]


def forge(world: World, item: str, values: dict[str, Any], edit: Forge) -> None:
    """The sender signs a refused derivation of ``item`` whose statement is made by ``edit``."""
    with opened(world.field) as vault:
        arrivals = [next(item_history(vault, each)).event for each in (NONE, BOTH)]
        refused = list(item_history(vault, NONE))[1]
        report, _ = parse_statement(derivatives.read_statement(vault, refused))
        own, other = (derivatives.parent_of(each) for each in arrivals)
        told, parent = edit(dict(report), own, other)
        data = format_statement(told, parent)
        key, unit, parts = derivatives.seal_statement(vault, data)
        told_of = {
            "kind": SHARE_COPY,
            "parent": {"commitment": own.sha256, "field": "content_sha256", "seq": 0},
            "statement": {
                "outcome": report["outcome"],
                "sha256": hashlib.sha256(data).hexdigest(),
            },
            **values,
        }
        with writing(vault) as writer:
            writer.adopt(parts)
            writer.item_event("derivation-refused", item, told_of, [(key, unit)], home=own.home)
            writer.commit()


@pytest.mark.parametrize(
    ("values", "edit", "words"),
    [
        ({}, lambda report, own, other: (report, other), "about another original"),
        (
            {},
            lambda report, own, other: (
                report,
                Parent(own.home, own.item, own.seq, own.sha256, other.sha512),
            ),
            "about another original",
        ),
        (
            {"parent": {"commitment": "ab" * 32, "field": "content_sha256", "seq": 0}},
            lambda report, own, other: (report, own),
            "made from other bytes",
        ),
        (
            {"statement": {"outcome": "not-checked", "sha256": "ab" * 32}},
            lambda report, own, other: (report, own),
            "is not the one recorded",
        ),
        (
            {},
            lambda report, own, other: ({**report, "outcome": "not-clean"}, own),
            "another outcome",
        ),
    ],
    ids=["another item's", "half another item's", "other parent", "other digest", "softened"],
)
def test_statement_that_the_sender_signed_and_that_is_not_the_items(
    desks: World, values: dict[str, Any], edit: Forge, words: str
) -> None:
    forge(desks, NONE, values, edit)
    desks.offer()
    assert_refused(desks, desks.file, NONE, words)


def test_copy_that_is_gone_at_the_sender_is_said_before_the_offer(world: World) -> None:
    name = units_of(world, ONLY_COPY)["content"]
    next((world.field / "archive" / "objects").rglob(name)).unlink()
    result = world.offer()
    assert [row["id"] for row in result["refused"]] == [ONLY_COPY]
    assert result["items"] == [BOTH, NONE]


# -- on to a third desk ------------------------------------------------------------------------


def test_a_copy_handed_on_goes_along_and_what_can_not_be_compared_is_said(
    desks: World, tmp_path: Path
) -> None:
    third, file = tmp_path / "third", tmp_path / "on.tar"
    make_desk(third, "TRI")
    pin(third, desks.desk, tmp_path / "second-trust.json")
    pin(desks.desk, third, tmp_path / "third-trust.json")
    let_read(desks.field, third, "partner-2")
    let_read(desks.desk, third, "partner-2")
    item = take_in(desks, picture(desks.base / "source" / "late.jpg", 60), "strip")
    desks.handed_over()
    with opened(third) as vault:
        origin = vault.keyring.origin
    with opened(desks.desk) as vault:
        offer(vault, OfferRequest(file, [item], to=origin))
    with opened(third) as vault:
        result = accept(vault, AcceptRequest(file))
        assert (result["refused"], len(result["copies"])) == ([], 1)
    copy = copy_of(third, item, tmp_path / "copy")
    assert copy == copy_of(desks.desk, item, tmp_path / "same")
    assert checked(desks.desk, item)[0] == "matches"
    assert checked(third, item) == ("unchecked", "the statement names a log that is not here")


# -- killed between ----------------------------------------------------------------------------


@pytest.mark.sweep
@pytest.mark.parametrize("step", ACCEPT)
def test_accept_killed(world: World, step: str, tmp_path: Path) -> None:
    world.offer()
    die(world, "accept", step)
    result = world.accept(out=world.answer)
    assert (result["refused"], result["acknowledged"]) == ([], [BOTH, ONLY_COPY, NONE])
    assert world.acknowledge()["acknowledged"] == [BOTH, ONLY_COPY, NONE]
    assert types_of(world.desk, ONLY_COPY) == ["transfer-accepted", "derived"]
    copy_of(world.desk, ONLY_COPY, tmp_path / "copy")
    world.assert_sound()


@pytest.mark.sweep
@pytest.mark.parametrize("step", REMOVE)
def test_remove_killed(world: World, step: str, tmp_path: Path) -> None:
    world.handed_over()
    die(world, "remove", step)
    world.remove()
    assert not [p for p in (world.field / "archive" / "objects").rglob("*") if p.is_file()]
    copy_of(world.desk, ONLY_COPY, tmp_path / "copy")
    world.assert_sound()


# -- search copies -----------------------------------------------------------------------------


def test_a_search_copy_goes_along_and_matches_when_it_is_made_again(desks: World) -> None:
    item = desks.take_in("text.txt", "ကောင်း\n".encode())
    with opened(desks.field) as vault:
        assert derive_search(vault, [item])["exit"] == 0
    desks.handed_over()
    assert desks.remove()["exit"] == 0
    with opened(desks.desk) as vault:
        row = check_search(vault, [item])["checked"][0]
        assert show_item(vault, item)["derivatives"][0]["outcome"] == "made"
    assert row["outcome"] == "matches", row
    desks.assert_sound()
