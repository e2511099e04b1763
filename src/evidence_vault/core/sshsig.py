"""SSH signatures (OpenSSH ``PROTOCOL.sshsig``) over a file, with an Ed25519 key.

    armour  = "-----BEGIN SSH SIGNATURE-----" LF base64 in lines of 70 "-----END SSH …-----" LF
    blob    = "SSHSIG" || u32 1 || S(key) || S(namespace) || S("") || S("sha512") || S(signature)
    key     = S("ssh-ed25519") || S(32 bytes)          signature = S("ssh-ed25519") || S(64 bytes)
    signed  = "SSHSIG" || S(namespace) || S("") || S("sha512") || S(SHA-512(file))
    S(x)    = u32 length || x, big-endian

``ssh-keygen -Y verify`` checks it wherever OpenSSH 8.1 or later is installed, which is almost
everywhere. ``format_sshsig`` and ``check_sshsig`` belong together.
"""

from __future__ import annotations

import binascii
import hashlib
from base64 import b64encode
from collections.abc import Callable

from evidence_vault.core.keys import verify_ed25519
from evidence_vault.errors import FormatError

STATEMENT_NAMESPACE = "evidence-vault-statement@v1"
# Reports and certificates that leave without a bundle (docs/reports.md).
DOCUMENT_NAMESPACE = "evidence-vault-document@v1"
MAX_SSHSIG = 4096

_BEGIN, _END = b"-----BEGIN SSH SIGNATURE-----\n", b"-----END SSH SIGNATURE-----\n"
_TYPE = b"ssh-ed25519"
_WIDTH = 70
_SIGNATURE_SIZE = 64


def sign_sshsig(
    data: bytes, public: bytes, sign: Callable[[bytes], bytes], namespace: str
) -> bytes:
    """The armoured signature of ``data``; ``public`` is raw, ``sign`` its bare Ed25519 signer."""
    return format_sshsig(public, sign(signed_message(data, namespace)), namespace)


def check_sshsig(armoured: bytes, data: bytes, public: bytes, namespace: str) -> None:
    """Raises FormatError for another spelling or another key, SignatureInvalid for a wrong one."""
    signature = _signature_in(armoured)
    if format_sshsig(public, signature, namespace) != armoured:
        raise FormatError(
            "an SSH signature is by another key, or not in its one spelling", code="E-SSHSIG"
        )
    verify_ed25519(public, signature, signed_message(data, namespace))


def signed_message(data: bytes, namespace: str) -> bytes:
    """What the key signs."""
    return b"SSHSIG" + _named(namespace) + _string(hashlib.sha512(data).digest())


def format_sshsig(public: bytes, signature: bytes, namespace: str) -> bytes:
    """The armour around a bare signature (64 bytes)."""
    blob = b"".join(
        (
            b"SSHSIG",
            (1).to_bytes(4, "big"),
            _string(public_blob(public)),
            _named(namespace),
            _string(_string(_TYPE) + _string(signature)),
        )
    )
    text = b64encode(blob)
    lines = [text[i : i + _WIDTH] + b"\n" for i in range(0, len(text), _WIDTH)]
    return _BEGIN + b"".join(lines) + _END


def public_blob(public: bytes) -> bytes:
    """The public key as SSH writes it: its base64 stands after ``ssh-ed25519`` in key files."""
    return _string(_TYPE) + _string(public)


def allowed_signer(principal: str, public: bytes, namespace: str) -> str:
    """One line of an ``allowed_signers`` file (ssh-keygen(1)), for one key and one purpose.

    ``principal`` must have no space, comma, quote or wildcard: a log origin made of such is
    refused with FormatError.
    """
    if not principal or any(c in ' \t\n,"*?!' for c in principal) or principal.startswith("#"):
        raise FormatError(f"{principal!r} can't name a signer in an allowed_signers file")
    encoded = b64encode(public_blob(public)).decode("ascii")
    return f'{principal} namespaces="{namespace}" ssh-ed25519 {encoded}\n'


def sshsig_key(armoured: bytes) -> bytes:
    """The raw public key that an armoured signature names. Raises FormatError.

    It says who claims to have signed, and nothing more: compare it with a trust file.
    """
    blob = _blob(armoured)
    start = len(b"SSHSIG") + 4
    key = _string(_TYPE)
    head = _string(key + _string(bytes(32)))[: 4 + len(key) + 4]
    if blob[start : start + len(head)] != head:
        raise FormatError("an SSH signature is not by an Ed25519 key", code="E-SSHSIG")
    return blob[start + len(head) : start + len(head) + 32]


def _signature_in(armoured: bytes) -> bytes:
    """The bare signature: the last 64 bytes of the blob. The spelling is compared by the caller."""
    return _blob(armoured)[-_SIGNATURE_SIZE:]


def _blob(armoured: bytes) -> bytes:
    if len(armoured) > MAX_SSHSIG or not armoured.startswith(_BEGIN):
        raise FormatError("not an SSH signature", code="E-SSHSIG")
    body = armoured.removeprefix(_BEGIN).removesuffix(_END).replace(b"\n", b"")
    try:
        blob = binascii.a2b_base64(body, strict_mode=True)
    except binascii.Error:
        raise FormatError("an SSH signature is not base64", code="E-SSHSIG") from None
    if len(blob) < _SIGNATURE_SIZE:
        raise FormatError("an SSH signature is cut short", code="E-SSHSIG")
    return blob


def _named(namespace: str) -> bytes:
    return _string(namespace.encode("ascii")) + _string(b"") + _string(b"sha512")


def _string(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data
