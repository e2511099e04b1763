"""Keys as text: recipients, identities, and files of identities. One spelling each."""

from __future__ import annotations

from functools import lru_cache

from evidence_vault.core.age import bech32, pq, x25519
from evidence_vault.core.age.recipients import bad_key
from evidence_vault.errors import KeyProblem

_MAX_IDENTITY_FILE = 1 << 20


@lru_cache(maxsize=256)
def parse_recipient(text: str) -> pq.PQRecipient | x25519.X25519Recipient:
    """The recipient of an ``age1pq1…`` or ``age1…`` text; the last 256 are remembered.

    Raises KeyProblem for every other spelling and for other kinds of recipients.
    """
    prefix, data = bech32.decode(text)
    if prefix == pq.RECIPIENT_PREFIX:
        return pq.PQRecipient.from_raw(data)
    if prefix == x25519.RECIPIENT_PREFIX:
        return x25519.X25519Recipient.from_raw(data)
    raise bad_key("it is not a post-quantum (age1pq1…) or X25519 (age1…) recipient")


def parse_identity(text: str) -> pq.PQIdentity | x25519.X25519Identity:
    """The identity of an ``AGE-SECRET-KEY-PQ-1…`` or ``AGE-SECRET-KEY-1…`` text.

    Raises KeyProblem for every other spelling; no message repeats the text.
    """
    if text != text.upper() or not text.isascii():
        raise bad_key("a secret key is written in capitals")
    prefix, data = bech32.decode(text.lower())
    if prefix == pq.IDENTITY_PREFIX:
        return pq.PQIdentity(data)
    if prefix == x25519.IDENTITY_PREFIX:
        return x25519.X25519Identity(data)
    raise bad_key("it is not a secret key (AGE-SECRET-KEY-PQ-1… or AGE-SECRET-KEY-1…)")


def parse_identity_file(text: str) -> list[pq.PQIdentity | x25519.X25519Identity]:
    """The identities of a key file: one a line, with empty lines and ``#`` comments between.

    Lines end LF or CR LF. Raises KeyProblem, naming the line, if one is not an identity, if
    there is none at all, or if the text has more than 1,048,576 characters.
    """
    if len(text) > _MAX_IDENTITY_FILE:
        raise bad_key("a file of identities is never that long")
    found = []
    for number, line in enumerate(text.split("\n"), start=1):
        line = line.removesuffix("\r")
        if not line or line.startswith("#"):
            continue
        try:
            found.append(parse_identity(line))
        except KeyProblem as problem:
            raise bad_key(f"line {number}: {problem.message}") from None
    if not found:
        raise bad_key("the file holds no identity")
    return found
