"""Payloads: every length comes back, and no changed, cut or shuffled one is read."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from itertools import permutations

import pytest
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from hypothesis import given, settings
from hypothesis import strategies as st

from evidence_vault.core.age import (
    PayloadReader,
    PayloadWriter,
    decrypt_payload,
    encrypt_payload,
    new_file_key,
    sealed_size,
)
from evidence_vault.core.age.keys import payload_key
from evidence_vault.errors import EvidenceError, FormatError, InternalError, StoreError

from .helpers import BORDERS, CHUNK, FILE_KEY, NONCE, Pipe, chunks_of, drain, flips, pattern, seal

Opener = Callable[[bytes], bytes]

OPENERS: dict[str, Opener] = {
    "forward-only": lambda payload: drain(PayloadReader(FILE_KEY, Pipe(payload))),
    "dribbling": lambda payload: drain(PayloadReader(FILE_KEY, Pipe(payload, 5000))),
    "seekable": lambda payload: drain(PayloadReader(FILE_KEY, io.BytesIO(payload))),
    "one-shot": lambda payload: decrypt_payload(FILE_KEY, payload),
}
every_opener = pytest.mark.parametrize("opener", OPENERS.values(), ids=OPENERS)


@every_opener
@pytest.mark.parametrize("size", BORDERS)
def test_every_length_comes_back(size: int, opener: Opener) -> None:
    for payload in (seal(pattern(size)), encrypt_payload(FILE_KEY, pattern(size))):
        assert opener(payload) == pattern(size)
        assert len(payload) == sealed_size(size)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 150_000), max_size=6), st.integers(1, 200_000), st.booleans())
def test_how_it_is_cut_for_writing_and_reading_does_not_matter(
    pieces: list[int], piece: int, jumps: bool
) -> None:
    plaintext = pattern(sum(pieces))
    sink = io.BytesIO()
    with PayloadWriter(FILE_KEY, sink) as writer:
        at = 0
        for size in pieces:
            assert writer.write(memoryview(plaintext)[at : at + size]) == size
            at += size
    source = io.BytesIO(sink.getvalue()) if jumps else Pipe(sink.getvalue())
    assert drain(PayloadReader(FILE_KEY, source), piece) == plaintext


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 200_000), st.integers(0, 150_000)), max_size=8))
def test_random_access_agrees_with_slices(places: list[tuple[int, int]]) -> None:
    plaintext = pattern(3 * CHUNK + 17)
    source = io.BytesIO(b"header" + seal(plaintext))
    source.seek(len(b"header"))
    reader = PayloadReader(FILE_KEY, source)
    assert reader.size == len(plaintext) == reader.seek(0, io.SEEK_END)
    for offset, size in places:
        reader.seek(7)
        assert reader.read_at(offset, size) == plaintext[offset : offset + size]
        assert reader.tell() == 7
        reader.seek(offset)
        assert reader.read(size) == plaintext[offset : offset + size]


def test_the_reader_is_a_file_that_others_can_use() -> None:
    plaintext = b"a line\n" * 20_000
    reader = PayloadReader(FILE_KEY, io.BytesIO(seal(plaintext)))
    assert hashlib.file_digest(reader, "sha256").digest() == hashlib.sha256(plaintext).digest()
    reader.seek(0)
    assert sum(1 for _ in io.BufferedReader(reader)) == 20_000


def test_a_forward_only_source_gives_no_size_and_no_jumps() -> None:
    reader = PayloadReader(FILE_KEY, Pipe(seal(b"x")))
    assert reader.readable() and not reader.seekable()
    for attempt in (lambda: reader.size, lambda: reader.seek(0), lambda: reader.read_at(0, 1)):
        with pytest.raises(io.UnsupportedOperation):
            attempt()
    assert reader.readall() == b"x"


def test_seeking_before_the_start_is_an_error() -> None:
    with pytest.raises(ValueError):
        PayloadReader(FILE_KEY, io.BytesIO(seal(b"x"))).seek(-2, io.SEEK_END)


@every_opener
@pytest.mark.parametrize("size", [0, 1, 40])
def test_every_flipped_bit_of_a_small_payload_is_refused(size: int, opener: Opener) -> None:
    for changed in flips(seal(pattern(size))):
        with pytest.raises(EvidenceError):
            opener(changed)


@every_opener
@settings(deadline=None, max_examples=40)
@given(st.data())
def test_a_flipped_bit_anywhere_in_several_chunks_is_refused(
    opener: Opener, data: st.DataObject
) -> None:
    payload = bytearray(seal(pattern(2 * CHUNK + 5)))
    payload[data.draw(st.integers(0, len(payload) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(EvidenceError):
        opener(bytes(payload))


@every_opener
@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK])
def test_payloads_cut_short_are_refused(size: int, opener: Opener) -> None:
    payload = seal(pattern(size))
    borders = {NONCE + i * (CHUNK + 16) + d for i in range(4) for d in (-1, 0, 1, 15, 16, 17)}
    cuts = sorted(cut for cut in borders | {len(payload) - 1} if NONCE <= cut < len(payload))
    assert cuts
    for cut in cuts:
        with pytest.raises(EvidenceError):
            opener(payload[:cut])


@every_opener
def test_payloads_without_a_whole_nonce_are_malformed(opener: Opener) -> None:
    for size in range(NONCE):
        with pytest.raises(FormatError):
            opener(bytes(size))


@every_opener
@pytest.mark.parametrize("size", [0, 1, CHUNK, CHUNK + 1, 2 * CHUNK])
def test_extended_payloads_are_refused(size: int, opener: Opener) -> None:
    payload = seal(pattern(size))
    last = chunks_of(payload)[-1]
    for more in (b"\0", bytes(16), bytes(CHUNK + 16), last, payload, payload[NONCE:]):
        with pytest.raises(EvidenceError):
            opener(payload + more)


@every_opener
def test_reordered_repeated_and_dropped_chunks_are_refused(opener: Opener) -> None:
    payload = seal(pattern(4 * CHUNK))
    nonce, chunks = payload[:NONCE], chunks_of(payload)
    orders = [order for size in (2, 3, 4) for order in permutations(range(4), size)]
    orders += [(0, 0, 1, 2, 3), (0, 1, 2, 3, 3), (0, 1, 2, 2, 3)]
    assert len(orders) == 12 + 24 + 24 + 3
    for order in orders:
        forged = nonce + b"".join(chunks[index] for index in order)
        if order == (0, 1, 2, 3):
            assert opener(forged) == pattern(4 * CHUNK)
            continue
        with pytest.raises(EvidenceError):
            opener(forged)


@every_opener
def test_an_empty_last_chunk_after_others_is_refused(opener: Opener) -> None:
    """Made by someone who holds the file key, so only the rule itself can refuse it."""
    aead = ChaCha20Poly1305(payload_key(FILE_KEY, bytes(NONCE)))
    first = aead.encrypt(bytes(12), bytes(CHUNK), None)
    empty = aead.encrypt((1 << 8 | 1).to_bytes(12, "big"), b"", None)
    with pytest.raises(EvidenceError):
        opener(bytes(NONCE) + first + empty)


@every_opener
def test_another_file_key_opens_nothing(opener: Opener) -> None:
    with pytest.raises(EvidenceError):
        opener(seal(b"words", new_file_key()))


@every_opener
def test_chunks_of_another_payload_under_the_same_key_are_refused(opener: Opener) -> None:
    one, other = seal(pattern(2 * CHUNK)), seal(pattern(2 * CHUNK))
    with pytest.raises(EvidenceError):
        opener(one[:NONCE] + chunks_of(one)[0] + chunks_of(other)[1])


def test_a_seekable_payload_cut_at_a_chunk_is_refused_before_anything_is_read() -> None:
    payload = seal(pattern(3 * CHUNK))
    with pytest.raises(EvidenceError):
        PayloadReader(FILE_KEY, io.BytesIO(payload[: NONCE + 2 * (CHUNK + 16)]))


@pytest.mark.parametrize("source", [Pipe, io.BytesIO], ids=["forward-only", "seekable"])
def test_plaintext_that_does_not_authenticate_never_reaches_the_buffer(
    source: type[Pipe] | type[io.BytesIO],
) -> None:
    payload = bytearray(seal(b"\xff" * 3 * CHUNK))
    payload[NONCE + 16 + CHUNK + 100] ^= 1
    reader = PayloadReader(FILE_KEY, source(bytes(payload)))
    buffer = bytearray(CHUNK)
    assert reader.readinto(buffer) == CHUNK
    for _ in range(2):
        buffer = bytearray(CHUNK)
        with pytest.raises(EvidenceError, match="chunk 1"):
            reader.readinto(buffer)
        assert buffer == bytes(CHUNK)


def test_an_abandoned_payload_is_refused() -> None:
    sink = io.BytesIO()
    with pytest.raises(RuntimeError), PayloadWriter(FILE_KEY, sink) as writer:
        writer.write(pattern(3 * CHUNK))
        raise RuntimeError("the source broke")
    assert len(sink.getvalue()) > CHUNK
    with pytest.raises(EvidenceError):
        decrypt_payload(FILE_KEY, sink.getvalue())
    with pytest.raises(ValueError):
        writer.write(b"more")


def test_closing_twice_writes_one_last_chunk() -> None:
    sink = io.BytesIO()
    with PayloadWriter(FILE_KEY, sink) as writer:
        writer.close()
    assert decrypt_payload(FILE_KEY, sink.getvalue()) == b""


def test_a_sink_that_takes_less_is_an_error() -> None:
    class Full:
        def write(self, data: bytes | memoryview, /) -> int:
            return min(len(data), 100)

    with pytest.raises(StoreError, match="100 of"):
        PayloadWriter(FILE_KEY, Full()).write(pattern(3 * CHUNK))


def test_a_file_key_of_another_length_is_our_bug() -> None:
    with pytest.raises(InternalError):
        encrypt_payload(bytes(32), b"")


def test_payloads_and_file_keys_never_repeat() -> None:
    assert len({encrypt_payload(FILE_KEY, b"same") for _ in range(50)}) == 50
    assert len({new_file_key() for _ in range(50)}) == 50
