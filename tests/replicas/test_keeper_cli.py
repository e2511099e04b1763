"""The keeper's round at the command line, as two people would do it."""

from __future__ import annotations

from pathlib import Path

from tests.cli.runner import call, check_schema

from evidence_vault.core.commit import format_commit, parse_commit
from evidence_vault.vault.trusting import export_trust

from .test_tombstones import hand_over, units_of
from .worlds import PASSPHRASE, World, opened


class Hands:
    """A keeper has a trust file for each side, and no vault."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.secret = world.base / "passphrase"
        self.secret.write_text(PASSPHRASE + "\n")
        self.trusts = [world.base / "known.json", world.base / "known-partner.json"]
        for folder, trust in zip((world.vault, world.partner), self.trusts, strict=True):
            with opened(folder) as vault:
                export_trust(vault, trust)

    @property
    def folder(self) -> Path:
        return self.world.base / "keeper"


def test_a_round(world: World, tmp_path: Path) -> None:
    hands = Hands(world)
    update, answer = tmp_path / "unchecked", tmp_path / "refused"
    first = call("replica", "keep", hands.folder, "--trust", hands.trusts[0], "--json")
    assert first.status == 0
    check_schema("replica-keep", first.json())
    key = first.json()["keeper"]
    common = ("--vault", world.vault, "--passphrase-file", hands.secret)
    added = call(
        *(*common, "replica", "add", "lawyer", key, "--part", "control"),
        *("--reason", "in other hands", "--json"),
    )
    assert added.status == 0, added.err
    check_schema("replica-add", added.json())
    wrong = call(*common, "replica", "add", "x", "keeper:12", "--part", "control", "--reason", "r")
    assert wrong.status == 2 and "keeper:" in wrong.err
    both = call(*common, "replica", "add", "x", key, "--reason", "r")
    assert both.status == 2

    def go(number: int) -> None:
        update, answer = tmp_path / f"update-{number}", tmp_path / f"answer-{number}"
        made = call(*common, "replica", "update", "lawyer", "-o", update, "--json")
        assert made.status == 0, made.err
        check_schema("replica-update", made.json())
        trusts = [each for path in hands.trusts for each in ("--trust", path)]
        kept = call("replica", "keep", hands.folder, update, *trusts, "-o", answer, "--json")
        assert kept.status == 0, kept.out + kept.err
        check_schema("replica-keep", kept.json())
        told = call(*common, "replica", "acknowledge", answer, "--json")
        assert told.status == 0, told.err
        check_schema("replica-acknowledge", told.json())
        status = call(*common, "replica", "status", "--json")
        check_schema("replica-status", status.json())
        assert status.status == 0 and status.json()["replicas"][0]["pending"] == 0

    go(1)
    hand_over(world, world.items()[0])
    pending = call(*common, "replica", "status")
    assert pending.status == 3 and "has not confirmed 1 destructions" in pending.out
    go(2)
    # An order that the keeper can't check: its trust file lacks the vault that took the item over.
    for name in ("offer.tar", "answer.txt"):
        (world.base / name).unlink()
    hand_over(world, world.items()[1])
    assert call(*common, "replica", "update", "lawyer", "-o", update).status == 0
    refused = call(
        *("replica", "keep", hands.folder, update, "--trust", hands.trusts[0]),
        *("-o", answer, "--json"),
    )
    assert refused.status == 10
    check_schema("replica-keep", refused.json())
    assert "E-ORDER-REFUSED" in {each["code"] for each in refused.json()["findings"]}
    told = call(*common, "replica", "acknowledge", answer, "--json")
    assert told.status == 10 and told.json()["pending"] == 1
    check_schema("replica-acknowledge", told.json())
    go(3)
    shown = call("replica", "keep", hands.folder, "--trust", hands.trusts[0])
    assert shown.status == 0 and "2 logged removals carried out" in shown.out


def test_a_header_lost_at_the_vault_comes_back_from_the_keepers_folder(
    world: World, tmp_path: Path
) -> None:
    hands = Hands(world)
    common = ("--vault", world.vault, "--passphrase-file", hands.secret)
    trust = ("--trust", hands.trusts[0])
    key = call("replica", "keep", hands.folder, *trust, "--json").json()["keeper"]
    call(*common, "replica", "add", "lawyer", key, "--part", "control", "--reason", "r")
    update = tmp_path / "update"
    assert call(*common, "replica", "update", "lawyer", "-o", update).status == 0
    assert call("replica", "keep", hands.folder, update, *trust).status == 0
    units, _ = units_of(world, world.items()[0])
    for path in (world.vault / "control/commits").iterdir():
        commit = parse_commit(path.read_bytes())
        for each in commit.entries:
            for unit in units & set(each.headers):
                # A dict here, a Mapping to readers.
                del each.headers[unit]  # type: ignore[attr-defined]
        path.write_bytes(format_commit(commit.start, commit.root, commit.entries))
    assert call(*common, "fixity", "--all").status == 10
    mended = call(*common, "fixity", "--all", "--repair-from", hands.folder)
    assert mended.status == 0, mended.out + mended.err
    assert call(*common, "fixity", "--all").status == 0


def test_a_folder_that_holds_something_else_is_not_taken(world: World) -> None:
    hands = Hands(world)
    told = call("replica", "keep", world.vault, "--trust", hands.trusts[0])
    assert (
        told.status == 2
        and "E-NOT-KEEPER"
        in call("replica", "keep", world.vault, "--trust", hands.trusts[0], "--json").out
    )
