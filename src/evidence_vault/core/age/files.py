"""Headers for several recipients, and whole files: header || payload.

A header may lie apart from its payload. Deleting every copy of it destroys the content for
good, and writing a new one to other people (``unwrap_file_key``, then ``wrap_file_key``) leaves
the payload, and every digest of it, as it was.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from typing import Protocol

from evidence_vault.core.age import pq, scrypt, x25519
from evidence_vault.core.age.header import (
    Header,
    LineSource,
    Stanza,
    bad_header,
    covered_by_mac,
    format_header,
    format_header_start,
    parse_header,
    read_header,
)
from evidence_vault.core.age.keys import header_mac, new_file_key
from evidence_vault.core.age.payload import ByteSink, ByteSource, PayloadWriter, write_all
from evidence_vault.core.age.reader import PayloadReader
from evidence_vault.core.age.recipients import Family, Identity, Recipient
from evidence_vault.errors import EvidenceError, KeyProblem, UsageError

_COPY_SIZE = 1 << 20
_CHECKS: dict[str, Callable[[Stanza], object]] = {
    pq.STANZA_TYPE: pq.check_stanza,
    x25519.STANZA_TYPE: x25519.check_stanza,
    scrypt.STANZA_TYPE: scrypt.check_stanza,
}


def wrap_file_key(file_key: bytes, recipients: Sequence[Recipient]) -> bytes:
    """The header of a file sealed under ``file_key``, to one or more recipients.

    Costs about a tenth of a millisecond and adds 1.6 kB for each post-quantum recipient. Raises
    UsageError if there is no recipient, if families are mixed (the weakest would decide), or if
    a passphrase is not alone.
    """
    _check_recipients(recipients)
    stanzas = tuple(recipient.wrap(file_key) for recipient in recipients)
    return format_header(Header(stanzas, header_mac(file_key, format_header_start(stanzas))))


def unwrap_file_key(header: bytes, identities: Sequence[Identity]) -> bytes:
    """The 16-byte file key of a header, by the first identity that opens a stanza.

    Stanzas of unknown type are passed over; every stanza of a known type is checked, whoever it
    is for. Raises FormatError on a malformed header, KeyProblem if no identity matches (or the
    passphrase is wrong), EvidenceError if the HMAC shows that the header was changed.
    """
    parsed = parse_header(header)
    _check_stanzas(parsed.stanzas)
    file_key = _first_match(parsed.stanzas, identities)
    if not hmac.compare_digest(parsed.mac, header_mac(file_key, covered_by_mac(header))):
        raise EvidenceError(
            "the age header was changed after it was made: its HMAC does not match",
            code="E-AGE-MAC",
        )
    return file_key


class WholeFile(ByteSource, LineSource, Protocol):
    """A binary file opened for reading: ``read`` for the payload, ``readline`` for the header."""


def encrypt_stream(recipients: Sequence[Recipient], source: ByteSource, sink: ByteSink) -> None:
    """Write ``source`` to ``sink`` as one age file under a fresh file key, in flat memory."""
    file_key = new_file_key()
    write_all(sink, wrap_file_key(file_key, recipients))
    with PayloadWriter(file_key, sink) as writer:
        while block := source.read(_COPY_SIZE):
            writer.write(block)


def decrypt_stream(identities: Sequence[Identity], source: WholeFile, sink: ByteSink) -> None:
    """Write the plaintext of one age file to ``sink``, in flat memory.

    Raises what ``unwrap_file_key`` and ``PayloadReader`` raise. Only authenticated bytes reach
    the sink, but if EvidenceError is raised midway it holds a beginning only: throw it away.
    """
    file_key = unwrap_file_key(read_header(source), identities)
    reader = PayloadReader(file_key, source)
    buffer = memoryview(bytearray(_COPY_SIZE))
    while size := reader.readinto(buffer):
        write_all(sink, buffer[:size])


def _check_recipients(recipients: Sequence[Recipient]) -> None:
    families = {recipient.family for recipient in recipients}
    if not families:
        raise UsageError("nobody to seal to: no recipient given", code="E-AGE-RECIPIENTS")
    if len(families) > 1:
        names = " and ".join(sorted(family.value for family in families))
        raise UsageError(
            f"{names} recipients can't share one file: the weaker would decide",
            code="E-AGE-RECIPIENTS",
            hint="seal one file for each kind, or ask everyone for a post-quantum recipient",
        )
    if Family.PASSPHRASE in families and len(recipients) > 1:
        raise UsageError(
            "a passphrase must be the only recipient of a file", code="E-AGE-RECIPIENTS"
        )


def _check_stanzas(stanzas: Sequence[Stanza]) -> None:
    for stanza in stanzas:
        check = _CHECKS.get(stanza.type)
        if check is not None:
            check(stanza)
    if len(stanzas) > 1 and any(stanza.type == scrypt.STANZA_TYPE for stanza in stanzas):
        raise bad_header("a scrypt stanza is not alone")


def _first_match(stanzas: Sequence[Stanza], identities: Sequence[Identity]) -> bytes:
    for identity in identities:
        for stanza in stanzas:
            file_key = identity.unwrap(stanza)
            if file_key is not None:
                return file_key
    if stanzas[0].type == scrypt.STANZA_TYPE:
        raise KeyProblem(
            "the file is sealed with a passphrase, and none that was given opens it",
            code="E-AGE-NO-MATCH",
        )
    raise KeyProblem(
        "none of the keys at hand opens this file",
        code="E-AGE-NO-MATCH",
        hint="it was sealed to other recipients; ask whoever sealed it to seal it to you",
    )
