"""Public keys: acceptance, names, signatures, and the words in which they are read aloud."""

from __future__ import annotations

import json
import subprocess
from hashlib import sha256
from itertools import combinations
from pathlib import Path
from shutil import which
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from evidence_vault.core import keys
from evidence_vault.core.words import WORDS
from evidence_vault.errors import FormatError, SignatureInvalid

PRIME = 2**255 - 19
ORDER_EIGHT = (
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
)


def make_key() -> tuple[Ed25519PrivateKey, bytes]:
    private = Ed25519PrivateKey.from_private_bytes(sha256(b"a key").digest())
    return private, private.public_key().public_bytes_raw()


def test_wycheproof_ed25519(shared: Path) -> None:
    path = shared / "conformance" / "wycheproof" / "ed25519_test.json"
    suite: dict[str, Any] = json.loads(path.read_text("utf-8"))
    counted = 0
    for group in suite["testGroups"]:
        public = bytes.fromhex(group["publicKey"]["pk"])
        for case in group["tests"]:
            counted += 1
            signature, message = bytes.fromhex(case["sig"]), bytes.fromhex(case["msg"])
            try:
                keys.verify_ed25519(public, signature, message)
                accepted = True
            except SignatureInvalid:
                accepted = False
            # No case has a key that is refused here: the verdicts agree without exception.
            assert accepted is (case["result"] == "valid"), case["tcId"]
    assert counted == suite["numberOfTests"] == 151


def encodings(y: int) -> list[bytes]:
    """A y coordinate with both values of the sign bit."""
    return [(y | sign << 255).to_bytes(32, "little") for sign in (0, 1)]


def test_keys_of_small_order_are_refused() -> None:
    ys = [0, 1, PRIME - 1, *(int.from_bytes(bytes.fromhex(h), "little") for h in ORDER_EIGHT)]
    raws = [raw for y in ys for raw in encodings(y)]
    assert len(raws) == 10
    for raw in raws:
        for refuse in (keys.check_ed25519_key, keys.keyid, keys.spki_der, keys.public_pem):
            with pytest.raises(SignatureInvalid, match="small order"):
                refuse(raw)


def test_non_canonical_keys_are_refused() -> None:
    for y in range(PRIME, 2**255):
        for raw in encodings(y):
            with pytest.raises(SignatureInvalid, match="non-canonical"):
                keys.check_ed25519_key(raw)
    for raw in encodings(PRIME - 2):
        keys.check_ed25519_key(raw)


def test_a_signature_that_nobody_made_is_refused() -> None:
    # Under the identity point, R = identity and S = 0 satisfy the equation for every message.
    identity = (1).to_bytes(32, "little")
    with pytest.raises(SignatureInvalid) as caught:
        keys.verify_ed25519(identity, identity + bytes(32), b"any message at all")
    assert caught.value.code == "E-KEY-UNACCEPTABLE"


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_keys_and_signatures_of_the_wrong_length_are_refused(size: int) -> None:
    _, public = make_key()
    with pytest.raises(SignatureInvalid):
        keys.check_ed25519_key(bytes(size))
    with pytest.raises(SignatureInvalid):
        keys.check_mldsa44_key(bytes(size))
    if size != keys.ED25519_SIGNATURE_SIZE:
        with pytest.raises(SignatureInvalid, match="64 bytes"):
            keys.verify_ed25519(public, bytes(size), b"")
    with pytest.raises(SignatureInvalid, match="2420 bytes"):
        keys.verify_mldsa44(bytes(1312), bytes(size), b"")


def test_ed25519_signatures_verify_and_altered_ones_do_not() -> None:
    private, public = make_key()
    signature = private.sign(b"message")
    keys.verify_ed25519(public, signature, b"message")
    for altered in (b"messagf", b"", b"message\n"):
        with pytest.raises(SignatureInvalid, match=keys.keyid(public)):
            keys.verify_ed25519(public, signature, altered)


def test_mldsa44_signatures_verify_and_altered_ones_do_not() -> None:
    private = MLDSA44PrivateKey.from_seed_bytes(sha256(b"a key").digest())
    public = private.public_key().public_bytes_raw()
    signature = private.sign(b"message")
    keys.verify_mldsa44(public, signature, b"message")
    with pytest.raises(SignatureInvalid):
        keys.verify_mldsa44(public, signature, b"messagf")
    with pytest.raises(SignatureInvalid):
        keys.verify_mldsa44(public, bytes([signature[0] ^ 1]) + signature[1:], b"message")
    with pytest.raises(SignatureInvalid):
        keys.verify_mldsa44(public, private.sign(b"message", b"a context"), b"message")


def test_key_id_and_pem_agree_with_the_library() -> None:
    private, public = make_key()
    library = private.public_key()
    der = library.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    pem = library.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    assert keys.spki_der(public) == der
    assert keys.keyid(public) == sha256(der).hexdigest()
    assert keys.public_pem(public) == pem.decode()


@pytest.mark.skipif(which("openssl") is None, reason="the openssl program is absent")
def test_openssl_reads_the_pem(tmp_path: Path) -> None:
    private, public = make_key()
    (tmp_path / "k.pem").write_text(keys.public_pem(public))
    (tmp_path / "m").write_bytes(b"message")
    (tmp_path / "m.sig").write_bytes(private.sign(b"message"))
    command = "openssl pkeyutl -verify -pubin -inkey k.pem -rawin -in m -sigfile m.sig"
    subprocess.run(command.split(), cwd=tmp_path, check=True, capture_output=True)


@given(st.binary(min_size=32, max_size=32))
def test_fingerprint_words_give_back_the_first_sixteen_bytes(digest: bytes) -> None:
    words = keys.fingerprint_words(digest)
    assert len(words) == 16
    assert keys.words_to_bytes(words) == digest[:16]


def test_words_that_nobody_could_have_read_out_are_refused() -> None:
    words = keys.fingerprint_words(bytes(32))
    for bad in (words[:-1], [*words, words[0]], [*words[:-1], "acron"], [*words[:-1], "Acorn"]):
        with pytest.raises(FormatError) as caught:
            keys.words_to_bytes(bad)
        assert caught.value.code == "E-FINGERPRINT-WORDS"


def test_the_word_list_is_what_its_page_says() -> None:
    assert len(WORDS) == len(set(WORDS)) == 256
    assert list(WORDS) == sorted(WORDS)
    assert all(word.isascii() and word.isalpha() and word.islower() for word in WORDS)
    assert all(4 <= len(word) <= 9 for word in WORDS)
    assert len({word[:3] for word in WORDS}) == 256
    assert all(distance(one, other) >= 3 for one, other in combinations(WORDS, 2))
    # The list is part of the format: this digest never changes.
    listed = "".join(f"{word}\n" for word in WORDS).encode()
    digest = "c36989cad447fe5ca44de06b41fe137c2850747067a3e17e1f3a441cd0cc2f5a"
    assert sha256(listed).hexdigest() == digest
    page = Path(__file__).parents[2] / "docs" / "format-log.md"
    assert digest in page.read_text("utf-8")


def distance(one: str, other: str) -> int:
    """How many letters must be put in, left out or changed."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, start=1):
        diagonal, row[0] = row[0], i
        for j, b in enumerate(other, start=1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (a != b))
    return row[-1]
