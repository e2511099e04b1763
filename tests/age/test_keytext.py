"""Keys as text: one spelling, no secret in any message."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence_vault.core.age import (
    PQIdentity,
    PQRecipient,
    ScryptIdentity,
    ScryptRecipient,
    X25519Identity,
    X25519Recipient,
    bech32,
    parse_identity,
    parse_identity_file,
    parse_recipient,
)
from evidence_vault.errors import KeyProblem

PQ = PQIdentity.from_seed(bytes(range(32)))
CLASSIC = X25519Identity(bytes(range(32)))
SECRETS = [str(PQ), str(CLASSIC)]
RECIPIENTS = [str(PQ.to_recipient()), str(CLASSIC.to_recipient())]


def test_prefixes_and_lengths() -> None:
    assert SECRETS[0].startswith("AGE-SECRET-KEY-PQ-1") and len(SECRETS[0]) == 77
    assert SECRETS[1].startswith("AGE-SECRET-KEY-1") and len(SECRETS[1]) == 74
    assert RECIPIENTS[0].startswith("age1pq1") and len(RECIPIENTS[0]) == 1959
    assert RECIPIENTS[1].startswith("age1") and len(RECIPIENTS[1]) == 62


@pytest.mark.parametrize(
    ("text", "prefix", "data"),
    [
        ("a12uel5l", "a", ""),
        ("?1ezyfcl", "?", ""),
        (
            "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw",
            "abcdef",
            "00443214c74254b635cf84653a56d7c675be77df",
        ),
        (
            "split1checkupstagehandshakeupstreamerranterredcaperred2y9e3w",
            "split",
            "c5f38b70305f519bf66d85fb6cf03058f3dde463ecd7918f2dc743918f2d",
        ),
    ],
)
def test_valid_strings_of_bip_173_decode(text: str, prefix: str, data: str) -> None:
    assert bech32.decode(text) == (prefix, bytes.fromhex(data))
    assert bech32.encode(prefix, bytes.fromhex(data)) == text


@given(st.binary(min_size=32, max_size=32))
def test_identities_come_back_from_their_text(secret: bytes) -> None:
    pq, classic = PQIdentity.from_seed(secret), X25519Identity(secret)
    for identity in (pq, classic):
        again = parse_identity(str(identity))
        assert type(again) is type(identity) and str(again) == str(identity)
        assert again.to_recipient() == identity.to_recipient()
    assert pq.seed == secret
    assert parse_recipient(str(pq.to_recipient())) == pq.to_recipient()
    assert parse_recipient(str(classic.to_recipient())) == classic.to_recipient()


@given(st.text(st.sampled_from("abcdefghijklmnopqrstuvwxyz0-"), min_size=1), st.binary(max_size=90))
def test_bech32_comes_back(prefix: str, data: bytes) -> None:
    assert bech32.decode(bech32.encode(prefix, data)) == (prefix, data)


def test_generated_identities_differ() -> None:
    assert len({str(PQIdentity.generate()) for _ in range(20)}) == 20
    assert len({str(X25519Identity.generate()) for _ in range(20)}) == 20


@pytest.mark.parametrize("text", SECRETS, ids=["pq", "x25519"])
def test_identities_in_any_other_spelling_are_refused(text: str) -> None:
    others = [
        text.lower(),
        text.title(),
        f" {text}",
        f"{text} ",
        f"{text}\n",
        text[:-1],
        text + "Q",
    ]
    others += [text.replace("K", "\N{KELVIN SIGN}"), text.replace("S", "ſ"), "", text[:20]]
    others += [substituted(text, at) for at in range(len(text))]
    for other in others:
        with pytest.raises(KeyProblem) as refused:
            parse_identity(other)
        assert refused.value.code == "E-AGE-KEY"
        assert text[20:] not in str(refused.value) + refused.value.hint


@pytest.mark.parametrize("text", RECIPIENTS, ids=["pq", "x25519"])
def test_recipients_in_any_other_spelling_are_refused(text: str) -> None:
    others = [
        text.upper(),
        text.title(),
        f" {text}",
        f"{text}\n",
        text[:-1],
        text + "q",
        "",
        "1",
        "age1",
    ]
    others += [substituted(text, at) for at in range(0, len(text), 1 + len(text) // 60)]
    for other in others:
        with pytest.raises(KeyProblem):
            parse_recipient(other)


def substituted(text: str, at: int) -> str:
    letter = "q" if text[at].lower() != "q" else "p"
    return text[:at] + (letter.upper() if text.isupper() else letter) + text[at + 1 :]


def test_left_over_bits_that_are_not_zero_are_refused() -> None:
    """32 bytes leave spare bits; this spells them otherwise, under a good checksum."""
    good = "age1qqqsyqcyq5rqwzqfpg9scrgwpugpzysnzs23v9ccrydpk8qarc0savhh7m"
    forged = "age1qqqsyqcyq5rqwzqfpg9scrgwpugpzysnzs23v9ccrydpk8qarc03q6rzrf"
    assert bech32.decode(good) == ("age", bytes(range(32)))
    with pytest.raises(KeyProblem, match="canonical"):
        bech32.decode(forged)


@pytest.mark.parametrize("prefix", ["age1tag", "age1tagpq", "age1yubikey", "AGE", "bc", "age1PQ"])
def test_other_kinds_of_recipients_are_refused(prefix: str) -> None:
    with pytest.raises(KeyProblem):
        parse_recipient(bech32.encode(prefix, bytes(range(32))))


def test_an_identity_is_not_a_recipient_nor_the_other_way_round() -> None:
    for secret in SECRETS:
        with pytest.raises(KeyProblem):
            parse_recipient(secret)
    for recipient in RECIPIENTS:
        with pytest.raises(KeyProblem):
            parse_identity(recipient)


@pytest.mark.parametrize("size", [0, 31, 33, 1215, 1217])
def test_raw_keys_of_another_length_are_refused(size: int) -> None:
    makers = (PQRecipient.from_raw, X25519Recipient.from_raw, PQIdentity.from_seed, X25519Identity)
    for make in makers:
        with pytest.raises(KeyProblem):
            make(bytes(size))


def test_unusable_public_keys_are_refused() -> None:
    raw = PQ.to_recipient().raw
    with pytest.raises(KeyProblem, match="low-order"):
        X25519Recipient.from_raw(bytes(32))
    with pytest.raises(KeyProblem, match="low-order"):
        PQRecipient.from_raw(raw[:-32] + bytes(32))
    with pytest.raises(KeyProblem, match="ML-KEM"):
        PQRecipient.from_raw(b"\xff" * 1184 + raw[-32:])  # coefficients above q (FIPS 203, 7.2)


def test_a_text_far_too_long_is_refused_at_once() -> None:
    with pytest.raises(KeyProblem, match="longer"):
        parse_recipient("age1" + "q" * 10_000_000)


def test_parsed_recipients_are_remembered() -> None:
    assert parse_recipient(RECIPIENTS[0]) is parse_recipient(RECIPIENTS[0])


def test_identity_files_with_comments_and_both_line_ends() -> None:
    text = f"# made by a test\n\n{SECRETS[0]}\r\n\r\n# and\n{SECRETS[1]}"
    assert [str(identity) for identity in parse_identity_file(text)] == SECRETS


@pytest.mark.parametrize(
    "text",
    ["", "# nothing\n", f" {SECRETS[0]}\n", f"{SECRETS[0]} # mine\n", f"{SECRETS[0]}\nrubbish\n"],
)
def test_bad_identity_files_are_refused(text: str) -> None:
    with pytest.raises(KeyProblem) as refused:
        parse_identity_file(text)
    assert SECRETS[0][20:] not in str(refused.value)


def test_the_message_names_the_bad_line() -> None:
    with pytest.raises(KeyProblem, match="line 3:"):
        parse_identity_file(f"# one\n{SECRETS[0]}\nrubbish\n")


def test_an_endless_identity_file_is_refused() -> None:
    with pytest.raises(KeyProblem):
        parse_identity_file("#" * ((1 << 20) + 1))


def test_secrets_do_not_stand_in_representations() -> None:
    shown = [
        repr(PQ),
        repr(CLASSIC),
        repr(ScryptIdentity("hush")),
        repr(ScryptRecipient("hush", 2)),
    ]
    for text in shown:
        assert "SECRET" not in text and "hush" not in text
    fingerprint = hashlib.sha256(PQ.to_recipient().raw).hexdigest()[:16]
    assert fingerprint in shown[0]
