"""Public keys: which ones are accepted, how they are named, and how their signatures are checked.

A raw Ed25519 key is 32 bytes (RFC 8032), a raw ML-DSA-44 key 1,312 bytes (FIPS 204). The key id
of an Ed25519 key is the lowercase hex SHA-256 of its DER SubjectPublicKeyInfo (RFC 8410).
Checks raise ``SignatureInvalid`` and return nothing. ``cryptography`` is imported on first use
only, because commands that check no signature must start quickly.
"""

from __future__ import annotations

from base64 import b64encode
from binascii import Error as BinasciiError
from binascii import a2b_base64
from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING

from evidence_vault.core.words import WORDS
from evidence_vault.errors import FormatError, InternalError, SignatureInvalid, Unchecked

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

ED25519_KEY_SIZE = 32
ED25519_SIGNATURE_SIZE = 64
MLDSA44_KEY_SIZE = 1312
MLDSA44_SIGNATURE_SIZE = 2420
FINGERPRINT_WORDS = 16

_FIELD_PRIME = 2**255 - 19
_SIGN_BIT = 1 << 255
# SEQUENCE { SEQUENCE { OID 1.3.101.112 }, BIT STRING (33 bytes, no unused bits) }: RFC 8410 §4
_SPKI_PREFIX = bytes.fromhex("302a300506032b6570032100")
# The y coordinates of the eight points whose order divides 8. Under such a key anybody can
# make signatures that verify.
_SMALL_ORDER_Y = frozenset(
    {
        0,
        1,
        _FIELD_PRIME - 1,
        int.from_bytes(
            bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
            "little",
        ),
        int.from_bytes(
            bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
            "little",
        ),
    }
)
_CACHED_KEYS = 1024


def check_ed25519_key(raw: bytes) -> None:
    """Accept a raw Ed25519 public key for enrolment, or raise ``SignatureInvalid``.

    Refused: any length but 32; a y coordinate of 2^255-19 or more (RFC 8032 5.1.3); the points
    of small order. Not checked: that the point lies on the curve; under one that does not, no
    signature verifies.
    """
    if len(raw) != ED25519_KEY_SIZE:
        raise SignatureInvalid(
            f"an Ed25519 public key has 32 bytes, this one has {len(raw)}",
            code="E-KEY-UNACCEPTABLE",
        )
    y = int.from_bytes(raw, "little") & (_SIGN_BIT - 1)
    if y >= _FIELD_PRIME or y in _SMALL_ORDER_Y:
        kind = "a non-canonical encoding" if y >= _FIELD_PRIME else "a point of small order"
        raise SignatureInvalid(
            f"Ed25519 public key {raw.hex()} is {kind}",
            code="E-KEY-UNACCEPTABLE",
            hint="nobody holds the private half of such a key; ask its owner for another one",
        )


def check_mldsa44_key(raw: bytes) -> None:
    """Accept a raw ML-DSA-44 public key (1,312 bytes, every value is valid) or raise."""
    if len(raw) != MLDSA44_KEY_SIZE:
        raise SignatureInvalid(
            f"an ML-DSA-44 public key has 1312 bytes, this one has {len(raw)}",
            code="E-KEY-UNACCEPTABLE",
        )


def spki_der(raw: bytes) -> bytes:
    """The DER SubjectPublicKeyInfo (44 bytes) of an acceptable raw Ed25519 key, RFC 8410 §4."""
    check_ed25519_key(raw)
    return _SPKI_PREFIX + raw


@lru_cache(maxsize=_CACHED_KEYS)
def keyid(raw: bytes) -> str:
    """The key id of a raw Ed25519 key: lowercase hex SHA-256 of its SubjectPublicKeyInfo."""
    return sha256(spki_der(raw)).hexdigest()


def public_pem(raw: bytes) -> str:
    """The PEM text (RFC 7468) of a raw Ed25519 key, as ``openssl pkeyutl -pubin`` reads it."""
    body = b64encode(spki_der(raw)).decode("ascii")  # 60 characters: always a single line
    return f"-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n"


def parse_public_pem(data: bytes) -> bytes:
    """The raw key of an Ed25519 public key in PEM; the inverse of :func:`public_pem`.

    Lines may end CR LF, nothing else may differ. Raises FormatError for everything else (private
    keys and other algorithms included), SignatureInvalid for a key that nobody should accept.
    """
    text = data.replace(b"\r\n", b"\n").strip(b"\n")
    lines = text.split(b"\n")
    der = b""
    if len(lines) == 3:
        try:
            der = a2b_base64(lines[1], strict_mode=True)
        except BinasciiError:
            der = b""
    raw = der.removeprefix(_SPKI_PREFIX)
    if der[: len(_SPKI_PREFIX)] == _SPKI_PREFIX and len(raw) == ED25519_KEY_SIZE:
        check_ed25519_key(raw)
        if public_pem(raw).encode("ascii").strip(b"\n") == text:
            return raw
    raise FormatError(
        "this is not an Ed25519 public key in PEM (SubjectPublicKeyInfo, RFC 8410)",
        code="E-KEY-FORM",
        hint="`openssl pkey -in private.pem -pubout` writes one; never hand over the private key",
    )


def verify_ed25519(raw_public: bytes, signature: bytes, message: bytes) -> None:
    """Check an Ed25519 signature (RFC 8032 5.1.7); raise ``SignatureInvalid`` if it fails.

    Stricter than RFC 8032: keys that ``check_ed25519_key`` refuses verify nothing.
    """
    if len(signature) != ED25519_SIGNATURE_SIZE:
        raise SignatureInvalid(f"an Ed25519 signature has 64 bytes, this one has {len(signature)}")
    from cryptography.exceptions import InvalidSignature

    try:
        _ed25519_key(raw_public).verify(signature, message)
    except InvalidSignature:
        raise SignatureInvalid(
            f"Ed25519 signature does not verify under key id {keyid(raw_public)}"
        ) from None


def verify_mldsa44(raw_public: bytes, signature: bytes, message: bytes) -> None:
    """Check an ML-DSA-44 signature (FIPS 204, pure, empty context) or raise."""
    if len(signature) != MLDSA44_SIGNATURE_SIZE:
        raise SignatureInvalid(
            f"an ML-DSA-44 signature has 2420 bytes, this one has {len(signature)}"
        )
    from cryptography.exceptions import InvalidSignature

    try:
        _mldsa44_key(raw_public).verify(signature, message)
    except InvalidSignature:
        raise SignatureInvalid(
            "ML-DSA-44 signature does not verify under the key with SHA-256 "
            f"{sha256(raw_public).hexdigest()}"
        ) from None


def fingerprint_words(digest: bytes) -> list[str]:
    """Sixteen words to read aloud for a SHA-256 digest (32 bytes): one for each leading byte.

    They carry the first 128 bits, enough against a forged match. The remaining 16 bytes are
    not spoken.
    """
    if len(digest) != 32:
        raise InternalError(f"fingerprint words are made from 32 bytes, not {len(digest)}")
    return [WORDS[value] for value in digest[:FINGERPRINT_WORDS]]


def words_to_bytes(words: Sequence[str]) -> bytes:
    """The 16 bytes that ``fingerprint_words`` spelt out; raise ``FormatError`` otherwise."""
    if len(words) != FINGERPRINT_WORDS:
        raise FormatError(
            f"a spoken fingerprint has 16 words, this one has {len(words)}",
            code="E-FINGERPRINT-WORDS",
        )
    values = _word_values()
    for position, word in enumerate(words, start=1):
        if word not in values:
            raise FormatError(
                f"word {position} of the fingerprint, {word!r}, is not on the word list",
                code="E-FINGERPRINT-WORDS",
                hint="words are written in small letters; ask for that one again",
            )
    return bytes(values[word] for word in words)


@lru_cache(maxsize=1)
def _word_values() -> dict[str, int]:
    return {word: value for value, word in enumerate(WORDS)}


@lru_cache(maxsize=_CACHED_KEYS)
def _ed25519_key(raw: bytes) -> Ed25519PublicKey:
    check_ed25519_key(raw)
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    return Ed25519PublicKey.from_public_bytes(raw)


@lru_cache(maxsize=_CACHED_KEYS)
def _mldsa44_key(raw: bytes) -> MLDSA44PublicKey:
    check_mldsa44_key(raw)
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

    try:
        return MLDSA44PublicKey.from_public_bytes(raw)
    except UnsupportedAlgorithm as error:
        raise Unchecked(
            "this build of the cryptography library has no ML-DSA-44",
            code="E-NO-MLDSA",
            hint="install the binary wheel of cryptography 48.0.1 or later",
        ) from error
