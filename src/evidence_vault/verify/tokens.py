"""Reading an RFC 3161 reply: what it states, and the certificates that came with it.

``rfc3161-client`` reads strict DER and checks the signature; ``asn1crypto`` reads the rest. Both
are imported when a token is read and not before.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from evidence_vault.errors import FormatError

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from rfc3161_client.tsp import TimeStampResponse

MAX_REPLY = 1_000_000
MAX_CERTIFICATES = 32
GRANTED = 0
STRONG = ("sha256", "sha384", "sha512")

# What these libraries raise on bytes that are not what they look like.
UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError)
_CONTENT = "tst_info"
_SEQUENCE = b"\x30"  # of the choices for a certificate, X.509 is the one without a tag of its own
_SIGNATURES = ("rsassa_pkcs1v15", "ecdsa")


@dataclass(frozen=True, slots=True)
class Statement:
    """What a reply states, before anything of it is checked.

    ``gen_time``: POSIX seconds, a fraction rounded up, so that nothing is claimed to be earlier
    than stated; ``accuracy``: seconds; ``algorithm`` and ``imprint``: of the stamped bytes.
    ``signer_id``: issuer (DER) and serial number of the signer's certificate.
    """

    gen_time: int
    accuracy: float | None
    policy: str
    algorithm: str
    imprint: bytes
    serial: int
    nonce: int | None
    digest: str
    signature: str
    signer_id: tuple[bytes, int] | None
    certificate_hash: tuple[str, bytes] | None
    certificate_serial: int | None
    content_types: tuple[str, str]
    certificates: tuple[bytes, ...]


def unreadable() -> tuple[type[Exception], ...]:
    """UNREADABLE, and what ``cryptography`` raises on malformed certificates beside ValueError."""
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm

    return (
        *UNREADABLE,
        UnsupportedAlgorithm,
        x509.DuplicateExtension,
        x509.InvalidVersion,
        x509.UnsupportedGeneralNameType,
    )


def load_certificates(ders: Sequence[bytes]) -> list[Certificate]:
    """Certificates in DER; what is none, or a malformed one, is passed over."""
    from cryptography import x509

    found: list[Certificate] = []
    for der in ders:
        try:
            found.append(x509.load_der_x509_certificate(der))
        except unreadable():
            continue
    return found


def read_status(reply: bytes) -> tuple[int, str]:
    """(PKIStatus, what the authority says about it). Raises FormatError for no reply at all."""
    from asn1crypto import cms, core, tsp

    class Reply(core.Sequence):  # type: ignore[misc]  # the library's own makes the token required
        _fields = [  # noqa: RUF012 - the library's own way to say it
            ("status", tsp.PKIStatusInfo),
            ("time_stamp_token", cms.ContentInfo, {"optional": True}),
        ]

    try:
        info = Reply.load(reply, strict=True)["status"]
        status = int(tsp.PKIStatus(info["status"].native))
        texts = info["status_string"].native or []
        return status, "; ".join(str(text) for text in texts)
    except UNREADABLE as error:
        raise FormatError("this is no time-stamp reply (RFC 3161 §2.4.2)") from error


def read_statement(reply: bytes) -> Statement:
    """Raises FormatError unless the reply holds one signed TSTInfo."""
    from asn1crypto import tsp

    try:
        data = tsp.TimeStampResp.load(reply, strict=True)["time_stamp_token"]["content"]
        signers = data["signer_infos"]
        if len(signers) != 1:
            raise FormatError("a time stamp has exactly one signer (RFC 3161 §2.4.2)")
        content = data["encap_content_info"]
        return _statement(content["content"].parsed, signers[0], content, _embedded(data))
    except UNREADABLE as error:
        raise FormatError("this time stamp can't be read (RFC 3161 §2.4.2)") from error


def _embedded(data: Any) -> tuple[bytes, ...]:
    """DER of the X.509 certificates in a SignedData."""
    found = tuple(each for each in _elements(data) if each[:1] == _SEQUENCE)
    if len(found) > MAX_CERTIFICATES:
        raise FormatError(f"a time stamp carries more than {MAX_CERTIFICATES} certificates")
    return found


def _elements(data: Any) -> list[bytes]:
    """The certificates of a SignedData, byte for byte as they stand in it.

    (``dump`` would write some of them anew: it takes a length that ends in 0x80 for no length.)
    """
    from asn1crypto import parser

    contents = data["certificates"].contents or b""
    found: list[bytes] = []
    while contents:
        size = parser.peek(contents)
        found.append(contents[:size])
        contents = contents[size:]
    return found


def _statement(info: Any, signer: Any, content: Any, certificates: tuple[bytes, ...]) -> Statement:
    imprint = info["message_imprint"]
    attributes = {a["type"].native: a["values"] for a in signer["signed_attrs"]}
    chosen = signer["sid"]
    signer_id = None
    if chosen.name == "issuer_and_serial_number":
        issuer = chosen.chosen
        signer_id = (bytes(issuer["issuer"].dump()), int(issuer["serial_number"].native))
    certificate_hash, certificate_serial = _ess(attributes)
    try:
        signature = signer["signature_algorithm"].signature_algo
    except ValueError:  # an algorithm that the library does not know
        signature = str(signer["signature_algorithm"]["algorithm"].native)
    return Statement(
        gen_time=math.ceil(info["gen_time"].native.timestamp()),
        accuracy=_accuracy(info["accuracy"].native),
        policy=str(info["policy"].dotted),
        algorithm=str(imprint["hash_algorithm"]["algorithm"].native),
        imprint=bytes(imprint["hashed_message"].native),
        serial=int(info["serial_number"].native),
        nonce=info["nonce"].native,
        digest=str(signer["digest_algorithm"]["algorithm"].native),
        signature=signature,
        signer_id=signer_id,
        certificate_hash=certificate_hash,
        certificate_serial=certificate_serial,
        content_types=(
            str(content["content_type"].native),
            str(attributes["content_type"][0].native),
        ),
        certificates=certificates,
    )


def _accuracy(value: Any) -> float | None:
    if value is None:
        return None
    parts = [(value[unit] or 0) for unit in ("seconds", "millis", "micros")]
    return float(parts[0] + parts[1] / 1e3 + parts[2] / 1e6)


def _ess(attributes: dict[str, Any]) -> tuple[tuple[str, bytes] | None, int | None]:
    """Which certificate the signed attributes name: (algorithm, hash), serial (RFC 5035)."""
    for name in ("signing_certificate_v2", "signing_certificate"):
        if name not in attributes:
            continue
        first = attributes[name][0]["certs"][0]
        algorithm = "sha1"
        if name == "signing_certificate_v2":
            algorithm = str(first["hash_algorithm"]["algorithm"].native)
        issuer = first["issuer_serial"]
        serial = int(issuer["serial_number"].native) if issuer.native else None
        return (algorithm, bytes(first["cert_hash"].native)), serial
    return None, None


def supported(statement: Statement) -> bool:
    """True for the signatures that the library can check: RSA (PKCS #1 v1.5) and ECDSA."""
    return statement.signature in _SIGNATURES


def well_typed(statement: Statement) -> bool:
    """True when content and signed attributes both say that this is a TSTInfo."""
    return statement.content_types == (_CONTENT, _CONTENT)


def decode(reply: bytes) -> TimeStampResponse | None:
    """The reply as the checking library reads it: as it is, then a sorted copy; None if neither.

    Some authorities write the SET of certificates in no order; DER sorts it. That SET is outside
    the signature, so a copy with its elements in order says the same.
    """
    from rfc3161_client import decode_timestamp_response

    try:
        return decode_timestamp_response(reply)
    except UNREADABLE:
        pass
    try:
        candidate = sorted_copy(reply)
        return None if candidate is None else decode_timestamp_response(candidate)
    except UNREADABLE:
        return None


def sorted_copy(reply: bytes) -> bytes | None:
    """The reply with its certificates in DER order, nothing else changed; None if impossible."""
    from asn1crypto import tsp

    data = tsp.TimeStampResp.load(reply, strict=True)["time_stamp_token"]["content"]
    elements = _elements(data)
    written = b"".join(elements)
    if not written or reply.count(written) != 1:
        return None
    return reply.replace(written, b"".join(sorted(elements)))


def read_request(request: bytes) -> tuple[int | None, str, bytes]:
    """(nonce, hash algorithm, imprint) of a request. Raises FormatError."""
    from asn1crypto import tsp

    try:
        value = tsp.TimeStampReq.load(request, strict=True)
        imprint = value["message_imprint"]
        algorithm = str(imprint["hash_algorithm"]["algorithm"].native)
        return value["nonce"].native, algorithm, bytes(imprint["hashed_message"].native)
    except UNREADABLE as error:
        raise FormatError("this is no time-stamp request (RFC 3161 §2.4.1)") from error


def read_certificates(pem: Sequence[str]) -> list[Certificate]:
    """Certificates of PEM texts, each once; texts that hold none count for nothing."""
    from cryptography import x509

    found: list[Certificate] = []
    for text in pem:
        try:
            certificates = x509.load_pem_x509_certificates(text.encode())
        except unreadable():
            continue
        found += [c for c in certificates if c not in found]
    return found
