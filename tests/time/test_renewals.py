"""Chains of renewals: three steps, each of them tampered with."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.time.authority import DAY, LocalAuthority

from evidence_vault.core.findings import Outcome
from evidence_vault.core.receipt import Renewal
from evidence_vault.errors import FormatError
from evidence_vault.verify.renewals import (
    RenewalCheck,
    check_renewals,
    format_renewal,
    parse_renewal,
)

MATCHES, DIFFERS, UNCHECKED = Outcome.MATCHES, Outcome.DIFFERS, Outcome.UNCHECKED
NOTE = b"origin\n7\nroot\n\n- signatures\n"
Change = Callable[["Chain"], "Chain"]


@dataclass(frozen=True)
class Chain:
    """A checkpoint's stamp and its renewals, by three authorities of three decades."""

    note: bytes
    tokens: tuple[tuple[str, bytes], ...]
    renewals: tuple[Renewal, ...]
    roots: tuple[str, ...]

    def check(self) -> list[RenewalCheck]:
        return check_renewals(self.note, self.tokens, self.renewals, self.roots)[1]

    def with_renewal(self, at: int, **changed: object) -> Chain:
        renewals = list(self.renewals)
        # Keywords of several types.
        renewals[at] = replace(renewals[at], **changed)  # type: ignore[arg-type]
        return replace(self, renewals=tuple(renewals))


@dataclass(frozen=True)
class Authorities:
    """Four that follow each other: each certificate ends while the next one holds."""

    made: tuple[LocalAuthority, ...]
    times: tuple[datetime, ...]

    def stamp(self, number: int, data: bytes, days: int = 0) -> tuple[str, bytes]:
        name = f"tsa-{number}"
        return name, self.made[number].stamp(data, self.times[number] + days * DAY)


@pytest.fixture(scope="module")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> Authorities:
    now = datetime.now(UTC)
    made, times = [], []
    for number in range(4):
        begin = now + (number - 3) * 1000 * DAY
        folder = tmp_path_factory.mktemp("decades") / f"tsa-{number}"
        made.append(
            LocalAuthority(folder, f"tsa-{number}", valid=(begin - DAY, begin + 1100 * DAY))
        )
        made[-1].stop()
        times.append(begin)
    return Authorities(tuple(made), tuple(times))


@pytest.fixture(scope="module")
def chain(authorities: Authorities) -> Chain:
    files = {"checkpoint": NOTE}
    name, reply = authorities.stamp(0, NOTE)
    tokens = ((name, reply),)
    files[f"{name}.tsr"] = reply
    renewals = []
    for number in (1, 2, 3):
        manifest = format_renewal(files)
        name, reply = authorities.stamp(number, manifest)
        renewals.append(Renewal(manifest, ((name, reply),)))
        files[f"renewal-{number:04d}.sha512"] = manifest
        files[f"renewal-{number:04d}.{name}.tsr"] = reply
    roots = tuple(each.root_pem for each in authorities.made)
    return Chain(NOTE, tokens, tuple(renewals), roots)


def test_three_steps_match(chain: Chain) -> None:
    first, found = check_renewals(chain.note, chain.tokens, chain.renewals, chain.roots)
    assert [check.outcome for _, check in first] == [MATCHES]
    assert [(check.outcome, check.code) for check in found] == [(MATCHES, "T-LIST-OK")] * 3
    times = [check.gen_time for check in found]
    assert times == sorted(times, key=lambda t: t or 0) and None not in times
    assert [check.listed for check in found] == [2, 4, 6]
    assert [check.absent for check in found] == [(), (), ()]


def test_sha512sum_says_the_same(chain: Chain, tmp_path: Path) -> None:
    files = {"checkpoint": chain.note, "tsa-0.tsr": chain.tokens[0][1]}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    listed = chain.renewals[0].manifest
    command = ["sha512sum", "-c", "--strict", "-"]
    done = subprocess.run(command, input=listed, cwd=tmp_path, capture_output=True)
    assert done.returncode == 0, done.stderr
    (tmp_path / "checkpoint").write_bytes(b"another")
    assert subprocess.run(command, input=listed, cwd=tmp_path, capture_output=True).returncode


def flipped(data: bytes, at: int = -1) -> bytes:
    changed = bytearray(data)
    changed[at] ^= 1
    return bytes(changed)


def list_changed(at: int) -> Change:
    return lambda c: c.with_renewal(at, manifest=flipped(c.renewals[at].manifest, 0))


def stamp_changed(at: int) -> Change:
    def change(c: Chain) -> Chain:
        name, reply = c.renewals[at].tokens[0]
        return c.with_renewal(at, tokens=((name, flipped(reply)),))

    return change


def stamp_gone(at: int) -> Change:
    return lambda c: c.with_renewal(at, tokens=())


def first_changed(c: Chain) -> Chain:
    return replace(c, tokens=(("tsa-0", flipped(c.tokens[0][1])),))


def left_out(c: Chain) -> Chain:
    return replace(c, renewals=(c.renewals[0], c.renewals[2]))


def swapped(c: Chain) -> Chain:
    return replace(c, renewals=(c.renewals[1], c.renewals[0], c.renewals[2]))


# (change, the renewal at which it must be noticed, beginning of the code)
CHANGES: dict[str, tuple[Change, int, str]] = {
    "checkpoint changed": (lambda c: replace(c, note=c.note + b" "), 0, "T-LIST-FILE"),
    "first stamp changed": (first_changed, 0, "T-LIST-FILE"),
    "first stamp gone": (lambda c: replace(c, tokens=()), 0, "T-LIST-LACKS"),
    **{f"list {n + 1} changed": (list_changed(n), n, "T-LIST-") for n in range(3)},
    **{f"stamp of list {n + 1} changed": (stamp_changed(n), n, "T-LIST-") for n in range(3)},
    **{f"stamp of list {n + 1} gone": (stamp_gone(n), n, "T-LIST-STAMP") for n in range(3)},
    "second list left out": (left_out, 1, "T-LIST-LEFT-OUT"),
    "lists swapped": (swapped, 0, "T-LIST-LEFT-OUT"),
    "a stamp of another list": (
        lambda c: c.with_renewal(1, tokens=c.renewals[0].tokens),
        1,
        "T-LIST-STAMP",
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_each_step_tampered_with(chain: Chain, what: str) -> None:
    change, at, code = CHANGES[what]
    found = change(chain).check()
    assert found[at].outcome is not MATCHES
    assert found[at].code.startswith(code)
    assert all(check.outcome is MATCHES for check in found[:at])


def test_a_list_that_lacks_the_checkpoint(chain: Chain, authorities: Authorities) -> None:
    manifest = format_renewal({"tsa-0.tsr": chain.tokens[0][1]})
    made = Renewal(manifest, (authorities.stamp(1, manifest),))
    assert replace(chain, renewals=(made,)).check()[0].code == "T-LIST-LACKS"


def test_a_list_that_lacks_the_renewal_before_it(chain: Chain, authorities: Authorities) -> None:
    manifest = format_renewal({"checkpoint": NOTE, "tsa-0.tsr": chain.tokens[0][1]})
    made = Renewal(manifest, (authorities.stamp(2, manifest),))
    assert replace(chain, renewals=(chain.renewals[0], made)).check()[1].code == "T-LIST-LACKS"


def test_renewed_after_the_certificates_had_ended(chain: Chain, authorities: Authorities) -> None:
    manifest = chain.renewals[0].manifest
    late = Renewal(manifest, (authorities.stamp(2, manifest),))  # 2000 days after, not 1000
    found = replace(chain, renewals=(late,)).check()[0]
    assert (found.outcome, found.code) == (UNCHECKED, "T-LIST-LATE")


def test_renewed_before_what_it_renews(chain: Chain, authorities: Authorities) -> None:
    reply = authorities.stamp(1, NOTE)
    manifest = format_renewal({"checkpoint": NOTE, "tsa-1.tsr": reply[1]})
    early = Renewal(manifest, (authorities.stamp(0, manifest),))
    found = replace(chain, tokens=(reply,), renewals=(early,)).check()[0]
    assert (found.outcome, found.code) == (DIFFERS, "T-LIST-ORDER")


def test_without_roots_nothing_of_it_is_passed(chain: Chain) -> None:
    found = replace(chain, roots=()).check()
    assert [check.outcome for check in found] == [UNCHECKED] * 3


def test_further_files_of_the_folder_are_compared(chain: Chain, authorities: Authorities) -> None:
    line = b"the line of a countersigner"
    files = {
        "checkpoint": NOTE,
        "tsa-0.tsr": chain.tokens[0][1],
        "cosignatures/00c0ffee": line,
    }
    manifest = format_renewal(files)
    renewal = Renewal(manifest, (authorities.stamp(1, manifest),))

    def check(content: bytes | None) -> RenewalCheck:
        others = {} if content is None else {"cosignatures/00c0ffee": content}
        found = check_renewals(NOTE, chain.tokens, [renewal], chain.roots, others=others)
        return found[1][0]

    assert (check(line).code, check(line).absent) == ("T-LIST-OK", ())
    assert check(b"another").code == "T-LIST-FILE"
    assert (check(None).code, check(None).absent) == ("T-LIST-OK", ("cosignatures/00c0ffee",))


def test_a_list_has_one_spelling() -> None:
    good = format_renewal({"b": b"2", "checkpoint": b"1", "a/b": b"3"})
    assert list(parse_renewal(good)) == ["a/b", "b", "checkpoint"]
    digest = hashlib.sha512(b"1").hexdigest()
    bad = [
        b"",
        good[:-1],
        good + b"\n",
        good.replace(b"\n", b"\r\n"),
        good.upper(),
        good + good,
        good.replace(b"  ", b" *"),
        b"".join(reversed(good.splitlines(keepends=True))),
        f"{digest}  ../x\n".encode(),
        f"{digest}  /x\n".encode(),
        f"{digest}  a//b\n".encode(),
        "{digest}  ä\n".encode(),
        good + bytes(1_000_000),
    ]
    for each in bad:
        with pytest.raises(FormatError):
            parse_renewal(each)
