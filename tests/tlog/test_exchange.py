"""Requests and answers: published bytes, one spelling, bounded sizes, and the table in memory."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from evidence_vault.core.checkpoint import Checkpoint, sign_checkpoint
from evidence_vault.core.exchange import (
    MAX_REQUEST,
    format_answer,
    format_request,
    format_size,
    make_request,
    parse_answer,
    parse_request,
    parse_size,
)
from evidence_vault.core.merkle import MemoryTree, prove_consistency, root_from_hashes
from evidence_vault.core.note import VerifierKey
from evidence_vault.errors import FormatError
from evidence_vault.prove.witness import Last, Verdict, Witness

from .logs import ORIGIN, TIME, leaves, log_signer, pq_signer, witness_signer

# The vectors of the format page: consistency 3 to 7 and 4 to 7, and the cosignature line.
PROOFS = {
    3: [
        "049d7dcdb56bcfebd313304c9839f196a3d4b6ef3bdc0b08298f93ac8191f0a8",
        "27479b6ab321d2ee477452f68ba527748e863cafe8fbd1df2bf89d1570d1b697",
        "2f27a5082c1d42afa488ac350a9fc4390c084f54f71ecdff859e98db8429b479",
        "e429c5b5ccaa9523c37297f1846766f903137e82195c5199e6be57130d1006c8",
    ],
    4: ["e429c5b5ccaa9523c37297f1846766f903137e82195c5199e6be57130d1006c8"],
}
HEAD_4 = b"old 4\n5CnFtcyqlSPDcpfxhGdm+QMTfoIZXFGZ5r5XEw0QBsg=\n\nlog.example/vault\n7\n"
ANSWER = (
    "— witness.example/one 8k6+NQAAAABrSdIAg3V1lYhb6lQ6/Ph16uv09kSdLv3d+2ZpOMxrKgPfF3a+iZ32RfXVq"
    "X0C+oRaMwfn/1h7LkSEShyDXhM/hXYQCg==\n"
).encode()


def note(size: int = 7) -> bytes:
    point = Checkpoint(ORIGIN, size, root_from_hashes(leaves(size)))
    return sign_checkpoint(point, [log_signer()], timestamp=TIME)


def request(old: int, size: int = 7) -> bytes:
    tree = MemoryTree(leaves(size))
    return format_request(make_request(old, prove_consistency(old, size, tree), note(size)))


@dataclass
class Memory:
    """The state of a countersigner, kept in memory: complains about a smaller size."""

    size: int = 0
    root: bytes = b""
    at: int = 0

    def last(self, origin: str) -> Last | None:
        return self if self.size and origin == ORIGIN else None

    def clock(self) -> int:
        return self.at

    def put(self, origin: str, size: int, root: bytes, at: int, note: bytes) -> None:
        assert size >= self.size and at >= self.at
        self.size, self.root, self.at = size, root, at


def judge(body: bytes, state: Memory, now: int = TIME) -> Verdict:
    def keys(origin: str) -> tuple[VerifierKey, ...] | None:
        return (log_signer().key,) if origin == ORIGIN else None

    return Witness([witness_signer()], keys).judge(body, state, now)


@pytest.mark.parametrize("old", PROOFS)
def test_the_published_proofs_stand_in_the_request(old: int) -> None:
    data = request(old)
    assert [h.hex() for h in parse_request(data).proof] == PROOFS[old]
    if old == 4:
        assert data.startswith(HEAD_4)


def test_the_published_cosignature_is_the_answer() -> None:
    state = Memory()
    assert judge(request(0, 3), state, TIME - 1).status == 200
    verdict = judge(request(3), state)
    assert (verdict.status, verdict.body) == (200, ANSWER)
    assert verdict.note == note() + ANSWER
    assert format_answer(parse_answer(ANSWER)) == ANSWER


@pytest.mark.parametrize("old", [0, 3, 7])
def test_a_request_formats_back(old: int) -> None:
    data = request(old)
    assert format_request(parse_request(data)) == data


def test_every_flipped_bit_is_refused_and_nothing_is_remembered() -> None:
    """One bit anywhere: malformed, unknown, unsigned, another size or not consistent; never 200."""
    good = request(3)
    for place in range(len(good)):
        for bit in range(8):
            body = bytearray(good)
            body[place] ^= 1 << bit
            state = Memory(3, root_from_hashes(leaves(3)), 1)
            verdict = judge(bytes(body), state)
            assert verdict.status in (400, 403, 404, 409, 422)
            assert state.size == 3


@pytest.mark.parametrize(
    "spoil",
    [
        lambda b: b"",
        lambda b: b.replace(b"old 3", b"old 03"),
        lambda b: b.replace(b"old 3", b"old +3"),
        lambda b: b.replace(b"old 3", b"old  3"),
        lambda b: b.replace(b"old 3", b"Old 3"),
        lambda b: b.replace(b"old 3\n", b"old 3\r\n"),
        lambda b: b.replace(b"old 3", b"old 8"),
        lambda b: b.replace(b"old 3\n", b"old 3\n\n"),
        lambda b: b.replace(b"old 3\n", b"old 3\n" + b"A" * 43 + b"=\n" * 1 + b"AAAA\n"),
        lambda b: b"old 3\n" + (b"A" * 43 + b"=\n") * 64 + b"\n" + note(),
        lambda b: b + b"\n",
        lambda b: b[:-1],
        lambda b: b.replace(b"\n7\n", b"\n7\nmore\n"),
        lambda b: b + b"x" * MAX_REQUEST,
        lambda b: b.replace(b"old 3", "old ３".encode()),
    ],
)
def test_other_spellings_are_refused(spoil: object) -> None:
    with pytest.raises(FormatError):
        parse_request(spoil(request(3)))  # type: ignore[operator]  # one of several spoilers


def test_sixty_three_proof_lines_are_well_formed() -> None:
    body = b"old 3\n" + (b"A" * 43 + b"=\n") * 63 + b"\n" + note()
    assert len(parse_request(body).proof) == 63


@pytest.mark.parametrize(
    "data", [b"", b"\n", ANSWER[:-1], ANSWER + b"\n", b"\n" + ANSWER, ANSWER * 101, b"7\n"]
)
def test_malformed_answers_are_refused(data: bytes) -> None:
    with pytest.raises(FormatError):
        parse_answer(data)


def test_sizes_have_one_spelling() -> None:
    assert [parse_size(format_size(n)) for n in (0, 7, 2**63 - 1)] == [0, 7, 2**63 - 1]
    for data in (b"", b"7", b"07\n", b"7\n\n", b"-7\n", b"+7\n", b"7 \n", b"9" * 30 + b"\n"):
        assert parse_size(data) is None


def test_every_pair_of_sizes_small_and_honest_is_cosigned() -> None:
    for old in range(12):
        for size in range(max(old, 1), 12):
            state = Memory(old, root_from_hashes(leaves(old)), 1)
            assert judge(request(old, size), state).status == 200


def test_both_log_keys_must_have_signed_when_both_are_pinned() -> None:
    def keys(_: str) -> tuple[VerifierKey, ...]:
        return (log_signer().key, pq_signer().key)

    engine = Witness([witness_signer()], keys)
    assert engine.judge(request(0), Memory(), TIME).status == 403
