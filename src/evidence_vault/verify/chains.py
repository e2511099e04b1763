"""The certificates of a time stamp: from its signer to a root that is trusted, and revocation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from evidence_vault.errors import FormatError
from evidence_vault.verify.tokens import unreadable

if TYPE_CHECKING:
    from cryptography.x509 import Certificate, CertificateRevocationList

_MAX_STEPS = 200
_MAX_PATH = 8

# RFC 3161 §4.1: with one of these reasons, what was signed before the revocation stays good;
# with another one, or with none, the key may have been in other hands.
_HARMLESS = frozenset(["unspecified", "affiliationChanged", "superseded", "cessationOfOperation"])


@dataclass(frozen=True, slots=True)
class ChainCertificate:
    """One certificate of a chain; times are POSIX seconds, both ends included."""

    subject: str
    not_before: int
    not_after: int
    pem: str
    crl_urls: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """What a report says of it."""
        return {
            "not_after": self.not_after,
            "not_before": self.not_before,
            "subject": self.subject,
        }


@dataclass(frozen=True, slots=True)
class Revocation:
    """What revocation lists say of a chain at a time.

    ``bad``: why the chain can't be relied on, or empty. ``as_of``: date of the newest list that
    covers the signer's certificate (POSIX seconds), None without one.
    """

    bad: str
    as_of: int | None


def describe(certificate: Certificate) -> ChainCertificate:
    """Raises ValueError for a certificate with malformed extensions."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    urls: list[str] = []
    try:
        points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except x509.ExtensionNotFound:
        points = x509.CRLDistributionPoints([])
    for point in points:
        names = point.full_name or []
        urls += [n.value for n in names if isinstance(n, x509.UniformResourceIdentifier)]
    return ChainCertificate(
        certificate.subject.rfc4514_string(),
        int(certificate.not_valid_before_utc.timestamp()),
        int(certificate.not_valid_after_utc.timestamp()),
        certificate.public_bytes(Encoding.PEM).decode(),
        tuple(urls),
    )


def find_path(
    signer: Certificate, pool: Sequence[Certificate], roots: Sequence[Certificate], at: int
) -> list[Certificate] | None:
    """From the signer to one of the roots, each signed by the next; None when there is no way.

    Of several ways one whose certificates were all valid at ``at`` is preferred.
    """
    first = None
    steps = iter(range(_MAX_STEPS))
    for path in _paths([signer], pool, roots, steps):
        if all(valid_at(c, at) for c in path):
            return path
        first = first or path
    return first


def _paths(
    path: list[Certificate],
    pool: Sequence[Certificate],
    roots: Sequence[Certificate],
    steps: Iterator[int],
) -> Iterator[list[Certificate]]:
    last = path[-1]
    if last in roots:
        yield path
    for root in roots:
        if root not in path and _issued(last, root, steps):
            yield [*path, root]
    if len(path) >= _MAX_PATH:
        return
    for issuer in pool:
        if issuer not in path and issuer not in roots and _issued(last, issuer, steps):
            yield from _paths([*path, issuer], pool, roots, steps)


def _issued(subject: Certificate, issuer: Certificate, steps: Iterator[int]) -> bool:
    """True when one certificate is signed by another, which may sign certificates."""
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature

    if subject.issuer != issuer.subject or next(steps, None) is None:
        return False
    try:
        subject.verify_directly_issued_by(issuer)
        return issuer.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except InvalidSignature:
        return False
    except x509.ExtensionNotFound:
        return False
    except unreadable():
        return False


def valid_at(certificate: Certificate, at: int) -> bool:
    """True when the validity period holds that time (POSIX seconds)."""
    begin = certificate.not_valid_before_utc.timestamp()
    return begin <= at <= certificate.not_valid_after_utc.timestamp()


def for_time_stamps_only(certificate: Certificate) -> bool:
    """RFC 3161 §2.3: extended key usage critical, with timeStamping as its only purpose."""
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except x509.ExtensionNotFound:
        return False
    return usage.critical and list(usage.value) == [ExtendedKeyUsageOID.TIME_STAMPING]


def check_revocation(
    path: Sequence[Certificate], lists: Sequence[CertificateRevocationList], at: int
) -> Revocation:
    """What the lists say of each certificate but the root; unsigned and foreign lists are passed
    over."""
    as_of = None
    for position, (certificate, issuer) in enumerate(pairwise(path)):
        for found in lists:
            if not _is_of(found, issuer):
                continue
            if position == 0:
                as_of = max(as_of or 0, int(found.last_update_utc.timestamp()))
            entry = found.get_revoked_certificate_by_serial_number(certificate.serial_number)
            if entry is None:
                continue
            when = int(entry.revocation_date_utc.timestamp())
            reason = _reason(entry)
            if when <= at:
                return Revocation(f"{certificate.subject.rfc4514_string()} was revoked", as_of)
            if reason not in _HARMLESS:
                why = reason or "no reason given"
                name = certificate.subject.rfc4514_string()
                return Revocation(f"{name} was revoked later: {why}", as_of)
    return Revocation("", as_of)


def _reason(entry: Any) -> str | None:
    from cryptography import x509

    try:
        reason = entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
    except x509.ExtensionNotFound:
        return None
    return str(reason.value)


def _is_of(found: CertificateRevocationList, issuer: Certificate) -> bool:
    try:
        return found.issuer == issuer.subject and found.is_signature_valid(
            # A key of another kind raises, and is told below.
            issuer.public_key()  # type: ignore[arg-type]
        )
    except unreadable():
        return False


def read_lists(data: Sequence[bytes]) -> list[CertificateRevocationList]:
    """Revocation lists in PEM (several in one file are fine) or DER; others count for nothing."""
    from cryptography import x509

    begin = b"-----BEGIN X509 CRL-----"
    found = []
    for each in data:
        pieces = [begin + piece for piece in each.split(begin)[1:]] or [each]
        for piece in pieces:
            try:
                pem = piece.startswith(begin)
                found.append(
                    x509.load_pem_x509_crl(piece) if pem else x509.load_der_x509_crl(piece)
                )
            except ValueError:
                continue
    return found


def lists_as_pem(data: Sequence[bytes]) -> bytes:
    """The revocation lists in ``data`` as one PEM text; empty when none can be read."""
    from cryptography.hazmat.primitives.serialization import Encoding

    return b"".join(each.public_bytes(Encoding.PEM) for each in read_lists(data))


def read_roots(pem: str) -> list[ChainCertificate]:
    """The root certificates of a PEM text. Raises FormatError unless each is one that signs itself
    and may sign others."""
    from cryptography import x509

    try:
        found = x509.load_pem_x509_certificates(pem.encode())
        if all(_issued(each, each, iter(range(_MAX_STEPS))) for each in found):
            return [describe(certificate) for certificate in found]
    except unreadable():
        pass
    raise FormatError(
        "expected root certificates in PEM, each signed by itself",
        code="E-ROOT",
        hint="the authority publishes it; DER becomes PEM with `openssl x509 -inform DER`",
    )
