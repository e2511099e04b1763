"""Encryption of everything the vault seals: age v1 files, written and read by this package.

A sealed thing is ``header || payload``, and any stock ``age`` opens it (post-quantum recipients
need age 1.3 or later). Header and payload may lie apart: see ``files.py``.

- identities and recipients: ``PQIdentity``, ``X25519Identity``, ``ScryptIdentity``, …
- headers: ``wrap_file_key`` and ``unwrap_file_key``
- payloads: ``PayloadWriter`` and ``PayloadReader``; ``encrypt_payload`` and ``decrypt_payload``
- whole files: ``encrypt_stream`` and ``decrypt_stream``
- padding: ``padded_length``, ``trailer``, ``pad`` and ``unpad``, ``PaddedReader``

Errors: FormatError for malformed bytes (E-AGE-HEADER, E-AGE-PADDING), EvidenceError for
authentic-looking bytes that were changed (E-AGE-MAC, E-AGE-PAYLOAD), KeyProblem for a key that
can't be used or does not open the file (E-AGE-KEY, E-AGE-NO-MATCH), UsageError for recipients
that can't stand together (E-AGE-RECIPIENTS).

Within core, which is pure, this package alone draws randomness: see ``entropy.py``. Files come
in as open file-like objects. Secrets are not wiped from memory: Python gives no means to.
"""

from __future__ import annotations

from evidence_vault.core.age.files import (
    decrypt_stream,
    encrypt_stream,
    unwrap_file_key,
    wrap_file_key,
)
from evidence_vault.core.age.header import (
    MAX_HEADER,
    Header,
    Stanza,
    format_header,
    parse_header,
    read_header,
)
from evidence_vault.core.age.keys import FILE_KEY_SIZE, new_file_key
from evidence_vault.core.age.keytext import parse_identity, parse_identity_file, parse_recipient
from evidence_vault.core.age.padding import (
    Kind,
    PaddedReader,
    pad,
    padded_length,
    padme,
    trailer,
    unpad,
)
from evidence_vault.core.age.payload import (
    ByteSink,
    ByteSource,
    PayloadWriter,
    encrypt_payload,
    sealed_size,
)
from evidence_vault.core.age.pq import PQIdentity, PQRecipient
from evidence_vault.core.age.reader import PayloadReader, SeekableSource, decrypt_payload
from evidence_vault.core.age.recipients import Family, Identity, Recipient
from evidence_vault.core.age.scrypt import ScryptIdentity, ScryptRecipient
from evidence_vault.core.age.x25519 import X25519Identity, X25519Recipient

__all__ = [
    "FILE_KEY_SIZE",
    "MAX_HEADER",
    "ByteSink",
    "ByteSource",
    "Family",
    "Header",
    "Identity",
    "Kind",
    "PQIdentity",
    "PQRecipient",
    "PaddedReader",
    "PayloadReader",
    "PayloadWriter",
    "Recipient",
    "ScryptIdentity",
    "ScryptRecipient",
    "SeekableSource",
    "Stanza",
    "X25519Identity",
    "X25519Recipient",
    "decrypt_payload",
    "decrypt_stream",
    "encrypt_payload",
    "encrypt_stream",
    "format_header",
    "new_file_key",
    "pad",
    "padded_length",
    "padme",
    "parse_header",
    "parse_identity",
    "parse_identity_file",
    "parse_recipient",
    "read_header",
    "sealed_size",
    "trailer",
    "unpad",
    "unwrap_file_key",
    "wrap_file_key",
]
