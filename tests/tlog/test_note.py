"""Signed notes and verifier keys: one spelling only, and what a known key's signature decides."""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from evidence_vault.core.keys import verify_ed25519
from evidence_vault.core.note import (
    KeyType,
    Note,
    NoteSignature,
    VerifierKey,
    add_signatures,
    decode_base64,
    format_note,
    format_vkey,
    parse_decimal,
    parse_note,
    parse_vkey,
    verify_note,
)
from evidence_vault.errors import FormatError, SignatureInvalid

from .logs import ORIGIN, LocalSigner, log_signer, pq_signer, signer, witness_signer

TEXT = "one line\n\nand another \u2014 with a blank one before it\n"


class PlainVerifier:
    """Type 0x01 over any text."""

    def __init__(self, key: VerifierKey) -> None:
        self.key = key
        self.name = key.name
        self.key_id = key.key_id

    def verify(self, text: str, signature: bytes) -> None:
        verify_ed25519(self.key.public_key, signature, text.encode())


def line(by: LocalSigner, text: str = TEXT) -> NoteSignature:
    return NoteSignature(by.name, by.key.key_id, by.sign(text.encode()))


def published(shared: Path) -> dict[str, Any]:
    path = shared / "conformance" / "tlog" / "notes.json"
    loaded: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return loaded


def test_published_notes_verify_and_fail_when_a_bit_is_flipped(shared: Path) -> None:
    cases = published(shared)["signed_note"]
    assert len(cases) == 2
    for case in cases:
        assert case["valid"] is True
        data = case["note"].encode()
        key = parse_vkey(case["verifier_key"])
        assert format_vkey(key) == case["verifier_key"]
        note = parse_note(data)
        assert format_note(note) == data
        assert verify_note(note, [PlainVerifier(key)]) == note.signatures
        for place in range(len(data) * 8):
            altered = bytearray(data)
            altered[place // 8] ^= 1 << place % 8
            with pytest.raises((FormatError, SignatureInvalid)):
                verify_note(parse_note(bytes(altered)), [PlainVerifier(key)])


def test_published_bad_verifier_keys_are_refused(shared: Path) -> None:
    bad = published(shared)["bad_verifier_keys"]
    assert len(bad) == 2
    for text in bad:
        with pytest.raises((FormatError, SignatureInvalid)):
            parse_vkey(text)


@pytest.mark.parametrize("by", [log_signer(), pq_signer(), witness_signer()])
def test_verifier_keys_of_all_types_survive_a_round_trip(by: LocalSigner) -> None:
    assert format_vkey(parse_vkey(by.vkey)) == by.vkey
    assert parse_vkey(by.vkey) == by.key


def vkey_with(type_byte: int, public: bytes, name: str = "n") -> str:
    """A verifier key whose key ID is right."""
    from hashlib import sha256

    key_id = sha256(name.encode() + b"\n" + bytes([type_byte]) + public).hexdigest()[:8]
    return f"{name}+{key_id}+{b64encode(bytes([type_byte]) + public).decode()}"


GOOD = log_signer().key.public_key


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (vkey_with(0x02, GOOD), "E-VKEY-TYPE"),
        (vkey_with(0x05, GOOD), "E-VKEY-TYPE"),
        (vkey_with(0xFF, GOOD), "E-VKEY-TYPE"),
        (vkey_with(0x01, GOOD[:-1]), "E-KEY-UNACCEPTABLE"),
        (vkey_with(0x04, GOOD + b"\0"), "E-KEY-UNACCEPTABLE"),
        (vkey_with(0x06, GOOD), "E-KEY-UNACCEPTABLE"),
        (vkey_with(0x01, bytes(32)), "E-KEY-UNACCEPTABLE"),
        (vkey_with(0x01, b"\xff" * 32), "E-KEY-UNACCEPTABLE"),
        (vkey_with(0x01, GOOD, "a b"), "E-KEY-NAME"),
        (vkey_with(0x01, GOOD, "a\u00a0b"), "E-KEY-NAME"),
        (vkey_with(0x01, GOOD, "a\nb"), "E-KEY-NAME"),
        (vkey_with(0x01, GOOD, ""), "E-VKEY"),
        (log_signer().vkey.replace("a6f616eb", "A6F616EB"), "E-VKEY"),
        (log_signer().vkey.replace("a6f616eb", "a6f616ec"), "E-VKEY-ID"),
        (log_signer().vkey + "\n", "E-VKEY"),
        (log_signer().vkey + "=", "E-BASE64"),
        (log_signer().vkey[:-1], "E-BASE64"),
        ("x" * 5000, "E-VKEY"),
        ("", "E-VKEY"),
    ],
)
def test_a_verifier_key_written_otherwise_is_refused(text: str, code: str) -> None:
    with pytest.raises((FormatError, SignatureInvalid)) as caught:
        parse_vkey(text)
    assert caught.value.code == code


def test_unknown_signatures_are_ignored_wherever_they_stand() -> None:
    stranger = line(signer("other.example", KeyType.ED25519, "other"))
    same_name = line(signer(ORIGIN, KeyType.ED25519, "other"))
    wrong = NoteSignature("who.example", b"1234", b"no signature at all")
    note = Note(TEXT, (stranger, wrong, line(log_signer()), same_name))
    found = verify_note(parse_note(format_note(note)), [PlainVerifier(log_signer().key)])
    assert found == (note.signatures[2],)


def test_a_bad_signature_by_a_known_key_rejects_the_whole_note() -> None:
    other = signer("other.example", KeyType.ED25519, "other")
    good, bad = line(log_signer()), line(other, "something else\n")
    verifiers = [PlainVerifier(log_signer().key), PlainVerifier(other.key)]
    for order in ((good, bad), (bad, good)):
        with pytest.raises(SignatureInvalid):
            verify_note(Note(TEXT, order), verifiers)
    verify_note(Note(TEXT, (good, bad)), verifiers[:1])


def test_two_lines_by_one_known_key_are_refused() -> None:
    note = Note(TEXT, (line(log_signer()), line(log_signer())))
    with pytest.raises(SignatureInvalid) as caught:
        verify_note(note, [PlainVerifier(log_signer().key)])
    assert caught.value.code == "E-NOTE-SIGNED-TWICE"
    with pytest.raises(FormatError):
        add_signatures(note, [])


def test_a_note_by_strangers_only_is_refused() -> None:
    note = Note(TEXT, (line(log_signer()),))
    other = signer("other.example", KeyType.ED25519, "other")
    for verifiers in ([], [PlainVerifier(other.key)]):
        with pytest.raises(SignatureInvalid) as caught:
            verify_note(note, verifiers)
        assert caught.value.code == "E-NOTE-NO-KNOWN-KEY"


def test_ambiguous_verifier_keys_are_refused() -> None:
    verifier = PlainVerifier(log_signer().key)
    note = Note(TEXT, (line(log_signer()),))
    with pytest.raises(FormatError) as caught:
        verify_note(note, [verifier, PlainVerifier(log_signer().key)])
    assert caught.value.code == "E-VKEY-DUPLICATE"


def test_added_signatures_stand_at_the_end() -> None:
    first, second = line(log_signer()), line(signer("other.example", KeyType.ED25519, "other"))
    assert add_signatures(Note(TEXT, (first,)), [second]).signatures == (first, second)


SIGNED = format_note(Note("text\n", (line(log_signer(), "text\n"),))).decode()
SIGNATURE_LINE = SIGNED.split("\n", 2)[2]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "text\n",
        "text\n\n",
        SIGNED[:-1],
        SIGNED + "\n",
        SIGNED + "trailing\n",
        SIGNED.replace("\n\n", "\n"),
        SIGNED.replace("\n", "\r\n"),
        SIGNED.replace("text", "te\txt"),
        SIGNED.replace("text", "te\0xt"),
        SIGNED.replace("\u2014 ", "- "),
        SIGNED.replace("\u2014 ", "\u2014"),
        SIGNED.replace("\u2014 ", "\u2014  "),
        SIGNED.replace(ORIGIN, f"{ORIGIN} "),
        SIGNED.replace(ORIGIN, f"{ORIGIN}+"),
        SIGNED.replace(ORIGIN, f"{ORIGIN}\u2003"),
        SIGNED.replace(ORIGIN, f"{ORIGIN}\u2028"),
        SIGNED.replace("=\n", "\n"),
        SIGNED.replace("=\n", "= \n"),
        SIGNED.replace("=\n", "==\n"),
        SIGNED.replace("=\n", "=\u2029\n"),
        "text\n\n\u2014 name pvYW6w==\n",
        "text\n\n\u2014 name \n",
        "text\n\n" + SIGNATURE_LINE * 101,
        "x" * 1_000_000 + "\n\n" + SIGNATURE_LINE,
    ],
)
def test_a_note_written_otherwise_is_refused(text: str) -> None:
    with pytest.raises(FormatError):
        parse_note(text.encode())


def test_bytes_that_are_no_utf8_are_refused() -> None:
    for bad in (b"\xff", b"\xc0\x80", b"\xed\xa0\x80"):
        with pytest.raises(FormatError):
            parse_note(SIGNED.encode().replace(b"text", bad))


def test_a_hundred_signatures_are_read() -> None:
    lines = tuple(NoteSignature(f"n{i}", b"abcd", b"s") for i in range(100))
    note = Note("text\n", lines)
    assert parse_note(format_note(note)) == note


@pytest.mark.parametrize(
    "note",
    [
        Note("no line feed", (line(log_signer()),)),
        Note("", (line(log_signer()),)),
        Note("text\n", ()),
        Note("text\n", (line(log_signer()),) * 101),
        Note("control \x1b\n", (line(log_signer()),)),
        Note("surrogate \ud800\n", (line(log_signer()),)),
        Note("text\n", (NoteSignature("a b", b"abcd", b"s"),)),
        Note("text\n", (NoteSignature("\ud800", b"abcd", b"s"),)),
        Note("text\n", (NoteSignature("name", b"abc", b"s"),)),
        Note("text\n", (NoteSignature("name", b"abcd", b""),)),
    ],
)
def test_what_could_not_be_read_back_is_not_written(note: Note) -> None:
    with pytest.raises(FormatError):
        format_note(note)


names = st.text(st.characters(codec="utf-8", exclude_categories=["Z", "C"]), min_size=1).filter(
    lambda name: "+" not in name
)
texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]) | st.just("\n")).map(
    lambda text: text + "\n"
)
lines = st.builds(
    NoteSignature, names, st.binary(min_size=4, max_size=4), st.binary(min_size=1, max_size=80)
)


@given(texts, st.lists(lines, min_size=1, max_size=5))
def test_whatever_is_written_reads_back(text: str, signatures: list[NoteSignature]) -> None:
    note = Note(text, tuple(signatures))
    assert parse_note(format_note(note)) == note


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A note with a few places cut, doubled or overwritten with what matters to the format."""
    data = draw(st.sampled_from([SIGNED, SIGNED + SIGNATURE_LINE, "\n" + SIGNED])).encode()
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(data)))
        width = draw(st.integers(0, 3))
        patch = draw(st.sampled_from(["\n", " ", "+", "=", "\u2014 ", "A", "", "\r", "\u2028"]))
        data = data[:place] + patch.encode() + data[place + width :]
    return data


@given(damaged())
@example(SIGNED.encode())
def test_whatever_parses_formats_back_to_the_same_bytes(data: bytes) -> None:
    try:
        note = parse_note(data)
    except FormatError:
        return
    assert format_note(note) == data


@pytest.mark.parametrize("text", ["", "A", "AA", "AA=", "AB==", "AA==\n", " AA==", "AA-_", "é==="])
def test_base64_has_one_spelling(text: str) -> None:
    with pytest.raises(FormatError, match="the field is not canonical"):
        decode_base64(text, "the field")


@pytest.mark.parametrize(
    "text", ["", "00", "01", "+1", "-1", " 1", "1 ", "1_0", "1\n", "١", "0x1", str(2**63), "9" * 40]
)
def test_decimal_numbers_have_one_spelling(text: str) -> None:
    with pytest.raises(FormatError, match="the field is not a decimal"):
        parse_decimal(text, "the field")


def test_decimal_numbers_up_to_the_limit_are_read() -> None:
    assert [parse_decimal(str(n), "n") for n in (0, 7, 2**63 - 1)] == [0, 7, 2**63 - 1]
