"""Headers: one spelling, every bit under the HMAC, and who may stand together."""

from __future__ import annotations

import io

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from evidence_vault.core.age import (
    MAX_HEADER,
    Header,
    Identity,
    PQIdentity,
    Recipient,
    ScryptIdentity,
    ScryptRecipient,
    Stanza,
    X25519Identity,
    decrypt_stream,
    encrypt_stream,
    format_header,
    parse_header,
    read_header,
    unwrap_file_key,
    wrap_file_key,
)
from evidence_vault.core.age.x25519 import is_low_order
from evidence_vault.errors import FormatError, KeyProblem, UsageError, VaultError

from .helpers import BORDERS, FILE_KEY, Pipe, flips, pattern

PQ = PQIdentity.from_seed(bytes(32))
PQ_OTHER = PQIdentity.from_seed(bytes([1]) * 32)
CLASSIC = X25519Identity(bytes([2]) * 32)
PASSPHRASE = "မြန်မာ passphrase"
P = 2**255 - 19
ORDER_EIGHT = [
    int.from_bytes(bytes.fromhex(point), "little")
    for point in (
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    )
]

words = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=80)
stanzas = st.builds(
    Stanza, words, st.lists(words, max_size=3).map(tuple), st.binary(min_size=0, max_size=160)
)
headers = st.builds(
    Header,
    st.lists(stanzas, min_size=1, max_size=4).map(tuple),
    st.binary(min_size=32, max_size=32),
)


def pq_header() -> bytes:
    return wrap_file_key(FILE_KEY, [PQ.to_recipient(), PQ_OTHER.to_recipient()])


def known_header(stanza: Stanza, *more: Stanza) -> bytes:
    return format_header(Header((stanza, *more), bytes(32)))


@pytest.mark.parametrize("identity", [PQ, PQ_OTHER])
def test_every_recipient_opens_the_header(identity: PQIdentity) -> None:
    assert unwrap_file_key(pq_header(), [identity]) == FILE_KEY


def test_passphrase_and_x25519_headers_open() -> None:
    by_key = wrap_file_key(FILE_KEY, [CLASSIC.to_recipient()])
    assert unwrap_file_key(by_key, [PQ, CLASSIC]) == FILE_KEY
    by_word = wrap_file_key(FILE_KEY, [ScryptRecipient(PASSPHRASE, 2)])
    assert unwrap_file_key(by_word, [CLASSIC, ScryptIdentity(PASSPHRASE)]) == FILE_KEY


def test_two_wraps_never_look_the_same() -> None:
    assert pq_header() != pq_header()


def test_rewrapping_leaves_the_payload_readable() -> None:
    sealed = io.BytesIO()
    encrypt_stream([PQ.to_recipient()], io.BytesIO(b"words"), sealed)
    sealed.seek(0)
    header, payload = read_header(sealed), sealed.read()
    passed_on = wrap_file_key(unwrap_file_key(header, [PQ]), [PQ_OTHER.to_recipient()])
    opened = io.BytesIO()
    decrypt_stream([PQ_OTHER], io.BytesIO(passed_on + payload), opened)
    assert opened.getvalue() == b"words"


@pytest.mark.parametrize("size", BORDERS)
@pytest.mark.parametrize("source", [Pipe, io.BytesIO], ids=["forward-only", "seekable"])
def test_whole_files_come_back(size: int, source: type[Pipe] | type[io.BytesIO]) -> None:
    sealed, opened = io.BytesIO(), io.BytesIO()
    encrypt_stream([PQ.to_recipient()], source(pattern(size)), sealed)
    decrypt_stream([PQ], source(sealed.getvalue()), opened)
    assert opened.getvalue() == pattern(size)


def test_wrong_key_is_a_key_problem() -> None:
    header = wrap_file_key(FILE_KEY, [PQ.to_recipient()])
    for identities in ([PQ_OTHER], [CLASSIC], [ScryptIdentity("x")], []):
        with pytest.raises(KeyProblem):
            unwrap_file_key(header, identities)


def test_wrong_passphrase_is_a_key_problem_and_says_so() -> None:
    header = wrap_file_key(FILE_KEY, [ScryptRecipient(PASSPHRASE, 2)])
    with pytest.raises(KeyProblem, match="passphrase"):
        unwrap_file_key(header, [ScryptIdentity(PASSPHRASE + " ")])


def test_families_are_never_mixed() -> None:
    pq, classic, word = PQ.to_recipient(), CLASSIC.to_recipient(), ScryptRecipient("word", 2)
    mixtures: list[list[Recipient]] = [
        [pq, classic],
        [classic, word],
        [pq, word],
        [word, word],
        [],
    ]
    for recipients in mixtures:
        with pytest.raises(UsageError) as refused:
            wrap_file_key(FILE_KEY, recipients)
        assert refused.value.code == "E-AGE-RECIPIENTS"


def test_work_factor_above_the_limit_is_refused_before_any_work() -> None:
    header = wrap_file_key(FILE_KEY, [ScryptRecipient("word", 5)])
    assert unwrap_file_key(header, [ScryptIdentity("word", 5)]) == FILE_KEY
    with pytest.raises(FormatError, match="work factor 5"):
        unwrap_file_key(header, [ScryptIdentity("word", 4)])
    hostile = header.replace(b" 5\n", b" 60\n")
    with pytest.raises(FormatError, match="work factor 60"):
        unwrap_file_key(hostile, [ScryptIdentity("word")])


@pytest.mark.parametrize("log_n", [-1, 0, 21])
def test_work_factors_out_of_range_are_not_written(log_n: int) -> None:
    with pytest.raises(UsageError):
        ScryptRecipient("word", log_n)


def test_empty_passphrase_is_refused() -> None:
    with pytest.raises(KeyProblem):
        ScryptRecipient("")
    with pytest.raises(KeyProblem):
        ScryptIdentity("")


def test_every_flipped_bit_of_an_x25519_header_is_refused() -> None:
    header = wrap_file_key(FILE_KEY, [CLASSIC.to_recipient()])
    check_flips(flips(header), CLASSIC)


def test_every_flipped_bit_of_a_passphrase_header_is_refused() -> None:
    header = wrap_file_key(FILE_KEY, [ScryptRecipient("word", 2)])
    check_flips(flips(header), ScryptIdentity("word", 9))


def test_every_flipped_bit_of_a_post_quantum_header_is_refused() -> None:
    check_flips(flips(wrap_file_key(FILE_KEY, [PQ.to_recipient()])), PQ)


def check_flips(changed: list[bytes], identity: Identity) -> None:
    accepted = [at for at, header in enumerate(changed) if not is_refused(header, identity)]
    assert changed and accepted == []


def is_refused(header: bytes, identity: Identity) -> bool:
    try:
        unwrap_file_key(header, [identity])
    except VaultError:
        return True
    return False


def test_a_stanza_of_someone_else_can_not_be_removed_or_swapped() -> None:
    parsed = parse_header(pq_header())
    first, second = parsed.stanzas
    for forged in ((first,), (second,), (second, first), (first, second, first)):
        assert is_refused(format_header(Header(forged, parsed.mac)), PQ_OTHER)


@given(headers)
def test_what_is_formatted_parses_to_the_same(header: Header) -> None:
    data = format_header(header)
    assert parse_header(data) == header
    assert read_header(io.BytesIO(data + b"payload --- \n")) == data


@given(headers, st.data())
def test_whatever_parses_formats_back_to_the_same_bytes(
    header: Header, data: st.DataObject
) -> None:
    text = bytearray(format_header(header))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text)))
        cut = data.draw(st.integers(0, 2))
        text[at : at + cut] = data.draw(
            st.sampled_from(
                [b"", b"\n", b"\r\n", b" ", b"=", b"A", b"-> a\n", b"\n\n", b"---", b"\0"]
            )
        )
    try:
        parsed = parse_header(bytes(text))
    except FormatError:
        return
    assert format_header(parsed) == text


@given(st.binary(max_size=200))
def test_noise_is_a_format_error(noise: bytes) -> None:
    for data in (noise, b"age-encryption.org/v1\n" + noise):
        with pytest.raises(FormatError):
            parse_header(data)


def test_headers_cut_anywhere_are_refused() -> None:
    header = wrap_file_key(FILE_KEY, [CLASSIC.to_recipient()])
    for size in range(len(header)):
        with pytest.raises(FormatError):
            parse_header(header[:size])
        with pytest.raises(FormatError):
            parse_header(read_header(io.BytesIO(header[:size])))


def test_a_header_without_end_is_given_up_at_the_limit() -> None:
    class Endless:
        given = 0

        def readline(self, size: int = -1, /) -> bytes:
            first = b"age-encryption.org/v1\n" if not self.given else b"A" * 63 + b"\n"
            line = first[:size]
            self.given += len(line)
            return line

    source = Endless()
    with pytest.raises(FormatError, match="longer than"):
        read_header(source)
    assert source.given == MAX_HEADER


@pytest.mark.timeout(60)
def test_a_header_of_very_many_stanzas_is_parsed_in_linear_time() -> None:
    many = (MAX_HEADER - 100) // len(b"-> a\n\n")
    header = Header((Stanza("a", (), b""),) * many, bytes(32))
    assert parse_header(format_header(header)) == header


def test_a_header_above_the_limit_is_refused() -> None:
    header = Header((Stanza("a", (), bytes(MAX_HEADER)),), bytes(32))
    with pytest.raises(FormatError, match="longer than"):
        parse_header(format_header(header))


def test_a_header_without_recipients_is_refused() -> None:
    with pytest.raises(FormatError, match="no recipient"):
        parse_header(format_header(Header((), bytes(32))))


@pytest.mark.parametrize(
    "stanza",
    [
        Stanza("X25519", ("A" * 43,), bytes(31)),
        Stanza("X25519", ("A" * 43,), bytes(33)),
        Stanza("X25519", (), bytes(32)),
        Stanza("X25519", ("Q" + "A" * 41,), bytes(32)),
        Stanza("X25519", ("A" * 43,), bytes(32)),
        Stanza("mlkem768x25519", ("AAAA",), bytes(32)),
        Stanza("mlkem768x25519", (), bytes(32)),
        Stanza("scrypt", ("A" * 22,), bytes(32)),
        Stanza("scrypt", ("A" * 22, "+1"), bytes(32)),
        Stanza("scrypt", ("A" * 22, "01"), bytes(32)),
        Stanza("scrypt", ("A" * 22, "1_0"), bytes(32)),
        Stanza("scrypt", ("A" * 22, "100"), bytes(32)),
        Stanza("scrypt", ("A" * 21 + "B", "10"), bytes(32)),
    ],
)
def test_malformed_known_stanzas_are_refused_whoever_they_are_for(stanza: Stanza) -> None:
    with pytest.raises(FormatError):
        unwrap_file_key(known_header(stanza), [PQ_OTHER])


def test_a_passphrase_beside_a_key_is_refused() -> None:
    word = parse_header(wrap_file_key(FILE_KEY, [ScryptRecipient("word", 2)])).stanzas[0]
    with pytest.raises(FormatError, match="not alone"):
        unwrap_file_key(known_header(word, Stanza("other", (), b"")), [ScryptIdentity("word")])


@pytest.mark.parametrize("top_bit", [0, 2**255])
@pytest.mark.parametrize("u", [0, 1, P - 1, P, P + 1, *ORDER_EIGHT])
def test_low_order_shares_are_known_in_every_spelling(u: int, top_bit: int) -> None:
    share = (u + top_bit).to_bytes(32, "little")
    assert is_low_order(share) and refused_by_the_library(share)


@given(st.binary(min_size=32, max_size=32))
def test_low_order_shares_are_those_the_library_refuses(share: bytes) -> None:
    assert is_low_order(share) == refused_by_the_library(share)


def refused_by_the_library(share: bytes) -> bool:
    try:
        X25519PrivateKey.from_private_bytes(bytes(32)).exchange(
            X25519PublicKey.from_public_bytes(share)
        )
    except ValueError:
        return True
    return False
