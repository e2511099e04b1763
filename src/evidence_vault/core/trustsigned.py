"""Signed trust documents: the DSSE envelope with one signature per root holder.

envelope = {"payload", "payloadType", "signatures": [{"keyid", "sig"}, …]}   docs/format-trust.md
digest   = SHA-256 of the payload: what a version is called by, whoever has signed it
chain    = 1*( envelope LF )
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from evidence_vault.core.canonical import b64, canonical, is_hex, parse_canonical, unb64
from evidence_vault.core.event import pae
from evidence_vault.core.trustdoc import Document, parse_document
from evidence_vault.errors import FormatError

PAYLOAD_TYPE = "application/vnd.evidence-vault.trust+json"
MAX_ENVELOPE = 16 * 1024 * 1024  # bytes
MAX_SIGNATURES = 512
MAX_VERSIONS = 1_000


@dataclass(frozen=True, slots=True)
class Signed:
    """A document with signatures, not yet checked: (keyid, 64 bytes), sorted."""

    document: Document
    payload: bytes
    signatures: tuple[tuple[str, bytes], ...] = ()

    @property
    def version(self) -> int:
        return self.document.version

    @property
    def digest(self) -> bytes:
        """SHA-256 of the payload, 32 bytes."""
        return hashlib.sha256(self.payload).digest()


def signing_bytes(payload: bytes) -> bytes:
    """What a root key signs (DSSE pre-authentication encoding)."""
    return pae(payload, PAYLOAD_TYPE)


def format_signed(signed: Signed) -> bytes:
    """The envelope, one line without LF; the inverse of :func:`parse_signed`."""
    signatures = [{"keyid": k, "sig": b64(s)} for k, s in sorted(signed.signatures)]
    return canonical(
        {
            "payload": b64(signed.payload),
            "payloadType": PAYLOAD_TYPE,
            "signatures": signatures,
        }
    )


def parse_signed(data: bytes) -> Signed:
    """Open an envelope and read the document; signatures are not checked. Raises FormatError."""
    _form(len(data) <= MAX_ENVELOPE, "larger than 16 MiB")
    value = parse_canonical(data, "a trust document")
    _form(
        isinstance(value, dict) and set(value) == {"payload", "payloadType", "signatures"},
        "not a DSSE envelope",
    )
    _form(value["payloadType"] == PAYLOAD_TYPE, "another payload type")
    _form(isinstance(value["payload"], str), "payload must be base64")
    signatures = value["signatures"]
    _form(
        isinstance(signatures, list) and len(signatures) <= MAX_SIGNATURES,
        f"signatures: a list of at most {MAX_SIGNATURES}",
    )
    found = []
    for each in signatures:
        _form(isinstance(each, dict) and set(each) == {"keyid", "sig"}, "a malformed signature")
        _form(is_hex(each["keyid"], 64) and isinstance(each["sig"], str), "a malformed signature")
        found.append((each["keyid"], unb64(each["sig"], "a signature", 64)))
    _form(found == sorted(found), "signatures must be sorted by keyid")
    payload = unb64(value["payload"], "the payload of a trust document")
    return Signed(parse_document(payload), payload, tuple(found))


def format_chain(chain: Iterable[Signed]) -> bytes:
    """Envelopes one below the other, each ended by LF: a file of one or more versions."""
    return b"".join(format_signed(each) + b"\n" for each in chain)


def parse_chain(data: bytes) -> tuple[Signed, ...]:
    """The inverse of :func:`format_chain`: at least one; order and signatures not checked."""
    _form(data.endswith(b"\n"), "no line feed at the end")
    lines = data[:-1].split(b"\n")
    _form(len(lines) <= MAX_VERSIONS, "too many versions in one file")
    return tuple(parse_signed(line) for line in lines)


def _form(condition: bool, message: str) -> None:
    if not condition:
        raise FormatError(f"trust document: {message} (docs/format-trust.md)")
