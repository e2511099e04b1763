"""Renewing the stamps of a vault, and the vault killed between any two writes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.time.authority import DAY, LocalAuthority, openssl_verdict
from tests.time.conftest import MakeAuthority, know
from tests.time.test_stamp import FixedClock, asked, counted, files, grow, state
from tests.vault.vaults import PASSPHRASE, ROOT, Made

from evidence_vault.errors import EvidenceError, UsageError
from evidence_vault.log.proofs import RENEWAL
from evidence_vault.vault import authorities
from evidence_vault.vault.asking import import_reply
from evidence_vault.vault.authorities import add_authority
from evidence_vault.vault.rebuilding import rebuild
from evidence_vault.vault.renewing import (
    begin_renewal,
    check_size,
    due_at,
    due_sizes,
    renew,
    write_renewal_request,
)
from evidence_vault.vault.stamping import renewals_of, timestamp_state

STAMP_STEPS = ["stamp-request", "stamp-reply", "stamp-chain", "stamp-lists", "stamp-counted"]
RENEWAL_STEPS = ["renewal-list", *STAMP_STEPS]


def renewed(made: Made, **options: Any) -> dict[str, Any]:
    with made.open() as opened:
        return renew(opened, **{"timeout": 10.0, **options})


def test_nothing_is_due_after_a_stamp(vault: Made) -> None:
    asked(vault)
    assert renewed(vault)["sizes"] == []
    assert len(files(vault)) == 4


def test_three_renewals_follow_each_other(
    vault: Made, authority: LocalAuthority, tmp_path: Path
) -> None:
    asked(vault)
    for number in (1, 2, 3):
        authority.mode, authority.clock = "clock", datetime.now(UTC) + number * 300 * DAY
        result = renewed(vault, size=1)
        assert result["exit"] == 0, result
        assert f"renewal-{number:04d}.tsa.tsr" in files(vault)
    folder = vault.folder / "archive" / "evidence" / "1"
    with vault.open() as opened:
        first, found = check_size(opened, 1)
        assert [c.outcome.value for _, c in first] == ["matches"]
        assert [(c.code, c.absent) for c in found] == [("T-LIST-OK", ())] * 3
        assert len(renewals_of(opened, 1)) == 3
        assert authorities.verify(opened)["exit"] == 0
        assert len(opened.catalogue.proofs(RENEWAL)) == 3
    for number in (1, 2, 3):  # with stock tools alone
        listed = folder / f"renewal-{number:04d}.sha512"
        command = ["sha512sum", "-c", "--strict", "--status", listed.name]
        assert subprocess.run(command, cwd=folder).returncode == 0
        reply = (folder / f"renewal-{number:04d}.tsa.tsr").read_bytes()
        pem = (folder / f"renewal-{number:04d}.tsa.pem").read_text()
        at = int((datetime.now(UTC) + number * 300 * DAY).timestamp())
        assert openssl_verdict(reply, listed.read_bytes(), pem, tmp_path, at) is True
    last = (folder / "renewal-0003.sha512").read_text()
    assert [line[130:] for line in last.splitlines()] == [
        "checkpoint",
        *(f"renewal-000{n}.{end}" for n in (1, 2) for end in
          ("sha512", "tsa.pem", "tsa.tsq", "tsa.tsr")),
        *("tsa.pem", "tsa.tsq", "tsa.tsr"),
    ]  # fmt: skip


@pytest.mark.sweep
@pytest.mark.parametrize(
    "name",
    [
        *("checkpoint", "tsa.tsr", "tsa.tsq", "tsa.pem"),
        *("renewal-0001.sha512", "renewal-0001.tsa.tsr"),
        *("renewal-0002.sha512", "renewal-0002.tsa.tsr"),
    ],
)
@pytest.mark.parametrize("change", ["changed", "gone"])
@pytest.mark.parametrize("rebuilt", [False, True], ids=["", "catalogue rebuilt"])
def test_each_file_of_a_renewed_stamp_tampered_with(
    vault: Made, name: str, change: str, rebuilt: bool
) -> None:
    asked(vault)
    assert [renewed(vault, size=1)["exit"] for _ in range(2)] == [0, 0]
    path = vault.folder / "archive" / "evidence" / "1" / name
    if change == "gone":
        path.unlink()
    else:
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    if rebuilt:
        rebuild(vault.folder, lambda: PASSPHRASE)
    with vault.open() as opened:
        verdict = authorities.verify(opened)["exit"]
        if rebuilt and change == "gone" and name in LAST:
            # Nothing later lists it, and the catalogue that knew of it is gone: no finding is
            # possible. But nothing is claimed of it either.
            assert len(renewals_of(opened, 1)) == 1
        elif rebuilt and name == "checkpoint" and change == "gone":
            assert timestamp_state(opened) == "pending"
        else:
            assert verdict in ((10, 3) if rebuilt else (10,))


LAST = ("renewal-0002.sha512", "renewal-0002.tsa.tsr")


def test_a_checkpoint_that_cannot_be_read_stops_no_rebuild(vault: Made) -> None:
    asked(vault)
    path = vault.folder / "archive" / "evidence" / "1" / "checkpoint"
    path.write_bytes(path.read_bytes()[:-2] + b"*\n")
    rebuild(vault.folder, lambda: PASSPHRASE)
    with vault.open() as opened:
        assert authorities.verify(opened)["exit"] in (10, 3)


def test_nothing_wrong_is_renewed(vault: Made) -> None:
    asked(vault)
    renewed(vault, size=1)
    path = vault.folder / "archive" / "evidence" / "1" / "tsa.pem"
    path.write_bytes(path.read_bytes() + b"\n")
    with vault.open() as opened, pytest.raises(EvidenceError, match=r"tsa\.pem"):
        begin_renewal(opened, 1)
    assert renewed(vault, size=1)["exit"] == 10


def test_a_checkpoint_without_a_stamp_is_not_renewed(vault: Made) -> None:
    with pytest.raises(UsageError, match="no time stamp"):
        renewed(vault, size=1)


def test_due_a_year_after_the_last_stamp(vault: Made) -> None:
    asked(vault)
    size = grow(vault)
    asked(vault)
    with vault.open(clock=FixedClock(366 * DAY)) as opened:
        assert [each["size"] for each in due_sizes(opened)] == [1, size]
    with vault.open(clock=FixedClock(360 * DAY)) as opened:
        assert due_sizes(opened) == []


@pytest.mark.parametrize(("days", "due"), [(400, 35), (800, 365), (200, 30), (10, 10)])
def test_due_a_year_before_the_chain_ends(
    bare: Made, make_authority: MakeAuthority, days: int, due: int
) -> None:
    """But not in the month after it was made, or an authority with short chains is asked daily."""
    now = datetime.now(UTC)
    know(bare, make_authority("short", valid=(now - DAY, now + days * DAY)))
    asked(bare)
    with bare.open() as opened:
        at = due_at(opened, 1)[0]
    assert abs(at - (now + due * DAY).timestamp()) < 600


def test_an_authority_that_is_down_leaves_the_list_to_be_stamped_later(
    vault: Made, authority: LocalAuthority
) -> None:
    asked(vault)
    authority.stop()
    assert renewed(vault, size=1)["exit"] == 3
    listed = vault.folder / "archive" / "evidence" / "1" / "renewal-0001.sha512"
    before = listed.read_bytes()
    with vault.open() as opened:
        assert renewals_of(opened, 1) == ()  # nothing is claimed of it
    authority.start()
    assert renewed(vault, size=1)["exit"] == 0
    assert listed.read_bytes() == before
    assert "renewal-0002.sha512" not in files(vault)


def test_a_renewal_by_stick(vault: Made, authority: LocalAuthority, tmp_path: Path) -> None:
    asked(vault)
    authority.stop()
    with vault.open() as opened:
        written = write_renewal_request(opened, tmp_path / "out.tsq", None, 1)
    assert written["renewal"] == 1
    (tmp_path / "in.tsr").write_bytes(authority.reply((tmp_path / "out.tsq").read_bytes()))
    grow(vault)
    with vault.open() as opened:
        result = import_reply(opened, tmp_path / "in.tsr")
    assert (result["exit"], result["results"][0]["renewal"]) == (0, 1)
    with vault.open() as opened:
        assert len(renewals_of(opened, 1)) == 1


def test_an_authority_that_ended_is_renewed_by_its_successor(
    bare: Made, make_authority: MakeAuthority
) -> None:
    now = datetime.now(UTC)
    old = make_authority("old", valid=(now - 3000 * DAY, now - DAY))
    old.mode, old.clock = "clock", now - 2000 * DAY
    know(bare, old)
    assert asked(bare)["exit"] == 0  # stamped when the certificate held
    successor = make_authority("new")
    know(bare, successor)
    old.stop()
    result = renewed(bare)
    assert result["sizes"] == [1]
    assert {r["authority"]: r["state"] for r in result["results"]} == {
        "new": "present",
        "old": "not reachable",
    }
    with bare.open() as opened:
        found = check_size(opened, 1)[1]
    assert [check.code for check in found] == ["T-LIST-LATE"]  # honest: it came too late
    assert state(bare) == "present"


def test_rebuild_finds_renewals_again(vault: Made) -> None:
    asked(vault)
    renewed(vault, size=1)
    rebuild(vault.folder, lambda: PASSPHRASE)
    with vault.open() as opened:
        assert [row.name for row in opened.catalogue.proofs(RENEWAL)] == ["0001.tsa"]


# ---- killed between any two writes ----


@pytest.fixture
def with_lists(bare: Made, make_authority: MakeAuthority) -> Made:
    """A vault whose authority names a revocation list, so that each step is passed."""
    made = make_authority("crl", revocation_list=True)
    with bare.open() as opened:
        add_authority(opened, "tsa", made.url, [made.root], lambda: PASSPHRASE)
    return bare


def run(made: Made, *command: str, fault: str | None = None) -> subprocess.CompletedProcess[bytes]:
    """A command in a process of its own."""
    file = made.folder.parent / "passphrase"
    file.write_text(PASSPHRASE + "\n")
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    if fault is not None:
        environment["EVIDENCE_VAULT_FAULT"] = fault
    program = [sys.executable, "-m", "evidence_vault", "--vault", str(made.folder)]
    return subprocess.run(
        [*program, "--passphrase-file", str(file), "timestamp", *command],
        env=environment,
        capture_output=True,
        timeout=120,
    )


def test_every_step_of_stamping_is_killed_at() -> None:
    named = set()
    for path in (ROOT / "src" / "evidence_vault").rglob("*.py"):
        named |= set(re.findall(r'step\("((?:stamp|renewal)-[a-z]+)"\)', path.read_text()))
    assert named == set(RENEWAL_STEPS)


@pytest.mark.sweep
@pytest.mark.parametrize("step", STAMP_STEPS)
def test_stamp_killed_at_a_step_is_finished_by_the_next_run(with_lists: Made, step: str) -> None:
    assert run(with_lists, "stamp", fault=step).returncode == -signal.SIGKILL, step
    before = {name: content(with_lists, name) for name in files(with_lists)}
    done = run(with_lists, "stamp")
    assert done.returncode == 0, done.stderr
    assert files(with_lists) == ["checkpoint", "tsa.crl", "tsa.pem", "tsa.tsq", "tsa.tsr"]
    assert {name: content(with_lists, name) for name in before} == before  # nothing replaced
    assert (state(with_lists), counted(with_lists)) == ("present", [(1, "tsa")])
    assert with_lists.staged() == [] or run(with_lists, "verify").returncode == 0


@pytest.mark.sweep
@pytest.mark.parametrize("step", RENEWAL_STEPS)
def test_renew_killed_at_a_step_is_finished_by_the_next_run(with_lists: Made, step: str) -> None:
    assert run(with_lists, "stamp").returncode == 0
    fault = run(with_lists, "renew", "--size", "1", fault=step)
    assert fault.returncode == -signal.SIGKILL, step
    done = run(with_lists, "renew", "--size", "1")
    assert done.returncode == 0, done.stderr
    with with_lists.open() as opened:
        found = check_size(opened, 1)[1]
        assert [check.code for check in found] == ["T-LIST-OK"] * len(found)
        assert found
        assert authorities.verify(opened)["exit"] == 0


def content(made: Made, name: str) -> bytes:
    return (made.folder / "archive" / "evidence" / "1" / name).read_bytes()
