"""The offline proof file: the published example, one spelling, and no altered file accepted."""

from __future__ import annotations

import textwrap
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence_vault.core.checkpoint import Checkpoint, sign_checkpoint
from evidence_vault.core.merkle import (
    EMPTY_ROOT,
    MemoryTree,
    check_consistency,
    leaf_hash,
    prove_consistency,
    prove_inclusion,
    root_from_hashes,
)
from evidence_vault.core.note import encode_base64
from evidence_vault.core.proof import ProofFile, format_proof, parse_proof, verify_proof
from evidence_vault.errors import FormatError, ProofInvalid, SignatureInvalid

from . import oracle
from .logs import ORIGIN, TIME, entry, leaves, log_signer, pq_signer, witness_signer

ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "40766b2033429026f53d54502679a839706b4741f8dcaf3a8bba5f41b5ffe075",
    "2f27a5082c1d42afa488ac350a9fc4390c084f54f71ecdff859e98db8429b479",
    "a64bf26e09128f6fe2fe6f8b2d8c801e166b57c047a7cd9b2b809e7a96a2f1cb",
    "256b9e8825e5d370a4ae005d0901ea291977e2927f5cf8e3e72660dd09519edb",
    "1aa68d3074905a581f84cbbd0f753794904fd80451bc4c13e69d9a53bc59502c",
    "08783a523d260480de2ccf0976d7411ed8adaf06f75d5a5de2254c58f968eca9",
    "9139601cc1ca8ab2a7a0c2c134c04845f2b1ba549a83d6c845cfcda439cc585d",
]
CONSISTENCY = {
    (3, 7): [
        "049d7dcdb56bcfebd313304c9839f196a3d4b6ef3bdc0b08298f93ac8191f0a8",
        "27479b6ab321d2ee477452f68ba527748e863cafe8fbd1df2bf89d1570d1b697",
        "2f27a5082c1d42afa488ac350a9fc4390c084f54f71ecdff859e98db8429b479",
        "e429c5b5ccaa9523c37297f1846766f903137e82195c5199e6be57130d1006c8",
    ],
    (4, 7): ["e429c5b5ccaa9523c37297f1846766f903137e82195c5199e6be57130d1006c8"],
}
PROOF = """\
c2sp.org/tlog-proof@v1
index 5
GUu1otW9EOXRqm/V1CmAs1bK8dpiPNmYfEv6L4F3Htc=
DP2ldv9LKeozw6/a7tG9Y362VLKKBDAvyrX9fbB4Acw=
JWueiCXl03CkrgBdCQHqKRl34pJ/XPjj5yZg3QlRnts=

log.example/vault
7
kTlgHMHKirKnoMLBNMBIRfKxulSag9bIRc/NpDnMWF0=

\u2014 log.example/vault pvYW6zmKbD/ZOW4VPTbBBaZvbWnXCA8HYI4VRxLqYzl6uIJl+XdN7iLN0+nUAxAe72+oswOON/llogXdRM1byg89QQA=
\u2014 witness.example/one 8k6+NQAAAABrSdIAg3V1lYhb6lQ6/Ph16uv09kSdLv3d+2ZpOMxrKgPfF3a+iZ32RfXVqX0C+oRaMwfn/1h7LkSEShyDXhM/hXYQCg==
"""  # noqa: E501 - a signature line is never wrapped
LOG, PQ, ONE = log_signer().key, pq_signer().key, witness_signer().key


def made(index: int, size: int) -> ProofFile:
    note = sign_checkpoint(
        Checkpoint(ORIGIN, size, oracle.mth(0, size)),
        [log_signer(), witness_signer()],
        timestamp=TIME,
    )
    tree = MemoryTree(leaves(size))
    return ProofFile(index, tuple(prove_inclusion(index, size, tree)), note)


def test_the_published_roots_and_consistency_proofs() -> None:
    assert bytes.fromhex(ROOTS[0]) == EMPTY_ROOT
    assert bytes.fromhex(ROOTS[1]) == leaf_hash(b"entry-0")
    for size, root in enumerate(ROOTS):
        assert root_from_hashes(leaves(size)).hex() == root
    for (old, new), expected in CONSISTENCY.items():
        proof = prove_consistency(old, new, MemoryTree(leaves(new)))
        assert [hash_.hex() for hash_ in proof] == expected
        check_consistency(old, bytes.fromhex(ROOTS[old]), new, bytes.fromhex(ROOTS[new]), proof)


def test_the_published_proof_is_made_byte_for_byte() -> None:
    assert format_proof(made(5, 7)).decode() == PROOF


def test_the_format_page_shows_this_proof() -> None:
    page = Path(__file__).parents[2] / "docs" / "format-log.md"
    shown = textwrap.indent(PROOF, "    ", lambda line: bool(line.strip()))
    assert shown in page.read_text("utf-8")


def test_the_published_proof_verifies() -> None:
    found = verify_proof(PROOF.encode(), b"entry-5", [LOG], [ONE])
    assert (found.index, found.leaf_hash) == (5, leaf_hash(b"entry-5"))
    assert found.opened.checkpoint == Checkpoint(ORIGIN, 7, bytes.fromhex(ROOTS[7]))
    assert [item.key for item in found.opened.log_signatures] == [LOG]
    assert [(item.key, item.timestamp) for item in found.opened.cosignatures] == [(ONE, TIME)]


def test_every_entry_of_every_small_log_verifies_and_no_other() -> None:
    for size in range(1, 12):
        for index in range(size):
            data = format_proof(made(index, size))
            assert verify_proof(data, entry(index), [LOG]).index == index
            for other in (entry(index + 1), b"", entry(index) + b"\n"):
                with pytest.raises(ProofInvalid):
                    verify_proof(data, other, [LOG])
            moved = replace(made(index, size), index=index + 1)
            with pytest.raises(ProofInvalid):
                verify_proof(format_proof(moved), entry(index), [LOG])


def test_every_flipped_bit_of_the_published_proof_is_refused() -> None:
    data = PROOF.encode()
    for place in range(len(data) * 8):
        altered = bytearray(data)
        altered[place // 8] ^= 1 << place % 8
        # A damaged name or key ID makes the witness a stranger, whose line does not count.
        try:
            found = verify_proof(bytes(altered), b"entry-5", [LOG], [ONE])
        except (FormatError, ProofInvalid, SignatureInvalid):
            continue
        assert place // 8 > data.index(b"\xe2\x80\x94 witness")
        assert found.opened.cosignatures == ()


def test_a_proof_under_a_downgraded_checkpoint_is_refused() -> None:
    with pytest.raises(SignatureInvalid) as caught:
        verify_proof(PROOF.encode(), b"entry-5", [LOG, PQ], [ONE])
    assert caught.value.code == "E-CHECKPOINT-DOWNGRADE"
    verify_proof(PROOF.encode(), b"entry-5", [LOG, PQ], [ONE], allow_missing_types=True)


def test_a_proof_by_an_unknown_log_is_refused() -> None:
    with pytest.raises(SignatureInvalid):
        verify_proof(PROOF.encode(), b"entry-5", [], [ONE])
    stranger = replace(LOG, public_key=ONE.public_key)
    with pytest.raises(SignatureInvalid):
        verify_proof(PROOF.encode(), b"entry-5", [stranger], [])


def test_an_extra_line_is_kept_and_decides_nothing() -> None:
    data = format_proof(replace(made(5, 7), extra=b"said by nobody"))
    assert parse_proof(data).extra == b"said by nobody"
    assert data.replace(b"extra c2FpZCBieSBub2JvZHk=\n", b"") == PROOF.encode()
    assert verify_proof(data, b"entry-5", [LOG]).index == 5


HASH = encode_base64(bytes(32))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "c2sp.org/tlog-proof@v1\n",
        PROOF.replace("@v1", "@v2"),
        PROOF.replace("c2sp.org/tlog-proof@v1\n", ""),
        PROOF.replace("index 5", "index 05"),
        PROOF.replace("index 5", "index +5"),
        PROOF.replace("index 5", "index  5"),
        PROOF.replace("index 5", "index 5 "),
        PROOF.replace("index 5", "Index 5"),
        PROOF.replace("index 5\n", ""),
        PROOF.replace("index 5\n", "index 5\nindex 5\n"),
        PROOF.replace("index 5\n", "index 5\nextra AA==\n"),
        PROOF.replace("index 5\n", "extra \nindex 5\n"),
        PROOF.replace("index 5\n", "extra AA==\nextra AA==\nindex 5\n"),
        PROOF.replace("index 5\n", f"extra {encode_base64(bytes(65_537))}\nindex 5\n"),
        PROOF.replace("index 5\n", "index 5\n\n"),
        PROOF.replace("index 5\n", "index 5\nAAAA\n"),
        PROOF.replace("index 5\n", f"index 5\n{HASH * 2}\n"),
        PROOF.replace("index 5\n", "index 5\n" + f"{HASH}\n" * 61),
        PROOF.replace("Rnts=", "Rntt="),
        PROOF.replace("\n", "\r\n"),
        PROOF + "\n",
        PROOF[:-1],
        "\ufeff" + PROOF,
    ],
)
def test_a_proof_file_written_otherwise_is_refused(text: str) -> None:
    with pytest.raises(FormatError):
        parse_proof(text.encode())


def test_an_oversized_proof_file_is_refused() -> None:
    with pytest.raises(FormatError, match="at most"):
        parse_proof(PROOF.encode() + b"x" * 1_200_000)


@pytest.mark.parametrize(
    "changes",
    [
        {"index": -1},
        {"index": 2**63},
        {"path": (bytes(31),)},
        {"path": (bytes(32),) * 64},
        {"extra": b""},
        {"extra": bytes(65_537)},
        {"checkpoint": b"no note\n"},
    ],
)
def test_what_could_not_be_read_back_is_not_written(changes: dict[str, object]) -> None:
    with pytest.raises(FormatError):
        format_proof(replace(made(5, 7), **changes))  # type: ignore[arg-type]  # spoiled on purpose


@given(
    st.integers(0, 2**63 - 1),
    st.lists(st.binary(min_size=32, max_size=32), max_size=63),
    st.none() | st.binary(min_size=1, max_size=50),
)
def test_whatever_is_written_reads_back(index: int, path: list[bytes], extra: bytes | None) -> None:
    proof = ProofFile(index, tuple(path), NOTE, extra)
    assert parse_proof(format_proof(proof)) == proof


NOTE = made(0, 1).checkpoint


@given(st.text("c5\n= +indexAé", max_size=6), st.integers(0, 60), st.integers(0, 3))
def test_whatever_parses_formats_back_to_the_same_bytes(patch: str, at: int, width: int) -> None:
    damaged = (PROOF[:at] + patch + PROOF[at + width :]).encode()
    try:
        proof = parse_proof(damaged)
    except FormatError:
        return
    assert format_proof(proof) == damaged
