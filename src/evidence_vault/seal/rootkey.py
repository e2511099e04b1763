"""Root seeds outside the keyring: in the recovery file, or in a root key file of their own.

A root key file holds one Ed25519 seed and nothing that opens evidence. It is written in advance,
for the day when the holder's root key is replaced: the network's trust document already holds the
SHA-256 of its public key (pre-rotation).
"""

from __future__ import annotations

import io
from collections.abc import Callable

from evidence_vault.core import age
from evidence_vault.core.canonical import b64, unb64
from evidence_vault.errors import FormatError
from evidence_vault.seal.keyring import MAX_LOG_N, Ed25519Signer
from evidence_vault.seal.recovery import ROOT_SEED

_AGE = b"age-encryption.org/v1\n"


def format_root_file(seed: bytes) -> bytes:
    """The bytes of a root key file, not sealed; :func:`read_root_seed` reads them."""
    public = Ed25519Signer(seed).public
    return (
        "# evidence-vault root key file. It opens no evidence; it signs trust documents.\n"
        f"# public: {b64(public)}\n"
        f"{ROOT_SEED}{b64(seed)}\n"
    ).encode()


def read_root_seed(data: bytes, passphrase: Callable[[], str]) -> bytes:
    """The root seed (32 bytes) of a root key file or of a recovery file.

    The passphrase is asked for only if the file is sealed. Raises FormatError for another file,
    KeyProblem for a wrong passphrase.
    """
    if data.startswith(_AGE):
        plain = io.BytesIO()
        age.decrypt_stream([age.ScryptIdentity(passphrase(), MAX_LOG_N)], io.BytesIO(data), plain)
        data = plain.getvalue()
    try:
        lines = data.decode("ascii").splitlines()
    except UnicodeDecodeError:
        lines = []
    seeds = [line.removeprefix(ROOT_SEED) for line in lines if line.startswith(ROOT_SEED)]
    if len(seeds) != 1:
        raise FormatError("this is no recovery file and no root key file", code="E-RECOVERY")
    return unb64(seeds[0], "the root seed", 32)
