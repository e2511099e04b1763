"""Checks one RFC 3161 time stamp, at the time that it states (docs/format-time.md)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from evidence_vault.core.findings import Outcome
from evidence_vault.errors import FormatError
from evidence_vault.verify import tokens
from evidence_vault.verify.chains import (
    ChainCertificate,
    check_revocation,
    describe,
    find_path,
    for_time_stamps_only,
    read_lists,
    valid_at,
)

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

_OPENSSL = "could not be checked by this program; `openssl ts -verify` may"
_CLOCK_SLACK = 300

# How the checking library says that it lacks something, rather than that something is wrong.
_LACKING = ("unable to get", "self-signed certificate in", "too weak", "unsupported", "unknown")


@dataclass(frozen=True, slots=True)
class TokenCheck:
    """What was found out about one time stamp.

    ``code`` is one of those in docs/format-time.md, ``reason`` a sentence. Unless ``outcome`` is
    MATCHES, everything below is what the stamp *claims*. ``gen_time`` in POSIX seconds, a fraction
    rounded up; ``accuracy`` in seconds; ``algorithm`` of the imprint. ``chain`` leads from the
    signer to the root, or holds the signer alone when there is no way to a root.
    ``revocation_as_of``: date of the newest revocation list that covers the signer, or None.
    """

    outcome: Outcome
    code: str
    reason: str
    gen_time: int | None = None
    accuracy: float | None = None
    policy: str | None = None
    algorithm: str | None = None
    serial: int | None = None
    signer: str | None = None
    chain: tuple[ChainCertificate, ...] = ()
    revocation_as_of: int | None = None

    @property
    def ends(self) -> int | None:
        """When the first certificate of the chain ends (POSIX seconds)."""
        return min((c.not_after for c in self.chain), default=None)

    def to_json(self) -> dict[str, Any]:
        """What a report says of the stamp; the serial number as decimal text."""
        return {
            "accuracy": self.accuracy,
            "algorithm": self.algorithm,
            "certificates": [c.to_json() for c in self.chain],
            "code": self.code,
            "gen_time": self.gen_time,
            "outcome": self.outcome.value,
            "policy": self.policy,
            "reason": self.reason,
            "revocation_as_of": self.revocation_as_of,
            "serial": None if self.serial is None else str(self.serial),
            "signer": self.signer,
        }


class _Verdict(Exception):
    """The first thing that decides: an outcome that is not MATCHES."""

    def __init__(self, outcome: Outcome, code: str, reason: str) -> None:
        super().__init__(reason)
        self.outcome, self.code, self.reason = outcome, code, reason


def check_token(
    reply: bytes,
    data: bytes,
    roots: Sequence[str],
    *,
    now: int | None = None,
    request: bytes | None = None,
    crls: Sequence[bytes] = (),
    certificates: Sequence[str] = (),
) -> TokenCheck:
    """Check that ``reply`` is a time stamp over ``data`` by an authority below one of ``roots``.

    Everything is checked as of the time that the stamp states: certificates that ended since
    then still count, certificates that were not valid then do not. ``now`` (POSIX seconds) serves
    only to notice a stamp of the future. ``request``: the request (DER) that it should answer.
    ``crls``: revocation lists, PEM or DER. ``certificates``: PEM of the authority's chain, for
    replies that carry none; trusted for nothing. Never raises for bad evidence. Roots that can't
    be read count for nothing; without any the outcome is at best UNCHECKED.
    """
    result = TokenCheck(Outcome.MATCHES, "T-OK", "the time stamp matches")
    try:
        # 1. Is it a reply, and one that grants?
        _demand_granted(reply)
        # 2. What it states, and whether that is about these bytes.
        stated = _read(reply)
        result = replace(
            result,
            gen_time=stated.gen_time,
            accuracy=stated.accuracy,
            policy=stated.policy,
            algorithm=stated.algorithm,
            serial=stated.serial,
        )
        _check_imprint(stated, data)
        _check_request(stated, data, request)
        # 3. Who signed: chain, purpose and validity at the stated time.
        signer, pool = _signer(stated, certificates)
        result = replace(result, signer=signer.subject.rfc4514_string(), chain=(describe(signer),))
        trusted = tokens.read_certificates(roots)
        if not trusted:
            raise _Verdict(
                Outcome.UNCHECKED, "T-NO-ROOT", "no root certificate: whose authority is not known"
            )
        path = find_path(signer, pool, trusted, stated.gen_time)
        if path is None:
            raise _Verdict(
                Outcome.UNCHECKED,
                "T-AUTHORITY",
                "its certificates lead to none of the given roots: whose authority is not known",
            )
        result = replace(result, chain=tuple(describe(c) for c in path))
        _check_certificates(stated, path)
        # 4. The signature, by the library, which checks the chain at the stated time again.
        _check_signature(reply, stated, data, path, trusted)
        # 5. Revocation, as far as lists are at hand.
        revocation = check_revocation(path, read_lists(crls), stated.gen_time)
        result = replace(result, revocation_as_of=revocation.as_of)
        if revocation.bad:
            raise _Verdict(Outcome.DIFFERS, "T-REVOKED", f"a certificate: {revocation.bad}")
        # 6. Only the clock of this machine can say this, so it is no proof of anything.
        if now is not None and stated.gen_time > now + _CLOCK_SLACK:
            raise _Verdict(
                Outcome.UNCHECKED, "T-FUTURE", "by this machine's clock that time is yet to come"
            )
    except _Verdict as verdict:
        return replace(result, outcome=verdict.outcome, code=verdict.code, reason=verdict.reason)
    except tokens.unreadable():
        return replace(result, outcome=Outcome.UNCHECKED, code="T-UNREADABLE", reason=_OPENSSL)
    return result


def _demand_granted(reply: bytes) -> None:
    if len(reply) > tokens.MAX_REPLY:
        raise _Verdict(Outcome.DIFFERS, "T-FORM", "larger than 1,000,000 bytes")
    try:
        status, text = tokens.read_status(reply)
    except FormatError as error:
        raise _Verdict(Outcome.DIFFERS, "T-FORM", error.message) from None
    if status == 1:
        reason = f"granted with changes, which {_OPENSSL}"
        raise _Verdict(Outcome.UNCHECKED, "T-UNREADABLE", reason)
    if status != tokens.GRANTED:
        said = f": {text}" if text else ""
        raise _Verdict(
            Outcome.DIFFERS, "T-REFUSED", f"the authority refused (status {status}){said}"
        )


def _read(reply: bytes) -> tokens.Statement:
    try:
        stated = tokens.read_statement(reply)
    except FormatError as error:
        raise _Verdict(Outcome.DIFFERS, "T-FORM", error.message) from None
    if not tokens.well_typed(stated):
        raise _Verdict(Outcome.DIFFERS, "T-FORM", "what is signed is no time stamp")
    return stated


def _check_imprint(stated: tokens.Statement, data: bytes) -> None:
    if stated.algorithm not in tokens.STRONG or stated.digest not in tokens.STRONG:
        weak = next(a for a in (stated.algorithm, stated.digest) if a not in tokens.STRONG)
        raise _Verdict(
            Outcome.UNCHECKED,
            "T-WEAK",
            f"made with {weak}: only SHA-256, SHA-384 and SHA-512 count",
        )
    if hashlib.new(stated.algorithm, data).digest() != stated.imprint:
        raise _Verdict(Outcome.DIFFERS, "T-IMPRINT", "it is a time stamp over other bytes")


def _check_request(stated: tokens.Statement, data: bytes, request: bytes | None) -> None:
    if request is None:
        return
    try:
        nonce, algorithm, imprint = tokens.read_request(request)
    except FormatError as error:
        raise _Verdict(Outcome.DIFFERS, "T-REQUEST", error.message) from None
    if algorithm not in tokens.STRONG or hashlib.new(algorithm, data).digest() != imprint:
        raise _Verdict(Outcome.DIFFERS, "T-REQUEST", "the request at hand is about other bytes")
    if nonce is not None and stated.nonce != nonce:
        raise _Verdict(Outcome.DIFFERS, "T-NONCE", "it answers another request (nonce)")


def _signer(
    stated: tokens.Statement, certificates: Sequence[str]
) -> tuple[Certificate, list[Certificate]]:
    """The signer's certificate, which the signed attributes must name, and all others at hand."""
    pool = tokens.load_certificates(stated.certificates)
    pool += [c for c in tokens.read_certificates(certificates) if c not in pool]
    if stated.signer_id is None:
        raise _Verdict(Outcome.UNCHECKED, "T-UNREADABLE", _OPENSSL)
    issuer, serial = stated.signer_id
    for certificate in pool:
        if (certificate.issuer.public_bytes(), certificate.serial_number) == (issuer, serial):
            _check_named(stated, certificate)
            return certificate, pool
    raise _Verdict(
        Outcome.UNCHECKED, "T-NO-CERTIFICATE", "the certificate of its signer is not at hand"
    )


def _check_named(stated: tokens.Statement, certificate: Certificate) -> None:
    """ESSCertID (RFC 5035): another certificate for the same key must not take its place."""
    from cryptography.hazmat.primitives.serialization import Encoding

    if stated.certificate_hash is None:
        raise _Verdict(
            Outcome.DIFFERS, "T-CERTIFICATE", "it does not name its signer's certificate"
        )
    algorithm, digest = stated.certificate_hash
    found = hashlib.new(algorithm, certificate.public_bytes(Encoding.DER)).digest()
    serial = stated.certificate_serial
    if found != digest or serial not in (None, certificate.serial_number):
        raise _Verdict(Outcome.DIFFERS, "T-CERTIFICATE", "it names another signer's certificate")


def _check_certificates(stated: tokens.Statement, path: Sequence[Certificate]) -> None:
    if not for_time_stamps_only(path[0]):
        raise _Verdict(
            Outcome.DIFFERS, "T-PURPOSE", "its certificate is not one for time stamps only"
        )
    for certificate in path:
        if not valid_at(certificate, stated.gen_time):
            name = certificate.subject.rfc4514_string()
            raise _Verdict(
                Outcome.DIFFERS, "T-VALIDITY", f"{name} was not valid at the time that it states"
            )


def _check_signature(
    reply: bytes,
    stated: tokens.Statement,
    data: bytes,
    path: Sequence[Certificate],
    trusted: Sequence[Certificate],
) -> None:
    from cryptography.hazmat.primitives.serialization import Encoding
    from rfc3161_client import VerifierBuilder
    from rfc3161_client.errors import VerificationError

    if not tokens.supported(stated):
        reason = f"signed with {stated.signature}, which {_OPENSSL}"
        raise _Verdict(Outcome.UNCHECKED, "T-UNREADABLE", reason)
    response = tokens.decode(reply)
    if response is None:
        raise _Verdict(Outcome.UNCHECKED, "T-UNREADABLE", _OPENSSL)
    # What was read by one library must be what the other one checks.
    if not 0 <= stated.gen_time - response.tst_info.gen_time.timestamp() <= 1:
        raise _Verdict(Outcome.UNCHECKED, "T-UNREADABLE", _OPENSSL)
    embedded = path[0].public_bytes(Encoding.DER) in stated.certificates
    # Every certificate handed over as an intermediate is one that ``find_path`` led to a root.
    verifier = VerifierBuilder(
        roots=list(trusted),
        intermediates=list(path[1:-1]),
        tsa_certificate=None if embedded else path[0],
    ).build()
    try:
        verifier.verify_message(response, data)
    except VerificationError as error:
        said = str(error)
        if any(word in said for word in _LACKING):
            raise _Verdict(Outcome.UNCHECKED, "T-UNREADABLE", _OPENSSL) from None
        raise _Verdict(Outcome.DIFFERS, "T-SIGNATURE", "its signature does not match") from None
