"""Padding: lengths by the rule, zeros only, one form for each content."""

from __future__ import annotations

import io
import math
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evidence_vault.core.age import (
    Kind,
    PaddedReader,
    PayloadReader,
    PayloadWriter,
    pad,
    padded_length,
    padme,
    trailer,
    unpad,
)
from evidence_vault.errors import FormatError

from .helpers import FILE_KEY, pattern, seal

KINDS: tuple[Kind, ...] = get_args(Kind)
every_kind = pytest.mark.parametrize("kind", KINDS)
KIB = 1024


def padme_by_definition(length: int) -> int:
    """The paper's own steps; floating point is exact enough for small lengths."""
    exponent = math.floor(math.log2(length))
    significant = math.floor(math.log2(exponent)) + 1
    last = 1 << (exponent - significant)
    return -(-length // last) * last


def test_padme_agrees_with_its_definition_for_all_small_lengths() -> None:
    assert [padme(length) for length in range(3)] == [0, 1, 2]
    for length in range(2, 40_000):
        assert padme(length) == padme_by_definition(length), length


@given(st.integers(0, 2**62))
def test_padme_never_shrinks_adds_at_most_12_percent_and_is_stable(length: int) -> None:
    padded = padme(length)
    assert length <= padded <= length * 1.12
    assert padme(padded) == padded
    assert padme(length + 1) >= padded


def test_lengths_by_kind() -> None:
    assert [padded_length(n, "metadata") for n in (0, 16376, 16377, 32760, 32761)] == [
        16 * KIB,
        16 * KIB,
        32 * KIB,
        32 * KIB,
        64 * KIB,
    ]
    assert [padded_length(n, "disclosures") for n in (0, 4088, 4089, 8184, 8185)] == [
        4 * KIB,
        4 * KIB,
        8 * KIB,
        8 * KIB,
        12 * KIB,
    ]
    assert [padded_length(n, "media") for n in (0, 1, 2, 92, 1_000_000)] == [
        8,
        10,
        10,
        104,
        1_015_808,
    ]


@every_kind
def test_small_contents_come_back_through_every_door(kind: Kind) -> None:
    for size in (0, 1, 7, 8, 9, 4087, 4088, 4089, 16376, 16377, 70_000):
        padded = pad(pattern(size), kind)
        assert len(padded) == padded_length(size, kind)
        assert unpad(padded, kind) == pattern(size)
        assert PaddedReader(io.BytesIO(padded), kind).read() == pattern(size)


@every_kind
@settings(deadline=None, max_examples=50)
@given(st.binary(max_size=300))
def test_any_content_comes_back(kind: Kind, content: bytes) -> None:
    assert unpad(pad(content, kind), kind) == content


@pytest.mark.parametrize("n", [10**12, 2**40 + 1])
def test_a_trailer_of_huge_content_comes_in_small_pieces(n: int) -> None:
    pieces = trailer(n, "media")
    for _, piece in zip(range(100), pieces, strict=False):
        assert len(piece) == 65536 and not any(piece)


@every_kind
def test_a_trailer_ends_in_the_length(kind: Kind) -> None:
    for n in (0, 1, 65536 * 20, 3_000_001):
        pieces = list(trailer(n, kind))
        assert sum(map(len, pieces)) == padded_length(n, kind) - n
        assert pieces[-1][-8:] == n.to_bytes(8, "big")
        assert max(map(len, pieces)) <= 65536 + 8


@every_kind
def test_a_wrong_stated_length_is_refused(kind: Kind) -> None:
    padded = pad(b"", kind)
    room = padded_length(0, kind)
    for n in (room - 7, room, room + 1, 2**32, 2**63, 2**64 - 1):
        check_refused(padded[:-8] + n.to_bytes(8, "big"), kind)


@every_kind
def test_a_padded_length_that_the_kind_does_not_have_is_refused(kind: Kind) -> None:
    padded = pad(pattern(5000), kind)
    for other in (b"\0" + padded, bytes(4096) + padded, bytes(len(padded)) + padded, padded[1:]):
        check_refused(other, kind)
    for size in range(8):
        check_refused(bytes(size), kind)


def test_padding_of_one_kind_is_refused_as_another() -> None:
    check_refused(pad(pattern(100), "disclosures"), "metadata")
    check_refused(pad(pattern(100), "metadata"), "disclosures")
    check_refused(pad(pattern(100), "media"), "metadata")


@every_kind
def test_anything_hidden_in_the_padding_is_refused(kind: Kind) -> None:
    size = 5000
    padded = pad(pattern(size), kind)
    places = sorted({size, size + 1, (size + len(padded)) // 2 - 4, len(padded) - 9})
    for place in places:
        changed = bytearray(padded)
        changed[place] = 1
        check_refused(bytes(changed), kind)


def check_refused(padded: bytes, kind: Kind) -> None:
    with pytest.raises(FormatError) as refused:
        unpad(padded, kind)
    assert refused.value.code == "E-AGE-PADDING"
    with pytest.raises(FormatError):
        PaddedReader(io.BytesIO(padded), kind).read()


def test_the_read_that_hands_out_the_last_byte_has_checked_the_zeros() -> None:
    changed = bytearray(pad(pattern(5000), "metadata"))
    changed[-9] = 1
    reader = PaddedReader(io.BytesIO(bytes(changed)), "metadata")
    assert reader.read(4999) == pattern(4999)
    with pytest.raises(FormatError, match="zeros"):
        reader.read(1)


@pytest.mark.parametrize("size", [0, 1, 65528, 65536, 300_000])
def test_a_padded_sealed_stream_comes_back_with_random_access(size: int) -> None:
    sealed = io.BytesIO()
    with PayloadWriter(FILE_KEY, sealed) as writer:
        writer.write(pattern(size))
        for piece in trailer(size, "media"):
            writer.write(piece)
    reader = PaddedReader(PayloadReader(FILE_KEY, io.BytesIO(sealed.getvalue())), "media")
    assert reader.size == size
    assert reader.read_at(size // 2, 100) == pattern(size)[size // 2 : size // 2 + 100]
    assert reader.read() == pattern(size)
    assert reader.seek(-1, io.SEEK_END) == size - 1 if size else True
    assert reader.read() == pattern(size)[-1:]


def test_padding_hides_the_length_on_disk() -> None:
    sizes = {len(seal(pad(bytes(n), "disclosures"))) for n in range(0, 4089, 511)}
    assert len(sizes) == 1
