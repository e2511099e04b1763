"""The countersigner's memory: lost, old or changed, it signs nothing until it is another one."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from evidence_vault.errors import LogInconsistent, UsageError
from evidence_vault.log.witness_state import WitnessState
from evidence_vault.vault.countersigning import countersign
from evidence_vault.vault.doctor import doctor

from .houses import House, put_back, secret


def refuses(log: House, witness: House) -> str:
    """Assert that nothing is countersigned; the reason."""
    with pytest.raises(LogInconsistent) as caught:
        witness.cosign(log.request(witness))
    assert (caught.value.code, caught.value.exit_status) == ("E-WITNESS-STATE", 11)
    status = witness.status()
    assert (status["exit"], status["self"]["may_sign"]) == (11, False)
    checks = {each["name"]: each for each in doctor(witness.vault, secret)["checks"]}
    assert checks["countersigning others"]["outcome"] == "problem"
    return caught.value.message


def lose(witness: House) -> None:
    (witness.vault / "witness.db").unlink()


def lose_inside(witness: House) -> None:
    (witness.vault / "witness.signed").unlink()


def lose_outside(witness: House) -> None:
    for path in witness.folder.parent.glob("state/*.signed"):
        path.unlink()


def damage(witness: House) -> None:
    (witness.vault / "witness.db").write_bytes(b"no database" * 100)


def lower(witness: House) -> None:
    with sqlite3.connect(witness.vault / "witness.db") as database:
        database.execute("UPDATE witness_log SET size = size - 1")


def forget(witness: House) -> None:
    with sqlite3.connect(witness.vault / "witness.db") as database:
        database.execute("DELETE FROM witness_log")


def forge(witness: House) -> None:
    """An empty state by somebody without the keyring."""
    status = witness.status()
    lose(witness)
    WitnessState.create(witness.vault / "witness.db", status["self"]["name"], lambda _: bytes(32))


@pytest.mark.parametrize(
    "attack",
    [lose, lose_inside, lose_outside, damage, lower, forget, forge],
    ids=lambda each: str(each.__name__),
)
def test_a_lost_or_changed_state_signs_nothing_until_it_is_another(
    log: House, witness: House, attack: Callable[[House], None]
) -> None:
    log.grow()
    log.countersign_by(witness)
    old = witness.status()["self"]
    attack(witness)
    refuses(log, witness)
    made = witness.init_witness()
    assert made["replaces"] == old["name"] != made["name"]
    assert not set(made["keys"]) & set(old["keys"])
    # The partner still has the old keys: it is told, and nothing is counted.
    _, answer = witness.cosign(log.request(witness, old=0))
    assert len(log.take(answer)["unknown"]) == 2
    log.pin(witness)
    assert log.take(answer)["quorum"]["size"] is not None


@pytest.mark.parametrize("parts", [("witness.db",), ("witness.db", "witness.signed")])
def test_a_state_that_was_rolled_back_is_noticed(
    log: House, witness: House, parts: tuple[str, ...], tmp_path: Path
) -> None:
    log.grow()
    log.countersign_by(witness)
    saved = tmp_path / "saved"
    shutil.copytree(witness.vault, saved)
    log.grow()
    log.countersign_by(witness)
    for part in parts:
        put_back(saved / part, witness.vault / part)
    assert "gave 2 countersignatures, its state knows 1" in refuses(log, witness)


def test_an_old_keyring_with_another_countersigner_is_noticed(log: House, witness: House) -> None:
    log.grow()
    log.countersign_by(witness)
    lose(witness)
    old = sorted(witness.vault.glob("keyring.*.age"))[-1]
    witness.init_witness()
    assert old.exists()
    put_back(old, witness.vault / "keyring.age")
    refuses(log, witness)


def test_a_countersigner_in_good_order_is_left_alone(witness: House) -> None:
    with pytest.raises(UsageError) as caught:
        witness.init_witness()
    assert caught.value.code == "E-WITNESS-EXISTS"


def test_a_name_is_never_used_again(witness: House) -> None:
    name = witness.status()["self"]["name"]
    lose(witness)
    with pytest.raises(UsageError, match="used before"):
        witness.init_witness(name)
    witness.init_witness()
    lose(witness)
    with pytest.raises(UsageError, match="used before"):
        witness.init_witness(name)


def test_the_state_itself_refuses_a_smaller_size_and_an_earlier_clock(tmp_path: Path) -> None:
    path = tmp_path / "witness.db"
    WitnessState.create(path, "w", lambda body: body)
    state = WitnessState(path, lambda body: body)
    with state.transaction() as change:
        change.put("log", 5, bytes(32), 100, b"note")
    for size, root, at in ((4, bytes(32), 101), (5, b"x" * 32, 101), (6, bytes(32), 99)):
        with pytest.raises(LogInconsistent), state.transaction() as change:
            change.put("log", size, root, at, b"note")
    with state.transaction() as change:
        last = change.last("log")
        assert last is not None
        assert (last.size, change.count, change.clock()) == (5, 1, 100)


def test_of_two_requests_at_once_from_one_size_one_wins(log: House, witness: House) -> None:
    log.grow()
    cheat = log.evil()
    bodies = [cheat.request(cheat.branch(2, 9, str(n)), 0).read_bytes() for n in range(6)]
    statuses: list[int] = []
    start = threading.Barrier(len(bodies))

    def ask(body: bytes) -> None:
        with witness.open() as vault:
            _ = vault.keyring
            start.wait()
            statuses.append(countersign(vault, body).verdict.status)

    threads = [threading.Thread(target=ask, args=(body,)) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200, 409, 409, 409, 409, 409]
    status = witness.status()
    assert status["self"]["may_sign"]
    # The losers show another root for the same size: all of them prove the fork.
    assert [page["kind"] for page in status["misbehaviour"]] == ["fork"] * 5


def test_two_requests_at_once_past_the_vaults_lock(tmp_path: Path) -> None:
    """The database alone keeps them apart: the check of the size and the change are one."""
    path = tmp_path / "witness.db"
    WitnessState.create(path, "w", lambda body: body)
    won: list[int] = []
    start = threading.Barrier(8)

    def claim(number: int) -> None:
        state = WitnessState(path, lambda body: body)
        start.wait()
        with state.transaction() as change:
            if change.last("log") is None:
                change.put("log", number + 1, bytes(32), 1, b"note")
                won.append(number)

    threads = [threading.Thread(target=claim, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1


def test_doctor_names_a_countersigner_that_is_silent_for_a_week(log: House, witness: House) -> None:
    from .houses import SetClock

    def found(now: str) -> str:
        log.clock = SetClock(now)
        with log.open() as vault:
            from evidence_vault.vault import doctor as doctors

            visit = doctors._Visit()
            doctors._countersigners(visit, vault)
        return visit.checks[0]["outcome"]

    log.grow()
    assert found("2026-11-23T10:00:00Z") == "problem"  # never yet
    witness.clock = SetClock("2026-11-23T10:00:00Z")
    log.countersign_by(witness)
    assert found("2027-01-01T10:00:00Z") == "ok"  # nothing is newer
    log.grow()
    assert found("2026-11-30T10:00:00Z") == "ok"
    assert found("2026-11-30T10:00:01Z") == "problem"
