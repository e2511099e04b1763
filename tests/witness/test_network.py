"""Thirteen organisations countersign each other by file; one cheats in each way, all prove it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from evidence_vault.core.exchange import parse_answer
from evidence_vault.core.note import add_signatures, format_note, parse_note
from evidence_vault.core.trust import parse_trust
from evidence_vault.errors import LogInconsistent
from evidence_vault.seal import keyring
from evidence_vault.vault.checking import log_status
from evidence_vault.vault.comparing import log_compare
from evidence_vault.vault.cosignatures import countersigned_note

from .houses import House, found
from .test_files import lying_cosigner

MEMBERS = 13
QUORUM = 8


@dataclass
class Network:
    """Thirteen houses that have pinned each other; ``sizes`` of their logs, all countersigned."""

    folder: Path

    @property
    def houses(self) -> list[House]:
        return [House(self.folder / f"house-{number:02d}") for number in range(MEMBERS)]

    def saved(self, house: House, note: bytes) -> Path:
        path = house.file("checkpoint")
        path.write_bytes(note)
        return path


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everybody pins everybody; every log is countersigned by all the others, through files."""
    folder = tmp_path_factory.mktemp("network")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keyring, "LOG_N", 10)
        patch.setenv("EVIDENCE_VAULT_STATE", str(folder / "state"))
        patch.setenv("EVIDENCE_VAULT_EXIFTOOL", "off")
        houses = [found(folder / f"house-{number:02d}") for number in range(MEMBERS)]
        for house in houses:
            house.init_witness()
        trusts = {house.name: house.trust() for house in houses}
        for house in houses:
            pin_all(house, [trust for name, trust in trusts.items() if name != house.name])
        for house in houses:
            house.grow(2)
            request = house.request()
            answers = [other.cosign(request)[1] for other in houses if other is not house]
            taken = house.take(*answers)
            assert (taken["exit"], len(taken["stored"])) == (0, 2 * (MEMBERS - 1))
    return folder


def pin_all(house: House, trusts: list[Path]) -> None:
    from evidence_vault.vault.witness_setup import witness_add

    from .houses import secret

    with house.open() as vault:
        for number, trust in enumerate(trusts, start=1):
            witness_add(vault, secret, trust, None, QUORUM if number >= QUORUM else None)


@pytest.fixture
def network(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Network:
    copy = tmp_path / "copy"
    shutil.copytree(template, copy)
    monkeypatch.setenv("EVIDENCE_VAULT_STATE", str(copy / "state"))
    return Network(copy)


def compare(judge: House, a: Path, b: Path) -> dict[str, Any]:
    """What a third house says, from its own pins, without the cheat's help."""
    with judge.open() as vault:
        (log,) = log_compare(a, b, None, vault)["logs"]
        return dict(log)


def assert_fork(judge: House, a: Path, b: Path) -> dict[str, Any]:
    with judge.open() as vault:
        result = log_compare(a, b, None, vault)
    assert result["exit"] == 11
    assert "E-FORK" in {found["code"] for found in result["findings"]}
    (log,) = result["logs"]
    assert (log["outcome"], log["keys_from"]) == ("fork", "this vault")
    return dict(log["fork"])


def test_all_logs_are_countersigned_by_everybody_else(network: Network) -> None:
    for house in network.houses:
        with house.open() as vault:
            status = log_status(vault)
            assert (status["cosignatures"], len(status["countersigners"])) == ("present", 12)
            note = countersigned_note(vault, status["published"])
        assert note.count("— ".encode()) == 2 + 2 * (MEMBERS - 1)
        policy = parse_trust(house.trust().read_bytes()).origins[0].countersigning()
        needed, names = policy.counted()
        assert (needed, len(names)) == (QUORUM, MEMBERS - 1)
        assert house.origin() not in names


def test_four_may_be_absent_and_five_may_not(network: Network) -> None:
    house, *others = network.houses
    house.grow()
    request = house.request()
    for present, state in ((others[:7], "pending"), (others[7:8], "present")):
        house.take(*(other.cosign(request)[1] for other in present))
        with house.open() as vault:
            assert log_status(vault)["cosignatures"] == state


def test_rollback(network: Network) -> None:
    """The cheat's vault is set back and grows another way: everybody refuses, and it knows why."""
    cheat, judge, *others = network.houses
    evil = cheat.evil()
    size = len(evil.leaves)
    shown = cheat.checkpoint()
    cut = evil.request(evil.leaves[: size - 1], 0)
    for other in others:
        result, _ = other.cosign(cut)
        assert (result["status"], result["exit"]) == (409, 11)
        assert [page["kind"] for page in other.status()["misbehaviour"]] == ["rollback"]
    # Growing another way from there is a fork, and two hands prove it.
    regrown = evil.request(evil.branch(size - 1, size + 2), size)
    result, _ = others[0].cosign(regrown)
    assert (result["status"], result["proven"]) == (422, True)
    fork = assert_fork(judge, network.saved(judge, shown), regrown)
    assert fork["entries"][1] < size


def test_the_cheats_own_vault_refuses_to_sign_after_a_rollback(network: Network) -> None:
    """An honest program in the hands of somebody who put an old copy back."""
    cheat = network.houses[0]
    saved = network.folder / "saved"
    shutil.copytree(cheat.vault, saved)
    cheat.grow()
    shutil.rmtree(cheat.vault)
    saved.rename(cheat.vault)
    with pytest.raises(LogInconsistent):
        cheat.grow()


def test_fork_at_the_same_size(network: Network) -> None:
    cheat, judge, *others = network.houses
    evil = cheat.evil()
    size = len(evil.leaves)
    other_side = evil.request(evil.branch(1, size), size)
    for other in others:
        result, _ = other.cosign(other_side)
        assert (result["status"], result["exit"], result["proven"]) == (422, 11, True)
    fork = assert_fork(judge, network.saved(judge, cheat.checkpoint()), other_side)
    assert fork["entries"] == [0, size - 1]


@pytest.mark.parametrize("further", [2, 3])
def test_fork_further_on(network: Network, further: int) -> None:
    cheat, judge, first, second, *_ = network.houses
    evil = cheat.evil()
    size = len(evil.leaves)
    one = evil.request(evil.branch(size, size + further, "shown to the first"), size)
    two = evil.request(evil.branch(size, size + 4, "shown to the second"), size)
    assert first.cosign(one)[0]["status"] == 200
    assert second.cosign(two)[0]["status"] == 200
    # Two hands prove it: both requests carry proofs, and these pass the same entries.
    assert_fork(judge, one, two)
    # The first can't be led on to the other history. The proof that the cheat has to give for the
    # tree it signed convicts it, unless the size is a power of two: such a proof does not show
    # the old root, so it is refused and nothing is claimed.
    old = size + further
    onward = evil.request(evil.branch(size, size + 6, "shown to the second"), old)
    result, _ = first.cosign(onward)
    proven = bool(old & (old - 1))
    assert (result["status"], result["proven"]) == (422, proven)
    assert result["exit"] == (11 if proven else 10)
    if proven:
        assert_fork(judge, one, first.vault / "archive" / result["evidence"])


def test_wrong_old(network: Network) -> None:
    """A log that says it was cosigned further, or not at all, gets no signature."""
    cheat, _, other, *_ = network.houses
    evil = cheat.evil()
    size = len(evil.leaves)
    longer = evil.leaves + evil.branch(0, 3)
    for old in (0, size - 1, size + 1):
        result, answer = other.cosign(evil.request(longer, old))
        assert (result["status"], answer.read_bytes()) == (409, b"%d\n" % size)
        assert parse_lines(answer) == 0


def parse_lines(path: Path) -> int:
    return path.read_bytes().count("— ".encode())


def test_replayed_answer(network: Network) -> None:
    """Signatures over an earlier state are put under a newer one."""
    cheat, _, other, *_ = network.houses
    with cheat.open() as vault:
        point = vault.checkpoint()
        assert point is not None
        old = countersigned_note(vault, point.checkpoint.size)
    cheat.grow()
    taken = cheat.take(network.saved(cheat, old))
    assert {line["already"] for line in taken["stored"]} == {True}
    with cheat.open() as vault:
        assert log_status(vault)["cosignatures"] == "pending"
    # Pasted under the newer text they do not verify for anybody.
    lines = [s for s in parse_note(old).signatures if s.name != cheat.origin()]
    forged = network.saved(
        cheat, format_note(add_signatures(parse_note(cheat.checkpoint()), lines))
    )
    with other.open() as vault, pytest.raises(Exception, match="does not verify"):
        log_compare(forged, forged, None, vault)


def test_cosignature_of_another_log(network: Network) -> None:
    cheat, other, third, *_ = network.houses
    other.grow()
    _, answer = third.cosign(other.request(third))
    taken = cheat.take(answer)
    assert (taken["exit"], taken["stored"]) == (10, [])


def test_back_dated_countersigner(network: Network) -> None:
    """A countersigner that dates a larger state before a smaller one is caught by its own lines."""
    log, cheat, judge, *_ = network.houses
    first_note = log.checkpoint()
    first = log.request(cheat)
    log.grow()
    second = log.request(cheat)
    notes = []
    for request, note, time in (
        (first, first_note, "2026-12-01T10:00:00Z"),
        (second, log.checkpoint(), "2026-11-01T10:00:00Z"),
    ):
        lines = parse_answer(lying_cosigner(cheat, request, time).read_bytes())
        notes.append(network.saved(judge, format_note(add_signatures(parse_note(note), lines))))
    with judge.open() as vault:
        result = log_compare(notes[0], notes[1], None, vault)
    assert {found["code"] for found in result["findings"]} >= {"E-COSIGNATURE-CLOCK"}
    taken = log.take(notes[1])
    assert "E-COSIGNATURE-CLOCK" in {found["code"] for found in taken["findings"]}


def test_equivocation_to_two_halves_below_quorum(network: Network) -> None:
    """Six see one history, six the other: neither half reaches eight, and any two prove it."""
    cheat, *others = network.houses
    evil = cheat.evil()
    size = len(evil.leaves)
    halves = [others[:6], others[6:]]
    requests = [
        evil.request(evil.branch(size, size + 4, name), size) for name in ("one half", "the other")
    ]
    notes = []
    for half, request in zip(halves, requests, strict=True):
        answers = [house.cosign(request)[1] for house in half]
        lines = [line for answer in answers for line in parse_answer(answer.read_bytes())]
        note = parse_note(request.read_bytes().partition(b"\n\n")[2])
        notes.append(network.saved(cheat, format_note(add_signatures(note, lines))))
        with cheat.open() as vault:
            from evidence_vault.vault.policies import policy_of

            policy = policy_of(vault)
            signed = [k for k in policy.witness_keys if any(s.key_id == k.key_id for s in lines)]
            assert not policy.satisfied_by(signed)
    fork = assert_fork(others[3], notes[0], notes[1])
    assert fork["countersigned_both"] == []
    with others[9].open() as vault:
        log = log_compare(notes[0], notes[1], None, vault)["logs"][0]
    assert all(len(log[side]["countersigned_by"]) == 6 for side in "ab")


def test_two_quorums_need_dishonest_countersigners_and_name_them(network: Network) -> None:
    """Eight and eight of twelve share four: whoever signed both histories stands in the proof."""
    cheat, *others = network.houses
    evil = cheat.evil()
    size = len(evil.leaves)
    notes = []
    for signers, name in ((others[:8], "one"), (others[4:], "two")):
        request = evil.request(evil.branch(size, size + 4, name), size)
        lines = [
            line
            for house in signers
            for line in parse_answer(
                lying_cosigner(house, request, "2026-11-24T10:00:00Z").read_bytes()
            )
        ]
        note = parse_note(request.read_bytes().partition(b"\n\n")[2])
        notes.append(network.saved(cheat, format_note(add_signatures(note, lines))))
    fork = assert_fork(others[0], notes[0], notes[1])
    with cheat.open() as vault:
        names = {
            peer.origin: peer.witness_keys[0].partition("+")[0] for peer in vault.keyring.peers
        }
    assert fork["countersigned_both"] == sorted(names[h.origin()] for h in others[4:8])


def test_honest_growth_is_never_called_a_fork(network: Network) -> None:
    log, judge, *_ = network.houses
    notes = [network.saved(judge, log.checkpoint())]
    requests = [log.request(judge)]
    for _ in range(3):
        log.grow()
        notes.append(network.saved(judge, log.checkpoint()))
        requests.append(log.request(judge))
    for a in (*notes, *requests):
        for b in (*notes, *requests):
            assert compare(judge, a, b)["outcome"] != "fork"
            assert compare(log, a, b)["outcome"] in ("same", "consistent")
    assert compare(judge, notes[0], requests[-1])["outcome"] == "consistent"
    assert compare(judge, notes[1], notes[2])["outcome"] == "could not be checked"
