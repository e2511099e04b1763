"""A copy of control/ in other hands: it destroys only what it checked by itself."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from evidence_vault.core.commit import Commit, format_commit, parse_commit
from evidence_vault.core.entry0 import parse_entry0
from evidence_vault.core.event import parse_entry
from evidence_vault.core.keeping import (
    Order,
    UpdateReader,
    UpdateWriter,
    format_orders,
    parse_orders,
)
from evidence_vault.core.keystate import KeyState
from evidence_vault.core.merkle import Frontier, leaf_hash
from evidence_vault.core.trust import parse_trust
from evidence_vault.errors import (
    EvidenceError,
    FormatError,
    LogInconsistent,
    SignatureInvalid,
    UsageError,
    VaultError,
)
from evidence_vault.vault import keepers, replicas
from evidence_vault.vault.keeping import keep
from evidence_vault.vault.records import ingested_event, open_content
from evidence_vault.verify import orders
from evidence_vault.verify.orders import Receipt

from .test_kill import die
from .test_tombstones import hand_over, units_of
from .worlds import World, files, opened


@dataclass(frozen=True)
class Kept:
    """A world with a keeper: ``folder`` is in other hands, with a trust file of its own."""

    world: World

    @property
    def folder(self) -> Path:
        return self.world.base / "keeper"

    @property
    def trust(self) -> list[Path]:
        """Of the vault and of its partner."""
        return [self.world.base / "known.json", self.world.base / "known-partner.json"]

    @property
    def answer(self) -> Path:
        return self.world.base / "answer.json"

    def file(self, name: str = "update") -> Path:
        return self.world.base / name

    def update(self, name: str = "update", whole: bool = False) -> Path:
        self.file(name).unlink(missing_ok=True)
        with self.world.open() as vault:
            keepers.update(vault, "lawyer", self.file(name), whole)
        return self.file(name)

    def keep(self, update: Path | None = None) -> dict[str, Any]:
        return keep(self.folder, self.trust, update, self.answer)

    def acknowledge(self) -> dict[str, Any]:
        with self.world.open() as vault:
            return keepers.acknowledge(vault, self.answer, "c-1")

    def round(self) -> dict[str, Any]:
        kept = self.keep(self.update())
        assert kept["exit"] == 0, (kept["refused"], kept["findings"])
        assert self.acknowledge()["exit"] == 0
        return kept

    def held(self) -> set[str]:
        """Units whose headers lie in the folder, in commits and packs."""
        from .test_attacks import held

        return held(self.folder)

    def state(self) -> dict[str, bytes]:
        return files(self.folder, ["lock"])


@pytest.fixture
def kept(world: World) -> Kept:
    """Enrolled, and synced once."""
    from evidence_vault.vault.trusting import export_trust

    this = Kept(world)
    with world.open() as vault:
        export_trust(vault, this.trust[0])
    with opened(world.partner) as vault:
        export_trust(vault, this.trust[1])
    shown = keep(this.folder, this.trust)
    with world.open() as vault:
        replicas.add(vault, "lawyer", shown["keeper"], "control", "in other hands", "c-1")
    this.round()
    return this


@dataclass
class Parts:
    """An update taken apart, to be put together otherwise."""

    head: Any
    note: bytes
    orders: list[Order]
    receipts: list[bytes]
    commits: list[Commit]

    @staticmethod
    def of(path: Path) -> Parts:
        with path.open("rb") as stream:
            reader = UpdateReader(stream)
            note, orders = reader.part(), parse_orders(reader.part())
            receipts = [reader.part() for _ in range(reader.head.acknowledgements)]
            commits = [parse_commit(reader.part()) for _ in range(reader.head.commits)]
            reader.finish()
        return Parts(reader.head, note, orders, receipts, commits)

    def write(self, path: Path) -> Path:
        with path.open("wb") as stream:
            head = replace(
                self.head, commits=len(self.commits), acknowledgements=len(self.receipts)
            )
            writer = UpdateWriter(stream, head)
            commits = [format_commit(c.start, c.root, c.entries) for c in self.commits]
            for part in (self.note, format_orders(self.orders), *self.receipts, *commits):
                writer.part(part)
            writer.finish()
        return path


def refused(kept: Kept, update: Path, error: type[VaultError]) -> VaultError:
    """An update that does not hold: nothing is changed."""
    before = kept.state()
    with pytest.raises(error) as seen:
        kept.keep(update)
    assert kept.state() == before
    return seen.value


def test_a_keeper_holds_every_header_and_the_vault_says_so(kept: Kept) -> None:
    world = kept.world
    for item in world.items():
        assert units_of(world, item)[0] <= kept.held()
    row = world.status("lawyer")
    assert (row["state"], row["pending"], row["reachable"]) == ("current", 0, False)
    world.take_in("later.txt")
    assert world.status("lawyer")["state"] == "behind"
    with world.open() as vault:
        assert any("replica update lawyer" in each for each in replicas.notices(vault))
    kept.round()
    assert world.status("lawyer")["state"] == "current"


def test_what_was_removed_is_destroyed_after_the_keeper_checked_it(kept: Kept) -> None:
    world, item = kept.world, kept.world.items()[0]
    units, _ = units_of(world, item)
    hand_over(world, item)
    assert world.status("lawyer")["pending"] == 1
    assert units <= kept.held()
    told = kept.round()
    assert len(told["destroyed"]) == 1 and not units & kept.held()
    assert world.status("lawyer")["pending"] == 0
    others = [units_of(world, other)[0] for other in world.items() if other != item]
    assert all(each <= kept.held() for each in others)


def test_packs_lose_the_headers_too(kept: Kept) -> None:
    world, item = kept.world, kept.world.items()[0]
    world.take_in(many=300)
    kept.round()
    assert (kept.folder / "control/headers/0").is_file()
    units, _ = units_of(world, item)
    hand_over(world, item)
    kept.round()
    assert not units & kept.held()


def test_a_keeper_who_comes_late_never_gets_the_headers(kept: Kept) -> None:
    world, item = kept.world, kept.world.items()[0]
    units, _ = units_of(world, item)
    hand_over(world, item)
    shutil.rmtree(kept.folder)
    told = kept.keep(kept.update(whole=True))
    assert told["exit"] == 0 and not units & kept.held()
    with pytest.raises(UsageError) as unknown:  # another key than the one enrolled
        kept.acknowledge()
    assert unknown.value.code == "E-KEEPER-UNKNOWN"


def test_the_vault_is_restored_with_the_keepers_folder(kept: Kept) -> None:
    world = kept.world
    item = world.items()[0]
    world.take_in(many=300)
    kept.round()
    place = world.add("usb-1", "archive")
    world.synced("usb-1")
    kept.round()
    shutil.rmtree(world.vault / "control")
    world.restore(place, control=str(kept.folder))
    with opened(world.base / "again") as vault:
        assert open_content(vault, ingested_event(vault, item)).read()


# -- orders that do not hold -----------------------------------------------------------------------


@pytest.fixture
def removal(kept: Kept) -> tuple[Kept, Parts, list[str]]:
    """The first item was handed over and removed; the update says so."""
    items = kept.world.items()
    hand_over(kept.world, items[0])
    return kept, Parts.of(kept.update()), items


Change = Callable[[Parts, World, list[str]], None]


def _without_event(parts: Parts, world: World, items: list[str]) -> None:
    order = parts.orders[0]
    shown = replace(order.removed, index=order.acknowledged[0].index)
    parts.orders = [replace(order, removed=shown)]


def _of_other_items(parts: Parts, world: World, items: list[str]) -> None:
    with world.open() as vault:
        other = vault.catalogue.history(items[1])[0]
    order = parts.orders[0]
    item = replace(order.items[0], id=items[1], entries=(other,))
    parts.orders = [replace(order, items=(item,))]


def _entries_of_another_item(parts: Parts, world: World, items: list[str]) -> None:
    with world.open() as vault:
        other = vault.catalogue.history(items[1])[0]
    order = parts.orders[0]
    parts.orders = [replace(order, items=(replace(order.items[0], entries=(other,)),))]


def _without_acknowledgement(parts: Parts, world: World, items: list[str]) -> None:
    parts.receipts = []


def _forged_acknowledgement(parts: Parts, world: World, items: list[str]) -> None:
    parts.receipts = [parts.receipts[0].replace(b"transfer", b"transfes", 1)]


def _never_handed_over(parts: Parts, world: World, items: list[str]) -> None:
    parts.orders = [replace(parts.orders[0], acknowledged=())]


def _another_offer(parts: Parts, world: World, items: list[str]) -> None:
    order = parts.orders[0]
    item = replace(order.items[0], offer=order.items[0].entries[0])
    parts.orders = [replace(order, items=(item,))]


def _nothing_shown(parts: Parts, world: World, items: list[str]) -> None:
    order = parts.orders[0]
    parts.orders = [replace(order, removed=replace(order.removed, reveals=()))]


ORDERS: dict[str, Change] = {
    "without_a_removed_event": _without_event,
    "of_items_the_event_does_not_name": _of_other_items,
    "of_entries_of_another_item": _entries_of_another_item,
    "without_the_acknowledgement": _without_acknowledgement,
    "with_a_forged_acknowledgement": _forged_acknowledgement,
    "of_items_never_acknowledged": _never_handed_over,
    "that_names_another_offer": _another_offer,
    "that_shows_no_members": _nothing_shown,
}


@pytest.mark.parametrize("name", ORDERS)
def test_the_operator_orders_destruction(removal: tuple[Kept, Parts, list[str]], name: str) -> None:
    kept, parts, items = removal
    before = kept.held()
    ORDERS[name](parts, kept.world, items)
    told = kept.keep(parts.write(kept.file("changed")))
    assert told["exit"] == 10 and told["refused"] and not told["destroyed"], told
    assert before <= kept.held()  # every header stays
    answered = kept.acknowledge()
    assert answered["pending"] == 1
    assert kept.world.status("lawyer")["pending"] == 1
    told = kept.keep(kept.update("right"))  # pending: the order comes again, and holds
    assert told["exit"] == 0 and len(told["destroyed"]) == 1
    assert kept.acknowledge()["pending"] == 0


def test_the_receiver_is_not_in_the_keepers_trust_file(
    removal: tuple[Kept, Parts, list[str]],
) -> None:
    kept, _, items = removal
    told = keep(kept.folder, kept.trust[:1], kept.file())
    assert told["exit"] == 10 and "trust file does not have" in told["refused"][0]["reason"]
    assert units_of(kept.world, items[0])[0] <= kept.held()


def read_by_the_keeper(kept: Kept) -> tuple[Order, dict[str, Receipt | str], orders.Kept]:
    """The one order of the update, its receipts, and the log as a keeper reads it."""
    parts = Parts.of(kept.update(whole=True))
    frontier, entries, roots = Frontier(), {}, {}
    for index, raw in enumerate(e.entry for c in parts.commits for e in c.entries):
        frontier.append(leaf_hash(raw))
        entries[index], roots[index + 1] = raw, frontier.root()
    trust = parse_trust(kept.trust[1].read_bytes())
    receipts: dict[str, Receipt | str] = {
        orders.digest_of(data): orders.read_acknowledgement(data, trust) for data in parts.receipts
    }
    keys = KeyState(parse_entry0(entries[0]))
    log = orders.Kept(parts.head.origin, len(entries), keys, entries, roots)
    return parts.orders[0], receipts, log


def test_the_removal_was_signed_by_a_key_that_was_revoked_before(
    removal: tuple[Kept, Parts, list[str]],
) -> None:
    order, receipts, log = read_by_the_keeper(removal[0])
    assert orders.judge(order, receipts, log).units
    event = parse_entry(log.entries[order.removed.index]).event
    clear = {"keyid": event.signer, "last_good": 2, "reason": "compromised", "role": "events"}
    log.keys.apply(order.removed.index, replace(event, type="key-revoked", clear=clear))
    judged = orders.judge(order, receipts, log)
    assert not judged.units and "not signed by a key in force" in judged.refused[0][1]


def test_the_acknowledgement_is_by_the_very_log_that_gives_the_order(
    removal: tuple[Kept, Parts, list[str]],
) -> None:
    order, receipts, log = read_by_the_keeper(removal[0])
    own = {
        digest: replace(each, origin=log.origin)
        for digest, each in receipts.items()
        if isinstance(each, Receipt)
    }
    judged = orders.judge(order, own, log)
    assert not judged.units and "this very log" in judged.refused[0][1]


def test_the_receiver_has_signed_another_history_of_the_log(
    removal: tuple[Kept, Parts, list[str]],
) -> None:
    order, receipts, log = read_by_the_keeper(removal[0])
    log = replace(log, roots=dict.fromkeys(log.roots, bytes(32)))
    with pytest.raises(LogInconsistent) as seen:
        orders.judge(order, receipts, log)
    assert (seen.value.code, seen.value.exit_status) == ("E-FORK", 11)


def test_a_unit_that_another_entry_names_too_stays_there(kept: Kept) -> None:
    from evidence_vault.vault.keeperfolder import keeper_folder

    with keeper_folder(kept.folder) as folder:
        commit = next(c for c in folder.commits(3) if len(c.entries) > 1 or c.start)
        start = commit.start
        first = commit.entries[0]
        unit, header = next(iter(first.headers.items()))
        second = replace(first, headers={**first.headers})
        folder.write_commit(replace(commit, end=start + 2, entries=(first, second)))
        folder.drop([unit], [start])
        found = folder.commit(start)
    assert found is not None
    assert unit not in found.entries[0].headers
    assert found.entries[1].headers[unit] == header


def test_a_header_lost_without_an_order_stays_and_is_reported(kept: Kept) -> None:
    world, item = kept.world, kept.world.items()[0]
    units, _ = units_of(world, item)
    parts = Parts.of(kept.update(whole=True))
    parts.commits = [
        replace(
            c,
            entries=tuple(
                replace(e, headers={u: h for u, h in e.headers.items() if u not in units})
                for e in c.entries
            ),
        )
        for c in parts.commits
    ]
    told = kept.keep(parts.write(kept.file("lost")))
    assert told["exit"] == 10
    assert {each["code"] for each in told["findings"]} == {"E-HEADER-VANISHED"}
    assert units <= kept.held()
    assert kept.acknowledge()["exit"] == 10


def test_a_header_was_swapped_for_another(kept: Kept) -> None:
    kept.world.take_in("new.txt")
    parts = Parts.of(kept.update())
    headers = [(c, e, u) for c in parts.commits for e in c.entries for u in e.headers]
    one, two = headers[0], headers[1]
    value = two[1].headers[two[2]]
    parts.commits = [
        replace(
            c,
            entries=tuple(
                replace(e, headers={**e.headers, one[2]: value}) if one[2] in e.headers else e
                for e in c.entries
            ),
        )
        for c in parts.commits
    ]
    told = kept.keep(parts.write(kept.file("swapped")))
    assert told["exit"] == 10 and told["findings"][0]["code"] == "E-HEADER-CHANGED"
    assert one[2] not in kept.held()
    assert kept.keep(kept.update("whole", whole=True))["exit"] == 0
    assert one[2] in kept.held()


# -- histories that do not hold --------------------------------------------------------------------


def test_an_old_update_is_played_again(kept: Kept) -> None:
    old = kept.update("old", whole=True)
    world, item = kept.world, kept.world.items()[0]
    hand_over(world, item)
    kept.round()
    units, _ = units_of(world, item)
    assert refused(kept, old, LogInconsistent).exit_status == 11
    assert not units & kept.held()


def test_a_truncated_log_is_signed_again(kept: Kept) -> None:
    """The vault is put back from an old copy: its newest state is older than what was seen."""
    aside = kept.world.base / "aside"
    shutil.copytree(kept.world.vault, aside / "vault")
    shutil.copytree(kept.world.base / "state", aside / "state")
    kept.world.take_in("later.txt")
    kept.round()
    for name in ("vault", "state"):
        shutil.rmtree(kept.world.base / name)
        shutil.copytree(aside / name, kept.world.base / name)
    assert refused(kept, kept.update("cut", whole=True), LogInconsistent).code == "E-UPDATE-OLD"


def test_a_forked_log(kept: Kept) -> None:
    """Two copies of the vault go on, each signs its own history."""
    aside = kept.world.base / "aside"
    shutil.copytree(kept.world.vault, aside / "vault")
    shutil.copytree(kept.world.base / "state", aside / "state")
    kept.world.take_in("one.txt")
    kept.round()
    for name in ("vault", "state"):
        shutil.rmtree(kept.world.base / name)
        shutil.copytree(aside / name, kept.world.base / name)
    kept.world.take_in("two.txt", "three.txt", "four.txt", "five.txt", "six.txt")
    kept.world.take_in("seven.txt")
    error = refused(kept, kept.update("forked", whole=True), LogInconsistent)
    assert (error.code, error.exit_status) == ("E-FORK", 11)


def test_an_update_is_cut_at_every_place(kept: Kept) -> None:
    kept.world.take_in("new.txt")
    data = kept.update().read_bytes()
    before = kept.state()
    for length in [*range(0, len(data), max(1, len(data) // 60)), len(data) - 1]:
        kept.file("cut").write_bytes(data[:length])
        with pytest.raises(FormatError):
            kept.keep(kept.file("cut"))
    assert kept.state() == before


def test_bits_of_an_update_are_changed(kept: Kept) -> None:
    kept.world.take_in("new.txt")
    data = bytearray(kept.update().read_bytes())
    before = kept.state()
    for place in range(0, len(data), max(1, len(data) // 60)):
        data[place] ^= 1
        kept.file("changed").write_bytes(data)
        data[place] ^= 1
        with pytest.raises(FormatError):
            kept.keep(kept.file("changed"))
    assert kept.state() == before


def test_a_checkpoint_lacks_one_of_its_signatures(kept: Kept) -> None:
    kept.world.take_in("new.txt")
    parts = Parts.of(kept.update())
    lines = parts.note.splitlines(keepends=True)
    parts.note = b"".join(lines[:-1])
    error = refused(kept, parts.write(kept.file("bad")), EvidenceError)
    assert error.code == "E-CHECKPOINT-DOWNGRADE"


def test_an_answer_was_lost_and_the_next_update_begins_before(kept: Kept) -> None:
    kept.world.take_in("one.txt")
    assert kept.keep(kept.update())["exit"] == 0
    kept.world.take_in("two.txt")
    told = kept.keep(kept.update())
    assert told["exit"] == 0 and kept.acknowledge()["exit"] == 0
    assert kept.world.status("lawyer")["state"] == "current"


def test_an_update_was_left_out(kept: Kept) -> None:
    before = kept.state()
    for name in ("one.txt", "two.txt"):
        kept.world.take_in(name)
        kept.round()
    shutil.rmtree(kept.folder)
    for path, data in before.items():
        (kept.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (kept.folder / path).write_bytes(data)
    kept.world.take_in("three.txt")
    assert refused(kept, kept.update(), UsageError).code == "E-UPDATE-GAP"
    assert kept.keep(kept.update(whole=True))["exit"] == 0


def test_an_entry_is_changed_in_an_update(kept: Kept) -> None:
    kept.world.take_in("new.txt")
    parts = Parts.of(kept.update())
    first = parts.commits[0]
    entry = first.entries[0]
    changed = replace(entry, entry=entry.entry.replace(b"payloadType", b"payloadTypf"))
    parts.commits[0] = replace(first, entries=(changed, *first.entries[1:]))
    assert refused(kept, parts.write(kept.file("bad")), VaultError).code in ("E-UPDATE", "E-FORK")


def test_another_vaults_update(kept: Kept) -> None:
    """Its own log, its own keys, for a folder that keeps ours."""
    partner = World(kept.world.base)
    shown = keep(kept.folder, kept.trust)["keeper"]
    with opened(partner.partner) as vault:
        replicas.add(vault, "lawyer", shown, "control", "in other hands", "p-1")
        keepers.update(vault, "lawyer", kept.file("other"))
    assert refused(kept, kept.file("other"), EvidenceError).code == "E-KEEPER-OTHER"


def test_a_kept_commit_is_damaged_and_mended(kept: Kept) -> None:
    commit = kept.folder / "control/commits/0"
    good = commit.read_bytes()
    commit.write_bytes(good[:-1] + b"x")
    kept.world.take_in("new.txt")
    assert refused(kept, kept.update(), EvidenceError).code == "E-KEPT-DAMAGED"
    told = kept.keep(kept.update(whole=True))
    assert {each["code"] for each in told["findings"]} == {"E-KEPT-MENDED"}
    assert commit.read_bytes() == good


# -- answers ---------------------------------------------------------------------------------------


def test_an_answer_is_changed(kept: Kept) -> None:
    data = kept.answer.read_bytes()
    kept.answer.write_bytes(data.replace(b'"findings":0', b'"findings":1'))
    with pytest.raises(SignatureInvalid):
        kept.acknowledge()


def test_an_old_answer_is_played_again(kept: Kept) -> None:
    old = kept.answer.read_bytes()
    kept.world.take_in("new.txt")
    kept.round()
    kept.answer.write_bytes(old)
    with pytest.raises(UsageError) as seen:
        kept.acknowledge()
    assert seen.value.code == "E-KEEPER-OLD"


def test_a_copy_in_other_hands_is_not_reached(kept: Kept) -> None:
    with pytest.raises(UsageError) as none:
        kept.world.sync()
    assert none.value.code == "E-NO-REPLICA"
    with pytest.raises(UsageError) as seen:
        kept.world.sync("lawyer")
    assert seen.value.code == "E-IN-OTHER-HANDS"
    kept.world.add("usb-1")
    assert [row["name"] for row in kept.world.sync()["replicas"]] == ["usb-1"]


def test_control_counts_as_in_other_hands_only_when_its_keeper_answered(kept: Kept) -> None:
    world = kept.world
    with world.open() as vault:
        assert [replicas.in_other_hands(each) for each in replicas.enrolled(vault)] == [True]
        on_disk, vault.config = vault.config, replace(vault.config, control="s3://bucket/control")
        assert replicas.keeper_notice(vault) is None
        vault.config = on_disk
        replicas.retire(vault, "lawyer", "gone")
        vault.config = replace(vault.config, control="s3://bucket/control")
        assert replicas.keeper_notice(vault) is not None
    shutil.rmtree(kept.folder)
    shown = keep(kept.folder, kept.trust)["keeper"]
    with world.open() as vault:
        replicas.add(vault, "court", shown, "control", "in other hands", "c-1")
        assert [replicas.in_other_hands(each) for each in replicas.enrolled(vault)] == [False]
        vault.config = replace(vault.config, control="s3://bucket/control")
        assert replicas.keeper_notice(vault) is not None


# -- killed ----------------------------------------------------------------------------------------

STEPS = [
    *("keeper-commit", "keeper-noted", "keeper-pinned"),
    *("keeper-header-gone", "keeper-destroyed"),
]


def test_a_first_run_is_killed_and_runs_again(kept: Kept) -> None:
    before = kept.state()
    shutil.rmtree(kept.folder / "control")
    (kept.folder / "kept.json").unlink()
    kept.update(whole=True)
    die(kept.world, "keep", "keeper-commit")
    assert kept.keep(kept.file())["exit"] == 0
    assert set(before) <= set(kept.state())


def test_what_was_pinned_is_lost_and_that_is_said(kept: Kept) -> None:
    (kept.folder / "kept.json").unlink()
    assert refused(kept, kept.update(whole=True), EvidenceError).code == "E-KEPT-DAMAGED"


@pytest.mark.sweep
@pytest.mark.parametrize("step", STEPS)
def test_a_keeper_is_killed_and_runs_again(
    removal: tuple[Kept, Parts, list[str]], step: str
) -> None:
    kept, _, items = removal
    before = (kept.folder / "kept.json").read_bytes()
    die(kept.world, "keep", step)
    if step in ("keeper-commit", "keeper-noted"):
        assert (kept.folder / "kept.json").read_bytes() == before
        assert units_of(kept.world, items[0])[0] <= kept.held()
    told = kept.keep(kept.file())
    assert told["exit"] == 0 and len(told["destroyed"]) == 1
    assert not units_of(kept.world, items[0])[0] & kept.held()
    assert kept.acknowledge()["pending"] == 0
