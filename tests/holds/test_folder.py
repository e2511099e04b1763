"""Holds and retention in a folder: what the log says, and what the program then refuses."""

from __future__ import annotations

import pytest

from evidence_vault.core.commit import Committed, format_commit
from evidence_vault.core.packs import format_held_pack, parse_held_pack
from evidence_vault.errors import EvidenceError, FormatError, PolicyRefused, UsageError
from evidence_vault.vault.fixity import fixity
from evidence_vault.vault.holdrestore import restore_headers
from evidence_vault.vault.holds import demand_not_held, header_copies, kept_of
from evidence_vault.vault.opening import Vault
from evidence_vault.vault.queries import history, list_items
from evidence_vault.vault.rebuilding import rebuild
from evidence_vault.vault.records import ingested_event, open_content
from evidence_vault.vault.retention import list_retention

from .worlds import CONTENTS, PASSPHRASE, WHY, World, opened


def demand(world: World, *items: str) -> None:
    with opened(world.vault) as vault:
        demand_not_held(vault, items)


def lose_headers(vault: Vault) -> None:
    """Every age header of the vault destroyed, as whoever can write to ``control/`` can."""
    log = vault.log
    for start, _ in vault.catalogue.commit_starts(0):
        commit = log.commit(start)
        bare = [Committed(each.entry, each.record, {}) for each in commit.entries]
        log.control.replace(log.commit_key(start), format_commit(start, commit.root, bare))
    log.forget()


# -- placing and releasing -------------------------------------------------------------------------


def test_a_hold_says_who_why_and_which_case(world: World) -> None:
    told = world.place(case=("C-1",))
    first, second, third = world.items()
    assert told["items"] == [first, second]
    assert told["exit"] == 0
    (hold,) = world.holds()
    assert (hold["by"], hold["case"], hold["purpose"]) == ("d-1", ["C-1"], WHY)
    assert hold["items"] == [first, second]
    assert world.holds(third) == []
    shown = world.show(first)["holds"]
    assert [(h["hold"], h["case"]) for h in shown] == [(told["hold"], ["C-1"])]
    world.assert_sound()


def test_held_items_may_not_be_destroyed_and_the_case_is_named(world: World) -> None:
    first, _, third = world.items()
    world.place(first, case=("C-7",))
    demand(world, third)
    with pytest.raises(PolicyRefused, match="C-7") as refused:
        demand(world, third, first)
    assert refused.value.code == "E-HELD"
    assert refused.value.exit_status == 14


def test_two_holds_on_one_item_and_the_second_still_keeps_it(world: World) -> None:
    first = world.items()[0]
    one = world.place(first, case=("C-1",))["hold"]
    two = world.place(first, case=("C-2",))["hold"]
    with pytest.raises(UsageError, match="under 2 holds"):
        world.release(first)
    world.release(one[:8])
    assert [h["hold"] for h in world.holds(first)] == [two]
    assert world.copies() == [f"holds/{two}/{first}/1"]
    with pytest.raises(PolicyRefused, match="C-2"):
        demand(world, first)
    world.release(first)
    demand(world, first)
    assert world.copies() == []
    world.assert_sound()


def test_released_and_placed_again_is_a_hold_of_its_own(world: World) -> None:
    first = world.items()[0]
    one = world.place(first)["hold"]
    world.release(one)
    two = world.place(first)["hold"]
    assert one != two
    assert [h["hold"] for h in world.holds(first)] == [two]
    with pytest.raises(UsageError, match="no hold"):
        world.release(one)


def test_a_hold_ends_for_one_item_and_stays_for_the_others(world: World) -> None:
    first, second, _ = world.items()
    hold = world.place(first, second)["hold"]
    world.release(first)
    (told,) = world.holds()
    assert told["items"] == [second]
    assert told["released"] == [first]
    assert world.copies() == [f"holds/{hold}/{second}/1"]
    demand(world, first)


def test_a_reason_is_required(world: World) -> None:
    from evidence_vault.vault.holding import HoldRequest, place

    with opened(world.vault) as vault, pytest.raises(UsageError, match="say why"):
        place(vault, HoldRequest("  ", world.items()))


def test_list_shows_held_items_only_when_asked(world: World) -> None:
    first, _, third = world.items()
    world.place(first, third)
    with opened(world.vault) as vault:
        assert [row["id"] for row in list_items(vault, held=True)["items"]] == [first, third]
        assert list_items(vault, held=True, limit=1, offset=1)["items"][0]["id"] == third
        assert len(list_items(vault)["items"]) == 3


def test_the_history_tells_of_the_hold(world: World) -> None:
    first = world.items()[0]
    world.release(world.place(first)["hold"])
    with opened(world.vault) as vault:
        told = history(vault, first)
    assert [e["type"] for e in told["events"]][-2:] == ["hold-placed", "hold-released"]
    assert "Legal hold placed" in told["text"]
    assert "Legal hold released" in told["text"]


def test_the_event_names_the_copies_by_their_digests(world: World) -> None:
    import hashlib

    first = world.items()[0]
    hold = world.place(first)["hold"]
    with opened(world.vault) as vault:
        event = history(vault, first)["events"][-1]
        with vault.archive.open(f"holds/{hold}/{first}/1") as stream:
            data = stream.read()
    (named,) = event["fields"]["objects"]
    assert named["sha256"] == hashlib.sha256(data).hexdigest()
    assert len(parse_held_pack(data, hold, first)) == 3  # content, record, and that of this event


def test_a_hold_on_many_items_is_several_entries_with_one_identifier(world: World) -> None:
    for number in range(66):
        (world.base / "source" / f"n{number:02}").write_bytes(b"%d" % number)
    many = world.take_in(*(f"n{number:02}" for number in range(66)), case=["C-2"])
    told = world.place(case=("C-2",))
    assert told["items"] == many
    assert len(told["events"]) == 2
    (hold,) = world.holds()
    assert hold["items"] == many
    assert len(world.release(hold["hold"])["events"]) == 2
    assert world.holds() == []
    assert world.copies() == []
    world.assert_sound()


# -- copies of headers -----------------------------------------------------------------------------


def test_header_copies_recover_an_item_whose_headers_were_destroyed(world: World) -> None:
    first, second, third = world.items()
    world.place(first, second)
    with opened(world.vault) as vault:
        before = kept_of(vault, first).headers()
        lose_headers(vault)
        with pytest.raises(EvidenceError):
            ingested_event(vault, first)
        assert header_copies(vault, first) == before
        put_back = restore_headers(vault, [first, second])
        assert put_back[first] == 3
        assert restore_headers(vault, [first, second]) == {first: 0, second: 0}
        for item, name in ((first, "a.txt"), (second, "b.bin")):
            with open_content(vault, ingested_event(vault, item)) as stream:
                assert stream.read() == CONTENTS[name]
        assert history(vault, first)["events"][-1]["type"] == "hold-placed"
        with pytest.raises(PolicyRefused, match="under no hold"):
            restore_headers(vault, [third])


def test_fixity_repairs_held_items_from_the_copies_that_their_hold_keeps(world: World) -> None:
    first, second, third = world.items()
    world.place(first)
    with opened(world.vault) as vault:
        lose_headers(vault)
        told = fixity(vault, all=True, repair=True)
        assert first in {each["id"] for each in told["repaired"]}
        left = {each["id"] for each in told["damaged"]}
        assert {second, third} <= left and first not in left
        assert told["exit"] == 10
        with open_content(vault, ingested_event(vault, first)) as stream:
            assert stream.read() == CONTENTS["a.txt"]


def test_header_copies_are_found_when_the_catalogue_is_lost_too(world: World) -> None:
    first = world.items()[0]
    world.place(first)
    with opened(world.vault) as vault:
        lose_headers(vault)
    (world.vault / "catalogue.db").unlink()
    assert rebuild(world.vault, lambda: PASSPHRASE)["exit"] == 10
    with opened(world.vault) as vault:
        # That the entry about several items is one of this item's is not known any more.
        assert len(header_copies(vault, first)) == 2


def test_a_changed_copy_gives_nothing_and_doctor_names_the_item(world: World) -> None:
    first = world.items()[0]
    hold = world.place(first)["hold"]
    assert world.doctor("holds")[0]["outcome"] == "ok"
    path = world.vault / "archive" / "holds" / hold / first / "1"
    whole = path.read_bytes()
    path.write_bytes(format_held_pack(hold, first, {"ab" * 16: b"not a header"}))
    with opened(world.vault) as vault:
        assert header_copies(vault, first) == {}
    (note,) = world.doctor("holds")
    assert (note["outcome"], first in note["detail"]) == ("problem", True)
    path.unlink()
    assert "is gone" in world.doctor("holds")[0]["detail"]
    path.write_bytes(whole)
    assert world.doctor("holds")[0]["outcome"] == "ok"


@pytest.mark.parametrize("cut", [1, 5, 40, 3000])
def test_a_cut_pack_is_refused(cut: int) -> None:
    data = format_held_pack("ab" * 16, "HOLD-0000001", {"cd" * 16: bytes(3200)})
    assert parse_held_pack(data, "ab" * 16, "HOLD-0000001") == {"cd" * 16: bytes(3200)}
    with pytest.raises(FormatError):
        parse_held_pack(data[:-cut], "ab" * 16, "HOLD-0000001")
    with pytest.raises(FormatError):
        parse_held_pack(data, "ab" * 16, "HOLD-0000002")


def test_what_comes_to_a_held_item_is_held_too(world: World) -> None:
    first = world.items()[0]
    hold = world.place(first)["hold"]
    world.describe(first)
    world.derive(first)
    assert len(world.copies()) == 3
    with opened(world.vault) as vault:
        before = kept_of(vault, first)
        assert before.lacking == 0
        lose_headers(vault)
        restore_headers(vault, [first])
        assert kept_of(vault, first).lacking == 0
        events = history(vault, first)["events"]
    kinds = [e["type"] for e in events]
    assert kinds.count("hold-placed") == 3
    assert events[-1]["fields"]["hold_id"] == hold
    assert [h["hold"] for h in world.holds()] == [hold]
    assert world.doctor("holds")[0]["outcome"] == "ok"
    world.release(hold)
    assert world.copies() == []


def test_nothing_is_added_for_items_that_are_not_held(world: World) -> None:
    first, second, _ = world.items()
    world.place(first)
    with opened(world.vault) as vault:
        size = vault.catalogue.frontier().size
    world.describe(second)
    with opened(world.vault) as vault:
        assert vault.catalogue.frontier().size == size + 1


def test_an_item_without_any_header_is_not_claimed_to_be_held(world: World) -> None:
    first = world.items()[0]
    with opened(world.vault) as vault:
        lose_headers(vault)
    told = world.place(first)
    assert told["exit"] == 3
    assert told["hold"] is None
    assert told["refused"][0]["code"] == "E-NOTHING-LEFT"
    assert world.copies() == []


# -- retention -------------------------------------------------------------------------------------


def test_retention_is_only_ever_made_longer(world: World) -> None:
    first, second, _ = world.items()
    told = world.retain("2040-12-31", first)
    assert told["until"] == "2040-12-31T23:59:59Z"
    assert "folder" in told["notices"][0]
    with pytest.raises(PolicyRefused, match="2040-12-31T23:59:59Z already") as refused:
        world.retain("2039-01-01", first)
    assert refused.value.exit_status == 14
    with pytest.raises(PolicyRefused) as kept:
        demand(world, first)
    assert kept.value.code == "E-RETAINED"
    again = world.retain("2040-12-31", first)
    assert (again["already"], again["items"]) == ([first], [])
    everything = world.retain("2035-01-01", everything=True)
    assert everything["longer"] == [{"id": first, "until": "2040-12-31T23:59:59Z"}]
    assert second in everything["items"]
    assert world.show(first)["retention"]["until"] == "2040-12-31T23:59:59Z"
    world.assert_sound()


@pytest.mark.parametrize("date", ["2107-01-01", "2020-01-01", "soon", "2040-02-30", "2040-1-1"])
def test_dates_that_lock_nothing_are_refused(world: World, date: str) -> None:
    with pytest.raises(UsageError):
        world.retain(date, world.items()[0])


def test_what_ends_soon_is_told(world: World) -> None:
    from evidence_vault.vault.locks import later

    first, second, _ = world.items()
    with opened(world.vault) as vault:
        soon = later(vault.clock.now(), days=20)
    world.retain(soon, first)
    world.retain("2050-01-01", second)
    with opened(world.vault) as vault:
        assert [r["id"] for r in list_retention(vault, 30)["retention"]] == [first]
        assert [r["id"] for r in list_retention(vault, 10)["retention"]] == []
        assert [r["id"] for r in list_retention(vault)["retention"]] == [first, second]
    (note,) = world.doctor("retention")
    assert note["outcome"] == "problem"
    assert "retention list" in note["command"]


# -- the catalogue is a cache ----------------------------------------------------------------------


def test_rebuild_keeps_holds_and_retention(world: World) -> None:
    first, second, _ = world.items()
    one = world.place(first, second)["hold"]
    world.describe(first)
    world.release(second)
    world.retain("2044-01-01", second)
    world.retain("2050-01-01", second)
    with opened(world.vault) as vault:
        rows = [r.model_dump() for r in vault.catalogue.hold_rows()]
        copies = [r.model_dump() for r in vault.catalogue.held_copies(one, [first, second])]
        kept = {k: r.model_dump() for k, r in vault.catalogue.retentions([second]).items()}
    (world.vault / "catalogue.db").unlink()
    assert rebuild(world.vault, lambda: PASSPHRASE)["exit"] == 0
    with opened(world.vault) as vault:
        assert [r.model_dump() for r in vault.catalogue.hold_rows()] == rows
        found = [r.model_dump() for r in vault.catalogue.held_copies(one, [first, second])]
        assert found == copies
        again = {k: r.model_dump() for k, r in vault.catalogue.retentions([second]).items()}
        assert again == kept
        assert fixity(vault, all=True)["damaged"] == []
    world.assert_sound()


def test_copies_of_headers_that_are_lost_or_changed_are_found_by_fixity(world: World) -> None:
    first, second, _ = world.items()
    world.place(first, second)
    one, two = (world.vault / "archive" / key for key in sorted(world.copies())[:2])
    one.unlink()
    data = bytearray(two.read_bytes())
    data[-1] ^= 1
    two.chmod(0o600)
    two.write_bytes(data)
    with opened(world.vault) as vault:
        found = fixity(vault, all=True)
        assert found["exit"] == 10
        named = {(each["code"], each["id"]) for each in found["damaged"]}
        assert named == {("E-HELD-COPY-MISSING", first), ("E-HELD-COPY-CHANGED", second)}
        again = fixity(vault, all=True, repair=True)
        assert (again["exit"], again["repaired"]) == (10, [])
